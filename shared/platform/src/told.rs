//! What a sender can tell us, and the body of the native webhook.
//!
//! Native body: `{"type": "...", "timestamp": "<when it happened, RFC 3339>", "data": {…}}`. Everything here is plain
//! text as the sender said it; ids become typed where they are used.

mod account;

use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_domain::interest::FactName;
use perennial_domain::lead::SalesEvent;
use perennial_domain::quarter::Quarter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// No id or field is longer than this many bytes: keys of DynamoDB end at 1,024.
const LONGEST: usize = 256;

/// What happened, and when by the sender's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum What {
    /// `engagement.recorded`: a contact did something with an asset.
    #[serde(rename = "engagement.recorded")]
    Engagement {
        /// Who.
        contact: String,
        /// With what.
        asset: String,
        /// What was done.
        action: String,
        /// The email in which it was clicked, opened or delivered.
        #[serde(skip_serializing_if = "Option::is_none")]
        email: Option<String>,
    },
    /// `contact.identified`: fields of a contact.
    #[serde(rename = "contact.identified")]
    ContactIdentified {
        /// Who.
        contact: String,
        /// Field and value.
        fields: BTreeMap<String, String>,
    },
    /// `account.updated`: fields of an account.
    #[serde(rename = "account.updated")]
    AccountUpdated {
        /// Which.
        account: String,
        /// Field and value; `owns.<product>` says since when, `used.<product>` when last.
        fields: BTreeMap<String, String>,
    },
    /// `lead.touched`, `lead.accepted`, `lead.rejected`: what sales says.
    #[serde(rename = "lead")]
    Lead {
        /// Whose interest.
        contact: String,
        /// In which product.
        product: String,
        /// Of which quarter; without it, the newest lead for the product is meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        quarter: Option<String>,
        /// What sales says.
        step: SalesStep,
        /// Who says it.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// `email.reported`: another system mailed this contact; counts against the cap.
    #[serde(rename = "email.reported")]
    MailReported {
        /// Whom.
        contact: String,
    },
    /// `email.bounced`: an address cannot be reached; a permanent one is suppressed.
    #[serde(rename = "email.bounced")]
    MailBounced {
        /// Whose.
        contact: String,
        /// Whether it will never be.
        permanent: bool,
    },
    /// `email.unsubscribed`: a contact opted out somewhere else.
    #[serde(rename = "email.unsubscribed")]
    Unsubscribed {
        /// Who.
        contact: String,
    },
    /// `contact.merged`: two ids are one person.
    #[serde(rename = "contact.merged")]
    ContactMerged {
        /// The id that goes; what is told of it from now on is told of the other.
        from: String,
        /// The id that stays.
        contact: String,
    },
    /// Nothing could be understood yet; the entry's body is all there is.
    #[serde(rename = "unread")]
    Unread {},
}

/// What sales says of a lead, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SalesStep {
    /// A rep is on it.
    Touched,
    /// Sales takes it.
    Accepted,
    /// Sales gives it back.
    Rejected,
}

impl From<SalesStep> for SalesEvent {
    fn from(step: SalesStep) -> Self {
        match step {
            SalesStep::Touched => Self::Touched,
            SalesStep::Accepted => Self::Accepted,
            SalesStep::Rejected => Self::Rejected,
        }
    }
}

/// Of whom or what something was told: the ledger's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A contact, as sent.
    Contact(&'a str),
    /// An account.
    Account(&'a str),
    /// Not known: the event could not be understood.
    Nobody,
}

impl What {
    /// Of whom or what it tells.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::AccountUpdated { account, .. } => Subject::Account(account),
            Self::Engagement { contact, .. }
            | Self::ContactIdentified { contact, .. }
            | Self::Lead { contact, .. }
            | Self::MailReported { contact }
            | Self::MailBounced { contact, .. }
            | Self::Unsubscribed { contact } => Subject::Contact(contact),
            Self::ContactMerged { from, .. } => Subject::Contact(from),
            Self::Unread {} => Subject::Nobody,
        }
    }

    /// Of an engagement: whose, and the fact that it makes in the interest of each product that its asset is tagged with.
    pub fn fact(&self) -> Option<(ContactId, FactName)> {
        let Self::Engagement { contact, asset, action, email } = self else { return None };
        let email = email.as_deref().map(Into::into);
        let name = FactName { asset: asset.as_str().into(), action: action.as_str().into(), email };
        Some((contact.as_str().into(), name))
    }
}

/// What is wrong with a body: the field and the reason, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// The path of the field; `body` for the whole.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

pub(crate) fn wrong(field: impl Into<String>, reason: impl Into<String>) -> FieldError {
    FieldError { field: field.into(), reason: reason.into() }
}

impl Told {
    /// Reads a native body.
    ///
    /// # Errors
    /// [`FieldError`] with the first field that cannot be used.
    pub fn from_native(body: &str) -> Result<Self, FieldError> {
        let body: Map<String, Value> = serde_json::from_str(body).map_err(|error| {
            // Of serde_json's message only kind and place: the rest may quote the body.
            let kind = if error.is_eof() { "ends too early" } else { "is not a JSON object that can be read" };
            wrong("body", format!("{kind}, line {} column {}", error.line(), error.column()))
        })?;
        let kind = text(&body, "type", "type")?;
        let stated = text(&body, "timestamp", "timestamp")?;
        let at: Timestamp = stated
            .parse()
            .map_err(|_| wrong("timestamp", "is not an RFC 3339 instant such as 2026-01-05T10:15:00Z"))?;
        let data = match body.get("data") {
            Some(Value::Object(data)) => data,
            Some(_) => return Err(wrong("data", "is not an object")),
            None => return Err(wrong("data", "is missing")),
        };
        let required = |name: &str| text(data, name, &format!("data.{name}"));
        let optional =
            |name: &str| if data.get(name).is_none_or(Value::is_null) { Ok(None) } else { required(name).map(Some) };
        let lead = |step| {
            if let Some(quarter) = optional("quarter")? {
                quarter.parse::<Quarter>().map_err(|error| wrong("data.quarter", error.to_string()))?;
            }
            Ok(What::Lead {
                contact: required("contact")?,
                product: required("product")?,
                quarter: optional("quarter")?,
                step,
                by: optional("by")?,
                reason: optional("reason")?,
            })
        };
        let what = match kind.as_str() {
            "engagement.recorded" => What::Engagement {
                contact: required("contact")?,
                asset: required("asset")?,
                action: required("action")?,
                email: optional("email")?,
            },
            "contact.identified" => {
                What::ContactIdentified { contact: required("contact")?, fields: contact_fields(data)? }
            }
            "account.updated" => What::AccountUpdated { account: required("account")?, fields: account::fields(data)? },
            "lead.touched" => lead(SalesStep::Touched)?,
            "lead.accepted" => lead(SalesStep::Accepted)?,
            "lead.rejected" => lead(SalesStep::Rejected)?,
            "email.reported" => What::MailReported { contact: required("contact")? },
            "email.bounced" => What::MailBounced {
                contact: required("contact")?,
                permanent: match data.get("permanent") {
                    Some(Value::Bool(permanent)) => *permanent,
                    Some(_) => return Err(wrong("data.permanent", "is not true or false")),
                    None => return Err(wrong("data.permanent", "is missing")),
                },
            },
            "email.unsubscribed" => What::Unsubscribed { contact: required("contact")? },
            "contact.merged" => What::ContactMerged { from: required("from")?, contact: required("contact")? },
            _ => {
                let known = "engagement.recorded, contact.identified, contact.merged, account.updated, lead.touched, \
                             lead.accepted, lead.rejected, email.reported, email.bounced or email.unsubscribed";
                return Err(wrong("type", format!("is not {known}")));
            }
        };
        Ok(Self { at, what })
    }
}

/// A text field: there, not empty, not too long, without control characters.
fn text(object: &Map<String, Value>, name: &str, path: &str) -> Result<String, FieldError> {
    match object.get(name) {
        None | Some(Value::Null) => Err(wrong(path, "is missing")),
        Some(Value::String(text)) => plain(text, path),
        Some(_) => Err(wrong(path, "is not a text")),
    }
}

fn plain(text: &str, path: &str) -> Result<String, FieldError> {
    if text.trim().is_empty() {
        Err(wrong(path, "is empty"))
    } else if text.len() > LONGEST {
        Err(wrong(path, format!("is longer than {LONGEST} bytes")))
    } else if text.chars().any(char::is_control) {
        Err(wrong(path, "contains control characters"))
    } else {
        Ok(text.to_owned())
    }
}

/// The fields of `data` that are known, as text. Others are ignored here and kept in the ledger's raw body.
fn known_fields(data: &Map<String, Value>, names: &[&str]) -> Result<BTreeMap<String, String>, FieldError> {
    let mut fields = BTreeMap::new();
    for name in names {
        let path = format!("data.{name}");
        match data.get(*name) {
            None => {}
            // Stating nothing is a statement: it empties the field.
            Some(Value::Null) => drop(fields.insert((*name).to_owned(), String::new())),
            Some(Value::String(value)) => drop(fields.insert((*name).to_owned(), plain(value, &path)?)),
            Some(_) => return Err(wrong(path, "is not a text")),
        }
    }
    Ok(fields)
}

fn contact_fields(data: &Map<String, Value>) -> Result<BTreeMap<String, String>, FieldError> {
    let fields = known_fields(data, &["account", "email", "first_name", "last_name", "title", "role", "time_zone"])?;
    // One spelling of an address only: a suppressed one must not come back in brackets or quotes.
    if fields.get("email").is_some_and(|email| !email.is_empty() && !perennial_playbook::is_address(email)) {
        return Err(wrong("data.email", "is not a plain address such as name@example.com"));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests;
