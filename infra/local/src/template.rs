//! What triggers what, read from the SAM template.
//!
//! Owns the meaning of the resources that the local world runs: tables, queues, functions, their events, and rules.
//! It never skips: a trigger it does not implement, or one that names something missing, is an error that says which
//! resource it is, because wiring that is silently absent here would be silently untested.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thiserror::Error;

use crate::cloudformation::Document;
use crate::events;
use crate::mail_events::{Found, MailEvents};
use crate::pattern::{Pattern, PatternError};
use crate::routes;
use crate::schedule::{Schedule, ScheduleError};

/// Everything that runs, as the template says.
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    /// DynamoDB tables.
    pub tables: Vec<Table>,
    /// SQS queues, dead-letter queues among them.
    pub queues: Vec<Queue>,
    /// Event buses, without the default one.
    pub event_buses: Vec<String>,
    /// Lambda functions.
    pub functions: Vec<FunctionWiring>,
    /// EventBridge rules, those written as a function's event among them.
    pub rules: Vec<Rule>,
    /// Queues that are told what becomes of mail.
    pub mail_events: Vec<MailEvents>,
}

/// A DynamoDB table. Its name in the local world is its logical id.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The logical id.
    pub logical_id: String,
    /// `KeySchema`, `AttributeDefinitions` and `GlobalSecondaryIndexes` as the API takes them, to create it with.
    pub definition: Value,
    /// The hash key's name.
    pub hash_key: String,
    /// The range key's name.
    pub range_key: Option<String>,
    /// The names of the global secondary indexes.
    pub indexes: Vec<String>,
    /// The stream's view type, if it has a stream.
    pub stream: Option<String>,
    /// The time-to-live attribute. Nothing expires in the local world: its clock can jump by months, and what has
    /// expired can be read for days on AWS too.
    pub ttl: Option<String>,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The logical id, which is its name here.
    pub logical_id: String,
    /// Seconds a received message stays hidden.
    pub visibility_seconds: i64,
    /// Where a message goes after so many receives.
    pub redrive: Option<Redrive>,
}

/// A queue's redrive policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// How often a message may be received.
    pub max_receive_count: u32,
    /// The dead-letter queue.
    pub dead_letter: String,
}

/// A function and what calls it.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionWiring {
    /// The logical id.
    pub logical_id: String,
    /// Its environment with the globals', references as logical ids. What cannot be known here is left as it is.
    pub environment: BTreeMap<String, Value>,
    /// Where an asynchronous invocation goes that failed for good.
    pub on_failure: Option<String>,
    /// What calls it.
    pub triggers: Vec<Trigger>,
}

/// What calls a function.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// A route of the HTTP API.
    Http {
        /// The method in capitals, or `ANY`.
        method: String,
        /// The path with `{parameters}`.
        path: String,
        /// The API's authorizer that lets a request through, if there is one.
        authorizer: Option<String>,
    },
    /// An address of its own: every request, whatever its method and path.
    Url,
    /// A table's stream.
    Stream(StreamTrigger),
    /// A queue.
    Queue {
        /// The queue's logical id.
        queue: String,
        /// At most so many messages per call.
        batch_size: usize,
        /// Whether the function says which messages failed.
        report_item_failures: bool,
    },
    /// A schedule.
    Schedule {
        /// The event's name in the template.
        name: String,
        /// `cron(…)`, `rate(…)` or `at(…)`.
        expression: String,
        /// An IANA time zone.
        time_zone: String,
        /// JSON text in which `<aws.scheduler.scheduled-time>` is replaced.
        input: String,
    },
    /// A rule; the same one is among [`Wiring::rules`].
    Rule {
        /// The event pattern.
        pattern: Value,
    },
}

/// How a function reads a table's stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamTrigger {
    /// The table's logical id.
    pub table: String,
    /// A record is delivered if any filter matches, or there is none.
    pub filters: Vec<Value>,
    /// At most so many records per call.
    pub batch_size: usize,
    /// Whether the function says which records failed.
    pub report_item_failures: bool,
    /// Whether a failed batch is split.
    pub bisect: bool,
    /// How often what failed is tried again.
    pub retries: u32,
    /// The queue for pointers to what failed for good.
    pub on_failure: Option<String>,
}

/// An EventBridge rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The logical id; for a function's event the function's followed by the event's name.
    pub name: String,
    /// The bus; `None` is the default one.
    pub event_bus: Option<String>,
    /// The event pattern.
    pub pattern: Value,
    /// Who gets the event.
    pub target: Target,
}

/// Who gets a rule's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A function.
    Function(String),
    /// A queue.
    Queue(String),
}

/// Why a template cannot be run here.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The file is not YAML, or not a template.
    #[error("template: {0}")]
    Yaml(String),
    /// A value was given for a parameter that the template does not have.
    #[error("template: there is no parameter `{0}`")]
    UnknownParameter(String),
    /// A resource is incomplete, of a kind that is not implemented here, or names something that is missing.
    #[error("{resource}: {reason}")]
    Resource {
        /// The logical id, followed by the event's name if it is about one.
        resource: String,
        /// What is wrong.
        reason: String,
    },
    /// A pattern cannot be used.
    #[error("{resource}: {source}")]
    Pattern {
        /// The logical id.
        resource: String,
        /// What is wrong.
        source: PatternError,
    },
    /// A schedule cannot be used.
    #[error("{resource}: {source}")]
    Schedule {
        /// The logical id.
        resource: String,
        /// What is wrong.
        source: ScheduleError,
    },
}

/// A resource or an event of one, with its name for errors.
pub(crate) struct Named<'a> {
    pub(crate) name: String,
    pub(crate) properties: &'a Value,
    pub(crate) known: &'a Known,
}

/// The logical ids by kind, for references.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) streams: BTreeMap<String, bool>,
    pub(crate) queues: BTreeSet<String>,
    pub(crate) functions: BTreeSet<String>,
    pub(crate) buses: BTreeSet<String>,
    /// Those that check tokens of a user pool.
    pub(crate) authorizers: BTreeSet<String>,
}

impl Named<'_> {
    pub(crate) fn error(&self, reason: impl Into<String>) -> TemplateError {
        TemplateError::Resource { resource: self.name.clone(), reason: reason.into() }
    }

    pub(crate) fn text(&self, field: &str) -> Result<&str, TemplateError> {
        self.properties[field].as_str().ok_or_else(|| self.error(format!("`{field}` is missing or is not a text")))
    }

    /// A number that may be absent.
    pub(crate) fn number(&self, field: &str) -> Result<Option<i64>, TemplateError> {
        match &self.properties[field] {
            Value::Null => Ok(None),
            value => {
                let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
                number.map(Some).ok_or_else(|| self.error(format!("`{field}` is not a whole number")))
            }
        }
    }

    /// The queue that a value names by id, URL or ARN.
    pub(crate) fn queue(&self, value: &Value) -> Result<Option<String>, TemplateError> {
        if value.is_null() {
            return Ok(None);
        }
        let id = logical_id(value);
        match id.filter(|id| self.known.queues.contains(*id)) {
            Some(id) => Ok(Some(id.to_owned())),
            None => Err(self.error(format!("{value} is not a queue of this template"))),
        }
    }

    pub(crate) fn bus(&self) -> Result<Option<String>, TemplateError> {
        let value = &self.properties["EventBusName"];
        match logical_id(value) {
            None if value.is_null() => Ok(None),
            Some("default") => Ok(None),
            Some(id) if self.known.buses.contains(id) => Ok(Some(id.to_owned())),
            _ => Err(self.error(format!("{value} is not an event bus of this template"))),
        }
    }
}

/// The last part of an ARN or URL, which for reduced references is the logical id.
pub(crate) fn logical_id(value: &Value) -> Option<&str> {
    value.as_str().and_then(|text| text.rsplit([':', '/']).next())
}

impl Wiring {
    /// Reads a template with its parameters' defaults.
    ///
    /// # Errors
    /// See [`TemplateError`]; the first problem is reported.
    pub fn parse(yaml: &str) -> Result<Self, TemplateError> {
        Self::parse_with(yaml, &BTreeMap::new())
    }

    /// Reads a template; `parameters` win over the defaults.
    ///
    /// # Errors
    /// See [`TemplateError`]; the first problem is reported.
    pub fn parse_with(yaml: &str, parameters: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let document = Document::parse(yaml, parameters)?;
        let resources = document.resources();
        let known = survey(&resources);
        let globals = document.globals();
        let mut mail_events = Found::default();
        let (mut calls, mut permitted) = (Vec::new(), BTreeSet::new());
        let mut wiring = Self { event_buses: known.buses.iter().cloned().collect(), ..Self::default() };
        for (name, resource) in &resources {
            let named = Named { name: name.clone(), properties: &resource["Properties"], known: &known };
            match resource["Type"].as_str().unwrap_or_default() {
                "AWS::DynamoDB::Table" => wiring.tables.push(table(&named)?),
                "AWS::SQS::Queue" => wiring.queues.push(queue(&named)?),
                "AWS::Serverless::HttpApi" if !named.properties["Auth"]["DefaultAuthorizer"].is_null() => {
                    return Err(named.error("a default authorizer is not implemented here; name it at each event"));
                }
                "AWS::Serverless::HttpApi" => calls.extend(routes::of_api(&named)?),
                "AWS::Lambda::Url" => calls.push(routes::of_url(&named)?),
                "AWS::Lambda::Permission" => permitted.extend(routes::permission(&named)),
                "AWS::Events::Rule" => wiring.rules.extend(events::standalone_rules(&named)?),
                "AWS::Serverless::Function" => {
                    let (function, rules) = events::function(&named, &globals["Function"])?;
                    wiring.functions.push(function);
                    wiring.rules.extend(rules);
                }
                "AWS::SES::ConfigurationSetEventDestination" => mail_events.destination(&named)?,
                "AWS::SNS::Subscription" if named.text("Protocol")? == "sqs" => mail_events.subscription(&named)?,
                "AWS::SNS::Subscription" if matches!(named.text("Protocol")?, "email" | "email-json" | "https") => {}
                kind if UNSUPPORTED.contains(&kind) => {
                    return Err(named.error(format!("{kind} is not implemented here; use an event of the function")));
                }
                _ => {}
            }
        }
        wiring.mail_events = mail_events.joined();
        routes::check(&calls, &permitted)?;
        for function in &mut wiring.functions {
            let of_it = calls.extract_if(.., |call| call.function == function.logical_id);
            function.triggers.extend(of_it.map(|call| call.trigger));
        }
        wiring.check()?;
        Ok(wiring)
    }

    /// Patterns and schedules are compiled once here, so that running cannot meet a bad one.
    fn check(&self) -> Result<(), TemplateError> {
        for rule in &self.rules {
            compile_pattern(&rule.name, &rule.pattern)?;
        }
        for function in &self.functions {
            for trigger in &function.triggers {
                match trigger {
                    Trigger::Stream(stream) => {
                        for filter in &stream.filters {
                            compile_pattern(&function.logical_id, filter)?;
                        }
                    }
                    Trigger::Schedule { name, expression, time_zone, .. } => {
                        Schedule::parse(expression, time_zone).map_err(|source| TemplateError::Schedule {
                            resource: format!("{}.{name}", function.logical_id),
                            source,
                        })?;
                    }
                    Trigger::Http { .. } | Trigger::Url | Trigger::Queue { .. } | Trigger::Rule { .. } => {}
                }
            }
        }
        Ok(())
    }
}

/// Resources that trigger something and that this world does not run.
const UNSUPPORTED: [&str; 10] = [
    "AWS::Lambda::Function",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Scheduler::Schedule",
    "AWS::SNS::Subscription",
    "AWS::Pipes::Pipe",
    "AWS::ApiGatewayV2::Route",
    "AWS::DynamoDB::GlobalTable",
    "AWS::Serverless::SimpleTable",
    "AWS::Serverless::StateMachine",
    "AWS::StepFunctions::StateMachine",
];

fn compile_pattern(resource: &str, pattern: &Value) -> Result<Pattern, TemplateError> {
    Pattern::parse(pattern).map_err(|source| TemplateError::Pattern { resource: resource.to_owned(), source })
}

fn survey(resources: &[(String, Value)]) -> Known {
    let mut known = Known::default();
    for (name, resource) in resources {
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::DynamoDB::Table" => {
                let stream = resource["Properties"]["StreamSpecification"].is_object();
                known.streams.insert(name.clone(), stream);
            }
            "AWS::SQS::Queue" => {
                known.queues.insert(name.clone());
            }
            "AWS::Serverless::Function" => {
                known.functions.insert(name.clone());
            }
            "AWS::Events::EventBus" => {
                known.buses.insert(name.clone());
            }
            "AWS::Serverless::HttpApi" => {
                let authorizers = resource["Properties"]["Auth"]["Authorizers"].as_object().into_iter().flatten();
                let of_pools = authorizers.filter(|(_, authorizer)| authorizer["JwtConfiguration"].is_object());
                known.authorizers.extend(of_pools.map(|(name, _)| name.clone()));
            }
            _ => {}
        }
    }
    known
}

fn table(named: &Named<'_>) -> Result<Table, TemplateError> {
    let properties = named.properties;
    let key = |kind: &str| {
        let keys = properties["KeySchema"].as_array().into_iter().flatten();
        keys.filter(|key| key["KeyType"] == kind).find_map(|key| key["AttributeName"].as_str()).map(str::to_owned)
    };
    let mut definition = serde_json::Map::new();
    for field in ["KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"] {
        if let Some(value) = properties.get(field) {
            definition.insert(field.to_owned(), value.clone());
        }
    }
    if properties.get("LocalSecondaryIndexes").is_some() {
        return Err(named.error("local secondary indexes are not implemented here"));
    }
    let ttl = &properties["TimeToLiveSpecification"];
    let indexes = properties["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
    let stream = match &properties["StreamSpecification"] {
        Value::Null => None,
        stream => Some(
            stream["StreamViewType"]
                .as_str()
                .ok_or_else(|| named.error("`StreamSpecification` needs a `StreamViewType`"))?
                .to_owned(),
        ),
    };
    Ok(Table {
        logical_id: named.name.clone(),
        hash_key: key("HASH").ok_or_else(|| named.error("`KeySchema` has no HASH key"))?,
        range_key: key("RANGE"),
        indexes: indexes.filter_map(|index| index["IndexName"].as_str()).map(str::to_owned).collect(),
        stream,
        ttl: ttl["AttributeName"].as_str().filter(|_| ttl["Enabled"] == true).map(str::to_owned),
        definition: Value::Object(definition),
    })
}

fn queue(named: &Named<'_>) -> Result<Queue, TemplateError> {
    let policy = &named.properties["RedrivePolicy"];
    if named.properties["FifoQueue"] == true {
        return Err(named.error("FIFO queues are not implemented here"));
    }
    let redrive = match named.queue(&policy["deadLetterTargetArn"])? {
        None if policy.is_null() => None,
        None => return Err(named.error("`RedrivePolicy` has no `deadLetterTargetArn`")),
        Some(dead_letter) => {
            let count = policy["maxReceiveCount"].as_u64().and_then(|count| u32::try_from(count).ok());
            let max_receive_count = count
                .filter(|count| *count > 0)
                .ok_or_else(|| named.error("`RedrivePolicy` needs a `maxReceiveCount` of 1 or more"))?;
            Some(Redrive { max_receive_count, dead_letter })
        }
    };
    Ok(Queue {
        logical_id: named.name.clone(),
        visibility_seconds: named.number("VisibilityTimeout")?.unwrap_or(30),
        redrive,
    })
}
