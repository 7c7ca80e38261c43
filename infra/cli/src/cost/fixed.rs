//! What the template declares that costs by the month, whether anything happens or not; and what of it decides the rest.

use std::collections::{BTreeMap, BTreeSet};

use perennial_local::declared::{Declared, Resource};
use perennial_local::template::TemplateError;
use perennial_platform::metrics::Metric;
use serde::Serialize;
use serde_json::Value;

use super::CostError;
use super::prices::{Micros, Prices};
use crate::deployment::TEMPLATE;

/// The parameter that says what a stack leaves out.
const PROFILE: &str = "Profile";

/// The parameter that says how requests come in.
const EDGE: &str = "Edge";

/// Memory of a function for which none is stated, in megabytes.
const DEFAULT_MEMORY_MB: i64 = 128;

/// What API Gateway counts of each route if it is asked to: requests, two kinds of errors, two latencies, bytes.
const METRICS_OF_A_ROUTE: i64 = 6;

/// A profile of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// With a key of its own, a dashboard, traces and all alarms.
    Standard,
    /// Without what costs by the month and is not needed to be safe.
    Minimal,
}

impl Profile {
    /// Its name, as the template's parameter takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Minimal => "minimal",
        }
    }
}

/// How requests come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// An HTTP API.
    HttpApi,
    /// Addresses of the functions themselves, which cost nothing.
    FunctionUrl,
}

impl Edge {
    /// Its name, as the template's parameter takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpApi => "http-api",
            Self::FunctionUrl => "function-url",
        }
    }
}

/// One charge of the month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Charge {
    /// For what.
    pub what: &'static str,
    /// Its name in the list of prices.
    pub item: &'static str,
    /// How many.
    pub count: i64,
    /// Which.
    pub names: Vec<String>,
    /// What they cost together, in millionths of a dollar.
    pub cost: Micros,
}

/// What of a template decides what its deployment costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// What is charged by the month, by item: what, and which.
    charged: Vec<(&'static str, &'static str, Vec<String>, i64)>,
    /// Memory by function, in megabytes.
    pub memory_mb: BTreeMap<String, i64>,
    /// Functions whose calls are traced.
    pub traced: BTreeSet<String>,
    /// Resources that are encrypted with the stack's own key.
    pub encrypted: i64,
    /// Queues that Lambda polls.
    pub polled_queues: i64,
    /// Metrics of routes.
    pub route_metrics: i64,
    /// Metrics of the functions and of filters that are there all month, in thousandths: one that is said on some days costs its
    /// hours.
    pub own_metrics_thousandths: i64,
    /// For how many days logs are kept unless somebody says otherwise.
    pub log_days: i64,
}

impl Stack {
    /// The template under a profile.
    ///
    /// # Errors
    /// [`CostError::Template`] if it cannot be read, which a test excludes.
    pub fn of(profile: Profile, edge: Edge) -> Result<Self, CostError> {
        let wanted = [(PROFILE, profile.as_str()), (EDGE, edge.as_str())];
        let parameters = wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let wrong = |error: TemplateError| CostError::Template(error.to_string());
        Ok(Self::declared(&Declared::parse(TEMPLATE, &parameters).map_err(wrong)?))
    }

    fn declared(declared: &Declared) -> Self {
        let functions: Vec<&Resource> = declared.of("AWS::Serverless::Function").collect();
        let of_all = &declared.globals["Function"];
        let memory = |function: &Resource| {
            let stated = function.properties["MemorySize"].as_i64().or(of_all["MemorySize"].as_i64());
            (function.logical_id.clone(), stated.unwrap_or(DEFAULT_MEMORY_MB))
        };
        let is_traced = |function: &&&Resource| {
            chosen(&function.properties["Tracing"]).or(chosen(&of_all["Tracing"])) == Some("Active")
        };
        Self {
            charged: charged(declared),
            memory_mb: functions.iter().map(|function| memory(function)).collect(),
            traced: functions.iter().filter(is_traced).map(|function| function.logical_id.clone()).collect(),
            encrypted: encrypted(declared),
            polled_queues: functions.iter().map(|function| events(function, "SQS")).sum(),
            route_metrics: routes_with_metrics(declared, &functions) * METRICS_OF_A_ROUTE,
            own_metrics_thousandths: own_metrics_thousandths(declared),
            log_days: declared
                .of("AWS::Logs::LogGroup")
                .filter_map(|logs| logs.properties["RetentionInDays"].as_i64())
                .max()
                .unwrap_or(30),
        }
    }

    /// What is charged by the month, and what it costs there.
    ///
    /// # Errors
    /// [`CostError::NoPrice`].
    pub fn charges(&self, prices: &Prices, region: &str) -> Result<Vec<Charge>, CostError> {
        let charge = |(what, item, names, count): &(&'static str, &'static str, Vec<String>, i64)| {
            let cost = prices.of(item, region, count * 1_000)?;
            Ok(Charge { what, item, count: *count, names: names.clone(), cost })
        };
        self.charged.iter().map(charge).collect()
    }
}

/// A text, or the one that is selected from several.
fn chosen(value: &Value) -> Option<&str> {
    let of_several = || value["Fn::Select"][1].get(value["Fn::Select"][0].as_u64()? as usize)?.as_str();
    value.as_str().or_else(of_several)
}

/// By item, what is charged by the month.
fn charged(declared: &Declared) -> Vec<(&'static str, &'static str, Vec<String>, i64)> {
    let names = |kind: &str| declared.of(kind).map(|resource| resource.logical_id.clone()).collect::<Vec<_>>();
    let alarms = names("AWS::CloudWatch::Alarm");
    let metrics = declared.of("AWS::CloudWatch::Alarm").map(metrics_of).sum();
    let mut charged = vec![("alarms", "alarms", alarms, metrics)];
    // They are made outside of the stack, and named to it.
    let secrets: Vec<String> =
        declared.parameters.iter().filter(|name| name.ends_with("SecretName")).cloned().collect();
    let others = [
        ("secrets", "secrets", secrets),
        ("key of its own", "keys", names("AWS::KMS::Key")),
        ("dashboard", "dashboards", names("AWS::CloudWatch::Dashboard")),
    ];
    charged.extend(others.into_iter().map(|(what, item, names)| {
        let count = names.len() as i64;
        (what, item, names, count)
    }));
    charged
}

/// An alarm is charged by the metrics that it looks at.
fn metrics_of(alarm: &Resource) -> i64 {
    let asked = alarm.properties["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    (asked.iter().filter(|metric| metric["MetricStat"].is_object()).count() as i64).max(1)
}

/// Jobs that say once or twice a day that they ended well; the others say it in every hour.
const DAILY_JOBS: [&str; 5] = ["decay", "held", "reconcile", "sla", "brief"];

/// What the functions say in the embedded format, each value of a dimension by itself, and filters that are always there.
fn own_metrics_thousandths(declared: &Declared) -> i64 {
    let series = |metric: Metric| metric.dimension().map_or(vec![""], |(_, values)| values.to_vec());
    let of_value = |value: &str| if DAILY_JOBS.contains(&value) { 1_000 / 24 + 1 } else { 1_000 };
    let said: i64 = Metric::ALL.into_iter().flat_map(series).map(of_value).sum();
    let filters = declared.of("AWS::Logs::MetricFilter").filter(|filter| is_always_there(filter)).count() as i64;
    said + filters * 1_000
}

/// A metric filter that says something also where nothing matches has its metric all month; one without is charged for the hours
/// in which something matched.
fn is_always_there(filter: &Resource) -> bool {
    let transformations = filter.properties["MetricTransformations"].as_array();
    transformations.into_iter().flatten().any(|one| !one["DefaultValue"].is_null())
}

/// How many resources name a key of the stack.
fn encrypted(declared: &Declared) -> i64 {
    let keys: BTreeSet<&str> = declared.of("AWS::KMS::Key").map(|key| key.logical_id.as_str()).collect();
    let encrypts = |resource: &&Resource| {
        let is_storage = !resource.kind.starts_with("AWS::KMS::") && !resource.kind.starts_with("AWS::IAM::");
        is_storage && resource.kind != "AWS::Serverless::Function" && names_any(&resource.properties, &keys)
    };
    declared.resources.iter().filter(encrypts).count() as i64
}

fn names_any(value: &Value, names: &BTreeSet<&str>) -> bool {
    match value {
        Value::String(text) => names.contains(text.as_str()),
        Value::Array(values) => values.iter().any(|value| names_any(value, names)),
        Value::Object(fields) => fields.values().any(|value| names_any(value, names)),
        _ => false,
    }
}

/// How many events of a type call a function.
fn events(function: &Resource, kind: &str) -> i64 {
    let events = function.properties["Events"].as_object();
    events.into_iter().flatten().filter(|(_, event)| event["Type"] == kind).count() as i64
}

/// Routes of APIs that count each of them.
fn routes_with_metrics(declared: &Declared, functions: &[&Resource]) -> i64 {
    let counted = declared.of("AWS::Serverless::HttpApi").filter(|api| {
        let settings = &api.properties["DefaultRouteSettings"];
        settings["DetailedMetricsEnabled"] == true || settings["DetailedMetricsEnabled"] == "true"
    });
    let routes = |api: &Resource| -> i64 {
        let paths = api.properties["DefinitionBody"]["paths"].as_object();
        let methods = paths.into_iter().flatten().filter_map(|(_, path)| path.as_object());
        let written: usize = methods.map(serde_json::Map::len).sum();
        let api = Value::String(api.logical_id.clone());
        let of_functions = functions.iter().filter_map(|function| function.properties["Events"].as_object());
        let events = of_functions.flat_map(serde_json::Map::values);
        let events = events.filter(|event| event["Type"] == "HttpApi" && event["Properties"]["ApiId"] == api).count();
        (written + events) as i64
    };
    counted.map(routes).sum()
}
