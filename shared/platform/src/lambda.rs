//! How functions are called: triggers, partial batches, HTTP answers, the bootstrap.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::encodings::Body;
use aws_types::sdk_config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock::Clock;
use crate::failure::Failure;
use crate::logged::Lines;
use crate::{metrics, settings};

/// A schedule's tick. Scheduler's execution id changes with each attempt; the scheduled time does not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Tick {
    /// Which job.
    pub job: String,
    /// For when it was scheduled.
    pub scheduled_at: Timestamp,
}

impl Tick {
    /// Does the job, and says that it has ended well if it has. A run that failed, or has to be continued, says nothing.
    ///
    /// # Errors
    /// Those of the job.
    pub async fn finish<T>(&self, job: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let done = job.await?;
        metrics::job_finished(self);
        Ok(done)
    }
}

/// The trigger of a function that has a stream and a schedule.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum StreamOrTick {
    /// The schedule.
    Tick(Tick),
    /// The stream.
    Stream(StreamEvent),
}

/// What went wrong in a batch: the identifiers that must be delivered again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// Records that failed.
    pub batch_item_failures: Vec<ItemFailure>,
}

/// One record that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// Its sequence number or message id.
    pub item_identifier: String,
}

impl BatchAnswer {
    /// Reports a record as failed, and logs why, once.
    pub fn fail(&mut self, identifier: &str, failure: &Failure) {
        tracing::error!(identifier, %failure, "record failed");
        self.again(identifier);
    }

    /// Lets a record come again that it is too early for. Nothing is wrong with it: whoever calls this says why, if at all.
    pub fn again(&mut self, identifier: &str) {
        self.batch_item_failures.push(ItemFailure { item_identifier: identifier.to_owned() });
    }
}

/// A stream record's sequence number and its new image in this shape.
pub fn new_image<T: DeserializeOwned>(record: EventRecord) -> (String, Result<T, Failure>) {
    let sequence_number = record.change.sequence_number.unwrap_or_default();
    let image = serde_dynamo::from_item(record.change.new_image)
        .map_err(|_| Failure::shape("stream record", "not of the shape we give it"));
    (sequence_number, image)
}

/// An answer to an HTTP request.
pub fn answer(status: u16, content_type: &'static str, body: impl Into<String>) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("content-type"), HeaderValue::from_static(content_type));
    headers.insert(HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store"));
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(status);
    response.headers = headers;
    response.body = Some(Body::Text(body.into()));
    response
}

/// The raw bytes of a request's body.
///
/// # Errors
/// [`Failure::Poison`] if API Gateway says base64 and it is not.
pub fn raw_body(request: &ApiGatewayV2httpRequest) -> Result<Vec<u8>, Failure> {
    use base64::Engine;
    let body = request.body.as_deref().unwrap_or_default();
    if request.is_base64_encoded {
        base64::engine::general_purpose::STANDARD.decode(body).map_err(|_| Failure::shape("body", "not base64"))
    } else {
        Ok(body.as_bytes().to_vec())
    }
}

/// How long one attempt of a call may take, where a client does not say otherwise: the SDK waits for ever. The three attempts that it
/// makes end within the shortest time that a function may run, which is ten seconds.
const ATTEMPT: Duration = Duration::from_secs(3);

/// The time limits of all calls but those to SES.
pub fn time_limits() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build()
}

/// The AWS configuration of this machine: region, profile and credentials from wherever the AWS CLI has them.
pub async fn config() -> SdkConfig {
    aws_config::from_env().timeout_config(time_limits()).load().await
}

/// The AWS configuration of a Lambda: region, credentials and endpoints from the environment, where Lambda puts them, and from
/// nowhere else. What looks for them in files, containers and instances is as large as the SDK of a service.
pub fn config_in_lambda() -> SdkConfig {
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(credentials)
        .timeout_config(time_limits())
        .service_config(Endpoints);
    config
        .set_region(settings::optional("AWS_REGION").map(Region::new))
        .set_endpoint_url(settings::optional("AWS_ENDPOINT_URL"));
    config.build()
}

/// The endpoint of a single service, where the environment names one: `AWS_ENDPOINT_URL_DYNAMODB` and the like.
#[derive(Debug)]
struct Endpoints;

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        settings::optional(&format!("{}_{service}", key.env()))
    }
}

/// The target of the span that the runtime opens for each request.
const RUNTIME_SPAN: &str = "lambda_runtime::layers::trace";

/// Starts logging as JSON, without payloads (nobody passes any), and says which version starts.
/// Whatever `RUST_LOG` asks for, metrics are written, since an alarm waits for them, and lines name their request, which they know by
/// the runtime's span.
pub fn log_json() {
    let asked = settings::optional("RUST_LOG").unwrap_or_else(|| "info".to_owned());
    // Targets and levels: expressions would bring an engine of regular expressions into every function.
    let filter = |asked: &str| format!("{asked},{}=info,{RUNTIME_SPAN}=info", metrics::TARGET).parse::<Targets>();
    let filter = filter(&asked).or_else(|_| filter("info")).unwrap_or_default();
    let lines = Lines { stage: settings::optional("STAGE"), clock: Clock::system() };
    let written = tracing_subscriber::fmt::layer().json().event_format(lines);
    tracing_subscriber::registry().with(written.with_filter(filter)).init();
    // What a panic says may quote what it was about: where it happened is enough to find it.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(at = panic.location().map(tracing::field::display), "panicked");
    }));
    let published = settings::optional("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or_default();
    tracing::info!(published, "starts");
}

/// Serves invocations until the runtime ends.
///
/// # Errors
/// If the Lambda Runtime API cannot be reached.
pub async fn serve<E, A, F, Fut>(handle: F) -> Result<(), lambda_runtime::Error>
where
    E: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    F: Fn(E) -> Fut + Send + Sync,
    Fut: Future<Output = Result<A, Failure>> + Send,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| {
        // Boxed: the SDK's futures inside the runtime's are nested deeper than the compiler lays out.
        let handled: Pin<Box<dyn Future<Output = Result<A, Failure>> + Send + '_>> = Box::pin(handle(event.payload));
        async move { handled.await.inspect_err(|failure| tracing::error!(%failure, "invocation failed")) }
    }))
    .await
}
