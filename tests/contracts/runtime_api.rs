//! The binaries that are deployed, against the Lambda Runtime API.
//!
//! Everything else tests the use cases; this tests what lies around them: the environment, the bootstrap, the wire formats
//! of the triggers and of the answers.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use perennial::deployment::{Deployment, LOCAL_WEBHOOK_SECRET};
use perennial_domain::interest::FactName;
use perennial_local::ClockHandle;
use perennial_platform::ledger::Kind;
use perennial_playbook::Playbook;
use perennial_tests::{bundle, deploy_with, interest, ledger_rows, playbook, root, state_items, webhook_event};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

/// A binary that has not answered by then never will; it is no measure of speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a function answered.
#[derive(Debug)]
enum Answer {
    Response(Value),
    /// An invocation or the start failed.
    Error(Value),
}

/// The Runtime API of one function.
struct RuntimeApi {
    address: String,
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<(String, Answer)>,
    invocations: usize,
    server: AbortHandle,
}

#[derive(Clone)]
struct Served {
    events: Arc<Mutex<mpsc::Receiver<Value>>>,
    answers: mpsc::Sender<(String, Answer)>,
}

impl RuntimeApi {
    async fn start() -> Self {
        let (events, waiting) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let served = Served { events: Arc::new(Mutex::new(waiting)), answers: answered };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(outcome))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(served);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the server goes on");
        });
        Self { address, events, answers, invocations: 0, server: server.abort_handle() }
    }

    /// Invokes the function as Lambda does.
    async fn invoke(&mut self, event: Value) -> Answer {
        self.invocations += 1;
        let id = request_id(self.invocations);
        self.events.send(json!({"id": id, "event": event})).await.expect("the server goes on");
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await.expect("the function answers");
        let (answered, answer) = answer.expect("the server goes on");
        assert_eq!(answered, id, "{answer:?}");
        answer
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn request_id(number: usize) -> String {
    format!("8476a536-e9f4-11e8-9739-{number:012}")
}

async fn next(State(served): State<Served>) -> Response {
    let Some(next) = served.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let id = next["id"].as_str().expect("an id");
    let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5);
    let headers = [
        ("lambda-runtime-aws-request-id", id.to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millisecond().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:000000000000:function:under-test".into()),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".into(),
        ),
    ];
    let mut response = Json(&next["event"]).into_response();
    for (name, value) in headers {
        let value = HeaderValue::from_str(&value).expect("a header");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

async fn outcome(
    State(served): State<Served>,
    UrlPath((id, outcome)): UrlPath<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let body = serde_json::from_slice(&body).expect("an answer in JSON");
    let answer = if outcome == "response" { Answer::Response(body) } else { Answer::Error(body) };
    served.answers.send((id, answer)).await.expect("the test goes on");
    StatusCode::ACCEPTED
}

async fn init_error(State(served): State<Served>, body: Bytes) -> StatusCode {
    let error = serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)));
    served.answers.send(("init".to_owned(), Answer::Error(error))).await.expect("the test goes on");
    StatusCode::ACCEPTED
}

/// The binaries, built as they are now. All of the workspace is named, with its tests, as `cargo test --workspace` does: so
/// cargo chooses the same features and compiles no dependency a second time.
fn executables() -> &'static HashMap<String, PathBuf> {
    static EXECUTABLES: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    EXECUTABLES.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(root()).args([
            "build",
            "--offline",
            "--message-format=json",
            "--workspace",
            "--bins",
            "--tests",
        ]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let output = build.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        let executable = |line: &str| {
            let message: Value = serde_json::from_str(line).expect("cargo speaks JSON");
            let is_binary = message["target"]["kind"] == json!(["bin"]) && message["profile"]["test"] == false;
            let name = message["target"]["name"].as_str().filter(|_| is_binary)?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        };
        messages.lines().filter_map(executable).collect()
    })
}

/// A binary at work. It is killed by its own handle when this is dropped.
struct Running(Child);

impl Running {
    fn start(binary: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_with(binary, environment, Stdio::inherit())
    }

    /// What it prints is kept in a file.
    fn start_heard(binary: &str, environment: &[(&str, &str)], printed: &Path) -> Self {
        Self::start_with(binary, environment, File::create(printed).expect("the file can be written").into())
    }

    fn start_with(binary: &str, environment: &[(&str, &str)], stdout: Stdio) -> Self {
        let executable = &executables()[binary];
        let mut command = Command::new(executable);
        // Nothing of this machine's environment: what the function needs, the template must give it.
        command.env_clear().envs(environment.iter().copied()).envs([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_LAMBDA_FUNCTION_NAME", binary),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/under-test"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/05/[$LATEST]00000000000000000000000000000000"),
        ]);
        Self(command.stdout(stdout).spawn().expect("the binary starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("it was not waited for");
        self.0.wait().expect("it was started here");
    }
}

/// A world at the present time, since the binaries read the system's clock, and the compiled playbook as the layer has it.
async fn world() -> (Deployment, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("playbook.json");
    let compiled = Playbook::compile(bundle()).expect("the example has no errors");
    std::fs::write(&file, compiled.to_json().expect("text")).expect("the file can be written");
    (deploy_with(ClockHandle::system(), playbook()).await, folder, file)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[tokio::test]
async fn the_ingest_binary_answers_a_recorded_webhook_and_leaves_the_row() {
    let (deployment, _folder, playbook) = world().await;
    deployment.world.set_secret("perennial/test/webhooks", &json!({"native": LOCAL_WEBHOOK_SECRET}).to_string());
    let keys = ["LINK_KEY", "ADDRESS_KEY"].map(|name| (name, format!("{name}-of-at-least-thirty-two-characters")));
    deployment.world.set_secret("perennial/test/keys", &json!(std::collections::BTreeMap::from(keys)).to_string());
    let mut api = RuntimeApi::start().await;
    let environment = [
        ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
        ("AWS_ENDPOINT_URL_DYNAMODB", deployment.world.endpoints().dynamodb.as_str()),
        ("LEDGER_TABLE", "LedgerTable"),
        ("PLAYBOOK", path(&playbook)),
        ("KEY_SECRET_NAME", "perennial/test/keys"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", deployment.world.endpoints().aws.as_str()),
        ("WEBHOOK_SECRET_NAME", "perennial/test/webhooks"),
    ];
    let _running = Running::start("ingest-engagement", &environment);
    let recorded: Value =
        serde_json::from_str(include_str!("../fixtures/lambda/http-api-webhook.json")).expect("recorded JSON");
    let body = recorded["body"].as_str().expect("a recorded body");
    let mut forged = webhook_event(&deployment, "msg_recorded", body);
    forged["headers"]["webhook-signature"] = json!("v1,AAAA");
    for (event, status, said) in [
        (forged, 401, "refused"),
        (webhook_event(&deployment, "msg_recorded", body), 202, "accepted"),
        (webhook_event(&deployment, "msg_recorded", body), 200, "duplicate"),
    ] {
        let Answer::Response(answer) = api.invoke(event).await else { panic!("{said}: an error") };
        assert_eq!(answer["statusCode"], status, "{answer}");
        assert_eq!(answer["headers"]["content-type"], "application/json");
        let answer: Value = serde_json::from_str(answer["body"].as_str().expect("a text")).expect("JSON");
        assert_eq!(answer["status"], said);
    }
    let rows = ledger_rows(&deployment).await;
    let seen: Vec<_> = rows.iter().map(|row| (row.pk.as_str(), row.sk.as_str(), row.kind, row.happened_at)).collect();
    assert_eq!(seen, [("CONTACT#recorded-contact", "native#msg_recorded", Kind::Engagement, 1_767_608_100)]);
    assert_eq!(rows[0].body.as_deref(), Some(body));
}

#[tokio::test]
async fn the_scoring_binary_answers_a_recorded_stream_event_and_leaves_the_fact() {
    let (deployment, _folder, playbook) = world().await;
    let mut api = RuntimeApi::start().await;
    let environment = [
        ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
        ("AWS_ENDPOINT_URL_DYNAMODB", deployment.world.endpoints().dynamodb.as_str()),
        ("STATE_TABLE", "StateTable"),
        ("LEDGER_TABLE", "LedgerTable"),
        ("PLAYBOOK", path(&playbook)),
    ];
    let _running = Running::start("score-and-decay", &environment);
    let recorded: Value =
        serde_json::from_str(include_str!("../fixtures/lambda/ledger-stream.json")).expect("recorded JSON");
    let mut poisoned = recorded.clone();
    let mut poison = recorded["Records"][0].clone();
    poison["dynamodb"]["SequenceNumber"] = json!("4421584500000000017450439092");
    poison["dynamodb"]["NewImage"] = json!({"PK": {"S": "CONTACT#recorded-contact"}});
    poisoned["Records"].as_array_mut().expect("records").push(poison);
    let tick = json!({"job": "decay", "scheduled_at": "2026-01-05T01:00:00Z"});
    let poison_only = json!({"batchItemFailures": [{"itemIdentifier": "4421584500000000017450439092"}]});
    for (event, expected) in [
        (recorded, json!({"batchItemFailures": []})),
        (poisoned, poison_only),
        (tick, json!({"batchItemFailures": []})),
    ] {
        match api.invoke(event).await {
            Answer::Response(answer) => assert_eq!(answer, expected),
            Answer::Error(error) => panic!("{error}"),
        }
    }
    let Answer::Error(error) = api.invoke(json!({"neither": "stream nor tick"})).await else {
        panic!("an event of an unknown shape is an error")
    };
    assert!(error["errorType"].is_string() && error["errorMessage"].is_string(), "{error}");
    let stored = interest(&deployment, "recorded-contact", "analytics").await;
    let name = FactName { asset: "analytics-checklist".into(), action: "download".into(), email: None };
    assert_eq!(stored.facts.iter().collect::<Vec<_>>(), [(&name, 1_767_608_100)]);
    assert_eq!(state_items(&deployment).await.len(), 1);
}

#[tokio::test]
async fn a_binary_without_its_settings_does_not_start() {
    for (binary, missing) in [("ingest-engagement", "LEDGER_TABLE"), ("score-and-decay", "STATE_TABLE")] {
        let output = Command::new(&executables()[binary]).env_clear().env("AWS_REGION", "eu-central-1").output();
        let output = output.expect("the binary starts");
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(missing), "{binary}: {said}");
    }
}

/// The lines that a binary has printed, each one JSON object.
fn lines(printed: &Path) -> Vec<Value> {
    let printed = std::fs::read_to_string(printed).expect("it was printed");
    printed.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[tokio::test]
async fn each_line_says_which_version_wrote_it_and_for_which_request_and_a_metric_is_one_of_them() {
    let (deployment, folder, playbook) = world().await;
    let mut api = RuntimeApi::start().await;
    let printed = folder.path().join("printed");
    let environment = [
        ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
        ("AWS_ENDPOINT_URL_DYNAMODB", deployment.world.endpoints().dynamodb.as_str()),
        ("STATE_TABLE", "StateTable"),
        ("PLAYBOOK", path(&playbook)),
        ("STAGE", "trial"),
        // Metrics are written whatever is asked for: an alarm waits for them.
        ("RUST_LOG", "escalate_sla=info,perennial_platform=info,error"),
    ];
    let began_at = jiff::Timestamp::now().as_millisecond();
    let _running = Running::start_heard("escalate-sla", &environment, &printed);
    for _ in 0..2 {
        let tick = json!({"job": "sla", "scheduled_at": "2026-01-05T08:00:00Z"});
        assert!(matches!(api.invoke(tick).await, Answer::Response(Value::Null)));
    }
    let Answer::Error(_) = api.invoke(json!({"scheduled_at": "2026-01-05T08:00:00Z"})).await else {
        panic!("a tick of no job is an error")
    };

    let lines = lines(&printed);
    for line in &lines {
        assert_eq!(line["version"], env!("CARGO_PKG_VERSION"), "{line}");
        assert!(line["level"].is_string(), "{line}");
        // Without it Lambda takes any line for one of level INFO.
        let said_at: jiff::Timestamp = line["timestamp"].as_str().expect("a time").parse().expect("RFC 3339");
        assert!((began_at..began_at + 600_000).contains(&said_at.as_millisecond()), "{line}");
    }
    assert_eq!(lines[0]["fields"], json!({"published": "$LATEST", "message": "starts"}));
    assert_eq!(lines[0].get("requestId"), None, "it starts for no request");
    let said = |line: &&Value| line["fields"]["message"] == "SLA check";
    let requests: Vec<_> = lines.iter().filter(said).map(|line| line["requestId"].clone()).collect();
    assert_eq!(requests, [json!(request_id(1)), json!(request_id(2))]);
    let metrics: Vec<_> = lines.iter().filter(|line| !line["_aws"].is_null()).collect();
    assert_eq!(metrics.len(), 2, "the third tick did not end well: {lines:?}");
    let at = metrics[0]["_aws"]["Timestamp"].as_i64().expect("milliseconds");
    assert!((began_at..began_at + 600_000).contains(&at), "{at}");
    let expected = json!({
        "_aws": {"Timestamp": at, "CloudWatchMetrics": [{
            "Namespace": "Perennial/trial",
            "Dimensions": [["job"]],
            "Metrics": [{"Name": "JobFinished", "Unit": "Count"}],
        }]},
        "timestamp": metrics[0]["timestamp"],
        "level": "INFO",
        "version": env!("CARGO_PKG_VERSION"),
        "requestId": request_id(1),
        "job": "sla",
        "JobFinished": 1,
    });
    assert_eq!(metrics[0], &expected);
}
