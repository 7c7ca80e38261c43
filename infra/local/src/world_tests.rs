//! The world: what is put in comes out where the template says, once, also after a restart and when things fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use futures::FutureExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::template_tests::TEMPLATE;
use crate::{Call, ClockHandle, Fault, Function, FunctionError, Store, Wiring, World};

/// What the fake functions were called with, and what they answer.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    seen: Vec<(String, Value)>,
    answers: HashMap<String, Vec<Result<Value, FunctionError>>>,
}

impl Calls {
    /// The next answers of a function, first one first; afterwards it answers `{}`.
    pub(crate) fn answer(&self, function: &str, answers: impl IntoIterator<Item = Result<Value, FunctionError>>) {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        self.0.lock().unwrap().answers.insert(function.to_owned(), answers);
    }

    pub(crate) fn of(&self, function: &str) -> Vec<Value> {
        let script = self.0.lock().unwrap();
        script.seen.iter().filter(|(name, _)| name == function).map(|(_, event)| event.clone()).collect()
    }

    /// The records of each call by sort key or body; the calls of schedules have none.
    pub(crate) fn batches(&self, function: &str) -> Vec<Vec<String>> {
        let content = |record: &Value| match record["body"].as_str() {
            Some(body) => body.to_owned(),
            None => record["dynamodb"]["Keys"]["SK"]["S"].as_str().unwrap().to_owned(),
        };
        let batch = |event: &Value| Some(event["Records"].as_array()?.iter().map(content).collect());
        self.of(function).iter().filter_map(batch).collect()
    }

    pub(crate) fn function(&self, name: &'static str) -> Function {
        let calls = self.clone();
        Arc::new(move |event| {
            let mut script = calls.0.lock().unwrap();
            script.seen.push((name.to_owned(), event));
            let answer = script.answers.get_mut(name).and_then(Vec::pop);
            async move { answer.unwrap_or_else(|| Ok(json!({}))) }.boxed()
        })
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) async fn open(store: Store) -> (World, Calls) {
    let clock = ClockHandle::standing_at(at("2026-11-20T12:00:00Z"));
    let world = World::open(Wiring::parse(TEMPLATE).unwrap(), store, clock).await.unwrap();
    let calls = Calls::default();
    for name in ["IngestEngagement", "ScoreAndDecay", "QualifyMql", "SendNurtureEmail"] {
        world.register(name, calls.function(name));
    }
    world.ready().unwrap();
    (world, calls)
}

pub(crate) fn config(endpoint: &str) -> aws_config::SdkConfig {
    aws_config::SdkConfig::builder()
        .endpoint_url(endpoint)
        .region(aws_config::Region::new(crate::REGION))
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(
            aws_sdk_dynamodb::config::Credentials::new("local", "local", None, None, "test"),
        ))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .timeout_config(
            aws_config::timeout::TimeoutConfig::builder().operation_timeout(std::time::Duration::from_secs(2)).build(),
        )
        .behavior_version(aws_config::BehaviorVersion::latest())
        .sleep_impl(aws_sdk_dynamodb::config::SharedAsyncSleep::new(TokioSleep))
        .build()
}

#[derive(Debug)]
struct TokioSleep;

impl aws_sdk_dynamodb::config::AsyncSleep for TokioSleep {
    fn sleep(&self, duration: std::time::Duration) -> aws_sdk_dynamodb::config::Sleep {
        aws_sdk_dynamodb::config::Sleep::new(tokio::time::sleep(duration))
    }
}

pub(crate) async fn put(world: &World, sort_key: &str, kind: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    aws_sdk_dynamodb::Client::new(&config(&world.endpoints().dynamodb))
        .put_item()
        .table_name("LedgerTable")
        .item("PK", text("CONTACT#1"))
        .item("SK", text(sort_key))
        .item("kind", text(kind))
        .send()
        .await
        .unwrap();
}

pub(crate) async fn send_message(world: &World, body: &str) {
    let client = aws_sdk_sqs::Client::new(&config(&world.endpoints().aws));
    client.send_message().queue_url(world.queue_url("MailQueue")).message_body(body).send().await.unwrap();
}

pub(crate) async fn put_event(world: &World, detail_type: &str, detail: Value) -> i32 {
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name("EventBus")
        .source("perennial")
        .detail_type(detail_type)
        .detail(detail.to_string())
        .build();
    let client = aws_sdk_eventbridge::Client::new(&config(&world.endpoints().aws));
    client.put_events().entries(entry).send().await.unwrap().failed_entry_count()
}

fn failures(ids: &[&Value]) -> Result<Value, FunctionError> {
    let failures: Vec<Value> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

#[tokio::test]
async fn a_put_reaches_its_stream_function_once_as_lambda_would_get_it() {
    let (world, calls) = open(Store::Memory).await;
    put(&world, "crm#1", "engagement").await;
    put(&world, "crm#2", "change").await;
    world.settle().await.unwrap();
    world.settle().await.unwrap();

    let events = calls.of("ScoreAndDecay");
    assert_eq!(events.len(), 1);
    let record = &events[0]["Records"][0];
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["dynamodb"]["Keys"], json!({"PK": {"S": "CONTACT#1"}, "SK": {"S": "crm#1"}}));
    assert_eq!(record["dynamodb"]["NewImage"]["kind"], json!({"S": "engagement"}));
    assert_eq!(record["dynamodb"]["StreamViewType"], "NEW_IMAGE");
    assert_eq!(record["dynamodb"]["ApproximateCreationDateTime"], at("2026-11-20T12:00:00Z").as_second() as f64);
    assert!(record["dynamodb"]["SequenceNumber"].is_string());
    assert_eq!(events[0]["Records"].as_array().unwrap().len(), 1, "the change is filtered out");
}

#[tokio::test]
async fn a_stream_goes_on_from_the_record_that_failed() {
    let (world, calls) = open(Store::Memory).await;
    for key in ["a", "b", "c"] {
        put(&world, key, "engagement").await;
    }
    let sequences = calls.clone();
    let function: Function = Arc::new(move |event| {
        let first_time = sequences.of("ScoreAndDecay").is_empty();
        let answer =
            if first_time { failures(&[&event["Records"][1]["dynamodb"]["SequenceNumber"]]) } else { Ok(json!({})) };
        sequences.0.lock().unwrap().seen.push(("ScoreAndDecay".into(), event));
        async move { answer }.boxed()
    });
    world.register("ScoreAndDecay", function);
    world.settle().await.unwrap();
    assert_eq!(calls.batches("ScoreAndDecay"), [vec!["a", "b", "c"], vec!["b", "c"]]);
    assert!(world.dead_letters().unwrap().is_empty());
}

#[tokio::test]
async fn a_poisonous_record_is_isolated_and_leaves_a_pointer() {
    let (world, calls) = open(Store::Memory).await;
    for key in ["a", "b", "poison", "d"] {
        put(&world, key, "engagement").await;
    }
    let seen = calls.clone();
    let function: Function = Arc::new(move |event| {
        let poisoned = event.to_string().contains("poison");
        seen.0.lock().unwrap().seen.push(("ScoreAndDecay".into(), event));
        async move {
            assert!(!poisoned, "a panic is a failure");
            Ok(Value::Null)
        }
        .boxed()
    });
    world.register("ScoreAndDecay", function);
    world.settle().await.unwrap();
    let batches = calls.batches("ScoreAndDecay");
    assert_eq!(
        batches,
        [
            vec!["a", "b", "poison", "d"],
            vec!["a", "b"],
            vec!["poison", "d"],
            vec!["poison"],
            vec!["poison"],
            vec!["poison"],
            vec!["d"]
        ]
    );
    let letters = world.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].queue.as_deref(), Some("StreamFailuresQueue"));
    assert_eq!(letters[0].source, "LedgerTable → ScoreAndDecay");
    assert_eq!(letters[0].body["DDBStreamBatchInfo"]["batchSize"], 1);
    assert!(!letters[0].body.to_string().contains("CONTACT#1"), "a pointer, not the record");
    assert_eq!(world.settle().await.unwrap(), 0);
}

#[tokio::test]
async fn a_bus_event_reaches_function_and_queue() {
    let (world, calls) = open(Store::Memory).await;
    assert_eq!(put_event(&world, "ThresholdReached", json!({"contact": "1"})).await, 0);
    assert_eq!(put_event(&world, "LeadQualified", json!({"priority": "act-now"})).await, 0);
    assert_eq!(put_event(&world, "LeadQualified", json!({"priority": "later"})).await, 0);
    world.settle().await.unwrap();

    let events = calls.of("QualifyMql");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["detail-type"], "ThresholdReached");
    assert_eq!(events[0]["source"], "perennial");
    assert_eq!(events[0]["time"], "2026-11-20T12:00:00Z");
    assert_eq!(events[0]["detail"], json!({"contact": "1"}));

    let mails = calls.of("SendNurtureEmail");
    assert_eq!(mails.len(), 1);
    let body: Value = serde_json::from_str(mails[0]["Records"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["detail-type"], &body["detail"]["priority"]), (&json!("LeadQualified"), &json!("act-now")));

    let rules: Vec<_> = world.bus_events().unwrap().into_iter().map(|event| event.rules).collect();
    assert_eq!(rules, [vec!["QualifyMql.Reached".to_owned()], vec!["HandOffRule".to_owned()], vec![]]);

    world.faults().inject(Call::PutEvents, Fault::FailEntries(vec![0]));
    assert_eq!(put_event(&world, "ThresholdReached", json!({})).await, 1);
    assert_eq!(world.settle().await.unwrap(), 0);
}

#[tokio::test]
async fn a_message_is_redelivered_and_ends_in_the_dead_letter_queue() {
    let (world, calls) = open(Store::Memory).await;
    send_message(&world, "good").await;
    send_message(&world, "bad").await;
    let seen = calls.clone();
    let function: Function = Arc::new(move |event| {
        let records = event["Records"].as_array().unwrap();
        let bad: Vec<&Value> = records.iter().filter(|record| record["body"] == "bad").collect();
        let answer = failures(&bad.iter().map(|record| &record["messageId"]).collect::<Vec<_>>());
        seen.0.lock().unwrap().seen.push(("SendNurtureEmail".into(), event.clone()));
        async move { answer }.boxed()
    });
    world.register("SendNurtureEmail", function);
    world.settle().await.unwrap();
    world.settle().await.unwrap();
    assert_eq!(calls.batches("SendNurtureEmail"), [vec!["good", "bad"]], "it is hidden for 180 seconds");

    world.advance_to(at("2026-11-20T12:02:59Z"), |_| {}).await.unwrap();
    assert_eq!(calls.batches("SendNurtureEmail").len(), 1);
    world.advance_to(at("2026-11-20T12:03:00Z"), |_| {}).await.unwrap();
    assert_eq!(calls.batches("SendNurtureEmail")[1..], [vec!["bad"]], "only the failed one comes again");
    assert_eq!(calls.of("SendNurtureEmail")[1]["Records"][0]["attributes"]["ApproximateReceiveCount"], "2");

    world.advance_to(at("2026-11-20T13:00:00Z"), |_| {}).await.unwrap();
    assert_eq!(calls.batches("SendNurtureEmail").len(), 2, "two receives are the maximum");
    let letters = world.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].queue.as_deref(), letters[0].source.as_str()), (Some("MailDeadLetterQueue"), "MailQueue"));
    assert_eq!(letters[0].at, at("2026-11-20T12:06:00Z"));
    assert_eq!(world.counts().unwrap().queued["MailDeadLetterQueue"], 1);
}

#[tokio::test]
async fn schedules_fire_in_order_and_rates_once() {
    let (world, calls) = open(Store::Memory).await;
    let mut ticks = Vec::new();
    world
        .advance_to(at("2026-12-01T00:02:00Z"), |tick| ticks.push(format!("{} {}", tick.schedule, tick.at)))
        .await
        .unwrap();
    assert_eq!(ticks, ["Decay 2026-11-23T08:00:00Z", "Decay 2026-11-30T08:00:00Z", "Sweep 2026-12-01T00:00:00Z"]);
    assert_eq!(calls.of("ScoreAndDecay")[0], json!({"job": "decay", "scheduled_at": "2026-11-23T08:00:00Z"}));
    assert_eq!(world.clock().now(), at("2026-12-01T00:02:00Z"));
    assert!(world.advance_to(at("2026-11-30T00:00:00Z"), |_| {}).await.is_err());
}

#[tokio::test]
async fn a_scheduled_call_is_tried_three_times() {
    let (world, calls) = open(Store::Memory).await;
    let failed = || Err(FunctionError::new("no"));
    calls.answer("ScoreAndDecay", [failed(), failed(), failed()]);
    world.advance_to(at("2026-11-24T00:00:00Z"), |_| {}).await.unwrap();
    let decays = calls.of("ScoreAndDecay").into_iter().filter(|event| event["job"] == "decay").count();
    assert_eq!(decays, 3);
    let letters = world.dead_letters().unwrap();
    assert_eq!(
        (letters.len(), letters[0].queue.as_deref()),
        (1, None),
        "the template names no queue: AWS would lose it"
    );
    assert_eq!(letters[0].at, at("2026-11-23T08:03:00Z"));
}
