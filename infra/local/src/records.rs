//! What the local world keeps and shows.
//!
//! Owns the shapes of its durable records. They are for pages, reports and tests; a function never sees one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A mail that SES accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// SES's message id.
    pub id: String,
    /// When it was accepted, on the virtual clock.
    pub at: Timestamp,
    /// The sender.
    pub from: String,
    /// Every recipient: to, then cc, then bcc.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: Option<String>,
    /// The text part; for a raw mail all of it.
    pub text: Option<String>,
    /// Extra headers, such as `List-Unsubscribe`.
    pub headers: Vec<(String, String)>,
    /// SES message tags.
    pub tags: Vec<(String, String)>,
    /// The configuration set.
    pub configuration_set: Option<String>,
}

/// An event that EventBridge accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusEvent {
    /// When it was accepted, on the virtual clock.
    pub at: Timestamp,
    /// The bus; `None` is the default one.
    pub event_bus: Option<String>,
    /// The names of the rules it matched.
    pub rules: Vec<String>,
    /// The event as targets get it.
    pub envelope: Value,
}

/// What was given up: it would lie in a dead-letter queue with an alarm, or be lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// When it was given up, on the virtual clock.
    pub at: Timestamp,
    /// The queue it lies in; `None` means that the template names none: on AWS it would be lost.
    pub queue: Option<String>,
    /// What could not be delivered: a queue, `<table> → <function>`, or the name of a rule or schedule.
    pub source: String,
    /// The last error.
    pub reason: String,
    /// The message; for a stream the pointer that Lambda writes, not the records.
    pub body: Value,
}

/// A firing of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// When.
    pub at: Timestamp,
    /// The function it calls.
    pub function: String,
    /// The schedule's name in the template.
    pub schedule: String,
}

/// Numbers for a status line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Mails accepted.
    pub mails: usize,
    /// Bus events accepted.
    pub bus_events: usize,
    /// What was given up.
    pub dead_letters: usize,
    /// Messages per queue, hidden ones too.
    pub queued: BTreeMap<String, usize>,
    /// Asynchronous invocations that wait for a retry.
    pub waiting_invocations: usize,
    /// Calls per function since the process started.
    pub invocations: BTreeMap<String, u64>,
    /// Calls that failed, per function, since the process started; partial failures are not among them.
    pub failures: BTreeMap<String, u64>,
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) message_id: String,
    pub(crate) body: String,
    pub(crate) message_attributes: Value,
    pub(crate) sent_at: Timestamp,
    pub(crate) first_received_at: Option<Timestamp>,
    pub(crate) receive_count: u32,
    pub(crate) last_error: Option<String>,
}

/// An asynchronous invocation that has not succeeded yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Invocation {
    /// The rule or schedule.
    pub(crate) source: String,
    pub(crate) payload: Value,
    pub(crate) failures: u32,
}
