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

/// Splits a delivery that is believed into its events, in the order in which it holds them.
///
/// # Errors
/// [`FieldError`] if it is not a message of the source's format at all: the sender's fault, and nothing is kept.
pub fn split(source: &Source, delivery: &Delivery<'_>) -> Result<Vec<Event>, FieldError> {
    let body = str::from_utf8(delivery.body).map_err(|_| wrong("body", "is not UTF-8"))?;
    match source.format {
        Format::Native => native::split(source, delivery.headers, body),
        Format::Segment => segment::split(body),
        Format::Zoom | Format::Mapped => mapped::split(source, body),
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
