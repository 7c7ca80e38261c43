//! The figures that alarms and the dashboard read: said where the fact is known.
//!
//! A metric is an event of [`TARGET`], which passes whatever the log's filter is. In Lambda [`crate::logged`] writes it in
//! CloudWatch's embedded metric format; on one machine and in tests it is a line of the log like any other. Nothing here reads a
//! clock, and no dimension ever names a person: each has a handful of values that the code or the template spells out.

use crate::lambda::Tick;

/// The target of the events that are metrics.
pub const TARGET: &str = "perennial::metric";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// A scheduled job has done all that it had to do, by `job`. What failed, or has to be continued, says nothing: its silence
    /// raises an alarm.
    JobFinished,
    /// How long the oldest event has waited in the outbox that a run of relay-events found there.
    OutboxAgeSeconds,
    /// Leads made.
    LeadsQualified,
    /// Messages that SES took, by whether they went `to` contacts or sales.
    MailsSent,
    /// Engagements that became facts. Told again, or together with one of the same kind and second, an engagement is a fact that is
    /// there already, and is not counted.
    EngagementsCounted,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::JobFinished, Self::OutboxAgeSeconds, Self::LeadsQualified, Self::MailsSent, Self::EngagementsCounted];

    /// Its name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::JobFinished => "JobFinished",
            Self::OutboxAgeSeconds => "OutboxAgeSeconds",
            Self::LeadsQualified => "LeadsQualified",
            Self::MailsSent => "MailsSent",
            Self::EngagementsCounted => "EngagementsCounted",
        }
    }

    /// Its unit, as CloudWatch calls it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::OutboxAgeSeconds => "Seconds",
            Self::JobFinished | Self::LeadsQualified | Self::MailsSent | Self::EngagementsCounted => "Count",
        }
    }

    /// The name of its one dimension, if it has one, and the values that it takes.
    pub fn dimension(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::JobFinished => Some(("job", &JOBS)),
            Self::MailsSent => Some(("to", &[CONTACTS, SALES])),
            Self::OutboxAgeSeconds | Self::LeadsQualified | Self::EngagementsCounted => None,
        }
    }

    /// The metric of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Says it. A value of the dimension that is none of the few says nothing: it would be a metric that nobody looks at.
    fn say(self, value: i64, of: Option<&str>) {
        let known = self.dimension().map_or(of.is_none(), |(_, values)| of.is_some_and(|of| values.contains(&of)));
        if known {
            tracing::info!(target: TARGET, metric = self.name(), value, of, "metric");
        } else {
            tracing::warn!(metric = self.name(), "a metric of something unknown is left out");
        }
    }
}

/// The jobs that the template schedules, as their ticks name them.
pub const JOBS: [&str; 7] = ["decay", "held", "plan", "reconcile", "sla", "brief", "sweep"];

const CONTACTS: &str = "contacts";
const SALES: &str = "sales";

/// The job of this tick has done all that it had to do.
pub(crate) fn job_finished(tick: &Tick) {
    Metric::JobFinished.say(1, Some(&tick.job));
}

/// The oldest event that a run found in the outbox has waited for so many seconds.
pub fn outbox_age(seconds: i64) {
    Metric::OutboxAgeSeconds.say(seconds.max(0), None);
}

/// A lead was made.
pub fn lead_qualified() {
    Metric::LeadsQualified.say(1, None);
}

/// SES took a message to a contact, or to sales.
pub(crate) fn mail_sent(to_a_contact: bool) {
    Metric::MailsSent.say(1, Some(if to_a_contact { CONTACTS } else { SALES }));
}

/// So many engagements became facts.
pub fn engagements_counted(engagements: usize) {
    if engagements > 0 {
        Metric::EngagementsCounted.say(i64::try_from(engagements).unwrap_or(i64::MAX), None);
    }
}
