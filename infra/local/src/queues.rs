//! What a person does with a dead-letter queue: look at its messages, show one again, take it away.
//!
//! Functions never ask for this: their queues are read for them. A letter that is taken away is no longer among the world's dead
//! letters.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acceptance::queue_of;
use crate::emulator::Refusal;
use crate::records::{DeadLetter, Message};
use crate::store::{self, StoreError, Write, queue_partition};
use crate::world::Core;

/// The most messages of one call, and those of one that does not say.
const MOST: u64 = 10;
/// How long a message is hidden that was received, in seconds, unless the call says so.
const HIDDEN_SECONDS: i64 = 30;

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
        let attributes = attributes(&message);
        messages.push(json!({
            "MessageId": message.message_id, "ReceiptHandle": key, "Body": message.body, "MessageAttributes": attributes,
        }));
    }
    Ok(json!({"Messages": messages}))
}

/// What stands beside the body, as SQS tells it: it is kept as Lambda does.
fn attributes(message: &Message) -> Value {
    let told = |attribute: &Value| {
        let mut told = json!({"DataType": attribute["dataType"]});
        for (name, kept) in [("StringValue", &attribute["stringValue"]), ("BinaryValue", &attribute["binaryValue"])] {
            if !kept.is_null() {
                told[name] = kept.clone();
            }
        }
        told
    };
    let all = message.message_attributes.as_object().into_iter().flatten();
    all.map(|(name, attribute)| (name.clone(), told(attribute))).collect::<serde_json::Map<_, _>>().into()
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
