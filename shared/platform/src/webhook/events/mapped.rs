//! Messages of any shape, read by the rules of their source alone; Zoom's are of one shape that we know.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_playbook::sources::{Envelope, Format, Origin, Source, Take, TimeUnit};

use super::mapping::{Applied, Missing, apply, file, instant, without_rule};
use super::message::{Message, canonical, elements, members, remove};
use super::{Event, LONGEST_ID, Unsplit, by_content, hash, unread};
use crate::told::{FieldError, Told, is_json, wrong};

/// What Zoom sends to make sure that an address is ours. Source: Zoom's documentation of webhooks, validation.
const VALIDATION: &str = "endpoint.url_validation";

/// The events of a message: what the envelope's array holds, or the body itself, or the elements of an array.
pub(super) fn split(source: &Source, body: &str) -> Result<Vec<Event>, Unsplit> {
    let envelope = envelope(source);
    let texts = match &envelope.each {
        Some(pointer) => each(body, pointer)?,
        None => match elements(body)? {
            Some(elements) => elements.into_iter().map(|element| element.get()).collect(),
            None => vec![body],
        },
    };
    texts.into_iter().map(|text| Ok(event(&envelope, text)?)).collect()
}

/// The array at a pointer, each element as it was sent.
fn each<'a>(body: &'a str, pointer: &str) -> Result<Vec<&'a str>, Unsplit> {
    is_json(body)?;
    let mut at = body;
    for name in pointer.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        let member = members(at).and_then(|members| members.get(name.as_str()).map(|member| member.get()));
        at = member.ok_or_else(|| wrong("body", format!("has no array at {pointer}")))?;
    }
    let elements = elements(at)?.ok_or_else(|| wrong("body", format!("has no array at {pointer}")))?;
    Ok(elements.into_iter().map(|element| element.get()).collect())
}

pub(super) fn event(envelope: &Envelope, text: &str) -> Result<Event, FieldError> {
    if let Some(event) = unread(text) {
        return Ok(event);
    }
    let message = Message::read(text)?;
    // An event without its id is still kept: what it says is asked for when it is understood.
    let id = id(envelope, &message).ok().flatten();
    let mut content = message.into_value();
    envelope.varies.iter().for_each(|pointer| remove(&mut content, pointer));
    let hash = hash(canonical(content).as_bytes());
    let id = id.unwrap_or_else(|| by_content(&hash));
    Ok(Event { id, body: text.to_owned(), hash })
}

/// The id that a message states; `None` if the envelope names no place for it.
///
/// Parts are joined by `/`, and no part can look like two. Nor can an id look like that of another event's second statement,
/// which ends in `#1`.
fn id(envelope: &Envelope, message: &Message<'_>) -> Result<Option<String>, String> {
    if envelope.id.is_empty() {
        return Ok(None);
    }
    let part = |pointer: &String| {
        let part = message.text(pointer).ok_or_else(|| format!("nothing at {pointer}"))?;
        if part.chars().any(char::is_control) {
            return Err(format!("control characters at {pointer}"));
        }
        let part = part.replace('%', "%25").replace('#', "%23");
        Ok(if envelope.id.len() > 1 { part.replace('/', "%2F") } else { part })
    };
    let id = envelope.id.iter().map(part).collect::<Result<Vec<_>, String>>()?.join("/");
    if id.len() > LONGEST_ID { Err(format!("is longer than {LONGEST_ID} bytes")) } else { Ok(Some(id)) }
}

/// What a message tells; nothing if the playbook leaves it aside.
pub(super) fn read(source: &Source, body: &str, received_at: Timestamp) -> Result<Vec<Told>, FieldError> {
    let (envelope, message) = (envelope(source), Message::read(body)?);
    let kind = envelope.kind.as_deref().and_then(|pointer| message.text(pointer));
    if source.format == Format::Zoom && message.text("/event").as_deref() == Some(VALIDATION) {
        return Ok(Vec::new());
    }
    let Applied { fits, statements, .. } = apply(source, &message, kind.as_deref())?;
    if !fits {
        let kind = envelope.kind.as_deref().map(|pointer| format!("; its type stands at {pointer}"));
        return without_rule(source, format!("no rule is for such an event{}", kind.unwrap_or_default()));
    }
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    id(&envelope, &message).map_err(|reason| wrong(format!("{}: envelope.id", file(source)), reason))?;
    let at = match &envelope.at {
        None => received_at,
        Some(take) => instant(take, &message).map_err(|(Missing::Nothing(reason) | Missing::Unusable(reason))| {
            wrong(format!("{}: envelope.at", file(source)), reason)
        })?,
    };
    statements.iter().map(|statement| statement.read(at)).collect()
}

/// The envelope of a source. Zoom's is known: the event's name, and when it happened in milliseconds; it has no id.
pub(super) fn envelope(source: &Source) -> Cow<'_, Envelope> {
    if source.format != Format::Zoom || source.envelope != Envelope::default() {
        return Cow::Borrowed(&source.envelope);
    }
    let at = Take {
        from: vec![Origin::Event("/event_ts".to_owned())],
        is: BTreeMap::new(),
        otherwise: None,
        unit: Some(TimeUnit::Milliseconds),
        times: None,
    };
    Cow::Owned(Envelope { kind: Some("/event".to_owned()), at: Some(at), ..Envelope::default() })
}
