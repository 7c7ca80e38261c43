//! What sales says of a lead, as the native format states it and as the ledger keeps it.

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::lead::{Checks, Said, Word};
use perennial_domain::quarter::Quarter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::native::{id, optional, required};
use super::{FieldError, What, account, wrong};

/// What sales says, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SalesStep {
    /// A rep is on it.
    Touched,
    /// Sales takes it.
    Accepted,
    /// There is a deal to be won.
    Opportunity,
    /// A rep is on it, and wants to be reminded.
    Later,
    /// The deal was made.
    Won,
    /// The deal was not made.
    Lost,
    /// Sales gives it back.
    Rejected,
}

/// Everything that a word may say besides; what does not belong to its step is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Of an opportunity, or of one that was won: the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<i64>,
    /// Of an opportunity: there is money for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<bool>,
    /// Of an opportunity: whoever decides takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<bool>,
    /// Of an opportunity: it solves something that they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<bool>,
    /// Of an opportunity: they want it by a date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<bool>,
    /// Of "later" and "rejected": until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Details {
    fn of(said: Said) -> (SalesStep, Self) {
        let nothing = Self::default();
        let until = |second: i64| Timestamp::from_second(second).ok();
        match said {
            Said::Touched => (SalesStep::Touched, nothing),
            Said::Accepted => (SalesStep::Accepted, nothing),
            Said::Opportunity { amount_cents, checks: Checks { budget, authority, need, timing } } => {
                (SalesStep::Opportunity, Self { amount_cents, budget, authority, need, timing, until: None })
            }
            Said::Later { until: second } => (SalesStep::Later, Self { until: until(second), ..nothing }),
            Said::Won { amount_cents } => (SalesStep::Won, Self { amount_cents, ..nothing }),
            Said::Lost => (SalesStep::Lost, nothing),
            Said::Rejected { until: second } => {
                (SalesStep::Rejected, Self { until: second.and_then(until), ..nothing })
            }
        }
    }

    fn said(self, step: SalesStep) -> Option<Said> {
        let Self { amount_cents, budget, authority, need, timing, until } = self;
        let until = until.map(Timestamp::as_second);
        Some(match step {
            SalesStep::Touched => Said::Touched,
            SalesStep::Accepted => Said::Accepted,
            SalesStep::Opportunity => {
                Said::Opportunity { amount_cents, checks: Checks { budget, authority, need, timing } }
            }
            SalesStep::Later => Said::Later { until: until? },
            SalesStep::Won => Said::Won { amount_cents },
            SalesStep::Lost => Said::Lost,
            SalesStep::Rejected => Said::Rejected { until },
        })
    }
}

impl What {
    /// A word of sales about the lead of this quarter.
    pub fn of_lead(contact: &ContactId, product: &ProductId, quarter: Quarter, word: &Word) -> Self {
        let (step, details) = Details::of(word.said);
        Self::Lead {
            contact: contact.to_string(),
            product: product.to_string(),
            quarter: Some(quarter.to_string()),
            step,
            by: word.by.clone(),
            reason: word.why.clone(),
            details,
        }
    }

    /// Of a lead: the word that was said in this second.
    pub fn word(&self, at: i64) -> Option<Word> {
        let Self::Lead { step, by, reason, details, .. } = self else { return None };
        Some(Word { at, said: details.said(*step)?, by: by.clone(), why: reason.clone() })
    }
}

/// Reads the `data` of a `lead.…` type.
pub(super) fn read(data: &Map<String, Value>, step: SalesStep) -> Result<What, FieldError> {
    let quarter = optional(data, "quarter")?;
    if let Some(quarter) = &quarter {
        quarter.parse::<Quarter>().map_err(|error| wrong("data.quarter", error.to_string()))?;
    }
    let (contact, product) = (id(data, "contact")?, required(data, "product")?);
    let (by, reason) = (optional(data, "by")?, optional(data, "reason")?);
    Ok(What::Lead { contact, product, quarter, step, by, reason, details: details(data, step)? })
}

fn details(data: &Map<String, Value>, step: SalesStep) -> Result<Details, FieldError> {
    let mut details = Details::default();
    match step {
        SalesStep::Touched | SalesStep::Accepted | SalesStep::Lost => {}
        SalesStep::Opportunity => {
            details.amount_cents = amount(data)?;
            details.budget = check(data, "budget")?;
            details.authority = check(data, "authority")?;
            details.need = check(data, "need")?;
            details.timing = check(data, "timing")?;
        }
        SalesStep::Won => details.amount_cents = amount(data)?,
        SalesStep::Later => {
            required(data, "until")?;
            details.until = until(data)?;
        }
        SalesStep::Rejected => details.until = until(data)?,
    }
    Ok(details)
}

fn amount(data: &Map<String, Value>) -> Result<Option<i64>, FieldError> {
    let Some(value) = data.get("amount_cents") else { return Ok(None) };
    // Nothing, if it is null.
    Ok(account::amount(value, "data.amount_cents")?.parse().ok())
}

fn check(data: &Map<String, Value>, name: &str) -> Result<Option<bool>, FieldError> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(passed)) => Ok(Some(*passed)),
        Some(_) => Err(wrong(format!("data.{name}"), "is not true or false")),
    }
}

fn until(data: &Map<String, Value>) -> Result<Option<Timestamp>, FieldError> {
    let Some(text) = optional(data, "until")? else { return Ok(None) };
    account::sane_instant(&text, "data.until").map(Some)
}
