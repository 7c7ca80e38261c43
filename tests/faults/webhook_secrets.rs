//! The secrets of webhook sources: rotated without a refusal, taken out for good, and Secrets Manager out of reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderMap;
use ingest_engagement::Ingest;
use jiff::{SignedDuration, Timestamp};
use perennial::deployment::Deployment;
use perennial_local::{Call, Fault};
use perennial_platform::failure::Failure;
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::secrets::SourceSecrets;
use perennial_platform::webhook::sign::sign;
use perennial_playbook::sources::Source;
use perennial_tests::interpose::Interposer;
use perennial_tests::{at, deploy, engagement, ingest_at, sdk_config, webhook_request};
use serde_json::{Value, json};

const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const FORGED: &str = "whsec_Zm9yZ2VkLWZvcmdlZC1mb3JnZWQ=";
const NAME: &str = "perennial/webhooks";
/// Half an hour of deliveries, one a second.
const SECONDS: i64 = 1800;

/// Secrets Manager with a secret in it, and a function that reads it.
struct Live {
    deployment: Deployment,
    passage: Interposer,
    requests: Arc<AtomicUsize>,
    secrets: Arc<SourceSecrets>,
}

impl Live {
    async fn open() -> Self {
        let deployment = deploy(start()).await;
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let count = move |_: &str, _: u16, _: &serde_json::Value| {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        let passage = Interposer::start(
            &deployment.world.endpoints().aws,
            Arc::new(|_, request| Box::pin(async move { request })),
            Arc::new(count),
        )
        .await;
        let secrets = Arc::new(SourceSecrets::manager(&sdk_config(&passage.url).await, NAME));
        let live = Self { deployment, passage, requests, secrets };
        live.hold(OLD);
        live
    }

    /// The document holds these secrets from now on.
    fn hold(&self, secrets: &str) {
        self.deployment.world.set_secret(NAME, &json!({"native": secrets, "other": "another secret"}).to_string());
    }

    /// A function that has just started.
    async fn restart(&mut self) {
        self.secrets = Arc::new(SourceSecrets::manager(&sdk_config(&self.passage.url).await, NAME));
    }

    /// Whether a delivery that is signed now, by this secret, is believed now.
    async fn believes(&self, secret: &str, second: i64) -> Result<bool, Failure> {
        let now = start() + SignedDuration::from_secs(second);
        let source = Source::native();
        let unsigned = Delivery { method: "POST", url: "", headers: &HeaderMap::new(), body: b"{}" };
        let headers = sign(&source, secret, "evt_1", &unsigned, now).expect("a secret");
        Ok(self.secrets.believe(&source, &Delivery { headers: &headers, ..unsigned }, now).await?.is_ok())
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn start() -> Timestamp {
    at("2026-10-05T00:00:00Z")
}

#[tokio::test]
async fn a_rotation_refuses_none() {
    const BOTH_FROM: i64 = 437;
    const NEW_ONLY_FROM: i64 = 1201;
    let mut live = Live::open().await;
    // The sender begins to use the new secret at any moment while both are there, the first and the last among them.
    for switched in [0, 1, 2, 14, 15, 16, 162, 163, 164, 299, 300, 301, 600, 763].map(|after| BOTH_FROM + after) {
        live.hold(OLD);
        live.restart().await;
        for second in 0..SECONDS {
            match second {
                BOTH_FROM => live.hold(&format!("{OLD} {NEW}")),
                NEW_ONLY_FROM => live.hold(NEW),
                _ => {}
            }
            let secret = if second < switched { OLD } else { NEW };
            assert!(live.believes(secret, second).await.expect("it is reached"), "switched at {switched}, at {second}");
        }
    }
    // Six reads in half an hour, and at most one more when the sender switched.
    assert!(live.requests() <= 14 * 7, "{} requests", live.requests());
}

#[tokio::test]
async fn a_secret_that_is_taken_out_works_for_less_than_five_minutes() {
    let live = Live::open().await;
    live.hold(&format!("{OLD} {NEW}"));
    // Read in the very second in which it is taken out: the worst case.
    assert!(live.believes(OLD, 0).await.expect("it is reached"));
    live.hold(NEW);
    let mut last = 0;
    for second in 1..SECONDS {
        if live.believes(OLD, second).await.expect("it is reached") {
            last = second;
        }
    }
    assert_eq!(last, 299, "the last second in which it was believed");
}

#[tokio::test]
async fn without_secrets_manager_they_are_known_for_five_minutes_and_then_nobody_knows() {
    let live = Live::open().await;
    let faults = live.deployment.world.faults();
    assert!(live.believes(OLD, 0).await.expect("it is reached"));
    for (again, fault) in [(20, Fault::ServerError), (120, Fault::Throttle)] {
        faults.inject_always(Call::GetSecretValue, fault);
        for (second, known) in [(1, true), (299, true), (300, false), (301, false), (3_600, false), (-1, false)] {
            match live.believes(OLD, second).await {
                Ok(believed) => assert!(known && believed, "{second}"),
                Err(Failure::Retryable { operation: "GetSecretValue", .. }) => assert!(!known, "{second}"),
                Err(other) => panic!("{second}: {other}"),
            }
        }
        // It may be signed with a secret that we cannot read yet; but what is believed at the time decides, or a forger could
        // make us say that something of ours is down.
        assert!(!live.believes(FORGED, again).await.expect("what is known decides"));
        assert!(!live.believes(FORGED, again + 1).await.expect("it is not asked again"));
        assert!(matches!(live.believes(FORGED, 300).await, Err(Failure::Retryable { .. })), "nothing is known");
        faults.clear();
        // Asked again, all is well; and that was the only thing that was forgotten.
        assert!(live.believes(OLD, 3_601).await.expect("it is reached"));
        assert!(live.believes(OLD, 0).await.expect("it is reached"));
    }
}

#[tokio::test]
async fn whoever_asks_at_the_same_time_waits_for_one_answer() {
    let live = Live::open().await;
    let all = futures::future::join_all((0..64).map(|_| live.believes(OLD, 0))).await;
    assert!(all.into_iter().all(|believed| believed.expect("it is reached")));
    assert_eq!(live.requests(), 1);
}

#[tokio::test]
async fn a_forger_makes_us_ask_every_fifteen_seconds_and_no_more() {
    let live = Live::open().await;
    for second in 0..60 {
        for _ in 0..10 {
            assert!(!live.believes(FORGED, second).await.expect("it is reached"));
        }
    }
    // The first read, and one at 0, 15, 30 and 45 seconds.
    assert_eq!(live.requests(), 5);
}

/// A native delivery to the function itself: the status, when to come again, and what is said.
async fn post(
    (deployment, ingest): (&Deployment, &Ingest),
    secret: &str,
    now: Timestamp,
    change: fn(&mut HeaderMap),
) -> (i64, Option<String>, Value) {
    let body = engagement("ada", "analytics-guide", "download", start());
    let unsigned = Delivery { method: "POST", url: "", headers: &HeaderMap::new(), body: body.as_bytes() };
    let mut headers = sign(&Source::native(), secret, "evt_1", &unsigned, now).expect("a secret");
    change(&mut headers);
    let mut event = webhook_request(deployment, "evt_1", &body);
    event.headers = headers;
    let answer = ingest.handle(event).await.expect("whatever happens is an answer");
    let Some(aws_lambda_events::encodings::Body::Text(said)) = answer.body else { panic!("no text") };
    let again = answer.headers.get("retry-after").map(|value| value.to_str().expect("a text").to_owned());
    (answer.status_code, again, serde_json::from_str(&said).expect("JSON"))
}

/// Somebody knocks with a bad signature, and a moment later a secret is added and used: it works when the secrets may be read
/// again, and until then it is refused like a forged one, whoever sends it.
#[tokio::test]
async fn a_secret_that_is_put_in_after_a_forger_knocked_works_fifteen_seconds_later() {
    let live = Live::open().await;
    let mut ingest =
        ingest_at(&live.deployment.world.endpoints().dynamodb, &live.deployment, perennial_tests::playbook()).await;
    ingest.secrets = SourceSecrets::manager(&sdk_config(&live.passage.url).await, NAME);
    let ingest = &ingest;
    let clock = live.deployment.world.clock();
    let knock = async |secret: &str, second: i64, change: fn(&mut HeaderMap)| {
        let now = start() + SignedDuration::from_secs(second);
        clock.set(now);
        post((&live.deployment, ingest), secret, now, change).await
    };
    let as_it_is: fn(&mut HeaderMap) = |_| {};
    let (status, again, said) = knock(FORGED, 0, as_it_is).await;
    assert_eq!(
        (status, again, &said["field"]),
        (401, None, &json!("signature")),
        "read again, and still wrong: {said}"
    );
    live.hold(&format!("{OLD} {NEW}"));
    for second in [0, 1, 14] {
        let honest = knock(NEW, second, as_it_is).await;
        assert_eq!((honest.0, honest.1.as_deref()), (401, None), "{second}: {honest:?}");
        // A forger learns nothing from it, and is told the same.
        assert_eq!(knock(FORGED, second, as_it_is).await, honest, "{second}");
        let cut = |headers: &mut HeaderMap| {
            drop(headers.insert("webhook-signature", http::HeaderValue::from_static("v1,AAAA")))
        };
        assert_eq!(knock(NEW, second, cut).await, honest, "{second}");
        // No secret could make these good.
        let none = |headers: &mut HeaderMap| drop(headers.remove("webhook-signature"));
        assert_eq!(knock(NEW, second, none).await.0, 401, "{second}");
        let old =
            |headers: &mut HeaderMap| drop(headers.insert("webhook-timestamp", http::HeaderValue::from_static("1")));
        assert_eq!(knock(NEW, second, old).await.0, 401, "{second}");
    }
    assert_eq!(live.requests(), 2, "the first read, and the one after the first bad signature");
    assert_eq!(knock(NEW, 15, as_it_is).await.0, 202);
    assert_eq!(knock(OLD, 15, as_it_is).await.0, 200);
    assert_eq!(live.requests(), 3);
    assert_eq!(knock(FORGED, 31, as_it_is).await.0, 401);
    assert_eq!(live.requests(), 4);
}

#[tokio::test]
async fn a_document_that_is_none_is_a_fault_of_ours_and_is_not_repeated() {
    let live = Live::open().await;
    for document in ["whsec_not-json", r#"["whsec_not-json"]"#, r#"{"native": ["whsec_not-json"]}"#] {
        live.deployment.world.set_secret(NAME, document);
        let failure = live.believes(OLD, 0).await.expect_err("it cannot be read");
        assert_eq!(failure.to_string(), "GetSecretValue was refused: not a JSON object of texts");
    }
    live.deployment.world.set_secret(NAME, r#"{"other": "another secret of 16"}"#);
    assert!(!live.believes(OLD, 0).await.expect("it is reached"), "a source without a secret believes nothing");
    assert!(!format!("{:?}", live.secrets).contains("secret of 16"));
}
