//! What each format's messages become, and what is said of those that cannot be understood.

mod cloudevents;
mod mapped;
mod segment;

use http::{HeaderMap, HeaderName, HeaderValue};
use perennial_playbook::sources::{Envelope, Field, Origin, Otherwise, Rule, Take, Verify};

use super::*;

/// When everything is received.
const NOW: &str = "2026-01-05T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn addresses() -> AddressKey {
    AddressKey::new("a key")
}

fn source(id: &str, format: Format, rules: Vec<Rule>) -> Source {
    let verify = vec![Verify::Token { header: "authorization".into(), prefix: String::new() }];
    let (envelope, otherwise) = (Envelope::default(), Otherwise::Quarantine);
    Source { id: id.into(), format, verify, url: None, envelope, rules, otherwise }
}

/// A rule on line 7 for a type; fields are taken as the playbook writes them.
fn rule(kind: &str, becomes: &str, fields: &[(&str, Take)]) -> Rule {
    Rule {
        line: 7,
        kinds: if kind.is_empty() { Vec::new() } else { vec![kind.into()] },
        when: Vec::new(),
        for_each: None,
        becomes: (becomes != "ignored").then(|| becomes.into()),
        fields: fields.iter().map(|(name, take)| ((*name).into(), Field::One(take.clone()))).collect(),
    }
}

/// A value as the playbook writes it: a pointer, one into an element, or itself; several are tried in turn.
fn take(written: &str) -> Take {
    let origin = |text: &str| match text.strip_prefix('.') {
        Some(rest) => Origin::Element(rest.into()),
        None if text.starts_with('/') => Origin::Event(text.into()),
        None => Origin::Text(text.into()),
    };
    let from = written.split(' ').map(origin).collect();
    Take { from, is: [].into(), otherwise: None, unit: None, times: None }
}

fn parts(source: &Source, headers: &[(&str, &str)], body: &str) -> Result<Vec<Event>, FieldError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    split(source, &Delivery { method: "POST", url: "", headers: &map, body: body.as_bytes() })
}

/// Every event of a delivery: its id, and line by line what it tells, or why not.
fn seen(source: &Source, headers: &[(&str, &str)], body: &str) -> Vec<String> {
    let events = match parts(source, headers, body) {
        Ok(events) => events,
        Err(error) => return vec![format!("refused: {error}")],
    };
    let told = |told: &Told| format!("{} {}", told.at, serde_json::to_string(&told.what).unwrap());
    let lines = |event: &Event| match understand(source, &event.body, now(), &addresses()) {
        Understood::Told(all) => all.iter().map(|one| format!("{}: {}", event.id, told(one))).collect(),
        Understood::LeftAside => vec![format!("{}: left aside", event.id)],
        Understood::Not(error) => vec![format!("{}: not: {error}", event.id)],
    };
    events.iter().flat_map(lines).collect()
}

/// [`seen`] of a delivery whose ids do not matter.
fn meant(source: &Source, body: &str) -> Vec<String> {
    let without_id = |line: String| line.split_once(": ").map(|(_, rest)| rest.to_owned()).unwrap_or(line);
    seen(source, &[], body).into_iter().map(without_id).collect()
}
