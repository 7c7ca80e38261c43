//! The calls of Segment and RudderStack: one, an array of them, or a batch with the time at which it was sent.
//!
//! `messageId` is a call's id; without one its content is. What a call says by itself comes first; then the rules are asked,
//! which may add to it, replace it, or say something of their own.

mod calls;
mod sent;

use jiff::Timestamp;
use perennial_playbook::sources::Source;
use serde_json::Value;

use super::mapping::{Applied, Statement, apply, without_rule};
use super::message::{Message, canonical, elements, members};
use super::{Event, LONGEST_ID, Unsplit, by_content, hash, unread};
use crate::told::{FieldError, Told, is_json, wrong};

/// The type of facts: a rule that makes one replaces what a tracked event says by itself.
const ENGAGEMENT: &str = "engagement.recorded";
/// A `sentAt` is at most so many bytes long: it is written into each call of a batch.
const LONGEST_SENT_AT: usize = 128;

/// The calls of a delivery.
pub(super) fn split(body: &str) -> Result<Vec<Event>, Unsplit> {
    if let Some(calls) = elements(body)? {
        return calls.into_iter().map(|call| Ok(event(call.get().to_owned())?)).collect();
    }
    let Some(delivery) = members(body) else {
        // Read again for the reason alone.
        return Err(is_json(body)
            .err()
            .unwrap_or_else(|| wrong("body", "is not a JSON object or an array of objects"))
            .into());
    };
    match delivery.get("batch").map(|batch| elements(batch.get())).transpose()?.flatten() {
        None => Ok(vec![event(body.to_owned())?]),
        Some(calls) => {
            let sent_at = delivery.get("sentAt").map(|sent_at| sent_at.get());
            if sent_at.is_some_and(|sent_at| sent_at.len() > LONGEST_SENT_AT) {
                return Err(wrong("sentAt", format!("is longer than {LONGEST_SENT_AT} bytes")).into());
            }
            calls.into_iter().map(|call| Ok(event(dated(call.get(), sent_at))?)).collect()
        }
    }
}

/// A call of a batch with the batch's `sentAt`, so that it can be understood by itself.
fn dated(call: &str, sent_at: Option<&str>) -> String {
    match (sent_at, members(call)) {
        (Some(sent_at), Some(known)) if !known.contains_key("sentAt") => {
            let rest = call.trim_start().strip_prefix('{').unwrap_or(call);
            let comma = if known.is_empty() { "" } else { "," };
            format!("{{\"sentAt\":{sent_at}{comma}{rest}")
        }
        _ => call.to_owned(),
    }
}

pub(super) fn event(body: String) -> Result<Event, FieldError> {
    if let Some(event) = unread(&body) {
        return Ok(event);
    }
    let message = Message::read(&body)?;
    let id = id(&message);
    let mut content = message.into_value();
    if let Value::Object(call) = &mut content {
        // When it was sent and received is another time with each delivery, and so is what was computed from it.
        let computed: &[&str] = if call.contains_key("originalTimestamp") { &["timestamp"] } else { &[] };
        for name in ["sentAt", "receivedAt"].iter().chain(computed) {
            call.shift_remove(*name);
        }
    }
    let hash = hash(canonical(content).as_bytes());
    let id = id.ok().flatten().unwrap_or_else(|| by_content(&hash));
    Ok(Event { id, body, hash })
}

/// The `messageId`, never one that looks like another event's second statement, which ends in `#1`.
fn id(call: &Message<'_>) -> Result<Option<String>, FieldError> {
    let Some(id) = call.text("/messageId") else { return Ok(None) };
    let id = id.replace('%', "%25").replace('#', "%23");
    if id.len() > LONGEST_ID {
        Err(wrong("messageId", "is longer than 256 bytes"))
    } else if id.chars().any(char::is_control) {
        Err(wrong("messageId", "contains control characters"))
    } else {
        Ok(Some(id))
    }
}

/// What a call tells; nothing if it is left aside.
pub(super) fn read(source: &Source, body: &str, received_at: Timestamp) -> Result<Vec<Told>, FieldError> {
    let call = Message::read(body)?;
    let kind = call.text("/type");
    let Applied { fits, ignored, statements } = apply(source, &call, kind.as_deref())?;
    if ignored && statements.is_empty() {
        return Ok(Vec::new());
    }
    let built_in = calls::built_in(&call, kind.as_deref());
    if !fits && built_in.as_ref().is_ok_and(Option::is_none) {
        return without_rule(source, "no rule is for such a call; its type stands at /type, an event's name at /event");
    }
    let built_in = match built_in {
        _ if ignored => Vec::new(),
        // The rules know whom and what: they win.
        Err(_) if !statements.is_empty() => Vec::new(),
        built_in => built_in?.unwrap_or_default(),
    };
    let statements = joined(built_in, statements, &call);
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    id(&call)?;
    let at = sent::happened_at(&call, received_at)?;
    statements.iter().map(|statement| statement.read(at)).collect()
}

/// What a call says by itself, and what the rules say.
fn joined(mut built_in: Vec<Statement>, ruled: Vec<Statement>, call: &Message<'_>) -> Vec<Statement> {
    if ruled.iter().any(|statement| statement.kind == ENGAGEMENT) {
        built_in.retain(|statement| statement.kind != ENGAGEMENT);
    }
    let own = built_in.len();
    for mut statement in ruled {
        let same = built_in[..own].iter_mut().find(|known| known.kind == statement.kind && !statement.repeated);
        match same {
            Some(known) => {
                known.data.append(&mut statement.data);
                known.missing.append(&mut statement.missing);
                known.place = statement.place;
            }
            None => {
                calls::named(&mut statement, call);
                built_in.push(statement);
            }
        }
    }
    built_in
}

/// A text, or a number that is an id, at one of these places.
fn first_text(call: &Message<'_>, places: &[&str]) -> Option<String> {
    places.iter().find_map(|place| call.text(place))
}
