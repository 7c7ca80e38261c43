//! Whether a delivery is believed: signatures over the raw bytes, compared in constant time.
//!
//! The `standardwebhooks` crate makes the signature of Standard Webhooks; the tolerance is judged here, because the crate's
//! own check reads the system clock.

use base64::Engine;
use http::HeaderMap;
use jiff::Timestamp;
use perennial_playbook::sources::{Source, Verify};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use subtle::ConstantTimeEq;

use super::Delivery;

/// How far a delivery's timestamp may be from now, in seconds. Source: Standard Webhooks specification, five minutes.
const TOLERANCE_SECONDS: i64 = 300;

/// A key is at least so many bytes long.
const SHORTEST_KEY: usize = 16;

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

/// Believes a delivery if it proves itself in every way that its source asks for, each by one of the live secrets.
///
/// # Errors
/// [`Forged`] with the first reason found.
pub fn verify(source: &Source, secrets: &[String], delivery: &Delivery<'_>, now: Timestamp) -> Result<(), Forged> {
    let holds = |way: &Verify| match way {
        Verify::StandardWebhooks => standard(secrets, delivery, now),
        Verify::Token { .. } | Verify::Hmac(_) => Err(Forged::Signature),
    };
    source.verify.iter().try_for_each(holds)
}

fn standard(secrets: &[String], delivery: &Delivery<'_>, now: Timestamp) -> Result<(), Forged> {
    let (id, stated) =
        (header(delivery.headers, HEADER_WEBHOOK_ID)?, header(delivery.headers, HEADER_WEBHOOK_TIMESTAMP)?);
    let signatures = header(delivery.headers, HEADER_WEBHOOK_SIGNATURE)?;
    let timestamp: i64 = stated.parse().map_err(|_| Forged::Header(HEADER_WEBHOOK_TIMESTAMP))?;
    // One spelling only: what is signed is the number, and `+5` or `05` would be other bytes with the same signature.
    if timestamp.to_string() != stated {
        return Err(Forged::Header(HEADER_WEBHOOK_TIMESTAMP));
    }
    if timestamp.saturating_sub(now.as_second()).saturating_abs() > TOLERANCE_SECONDS {
        return Err(Forged::Timestamp);
    }
    let fits = |secret: &String| {
        let Some(Ok(expected)) = read(secret).map(|secret| secret.sign(id, timestamp, delivery.body)) else {
            return false;
        };
        signatures.split(' ').any(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
    };
    if secrets.iter().any(fits) { Ok(()) } else { Err(Forged::Signature) }
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Forged> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    value.ok_or(Forged::Header(name))
}

/// The crate takes an empty key, and one without the prefix: what anybody can guess, anybody can sign with.
pub(super) fn read(secret: &str) -> Option<Webhook> {
    let key = base64::engine::general_purpose::STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    (key.len() >= SHORTEST_KEY).then(|| Webhook::from_bytes(key).ok()).flatten()
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
            let secrets: Vec<String> = secrets.split_whitespace().map(str::to_owned).collect();
            let delivery = Delivery { method: "POST", url: "", headers: &headers, body: body.as_bytes() };
            let seen = verify(&Source::native(), &secrets, &delivery, now);
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
            let delivery = Delivery { method: "POST", url: "", headers: &headers, body: b"" };
            let seen = verify(&Source::native(), &[OLD.to_owned()], &delivery, Timestamp::UNIX_EPOCH);
            assert_eq!(seen, Err(Forged::Header(missing)));
        }
    }
}
