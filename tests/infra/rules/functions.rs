//! Functions: what they are made of, what they are told, and what becomes of what they fail on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use perennial_tests::root;
use serde_json::{Value, json};

use super::references::names;
use super::{Found, number};
use crate::permissions;
use crate::sam::{Template, list, named};

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    let mut logs = BTreeSet::new();
    let functions: Vec<(&str, &Value)> = template.all("AWS::Serverless::Function").collect();
    let expected = if template.given("DeskIssuer").is_empty() { 11 } else { 12 };
    found.must("Functions", functions.len() == expected, format_args!("there are not {expected}"));
    for (id, function) in functions {
        check_code(template, id, &mut found);
        check_version(template, id, &mut found);
        check_environment(template, id, &mut found);
        logs.insert(check_log(template, id, &mut found));
        check_failures(template, id, function, &mut found);
        check_loops(template, id, function, &mut found);
    }
    for (id, group) in template.all("AWS::Logs::LogGroup") {
        let resource = &template.resources[id];
        found.is(id, resource, "/DeletionPolicy", "Delete");
        found.is(id, resource, "/UpdateReplacePolicy", "Delete");
        found.has(id, group, &["/LogGroupName"]);
        let kept = named(&group["RetentionInDays"]);
        found.must(id, kept == "LogRetentionDays", "nobody says how long it is kept");
        if let Some((key, _)) = template.all("AWS::KMS::Key").next() {
            found.must(id, named(&group["KmsKeyId"]) == key, format_args!("it is not encrypted with {key}"));
        }
        let used = logs.contains(id) || super::edge::access_logs(template).contains(id);
        found.must(id, used, "nobody writes to it");
    }
    check_layer(template, &mut found);
    check_told(template, &mut found);
    found.all()
}

/// What is built and run.
fn check_code(template: &Template, id: &str, found: &mut Found) {
    let resource = &template.resources[id];
    let of = |property: &str| template.of_function(id, property);
    let binary = kebab(id);
    found.is(id, resource, "/Metadata/BuildMethod", "rust-cargolambda");
    found.is(id, resource, "/Metadata/BuildProperties/Binary", binary.as_str());
    found.must(id, of("CodeUri") == &json!(format!("../../functions/{binary}/")), "its code is another's");
    found.must(id, named(of("FunctionName")) == format!("perennial-Stage-{binary}"), "its name is not its stage's");
    found.must(id, of("Runtime") == "provided.al2023" && of("Handler") == "bootstrap", "it is not run as a binary");
    found.must(id, named(&of("Architectures")[0]) == "Architecture", "nobody chooses its architecture");
    let (memory, timeout) = (number(of("MemorySize")), number(of("Timeout")));
    found.must(id, memory.is_some_and(|it| (128..=512).contains(&it)), "its memory is not chosen");
    found.must(id, timeout.is_some_and(|it| (3..=600).contains(&it)), "its timeout is not chosen");
    found.must(id, list(of("Layers")).iter().any(|layer| named(layer) == "PlaybookLayer"), "it has no playbook");
    found.has(id, &resource["Properties"], &["/Description", "/Role", "/Timeout"]);
    let policies = &resource["Properties"]["Policies"];
    found.must(id, policies.is_null(), "it has policies beside its role");
}

/// A change publishes a version, and everything that calls it calls the alias.
fn check_version(template: &Template, id: &str, found: &mut Found) {
    let of = |property: &str| template.of_function(id, property);
    found.must(id, of("AutoPublishAlias") == "live", "it has no alias");
    found.must(id, of("AutoPublishAliasAllProperties") == true, "a change of its settings publishes no version");
    let preference = &template.globals["DeploymentPreference"];
    found.has(id, preference, &["/Enabled", "/Type"]);
    let own = &template.resources[id]["Properties"]["DeploymentPreference"];
    let back = list(&own["Alarms"]).iter().any(|alarm| named(alarm) == format!("{id}ErrorsAlarm"));
    found.must(id, back, "its errors take no new version back");
    // With the desk goes its rollout.
    let conditional = !template.resources[id]["Condition"].is_null();
    found.must(id, conditional == (own["PassthroughCondition"] == true), "its rollout is not there when it is");
}

/// What a function reads from its environment, by its source, is what the template tells it.
fn check_environment(template: &Template, id: &str, found: &mut Found) {
    let variables = |of: &Value| {
        let all = of["Environment"]["Variables"].as_object().into_iter().flatten();
        all.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    let own = variables(&template.resources[id]["Properties"]);
    let all: BTreeSet<String> = own.iter().chain(&variables(&template.globals)).map(|(name, _)| name.clone()).collect();
    let read = read_by(id);
    for name in read.difference(&all) {
        found.say(id, format_args!("{name} is read and not told"));
    }
    for (name, value) in &own {
        let told = value.is_string() || value.as_object().is_some_and(|call| !call.is_empty());
        found.must(id, told, format_args!("{name} is told nothing"));
    }
    let own: BTreeSet<String> = own.into_iter().map(|(name, _)| name).collect();
    for name in own.difference(&read) {
        found.say(id, format_args!("{name} is told and not read"));
    }
}

/// Variables by what reads them, where that is not the function's own source.
const READ_ELSEWHERE: [(&str, &str); 5] = [
    ("Store::from_env", "STATE_TABLE"),
    ("Ledger::from_env", "LEDGER_TABLE"),
    ("settings::playbook", "PLAYBOOK"),
    ("lambda::serve", "STAGE"),
    ("metrics::from_env", "STAGE"),
];

/// The source of a function's `main`.
pub(crate) fn source(id: &str) -> &'static str {
    static ALL: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let sources = ALL.get_or_init(|| {
        let folders = std::fs::read_dir(root().join("functions")).expect("the functions");
        let folders = folders.map(|entry| entry.expect("a folder").path());
        let source = |folder: &Path| std::fs::read_to_string(folder.join("src/main.rs")).ok();
        let name = |folder: &Path| folder.file_name().map(|it| it.to_string_lossy().into_owned());
        folders.filter_map(|folder| Some((name(&folder)?, source(&folder)?))).collect()
    });
    sources.get(&kebab(id)).map_or("", String::as_str)
}

/// The variables that a function's `main` reads.
fn read_by(id: &str) -> BTreeSet<String> {
    let source = source(id);
    let is_variable = |text: &&str| text.len() > 2 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let own = source.split('"').skip(1).step_by(2).filter(is_variable).map(str::to_owned);
    let elsewhere = READ_ELSEWHERE.iter().filter(|(by, _)| source.contains(by)).map(|(_, name)| (*name).to_owned());
    own.chain(elsewhere).collect()
}

/// The log group that a function writes to.
fn check_log(template: &Template, id: &str, found: &mut Found) -> String {
    let group = named(&template.of_function(id, "LoggingConfig")["LogGroup"]);
    let name = &template.resources.get(&group).cloned().unwrap_or_default()["Properties"]["LogGroupName"];
    let own = format!("/aws/lambda/perennial-Stage-{}", kebab(id));
    found.must(id, named(name) == own, "it has no log group of its own");
    let format = &template.globals["LoggingConfig"];
    found.is(id, format, "/LogFormat", "JSON");
    found.is(id, format, "/ApplicationLogLevel", "INFO");
    found.is(id, format, "/SystemLogLevel", "INFO");
    group
}

/// What a function fails on for good lies in a queue afterwards.
fn check_failures(template: &Template, id: &str, function: &Value, found: &mut Found) {
    let queue = |name: &str| template.resources.get(name).is_some_and(|it| it["Type"] == "AWS::SQS::Queue");
    let events = function["Events"].as_object().into_iter().flatten();
    let asynchronous = |event: &Value| matches!(event["Type"].as_str(), Some("EventBridgeRule" | "ScheduleV2"));
    let called: Vec<(&String, &Value)> = events.collect();
    found.must(id, !called.is_empty() || super::edge::is_called_by_http(template, id), "nothing calls it");
    if called.iter().any(|(_, event)| asynchronous(event)) || permissions::schedules(function).next().is_some() {
        let config = &function["EventInvokeConfig"];
        found.is(id, config, "/MaximumRetryAttempts", 2);
        let age = number(&config["MaximumEventAgeInSeconds"]).unwrap_or_default();
        found.must(id, age >= 3_600, "an event is given up within the hour");
        let failed = &config["DestinationConfig"]["OnFailure"];
        found.is(id, failed, "/Type", "SQS");
        found.must(id, queue(&named(&failed["Destination"])), "what it fails on is kept nowhere");
    }
    for (name, event) in called {
        let (id, of) = (format!("{id}.{name}"), &event["Properties"]);
        match event["Type"].as_str() {
            Some("DynamoDB") => check_stream(template, &id, of, found),
            Some("SQS") => {
                found.is(&id, of, "/FunctionResponseTypes", json!(["ReportBatchItemFailures"]));
                found.must(&id, number(&of["BatchSize"]).is_some_and(|size| size <= 10), "batches are not limited");
                let at_once = named(&of["ScalingConfig"]["MaximumConcurrency"]);
                found.must(&id, at_once == "MailConcurrency", "nobody limits how many work at once");
                found.must(&id, queue(&named(&of["Queue"])), "it reads a queue that is not there");
            }
            Some("EventBridgeRule" | "ScheduleV2" | "HttpApi") => {}
            _ => found.say(&id, "it is called in a way that no rule knows"),
        }
    }
}

/// Lambda gives up what has come round by a queue 16 times, unless it is told that it is meant so. Source: Lambda Developer Guide, "Use
/// Lambda recursive loop detection to prevent infinite loops".
fn check_loops(template: &Template, id: &str, function: &Value, found: &mut Found) {
    let (mut fed, mut new) = (BTreeSet::new(), vec![id.to_owned()]);
    while let Some(next) = new.pop() {
        let by_it = feeds(template, &next);
        new.extend(by_it.into_iter().filter(|reader| fed.insert(reader.clone())));
    }
    let (round, meant) = (fed.contains(id), function["RecursiveLoop"] == "Allow");
    found.must(id, meant || !round, "what it puts into its own queue is given up after 16 rounds");
    found.must(id, round || !meant, "it may go round for ever, and has no reason to");
}

/// The functions that read what this one may put into queues.
fn feeds(template: &Template, id: &str) -> BTreeSet<String> {
    let role = template.resources.get(&named(template.of_function(id, "Role"))).cloned().unwrap_or_default();
    let statements = list(&role["Properties"]["Policies"]).into_iter();
    let statements = statements.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    let sends = statements.filter(|it| list(&it["Action"]).iter().any(|action| **action == "sqs:SendMessage"));
    let queues: Vec<String> = sends.flat_map(|it| list(&it["Resource"])).map(named).collect();
    queues.iter().flat_map(|queue| super::queues::readers(template, queue)).map(str::to_owned).collect()
}

fn check_stream(template: &Template, id: &str, of: &Value, found: &mut Found) {
    let stream = named(&of["Stream"]);
    let table = stream.strip_suffix(".StreamArn").and_then(|table| template.resources.get(table));
    found.must(id, table.is_some_and(|it| it["Type"] == "AWS::DynamoDB::Table"), "it reads a stream that is not there");
    found.is(id, of, "/StartingPosition", "TRIM_HORIZON");
    found.is(id, of, "/FunctionResponseTypes", json!(["ReportBatchItemFailures"]));
    found.is(id, of, "/BisectBatchOnFunctionError", true);
    found.must(id, number(&of["BatchSize"]).is_some_and(|size| size <= 100), "batches are not limited");
    found.must(
        id,
        number(&of["MaximumRetryAttempts"]).is_some_and(|tries| tries >= 5),
        "it never gives up, or at once",
    );
    let failed = &of["DestinationConfig"]["OnFailure"];
    found.is(id, failed, "/Type", "SQS");
    let queue = template.resources.get(&named(&failed["Destination"]));
    found.must(id, queue.is_some_and(|it| it["Type"] == "AWS::SQS::Queue"), "what it gives up is kept nowhere");
    // Without one a consumer would be called for what the others consume.
    for filter in list(&of["FilterCriteria"]["Filters"]) {
        let pattern = filter["Pattern"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        found.must(id, pattern.is_some_and(|it| it.is_object()), "its filter is none");
    }
    found.has(id, of, &["/FilterCriteria/Filters"]);
}

/// A parameter that a function is told publishes a version when it changes: SAM compares what stands there, not its value, but for
/// Tracing, and Lambda publishes no version that differs in nothing. The stage is a part of the function's name.
fn check_told(template: &Template, found: &mut Found) {
    let globals = &template.file["Globals"]["Function"];
    let functions = template.all("AWS::Serverless::Function").map(|(_, function)| &function["Environment"]);
    let parameter = |name: &String| name != "Stage" && template.file["Parameters"].get(name).is_some();
    let told: BTreeSet<String> = functions.flat_map(names).filter(parameter).collect();
    let compared = names(&globals["Tracing"]);
    let differs = names(&globals["Environment"]["Variables"]["DEPLOYED_WITH"]);
    for name in told.iter().chain(["Profile", "Edge"].map(str::to_owned).iter()) {
        let both = compared.contains(name) && differs.contains(name);
        found.must("Globals", both, format_args!("another {name} publishes no version"));
    }
}

/// The playbook is published with every change, and old ones stay.
fn check_layer(template: &Template, found: &mut Found) {
    for (id, layer) in template.all("AWS::Serverless::LayerVersion") {
        found.is(id, layer, "/PublishLambdaVersion", true);
        found.is(id, layer, "/RetentionPolicy", "Retain");
        found.is(id, layer, "/ContentUri", "../playbook/build/");
        found.is(id, layer, "/CompatibleRuntimes", json!(["provided.al2023"]));
        found.has(id, layer, &["/LayerName"]);
    }
}

/// `IngestEngagement` is `ingest-engagement`.
fn kebab(id: &str) -> String {
    let mut out = String::new();
    for c in id.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
