//! Standard Webhooks signatures.
//!
//! The `standardwebhooks` crate makes the signature; the tolerance is judged here, because the crate's own check reads
//! the system clock.

use base64::Engine;
use http::HeaderMap;
use jiff::Timestamp;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use subtle::ConstantTimeEq;

/// How far a delivery's timestamp may be from now, in seconds. Source: Standard Webhooks specification, five minutes.
const TOLERANCE_SECONDS: i64 = 300;

/// A key is at least so many bytes long.
const SHORTEST_KEY: usize = 16;

/// Secrets that are live: several while one is rotated.
pub struct Secrets(Vec<Webhook>);

/// Why a delivery was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// A header is missing or unreadable.
    #[error("header {0} is missing or unreadable")]
    Header(&'static str),
    /// The timestamp is more than five minutes from now.
    #[error("webhook-timestamp is more than 300 seconds from now")]
    Timestamp,
    /// No signature fits.
    #[error("webhook-signature does not fit")]
    Signature,
}

/// The deployment's secrets are not secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhook secret number {0} is not `whsec_` and the base64 of at least 16 bytes")]
pub struct NotASecret(pub usize);

impl Secrets {
    /// Reads `whsec_…` secrets separated by white space.
    ///
    /// # Errors
    /// [`NotASecret`] with the position of the first that cannot be read; position 1 if there is none at all.
    pub fn parse(text: &str) -> Result<Self, NotASecret> {
        let secrets: Vec<Webhook> = text
            .split_whitespace()
            .enumerate()
            .map(|(index, secret)| read(secret).ok_or(NotASecret(index + 1)))
            .collect::<Result<_, _>>()?;
        if secrets.is_empty() { Err(NotASecret(1)) } else { Ok(Self(secrets)) }
    }

    /// Believes a delivery and returns its `webhook-id`. The body must be the raw bytes; Standard Webhooks signs text, so
    /// the caller has made sure that it is UTF-8.
    ///
    /// # Errors
    /// [`Forged`] with the first reason found.
    pub fn verify<'a>(&self, headers: &'a HeaderMap, body: &str, now: Timestamp) -> Result<&'a str, Forged> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
        let id = header(HEADER_WEBHOOK_ID).ok_or(Forged::Header(HEADER_WEBHOOK_ID))?;
        let stated = header(HEADER_WEBHOOK_TIMESTAMP).ok_or(Forged::Header(HEADER_WEBHOOK_TIMESTAMP))?;
        let signatures = header(HEADER_WEBHOOK_SIGNATURE).ok_or(Forged::Header(HEADER_WEBHOOK_SIGNATURE))?;
        let timestamp: i64 = stated.parse().map_err(|_| Forged::Header(HEADER_WEBHOOK_TIMESTAMP))?;
        // One spelling only: what is signed is the number, and `+5` or `05` would be other bytes with the same signature.
        if timestamp.to_string() != stated {
            return Err(Forged::Header(HEADER_WEBHOOK_TIMESTAMP));
        }
        if timestamp.saturating_sub(now.as_second()).saturating_abs() > TOLERANCE_SECONDS {
            return Err(Forged::Timestamp);
        }
        let fits = |secret: &Webhook| {
            let Ok(expected) = secret.sign(id, timestamp, body.as_bytes()) else { return false };
            signatures.split(' ').any(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
        };
        if self.0.iter().any(fits) { Ok(id) } else { Err(Forged::Signature) }
    }
}

/// The crate takes an empty key, and one without the prefix: what anybody can guess, anybody can sign with.
fn read(secret: &str) -> Option<Webhook> {
    let key = base64::engine::general_purpose::STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    (key.len() >= SHORTEST_KEY).then(|| Webhook::from_bytes(key).ok()).flatten()
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &str = r#"{"email":"test@example.com","username":"test_user"}"#;

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_WEBHOOK_ID, id.parse().unwrap());
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, timestamp.parse().unwrap());
        headers.insert(HEADER_WEBHOOK_SIGNATURE, signature.parse().unwrap());
        headers
    }

    #[test]
    fn only_what_was_signed_in_the_last_five_minutes_is_believed() {
        // The vector of the Standard Webhooks libraries.
        let (id, at, signature) =
            ("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        let both = format!("{NEW} {OLD}");
        let several = format!("v1,AAAA v1a,x {signature}");
        let check = |secrets: &str,
                     id: &str,
                     stated: &str,
                     signature: &str,
                     body: &str,
                     late: i64,
                     expected: Result<(), Forged>| {
            let now = Timestamp::from_second(at + late).unwrap();
            let headers = headers(id, stated, signature);
            let seen = Secrets::parse(secrets).unwrap().verify(&headers, body, now).map(|_| ());
            assert_eq!(seen, expected, "{stated} {signature} {late}");
        };
        let stated = at.to_string();
        check(OLD, id, &stated, signature, BODY, 0, Ok(()));
        check(&both, id, &stated, signature, BODY, 0, Ok(()));
        check(OLD, id, &stated, &several, BODY, 0, Ok(()));
        check(OLD, id, &stated, signature, BODY, 299, Ok(()));
        check(OLD, id, &stated, signature, BODY, -299, Ok(()));
        check(OLD, id, &stated, signature, BODY, 301, Err(Forged::Timestamp));
        check(OLD, id, &stated, signature, BODY, -301, Err(Forged::Timestamp));
        check(NEW, id, &stated, signature, BODY, 0, Err(Forged::Signature));
        check(OLD, "msg_other", &stated, signature, BODY, 0, Err(Forged::Signature));
        check(OLD, id, &stated, signature, &BODY.replace(':', ": "), 0, Err(Forged::Signature));
        check(OLD, id, &stated, "v1,", BODY, 0, Err(Forged::Signature));
        check(OLD, id, &format!("+{stated}"), signature, BODY, 0, Err(Forged::Header(HEADER_WEBHOOK_TIMESTAMP)));
        check(OLD, id, "now", signature, BODY, 0, Err(Forged::Header(HEADER_WEBHOOK_TIMESTAMP)));
        check(OLD, id, &i64::MIN.to_string(), signature, BODY, 0, Err(Forged::Timestamp));
    }

    #[test]
    fn a_missing_header_is_named() {
        for missing in [HEADER_WEBHOOK_ID, HEADER_WEBHOOK_TIMESTAMP, HEADER_WEBHOOK_SIGNATURE] {
            let mut headers = headers("id", "1", "v1,x");
            headers.remove(missing);
            let seen = Secrets::parse(OLD).unwrap().verify(&headers, "", Timestamp::UNIX_EPOCH);
            assert_eq!(seen, Err(Forged::Header(missing)));
        }
    }

    #[test]
    fn what_is_not_a_secret_stops_the_function() {
        for (text, position) in
            [("", 1), ("whsec_", 1), ("whsec_C2FV", 1), (&OLD[6..], 1), (&format!("{OLD} whsec_#"), 2)]
        {
            assert_eq!(Secrets::parse(text).err(), Some(NotASecret(position)), "{text}");
        }
    }
}
