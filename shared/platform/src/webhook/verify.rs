//! Whether a delivery is believed: signatures over the raw bytes, compared in constant time.
//!
//! Every way that a source asks for must hold, each by one of the live secrets. What was given is compared as text with what
//! should have been given, so there is one spelling of each signature: a hexadecimal hash in capitals is refused.
//!
//! What this does not protect:
//! - Where the first event of a batch is what is signed (Segment), the others are not: that is why such a source asks for a
//!   token as well, over TLS.
//! - A source has one list of secrets for all of its ways. Whoever has seen the token of a source that also signs can sign,
//!   unless the two are different secrets and the signing one is not sent as a token.
//! - Pieces that are signed with nothing between them (HubSpot's address and body) can be cut elsewhere: a part of the body
//!   would stand in the address. What is left of a JSON document without its beginning is none, and is refused when it is read.
//! - Headers that no scheme names are not signed.
//! - A signature without a timestamp can be repeated for ever: the ledger counts it once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use perennial_playbook::sources::{Algorithm, Hmac, SignedAt, Source, TimeUnit, Verify};

use super::Delivery;
#[cfg(test)]
use super::signature::TimeFault;
use super::signature::{content, equal, mac, one_header, parts, stated_at, written};

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod schemes;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

/// How far a Standard Webhooks timestamp may be from now, in seconds. Source: its specification, five minutes.
pub(super) const STANDARD_TOLERANCE_SECONDS: i64 = 300;
/// A secret is at least so many bytes long: what is short can be guessed.
pub(super) const SHORTEST_SECRET: usize = 16;

pub(super) const WEBHOOK_ID: &str = "webhook-id";
pub(super) const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
pub(super) const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// Why a delivery was not believed. Names headers, never repeats what they held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// A header, or an entry of it, is missing, given more than once, or not of its form.
    #[error("header {0} is missing, repeated or unreadable")]
    Header(String),
    /// It was signed too long ago, or will be.
    #[error("{header} is more than {seconds} seconds from now")]
    Timestamp {
        /// Where the time stands.
        header: String,
        /// How far it may be.
        seconds: i64,
    },
    /// No live secret makes what stands there.
    #[error("{0} does not fit")]
    Signature(String),
    /// The body cannot be what was signed.
    #[error("the body is not of the form that is signed")]
    Body,
    /// Nothing that the source asks for was there to be checked.
    #[error("nothing in the delivery proves who sent it")]
    Nothing,
}

/// Believes a delivery if it proves itself in every way that its source asks for, each by one of the live secrets.
///
/// # Errors
/// [`Forged`] with the first reason found.
pub fn verify(source: &Source, secrets: &[String], delivery: &Delivery<'_>, now: Timestamp) -> Result<(), Forged> {
    let mut proven = false;
    for way in &source.verify {
        proven |= fitting(way, source, secrets, delivery, now)?.is_some();
    }
    if proven { Ok(()) } else { Err(Forged::Nothing) }
}

/// The secret by which a delivery proves itself in one way; none if this way is not asked of it.
pub(super) fn fitting<'s>(
    way: &Verify,
    source: &Source,
    secrets: &'s [String],
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<Option<&'s str>, Forged> {
    match way {
        Verify::StandardWebhooks => standard(secrets, delivery, now).map(Some),
        Verify::Token { header, prefix } => token(header, prefix, secrets, delivery).map(Some),
        Verify::Hmac(hmac) if hmac.only_where_sent && !delivery.headers.contains_key(&*hmac.signature.header) => {
            Ok(None)
        }
        Verify::Hmac(hmac) => keyed(hmac, source, secrets, delivery, now).map(Some),
    }
}

fn standard<'s>(secrets: &'s [String], delivery: &Delivery<'_>, now: Timestamp) -> Result<&'s str, Forged> {
    let id = one_header(delivery.headers, WEBHOOK_ID)?;
    let stated = one_header(delivery.headers, WEBHOOK_TIMESTAMP)?;
    let given = one_header(delivery.headers, WEBHOOK_SIGNATURE)?;
    stated_at(stated, now.as_second(), STANDARD_TOLERANCE_SECONDS)
        .map_err(|fault| fault.of(WEBHOOK_TIMESTAMP, STANDARD_TOLERANCE_SECONDS))?;
    if begins_with_a_timestamp(delivery.body) {
        return Err(Forged::Body);
    }
    let fits = |secret: &&String| {
        let Some(key) = standard_key(secret) else { return false };
        let expected = standard_signature(&key, id, stated, delivery.body);
        given.split(' ').any(|given| equal(given, &expected))
    };
    secrets.iter().find(fits).map(String::as_str).ok_or_else(|| Forged::Signature(WEBHOOK_SIGNATURE.to_owned()))
}

/// The signature of Standard Webhooks, version included.
pub(super) fn standard_signature(key: &[u8], id: &str, stated: &str, body: &[u8]) -> String {
    let signed = mac(Algorithm::Sha256, key, &[id.as_bytes(), b".", stated.as_bytes(), b".", body]);
    format!("v1,{}", BASE64.encode(signed))
}

/// What is signed is `id.timestamp.body`, and an id may have dots: what was signed as `a.5`, `6` and a body is also `a`, `5`
/// and a body that begins with `6.`. No message of ours begins so.
fn begins_with_a_timestamp(body: &[u8]) -> bool {
    let digits = body.strip_prefix(b"-").unwrap_or(body);
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    end > 0 && digits.get(end) == Some(&b'.')
}

/// The key of a `whsec_` secret. Its prefix is asked for, and a length: what anybody can guess, anybody can sign with.
pub(super) fn standard_key(secret: &str) -> Option<Vec<u8>> {
    let key = BASE64.decode(secret.strip_prefix("whsec_")?).ok()?;
    (key.len() >= SHORTEST_SECRET).then_some(key)
}

fn token<'s>(header: &str, prefix: &str, secrets: &'s [String], delivery: &Delivery<'_>) -> Result<&'s str, Forged> {
    let wrong = || Forged::Signature(header.to_owned());
    let given = one_header(delivery.headers, header)?.strip_prefix(prefix).ok_or_else(wrong)?;
    let fits = |secret: &&String| secret.len() >= SHORTEST_SECRET && equal(given, secret);
    secrets.iter().find(fits).map(String::as_str).ok_or_else(wrong)
}

fn keyed<'s>(
    hmac: &Hmac,
    source: &Source,
    secrets: &'s [String],
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<&'s str, Forged> {
    let given = parts(delivery.headers, &hmac.signature)?;
    let stated = match &hmac.timestamp {
        None => None,
        Some(at) => Some(signed_at(at, delivery, now)?),
    };
    let content = content(&hmac.signed, source, delivery, stated)?;
    let fits = |secret: &&String| {
        let expected = written(hmac.encoding, &mac(hmac.algorithm, secret.as_bytes(), &[&content]));
        let fits = |given: &&str| given.strip_prefix(&*hmac.prefix).is_some_and(|given| equal(given, &expected));
        secret.len() >= SHORTEST_SECRET && given.iter().any(fits)
    };
    secrets.iter().find(fits).map(String::as_str).ok_or_else(|| Forged::Signature(hmac.signature.header.clone()))
}

/// The timestamp as it stands there, if it is near enough.
fn signed_at<'d>(at: &SignedAt, delivery: &Delivery<'d>, now: Timestamp) -> Result<&'d str, Forged> {
    let parts = parts(delivery.headers, &at.at)?;
    let [stated] = parts[..] else { return Err(Forged::Header(at.at.header.clone())) };
    let (now, per_second) = match at.unit {
        TimeUnit::Seconds => (now.as_second(), 1),
        TimeUnit::Milliseconds => (now.as_millisecond(), 1000),
    };
    stated_at(stated, now, at.tolerance_seconds.saturating_mul(per_second))
        .map_err(|fault| fault.of(&at.at.header, at.tolerance_seconds))?;
    Ok(stated)
}
