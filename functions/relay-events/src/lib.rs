//! What waits in the outbox is published, and only then deleted: at least once, under a stable id.
//!
//! The state stream brings each event at once; a sweep every five minutes brings what the stream lost.

use perennial_platform::bus::{Bus, MOST_PER_CALL};
use perennial_platform::clock::Clock;
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, SHARDS};
use perennial_platform::lambda::{BatchAnswer, StreamOrTick, new_image};
use perennial_platform::metrics;
use perennial_platform::outbox::{self, Waiting};
use perennial_platform::store::Store;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct RelayEvents {
    /// The state table.
    pub store: Store,
    /// Where events go.
    pub bus: Bus,
    /// What time it is.
    pub clock: Clock,
}

impl RelayEvents {
    /// Publishes a batch of the state stream, or sweeps the outbox.
    ///
    /// # Errors
    /// [`Failure`] if a sweep could not finish; the next one will. A batch never fails as a whole.
    pub async fn handle(&self, trigger: StreamOrTick) -> Result<BatchAnswer, Failure> {
        let mut answer = BatchAnswer::default();
        match trigger {
            StreamOrTick::Tick(tick) => tick.finish(self.sweep()).await?,
            StreamOrTick::Stream(batch) => {
                let mut waiting = Vec::new();
                for record in batch.records {
                    let (sequence_number, event) = new_image::<Waiting>(record);
                    match event {
                        Ok(event) => waiting.push((sequence_number, event)),
                        Err(failure) => answer.fail(&sequence_number, &failure),
                    }
                }
                self.measure(waiting.iter().map(|(_, event)| event));
                for batch in waiting.chunks(MOST_PER_CALL) {
                    let (sequence_numbers, events): (Vec<_>, Vec<_>) = batch.iter().cloned().unzip();
                    for (sequence_number, relayed) in sequence_numbers.iter().zip(self.relay(&events).await) {
                        if let Err(failure) = relayed {
                            answer.fail(sequence_number, &failure);
                        }
                    }
                }
            }
        }
        Ok(answer)
    }

    /// Tries everything that waits: an event that the bus never takes must not hold up those behind it.
    async fn sweep(&self) -> Result<(), Failure> {
        let mut swept = Ok(());
        for shard in 0..SHARDS {
            let waiting: Vec<Waiting> = self.store.partition(&keys::outbox_shard(shard), None).await?;
            self.measure(&waiting);
            for events in waiting.chunks(MOST_PER_CALL) {
                for relayed in self.relay(events).await {
                    swept = swept.and(relayed);
                }
            }
        }
        swept
    }

    /// Says how long the oldest of these has waited, whether or not the bus takes it now: what it never takes must be seen.
    fn measure<'a>(&self, events: impl IntoIterator<Item = &'a Waiting>) {
        if let Some(since) = events.into_iter().filter_map(|event| event.written_at).min() {
            metrics::outbox_age(self.clock.now().as_second() - since);
        }
    }

    /// Publishes at most ten events and deletes those that were taken; says of each whether both were done.
    async fn relay(&self, events: &[Waiting]) -> Vec<Result<(), Failure>> {
        let refused = |code: &str| Failure::Retryable { operation: "PutEvents", code: code.to_owned() };
        let taken = match self.bus.publish(events).await {
            Ok(taken) => taken,
            Err(failure) => {
                tracing::error!(%failure, "events not published");
                return events.iter().map(|_| Err(refused("whole call failed"))).collect();
            }
        };
        let mut relayed = Vec::with_capacity(events.len());
        for (event, taken) in events.iter().zip(taken) {
            relayed.push(if taken { outbox::delete(&self.store, event).await } else { Err(refused("entry refused")) });
        }
        relayed
    }
}
