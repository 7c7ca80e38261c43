//! A delivery of several events of which the store takes only some: the sender is told to come again, and the second time makes
//! it whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use http::HeaderMap;
use perennial::deployment::Deployment;
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::senders::{request, signature};
use perennial_tests::{at, deploy, ingest_at, ledger_rows, playbook, tally};
use serde_json::{Value, json};

const EVENTS: usize = 5;

fn batch(mask: usize) -> Vec<u8> {
    let call = |number: usize| {
        json!({
            "type": "track", "event": "Guide", "messageId": format!("m{mask}-{number}"), "userId": format!("user-{number}"),
            "timestamp": "2026-01-07T09:00:00Z",
            "properties": {"asset": "analytics-guide", "action": "download"},
        })
    };
    json!({"batch": (0..EVENTS).map(call).collect::<Vec<_>>()}).to_string().into_bytes()
}

/// Puts of these events fail: they go to a table that is not there.
fn failing(mask: usize) -> Before {
    Arc::new(move |_, mut put: Value| {
        let sk = put["Item"]["SK"]["S"].as_str().unwrap_or_default();
        let number = sk.rsplit('-').next().and_then(|number| number.parse::<usize>().ok()).expect("an event of ours");
        if mask & (1 << number) != 0 {
            put["TableName"] = json!("NoSuchTable");
        }
        Box::pin(async { put })
    })
}

async fn post(deployment: &Deployment, endpoint: &str, body: &[u8]) -> (i64, Value) {
    let ingest = ingest_at(endpoint, deployment, playbook()).await;
    let source = &deployment.playbook.sources["segment"];
    let headers: HeaderMap = signature(deployment, source, "", body).expect("it can be signed");
    let request = request("segment", headers, Bytes::copy_from_slice(body));
    let mut event = perennial_tests::webhook_request(deployment, "", "");
    event.path_parameters = [("source".to_owned(), "segment".to_owned())].into();
    event.headers = request.headers().clone();
    event.body = Some(String::from_utf8(body.to_vec()).expect("JSON"));
    let answer = ingest.handle(event).await.expect("whatever happens is an answer");
    let Some(aws_lambda_events::encodings::Body::Text(said)) = answer.body else { panic!("no text") };
    (answer.status_code, serde_json::from_str(&said).expect("JSON"))
}

fn statuses(said: &Value) -> Vec<&str> {
    let events = said["events"].as_array().expect("what became of each");
    events.iter().map(|event| event["status"].as_str().expect("a word")).collect()
}

#[tokio::test]
async fn whatever_part_of_a_batch_is_not_stored_the_second_delivery_makes_it_whole() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    let dynamodb = deployment.world.endpoints().dynamodb.clone();
    for mask in 0..1_usize << EVENTS {
        let broken = Interposer::start(&dynamodb, failing(mask), Arc::new(|_, _, _| {})).await;
        let body = batch(mask);
        let (status, said) = post(&deployment, &broken.url, &body).await;
        let failed = |number: usize| mask & (1 << number) != 0;
        let expected: Vec<_> = (0..EVENTS).map(|number| if failed(number) { "retry" } else { "accepted" }).collect();
        assert_eq!(statuses(&said), expected, "{mask:05b}: {said}");
        assert_eq!(status, if mask == 0 { 202 } else { 503 }, "{mask:05b}: {said}");

        let (status, said) = post(&deployment, &dynamodb, &body).await;
        let expected: Vec<_> =
            (0..EVENTS).map(|number| if failed(number) { "accepted" } else { "duplicate" }).collect();
        assert_eq!((status, statuses(&said)), (202, expected), "{mask:05b}: {said}");
    }
    let rows = tally(ledger_rows(&deployment).await.into_iter().map(|row| row.sk));
    let expected: BTreeMap<_, _> = (0..1 << EVENTS)
        .flat_map(|mask| (0..EVENTS).map(move |number| (format!("segment#m{mask}-{number}"), 1)))
        .collect();
    assert_eq!(rows, expected);
}

/// A store that takes nothing is not asked a thousand times.
#[tokio::test]
async fn of_a_large_batch_not_every_event_is_tried_while_the_store_is_down() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    let tried = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    let down: Before = Arc::new(move |_, mut put: Value| {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        put["TableName"] = json!("NoSuchTable");
        Box::pin(async { put })
    });
    let broken = Interposer::start(&deployment.world.endpoints().dynamodb, down, Arc::new(|_, _, _| {})).await;
    let call =
        |number: usize| json!({"type": "identify", "messageId": number.to_string(), "userId": number.to_string()});
    let body = json!({"batch": (0..1_000).map(call).collect::<Vec<_>>()}).to_string().into_bytes();
    let (status, said) = post(&deployment, &broken.url, &body).await;
    assert_eq!((status, statuses(&said)), (503, vec!["retry"; 1_000]));
    let tried = tried.load(std::sync::atomic::Ordering::SeqCst);
    assert!((32..=64).contains(&tried), "{tried} were tried");
    assert_eq!(ledger_rows(&deployment).await.len(), 0);
}

/// What an id was used for before stands, whichever statements the other body would make: none of them has an effect.
#[tokio::test]
async fn an_id_that_was_used_with_another_body_has_no_effect_on_anybody() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    let dynamodb = deployment.world.endpoints().dynamodb.clone();
    let call = |anonymous: &str| {
        json!({"type": "identify", "messageId": "m", "userId": "user-1", "anonymousId": anonymous}).to_string()
    };
    let first = call("anonymous-1");
    assert_eq!(post(&deployment, &dynamodb, first.as_bytes()).await.0, 202);
    let rows = || async {
        let rows = ledger_rows(&deployment).await;
        rows.into_iter().map(|row| row.pk).collect::<std::collections::BTreeSet<_>>()
    };
    let before = rows().await;
    assert_eq!(before.len(), 2, "the person, and the id that is merged: {before:?}");
    let (status, said) = post(&deployment, &dynamodb, call("anonymous-2").as_bytes()).await;
    assert_eq!((status, &said["status"]), (409, &json!("refused")), "{said}");
    assert_eq!(rows().await, before);
    assert_eq!(post(&deployment, &dynamodb, first.as_bytes()).await.0, 200);
}
