//! Our own format: the native body in a Standard Webhooks envelope, or CloudEvents that carry it.

use http::{HeaderMap, header};
use perennial_playbook::sources::Source;

use super::{Event, LONGEST_ID, cloudevents, hash};
use crate::told::{FieldError, Told, read_object, wrong};

/// One native body, whose id is the `webhook-id`; or CloudEvents, which the content type or their headers announce.
pub(super) fn split(source: &Source, headers: &HeaderMap, body: &str) -> Result<Vec<Event>, FieldError> {
    match media_type(headers)?.as_str() {
        "application/cloudevents+json" => Ok(vec![cloudevents::structured(body)?]),
        "application/cloudevents-batch+json" => cloudevents::batched(body),
        other if other.starts_with("application/cloudevents") => {
            Err(wrong("content-type", "is a form of CloudEvents that is not JSON"))
        }
        _ if cloudevents::is_binary(headers) => Ok(vec![cloudevents::binary(source, headers, body)?]),
        _ => {
            let id = webhook_id(headers)?;
            Ok(vec![Event { id: id.to_owned(), body: body.to_owned(), hash: hash(body.as_bytes()) }])
        }
    }
}

/// What a body tells; one that has a `specversion` is a CloudEvent.
pub(super) fn read(body: &str) -> Result<Told, FieldError> {
    if read_object(body)?.contains_key("specversion") { cloudevents::read(body) } else { Told::from_native(body) }
}

/// The content type without its parameters, in lower case; empty if there is none.
fn media_type(headers: &HeaderMap) -> Result<String, FieldError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(String::new()) };
    let value = value.to_str().map_err(|_| wrong("content-type", "is unreadable"))?;
    Ok(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The id of a delivery in the envelope of Standard Webhooks.
pub(super) fn webhook_id(headers: &HeaderMap) -> Result<&str, FieldError> {
    let id = headers.get("webhook-id").and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| wrong("webhook-id", "is missing or unreadable"))?;
    if id.len() > LONGEST_ID { Err(wrong("webhook-id", "is longer than 256 bytes")) } else { Ok(id) }
}
