//! From a request to events that are believed.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use jiff::Timestamp;
use perennial_platform::failure::Failure;
use perennial_platform::lambda::raw_body;
use perennial_platform::told::FieldError;
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::challenge::challenge;
use perennial_platform::webhook::events::{Event, Unsplit, split};
use perennial_playbook::sources::Source;
use serde_json::Value;

use crate::Ingest;

/// A body is at most so long: Lambda takes 6 MB, and base64 makes four bytes of three.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// A delivery that is believed.
pub(crate) enum Received<'a> {
    /// It is asked whether the address is ours: this is the answer.
    Challenge(Value),
    /// These events, of this source, at this time; in the place of one that is none, what is wrong with it.
    Events { source: &'a Source, events: Vec<Result<Event, FieldError>>, now: Timestamp },
}

/// A delivery that is refused as a whole.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The sender's fault.
    Status(u16, FieldError),
    /// Ours, and for now.
    Store(Failure),
}

fn refusal(status: u16, field: &str, reason: impl Into<String>) -> Refusal {
    Refusal::Status(status, FieldError { field: field.to_owned(), reason: reason.into() })
}

impl Ingest {
    /// The events of a delivery to a source, if the playbook has it.
    pub(crate) async fn receive<'a>(
        &self,
        source: Option<&'a Source>,
        request: &ApiGatewayV2httpRequest,
    ) -> Result<Received<'a>, Refusal> {
        let now = self.clock.now();
        let method = request.request_context.http.method.as_str();
        if method != "POST" {
            return Err(refusal(405, "method", "a webhook is posted: only POST is taken here"));
        }
        let source = source.ok_or_else(|| refusal(404, "source", "is not configured in the playbook"))?;
        let body = raw_body(request).map_err(|_| refusal(400, "body", "is not base64 as its envelope says"))?;
        if body.len() > LONGEST_BODY {
            return Err(refusal(413, "body", "is longer than 4 MiB"));
        }
        let url = url(request);
        let delivery = Delivery { method, url: &url, headers: &request.headers, body: &body };
        let secrets = self.believe(source, &delivery, now).await?;
        if let Some(reply) = challenge(source, &secrets, &delivery, now) {
            return Ok(Received::Challenge(reply));
        }
        match split(source, &delivery) {
            Ok(events) if events.is_empty() => Err(refusal(400, "body", "holds no event")),
            Ok(events) => Ok(Received::Events { source, events, now }),
            Err(Unsplit::TooMany) => {
                Err(refusal(413, "body", "holds more than 1,000 events: send them in several requests"))
            }
            Err(Unsplit::Wrong(error)) => Err(Refusal::Status(400, error)),
        }
    }

    /// The secrets by which it is believed.
    async fn believe(&self, source: &Source, delivery: &Delivery<'_>, now: Timestamp) -> Result<Vec<String>, Refusal> {
        let believed = self.secrets.believe(source, delivery, now).await.map_err(Refusal::Store)?;
        believed.map_err(|forged| refusal(401, "signature", forged.to_string()))
    }
}

/// The address as the sender wrote it: what some senders sign.
fn url(request: &ApiGatewayV2httpRequest) -> String {
    let domain = request.request_context.domain_name.as_deref().unwrap_or_default();
    let path = request.raw_path.as_deref().unwrap_or_default();
    match request.raw_query_string.as_deref() {
        None | Some("") => format!("https://{domain}{path}"),
        Some(query) => format!("https://{domain}{path}?{query}"),
    }
}
