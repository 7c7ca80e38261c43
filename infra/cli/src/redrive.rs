//! Dead letters, brought back to life: moved back to their queue, put on the bus again, or told again by the ledger.
//!
//! | queue | what becomes of a message |
//! |---|---|
//! | mail, mail events | moved back to the queue it came from |
//! | triggers: an event | put on the bus again: ids are the same, so whoever had it already notices |
//! | triggers: a tick | taken away: a later run makes up for it |
//! | stream failures of the ledger | the entries that came in then are touched, so that the stream brings them again |
//! | stream failures of the state | taken away: the sweep finds what waits in the outbox |
//!
//! A message is deleted only after what it stands for was redriven. What is not understood stays. Nothing is done unless asked for.

mod decide;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use jiff::Timestamp;
use perennial_platform::clock::Clock;
use perennial_platform::keys::{PK, SK};
use perennial_platform::store::{Item, text};
use serde::Serialize;

use crate::scan;
use crate::stack::reason;

pub use decide::{Event, What, of_stream, of_trigger};

/// So many messages are asked for at once.
const BATCH: i32 = 10;
/// For so long a message is hidden from others who redrive, in seconds.
const HIDDEN_SECONDS: i32 = 300;
/// How often an entry was told again. It is the only thing that is ever written to an entry.
const REDRIVEN: &str = "redriven";
/// When it was told again: what fails once more is looked for by that.
const TOLD_AT: &str = "told_at";

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
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct RedriveError {
    operation: &'static str,
    reason: String,
}

/// What becomes, or would become, of one message, or of all of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Where it lies.
    pub queue: Queue,
    /// Its id; none if it stands for all that lie there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// In words.
    pub what: String,
    /// Whether it was done, or would be.
    pub redriven: bool,
}

/// The places that a redrive touches.
#[derive(Clone, Debug)]
pub struct Places {
    /// SQS.
    pub queues: aws_sdk_sqs::Client,
    /// The URL of each queue.
    pub url: BTreeMap<Queue, String>,
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
}

/// Keys of ledger entries, by the first and the last instant of the time in which they came.
type Found = BTreeMap<(Timestamp, Timestamp), Vec<(String, String)>>;

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

impl Places {
    /// Redrives a queue; only says what would be done unless `really`.
    ///
    /// # Errors
    /// [`RedriveError`] if a service refuses: what was not redriven lies where it lay.
    pub async fn redrive(&self, queue: Queue, really: bool) -> Result<Vec<Outcome>, RedriveError> {
        match queue {
            Queue::Mail | Queue::MailEvents => self.move_back(queue, really).await,
            Queue::Triggers | Queue::Streams => self.one_by_one(queue, really).await,
        }
    }

    fn url(&self, queue: Queue) -> &str {
        self.url.get(&queue).map(String::as_str).unwrap_or_default()
    }

    async fn move_back(&self, queue: Queue, really: bool) -> Result<Vec<Outcome>, RedriveError> {
        let names = [QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::QueueArn];
        let asked =
            self.queues.get_queue_attributes().queue_url(self.url(queue)).set_attribute_names(Some(names.into()));
        let answer = asked.send().await.map_err(failed("GetQueueAttributes"))?;
        let attribute = |name| answer.attributes().and_then(|all| all.get(&name)).cloned().unwrap_or_default();
        let count = attribute(QueueAttributeName::ApproximateNumberOfMessages);
        if count == "0" {
            return Ok(Vec::new());
        }
        if really {
            let arn = attribute(QueueAttributeName::QueueArn);
            self.queues
                .start_message_move_task()
                .source_arn(arn)
                .send()
                .await
                .map_err(failed("StartMessageMoveTask"))?;
        }
        let what = format!("{count} message(s) go back to the queue they came from");
        Ok(vec![Outcome { queue, message: None, what, redriven: true }])
    }

    async fn one_by_one(&self, queue: Queue, really: bool) -> Result<Vec<Outcome>, RedriveError> {
        let mut messages = Vec::new();
        loop {
            let received = self.receive(queue).await?;
            if received.is_empty() {
                break;
            }
            for message in received {
                let body = message.body().unwrap_or_default();
                let what = if queue == Queue::Streams { of_stream(body, &self.ledger) } else { of_trigger(body) };
                messages.push((message, what));
            }
        }
        // Before anything is told again: what was told is found by when that was.
        let found = self.found(messages.iter().map(|(_, what)| what)).await?;
        let (mut outcomes, mut kept) = (Vec::new(), Vec::new());
        for (message, what) in messages {
            let outcome = self.do_it(queue, &message, &what, &found, really).await?;
            if really && outcome.redriven {
                self.delete(queue, &message).await?;
            } else {
                kept.push(message);
            }
            outcomes.push(outcome);
        }
        // Shown again, for whoever comes next.
        for message in kept {
            self.show(queue, &message).await?;
        }
        Ok(outcomes)
    }

    /// The entries of the ledger that are to be told again, by the time in which they came; each time is looked through once.
    async fn found(&self, all: impl Iterator<Item = &What>) -> Result<Found, RedriveError> {
        let mut found = Found::new();
        for what in all {
            if let What::TellAgain { from, until } = *what
                && !found.contains_key(&(from, until))
            {
                found.insert((from, until), self.entries(from, until).await?);
            }
        }
        Ok(found)
    }

    async fn do_it(
        &self,
        queue: Queue,
        message: &Message,
        what: &What,
        found: &Found,
        really: bool,
    ) -> Result<Outcome, RedriveError> {
        let said = |what: String, redriven: bool| Outcome {
            queue,
            message: message.message_id().map(str::to_owned),
            what,
            redriven,
        };
        Ok(match what {
            What::PutAgain(event) => {
                if really {
                    self.put(event).await?;
                }
                said(format!("{} is put on the bus again", event.detail_type), true)
            }
            What::TakeAway(why) => said(format!("is taken away: {why}"), true),
            What::TellAgain { from, until } => {
                let entries = found.get(&(*from, *until)).map(Vec::as_slice).unwrap_or_default();
                // What a restore or a replay has told again is not found by these times: nothing is taken for granted.
                if entries.is_empty() {
                    return Ok(said(format!("stays: nothing came into the ledger from {from} to {until}"), false));
                }
                if really {
                    for entry in entries {
                        self.touch(entry).await?;
                    }
                }
                said(format!("{} entries of {from} to {until} are told again by the ledger", entries.len()), true)
            }
            What::Leave(why) => said(format!("stays: {why}"), false),
        })
    }

    async fn receive(&self, queue: Queue) -> Result<Vec<Message>, RedriveError> {
        let request = self.queues.receive_message().queue_url(self.url(queue)).max_number_of_messages(BATCH);
        // Without waiting only some of the queue's servers are asked. The client gives an attempt three seconds.
        let request = request.visibility_timeout(HIDDEN_SECONDS).wait_time_seconds(2);
        let answer = request.send().await.map_err(failed("ReceiveMessage"))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn delete(&self, queue: Queue, message: &Message) -> Result<(), RedriveError> {
        let request = self.queues.delete_message().queue_url(self.url(queue));
        let request = request.receipt_handle(message.receipt_handle().unwrap_or_default());
        request.send().await.map(drop).map_err(failed("DeleteMessage"))
    }

    async fn show(&self, queue: Queue, message: &Message) -> Result<(), RedriveError> {
        let request = self.queues.change_message_visibility().queue_url(self.url(queue)).visibility_timeout(0);
        let request = request.receipt_handle(message.receipt_handle().unwrap_or_default());
        request.send().await.map(drop).map_err(failed("ChangeMessageVisibility"))
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

    /// The keys of what came into the ledger between two instants, or was told again then.
    async fn entries(&self, from: Timestamp, until: Timestamp) -> Result<Vec<(String, String)>, RedriveError> {
        let number = |at: Timestamp| AttributeValue::N(at.as_second().to_string());
        let scan = self.tables.scan().table_name(&self.ledger).projection_expression("#pk, #sk");
        let scan = scan.expression_attribute_names("#pk", PK).expression_attribute_names("#sk", SK);
        let scan = scan
            .filter_expression("received_at BETWEEN :from AND :until OR #told_at BETWEEN :from AND :until")
            .expression_attribute_names("#told_at", TOLD_AT);
        let scan = scan.expression_attribute_values(":from", number(from));
        let scan = scan.expression_attribute_values(":until", number(until));
        let key = |item: Item| Some((text(&item, PK)?.to_owned(), text(&item, SK)?.to_owned()));
        let keys = scan::whole(scan, key, "reading the ledger", &mut |_, _, _| {}).await;
        let keys = keys.map_err(|failure| RedriveError { operation: "Scan", reason: failure.to_string() })?;
        let mut keys: Vec<_> = keys.into_iter().flatten().collect();
        keys.sort();
        Ok(keys)
    }

    /// Changes an entry so that the stream brings it again. What was deleted meanwhile stays deleted.
    async fn touch(&self, (pk, sk): &(String, String)) -> Result<(), RedriveError> {
        let string = |text: &str| AttributeValue::S(text.to_owned());
        let request = self.tables.update_item().table_name(&self.ledger).key(PK, string(pk)).key(SK, string(sk));
        let request = request
            .update_expression("ADD #redriven :one SET #told_at = :now")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#redriven", REDRIVEN)
            .expression_attribute_names("#told_at", TOLD_AT)
            .expression_attribute_values(":now", AttributeValue::N(self.clock.now().as_second().to_string()))
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|it| it.is_conditional_check_failed_exception()) => {
                Ok(())
            }
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }
}
