//! Webhooks: who is believed, what one delivery holds, and what an event means.
//!
//! `verify` judges raw bytes, `sign` is its inverse, `challenge` answers Zoom, `secrets` knows what is live, `events` splits
//! a delivery and says what an event means. All but `secrets` is pure: the same delivery, secrets and time give the same
//! answer.

pub mod challenge;
pub mod events;
pub mod secrets;
pub mod sign;
mod signature;
pub mod verify;

use http::HeaderMap;

/// A delivery as it came.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The address that was posted to, query included.
    pub url: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The raw body, decoded if its envelope says base64.
    pub body: &'a [u8],
}
