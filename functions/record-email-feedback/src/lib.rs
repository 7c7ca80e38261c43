//! What becomes of mail that was sent: deliveries, bounces, complaints, opens, clicks, and what SES refused after all.
//!
//! | event | becomes |
//! |---|---|
//! | bounce for good | the address is suppressed, the contact marked; counted against the account |
//! | bounce that may pass | remembered, and the next slot is later; on the third day in a row without a delivery as above, but not counted |
//! | complaint | the address is suppressed, the contact opted out; counted against the account |
//! | delivery, open, click | an engagement in the ledger, where the human-click gate sees it |
//! | refused after all | the slot says so, and its reservation is released |
//! | any that proves that SES took the mail | a slot of which nobody knew is `SENT`, and counts |
//!
//! Suppression comes first, in our own table; then the slot, the contact, and the ledger, which repeats what was done. A slot whose
//! sender may still be at work is looked at once more after all that, and then the event comes again. Each step is repeatable, so
//! an event may come again and in any order. Once a day whatever SES itself suppresses is suppressed here too; never the other way
//! round.

mod apply;
mod reconcile;
mod settle;

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::failure::Failure;
use perennial_platform::lambda::{BatchAnswer, Tick};
use perennial_platform::ledger::Ledger;
use perennial_platform::mail::events;
use perennial_platform::mail::suppression_list::SuppressionList;
use perennial_platform::sending::Sending;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use serde::Deserialize;

use crate::settle::Settled;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct RecordEmailFeedback {
    /// The state table.
    pub store: Store,
    /// The ledger: what becomes of mail is told like anything else.
    pub ledger: Ledger,
    /// What is counted against the account, and whether sending pauses.
    pub sending: Sending,
    /// Whom SES itself does not write to.
    pub suppression_list: SuppressionList,
    /// How addresses are hashed.
    pub address_key: AddressKey,
    /// What the mails were about.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

/// What calls the function.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Trigger {
    /// The schedule.
    Tick(Tick),
    /// The queue.
    Queue(SqsEvent),
}

impl RecordEmailFeedback {
    /// Handles a batch, which never fails as a whole, or the daily tick.
    ///
    /// # Errors
    /// [`Failure`] if the daily reconciliation could not finish: the same tick again begins anew.
    pub async fn handle(&self, trigger: Trigger) -> Result<BatchAnswer, Failure> {
        let mut answer = BatchAnswer::default();
        let batch = match trigger {
            Trigger::Queue(batch) => batch,
            Trigger::Tick(tick) => return tick.finish(self.reconcile(tick.scheduled_at)).await.map(|()| answer),
        };
        for record in batch.records {
            let id = record.message_id.unwrap_or_default();
            match self.record(record.body.as_deref().unwrap_or_default()).await {
                Ok(Settled::Done) => {}
                // Told again after the lease, the event proves what the slot then lacks.
                Ok(Settled::Later) => {
                    tracing::info!(identifier = id, "its sender may still be at work: told again later");
                    answer.again(&id);
                }
                Err(failure) => answer.fail(&id, &failure),
            }
        }
        Ok(answer)
    }

    async fn record(&self, body: &str) -> Result<Settled, Failure> {
        match events::read(body)? {
            Some(event) => self.apply(&event).await,
            None => Ok(Settled::Done),
        }
    }
}
