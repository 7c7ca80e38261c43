//! Parameters and outputs: what whoever deploys reads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Found;
use super::references::names;
use crate::sam::{Template, list};

/// Outputs that somebody reads by name: the README, the command line, the construct.
const READ: [&str; 9] = [
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
    for id in grouped {
        found.must(&id, template.file["Parameters"].get(&id).is_some(), "a group has it, and it is no parameter");
    }
    for id in READ {
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
