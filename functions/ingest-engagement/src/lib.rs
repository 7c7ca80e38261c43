//! A webhook becomes ledger entries: verify the raw bytes, split, understand, put each statement once, and only then answer.
//!
//! | answer | means |
//! |---|---|
//! | 202 `accepted` | durable, and counted once |
//! | 202 `quarantined` | durable, but not understood under the present playbook; counted when it is replayed |
//! | 202 `ignored` | the playbook leaves such events aside: nothing was written |
//! | 200 `duplicate` | the same event again: no effect |
//! | 400, 401, 404, 405, 409, 413 | the sender's fault, with field and reason; nothing was written |
//! | 503 | the store could not be reached: send it again |
//!
//! A delivery of several events is answered with what became of each: 202, or 503 if one of them must be sent again (then all may
//! be), or 400 if every one was refused.
//!
//! What it never does: read what it keeps. While it serves it may only PutItem, on the ledger, and get the secrets of the sources
//! from Secrets Manager; `replay` is for the `perennial` command.
//!
//! Map: `receive` turns a request into events, `entries` an event into ledger entries (pure), `keep` puts them, `answer` says what
//! became of them, `replay` asks again what a quarantined event means.

mod answer;
mod entries;
mod keep;
mod receive;
mod replay;
mod unknown;

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use jiff::Timestamp;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::edge::{self, Route};
use perennial_platform::failure::Failure;
use perennial_platform::ledger::{Entry, Ledger, Put};
use perennial_platform::told::{FieldError, Told};
use perennial_platform::webhook::events::Event;
use perennial_platform::webhook::secrets::SourceSecrets;
use perennial_playbook::Playbook;
use perennial_playbook::sources::Source;

pub use entries::entries;
pub use keep::{Engagements, Outcome, Taken};
pub use replay::{Fate, Replayed};

/// What is answered here, whatever the method: who asks in a wrong way is told the right one.
const ROUTES: [Route; 1] = [Route { before: "/v1/webhooks/", methods: &[] }];

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

impl Taken {
    /// What is no event, and so has no id.
    fn refused(FieldError { field, reason }: FieldError) -> Self {
        let outcome = Outcome::Refused(400, field, reason);
        Self { id: String::new(), outcome, engagements: Engagements::default(), waits: Vec::new() }
    }
}

/// An event that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What the ledger found.
    pub put: Put,
    /// Why it is not understood, if it is not.
    pub quarantined: Option<String>,
}

impl Ingest {
    /// Answers a webhook.
    ///
    /// # Errors
    /// Never: whatever happens is an answer.
    pub async fn handle(&self, request: ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpResponse, Failure> {
        Ok(self.take_in(&request).await.0)
    }

    /// The answer to a webhook, and what became of each of its events; none where the delivery as a whole was refused.
    pub async fn take_in(&self, request: &ApiGatewayV2httpRequest) -> (ApiGatewayV2httpResponse, Vec<Taken>) {
        let Some(id) = edge::parameter(request, "source", &ROUTES) else { return (edge::not_found(), Vec::new()) };
        let source = self.playbook.sources.get(&*id);
        let received = match self.receive(source, request).await {
            Ok(received) => received,
            Err(refusal) => return (answer::refused(source, &refusal), Vec::new()),
        };
        match received {
            receive::Received::Challenge(reply) => (answer::json(200, &reply), Vec::new()),
            receive::Received::Events { source, events, now } => {
                let taken = self.keep_those_that_are(source, events, now).await;
                keep::log(&source.id, &taken);
                (answer::to(source, &taken), taken)
            }
        }
    }

    /// What became of each event of a delivery; what is none is refused in its place, and the others are kept.
    async fn keep_those_that_are(
        &self,
        source: &Source,
        events: Vec<Result<Event, FieldError>>,
        now: Timestamp,
    ) -> Vec<Taken> {
        let (mut kept, mut refused) = (Vec::with_capacity(events.len()), Vec::new());
        for (place, event) in events.into_iter().enumerate() {
            match event {
                Ok(event) => kept.push(event),
                Err(error) => refused.push((place, Taken::refused(error))),
            }
        }
        let mut taken = self.keep(source, &kept, now).await;
        // From the first to the last, so that each finds those before it in their places.
        refused.into_iter().for_each(|(place, refused)| taken.insert(place, refused));
        taken
    }

    /// Makes an event durable that is believed already: from an import.
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
        let quarantined = unknown::of(&self.playbook, &told.what).map(|unknown| unknown.to_string());
        let entry = Entry::new(source, id, told, body, now, quarantined.clone());
        Ok(Accepted { put: self.ledger.put(&entry).await?, quarantined })
    }
}
