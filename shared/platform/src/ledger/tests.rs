use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use super::*;
use crate::store::Item;

/// What Segment's library for browsers sends of a tracked event. Source: the fields of "Spec: Common Fields".
fn track() -> String {
    json!({
        "type": "track", "event": "Guide Downloaded", "messageId": "ajs-next-1767607200123-7d4f0c5a-3a8b-4a53-9d0c-0b9f4b7e6a11",
        "userId": "user-8f3b2c71", "anonymousId": "2f0b9d8e-6c1f-4f4e-a1c7-53b8d6f0a7c2",
        "properties": {"asset": "analytics-guide", "action": "download", "title": "Reports that are read", "pages": 24},
        "context": {
            "ip": "203.0.113.24", "locale": "en-GB", "timezone": "Europe/Berlin",
            "library": {"name": "analytics.js", "version": "next-1.70.0"},
            "page": {
                "path": "/guides/reports", "referrer": "https://www.example.com/", "search": "?utm_source=newsletter",
                "title": "Reports that are read", "url": "https://www.example.com/guides/reports?utm_source=newsletter",
            },
            "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "userAgentData": {
                "brands": [
                    {"brand": "Google Chrome", "version": "131"}, {"brand": "Chromium", "version": "131"},
                ],
                "mobile": false, "platform": "macOS",
            },
            "campaign": {"source": "newsletter", "medium": "email", "name": "january"},
        },
        "integrations": {}, "originalTimestamp": "2026-01-05T10:00:00.123Z", "sentAt": "2026-01-05T10:00:01.456Z",
        "timestamp": "2026-01-05T10:00:00.123Z", "channel": "client",
    })
    .to_string()
}

fn entry(body: &str, quarantine: Option<&str>) -> Entry {
    let what = What::Engagement {
        contact: "user-8f3b2c71".into(),
        asset: "analytics-guide".into(),
        action: "download".into(),
        email: None,
    };
    let at = "2026-01-05T10:00:00Z".parse().unwrap();
    let id = "ajs-next-1767607200123-7d4f0c5a-3a8b-4a53-9d0c-0b9f4b7e6a11";
    Entry::new("segment", id, Told { at, what }, body, at, quarantine.map(str::to_owned))
}

#[test]
fn a_tracked_event_is_one_write_unit() {
    let body = track();
    let item = entry(&body, None).item().unwrap();
    println!("{} bytes as sent, {} bytes as an item", body.len(), size(&item));
    assert!(body.len() > 1_100, "{} bytes are not typical", body.len());
    assert!(size(&item) <= WRITE_UNIT, "{} bytes", size(&item));
    // Only what would not fit is deflated.
    assert!(entry("{}", None).item().unwrap()["body"].is_s());
}

#[test]
fn an_item_reads_back_as_the_entry_it_was() {
    let long = format!("[\"{}\"]", "ü".repeat(100_000));
    for body in ["", "{}", &track(), &long] {
        for reason in [None, Some("asset \"x\" is not in the playbook")] {
            let entry = entry(body, reason);
            let item = entry.item().unwrap();
            assert!(item["hash"].is_b());
            let read: Entry = serde_dynamo::from_item(item).unwrap();
            assert_eq!(read, entry);
        }
    }
}

#[test]
fn what_proves_consent_is_kept_and_everything_else_for_400_days() {
    let contact = || "ada".to_owned();
    let at: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
    for (what, kept) in [
        (What::Unsubscribed { contact: contact(), wording: None }, true),
        (What::Resubscribed { contact: contact(), source: String::new(), wording: String::new() }, true),
        (
            What::PreferencesChanged {
                contact: contact(),
                topics_off: [].into(),
                frequency: "monthly".into(),
                channels_off: [].into(),
                paused_until: None,
                source: String::new(),
                wording: String::new(),
            },
            true,
        ),
        (What::MailBounced { contact: contact(), permanent: true }, false),
        (What::MailReported { contact: contact() }, false),
        (What::Unread {}, false),
    ] {
        let entry = Entry::new("page", "an id", Told { at, what }, "{}", at, None);
        let item = entry.item().unwrap();
        let expected = (!kept).then(|| crate::store::number(at.as_second() + 400 * 86_400));
        assert_eq!(item.get("expires_at"), expected.as_ref(), "{:?}", entry.told);
        assert_eq!(serde_dynamo::from_item::<_, Entry>(item).unwrap(), entry);
    }
}

#[test]
fn bytes_that_are_no_body_are_refused() {
    for bytes in [&b""[..], b"\xff\xff", b"{}", &compressed(&[0xff, 0xfe]), &compressed(&vec![b' '; 2 * 1024 * 1024])] {
        let mut item = entry("{}", None).item().unwrap();
        item.insert("body".into(), AttributeValue::B(Blob::new(bytes)));
        assert!(serde_dynamo::from_item::<_, Entry>(item).is_err(), "{} bytes", bytes.len());
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(bytes, 6)
}

#[test]
fn a_size_is_counted_as_dynamodb_counts_it() {
    let text = |text: &str| AttributeValue::S(text.into());
    let number = |digits: &str| AttributeValue::N(digits.into());
    for (what, value, bytes) in [
        ("a text", text("abc"), 3),
        ("a text of other letters", text("äö"), 4),
        ("a number of one digit", number("7"), 2),
        ("zeros at the end are not significant", number("1000"), 2),
        ("an instant", number("1767607261"), 6),
        ("a sign", number("-12"), 3),
        ("bytes", AttributeValue::B(Blob::new(vec![0; 32])), 32),
        ("true", AttributeValue::Bool(true), 1),
        ("nothing", AttributeValue::Null(true), 1),
        ("an empty map", AttributeValue::M([].into()), 3),
        ("a map", AttributeValue::M([("a".into(), text("bc"))].into()), 7),
        ("a list", AttributeValue::L(vec![text("a"), number("1")]), 8),
        ("numbers", AttributeValue::Ns(vec!["1".into(), "22".into()]), 4),
    ] {
        let item: Item = [("name".into(), value)].into();
        assert_eq!(size(&item), 4 + bytes, "{what}");
    }
}

#[test]
fn an_entry_knows_its_event() {
    let at = "2026-01-05T10:00:00Z".parse().unwrap();
    for (id, number, sk) in [("a", 0, "s#a"), ("a", 1, "s#a#1"), ("a#b#1", 0, "s#a#b#1"), ("a#b#1", 2, "s#a#b#1#2")] {
        let event = Event { id: id.into(), body: "{}".into(), hash: hash(b"{}") };
        let told = Told { at, what: What::Unread {} };
        let statement = Statement { number, of: 3, carries: false };
        let entry = Entry::of_event("s", &event, statement, told, at, None);
        assert_eq!((entry.sk.as_str(), entry.source(), entry.event_id()), (sk, "s", id));
        assert_eq!((entry.event(), entry.kind), (Some(event), Kind::Quarantined));
    }
}

#[test]
fn one_statement_of_an_event_carries_its_body_and_each_that_waits() {
    let at = "2026-01-05T10:00:00Z".parse().unwrap();
    let account = || What::AccountUpdated { account: "acme".into(), fields: [].into() };
    let contact = || What::MailReported { contact: "ada".into() };
    let merged = || What::ContactMerged { from: "anon".into(), contact: "ada".into() };
    let known = |field: Option<&str>| {
        let fields = field.map(|field| (field.to_owned(), "ada@example.com".to_owned())).into_iter().collect();
        What::ContactIdentified { contact: "ada".into(), fields }
    };
    let event = Event { id: "e".into(), body: "{}".into(), hash: hash(b"{}") };
    for (what, told, expected) in [
        ("one of a contact", vec![contact()], vec![true]),
        ("one of an account", vec![account()], vec![true]),
        ("the first of a contact", vec![contact(), merged()], vec![true, false]),
        ("not the account's", vec![account(), contact(), merged()], vec![false, true, false]),
        ("of accounts alone", vec![account(), account()], vec![true, false]),
        ("the one that names an address", vec![contact(), merged(), known(Some("email"))], vec![false, false, true]),
        ("no other field", vec![contact(), known(Some("title"))], vec![true, false]),
        (
            "the first of two addresses",
            vec![account(), known(Some("email")), known(Some("email"))],
            vec![false, true, false],
        ),
    ] {
        let told: Vec<Told> = told.into_iter().map(|what| Told { at, what }).collect();
        let entries = |waits: Option<&str>| -> Vec<bool> {
            let statements = Statement::all_of(told.iter().map(|told| (&told.what, waits.is_some())));
            let statements = statements.into_iter().zip(told.clone());
            let entries = statements.map(|(statement, told)| {
                let entry = Entry::of_event("s", &event, statement, told, at, waits.map(str::to_owned));
                let item = entry.item().unwrap();
                assert_eq!(item.contains_key("body"), entry.body.is_some());
                assert_eq!(entry.hash, event.hash);
                assert_eq!(serde_dynamo::from_item::<_, Entry>(item).unwrap(), entry);
                entry.event().is_some_and(|stored| stored == event)
            });
            entries.collect()
        };
        assert_eq!(entries(None), expected, "{what}");
        assert_eq!(entries(Some("unknown")), vec![true; told.len()], "{what}: what waits is replayed from its body");
    }
}

#[test]
fn what_waits_leaves_the_body_of_its_event_to_another() {
    let (known, other) = (
        What::ContactIdentified { contact: "ada".into(), fields: [("email".into(), "ada@example.com".into())].into() },
        What::AccountUpdated { account: "acme".into(), fields: [].into() },
    );
    for (waits, expected) in
        [([false, false], [false, true]), ([false, true], [true, false]), ([true, true], [false, true])]
    {
        let statements = Statement::all_of([&other, &known].into_iter().zip(waits));
        assert_eq!(statements.iter().map(|statement| statement.carries).collect::<Vec<_>>(), expected, "{waits:?}");
    }
}
