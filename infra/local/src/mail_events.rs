//! What SES tells of the mails it took: the template's event destinations, topics and subscriptions, and the events.
//!
//! Owns the way from a configuration set to a queue, and what becomes of a mail here: it is taken and delivered at once, unless
//! the recipient's name says otherwise, as the names of SES's mailbox simulator do. It never delivers an event to a function.

use std::collections::BTreeSet;

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use crate::acceptance::new_message;
use crate::records::Mail;
use crate::store::{StoreError, Write};
use crate::template::{Named, TemplateError, logical_id};
use crate::world::Core;

/// A queue that is told of the mails of a configuration set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailEvents {
    /// The configuration set.
    pub configuration_set: String,
    /// Which kinds of events, as the template names them.
    pub kinds: BTreeSet<String>,
    /// The queue.
    pub queue: String,
    /// Whether events come without SNS's envelope.
    pub raw: bool,
}

/// A destination of a configuration set's events.
struct Destination {
    configuration_set: String,
    kinds: BTreeSet<String>,
    topic: String,
}

/// The subscription of a queue to a topic.
struct Subscription {
    topic: String,
    queue: String,
    raw: bool,
}

/// Destinations and subscriptions, as they are found.
#[derive(Default)]
pub(crate) struct Found {
    destinations: Vec<Destination>,
    subscriptions: Vec<Subscription>,
}

impl Found {
    pub(crate) fn destination(&mut self, named: &Named<'_>) -> Result<(), TemplateError> {
        let destination = &named.properties["EventDestination"];
        if destination["Enabled"] == false {
            return Ok(());
        }
        let topic = logical_id(&destination["SnsDestination"]["TopicARN"]);
        let topic = topic.ok_or_else(|| named.error("only an `SnsDestination` is implemented here"))?;
        let kinds = destination["MatchingEventTypes"].as_array().into_iter().flatten();
        self.destinations.push(Destination {
            configuration_set: named.text("ConfigurationSetName")?.to_owned(),
            kinds: kinds.filter_map(Value::as_str).map(str::to_owned).collect(),
            topic: topic.to_owned(),
        });
        Ok(())
    }

    pub(crate) fn subscription(&mut self, named: &Named<'_>) -> Result<(), TemplateError> {
        let queue = named.queue(&named.properties["Endpoint"])?;
        if !named.properties["FilterPolicy"].is_null() {
            return Err(named.error("filter policies are not implemented here"));
        }
        let topic = logical_id(&named.properties["TopicArn"]).unwrap_or_default().to_owned();
        let queue = queue.ok_or_else(|| named.error("`Endpoint` is missing"))?;
        self.subscriptions.push(Subscription { topic, queue, raw: named.properties["RawMessageDelivery"] == true });
        Ok(())
    }

    /// Each destination with the queues behind its topic.
    pub(crate) fn joined(self) -> Vec<MailEvents> {
        let queues = |destination: &Destination| {
            let subscribed = self.subscriptions.iter().filter(|subscription| subscription.topic == destination.topic);
            let joined = subscribed.map(|subscription| MailEvents {
                configuration_set: destination.configuration_set.clone(),
                kinds: destination.kinds.clone(),
                queue: subscription.queue.clone(),
                raw: subscription.raw,
            });
            joined.collect::<Vec<_>>()
        };
        self.destinations.iter().flat_map(queues).collect()
    }
}

/// The writes that tell of a mail which was just taken.
pub(crate) fn told(core: &Core, mail: &Mail) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    for events in
        core.wiring.mail_events.iter().filter(|it| mail.configuration_set.as_ref() == Some(&it.configuration_set))
    {
        for (kind, event) in events_of(mail) {
            if events.kinds.contains(kind) {
                let body = if events.raw { event.to_string() } else { enveloped(&event, mail.at) };
                writes.push(new_message(core, &events.queue, &body, json!({}), mail.at)?.0);
            }
        }
    }
    Ok(writes)
}

/// As SNS wraps what it delivers without raw delivery.
fn enveloped(event: &Value, at: Timestamp) -> String {
    json!({
        "Type": "Notification",
        "MessageId": "00000000-0000-4000-8000-000000000000",
        "TopicArn": format!("arn:aws:sns:{}:{}:topic", crate::REGION, crate::ACCOUNT),
        "Message": event.to_string(),
        "Timestamp": moment(at),
    })
    .to_string()
}

fn moment(at: Timestamp) -> String {
    at.round(Unit::Millisecond).unwrap_or(at).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// What becomes of a mail: by kinds, as the template names them.
fn events_of(mail: &Mail) -> Vec<(&'static str, Value)> {
    let recipient = mail.to.first().map(String::as_str).unwrap_or_default();
    let local = recipient.split('@').next().unwrap_or_default();
    // As the simulator takes labels: bounce+anything@….
    let outcome = local.split('+').next().unwrap_or_default();
    let at = moment(mail.at);
    let event = |name: &str, field: &str, object: Value| {
        let tags = mail.tags.iter().map(|(name, value)| (name.clone(), json!([value])));
        json!({
            "eventType": name,
            "mail": {
                "timestamp": at,
                "messageId": mail.id,
                "source": mail.from,
                "sendingAccountId": crate::ACCOUNT,
                "destination": mail.to,
                "headersTruncated": false,
                "tags": tags.collect::<serde_json::Map<_, _>>(),
            },
            field: object,
        })
    };
    let delivered = || {
        let object = json!({"timestamp": at, "processingTimeMillis": 0, "recipients": mail.to, "smtpResponse": "250 ok",
                            "reportingMTA": "local"});
        ("delivery", event("Delivery", "delivery", object))
    };
    let bounced = |kind: &str, sub: &str, status: &str| {
        let recipients = json!([{"emailAddress": recipient, "action": "failed", "status": status}]);
        let object = json!({"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": recipients, "timestamp": at,
                            "feedbackId": mail.id});
        ("bounce", event("Bounce", "bounce", object))
    };
    let mut events = vec![("send", event("Send", "send", json!({})))];
    match outcome {
        "bounce" => events.push(bounced("Permanent", "General", "5.1.1")),
        "suppressionlist" => events.push(bounced("Permanent", "OnAccountSuppressionList", "5.1.1")),
        "soft" => events.push(bounced("Transient", "MailboxFull", "4.2.2")),
        "ooto" => events.extend([delivered(), bounced("Transient", "General", "4.0.0")]),
        "complaint" => {
            let object = json!({"complainedRecipients": [{"emailAddress": recipient}], "timestamp": at,
                                "feedbackId": mail.id, "complaintSubType": null, "complaintFeedbackType": "abuse"});
            events.extend([delivered(), ("complaint", event("Complaint", "complaint", object))]);
        }
        "reject" => events.push(("reject", event("Reject", "reject", json!({"reason": "Bad content"})))),
        _ => events.push(delivered()),
    }
    events
}
