//! The messages of a dead-letter queue: received, sent back, taken away, shown again.

use aws_sdk_sqs::types::Message;

use super::{Places, Queue, RedriveError, failed};

/// So many messages are asked for at once.
const BATCH: i32 = 10;
/// For so long a message is hidden from others who redrive, in seconds.
const HIDDEN_SECONDS: i32 = 300;
/// About so many messages of a queue are redriven in one go. Most are done with before the first of them is seen again; if not, whoever
/// receives it again does what was done, which changes nothing.
pub const MOST: usize = 2_000;

/// A message that was received, and is hidden from others until it is taken away or shown again.
#[derive(Debug)]
pub(super) struct Letter(Message);

impl Letter {
    pub(super) fn id(&self) -> &str {
        self.0.message_id().unwrap_or_default()
    }

    pub(super) fn body(&self) -> &str {
        self.0.body().unwrap_or_default()
    }

    fn receipt(&self) -> &str {
        self.0.receipt_handle().unwrap_or_default()
    }
}

impl Places {
    /// All messages of a queue; those that came first, where there are very many.
    ///
    /// # Errors
    /// [`RedriveError`] if one call fails; what was received before is shown again.
    pub(super) async fn receive_all(&self, queue: Queue) -> Result<Vec<Letter>, RedriveError> {
        let mut letters = Vec::new();
        while letters.len() < MOST && !self.is_interrupted() {
            match self.receive(queue).await {
                Ok(received) if received.is_empty() => break,
                Ok(received) => letters.extend(received),
                Err(error) => {
                    for letter in &letters {
                        if let Err(hidden) = self.show(queue, letter).await {
                            tracing::warn!(message = letter.id(), %hidden, "a dead letter is hidden for some minutes");
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok(letters)
    }

    async fn receive(&self, queue: Queue) -> Result<Vec<Letter>, RedriveError> {
        let request = self.queues.receive_message().queue_url(self.url(queue.logical_id()));
        let request = request.max_number_of_messages(BATCH).message_attribute_names("All");
        // Without waiting only some of the queue's servers are asked. The client gives an attempt three seconds.
        let request = request.visibility_timeout(HIDDEN_SECONDS).wait_time_seconds(2);
        let answer = request.send().await.map_err(failed("ReceiveMessage"))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(Letter).collect())
    }

    pub(super) async fn send_back(&self, in_front: &str, letter: &Letter) -> Result<(), RedriveError> {
        let request = self.queues.send_message().queue_url(self.url(in_front)).message_body(letter.body());
        let request = request.set_message_attributes(letter.0.message_attributes().cloned());
        request.send().await.map(drop).map_err(failed("SendMessage"))
    }

    pub(super) async fn delete(&self, queue: Queue, letter: &Letter) -> Result<(), RedriveError> {
        let request = self.queues.delete_message().queue_url(self.url(queue.logical_id()));
        request.receipt_handle(letter.receipt()).send().await.map(drop).map_err(failed("DeleteMessage"))
    }

    pub(super) async fn show(&self, queue: Queue, letter: &Letter) -> Result<(), RedriveError> {
        let request = self.queues.change_message_visibility().queue_url(self.url(queue.logical_id()));
        let request = request.visibility_timeout(0).receipt_handle(letter.receipt());
        request.send().await.map(drop).map_err(failed("ChangeMessageVisibility"))
    }
}
