//! A redrive whose queue breaks off, against an SQS on this machine.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::config::Credentials;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use perennial::redrive::{Fate, Places, Queue};
use perennial_platform::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What SQS was asked, in its order: the operation and the request.
#[derive(Clone, Default)]
struct Sqs {
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    /// From this call on, messages cannot be received.
    breaks_off_at: Option<usize>,
    /// Whether messages cannot be taken away.
    keeps: bool,
}

impl Sqs {
    /// The receipts of a kind of call.
    fn receipts(&self, operation: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let of_kind = asked.iter().filter(|(name, _)| name == operation);
        of_kind.map(|(_, request)| request["ReceiptHandle"].as_str().unwrap().to_owned()).collect()
    }
}

async fn answer(State(sqs): State<Sqs>, headers: HeaderMap, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.strip_prefix("AmazonSQS.").unwrap().to_owned();
    let mut asked = sqs.asked.lock().unwrap();
    let times = asked.iter().filter(|(name, _)| *name == operation).count();
    asked.push((operation.clone(), request));
    let refused = || {
        let error = json!({"__type": "com.amazonaws.sqs#OverLimit", "message": "too many are hidden"});
        (StatusCode::BAD_REQUEST, Json(error)).into_response()
    };
    let message = |id: &str| json!({"MessageId": id, "ReceiptHandle": format!("{id}-receipt"), "Body": "{}"});
    let told = match operation.as_str() {
        "ReceiveMessage" if sqs.breaks_off_at.is_some_and(|at| times >= at) => return refused(),
        "ReceiveMessage" if times == 0 => json!({"Messages": [message("one"), message("two")]}),
        "DeleteMessage" if sqs.keeps => return refused(),
        _ => json!({}),
    };
    Json(told).into_response()
}

async fn places(sqs: &Sqs) -> Places {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(sqs.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(&url)
        .load()
        .await;
    Places {
        queues: aws_sdk_sqs::Client::new(&config),
        url: Queue::logical_ids().map(|queue| (queue, format!("{url}/000000000000/{queue}"))).collect(),
        events: aws_sdk_eventbridge::Client::new(&config),
        bus: "EventBus".to_owned(),
        tables: aws_sdk_dynamodb::Client::new(&config),
        ledger: "LedgerTable".to_owned(),
        clock: Clock::system(),
        interrupted: Arc::default(),
    }
}

const RECEIPTS: [&str; 2] = ["one-receipt", "two-receipt"];

#[tokio::test]
async fn what_was_received_before_the_queue_broke_off_is_shown_again() {
    let sqs = Sqs { breaks_off_at: Some(1), ..Sqs::default() };
    let broken = places(&sqs).await.redrive(Queue::Mail, true, &mut |_, _, _| {}).await.unwrap_err();
    assert_eq!(broken.to_string(), "ReceiveMessage: OverLimit: too many are hidden");
    assert_eq!(sqs.receipts("ChangeMessageVisibility"), RECEIPTS);
    assert_eq!((sqs.receipts("SendMessage").len(), sqs.receipts("DeleteMessage").len()), (0, 0));
}

#[tokio::test]
async fn a_message_is_taken_away_after_it_was_sent_back_and_only_when_somebody_says_so() {
    for really in [false, true] {
        let sqs = Sqs::default();
        let outcomes = places(&sqs).await.redrive(Queue::Mail, really, &mut |_, _, _| {}).await.unwrap().outcomes;
        let said: Vec<_> = outcomes.iter().map(|it| (it.message.as_str(), it.what.as_str(), it.fate)).collect();
        let back = |message| (message, "goes back to MailQueue", Fate::Redriven);
        assert_eq!(said, [back("one"), back("two")]);
        let (taken, shown) = (sqs.receipts("DeleteMessage"), sqs.receipts("ChangeMessageVisibility"));
        let none = Vec::<String>::new();
        let expected = RECEIPTS.map(str::to_owned).to_vec();
        assert_eq!((taken, shown), if really { (expected, none) } else { (none, expected) }, "{really}");
        let asked = sqs.asked.lock().unwrap();
        let sent: Vec<&Value> = asked.iter().filter(|(name, _)| name == "SendMessage").map(|(_, it)| it).collect();
        assert_eq!(sent.len(), if really { 2 } else { 0 });
        assert!(sent.iter().all(|sent| sent["QueueUrl"].as_str().unwrap().ends_with("/MailQueue")), "{sent:?}");
    }
}

#[tokio::test]
async fn one_that_was_sent_back_and_cannot_be_taken_away_says_so() {
    let sqs = Sqs { keeps: true, ..Sqs::default() };
    let outcomes = places(&sqs).await.redrive(Queue::MailEvents, true, &mut |_, _, _| {}).await.unwrap().outcomes;
    for outcome in outcomes {
        assert_eq!(outcome.fate, Fate::Failed);
        let expected =
            "goes back to MailEventsQueue, and lies here still: DeleteMessage: OverLimit: too many are hidden";
        assert_eq!(outcome.what, expected);
    }
}

#[tokio::test]
async fn what_is_left_when_somebody_interrupts_it_stays_and_is_shown_again() {
    let sqs = Sqs::default();
    let places = places(&sqs).await;
    let interrupt = Arc::clone(&places.interrupted);
    let stop = &mut |_: &'static str, _: usize, _: usize| interrupt.store(true, Ordering::Relaxed);
    let outcomes = places.redrive(Queue::Mail, true, stop).await.unwrap().outcomes;
    assert_eq!(outcomes.iter().map(|outcome| outcome.fate).collect::<Vec<_>>(), [Fate::Redriven, Fate::Stays]);
    let (taken, shown) = (sqs.receipts("DeleteMessage"), sqs.receipts("ChangeMessageVisibility"));
    assert_eq!((taken, shown), (vec![RECEIPTS[0].to_owned()], vec![RECEIPTS[1].to_owned()]));
}
