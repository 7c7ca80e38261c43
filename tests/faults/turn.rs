//! A batch's turn in the line: what a slow mail, one to sales, or one of which nobody knows anything means for the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_domain::sending::{Line, spacing_us};
use perennial_local::{Call, Fault};
use perennial_platform::mail::Mailer;
use perennial_platform::records::SlotState;
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::mailing::{due, send, silent_sender};
use perennial_tests::{at, engagement, playbook, playbook_with, sdk_config, settle, store_at, tell};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::alarms::counted;
use crate::line::{NOW, SLOT, VirtualTime, sender, ses, slot, world_with};
use crate::private::Logs;

fn contacts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("contact-{number}")).collect()
}

/// State and reason of each one's slot.
async fn standing(deployment: &Deployment, contacts: &[String]) -> Vec<(SlotState, Option<String>)> {
    let mut all = Vec::new();
    for contact in contacts {
        let slot = slot(deployment, contact).await.expect("it was decided");
        all.push((slot.state, slot.reason));
    }
    all
}

/// A reminder of a lead that nobody has touched, which the line's own world has.
async fn reminder(deployment: &Deployment) -> Value {
    tell(deployment, "asks", &engagement("first", "analytics-pricing", "request", at(NOW))).await;
    settle(deployment).await;
    let rows = deployment.store.contact(&ContactId::from("first")).await.expect("the contact can be read");
    let lead = rows.leads.first().expect("a lead");
    let quarter = lead.quarter().expect("a quarter").to_string();
    json!({"detail-type": "SlaEscalated",
           "detail": {"contact": "first", "product": "analytics", "quarter": quarter, "rung": 0}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_has_kept_a_batch_waiting_makes_no_burst() {
    for (what, slow, sales_at) in [
        ("the first takes eight seconds", vec![8_000], None),
        ("each takes a while", vec![150; 20], None),
        ("one to sales among them", vec![], Some(1)),
        ("both", vec![300, 2_000, 0, 500], Some(4)),
    ] {
        let contacts = contacts(9);
        let deployment = world_with(&contacts, playbook()).await;
        let mut batch: Vec<Value> = contacts.iter().map(|contact| due(contact, SLOT)).collect();
        if let Some(place) = sales_at {
            batch.insert(place, reminder(&deployment).await);
        }
        let started = deployment.sending().known().await.expect("the store answers").sent(at(NOW)).within_a_day;
        let time = VirtualTime::new(deployment.world.clock().clone());
        let (url, counted) = ses(&time, 0).await;
        counted.slow.lock().unwrap().extend(slow.into_iter().map(SignedDuration::from_millis));
        let sender = sender(&deployment, &url, time.clock()).await;
        time.begin();
        assert_eq!(send(&sender, &batch).await.len(), 0, "{what}");
        time.end();
        let times: Vec<i64> = counted.requests.lock().unwrap().iter().map(|(at, ..)| at.as_microsecond()).collect();
        assert_eq!(times.len(), batch.len(), "{what}");
        let closest = times.windows(2).map(|two| two[1] - two[0]).min().unwrap_or_default();
        assert!(closest >= spacing_us(14), "{what}: two requests within {closest} µs");
        let known = deployment.sending().known().await.expect("the store answers");
        let now = deployment.world.clock().now();
        assert_eq!(known.sent(now).within_a_day - started, times.len() as i64, "{what}: each is counted once");
    }
}

#[tokio::test]
async fn after_a_mail_without_an_answer_nobody_else_is_written_to_within_the_hour() {
    let contacts = contacts(3);
    let deployment = world_with(&contacts, playbook()).await;
    let mut batch: Vec<Value> = contacts.iter().map(|contact| due(contact, SLOT)).collect();
    batch.push(reminder(&deployment).await);
    let before = deployment.world.mails().expect("the world remembers").len();
    let sender = silent_sender(&deployment).await;
    deployment.world.faults().pass(Call::SendEmail);
    deployment.world.faults().inject(Call::SendEmail, Fault::LoseReply);
    assert_eq!(send(&sender, &batch).await.len(), 0, "mail to sales is put off");
    let waits = (SlotState::Waiting, Some("SES does not answer".to_owned()));
    let states = standing(&deployment, &contacts).await;
    assert_eq!(states, [(SlotState::Sent, None), (SlotState::Unknown, None), waits]);
    assert_eq!(deployment.world.mails().expect("the world remembers").len() - before, 2);

    deployment.world.clock().set(at(NOW) + SignedDuration::from_hours(1));
    assert_eq!(send(&sender, &batch).await.len(), 0);
    let states: Vec<SlotState> = standing(&deployment, &contacts).await.into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [SlotState::Sent, SlotState::Unknown, SlotState::Sent]);
    assert_eq!(deployment.world.mails().expect("the world remembers").len() - before, 4);
}

#[tokio::test]
async fn where_ses_cannot_be_connected_to_nothing_was_asked_and_nothing_is_unknown() {
    let contacts = contacts(3);
    let deployment = world_with(&contacts, playbook()).await;
    let batch: Vec<Value> = contacts.iter().map(|contact| due(contact, SLOT)).collect();
    let sound = silent_sender(&deployment).await;
    // A port at which nobody listens any more.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let nowhere = format!("http://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    let mut sender = silent_sender(&deployment).await;
    sender.mailer = Mailer::new(&sdk_config(&nowhere).await, &deployment.playbook.company.sender, None);
    assert_eq!(send(&sender, &batch).await.len(), 0, "nothing goes back to the queue");
    let first = (SlotState::Waiting, Some("SES takes nothing from the account: not reached".to_owned()));
    assert_eq!(standing(&deployment, &contacts).await, vec![first; 3]);
    let known = deployment.sending().known().await.expect("the store answers");
    assert_eq!(known.sent(at(NOW)).within_a_day, 0, "nothing was sent");

    deployment.world.clock().set(at(NOW) + SignedDuration::from_hours(1));
    assert_eq!(send(&sound, &batch).await.len(), 0);
    assert_eq!(standing(&deployment, &contacts).await, vec![(SlotState::Sent, None); 3]);
}

#[tokio::test]
async fn mail_to_sales_without_a_permit_holds_no_contact_up() {
    let small = playbook_with(|text| text.replace("daily_quota = 50_000", "daily_quota = 100"));
    let contacts = contacts(2);
    let deployment = world_with(&contacts, small).await;
    let mut batch = vec![reminder(&deployment).await];
    batch.extend(contacts.iter().map(|contact| due(contact, SLOT)));
    // Of the quota that is read for sales nothing is left, and then somebody gives permits back that they have not used.
    let line = deployment.sending();
    let until = at(NOW) + SignedDuration::from_mins(10);
    line.permits(Line::Sales, 1_000, at(NOW), until).await.expect("the store answers");
    let give_back = line.clone();
    let asked = Arc::new(AtomicUsize::new(0));
    let before: Before = Arc::new(move |operation, request: Value| {
        let (give_back, asked) = (give_back.clone(), Arc::clone(&asked));
        Box::pin(async move {
            let of_the_line = operation == "GetItem" && request["Key"]["PK"]["S"] == "SENDING";
            if of_the_line && asked.fetch_add(1, Ordering::SeqCst) == 1 {
                give_back.unused(50, at(NOW)).await.expect("the store answers");
            }
            request
        })
    });
    let between = Interposer::start(&deployment.world.endpoints().dynamodb, before, Arc::new(|_, _, _| {})).await;
    let mut sender = silent_sender(&deployment).await;
    sender.sending.store = store_at(&between.url).await;
    assert_eq!(send(&sender, &batch).await.len(), 0, "it is put off");
    assert_eq!(standing(&deployment, &contacts).await, vec![(SlotState::Sent, None); 2]);
}

#[tokio::test]
async fn mail_to_sales_over_the_quota_is_put_off_for_as_long_as_it_takes_and_given_up_by_no_queue() {
    let small = playbook_with(|text| text.replace("daily_quota = 50_000", "daily_quota = 100"));
    let deployment = world_with(&[], small).await;
    let reminder = reminder(&deployment).await;
    let to_sales = || {
        let mails = deployment.world.mails().expect("the world remembers");
        mails.iter().filter(|mail| mail.subject.contains("reminder")).count()
    };
    let (line, until) = (deployment.sending(), at(NOW) + SignedDuration::from_mins(10));
    line.permits(Line::Sales, 1_000, at(NOW), until).await.expect("the store answers");
    let logs = Logs::capture();
    let mut seen = logs.len();
    assert_eq!(send(&silent_sender(&deployment).await, &[reminder]).await.len(), 0);
    // Each quarter of an hour it is tried and counted, so that an alarm can tell an hour of it from a moment.
    for (hours, expected, put_off) in [(2, 0, 9), (23, 0, 84), (26, 1, 7)] {
        let now = at(NOW) + SignedDuration::from_hours(hours);
        deployment.world.advance_to(now, |_| {}).await.expect("the world goes on");
        assert_eq!(to_sales(), expected, "after {hours} hours");
        assert_eq!(counted(&logs.of_this_test(seen)), [("SalesMailsPutOff".to_owned(), put_off)].into(), "{hours}");
        seen = logs.len();
        assert_eq!(deployment.world.dead_letters().expect("the world remembers"), []);
    }
}

#[tokio::test]
async fn a_mail_that_ses_took_is_counted_also_where_that_could_not_be_recorded() {
    let contacts = contacts(1);
    let deployment = world_with(&contacts, playbook()).await;
    let transactions = Arc::new(AtomicUsize::new(0));
    let before: Before = Arc::new(move |operation, mut request: Value| {
        // The first is the claim; the settlement is not understood.
        if operation == "TransactWriteItems" && transactions.fetch_add(1, Ordering::SeqCst) == 1 {
            request["TransactItems"] = json!([]);
        }
        Box::pin(async move { request })
    });
    let between = Interposer::start(&deployment.world.endpoints().dynamodb, before, Arc::new(|_, _, _| {})).await;
    let mut sender = silent_sender(&deployment).await;
    sender.store = store_at(&between.url).await;
    assert_eq!(send(&sender, &[due(&contacts[0], SLOT)]).await, ["0"]);
    assert_eq!(deployment.world.mails().expect("the world remembers").len(), 1);
    let known = deployment.sending().known().await.expect("the store answers");
    assert_eq!(known.sent(at(NOW)).within_a_day, 1, "SES counts it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn permits_that_were_not_used_are_given_back_to_the_hour_in_which_they_were_taken() {
    let contacts = contacts(3);
    let deployment = world_with(&contacts, playbook()).await;
    deployment.world.clock().set(at("2026-01-08T08:59:59.8Z"));
    let time = VirtualTime::new(deployment.world.clock().clone());
    let (url, counted) = ses(&time, 100).await;
    let sender = sender(&deployment, &url, time.clock()).await;
    let batch: Vec<Value> = contacts.iter().map(|contact| due(contact, SLOT)).collect();
    time.begin();
    assert_eq!(send(&sender, &batch).await.len(), 3);
    time.end();
    let now = deployment.world.clock().now();
    let requests = counted.requests.lock().unwrap().clone();
    let hour = at("2026-01-08T09:00:00Z");
    let early = requests.iter().filter(|(at, ..)| *at < hour).count();
    assert_eq!(requests.len(), 12, "each in four rounds");
    assert!(early > 0 && early < 6 && now >= hour, "{early} in the first hour");
    let known = deployment.sending().known().await.expect("the store answers");
    assert_eq!(known.sent(now).within_a_day, 0, "SES took none");
}
