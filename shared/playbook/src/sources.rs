//! Webhook sources as functions use them: whom to believe, what is one event, and what it means.
//!
//! Owns the compiled form. Never reads a request, never holds a secret: a source names how a delivery proves itself, and
//! the deployment knows the secrets by the source's id.
//!
//! A place in a message is a JSON Pointer (RFC 6901): `/payload/object/id`. Within an array that a rule goes through, one
//! that begins with `./` starts at the element, and `.` is the element.

pub mod native;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One sender of webhooks: `POST /v1/webhooks/<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Source {
    /// Its name in the path, in the ledger's keys and among the secrets: lower-case letters, digits and hyphens.
    pub id: String,
    /// How its messages are read.
    pub format: Format,
    /// How a delivery proves itself: each of these must hold. Never empty.
    pub verify: Vec<Verify>,
    /// The address that the sender posts to, where it signs the address and a proxy in front of us changes it.
    pub url: Option<String>,
    /// Where in a message the events are. Formats with an envelope of their own (native, segment) do not ask it.
    pub envelope: Envelope,
    /// What events mean; every rule that fits an event applies, and `otherwise` holds if none does.
    pub rules: Vec<Rule>,
    /// What becomes of an event that no rule fits.
    pub otherwise: Otherwise,
}

/// How the messages of a source are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Format {
    /// Perennial's own body in a Standard Webhooks envelope, or CloudEvents 1.0 carrying it.
    Native,
    /// Segment's and RudderStack's calls; rules say what tracked events, pages and screens mean. A rule's kind is the call's
    /// `type`, such as `track`.
    Segment,
    /// Zoom: like mapped, and its address validation is answered.
    Zoom,
    /// Whatever the rules say.
    Mapped,
}

/// One way in which a delivery proves itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Verify {
    /// The signature of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, secrets `whsec_…`, five minutes.
    StandardWebhooks,
    /// The secret itself stands in a header.
    Token {
        /// The header, in lower case.
        header: String,
        /// What stands before the secret, such as `Bearer `.
        prefix: String,
    },
    /// A keyed hash stands in a header.
    Hmac(Hmac),
}

/// A signature by keyed hash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Hmac {
    /// The hash.
    pub algorithm: Algorithm,
    /// How the hash is written.
    pub encoding: Encoding,
    /// Where it stands.
    pub signature: HeaderPart,
    /// What stands before it, such as `sha256=` or `v0=`.
    pub prefix: String,
    /// What is signed, piece after piece.
    pub signed: Vec<Signed>,
    /// When it was signed, and how old it may be. Without it a delivery can be repeated for ever; it is counted once.
    pub timestamp: Option<SignedAt>,
    /// A delivery without the header is left to the other ways: Segment signs only where it was told a secret.
    pub only_where_sent: bool,
}

/// A header, or one entry of a header that lists several (`t=…,v1=…`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct HeaderPart {
    /// The header, in lower case.
    pub header: String,
    /// The entry's name; several of that name are tried one by one.
    pub entry: Option<String>,
}

/// When a delivery was signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SignedAt {
    /// Where it stands.
    pub at: HeaderPart,
    /// Its unit.
    pub unit: TimeUnit,
    /// How far it may be from now, either way.
    pub tolerance_seconds: i64,
}

/// The hash of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Algorithm {
    /// HMAC-SHA1; still sound as a keyed hash, and what Segment sends.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
}

/// How a hash is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Encoding {
    /// Hexadecimal digits in lower case.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// A piece of what is signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Signed {
    /// These characters.
    Text(String),
    /// The method, in capitals.
    Method,
    /// The whole address, query included.
    Url,
    /// The timestamp as it stands in its header.
    Timestamp,
    /// The raw body.
    Body,
    /// The raw body; of one that is an array its first event, written without spaces.
    FirstEvent,
}

/// The unit of a number that is a time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// Where in a message the events are, and how each is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Envelope {
    /// The array that holds the events; without it the body is one event, or an array of them.
    pub each: Option<String>,
    /// What makes an event's id, joined by `/`; nothing: the event's own content does.
    pub id: Vec<String>,
    /// What kind of event it is: what a rule's `kinds` are compared with.
    pub kind: Option<String>,
    /// When it happened; without it, when it was received.
    pub at: Option<Take>,
    /// Places whose value may differ from one delivery of an event to the next, such as a count of attempts: no part of what
    /// makes it this event.
    pub varies: Vec<String>,
}

/// What events of some kinds mean.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Rule {
    /// The line of the source's file on which it begins.
    pub line: usize,
    /// The kinds of event it is for; none: every kind.
    pub kinds: Vec<String>,
    /// Further conditions: each place holds one of these values, numbers and true or false as they are written. A place that
    /// begins with `.` is one in the element and picks elements; the others are in the event.
    pub when: Vec<(String, Vec<String>)>,
    /// The array through which the rule goes, one statement for each element.
    pub for_each: Option<String>,
    /// The native type that it becomes, such as `engagement.recorded`; `None`: such an event is left aside on purpose.
    pub becomes: Option<String>,
    /// The fields of the native `data`, by name.
    pub fields: BTreeMap<String, Field>,
}

/// A field of the native `data`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Field {
    /// One value.
    One(Take),
    /// A value for a product: `owns`, `used`, `ends`, `seats`, `seats_used`.
    ByProduct {
        /// The product.
        product: Take,
        /// What holds for it.
        value: Take,
    },
}

/// Where a value comes from, and what is made of it.
///
/// What is null or an empty text in the message is not there. A text that is empty in the playbook (`from` or `otherwise`) states
/// nothing, which empties the field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Take {
    /// The first of these that is there.
    pub from: Vec<Origin>,
    /// What each value means here; empty: it means itself. A value that is not listed counts as not there.
    pub is: BTreeMap<String, String>,
    /// What holds if nothing is there.
    pub otherwise: Option<String>,
    /// The number is a time since 1970.
    pub unit: Option<TimeUnit>,
    /// The number is multiplied by this: 100 for an amount in whole units of a currency.
    pub times: Option<i64>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Origin {
    /// It is this.
    Text(String),
    /// It stands here in the event: a JSON Pointer.
    Event(String),
    /// It stands here in the element that the rule goes through: a JSON Pointer; an empty one is the element itself.
    Element(String),
}

/// What becomes of an event that no rule fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum Otherwise {
    /// It is kept until a playbook understands it.
    #[default]
    Quarantine,
    /// It is left aside: the sender also tells what is nothing to us.
    Ignore,
}

impl Source {
    /// The native source, as it is when the playbook says nothing of it.
    pub fn native() -> Self {
        Self {
            id: "native".to_owned(),
            format: Format::Native,
            verify: vec![Verify::StandardWebhooks],
            url: None,
            envelope: Envelope::default(),
            rules: Vec::new(),
            otherwise: Otherwise::Quarantine,
        }
    }
}
