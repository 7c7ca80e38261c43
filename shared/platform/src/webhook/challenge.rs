//! Zoom's validation of an address: it sends a token, and wants it back with its keyed hash.
//!
//! Source: Zoom, "Using webhooks", validation of the webhook endpoint: event `endpoint.url_validation`, at first and every
//! 72 hours.

use jiff::Timestamp;
use perennial_playbook::sources::{Algorithm, Encoding, Format, Source, Verify};
use serde_json::{Value, json};

use super::Delivery;
use super::signature::{mac, written};
use super::verify::{fitting, verify};

/// A token is at most so long; Zoom's have 22 characters.
const LONGEST_TOKEN: usize = 128;
/// What asks is at most so many bytes long; Zoom's has about 120. Anything longer is a delivery, and is not read here.
const LONGEST_QUESTION: usize = 4 * 1024;

/// The answer to a validation of the address; nothing for any other delivery, or one that is not believed.
///
/// Whoever answers signs what somebody else chose. So only a delivery that is signed itself is answered, with the secret that
/// signed it, and only a token that cannot be taken for the content of a signature: short, and without the colons of
/// `v0:timestamp:body` or anything of JSON.
pub fn challenge(source: &Source, secrets: &[String], delivery: &Delivery<'_>, now: Timestamp) -> Option<Value> {
    if source.format != Format::Zoom || verify(source, secrets, delivery, now).is_err() {
        return None;
    }
    let token = asked(delivery.body)?;
    let by = |way: &Verify| match way {
        Verify::Hmac(_) => fitting(way, source, secrets, delivery, now).ok().flatten(),
        _ => None,
    };
    let secret = source.verify.iter().find_map(by)?;
    let hash = written(Encoding::Hex, &mac(Algorithm::Sha256, secret.as_bytes(), &[token.as_bytes()]));
    Some(json!({"plainToken": token, "encryptedToken": hash}))
}

/// The token of a validation, if it may be signed.
fn asked(body: &[u8]) -> Option<String> {
    if body.len() > LONGEST_QUESTION {
        return None;
    }
    let message: Value = serde_json::from_slice(body).ok()?;
    if message["event"] != "endpoint.url_validation" {
        return None;
    }
    let token = message["payload"]["plainToken"].as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte);
    (!token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(plain)).then(|| token.to_owned())
}
