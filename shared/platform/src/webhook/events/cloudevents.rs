//! CloudEvents 1.0 that carry native data: `type` is the native type, alone or behind a name such as `com.example.`; `time` is
//! when it happened; `data` is the native data. `source` and `id` together are the event's id.
//!
//! In the binary form the attributes are headers, which Standard Webhooks does not sign. Where a source is verified by it, the
//! `webhook-id`, which is signed, must be `<ce-source>#<ce-id>#<ce-type>#<ce-time>`: all that is read of the event besides its
//! body. So nobody can make another event, or a second one, out of a delivery that they have seen. A `#` within one of them is
//! `%23` there. Where a token proves the sender, nobody else has seen a delivery, and any `webhook-id` will do. What is kept is
//! the structured form: it needs no headers to be understood again.

use base64::Engine;
use http::{HeaderMap, header};
use perennial_playbook::sources::native::TYPES;
use perennial_playbook::sources::{Source, Verify};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::message::{canonical, elements};
use super::{Event, LONGEST_EVENT, LONGEST_ID, Unsplit, hash, unread};
use crate::told::{FieldError, Told, What, instant_of, read_object, read_value, types, wrong};

/// What must be signed of an event in the binary form.
const SIGNED: [&str; 4] = ["source", "id", "type", "time"];

/// One event in JSON.
pub(super) fn structured(body: &str) -> Result<Event, FieldError> {
    if let Some(event) = unread(body) {
        return Ok(event);
    }
    let attributes = read_object(body)?;
    attribute(&attributes, "specversion")?;
    let id = identity(&attributes)?;
    let content = ["type", "time", "data", "data_base64"].map(|name| attributes.get(name).unwrap_or(&Value::Null));
    // Nothing else: extensions such as `traceparent` differ when an event is sent again.
    Ok(Event { id, body: body.to_owned(), hash: hash(canonical(json!(content)).as_bytes()) })
}

/// An array of events in JSON, and in the place of one that is none, what is wrong with it. None at all if it is empty: whoever
/// asks for events refuses that.
pub(super) fn batched(body: &str) -> Result<Vec<Result<Event, FieldError>>, Unsplit> {
    let events = elements(body)?.ok_or_else(|| wrong("body", "is not an array of CloudEvents"))?;
    let placed = |place: usize, error: FieldError| wrong(format!("[{place}].{}", error.field), error.reason);
    let event = |(place, event): (usize, &RawValue)| structured(event.get()).map_err(|error| placed(place, error));
    Ok(events.into_iter().enumerate().map(event).collect())
}

/// Whether the headers announce an event whose attributes they are.
pub(super) fn is_binary(headers: &HeaderMap) -> bool {
    headers.contains_key("ce-specversion")
}

/// An event whose attributes are headers, in its structured form.
pub(super) fn binary(source: &Source, headers: &HeaderMap, body: &str) -> Result<Event, FieldError> {
    let mut attributes = attributes(headers)?;
    if source.verify.contains(&Verify::StandardWebhooks) {
        all_signed(&attributes, headers)?;
    }
    if let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
        attributes.insert("datacontenttype".to_owned(), json!(kind));
    }
    if body.len() <= LONGEST_EVENT {
        // Read before it is put between braces: it must be one value.
        read_value(body)?;
    }
    attributes.sort_keys();
    let text = Value::Object(attributes).to_string();
    structured(&format!("{},\"data\":{body}}}", text.strip_suffix('}').unwrap_or(&text)))
}

/// The attributes that are headers.
fn attributes(headers: &HeaderMap) -> Result<Map<String, Value>, FieldError> {
    let mut attributes = Map::new();
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let mut values = headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none()).and_then(|value| decoded(value.as_bytes()));
        let value = value.ok_or_else(|| wrong(name.as_str(), "is unreadable, or there twice"))?;
        attributes.insert(attribute.to_owned(), Value::String(value));
    }
    // These are the message's and not attributes.
    attributes.retain(|name, _| name != "data" && name != "data_base64");
    Ok(attributes)
}

/// Refuses an event of which the `webhook-id`, which is signed, does not say everything that is read from headers.
fn all_signed(attributes: &Map<String, Value>, headers: &HeaderMap) -> Result<(), FieldError> {
    let parts = SIGNED.iter().map(|name| attribute(attributes, name).map(encoded));
    let expected = parts.collect::<Result<Vec<_>, FieldError>>()?.join("#");
    if headers.get("webhook-id").is_some_and(|id| id.as_bytes() == expected.as_bytes()) {
        return Ok(());
    }
    let reason = "is not <ce-source>#<ce-id>#<ce-type>#<ce-time>, and headers of CloudEvents are not signed";
    Err(wrong("webhook-id", reason))
}

/// A text as the HTTP binding writes it in a header, and `#` as `%23`: no two texts look alike, and none holds a `#`. Source:
/// CloudEvents 1.0.2, HTTP protocol binding, header values.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'"' | b'%' | b'#') => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A header's value as the HTTP binding writes texts: percent-encoded, by older senders in quotes.
fn decoded(value: &[u8]) -> Option<String> {
    let value = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [*rest.next()?, *rest.next()?];
                let digits = str::from_utf8(&digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
            }
            b'\\' => bytes.push(*rest.next()?),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// `<source>#<id>`. A source may have one `#` of its own, so that one is escaped: the first `#` always separates.
fn identity(attributes: &Map<String, Value>) -> Result<String, FieldError> {
    let source = attribute(attributes, "source")?.replace('%', "%25").replace('#', "%23");
    let id = format!("{source}#{}", attribute(attributes, "id")?);
    if id.len() > LONGEST_ID { Err(wrong("id", "is longer than 256 bytes, source included")) } else { Ok(id) }
}

/// An attribute: there, a text, not empty, without control characters.
fn attribute<'a>(attributes: &'a Map<String, Value>, name: &str) -> Result<&'a str, FieldError> {
    match attributes.get(name) {
        None | Some(Value::Null) => Err(wrong(name, "is missing")),
        Some(Value::String(text)) if text.trim().is_empty() => Err(wrong(name, "is empty")),
        Some(Value::String(text)) if text.chars().any(char::is_control) => {
            Err(wrong(name, "contains control characters"))
        }
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(wrong(name, "is not a text")),
    }
}

/// What an event in its structured form tells.
pub(super) fn read(body: &str) -> Result<Told, FieldError> {
    let mut attributes = read_object(body)?;
    identity(&attributes)?;
    if attribute(&attributes, "specversion")? != "1.0" {
        return Err(wrong("specversion", "is not \"1.0\""));
    }
    let kind = native_type(attribute(&attributes, "type")?)?;
    let at = instant_of(attribute(&attributes, "time")?, "time")?;
    if !matches!(attributes.get("datacontenttype"), None | Some(Value::Null))
        && !is_json(attribute(&attributes, "datacontenttype")?)
    {
        return Err(wrong("datacontenttype", "is not JSON"));
    }
    Ok(Told { at, what: What::from_data(kind, &data(&mut attributes)?)? })
}

/// The native type that a type is, or ends in behind a full stop.
fn native_type(kind: &str) -> Result<&'static str, FieldError> {
    let is = |native: &&str| kind.strip_suffix(*native).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let native = TYPES.map(|native| native.name).into_iter().find(is);
    native.ok_or_else(|| wrong("type", format!("is not {}, alone or behind a name such as com.example.", types())))
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}

fn data(attributes: &mut Map<String, Value>) -> Result<Map<String, Value>, FieldError> {
    match (attributes.remove("data"), attributes.remove("data_base64")) {
        (Some(Value::Object(data)), None) => Ok(data),
        (None, Some(Value::String(data))) => {
            let data = base64::engine::general_purpose::STANDARD.decode(data).ok();
            let data = data.and_then(|data| String::from_utf8(data).ok());
            let data = data.ok_or_else(|| wrong("data_base64", "is not the base64 of a text"))?;
            read_object(&data).map_err(|error| wrong("data_base64", error.reason))
        }
        (None, None) => Err(wrong("data", "is missing")),
        (Some(_), Some(_)) => Err(wrong("data", "is there twice, as data_base64, too")),
        (Some(_), None) => Err(wrong("data", "is not an object")),
        (None, Some(_)) => Err(wrong("data_base64", "is not a text")),
    }
}
