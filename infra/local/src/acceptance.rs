//! What the emulated services do with a call they take.
//!
//! Owns the durable effect of `SendEmail`, `SendMessage(Batch)` and `PutEvents`: it is written before the reply, an event
//! together with all its deliveries. `GetSecretValue` only reads. It never delivers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulator::Refusal;
use crate::mail_events;
use crate::records::{BusEvent, Invocation, Mail, Message};
use crate::store::{self, Write, invocation_partition, queue_partition};
use crate::template::Target;
use crate::world::Core;

fn texts(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let pairs = value.as_array().into_iter().flatten();
    pairs.filter_map(|pair| Some((pair["Name"].as_str()?.to_owned(), pair["Value"].as_str()?.to_owned()))).collect()
}

pub(crate) fn accept_mail(core: &Core, request: &Value, _: &[usize]) -> Result<Value, Refusal> {
    let bad = |message: &str| Refusal::invalid("BadRequestException", message);
    let number = core.store.next_number();
    let destination = &request["Destination"];
    let simple = &request["Content"]["Simple"];
    let mut mail = Mail {
        id: format!("{number:016x}-local"),
        at: core.clock.now(),
        from: request["FromEmailAddress"].as_str().ok_or_else(|| bad("FromEmailAddress is missing"))?.to_owned(),
        to: ["ToAddresses", "CcAddresses", "BccAddresses"]
            .iter()
            .flat_map(|field| texts(&destination[field]))
            .collect(),
        subject: simple["Subject"]["Data"].as_str().unwrap_or_default().to_owned(),
        html: simple["Body"]["Html"]["Data"].as_str().map(str::to_owned),
        text: simple["Body"]["Text"]["Data"].as_str().map(str::to_owned),
        headers: pairs(&simple["Headers"]),
        tags: pairs(&request["EmailTags"]),
        configuration_set: request["ConfigurationSetName"].as_str().map(str::to_owned),
    };
    if mail.to.is_empty() {
        return Err(bad("the mail has no recipient"));
    }
    if let Some(raw) = request["Content"]["Raw"]["Data"].as_str() {
        let raw = BASE64.decode(raw).map_err(|_| bad("Raw.Data is not base64"))?;
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let subject = raw.lines().find_map(|line| line.strip_prefix("Subject: "));
        mail.subject = subject.unwrap_or_default().to_owned();
        mail.text = Some(raw);
    } else if mail.html.is_none() && mail.text.is_none() {
        return Err(bad("the mail has no content"));
    }
    // The mail and what becomes of it, in one transaction: neither is lost without the other.
    let mut writes = vec![Write::put(store::MAILS, store::sort_key(number), &mail)?];
    writes.extend(mail_events::told(core, &mail)?);
    core.store.write(&writes)?;
    Ok(json!({"MessageId": mail.id}))
}

pub(crate) fn queue_of(core: &Core, request: &Value) -> Result<String, Refusal> {
    let url = request["QueueUrl"].as_str().unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default();
    let missing = || Refusal::invalid("com.amazonaws.sqs#QueueDoesNotExist", format!("there is no queue `{name}`"));
    core.wiring.queues.iter().find(|queue| queue.logical_id == name).map(|_| name.to_owned()).ok_or_else(missing)
}

/// The write that puts a message into a queue, and the message's id.
fn enqueue(core: &Core, queue: &str, entry: &Value) -> Result<(Write, String), Refusal> {
    let body = entry["MessageBody"].as_str().filter(|body| !body.is_empty());
    let body = body.ok_or_else(|| Refusal::invalid("InvalidMessageContents", "the message is empty"))?;
    if body.len() > MESSAGE_BYTES_MAX {
        return Err(Refusal::invalid("InvalidParameterValue", "the message is too long"));
    }
    let mut attributes = serde_json::Map::new();
    for (name, attribute) in entry["MessageAttributes"].as_object().into_iter().flatten() {
        let value = json!({
            "dataType": attribute["DataType"],
            "stringValue": attribute["StringValue"],
            "binaryValue": attribute["BinaryValue"],
            "stringListValues": [],
            "binaryListValues": [],
        });
        attributes.insert(name.clone(), value);
    }
    let delay = SignedDuration::from_secs(entry["DelaySeconds"].as_i64().unwrap_or(0));
    new_message(core, queue, body, Value::Object(attributes), core.clock.now() + delay).map_err(Refusal::from)
}

const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The write that puts a message into a queue, and the message's id.
pub(crate) fn new_message(
    core: &Core,
    queue: &str,
    body: &str,
    message_attributes: Value,
    visible_at: Timestamp,
) -> Result<(Write, String), store::StoreError> {
    let number = core.store.next_number();
    let message = Message {
        message_id: uuid(1, number),
        body: body.to_owned(),
        message_attributes,
        sent_at: core.clock.now(),
        first_received_at: None,
        receive_count: 0,
        last_error: None,
    };
    let id = message.message_id.clone();
    Ok((Write::put(queue_partition(queue), store::sort_key(number), &message)?.visible_at(visible_at), id))
}

/// An id in the shape of a UUID that only depends on how many came before it, so that a seed gives the same history.
pub(crate) fn uuid(kind: u16, number: u64) -> String {
    format!("{:08x}-{:04x}-4{:03x}-8000-{:012x}", kind, kind, kind, number & 0xffff_ffff_ffff)
}

pub(crate) fn accept_message(core: &Core, request: &Value, _: &[usize]) -> Result<Value, Refusal> {
    let queue = queue_of(core, request)?;
    let (write, id) = enqueue(core, &queue, request)?;
    core.store.write(&[write])?;
    Ok(json!({"MessageId": id}))
}

pub(crate) fn accept_messages(core: &Core, request: &Value, failing: &[usize]) -> Result<Value, Refusal> {
    let queue = queue_of(core, request)?;
    let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return Err(Refusal::invalid("com.amazonaws.sqs#EmptyBatchRequest", "the batch is empty"));
    }
    if entries.len() > 10 {
        return Err(Refusal::invalid("com.amazonaws.sqs#TooManyEntriesInBatchRequest", "more than 10 entries"));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let failure = |code: &str, sender: bool| json!({"Id": entry["Id"], "Code": code, "SenderFault": sender});
        if failing.contains(&index) {
            failed.push(failure("InternalFailure", false));
            continue;
        }
        match enqueue(core, &queue, entry) {
            Ok((write, id)) => {
                core.store.write(&[write])?;
                successful.push(json!({"Id": entry["Id"], "MessageId": id, "MD5OfMessageBody": ""}));
            }
            Err(refusal) => failed.push(failure(&refusal.code, true)),
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

pub(crate) fn accept_events(core: &Core, request: &Value, failing: &[usize]) -> Result<Value, Refusal> {
    let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() || entries.len() > 10 {
        return Err(Refusal::invalid("ValidationException", "1 to 10 entries"));
    }
    let mut failed = 0;
    let mut results = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let outcome = if failing.contains(&index) {
            Err(Refusal::invalid("InternalFailure", "injected"))
        } else {
            accept_event(core, entry)
        };
        results.push(match outcome {
            Ok(id) => json!({"EventId": id}),
            Err(refusal) => {
                failed += 1;
                json!({"ErrorCode": refusal.code, "ErrorMessage": refusal.message})
            }
        });
    }
    Ok(json!({"FailedEntryCount": failed, "Entries": results}))
}

/// Writes an event and all its deliveries in one transaction, so that a crash cannot come between them.
fn accept_event(core: &Core, entry: &Value) -> Result<String, Refusal> {
    let invalid = |message: &str| Refusal::invalid("InvalidArgument", message);
    let detail = entry["Detail"].as_str().ok_or_else(|| invalid("Detail is missing"))?;
    let detail: Value = serde_json::from_str(detail).map_err(|_| Refusal::invalid("MalformedDetail", "not JSON"))?;
    if !detail.is_object() {
        return Err(Refusal::invalid("MalformedDetail", "Detail is not an object"));
    }
    let event_bus = match crate::template::logical_id(&entry["EventBusName"]) {
        None | Some("default") => None,
        Some(bus) if core.wiring.event_buses.iter().any(|known| known == bus) => Some(bus.to_owned()),
        Some(bus) => {
            return Err(Refusal::invalid("ResourceNotFoundException", format!("there is no bus `{bus}`")));
        }
    };
    let at = core.clock.now();
    let time = match entry["Time"].as_f64() {
        Some(seconds) => Timestamp::from_second(seconds as i64).map_err(|_| invalid("Time is out of range"))?,
        None => Timestamp::from_second(at.as_second()).unwrap_or(at),
    };
    let number = core.store.next_number();
    let envelope = json!({
        "version": "0",
        "id": uuid(2, number),
        "detail-type": entry["DetailType"].as_str().ok_or_else(|| invalid("DetailType is missing"))?,
        "source": entry["Source"].as_str().ok_or_else(|| invalid("Source is missing"))?,
        "account": crate::ACCOUNT,
        "time": time.to_string(),
        "region": crate::REGION,
        "resources": entry["Resources"].as_array().cloned().unwrap_or_default(),
        "detail": detail,
    });
    let mut rules = Vec::new();
    let mut writes = Vec::new();
    for (rule, pattern) in &core.rules {
        if rule.event_bus != event_bus || !pattern.matches(&envelope) {
            continue;
        }
        rules.push(rule.name.clone());
        writes.push(match &rule.target {
            Target::Queue(queue) => new_message(core, queue, &envelope.to_string(), json!({}), at)?.0,
            Target::Function(function) => {
                let invocation = Invocation { source: rule.name.clone(), payload: envelope.clone(), failures: 0 };
                Write::put(invocation_partition(function), core.store.next_key(), &invocation)?.visible_at(at)
            }
        });
    }
    let event = BusEvent { at, event_bus, rules, envelope };
    writes.push(Write::put(store::BUS, store::sort_key(number), &event)?);
    core.store.write(&writes)?;
    Ok(uuid(2, number))
}

/// What is asked for of the suppression list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listing {
    /// Entries of then or later.
    start_date: Option<Timestamp>,
    /// The address after which the page begins.
    next_token: Option<String>,
    page_size: Option<usize>,
}

/// Whom SES does not write to, as it was last set: a page of what came onto the list since then.
pub(crate) fn tell_suppressed(core: &Core, asked: &Listing) -> Result<Value, Refusal> {
    let listed = core.suppressed().clone();
    let after = asked.next_token.as_deref().unwrap_or_default();
    if !after.is_empty() && !listed.contains_key(after) {
        return Err(Refusal::invalid("InvalidNextTokenException", "the token is not one of ours"));
    }
    let wanted = |(address, (_, at)): &(&String, &(String, Timestamp))| {
        address.as_str() > after && asked.start_date.is_none_or(|start| *at >= start)
    };
    let size = asked.page_size.unwrap_or(1_000).clamp(1, 1_000);
    let mut page: Vec<_> = listed.iter().filter(wanted).take(size + 1).collect();
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|(address, _)| (*address).clone());
    let summaries = page.into_iter().map(
        |(address, (reason, at))| json!({"EmailAddress": address, "Reason": reason, "LastUpdateTime": at.as_second()}),
    );
    Ok(json!({"SuppressedDestinationSummaries": summaries.collect::<Vec<_>>(), "NextToken": next}))
}

/// A secret as it was last set; those of the world are kept in memory, and it has none at first.
pub(crate) fn tell_secret(core: &Core, request: &Value, _: &[usize]) -> Result<Value, Refusal> {
    let missing = || Refusal::invalid("InvalidParameterException", "SecretId is missing");
    let asked = request["SecretId"].as_str().filter(|id| !id.is_empty()).ok_or_else(missing)?;
    let secrets = core.secrets();
    let not_found =
        || Refusal::invalid("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    let value = secrets.get(asked).ok_or_else(not_found)?;
    Ok(json!({
        "ARN": format!("arn:aws:secretsmanager:{}:{}:secret:{asked}-local0", crate::REGION, crate::ACCOUNT),
        "Name": asked,
        "SecretString": value,
        "VersionStages": ["AWSCURRENT"],
    }))
}
