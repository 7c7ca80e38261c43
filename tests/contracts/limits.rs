//! How much one request may hold, to the byte and to the statement, and which requests are none.

use axum::body::Bytes;
use http::{HeaderMap, Request};
use perennial::deployment::Deployment;
use perennial_tests::senders::{deliver, request, send, signature};
use perennial_tests::{at, deploy, ledger_rows};
use serde_json::{Value, json};

const NOW: &str = "2026-01-07T10:00:00Z";

/// Delivers a body as it is, signed by its source's secret.
async fn post(deployment: &Deployment, source: &str, body: Vec<u8>) -> (u16, Value) {
    let known = &deployment.playbook.sources[source];
    let headers = signature(deployment, known, "", &body).expect("it can be signed");
    send(deployment, request(source, headers, body)).await
}

/// A subscription to so many items, each of which is a statement.
fn subscription(number: usize, items: usize) -> Value {
    let item = json!({"price": {"product": "prod_FhAnalytics01"}});
    json!({
        "id": format!("evt_{number}"), "type": "customer.subscription.created", "created": at(NOW).as_second(),
        "data": {"object": {"status": "active", "customer": "cus_1", "start_date": 1, "items": {"data": vec![item; items]}}},
    })
}

#[tokio::test]
async fn a_delivery_tells_at_most_4_000_things_and_of_one_more_none_is_kept() {
    let deployment = deploy(at(NOW)).await;
    let mut events: Vec<Value> = (0..40).map(|number| subscription(number, 100)).collect();
    events.push(subscription(40, 1));
    let (status, answer) = deliver(&deployment, "stripe", "", &json!(events)).await;
    let reason = "tells more than 4000 things: send its events in several requests";
    assert_eq!((status, &answer["field"], &answer["reason"]), (400, &json!("body"), &json!(reason)));
    let each = answer["events"].as_array().expect("what became of each");
    assert_eq!(each.len(), 41);
    for event in each {
        assert_eq!((&event["status"], &event["reason"]), (&json!("refused"), &json!(reason)));
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 0, "nothing was written");

    events.pop();
    let (status, answer) = deliver(&deployment, "stripe", "", &json!(events)).await;
    assert_eq!((status, &answer["status"]), (202, &json!("accepted")));
    assert_eq!(ledger_rows(&deployment).await.len(), 4_000);
}

#[tokio::test]
async fn one_event_tells_at_most_100_things_and_waits_if_it_tells_more() {
    let deployment = deploy(at(NOW)).await;
    for (number, items, said) in [(1, 100, "accepted"), (2, 101, "quarantined")] {
        let (status, answer) = deliver(&deployment, "stripe", "", &subscription(number, items)).await;
        assert_eq!((status, &answer["status"]), (202, &json!(said)), "{items}: {answer}");
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 100 + 1);
}

/// White space behind a body is part of it and says nothing, so only the limit can refuse it.
fn padded(body: &Value, bytes: usize) -> Vec<u8> {
    let mut body = body.to_string().into_bytes();
    body.resize(bytes, b' ');
    body
}

#[tokio::test]
async fn a_body_has_at_most_4_mebibytes() {
    const MOST: usize = 4 * 1024 * 1024;
    let deployment = deploy(at(NOW)).await;
    let call =
        json!({"batch": [{"type": "identify", "messageId": "m", "userId": "user-1", "traits": {"title": "CMO"}}]});
    let (status, answer) = post(&deployment, "segment", padded(&call, MOST + 1)).await;
    assert_eq!((status, &answer["reason"]), (413, &json!("is longer than 4 MiB")));
    assert_eq!(ledger_rows(&deployment).await.len(), 0, "nothing was written");
    let (status, answer) = post(&deployment, "segment", padded(&call, MOST)).await;
    assert_eq!((status, &answer["status"]), (202, &json!("accepted")), "{answer}");
}

#[tokio::test]
async fn a_question_of_zooms_has_at_most_4_kibibytes() {
    const MOST: usize = 4 * 1024;
    let deployment = deploy(at(NOW)).await;
    let question = json!({
        "event": "endpoint.url_validation", "event_ts": at(NOW).as_millisecond(),
        "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
    });
    for (bytes, status, answered) in [(MOST, 200, true), (MOST + 1, 202, false)] {
        let (seen, answer) = post(&deployment, "zoom", padded(&question, bytes)).await;
        let signs = answer["plainToken"] == "qgg8vlvZRS6UYooatFL8Aw" && answer["encryptedToken"].is_string();
        assert_eq!((seen, signs), (status, answered), "{bytes}: {answer}");
        // What is too long to be a question is an event that nothing follows from.
        assert_eq!(answer["status"] == "ignored", !answered, "{bytes}: {answer}");
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 0);
}

#[tokio::test]
async fn what_is_not_posted_is_told_to_be_posted_and_nothing_else() {
    let deployment = deploy(at(NOW)).await;
    let body = json!({"type": "identify", "messageId": "m", "userId": "user-1"}).to_string().into_bytes();
    let signed = signature(&deployment, &deployment.playbook.sources["segment"], "", &body).expect("it can be signed");
    for method in ["HEAD", "GET", "BREW", "PROPFIND", "post", "Post", "X-ANY"] {
        // A source that there is, signed and all, and one that there is not: who only looks learns neither.
        for (source, headers) in [("segment", signed.clone()), ("carrier-pigeon", HeaderMap::new())] {
            let mut request: Request<Bytes> = request(source, headers, body.clone());
            *request.method_mut() = method.parse().expect("a method");
            let answer = deployment.world.http(request).await.expect("the world goes on");
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            let seen = (answer.status().as_u16(), header("allow"), header("cache-control"), header("content-type"));
            assert_eq!(seen, (405, Some("POST"), Some("no-store"), Some("application/json")), "{method} {source}");
            let said: Value = serde_json::from_slice(answer.body()).expect("JSON");
            let expected = "a webhook is posted: only POST is taken here";
            assert_eq!(said, json!({"status": "refused", "field": "method", "reason": expected}), "{method} {source}");
        }
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 0, "nothing was written");
    // The path is the webhooks' own: there is no route without a source, or below one.
    for path in ["/v1/webhooks", "/v1/webhooks/", "/v1/webhooks/segment/more", "/v1/webhook/segment"] {
        for method in ["POST", "HEAD", "BREW"] {
            let request = Request::builder().method(method).uri(path).body(Bytes::new()).expect("a request");
            let answer = deployment.world.http(request).await.expect("the world goes on");
            assert_eq!(answer.status().as_u16(), 404, "{method} {path}");
        }
    }
}
