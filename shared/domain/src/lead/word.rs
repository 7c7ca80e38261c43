//! What sales says of a lead, and when it said it.

use std::fmt;

use jiff::Timestamp;

use super::Status;
use crate::interest::instant;

/// The four checks of an opportunity, as far as somebody has said how they came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checks {
    /// There is money for it.
    pub budget: Option<bool>,
    /// Whoever decides takes part.
    pub authority: Option<bool>,
    /// It solves something that they have.
    pub need: Option<bool>,
    /// They want it by a date.
    pub timing: Option<bool>,
}

impl Checks {
    /// What is known after `newer` was said: each check as it was stated last.
    #[must_use]
    pub fn and(self, newer: Self) -> Self {
        Self {
            budget: newer.budget.or(self.budget),
            authority: newer.authority.or(self.authority),
            need: newer.need.or(self.need),
            timing: newer.timing.or(self.timing),
        }
    }

    /// Whether nobody has said anything of any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is said. In the order in which words of one second are read: the further stage comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Said {
    /// A rep is on it.
    Touched,
    /// Sales takes it: an SQL.
    Accepted,
    /// There is a deal to be won.
    Opportunity {
        /// What it may bring.
        amount_cents: Option<i64>,
        /// How the four checks came out.
        checks: Checks,
    },
    /// A rep is on it, and wants to be reminded.
    Later {
        /// When, in seconds.
        until: i64,
    },
    /// The deal was made.
    Won {
        /// What it brings.
        amount_cents: Option<i64>,
    },
    /// The deal was not made.
    Lost,
    /// Sales gives it back to nurture.
    Rejected {
        /// Until when nobody wants to hear of it, in seconds.
        until: Option<i64>,
    },
}

impl Said {
    /// The name in storage, in the native format and in reasons.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Touched => "touched",
            Self::Accepted => "accepted",
            Self::Opportunity { .. } => "opportunity",
            Self::Later { .. } => "later",
            Self::Won { .. } => "won",
            Self::Lost => "lost",
            Self::Rejected { .. } => "rejected",
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One word from sales. Words are ordered by when they were said, then by [`Said`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word {
    /// The second in which it was said.
    pub at: i64,
    /// What.
    pub said: Said,
    /// Who said it.
    pub by: Option<String>,
    /// Why, in that person's words.
    pub why: Option<String>,
}

impl Word {
    /// Nobody's word without a reason.
    pub fn of(said: Said, at: i64) -> Self {
        Self { at, said, by: None, why: None }
    }

    /// Whether it can say nothing new whatever else turns out to have been said: it lies behind a word after which a lead is never
    /// again where this one would move it.
    pub(super) fn is_idle_among(&self, words: &[Self]) -> bool {
        let behind = |moves: fn(&Said) -> bool| words.iter().any(|known| known < self && moves(&known.said));
        match self.said {
            Said::Touched => behind(|_| true),
            Said::Accepted => behind(|said| !matches!(said, Said::Touched | Said::Later { .. })),
            _ => false,
        }
    }
}

/// A word that the lifecycle has no step for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lead that is {from} does not take \"{said}\", said at {at}", at = instant_of(.at))]
pub struct Refused {
    /// Where the lead stood when it was said.
    pub from: Status,
    /// What was said.
    pub said: Said,
    /// In which second.
    pub at: i64,
}

fn instant_of(second: &i64) -> Timestamp {
    instant(*second)
}
