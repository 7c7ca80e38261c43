//! What no honest sender sends, to every source that ships: always the sender's fault, with field and reason, and nothing is kept.
//!
//! With a good signature as well as without one. What a foreign format says wrongly within readable JSON is not among them: it is
//! quarantined, because the fault may be our mapping's.

use std::collections::BTreeMap;

use axum::body::Bytes;
use fastrand::Rng;
use http::HeaderMap;
use perennial::deployment::Deployment;
use perennial_playbook::sources::{Format, Source};
use perennial_tests::senders::{request, send, signature};
use perennial_tests::{at, body, deploy, ledger_rows, seed, state_items, tally, webhook_request};
use serde_json::{Value, json};

const DELIVERIES: usize = 20_000;
const NOW: &str = "2026-01-07T10:00:00Z";

/// A body that a source reads without complaint.
fn fair(source: &Source, random: &mut Rng) -> Value {
    let now = at(NOW);
    match (source.format, source.id.as_str()) {
        (Format::Native, _) => {
            let (kind, data) = [
                ("engagement.recorded", json!({"contact": "c", "asset": "analytics-checklist", "action": "download"})),
                ("lead.touched", json!({"contact": "c", "product": "analytics"})),
                ("email.bounced", json!({"contact": "c", "permanent": true})),
                ("contact.merged", json!({"contact": "c", "from": "d"})),
            ][random.usize(0..4)]
            .clone();
            serde_json::from_str(&body(kind, now, &data)).expect("JSON")
        }
        (Format::Segment, _) => json!({"type": "identify", "messageId": "m", "userId": "c", "traits": {"title": "t"}}),
        (Format::Zoom, _) => {
            json!({"event": "webinar.participant_joined", "event_ts": now.as_millisecond(), "payload": {}})
        }
        (Format::Mapped, "hubspot") => json!([{"subscriptionType": "contact.creation", "eventId": 1, "objectId": 2}]),
        (Format::Mapped, _) => json!({"id": "e", "type": "t", "detail": {"payload": {}}, "data": {"object": {}}}),
    }
}

/// A native body in which one thing is wrong.
fn unfit(random: &mut Rng, fair: &Value) -> (&'static str, Vec<u8>) {
    let text = fair.to_string();
    let elsewhen = |stated: &str| text.replace(NOW, stated).into_bytes();
    match random.u8(0..6) {
        0 => {
            let mut changed = fair.clone();
            let data = changed["data"].as_object_mut().expect("an object");
            let names: Vec<String> = data.keys().cloned().collect();
            let name = &names[random.usize(0..names.len())];
            match random.u8(0..9) {
                0 => drop(data.remove(name)),
                1 => data[name] = Value::Null,
                2 => data[name] = json!(random.i64(..)),
                3 => data[name] = json!(""),
                4 => data[name] = json!(" \t "),
                5 => data[name] = json!(["c"]),
                6 => data[name] = json!("c".repeat(random.usize(257..2_000))),
                7 => data[name] = json!({"c": "d"}),
                _ => data[name] = json!("a\r\nb"),
            }
            ("native: a field that cannot be used", changed.to_string().into_bytes())
        }
        1 => {
            let stated = [
                "tomorrow",
                "2026-13-01T00:00:00Z",
                "2026-02-30T00:00:00Z",
                "9999-12-31T22:59:59Z",
                "NaN",
                "99999-01-01T00:00:00Z",
                "1767780000",
                "2026-01-08T10:00:01Z",
                "2026-01-07T10:00:00",
            ];
            ("native: an impossible time", elsewhen(stated[random.usize(0..stated.len())]))
        }
        2 => {
            let mut changed = fair.clone();
            changed["type"] =
                [json!("engagement.dreamt"), json!(1), json!(null), json!([])][random.usize(0..4)].clone();
            ("native: of an unknown type", changed.to_string().into_bytes())
        }
        3 => {
            // Of two members of one name the last counts.
            let twice = text.strip_suffix('}').expect("an object").to_owned() + ",\"data\":[]}";
            ("native: data twice, the last no object", twice.into_bytes())
        }
        4 => {
            let mut changed = fair.clone();
            changed.as_object_mut().expect("an object").remove(["type", "timestamp", "data"][random.usize(0..3)]);
            ("native: a member missing", changed.to_string().into_bytes())
        }
        _ => ("native: more than one event", format!("[{text},{text}]").into_bytes()),
    }
}

/// A body of which no source can make anything.
fn unreadable(random: &mut Rng, fair: &Value) -> (&'static str, Vec<u8>) {
    let text = fair.to_string();
    let object = if text.starts_with('[') { text[1..text.len() - 1].to_owned() } else { text.clone() };
    let open = object.strip_suffix('}').expect("an object").to_owned();
    match random.u8(0..12) {
        0 => ("nothing", Vec::new()),
        1 => ("cut off", text.as_bytes()[..random.usize(1..text.len())].to_vec()),
        2 => {
            let mut bytes = open.into_bytes();
            bytes.extend_from_slice(b",\"x\":\"");
            bytes.extend_from_slice(&[0xff, 0xc0, 0x80]);
            bytes.extend_from_slice(b"\"}");
            ("not UTF-8", bytes)
        }
        3 => {
            let depth = random.usize(200..10_000);
            let (left, right) = [("[", "]"), ("{\"a\":", "}")][random.usize(0..2)];
            let deep = format!("{open},\"deep\":{}1{}}}", left.repeat(depth), right.repeat(depth));
            ("too deep", deep.into_bytes())
        }
        4 => {
            let word =
                ["NaN", "Infinity", "-", "01", "1e", "'c'", "c", "{", "\"\\ud800\"", "+1", "0x1", "1e999", "\"\u{1}\""];
            ("no JSON by one word", format!("{open},\"x\":{}}}", word[random.usize(0..word.len())]).into_bytes())
        }
        5 => {
            let scalar = ["1", "\"text\"", "null", "true", "-0", "\"\"", "1e400"][random.usize(0..7)];
            ("no object", scalar.as_bytes().to_vec())
        }
        6 => {
            let element = ["1", "[]", "null", "\"x\"", "[{}]"][random.usize(0..5)];
            ("an array of something else", format!("[{element}]").into_bytes())
        }
        7 => ("an empty array", b"[]".to_vec()),
        8 => ("something behind it", format!("{text}{text}").into_bytes()),
        9 => {
            let length = random.usize(1..300);
            let mut bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            // A digit alone would be JSON, if not for long.
            bytes.insert(0, b'#');
            ("random bytes", bytes)
        }
        10 => ("a comma too many", format!("{open},}}").into_bytes()),
        _ => {
            let padding = "x".repeat(256 * 1024);
            ("an event longer than 256 KiB", format!("{open},\"x\":\"{padding}\"}}").into_bytes())
        }
    }
}

/// Headers of a delivery that is not believed.
fn unbelieved(random: &mut Rng, signed: HeaderMap) -> (&'static str, HeaderMap) {
    let mut headers = signed;
    let names: Vec<_> = headers.keys().cloned().collect();
    let name = names[random.usize(0..names.len())].clone();
    // Segment signs only where it was told a secret: without that header the other one is enough.
    if random.bool() && name != "x-signature" {
        headers.remove(&name);
        return ("a header missing", headers);
    }
    let value = headers[&name].as_bytes().to_vec();
    let keep = random.usize(0..value.len());
    headers.insert(name, http::HeaderValue::from_bytes(&value[..keep]).expect("it was a header"));
    ("a header cut off", headers)
}

fn generated(random: &mut Rng, deployment: &Deployment, source: &Source) -> (String, http::Request<Bytes>) {
    let fair = fair(source, random);
    let (mut what, mut content) = match random.u8(0..4) {
        0 if source.format == Format::Native => unfit(random, &fair),
        1 => ("a fair body", fair.to_string().into_bytes()),
        _ => unreadable(random, &fair),
    };
    // Seldom, because it takes time: more than a request may hold.
    if random.u16(0..1_000) == 0 {
        (what, content) = ("more than 4 MiB", vec![b' '; 4 * 1024 * 1024 + 1]);
    } else if source.format == Format::Segment && random.u16(0..200) == 0 {
        (what, content) = ("1,001 events", format!("[{}{{}}]", "{},".repeat(1_000)).into_bytes());
    }
    let signed = signature(deployment, source, &format!("msg_{}", random.u32(..)), &content);
    let (how, headers) = match signed {
        // Not even to be signed: of the first event, say, where there is none.
        None => ("unsigned", HeaderMap::new()),
        Some(signed) if what == "a fair body" || random.u8(0..3) == 0 => unbelieved(random, signed),
        Some(signed) => ("signed", signed),
    };
    (format!("{what}, {how}"), request(&source.id, headers, content))
}

#[tokio::test]
async fn twenty_thousand_bad_deliveries_are_all_the_senders_fault_and_leave_nothing() {
    let mut random = Rng::with_seed(seed());
    let deployment = deploy(at(NOW)).await;
    let sources: Vec<Source> = deployment.playbook.sources.values().cloned().collect();
    assert!(sources.len() >= 6, "{} sources", sources.len());
    let mut kinds = Vec::new();
    for number in 0..DELIVERIES {
        let source = &sources[number % sources.len()];
        let (what, request) = generated(&mut random, &deployment, source);
        let start = String::from_utf8_lossy(&request.body()[..request.body().len().min(300)]).into_owned();
        let (status, answer) = send(&deployment, request).await;
        let described = format!("{number}: {}: {what}: {status} {answer}\n{start}", source.id);
        assert!((400..500).contains(&status), "{described}");
        assert_eq!(answer["status"], "refused", "{described}");
        for said in ["field", "reason"] {
            let said = answer[said].as_str().unwrap_or_default();
            assert!(!said.is_empty() && said.len() < 400, "{described}");
        }
        kinds.push((what, status));
    }
    for ((what, status), count) in tally(kinds) {
        println!("{count:>5} × {status} {what}");
    }
    assert_eq!((ledger_rows(&deployment).await.len(), state_items(&deployment).await.len()), (0, 0));
    let counts = deployment.world.counts().expect("the world counts");
    assert_eq!(counts.failures.values().sum::<u64>(), 0, "no panic");
    assert_eq!(counts.invocations, BTreeMap::from([("IngestEngagement".to_owned(), DELIVERIES as u64)]));
}

#[tokio::test]
async fn what_says_base64_and_is_not_is_refused() {
    let deployment = deploy(at(NOW)).await;
    for (what, body, status) in [
        ("no base64", "{}", 400),
        ("without padding", "e30", 400),
        ("with a line break", "e3\n0=", 400),
        ("base64", "e30=", 401),
    ] {
        let mut request = webhook_request(&deployment, "id", "{}");
        (request.body, request.is_base64_encoded) = (Some(body.to_owned()), true);
        // Signed for other bytes: what is decoded is what must be signed.
        request.headers.insert("webhook-signature", "v1,AAAA".parse().expect("a header"));
        let answer = deployment.ingest.handle(request).await.expect("whatever happens is an answer");
        assert_eq!(answer.status_code, status, "{what}");
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 0);
}

#[tokio::test]
async fn a_webhook_is_posted() {
    let deployment = deploy(at(NOW)).await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let request = http::Request::builder().method(method).uri("/v1/webhooks/segment").body(Bytes::new());
        let answer = deployment.world.http(request.expect("a request")).await.expect("the world goes on");
        let allow = answer.headers().get("allow").and_then(|value| value.to_str().ok());
        assert_eq!((answer.status().as_u16(), allow), (405, Some("POST")), "{method}");
    }
}
