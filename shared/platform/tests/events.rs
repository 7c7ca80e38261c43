//! What must hold of every delivery, whoever made it up.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use perennial_platform::address::{AddressKey, is_concealed};
use perennial_platform::told::{Told, What};
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::events::{Event, Understood, split, understand};
use perennial_playbook::is_address;
use perennial_playbook::sources::{Envelope, Field, Format, Origin, Otherwise, Rule, Source, Take, TimeUnit, Verify};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn addresses() -> AddressKey {
    AddressKey::new("a key")
}

fn take(pointer: &str) -> Take {
    let origin = match pointer.strip_prefix('.') {
        Some(rest) => Origin::Element(rest.to_owned()),
        None => Origin::Event(pointer.to_owned()),
    };
    Take { from: vec![origin], is: BTreeMap::new(), otherwise: None, unit: None, times: None }
}

fn rule(becomes: &str, for_each: Option<&str>, fields: &[(&str, &str)]) -> Rule {
    Rule {
        line: 1,
        kinds: Vec::new(),
        when: Vec::new(),
        for_each: for_each.map(str::to_owned),
        becomes: Some(becomes.to_owned()),
        fields: fields.iter().map(|(name, pointer)| ((*name).to_owned(), Field::One(take(pointer)))).collect(),
    }
}

/// A source of each format, with rules that fit everything.
fn source(format: Format) -> Source {
    let rules = vec![
        rule("contact.identified", None, &[("contact", "/userId"), ("email", "/email")]),
        rule("contact.merged", Some("/batch"), &[("from", "./id"), ("contact", "/userId")]),
        rule("email.reported", None, &[("contact", "/id")]),
    ];
    let at = Take { unit: Some(TimeUnit::Milliseconds), ..take("/timestamp") };
    Source {
        id: "any".to_owned(),
        format,
        verify: vec![Verify::Token { header: "authorization".to_owned(), prefix: String::new() }],
        url: None,
        envelope: match format {
            Format::Mapped => {
                Envelope { id: vec!["/id".into(), "/userId".into()], at: Some(at), ..Envelope::default() }
            }
            _ => Envelope::default(),
        },
        rules: if format == Format::Segment { Vec::new() } else { rules },
        otherwise: Otherwise::Quarantine,
    }
}

fn events(source: &Source, content_type: &'static str, body: &str) -> Vec<Event> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    headers.insert("webhook-id", HeaderValue::from_static("an id"));
    let delivery = Delivery { method: "POST", url: "", headers: &headers, body: body.as_bytes() };
    split(source, &delivery).unwrap_or_default().into_iter().flatten().collect()
}

/// Everything that a delivery tells, read as every format and by every content type.
fn told(body: &str, received_at: Timestamp) -> Vec<Told> {
    let mut all = Vec::new();
    for format in [Format::Native, Format::Segment, Format::Zoom, Format::Mapped] {
        let source = source(format);
        for kind in ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"] {
            for event in events(&source, kind, body) {
                let understood = understand(&source, &event.body, received_at, &addresses());
                assert_eq!(understood, understand(&source, &event.body, received_at, &addresses()), "asked again");
                if let Understood::Told(told) = understood {
                    assert!(!told.is_empty(), "it would be lost");
                    all.extend(told);
                }
            }
        }
    }
    all
}

fn ids(what: &What) -> Vec<&str> {
    match what {
        What::ContactIdentified { contact, fields } => {
            fields.get("account").map(String::as_str).into_iter().chain([contact.as_str()]).collect()
        }
        What::Engagement { contact, .. }
        | What::Lead { contact, .. }
        | What::MailReported { contact }
        | What::MailBounced { contact, .. }
        | What::Unsubscribed { contact, .. }
        | What::Resubscribed { contact, .. }
        | What::PreferencesChanged { contact, .. } => vec![contact],
        What::ContactMerged { from, contact } => vec![from, contact],
        What::AccountUpdated { account, .. } => vec![account],
        What::Unread {} => Vec::new(),
    }
}

/// Names and values that our formats know, so that what is made up is understood often enough.
fn known_text() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "identify",
        "track",
        "group",
        "alias",
        "contact.identified",
        "contact.merged",
        "engagement.recorded",
        "com.example.email.unsubscribed",
        "1.0",
        "ada@example.com",
        " Ada@Example.com ",
        "c-1",
        "a",
        "",
        "@0123456789abcdef0123456789abcdef",
        "2026-01-05T10:00:00Z",
        "webinar.participant_joined",
    ];
    prop_oneof![8 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".*"]
}

fn known_name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "type",
        "timestamp",
        "data",
        "contact",
        "from",
        "userId",
        "anonymousId",
        "previousId",
        "groupId",
        "traits",
        "email",
        "properties",
        "asset",
        "action",
        "batch",
        "sentAt",
        "messageId",
        "specversion",
        "id",
        "source",
        "time",
        "event",
        "event_ts",
    ];
    prop_oneof![12 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".*"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => known_text().prop_map(Value::String),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => any::<f64>().prop_map(|number| json!(number)),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => prop::collection::vec((known_name(), inner), 0..10).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// Who somebody is: mostly by address, here.
fn who() -> impl Strategy<Value = Value> {
    let known = ["ada@example.com", " Ada@Example.com ", "bob@example.com", "c-1", "@0123456789abcdef0123456789abcdef"];
    prop::sample::select(known.to_vec()).prop_map(|id| json!(id))
}

/// An event that some format understands, if nothing in it is amiss; more may be in it.
fn nearly_an_event() -> impl Strategy<Value = Value> {
    let kinds = ["identify", "track", "group", "alias", "contact.identified", "contact.merged", "email.reported"];
    let kind = prop::sample::select(kinds.to_vec());
    let cloud = prop::option::of(Just("1.0"));
    let more = prop::collection::vec((known_name(), any_json()), 0..2);
    (kind, cloud, [who(), who(), who(), who()], more).prop_map(|(kind, cloud, [contact, from, user, anonymous], more)| {
        let time = "2026-01-05T10:00:00Z";
        let mut event = json!({
            "type": kind, "id": "7", "source": "/crm", "time": time, "userId": user, "anonymousId": anonymous, "groupId": "g",
            "previousId": from, "properties": {"asset": "a", "action": "b"}, "event_ts": 1_767_607_200_000_i64,
            "timestamp": time, "data": {"contact": contact, "from": from},
        });
        let members = event.as_object_mut().unwrap();
        members.extend(cloud.map(|version| ("specversion".to_owned(), json!(version))));
        members.extend(more);
        event
    })
}

proptest! {
    #[test]
    fn any_json_is_understood_or_not_and_never_names_anybody_by_address(body in prop_oneof![any_json(), nearly_an_event()]) {
        let body = body.to_string();
        for told in told(&body, Timestamp::UNIX_EPOCH) {
            for id in ids(&told.what) {
                prop_assert!(!is_address(id.trim()), "{id} in {body}");
                prop_assert!(!is_concealed(id) || !body.contains(id), "{id} was sent: {body}");
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(body in ".*", nearly in any_json(), cut in 0.0..1.0) {
        told(&body, Timestamp::UNIX_EPOCH);
        let nearly = nearly.to_string();
        let end = (0..=nearly.len()).filter(|end| nearly.is_char_boundary(*end)).nth((cut * nearly.chars().count() as f64) as usize);
        told(&nearly[..end.unwrap_or_default()], Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn calls_have_one_id_only_if_they_were_sent_twice(
        calls in prop::collection::vec((prop::option::of("[ab#%1]{1,3}"), "[ab]", 0..3_i64), 1..8),
    ) {
        let call = |(id, user, sent): &(Option<String>, String, i64)| {
            let mut call = json!({"type": "identify", "userId": user, "sentAt": format!("2026-01-05T10:00:0{sent}Z")});
            if let Some(id) = id {
                call["messageId"] = json!(id);
            }
            call
        };
        let body = json!({"batch": calls.iter().map(call).collect::<Vec<_>>()}).to_string();
        let events = events(&source(Format::Segment), "application/json", &body);
        prop_assert_eq!(events.len(), calls.len());
        for (one, (id, user, _)) in events.iter().zip(&calls) {
            prop_assert!(!one.id.contains('#'), "it would look like a second statement: {}", one.id);
            for (other, (other_id, other_user, _)) in events.iter().zip(&calls) {
                let same = id == other_id && (id.is_some() || user == other_user);
                prop_assert_eq!(one.id == other.id, same, "{} {}", one.id, other.id);
                prop_assert_eq!(one.hash == other.hash, id == other_id && user == other_user);
            }
        }
    }

    #[test]
    fn cloudevents_and_mapped_events_have_one_id_only_if_all_its_parts_are_the_same(
        parts in prop::collection::vec(("[ab/#%2]{1,4}", "[ab/#%2]{1,4}"), 2..8),
    ) {
        let event = |(source, id): &(String, String)| json!({"specversion": "1.0", "source": source, "id": id, "userId": source});
        let body = Value::Array(parts.iter().map(event).collect()).to_string();
        for (format, kind) in [(Format::Native, "application/cloudevents-batch+json"), (Format::Mapped, "application/json")] {
            let events = events(&source(format), kind, &body);
            prop_assert_eq!(events.len(), parts.len());
            for (one, these) in events.iter().zip(&parts) {
                for (other, those) in events.iter().zip(&parts) {
                    prop_assert_eq!(one.id == other.id, these == those, "{} {}", &one.id, &other.id);
                }
            }
        }
    }

    #[test]
    fn a_senders_wrong_clock_does_not_move_its_calls(
        ago in 0..1_000_000_000_i64, off in -1_000_000_000..1_000_000_000_i64, received in 0..4_000_000_000_i64,
    ) {
        let received_at = Timestamp::from_millisecond(received * 1_000).unwrap();
        let happened_at = |off: i64| {
            let sent_at = received_at + SignedDuration::from_secs(off);
            let stated = sent_at - SignedDuration::from_millis(ago);
            let call = json!({"type": "alias", "previousId": "a", "userId": "u", "timestamp": stated, "sentAt": sent_at});
            match understand(&source(Format::Segment), &call.to_string(), received_at, &addresses()) {
                Understood::Told(told) => Ok(told[0].at),
                other => Err(TestCaseError::fail(format!("{other:?}"))),
            }
        };
        let expected = received_at - SignedDuration::from_millis(ago);
        prop_assert_eq!(happened_at(0)?, expected);
        prop_assert_eq!(happened_at(off)?, expected);
    }
}
