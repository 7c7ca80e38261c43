//! Dead letters, brought back to life: sent back to their queue, put on the bus again, or told again by the ledger.
//!
//! | queue | what becomes of a message |
//! |---|---|
//! | mail, mail events | sent back to the queue in front of it |
//! | triggers: an event | put on the bus again: ids are the same, so whoever had it already notices |
//! | triggers: a tick | taken away: a later run makes up for it |
//! | stream failures of the ledger | the entries that came in then are touched, so that the stream brings them again |
//! | stream failures of the state | taken away: the sweep finds what waits in the outbox |
//!
//! A message is deleted only after what it stands for was redriven. What is not understood stays, and so does what fails: that is an
//! outcome of one message, and the others go on. Whatever stays is shown again at once. Nothing is done unless asked for.
//!
//! SQS has a task that moves a queue's messages (`StartMessageMoveTask`). It takes none that SNS has put into the dead-letter queue, as its
//! subscription does with mail events, and tells no outcome of a message; so all four queues are emptied in this one way.
//!
//! Map: `decide` says what is to be done, `letters` asks SQS, `entries` the ledger.

mod decide;
mod entries;
mod letters;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use perennial_platform::clock::Clock;
use perennial_platform::keys::Key;
use serde::Serialize;

use crate::scan::Progress;
use crate::stack::reason;

pub use decide::{Event, What, of_stream, of_trigger};
use entries::Entries;
use letters::Letter;
pub use letters::MOST;

/// A dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
pub enum Queue {
    /// Mail that failed five times.
    #[value(name = "MailDeadLetterQueue", alias = "mail")]
    #[serde(rename = "MailDeadLetterQueue")]
    Mail,
    /// What became of mail, and could not be recorded.
    #[value(name = "MailEventsDeadLetterQueue", alias = "mail-events")]
    #[serde(rename = "MailEventsDeadLetterQueue")]
    MailEvents,
    /// What a rule or a schedule could not deliver, or a function failed on three times.
    #[value(name = "TriggerDeadLetterQueue", alias = "triggers")]
    #[serde(rename = "TriggerDeadLetterQueue")]
    Triggers,
    /// Stream records that a consumer gave up on.
    #[value(name = "StreamFailuresQueue", alias = "streams")]
    #[serde(rename = "StreamFailuresQueue")]
    Streams,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mail, Self::MailEvents, Self::Triggers, Self::Streams];

    /// The names in the template of all queues that a redrive touches.
    pub fn logical_ids() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().flat_map(|queue| [Some(queue.logical_id()), queue.in_front()]).flatten()
    }

    /// The queue whose dead letters are here, by its name in the template.
    pub fn in_front(self) -> Option<&'static str> {
        match self {
            Self::Mail => Some("MailQueue"),
            Self::MailEvents => Some("MailEventsQueue"),
            Self::Triggers | Self::Streams => None,
        }
    }

    /// Its name in the template.
    pub fn logical_id(self) -> &'static str {
        match self {
            Self::Mail => "MailDeadLetterQueue",
            Self::MailEvents => "MailEventsDeadLetterQueue",
            Self::Triggers => "TriggerDeadLetterQueue",
            Self::Streams => "StreamFailuresQueue",
        }
    }
}

/// Why something could not be redriven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct RedriveError {
    operation: &'static str,
    reason: String,
}

/// Whether a message was redriven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was, or would be.
    Redriven,
    /// It stays where it lies: what it stands for is not understood, or not there.
    Stays,
    /// A service refused: it stays as well, and can be redriven again.
    Failed,
}

/// What becomes, or would become, of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Where it lies.
    pub queue: Queue,
    /// Its id.
    pub message: String,
    /// In words.
    pub what: String,
    /// Whether it was redriven.
    pub fate: Fate,
}

/// The places that a redrive touches.
#[derive(Clone, Debug)]
pub struct Places {
    /// SQS.
    pub queues: aws_sdk_sqs::Client,
    /// The URL of each of [`Queue::logical_ids`].
    pub url: BTreeMap<&'static str, String>,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// The bus.
    pub bus: String,
    /// DynamoDB.
    pub tables: aws_sdk_dynamodb::Client,
    /// The ledger's name.
    pub ledger: String,
    /// What time it is.
    pub clock: Clock,
    /// Whether somebody wants it to end: what is left then stays, and is shown again.
    pub interrupted: Arc<AtomicBool>,
}

/// What became of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfQueue {
    /// Of each message that was looked at.
    pub outcomes: Vec<Outcome>,
    /// Whether there may be others: it was interrupted, or had very many.
    pub more: bool,
}

fn failed<E>(operation: &'static str) -> impl Fn(E) -> RedriveError
where
    E: Into<Refusal>,
{
    move |error| RedriveError { operation, reason: error.into().0 }
}

/// What a service answered.
pub struct Refusal(String);

impl<E, R> From<aws_sdk_sqs::error::SdkError<E, R>> for Refusal
where
    E: aws_sdk_sqs::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: aws_sdk_sqs::error::SdkError<E, R>) -> Self {
        Self(reason(error))
    }
}

/// What becomes of a message that was left when somebody wanted it to end.
fn interrupted() -> (String, Fate) {
    ("stays: somebody has interrupted it".to_owned(), Fate::Stays)
}

/// What becomes of a message at which a service has refused.
fn failure(error: RedriveError) -> (String, Fate) {
    (format!("stays: {error}"), Fate::Failed)
}

impl Places {
    /// Redrives a queue; only says what would be done unless `really`.
    ///
    /// # Errors
    /// [`RedriveError`] if the queue cannot be read: all of it lies where it lay.
    pub async fn redrive(&self, queue: Queue, really: bool, progress: Progress<'_>) -> Result<OfQueue, RedriveError> {
        let letters = self.receive_all(queue).await?;
        let more = letters.len() >= MOST || self.is_interrupted();
        let all: Vec<(Letter, What)> = letters.into_iter().map(|letter| self.decided(queue, letter)).collect();
        // Before anything is told again: what was told is found by when that was.
        let entries = tokio::select! {
            entries = self.entries(all.iter().map(|(_, what)| what), progress) => entries,
            // A ledger may take many minutes to read.
            () = self.interruption() => Ok(Entries::default()),
        };
        let (mut outcomes, mut told, count) = (Vec::new(), BTreeSet::new(), all.len());
        for (number, (letter, what)) in all.into_iter().enumerate() {
            let (what, fate) = match self.is_interrupted() {
                true => interrupted(),
                false => self.do_it(&letter, &what, (&entries, &mut told), really).await.unwrap_or_else(failure),
            };
            outcomes.push(self.outcome(queue, letter, what, fate, really).await);
            progress("redriving", number + 1, count);
        }
        Ok(OfQueue { outcomes, more })
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    async fn interruption(&self) {
        while !self.is_interrupted() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn url(&self, logical_id: &str) -> &str {
        self.url.get(logical_id).map(String::as_str).unwrap_or_default()
    }

    fn decided(&self, queue: Queue, letter: Letter) -> (Letter, What) {
        let what = match (queue, queue.in_front()) {
            (_, Some(in_front)) => What::GoBack(in_front),
            (Queue::Streams, None) => of_stream(letter.body(), &self.ledger),
            (_, None) => of_trigger(letter.body()),
        };
        (letter, what)
    }

    /// Takes a message away whose work is done; shows any other one again, for whoever comes next.
    async fn outcome(&self, queue: Queue, letter: Letter, what: String, fate: Fate, really: bool) -> Outcome {
        let message = letter.id().to_owned();
        if really && fate == Fate::Redriven {
            return match self.delete(queue, &letter).await {
                Ok(()) => Outcome { queue, message, what, fate },
                // Whoever handles it twice does nothing the second time.
                Err(error) => {
                    let what = format!("{what}, and lies here still: {error}");
                    Outcome { queue, message, what, fate: Fate::Failed }
                }
            };
        }
        match self.show(queue, &letter).await {
            Ok(()) => Outcome { queue, message, what, fate },
            Err(error) => {
                let what = format!("{what}; it is hidden for some minutes: {error}");
                Outcome { queue, message, what, fate }
            }
        }
    }

    async fn do_it(
        &self,
        letter: &Letter,
        what: &What,
        (entries, told): (&Result<Entries, RedriveError>, &mut BTreeSet<Key>),
        really: bool,
    ) -> Result<(String, Fate), RedriveError> {
        Ok(match what {
            What::GoBack(in_front) => {
                if really {
                    self.send_back(in_front, letter).await?;
                }
                (format!("goes back to {in_front}"), Fate::Redriven)
            }
            What::PutAgain(event) => {
                if really {
                    self.put(event).await?;
                }
                (format!("{} is put on the bus again", event.detail_type), Fate::Redriven)
            }
            What::TakeAway(why) => (format!("is taken away: {why}"), Fate::Redriven),
            What::TellAgain { from, until } => {
                let found = entries.as_ref().map_err(Clone::clone)?.within(*from, *until);
                // What was told again a second time meanwhile is not found by these times: nothing is taken for granted.
                if found.is_empty() {
                    return Ok((format!("stays: nothing came into the ledger from {from} to {until}"), Fate::Stays));
                }
                // Windows overlap: what another message has told again needs no second time.
                for key in found.iter().filter(|_| really) {
                    if self.is_interrupted() {
                        return Ok(interrupted());
                    }
                    if !told.contains(*key) {
                        self.touch(key).await?;
                        told.insert((*key).clone());
                    }
                }
                (format!("{} entries of {from} to {until} are told again by the ledger", found.len()), Fate::Redriven)
            }
            What::Leave(why) => (format!("stays: {why}"), Fate::Stays),
        })
    }

    async fn put(&self, event: &Event) -> Result<(), RedriveError> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(&event.source)
            .detail_type(&event.detail_type)
            .detail(&event.detail)
            .set_time(event.time.map(|at| DateTime::from_secs(at.as_second())))
            .build();
        let answer = self.events.put_events().entries(entry).send().await.map_err(failed("PutEvents"))?;
        match answer.entries().iter().find_map(|entry| entry.error_code()) {
            Some(code) => Err(RedriveError { operation: "PutEvents", reason: code.to_owned() }),
            None => Ok(()),
        }
    }
}
