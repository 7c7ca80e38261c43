//! A webhook becomes a ledger entry: verify the raw bytes, understand, put once, and only then answer.
//!
//! | answer | means |
//! |---|---|
//! | 202 `accepted` | durable, and counted once |
//! | 202 `quarantined` | durable, but not understood under the present playbook; counted when it is replayed |
//! | 200 `duplicate` | the same event again: no effect |
//! | 400, 401, 409, 413 | the sender's fault, with field and reason; nothing was written |
//! | 503 | the store could not be reached: send it again |
//!
//! What it never does: read. It may only PutItem, on the ledger.

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::failure::Failure;
use perennial_platform::lambda::{answer, raw_body};
use perennial_platform::ledger::{Entry, Kind, Ledger, Put};
use perennial_platform::told::{FieldError, Told, What};
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::events::{Understood, split, understand};
use perennial_platform::webhook::secrets::SourceSecrets;
use perennial_platform::webhook::verify::verify;
use perennial_playbook::Playbook;
use serde_json::json;

/// A body is at most so long: as much as EventBridge carries.
const LONGEST_BODY: usize = 256 * 1024;
/// A stated time may be so far ahead of ours; what is within is taken as now.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(24);

/// The use case, with all it needs.
#[derive(Debug)]
pub struct Ingest {
    /// Where events become durable.
    pub ledger: Ledger,
    /// Whom to believe.
    pub secrets: SourceSecrets,
    /// How addresses are hashed that are used as ids.
    pub addresses: AddressKey,
    /// What is understood.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

/// An event that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What the ledger found.
    pub put: Put,
    /// Why it is not understood, if it is not.
    pub quarantined: Option<String>,
}

enum Refusal {
    Status(u16, FieldError),
    Forged(String),
    Store(Failure),
}

impl Ingest {
    /// Answers a webhook.
    ///
    /// # Errors
    /// Never: whatever happens is an answer.
    pub async fn handle(&self, request: ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpResponse, Failure> {
        Ok(match self.receive(&request).await {
            Ok(Accepted { put: Put::Conflict, .. }) => refuse(409, "webhook-id", "was used before with another body"),
            Ok(Accepted { put: Put::Duplicate, .. }) => json_answer(200, &json!({"status": "duplicate"})),
            Ok(Accepted { quarantined: Some(reason), .. }) => {
                json_answer(202, &json!({"status": "quarantined", "reason": reason}))
            }
            Ok(Accepted { put: Put::New, quarantined: None }) => json_answer(202, &json!({"status": "accepted"})),
            Err(Refusal::Status(status, error)) => refuse(status, &error.field, &error.reason),
            Err(Refusal::Forged(reason)) => refuse(401, "signature", &reason),
            Err(Refusal::Store(failure)) => {
                tracing::error!(%failure, "event not stored");
                let mut response = refuse(503, "store", "could not be reached; send the event again");
                response.headers.insert("retry-after", HeaderValue::from_static("5"));
                response
            }
        })
    }

    async fn receive(&self, request: &ApiGatewayV2httpRequest) -> Result<Accepted, Refusal> {
        let wrong = |status, field: &str, reason: &str| {
            Refusal::Status(status, FieldError { field: field.to_owned(), reason: reason.to_owned() })
        };
        let now = self.clock.now();
        let source = request.path_parameters.get("source").and_then(|id| self.playbook.sources.get(id));
        let source = source.ok_or_else(|| wrong(404, "source", "is not configured in the playbook"))?;
        let body = raw_body(request).map_err(|_| wrong(400, "body", "is not base64 as its envelope says"))?;
        if body.len() > LONGEST_BODY {
            return Err(wrong(413, "body", "is longer than 256 KiB"));
        }
        let delivery = Delivery { method: "POST", url: "", headers: &request.headers, body: &body };
        let secrets = self.secrets.of(&source.id, now).await.map_err(Refusal::Store)?;
        verify(source, &secrets, &delivery, now).map_err(|forged| Refusal::Forged(forged.to_string()))?;
        let events = split(source, &delivery).map_err(|error| Refusal::Status(400, error))?;
        let Some(event) = events.into_iter().next() else { return Err(wrong(400, "body", "holds no event")) };
        let told = match understand(source, &event.body, now, &self.addresses) {
            Understood::Told(told) => told.into_iter().next(),
            Understood::LeftAside => None,
            Understood::Not(error) => return Err(Refusal::Status(400, error)),
        };
        let Some(told) = told else { return Err(wrong(400, "body", "holds no event")) };
        if told.at > now + CLOCK_SKEW {
            return Err(wrong(400, "timestamp", "is more than a day in the future"));
        }
        self.accept(&source.id, &event.id, told, &event.body, now).await.map_err(Refusal::Store)
    }

    /// Makes an event durable that is believed already: after verification, or from an import.
    ///
    /// # Errors
    /// [`Failure`] if the ledger could not be reached.
    pub async fn accept(
        &self,
        source: &str,
        id: &str,
        told: Told,
        body: &str,
        now: Timestamp,
    ) -> Result<Accepted, Failure> {
        let quarantined = not_understood(&self.playbook, &told.what);
        let entry = Entry::new(source, id, told, body, now, quarantined.clone());
        Ok(Accepted { put: self.ledger.put(&entry).await?, quarantined })
    }

    /// Releases a quarantined entry if the present playbook understands it; says whether it did.
    ///
    /// # Errors
    /// [`Failure`] if the ledger could not be reached.
    pub async fn replay(&self, mut entry: Entry) -> Result<bool, Failure> {
        if entry.kind != Kind::Quarantined || not_understood(&self.playbook, &entry.told).is_some() {
            return Ok(false);
        }
        entry.kind = if matches!(entry.told, What::Engagement { .. }) { Kind::Engagement } else { Kind::Change };
        entry.reason = None;
        self.ledger.release(&entry).await
    }
}

/// Why the playbook does not understand an event, if it does not.
fn not_understood(playbook: &Playbook, what: &What) -> Option<String> {
    let knows_product = |id: &str| playbook.products.iter().any(|product| product.id.as_str() == id);
    match what {
        What::Engagement { asset, action, .. } => match playbook.interest.assets.get(asset.as_str()) {
            None => Some(format!("asset \"{asset}\" is not in the playbook")),
            Some(rule) if !rule.actions.contains_key(action.as_str()) => {
                Some(format!("asset \"{asset}\" has no action \"{action}\" in the playbook"))
            }
            Some(_) => None,
        },
        What::Lead { product, .. } if !knows_product(product) => {
            Some(format!("product \"{product}\" is not in the playbook"))
        }
        // What is said of accounts is always taken: news of one at risk must not wait for a playbook that knows its owner.
        _ => None,
    }
}

fn refuse(status: u16, field: &str, reason: &str) -> ApiGatewayV2httpResponse {
    json_answer(status, &json!({"status": "refused", "field": field, "reason": reason}))
}

fn json_answer(status: u16, body: &serde_json::Value) -> ApiGatewayV2httpResponse {
    answer(status, "application/json", format!("{body}\n"))
}
