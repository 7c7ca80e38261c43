//! What Amazon SES tells of a mail that it took: its event as JSON, by way of SNS and SQS, with or without SNS's envelope.
//!
//! Source: "Contents of event data that Amazon SES publishes to Amazon SNS" in its developer guide. Fields that nothing is decided
//! on are not read. Recipients are addresses: nothing here shows them.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::failure::Failure;
use crate::mail::tags::About;

/// What SES sends once when a topic becomes an event destination. It tells nothing.
const GREETING: &str = "Successfully validated SNS topic";
/// The bounce of a message that SES did not send, since the address is on the account's own suppression list.
const LISTED: &str = "OnAccountSuppressionList";

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// SES took it.
    Sent,
    /// The recipient's server took it.
    Delivered,
    /// It bounced for good.
    Bounced {
        /// SES knew that it would, and did not send it: its own list has the address.
        listed: bool,
    },
    /// It bounced for a reason that may pass.
    BouncedSoftly,
    /// The recipient called it spam.
    Complained {
        /// The recipient had done so before, and SES did not send it.
        listed: bool,
    },
    /// The recipient called it no spam after all.
    CalledNoSpam,
    /// It was opened, by somebody or something.
    Opened,
    /// A link in it was followed, by somebody or something.
    Clicked,
    /// SES took it and then found something in it that it does not send.
    Rejected,
    /// SES could not make it from its template.
    NotRendered,
    /// The recipient's server has not taken it yet.
    Delayed,
    /// The recipient chose something on SES's own page, which we do not use.
    Subscribed,
}

impl Happened {
    /// The name in identities and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "send",
            Self::Delivered => "delivery",
            Self::Bounced { .. } => "bounce",
            Self::BouncedSoftly => "soft-bounce",
            Self::Complained { .. } => "complaint",
            Self::CalledNoSpam => "no-spam",
            Self::Opened => "open",
            Self::Clicked => "click",
            Self::Rejected => "reject",
            Self::NotRendered => "rendering-failure",
            Self::Delayed => "delay",
            Self::Subscribed => "subscription",
        }
    }
}

/// An address in an event. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(String);

impl Recipient {
    /// The address in `Name <address>`, or in an address.
    pub(crate) fn new(recipient: &str) -> Option<Self> {
        let inner = recipient.rsplit_once('<').map_or(recipient, |(_, inner)| inner.trim_end().trim_end_matches('>'));
        Some(inner.trim()).filter(|address| !address.is_empty()).map(|address| Self(address.to_owned()))
    }

    /// The address, to be hashed.
    pub fn address(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient(…)")
    }
}

/// One event of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailEvent {
    /// What happened.
    pub happened: Happened,
    /// When.
    pub at: Timestamp,
    /// SES's id of the message.
    pub message_id: String,
    /// To whom of its recipients.
    pub recipients: Vec<Recipient>,
    /// What the message was about.
    pub about: About,
}

impl MailEvent {
    /// What makes it this event, for one recipient by the keyed hash of the address: however often it is told, it is one.
    pub fn identity(&self, address_hash: &str) -> String {
        format!("{}#{}#{address_hash}#{}", self.message_id, self.happened.as_str(), self.at.as_millisecond())
    }
}

/// Reads a message of the queue; nothing if it is SES's greeting.
///
/// # Errors
/// [`Failure::Poison`] if it is no event that we know; the reason does not repeat it.
pub fn read(body: &str) -> Result<Option<MailEvent>, Failure> {
    if body.trim_start().starts_with(GREETING) {
        return Ok(None);
    }
    let envelope: Envelope = serde_json::from_str(body).map_err(|_| unknown("not JSON of a shape we know"))?;
    match (envelope.kind.as_deref(), envelope.message) {
        (Some("Notification"), Some(message)) if message.trim_start().starts_with(GREETING) => Ok(None),
        (Some("Notification"), Some(message)) => event(&message).map(Some),
        (None, _) => event(body).map(Some),
        _ => Err(unknown("not a notification")),
    }
}

fn unknown(reason: &'static str) -> Failure {
    Failure::shape("mail event", reason)
}

fn event(json: &str) -> Result<MailEvent, Failure> {
    let told: Told = serde_json::from_str(json).map_err(|_| unknown("not JSON of a shape we know"))?;
    let (happened, at, recipients) = told.what()?;
    let tags = &told.mail.tags;
    let about = About::read(|name| tags.get(name).and_then(|values| values.first()).map(String::as_str));
    // Who complains is often left out; each of our messages has one recipient.
    let recipients = if recipients.is_empty() { told.mail.destination } else { recipients };
    let recipients: Vec<Recipient> = recipients.iter().filter_map(|recipient| Recipient::new(recipient)).collect();
    if recipients.is_empty() {
        return Err(unknown("an event of a message without recipients"));
    }
    Ok(MailEvent { happened, at, message_id: told.mail.message_id, recipients, about })
}

/// SNS's envelope, if there is one; an event has neither field.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// Of notifications that an identity sends without a configuration set it is called otherwise.
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    delivery: Option<Delivery>,
    open: Option<Moment>,
    click: Option<Moment>,
    delivery_delay: Option<Delay>,
    subscription: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    timestamp: Timestamp,
    message_id: String,
    #[serde(default)]
    destination: Vec<String>,
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    bounce_sub_type: Option<String>,
    #[serde(default)]
    bounced_recipients: Vec<Named>,
    timestamp: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    #[serde(default)]
    complained_recipients: Vec<Named>,
    timestamp: Timestamp,
    complaint_sub_type: Option<String>,
    complaint_feedback_type: Option<String>,
}

#[derive(Deserialize)]
struct Delivery {
    timestamp: Timestamp,
    #[serde(default)]
    recipients: Vec<String>,
}

#[derive(Deserialize)]
struct Moment {
    timestamp: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    timestamp: Timestamp,
    #[serde(default)]
    delayed_recipients: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    email_address: String,
}

type What = (Happened, Timestamp, Vec<String>);

impl Told {
    fn what(&self) -> Result<What, Failure> {
        let whole = |happened| Ok((happened, self.mail.timestamp, self.mail.destination.clone()));
        let moment = |happened, moment: &Option<Moment>| {
            let moment = moment.as_ref().ok_or_else(|| unknown("an event without its object"))?;
            Ok((happened, moment.timestamp, self.mail.destination.clone()))
        };
        match self.event_type.as_str() {
            "Send" => whole(Happened::Sent),
            "Reject" => whole(Happened::Rejected),
            // The developer guide writes it with a space, the API without.
            "Rendering Failure" | "RenderingFailure" => whole(Happened::NotRendered),
            "Open" => moment(Happened::Opened, &self.open),
            "Click" => moment(Happened::Clicked, &self.click),
            "Delivery" => of(self.delivery.as_ref(), |it| (Happened::Delivered, it.timestamp, it.recipients.clone())),
            "Bounce" => of(self.bounce.as_ref(), bounce),
            "Complaint" => of(self.complaint.as_ref(), complaint),
            "DeliveryDelay" => {
                of(self.delivery_delay.as_ref(), |it| (Happened::Delayed, it.timestamp, named(&it.delayed_recipients)))
            }
            "Subscription" if self.subscription.is_some() => whole(Happened::Subscribed),
            _ => Err(unknown("an event of a kind we do not know")),
        }
    }
}

fn of<T>(object: Option<&T>, read: impl Fn(&T) -> What) -> Result<What, Failure> {
    object.map(read).ok_or_else(|| unknown("an event without its object"))
}

fn bounce(told: &Bounce) -> What {
    // What is undetermined may pass: an address is given up on proof only.
    let happened = match told.bounce_type.as_str() {
        "Permanent" => Happened::Bounced { listed: told.bounce_sub_type.as_deref() == Some(LISTED) },
        _ => Happened::BouncedSoftly,
    };
    (happened, told.timestamp, named(&told.bounced_recipients))
}

fn complaint(told: &Complaint) -> What {
    let happened = match told.complaint_feedback_type.as_deref() {
        Some("not-spam") => Happened::CalledNoSpam,
        _ => Happened::Complained { listed: told.complaint_sub_type.as_deref() == Some(LISTED) },
    };
    (happened, told.timestamp, named(&told.complained_recipients))
}

fn named(recipients: &[Named]) -> Vec<String> {
    recipients.iter().map(|recipient| recipient.email_address.clone()).collect()
}
