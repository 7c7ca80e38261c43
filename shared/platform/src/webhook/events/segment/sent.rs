//! When a call happened, if the sender's clock may be wrong.

use jiff::Timestamp;

use super::Message;
use crate::told::{FieldError, instant_of, wrong};

/// When a call happened.
///
/// Source: Segment's specification of common fields. Whoever received the call before us says so with `receivedAt` and has
/// corrected `timestamp`. From the sender itself it is received − (sent − happened), which leaves out how far its clock is
/// off. A call without a time happened when it was received.
pub(super) fn happened_at(call: &Message<'_>, received_at: Timestamp) -> Result<Timestamp, FieldError> {
    let stated = |name: &str| match call.text(&format!("/{name}")) {
        None => Ok(None),
        Some(text) => instant_of(&text, name).map(Some),
    };
    let timestamp = stated("timestamp")?;
    if let (Some(_), Some(timestamp)) = (stated("receivedAt")?, timestamp) {
        return Ok(timestamp);
    }
    match (timestamp.or(stated("originalTimestamp")?), stated("sentAt")?) {
        (None, _) => Ok(received_at),
        (Some(happened_at), None) => Ok(happened_at),
        (Some(happened_at), Some(sent_at)) => {
            let ago = sent_at.duration_since(happened_at);
            received_at.checked_sub(ago).map_err(|_| wrong("sentAt", "is too far from when it happened"))
        }
    }
}
