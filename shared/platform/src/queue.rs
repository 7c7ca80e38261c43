//! The mail queue.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// SQS takes so many messages a call.
pub const MOST_PER_CALL: usize = 10;

/// So long a message is put off: the longest delay of SQS.
pub const PUT_OFF_SECONDS: i32 = 900;

/// A message of the queue: the shape of an event, whoever put it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message<T> {
    /// What kind.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// What.
    pub detail: T,
}

/// A contact whose slot has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NurtureDue {
    /// Who.
    pub contact: String,
    /// Which slot: the local date.
    pub slot: String,
}

/// The queue. The client is built once, at init.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue of this address.
    pub fn new(config: impl Into<aws_sdk_sqs::config::Builder>, url: impl Into<String>) -> Self {
        Self { client: Client::from_conf(config.into().build()), url: url.into() }
    }

    /// Puts at most [`MOST_PER_CALL`] messages and says of each whether it was taken.
    ///
    /// # Errors
    /// [`Failure`] if the call as a whole failed.
    pub async fn send(&self, messages: &[Message<NurtureDue>]) -> Result<Vec<bool>, Failure> {
        let mut request = self.client.send_message_batch().queue_url(&self.url);
        for (index, message) in messages.iter().enumerate() {
            let body =
                serde_json::to_string(message).map_err(|_| Failure::shape("message", "not of the shape we give it"))?;
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build();
            request = request.entries(entry.map_err(|_| Failure::shape("message", "not of the shape we give it"))?);
        }
        let answer = request.send().await.map_err(|error| Failure::from_sdk("SendMessageBatch", &error))?;
        let taken = |index: usize| answer.successful().iter().any(|entry| entry.id() == index.to_string());
        Ok((0..messages.len()).map(taken).collect())
    }

    /// Puts a message that waits for something else than this queue: it comes after [`PUT_OFF_SECONDS`], as often as it takes.
    ///
    /// # Errors
    /// [`Failure`] if it was perhaps not taken.
    pub async fn put_off<T: Serialize>(&self, message: &Message<T>) -> Result<(), Failure> {
        let body =
            serde_json::to_string(message).map_err(|_| Failure::shape("message", "not of the shape we give it"))?;
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        let answer = request.delay_seconds(PUT_OFF_SECONDS).send().await;
        answer.map(drop).map_err(|error| Failure::from_sdk("SendMessage", &error))
    }
}
