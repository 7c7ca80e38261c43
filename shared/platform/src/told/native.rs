//! Reading native bodies: every field that anybody tells us is judged here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_playbook::sources::native::TYPES;
use serde_json::{Map, Value};

use super::lead::SalesStep;
use super::{FieldError, Told, What, account, lead, read_object, wrong};
use crate::address;

/// No id or field is longer than this many bytes: keys of DynamoDB end at 1,024.
const LONGEST: usize = 256;

impl Told {
    /// Reads a native body.
    ///
    /// # Errors
    /// [`FieldError`] with the first field that cannot be used.
    pub fn from_native(body: &str) -> Result<Self, FieldError> {
        let body = read_object(body)?;
        let kind = text(&body, "type", "type")?;
        let at = instant_of(&text(&body, "timestamp", "timestamp")?, "timestamp")?;
        Ok(Self { at, what: What::from_data(&kind, data_of(&body)?)? })
    }
}

/// The native types, as a reason lists them.
pub(crate) fn types() -> String {
    let names = TYPES.map(|native| native.name);
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    format!("{} or {last}", others.join(", "))
}

/// The `data` of a native body.
fn data_of(body: &Map<String, Value>) -> Result<&Map<String, Value>, FieldError> {
    match body.get("data") {
        Some(Value::Object(data)) => Ok(data),
        Some(_) => Err(wrong("data", "is not an object")),
        None => Err(wrong("data", "is missing")),
    }
}

/// The instant that a text states.
pub(crate) fn instant_of(text: &str, path: &str) -> Result<Timestamp, FieldError> {
    text.parse().map_err(|_| wrong(path, "is not an RFC 3339 instant such as 2026-01-05T10:15:00Z"))
}

impl What {
    /// Reads the `data` of a native type.
    ///
    /// # Errors
    /// [`FieldError`] with the first field that cannot be used.
    pub(crate) fn from_data(kind: &str, data: &Map<String, Value>) -> Result<Self, FieldError> {
        Ok(match kind {
            "engagement.recorded" => engagement(data)?,
            "contact.identified" => {
                Self::ContactIdentified { contact: id(data, "contact")?, fields: contact_fields(data)? }
            }
            "contact.merged" => merged(data)?,
            "account.updated" => Self::AccountUpdated { account: id(data, "account")?, fields: account::fields(data)? },
            "lead.touched" => lead::read(data, SalesStep::Touched)?,
            "lead.accepted" => lead::read(data, SalesStep::Accepted)?,
            "lead.opportunity" => lead::read(data, SalesStep::Opportunity)?,
            "lead.later" => lead::read(data, SalesStep::Later)?,
            "lead.won" => lead::read(data, SalesStep::Won)?,
            "lead.lost" => lead::read(data, SalesStep::Lost)?,
            "lead.rejected" => lead::read(data, SalesStep::Rejected)?,
            "email.reported" => Self::MailReported { contact: id(data, "contact")? },
            "email.bounced" => Self::MailBounced { contact: id(data, "contact")?, permanent: permanent(data)? },
            "email.unsubscribed" => Self::Unsubscribed { contact: id(data, "contact")?, wording: None },
            _ => return Err(wrong("type", format!("is not {}", types()))),
        })
    }
}

/// Whether one field of a contact's or an account's data can be used as it is: what a foreign format tells besides is left
/// out, not refused.
pub(crate) fn accepts(kind: &str, name: &str, value: &Value) -> bool {
    let data = Map::from_iter([(name.to_owned(), value.clone())]);
    match kind {
        "contact.identified" => contact_fields(&data).is_ok_and(|fields| !fields.is_empty()),
        "account.updated" => account::fields(&data).is_ok_and(|fields| !fields.is_empty()),
        _ => false,
    }
}

fn engagement(data: &Map<String, Value>) -> Result<What, FieldError> {
    let email = optional(data, "email")?;
    // It becomes part of a fact, which is kept where no erasure looks for addresses.
    if email.as_deref().is_some_and(|email| perennial_playbook::is_address(email.trim())) {
        return Err(wrong("data.email", "is an address; it names the mail in which something was done"));
    }
    let (contact, asset) = (id(data, "contact")?, required(data, "asset")?);
    Ok(What::Engagement { contact, asset, action: required(data, "action")?, email })
}

fn merged(data: &Map<String, Value>) -> Result<What, FieldError> {
    let (from, contact) = (id(data, "from")?, id(data, "contact")?);
    if address::same_contact(&from, &contact) {
        return Err(wrong("data.from", "is the contact that stays"));
    }
    Ok(What::ContactMerged { from, contact })
}

fn permanent(data: &Map<String, Value>) -> Result<bool, FieldError> {
    match data.get("permanent") {
        Some(Value::Bool(permanent)) => Ok(*permanent),
        Some(_) => Err(wrong("data.permanent", "is not true or false")),
        None => Err(wrong("data.permanent", "is missing")),
    }
}

/// The id of a contact or an account.
pub(super) fn id(data: &Map<String, Value>, name: &str) -> Result<String, FieldError> {
    let id = required(data, name)?;
    ours_to_say(&id, name)?;
    Ok(id)
}

/// What an address becomes as an id is ours to say: nobody may guess it.
fn ours_to_say(id: &str, name: &str) -> Result<(), FieldError> {
    if address::is_concealed(id) {
        return Err(wrong(format!("data.{name}"), "is @ and 32 hex digits, which stands for an address here"));
    }
    Ok(())
}

pub(super) fn required(data: &Map<String, Value>, name: &str) -> Result<String, FieldError> {
    text(data, name, &format!("data.{name}"))
}

pub(super) fn optional(data: &Map<String, Value>, name: &str) -> Result<Option<String>, FieldError> {
    if data.get(name).is_none_or(Value::is_null) { Ok(None) } else { required(data, name).map(Some) }
}

/// A text field: there, not empty, not too long, without control characters.
fn text(object: &Map<String, Value>, name: &str, path: &str) -> Result<String, FieldError> {
    match object.get(name) {
        None | Some(Value::Null) => Err(wrong(path, "is missing")),
        Some(Value::String(text)) => plain(text, path),
        Some(_) => Err(wrong(path, "is not a text")),
    }
}

pub(super) fn plain(text: &str, path: &str) -> Result<String, FieldError> {
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
pub(super) fn known_fields(data: &Map<String, Value>, names: &[&str]) -> Result<BTreeMap<String, String>, FieldError> {
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
    let fields =
        known_fields(data, &["account", "email", "first_name", "last_name", "title", "role", "time_zone", "locale"])?;
    // One spelling of an address only: a suppressed one must not come back in brackets or quotes.
    if fields.get("email").is_some_and(|email| !email.is_empty() && !perennial_playbook::is_address(email)) {
        return Err(wrong("data.email", "is not a plain address: one name, an @, one domain"));
    }
    if let Some(account) = fields.get("account") {
        ours_to_say(account, "account")?;
    }
    Ok(fields)
}
