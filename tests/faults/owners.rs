//! Whose a lead is, and who reads what is told of it: territories, reps who are away, and owners who have left the playbook.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use escalate_sla::EscalateSla;
use futures::FutureExt as _;
use perennial::deployment::{Deployment, function};
use perennial_local::{Call, ClockHandle, Fault};
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, Key};
use perennial_platform::lambda::Tick;
use perennial_platform::leads;
use perennial_platform::records::{Digest, Lead, Slot, SlotState};
use perennial_platform::store::{Change, Commit, Store, number, string};
use perennial_playbook::Playbook;
use perennial_tests::interpose::Interposer;
use perennial_tests::{at, body, deploy, deploy_with, engagement, introduce, playbook_with, settle, store_at, tell};
use send_nurture_email::SendNurtureEmail;
use serde_json::{Value, json};

use crate::desk::assert_as_said;
use crate::one_email::{handle, sender};

/// A Wednesday at eleven in Berlin.
const WEDNESDAY: &str = "2026-01-07T10:00:00Z";
/// The check of the Friday after.
const FRIDAY: (&str, &str) = ("2026-01-09T07:00:00Z", "2026-01-09");
const ANNA: &str = "anna.keller@fernhill.example.com";
const BILAL: &str = "bilal.haddad@fernhill.example.com";
const CHEN: &str = "chen.wei@fernhill.example.com";
/// Anna's and Bilal's manager.
const ELIF: &str = "elif.aydin@fernhill.example.com";
const DIRECTOR: &str = "sales.director@fernhill.example.com";

/// The example playbook with absences of Anna's.
fn anna_away(absences: &str) -> Arc<Playbook> {
    playbook_with(|text| {
        let anna = "id = \"rep-anna\"\n";
        assert!(text.contains(anna));
        text.replacen(anna, &format!("{anna}away = [{absences}]\n"), 1)
    })
}

/// The example playbook without Anna, and perhaps without territories.
fn without_anna(territories: bool) -> Arc<Playbook> {
    playbook_with(|text| {
        let is_annas = |block: &str| block.contains("[[rep]]\nid = \"rep-anna\"\n");
        let stays = |block: &&str| !is_annas(block) && (territories || !block.contains("[[territory]]\n"));
        let text: String = text.split_inclusive("\n\n").filter(stays).collect();
        text.replace("reps = [\"rep-anna\", \"rep-bilal\"]", "reps = [\"rep-bilal\"]")
    })
}

async fn world(now: &str, playbook: Arc<Playbook>) -> Deployment {
    deploy_with(ClockHandle::standing_at(at(now)), playbook).await
}

/// Somebody does something with an asset. What follows waits for the next settle.
async fn does(deployment: &Deployment, contact: &str, asset: &str, action: &str) {
    let now = deployment.world.clock().now();
    tell(deployment, &format!("{contact}-{asset}-{now}"), &engagement(contact, asset, action, now)).await;
}

/// An Act Now of Anna's contact Ada.
async fn asks_for_prices(deployment: &Deployment) {
    introduce(deployment, "ada").await;
    does(deployment, "ada", "analytics-pricing", "request").await;
}

fn key(contact: &str) -> Key {
    keys::lead(&contact.into(), &"analytics".into(), "2026-Q1".parse().expect("a quarter"))
}

async fn lead(deployment: &Deployment, contact: &str) -> Lead {
    deployment.store.get(&key(contact)).await.expect("it can be read").expect("there is one")
}

/// All mail to sales: its kind, to whom, and for whom the reader stands in.
fn letters(deployment: &Deployment) -> Vec<(String, String, String)> {
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    let letter = |mail: perennial_local::Mail| {
        let kind = mail.tags.iter().find(|(name, _)| name == "kind").map(|(_, kind)| kind.clone())?;
        let text = mail.text.unwrap_or_default();
        let covering = text.lines().find(|line| line.starts_with("You cover for ")).unwrap_or_default();
        assert_eq!(covering.is_empty(), !mail.html.unwrap_or_default().contains("You cover for "), "{text}");
        (kind != "nurture").then(|| (kind, mail.to.join(" "), covering.to_owned()))
    };
    mails.filter_map(letter).collect()
}

fn letter(kind: &str, to: &str, covering: &str) -> (String, String, String) {
    (kind.to_owned(), to.to_owned(), covering.to_owned())
}

/// Goes on to an instant, with all schedules.
async fn until(deployment: &Deployment, instant: &str) {
    deployment.world.advance_to(at(instant), |_| {}).await.expect("the world goes on");
}

/// The messages that became mail of a kind, as the queue would deliver them once more.
fn messages(deployment: &Deployment, kind: &str) -> Vec<Value> {
    let events = deployment.world.bus_events().expect("the world remembers").into_iter();
    let events = events.map(|event| event.envelope).filter(|event| event["detail-type"] == kind);
    events.map(|event| json!({"detail-type": kind, "detail": event["detail"]})).collect()
}

async fn sender_with(deployment: &Deployment, playbook: &Arc<Playbook>) -> SendNurtureEmail {
    SendNurtureEmail { playbook: Arc::clone(playbook), ..sender(deployment).await }
}

/// From now on mail is written under another playbook; nothing else is.
async fn mail_under(deployment: &Deployment, playbook: &Arc<Playbook>) {
    let sender = sender_with(deployment, playbook).await;
    deployment.world.register("SendNurtureEmail", function(sender, |it, batch| async move { it.handle(batch).await }));
}

/// The check of a day under a playbook. What follows waits for the next settle.
async fn check(store: &Store, playbook: &Arc<Playbook>, scheduled_at: &str) -> Result<(), Failure> {
    let tick: Tick = serde_json::from_value(json!({"job": "sla", "scheduled_at": scheduled_at})).expect("a tick");
    EscalateSla { store: store.clone(), playbook: Arc::clone(playbook) }.handle(tick).await
}

#[tokio::test]
async fn a_lead_made_while_its_owner_is_away_is_mailed_to_the_cover_and_when_the_owner_is_back_to_the_owner() {
    let away = r#"{ from = "2026-01-05", to = "2026-01-08", cover = "rep-bilal" }"#;
    let deployment = world(WEDNESDAY, anna_away(away)).await;
    asks_for_prices(&deployment).await;
    settle(&deployment).await;
    let handed = letter("hand-off", BILAL, "You cover for Anna Keller until Thu 8 Jan.");
    assert_eq!(letters(&deployment), std::slice::from_ref(&handed));
    let made = lead(&deployment, "ada").await;
    assert_eq!((made.owner.as_str(), made.desk_owner.as_deref()), ("rep-anna", Some("REP#rep-anna")));

    // A guide is no Act Now: it is in tomorrow's digest, which is Anna's, and Bilal reads it.
    introduce(&deployment, "ben").await;
    does(&deployment, "ben", "analytics-guide", "download").await;
    until(&deployment, "2026-01-08T12:00:00Z").await;
    let digest = letter("digest", BILAL, "You cover for Anna Keller until Thu 8 Jan.");
    assert_eq!(letters(&deployment), [handed.clone(), digest.clone()]);
    let annas: Option<Digest> =
        deployment.store.get(&keys::digest("2026-01-08", &"rep-anna".into())).await.expect("it can be read");
    assert_eq!(annas.map(|digest| digest.leads.len()), Some(1));

    // Friday's check, with the first rung of both: she is back.
    until(&deployment, "2026-01-09T12:00:00Z").await;
    let rung = letter("escalation", ANNA, "");
    let all = [handed, digest, rung.clone(), rung];
    assert_eq!(letters(&deployment), all);

    // What was told to the cover is not told to her as well.
    let again = [messages(&deployment, "LeadQualified"), messages(&deployment, "DigestReady")].concat();
    let again: Vec<Value> = again.into_iter().filter(|message| message["detail"]["contact"] != "ben").collect();
    assert_eq!((again.len(), handle(&sender(&deployment).await, &again).await.len()), (2, 0));
    assert_eq!(letters(&deployment), all);
}

#[tokio::test]
async fn who_is_away_is_asked_on_the_day_of_sending_in_the_teams_zone() {
    let away = r#"{ from = "2026-01-08", to = "2026-01-08", cover = "rep-bilal" }, { from = "2026-01-12", cover = "rep-chen" }"#;
    let playbook = anna_away(away);
    for (now, to, covering) in [
        ("2026-01-07T22:59:59Z", ANNA, ""),
        ("2026-01-07T23:00:00Z", BILAL, "You cover for Anna Keller until Thu 8 Jan."),
        ("2026-01-08T22:59:59Z", BILAL, "You cover for Anna Keller until Thu 8 Jan."),
        ("2026-01-08T23:00:00Z", ANNA, ""),
        // She does not come back.
        ("2026-01-12T09:00:00Z", CHEN, "You cover for Anna Keller."),
    ] {
        let deployment = world(WEDNESDAY, Arc::clone(&playbook)).await;
        introduce(&deployment, "ada").await;
        deployment.world.clock().set(at(now));
        does(&deployment, "ada", "analytics-pricing", "request").await;
        settle(&deployment).await;
        assert_eq!(letters(&deployment), [letter("hand-off", to, covering)], "{now}");
    }
}

#[tokio::test]
async fn a_cover_who_begins_between_two_attempts_gets_what_was_not_sent_and_nothing_twice() {
    let away = r#"{ from = "2026-01-08", to = "2026-01-30", cover = "rep-bilal" }"#;
    let covered = "You cover for Anna Keller until Fri 30 Jan.";
    for (what, fault, first, in_all) in [
        ("it works", None, vec![letter("hand-off", ANNA, "")], vec![letter("hand-off", ANNA, "")]),
        (
            "the reply is lost",
            Some(Fault::LoseReply),
            vec![letter("hand-off", ANNA, "")],
            vec![letter("hand-off", ANNA, "")],
        ),
        ("the request is lost", Some(Fault::LoseRequest), vec![], vec![]),
        ("the message is refused", Some(Fault::Refuse("MessageRejected".into())), vec![], vec![]),
        (
            "the account is paused",
            Some(Fault::Refuse("SendingPausedException".into())),
            vec![],
            vec![letter("hand-off", BILAL, covered)],
        ),
    ] {
        let deployment = world(WEDNESDAY, anna_away(away)).await;
        introduce(&deployment, "ada").await;
        if let Some(fault) = fault {
            deployment.world.faults().inject(Call::SendEmail, fault);
        }
        does(&deployment, "ada", "analytics-pricing", "request").await;
        settle(&deployment).await;
        assert_eq!(deployment.world.faults().pending(), 0, "{what}: the fault has happened");
        assert_eq!(letters(&deployment), first, "{what}");

        deployment.world.clock().set(at("2026-01-08T06:00:00Z"));
        settle(&deployment).await;
        let (sender, again) = (sender(&deployment).await, messages(&deployment, "LeadQualified"));
        assert_eq!(again.len(), 1);
        for _ in 0..2 {
            assert_eq!(handle(&sender, &again).await.len(), 0, "{what}: nothing is left to do");
        }
        assert_eq!(letters(&deployment), in_all, "{what}");
    }
}

#[tokio::test]
async fn a_rung_goes_to_the_cover_and_to_the_owners_manager_and_to_nobody_twice() {
    let until_then = "You cover for Anna Keller until Fri 30 Jan.";
    for (cover, to_cover) in [("rep-chen", CHEN), ("manager-emea", ELIF)] {
        let away = format!(r#"{{ from = "2026-01-05", to = "2026-01-30", cover = "{cover}" }}"#);
        let deployment = world(WEDNESDAY, anna_away(&away)).await;
        asks_for_prices(&deployment).await;
        // Thursday 11:00, Friday 11:00 and Monday 11:00 in Berlin: the checks of Friday, Monday and Tuesday.
        until(&deployment, "2026-01-13T12:00:00Z").await;
        let covering = |kind: &str| letter(kind, to_cover, until_then);
        let manager = (cover != "manager-emea").then(|| letter("escalation", ELIF, ""));
        let mut expected = vec![covering("hand-off"), covering("escalation")];
        // Monday's weekly mail comes before its check.
        expected.extend([covering("brief"), covering("escalation")]);
        expected.extend(manager.clone());
        expected.push(covering("escalation"));
        expected.extend(manager.clone());
        expected.push(letter("escalation", DIRECTOR, ""));
        assert_eq!(letters(&deployment), expected, "{cover}");
        // By name, and to nobody of themselves.
        let mails = deployment.world.mails().expect("the world remembers").into_iter();
        let named = mails.filter(|mail| mail.text.as_ref().is_some_and(|text| text.contains("Elif Aydin hears of it")));
        let to: BTreeSet<String> = named.map(|mail| mail.to.join(" ")).collect();
        assert_eq!(to, manager.iter().map(|_| CHEN.to_owned()).collect(), "{cover}");

        let quarter = "2026-Q1".parse().expect("a quarter");
        let slot = keys::rung_mail(&"ada".into(), &"analytics".into(), quarter, (1, None), "manager");
        let slot: Option<Slot> = deployment.store.get(&slot).await.expect("it can be read");
        let silent = slot.and_then(|slot| slot.reason.filter(|_| slot.state == SlotState::Silent));
        let told = (cover == "manager-emea").then_some("told already as the one who covers");
        assert_eq!(silent.as_deref(), told, "{cover}");
        // The same again is nothing, also when she is back.
        deployment.world.clock().set(at("2026-02-02T09:00:00Z"));
        let (sender, again) = (sender(&deployment).await, messages(&deployment, "SlaEscalated"));
        assert_eq!((again.len(), handle(&sender, &again).await.len()), (3, 0), "{cover}");
        assert_eq!(letters(&deployment), expected, "{cover}");
    }
}

/// Whoever worked in the owner's place when a message came first need not be who does when it comes again.
#[tokio::test]
async fn a_manager_who_covers_since_the_owners_reminder_went_out_gets_the_managers() {
    let away = r#"{ from = "2026-01-05", to = "2026-01-30", cover = "manager-emea" }"#;
    for (sent_to, managers) in [("rep-anna", 1), ("manager-emea", 0)] {
        let deployment = world(WEDNESDAY, anna_away(away)).await;
        asks_for_prices(&deployment).await;
        until(&deployment, "2026-01-09T12:00:00Z").await;
        let quarter = "2026-Q1".parse().expect("a quarter");
        let slot = |role| keys::rung_mail(&"ada".into(), &"analytics".into(), quarter, (1, None), role);
        let sent = Change::of(slot("rep"), "SET #state = :sent, #decided_at = :at, #sent_to = :to");
        let sent = sent.with(":sent", string("SENT")).with(":at", number(1)).with(":to", string(sent_to));
        deployment.store.apply("test", sent).await.expect("the store answers");
        let before = letters(&deployment).len();
        until(&deployment, "2026-01-12T12:00:00Z").await;
        let sent = letters(&deployment).split_off(before);
        let reminders: Vec<_> = sent.into_iter().filter(|(kind, ..)| kind == "escalation").collect();
        assert_eq!(reminders, vec![letter("escalation", ELIF, ""); managers], "{sent_to}");
    }
}

/// What an account is: of no owner, or of a stranger, here.
async fn is_of(deployment: &Deployment, account: &str, owner: &str, region: &str) {
    let now = deployment.world.clock().now();
    let mut data = json!({"account": account, "region": region, "customer_since": "2024-01-15"});
    if !owner.is_empty() {
        data["owner"] = json!(owner);
    }
    tell(deployment, &format!("{account}-{owner}-{region}-{now}"), &body("account.updated", now, &data)).await;
    settle(deployment).await;
}

#[tokio::test]
async fn an_account_that_is_nobodys_falls_to_its_territory_the_same_rep_for_all_of_its_people() {
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    let deployment = deploy(at(WEDNESDAY)).await;
    for number in 0..12 {
        let (account, owner) = (format!("company-{number}"), if number % 2 == 0 { "rep-of-old" } else { "" });
        is_of(&deployment, &account, owner, "emea").await;
        let mut owners = Vec::new();
        for colleague in ["one", "two"] {
            let contact = format!("{colleague}-{number}");
            let now = deployment.world.clock().now();
            let data =
                json!({"contact": contact, "account": account, "email": format!("{contact}@company.example.com")});
            tell(&deployment, &contact, &body("contact.identified", now, &data)).await;
            settle(&deployment).await;
            does(&deployment, &contact, "analytics-guide", "download").await;
            settle(&deployment).await;
            owners.push(lead(&deployment, &contact).await.owner);
        }
        assert_eq!(owners[0], owners[1], "{account}");
        *shares.entry(owners.remove(0)).or_default() += 1;
    }
    let reps: Vec<&str> = shares.keys().map(String::as_str).collect();
    assert_eq!(reps, ["rep-anna", "rep-bilal"], "{shares:?}");
}

#[tokio::test]
async fn a_lead_of_no_territory_waits_until_somebody_has_the_account() {
    for (what, owner, region) in
        [("it has an owner now", "rep-chen", "latam"), ("its territory has one now", "", "apac")]
    {
        let deployment = deploy(at(WEDNESDAY)).await;
        introduce(&deployment, "ada").await;
        deployment.world.clock().set(at("2026-01-07T11:00:00Z"));
        is_of(&deployment, "account-of-ada", "rep-of-old", "latam").await;
        does(&deployment, "ada", "analytics-guide", "download").await;
        settle(&deployment).await;
        let rows = deployment.store.contact(&"ada".into()).await.expect("it can be read");
        let held: Vec<&str> = rows.held.iter().map(|held| held.reason.as_str()).collect();
        assert_eq!((rows.leads.len(), held), (0, vec!["account without owner"]), "{what}");
        deployment.world.clock().set(at("2026-01-07T12:00:00Z"));
        is_of(&deployment, "account-of-ada", owner, region).await;
        until(&deployment, FRIDAY.0).await;
        let made = lead(&deployment, "ada").await;
        assert!(["rep-chen", "rep-dora"].contains(&made.owner.as_str()), "{what}: {}", made.owner);
    }
}

#[tokio::test]
async fn an_open_lead_whose_owner_has_left_the_playbook_gets_another_at_the_check_and_that_one_is_told() {
    let deployment = deploy(at(WEDNESDAY)).await;
    asks_for_prices(&deployment).await;
    introduce(&deployment, "ben").await;
    does(&deployment, "ben", "analytics-guide", "download").await;
    settle(&deployment).await;
    assert_eq!(letters(&deployment), [letter("hand-off", ANNA, "")]);
    let before = assert_as_said(&deployment, "as made").await;

    // Ben's lead is due on Thursday, and a rung of both on Friday.
    let playbook = without_anna(true);
    mail_under(&deployment, &playbook).await;
    for (when, expected) in [("2026-01-08T07:00:00Z", "digest"), (FRIDAY.0, "escalation")] {
        for _ in 0..2 {
            deployment.world.clock().set(at(when));
            check(&deployment.store, &playbook, when).await.expect("the run finishes");
            settle(&deployment).await;
            assert_eq!(letters(&deployment).last(), Some(&letter(expected, BILAL, "")), "{when}");
        }
    }
    assert_eq!(letters(&deployment).len(), 4);
    for contact in ["ada", "ben"] {
        let lead = lead(&deployment, contact).await;
        let listed = (lead.owner.as_str(), lead.desk_owner.as_deref(), lead.sla_owner.as_deref());
        assert_eq!(listed, ("rep-bilal", Some("REP#rep-bilal"), Some("REP#rep-bilal")), "{contact}");
    }
    assert_eq!(assert_as_said(&deployment, "given").await, before);
    let escalated = messages(&deployment, "SlaEscalated");
    assert_eq!(escalated.iter().map(|it| &it["detail"]["owner"]).collect::<Vec<_>>(), ["rep-bilal", "rep-bilal"]);
}

#[tokio::test]
async fn a_lead_that_was_given_to_somebody_meanwhile_stays_theirs() {
    let deployment = deploy(at(WEDNESDAY)).await;
    asks_for_prices(&deployment).await;
    settle(&deployment).await;
    let store = deployment.store.clone();
    let between = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
        let store = store.clone();
        async move {
            if number == 1 {
                let read: Lead = store.get(&key("ada")).await.expect("it can be read").expect("there is one");
                assert_eq!(leads::give_to(&store, &read, &"rep-dora".into()).await.expect("an answer"), Commit::Done);
            }
        }
        .boxed()
    })
    .await;
    check(&store_at(&between.url).await, &without_anna(true), FRIDAY.0).await.expect("the run finishes");
    let given = lead(&deployment, "ada").await;
    assert_eq!((given.owner.as_str(), given.rungs.len()), ("rep-dora", 1), "and its rung has fired");
    assert_as_said(&deployment, "given").await;
}

#[tokio::test]
async fn a_lead_that_nobody_can_have_fails_the_run_and_not_the_others_and_waits() {
    let deployment = deploy(at(WEDNESDAY)).await;
    asks_for_prices(&deployment).await;
    introduce(&deployment, "ben").await;
    deployment.world.clock().set(at("2026-01-07T11:00:00Z"));
    is_of(&deployment, "account-of-ben", "rep-bilal", "emea").await;
    does(&deployment, "ben", "analytics-guide", "download").await;
    settle(&deployment).await;
    let made = lead(&deployment, "ada").await;

    let playbook = without_anna(false);
    mail_under(&deployment, &playbook).await;
    deployment.world.clock().set(at(FRIDAY.0));
    for _ in 0..2 {
        let failure = check(&deployment.store, &playbook, FRIDAY.0).await.expect_err("the run says so");
        let expected =
            "input cannot be understood: lead: its owner is not in the playbook, and nobody else has the account";
        assert_eq!(failure.to_string(), expected);
        settle(&deployment).await;
        assert_eq!(letters(&deployment), [letter("hand-off", ANNA, ""), letter("digest", BILAL, "")]);
    }
    let waits = lead(&deployment, "ada").await;
    assert_eq!((waits.rev, waits.due_at, waits.owner.as_str()), (made.rev, made.due_at, "rep-anna"));

    // Somebody has it now.
    deployment.world.clock().set(at("2026-01-10T09:00:00Z"));
    is_of(&deployment, "account-of-ada", "rep-chen", "latam").await;
    let monday = "2026-01-12T07:00:00Z";
    deployment.world.clock().set(at(monday));
    check(&deployment.store, &playbook, monday).await.expect("the run finishes");
    settle(&deployment).await;
    assert_eq!(letters(&deployment).last(), Some(&letter("escalation", CHEN, "")));
    assert_eq!(lead(&deployment, "ada").await.owner, "rep-chen");
}

#[tokio::test]
async fn a_check_that_finds_nobody_ends_where_an_alarm_looks() {
    let deployment = deploy(at(WEDNESDAY)).await;
    asks_for_prices(&deployment).await;
    settle(&deployment).await;
    for (territories, given_up) in [(true, 0), (false, 1)] {
        let (store, playbook) = (deployment.store.clone(), without_anna(territories));
        let run = function(EscalateSla { store, playbook }, |it, tick| async move { it.handle(tick).await });
        deployment.world.register("EscalateSla", run);
        if given_up == 1 {
            // As it was before the check that found somebody.
            let lead = lead(&deployment, "ada").await;
            let given = leads::give_to(&deployment.store, &lead, &"rep-anna".into()).await;
            assert_eq!(given.expect("an answer"), Commit::Done);
        }
        until(&deployment, if given_up == 0 { "2026-01-09T12:00:00Z" } else { "2026-01-12T12:00:00Z" }).await;
        let dead = deployment.world.dead_letters().expect("the world remembers");
        assert_eq!(dead.len(), given_up, "{territories}");
    }
}

#[tokio::test]
async fn mail_for_an_owner_who_has_left_the_playbook_does_not_end_in_the_dead_letters() {
    for (territories, expected) in [(true, vec![BILAL]), (false, vec![])] {
        // Both messages wait when the playbook is deployed.
        let deployment = deploy(at(WEDNESDAY)).await;
        let playbook = without_anna(territories);
        introduce(&deployment, "ben").await;
        does(&deployment, "ben", "analytics-guide", "download").await;
        settle(&deployment).await;
        mail_under(&deployment, &playbook).await;
        asks_for_prices(&deployment).await;
        settle(&deployment).await;
        let to = |kind: &str| expected.iter().map(|to| letter(kind, to, "")).collect::<Vec<_>>();
        assert_eq!(letters(&deployment), to("hand-off"));

        let thursday = "2026-01-08T07:00:00Z";
        deployment.world.clock().set(at(thursday));
        check(&deployment.store, &deployment.playbook, thursday).await.expect("the run finishes");
        settle(&deployment).await;
        let all = [to("hand-off"), to("digest")].concat();
        assert_eq!(letters(&deployment), all);

        let sender = sender_with(&deployment, &playbook).await;
        for kind in ["LeadQualified", "DigestReady"] {
            let mut again = messages(&deployment, kind);
            // Of Ben's lead a digest tells.
            again.retain(|message| message["detail"]["contact"] != "ben");
            assert_eq!(again.len(), 1, "{kind}");
            assert_eq!(handle(&sender, &again).await.len(), 0, "{kind}: nothing comes back");
        }
        assert_eq!(letters(&deployment), all);
        assert_eq!(deployment.world.dead_letters().expect("the world remembers").len(), 0);
        if !territories {
            let digest = keys::digest_mail("2026-01-08", &"rep-anna".into());
            let slot: Slot = deployment.store.get(&digest).await.expect("it can be read").expect("there is one");
            assert_eq!(slot.reason.as_deref(), Some("its owner is not in the playbook"));
        }
    }
}
