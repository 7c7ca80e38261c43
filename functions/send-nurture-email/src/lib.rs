//! The mail queue: choose, claim, send. The only function that talks to SES.
//!
//! | message | becomes |
//! |---|---|
//! | `NurtureDue` | the contact's one piece of this slot, or the reason for silence |
//! | `LeadQualified` (Act Now) | the hand-off to the lead's owner, at once |
//! | `SlaEscalated` | a reminder to everybody on the rung, one message each |
//! | `DigestReady` | the owner's new leads of the day |
//! | `BriefReady` | what helps a rep to sell in the week that has begun |
//! | `AccountNeedsHelp` | a note to the account's owner: something was bought and is not used |
//!
//! The claim protocol is in `claim.rs`: at most one request per slot leaves this process, unless the reply proved that SES
//! did not take it. Everything in a batch is decided first; only what is to be sent asks for a permit, when it is its turn. It is
//! decided again when its permit has come.

mod about;
mod addressee;
mod brief;
mod claim;
pub mod compose;
mod deadline;
mod help;
mod line;
mod nurture;
mod sales;
pub mod sample;
mod taken;
mod template;
mod wording;

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::failure::Failure;
use perennial_platform::lambda::BatchAnswer;
use perennial_platform::links::Links;
use perennial_platform::mail::{Mailer, Recipients};
use perennial_platform::outbox::LeadEvent;
use perennial_platform::queue::{Message, NurtureDue, Queue};
use perennial_platform::sending::Sending;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use serde::Deserialize;
use serde_json::Value;

use crate::brief::BriefReady;
use crate::help::NeedsHelp;
use crate::line::Turn;
use crate::nurture::Permit;

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
    /// The line in which all mail of the account waits for its turn.
    pub sending: Sending,
    /// The mail queue, for mail to sales that has to wait for longer than it is delivered again.
    pub queue: Queue,
    /// Who may be written to on this stage.
    pub recipients: Recipients,
    /// The address of the sales desk, if there is one.
    pub desk_url: Option<String>,
    /// What time it is.
    pub clock: Clock,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    /// Nothing is left to do for it.
    Done,
    /// There is no permit within the time of this call: it comes back.
    NotNow(String),
    /// SES takes nothing now from the account, for this reason: nothing else of the batch is tried.
    AccountAtFault {
        /// In words, without an address.
        reason: String,
        /// Whether the slot waits for the planner; otherwise the message comes back.
        waits: bool,
    },
    /// It is for sales, of which no planner knows, and has to wait for this reason: it is put into the queue anew.
    PutOff(String),
    /// SES was asked, and nobody knows whether it took the mail, which is not sent again: nothing else of the batch is tried.
    Unanswered {
        /// Whether the message comes back, for what else it asks for.
        comes_back: bool,
    },
    /// SES was asked, and what it answered could not be recorded: the message comes back, and finds the claim.
    Unsettled(String),
    /// SES had no time for this message: the others are tried, and this one again.
    Throttled(String),
    /// Another sender may still be at work on it.
    Busy,
    /// There is something to send, and no permit for it yet.
    Wants,
}

#[derive(Deserialize)]
struct DigestReady {
    owner: String,
    date: String,
}

/// How often a message is tried that SES throttles, before it goes back to the queue: each return uses up one of its receives.
const ROUNDS: u32 = 4;

/// What a message asks for.
enum Task {
    /// A contact's slot.
    Nurture(NurtureDue),
    /// Something for sales.
    Sales(Message<Value>),
}

impl SendNurtureEmail {
    /// Handles a batch; a batch never fails as a whole.
    ///
    /// # Errors
    /// None: failures are reported message by message.
    pub async fn handle(&self, batch: SqsEvent) -> Result<BatchAnswer, Failure> {
        let mut answer = BatchAnswer::default();
        let (mut turn, mut to_send) = (Turn::begin(self.clock.now()), Vec::new());
        for record in batch.records {
            let id = record.message_id.unwrap_or_default();
            match self.look(record.body.as_deref().unwrap_or_default()).await {
                Ok((task, Handled::Wants)) => to_send.push((id, task)),
                Ok((_, handled)) => report(&mut answer, &id, Ok(handled)),
                Err(failure) => answer.fail(&id, &failure),
            }
        }
        for round in 1..=ROUNDS {
            for (id, task) in std::mem::take(&mut to_send) {
                let handled = match &task {
                    Task::Nurture(due) => self.send_in_turn(&mut turn, due).await,
                    Task::Sales(message) => self.send_to_sales_in_turn(&mut turn, message).await,
                };
                let handled = match (handled, &task) {
                    (Ok(Handled::PutOff(why)), Task::Sales(message)) => self.put_off(message, &why).await,
                    (handled, _) => handled,
                };
                match handled {
                    Ok(Handled::Throttled(_)) if round < ROUNDS => to_send.push((id, task)),
                    handled => report(&mut answer, &id, handled),
                }
            }
        }
        turn.end(self).await;
        Ok(answer)
    }

    /// Puts mail to sales off without using up the receives of its message, after which it would be given up.
    async fn put_off(&self, message: &Message<Value>, why: &str) -> Result<Handled, Failure> {
        self.queue.put_off(message).await?;
        tracing::warn!(why, "mail to sales is put off");
        Ok(Handled::Done)
    }

    /// What a message asks for, and what becomes of it without sending anything. Silence is recorded here.
    async fn look(&self, body: &str) -> Result<(Task, Handled), Failure> {
        let message: Message<Value> = serde_json::from_str(body).map_err(shape)?;
        if message.detail_type != "NurtureDue" {
            return Ok((Task::Sales(message), Handled::Wants));
        }
        let due: NurtureDue = serde_json::from_value(message.detail).map_err(shape)?;
        let handled = self.nurture(&due, Permit::NotAsked).await?;
        Ok((Task::Nurture(due), handled))
    }

    async fn sales_mail(&self, message: &Message<Value>, turn: &Turn) -> Result<Handled, Failure> {
        let detail = message.detail.clone();
        match message.detail_type.as_str() {
            "LeadQualified" => self.hand_off(&serde_json::from_value::<LeadEvent>(detail).map_err(shape)?, turn).await,
            "SlaEscalated" => self.remind(&serde_json::from_value::<LeadEvent>(detail).map_err(shape)?, turn).await,
            "DigestReady" => {
                let digest: DigestReady = serde_json::from_value(detail).map_err(shape)?;
                self.digest(&digest.owner.as_str().into(), &digest.date, turn).await
            }
            "BriefReady" => {
                let brief: BriefReady = serde_json::from_value(detail).map_err(shape)?;
                self.brief(&brief, turn).await
            }
            "AccountNeedsHelp" => {
                self.ask_for_help(&serde_json::from_value::<NeedsHelp>(detail).map_err(shape)?, turn).await
            }
            _ => Err(Failure::shape("mail queue message", "unknown detail-type")),
        }
    }
}

fn report(answer: &mut BatchAnswer, id: &str, handled: Result<Handled, Failure>) {
    match handled {
        Ok(Handled::Done | Handled::AccountAtFault { waits: true, .. } | Handled::Unanswered { comes_back: false }) => {
        }
        Ok(Handled::Unanswered { comes_back: true }) => answer.again(id),
        Ok(Handled::Unsettled(code)) => answer.fail(id, &Failure::Retryable { operation: "slot settle", code }),
        Ok(Handled::Busy | Handled::Wants) => answer.fail(id, &Failure::Conflict { operation: "claim" }),
        Ok(
            Handled::NotNow(code)
            | Handled::PutOff(code)
            | Handled::Throttled(code)
            | Handled::AccountAtFault { reason: code, .. },
        ) => answer.fail(id, &Failure::Retryable { operation: "SendEmail", code }),
        Err(failure) => answer.fail(id, &failure),
    }
}

fn shape(_: serde_json::Error) -> Failure {
    Failure::shape("mail queue message", "not of a shape we know")
}
