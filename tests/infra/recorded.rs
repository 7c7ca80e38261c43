//! What a function asks of AWS, recorded by an interceptor in each of its clients.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use serde_json::Value;

use crate::sam::Template;

/// An action on a resource, as a policy names both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// `dynamodb:PutItem`.
    pub(crate) action: String,
    /// Logical ids instead of ARNs: `StateTable/index/due`, `ses:identity/SenderIdentity`.
    pub(crate) resource: String,
    /// Which partitions: `CONTACT#*`. Of DynamoDB alone.
    pub(crate) partition: Option<String>,
    /// Under which other conditions, as texts.
    pub(crate) conditions: BTreeSet<String>,
}

impl Grant {
    pub(crate) fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), partition: None, conditions: BTreeSet::new() }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        self.partition.iter().try_for_each(|partition| write!(f, " in {partition}"))?;
        self.conditions.iter().try_for_each(|condition| write!(f, " if {condition}"))
    }
}

/// By function.
pub(crate) type Grants = BTreeMap<String, BTreeSet<Grant>>;

/// What was recorded; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    seen: Arc<Mutex<Grants>>,
    /// The partition attribute of each table and index, by the names that [`Grant::resource`] has.
    partitions: Arc<BTreeMap<String, String>>,
}

impl Calls {
    pub(crate) fn new(template: &Template) -> Self {
        Self { seen: Arc::default(), partitions: Arc::new(template.partition_attributes()) }
    }

    pub(crate) fn seen(&self) -> Grants {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The interceptor of one function's clients.
    pub(crate) fn of(&self, function: &str) -> Recorder {
        Recorder { function: function.to_owned(), calls: self.clone() }
    }
}

/// Stands in every client of one function.
#[derive(Clone)]
pub(crate) struct Recorder {
    function: String,
    calls: Calls,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorder({})", self.function)
    }
}

impl Recorder {
    pub(crate) fn dynamodb(&self, config: &SdkConfig) -> aws_sdk_dynamodb::config::Builder {
        aws_sdk_dynamodb::config::Builder::from(config).interceptor(self.clone())
    }

    pub(crate) fn sqs(&self, config: &SdkConfig) -> aws_sdk_sqs::config::Builder {
        aws_sdk_sqs::config::Builder::from(config).interceptor(self.clone())
    }

    pub(crate) fn ses(&self, config: &SdkConfig) -> aws_sdk_sesv2::config::Builder {
        aws_sdk_sesv2::config::Builder::from(config).interceptor(self.clone())
    }

    pub(crate) fn eventbridge(&self, config: &SdkConfig) -> aws_sdk_eventbridge::config::Builder {
        aws_sdk_eventbridge::config::Builder::from(config).interceptor(self.clone())
    }

    pub(crate) fn secrets_manager(&self, config: &SdkConfig) -> aws_sdk_secretsmanager::config::Builder {
        aws_sdk_secretsmanager::config::Builder::from(config).interceptor(self.clone())
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = config.load::<Metadata>().ok_or("a call without a name")?;
        let body = context.request().body().bytes().unwrap_or_default();
        let request = if body.is_empty() { Value::Null } else { serde_json::from_slice(body)? };
        let grants = grants(call.service(), call.name(), &request, &self.calls.partitions);
        let mut seen = self.calls.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(self.function.clone()).or_default().extend(grants);
        Ok(())
    }
}

/// What a call needs.
fn grants(service: &str, operation: &str, request: &Value, partitions: &BTreeMap<String, String>) -> Vec<Grant> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match service {
        "DynamoDB" => of_dynamodb(operation, request, partitions),
        "SQS" => {
            let queue = text(&request["QueueUrl"]);
            let action = operation.strip_suffix("Batch").unwrap_or(operation);
            vec![Grant::new(format!("sqs:{action}"), queue.rsplit('/').next().unwrap_or_default())]
        }
        "EventBridge" => {
            let entries = request["Entries"].as_array().into_iter().flatten();
            entries.map(|entry| Grant::new(format!("events:{operation}"), text(&entry["EventBusName"]))).collect()
        }
        "Secrets Manager" => {
            // Six characters that nobody chooses end the ARN of a secret.
            let secret = format!("secretsmanager:secret:{}-??????", text(&request["SecretId"]));
            vec![Grant::new(format!("secretsmanager:{operation}"), secret)]
        }
        "SESv2" if operation == "SendEmail" => of_a_mail(request),
        // What belongs to the account has no resource of its own.
        "SESv2" => vec![Grant::new(format!("ses:{operation}"), "*")],
        _ => vec![Grant::new(format!("{service}:{operation}"), "a service that the test does not know")],
    }
}

/// SES asks for the identity that a mail comes from and for the configuration set. Source: Service Authorization Reference, "Actions,
/// resources, and condition keys for Amazon Simple Email Service v2".
fn of_a_mail(request: &Value) -> Vec<Grant> {
    let raw = if request["Content"]["Raw"].is_null() { "ses:SendEmail" } else { "ses:SendRawEmail" };
    let from = request["FromEmailAddress"].as_str().unwrap_or_default();
    let sender = from.rsplit(['<', '@']).next().unwrap_or_default().trim_end_matches('>');
    assert!(!sender.is_empty(), "a mail from nobody");
    let set = request["ConfigurationSetName"].as_str().map(|set| format!("ses:configuration-set/{set}"));
    let resources = ["ses:identity/SenderIdentity".to_owned()].into_iter().chain(set);
    resources.map(|resource| Grant::new(raw, resource)).collect()
}

/// A transaction and a batch need what their parts need; a batch that reads has an action of its own.
fn of_dynamodb(operation: &str, request: &Value, partitions: &BTreeMap<String, String>) -> Vec<Grant> {
    let table = |of: &Value| of["TableName"].as_str().unwrap_or_default().to_owned();
    let one = |action: &str, table: String, key: &Value| {
        let attribute = partitions.get(&table).map_or("", String::as_str);
        let partition = key[attribute]["S"].as_str().map(partition_pattern);
        Grant { partition, ..Grant::new(format!("dynamodb:{action}"), table) }
    };
    let key = |of: &Value| if of["Key"].is_null() { of["Item"].clone() } else { of["Key"].clone() };
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let parts = request["TransactItems"].as_array().into_iter().flatten();
            let parts = parts.flat_map(|part| part.as_object().into_iter().flatten());
            parts.map(|(kind, part)| one(&format!("{kind}Item"), table(part), &key(part))).collect()
        }
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            let keys = |of: &Value| of["Keys"].as_array().cloned().unwrap_or_default();
            tables
                .flat_map(|(table, of)| keys(of).into_iter().map(move |key| (table.clone(), key)))
                .map(|(table, key)| one(operation, table, &key))
                .collect()
        }
        "Query" => {
            let resource = match request["IndexName"].as_str() {
                Some(index) => format!("{}/index/{index}", table(request)),
                None => table(request),
            };
            let partition = asked_for(request, partitions.get(&resource).map_or("", String::as_str));
            vec![Grant { partition, ..Grant::new("dynamodb:Query", resource) }]
        }
        _ => vec![one(operation, table(request), &key(request))],
    }
}

/// The partition that a query asks for: `#name = :value` or `name = :value`, before what it says of the sort key.
fn asked_for(request: &Value, attribute: &str) -> Option<String> {
    let first = request["KeyConditionExpression"].as_str()?.split(" AND ").next()?;
    let (name, value) = first.split_once(" = ")?;
    let name = request["ExpressionAttributeNames"][name].as_str().unwrap_or(name);
    let value = request["ExpressionAttributeValues"][value]["S"].as_str()?;
    (name == attribute).then(|| partition_pattern(value))
}

/// Partitions are told apart by what stands before the first `#`.
fn partition_pattern(key: &str) -> String {
    key.split_once('#').map_or(key.to_owned(), |(kind, _)| format!("{kind}#*"))
}
