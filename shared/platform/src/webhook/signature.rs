//! What signatures are made of: parts of headers, pieces of what is signed, keyed hashes.
//!
//! Everything is read strictly, one spelling each: a second spelling would be other bytes under the same signature.

use std::borrow::Cow;

use base64::Engine;
use hmac::{KeyInit, Mac};
use http::HeaderMap;
use perennial_playbook::sources::{Algorithm, Encoding, HeaderPart, Signed, Source};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::Delivery;
use super::verify::Forged;

/// The characters that HubSpot's v3 signature has decoded in the address before it is signed. Source: HubSpot, "Validating
/// requests", the table of URL-encoded characters; capitals or not is the same in an escape (RFC 3986, 2.1).
const DECODED: [(&str, &str); 12] = [
    ("3A", ":"),
    ("2F", "/"),
    ("3F", "?"),
    ("40", "@"),
    ("21", "!"),
    ("24", "$"),
    ("27", "'"),
    ("28", "("),
    ("29", ")"),
    ("2A", "*"),
    ("2C", ","),
    ("3B", ";"),
];

/// What is wrong with a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeFault {
    /// It is not a number, or not the usual spelling of it.
    Unreadable,
    /// It is too far from now.
    Far,
}

impl TimeFault {
    pub(super) fn of(self, header: &str, seconds: i64) -> Forged {
        match self {
            Self::Unreadable => Forged::Header(header.to_owned()),
            Self::Far => Forged::Timestamp { header: header.to_owned(), seconds },
        }
    }
}

/// Whether a timestamp is a number, in its one spelling, and not farther from now than the tolerance, which is within.
pub(super) fn stated_at(stated: &str, now: i64, tolerance: i64) -> Result<(), TimeFault> {
    let at: i64 = stated.parse().map_err(|_| TimeFault::Unreadable)?;
    // What is signed is the number: `+5` or `05` would be other bytes for the same time.
    if at.to_string() != stated {
        Err(TimeFault::Unreadable)
    } else if at.saturating_sub(now).saturating_abs() > tolerance {
        Err(TimeFault::Far)
    } else {
        Ok(())
    }
}

/// The value of a header that is given once, in visible characters, and is not empty.
pub(super) fn one_header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Forged> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    value.filter(|_| values.next().is_none()).ok_or_else(|| Forged::Header(name.to_owned()))
}

/// What stands in a header, or every entry of this name in one that lists several; at least one, none empty.
pub(super) fn parts<'a>(headers: &'a HeaderMap, part: &HeaderPart) -> Result<Vec<&'a str>, Forged> {
    let whole = one_header(headers, &part.header)?;
    let Some(wanted) = &part.entry else { return Ok(vec![whole]) };
    let unreadable = || Forged::Header(part.header.clone());
    let mut found = Vec::new();
    for entry in whole.split(',') {
        let (name, value) = entry.split_once('=').ok_or_else(unreadable)?;
        if name.is_empty() || value.is_empty() {
            return Err(unreadable());
        }
        if name == wanted {
            found.push(value);
        }
    }
    if found.is_empty() { Err(unreadable()) } else { Ok(found) }
}

/// What is signed, piece after piece.
pub(super) fn content(
    pieces: &[Signed],
    source: &Source,
    delivery: &Delivery<'_>,
    stated: Option<&str>,
) -> Result<Vec<u8>, Forged> {
    let mut content = Vec::with_capacity(delivery.body.len() + 256);
    for piece in pieces {
        match piece {
            Signed::Text(text) => content.extend_from_slice(text.as_bytes()),
            Signed::Method => content.extend_from_slice(delivery.method.as_bytes()),
            Signed::Url => {
                content.extend_from_slice(decoded(source.url.as_deref().unwrap_or(delivery.url)).as_bytes());
            }
            Signed::Timestamp => content.extend_from_slice(stated.ok_or(Forged::Nothing)?.as_bytes()),
            Signed::Body => content.extend_from_slice(delivery.body),
            Signed::FirstEvent => content.extend_from_slice(&first_event(delivery.body).ok_or(Forged::Body)?),
        }
    }
    Ok(content)
}

/// An address as HubSpot signs it. Other senders' addresses hardly ever have such escapes.
fn decoded(url: &str) -> Cow<'_, str> {
    if !url.contains('%') {
        return Cow::Borrowed(url);
    }
    let mut pieces = url.split('%');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let escape = |(code, _): &&(&str, &str)| piece.get(..2).is_some_and(|given| given.eq_ignore_ascii_case(code));
        match DECODED.iter().find(escape) {
            Some((_, character)) => {
                decoded.push_str(character);
                decoded.push_str(&piece[2..]);
            }
            None => {
                decoded.push('%');
                decoded.push_str(piece);
            }
        }
    }
    Cow::Owned(decoded)
}

/// The body if it is an object; of an array its first element without the spaces between its tokens, everything else as it
/// was sent. Source: Segment, "Webhooks destination", authentication of batches.
fn first_event(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    match body.trim_ascii_start() {
        [b'{', ..] => Some(Cow::Borrowed(body)),
        [b'[', elements @ ..] => first_element(elements).map(Cow::Owned),
        _ => None,
    }
}

/// Text is copied, not understood: numbers, escapes and the order of members stay as the sender signed them. Whether it is
/// JSON at all is found out when it is read.
fn first_element(elements: &[u8]) -> Option<Vec<u8>> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut first = Vec::new();
    for &byte in elements {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            first.push(byte);
            continue;
        }
        match byte {
            b',' | b']' if depth == 0 => return (!first.is_empty()).then_some(first),
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => quoted = true,
            _ => {}
        }
        first.push(byte);
    }
    None
}

/// A keyed hash over pieces, as bytes.
pub(super) fn mac(algorithm: Algorithm, key: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    match algorithm {
        Algorithm::Sha1 => hashed::<hmac::Hmac<Sha1>>(key, pieces),
        Algorithm::Sha256 => hashed::<hmac::Hmac<Sha256>>(key, pieces),
    }
}

fn hashed<M: Mac + KeyInit>(key: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}

/// A hash as text.
pub(super) fn written(encoding: Encoding, hash: &[u8]) -> String {
    match encoding {
        Encoding::Hex => hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        Encoding::Base64 => base64::engine::general_purpose::STANDARD.encode(hash),
    }
}

/// Compares in a time that says nothing but whether the lengths agree.
pub(super) fn equal(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}
