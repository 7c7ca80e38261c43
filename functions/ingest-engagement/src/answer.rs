//! What a sender hears.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::HeaderValue;
use http::header::{ALLOW, RETRY_AFTER};
use perennial_platform::lambda::answer;
use perennial_playbook::sources::{Format, Source};
use serde_json::{Value, json as object};

use crate::keep::{Outcome, Taken};
use crate::receive::Refusal;

const SEND_AGAIN: &str = "could not be reached; send the event again";

/// An answer to a delivery that is refused as a whole; the log names its source, if the playbook has it.
pub(crate) fn refused(source: Option<&Source>, refusal: &Refusal) -> ApiGatewayV2httpResponse {
    let source = source.map(|source| source.id.as_str());
    match refusal {
        Refusal::Status(status, error) => {
            // Field and reason never hold a value.
            tracing::info!(source, status, field = error.field, reason = error.reason, "webhook refused");
            let mut response = json(*status, &fault(&error.field, &error.reason));
            if *status == 405 {
                response.headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            response
        }
        Refusal::Store(failure) => {
            tracing::error!(source, %failure, "event not stored");
            again(&fault("store", SEND_AGAIN))
        }
    }
}

/// The answer to a delivery whose events were looked at.
pub(crate) fn to(source: &Source, taken: &[Taken]) -> ApiGatewayV2httpResponse {
    match taken {
        [one] => to_one(source, &one.outcome),
        several => to_several(source, several),
    }
}

fn to_one(source: &Source, outcome: &Outcome) -> ApiGatewayV2httpResponse {
    let said = said(source, outcome);
    match outcome {
        Outcome::Duplicate => json(200, &said),
        Outcome::Accepted | Outcome::Quarantined { .. } | Outcome::Ignored => json(202, &said),
        Outcome::Conflict => json(409, &fault(id_field(source), REUSED)),
        Outcome::Refused(status, field, reason) => json(*status, &fault(field, reason)),
        Outcome::Retry => again(&fault("store", SEND_AGAIN)),
    }
}

fn to_several(source: &Source, taken: &[Taken]) -> ApiGatewayV2httpResponse {
    let events: Vec<Value> = taken
        .iter()
        .map(|taken| {
            let mut event = if taken.id.is_empty() { object!({}) } else { object!({"id": taken.id}) };
            if let (Value::Object(event), Value::Object(said)) = (&mut event, said(source, &taken.outcome)) {
                event.extend(said);
            }
            event
        })
        .collect();
    let first = events.first().map(|event| event["status"].clone()).unwrap_or_default();
    let alike = events.iter().all(|event| event["status"] == first);
    let status = if alike { first } else { object!("mixed") };
    let refused = |taken: &Taken| matches!(taken.outcome, Outcome::Refused(..));
    if taken.iter().any(|taken| taken.outcome == Outcome::Retry) {
        return again(
            &object!({"status": "retry", "reason": "some events were not stored; send them again, or all", "events": events}),
        );
    }
    match &taken[0].outcome {
        Outcome::Refused(_, field, reason) if taken.iter().all(refused) => {
            json(400, &object!({"status": "refused", "field": field, "reason": reason, "events": events}))
        }
        _ => json(202, &object!({"status": status, "events": events})),
    }
}

const REUSED: &str = "was used before with another body";

/// What became of an event, in words.
fn said(source: &Source, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Ignored => object!({"status": "ignored"}),
        Outcome::Duplicate => object!({"status": "duplicate"}),
        Outcome::Accepted => object!({"status": "accepted"}),
        Outcome::Quarantined { reason, .. } => object!({"status": "quarantined", "reason": reason}),
        Outcome::Conflict => object!({"status": "conflict", "field": id_field(source), "reason": REUSED}),
        Outcome::Refused(_, field, reason) => fault(field, reason),
        Outcome::Retry => object!({"status": "retry", "field": "store", "reason": SEND_AGAIN}),
    }
}

/// Where a sender finds its event's id.
fn id_field(source: &Source) -> &'static str {
    if source.format == Format::Native { "webhook-id" } else { "id" }
}

fn fault(field: &str, reason: &str) -> Value {
    object!({"status": "refused", "field": field, "reason": reason})
}

fn again(body: &Value) -> ApiGatewayV2httpResponse {
    let mut response = json(503, body);
    response.headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &Value) -> ApiGatewayV2httpResponse {
    answer(status, "application/json", format!("{body}\n"))
}
