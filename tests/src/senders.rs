//! Senders of webhooks: playbooks with other sources, and deliveries that a source believes or does not.

use std::sync::Arc;

use axum::body::Bytes;
use http::{HeaderMap, Method, Request};
use perennial::deployment::Deployment;
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::sign::sign;
use perennial_playbook::Playbook;
use perennial_playbook::sources::Source;
use serde_json::Value;

use crate::bundle;

/// The example playbook with a change to the text of one of its sources.
///
/// # Panics
/// If there is no such source, or the playbook has errors then.
pub fn playbook_with_source(source: &str, change: impl FnOnce(&str) -> String) -> Arc<Playbook> {
    let mut bundle = bundle().clone();
    let text = bundle.sources.get_mut(source).expect("a source of the example");
    *text = change(text);
    Arc::new(Playbook::of(&bundle).unwrap_or_else(|problems| panic!("{problems:#?}")))
}

/// The headers of an honest delivery, signed at the world's time; `None` for a body that this source's sender could not sign.
///
/// # Panics
/// If the world has no secret for the source.
pub fn signature(deployment: &Deployment, source: &Source, id: &str, body: &[u8]) -> Option<HeaderMap> {
    let secret = deployment.secret_of(&source.id).expect("a secret");
    let url = format!("https://localhost/v1/webhooks/{}", source.id);
    let delivery = Delivery { method: "POST", url: &url, headers: &HeaderMap::new(), body };
    sign(source, secret, id, &delivery, deployment.world.clock().now()).ok()
}

/// A request to a source with these headers.
///
/// # Panics
/// If the source's id cannot stand in a path.
pub fn request(source: &str, headers: HeaderMap, body: impl Into<Bytes>) -> Request<Bytes> {
    let mut request = Request::new(body.into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("/v1/webhooks/{source}").parse().expect("a path");
    *request.headers_mut() = headers;
    request
}

/// Sends a request over the world's HTTP API; the status, and the answer's JSON.
///
/// # Panics
/// If the world cannot go on, or the answer is not JSON.
pub async fn send(deployment: &Deployment, request: Request<Bytes>) -> (u16, Value) {
    let answer = deployment.world.http(request).await.expect("the world goes on");
    let said = serde_json::from_slice(answer.body()).unwrap_or_else(|_| panic!("not JSON: {:?}", answer.body()));
    (answer.status().as_u16(), said)
}

/// Delivers an honest body to a source; the status, and the answer's JSON.
///
/// # Panics
/// If the playbook has no such source, it cannot be signed, or the world cannot go on.
pub async fn deliver(deployment: &Deployment, source: &str, id: &str, body: &Value) -> (u16, Value) {
    let known = deployment.playbook.sources.get(source).expect("a source of the playbook");
    let body = body.to_string().into_bytes();
    let headers = signature(deployment, known, id, &body).expect("it can be signed");
    send(deployment, request(source, headers, body)).await
}
