//! Rules of the bus and schedules: what starts something asynchronously.

use std::collections::BTreeSet;

use perennial_tests::bus;
use serde_json::Value;

use super::{Found, number};
use crate::permissions;
use crate::sam::{Template, list, named};

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    check_buses(template, &mut found);
    let mut told = BTreeSet::new();
    for (id, rule) in template.all("AWS::Events::Rule") {
        told.extend(check_pattern(template, id, rule, &rule["EventPattern"], &mut found));
        found.has(id, rule, &["/Targets"]);
        for target in list(&rule["Targets"]) {
            found.has(id, target, &["/Id"]);
            let there = template.resources.contains_key(&named(&target["Arn"]));
            found.must(id, there, "it has a target that is not there");
            check_tries(template, id, target, 86_400, &mut found);
        }
    }
    for (id, function) in template.all("AWS::Serverless::Function") {
        for (name, event) in function["Events"].as_object().into_iter().flatten() {
            if event["Type"] == "EventBridgeRule" {
                let (id, rule) = (format!("{id}.{name}"), &event["Properties"]);
                told.extend(check_pattern(template, &id, rule, &rule["Pattern"], &mut found));
                check_tries(template, &id, rule, 86_400, &mut found);
            }
        }
        for (name, schedule) in permissions::schedules(function) {
            check_schedule(template, &format!("{id}.{name}"), schedule, &mut found);
        }
    }
    let heard: BTreeSet<String> = HEARD.map(str::to_owned).into();
    found.must("EventBus", told == heard, format_args!("rules hear {told:?}, not {heard:?}"));
    found.all()
}

/// The events that our own functions act on; the others are told to whoever wants to know.
const HEARD: [&str; 6] =
    ["AccountNeedsHelp", "BriefReady", "DigestReady", "LeadQualified", "SlaEscalated", "ThresholdReached"];

fn check_buses(template: &Template, found: &mut Found) {
    for (id, bus) in template.all("AWS::Events::EventBus") {
        found.has(id, bus, &["/Name"]);
        if let Some((key, _)) = template.all("AWS::KMS::Key").next().filter(|_| !bus["KmsKeyIdentifier"].is_null()) {
            found.must(id, named(&bus["KmsKeyIdentifier"]) == key, format_args!("it is not encrypted with {key}"));
        }
    }
    for (id, group) in template.all("AWS::Scheduler::ScheduleGroup") {
        found.has(id, group, &["/Name"]);
    }
}

/// Which of our events a pattern lets through.
fn check_pattern(template: &Template, id: &str, rule: &Value, pattern: &Value, found: &mut Found) -> Vec<String> {
    let bus = template.resources.get(&named(&rule["EventBusName"])).cloned().unwrap_or_default();
    found.must(id, bus["Type"] == "AWS::Events::EventBus", "it listens to a bus that is not ours");
    found.is(id, pattern, "/source", serde_json::json!(["perennial"]));
    let kinds: Vec<String> =
        list(&pattern["detail-type"]).iter().filter_map(|kind| kind.as_str()).map(str::to_owned).collect();
    found.must(id, !kinds.is_empty(), "it does not say which events");
    let known = bus::schemas();
    for kind in &kinds {
        found.must(id, known.contains_key(kind), format_args!("nobody publishes {kind}"));
    }
    // Of all leads only those that cannot wait for the digest.
    if kinds.iter().any(|kind| kind == "LeadQualified") {
        found.is(id, pattern, "/detail/priority", serde_json::json!(["act-now"]));
    }
    kinds
}

/// What cannot be delivered is tried again, so often and so long, and then kept.
fn check_tries(template: &Template, id: &str, of: &Value, seconds: i64, found: &mut Found) {
    let age = number(&of["RetryPolicy"]["MaximumEventAgeInSeconds"]).unwrap_or_default();
    let again = number(&of["RetryPolicy"]["MaximumRetryAttempts"]).unwrap_or_default();
    found.must(id, age >= seconds, format_args!("it is given up after {age} s, not {seconds}"));
    found.must(id, again >= 3, "it is tried again fewer than three times");
    let dead = named(&of["DeadLetterConfig"]["Arn"]);
    let queue = template.resources.get(&dead).is_some_and(|it| it["Type"] == "AWS::SQS::Queue");
    found.must(id, queue, "what cannot be delivered is kept nowhere");
}

fn check_schedule(template: &Template, id: &str, schedule: &Value, found: &mut Found) {
    found.has(id, schedule, &["/ScheduleExpression", "/ScheduleExpressionTimezone", "/Description"]);
    let zone = named(&schedule["ScheduleExpressionTimezone"]);
    found.must(id, ["UTC", "TeamTimeZone"].contains(&zone.as_str()), "its time zone is nobody's");
    let expression = named(&schedule["ScheduleExpression"]);
    // A tick that comes every five minutes is not worth keeping for longer: the next one does its work.
    let often = expression.starts_with("rate(");
    check_tries(template, id, schedule, if often { 300 } else { 14_400 }, found);
    let group = template.resources.get(&named(&schedule["GroupName"])).cloned().unwrap_or_default();
    found.must(id, group["Type"] == "AWS::Scheduler::ScheduleGroup", "it belongs to no group of ours");
    let role = template.resources.get(&named(&schedule["RoleArn"])).cloned().unwrap_or_default();
    found.must(id, role["Type"] == "AWS::IAM::Role", "it has no role");
    let input: Value = schedule["Input"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    found.has(id, &input, &["/job"]);
    found.is(id, &input, "/scheduled_at", "<aws.scheduler.scheduled-time>");
}
