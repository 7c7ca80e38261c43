//! Queues: who may send, how long things wait, and where they end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Found, number};
use crate::sam::{Template, list, named};

/// What ended here waits as long as SQS keeps anything.
const LONGEST_RETENTION: i64 = 1_209_600;
/// Lambda takes so many times its timeout to retry a batch. Source: Lambda Developer Guide, "Configuring a queue to use with Lambda".
const VISIBILITY_TIMES_TIMEOUT: i64 = 6;

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    let dead = dead_letter_queues(template);
    for (id, queue) in template.all("AWS::SQS::Queue") {
        let resource = &template.resources[id];
        found.is(id, resource, "/DeletionPolicy", "Delete");
        found.is(id, resource, "/UpdateReplacePolicy", "Delete");
        check_encryption(template, id, queue, &mut found);
        let keeps = number(&queue["MessageRetentionPeriod"]).unwrap_or_default();
        if dead.contains(id) {
            found.must(id, keeps == LONGEST_RETENTION, "what ended here must be kept for fourteen days");
            found.must(id, queue["RedrivePolicy"].is_null(), "it is where things end");
        } else {
            check_source(template, id, queue, &mut found);
        }
        check_policy(template, id, &mut found);
    }
    found.all()
}

/// Queues in which something ends: of other queues, rules, schedules, streams and asynchronous invocations.
pub(crate) fn dead_letter_queues(template: &Template) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (_, queue) in template.all("AWS::SQS::Queue") {
        all.extend(Some(named(&queue["RedrivePolicy"]["deadLetterTargetArn"])).filter(|name| name != "null"));
    }
    for (_, rule) in template.all("AWS::Events::Rule") {
        all.extend(list(&rule["Targets"]).iter().map(|target| named(&target["DeadLetterConfig"]["Arn"])));
    }
    for (_, function) in template.all("AWS::Serverless::Function") {
        all.insert(named(&function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"]));
        for (_, event) in function["Events"].as_object().into_iter().flatten() {
            let event = &event["Properties"];
            all.insert(named(&event["DestinationConfig"]["OnFailure"]["Destination"]));
            all.insert(named(&event["DeadLetterConfig"]["Arn"]));
        }
    }
    all.remove("null");
    all
}

fn check_encryption(template: &Template, id: &str, queue: &Value, found: &mut Found) {
    match template.all("AWS::KMS::Key").next() {
        Some((key, _)) => {
            let with = named(&queue["KmsMasterKeyId"]);
            found.must(id, with == key, format_args!("it is not encrypted with {key}"));
        }
        None => found.is(id, queue, "/SqsManagedSseEnabled", true),
    }
}

/// A queue that somebody reads.
fn check_source(template: &Template, id: &str, queue: &Value, found: &mut Found) {
    let readers: Vec<&str> = readers(template, id).collect();
    found.must(id, readers.len() == 1, format_args!("it is read by {readers:?}"));
    for reader in readers {
        let timeout = number(template.of_function(reader, "Timeout")).unwrap_or(i64::MAX / VISIBILITY_TIMES_TIMEOUT);
        let hidden = number(&queue["VisibilityTimeout"]).unwrap_or_default();
        let enough = hidden >= VISIBILITY_TIMES_TIMEOUT * timeout;
        found.must(id, enough, format_args!("{hidden} s hidden are not six times the {timeout} s of {reader}"));
    }
    let receives = number(&queue["RedrivePolicy"]["maxReceiveCount"]).unwrap_or_default();
    // Source: as above, "set to at least 5".
    found.must(id, receives >= 5, "a message is given up after fewer than five tries, or never");
    let end = named(&queue["RedrivePolicy"]["deadLetterTargetArn"]);
    found.must(id, template.resources.contains_key(&end), "nothing is kept of what failed");
    let keeps = number(&queue["MessageRetentionPeriod"]).unwrap_or_default();
    found.must(
        id,
        (345_600..LONGEST_RETENTION).contains(&keeps),
        "it keeps messages for a shorter time than people rest",
    );
}

/// The functions that read a queue.
pub(crate) fn readers<'a>(template: &'a Template, queue: &'a str) -> impl Iterator<Item = &'a str> {
    let reads = move |function: &Value| {
        let mut events = function["Events"].as_object().into_iter().flatten();
        events.any(|(_, event)| event["Type"] == "SQS" && named(&event["Properties"]["Queue"]) == queue)
    };
    template.all("AWS::Serverless::Function").filter(move |(_, function)| reads(function)).map(|(id, _)| id)
}

/// One policy a queue: nobody without TLS, and those services that bring something, each from where it brings it.
fn check_policy(template: &Template, id: &str, found: &mut Found) {
    let of_it = |policy: &&Value| list(&policy["Queues"]).iter().any(|queue| named(queue) == id);
    let policies: Vec<&Value> = template.all("AWS::SQS::QueuePolicy").map(|(_, it)| it).filter(of_it).collect();
    let [policy] = policies.as_slice() else {
        return found.say(id, "it has not one policy");
    };
    found.is(id, policy, "/PolicyDocument/Version", "2012-10-17");
    let statements = statements(policy);
    let tls = json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": {"Fn::GetAtt": [id, "Arn"]},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
    found.must(id, statements.contains(&tls), "it can be used without TLS");
    let allowed: Vec<Value> = statements.into_iter().filter(|it| *it != tls).map(|it| names_only(&it)).collect();
    let expected: Vec<Value> = senders(template, id)
        .into_iter()
        .map(|(service, condition)| {
            json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": id,
                "Condition": condition})
        })
        .collect();
    found.must(id, allowed == expected, format_args!("it takes from {}, not from {}", json!(allowed), json!(expected)));
}

/// The statements of a policy without their names.
pub(crate) fn statements(policy: &Value) -> Vec<Value> {
    let statements = list(&policy["PolicyDocument"]["Statement"]).into_iter().cloned();
    let unnamed = |mut it: Value| {
        it.as_object_mut().map(|fields| fields.remove("Sid"));
        it
    };
    statements.map(unnamed).collect()
}

/// A statement with references as names, lists in order.
pub(crate) fn names_only(value: &Value) -> Value {
    match value {
        Value::Object(fields)
            if fields.len() == 1 && fields.keys().all(|key| key == "Ref" || key.starts_with("Fn::")) =>
        {
            json!(named(value))
        }
        Value::Object(fields) => fields.iter().map(|(name, it)| (name.clone(), names_only(it))).collect(),
        Value::Array(all) => {
            let mut all: Vec<Value> = all.iter().map(names_only).collect();
            all.sort_by_key(Value::to_string);
            if all.len() == 1 { all.remove(0) } else { json!(all) }
        }
        plain => plain.clone(),
    }
}

/// The services that bring messages by themselves, not under a function's role, and where they bring them from: rules that target a
/// queue, rules whose failures end in it, topics, and topics that could not bring it where they should.
fn senders(template: &Template, queue: &str) -> BTreeMap<&'static str, Value> {
    let mut rules = BTreeSet::new();
    let mut dead_of_a_rule = false;
    for (id, rule) in template.all("AWS::Events::Rule") {
        for target in list(&rule["Targets"]) {
            if named(&target["Arn"]) == queue {
                rules.insert(id);
            }
            dead_of_a_rule |= named(&target["DeadLetterConfig"]["Arn"]) == queue;
        }
    }
    for (_, function) in template.all("AWS::Serverless::Function") {
        let mut events = function["Events"].as_object().into_iter().flatten();
        dead_of_a_rule |= events.any(|(_, event)| {
            event["Type"] == "EventBridgeRule" && named(&event["Properties"]["DeadLetterConfig"]["Arn"]) == queue
        });
    }
    let mut senders = BTreeMap::new();
    if !rules.is_empty() {
        senders.insert("events.amazonaws.com", json!({"ArnEquals": {"aws:SourceArn": names_only(&json!(rules))}}));
    } else if dead_of_a_rule {
        // SAM names the rules of functions' events; what they have in common is the bus.
        senders.insert("events.amazonaws.com", json!({"ArnLike": {"aws:SourceArn": "events:rule/EventBus/*"}}));
    }
    let brings =
        |it: &Value| named(&it["Endpoint"]) == queue || named(&it["RedrivePolicy"]["deadLetterTargetArn"]) == queue;
    let topics = template.all("AWS::SNS::Subscription").filter(|(_, it)| brings(it));
    for (_, subscription) in topics {
        senders.insert("sns.amazonaws.com", json!({"ArnEquals": {"aws:SourceArn": named(&subscription["TopicArn"])}}));
    }
    senders
}
