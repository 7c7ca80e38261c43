//! What becomes of mail: suppression first, whatever comes again and in whatever order, and no slot of which nobody knows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_domain::sending::Line;
use perennial_local::{Call, Fault};
use perennial_platform::clock::{Clock, Waiting};
use perennial_platform::failure::Failure;
use perennial_platform::identity::erasing;
use perennial_platform::keys;
use perennial_platform::records::{Cadence, Preferences, Slot, SlotState, date_of};
use perennial_platform::sending::{Permits, Run};
use perennial_platform::store::{Item, text};
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::{due, mail_event, record, recorder, send, silent_sender};
use perennial_tests::{
    address_of, at, body, deploy, engagement, interest, introduce, ledger_rows, seed, settle, state_by_key, store_at,
    tell,
};
use record_email_feedback::{RecordEmailFeedback, Trigger};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::private::Logs;

/// A Tuesday: contacts become known.
const BEFORE: &str = "2026-01-06T08:00:00Z";
/// A Thursday at nine in Berlin: their slot has come.
const NOW: &str = "2026-01-08T08:00:00Z";
const SLOT: &str = "2026-01-08";

async fn world_with(contacts: &[&str]) -> Deployment {
    let deployment = deploy(at(BEFORE)).await;
    for contact in contacts {
        introduce(&deployment, contact).await;
        let shown = engagement(contact, "analytics-checklist", "download", at(BEFORE));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    settle(&deployment).await;
    deployment.world.clock().set(at(NOW));
    deployment
}

/// A world in which SES took a contact's mail, or did not, and the reply was lost.
async fn unknown(fault: Fault) -> Deployment {
    let deployment = world_with(&["ada"]).await;
    deployment.world.faults().inject(Call::SendEmail, fault);
    assert_eq!(send(&silent_sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0);
    assert_eq!(state(&deployment, "ada").await, Some(SlotState::Unknown));
    deployment
}

async fn slot(deployment: &Deployment, contact: &str) -> Option<Slot> {
    deployment.store.get(&keys::slot(&ContactId::from(contact), SLOT)).await.expect("the slot can be read")
}

async fn state(deployment: &Deployment, contact: &str) -> Option<SlotState> {
    slot(deployment, contact).await.map(|slot| slot.state)
}

async fn cadence(deployment: &Deployment, contact: &str) -> Cadence {
    let rows = deployment.store.contact(&ContactId::from(contact)).await.expect("the contact can be read");
    rows.cadence.unwrap_or_default()
}

async fn preferences(deployment: &Deployment, contact: &str) -> Option<Preferences> {
    deployment.store.get(&keys::preferences(&ContactId::from(contact))).await.expect("the store answers")
}

/// Why an address is suppressed, if it is.
async fn suppressed(deployment: &Deployment, contact: &str) -> Option<String> {
    let hash = address_key().hash(&address_of(contact));
    let item = deployment.store.get_item(&keys::suppression(&hash)).await.expect("the store answers")?;
    text(&item, "reason").map(str::to_owned)
}

fn later(seconds: i64) -> Timestamp {
    at(NOW) + SignedDuration::from_secs(seconds)
}

fn of(name: &str, seconds: i64) -> Value {
    mail_event(name, "ada", SLOT, later(seconds))
}

#[tokio::test]
async fn a_mail_of_which_nobody_knew_is_settled_by_whatever_proves_that_ses_took_it() {
    let proofs = ["Send", "Delivery", "DeliveryDelay", "Open", "Click", "Bounce", "Bounce/Transient", "Complaint"];
    for name in proofs {
        let deployment = unknown(Fault::LoseReply).await;
        let recorder = recorder(&deployment).await;
        assert_eq!(record(&recorder, &[of(name, 5)]).await.len(), 0, "{name}");
        let settled = slot(&deployment, "ada").await.expect("the slot is there");
        assert_eq!((settled.state, settled.error), (SlotState::Sent, None), "{name}");
        assert_eq!(settled.message_id.as_deref(), Some("message-ada-2026-01-08"), "{name}");
        let received = cadence(&deployment, "ada").await;
        assert_eq!(received.last_mail_day.map(|day| date_of(day).to_string()).as_deref(), Some(SLOT), "{name}");
        assert_eq!(received.reserved_by, None, "{name}");
        let pieces: Vec<_> = received.progress().into_values().flat_map(|progress| progress.sent).collect();
        assert_eq!(pieces.len(), 1, "{name}: the piece is not sent again");

        let before = state_by_key(&deployment).await;
        assert_eq!(record(&recorder, &[of(name, 5), of(name, 5)]).await.len(), 0, "{name}");
        assert!(state_by_key(&deployment).await == before, "{name}: told again, it changes nothing");
    }
}

#[tokio::test]
async fn a_mail_that_ses_refuses_after_all_is_rejected_and_holds_no_reservation() {
    for name in ["Reject", "Rendering Failure"] {
        let deployment = unknown(Fault::LoseReply).await;
        let recorder = recorder(&deployment).await;
        for events in [vec![of(name, 5)], vec![of(name, 5)], vec![of("Send", 5)]] {
            assert_eq!(record(&recorder, &events).await.len(), 0, "{name}");
            assert_eq!(state(&deployment, "ada").await, Some(SlotState::Rejected), "{name}");
            let received = cadence(&deployment, "ada").await;
            assert_eq!((received.reserved_by, received.last_mail_day), (None, None), "{name}");
        }
    }
}

#[tokio::test]
async fn the_word_of_a_sender_that_may_be_at_work_is_waited_for() {
    let deployment = world_with(&["ada"]).await;
    // The first is the claim.
    let (between, mut at_settlement) =
        Interposer::stuck_at(&deployment.world.endpoints().dynamodb, "TransactWriteItems", 2).await;
    let mut dying = silent_sender(&deployment).await;
    dying.store = store_at(&between.url).await;
    let batch = [due("ada", SLOT)];
    tokio::select! {
        failures = send(&dying, &batch) => panic!("it cannot settle: {failures:?}"),
        reached = at_settlement.recv() => assert_eq!(reached, Some(())),
    }
    let recorder = recorder(&deployment).await;
    let (logs, delivered) = (Logs::capture(), [of("Delivery", 1)]);
    let start = logs.len();
    for (what, seconds, comes_back, expected) in [
        ("at once", 1, true, SlotState::Sending),
        ("shortly before the lease ends", 299, true, SlotState::Sending),
        ("after it", 301, false, SlotState::Sent),
        ("again", 400, false, SlotState::Sent),
    ] {
        deployment.world.clock().set(later(seconds));
        assert_eq!(record(&recorder, &delivered).await.len() == 1, comes_back, "{what}");
        assert_eq!(state(&deployment, "ada").await, Some(expected), "{what}");
    }
    assert_eq!(cadence(&deployment, "ada").await.reserved_by, None);
    // That is no fault, and looks like none.
    let lines = logs.of_this_test(start);
    let said = |level: &str, message: &str| {
        lines.iter().filter(|line| line["level"] == level && line["fields"]["message"] == message).count()
    };
    assert_eq!(said("INFO", "its sender may still be at work: told again later"), 2, "{lines:#?}");
    assert_eq!(said("ERROR", "record failed"), 0, "{lines:#?}");
}

#[tokio::test]
async fn feedback_that_is_quicker_than_the_senders_own_write_waits_a_moment_for_it() {
    let deployment = world_with(&["ada"]).await;
    let (settles, may_settle) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_settlement, goes_on) = (Arc::clone(&settles), Arc::clone(&may_settle));
    let between = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
        let (at_settlement, goes_on) = (Arc::clone(&at_settlement), Arc::clone(&goes_on));
        Box::pin(async move {
            // The first is the claim.
            if number == 2 {
                at_settlement.notify_one();
                goes_on.notified().await;
            }
        })
    })
    .await;
    let mut sender = silent_sender(&deployment).await;
    sender.store = store_at(&between.url).await;
    let sending = tokio::spawn(async move { send(&sender, &[due("ada", SLOT)]).await });
    settles.notified().await;

    // While the recorder waits, the sender settles.
    let (shown, sending) = (deployment.world.clock().clone(), Arc::new(Mutex::new(Some(sending))));
    let mut recorder = recorder(&deployment).await;
    let waits = move |_| -> Waiting {
        let sending = sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        may_settle.notify_one();
        Box::pin(async move {
            let failed = sending.expect("it waits once").await.expect("no panic");
            assert_eq!(failed.len(), 0);
        })
    };
    recorder.clock = Clock::with_wait(move || shown.now(), waits);
    assert_eq!(record(&recorder, &[of("Delivery", 0)]).await.len(), 0, "it does not go back to the queue");
    assert_eq!(state(&deployment, "ada").await, Some(SlotState::Sent));
}

#[tokio::test]
async fn only_sends_that_were_called_unknown_are_counted_as_settled() {
    let deployment = unknown(Fault::LoseReply).await;
    let (recorder, logs) = (recorder(&deployment).await, Logs::capture());
    let start = logs.len();
    // Taken, and then looked into and rejected after all.
    for events in [[of("Send", 5)], [of("Reject", 6)]] {
        assert_eq!(record(&recorder, &events).await.len(), 0);
    }
    assert_eq!(state(&deployment, "ada").await, Some(SlotState::Rejected));
    let counted = crate::alarms::counted(&logs.of_this_test(start));
    assert_eq!(counted, [("UnknownSendsSettled".to_owned(), 1)].into());
}

#[tokio::test]
async fn after_a_bounce_that_may_pass_an_address_is_left_alone_for_longer() {
    let next = "2026-01-15";
    let (sent, waits) = ((SlotState::Sent, None), (SlotState::Silent, Some("mail bounced lately: a longer gap")));
    for (what, events, expected) in [
        ("nothing came back", vec![], sent),
        ("it bounced", vec![of("Bounce/Transient", 60)], waits),
        ("it bounced twice on a day", vec![of("Bounce/Transient", 60), of("Bounce/Transient", 90)], waits),
        ("it bounced, and was delivered", vec![of("Bounce/Transient", 60), of("Delivery", 90)], sent),
    ] {
        let deployment = world_with(&["ada"]).await;
        let more = engagement("ada", "automation-checklist", "download", at(NOW));
        tell(&deployment, "more", &more).await;
        settle(&deployment).await;
        let sender = silent_sender(&deployment).await;
        assert_eq!(send(&sender, &[due("ada", SLOT)]).await.len(), 0, "{what}");
        assert_eq!(record(&recorder(&deployment).await, &events).await.len(), 0, "{what}");

        // The gap is over: another stream has something to say.
        deployment.world.clock().set(at("2026-01-15T08:00:00Z"));
        assert_eq!(send(&sender, &[due("ada", next)]).await.len(), 0, "{what}");
        let slot = async |name: &str| -> Slot {
            let slot = deployment.store.get(&keys::slot(&ContactId::from("ada"), name)).await;
            slot.expect("the store answers").expect("it was decided")
        };
        let decided = slot(next).await;
        assert_eq!((decided.state, decided.reason.as_deref()), expected, "{what}");
        if decided.state == SlotState::Silent {
            let free = at("2026-01-16T08:00:00Z");
            assert_eq!(cadence(&deployment, "ada").await.due_at, Some(free.as_second()), "{what}: a day on top");
            deployment.world.clock().set(free);
            assert_eq!(send(&sender, &[due("ada", "2026-01-16")]).await.len(), 0, "{what}");
            assert_eq!(slot("2026-01-16").await.state, SlotState::Sent, "{what}");
        }
    }
}

#[tokio::test]
async fn what_becomes_of_a_mail_becomes_of_its_contact() {
    let bounced = (true, false, Some("bounced"));
    for (what, events, (marked, opted_out, why)) in [
        ("it is delivered", vec![of("Delivery", 1)], (false, false, None)),
        ("it bounces for good", vec![of("Bounce", 1)], bounced),
        ("it is complained about", vec![of("Complaint", 1)], (false, true, Some("complained"))),
        ("it bounces, and may not again", vec![of("Bounce/Transient", 1)], (false, false, None)),
        ("a bounce of no type we know", vec![of("Bounce/Undetermined", 1)], (false, false, None)),
        (
            "three days in a row",
            vec![of("Bounce/Transient", 1), of("Bounce/Transient", 86_401), of("Bounce/Transient", 3 * 86_400)],
            bounced,
        ),
        (
            "three times on a day",
            vec![of("Bounce/Transient", 1), of("Bounce/Transient", 2), of("Bounce/Transient", 3)],
            (false, false, None),
        ),
        (
            "delivered in between",
            vec![
                of("Bounce/Transient", 1),
                of("Bounce/Transient", 86_401),
                of("Delivery", 86_402),
                of("Bounce/Transient", 3 * 86_400),
            ],
            (false, false, None),
        ),
        ("it is only late", vec![of("DeliveryDelay", 1)], (false, false, None)),
    ] {
        let deployment = world_with(&["ada"]).await;
        assert_eq!(send(&silent_sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0, "{what}");
        let recorder = recorder(&deployment).await;
        for event in events {
            assert_eq!(record(&recorder, std::slice::from_ref(&event)).await.len(), 0, "{what}");
        }
        let check = async |when: &str| {
            let known = preferences(&deployment, "ada").await;
            let bounced_at = known.as_ref().and_then(|known| known.bounced_at);
            let unsubscribed = known.is_some_and(|known| known.unsubscribed);
            let seen = (bounced_at.is_some(), unsubscribed, suppressed(&deployment, "ada").await);
            assert_eq!(seen, (marked, opted_out, why.map(str::to_owned)), "{what}, {when}");
        };
        check("at once").await;
        // What the ledger was told is applied by its consumers, and says the same.
        settle(&deployment).await;
        check("told by the ledger").await;
    }
}

#[tokio::test]
async fn deliveries_opens_and_clicks_are_engagements_with_the_mail() {
    let deployment = world_with(&["ada"]).await;
    assert_eq!(send(&silent_sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0);
    deployment.world.clock().set(later(7_200));
    let recorder = recorder(&deployment).await;
    let events = [of("Delivery", 2), of("Open", 60), of("Click", 3_600), of("Click", 4), of("Delivery", 2)];
    assert_eq!(record(&recorder, &events).await.len(), 0);
    settle(&deployment).await;
    let item = interest(&deployment, "ada", "analytics").await;
    let mut facts: Vec<(String, String, i64)> = item
        .facts
        .iter()
        .filter(|(name, _)| name.asset.as_str() == "analytics-emails")
        .map(|(name, second)| {
            let email = name.email.as_ref().map(ToString::to_string).unwrap_or_default();
            (name.action.to_string(), email, second - at(NOW).as_second())
        })
        .collect();
    facts.sort();
    let email = "analytics-question-first".to_owned();
    let fact = |action: &str, second| (action.to_owned(), email.clone(), second);
    assert_eq!(facts, [fact("click", 4), fact("click", 3_600), fact("delivered", 2), fact("open", 60)]);
    // The click two seconds after the delivery is a machine's.
    let rules = &deployment.playbook.interest;
    let score = perennial_domain::interest::evaluate(rules, &"analytics".into(), &item.facts, later(7_200));
    assert_eq!(score.points, 2 + 1, "the checklist, and the one click of a person");
}

/// Everything that feedback leaves behind, whatever the order: without what says when it was written or what came first.
fn without_times(state: BTreeMap<(String, String), Item>) -> Vec<String> {
    let about =
        |(pk, sk): &(String, String)| !["CADENCE", "PROFILE"].contains(&sk.as_str()) && !pk.starts_with("OUTBOX#");
    let lines = state.into_iter().filter(|(key, _)| about(key)).map(|(key, mut item)| {
        for name in ["settled_at", "rev", "reason", "suppressed_at"] {
            item.remove(name);
        }
        let mut fields: Vec<String> =
            item.into_iter().map(|(name, value)| format!("{name}={:?}", sorted(value))).collect();
        fields.sort();
        format!("{key:?} {fields:?}")
    });
    lines.collect()
}

fn sorted(value: AttributeValue) -> AttributeValue {
    match value {
        AttributeValue::Ss(mut texts) => {
            texts.sort();
            AttributeValue::Ss(texts)
        }
        AttributeValue::Ns(mut numbers) => {
            numbers.sort();
            AttributeValue::Ns(numbers)
        }
        other => other,
    }
}

#[tokio::test]
async fn whatever_the_order_and_however_often_the_end_is_the_same() {
    let mut random = Rng::with_seed(seed());
    let events =
        [of("Send", 0), of("Delivery", 1), of("Open", 30), of("Click", 40), of("Complaint", 50), of("Bounce", 60)];
    let mut ends: Vec<Vec<String>> = Vec::new();
    for _ in 0..12 {
        let deployment = unknown(Fault::LoseReply).await;
        let recorder = recorder(&deployment).await;
        let mut told: Vec<Value> = events.iter().chain(&events).cloned().collect();
        random.shuffle(&mut told);
        assert_eq!(record(&recorder, &told).await.len(), 0);
        ends.push(without_times(state_by_key(&deployment).await));
    }
    assert!(ends[0].iter().any(|line| line.contains("SUPPRESSION")), "{:#?}", ends[0]);
    for end in &ends {
        assert_eq!(*end, ends[0]);
    }
}

#[tokio::test]
async fn feedback_follows_a_merged_contact_and_leaves_an_erased_one_alone() {
    let deployment = world_with(&["ada", "eva"]).await;
    let sender = silent_sender(&deployment).await;
    assert_eq!(send(&sender, &[due("ada", SLOT), due("eva", SLOT)]).await.len(), 0);
    let merge = body("contact.merged", at(NOW), &json!({"from": "ada", "contact": "augusta"}));
    tell(&deployment, "merge", &merge).await;
    settle(&deployment).await;
    let ledger = &recorder(&deployment).await.ledger;
    erasing::erase(&deployment.store, ledger, &address_key(), &"eva".into(), at(NOW)).await.expect("she is erased");
    let recorder = recorder(&deployment).await;
    let events = [
        of("Complaint", 1),
        mail_event("Complaint", "eva", SLOT, later(1)),
        mail_event("Delivery", "eva", SLOT, later(1)),
    ];
    assert_eq!(record(&recorder, &events).await.len(), 0);
    settle(&deployment).await;
    assert!(preferences(&deployment, "augusta").await.is_some_and(|known| known.unsubscribed), "it follows the merge");
    assert!(suppressed(&deployment, "eva").await.is_some(), "her address is left in peace");
    let of_eva = |key: &(String, String)| key.0 == "CONTACT#eva" && key.1 != "POINTER";
    let left: Vec<_> = state_by_key(&deployment).await.into_keys().filter(of_eva).collect();
    assert_eq!(left, [], "nothing comes back of somebody who was erased");
    assert!(ledger_rows(&deployment).await.iter().all(|entry| entry.pk != "CONTACT#eva"));
}

#[tokio::test]
async fn sending_pauses_at_exactly_four_percent_of_exactly_two_hundred() {
    let deployment = world_with(&["ada"]).await;
    let (line, recorder) = (deployment.sending(), recorder(&deployment).await);
    let take = async |count: i64| {
        let granted = line.permits(Line::Nurture, count, at(NOW), later(3_600)).await.expect("the store answers");
        assert!(matches!(granted, Permits::Granted(permits) if permits.len() as i64 == count));
    };
    let bounce = |number: usize| mail_event("Bounce", &format!("gone-{number}"), SLOT, later(1));
    let paused = async || line.known().await.expect("the store answers").paused_for;
    take(199).await;
    let bounces: Vec<Value> = (0..7).map(bounce).collect();
    // Again and again: each counts once.
    for _ in 0..3 {
        assert_eq!(record(&recorder, &bounces).await.len(), 0);
    }
    take(1).await;
    assert_eq!(record(&recorder, &bounces).await.len(), 0);
    let came_back = line.known().await.expect("the store answers").came_back(at(NOW));
    assert_eq!((came_back.sends, came_back.bounces, paused().await), (200, 7, None));
    // What SES did not send since it knew the address counts not.
    let mut listed = bounce(100);
    listed["bounce"]["bounceSubType"] = json!("OnAccountSuppressionList");
    assert_eq!(record(&recorder, &[listed]).await.len(), 0);
    assert_eq!(paused().await, None);
    assert_eq!(record(&recorder, &[bounce(7), bounce(7)]).await.len(), 0);
    assert_eq!(paused().await.as_deref(), Some("bounces"));

    settle(&deployment).await;
    let told = deployment.world.bus_events().expect("the world remembers");
    let told: Vec<&Value> =
        told.iter().map(|event| &event.envelope).filter(|event| event["detail-type"] == "SendingPaused").collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["detail"]["bounces"], 8);

    // Contacts wait, sales does not.
    let sender = silent_sender(&deployment).await;
    assert_eq!(send(&sender, &[due("ada", SLOT)]).await.len(), 0, "nothing goes back to the queue");
    let waits = slot(&deployment, "ada").await.expect("it was decided");
    assert_eq!((waits.state, waits.reason.as_deref()), (SlotState::Waiting, Some("sending is paused")));
    assert!(matches!(line.permits(Line::Sales, 1, at(NOW), later(60)).await, Ok(Permits::Granted(_))));
    assert!(line.resume().await.expect("the store answers"));
    assert!(!line.resume().await.expect("the store answers"), "it was not paused any more");
    assert_eq!(line.known().await.expect("the store answers").came_back(at(NOW)).sends, 0, "it begins anew");
    assert_eq!(send(&sender, &[due("ada", SLOT)]).await.len(), 0);
    assert_eq!(state(&deployment, "ada").await, Some(SlotState::Sent));
}

#[tokio::test]
async fn one_complaint_in_1250_mails_pauses_sending_and_one_in_1251_does_not() {
    for (sends, expected) in [(1_250, Some("complaints".to_owned())), (1_251, None)] {
        let deployment = deploy(at(NOW)).await;
        let (line, recorder) = (deployment.sending(), recorder(&deployment).await);
        let granted = line.permits(Line::Nurture, sends, at(NOW), later(3_600)).await.expect("the store answers");
        assert!(matches!(granted, Permits::Granted(permits) if permits.len() as i64 == sends));
        assert_eq!(record(&recorder, &[of("Complaint", 1)]).await.len(), 0);
        assert_eq!(line.known().await.expect("the store answers").paused_for, expected, "{sends}");
    }
}

#[tokio::test]
async fn what_nobody_can_read_goes_to_the_dead_letters_and_holds_nothing_up() {
    let deployment = world_with(&["ada"]).await;
    let recorder = recorder(&deployment).await;
    let failed = record(&recorder, &[json!({"eventType": "Levitation"}), of("Bounce", 1), json!("hello")]).await;
    assert_eq!(failed, ["0", "2"]);
    assert_eq!(suppressed(&deployment, "ada").await.as_deref(), Some("bounced"));
}

#[tokio::test]
async fn in_a_world_mail_comes_back_by_itself_as_the_template_wires_it() {
    let deployment = deploy(at(BEFORE)).await;
    let contacts = ["ada", "bounce+ben", "complaint+cleo", "soft+dora", "reject+emil"];
    for contact in contacts {
        introduce(&deployment, contact).await;
        let shown = engagement(contact, "analytics-checklist", "download", at(BEFORE));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    deployment.world.advance_to(at("2026-01-08T12:00:00Z"), |_| {}).await.expect("the world goes on");
    assert_eq!(deployment.world.dead_letters().expect("the world remembers"), []);
    let mut mails = deployment.world.mails().expect("the world remembers");
    mails.retain(|mail| mail.tags.contains(&("kind".to_owned(), "nurture".to_owned())));
    assert_eq!(mails.len(), contacts.len(), "everybody was written to once");
    let mut seen = BTreeMap::new();
    for contact in contacts {
        let known = preferences(&deployment, contact).await;
        let opted_out = known.is_some_and(|known| known.unsubscribed);
        seen.insert(contact, (suppressed(&deployment, contact).await, opted_out));
    }
    let why = |reason: &str| Some(reason.to_owned());
    assert_eq!(seen["ada"], (None, false));
    assert_eq!(seen["bounce+ben"], (why("bounced"), false));
    assert_eq!(seen["complaint+cleo"], (why("complained"), true));
    assert_eq!(seen["soft+dora"], (None, false));
    assert_eq!(seen["reject+emil"], (None, false));
    let delivered = interest(&deployment, "ada", "analytics").await;
    assert!(delivered.facts.names().any(|name| name.action.as_str() == "delivered"));
}

#[tokio::test]
async fn whom_ses_does_not_write_to_is_not_written_to_here_and_nobody_is_taken_off_a_list() {
    let deployment = world_with(&["ada", "ben"]).await;
    let recorder = recorder(&deployment).await;
    deployment.world.set_suppressed(&address_of("ada"), "COMPLAINT");
    assert_eq!(record(&recorder, &[mail_event("Bounce", "ben", SLOT, later(1))]).await.len(), 0);
    let tick = json!({"job": "reconcile", "scheduled_at": NOW});
    for _ in 0..2 {
        let tick: Trigger = serde_json::from_value(tick.clone()).expect("a tick");
        recorder.handle(tick).await.expect("it is reconciled");
        assert_eq!(suppressed(&deployment, "ada").await.as_deref(), Some("complained"));
        assert_eq!(suppressed(&deployment, "ben").await.as_deref(), Some("bounced"), "SES does not know of it");
    }
    assert_eq!(deployment.sending().reconciled_at().await.expect("the store answers"), Some(at(NOW)));
}

/// Runs the daily reconciliation for this instant.
async fn reconcile(recorder: &RecordEmailFeedback, scheduled_at: Timestamp) -> Result<(), Failure> {
    let tick = json!({"job": "reconcile", "scheduled_at": scheduled_at});
    recorder.handle(serde_json::from_value(tick).expect("a tick")).await.map(drop)
}

async fn suppressed_addresses(deployment: &Deployment) -> usize {
    state_by_key(deployment).await.into_keys().filter(|(_, sk)| sk == "SUPPRESSION").count()
}

#[tokio::test]
async fn a_long_list_that_breaks_off_goes_on_where_it_was() {
    const LISTED: usize = 1_200;
    let deployment = deploy(at(NOW)).await;
    for number in 0..LISTED {
        deployment.world.set_suppressed(&format!("gone-{number}@example.com"), "BOUNCE");
    }
    // A page holds a thousand: the second one is begun, and then the time is over.
    let (between, mut in_the_second) =
        Interposer::stuck_at(&deployment.world.endpoints().dynamodb, "UpdateItem", 1_050).await;
    let mut dying = recorder(&deployment).await;
    dying.store = store_at(&between.url).await;
    dying.sending.store = dying.store.clone();
    tokio::select! {
        done = reconcile(&dying, at(NOW)) => panic!("it cannot be done: {done:?}"),
        reached = in_the_second.recv() => assert_eq!(reached, Some(())),
    }
    let taken = suppressed_addresses(&deployment).await;
    assert!((1_000..LISTED).contains(&taken), "{taken}");
    assert_eq!(deployment.sending().reconciled_at().await.expect("the store answers"), None);

    let writes = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&writes);
    let between = Interposer::before(&deployment.world.endpoints().dynamodb, "UpdateItem", move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    })
    .await;
    let mut next = recorder(&deployment).await;
    next.store = store_at(&between.url).await;
    reconcile(&next, later(86_400)).await.expect("it is done");
    assert_eq!(suppressed_addresses(&deployment).await, LISTED);
    let writes = writes.load(Ordering::SeqCst);
    assert!((200..=210).contains(&writes), "{writes} writes: the first page is not taken over again");
    // What came while the first run was reading is asked for by the run after: it finished for when it began.
    assert_eq!(deployment.sending().reconciled_at().await.expect("the store answers"), Some(at(NOW)));
}

#[tokio::test]
async fn a_run_whose_place_ses_has_forgotten_begins_anew() {
    let deployment = deploy(at(NOW)).await;
    deployment.world.set_suppressed(&address_of("ada"), "BOUNCE");
    let recorder = recorder(&deployment).await;
    let run = Run { began_at: at(NOW), from: None, token: Some("of long ago".to_owned()) };
    recorder.sending.set_under_way(&run).await.expect("the store answers");
    assert!(reconcile(&recorder, later(60)).await.is_err(), "its trigger repeats it");
    reconcile(&recorder, later(60)).await.expect("it is done");
    assert!(suppressed(&deployment, "ada").await.is_some());
}

#[tokio::test]
async fn a_run_asks_for_what_is_new_and_for_a_day_before() {
    let deployment = deploy(at(NOW)).await;
    let recorder = recorder(&deployment).await;
    deployment.world.set_suppressed(&address_of("ada"), "BOUNCE");
    // As if that run had been for tomorrow: what is listed now lies within the day before it.
    reconcile(&recorder, later(86_400 - 60)).await.expect("it is done");
    assert_eq!(suppressed_addresses(&deployment).await, 1);
    deployment.world.clock().set(later(3_600));
    deployment.world.set_suppressed(&address_of("ben"), "BOUNCE");
    reconcile(&recorder, later(86_400 + 7_200)).await.expect("it is done");
    assert!(suppressed(&deployment, "ben").await.is_some(), "it came within the day before");
    deployment.world.set_suppressed(&address_of("cleo"), "BOUNCE");
    reconcile(&recorder, later(2 * 86_400)).await.expect("it is done");
    assert_eq!(suppressed(&deployment, "cleo").await, None, "what is older was taken over long ago");
}
