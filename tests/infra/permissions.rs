//! Each role allows what its user does and nothing else: what the functions' clients were seen to ask for, and what AWS asks for on
//! behalf of a function because the template says that it reads a stream, polls a queue, reports failures, logs or traces.

use std::collections::{BTreeMap, BTreeSet};

use perennial_platform::mail::is_production;
use serde_json::{Value, json};

use crate::journeys;
use crate::recorded::{Grant, Grants};
use crate::rules;
use crate::sam::{ALL, FULL, Template, list, named};

/// Everything that is wrong with the roles, each with the role's name.
pub(crate) fn findings(template: &Template, recorded: &Grants) -> Vec<String> {
    let mut found = Vec::new();
    let needed = needed(template, recorded);
    for (role, _) in template.all("AWS::IAM::Role") {
        if !needed.contains_key(role) {
            found.push(format!("{role}: nobody uses it"));
        }
    }
    for (role, needed) in &needed {
        found.extend(of_a_role(template, role, needed).into_iter().map(|finding| format!("{role}: {finding}")));
    }
    for function in recorded
        .keys()
        .filter(|function| !template.file["Resources"].as_object().is_some_and(|all| all.contains_key(*function)))
    {
        found.push(format!("{function}: it ran, and the template does not have it"));
    }
    found
}

fn of_a_role(template: &Template, role: &str, needed: &Needed) -> Vec<String> {
    let resource = &template.resources.get(role).cloned().unwrap_or_default();
    if resource["Type"] != "AWS::IAM::Role" {
        return vec!["there is no such role".to_owned()];
    }
    let properties = &resource["Properties"];
    let mut found = Vec::new();
    if needed.users.len() > 1 && needed.service == LAMBDA {
        found.push(format!("it is shared by {}", needed.users.join(", ")));
    }
    let managed: Vec<String> = list(&properties["ManagedPolicyArns"]).into_iter().map(named).collect();
    // What CodeDeploy does is its own affair, and AWS keeps the list.
    let expected: &[&str] = if needed.service == CODE_DEPLOY { &[OF_CODE_DEPLOY] } else { &[] };
    if managed != expected {
        found.push(format!("it has policies that do not stand in the template: {managed:?}"));
    }
    if properties["AssumeRolePolicyDocument"] != trust(needed) {
        found.push(format!("it can be assumed by others than {}", needed.service));
    }
    let (allowed, odd) = allowed(properties);
    found.extend(odd);
    let missing = needed.grants.difference(&allowed).map(|grant| format!("it may not: {grant}"));
    let unused = allowed.difference(&needed.grants).map(|grant| format!("it need not: {grant}"));
    found.into_iter().chain(missing).chain(unused).collect()
}

const LAMBDA: &str = "lambda.amazonaws.com";
const SCHEDULER: &str = "scheduler.amazonaws.com";
const CODE_DEPLOY: &str = "codedeploy.amazonaws.com";
/// The policy for Lambda without rights on every topic.
const OF_CODE_DEPLOY: &str = "iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited";

/// Whoever is given a role, and what they do with it.
#[derive(Default)]
struct Needed {
    users: Vec<String>,
    service: &'static str,
    /// The groups of the schedules that use it.
    groups: BTreeSet<String>,
    grants: BTreeSet<Grant>,
}

/// By role.
fn needed(template: &Template, recorded: &Grants) -> BTreeMap<String, Needed> {
    let mut roles: BTreeMap<String, Needed> = BTreeMap::new();
    for (function, properties) in template.all("AWS::Serverless::Function") {
        let own = roles.entry(named(&properties["Role"])).or_default();
        own.service = LAMBDA;
        own.users.push(function.to_owned());
        own.grants
            .extend(recorded.get(function).into_iter().flatten().cloned().map(|grant| as_granted(template, grant)));
        own.grants.extend(at_start(function, properties));
        own.grants.extend(rarely(function));
        own.grants.extend(on_behalf(template, function));
        if template.given("RolloutType") != "AllAtOnce" {
            let shifts = roles.entry(named(&template.globals["DeploymentPreference"]["Role"])).or_default();
            shifts.service = CODE_DEPLOY;
            shifts.users.push(function.to_owned());
        }
        for (_, schedule) in schedules(properties) {
            let starts = roles.entry(named(&schedule["RoleArn"])).or_default();
            starts.service = SCHEDULER;
            starts.users.push(function.to_owned());
            starts.groups.insert(named(&schedule["GroupName"]));
            starts.grants.insert(Grant::new("lambda:InvokeFunction", called(template, function)));
            let dead = named(&schedule["DeadLetterConfig"]["Arn"]);
            starts.grants.insert(Grant::new("sqs:SendMessage", dead));
        }
    }
    if let Some((key, _)) = template.all("AWS::KMS::Key").next() {
        roles.values_mut().for_each(|role| role.grants.extend(with_key(key, &role.grants)));
    }
    roles
}

/// What a role needs of the key that tables and queues are encrypted with: whoever asks for an item or a message asks for the key of it, and
/// who sends to a queue for a new one. Source: DynamoDB Developer Guide, "Encryption at rest: how it works"; SQS Developer Guide, "Key
/// management".
fn with_key(key: &str, grants: &BTreeSet<Grant>) -> Vec<Grant> {
    let uses = |service: &&str| grants.iter().any(|grant| grant.action.starts_with(&format!("{service}:")));
    let via = ["dynamodb", "sqs"].into_iter().filter(uses);
    let via: Vec<String> = via.map(|service| format!("{service}.AWS::Region.AWS::URLSuffix")).collect();
    if via.is_empty() {
        return Vec::new();
    }
    let condition = format!("StringEquals kms:ViaService {}", via.join(", "));
    let sends = grants.iter().any(|grant| grant.action == "sqs:SendMessage");
    let actions = ["kms:Decrypt"].into_iter().chain(sends.then_some("kms:GenerateDataKey"));
    actions.map(|action| Grant { conditions: [condition.clone()].into(), ..Grant::new(action, key) }).collect()
}

/// The schedules among a function's events, by the event's name.
pub(crate) fn schedules(function: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let events = function["Events"].as_object().into_iter().flatten();
    events.filter(|(_, event)| event["Type"] == "ScheduleV2").map(|(name, event)| (name, &event["Properties"]))
}

/// What is called when a function is: its alias, by the function's name.
fn called(template: &Template, function: &str) -> String {
    let alias = template.of_function(function, "AutoPublishAlias").as_str().unwrap_or_default();
    format!("lambda:function:{}:{alias}", named(template.of_function(function, "FunctionName")))
}

/// What is done in the state table only when something breaks or somebody leaves, which the journeys do not play; what does it, and the
/// test that plays it.
const RARELY: [(&str, &str, &str, &str); 8] = [
    (
        "EscalateSla",
        "GetItem",
        "ACCOUNT#*",
        "its owner left the playbook, and whoever has the account gets a lead: faults::owners",
    ),
    (
        "RecordEmailFeedback",
        "UpdateItem",
        "ACCOUNT#*",
        "a mail of which SES said nothing turns out to be sent: faults::feedback",
    ),
    ("RecordEmailFeedback", "UpdateItem", "DIGEST#*", "as above, of a digest"),
    (
        "RecordEmailFeedback",
        "ConditionCheckItem",
        "EMAIL#*",
        "mail to somebody known by an address alone comes back: faults::feedback",
    ),
    ("SendNurtureEmail", "Query", "ACCOUNT#*", "an account does not use what it bought: faults::needs_help"),
    ("SendNurtureEmail", "UpdateItem", "OUTBOX#*", "as above: somebody is asked to help"),
    ("SignedPages", "Query", "EMAIL#*", "the company's own site asks what to offer: faults::preferences"),
    ("SignedPages", "ConditionCheckItem", "EMAIL#*", "somebody known by an address alone chooses: faults::preferences"),
];

fn rarely(function: &str) -> Vec<Grant> {
    let own = RARELY.iter().filter(|(of, ..)| *of == function);
    let grant = |action: &str, partition: &str| Grant {
        partition: Some(partition.to_owned()),
        ..Grant::new(format!("dynamodb:{action}"), "StateTable")
    };
    own.map(|(_, action, partition, _)| grant(action, partition)).collect()
}

/// What a function reads when it starts, before anything calls it: the keys, from the secret that its environment names.
fn at_start(function: &str, properties: &Value) -> Option<Grant> {
    let keys = rules::functions::source(function).contains("KeySecret::read(");
    let secret = named(&properties["Environment"]["Variables"]["KEY_SECRET_NAME"]);
    let resource = format!("secretsmanager:secret:{secret}-??????");
    keys.then(|| Grant::new("secretsmanager:GetSecretValue", resource))
}

/// SES asks under which address; the template limits it to the identity's. Where the functions do not write to anyone the account may be
/// in the sandbox, and then SES asks for the recipient's identity too, which may be any. See [`crate::recorded`] for what was recorded.
fn as_granted(template: &Template, grant: Grant) -> Grant {
    if grant.action != "ses:SendEmail" {
        return Grant { conditions: BTreeSet::new(), ..grant };
    }
    let conditions = BTreeSet::from(["StringLike ses:FromAddress *@SenderIdentity, SenderIdentity".to_owned()]);
    let any = grant.resource.starts_with("ses:identity/") && !is_production(template.given("Stage"));
    let resource = if any { "ses:identity/*".to_owned() } else { grant.resource };
    Grant { conditions, resource, ..grant }
}

/// What AWS does under the function's role. Source: Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB", "… with Amazon SQS",
/// "Capturing records of Lambda asynchronous invocations", "Sending Lambda function logs to CloudWatch Logs" and "Visualize Lambda
/// function invocations using AWS X-Ray".
fn on_behalf(template: &Template, function: &str) -> Vec<Grant> {
    let properties = &template.resources[function]["Properties"];
    let mut grants = Vec::new();
    let mut all = |service: &str, actions: &[&str], resource: String| {
        grants.extend(actions.iter().map(|action| Grant::new(format!("{service}:{action}"), resource.clone())));
    };
    for (_, event) in properties["Events"].as_object().into_iter().flatten() {
        let source = &event["Properties"];
        match event["Type"].as_str() {
            Some("DynamoDB") => {
                let read = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];
                all("dynamodb", &read, named(&source["Stream"]));
                all("sqs", &["SendMessage"], named(&source["DestinationConfig"]["OnFailure"]["Destination"]));
            }
            Some("SQS") => {
                let poll = ["DeleteMessage", "GetQueueAttributes", "ReceiveMessage"];
                all("sqs", &poll, named(&source["Queue"]));
            }
            _ => {}
        }
    }
    let failed = &properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"];
    if !failed.is_null() {
        all("sqs", &["SendMessage"], named(failed));
    }
    // Read when a function starts, before any story begins.
    if !properties["Environment"]["Variables"]["KEY_SECRET_NAME"].is_null() {
        all("secretsmanager", &["GetSecretValue"], "secretsmanager:secret:KeySecretName-??????".to_owned());
    }
    all("logs", &["CreateLogStream", "PutLogEvents"], named(&properties["LoggingConfig"]["LogGroup"]));
    if template.of_function(function, "Tracing") == "Active" {
        all("xray", &["PutTelemetryRecords", "PutTraceSegments"], "*".to_owned());
    }
    grants
}

/// The only document that lets the user of a role assume it. Lambda names no function when it does; a schedule names its group.
fn trust(needed: &Needed) -> Value {
    let mut statement =
        json!({"Effect": "Allow", "Principal": {"Service": needed.service}, "Action": "sts:AssumeRole"});
    if let Some(group) = needed.groups.first().filter(|_| needed.service == SCHEDULER) {
        statement["Condition"] = json!({"StringEquals": {
            "aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": {"Fn::GetAtt": [group, "Arn"]},
        }});
    }
    if needed.service == CODE_DEPLOY {
        statement["Condition"] = json!({"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}});
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// What a role's policies allow, and what is odd about them.
fn allowed(role: &Value) -> (BTreeSet<Grant>, Vec<String>) {
    let (mut grants, mut odd, mut stated) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for policy in list(&role["Policies"]) {
        let document = &policy["PolicyDocument"];
        if document["Version"] != "2012-10-17" || !policy["PolicyName"].is_string() {
            odd.push("a policy has no name or not the version that knows conditions".to_owned());
        }
        for statement in list(&document["Statement"]) {
            if statement["Effect"] != "Allow" {
                odd.push("a statement that does not allow is not understood here".to_owned());
                continue;
            }
            let of_it = of_a_statement(statement);
            let pairs: BTreeSet<_> = of_it.iter().map(|it| (it.action.clone(), it.resource.clone())).collect();
            // One call may name keys of several partitions, and one statement must allow them all.
            odd.extend(pairs.intersection(&stated).map(|(action, on)| format!("two statements say: {action} on {on}")));
            stated.extend(pairs);
            grants.extend(of_it);
        }
    }
    (grants, odd)
}

const LEADING: &str = "dynamodb:LeadingKeys";

fn of_a_statement(statement: &Value) -> Vec<Grant> {
    let condition = &statement["Condition"];
    let partitions = list(&condition["ForAllValues:StringLike"][LEADING]);
    let mut grants = Vec::new();
    for action in list(&statement["Action"]) {
        for resource in list(&statement["Resource"]) {
            let mut grant = Grant::new(named(action), named(resource));
            grant.conditions = conditions(condition, &grant.resource, !partitions.is_empty());
            if partitions.is_empty() {
                grants.push(grant);
                continue;
            }
            grants.extend(partitions.iter().map(|one| Grant { partition: Some(named(one)), ..grant.clone() }));
        }
    }
    grants
}

/// The conditions of a statement as texts, but for the partitions, which are a part of the grant.
///
/// `ForAllValues` holds where there is no value, so a table's partitions stand beside a guard that there is one. An index has none: what
/// the key is for it is not documented, and where it should be missing the guard would deny every query.
fn conditions(condition: &Value, resource: &str, limited: bool) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let mut guarded = false;
    for (operator, keys) in condition.as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let values: Vec<String> = list(values).into_iter().map(named).collect();
            match (operator.as_str(), key.as_str()) {
                ("ForAllValues:StringLike", LEADING) => {}
                ("Null", LEADING) if values == ["false"] && !resource.contains("/index/") => guarded = true,
                _ => {
                    texts.insert(format!("{operator} {key} {}", values.join(", ")));
                }
            }
        }
    }
    if limited && !guarded && !resource.contains("/index/") {
        texts.insert("there is a partition or none is named".to_owned());
    }
    texts
}

#[test]
fn every_role_allows_what_its_user_does_and_nothing_else() {
    let recorded = journeys::calls();
    for parameters in ALL {
        let template = Template::shipped(parameters);
        let found = findings(&template, recorded);
        assert!(found.is_empty(), "{parameters:?}\n{}", found.join("\n"));
    }
    // Everything that the template has has run.
    let template = Template::shipped(FULL);
    let functions: BTreeSet<&str> = template.all("AWS::Serverless::Function").map(|(id, _)| id).collect();
    assert_eq!(recorded.keys().map(String::as_str).collect::<BTreeSet<_>>(), functions);
}
