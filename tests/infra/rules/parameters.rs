//! Parameters and outputs: what whoever deploys reads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Found;
use super::references::names;
use crate::sam::{Template, list};

/// What nobody can choose for whoever deploys. Everything else has a default.
const GIVEN: [&str; 4] = ["AlarmEmail", "KeySecretName", "SenderIdentity", "WebhookSecretName"];

/// Choices that change what is there, each of which somebody relies on.
const CHOICES: [(&str, &[&str]); 4] = [
    ("Architecture", &["arm64", "x86_64"]),
    ("Edge", &["http-api", "function-url"]),
    ("Profile", &["standard", "minimal"]),
    ("RolloutType", &["AllAtOnce", "Canary10Percent5Minutes", "Linear10PercentEvery1Minute"]),
];

/// Outputs that somebody reads by name: the README, the command line, the construct.
const READ: [&str; 13] = [
    "PagesUrl",
    "AlarmTopicArn",
    "MailConfigurationSetName",
    "MailQueueUrl",
    "WebhookUrl",
    "EventBusName",
    "EventBusArn",
    "LedgerTableName",
    "StateTableName",
    "MailDeadLetterQueueUrl",
    "TriggerDeadLetterQueueUrl",
    "StreamFailuresQueueUrl",
    "MailEventsDeadLetterQueueUrl",
];

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    let used = used(template);
    let grouped = grouped(template);
    for (id, parameter) in template.file["Parameters"].as_object().into_iter().flatten() {
        found.has(id, parameter, &["/Description"]);
        let kind = parameter["Type"].as_str().unwrap_or_default();
        found.must(id, ["String", "Number"].contains(&kind), "it has a type that no rule knows");
        let values = !list(&parameter["AllowedValues"]).is_empty();
        let limits = parameter["MinValue"].is_number() && parameter["MaxValue"].is_number();
        let pattern = parameter["AllowedPattern"].as_str().unwrap_or_default();
        found.must(id, values || limits || !pattern.is_empty(), "it takes anything");
        // The pattern alone would be shown to whoever gave something else.
        let explained = pattern.is_empty() || parameter["ConstraintDescription"].is_string();
        found.must(id, explained, "it does not say in words what it takes");
        let whole = pattern.is_empty() || (pattern.starts_with('^') && pattern.ends_with('$'));
        found.must(id, whole, "its pattern takes what only contains it");
        found.must(id, used.contains(id), "nobody uses it");
        found.must(id, grouped.contains(id), "it stands in no group");
    }
    for (id, parameter) in template.file["Parameters"].as_object().into_iter().flatten() {
        let given = GIVEN.contains(&id.as_str());
        found.must(id, given == parameter["Default"].is_null(), "it has no default, or one that is nobody's");
        let choices: Vec<&str> = list(&parameter["AllowedValues"]).into_iter().filter_map(Value::as_str).collect();
        let expected = CHOICES.iter().find(|(name, _)| name == id).map(|(_, choices)| *choices);
        let same = expected.is_none_or(|expected| choices == expected);
        found.must(id, same, format_args!("its choices are {choices:?}"));
    }
    for id in grouped {
        found.must(&id, template.file["Parameters"].get(&id).is_some(), "a group has it, and it is no parameter");
    }
    let desk = template.resources.contains_key("DeskApi").then_some("DeskUrl");
    let api = template.resources.contains_key("HttpApi").then_some("ApiId");
    for id in READ.into_iter().chain(desk).chain(api) {
        found.must(id, template.outputs.contains_key(id), "this output is read by name");
    }
    found.all()
}

fn used(template: &Template) -> BTreeSet<String> {
    let sections = ["Resources", "Conditions", "Globals", "Outputs", "Rules"];
    sections.iter().flat_map(|section| names(&template.file[*section])).collect()
}

fn grouped(template: &Template) -> BTreeSet<String> {
    let groups = &template.file["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let all = list(groups).into_iter().flat_map(|group| list(&group["Parameters"]));
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}
