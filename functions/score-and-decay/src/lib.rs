//! Engagements become facts of an interest; every day, what has cooled leaves the index.
//!
//! The score itself is never stored: facts are a set, so a redelivered record changes nothing, and the decay run only
//! tidies up. A missed or repeated tick changes no score. Facts of a merged id land where the contact is by now, those of an
//! erased one nowhere; then the ledger's entries go as well.

mod cool;
mod score;

use std::sync::Arc;

use perennial_platform::clock::Clock;
use perennial_platform::failure::Failure;
use perennial_platform::lambda::{BatchAnswer, StreamOrTick};
use perennial_platform::ledger::Ledger;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;

/// The use case, with all it needs.
#[derive(Clone, Debug)]
pub struct ScoreAndDecay {
    /// The state table.
    pub store: Store,
    /// The ledger: what was told of somebody who was erased goes.
    pub ledger: Ledger,
    /// What engagements are worth.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

impl ScoreAndDecay {
    /// Handles a batch of the ledger's stream, or the decay job's tick.
    ///
    /// # Errors
    /// [`Failure`] if the decay job could not finish; it is repeatable. A batch never fails as a whole.
    pub async fn handle(&self, trigger: StreamOrTick) -> Result<BatchAnswer, Failure> {
        match trigger {
            StreamOrTick::Stream(batch) => Ok(self.score(batch).await),
            StreamOrTick::Tick(tick) => {
                tick.finish(self.cool(tick.scheduled_at)).await.map(|()| BatchAnswer::default())
            }
        }
    }
}
