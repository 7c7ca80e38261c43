//! The native webhook, as a sender meets it.

use std::sync::Arc;

use axum::body::Bytes;
use fastrand::Rng;
use http::{HeaderName, HeaderValue, Request};
use ingest_engagement::{Fate, Replayed};
use jiff::SignedDuration;
use perennial::deployment::Deployment;
use perennial_domain::interest::FactName;
use perennial_local::FunctionError;
use perennial_platform::ledger::{Entry, Kind};
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use perennial_tests::{
    at, body, clock, deploy, engagement, ingest_at, interest, ledger_rows, playbook, playbook_with, seed, settle,
    state_items, webhook_request,
};
use score_and_decay::ScoreAndDecay;
use serde_json::{Value, json};

const NOW: &str = "2026-01-07T10:00:00Z";

/// One request, whole: each part can be wrong.
#[derive(Clone, Debug)]
struct Delivery {
    source: &'static str,
    id: Option<String>,
    timestamp: Option<String>,
    signature: Option<String>,
    body: Vec<u8>,
}

impl Delivery {
    /// As an honest sender sends it, with a clock that is off by so many seconds.
    fn signed(deployment: &Deployment, id: &str, seconds_off: i64, body: impl Into<Vec<u8>>) -> Self {
        let stated = deployment.world.clock().now() + SignedDuration::from_secs(seconds_off);
        let body = body.into();
        let signature = deployment.sign(id, stated, &body).expect("a signature");
        Self {
            source: "native",
            id: Some(id.to_owned()),
            timestamp: Some(stated.as_second().to_string()),
            signature: Some(signature),
            body,
        }
    }

    /// The status, and the answer's JSON.
    async fn post(&self, deployment: &Deployment) -> (u16, Value) {
        let mut request = Request::new(Bytes::from(self.body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = format!("/v1/webhooks/{}", self.source).parse().expect("a path");
        for (name, value) in
            [("webhook-id", &self.id), ("webhook-timestamp", &self.timestamp), ("webhook-signature", &self.signature)]
        {
            if let Some(value) = value {
                let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
                request.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        let answer = deployment.world.http(request).await.expect("the world goes on");
        let said = serde_json::from_slice(answer.body()).unwrap_or_else(|_| panic!("not JSON: {:?}", answer.body()));
        (answer.status().as_u16(), said)
    }
}

fn checklist(contact: &str) -> String {
    engagement(contact, "analytics-checklist", "download", at("2026-01-07T09:00:00Z"))
}

#[tokio::test]
async fn an_event_is_durable_once_however_often_it_comes() {
    let deployment = deploy(at(NOW)).await;
    let (first, other) = (checklist("ada"), engagement("ada", "analytics-guide", "download", at(NOW)));
    for (what, id, body, status, said) in [
        ("the first time", "msg_1", &first, 202, "accepted"),
        ("again", "msg_1", &first, 200, "duplicate"),
        ("once more", "msg_1", &first, 200, "duplicate"),
        ("the same id with another body", "msg_1", &other, 409, "refused"),
        ("the same body with another id", "msg_2", &first, 202, "accepted"),
    ] {
        let (seen, answer) = Delivery::signed(&deployment, id, 0, body.as_str()).post(&deployment).await;
        assert_eq!((seen, &answer["status"]), (status, &json!(said)), "{what}: {answer}");
    }
    settle(&deployment).await;
    let mut rows = ledger_rows(&deployment).await;
    rows.sort_by(|one, other| one.sk.cmp(&other.sk));
    let kept: Vec<_> = rows.iter().map(|row| (row.sk.as_str(), row.body.as_deref().unwrap_or_default())).collect();
    assert_eq!(kept, [("native#msg_1", first.as_str()), ("native#msg_2", first.as_str())]);
    // What was refused with 409 has left no fact, and two tellings of one moment are one fact.
    let stored = interest(&deployment, "ada", "analytics").await;
    assert_eq!(stored.facts.iter().map(|(name, _)| name.asset.as_str()).collect::<Vec<_>>(), ["analytics-checklist"]);
}

#[tokio::test]
async fn only_what_a_sender_signed_within_five_minutes_is_believed() {
    let deployment = deploy(at(NOW)).await;
    let deployment = &deployment;
    let off = |seconds| Delivery::signed(deployment, &format!("off_{seconds}"), seconds, checklist("off"));
    let honest = || off(0);
    let resigned = |id: &str| Delivery { signature: Delivery::signed(deployment, id, 0, "{}").signature, ..honest() };
    for (what, delivery, status) in [
        ("299 seconds late", off(-299), 202),
        ("300 seconds late", off(-300), 202),
        ("301 seconds late", off(-301), 401),
        ("299 seconds early", off(299), 202),
        ("300 seconds early", off(300), 202),
        ("301 seconds early", off(301), 401),
        ("signed for another body", resigned("off_0"), 401),
        ("no signature at all", Delivery { signature: Some(String::new()), ..honest() }, 401),
        ("a signature of another version", Delivery { signature: Some("v2,AAAA".into()), ..honest() }, 401),
        ("signed for another id", Delivery { id: Some("another".into()), ..honest() }, 401),
        ("signed for another time", Delivery { timestamp: off(1).timestamp, ..honest() }, 401),
        ("without webhook-id", Delivery { id: None, ..honest() }, 401),
        ("without webhook-timestamp", Delivery { timestamp: None, ..honest() }, 401),
        ("without webhook-signature", Delivery { signature: None, ..honest() }, 401),
        ("honest", honest(), 202),
    ] {
        let (seen, answer) = delivery.post(deployment).await;
        assert_eq!(seen, status, "{what}: {answer}");
        if status == 401 {
            assert_eq!(answer["field"], "signature", "{what}: {answer}");
        }
    }
    assert_eq!(ledger_rows(deployment).await.len(), 5, "as many rows as acceptances");
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_its_field() {
    let deployment = deploy(at(NOW)).await;
    let without = |field: &str| {
        let mut data = json!({"contact": "ada", "asset": "analytics-checklist", "action": "download"});
        data.as_object_mut().expect("an object").remove(field);
        body("engagement.recorded", at(NOW), &data).into_bytes()
    };
    let nested = |depth: usize| {
        let valid = checklist("ada");
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!("{},\"more\":{deep}}}", valid.strip_suffix('}').expect("an object")).into_bytes()
    };
    let padded = |length: usize| {
        let valid = checklist("padded");
        let rest = length - valid.len() - ",\"note\":\"\"".len();
        let valid = valid.strip_suffix('}').expect("an object");
        format!("{valid},\"note\":\"{}\"}}", "x".repeat(rest)).into_bytes()
    };
    let stated = |text: &str| checklist("ada").replace("2026-01-07T09:00:00Z", text).into_bytes();
    for (what, body, status, field) in [
        ("no JSON", b"hello".to_vec(), 400, "body"),
        ("nothing", Vec::new(), 400, "body"),
        ("no object", b"\"hello\"".to_vec(), 400, "body"),
        ("a list of what is no object", b"[1]".to_vec(), 400, "[0].body"),
        ("not UTF-8", vec![b'{', 0xff, 0xfe, b'}'], 400, "body"),
        ("100,000 deep", nested(100_000), 400, "body"),
        ("the contact is missing", without("contact"), 400, "data.contact"),
        ("the asset is missing", without("asset"), 400, "data.asset"),
        ("the action is missing", without("action"), 400, "data.action"),
        ("more than a day ahead", stated("2026-01-08T10:00:01Z"), 400, "timestamp"),
        ("no time zone", stated("2026-01-07T09:00:00"), 400, "timestamp"),
        ("one byte too many", padded(256 * 1024 + 1), 413, "body"),
        ("4 MiB and a byte", vec![b'x'; 4 * 1024 * 1024 + 1], 413, "body"),
        ("10 MiB", vec![b'x'; 10 * 1024 * 1024], 413, "body"),
    ] {
        let (seen, answer) = Delivery::signed(&deployment, "msg_1", 0, body).post(&deployment).await;
        assert_eq!((seen, &answer["field"]), (status, &json!(field)), "{what}: {answer}");
        assert!(answer["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{what}: {answer}");
    }
    let unknown = Delivery { source: "carrier-pigeon", ..Delivery::signed(&deployment, "msg_1", 0, checklist("ada")) };
    let (seen, answer) = unknown.post(&deployment).await;
    assert_eq!((seen, &answer["field"]), (404, &json!("source")));
    assert_eq!(ledger_rows(&deployment).await.len(), 0, "nothing was written");

    for (what, body) in [
        ("as many bytes as are allowed", padded(256 * 1024)),
        ("a bit ahead of us", stated("2026-01-08T09:59:59Z")),
        ("100 deep", nested(100)),
    ] {
        let (seen, answer) = Delivery::signed(&deployment, what, 0, body).post(&deployment).await;
        assert_eq!(seen, 202, "{what}: {answer}");
    }
    let ahead = ledger_rows(&deployment).await.into_iter().find(|row| row.sk == "native#a bit ahead of us");
    assert_eq!(ahead.map(|row| row.happened_at), Some(at(NOW).as_second()), "what is ahead is taken as now");
}

/// Lets the world score by another playbook: what deploying its layer does.
async fn deploy_playbook(deployment: &Deployment, playbook: Arc<Playbook>) {
    let store = Store { client: deployment.store.client.clone(), state: deployment.store.state.clone() };
    let scoring =
        Arc::new(ScoreAndDecay { store, ledger: deployment.ingest.ledger.clone(), playbook, clock: clock(deployment) });
    deployment.world.register(
        "ScoreAndDecay",
        Arc::new(move |event| {
            let scoring = Arc::clone(&scoring);
            Box::pin(async move {
                let event = serde_json::from_value(event).map_err(FunctionError::new)?;
                let answer = scoring.handle(event).await.map_err(FunctionError::new)?;
                serde_json::to_value(answer).map_err(FunctionError::new)
            })
        }),
    );
}

#[tokio::test]
async fn a_quarantined_event_counts_once_and_when_it_happened_after_the_playbook_knows_it() {
    let deployment = deploy(at(NOW)).await;
    let happened_at = at("2026-01-02T08:30:00Z");
    let quiz = engagement("ada", "analytics-quiz", "complete", happened_at);
    let delivery = Delivery::signed(&deployment, "msg_quiz", 0, quiz.as_str());
    let (status, answer) = delivery.post(&deployment).await;
    assert_eq!((status, &answer["status"]), (202, &json!("quarantined")));
    assert_eq!(answer["reason"], r#"asset "analytics-quiz" is not in the playbook"#);
    assert_eq!(delivery.post(&deployment).await.0, 200, "it is durable");
    settle(&deployment).await;
    assert_eq!(state_items(&deployment).await.len(), 0, "nobody counts it yet");

    deployment.world.advance_to(at("2026-02-03T10:00:00Z"), |_| {}).await.expect("the world goes on");
    let fixed = playbook_with(|text| {
        let quiz = r#"
            [[asset]]
            id = "analytics-quiz"
            title = "Which of your reports is read? (quiz)"
            products = ["analytics"]
            stage = "early"
            effort = "low"
            points = { complete = 2 }
        "#;
        format!("{text}\n{quiz}")
    });
    deploy_playbook(&deployment, Arc::clone(&fixed)).await;
    let endpoint = deployment.world.endpoints().dynamodb.clone();
    let old = ingest_at(&endpoint, &deployment, playbook()).await;
    let new = ingest_at(&endpoint, &deployment, fixed).await;
    let rows: Vec<Entry> = ledger_rows(&deployment).await;
    assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), [Kind::Quarantined]);
    let unknown = Fate::Waiting(r#"asset "analytics-quiz" is not in the playbook"#.to_owned());
    for (what, ingest, fate) in [
        ("under the playbook that does not know it", &old, unknown),
        ("under the playbook that knows it", &new, Fate::Counted),
        ("a second time", &new, Fate::Gone),
    ] {
        let seen = ingest.replay(&rows[0]).await.expect("the ledger answers");
        assert_eq!(seen, Replayed { fate, engagements: 0 }, "{what}");
        settle(&deployment).await;
    }
    let again = Delivery::signed(&deployment, "msg_quiz", 0, quiz.as_str());
    assert_eq!(again.post(&deployment).await.0, 200, "the sender's own repetition is still one");
    settle(&deployment).await;
    let stored = interest(&deployment, "ada", "analytics").await;
    let name = FactName { asset: "analytics-quiz".into(), action: "complete".into(), email: None };
    assert_eq!(stored.facts.iter().collect::<Vec<_>>(), [(&name, happened_at.as_second())]);
    assert_eq!(stored.rev, 1, "it was counted once");
}

/// A delivery that no honest sender sends, and what is wrong with it. Nothing in it may be acceptable by chance.
fn bad_delivery(random: &mut Rng, deployment: &Deployment) -> (&'static str, Delivery) {
    let now = deployment.world.clock().now();
    let data = match random.u8(0..3) {
        0 => ("engagement.recorded", json!({"contact": "c", "asset": "analytics-checklist", "action": "download"})),
        1 => ("lead.touched", json!({"contact": "c", "product": "analytics"})),
        _ => ("email.bounced", json!({"contact": "c", "permanent": true})),
    };
    let (kind, data) = data;
    let valid = body(kind, now, &data);
    let id = format!("msg_{}", random.u32(..));
    let signed = |body: Vec<u8>| Delivery::signed(deployment, &id, 0, body);
    let honest = signed(valid.clone().into_bytes());
    let elsewhen = |body: &str, stated: &str| body.replace(&now.to_string(), stated);
    match random.u8(0..14) {
        0 => {
            let length = random.usize(0..300);
            ("random bytes", signed(std::iter::repeat_with(|| random.u8(..)).take(length).collect()))
        }
        1 => ("cut off", signed(valid.as_bytes()[..random.usize(0..valid.len())].to_vec())),
        2 => {
            let fields: Vec<String> = data.as_object().expect("an object").keys().cloned().collect();
            let field = &fields[random.usize(0..fields.len())];
            let mut changed = data.clone();
            match random.u8(0..8) {
                0 => drop(changed.as_object_mut().expect("an object").remove(field)),
                1 => changed[field] = Value::Null,
                2 => changed[field] = json!(random.i64(..)),
                3 => changed[field] = json!(""),
                4 => changed[field] = json!(" \t "),
                5 => changed[field] = json!(["c"]),
                6 => changed[field] = json!("c".repeat(random.usize(257..2_000))),
                _ => changed[field] = json!("a\r\nb"),
            }
            ("a field that cannot be used", signed(body(kind, now, &changed).into_bytes()))
        }
        3 => {
            let mut changed = valid.into_bytes();
            let place = random.usize(0..changed.len());
            changed[place] ^= 1 << random.u8(0..8);
            ("a bit of the body flipped", Delivery { body: changed, ..honest })
        }
        4 => {
            let mut signature = honest.signature.clone().expect("it is signed").into_bytes();
            let place = random.usize(0..signature.len());
            signature[place] = if signature[place] == b'x' { b'y' } else { b'x' };
            let signature = String::from_utf8(signature).expect("ASCII");
            ("a character of the signature changed", Delivery { signature: Some(signature), ..honest })
        }
        5 => {
            let off = random.i64(301..1_000_000_000) * if random.bool() { 1 } else { -1 };
            ("too old or too new", Delivery::signed(deployment, &id, off, valid))
        }
        6 => {
            let seconds = now.as_second();
            let spelled = [
                format!("+{seconds}"),
                format!("0{seconds}"),
                format!("{seconds}.0"),
                format!("{seconds}000"),
                String::new(),
                "now".to_owned(),
                "9".repeat(40),
            ];
            let spelled = spelled[random.usize(0..spelled.len())].clone();
            ("webhook-timestamp in another spelling", Delivery { timestamp: Some(spelled), ..honest })
        }
        7 => {
            let mut part = honest;
            match random.u8(0..3) {
                0 => part.id = None,
                1 => part.timestamp = None,
                _ => part.signature = None,
            }
            ("a header missing", part)
        }
        8 => {
            let stated = [
                "tomorrow",
                "2026-13-01T00:00:00Z",
                "2026-02-30T00:00:00Z",
                "9999-12-31T22:59:59Z",
                "99999-01-01T00:00:00Z",
                "1767780000",
                "2026-01-08T10:00:01Z",
                "NaN",
                "2026-01-07T10:00:00",
            ];
            let stated = stated[random.usize(0..stated.len())];
            ("an impossible time", signed(elsewhen(&valid, stated).into_bytes()))
        }
        9 => {
            let depth = random.usize(130..50_000);
            let deep = ["[", "{\"a\":"][random.usize(0..2)].repeat(depth);
            let valid = valid.strip_suffix('}').expect("an object");
            ("too deep", signed(format!("{valid},\"more\":{deep}").into_bytes()))
        }
        10 => ("of an unknown type", signed(body("engagement.dreamt", now, &data).into_bytes())),
        11 => {
            let literal = ["NaN", "Infinity", "-", "01", "1e", "'c'", "c", "{", "\"\\ud800\""][random.usize(0..9)];
            let broken = valid.replacen("\"c\"", literal, 1);
            ("no JSON by one word", signed(broken.into_bytes()))
        }
        12 => {
            let long = "i".repeat(random.usize(257..2_000));
            ("an id too long for a key", Delivery::signed(deployment, &long, 0, valid))
        }
        _ => {
            let length = 256 * 1024 + 1 + random.usize(0..10_000);
            ("too long", signed(vec![b' '; length]))
        }
    }
}

#[tokio::test]
async fn two_thousand_bad_deliveries_are_all_the_senders_fault_and_leave_nothing() {
    let mut random = Rng::with_seed(seed());
    let deployment = deploy(at(NOW)).await;
    let mut kinds = Vec::new();
    for number in 0..2_000 {
        let (what, delivery) = bad_delivery(&mut random, &deployment);
        let (status, answer) = delivery.post(&deployment).await;
        let start = String::from_utf8_lossy(&delivery.body[..delivery.body.len().min(300)]).into_owned();
        assert!((400..500).contains(&status), "{number}: {what}: {status} {answer}\n{start}");
        assert_eq!(answer["status"], "refused", "{number}: {what}: {answer}\n{start}");
        for said in ["field", "reason"] {
            let said = answer[said].as_str().unwrap_or_default();
            assert!(!said.is_empty() && said.len() < 400, "{number}: {what}: {answer}");
        }
        kinds.push((what, status));
    }
    for ((what, status), count) in perennial_tests::tally(kinds) {
        println!("{count:>5} × {status} {what}");
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 0);
    let answered = deployment.world.counts().expect("the world counts");
    assert_eq!(answered.failures.values().sum::<u64>(), 0, "no panic");
    assert_eq!(answered.invocations.get("IngestEngagement"), Some(&2_000));
}

#[tokio::test]
async fn while_the_store_is_down_the_sender_is_told_to_come_again() {
    let deployment = deploy(at(NOW)).await;
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let closed = format!("http://{}", port.expect("a free port"));
    let down = ingest_at(&closed, &deployment, playbook()).await;
    let up = ingest_at(&deployment.world.endpoints().dynamodb, &deployment, playbook()).await;
    for (what, ingest, status, retry_after) in
        [("down", &down, 503, Some("5")), ("down still", &down, 503, Some("5")), ("up", &up, 202, None)]
    {
        let request = webhook_request(&deployment, "msg_1", &checklist("ada"));
        let answer = ingest.handle(request).await.expect("whatever happens is an answer");
        let header = answer.headers.get("retry-after").map(|value| value.to_str().expect("ASCII"));
        assert_eq!((answer.status_code, header), (status, retry_after), "{what}: {:?}", answer.body);
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 1);
}
