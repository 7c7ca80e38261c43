//! A lead: a product MQL and what sales did with it.
//!
//! The lifecycle: MQL → touched → SQL → opportunity → won | lost | recycled. A step may be skipped and none is invented; what the
//! lifecycle does not have is refused. Before it lie enablement and adoption, which are stages of the account: [`AccountStage`].

mod again;
mod reach;
mod standing;
mod word;

use std::fmt;

use jiff::Timestamp;

use crate::calendar::days_after;

pub use again::{Again, Asked, asked_again};
pub use reach::Reach;
pub use standing::{Heard, MOST_WORDS, Standing, hear, standing, unite};
pub use word::{Checks, Refused, Said, Word};

/// Where a lead stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Qualified by marketing, not yet touched by sales.
    Mql,
    /// A rep has said "I am on it"; the SLA clock has stopped.
    Touched,
    /// Accepted by sales: an SQL.
    Sql,
    /// There is a deal to be won: budget, authority, need and timing are asked for.
    Opportunity,
    /// The deal was made.
    Won,
    /// The deal was not made.
    Lost,
    /// Rejected: back to nurture.
    Recycled,
}

impl Status {
    /// All of them, in their order.
    pub const ALL: [Self; 7] =
        [Self::Mql, Self::Touched, Self::Sql, Self::Opportunity, Self::Won, Self::Lost, Self::Recycled];

    /// The status after a word: the same one if it says nothing new, as one of a stage that the lead has behind it. `None` if the
    /// lifecycle has no such step: what was won stays won, what was recycled never comes back, and what was lost comes back as a
    /// new opportunity only.
    pub fn after(self, said: &Said) -> Option<Self> {
        match (self, said) {
            (Self::Mql | Self::Touched, Said::Touched | Said::Later { .. }) => Some(Self::Touched),
            (Self::Mql | Self::Touched, Said::Accepted) => Some(Self::Sql),
            (Self::Sql | Self::Opportunity, Said::Touched | Said::Accepted | Said::Later { .. }) => Some(self),
            (Self::Mql | Self::Touched | Self::Sql | Self::Opportunity | Self::Lost, Said::Opportunity { .. }) => {
                Some(Self::Opportunity)
            }
            (Self::Mql | Self::Touched | Self::Sql | Self::Opportunity, Said::Won { .. }) => Some(Self::Won),
            (Self::Won, Said::Touched | Said::Accepted | Said::Opportunity { .. } | Said::Won { .. }) => {
                Some(Self::Won)
            }
            (Self::Won | Self::Recycled, Said::Lost) | (Self::Won, Said::Rejected { .. }) => None,
            (_, Said::Lost) => Some(Self::Lost),
            (_, Said::Rejected { .. }) => Some(Self::Recycled),
            (Self::Won | Self::Lost | Self::Recycled, _) => None,
        }
    }

    /// Whether sales holds the lead: its product's cross-sell stream pauses meanwhile.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Mql | Self::Touched | Self::Sql | Self::Opportunity)
    }

    /// The name in storage, events and in front of people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mql => "mql",
            Self::Touched => "touched",
            Self::Sql => "sql",
            Self::Opportunity => "opportunity",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Recycled => "recycled",
        }
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What of the lifecycle lies before a lead: how long the account has been a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountStage {
    /// It learns what it bought: no cross-sell or upsell yet.
    Enablement,
    /// It has used what it bought for long enough (six months by the source of the practice).
    Adoption,
}

impl AccountStage {
    /// The stage at `now` of an account that is a customer since then; one of which nobody has said it is not held for a new one.
    pub fn of(customer_since: Option<Timestamp>, new_customer_days: i64, now: Timestamp) -> Self {
        match customer_since {
            Some(since) if days_after(since, new_customer_days) > now => Self::Enablement,
            _ => Self::Adoption,
        }
    }

    /// The name in front of people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enablement => "enablement",
            Self::Adoption => "adoption",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
        let words = [
            Said::Touched,
            Said::Accepted,
            Said::Opportunity { amount_cents: None, checks: Checks::default() },
            Said::Later { until: 0 },
            Said::Won { amount_cents: None },
            Said::Lost,
            Said::Rejected { until: None },
        ];
        // Each row: from, then the stage after touched, accepted, opportunity, later, won, lost and rejected.
        for row in [
            "mql touched sql opportunity touched won lost recycled",
            "touched touched sql opportunity touched won lost recycled",
            "sql sql sql opportunity sql won lost recycled",
            "opportunity opportunity opportunity opportunity opportunity won lost recycled",
            "won won won won - won - -",
            "lost - - opportunity - - lost recycled",
            "recycled - - - - - - recycled",
        ] {
            let (from, after) = row.split_once(' ').unwrap();
            let from = Status::named(from).unwrap();
            let seen = words.iter().map(|said| from.after(said).map_or("-", Status::as_str)).collect::<Vec<_>>();
            assert_eq!(seen.join(" "), after, "from {from}");
        }
        let open = Status::ALL.into_iter().filter(|status| status.is_open()).map(Status::as_str).collect::<Vec<_>>();
        assert_eq!(open, ["mql", "touched", "sql", "opportunity"]);
    }

    #[test]
    fn a_refusal_names_the_stage_the_word_and_when_it_was_said() {
        let words = [Word::of(Said::Rejected { until: None }, 0), Word::of(Said::Won { amount_cents: None }, 60)];
        let refused = standing(&words).refused;
        assert_eq!(
            refused[0].1.to_string(),
            "a lead that is recycled does not take \"won\", said at 1970-01-01T00:01:00Z"
        );
    }

    #[test]
    fn an_account_is_in_enablement_for_its_first_days() {
        let since = "2026-01-05T00:00:00Z".parse().unwrap();
        for (now, expected) in
            [("2026-07-06T23:59:59Z", AccountStage::Enablement), ("2026-07-07T00:00:00Z", AccountStage::Adoption)]
        {
            assert_eq!(AccountStage::of(Some(since), 183, now.parse().unwrap()), expected, "{now}");
        }
        assert_eq!(AccountStage::of(None, 183, since), AccountStage::Adoption);
    }
}
