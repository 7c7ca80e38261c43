//! From streams and queues to functions.
//!
//! Owns batches, filters, partial failures, retries, bisection, visibility and dead letters, as Lambda's event source
//! mappings do them. One delivery follows the other: there is one shard per table and one poller per queue.
//!
//! Where it differs from AWS: a stream's retries follow each other at once instead of with a growing pause, because a
//! blocked shard is the same to a function whether it waited a second or an hour.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::records::Message;
use crate::store::{Write, queue_partition};
use crate::template::Redrive;
use crate::world::{FunctionError, QueueReader, StreamReader, World, WorldError};

/// A settle that makes more calls than this is caught in a circle.
const CALLS_MAX: u64 = 100_000;

/// Batches taken from one queue before the others have their turn.
const BATCHES_PER_TURN: u64 = 100;

/// What became of a batch.
enum Outcome {
    Done,
    /// Everything before this position is done, the one at it failed.
    FailedFrom(usize, String),
}

/// What a turn of a stream came to.
#[derive(Default)]
struct Turn {
    calls: u64,
    moved: bool,
}

struct Batch {
    records: Vec<Value>,
    failures: u32,
}

impl World {
    /// Delivers until nothing moves. The caller holds the delivery lock.
    pub(crate) async fn deliver_all(&self) -> Result<u64, WorldError> {
        let mut total = 0;
        loop {
            let (mut calls, mut moved) = (0, false);
            for reader in &self.inner.streams {
                let turn = self.deliver_stream(reader).await?;
                calls += turn.calls;
                // Records that no filter wants are no call, and more may lie behind them.
                moved |= turn.moved;
            }
            for function in &self.wiring().functions {
                calls += self.deliver_invocations(&function.logical_id, function.on_failure.as_deref()).await?;
            }
            for reader in &self.inner.queues {
                calls += self.deliver_queue(reader).await?;
            }
            total += calls;
            if calls == 0 && !moved {
                return Ok(total);
            }
            if total > CALLS_MAX {
                return Err(WorldError::Restless(total));
            }
        }
    }

    /// One read of up to 1,000 records.
    async fn deliver_stream(&self, reader: &StreamReader) -> Result<Turn, WorldError> {
        let store = &self.inner.core.store;
        let StreamReader { function, trigger, filters } = reader;
        let checkpoint = store.checkpoint(&trigger.table, function)?;
        let records = store.stream_records(&trigger.table, checkpoint.as_deref())?;
        let Some(last) = records.last().map(sequence_of) else {
            return Ok(Turn::default());
        };
        let wanted: Vec<Value> = records
            .into_iter()
            .filter(|record| filters.is_empty() || filters.iter().any(|filter| filter.matches(record)))
            .map(|record| self.as_lambda_gets_it(record, &trigger.table))
            .collect();
        let mut calls = 0;
        for batch in wanted.chunks(trigger.batch_size) {
            calls += self.deliver_records(reader, batch.to_vec()).await?;
        }
        store.set_checkpoint(&trigger.table, function, &last)?;
        Ok(Turn { calls, moved: true })
    }

    fn as_lambda_gets_it(&self, mut record: Value, table: &str) -> Value {
        // The database stamps a file's records with the system's time; what a function sees is the virtual clock.
        record["dynamodb"]["ApproximateCreationDateTime"] = json!(self.inner.core.clock.now().as_second() as f64);
        record["awsRegion"] = json!(crate::REGION);
        record["eventSourceARN"] = json!(stream_arn(table));
        record
    }

    async fn deliver_records(&self, reader: &StreamReader, records: Vec<Value>) -> Result<u64, WorldError> {
        let store = &self.inner.core.store;
        let StreamReader { function, trigger, .. } = reader;
        let mut calls = 0;
        // A stack: what comes first in the stream is on top.
        let mut batches = vec![Batch { records, failures: 0 }];
        while let Some(Batch { mut records, failures }) = batches.pop() {
            calls += 1;
            let answer = self.call(function, json!({ "Records": &records })).await?;
            let (position, reason) = match stream_outcome(answer, &records, trigger.report_item_failures) {
                Outcome::Done => (records.len(), String::new()),
                Outcome::FailedFrom(position, reason) => (position, reason),
            };
            if position > 0 {
                store.set_checkpoint(&trigger.table, function, &sequence_of(&records[position - 1]))?;
                records.drain(..position);
                if !records.is_empty() {
                    batches.push(Batch { records, failures: 0 });
                }
            } else if trigger.bisect && records.len() > 1 {
                let second = records.split_off(records.len() / 2);
                batches.push(Batch { records: second, failures: 0 });
                batches.push(Batch { records, failures: 0 });
            } else if failures < trigger.retries {
                batches.push(Batch { records, failures: failures + 1 });
            } else {
                let source = format!("{} → {function}", trigger.table);
                let pointer = self.pointer(&trigger.table, function, &records, failures + 1);
                let mut writes = self.give_up(&source, trigger.on_failure.as_deref(), &reason, pointer)?;
                let last = records.last().map(sequence_of).unwrap_or_default();
                let partition = format!("STREAM#{}#{function}", trigger.table);
                writes.push(Write::put(partition, crate::store::CHECKPOINT, &last)?);
                store.write(&writes)?;
            }
        }
        Ok(calls)
    }

    /// What Lambda puts into an on-failure queue: where the records are, not the records.
    fn pointer(&self, table: &str, function: &str, records: &[Value], calls: u32) -> Value {
        let at = self.inner.core.clock.now().to_string();
        json!({
            "requestContext": {
                "functionArn": format!("arn:aws:lambda:{}:{}:function:{function}", crate::REGION, crate::ACCOUNT),
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": calls,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": at,
            "DDBStreamBatchInfo": {
                "shardId": dynoxide::streams::shard_id(table),
                "startSequenceNumber": records.first().map(sequence_of),
                "endSequenceNumber": records.last().map(sequence_of),
                "approximateArrivalOfFirstRecord": at,
                "approximateArrivalOfLastRecord": at,
                "batchSize": records.len(),
                "streamArn": stream_arn(table),
            },
        })
    }

    async fn deliver_queue(&self, reader: &QueueReader) -> Result<u64, WorldError> {
        let core = &self.inner.core;
        let partition = queue_partition(&reader.queue);
        let Some(queue) = core.wiring.queues.iter().find(|queue| queue.logical_id == reader.queue) else {
            return Ok(0);
        };
        let mut calls = 0;
        while calls < BATCHES_PER_TURN {
            let now = core.clock.now();
            let mut received = core.store.visible::<Message>(&partition, now, reader.batch_size)?;
            if received.is_empty() {
                return Ok(calls);
            }
            if let Some(redrive) = &queue.redrive {
                self.bury(&partition, redrive, &mut received)?;
                if received.is_empty() {
                    continue;
                }
            }
            let hidden_until = now + SignedDuration::from_secs(queue.visibility_seconds);
            let mut writes = Vec::new();
            for (key, message) in &mut received {
                message.receive_count += 1;
                message.first_received_at.get_or_insert(now);
                writes.push(Write::put(&partition, key.as_str(), message)?.visible_at(hidden_until));
            }
            // Before the call, as SQS does: a crash in it hides the messages until their time, it does not lose them.
            core.store.write(&writes)?;
            calls += 1;
            let records: Vec<Value> = received.iter().map(|(key, message)| sqs_record(reader, key, message)).collect();
            let answer = self.call(&reader.function, json!({ "Records": records })).await?;
            let failed = queue_failures(answer, &received, reader.report_item_failures);
            let mut writes = Vec::new();
            for (key, mut message) in received {
                match &failed {
                    Ok(failed) if !failed.contains(&message.message_id) => {
                        writes.push(Write::Delete { partition: partition.clone(), key });
                    }
                    reason => {
                        let reason = reason.as_ref().err().map(|error| error.message.clone());
                        message.last_error = Some(reason.unwrap_or_else(|| "reported as failed".into()));
                        writes.push(Write::put(&partition, key, &message)?.visible_at(hidden_until));
                    }
                }
            }
            core.store.write(&writes)?;
        }
        Ok(calls)
    }

    /// Moves messages that were received often enough to the dead-letter queue.
    fn bury(
        &self,
        partition: &str,
        redrive: &Redrive,
        received: &mut Vec<(String, Message)>,
    ) -> Result<(), WorldError> {
        let source = partition.trim_start_matches("QUEUE#");
        let exhausted = received.extract_if(.., |(_, message)| message.receive_count >= redrive.max_receive_count);
        for (key, message) in exhausted {
            let reason = message.last_error.unwrap_or_else(|| "received too often".into());
            let queue = Some(redrive.dead_letter.as_str());
            let mut writes = self.give_up(source, queue, &reason, Value::String(message.body))?;
            writes.push(Write::Delete { partition: partition.to_owned(), key });
            self.inner.core.store.write(&writes)?;
        }
        Ok(())
    }
}

fn stream_arn(table: &str) -> String {
    format!("arn:aws:dynamodb:{}:{}:table/{table}/stream/local", crate::REGION, crate::ACCOUNT)
}

fn sequence_of(record: &Value) -> String {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned()
}

/// The identifiers that an answer reports as failed; `None` if it is not a valid report, which counts as a failure of all.
fn reported_failures(answer: &Value) -> Option<BTreeSet<String>> {
    let failures = match (answer, &answer["batchItemFailures"]) {
        (Value::Null, _) | (_, Value::Null) => return Some(BTreeSet::new()),
        (_, Value::Array(failures)) => failures,
        _ => return None,
    };
    let identifier =
        |failure: &Value| failure["itemIdentifier"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
    failures.iter().map(identifier).collect()
}

fn stream_outcome(answer: Result<Value, FunctionError>, records: &[Value], reports: bool) -> Outcome {
    let answer = match answer {
        Err(error) => return Outcome::FailedFrom(0, error.message),
        Ok(_) if !reports => return Outcome::Done,
        Ok(answer) => answer,
    };
    let Some(failed) = reported_failures(&answer) else {
        return Outcome::FailedFrom(0, "the answer is not a valid batch report".into());
    };
    let known = failed.iter().all(|id| records.iter().any(|record| sequence_of(record) == *id));
    if !known {
        return Outcome::FailedFrom(0, "the answer reports a record that was not in the batch".into());
    }
    match records.iter().position(|record| failed.contains(&sequence_of(record))) {
        // The lowest one counts: a stream goes on from there, in order.
        Some(position) => Outcome::FailedFrom(position, "reported as failed".into()),
        None => Outcome::Done,
    }
}

fn queue_failures(
    answer: Result<Value, FunctionError>,
    received: &[(String, Message)],
    reports: bool,
) -> Result<BTreeSet<String>, FunctionError> {
    let answer = answer?;
    if !reports {
        return Ok(BTreeSet::new());
    }
    let failed =
        reported_failures(&answer).ok_or_else(|| FunctionError::new("the answer is not a valid batch report"))?;
    match failed.iter().all(|id| received.iter().any(|(_, message)| message.message_id == *id)) {
        true => Ok(failed),
        false => Err(FunctionError::new("the answer reports a message that was not in the batch")),
    }
}

fn sqs_record(reader: &QueueReader, key: &str, message: &Message) -> Value {
    let first_received_at = message.first_received_at.unwrap_or(message.sent_at);
    json!({
        "messageId": message.message_id,
        "receiptHandle": format!("{key}.{}", message.receive_count),
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.receive_count.to_string(),
            "SentTimestamp": message.sent_at.as_millisecond().to_string(),
            "SenderId": crate::ACCOUNT,
            "ApproximateFirstReceiveTimestamp": first_received_at.as_millisecond().to_string(),
        },
        "messageAttributes": message.message_attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{}:{}:{}", crate::REGION, crate::ACCOUNT, reader.queue),
        "awsRegion": crate::REGION,
    })
}
