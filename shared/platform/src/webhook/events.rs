//! What a delivery holds: events, each with its own id, and what each of them means.

use http::HeaderMap;
use jiff::Timestamp;
use perennial_playbook::sources::Source;
use sha2::{Digest, Sha256};

use super::Delivery;
use crate::address::AddressKey;
use crate::told::{FieldError, Told, wrong};

/// An event id is at most so long: it is part of a key.
const LONGEST_ID: usize = 256;

/// One event of a delivery, before anybody asks what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id at the source, or what is made of its content where it has none.
    pub id: String,
    /// Its text: what the ledger keeps, and all that [`understand`] needs to be asked again later.
    pub body: String,
    /// SHA-256 of what makes it this event, in hex: not when or how often it was delivered.
    pub hash: String,
}

/// What an event means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understood {
    /// It tells this. An event may tell several things: the first has the event's id, each other one `<id>#1`, `<id>#2` …
    Told(Vec<Told>),
    /// It is nothing to us, and the playbook says so.
    LeftAside,
    /// It cannot be understood, for this reason.
    Not(FieldError),
}

/// Splits a delivery that is believed into its events.
///
/// # Errors
/// [`FieldError`] if it is not a message of the source's format at all: the sender's fault, and nothing is kept.
pub fn split(source: &Source, delivery: &Delivery<'_>) -> Result<Vec<Event>, FieldError> {
    let _ = source;
    let body = str::from_utf8(delivery.body).map_err(|_| wrong("body", "is not UTF-8"))?;
    let id = webhook_id(delivery.headers)?;
    Ok(vec![Event { id: id.to_owned(), body: body.to_owned(), hash: hash(body.as_bytes()) }])
}

/// What an event means under the source's rules. Pure: a quarantined event is asked again with the time at which it was
/// received.
pub fn understand(source: &Source, body: &str, received_at: Timestamp, addresses: &AddressKey) -> Understood {
    let _ = (source, received_at, addresses);
    match Told::from_native(body) {
        Ok(told) => Understood::Told(vec![told]),
        Err(error) => Understood::Not(error),
    }
}

fn webhook_id(headers: &HeaderMap) -> Result<&str, FieldError> {
    let id = headers.get("webhook-id").and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| wrong("webhook-id", "is missing or unreadable"))?;
    if id.len() > LONGEST_ID { Err(wrong("webhook-id", "is longer than 256 bytes")) } else { Ok(id) }
}

/// SHA-256 in hex.
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
