//! The way of a client to the services: each call can be made to go wrong, at its number or by its name, on either side of its effect.
//!
//! SES is counted here, since it is the side that a slot's mail is counted at; DynamoDB is the local world's. Time limits run on
//! timers that the test lets end, so that a call that hangs costs no time.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Connections;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::sdk_config;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goes {
    /// It never leaves, and nobody answers.
    Unsent,
    /// It takes effect, and nobody answers.
    Unanswered,
    /// It takes effect, and the connection breaks.
    ReplyLost,
    /// Status 500; nothing took effect.
    ServerError,
    /// An error of the service by this name; nothing took effect.
    Refused(&'static str),
    /// A transaction that met another one under way; nothing took effect.
    Conflict,
}

/// Which call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// That of this number since the plan was made, from 0.
    Number(usize),
    /// Each of this name.
    Each(&'static str),
    /// So many in a hundred of this name, spread over them.
    Share(&'static str, usize),
}

/// What passes, and what goes wrong; clones are the same.
#[derive(Clone)]
pub struct Wire {
    dynamodb: String,
    connections: Client<Connections, Full<Bytes>>,
    state: Arc<Mutex<State>>,
    stuck: UnboundedSender<()>,
    timers: Timers,
}

#[derive(Default)]
struct State {
    plan: Vec<(Which, Goes)>,
    calls: Vec<String>,
    by_name: BTreeMap<String, Calls>,
    broken: usize,
    taken: BTreeMap<(String, String), usize>,
}

/// How many calls of a name there were.
#[derive(Default)]
struct Calls {
    made: usize,
    succeeded: usize,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// A way to this DynamoDB, and who hears when a call that nobody answers has come.
    pub fn to(dynamodb: &str) -> (Self, UnboundedReceiver<()>) {
        let (stuck, coming) = unbounded_channel();
        let connections = Client::builder(TokioExecutor::new()).build_http();
        let (state, timers) = (Arc::default(), Timers::default());
        (Self { dynamodb: dynamodb.to_owned(), connections, state, stuck, timers }, coming)
    }

    /// The configuration of clients that go this way. The SDK does not try again by itself: each fault is final.
    pub async fn config(&self, limits: aws_config::timeout::TimeoutConfig) -> SdkConfig {
        let wire = self.clone();
        let client = http_client_fn(move |_, _| SharedHttpConnector::new(wire.clone()));
        sdk_config(&self.dynamodb)
            .await
            .into_builder()
            .http_client(client)
            .sleep_impl(SharedAsyncSleep::new(self.timers.clone()))
            .timeout_config(limits)
            .build()
    }

    /// What goes wrong from now on, until the next plan; the calls are counted anew.
    pub fn plan(&self, plan: impl IntoIterator<Item = (Which, Goes)>) {
        let mut state = self.state();
        state.plan = plan.into_iter().collect();
        state.calls.clear();
        state.by_name.clear();
        state.broken = 0;
    }

    /// The names of the calls since the plan was made.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// How many calls have gone wrong since the plan was made.
    pub fn broken(&self) -> usize {
        self.state().broken
    }

    /// How many calls of this name DynamoDB has carried out since the plan was made.
    pub fn succeeded(&self, name: &str) -> usize {
        self.state().by_name.get(name).map_or(0, |calls| calls.succeeded)
    }

    /// How many mails SES took of this slot, to this address.
    pub fn taken(&self, slot: &str, address: &str) -> usize {
        self.state().taken.get(&(slot.to_owned(), address.to_owned())).copied().unwrap_or_default()
    }

    /// The time limits that run.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, name: &str) -> Option<Goes> {
        let mut state = self.state();
        let number = state.calls.len();
        state.calls.push(name.to_owned());
        let of_name = state.by_name.entry(name.to_owned()).or_default();
        // 37 and 100 have no factor in common: of each hundred, each place comes once.
        let place = of_name.made * 37 % 100;
        of_name.made += 1;
        let wrong = state.plan.iter().find(|(which, _)| match which {
            Which::Number(wanted) => *wanted == number,
            Which::Each(wanted) => *wanted == name,
            Which::Share(wanted, percent) => *wanted == name && place < *percent,
        });
        let goes = wrong.map(|(_, goes)| *goes);
        state.broken += usize::from(goes.is_some());
        goes
    }

    async fn pass(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").map(str::to_owned);
        let name = target.as_deref().and_then(|target| target.rsplit('.').next()).unwrap_or("SendEmail").to_owned();
        match self.next(&name) {
            None => {
                let answer = self.effect(request).await?;
                if answer.status().is_success() {
                    self.state().by_name.entry(name).or_default().succeeded += 1;
                }
                Ok(answer)
            }
            Some(Goes::Conflict) => Ok(conflict()),
            Some(Goes::ServerError) => Ok(refusal(500, "InternalServerError")),
            Some(Goes::Refused(code)) => Ok(refusal(400, code)),
            Some(Goes::ReplyLost) => {
                self.effect(request).await?;
                Err(ConnectorError::io("connection reset".into()))
            }
            Some(goes @ (Goes::Unsent | Goes::Unanswered)) => {
                if goes == Goes::Unanswered {
                    self.effect(request).await?;
                }
                self.stuck.send(()).map_err(|gone| ConnectorError::io(gone.into()))?;
                std::future::pending().await
            }
        }
    }

    async fn effect(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        if request.headers().get("x-amz-target").is_some() { self.ask(request).await } else { Ok(self.take(&request)) }
    }

    /// A mail, taken by SES.
    fn take(&self, request: &HttpRequest) -> HttpResponse {
        let mail: Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).expect("the SDK sends JSON");
        let to = mail["Destination"]["ToAddresses"][0].as_str().unwrap_or_default().to_owned();
        let tags = mail["EmailTags"].as_array().into_iter().flatten();
        let slot = tags.filter(|tag| tag["Name"] == "slot").find_map(|tag| tag["Value"].as_str()).unwrap_or_default();
        *self.state().taken.entry((slot.to_owned(), to)).or_default() += 1;
        HttpResponse::new(200.try_into().expect("a status"), r#"{"MessageId":"taken"}"#.into())
    }

    /// A call of DynamoDB, answered by it.
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let lost = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::io(error);
        let mut asked = http::Request::post(&self.dynamodb);
        for name in ["x-amz-target", "x-amz-date", "authorization", "content-type"] {
            asked = asked.header(name, request.headers().get(name).unwrap_or_default());
        }
        let body = request.body().bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        let asked = asked.body(Full::new(body)).map_err(|error| lost(error.into()))?;
        let answer = self.connections.request(asked).await.map_err(|error| lost(error.into()))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| lost(error.into()))?.to_bytes();
        Ok(HttpResponse::new(status.try_into().map_err(|_| lost("no status".into()))?, body.to_vec().into()))
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().pass(request))
    }
}

/// An error as both protocols name it.
fn refusal(status: u16, code: &'static str) -> HttpResponse {
    let body = format!(r#"{{"__type":"{code}","message":"injected"}}"#);
    let mut answer = HttpResponse::new(status.try_into().expect("a status"), body.into());
    answer.headers_mut().insert("x-amzn-errortype", code);
    answer
}

/// What a transaction hears that met another one.
fn conflict() -> HttpResponse {
    let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"injected",
        "CancellationReasons":[{"Code":"TransactionConflict","Message":"injected"}]}"#;
    HttpResponse::new(400.try_into().expect("a status"), body.into())
}

/// How long it runs, and who waits for it.
type Timer = (Duration, oneshot::Sender<()>);

/// The timers of clients, which end when the test says so.
#[derive(Clone, Debug, Default)]
pub struct Timers(Arc<Mutex<VecDeque<Timer>>>);

impl Timers {
    /// Lets the time limit of a call pass that nobody answers, and says how long it was; nothing if there is none.
    pub fn pass(&self) -> Option<Duration> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|(_, timer)| !timer.is_closed());
        // What is shorter watches how fast a body comes.
        let limits = running.iter().enumerate().filter(|(_, (duration, _))| *duration >= Duration::from_secs(2));
        let (position, _) = limits.min_by_key(|(_, (duration, _))| *duration)?;
        let (duration, timer) = running.remove(position)?;
        timer.send(()).ok().map(|()| duration)
    }
}

impl AsyncSleep for Timers {
    fn sleep(&self, duration: Duration) -> Sleep {
        let (end, ended) = oneshot::channel();
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|(_, timer)| !timer.is_closed());
        running.push_back((duration, end));
        Sleep::new(async move {
            if ended.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
