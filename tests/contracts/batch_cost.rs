//! What a delivery of 1,000 Segment events costs: 250 contacts, each with a session of four events on one product.
//!
//! The functions are measured from outside, as in `capacity`. The stream is read as Lambda reads it: the ledger's writes in their
//! order, a hundred at a time.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use perennial::deployment::Deployment;
use perennial_platform::ledger::{Entry, size};
use perennial_platform::store::Item;
use perennial_tests::interpose::{After, Before, Interposer};
use perennial_tests::senders::signature;
use perennial_tests::{
    at, clock, deploy, ingest_at, ledger_rows, playbook, settle, store_at, stream_event, tally, webhook_request,
};
use score_and_decay::ScoreAndDecay;
use serde_json::{Value, json};

const CONTACTS: usize = 250;
const SESSION: usize = 4;
const EVENTS: usize = CONTACTS * SESSION;
/// The template's batch size.
const STREAM_BATCH: usize = 100;

/// A call as Segment's library for browsers sends it, with all that it adds.
fn track(contact: usize, number: usize, happened_at: Timestamp) -> Value {
    let (asset, action) = [
        ("analytics-infographic", "download"),
        ("analytics-checklist", "download"),
        ("analytics-guide", "download"),
        ("analytics-pricing", "view"),
    ][number];
    json!({
        "type": "track", "event": "Asset Used", "userId": format!("user-8f3b2c{contact:03}"),
        "messageId": format!("ajs-next-{}-{contact:03}{number}-4a53-9d0c-0b9f4b7e6a11", happened_at.as_millisecond()),
        "anonymousId": format!("2f0b9d8e-6c1f-4f4e-a1c7-53b8d6f0a{contact:03}"),
        "properties": {"asset": asset, "action": action, "title": "Reports that are read"},
        "context": {
            "ip": "203.0.113.24", "locale": "en-GB", "timezone": "Europe/Berlin",
            "library": {"name": "analytics.js", "version": "next-1.70.0"},
            "page": {
                "path": "/guides/reports", "referrer": "https://www.example.com/", "search": "?utm_source=newsletter",
                "title": "Reports that are read", "url": "https://www.example.com/guides/reports?utm_source=newsletter",
            },
            "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "userAgentData": {
                "brands": [{"brand": "Google Chrome", "version": "131"}, {"brand": "Chromium", "version": "131"}],
                "mobile": false, "platform": "macOS",
            },
        },
        "integrations": {}, "originalTimestamp": happened_at, "timestamp": happened_at, "channel": "client",
    })
}

/// Contacts take turns, as they do on a site.
fn batch(start: Timestamp) -> Vec<u8> {
    let at = |number: usize| start + SignedDuration::from_mins(i64::try_from(number).expect("a small number"));
    let calls: Vec<Value> =
        (0..EVENTS).map(|index| track(index % CONTACTS, index / CONTACTS, at(index / CONTACTS))).collect();
    json!({"batch": calls, "sentAt": start + SignedDuration::from_mins(5)}).to_string().into_bytes()
}

#[derive(Debug, Default)]
struct Cost {
    ledger: f64,
    state: f64,
    index: f64,
    reads: f64,
    calls: Vec<String>,
}

/// What a delivery and all that it makes score-and-decay do consumed; and the items that were put, in their order.
async fn cost_of(deployment: &Deployment, body: &[u8]) -> (Cost, Vec<Item>) {
    let cost: Arc<Mutex<Cost>> = Arc::default();
    let puts: Arc<Mutex<Vec<Item>>> = Arc::default();
    let seen = Arc::clone(&puts);
    let before: Before = Arc::new(move |operation, mut request: Value| {
        request["ReturnConsumedCapacity"] = json!("INDEXES");
        if operation == "PutItem" && request["TableName"] == "LedgerTable" {
            let item: serde_dynamo::Item = serde_json::from_value(request["Item"].clone()).expect("an item");
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(item.into());
        }
        Box::pin(async { request })
    });
    let sum = Arc::clone(&cost);
    let after: After = Arc::new(move |operation, status, answer| {
        assert_eq!(status, 200, "{operation}: {answer}");
        add(&mut sum.lock().unwrap_or_else(PoisonError::into_inner), operation, &answer["ConsumedCapacity"]);
    });
    let between = Interposer::start(&deployment.world.endpoints().dynamodb, before, after).await;
    let ingest = ingest_at(&between.url, deployment, playbook()).await;
    let mut request = webhook_request(deployment, "", "");
    request.path_parameters = [("source".to_owned(), "segment".to_owned())].into();
    request.headers =
        signature(deployment, &deployment.playbook.sources["segment"], "", body).expect("it can be signed");
    request.body = Some(String::from_utf8(body.to_vec()).expect("JSON"));
    let answer = ingest.handle(request).await.expect("whatever happens is an answer");
    assert_eq!(answer.status_code, 202, "{:?}", answer.body);

    let store = store_at(&between.url).await;
    let scoring =
        ScoreAndDecay { store, ledger: ingest.ledger.clone(), playbook: playbook(), clock: clock(deployment) };
    let puts = std::mem::take(&mut *puts.lock().unwrap_or_else(PoisonError::into_inner));
    let entry = |item: &Item| serde_dynamo::from_item::<_, Entry>(item.clone()).expect("an entry");
    let entries: Vec<Entry> = puts.iter().map(entry).collect();
    for entries in entries.chunks(STREAM_BATCH) {
        let batch = serde_json::from_value(stream_event(entries)).expect("a stream's event");
        assert_eq!(scoring.handle(batch).await.expect("a batch never fails").batch_item_failures, []);
    }
    let cost = std::mem::take(&mut *cost.lock().unwrap_or_else(PoisonError::into_inner));
    (cost, puts)
}

fn add(cost: &mut Cost, operation: &str, consumed: &Value) {
    let units = consumed["Table"]["CapacityUnits"].as_f64().unwrap_or_default();
    let of_indexes = consumed["GlobalSecondaryIndexes"].as_object().into_iter().flat_map(|all| all.values());
    cost.index += of_indexes.filter_map(|index| index["CapacityUnits"].as_f64()).sum::<f64>();
    match (operation, consumed["TableName"].as_str()) {
        ("GetItem" | "Query" | "BatchGetItem", _) => {
            cost.reads += consumed["CapacityUnits"].as_f64().unwrap_or_default()
        }
        (_, Some("LedgerTable")) => cost.ledger += units,
        (_, Some("StateTable")) => cost.state += units,
        (operation, table) => panic!("{operation} on {table:?}"),
    }
    cost.calls.push(operation.to_owned());
}

#[tokio::test]
async fn a_batch_of_a_thousand_segment_events_costs_at_most_1_3_write_units_an_event() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    let events = EVENTS as f64;
    println!("{:<16} {:>7} {:>7} {:>7} {:>7} {:>7}  calls", "per event", "ledger", "state", "index", "writes", "reads");
    for (session, start) in [("first session", "2026-01-05T08:00:00Z"), ("a later one", "2026-01-06T08:00:00Z")] {
        let body = batch(at(start));
        let (cost, puts) = cost_of(&deployment, &body).await;
        let Cost { ledger, state, index, reads, .. } = cost;
        let writes = (ledger + state + index) / events;
        let calls = tally(cost.calls.iter());
        println!(
            "{session:<16} {:>7.3} {:>7.3} {:>7.3} {writes:>7.3} {:>7.3}  {calls:?}",
            ledger / events,
            state / events,
            index / events,
            reads / events
        );
        let sizes: Vec<usize> = puts.iter().map(size).collect();
        let (least, most) = (sizes.iter().min().expect("puts"), sizes.iter().max().expect("puts"));
        println!("{:>16} bytes as sent, {least} to {most} as an item", body.len() / EVENTS);
        assert_eq!((puts.len(), ledger), (EVENTS, events), "each event is one put of one write unit");
        // What the first session has told is acted on: whoever reached the threshold is qualified, or held.
        settle(&deployment).await;
        if session == "a later one" {
            assert!(writes <= 1.3, "{writes} write units an event: {calls:?}");
            assert_eq!((index, reads), (0.0, 0.0), "{calls:?}");
        }
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 2 * EVENTS);
}
