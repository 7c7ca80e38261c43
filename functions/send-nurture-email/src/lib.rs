//! The mail queue: choose, claim, send. The only function that talks to SES.
//!
//! | message | becomes |
//! |---|---|
//! | `NurtureDue` | the contact's one piece of this slot, or the reason for silence |
//! | `LeadQualified` (Act Now) | the hand-off to the lead's owner, at once |
//! | `SlaEscalated` | a reminder to everybody on the rung, one message each |
//! | `DigestReady` | the owner's new leads of the day |
//!
//! The claim protocol is in `claim.rs`: at most one request per slot leaves this process, unless the reply proved that SES
//! did not take it.

mod claim;
mod nurture;
mod sales;
mod template;

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::failure::Failure;
use perennial_platform::lambda::BatchAnswer;
use perennial_platform::links::Links;
use perennial_platform::mail::Mailer;
use perennial_platform::outbox::LeadEvent;
use perennial_platform::queue::{Message, NurtureDue};
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use serde::Deserialize;
use serde_json::Value;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct SendNurtureEmail {
    /// The state table.
    pub store: Store,
    /// SES.
    pub mailer: Mailer,
    /// Links in the mails.
    pub links: Links,
    /// How addresses are hashed.
    pub address_key: AddressKey,
    /// What is written, to whom.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    /// Nothing is left to do for it.
    Done,
    /// SES takes nothing now, for a reason that is not this message's: the rest of the batch waits too.
    NotNow(String),
    /// Another sender may still be at work on it.
    Busy,
}

#[derive(Deserialize)]
struct DigestReady {
    owner: String,
    date: String,
}

impl SendNurtureEmail {
    /// Handles a batch; a batch never fails as a whole.
    ///
    /// # Errors
    /// None: failures are reported message by message.
    pub async fn handle(&self, batch: SqsEvent) -> Result<BatchAnswer, Failure> {
        let mut answer = BatchAnswer::default();
        let mut paused: Option<String> = None;
        for record in batch.records {
            let id = record.message_id.unwrap_or_default();
            let handled = match &paused {
                Some(code) => Ok(Handled::NotNow(code.clone())),
                None => self.handle_one(record.body.as_deref().unwrap_or_default()).await,
            };
            match handled {
                Ok(Handled::Done) => {}
                Ok(Handled::Busy) => answer.fail(&id, &Failure::Conflict { operation: "claim" }),
                Ok(Handled::NotNow(code)) => {
                    answer.fail(&id, &Failure::Retryable { operation: "SendEmail", code: code.clone() });
                    paused = Some(code);
                }
                Err(failure) => answer.fail(&id, &failure),
            }
        }
        Ok(answer)
    }

    async fn handle_one(&self, body: &str) -> Result<Handled, Failure> {
        let shape = |_| Failure::shape("mail queue message", "not of a shape we know");
        let message: Message<Value> = serde_json::from_str(body).map_err(shape)?;
        let detail = message.detail;
        match message.detail_type.as_str() {
            "NurtureDue" => self.nurture(&serde_json::from_value::<NurtureDue>(detail).map_err(shape)?).await,
            "LeadQualified" => self.hand_off(&serde_json::from_value::<LeadEvent>(detail).map_err(shape)?).await,
            "SlaEscalated" => self.remind(&serde_json::from_value::<LeadEvent>(detail).map_err(shape)?).await,
            "DigestReady" => {
                let digest: DigestReady = serde_json::from_value(detail).map_err(shape)?;
                self.digest(&digest.owner.as_str().into(), &digest.date).await
            }
            _ => Err(Failure::shape("mail queue message", "unknown detail-type")),
        }
    }
}
