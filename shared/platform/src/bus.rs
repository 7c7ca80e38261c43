//! EventBridge: publishing, with every entry's own result checked. A call can half fail with a 200.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use crate::failure::Failure;
use crate::outbox::{SOURCE, Waiting};

/// EventBridge takes so many entries a call.
pub const MOST_PER_CALL: usize = 10;

/// The bus. The client is built once, at init.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Client,
    name: String,
}

impl Bus {
    /// The bus of this name.
    pub fn new(config: impl Into<aws_sdk_eventbridge::config::Builder>, name: impl Into<String>) -> Self {
        Self { client: Client::from_conf(config.into().build()), name: name.into() }
    }

    /// Publishes at most [`MOST_PER_CALL`] events and says of each whether it was taken.
    ///
    /// # Errors
    /// [`Failure`] if the call as a whole failed: then nothing is known to be published.
    pub async fn publish(&self, events: &[Waiting]) -> Result<Vec<bool>, Failure> {
        let entry = |event: &Waiting| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(&event.detail_type)
                .detail(&event.detail)
                .time(aws_sdk_eventbridge::primitives::DateTime::from_secs(event.happened_at))
                .build()
        };
        let request = self.client.put_events().set_entries(Some(events.iter().map(entry).collect()));
        let answer = request.send().await.map_err(|error| Failure::from_sdk("PutEvents", &error))?;
        let results = answer.entries();
        Ok((0..events.len())
            .map(|index| results.get(index).is_some_and(|result| result.error_code().is_none()))
            .collect())
    }
}
