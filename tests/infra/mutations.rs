//! Nothing that protects can be taken out unnoticed: every part of the template is removed once, every limit widened once, and every
//! figure of a sum measured otherwise once, and each time a rule or the comparison with what the functions do must say so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::journeys;
use crate::permissions;
use crate::recorded::Grants;
use crate::rules;
use crate::rules::references::names;
use crate::sam::{self, FULL, GRADUAL, LEAST, Template};

/// Parts that may go: the end of a path, and why nobody would miss it. A `*` is any one step, a `**` at the end all that follows.
const EXEMPT: &[(&str, &str)] = &[
    ("Resources/*/Properties/Description", "said to people in the console"),
    ("Resources/*/Properties/DisplayName", "said to people in mails"),
    ("Statement/*/Sid", "the name of a statement decides nothing"),
    ("Fn::If/*/Sid", "as above"),
    ("Globals/Function/Timeout", "every function has its own"),
    ("Properties/OKActions", "that an alarm is over is good news"),
    ("Properties/OKActions/*", "as above"),
    ("Properties/DatapointsToAlarm", "without it an alarm waits for all of its periods"),
    ("Parameters/LogRetentionDays/AllowedValues/*", "a choice fewer is still a choice"),
    ("Metadata/cfn-lint/**", "says to a linter what it need not say; the gate runs it"),
    ("Metadata/checkov/**", "as above"),
    ("Outputs/*/Description", "said to people in the console"),
    ("HttpApiCallsIngestEngagement/Metadata", "of linters alone, as below cfn-lint and checkov"),
    ("HttpApiCallsSignedPages/Metadata", "as above"),
    ("IngestEngagementUrl/Metadata", "as above"),
    ("AnybodyOpensIngestEngagementUrl/Metadata", "as above"),
    ("AnybodyCallsIngestEngagementByUrl/Metadata", "as above"),
    ("SignedPagesUrl/Metadata", "as above"),
    ("AnybodyOpensSignedPagesUrl/Metadata", "as above"),
    ("AnybodyCallsSignedPagesByUrl/Metadata", "as above"),
];

/// Kinds of losses, by what their paths contain; the first that fits.
const KINDS: [(&str, &[&str]); 9] = [
    ("trust", &["AssumeRolePolicyDocument"]),
    ("condition of a policy", &["/Condition/"]),
    ("permission", &["Role/Properties/Policies"]),
    ("policy of a queue or topic", &["Policy/Properties/PolicyDocument"]),
    ("dead letters", &["DeadLetter", "OnFailure", "Redrive", "RetryPolicy"]),
    ("alarm", &["Alarm/"]),
    ("encryption", &["SSE", "Sse", "Kms", "KMS", "DataKey"]),
    ("retention", &["Retention", "Recovery", "DeletionP", "UpdateReplace"]),
    ("condition", &["Conditions/", "/Condition"]),
];

/// The sections whose parts are taken out.
const SECTIONS: [&str; 5] = ["Resources", "Globals", "Conditions", "Parameters", "Outputs"];

/// A template with one thing changed.
struct Mutant {
    /// Where, from the root.
    path: Vec<String>,
    /// What was done there.
    change: Change,
}

#[derive(Clone)]
enum Change {
    /// It is not there any more.
    Removed,
    /// It is this instead, which lets more through.
    Widened(Value),
    /// It is this instead, which adds up what cannot be added.
    Skewed(Value),
}

impl Mutant {
    fn name(&self) -> String {
        match &self.change {
            Change::Removed => format!("{} removed", self.path.join("/")),
            Change::Widened(to) => format!("{} widened to {to}", self.path.join("/")),
            Change::Skewed(to) => format!("{} skewed to {to}", self.path.join("/")),
        }
    }

    fn apply(&self, file: &Value) -> Value {
        let mut changed = file.clone();
        let (last, way) = self.path.split_last().expect("a path");
        let parent = way.iter().fold(&mut changed, |at, step| step_into(at, step));
        match (&self.change, parent) {
            (Change::Removed, Value::Object(fields)) => drop(fields.shift_remove(last)),
            (Change::Removed, Value::Array(items)) => drop(items.remove(last.parse().expect("a position"))),
            (Change::Widened(to) | Change::Skewed(to), parent) => *step_into(parent, last) = to.clone(),
            (Change::Removed, _) => unreachable!("a path leads through objects and lists"),
        }
        changed
    }

    /// What kind of loss it is, for the tally.
    fn kind(&self) -> &'static str {
        let path = self.path.join("/");
        let of = KINDS.iter().find(|(_, parts)| parts.iter().any(|part| path.contains(part)));
        of.map_or("other", |(kind, _)| kind)
    }

    fn exempt(&self) -> bool {
        EXEMPT.iter().any(|(pattern, _)| {
            let pattern: Vec<&str> = pattern.split('/').collect();
            if let Some((_, pattern)) = pattern.split_last().filter(|(last, _)| **last == "**") {
                return self
                    .path
                    .windows(pattern.len())
                    .any(|part| part.iter().zip(pattern).all(|(step, it)| step == it));
            }
            self.path.len() >= pattern.len()
                && self.path[self.path.len() - pattern.len()..]
                    .iter()
                    .zip(&pattern)
                    .all(|(step, it)| *it == "*" || step == it)
        })
    }
}

fn step_into<'a>(at: &'a mut Value, step: &str) -> &'a mut Value {
    match at {
        Value::Array(items) => &mut items[step.parse::<usize>().expect("a position")],
        other => &mut other[step],
    }
}

/// Every part of the sections, but for what stands inside a reference.
fn mutants(file: &Value) -> Vec<Mutant> {
    let mut all = Vec::new();
    for section in SECTIONS {
        walk(&file[section], &mut vec![section.to_owned()], &mut all);
    }
    all
}

fn walk(value: &Value, path: &mut Vec<String>, all: &mut Vec<Mutant>) {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(fields) if is_call(value) && path[0] != "Conditions" => {
            debug_assert_eq!(fields.len(), 1);
            vec![]
        }
        Value::Object(fields) => fields.iter().map(|(name, it)| (name.clone(), it)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(position, it)| (position.to_string(), it)).collect(),
        _ => vec![],
    };
    for (step, part) in parts {
        path.push(step);
        all.push(Mutant { path: path.clone(), change: Change::Removed });
        let changes = widened(path, part).map(Change::Widened).into_iter().chain(skewed(path).map(Change::Skewed));
        all.extend(changes.map(|change| Mutant { path: path.clone(), change }));
        walk(part, path, all);
        path.pop();
    }
}

/// `{"Ref": …}` and the like, but for a choice, whose branches are parts of the template.
fn is_call(value: &Value) -> bool {
    let mut names = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    names.next().is_some_and(|name| name == "Ref" || (name.starts_with("Fn::") && name != "Fn::If"))
        && names.next().is_none()
}

/// What a policy's action, resource, principal or condition could be instead, to let more through.
fn widened(path: &[String], value: &Value) -> Option<Value> {
    let depth = path.iter().position(|step| step == "Statement")?;
    let parts = ["Action", "Resource", "Condition", "Principal"];
    let within = path[depth..].iter().find(|step| parts.contains(&step.as_str()))?.as_str();
    let single = value.is_string() || is_call(value);
    match within {
        "Action" if single => {
            let service = value.as_str()?.split(':').next()?;
            let all = json!(format!("{service}:*"));
            (all != *value).then_some(all)
        }
        "Resource" | "Condition" | "Principal" if single && value != "*" => Some(json!("*")),
        _ => None,
    }
}

/// How a figure of a sum could be measured instead, so that nothing is missing and the sum means nothing.
fn skewed(path: &[String]) -> Option<Value> {
    let within = path.iter().position(|step| step == "MetricStat")?;
    match path[within + 1..].iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["Period"] => Some(json!(60)),
        ["Stat"] => Some(json!("Average")),
        ["Metric", "Namespace"] => Some(json!("AWS/Dynamo")),
        _ => None,
    }
}

/// Everything that any check says under any parameters.
fn findings(file: &Value, recorded: &Grants) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for parameters in [FULL, LEAST, GRADUAL] {
        let template = Template::of(file.clone(), parameters);
        all.extend(permissions::findings(&template, recorded));
        all.extend(rules::findings(&template));
    }
    all
}

/// Whether somebody notices, and says what it is about: the resource, or one that it names.
fn noticed(mutant: &Mutant, file: &Value, before: &BTreeSet<String>, recorded: &Grants) -> Result<(), String> {
    let changed = mutant.apply(file);
    let about = &mutant.path[1];
    let mut about: BTreeSet<String> = [about.clone()].into_iter().chain(names(&file[&mutant.path[0]][about])).collect();
    // Of a whole list in a section that has no names, such as the functions' globals.
    about.extend(mutant.path.last().cloned());
    let mut silent = true;
    for parameters in [FULL, LEAST, GRADUAL] {
        let template = Template::of(changed.clone(), parameters);
        let said = permissions::findings(&template, recorded).into_iter().chain(rules::findings(&template));
        for finding in said.filter(|finding| !before.contains(finding)) {
            silent = false;
            if mutant.path[0] != "Resources" || about.iter().any(|name| finding.contains(name.as_str())) {
                return Ok(());
            }
        }
    }
    Err(if silent { "nobody notices".to_owned() } else { "it is noticed, and not named".to_owned() })
}

#[test]
fn whatever_is_taken_out_or_widened_is_noticed_and_named() {
    let (file, recorded) = (sam::file(), journeys::calls());
    let before = findings(&file, recorded);
    let (exempt, mutants): (Vec<Mutant>, Vec<Mutant>) = mutants(&file).into_iter().partition(Mutant::exempt);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let survivors: Vec<String> = std::thread::scope(|scope| {
        let parts = mutants.chunks(mutants.len().div_ceil(threads));
        let running: Vec<_> = parts
            .map(|part| {
                let (file, before) = (&file, &before);
                scope.spawn(move || {
                    let judge = |it: &Mutant| {
                        noticed(it, file, before, recorded).err().map(|why| format!("{}: {why}", it.name()))
                    };
                    part.iter().filter_map(judge).collect::<Vec<String>>()
                })
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no check panics")).collect()
    });
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for mutant in &mutants {
        *kinds.entry(mutant.kind()).or_default() += 1;
    }
    println!("{} changes noticed, {} exempt: {kinds:#?}", mutants.len() - survivors.len(), exempt.len());
    assert!(survivors.is_empty(), "{} of {}:\n{}", survivors.len(), mutants.len(), survivors.join("\n"));
    assert!(mutants.len() >= 1_000, "{} changes", mutants.len());
    for (kind, least) in [
        ("permission", 100),
        ("condition of a policy", 25),
        ("trust", 25),
        ("policy of a queue or topic", 25),
        ("dead letters", 25),
        ("alarm", 100),
        ("encryption", 5),
        ("retention", 25),
        ("condition", 10),
    ] {
        assert!(kinds.get(kind).is_some_and(|count| *count >= least), "{kind}: {kinds:?}");
    }
}
