//! The words of sales as they are stored with their lead.

use perennial_domain::lead::{self, Word};
use serde::{Deserialize, Serialize};

/// The four checks of an opportunity, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// There is money for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<bool>,
    /// Whoever decides takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<bool>,
    /// It solves something that they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<bool>,
    /// They want it by a date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<bool>,
}

impl Checks {
    /// Whether nothing is known of any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<lead::Checks> for Checks {
    fn from(checks: lead::Checks) -> Self {
        let lead::Checks { budget, authority, need, timing } = checks;
        Self { budget, authority, need, timing }
    }
}

impl From<Checks> for lead::Checks {
    fn from(checks: Checks) -> Self {
        let Checks { budget, authority, need, timing } = checks;
        Self { budget, authority, need, timing }
    }
}

/// One word, in seconds since 1970. What it makes of the lead is not stored with it: that is read from all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When it was said.
    pub at: i64,
    /// What: a name of [`lead::Said`].
    pub said: String,
    /// Who said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Of an opportunity, or of one that was won: the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<i64>,
    /// Of an opportunity: how the checks came out.
    #[serde(default, skip_serializing_if = "Checks::is_empty")]
    pub checks: Checks,
    /// Of "later" and "rejected": until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl Said {
    /// The word; none if this version does not know what was said, or cannot without what is missing.
    pub fn word(&self) -> Option<Word> {
        let (amount_cents, until) = (self.amount_cents, self.until);
        let said = match self.said.as_str() {
            "touched" => lead::Said::Touched,
            "accepted" => lead::Said::Accepted,
            "opportunity" => lead::Said::Opportunity { amount_cents, checks: self.checks.into() },
            "later" => lead::Said::Later { until: until? },
            "won" => lead::Said::Won { amount_cents },
            "lost" => lead::Said::Lost,
            "rejected" => lead::Said::Rejected { until },
            _ => return None,
        };
        Some(Word { at: self.at, said, by: self.by.clone(), why: self.why.clone() })
    }
}

impl From<&Word> for Said {
    fn from(word: &Word) -> Self {
        let (amount_cents, checks, until) = match word.said {
            lead::Said::Opportunity { amount_cents, checks } => (amount_cents, checks.into(), None),
            lead::Said::Won { amount_cents } => (amount_cents, Checks::default(), None),
            lead::Said::Later { until } => (None, Checks::default(), Some(until)),
            lead::Said::Rejected { until } => (None, Checks::default(), until),
            lead::Said::Touched | lead::Said::Accepted | lead::Said::Lost => (None, Checks::default(), None),
        };
        let said = word.said.as_str().to_owned();
        Self { at: word.at, said, by: word.by.clone(), why: word.why.clone(), amount_cents, checks, until }
    }
}
