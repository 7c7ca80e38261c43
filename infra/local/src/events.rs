//! A function's events and the rules of the template.
//!
//! Owns the mapping from SAM's `Events` and from `AWS::Events::Rule` to triggers. It never runs one.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::template::{FunctionWiring, Named, Rule, StreamTrigger, Target, TemplateError, Trigger, logical_id};

/// Properties of a rule or a rule's target that would change what is delivered.
const TRANSFORMING: [&str; 3] = ["Input", "InputPath", "InputTransformer"];

/// A function with its triggers, and the rules among them.
pub(crate) fn function(named: &Named<'_>, globals: &Value) -> Result<(FunctionWiring, Vec<Rule>), TemplateError> {
    let mut triggers = Vec::new();
    let mut rules = Vec::new();
    if !named.properties["FunctionUrlConfig"].is_null() {
        return Err(named.error("a function URL is a resource of its own here: AWS::Lambda::Url"));
    }
    for (event_name, event) in named.properties["Events"].as_object().into_iter().flatten() {
        let name = format!("{}.{event_name}", named.name);
        let event_named = Named { name, properties: &event["Properties"], known: named.known };
        if event["Properties"]["State"] == "DISABLED" || event["Properties"]["Enabled"] == false {
            continue;
        }
        match event["Type"].as_str().unwrap_or_default() {
            "HttpApi" => triggers.push(http(&event_named)?),
            "DynamoDB" => triggers.push(Trigger::Stream(stream(&event_named)?)),
            "SQS" => triggers.push(queue(&event_named)?),
            "ScheduleV2" => {
                triggers.push(schedule(&event_named, event_name, "ScheduleExpression", "ScheduleExpressionTimezone")?);
            }
            "Schedule" => triggers.push(schedule(&event_named, event_name, "Schedule", "")?),
            "EventBridgeRule" | "CloudWatchEvent" => {
                let pattern = json_or_text(&event_named, "Pattern")?;
                refuse_transformation(&event_named, event_named.properties)?;
                triggers.push(Trigger::Rule { pattern: pattern.clone() });
                rules.push(Rule {
                    name: event_named.name.clone(),
                    event_bus: event_named.bus()?,
                    pattern,
                    target: Target::Function(named.name.clone()),
                });
            }
            other => {
                return Err(event_named.error(format!("an event of type `{other}` is not implemented here")));
            }
        }
    }
    let mut environment = BTreeMap::new();
    for source in [globals, named.properties] {
        for (name, value) in source["Environment"]["Variables"].as_object().into_iter().flatten() {
            environment.insert(name.clone(), value.clone());
        }
    }
    let destination = &named.properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"];
    let on_failure = match named.queue(destination)? {
        Some(queue) => Some(queue),
        None => named.queue(&named.properties["DeadLetterQueue"]["TargetArn"])?,
    };
    Ok((FunctionWiring { logical_id: named.name.clone(), environment, on_failure, triggers }, rules))
}

/// A rule resource, one [`Rule`] per target.
pub(crate) fn standalone_rules(named: &Named<'_>) -> Result<Vec<Rule>, TemplateError> {
    if named.properties["State"] == "DISABLED" {
        return Ok(Vec::new());
    }
    if !named.properties["ScheduleExpression"].is_null() {
        return Err(named.error("scheduled rules are not implemented here; use a ScheduleV2 event"));
    }
    let pattern = json_or_text(named, "EventPattern")?;
    let targets = named.properties["Targets"].as_array().filter(|targets| !targets.is_empty());
    let targets = targets.ok_or_else(|| named.error("the rule has no targets"))?;
    let rule = |target: &Value| {
        refuse_transformation(named, target)?;
        let id = logical_id(&target["Arn"]).unwrap_or_default().to_owned();
        let target = if named.known.queues.contains(&id) {
            Target::Queue(id)
        } else if named.known.functions.contains(&id) {
            Target::Function(id)
        } else {
            return Err(
                named.error(format!("the target {} is not a function or queue of this template", target["Arn"]))
            );
        };
        Ok(Rule { name: named.name.clone(), event_bus: named.bus()?, pattern: pattern.clone(), target })
    };
    targets.iter().map(rule).collect()
}

fn refuse_transformation(named: &Named<'_>, target: &Value) -> Result<(), TemplateError> {
    match TRANSFORMING.iter().find(|field| !target[**field].is_null()) {
        Some(field) => Err(named.error(format!("`{field}` is not implemented here"))),
        None => Ok(()),
    }
}

/// A JSON object, written as one or as its text.
fn json_or_text(named: &Named<'_>, field: &str) -> Result<Value, TemplateError> {
    parsed(named, field, &named.properties[field])
}

fn parsed(named: &Named<'_>, field: &str, value: &Value) -> Result<Value, TemplateError> {
    match value {
        Value::Object(_) => Ok(value.clone()),
        Value::String(text) => {
            serde_json::from_str(text).map_err(|error| named.error(format!("`{field}` is not JSON: {error}")))
        }
        _ => Err(named.error(format!("`{field}` is missing"))),
    }
}

fn http(named: &Named<'_>) -> Result<Trigger, TemplateError> {
    let path = named.text("Path")?.to_owned();
    if path.contains("+}") {
        return Err(named.error("greedy path parameters are not implemented here"));
    }
    let authorizer = match &named.properties["Auth"]["Authorizer"] {
        Value::Null => None,
        Value::String(name) if named.known.authorizers.contains(name) => Some(name.clone()),
        other => return Err(named.error(format!("{other} is not an authorizer of this template that checks tokens"))),
    };
    Ok(Trigger::Http { method: named.text("Method")?.to_uppercase(), path, authorizer })
}

fn stream(named: &Named<'_>) -> Result<StreamTrigger, TemplateError> {
    let reference = &named.properties["Stream"];
    // A stream's own ARN ends in `/stream/<label>`; the reduced reference is the table's logical id.
    let table = logical_id(reference).unwrap_or_default().to_owned();
    match named.known.streams.get(&table) {
        Some(true) => {}
        Some(false) => return Err(named.error(format!("the table {table} has no stream"))),
        None => return Err(named.error(format!("{reference} is not a table of this template"))),
    }
    let unlimited = "`MaximumRetryAttempts` must be set to a finite number";
    let retries = named.number("MaximumRetryAttempts")?.ok_or_else(|| named.error(unlimited))?;
    let filters = named.properties["FilterCriteria"]["Filters"].as_array().into_iter().flatten();
    Ok(StreamTrigger {
        table,
        filters: filters.map(|filter| parsed(named, "Pattern", &filter["Pattern"])).collect::<Result<_, _>>()?,
        batch_size: batch_size(named, 100)?,
        report_item_failures: reports_item_failures(named)?,
        bisect: named.properties["BisectBatchOnFunctionError"] == true,
        retries: u32::try_from(retries).map_err(|_| named.error(unlimited))?,
        on_failure: named.queue(&named.properties["DestinationConfig"]["OnFailure"]["Destination"])?,
    })
}

fn queue(named: &Named<'_>) -> Result<Trigger, TemplateError> {
    if !named.properties["FilterCriteria"].is_null() {
        return Err(named.error("filters on queues are not implemented here"));
    }
    let queue = named.queue(&named.properties["Queue"])?.ok_or_else(|| named.error("`Queue` is missing"))?;
    Ok(Trigger::Queue {
        queue,
        batch_size: batch_size(named, 10)?,
        report_item_failures: reports_item_failures(named)?,
    })
}

fn schedule(named: &Named<'_>, name: &str, expression: &str, zone: &str) -> Result<Trigger, TemplateError> {
    let input = match &named.properties["Input"] {
        Value::String(input) => input.clone(),
        Value::Object(_) => named.properties["Input"].to_string(),
        _ => return Err(named.error("a schedule needs an `Input`")),
    };
    serde_json::from_str::<Value>(&input).map_err(|error| named.error(format!("`Input` is not JSON: {error}")))?;
    let time_zone = match &named.properties[zone] {
        Value::Null => "UTC".to_owned(),
        value => value.as_str().ok_or_else(|| named.error(format!("`{zone}` cannot be resolved: {value}")))?.to_owned(),
    };
    Ok(Trigger::Schedule { name: name.to_owned(), expression: named.text(expression)?.to_owned(), time_zone, input })
}

fn batch_size(named: &Named<'_>, default: usize) -> Result<usize, TemplateError> {
    match named.number("BatchSize")? {
        None => Ok(default),
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| named.error("`BatchSize` must be 1 or more")),
    }
}

fn reports_item_failures(named: &Named<'_>) -> Result<bool, TemplateError> {
    let mut reports = false;
    for kind in named.properties["FunctionResponseTypes"].as_array().into_iter().flatten() {
        match kind.as_str() {
            Some("ReportBatchItemFailures") => reports = true,
            _ => {
                return Err(named.error(format!("the response type {kind} is not implemented here")));
            }
        }
    }
    Ok(reports)
}
