//! Mail and what becomes of it: senders, recorders of feedback, and the events that SES would tell.

use jiff::Timestamp;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_platform::ledger::Ledger;
use perennial_platform::links::Links;
use perennial_platform::mail::suppression_list::SuppressionList;
use perennial_platform::mail::{Mailer, Recipients, tags};
use perennial_platform::queue::Queue;
use record_email_feedback::{RecordEmailFeedback, Trigger};
use send_nurture_email::SendNurtureEmail;
use serde_json::{Value, json};

use crate::{PUBLIC_URL, address_of, clock, queue_event, sdk_config, store_at};

/// A sender whose mails make no events: what becomes of them is told by the test.
pub async fn silent_sender(deployment: &Deployment) -> SendNurtureEmail {
    let services = sdk_config(&deployment.world.endpoints().aws).await;
    SendNurtureEmail {
        store: store_at(&deployment.world.endpoints().dynamodb).await,
        mailer: Mailer::new(&services, &deployment.playbook.company.sender, None),
        links: Links::new("the local world's link key", PUBLIC_URL),
        address_key: address_key(),
        sending: deployment.sending(),
        queue: Queue::new(&services, deployment.world.queue_url("MailQueue")),
        recipients: Recipients::Anyone,
        desk_url: None,
        playbook: deployment.playbook.clone(),
        clock: clock(deployment),
    }
}

/// The message that a contact's slot has come.
pub fn due(contact: &str, slot: &str) -> Value {
    json!({"detail-type": "NurtureDue", "detail": {"contact": contact, "slot": slot}})
}

/// Handles these messages; the positions of those that come back.
///
/// # Panics
/// If the batch fails as a whole.
pub async fn send(sender: &SendNurtureEmail, messages: &[Value]) -> Vec<String> {
    let batch = serde_json::from_value(queue_event(messages)).expect("an event of SQS");
    let answer = sender.handle(batch).await.expect("a batch never fails");
    answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

/// A recorder of feedback.
pub async fn recorder(deployment: &Deployment) -> RecordEmailFeedback {
    let services = sdk_config(&deployment.world.endpoints().aws).await;
    RecordEmailFeedback {
        store: deployment.store.clone(),
        ledger: Ledger::new(&sdk_config(&deployment.world.endpoints().dynamodb).await, &deployment.ledger_table),
        sending: deployment.sending(),
        suppression_list: SuppressionList::new(&services),
        address_key: address_key(),
        playbook: deployment.playbook.clone(),
        clock: clock(deployment),
    }
}

/// Records these events; the positions of those that come back.
///
/// # Panics
/// If the batch fails as a whole.
pub async fn record(recorder: &RecordEmailFeedback, events: &[Value]) -> Vec<String> {
    let batch = serde_json::from_value(queue_event(events)).expect("an event of SQS");
    let answer = recorder.handle(Trigger::Queue(batch)).await.expect("a batch never fails");
    answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

/// What SES tells of the mail of a contact's slot, by the name of its event; `bounce` is `Permanent` unless another type is
/// given behind a slash, as `Bounce/Transient`.
pub fn mail_event(name: &str, contact: &str, slot: &str, at: Timestamp) -> Value {
    let address = address_of(contact);
    let (name, of_type) = name.split_once('/').unwrap_or((name, "Permanent"));
    let about = tags::of_piece(
        &address_key(),
        &ContactId::from(contact),
        slot,
        &"discover-analytics".into(),
        &"analytics-question-first".into(),
    );
    let tags: serde_json::Map<String, Value> =
        about.into_iter().map(|(name, value)| (name.to_owned(), json!([value]))).collect();
    let named = json!([{"emailAddress": address}]);
    let (field, object) = match name {
        "Delivery" => ("delivery", json!({"timestamp": at, "recipients": [address]})),
        "Bounce" => {
            let object = json!({"timestamp": at, "bounceType": of_type, "bounceSubType": "General",
                                "bouncedRecipients": named});
            ("bounce", object)
        }
        "Complaint" => ("complaint", json!({"timestamp": at, "complainedRecipients": named})),
        "DeliveryDelay" => ("deliveryDelay", json!({"timestamp": at, "delayedRecipients": named})),
        "Open" => ("open", json!({"timestamp": at})),
        "Click" => ("click", json!({"timestamp": at})),
        "Reject" => ("reject", json!({"reason": "Bad content"})),
        "Rendering Failure" => ("failure", json!({"templateName": "none"})),
        _ => ("send", json!({})),
    };
    json!({
        "eventType": name,
        "mail": {"timestamp": at, "messageId": format!("message-{contact}-{slot}"), "destination": [address], "tags": tags},
        field: object,
    })
}
