//! Every way of signing that the formats we ship use, for the tests of all of them.

use http::HeaderMap;
use jiff::Timestamp;
use perennial_playbook::sources::{
    Algorithm, Encoding, Format, HeaderPart, Hmac, Signed, SignedAt, Source, TimeUnit, Verify,
};

use super::super::sign::sign;
use super::*;

/// When the deliveries of these tests are signed.
pub(super) const NOW: i64 = 1_767_608_100;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PLAIN: &str = "a secret of the tests, 0123456789";

/// A source, and a secret it believes.
pub(super) struct Scheme {
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) secret: &'static str,
    /// Whether a delivery says when it was signed.
    pub(super) timed: bool,
}

/// A delivery that can be changed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) headers: HeaderMap,
    pub(super) url: String,
    pub(super) body: Vec<u8>,
}

impl Scheme {
    pub(super) fn of(name: &'static str, verify: Vec<Verify>) -> Self {
        let secret = if verify.contains(&Verify::StandardWebhooks) { WHSEC } else { PLAIN };
        let timed = verify.iter().any(|way| match way {
            Verify::StandardWebhooks => true,
            Verify::Token { .. } => false,
            Verify::Hmac(hmac) => hmac.timestamp.is_some(),
        });
        let format = if name == "zoom" { Format::Zoom } else { Format::Mapped };
        Self { name, source: Source { id: name.to_owned(), format, verify, ..Source::native() }, secret, timed }
    }

    pub(super) fn signed(&self, id: &str, body: &[u8], at: Timestamp) -> Sent {
        let url = format!("https://in.example.com/v1/webhooks/{}?team=a%2Fb", self.name);
        let delivery = Delivery { method: "POST", url: &url, headers: &HeaderMap::new(), body };
        let headers = sign(&self.source, self.secret, id, &delivery, at).unwrap();
        Sent { headers, url, body: body.to_vec() }
    }

    pub(super) fn judge(&self, sent: &Sent, now: Timestamp) -> Result<(), Forged> {
        let delivery = Delivery { method: "POST", url: &sent.url, headers: &sent.headers, body: &sent.body };
        verify(&self.source, &[self.secret.to_owned()], &delivery, now)
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn part(header: &str, entry: Option<&str>) -> HeaderPart {
    HeaderPart { header: header.to_owned(), entry: entry.map(str::to_owned) }
}

fn token(header: &str, prefix: &str) -> Verify {
    Verify::Token { header: header.to_owned(), prefix: prefix.to_owned() }
}

pub(super) fn hmac(header: &str, algorithm: Algorithm, encoding: Encoding, prefix: &str) -> Hmac {
    Hmac {
        algorithm,
        encoding,
        signature: part(header, None),
        prefix: prefix.to_owned(),
        signed: vec![Signed::Body],
        timestamp: None,
        only_where_sent: false,
    }
}

fn at(at: HeaderPart, unit: TimeUnit) -> Option<SignedAt> {
    Some(SignedAt { at, unit, tolerance_seconds: 300 })
}

fn text(text: &str) -> Signed {
    Signed::Text(text.to_owned())
}

fn stripe() -> Hmac {
    Hmac {
        signature: part("stripe-signature", Some("v1")),
        signed: vec![Signed::Timestamp, text("."), Signed::Body],
        timestamp: at(part("stripe-signature", Some("t")), TimeUnit::Seconds),
        ..hmac("", Algorithm::Sha256, Encoding::Hex, "")
    }
}

fn zoom() -> Hmac {
    Hmac {
        signed: vec![text("v0:"), Signed::Timestamp, text(":"), Signed::Body],
        timestamp: at(part("x-zm-request-timestamp", None), TimeUnit::Seconds),
        ..hmac("x-zm-signature", Algorithm::Sha256, Encoding::Hex, "v0=")
    }
}

fn hubspot() -> Hmac {
    Hmac {
        signed: vec![Signed::Method, Signed::Url, Signed::Body, Signed::Timestamp],
        timestamp: at(part("x-hubspot-request-timestamp", None), TimeUnit::Milliseconds),
        ..hmac("x-hubspot-signature-v3", Algorithm::Sha256, Encoding::Base64, "")
    }
}

/// Segment's signature, over the first event.
pub(super) fn first_event() -> Hmac {
    Hmac {
        signed: vec![Signed::FirstEvent],
        only_where_sent: true,
        ..hmac("x-signature", Algorithm::Sha1, Encoding::Hex, "")
    }
}

/// One of each.
pub(super) fn schemes() -> Vec<Scheme> {
    let one = |name, hmac| Scheme::of(name, vec![Verify::Hmac(hmac)]);
    vec![
        Scheme::of("standard", vec![Verify::StandardWebhooks]),
        Scheme::of("token", vec![token("x-perennial-key", "")]),
        Scheme::of("bearer", vec![token("authorization", "Bearer ")]),
        Scheme::of("segment", vec![token("authorization", "Bearer "), Verify::Hmac(first_event())]),
        one("sha1-hex", hmac("x-signature", Algorithm::Sha1, Encoding::Hex, "sha1=")),
        one("sha1-base64", hmac("x-signature", Algorithm::Sha1, Encoding::Base64, "")),
        one("sha256-hex", hmac("x-signature", Algorithm::Sha256, Encoding::Hex, "sha256=")),
        one("sha256-base64", hmac("x-signature", Algorithm::Sha256, Encoding::Base64, "")),
        one("stripe", stripe()),
        one("zoom", zoom()),
        one("hubspot", hubspot()),
    ]
}
