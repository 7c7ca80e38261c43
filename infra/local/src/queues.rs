//! What a person does with a dead-letter queue: look at its messages, take one away, move them back.
//!
//! Functions never ask for this: their queues are read for them. A letter that is taken away or moved is no longer among the
//! world's dead letters.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acceptance::{new_message, queue_of};
use crate::emulator::Refusal;
use crate::records::{DeadLetter, Message};
use crate::store::{self, StoreError, Write, queue_partition};
use crate::template::Queue;
use crate::world::Core;

/// The most messages of one call, and those of one that does not say.
const MOST: u64 = 10;
/// How long a message is hidden that was received, in seconds, unless the call says so.
const HIDDEN_SECONDS: i64 = 30;

/// `GetQueueAttributes`: how many messages there are, and the queue's ARN.
pub(crate) fn attributes(core: &Core, request: &Value) -> Result<Value, Refusal> {
    let queue = queue_of(core, request)?;
    let all = core.store.count(&queue_partition(&queue))?;
    let visible = core.store.visible::<Message>(&queue_partition(&queue), core.clock.now(), usize::MAX)?.len();
    Ok(json!({"Attributes": {
        "QueueArn": arn(&queue),
        "ApproximateNumberOfMessages": visible.to_string(),
        "ApproximateNumberOfMessagesNotVisible": (all - visible).to_string(),
    }}))
}

/// `ReceiveMessage`: hides what it tells.
pub(crate) fn receive(core: &Core, request: &Value) -> Result<Value, Refusal> {
    let partition = queue_partition(&queue_of(core, request)?);
    let wanted = request["MaxNumberOfMessages"].as_u64().unwrap_or(1).min(MOST);
    let hidden = request["VisibilityTimeout"].as_i64().unwrap_or(HIDDEN_SECONDS);
    let until = core.clock.now() + SignedDuration::from_secs(hidden);
    let mut messages = Vec::new();
    for (key, mut message) in core.store.visible::<Message>(&partition, core.clock.now(), wanted as usize)? {
        message.receive_count += 1;
        core.store.write(&[Write::put(&partition, key.as_str(), &message)?.visible_at(until)])?;
        messages.push(json!({"MessageId": message.message_id, "ReceiptHandle": key, "Body": message.body}));
    }
    Ok(json!({"Messages": messages}))
}

/// `ChangeMessageVisibility`: shows a message again.
pub(crate) fn show(core: &Core, request: &Value) -> Result<Value, Refusal> {
    let partition = queue_partition(&queue_of(core, request)?);
    let (key, message) = received(core, &partition, request)?;
    let seconds = request["VisibilityTimeout"].as_i64().unwrap_or(HIDDEN_SECONDS);
    let at = core.clock.now() + SignedDuration::from_secs(seconds);
    core.store.write(&[Write::put(&partition, key, &message)?.visible_at(at)])?;
    Ok(json!({}))
}

/// `DeleteMessage`.
pub(crate) fn delete(core: &Core, request: &Value) -> Result<Value, Refusal> {
    let queue = queue_of(core, request)?;
    let partition = queue_partition(&queue);
    let (key, message) = received(core, &partition, request)?;
    let mut writes = vec![Write::Delete { partition, key }];
    writes.extend(letter(core, &queue, &message.body)?);
    core.store.write(&writes)?;
    Ok(json!({}))
}

/// `StartMessageMoveTask`: back to the queue whose dead letters they are. Done when it is answered.
pub(crate) fn move_back(core: &Core, request: &Value) -> Result<Value, Refusal> {
    let from = request["SourceArn"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned();
    let is_source = |queue: &&Queue| queue.redrive.as_ref().is_some_and(|redrive| redrive.dead_letter == from);
    let refused = || Refusal::invalid("InvalidParameterValue", "no queue has this one as its dead-letter queue");
    let to = core.wiring.queues.iter().find(is_source).ok_or_else(refused)?.logical_id.clone();
    let partition = queue_partition(&from);
    for (key, message) in core.store.list_with_keys::<Message>(&partition)? {
        let moved = new_message(core, &to, &message.body, message.message_attributes, core.clock.now())?;
        let mut writes = vec![Write::Delete { partition: partition.clone(), key }, moved.0];
        writes.extend(letter(core, &from, &message.body)?);
        core.store.write(&writes)?;
    }
    core.arrived();
    Ok(json!({"TaskHandle": format!("{from}-moved")}))
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{}:{}:{queue}", crate::REGION, crate::ACCOUNT)
}

/// The message that a receipt stands for.
fn received(core: &Core, partition: &str, request: &Value) -> Result<(String, Message), Refusal> {
    let handle = request["ReceiptHandle"].as_str().unwrap_or_default();
    let found = core.store.list_with_keys::<Message>(partition)?.into_iter().find(|(key, _)| key == handle);
    found.ok_or_else(|| Refusal::invalid("ReceiptHandleIsInvalid", "no message has this receipt"))
}

/// The write that takes the oldest letter with this text out of the world's account of what was given up.
fn letter(core: &Core, queue: &str, body: &str) -> Result<Option<Write>, StoreError> {
    let text = |letter: &DeadLetter| match &letter.body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_it = |letter: &DeadLetter| letter.queue.as_deref() == Some(queue) && text(letter) == body;
    let letters = core.store.list_with_keys::<DeadLetter>(store::DEAD)?;
    let key = letters.into_iter().find(|(_, letter)| is_it(letter)).map(|(key, _)| key);
    Ok(key.map(|key| Write::Delete { partition: store::DEAD.to_owned(), key }))
}
