//! The weekly mail to a rep: one for each rep and week, whatever breaks and however often its run comes; nothing, with its reason,
//! where there is nothing to tell; and only what still holds when it is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use brief_sales::BriefSales;
use expect_test::expect;
use jiff::civil::Date;
use perennial::deployment::Deployment;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_local::Mail;
use perennial_platform::address::AddressKey;
use perennial_platform::failure::Failure;
use perennial_platform::identity::erasing;
use perennial_platform::keys;
use perennial_platform::lambda::Tick;
use perennial_platform::leads;
use perennial_platform::records::{Brief, Slot};
use perennial_platform::store::{Change, Commit, Store, number, string};
use perennial_playbook::Playbook;
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::{send, silent_sender};
use perennial_tests::{
    at, body, deploy, engagement, introduce, playbook_with, settle, store_at, tally, tell, whole_playbook,
};
use send_nurture_email::SendNurtureEmail;
use serde_json::json;

/// A Wednesday on which leads are made.
const BEFORE: &str = "2026-01-07T10:00:00Z";
/// Seven in Berlin, on the Monday after it.
const MONDAY: &str = "2026-01-12T06:00:00Z";
const WEEK: &str = "2026-01-12";
const TUESDAY: &str = "2026-01-13T06:00:00Z";
/// The owner of all contacts that are introduced.
const OWNER: &str = "rep-anna";

async fn does(deployment: &Deployment, contact: &str, asset: &str, action: &str) {
    let now = deployment.world.clock().now();
    tell(deployment, &format!("{contact}-{asset}-{now}"), &engagement(contact, asset, action, now)).await;
    settle(deployment).await;
}

/// Ada is a lead, Ben an Act Now that nobody answers, Cleo is heating up; it is Monday.
async fn world() -> Deployment {
    let deployment = deploy(at(BEFORE)).await;
    for (contact, asset, action) in [
        ("ada", "analytics-guide", "download"),
        ("ben", "analytics-pricing", "request"),
        ("cleo", "automation-checklist", "download"),
    ] {
        introduce(&deployment, contact).await;
        does(&deployment, contact, asset, action).await;
    }
    deployment.world.clock().set(at(MONDAY));
    deployment
}

/// Runs the week as its schedule does. What follows from it waits for the next settle.
async fn run_with(store: Store, playbook: Arc<Playbook>, scheduled_at: &str) -> Result<(), Failure> {
    let tick: Tick = serde_json::from_value(json!({"job": "brief", "scheduled_at": scheduled_at})).expect("a tick");
    BriefSales { store, playbook }.handle(tick).await
}

async fn run(deployment: &Deployment, scheduled_at: &str) {
    let (store, playbook) = (deployment.store.clone(), Arc::clone(&deployment.playbook));
    run_with(store, playbook, scheduled_at).await.expect("the run finishes");
    settle(deployment).await;
}

/// The weekly mails that the mail server accepted, in the order of sending.
fn mails(deployment: &Deployment) -> Vec<Mail> {
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    mails.filter(|mail| mail.tags.contains(&("kind".to_owned(), "brief".to_owned()))).collect()
}

fn text(mail: &Mail) -> String {
    mail.text.clone().unwrap_or_default()
}

/// How often each brief was announced.
fn announced(deployment: &Deployment) -> BTreeMap<String, usize> {
    let events = deployment.world.bus_events().expect("the world remembers").into_iter().map(|event| event.envelope);
    let briefs = events.filter(|envelope| envelope["detail-type"] == "BriefReady");
    tally(briefs.map(|envelope| envelope["detail"]["id"].as_str().expect("an id").to_owned()))
}

/// Every rep of the playbook, once.
fn each_rep_once(deployment: &Deployment, week: &str) -> BTreeMap<String, usize> {
    deployment.playbook.reps.iter().map(|rep| (format!("BriefReady#{}#{week}", rep.id), 1)).collect()
}

async fn brief(deployment: &Deployment, rep: &str, week: &str) -> Option<Brief> {
    let key = keys::brief(week.parse().expect("a date"), &rep.into());
    deployment.store.get(&key).await.expect("the brief can be read")
}

async fn slot(deployment: &Deployment, rep: &str, week: &str) -> Option<String> {
    let week: Date = week.parse().expect("a date");
    let slot: Option<Slot> = deployment.store.get(&keys::brief_mail(week, &rep.into())).await.expect("a slot");
    slot.map(|slot| format!("{}: {}", slot.state.as_str(), slot.reason.unwrap_or_default()))
}

#[tokio::test]
async fn a_rep_gets_one_mail_a_week_however_often_its_run_comes() {
    let deployment = world().await;
    for scheduled_at in [MONDAY, MONDAY, "2026-01-12T15:00:00Z", TUESDAY, "2026-01-18T22:59:59Z"] {
        run(&deployment, scheduled_at).await;
        assert_eq!(announced(&deployment), each_rep_once(&deployment, WEEK), "{scheduled_at}");
        let to: Vec<String> = mails(&deployment).into_iter().flat_map(|mail| mail.to).collect();
        assert_eq!(to, ["anna.keller@fernhill.example.com"], "{scheduled_at}");
    }
    let mail = &mails(&deployment)[0];
    expect![[r#"
        To help you sell: 2 overdue, 1 heating up, 2 new leads

        Hello Anna Keller,

        This is what happened in the last seven days at your 3 accounts with 3 contacts, and what is to come.

        2 overdue, 1 heating up, 2 new leads

        OVERDUE
          Wilhelmina Quarterstaff, VP Marketing, Juniper Tools
            Hot for Fernhill Analytics, to be answered by Fri 9 Jan, 08:00
            https://mail.fernhill.example.com/desk/leads/YWRhH2FuYWx5dGljcx8yMDI2LVEx
          Wilhelmina Quarterstaff, VP Marketing, Juniper Tools
            Act Now for Fernhill Analytics, to be answered by Fri 9 Jan, 08:00
            https://mail.fernhill.example.com/desk/leads/YmVuH2FuYWx5dGljcx8yMDI2LVEx

        HEATING UP, AND NOT A LEAD YET
          Wilhelmina Quarterstaff, VP Marketing, Juniper Tools
            Fernhill Automation: 2 points, 0 a week ago; last downloaded “The process as it is, and which one to begin with (checklist)”, Wed 7 Jan

        NEW LEADS OF LAST WEEK
          Wilhelmina Quarterstaff, VP Marketing, Juniper Tools
            Act Now for Fernhill Analytics, Wed 7 Jan
            https://mail.fernhill.example.com/desk/leads/YmVuH2FuYWx5dGljcx8yMDI2LVEx
          Wilhelmina Quarterstaff, VP Marketing, Juniper Tools
            Hot for Fernhill Analytics, Wed 7 Jan
            https://mail.fernhill.example.com/desk/leads/YWRhH2FuYWx5dGljcx8yMDI2LVEx

        FROM MARKETING
          3 of your contacts may get a mail this week. Which one is decided on the day, by what they have done until then.

        Your desk: https://mail.fernhill.example.com/desk

        You get this once a week. Whoever keeps the playbook can end it for you.
        Sent by Perennial for Fernhill Software."#]].assert_eq(&format!("{}\n\n{}", mail.subject, text(mail)));
    // Nobody else has anything to be told, and it says so.
    assert_eq!(slot(&deployment, "rep-chen", WEEK).await.as_deref(), Some("SILENT: nothing to tell of the week"));
    let brief = brief(&deployment, OWNER, WEEK).await.expect("there is one");
    let kept = serde_json::to_string(&brief).expect("JSON");
    assert!(!kept.contains("Quarterstaff") && !kept.contains('@') && !kept.contains("Juniper"), "ids only: {kept}");

    // A week later nothing is new; what is overdue still is.
    let next = "2026-01-19T06:00:00Z";
    deployment.world.clock().set(at(next));
    run(&deployment, next).await;
    let subjects: Vec<String> = mails(&deployment).into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects[1..], ["To help you sell: 2 overdue"]);
}

#[tokio::test]
async fn a_monday_that_was_missed_is_made_up_for_once_by_the_next_run_of_its_week() {
    let deployment = world().await;
    deployment.world.clock().set(at(TUESDAY));
    for scheduled_at in [TUESDAY, TUESDAY, "2026-01-14T06:00:00Z"] {
        run(&deployment, scheduled_at).await;
        assert_eq!((announced(&deployment), mails(&deployment).len()), (each_rep_once(&deployment, WEEK), 1));
    }
    // The week that nobody ran in is over, and is not made up for.
    let next = "2026-01-26T06:00:00Z";
    deployment.world.clock().set(at(next));
    run(&deployment, next).await;
    let weeks: Vec<String> = announced(&deployment).into_keys().filter(|id| id.contains(OWNER)).collect();
    assert_eq!(weeks, ["BriefReady#rep-anna#2026-01-12", "BriefReady#rep-anna#2026-01-26"]);
}

#[tokio::test]
async fn its_own_schedule_brings_it_on_monday_morning() {
    let deployment = deploy(at(BEFORE)).await;
    introduce(&deployment, "ada").await;
    does(&deployment, "ada", "automation-checklist", "download").await;
    deployment.world.advance_to(at("2026-01-17T00:00:00Z"), |_| {}).await.expect("the world goes on");
    let sent: Vec<(String, String)> =
        mails(&deployment).into_iter().map(|mail| (mail.at.to_string(), mail.subject)).collect();
    let subject = || "To help you sell: 1 heating up".to_owned();
    // Nobody had run on the Monday before, so Thursday made up for it.
    let expected = [("2026-01-08T06:00:00Z".to_owned(), subject()), (MONDAY.to_owned(), subject())];
    assert_eq!(sent, expected, "and none on the days that have nothing to make up for");
}

#[tokio::test]
async fn a_run_that_broke_off_is_finished_by_the_next_and_nobody_is_told_twice() {
    for stuck_at in 1..=3 {
        let deployment = world().await;
        let (between, mut stuck) =
            Interposer::stuck_at(&deployment.world.endpoints().dynamodb, "TransactWriteItems", stuck_at).await;
        let playbook = Arc::clone(&deployment.playbook);
        tokio::select! {
            finished = run_with(store_at(&between.url).await, playbook, MONDAY) => panic!("it cannot finish: {finished:?}"),
            reached = stuck.recv() => assert_eq!(reached, Some(())),
        }
        settle(&deployment).await;
        assert_eq!(announced(&deployment).len(), stuck_at - 1, "an item and its event, or neither");
        for _ in 0..2 {
            run(&deployment, TUESDAY).await;
            assert_eq!(announced(&deployment), each_rep_once(&deployment, WEEK), "{stuck_at}");
            assert_eq!(mails(&deployment).len(), 1, "{stuck_at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_runs_at_once_one_tells_each_rep() {
    let deployment = world().await;
    let runs = (0..6).map(|_| {
        let (store, playbook) = (deployment.store.clone(), Arc::clone(&deployment.playbook));
        tokio::spawn(run_with(store, playbook, MONDAY))
    });
    for finished in futures::future::join_all(runs).await {
        finished.expect("no panic").expect("the run finishes");
    }
    settle(&deployment).await;
    assert_eq!((announced(&deployment), mails(&deployment).len()), (each_rep_once(&deployment, WEEK), 1));
}

#[tokio::test]
async fn whoever_wants_no_weekly_mail_or_is_no_rep_any_more_gets_none_and_it_stops_nobody() {
    let wants_none = || {
        playbook_with(|text| {
            let anna = "email = \"anna.keller@fernhill.example.com\"";
            text.replace(anna, &format!("{anna}\nweekly = false"))
        })
    };
    let without = || playbook_with(|text| text.replace("\"rep-anna\"", "\"rep-otto\""));
    let deployment = world().await;
    run_with(deployment.store.clone(), wants_none(), MONDAY).await.expect("the run finishes");
    assert_eq!(brief(&deployment, OWNER, WEEK).await, None, "nothing is put together for nobody");
    assert!(brief(&deployment, "rep-bilal", WEEK).await.is_some());

    for (what, playbook, reason) in [
        ("asked for none since", wants_none(), "SILENT: wants no weekly mail"),
        ("left since", without(), "SILENT: not a rep in the playbook"),
    ] {
        let deployment = world().await;
        let (store, of_old) = (deployment.store.clone(), Arc::clone(&deployment.playbook));
        run_with(store, of_old, MONDAY).await.expect("the run finishes");
        let sender = SendNurtureEmail { playbook, ..silent_sender(&deployment).await };
        let message = json!({"detail-type": "BriefReady", "detail": {"owner": OWNER, "week": WEEK}});
        assert_eq!(send(&sender, &[message]).await, Vec::<String>::new(), "{what}: the message does not come back");
        assert_eq!(slot(&deployment, OWNER, WEEK).await.as_deref(), Some(reason), "{what}");
        assert_eq!(mails(&deployment).len(), 0, "{what}");
    }
}

/// Anna is away, and Chen works for her; so does whoever is named.
fn anna_away(change: impl Fn(&str) -> String) -> Arc<Playbook> {
    playbook_with(|text| {
        let anna = "id = \"rep-anna\"\n";
        let away = format!("{anna}away = [{{ from = \"2026-01-12\", cover = \"rep-chen\" }}]\n");
        change(&text.replacen(anna, &away, 1))
    })
}

#[tokio::test]
async fn a_cover_reads_whose_accounts_they_are_and_may_want_none() {
    let mail_under = async |playbook: Arc<Playbook>| {
        let deployment = world().await;
        let (store, of_old) = (deployment.store.clone(), Arc::clone(&deployment.playbook));
        run_with(store, of_old, MONDAY).await.expect("the run finishes");
        let desk_url = Some("https://desk.example.com/desk".to_owned());
        let sender = SendNurtureEmail { playbook, desk_url, ..silent_sender(&deployment).await };
        let message = json!({"detail-type": "BriefReady", "detail": {"owner": OWNER, "week": WEEK}});
        assert_eq!(send(&sender, &[message]).await, Vec::<String>::new());
        (mails(&deployment), slot(&deployment, OWNER, WEEK).await)
    };
    // Anna does not come back: no end of it is known.
    let (mails, _) = mail_under(anna_away(str::to_owned)).await;
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(mail.to, ["chen.wei@fernhill.example.com"]);
    assert_eq!(mail.subject, "To help you sell for Anna Keller: 2 overdue, 1 heating up, 2 new leads");
    let (text, html) = (text(mail), mail.html.clone().unwrap_or_default().replace("&#x2f;", "/"));
    for says in [
        "Hello Chen Wei,\n\nYou cover for Anna Keller.\n",
        "in the last seven days at the 3 accounts with 3 contacts of Anna Keller, and what",
        "3 of their contacts may get a mail",
        "At the desk: https://desk.example.com/desk?rep=rep-anna\n",
        "You get this once a week while you cover for Anna Keller.",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(html.contains("href=\"https://desk.example.com/desk?rep=rep-anna\""), "{html}");

    let chen = "email = \"chen.wei@fernhill.example.com\"";
    let wants_none = anna_away(|text| text.replace(chen, &format!("{chen}\nweekly = false")));
    let (mails, slot) = mail_under(wants_none).await;
    assert_eq!((mails.len(), slot.as_deref()), (0, Some("SILENT: their cover wants no weekly mail")));
}

/// The mail of a world after something has happened between its brief and the mail.
async fn mail_after(deployment: &Deployment) -> Option<String> {
    let sender = silent_sender(deployment).await;
    let message = json!({"detail-type": "BriefReady", "detail": {"owner": OWNER, "week": WEEK}});
    assert_eq!(send(&sender, &[message]).await, Vec::<String>::new());
    mails(deployment).first().map(|mail| format!("{}\n{}", mail.subject, text(mail)))
}

#[tokio::test]
async fn the_mail_tells_what_still_holds_when_it_is_written() {
    let briefed = async || {
        let deployment = world().await;
        let (store, playbook) = (deployment.store.clone(), Arc::clone(&deployment.playbook));
        run_with(store, playbook, MONDAY).await.expect("the run finishes");
        deployment
    };
    let says = |mail: &Option<String>, what: &str| mail.as_deref().is_some_and(|mail| mail.contains(what));

    let deployment = briefed().await;
    let mail = mail_after(&deployment).await;
    let late = "Act Now for Fernhill Analytics, to be answered";
    assert!(says(&mail, late) && says(&mail, "HEATING UP") && says(&mail, "NEW LEADS"), "{mail:?}");

    let touched = briefed().await;
    let lead = keys::lead(&"ben".into(), &"analytics".into(), "2026-Q1".parse().expect("a quarter"));
    let change = Change::of(lead, "SET #stage = :stage").with(":stage", string("touched"));
    assert!(touched.store.apply("test", change).await.expect("it is written"));
    let mail = mail_after(&touched).await;
    assert!(!says(&mail, late) && says(&mail, "OVERDUE") && says(&mail, "NEW LEADS"), "somebody is on it: {mail:?}");

    let erased = briefed().await;
    let (store, ledger) = (&erased.store, &erased.ingest.ledger);
    erasing::erase(store, ledger, &AddressKey::new("key"), &"cleo".into(), at(MONDAY)).await.expect("erased");
    let mail = mail_after(&erased).await;
    assert!(!says(&mail, "HEATING UP") && !says(&mail, "cleo"), "{mail:?}");

    let merged = briefed().await;
    let data = json!({"from": "cleo", "contact": "known"});
    introduce(&merged, "known").await;
    tell(&merged, "merge", &body("contact.merged", at(MONDAY), &data)).await;
    settle(&merged).await;
    assert!(says(&mail_after(&merged).await, "HEATING UP"), "told of whom she is now");

    let quiet = briefed().await;
    let change = Change::of(keys::preferences(&ContactId::from("cleo")), "SET #unsubscribed = :yes, #rev = :one")
        .with(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true))
        .with(":one", number(1));
    assert!(quiet.store.apply("test", change).await.expect("it is written"));
    assert!(says(&mail_after(&quiet).await, "Has opted out of mail"));
}

#[tokio::test]
async fn one_interest_that_cannot_be_read_costs_the_rep_nothing_else() {
    let deployment = world().await;
    introduce(&deployment, "dora").await;
    does(&deployment, "dora", "automation-checklist", "download").await;
    let interest = keys::interest(&ContactId::from("cleo"), &ProductId::from("automation"));
    let spoiled = Change::of(interest, "SET #format = :two").with(":two", number(2));
    assert!(deployment.store.apply("test", spoiled).await.expect("it is written"));
    run(&deployment, MONDAY).await;
    let brief = brief(&deployment, OWNER, WEEK).await.expect("there is one");
    let warm: Vec<&str> = brief.heating_up.first.iter().map(|it| it.contact.as_str()).collect();
    assert_eq!((warm, brief.new_leads.count, brief.overdue.count), (vec!["dora"], 2, 2));
}

#[tokio::test]
async fn who_has_an_open_lead_of_somebody_elses_is_not_named_as_heating_up() {
    for (stage, expected) in [("mql", vec!["cleo"]), ("sql", vec!["cleo"]), ("recycled", vec!["cleo", "dora"])] {
        let deployment = world().await;
        introduce(&deployment, "dora").await;
        does(&deployment, "dora", "analytics-guide", "download").await;
        let rows = deployment.store.contact(&"dora".into()).await.expect("the contact can be read");
        let [lead] = &rows.leads[..] else { panic!("one lead") };
        let given = leads::give_to(&deployment.store, lead, &"rep-bilal".into()).await.expect("the store answers");
        assert_eq!(given, Commit::Done);
        let stands = Change::of(lead.key(), "SET #stage = :stage").with(":stage", string(stage));
        assert!(deployment.store.apply("test", stands).await.expect("it is written"));
        does(&deployment, "dora", "automation-checklist", "download").await;
        run(&deployment, MONDAY).await;
        let brief = brief(&deployment, OWNER, WEEK).await.expect("there is one");
        let warm: Vec<&str> = brief.heating_up.first.iter().map(|it| it.contact.as_str()).collect();
        assert_eq!((brief.heating_up.count, warm), (expected.len(), expected), "{stage}");
    }
}

#[tokio::test]
async fn what_marketing_sent_and_has_planned_is_counted_from_what_is_stored() {
    let deployment =
        perennial_tests::deploy_with(perennial_local::ClockHandle::standing_at(at(BEFORE)), whole_playbook()).await;
    for contact in ["ada", "ben"] {
        introduce(&deployment, contact).await;
        does(&deployment, contact, "automation-checklist", "download").await;
    }
    deployment.world.advance_to(at(MONDAY), |_| {}).await.expect("the world goes on");
    let brief = brief(&deployment, OWNER, WEEK).await.expect("there is one");
    let sent: Vec<String> = deployment
        .world
        .mails()
        .expect("the world remembers")
        .into_iter()
        .filter_map(|mail| {
            let of = |name: &str| mail.tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.clone());
            (of("kind").as_deref() == Some("nurture")).then(|| of("piece").expect("a piece"))
        })
        .collect();
    let told: BTreeMap<String, usize> =
        brief.sent.first.iter().map(|sent| (sent.piece.clone(), sent.contacts)).collect();
    assert!(!sent.is_empty());
    assert_eq!((brief.mails, told), (sent.len(), tally(sent)));
    assert_eq!((brief.accounts, brief.contacts), (2, 2));
    assert_eq!(brief.planned, 2, "both have a place this week");
}
