//! Applying the rules of a source: from places in a message to native data.
//!
//! What is wrong is said with the rule's file and line and with the place, never with what stands there:
//! `sources/zoom.toml:12: data.contact: nothing at /payload/object/participant/email`.

mod take;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_playbook::sources::native::FLAGS;
use perennial_playbook::sources::{Field, Otherwise, Rule, Source};
use serde_json::{Map, Value};

use super::message::Message;
use crate::address::same_contact;
use crate::told::{FieldError, Told, What, wrong};
pub(super) use take::{Missing, instant};

/// One event tells at most so many things: each of them is an entry of the ledger, and holds the whole event if it waits.
const MOST_STATEMENTS: usize = 100;

/// A native type with its data, before it is read.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// The native type.
    pub(super) kind: String,
    /// Its data.
    pub(super) data: Map<String, Value>,
    /// The rule that says so, as file and line; none: the format itself.
    pub(super) place: Option<String>,
    /// Why fields are not there for which the rule names places.
    pub(super) missing: BTreeMap<String, String>,
    /// Whether a rule makes several of it.
    pub(super) repeated: bool,
}

/// What the rules make of an event.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Whether any rule fits.
    pub(super) fits: bool,
    /// Whether a rule says to leave the event aside.
    pub(super) ignored: bool,
    /// What the others make of it, in their order.
    pub(super) statements: Vec<Statement>,
}

impl Statement {
    /// What the format itself makes of an event.
    pub(super) fn built_in(kind: &str, data: Map<String, Value>) -> Self {
        Self { kind: kind.to_owned(), data, place: None, missing: BTreeMap::new(), repeated: false }
    }

    /// Whether it merges a contact into itself. Senders list the one that stays among those that were merged.
    fn says_nothing(&self) -> bool {
        let id = |name: &str| self.data.get(name).and_then(Value::as_str);
        self.kind == "contact.merged"
            && id("from").zip(id("contact")).is_some_and(|(from, contact)| same_contact(from, contact))
    }

    /// Reads it as a native body is read.
    pub(super) fn read(&self, at: Timestamp) -> Result<Told, FieldError> {
        let placed = |mut error: FieldError| {
            let name = error.field.strip_prefix("data.").unwrap_or_default();
            if let Some(reason) = self.missing.get(name).filter(|_| !self.data.contains_key(name)) {
                error.reason.clone_from(reason);
            }
            match &self.place {
                Some(place) => wrong(format!("{place}: {}", error.field), error.reason),
                None => error,
            }
        };
        let what = What::from_data(&self.kind, &self.data).map_err(placed)?;
        Ok(Told { at, what })
    }
}

/// The file of a source, as problems name it.
pub(super) fn file(source: &Source) -> String {
    format!("sources/{}.toml", source.id)
}

/// What becomes of an event for which there is no rule: left aside, or kept with this reason.
pub(super) fn without_rule(source: &Source, reason: impl Into<String>) -> Result<Vec<Told>, FieldError> {
    match source.otherwise {
        Otherwise::Ignore => Ok(Vec::new()),
        Otherwise::Quarantine => Err(wrong(file(source), reason)),
    }
}

/// Applies every rule that fits a message of this kind.
///
/// # Errors
/// [`FieldError`] with the first place that cannot be used.
pub(super) fn apply(source: &Source, message: &Message<'_>, kind: Option<&str>) -> Result<Applied, FieldError> {
    let mut applied = Applied::default();
    for rule in &source.rules {
        let fits_kind = rule.kinds.is_empty() || kind.is_some_and(|kind| rule.kinds.iter().any(|one| one == kind));
        if !fits_kind || !holds(rule, message, None) {
            continue;
        }
        let place = format!("{}:{}", file(source), rule.line);
        let elements = match elements(rule, message, &place)? {
            None => vec![None],
            Some(elements) => elements.into_iter().map(Some).collect(),
        };
        if rule.for_each.is_some() && elements.is_empty() {
            continue;
        }
        applied.fits = true;
        let Some(becomes) = &rule.becomes else {
            applied.ignored = true;
            continue;
        };
        for element in elements {
            if applied.statements.len() == MOST_STATEMENTS {
                return Err(wrong(place, format!("the event tells more than {MOST_STATEMENTS} things")));
            }
            let statement = statement(rule, becomes, message, element.as_deref(), &place)?;
            if !statement.says_nothing() {
                applied.statements.push(statement);
            }
        }
    }
    Ok(applied)
}

/// Whether the conditions of a rule hold: those on the message, or those on one of its elements.
fn holds(rule: &Rule, message: &Message<'_>, element: Option<&str>) -> bool {
    let holds = |(pointer, allowed): &(String, Vec<String>)| {
        let place = match (pointer.strip_prefix('.'), element) {
            (Some(rest), Some(element)) => Cow::Owned(format!("{element}{rest}")),
            (None, None) => Cow::Borrowed(pointer.as_str()),
            _ => return true,
        };
        // A text without a character is a value here: a sender says with it that a field is empty.
        let empty = matches!(message.at(&place), Some(Value::String(text)) if text.is_empty());
        let text = if empty { Some(String::new()) } else { message.text(&place) };
        text.is_some_and(|text| allowed.contains(&text))
    };
    rule.when.iter().all(holds)
}

/// Where the elements are that a rule goes through, those that fit; `None` if it goes through nothing.
fn elements(rule: &Rule, message: &Message<'_>, place: &str) -> Result<Option<Vec<String>>, FieldError> {
    let Some(pointer) = &rule.for_each else { return Ok(None) };
    let Some(Value::Array(elements)) = message.at(pointer) else {
        return Err(wrong(format!("{place}: for_each"), format!("no array at {pointer}")));
    };
    let elements = (0..elements.len()).map(|index| format!("{pointer}/{index}"));
    Ok(Some(elements.filter(|element| holds(rule, message, Some(element))).collect()))
}

fn statement(
    rule: &Rule,
    becomes: &str,
    message: &Message<'_>,
    element: Option<&str>,
    place: &str,
) -> Result<Statement, FieldError> {
    let (mut data, mut missing) = (Map::new(), BTreeMap::new());
    let unusable = |name: &str, reason: String| wrong(format!("{place}: data.{name}"), reason);
    for (name, field) in &rule.fields {
        match field {
            Field::One(take) => match take::value(take, message, element) {
                Ok(value) => drop(data.insert(name.clone(), native(name, value))),
                Err(Missing::Nothing(reason)) => drop(missing.insert(name.clone(), reason)),
                Err(Missing::Unusable(reason)) => return Err(unusable(name, reason)),
            },
            Field::ByProduct { product, value } => {
                let product = match take::value(product, message, element) {
                    Ok(Value::String(product)) => product,
                    Ok(_) => return Err(unusable(name, "names no product".to_owned())),
                    // A product that is not known must not be lost.
                    Err(Missing::Nothing(reason) | Missing::Unusable(reason)) => return Err(unusable(name, reason)),
                };
                match take::value(value, message, element) {
                    Ok(value) => drop(data.insert(name.clone(), Value::Object(Map::from_iter([(product, value)])))),
                    Err(Missing::Nothing(_)) => {}
                    Err(Missing::Unusable(reason)) => return Err(unusable(name, reason)),
                }
            }
        }
    }
    let repeated = rule.for_each.is_some();
    Ok(Statement { kind: becomes.to_owned(), data, place: Some(place.to_owned()), missing, repeated })
}

/// A text as the native field has it: some are true or false, and no text.
fn native(name: &str, value: Value) -> Value {
    match value.as_str() {
        Some("true") if FLAGS.contains(&name) => Value::Bool(true),
        Some("false") if FLAGS.contains(&name) => Value::Bool(false),
        _ => value,
    }
}
