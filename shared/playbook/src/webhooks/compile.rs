//! From what is written to the compiled form. What cannot be translated has been refused by the check.

use std::collections::BTreeMap;

use crate::problem::Page;
use crate::source::Placed;
use crate::sources::{
    self, Algorithm, Encoding, Envelope, Field, Format, HeaderPart, Hmac, Origin, Otherwise, Rule, Signed, SignedAt,
    Source, Take, TimeUnit, Verify,
};

use super::written::{self, Header, IGNORED, Meanings, Names, Scheme, Shape, Unit, View, Written};

/// How far a delivery's timestamp may be from now unless the source says otherwise, in seconds. Source: what HubSpot, Stripe and
/// Standard Webhooks ask for.
const TOLERANCE_SECONDS: i64 = 300;

/// Compiles what the check let through; `None` if it should not have.
pub(super) fn source(id: &str, page: Page<'_>, written: &Written) -> Option<Source> {
    let format = format(*written.format.as_ref()?.get_ref());
    let mut verify: Vec<Verify> = written.verify.iter().map(|way| verify_way(way.get_ref())).collect::<Option<_>>()?;
    if verify.is_empty() {
        verify.push(default_verify(format)?);
    }
    let envelope = match &written.envelope {
        Some(envelope) => self::envelope(envelope.get_ref(), &written.names)?,
        None if format == Format::Zoom => zoom_envelope(),
        None => Envelope::default(),
    };
    let otherwise = written.otherwise.as_ref().map(|otherwise| *otherwise.get_ref());
    Some(Source {
        id: id.to_owned(),
        format,
        verify,
        url: written.url.as_ref().map(|url| url.get_ref().clone()),
        envelope,
        rules: written.rules.iter().map(|rule| self::rule(page, rule, &written.names)).collect::<Option<_>>()?,
        otherwise: match otherwise {
            Some(written::Otherwise::Ignore) => Otherwise::Ignore,
            Some(written::Otherwise::Quarantine) | None => Otherwise::Quarantine,
        },
    })
}

fn format(format: written::Format) -> Format {
    match format {
        written::Format::Native => Format::Native,
        written::Format::Segment => Format::Segment,
        written::Format::Zoom => Format::Zoom,
        written::Format::Mapped => Format::Mapped,
    }
}

/// How a format proves itself whose sender knows one way only.
fn default_verify(format: Format) -> Option<Verify> {
    match format {
        Format::Native => Some(Verify::StandardWebhooks),
        Format::Zoom => preset(Scheme::Zoom),
        Format::Segment | Format::Mapped => None,
    }
}

fn verify_way(way: &written::Verify) -> Option<Verify> {
    let prefix = || way.prefix.as_ref().map(|prefix| prefix.get_ref().clone()).unwrap_or_default();
    match way.scheme.get_ref() {
        Scheme::Token => {
            Some(Verify::Token { header: header(way.header.as_ref()?.get_ref()).header, prefix: prefix() })
        }
        Scheme::Hmac => Some(Verify::Hmac(Hmac {
            algorithm: match way.algorithm.as_ref().map(|algorithm| algorithm.get_ref()) {
                Some(written::Algorithm::Sha1) => Algorithm::Sha1,
                Some(written::Algorithm::Sha256) | None => Algorithm::Sha256,
            },
            encoding: match way.encoding.as_ref().map(|encoding| encoding.get_ref()) {
                Some(written::Encoding::Base64) => Encoding::Base64,
                Some(written::Encoding::Hex) | None => Encoding::Hex,
            },
            signature: header(way.header.as_ref()?.get_ref()),
            prefix: prefix(),
            signed: signed(way.signed.as_ref()?.get_ref()).ok()?,
            timestamp: way.timestamp.as_ref().map(|timestamp| signed_at(timestamp.get_ref())),
            only_where_sent: way.only_where_sent.as_ref().is_some_and(|only| *only.get_ref()),
        })),
        known => preset(*known),
    }
}

/// The settings of senders that are known; `None` for token and hmac, whose settings are written.
///
/// Sources: HubSpot, "Validating requests"; Stripe, "Verify webhook signatures manually"; Zoom, "Using webhooks: verify with
/// Zoom's header"; Twilio Segment, "How Segment computes x-signature for batched webhooks".
pub(super) fn preset(scheme: Scheme) -> Option<Verify> {
    let (mut algorithm, mut encoding, mut prefix, mut only_where_sent) = (Algorithm::Sha256, Encoding::Hex, "", false);
    let (signature, template, timestamp) = match scheme {
        Scheme::StandardWebhooks => return Some(Verify::StandardWebhooks),
        Scheme::Token | Scheme::Hmac => return None,
        Scheme::HubspotV3 => {
            encoding = Encoding::Base64;
            let at = (whole("x-hubspot-request-timestamp"), TimeUnit::Milliseconds);
            (whole("x-hubspot-signature-v3"), "{method}{url}{body}{timestamp}", Some(at))
        }
        Scheme::Stripe => {
            let entry =
                |entry: &str| HeaderPart { header: "stripe-signature".to_owned(), entry: Some(entry.to_owned()) };
            (entry("v1"), "{timestamp}.{body}", Some((entry("t"), TimeUnit::Seconds)))
        }
        Scheme::Zoom => {
            prefix = "v0=";
            let at = (whole("x-zm-request-timestamp"), TimeUnit::Seconds);
            (whole("x-zm-signature"), "v0:{timestamp}:{body}", Some(at))
        }
        Scheme::SegmentSignature => {
            (algorithm, only_where_sent) = (Algorithm::Sha1, true);
            (whole("x-signature"), "{first_event}", None)
        }
    };
    Some(Verify::Hmac(Hmac {
        algorithm,
        encoding,
        signature,
        prefix: prefix.to_owned(),
        signed: signed(template).ok()?,
        timestamp: timestamp.map(|(at, unit)| SignedAt { at, unit, tolerance_seconds: TOLERANCE_SECONDS }),
        only_where_sent,
    }))
}

fn whole(header: &str) -> HeaderPart {
    HeaderPart { header: header.to_owned(), entry: None }
}

fn header(header: &Header) -> HeaderPart {
    match header {
        Header::Whole(name) => whole(&name.to_ascii_lowercase()),
        Header::Entry(entry) => {
            HeaderPart { header: entry.name.get_ref().to_ascii_lowercase(), entry: Some(entry.entry.get_ref().clone()) }
        }
    }
}

fn signed_at(written: &written::SignedAt) -> SignedAt {
    SignedAt {
        at: header(written.header.get_ref()),
        unit: written.unit.as_ref().map_or(TimeUnit::Seconds, |unit| self::unit(*unit.get_ref())),
        tolerance_seconds: written.tolerance_seconds.as_ref().map_or(TOLERANCE_SECONDS, |seconds| *seconds.get_ref()),
    }
}

fn unit(unit: Unit) -> TimeUnit {
    match unit {
        Unit::Seconds => TimeUnit::Seconds,
        Unit::Milliseconds => TimeUnit::Milliseconds,
    }
}

/// What stands in braces where it is said what is signed.
pub(super) const SIGNED: [(&str, Signed); 5] = [
    ("method", Signed::Method),
    ("url", Signed::Url),
    ("timestamp", Signed::Timestamp),
    ("body", Signed::Body),
    ("first_event", Signed::FirstEvent),
];

/// The pieces of what is signed.
///
/// # Errors
/// The name in braces that is not known; an empty one if a brace is not closed.
pub(super) fn signed(template: &str) -> Result<Vec<Signed>, &str> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("")?;
        let (_, piece) = SIGNED.iter().find(|(known, _)| *known == name).ok_or(name)?;
        pieces.extend((!before.is_empty()).then(|| Signed::Text(before.to_owned())));
        pieces.push(piece.clone());
        rest = after;
    }
    pieces.extend((!rest.is_empty()).then(|| Signed::Text(rest.to_owned())));
    Ok(pieces)
}

/// Source: Zoom, "Using webhooks": every event has its name and the time in milliseconds at the top.
fn zoom_envelope() -> Envelope {
    let at = Take {
        from: vec![Origin::Event("/event_ts".to_owned())],
        is: BTreeMap::new(),
        otherwise: None,
        unit: Some(TimeUnit::Milliseconds),
        times: None,
    };
    Envelope { kind: Some("/event".to_owned()), at: Some(at), ..Envelope::default() }
}

fn envelope(written: &written::Envelope, names: &Names) -> Option<Envelope> {
    let texts = |words: &Option<Placed<written::Words>>| {
        words.iter().flat_map(|words| words.texts()).map(|text| text.get_ref().clone()).collect()
    };
    Some(Envelope {
        each: written.each.as_ref().map(|each| each.get_ref().clone()),
        id: texts(&written.id),
        kind: written.kind.as_ref().map(|kind| kind.get_ref().clone()),
        at: match &written.at {
            Some(at) => Some(take(at.view(), names)?),
            None => None,
        },
        varies: texts(&written.varies),
    })
}

fn rule(page: Page<'_>, rule: &Placed<written::Rule>, names: &Names) -> Option<Rule> {
    let line = page.at_span(rule.span()).line?;
    let rule = rule.get_ref();
    let texts = |words: &Placed<written::Words>| -> Vec<String> {
        words.texts().iter().map(|text| text.get_ref().clone()).collect()
    };
    let becomes = rule.becomes.as_ref()?.get_ref();
    let field = |(name, field): (&crate::source::Text, &Placed<written::Field>)| {
        let field = match field.shape() {
            Shape::One(view) => Field::One(take(view, names)?),
            Shape::ByProduct(product, value) => {
                Field::ByProduct { product: take(product, names)?, value: take(value, names)? }
            }
            Shape::Neither(_) => return None,
        };
        Some((name.get_ref().clone(), field))
    };
    Some(Rule {
        line,
        kinds: rule.kinds.as_ref().map(texts).unwrap_or_default(),
        when: rule.when.iter().map(|(at, values)| (at.get_ref().clone(), texts(values))).collect(),
        for_each: rule.for_each.as_ref().map(|each| each.get_ref().clone()),
        becomes: (becomes != IGNORED).then(|| becomes.clone()),
        fields: rule.fields.iter().map(field).collect::<Option<_>>()?,
    })
}

fn take(view: View<'_>, names: &Names) -> Option<Take> {
    let is = match view.is.map(|is| is.get_ref()) {
        None => BTreeMap::new(),
        Some(Meanings::Here(meanings)) => plain(meanings),
        Some(Meanings::Named(name)) => plain(list(names, name)?),
    };
    Some(Take {
        from: view.from.iter().map(|text| origin(text.get_ref())).collect(),
        is,
        otherwise: view.otherwise.map(|literal| literal.get_ref().0.clone()),
        unit: view.unit.map(|unit| self::unit(*unit.get_ref())),
        times: view.times.map(|times| *times.get_ref()),
    })
}

/// The list of [names] of this name.
pub(super) fn list<'n>(
    names: &'n Names,
    name: &str,
) -> Option<&'n BTreeMap<crate::source::Text, Placed<written::Literal>>> {
    names.iter().find(|(known, _)| known.get_ref() == name).map(|(_, list)| list)
}

fn plain(meanings: &BTreeMap<crate::source::Text, Placed<written::Literal>>) -> BTreeMap<String, String> {
    meanings.iter().map(|(theirs, ours)| (theirs.get_ref().clone(), ours.get_ref().0.clone())).collect()
}

/// Where a text says that a value comes from.
pub(super) fn origin(text: &str) -> sources::Origin {
    match text.strip_prefix('.') {
        Some(within) if within.is_empty() || within.starts_with('/') => Origin::Element(within.to_owned()),
        _ if text.starts_with('/') => Origin::Event(text.to_owned()),
        _ => Origin::Text(text.to_owned()),
    }
}
