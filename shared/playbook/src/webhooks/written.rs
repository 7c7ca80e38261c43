//! A source's file as it is written: the structure, its defaults, and where each value stands.
//!
//! What is said here of a field is what an editor shows of it: the schema is made of these comments.

mod rule;
mod take;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::source::{Number, Placed, Text};

pub(super) use rule::{IGNORED, Rule};
pub(super) use take::{Field, Literal, Meanings, Shape, Take, View, Words};

/// Lists of names, by the name of the list.
pub(super) type Names = BTreeMap<Text, BTreeMap<Text, Placed<Literal>>>;

/// Who sends webhooks, how a delivery proves itself, and what its events mean. The name of the file is the name of the source:
/// POST /v1/webhooks/<name>.
#[derive(Debug, JsonSchema)]
#[schemars(title = "Perennial webhook source", deny_unknown_fields, transform = super::schema::root)]
pub(super) struct Written {
    /// How the messages are read.
    pub format: Option<Placed<Format>>,
    /// What becomes of an event that no rule fits. Default: "quarantine".
    pub otherwise: Option<Placed<Otherwise>>,
    /// The address that the sender posts to, such as "https://hooks.example.com/v1/webhooks/hubspot": only where it signs the
    /// address, and a proxy changes it. Default: the address that was posted to.
    pub url: Option<Text>,
    /// How a delivery proves itself: each of these must hold. Default: that of the format, for native and zoom.
    pub verify: Vec<Placed<Verify>>,
    /// Where in a message the events are, and how each is known. For mapped; for zoom, whose own is the default.
    pub envelope: Option<Placed<Envelope>>,
    /// Lists of what the sender calls things and what they are here, such as [names.products]; a rule refers to one by
    /// is = "products".
    pub names: Names,
    /// What events mean. Every rule that fits an event applies.
    #[schemars(rename = "rule")]
    pub rules: Vec<Placed<Rule>>,
    /// The sections in which something could not be read.
    #[schemars(skip)]
    pub unread: BTreeSet<&'static str>,
}

/// How the messages are read.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    /// Perennial's own body, in a Standard Webhooks envelope or as CloudEvents.
    Native,
    /// The calls of Segment and RudderStack.
    Segment,
    /// Zoom's events.
    Zoom,
    /// Whatever the rules say.
    Mapped,
}

/// What becomes of an event that no rule fits.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Otherwise {
    /// It is kept until a playbook understands it.
    Quarantine,
    /// It is left aside.
    Ignore,
}

/// One way in which a delivery proves itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    /// The way: token or hmac with the settings below, or the name of a sender whose settings are known.
    pub scheme: Placed<Scheme>,
    /// For token and hmac: the header that holds the secret or the signature, such as "x-signature"; for hmac also an entry of a
    /// header that lists several, such as { name = "x-signature", entry = "v1" }.
    pub header: Option<Placed<Header>>,
    /// For token and hmac: what stands before the secret or the signature, such as "Bearer " or "sha256=". Default: nothing.
    pub prefix: Option<Text>,
    /// For hmac: the hash. Default: "sha256".
    pub algorithm: Option<Placed<Algorithm>>,
    /// For hmac: how the signature is written. Default: "hex".
    pub encoding: Option<Placed<Encoding>>,
    /// For hmac: what is signed, such as "{timestamp}.{body}". {method}, {url}, {timestamp}, {body} and {first_event} are replaced;
    /// other characters are signed as they are.
    pub signed: Option<Text>,
    /// For hmac: where it stands when a delivery was signed. Without it an old delivery can be sent again; it is counted once.
    pub timestamp: Option<Placed<SignedAt>>,
    /// For hmac: a delivery without the header is left to the other ways. Default: false.
    pub only_where_sent: Option<Placed<bool>>,
}

/// The way of a proof.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scheme {
    /// The secret itself stands in a header.
    Token,
    /// A signature made with the secret stands in a header.
    Hmac,
    /// Standard Webhooks.
    StandardWebhooks,
    /// HubSpot's signature, version 3.
    HubspotV3,
    /// Stripe's signature.
    Stripe,
    /// Zoom's signature.
    Zoom,
    /// Segment's signature, which it sends where it was given a shared secret, and which covers the first event only.
    SegmentSignature,
}

impl Scheme {
    /// The name in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Hmac => "hmac",
            Self::StandardWebhooks => "standard-webhooks",
            Self::HubspotV3 => "hubspot-v3",
            Self::Stripe => "stripe",
            Self::Zoom => "zoom",
            Self::SegmentSignature => "segment-signature",
        }
    }
}

/// The hash of a signature.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Algorithm {
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encoding {
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

/// When a delivery was signed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedAt {
    /// The header that holds the time, or an entry of it.
    pub header: Placed<Header>,
    /// Its unit. Default: "seconds".
    pub unit: Option<Placed<Unit>>,
    /// How many seconds it may be from now, either way. Default: 300.
    #[schemars(range(min = 1, max = super::check::MOST_TOLERANCE_SECONDS))]
    pub tolerance_seconds: Option<Number>,
}

/// The unit of a number that is a time since 1970.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// One entry of a header that lists several, such as t=…,v1=….
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderEntry {
    /// The header.
    pub name: Text,
    /// The entry's name.
    pub entry: Text,
}

/// A header, or an entry of it.
#[derive(Debug)]
pub(super) enum Header {
    /// The header's name.
    Whole(String),
    /// An entry of a header.
    Entry(HeaderEntry),
}

/// Where in a message the events are, and how each is known. Places are JSON Pointers such as "/payload/object/id".
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    /// The list that holds the events, such as "/events". Default: the body is one event, or a list of them.
    pub each: Option<Text>,
    /// What makes an event's id: a place, or several that do so together. Default: the event's content.
    pub id: Option<Placed<Words>>,
    /// Where it stands what kind of event it is: what type of a rule is compared with.
    #[serde(rename = "type")]
    pub kind: Option<Text>,
    /// When it happened: a place, or { take = "/created", unit = "seconds" }. Default: when it was received.
    pub at: Option<Placed<Take>>,
    /// Places whose value may differ from one delivery of an event to the next, such as a count of attempts. Default: none.
    pub varies: Option<Placed<Words>>,
}
