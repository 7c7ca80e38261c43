//! What senders send, and the exact ledger entries that it becomes: `tests/fixtures/webhooks`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use expect_test::expect_file;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use perennial::deployment::Deployment;
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::sign::sign;
use perennial_tests::{at, deploy, ledger_rows};
use serde_json::{Value, json};

/// When everything is received.
const NOW: &str = "2026-01-07T10:00:00Z";

/// One recorded delivery.
struct Recorded {
    /// The source that it is posted to.
    source: &'static str,
    /// The headers that the sender sets besides those that prove it.
    headers: HeaderMap,
    /// The signed id of the delivery, where the source has such.
    id: String,
    /// The body as it was recorded.
    body: Vec<u8>,
}

impl Recorded {
    fn read(folder: &str, file: &Path) -> Self {
        let body = std::fs::read(file).expect("a recorded payload");
        let id = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let json =
            |kind: &'static str| HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let source =
            ["segment", "zoom", "hubspot", "salesforce", "stripe"].into_iter().find(|source| *source == folder);
        let source = source.unwrap_or("native");
        if folder != "cloudevents" {
            return Self { source, headers: json("application/json"), id, body };
        }
        let value: Value = serde_json::from_slice(&body).expect("JSON");
        match value.get("headers").and_then(Value::as_object) {
            None if value.is_array() => Self { source, headers: json("application/cloudevents-batch+json"), id, body },
            None => Self { source, headers: json("application/cloudevents+json"), id, body },
            Some(set) => {
                let set: BTreeMap<&str, &str> =
                    set.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
                // Everything that is read from these headers is signed.
                let id = ["ce-source", "ce-id", "ce-type", "ce-time"].map(|name| set[name]).join("#");
                let header = |(name, value): (&&str, &&str)| {
                    Some((HeaderName::try_from(*name).ok()?, HeaderValue::try_from(*value).ok()?))
                };
                Self {
                    source,
                    headers: set.iter().filter_map(header).collect(),
                    id,
                    body: value["body"].to_string().into_bytes(),
                }
            }
        }
    }

    /// The status and the answer.
    async fn post(&self, deployment: &Deployment) -> (u16, Value) {
        let playbook = perennial_tests::playbook();
        let secret = deployment.secret_of(self.source).expect("the local world knows one");
        let url = format!("https://localhost/v1/webhooks/{}", self.source);
        let delivery = Delivery { method: "POST", url: &url, headers: &HeaderMap::new(), body: &self.body };
        let proof =
            sign(&playbook.sources[self.source], secret, &self.id, &delivery, at(NOW)).expect("it can be signed");
        let mut request = Request::post(format!("/v1/webhooks/{}", self.source))
            .body(Bytes::from(self.body.clone()))
            .expect("a request");
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().extend(proof);
        let answer = deployment.world.http(request).await.expect("the world goes on");
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).expect("the answer is JSON"))
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/webhooks").join(name)
}

/// The recorded payloads of a folder, in their order.
fn payloads(name: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder(name)).expect("recorded payloads");
    let files = files.map(|file| file.expect("a file").path());
    let mut files: Vec<PathBuf> = files.filter(|file| !file.to_string_lossy().ends_with(".items.json")).collect();
    files.sort();
    files
}

/// Delivers every payload of a folder twice, each into an empty world, and compares what it became.
async fn check(name: &str) {
    let files = payloads(name);
    assert!(files.len() >= 6, "{name} has {} payloads", files.len());
    for file in files {
        let deployment = deploy(at(NOW)).await;
        let recorded = Recorded::read(name, &file);
        let (status, answer) = recorded.post(&deployment).await;
        let mut rows = ledger_rows(&deployment).await;
        rows.sort_by(|one, other| (&one.pk, &one.sk).cmp(&(&other.pk, &other.sk)));
        let items: Vec<Value> = rows.iter().map(|row| serde_json::to_value(row).expect("an item")).collect();
        let without_body = |mut item: Value| {
            item.as_object_mut().expect("an object").shift_remove("body");
            item
        };
        let items: Vec<Value> = items.into_iter().map(without_body).collect();
        let seen = json!({"status": status, "answer": answer, "items": items});
        let seen = format!("{}\n", serde_json::to_string_pretty(&seen).expect("JSON"));
        expect_file![file.with_extension("items.json")].assert_eq(&seen);

        let (again, answer) = recorded.post(&deployment).await;
        let known = if items.is_empty() { status } else { again };
        assert_eq!(again, known, "{file:?} again: {answer}");
        assert!(again == 200 || again == 202 || status >= 400, "{file:?} again: {answer}");
        assert_eq!(ledger_rows(&deployment).await.len(), items.len(), "{file:?} counts once");
    }
}

#[tokio::test]
async fn native_payloads_become_these_entries() {
    check("native").await;
}

#[tokio::test]
async fn cloudevents_become_these_entries() {
    check("cloudevents").await;
}

#[tokio::test]
async fn segment_calls_become_these_entries() {
    check("segment").await;
}

#[tokio::test]
async fn zoom_payloads_become_these_entries() {
    check("zoom").await;
}

#[tokio::test]
async fn hubspot_payloads_become_these_entries() {
    check("hubspot").await;
}

#[tokio::test]
async fn salesforce_payloads_become_these_entries() {
    check("salesforce").await;
}

#[tokio::test]
async fn stripe_payloads_become_these_entries() {
    check("stripe").await;
}
