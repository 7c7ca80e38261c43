//! A later Act Now on a lead that is there already: it rises, its owner hears of it at once and once, and its clock begins anew if
//! nobody has touched it.

use std::collections::BTreeMap;

use escalate_sla::EscalateSla;
use futures::FutureExt as _;
use jiff::Timestamp;
use perennial::account::Rows;
use perennial::deployment::{Deployment, address_key, function};
use perennial::explain::explain;
use perennial_domain::lead::{Said, Word};
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::lambda::Tick;
use perennial_platform::leads::{self, Meant};
use perennial_platform::outbox::LeadEvent;
use perennial_platform::records::{Lead, Slot};
use perennial_platform::store::Store;
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::silent_sender;
use perennial_tests::{
    at, body, clock, deploy, deploy_with, engagement, introduce, playbook_with, settle, store_at, tally, tell,
};
use qualify_mql::{QualifyMql, Trigger};
use serde_json::{Value, json};

/// Tuesday 15:00 in Berlin.
const MADE: &str = "2026-01-06T14:00:00Z";
/// Thursday noon, when the first rung of an untouched Act Now has fired.
const AGAIN: &str = "2026-01-08T11:00:00Z";
/// Of an Act Now of Tuesday: Thursday, Friday, Monday; of a hot one that asks on Thursday noon: Monday, Tuesday, Wednesday.
const CHECKS: [&str; 6] = [
    "2026-01-07T07:00:00Z",
    "2026-01-08T07:00:00Z",
    "2026-01-09T07:00:00Z",
    "2026-01-12T07:00:00Z",
    "2026-01-13T07:00:00Z",
    "2026-01-14T07:00:00Z",
];
const QUARTER: &str = "2026-Q1";

async fn does(deployment: &Deployment, contact: &str, asset: &str, action: &str) {
    let now = deployment.world.clock().now();
    tell(deployment, &format!("{asset}-{contact}-{now}"), &engagement(contact, asset, action, now)).await;
    settle(deployment).await;
}

/// A contact with a lead since Tuesday, by a guide: hot, and no Act Now.
async fn world_with(contacts: &[&str]) -> Deployment {
    let deployment = deploy(at(MADE)).await;
    for contact in contacts {
        introduce(&deployment, contact).await;
        does(&deployment, contact, "analytics-guide", "download").await;
    }
    deployment
}

async fn lead_of(store: &Store, contact: &str, product: &str) -> Option<Lead> {
    let key = keys::lead(&contact.into(), &product.into(), QUARTER.parse().expect("a quarter"));
    store.get(&key).await.expect("the store answers")
}

async fn lead(deployment: &Deployment, contact: &str) -> Lead {
    lead_of(&deployment.store, contact, "analytics").await.expect("a lead")
}

async fn say(store: &Store, contact: &str, said: Said, now: Timestamp) {
    says(store, contact, (said, "rep-anna"), now).await;
}

async fn says(store: &Store, contact: &str, (said, by): (Said, &str), now: Timestamp) {
    let (contact, product) = (contact.into(), "analytics".into());
    let meant = Meant { contact: &contact, product: &product, quarter: None };
    let word = Word { by: Some(by.to_owned()), ..Word::of(said, now.as_second()) };
    leads::apply(store, &meant, &word, now).await.expect("the store answers");
}

async fn run(deployment: &Deployment, scheduled_at: &str) {
    deployment.world.clock().set(at(scheduled_at));
    let tick: Tick = serde_json::from_value(json!({"job": "sla", "scheduled_at": scheduled_at})).expect("a tick");
    let checker = EscalateSla { store: deployment.store.clone(), playbook: deployment.playbook.clone() };
    checker.handle(tick).await.expect("the run finishes");
    settle(deployment).await;
}

/// The subjects of the mails of a kind, in the order of sending.
fn mails(deployment: &Deployment, kind: &str) -> Vec<String> {
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    let of_kind = |mail: &perennial_local::Mail| mail.tags.contains(&("kind".to_owned(), kind.to_owned()));
    mails.filter(of_kind).map(|mail| mail.subject).collect()
}

/// To whom each mail of asking again went, and its words.
fn letters(deployment: &Deployment) -> Vec<(String, String)> {
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    let of_kind = |mail: &perennial_local::Mail| mail.tags.contains(&("kind".to_owned(), "asked-again".to_owned()));
    mails.filter(of_kind).map(|mail| (mail.to.join(" "), mail.text.unwrap_or_default())).collect()
}

/// How often each event of a kind was published, by its id.
fn published(deployment: &Deployment, kind: &str) -> BTreeMap<String, usize> {
    let events = deployment.world.bus_events().expect("the world remembers").into_iter().map(|event| event.envelope);
    let of_kind = events.filter(|envelope| envelope["detail-type"] == kind);
    tally(of_kind.map(|envelope| envelope["detail"]["id"].as_str().expect("an id").to_owned()))
}

fn once(ids: &[String]) -> BTreeMap<String, usize> {
    ids.iter().map(|id| (id.clone(), 1)).collect()
}

fn made(contact: &str) -> String {
    format!("LeadQualified#{contact}#analytics#{QUARTER}")
}

fn again(contact: &str, asked_at: &str) -> String {
    format!("{}#{}", made(contact), at(asked_at).as_second())
}

const SUBJECT: &str = "Act Now: Wilhelmina Quarterstaff asks again about Fernhill Analytics";
/// Of a lead that was still waiting for a digest: its owner has heard nothing of it yet.
const FIRST: &str = "Act Now: Wilhelmina Quarterstaff wants Fernhill Analytics";

#[tokio::test]
async fn an_open_lead_rises_and_its_owner_hears_of_it_at_once_whatever_its_stage() {
    let opportunity = Said::Opportunity { amount_cents: None, checks: Default::default() };
    for (said, restarts, tells) in [
        (None, true, true),
        (Some(Said::Touched), false, true),
        (Some(Said::Accepted), false, true),
        (Some(opportunity), false, true),
        (Some(Said::Won { amount_cents: None }), false, false),
        (Some(Said::Lost), false, false),
        (Some(Said::Rejected { until: None }), false, false),
    ] {
        let deployment = world_with(&["ada"]).await;
        let before = lead(&deployment, "ada").await;
        assert_eq!((before.priority.as_str(), before.evidence.len()), ("hot", 1));
        if let Some(said) = said {
            say(&deployment.store, "ada", said, at(MADE)).await;
        }
        let stage = lead(&deployment, "ada").await.stage;
        deployment.world.clock().set(at(AGAIN));
        does(&deployment, "ada", "analytics-pricing", "request").await;
        let after = lead(&deployment, "ada").await;
        assert_eq!(after.stage, stage, "{said:?}");
        if !tells {
            assert_eq!((after.priority.as_str(), after.asked_again.len()), ("hot", 0), "{said:?}");
            assert_eq!(
                (mails(&deployment, "asked-again").len(), published(&deployment, "LeadQualified").len()),
                (0, 1)
            );
            continue;
        }
        let now = at(AGAIN).as_second();
        assert_eq!((after.priority.as_str(), after.act_now_at), ("act-now", Some(now)), "{said:?}");
        assert_eq!((after.qualified_at, after.owner), (before.qualified_at, before.owner), "{said:?}");
        assert_eq!(after.evidence.len(), 2, "{said:?}");
        assert!(after.desk_rank > before.desk_rank && after.sort_score > before.sort_score, "{said:?}");
        assert_eq!(after.sla_since, restarts.then_some(now), "{said:?}");
        // Thursday noon and a working day: Monday's check.
        let check = restarts.then(|| at("2026-01-12T07:00:00Z").as_second());
        assert_eq!((after.due_at, after.sla_due_at), (check, check), "{said:?}");
        assert_eq!(mails(&deployment, "asked-again"), [if restarts { FIRST } else { SUBJECT }], "{said:?}");
        assert_eq!(published(&deployment, "LeadQualified"), once(&[made("ada"), again("ada", AGAIN)]), "{said:?}");
        assert_eq!(mails(&deployment, "hand-off").len(), 0, "{said:?}");
        let kinds = perennial_tests::bus::assert_events_keep_to_their_schemas(&deployment);
        assert_eq!(kinds["LeadQualified"], 2);
    }
}

#[tokio::test]
async fn whoever_is_on_it_hears_of_it_and_is_taken_for_nobody_else() {
    let (anna, bilal) = ("anna.keller@fernhill.example.com", "bilal.haddad@fernhill.example.com");
    for (by, to, says_so) in [
        ("rep-anna", anna, "You are on it already, and Wilhelmina asked for"),
        ("rep-bilal", bilal, "You are on it in place of Anna Keller, whose lead it is."),
        // Away that day, or nobody who gets such mail.
        ("rep-dora", anna, "Dora Nagy is on it already, and Wilhelmina asked for"),
        ("executive", anna, "Management is on it already, and Wilhelmina asked for"),
        ("Jo from support", anna, "There is no deadline: Jo from support is on it already."),
    ] {
        let dora_is_away = playbook_with(|text| text.replace("2027-08-02", "2026-01-02"));
        let deployment = deploy_with(perennial_local::ClockHandle::standing_at(at(MADE)), dora_is_away).await;
        introduce(&deployment, "ada").await;
        does(&deployment, "ada", "analytics-guide", "download").await;
        does(&deployment, "ada", "automation-webinar", "attend").await;
        says(&deployment.store, "ada", (Said::Touched, by), at(MADE)).await;
        deployment.world.clock().set(at(AGAIN));
        does(&deployment, "ada", "analytics-pricing", "request").await;
        let [(sent_to, text)] = &letters(&deployment)[..] else { panic!("{by}: one letter") };
        assert!(sent_to == to && text.contains(says_so), "{by}: {sent_to}: {text}");
        // Somebody else's is not to be put off by a link.
        assert_eq!(text.contains("Call me later: "), ["rep-anna", "rep-bilal"].contains(&by), "{by}: {text}");
        assert!(text.contains("(webinar)” (Fernhill Automation)\n"), "{by}: {text}");
    }
}

#[tokio::test]
async fn whoever_asks_every_day_does_not_hold_the_ladder_back_and_at_its_end_it_begins_anew() {
    let deployment = deploy(at(MADE)).await;
    introduce(&deployment, "ada").await;
    does(&deployment, "ada", "analytics-pricing", "request").await;
    run(&deployment, CHECKS[0]).await;
    run(&deployment, CHECKS[1]).await;
    assert_eq!((mails(&deployment, "hand-off").len(), mails(&deployment, "escalation").len()), (1, 1));
    // Within the same cycle: it scores nothing, and asks all the same.
    deployment.world.clock().set(at(AGAIN));
    does(&deployment, "ada", "analytics-pricing", "request").await;
    assert_eq!(mails(&deployment, "asked-again"), [SUBJECT]);
    let (_, text) = letters(&deployment).remove(0);
    let news =
        "asked for “Fernhill Analytics: prices and a call” on Thu 8 Jan, and nobody has answered the first time.";
    assert!(text.contains(news), "{text}");
    for check in &CHECKS[2..4] {
        run(&deployment, check).await;
        run(&deployment, check).await;
    }
    assert_eq!((lead(&deployment, "ada").await.sla_since, mails(&deployment, "escalation").len()), (None, 1 + 2 + 3));
    // Management has been told, and the contact asks once more.
    let once_more = "2026-01-12T11:00:00Z";
    deployment.world.clock().set(at(once_more));
    does(&deployment, "ada", "analytics-pricing", "request").await;
    assert_eq!(mails(&deployment, "asked-again"), [SUBJECT, SUBJECT]);
    for check in &CHECKS[4..] {
        run(&deployment, check).await;
        run(&deployment, check).await;
    }
    let lead = lead(&deployment, "ada").await;
    let since = Some(at(once_more).as_second());
    let rungs: Vec<_> = lead.rungs.iter().map(|fired| (fired.rung, fired.since, fired.fired_at)).collect();
    let second = |check: &str| at(check).as_second();
    assert_eq!(
        rungs,
        [
            (0, None, second(CHECKS[1])),
            (1, None, second(CHECKS[2])),
            (2, None, second(CHECKS[3])),
            (0, since, second(CHECKS[5])),
        ]
    );
    assert_eq!((lead.clock().rungs_fired, lead.due_at.is_some()), (1, true));
    // Rep; rep and manager; rep, manager and executive; rep.
    assert_eq!(mails(&deployment, "escalation").len(), 1 + 2 + 3 + 1);
    let of = |rung: usize, since: Option<i64>| {
        let since = since.map(|since| format!("#{since}")).unwrap_or_default();
        format!("SlaEscalated#ada#analytics#{QUARTER}#{rung}{since}")
    };
    let told = once(&[of(0, None), of(1, None), of(2, None), of(0, since)]);
    assert_eq!(published(&deployment, "SlaEscalated"), told);
    perennial_tests::bus::assert_events_keep_to_their_schemas(&deployment);

    let rows = Rows::read(&deployment).await.expect("the tables can be read");
    let explained = explain(&deployment.playbook, &rows, &"ada".into(), &"analytics".into(), at(CHECKS[5]));
    let text = explained.expect("an interest").to_string();
    let line = "    asked again on 2026-01-12 11:00 UTC: Act Now, told to its owner; the SLA counts from then on\n";
    assert!(text.contains(line), "{text}");
    let before = explain(&deployment.playbook, &rows, &"ada".into(), &"analytics".into(), at(CHECKS[1]));
    assert_eq!(before.expect("an interest").leads[0].asked_again, []);
}

#[tokio::test]
async fn a_redelivery_tells_nothing_twice_and_two_act_nows_of_a_second_are_one() {
    let deployment = deploy(at(MADE)).await;
    introduce(&deployment, "ada").await;
    does(&deployment, "ada", "automation-guide", "download").await;
    deployment.world.clock().set(at(AGAIN));
    let both = [("automation-pricing", "request"), ("automation-trial", "start")];
    for number in 0..3 {
        for (asset, action) in both {
            let told = engagement("ada", asset, action, at(AGAIN));
            tell(&deployment, &format!("{asset}-{number}"), &told).await;
        }
        settle(&deployment).await;
    }
    let told = format!("LeadQualified#ada#automation#{QUARTER}");
    let (first, second) = (told.clone(), format!("{told}#{}", at(AGAIN).as_second()));
    assert_eq!(published(&deployment, "LeadQualified"), once(&[first.clone(), second.clone()]));
    assert_eq!(mails(&deployment, "asked-again").len(), 1);
    // One that comes late, behind it, is no news; one that is newer is.
    for (at_, count) in [("2026-01-08T10:00:00Z", 1), ("2026-01-08T11:00:01Z", 2)] {
        deployment.world.clock().set(at("2026-01-08T12:00:00Z"));
        tell(&deployment, &format!("late-{at_}"), &engagement("ada", "automation-trial", "start", at(at_))).await;
        settle(&deployment).await;
        assert_eq!(mails(&deployment, "asked-again").len(), count, "{at_}");
    }
    let lead = lead_of(&deployment.store, "ada", "automation").await.expect("a lead");
    let was: Vec<&str> = lead.asked_again.iter().map(|again| again.was.as_str()).collect();
    assert_eq!(was, ["hot", "act-now"]);
}

fn decider(deployment: &Deployment, store: Store) -> QualifyMql {
    let (playbook, clock) = (deployment.playbook.clone(), clock(deployment));
    QualifyMql { store, address_key: address_key(), playbook, clock }
}

fn asked() -> Trigger {
    let quarter = QUARTER.parse().expect("a quarter");
    let event = LeadEvent::of(&"ada".into(), &"analytics".into(), quarter);
    Trigger::Event { detail: LeadEvent { act_now_at: Some(at(AGAIN).as_second()), ..event } }
}

/// Lets the fact of an Act Now land, and nobody decide of it.
async fn land(deployment: &Deployment, at_: &str) {
    let name = perennial_domain::interest::FactName {
        asset: "analytics-pricing".into(),
        action: "request".into(),
        email: None,
    };
    let facts = [(name, at(at_).as_second())];
    let (contact, product) = ("ada".into(), "analytics".into());
    let second = at(at_).as_second();
    let landed = perennial_platform::interest::add(&deployment.store, &contact, &product, &facts, second).await;
    landed.expect("the fact lands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_deciders_at_once_one_tells() {
    let deployment = world_with(&["ada"]).await;
    deployment.world.clock().set(at(AGAIN));
    land(&deployment, AGAIN).await;
    let mut racing = Vec::new();
    for _ in 0..24 {
        let decider = decider(&deployment, deployment.store.clone());
        racing.push(tokio::spawn(async move { decider.handle(asked()).await }));
    }
    for outcome in racing {
        match outcome.await.expect("no panic") {
            // Lost every race: the bus delivers to this one again.
            Ok(()) | Err(Failure::Conflict { .. }) => {}
            Err(failure) => panic!("{failure}"),
        }
    }
    settle(&deployment).await;
    assert_eq!(lead(&deployment, "ada").await.asked_again.len(), 1);
    assert_eq!(published(&deployment, "LeadQualified"), once(&[made("ada"), again("ada", AGAIN)]));
    assert_eq!(mails(&deployment, "asked-again"), [FIRST]);
}

#[tokio::test]
async fn what_comes_between_decision_and_commit_is_decided_on() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Between {
        Touch,
        GivenBack,
        AnotherActNow,
        AnotherDecider,
    }
    const LATER: &str = "2026-01-08T11:00:30Z";
    for between in [Between::Touch, Between::GivenBack, Between::AnotherActNow, Between::AnotherDecider] {
        let deployment = std::sync::Arc::new(world_with(&["ada"]).await);
        deployment.world.clock().set(at("2026-01-08T11:01:00Z"));
        land(&deployment, AGAIN).await;
        let inner = deployment.clone();
        let happens = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
            let deployment = inner.clone();
            async move {
                match between {
                    _ if number > 1 => {}
                    Between::Touch => say(&deployment.store, "ada", Said::Touched, at(AGAIN)).await,
                    Between::GivenBack => {
                        say(&deployment.store, "ada", Said::Rejected { until: None }, at(AGAIN)).await;
                    }
                    Between::AnotherActNow => land(&deployment, LATER).await,
                    Between::AnotherDecider => {
                        let decider = decider(&deployment, deployment.store.clone());
                        decider.handle(asked()).await.expect("it decides");
                    }
                }
            }
            .boxed()
        });
        let happens = happens.await;
        let decider = decider(&deployment, store_at(&happens.url).await);
        decider.handle(asked()).await.expect("it decides again");
        settle(&deployment).await;
        let lead = lead(&deployment, "ada").await;
        let told: Vec<i64> = lead.asked_again.iter().map(|again| again.at).collect();
        let (asked_at, later) = (at(AGAIN).as_second(), at(LATER).as_second());
        let expected = match between {
            Between::Touch | Between::AnotherDecider => vec![asked_at],
            Between::GivenBack => vec![],
            Between::AnotherActNow => vec![later],
        };
        assert_eq!(told, expected, "{between:?}");
        assert_eq!(lead.sla_since.is_some(), !matches!(between, Between::Touch | Between::GivenBack), "{between:?}");
        assert_eq!(lead.due_at.is_some(), lead.sla_since.is_some(), "{between:?}");
        assert_eq!(mails(&deployment, "asked-again").len(), expected.len(), "{between:?}");
        assert_eq!(published(&deployment, "LeadQualified").len(), 1 + expected.len(), "{between:?}");
    }
}

#[tokio::test]
async fn a_touch_between_the_mails_load_and_its_claim_changes_its_words_and_not_that_it_comes() {
    for (said, mail) in [
        (Said::Touched, Some("You are on it already, and Wilhelmina asked for")),
        (Said::Rejected { until: None }, None),
    ] {
        let deployment = world_with(&["ada"]).await;
        deployment.world.clock().set(at(AGAIN));
        let store = deployment.store.clone();
        let between = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
            let store = store.clone();
            async move {
                if number == 1 {
                    say(&store, "ada", said, at(AGAIN)).await;
                }
            }
            .boxed()
        });
        let between = between.await;
        let mut sender = silent_sender(&deployment).await;
        sender.store = store_at(&between.url).await;
        let sending = function(sender, |it, event| async move { it.handle(event).await });
        deployment.world.register("SendNurtureEmail", sending);
        does(&deployment, "ada", "analytics-pricing", "request").await;
        deployment.world.advance_to(at("2026-01-08T11:30:00Z"), |_| {}).await.expect("the world goes on");
        let sent = deployment.world.mails().expect("the world remembers");
        let of_kind =
            |mail: &&perennial_local::Mail| mail.tags.contains(&("kind".to_owned(), "asked-again".to_owned()));
        let texts: Vec<&str> = sent.iter().filter(of_kind).filter_map(|mail| mail.text.as_deref()).collect();
        assert_eq!(texts.len(), usize::from(mail.is_some()), "{said:?}: {texts:?}");
        assert!(texts.iter().all(|text| mail.is_some_and(|mail| text.contains(mail))), "{said:?}: {texts:?}");
        assert_eq!(deployment.world.dead_letters().expect("the world remembers").len(), 0, "{said:?}");
    }
}

#[tokio::test]
async fn a_reminder_of_the_ladder_before_is_not_written_any_more() {
    let deployment = world_with(&["ada"]).await;
    run(&deployment, CHECKS[0]).await;
    // The rung has fired; before its mail is written the contact asks again.
    deployment.world.clock().set(at(CHECKS[1]));
    let tick: Tick = serde_json::from_value(json!({"job": "sla", "scheduled_at": CHECKS[1]})).expect("a tick");
    let checker = EscalateSla { store: deployment.store.clone(), playbook: deployment.playbook.clone() };
    checker.handle(tick).await.expect("the run finishes");
    land(&deployment, CHECKS[1]).await;
    let decider = decider(&deployment, deployment.store.clone());
    decider.handle(asked()).await.expect("it decides");
    settle(&deployment).await;
    assert_eq!(lead(&deployment, "ada").await.rungs.len(), 1);
    assert_eq!((mails(&deployment, "escalation").len(), mails(&deployment, "asked-again").len()), (0, 1));
}

/// A held one does not wait for the next day's run.
#[tokio::test]
async fn an_act_now_in_a_quarter_that_is_held_is_decided_at_once() {
    let deployment = deploy(at(MADE)).await;
    introduce(&deployment, "ada").await;
    let data = json!({"account": "account-of-ada", "customer_since": "2025-12-01"});
    tell(&deployment, "new", &body("account.updated", at(MADE), &data)).await;
    settle(&deployment).await;
    does(&deployment, "ada", "analytics-guide", "download").await;
    let held = |rows: &perennial_platform::contact::ContactRows| -> Vec<String> {
        rows.held.iter().map(|held| held.reason.clone()).collect()
    };
    let rows = deployment.store.contact(&"ada".into()).await.expect("the store answers");
    assert_eq!(held(&rows), ["new customer"]);
    deployment.world.clock().set(at(AGAIN));
    does(&deployment, "ada", "analytics-pricing", "request").await;
    let rows = deployment.store.contact(&"ada".into()).await.expect("the store answers");
    assert_eq!(held(&rows), Vec::<String>::new());
    let lead = lead(&deployment, "ada").await;
    assert_eq!(
        (lead.priority.as_str(), lead.new_customer, lead.act_now_at),
        ("act-now", true, Some(at(AGAIN).as_second()))
    );
    assert_eq!((mails(&deployment, "hand-off").len(), mails(&deployment, "asked-again").len()), (1, 0));
}

/// What is made of leads that were stored before any of this.
#[tokio::test]
async fn a_lead_that_was_made_before_this_was_kept_hears_of_what_came_after_it() {
    for (asset, action, told_again) in [("analytics-pricing", "request", 0), ("analytics-guide", "download", 1)] {
        let deployment = deploy(at(MADE)).await;
        introduce(&deployment, "ada").await;
        // An hour ago; of an Act Now its lead tells.
        let before = at("2026-01-06T13:00:00Z");
        tell(&deployment, "first", &engagement("ada", asset, action, before)).await;
        settle(&deployment).await;
        let key = lead(&deployment, "ada").await.key();
        let forgotten = perennial_platform::store::Change::of(key, "REMOVE #act_now_at");
        deployment.store.apply("test", forgotten).await.expect("the store answers");
        tell(&deployment, "late", &engagement("ada", "analytics-pricing", "request", before)).await;
        settle(&deployment).await;
        assert_eq!(mails(&deployment, "asked-again").len(), told_again, "{asset}");
    }
}

/// The mails of asking again are slots of their own, one for each time.
#[tokio::test]
async fn each_time_has_a_slot_of_its_own() {
    let deployment = deploy(at(MADE)).await;
    introduce(&deployment, "ada").await;
    does(&deployment, "ada", "analytics-pricing", "request").await;
    for again in ["2026-01-06T15:00:00Z", "2026-01-06T16:00:00Z"] {
        deployment.world.clock().set(at(again));
        does(&deployment, "ada", "analytics-pricing", "request").await;
    }
    let slots: Vec<Slot> =
        deployment.store.partition("CONTACT#ada", Some(keys::SLOT)).await.expect("the store answers");
    let names: Vec<&str> = slots.iter().filter_map(|slot| slot.sk.strip_prefix("SLOT#hand-off#analytics#")).collect();
    assert_eq!(names, ["2026-Q1", "2026-Q1#1767711600", "2026-Q1#1767715200"]);
    let stages: Vec<Value> = slots.iter().map(|slot| json!(slot.state)).collect();
    assert!(stages.iter().all(|state| state == "SENT"), "{stages:?}");
}

/// Interest decays, and fit changes: whoever asks again stands above where they stood.
#[tokio::test]
async fn who_asks_again_never_goes_down_the_list() {
    let deployment = world_with(&["ada"]).await;
    let highest = perennial_platform::store::Change::of(
        lead(&deployment, "ada").await.key(),
        "SET #sort_score = :score, #desk_rank = :rank",
    );
    let rank = perennial_platform::desk::rank(100, at(MADE).as_second());
    let highest = highest
        .with(":score", perennial_platform::store::number(100))
        .with(":rank", perennial_platform::store::number(rank));
    deployment.store.apply("test", highest).await.expect("the store answers");
    deployment.world.clock().set(at(AGAIN));
    does(&deployment, "ada", "analytics-pricing", "request").await;
    let after = lead(&deployment, "ada").await;
    assert_eq!((after.sort_score, after.asked_again.len()), (100, 1));
    assert!(after.desk_rank > Some(rank), "{:?}", after.desk_rank);
}
