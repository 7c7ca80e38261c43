//! What the doctor looks at.

use jiff::Timestamp;
use perennial_platform::sending::Known;

/// What was read, or why it could not be.
pub type Read<T> = Result<T, String>;

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSeen {
    /// Its name in the template.
    pub queue: String,
    /// Messages that wait, hidden ones among them.
    pub waiting: i64,
    /// How old the oldest is, in seconds; nothing is known of it on one machine, and of an empty queue.
    pub oldest_seconds: Read<Option<i64>>,
}

/// What is the matter with an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is raised.
    Raised,
    /// Its actions are disabled: it tells nobody.
    Silenced,
    /// Somebody has deleted it.
    Gone,
}

/// An alarm with which something is the matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSeen {
    /// Its name in the template.
    pub alarm: String,
    /// Its name in CloudWatch.
    pub name: String,
    /// What it is.
    pub trouble: Trouble,
}

/// Who is told of alarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscriptions {
    /// Subscriptions that are in use.
    pub confirmed: usize,
    /// Those whose mail nobody has answered.
    pub pending: usize,
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSeen {
    /// Whether it cannot be deleted by mistake.
    pub protected: bool,
    /// Whether it can be restored to a point in time.
    pub recoverable: bool,
}

/// All that is looked at. What a local world has none of is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// When.
    pub now: Timestamp,
    /// How the stack stands.
    pub stack: Option<String>,
    /// The version of the playbook's layer.
    pub playbook: Option<String>,
    /// Alarms with which something is the matter.
    pub alarms: Option<Read<Vec<AlarmSeen>>>,
    /// Who is told of them.
    pub subscriptions: Option<Read<Subscriptions>>,
    /// Queues and dead-letter queues.
    pub queues: Read<Vec<QueueSeen>>,
    /// Events in the outbox, and since when the oldest waits.
    pub outbox: Read<(usize, Option<Timestamp>)>,
    /// Mails of the last day of which SES did not say whether it took them, and how many of those are unknown still.
    pub unknown_sends: Read<(i64, i64)>,
    /// Entries in quarantine.
    pub quarantined: Read<usize>,
    /// The line of mail.
    pub sending: Read<Known>,
    /// The sender that must be approved.
    pub needs_approval: Option<String>,
    /// Tables, by name in the template.
    pub tables: Vec<(String, Read<TableSeen>)>,
    /// Secrets, by parameter: whether they are there.
    pub secrets: Vec<(String, Read<bool>)>,
    /// Jobs, and when each last ended well.
    pub jobs: Vec<(String, Read<Option<Timestamp>>)>,
}
