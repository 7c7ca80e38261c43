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

/// The events of a delivery that has nothing else.
fn parts(source: &Source, headers: &[(&str, &str)], body: &str) -> Result<Vec<Event>, Unsplit> {
    Ok(each_part(source, headers, body)?.into_iter().collect::<Result<_, FieldError>>()?)
}

fn each_part(source: &Source, headers: &[(&str, &str)], body: &str) -> Result<Vec<Result<Event, FieldError>>, Unsplit> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    split(source, &Delivery { method: "POST", url: "", headers: &map, body: body.as_bytes() })
}

/// Every event of a delivery: its id, and line by line what it tells, or why not.
fn seen(source: &Source, headers: &[(&str, &str)], body: &str) -> Vec<String> {
    let events = match each_part(source, headers, body) {
        Ok(events) => events,
        Err(error) => return vec![format!("refused: {error}")],
    };
    let told = |told: &Told| format!("{} {}", told.at, serde_json::to_string(&told.what).unwrap());
    let lines = |event: &Event| match understand(source, &event.body, now(), &addresses()) {
        Understood::Told(all) => all.iter().map(|one| format!("{}: {}", event.id, told(one))).collect(),
        Understood::LeftAside => vec![format!("{}: left aside", event.id)],
        Understood::Not(error) => vec![format!("{}: not: {error}", event.id)],
    };
    let each = |event: &Result<Event, FieldError>| match event {
        Ok(event) => lines(event),
        Err(error) => vec![format!("refused: {error}")],
    };
    events.iter().flat_map(each).collect()
}

/// [`seen`] of a delivery whose ids do not matter.
fn meant(source: &Source, body: &str) -> Vec<String> {
    let without_id = |line: String| line.split_once(": ").map(|(_, rest)| rest.to_owned()).unwrap_or(line);
    seen(source, &[], body).into_iter().map(without_id).collect()
}

#[test]
fn too_many_events_are_counted_and_not_read() {
    let each = Envelope { each: Some("/events".into()), ..Envelope::default() };
    let enveloped = Source { envelope: each, ..source("crm", Format::Mapped, Vec::new()) };
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let none: &[(&str, &str)] = &[];
    let split = |source: &Source, headers, before: &str, element: &str, count: usize, after: &str| {
        let elements = vec![element; count].join(",");
        each_part(source, headers, &format!("{before}[{elements}]{after}")).map(|events| events.len())
    };
    for (source, headers, before, after) in [
        (source("native", Format::Native, Vec::new()), batch.as_slice(), "", ""),
        (source("native", Format::Native, Vec::new()), none, "", ""),
        (source("segment", Format::Segment, Vec::new()), none, "", ""),
        (source("segment", Format::Segment, Vec::new()), none, r#"{"batch":"#, "}"),
        (source("zoom", Format::Zoom, Vec::new()), none, "", ""),
        (source("crm", Format::Mapped, Vec::new()), none, " ", ""),
        (enveloped, none, r#"{"events":"#, "}"),
    ] {
        let split = |element: &str, count: usize| split(&source, headers, before, element, count, after);
        assert_eq!(split("{}", MOST_EVENTS), Ok(MOST_EVENTS), "{source:?}");
        assert_eq!(split("{}", MOST_EVENTS + 1), Err(Unsplit::TooMany), "{source:?}");
        // As many as a request can hold; and what is no event is not even looked at.
        assert_eq!(split("{}", 4 * 1024 * 1024 / 3 - 10), Err(Unsplit::TooMany), "{source:?}");
        assert_eq!(split("7", MOST_EVENTS + 1), Err(Unsplit::TooMany), "{source:?}");
        assert!(matches!(split("{", MOST_EVENTS + 1), Err(Unsplit::Wrong(_))), "{source:?}");
    }
}

#[test]
fn an_event_that_is_too_long_is_not_read() {
    // Not even an object: whoever reads it says so.
    let long = format!("[{}7]", "7,".repeat(LONGEST_EVENT / 2));
    for (source, body) in [
        (source("segment", Format::Segment, Vec::new()), format!(r#"{{"batch":[{long}]}}"#)),
        (source("zoom", Format::Zoom, Vec::new()), format!("[{long}]")),
        (source("native", Format::Native, Vec::new()), format!("[{long}]")),
    ] {
        let events = parts(&source, &[], &body).unwrap_or_default();
        assert_eq!(events.iter().map(|event| event.body.len()).collect::<Vec<_>>(), [long.len()], "{source:?}");
        assert!(parts(&source, &[], &body.replace(&long, "[7]")).is_err(), "a shorter one is read");
    }
    let sent_at = "0".repeat(200);
    let refused = parts(
        &source("segment", Format::Segment, Vec::new()),
        &[],
        &format!(r#"{{"batch":[{{}}],"sentAt":"{sent_at}"}}"#),
    );
    assert_eq!(refused.map_err(|error| error.to_string()), Err("sentAt: is longer than 128 bytes".to_owned()));
}
