//! What a call says by itself, in native types.

use serde_json::{Map, Value, json};

use super::super::mapping::Statement;
use super::super::message::Message;
use super::{ENGAGEMENT, first_text};
use crate::address::same_contact;
use crate::told::{FieldError, accepts, wrong};

/// Traits of a person, by native name: the first that can be used is taken.
const CONTACT_TRAITS: [(&str, &[&str]); 7] = [
    ("email", &["email"]),
    ("first_name", &["first_name", "firstName"]),
    ("last_name", &["last_name", "lastName"]),
    ("title", &["title"]),
    ("role", &["role"]),
    ("time_zone", &["time_zone", "timezone"]),
    ("account", &["account", "company/id", "companyId"]),
];

/// Traits of a company; they have our names or none.
const ACCOUNT_TRAITS: [&str; 16] = [
    "name",
    "health",
    "owner",
    "size",
    "region",
    "industry",
    "maturity",
    "market",
    "revenue_cents",
    "purchases",
    "customer_since",
    "owns",
    "used",
    "ends",
    "seats",
    "seats_used",
];

/// What a call of this type says by itself; `None` if only rules know.
///
/// # Errors
/// [`FieldError`] if it does not say of whom.
pub(super) fn built_in(call: &Message<'_>, kind: Option<&str>) -> Result<Option<Vec<Statement>>, FieldError> {
    match kind {
        Some("identify") => identify(call).map(Some),
        Some("group") => group(call).map(Some),
        Some("alias") => alias(call).map(Some),
        Some("track") => track(call),
        _ => Ok(None),
    }
}

/// Gives a rule's statement the contact or account that the call is about, if the rule names none.
pub(super) fn named(statement: &mut Statement, call: &Message<'_>) {
    let (name, id) = match statement.kind.as_str() {
        "account.updated" => ("account", call.text("/groupId")),
        _ => ("contact", contact(call).ok()),
    };
    let told = statement.data.contains_key(name) || statement.missing.contains_key(name);
    if let Some(id) = id.filter(|_| !told) {
        statement.data.insert(name.to_owned(), Value::String(id));
    }
}

/// Whom a call is about: the user, or who it is until that is known.
fn contact(call: &Message<'_>) -> Result<String, FieldError> {
    first_text(call, &["/userId", "/anonymousId"]).ok_or_else(|| wrong("userId", "is missing, and anonymousId, too"))
}

fn identify(call: &Message<'_>) -> Result<Vec<Statement>, FieldError> {
    let contact = contact(call)?;
    let mut data = Map::from_iter([("contact".to_owned(), json!(contact))]);
    for (name, traits) in CONTACT_TRAITS {
        let texts = traits.iter().filter_map(|place| call.text(&format!("/traits/{place}"))).map(Value::String);
        if let Some(value) = texts.into_iter().find(|value| accepts("contact.identified", name, value)) {
            data.insert(name.to_owned(), value);
        }
    }
    let mut statements = vec![Statement::built_in("contact.identified", data)];
    match call.text("/anonymousId") {
        Some(anonymous) if !same_contact(&anonymous, &contact) => statements.push(merged(&anonymous, &contact)),
        _ => {}
    }
    Ok(statements)
}

fn group(call: &Message<'_>) -> Result<Vec<Statement>, FieldError> {
    let account = call.text("/groupId").ok_or_else(|| wrong("groupId", "is missing"))?;
    let mut data = Map::from_iter([("account".to_owned(), json!(account))]);
    for name in ACCOUNT_TRAITS {
        let value = call.at(&format!("/traits/{name}"));
        if let Some(value) = value.filter(|value| !value.is_null() && accepts("account.updated", name, value)) {
            data.insert(name.to_owned(), value.clone());
        }
    }
    let mut statements = vec![Statement::built_in("account.updated", data)];
    if let Ok(contact) = contact(call) {
        let data = Map::from_iter([("contact".to_owned(), json!(contact)), ("account".to_owned(), json!(account))]);
        statements.push(Statement::built_in("contact.identified", data));
    }
    Ok(statements)
}

/// An alias of oneself says nothing.
fn alias(call: &Message<'_>) -> Result<Vec<Statement>, FieldError> {
    let contact = call.text("/userId").ok_or_else(|| wrong("userId", "is missing"))?;
    let from = first_text(call, &["/previousId", "/anonymousId"]).ok_or_else(|| wrong("previousId", "is missing"))?;
    Ok(if same_contact(&from, &contact) { Vec::new() } else { vec![merged(&from, &contact)] })
}

/// A tracked event that names one of our assets and its action. `properties.email` is not read: elsewhere it is an address.
fn track(call: &Message<'_>) -> Result<Option<Vec<Statement>>, FieldError> {
    let (Some(asset), Some(action)) = (call.text("/properties/asset"), call.text("/properties/action")) else {
        return Ok(None);
    };
    let fields = [("contact", contact(call)?), ("asset", asset), ("action", action)];
    let data = Map::from_iter(fields.map(|(name, value)| (name.to_owned(), Value::String(value))));
    Ok(Some(vec![Statement::built_in(ENGAGEMENT, data)]))
}

fn merged(from: &str, contact: &str) -> Statement {
    let fields = [("from", from), ("contact", contact)];
    Statement::built_in("contact.merged", Map::from_iter(fields.map(|(name, id)| (name.to_owned(), json!(id)))))
}
