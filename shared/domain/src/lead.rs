//! A lead: a product MQL and what sales did with it.

use std::fmt;

/// Where a lead stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Qualified by marketing, not yet touched by sales.
    Mql,
    /// A rep has said "I am on it"; the SLA clock has stopped.
    Touched,
    /// Accepted by sales: an SQL.
    Sql,
    /// Rejected: back to nurture.
    Recycled,
}

/// What sales said of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SalesEvent {
    /// A rep is on it.
    Touched,
    /// Sales takes it.
    Accepted,
    /// Sales gives it back.
    Rejected,
}

/// A step that the lifecycle does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lead that is {from} cannot be {event}")]
pub struct Refused {
    from: Status,
    event: SalesEvent,
}

impl Status {
    /// The status after `event`: the same one if the event says nothing new.
    ///
    /// # Errors
    /// [`Refused`] if the lifecycle has no such step: a recycled lead is not touched or accepted again.
    pub fn after(self, event: SalesEvent) -> Result<Self, Refused> {
        match (self, event) {
            (Self::Mql, SalesEvent::Touched) => Ok(Self::Touched),
            // CRM events come late and twice: what is already further along stays.
            (Self::Touched | Self::Sql, SalesEvent::Touched) => Ok(self),
            (Self::Mql | Self::Touched | Self::Sql, SalesEvent::Accepted) => Ok(Self::Sql),
            (Self::Mql | Self::Touched | Self::Sql | Self::Recycled, SalesEvent::Rejected) => Ok(Self::Recycled),
            (Self::Recycled, event) => Err(Refused { from: self, event }),
        }
    }

    /// Whether sales holds the lead: its product's cross-sell stream pauses meanwhile.
    pub fn is_open(self) -> bool {
        self != Self::Recycled
    }

    /// The name in storage, events and in front of people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mql => "mql",
            Self::Touched => "touched",
            Self::Sql => "sql",
            Self::Recycled => "recycled",
        }
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Mql, Self::Touched, Self::Sql, Self::Recycled].into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SalesEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Touched => "touched",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        })
    }
}

/// How soon sales is asked to follow up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// High buying intent: followed up immediately; under the SLA.
    ActNow,
    /// A sorting score at or above the playbook's mark; under the SLA.
    Hot,
    /// Mid- to late-stage engagement: follow-up recommended, no SLA.
    CallNow,
    /// A product MQL without more; no SLA.
    Mql,
}

impl Priority {
    /// Whether the SLA ladder holds for it.
    pub fn under_sla(self) -> bool {
        matches!(self, Self::ActNow | Self::Hot)
    }

    /// The name in storage and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ActNow => "act-now",
            Self::Hot => "hot",
            Self::CallNow => "call-now",
            Self::Mql => "mql",
        }
    }

    /// The priority of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::ActNow, Self::Hot, Self::CallNow, Self::Mql].into_iter().find(|priority| priority.as_str() == name)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ActNow => "Act Now",
            Self::Hot => "Hot",
            Self::CallNow => "Call Now",
            Self::Mql => "MQL",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifecycle_has_these_steps_and_no_others() {
        use SalesEvent::*;
        use Status::{Mql, Recycled, Sql, Touched as Taken};
        for (from, event, to) in [
            (Mql, Touched, Some(Taken)),
            (Mql, Accepted, Some(Sql)),
            (Mql, Rejected, Some(Recycled)),
            (Taken, Touched, Some(Taken)),
            (Taken, Accepted, Some(Sql)),
            (Taken, Rejected, Some(Recycled)),
            (Sql, Touched, Some(Sql)),
            (Sql, Accepted, Some(Sql)),
            (Sql, Rejected, Some(Recycled)),
            (Recycled, Touched, None),
            (Recycled, Accepted, None),
            (Recycled, Rejected, Some(Recycled)),
        ] {
            assert_eq!(from.after(event).ok(), to, "{from} {event}");
        }
    }
}
