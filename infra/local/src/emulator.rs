//! SES, SQS, EventBridge and Secrets Manager on loopback: the few calls that the functions make.
//!
//! Owns their wire formats, their errors, and the faults. What a call does is in `acceptance`. Anything else that an SDK
//! asks for is refused by name. It never calls a function.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::acceptance::{
    Listing, accept_events, accept_mail, accept_message, accept_messages, tell_secret, tell_suppressed,
};
use crate::faults::{Call, Fault};
use crate::loopback::HangUp;
use crate::queues;
use crate::store::StoreError;
use crate::world::Core;

/// A refusal, with the error's name as the SDK matches it.
pub(crate) struct Refusal {
    status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // REST JSON reads the name from the header, the two awsJson protocols from the body.
        let body = json!({"__type": self.code, "message": self.message, "Message": self.message});
        (self.status, [("x-amzn-errortype", self.code)], Json(body)).into_response()
    }
}

pub(crate) fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/v2/email/outbound-emails", post(send_email))
        .route("/v2/email/suppression/addresses", get(list_suppressed))
        .route("/", post(by_target))
        .fallback(unknown)
        .with_state(core)
}

async fn unknown(uri: Uri) -> Response {
    let message = format!("{} is not implemented in the local world", uri.path());
    tracing::error!(path = uri.path(), "an SDK asked the local world for something it does not have");
    Refusal::invalid("UnknownOperationException", message).into_response()
}

async fn send_email(State(core): State<Arc<Core>>, ConnectInfo(hang_up): ConnectInfo<HangUp>, body: Bytes) -> Response {
    answer(core, Call::SendEmail, &hang_up, &body, accept_mail).await
}

async fn list_suppressed(State(core): State<Arc<Core>>, Query(asked): Query<Listing>) -> Response {
    match tell_suppressed(&core, &asked) {
        Ok(page) => Json(page).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn by_target(
    State(core): State<Arc<Core>>,
    ConnectInfo(hang_up): ConnectInfo<HangUp>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    match target {
        "AmazonSQS.SendMessage" => answer(core, Call::SendMessage, &hang_up, &body, accept_message).await,
        "AmazonSQS.SendMessageBatch" => answer(core, Call::SendMessageBatch, &hang_up, &body, accept_messages).await,
        "secretsmanager.GetSecretValue" => answer(core, Call::GetSecretValue, &hang_up, &body, tell_secret).await,
        "AWSEvents.PutEvents" => answer(core, Call::PutEvents, &hang_up, &body, accept_events).await,
        "AmazonSQS.ReceiveMessage" => by_hand(&core, &body, queues::receive),
        "AmazonSQS.ChangeMessageVisibility" => by_hand(&core, &body, queues::show),
        "AmazonSQS.DeleteMessage" => by_hand(&core, &body, queues::delete),
        other => {
            tracing::error!(target = other, "an SDK asked the local world for something it does not have");
            Refusal::invalid("UnknownOperationException", format!("{other} is not implemented here")).into_response()
        }
    }
}

/// What only a person asks for does not go wrong here.
fn by_hand(core: &Core, body: &Bytes, does: fn(&Core, &Value) -> Result<Value, Refusal>) -> Response {
    let done = match serde_json::from_slice(body) {
        Ok(request) => does(core, &request),
        Err(error) => Err(Refusal::invalid("SerializationException", error.to_string())),
    };
    match done {
        Ok(reply) => Json(reply).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

type Accept = fn(&Core, &Value, &[usize]) -> Result<Value, Refusal>;

/// Lets a call happen, or go wrong as planned.
async fn answer(core: Arc<Core>, call: Call, hang_up: &HangUp, body: &Bytes, accept: Accept) -> Response {
    let fault = core.faults.take(call);
    let accepted = |failing: &[usize]| -> Response {
        let request: Value = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(error) => {
                return Refusal::invalid("SerializationException", error.to_string()).into_response();
            }
        };
        match accept(&core, &request, failing) {
            Ok(reply) => {
                if call != Call::GetSecretValue {
                    core.arrived();
                }
                ([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], reply.to_string()).into_response()
            }
            Err(refusal) => refusal.into_response(),
        }
    };
    let server_error =
        || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "injected").into_response();
    match fault {
        None => accepted(&[]),
        Some(Fault::LoseReply) => {
            let lost = accepted(&[]);
            hang_up.cut();
            lost
        }
        Some(Fault::LoseRequest) => {
            hang_up.cut();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Some(Fault::Hang) => {
            let withheld = accepted(&[]);
            std::future::pending::<()>().await;
            withheld
        }
        Some(Fault::ServerError) => server_error(),
        Some(Fault::Throttle) => {
            let (status, code) = match call {
                Call::SendEmail => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
                Call::SendMessage | Call::SendMessageBatch => (StatusCode::BAD_REQUEST, "RequestThrottled"),
                Call::PutEvents | Call::GetSecretValue => (StatusCode::BAD_REQUEST, "ThrottlingException"),
            };
            Refusal::new(status, code, "injected").into_response()
        }
        Some(Fault::Refuse(code)) => Refusal::invalid(&code, "injected").into_response(),
        Some(Fault::RefuseSaying(code, text)) => Refusal::invalid(&code, text).into_response(),
        Some(Fault::FailEntries(failing)) => match call {
            Call::SendMessageBatch | Call::PutEvents => accepted(&failing),
            Call::SendEmail | Call::SendMessage | Call::GetSecretValue => server_error(),
        },
    }
}
