//! SES and SQS without a network: each request is built, signed and handed over as ever, and answered at once.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};

/// Answers every request with the same body.
#[derive(Clone, Debug)]
struct Answer(&'static str);

impl HttpConnector for Answer {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert!(request.body().bytes().is_some_and(|body| !body.is_empty()), "an empty request");
        let status = 200.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, self.0.into())))
    }
}

/// A configuration whose every request is answered with this body.
pub async fn answering(body: &'static str) -> SdkConfig {
    let client = http_client_fn(move |_, _| SharedHttpConnector::new(Answer(body)));
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
        .http_client(client)
        .load()
        .await
}
