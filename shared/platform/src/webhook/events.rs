//! What a delivery holds: events, each with its own id, and what each of them means.
//!
//! Every format becomes native types and data, which `told` judges; so a field means the same whoever tells it. Reasons name
//! the field, the rule and the place in the message, never what stands there.
//!
//! | module | owns |
//! |---|---|
//! | `native` | our own body in a Standard Webhooks envelope |
//! | `cloudevents` | CloudEvents 1.0 that carry it: structured, batched, binary |
//! | `segment` | the calls of Segment and RudderStack, and when they happened |
//! | `mapped` | messages of any shape, and Zoom's, by rules alone |
//! | `mapping` | applying a source's rules |
//! | `message` | places in a message, and numbers as they are written |

mod cloudevents;
mod mapped;
mod mapping;
mod message;
mod native;
mod segment;

use jiff::Timestamp;
use perennial_playbook::sources::{Format, Source};
use sha2::{Digest, Sha256};

use super::Delivery;
use crate::address::AddressKey;
use crate::told::{FieldError, Told, wrong};

/// An event id is at most so many bytes long: it is part of a key.
const LONGEST_ID: usize = 256;
/// One delivery holds at most so many events.
pub const MOST_EVENTS: usize = 1_000;
/// An event is at most so many bytes long: as much as EventBridge carries. A longer one is not even read.
pub const LONGEST_EVENT: usize = 256 * 1024;

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

/// Why a delivery has no events that could be looked at: the sender's fault, and nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsplit {
    /// It holds more events than one delivery may. They were counted, and not read.
    #[error("body: holds more than {MOST_EVENTS} events")]
    TooMany,
    /// It is not a message of the source's format at all.
    #[error(transparent)]
    Wrong(#[from] FieldError),
}

/// Splits a delivery that is believed into its events, in the order in which it holds them; in the place of one that is none,
/// what is wrong with it. An event that is longer than [`LONGEST_EVENT`] is given back unread, and must not be kept.
///
/// # Errors
/// [`Unsplit`] if there is nothing in it that could be kept.
pub fn split(source: &Source, delivery: &Delivery<'_>) -> Result<Vec<Result<Event, FieldError>>, Unsplit> {
    let body = str::from_utf8(delivery.body).map_err(|_| wrong("body", "is not UTF-8"))?;
    match source.format {
        Format::Native => native::split(source, delivery.headers, body),
        Format::Segment => Ok(segment::split(body)?.into_iter().map(Ok).collect()),
        Format::Zoom | Format::Mapped => Ok(mapped::split(source, body)?.into_iter().map(Ok).collect()),
    }
}

/// An event that was kept as the source's present envelope has it: under the id and the hash that it would have if it were
/// sent now. What cannot be read that way stays as it is, and so does our own format, whose id stands outside the body.
pub fn again(source: &Source, event: &Event) -> Event {
    let again = match source.format {
        Format::Native => return event.clone(),
        Format::Segment => segment::event(event.body.clone()),
        Format::Zoom | Format::Mapped => mapped::event(&mapped::envelope(source), &event.body),
    };
    again.unwrap_or_else(|_| event.clone())
}

/// What an event means under the source's rules. Pure: a quarantined event is asked again with the time at which it was
/// received, of which only whole seconds count, because no more is kept.
pub fn understand(source: &Source, body: &str, received_at: Timestamp, addresses: &AddressKey) -> Understood {
    let received_at = Timestamp::from_second(received_at.as_second()).unwrap_or(received_at);
    let told = match source.format {
        Format::Native => native::read(body).map(|told| vec![told]),
        Format::Segment => segment::read(source, body, received_at),
        Format::Zoom | Format::Mapped => mapped::read(source, body, received_at),
    };
    match told {
        Ok(told) if told.is_empty() => Understood::LeftAside,
        Ok(told) => Understood::Told(told.into_iter().map(|told| told.concealed(addresses)).collect()),
        Err(error) => Understood::Not(error),
    }
}

/// An event that is too long, unread: what is made of a text may be many times as long.
fn unread(body: &str) -> Option<Event> {
    (body.len() > LONGEST_EVENT).then(|| {
        let hash = hash(body.as_bytes());
        Event { id: by_content(&hash), body: body.to_owned(), hash }
    })
}

/// The id of an event that has none: the first 128 bits of its hash.
fn by_content(hash: &str) -> String {
    hash.chars().take(32).collect()
}

/// SHA-256 in hex.
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
