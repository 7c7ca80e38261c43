//! How a sender proves itself: the inverse of verification, for the `perennial` command, the local world and tests.

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use perennial_playbook::sources::{Hmac, Source, TimeUnit, Verify};

use super::Delivery;
use super::signature::{content, mac, written};
use super::verify::{
    SHORTEST_SECRET, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, standard_key, standard_signature,
};

/// Why a delivery cannot be signed. Never repeats the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsignable {
    /// The secret would never be believed.
    #[error(
        "the secret is shorter than 16 bytes, or not `whsec_` and base64 where the source asks for Standard Webhooks"
    )]
    Secret,
    /// The id or the secret cannot stand in a header, or the source names a header that is none.
    #[error("the id, the secret or a header's name cannot be sent in a header")]
    Header,
    /// The source signs the first event, and there is none.
    #[error("the body is neither an object nor an array that holds one")]
    Body,
}

/// One thing to put into a header: the header, the entry's name if it lists several, the value.
type Part<'a> = (&'a str, Option<&'a str>, String);

/// The headers by which a source believes a delivery, signed now with one secret. `id` is its `webhook-id` where the source
/// asks for Standard Webhooks; the delivery's own headers are not looked at.
///
/// # Errors
/// [`Unsignable`] if the source would not believe it anyway.
pub fn sign(
    source: &Source,
    secret: &str,
    id: &str,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<HeaderMap, Unsignable> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for way in &source.verify {
        match way {
            Verify::StandardWebhooks => {
                let key = standard_key(secret).ok_or(Unsignable::Secret)?;
                let at = now.as_second().to_string();
                let signature = standard_signature(&key, id, &at, delivery.body);
                parts.push((WEBHOOK_ID, None, id.to_owned()));
                parts.push((WEBHOOK_TIMESTAMP, None, at));
                parts.push((WEBHOOK_SIGNATURE, None, signature));
            }
            _ if secret.len() < SHORTEST_SECRET => return Err(Unsignable::Secret),
            Verify::Token { header, prefix } => parts.push((header, None, format!("{prefix}{secret}"))),
            Verify::Hmac(hmac) => parts.extend(keyed(hmac, source, secret, delivery, now)?),
        }
    }
    gathered(&parts)
}

fn keyed<'a>(
    hmac: &'a Hmac,
    source: &Source,
    secret: &str,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<Vec<Part<'a>>, Unsignable> {
    let stated = hmac.timestamp.as_ref().map(|at| match at.unit {
        TimeUnit::Seconds => now.as_second().to_string(),
        TimeUnit::Milliseconds => now.as_millisecond().to_string(),
    });
    let content = content(&hmac.signed, source, delivery, stated.as_deref()).map_err(|_| Unsignable::Body)?;
    let signature = written(hmac.encoding, &mac(hmac.algorithm, secret.as_bytes(), &[&content]));
    let part = &hmac.signature;
    let mut parts: Vec<Part<'_>> = Vec::new();
    if let (Some(at), Some(stated)) = (&hmac.timestamp, stated) {
        parts.push((&at.at.header, at.at.entry.as_deref(), stated));
    }
    parts.push((&part.header, part.entry.as_deref(), format!("{}{signature}", hmac.prefix)));
    Ok(parts)
}

/// Entries of one header stand behind each other in it, separated by commas.
fn gathered(parts: &[Part<'_>]) -> Result<HeaderMap, Unsignable> {
    let mut values: Vec<(&str, String)> = Vec::new();
    for (header, entry, value) in parts {
        let text = entry.map_or(value.clone(), |entry| format!("{entry}={value}"));
        match values.iter_mut().find(|(name, _)| name == header) {
            Some((_, values)) if entry.is_some() => *values = format!("{values},{text}"),
            Some((_, values)) => *values = text,
            None => values.push((header, text)),
        }
    }
    let mut headers = HeaderMap::new();
    for (name, value) in values {
        let name = HeaderName::try_from(name).map_err(|_| Unsignable::Header)?;
        let mut value = HeaderValue::try_from(value).map_err(|_| Unsignable::Header)?;
        // It may be the secret itself: no debug output shows it.
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}
