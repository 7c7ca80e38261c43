//! What each thing that happens consumes. The figures are measured in the local world by the test `contracts/cost`, which
//! compares them at every run and writes them anew with `UPDATE_EXPECT=1`; what cannot be measured here is named as assumed.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::CostError;

/// The file of measurements.
const FILE: &str = include_str!("measured.toml");

/// What calls a function. It decides what can be taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// An HTTP request: as many events as the sender puts into one.
    Http,
    /// Records of a stream.
    Stream,
    /// Messages of a queue.
    Queue,
    /// An event of the bus; one call each.
    Rule,
    /// A schedule's tick.
    Schedule,
}

/// What something consumes, if nothing is taken together with it: each record and each message in a call of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// Write units of the ledger, its index's among them.
    pub ledger_write_units: i64,
    /// Write units of the state table, its indexes' among them.
    pub state_write_units: i64,
    /// Read units of both tables, in thousandths.
    pub read_units_thousandths: i64,
    /// Calls of AWS that functions make, of any service.
    pub service_calls: i64,
    /// Events put on the bus.
    pub bus_events: i64,
    /// Messages put into queues.
    pub queue_messages: i64,
    /// Mails that SES takes.
    pub mails: i64,
    /// Of these, bytes of subject, text and HTML.
    pub mail_bytes: i64,
    /// What SES tells of them.
    pub mail_events: i64,
    /// Lines that functions log.
    pub log_lines: i64,
    /// Bytes of these.
    pub log_bytes: i64,
    /// By how much the ledger grows.
    pub ledger_bytes: i64,
    /// By how much the state table grows, without its indexes.
    pub state_bytes: i64,
    /// Calls of functions, by what calls them and which.
    #[serde(default)]
    pub invocations: BTreeMap<Trigger, BTreeMap<String, i64>>,
}

impl Units {
    /// How often functions are called by this.
    pub fn invocations_by(&self, trigger: Trigger) -> i64 {
        self.invocations.get(&trigger).map_or(0, |functions| functions.values().sum())
    }

    /// The difference to a moment before: what happened in between.
    pub fn since(&self, before: &Self) -> Self {
        let mut invocations = self.invocations.clone();
        for (trigger, functions) in &before.invocations {
            for (function, count) in functions {
                *invocations.entry(*trigger).or_default().entry(function.clone()).or_default() -= count;
            }
        }
        invocations.values_mut().for_each(|functions| functions.retain(|_, count| *count != 0));
        invocations.retain(|_, functions| !functions.is_empty());
        Self {
            ledger_write_units: self.ledger_write_units - before.ledger_write_units,
            state_write_units: self.state_write_units - before.state_write_units,
            read_units_thousandths: self.read_units_thousandths - before.read_units_thousandths,
            service_calls: self.service_calls - before.service_calls,
            bus_events: self.bus_events - before.bus_events,
            queue_messages: self.queue_messages - before.queue_messages,
            mails: self.mails - before.mails,
            mail_bytes: self.mail_bytes - before.mail_bytes,
            mail_events: self.mail_events - before.mail_events,
            log_lines: self.log_lines - before.log_lines,
            log_bytes: self.log_bytes - before.log_bytes,
            ledger_bytes: self.ledger_bytes - before.ledger_bytes,
            state_bytes: self.state_bytes - before.state_bytes,
            invocations,
        }
    }

    /// Without the sizes in bytes, which may differ by a few with what is counted; all else is exact.
    pub fn without_bytes(&self) -> Self {
        Self { mail_bytes: 0, log_bytes: 0, ledger_bytes: 0, state_bytes: 0, ..self.clone() }
    }

    /// The sizes in bytes.
    pub fn bytes(&self) -> [(&'static str, i64); 4] {
        [
            ("mail_bytes", self.mail_bytes),
            ("log_bytes", self.log_bytes),
            ("ledger_bytes", self.ledger_bytes),
            ("state_bytes", self.state_bytes),
        ]
    }
}

/// What has not been measured on AWS, and is set so that the truth is rather below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumed {
    /// Milliseconds of a function's own work in a call, at 256 MB.
    pub own_ms: i64,
    /// Milliseconds that a function waits for one call of AWS.
    pub service_call_ms: i64,
    /// Milliseconds of a cold start, which are paid for.
    pub cold_start_ms: i64,
    /// Of a thousand calls so many start cold.
    pub cold_starts_in_1000: i64,
    /// Bytes that Lambda logs of each call by itself (start and report).
    pub platform_log_bytes: i64,
    /// Bytes that CloudWatch counts on top of each line, and Lambda puts into it.
    pub log_line_bytes: i64,
    /// Bytes of a line of the access log.
    pub access_log_bytes: i64,
    /// Bytes of an answer to a sender, with its head.
    pub answer_bytes: i64,
    /// Requests by which Lambda asks one empty queue in a month (five pollers, 20 seconds each).
    pub queue_polls_a_month: i64,
    /// Calls by which one warm instance reads the webhook secrets in a month (every five minutes).
    pub secret_calls_a_month: i64,
    /// Requests for one encrypted resource in a month (a data key serves five minutes).
    pub key_requests_a_month: i64,
    /// Days for which the ledger keeps an entry.
    pub ledger_days: i64,
    /// Of a thousand calls so many are traced, beyond one a second of each function.
    pub traced_in_1000: i64,
}

/// The measurements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// When they were last written.
    pub measured_on: Date,
    /// What was not measured.
    pub assumed: Assumed,
    /// Somebody becomes known: one `contact.identified` at a known account.
    pub contact: Units,
    /// A contact's first engagement with a product.
    pub first_engagement: Units,
    /// Any later one that makes no lead.
    pub engagement: Units,
    /// An engagement that makes a lead, until the owner's mail waits in the queue or the digest has it.
    pub lead: Units,
    /// A nurture mail: its slot is found, queued, decided and sent, and SES tells of it.
    pub mail: Units,
    /// A day on which nothing happens but schedules.
    pub idle_day: Units,
}

impl Measured {
    /// The measurements that are built in.
    ///
    /// # Errors
    /// [`CostError::File`] if they cannot be read, which a test excludes.
    pub fn built_in() -> Result<Self, CostError> {
        let wrong =
            |error: toml::de::Error| CostError::File { file: "measured.toml".to_owned(), reason: error.to_string() };
        toml::from_str(FILE).map_err(wrong)
    }
}
