//! What is logged of a delivery that is refused: enough to see what is wrong with a sender, and nothing of what it sent.

use axum::body::Bytes;
use expect_test::expect;
use http::{HeaderMap, Method};
use perennial::deployment::Deployment;
use perennial_tests::senders::{request, send, signature};
use perennial_tests::{at, body, deploy, ledger_rows};
use serde_json::{Value, json};

use crate::private::Logs;

const NOW: &str = "2026-01-07T10:00:00Z";
/// Stands in everything that is sent, and in no line.
const SENT: &str = "zanzibar";

/// A native event with one thing in it that cannot be used.
fn native(kind: &str, data: &Value) -> Vec<u8> {
    body(kind, at(NOW), data).into_bytes()
}

/// What is sent to which source, with a good signature.
fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let engagement = |name: &str, value: Value| {
        let mut data = json!({"contact": SENT, "asset": SENT, "action": SENT, "note": SENT});
        data[name] = value;
        native("engagement.recorded", &data)
    };
    let stated = body("lead.touched", at(NOW), &json!({"contact": SENT, "product": SENT})).replace(NOW, SENT);
    let lead = json!({"contact": SENT, "product": SENT, "quarter": SENT});
    let merged = json!({"contact": SENT, "from": SENT});
    let event = |number: usize, kind: &str, data: Value| {
        json!({
            "specversion": "1.0", "id": format!("{SENT}-{number}"), "source": SENT, "type": kind, "time": NOW, "data": data,
        })
    };
    let reported = |number| event(number, "email.reported", json!({"contact": SENT}));
    let unknown = |number| event(number, SENT, json!({"contact": SENT}));
    let mixed = json!([reported(1), unknown(2), event(3, "email.reported", json!({"contact": [SENT]})), unknown(4)]);
    let long = json!({"type": "track", "messageId": SENT, "userId": SENT, "note": SENT.repeat(40_000)});
    let cloud = json!({"specversion": SENT, "id": SENT, "source": SENT, "type": SENT, "data": {"contact": SENT}});
    vec![
        ("no JSON", "native", format!("{{\"contact\": \"{SENT}\", ").into_bytes()),
        ("not UTF-8", "native", [b"{\"contact\": \"zanzibar", &[0xff][..], b"\"}"].concat()),
        ("an unknown type", "native", native(SENT, &json!({"contact": SENT}))),
        ("no contact", "native", engagement("contact", Value::Null)),
        ("a list for a contact", "native", engagement("contact", json!([SENT]))),
        ("a contact that is too long", "native", engagement("contact", json!(SENT.repeat(40)))),
        ("an address for a mail", "native", engagement("email", json!("zanzibar@example.com"))),
        ("no time", "native", stated.into_bytes()),
        ("no quarter", "native", native("lead.touched", &lead)),
        ("merged into itself", "native", native("contact.merged", &merged)),
        ("another CloudEvents", "native", cloud.to_string().into_bytes()),
        ("three of four", "native", mixed.to_string().into_bytes()),
        ("an event that is too long", "segment", long.to_string().into_bytes()),
        ("more than 4 MiB", "zoom", SENT.repeat(600_000).into_bytes()),
    ]
}

async fn post(deployment: &Deployment, source: &str, headers: HeaderMap, body: impl Into<Bytes>) -> u16 {
    send(deployment, request(source, headers, body)).await.0
}

/// Deliveries that no signature is looked at for, or whose is wrong.
async fn unbelieved(deployment: &Deployment) {
    let mut get = request("native", HeaderMap::new(), SENT);
    *get.method_mut() = Method::GET;
    assert_eq!(send(deployment, get).await.0, 405);
    assert_eq!(post(deployment, SENT, HeaderMap::new(), SENT).await, 404);
    assert_eq!(post(deployment, "native", HeaderMap::new(), SENT).await, 401);
    let source = &deployment.playbook.sources["native"];
    let signed = signature(deployment, source, SENT, SENT.as_bytes()).expect("it can be signed");
    for (header, value) in [("webhook-signature", "v1,zanzibar"), ("webhook-timestamp", "1767000000")] {
        let mut forged = signed.clone();
        forged.insert(header, value.parse().expect("a header"));
        assert_eq!(post(deployment, "native", forged, SENT).await, 401);
    }
}

/// A line as people read it: the level, the words, and every field that it has.
fn shown(line: &Value) -> String {
    let mut fields = line["fields"].as_object().expect("fields").clone();
    let message = fields.shift_remove("message").expect("a message");
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "{} {}: {}",
        line["level"].as_str().unwrap_or_default(),
        message.as_str().unwrap_or_default(),
        fields.join(" ")
    )
}

#[tokio::test]
async fn of_a_refused_delivery_status_field_and_reason_are_logged_and_nothing_that_was_sent() {
    let logs = Logs::capture();
    let start = logs.len();
    let deployment = deploy(at(NOW)).await;
    unbelieved(&deployment).await;
    for (what, source, body) in bodies() {
        let known = &deployment.playbook.sources[source];
        let mut headers = signature(&deployment, known, SENT, &body).unwrap_or_default();
        let kind = match what {
            "another CloudEvents" => "application/cloudevents+json",
            "three of four" => "application/cloudevents-batch+json",
            _ => "application/json",
        };
        headers.insert("content-type", kind.parse().expect("a header"));
        let status = post(&deployment, source, headers, body).await;
        // Of several events one is taken in: that is not a refusal of the delivery.
        let expected = if what == "three of four" { 202..=202 } else { 400..=413 };
        assert!(expected.contains(&status), "{what}: {status}");
    }
    let lines = logs.of_this_test(start);
    let seen: Vec<String> = lines.iter().map(shown).filter(|line| line.contains("refused:")).collect();
    let everything = lines.iter().map(Value::to_string).collect::<String>();
    assert!(!everything.contains(SENT), "{everything}");
    expect![[r#"
        INFO webhook refused: source="native" status=405 field="method" reason="a webhook is posted: only POST is taken here"
        INFO webhook refused: status=404 field="source" reason="is not configured in the playbook"
        INFO webhook refused: source="native" status=401 field="signature" reason="header webhook-id is missing, repeated or unreadable"
        INFO webhook refused: source="native" status=401 field="signature" reason="webhook-signature does not fit"
        INFO webhook refused: source="native" status=401 field="signature" reason="webhook-timestamp is more than 300 seconds from now"
        INFO event refused: source="native" status=400 field="body" reason="ends too early, line 1 column 24" events=1
        INFO webhook refused: source="native" status=400 field="body" reason="is not UTF-8"
        INFO event refused: source="native" status=400 field="type" reason="is not engagement.recorded, contact.identified, contact.merged, account.updated, lead.touched, lead.accepted, lead.opportunity, lead.later, lead.won, lead.lost, lead.rejected, email.reported, email.bounced or email.unsubscribed" events=1
        INFO event refused: source="native" status=400 field="data.contact" reason="is missing" events=1
        INFO event refused: source="native" status=400 field="data.contact" reason="is not a text" events=1
        INFO event refused: source="native" status=400 field="data.contact" reason="is longer than 256 bytes" events=1
        INFO event refused: source="native" status=400 field="data.email" reason="is an address; it names the mail in which something was done" events=1
        INFO event refused: source="native" status=400 field="timestamp" reason="is not an RFC 3339 instant such as 2026-01-05T10:15:00Z" events=1
        INFO event refused: source="native" status=400 field="data.quarter" reason="not a quarter such as 2026-Q4" events=1
        INFO event refused: source="native" status=400 field="data.from" reason="is the contact that stays" events=1
        INFO event refused: source="native" status=400 field="specversion" reason="is not \"1.0\"" events=1
        INFO event refused: source="native" status=400 field="data.contact" reason="is not a text" events=1
        INFO event refused: source="native" status=400 field="type" reason="is not engagement.recorded, contact.identified, contact.merged, account.updated, lead.touched, lead.accepted, lead.opportunity, lead.later, lead.won, lead.lost, lead.rejected, email.reported, email.bounced or email.unsubscribed, alone or behind a name such as com.example." events=2
        INFO event refused: source="segment" status=413 field="body" reason="is longer than 256 KiB" events=1
        INFO webhook refused: source="zoom" status=413 field="body" reason="is longer than 4 MiB"
    "#]].assert_eq(&(seen.join("\n") + "\n"));
    assert_eq!(ledger_rows(&deployment).await.len(), 1);
}
