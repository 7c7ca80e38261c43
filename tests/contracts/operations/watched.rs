//! What alarms of the template look at, and who measures it.

use perennial_platform::metrics::Metric;
use perennial_tests::root;
use serde_json::{Map, Value};

/// Namespace, metric, and the dimensions with what each names.
type OfAws = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Metrics of AWS's own: the namespace, the name, the dimensions and the type of resource that each names. Source: the monitoring pages
/// of the developer guides of Lambda, SQS, DynamoDB, API Gateway (HTTP APIs) and SES.
const OF_AWS: [OfAws; 20] = [
    ("AWS/Lambda", "Invocations", &[("FunctionName", FUNCTION)]),
    ("AWS/Lambda", "Errors", &[("FunctionName", FUNCTION)]),
    ("AWS/Lambda", "Throttles", &[("FunctionName", FUNCTION)]),
    ("AWS/Lambda", "Duration", &[("FunctionName", FUNCTION)]),
    ("AWS/Lambda", "IteratorAge", &[("FunctionName", FUNCTION)]),
    ("AWS/Lambda", "Url5xxCount", &[("FunctionName", FUNCTION)]),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", &[("QueueName", "AWS::SQS::Queue")]),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", &[("QueueName", "AWS::SQS::Queue")]),
    ("AWS/DynamoDB", "ReadThrottleEvents", &[("TableName", TABLE)]),
    ("AWS/DynamoDB", "WriteThrottleEvents", &[("TableName", TABLE)]),
    ("AWS/DynamoDB", "ReadThrottleEvents", &[("TableName", TABLE), ("GlobalSecondaryIndexName", INDEX)]),
    ("AWS/DynamoDB", "WriteThrottleEvents", &[("TableName", TABLE), ("GlobalSecondaryIndexName", INDEX)]),
    ("AWS/ApiGateway", "Count", &[("ApiId", "AWS::Serverless::HttpApi")]),
    ("AWS/ApiGateway", "4xx", &[("ApiId", "AWS::Serverless::HttpApi")]),
    ("AWS/ApiGateway", "5xx", &[("ApiId", "AWS::Serverless::HttpApi")]),
    ("AWS/SES", "Send", &[]),
    ("AWS/SES", "Bounce", &[]),
    ("AWS/SES", "Complaint", &[]),
    ("AWS/SES", "Reputation.BounceRate", &[]),
    ("AWS/SES", "Reputation.ComplaintRate", &[]),
];

pub(super) const FUNCTION: &str = "AWS::Serverless::Function";
const TABLE: &str = "AWS::DynamoDB::Table";
/// No resource of its own: of the table that stands before it.
const INDEX: &str = "an index";
pub(super) const OURS: &str = "Perennial/${Stage}";

/// The resources of the template, as they stand there.
pub(super) struct Template(pub(super) Map<String, Value>);

impl Template {
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string(root().join("infra/sam/template.yaml")).expect("the template");
        let mut template = perennial_local::read_template(&text).expect("YAML");
        Self(template["Resources"].as_object_mut().map(std::mem::take).expect("resources"))
    }

    pub(super) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let of_kind = self.0.iter().filter(move |(_, resource)| resource["Type"] == kind);
        of_kind.map(|(name, resource)| (name.as_str(), &resource["Properties"]))
    }

    pub(super) fn alarms(&self) -> Vec<Alarm<'_>> {
        self.of("AWS::CloudWatch::Alarm").map(|(name, alarm)| Alarm { name, alarm }).collect()
    }

    /// The one alarm on a metric of a resource, or of a value of a dimension.
    pub(super) fn alarm_on(&self, namespace: &str, metric: &str, of: Option<&str>) -> Alarm<'_> {
        let is_it = |read: &Read| {
            read.namespace == namespace
                && read.metric == metric
                && read.dimensions.iter().map(|(_, value)| value.as_str()).eq(of)
        };
        let mut on_it = self.alarms();
        on_it.retain(|alarm| alarm.reads().iter().any(is_it));
        assert_eq!(on_it.len(), 1, "alarms on {namespace} {metric} of {of:?}");
        on_it.remove(0)
    }

    pub(super) fn condition(&self, name: &str) -> Option<&str> {
        self.0[name]["Condition"].as_str()
    }
}

#[derive(Clone, Copy)]
pub(super) struct Alarm<'a> {
    pub(super) name: &'a str,
    pub(super) alarm: &'a Value,
}

/// A figure that an alarm looks at.
pub(super) struct Read {
    pub(super) namespace: String,
    pub(super) metric: String,
    /// Names and values.
    pub(super) dimensions: Vec<(String, String)>,
}

impl Read {
    fn of(metric: &Value) -> Self {
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
        let dimensions = dimensions.map(|one| (named(&one["Name"]), named(&one["Value"]))).collect();
        Self { namespace: named(&metric["Namespace"]), metric: named(&metric["MetricName"]), dimensions }
    }
}

impl Alarm<'_> {
    /// The figures that it adds up, each with how it is measured; none if it looks at one alone.
    fn added_up(&self) -> impl Iterator<Item = &Value> {
        let all = self.alarm["Metrics"].as_array().into_iter().flatten();
        all.map(|one| &one["MetricStat"]).filter(|stat| !stat.is_null())
    }

    pub(super) fn reads(&self) -> Vec<Read> {
        let several: Vec<Read> = self.added_up().map(|stat| Read::of(&stat["Metric"])).collect();
        if several.is_empty() { vec![Read::of(self.alarm)] } else { several }
    }

    pub(super) fn seconds(&self) -> (u64, u64) {
        let number = |of: &Value, name: &str| of[name].as_u64().unwrap_or_else(|| panic!("{}: {name}", self.name));
        let measured = self.added_up().next().unwrap_or(self.alarm);
        (number(measured, "Period"), number(self.alarm, "EvaluationPeriods"))
    }

    pub(super) fn threshold(&self) -> f64 {
        self.alarm["Threshold"].as_f64().unwrap_or_else(|| panic!("{}: no threshold", self.name))
    }

    pub(super) fn description(&self) -> &str {
        self.alarm["AlarmDescription"].as_str().unwrap_or_default()
    }

    pub(super) fn has_ok_actions(&self) -> bool {
        !self.alarm["OKActions"].is_null()
    }
}

/// What a value names: a text, or the resource that a reference is to.
pub(super) fn named(value: &Value) -> String {
    let of = |value: &Value| value.as_str().map(str::to_owned);
    of(value)
        .or_else(|| of(&value["Ref"]))
        .or_else(|| of(&value["Fn::Sub"]))
        .or_else(|| of(&value["Fn::GetAtt"][0]))
        .unwrap_or_else(|| panic!("names nothing: {value}"))
}

/// Whether something of this name and these dimensions is measured by anybody.
pub(super) fn is_measured(template: &Template, namespace: &str, metric: &str, dimensions: &[(&str, &str)]) -> bool {
    if namespace == OURS {
        assert!(dimensions.len() <= 1, "{metric}: {dimensions:?}");
        let dimension = dimensions.first().copied();
        let said = Metric::named(metric).is_some_and(|metric| match (metric.dimension(), dimension) {
            (Some((name, values)), Some((asked, value))) => name == asked && values.contains(&value),
            (known, asked) => known.is_none() && asked.is_none(),
        });
        let counts = |filter: &Value| {
            let counted = &filter["MetricTransformations"][0];
            counted["MetricName"] == metric && counted["Dimensions"].is_null() && dimension.is_none()
        };
        return said || template.of("AWS::Logs::MetricFilter").any(|(_, filter)| counts(filter));
    }
    // An index is one of the resource that the dimension before it names.
    let table = dimensions.first().map_or("", |(_, table)| table);
    let indexes = template.0.get(table).map(|table| &table["Properties"]["GlobalSecondaryIndexes"]);
    let has_index = |name: &str| {
        let mut all = indexes.and_then(Value::as_array).into_iter().flatten();
        all.any(|index| index["IndexName"] == name)
    };
    let is_there = |kind: &str, resource: &str| match kind {
        INDEX => has_index(resource),
        kind => template.0.get(resource).is_some_and(|found| found["Type"] == kind),
    };
    OF_AWS.iter().any(|(known_namespace, known, of)| {
        let mut both = of.iter().zip(dimensions);
        (*known_namespace, *known, of.len()) == (namespace, metric, dimensions.len())
            && both.all(|((name, kind), (asked, resource))| name == asked && is_there(kind, resource))
    })
}
