//! References, kinds of resources, conditions and outputs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Found;
use crate::sam::Template;

/// The kinds of resources that the rules know. A new one needs a rule, or a reason why none.
const KINDS: [&str; 24] = [
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::SES::ConfigurationSet",
    "AWS::SES::ConfigurationSetEventDestination",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::Serverless::Function",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
];

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    for section in ["Globals", "Resources", "Outputs"] {
        for (id, it) in template.file[section].as_object().into_iter().flatten() {
            found.must(id, choices_are_whole(it), "a choice has no condition, or not two sides");
        }
    }
    for (id, resource) in &template.resources {
        let kind = resource["Type"].as_str().unwrap_or_default();
        found.must(id, KINDS.contains(&kind), format_args!("no rule knows its kind \"{kind}\""));
        check_names(template, id, resource, &mut found);
    }
    for (id, output) in &template.outputs {
        check_names(template, id, output, &mut found);
        found.has(id, output, &["/Value"]);
    }
    check_names(template, "Globals", &template.globals, &mut found);
    check_conditions(template, &mut found);
    found.all()
}

/// Whether every `Fn::If` has a condition and two sides.
fn choices_are_whole(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(choices_are_whole),
        Value::Object(fields) => fields.iter().all(|(name, field)| {
            let whole = field.as_array().is_some_and(|sides| sides.len() == 3 && sides[0].is_string());
            (name != "Fn::If" || whole) && choices_are_whole(field)
        }),
        _ => true,
    }
}

/// What a resource names is there under the same parameters.
fn check_names(template: &Template, id: &str, value: &Value, found: &mut Found) {
    for name in names(value) {
        let there = name.starts_with("AWS::")
            || template.resources.contains_key(&name)
            || template.file["Parameters"].get(&name).is_some();
        found.must(id, there, format_args!("{name} is not there with it"));
    }
}

/// The logical ids of everything that a value names.
pub(crate) fn names(value: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    collect(value, &mut all);
    all
}

fn collect(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, all)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("Ref", Value::String(target)) => {
                        all.insert(target.split('.').next().unwrap_or_default().to_owned());
                    }
                    ("Fn::GetAtt", Value::Array(path)) => {
                        all.extend(path.first().and_then(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::Sub", Value::String(text)) => all.extend(in_text(text)),
                    ("Fn::Sub", Value::Array(arguments)) => {
                        let text = arguments.first().and_then(Value::as_str).unwrap_or_default();
                        let given = arguments.get(1).and_then(Value::as_object);
                        let given: BTreeSet<String> =
                            given.into_iter().flatten().map(|(name, _)| name.clone()).collect();
                        all.extend(in_text(text).into_iter().filter(|name| !given.contains(name)));
                        arguments.iter().skip(1).for_each(|rest| collect(rest, all));
                    }
                    _ => collect(field, all),
                }
            }
        }
        _ => {}
    }
}

fn in_text(text: &str) -> Vec<String> {
    let parts = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
    parts.filter(|name| !name.starts_with('!')).filter_map(|name| name.split('.').next()).map(str::to_owned).collect()
}

/// Every condition that is named exists, and every one that exists decides something.
fn check_conditions(template: &Template, found: &mut Found) {
    let conditions: BTreeSet<&String> =
        template.file["Conditions"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let mut named = BTreeSet::new();
    conditions_in(&template.file["Resources"], &mut named);
    conditions_in(&template.file["Globals"], &mut named);
    conditions_in(&template.file["Outputs"], &mut named);
    conditions_in(&template.file["Conditions"], &mut named);
    for name in &named {
        found.must(name, conditions.contains(name), "there is no such condition");
    }
    for name in conditions {
        found.must(name, named.contains(name), "this condition decides nothing");
        let holds = &template.file["Conditions"][name];
        let refers = names(holds).iter().any(|name| template.file["Parameters"].get(name).is_some());
        let combines = holds.to_string().contains("\"Condition\"");
        found.must(name, refers || combines, "this condition depends on no parameter");
        found.must(name, is_whole(holds), "this condition compares or combines nothing");
    }
    // Without one of them nobody could sign in, and the desk would be there all the same.
    let desk: BTreeSet<String> = ["DeskIssuer", "DeskClientId", "DeskSignInPages"].map(str::to_owned).into();
    let asks = names(&template.file["Conditions"]["HasDesk"]);
    found.must("HasDesk", asks == desk, "it does not ask for all that a desk needs");
}

/// Whether every operator has the operands that it needs.
fn is_whole(condition: &Value) -> bool {
    let Some((name, argument)) = condition.as_object().and_then(|call| call.iter().next()) else { return false };
    let operands = argument.as_array().map_or(&[][..], Vec::as_slice);
    match name.as_str() {
        "Condition" => argument.is_string(),
        "Fn::Equals" => {
            operands.len() == 2 && operands.iter().all(|it| it.as_object().is_none_or(|call| !call.is_empty()))
        }
        "Fn::Not" => operands.len() == 1 && operands.iter().all(is_whole),
        "Fn::And" | "Fn::Or" => operands.len() >= 2 && operands.iter().all(is_whole),
        _ => false,
    }
}

fn conditions_in(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| conditions_in(item, named)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    // An IAM statement has a field of this name, too, which is no text.
                    ("Condition", Value::String(condition)) => {
                        named.insert(condition.clone());
                    }
                    ("Fn::If", Value::Array(branches)) => {
                        named.extend(branches.first().and_then(Value::as_str).map(str::to_owned));
                        branches.iter().for_each(|branch| conditions_in(branch, named));
                    }
                    _ => conditions_in(field, named),
                }
            }
        }
        _ => {}
    }
}
