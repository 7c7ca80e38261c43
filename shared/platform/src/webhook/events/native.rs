//! Our own format: the native body in a Standard Webhooks envelope, or CloudEvents that carry it.

use http::{HeaderMap, header};
use perennial_playbook::sources::Source;

use super::message::members;
use super::{Event, LONGEST_EVENT, LONGEST_ID, Unsplit, cloudevents, hash};
use crate::told::{FieldError, Told, read_object, wrong};

/// What becomes of the events of a delivery, one by one.
type Split = Vec<Result<Event, FieldError>>;

/// One native body, whose id is the `webhook-id`; or CloudEvents, which the content type, their headers or their attributes
/// announce. No content type is signed: an event that is sent again with another one must stay the event that it is.
pub(super) fn split(source: &Source, headers: &HeaderMap, body: &str) -> Result<Split, Unsplit> {
    match media_type(headers)?.as_str() {
        "application/cloudevents+json" => Ok(vec![Ok(cloudevents::structured(body)?)]),
        "application/cloudevents-batch+json" => cloudevents::batched(body),
        other if other.starts_with("application/cloudevents") => {
            Err(wrong("content-type", "is a form of CloudEvents that is not JSON").into())
        }
        _ if cloudevents::is_binary(headers) => Ok(vec![Ok(cloudevents::binary(source, headers, body)?)]),
        // A native body is an object.
        _ if body.trim_start().starts_with('[') => cloudevents::batched(body),
        _ if is_structured(body) => Ok(vec![Ok(cloudevents::structured(body)?)]),
        _ => {
            let id = webhook_id(headers)?;
            Ok(vec![Ok(Event { id: id.to_owned(), body: body.to_owned(), hash: hash(body.as_bytes()) })])
        }
    }
}

/// Whether a body is a CloudEvent with its attributes: as [`read`] sees it. One that is too long is refused anyway.
fn is_structured(body: &str) -> bool {
    body.len() <= LONGEST_EVENT && members(body).is_some_and(|members| members.contains_key("specversion"))
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
fn webhook_id(headers: &HeaderMap) -> Result<&str, FieldError> {
    let id = headers.get("webhook-id").and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| wrong("webhook-id", "is missing or unreadable"))?;
    if id.len() > LONGEST_ID { Err(wrong("webhook-id", "is longer than 256 bytes")) } else { Ok(id) }
}
