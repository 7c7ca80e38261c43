//! The two questions that are asked of CloudWatch: how alarms stand, and what a figure was.
//!
//! They are sent in the JSON protocol: CloudWatch's own SDK would bring a second version of `http` into every build. Source: the
//! service's public API description (version 2010-08-01, protocols `json` 1.0).

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use perennial_platform::metrics::Metric;
use serde_json::{Value, json};

use super::signed::Signed;
use super::unknown::{SETTLED_WITHIN, unknown_since};
use super::{AlarmSeen, Read, Trouble};
use crate::stack::Stack;

/// The service's name in a signature.
const SERVICE: &str = "monitoring";
const TARGET: &str = "GraniteServiceVersion20100801";
/// CloudWatch takes so many names a call.
const NAMES: usize = 100;
/// Over so long one looks for a job's last end: the weekly mail's, and some more.
const JOBS_OVER: SignedDuration = SignedDuration::from_hours(24 * 9);
/// Seconds that are summed up, so that these days fit into one answer.
const JOBS_PERIOD: i64 = 600;
/// Over so long the oldest message of a queue is looked for.
const AGE_OVER: SignedDuration = SignedDuration::from_mins(15);
const AGE_PERIOD: i64 = 300;
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Seconds that sends are summed up over: fine enough to tell which came first, and all of them fit into one answer.
const SENDS_PERIOD: i64 = 300;

/// CloudWatch at an instant.
pub(super) struct Watch<'a> {
    pub(super) config: &'a SdkConfig,
    pub(super) now: Timestamp,
}

/// A figure of CloudWatch.
struct Figure<'a> {
    namespace: &'a str,
    name: &'a str,
    dimension: Option<(&'a str, &'a str)>,
    statistic: &'a str,
    over: SignedDuration,
    period: i64,
}

impl Watch<'_> {
    /// The alarms of a stack with which something is the matter. One without figures is silent, not in trouble.
    pub(super) async fn alarms(&self, stack: &Stack) -> Read<Vec<AlarmSeen>> {
        let of_stack = stack.resources.iter().filter(|(logical, _)| logical.ends_with("Alarm"));
        let by_name: BTreeMap<&str, &str> =
            of_stack.map(|(logical, physical)| (physical.as_str(), logical.as_str())).collect();
        let names: Vec<&str> = by_name.keys().copied().collect();
        let mut known: BTreeMap<String, Option<Trouble>> = BTreeMap::new();
        for names in names.chunks(NAMES) {
            let asked = json!({"AlarmNames": names, "AlarmTypes": ["MetricAlarm"], "MaxRecords": NAMES});
            let answer = self.ask("DescribeAlarms", &asked).await?;
            let told = answer["MetricAlarms"].as_array().into_iter().flatten();
            known.extend(told.filter_map(|alarm| Some((alarm["AlarmName"].as_str()?.to_owned(), trouble(alarm)))));
        }
        let seen = |(name, alarm): (&str, &str)| {
            // What the stack has made and CloudWatch does not know was deleted by somebody.
            let trouble = known.get(name).copied().unwrap_or(Some(Trouble::Gone))?;
            Some(AlarmSeen { alarm: alarm.to_owned(), name: name.to_owned(), trouble })
        };
        Ok(by_name.into_iter().filter_map(seen).collect())
    }

    /// Mails of a day of which SES did not say whether it took them, and those of them of which nobody knows still.
    pub(super) async fn unknown_sends(&self, namespace: &str) -> Read<(i64, i64)> {
        let counts = async |name: &'static str| {
            let over = DAY + SETTLED_WITHIN;
            self.values(Figure { namespace, name, dimension: None, statistic: "Sum", over, period: SENDS_PERIOD }).await
        };
        let (unknown, settled) = (counts("UnknownSends").await?, counts("UnknownSendsSettled").await?);
        Ok(unknown_since(self.now - DAY, &unknown, &settled))
    }

    /// How old the oldest message of a queue is, in seconds.
    pub(super) async fn oldest_message(&self, queue: &str) -> Read<Option<i64>> {
        let figure = Figure {
            namespace: "AWS/SQS",
            name: "ApproximateAgeOfOldestMessage",
            dimension: Some(("QueueName", queue)),
            statistic: "Maximum",
            over: AGE_OVER,
            period: AGE_PERIOD,
        };
        Ok(self.values(figure).await?.last().map(|(_, seconds)| *seconds))
    }

    /// When a job last ended well.
    pub(super) async fn last_end(&self, namespace: &str, job: &str) -> Read<Option<Timestamp>> {
        let figure = Figure {
            namespace,
            name: Metric::JobFinished.name(),
            dimension: Some(("job", job)),
            statistic: "Sum",
            over: JOBS_OVER,
            period: JOBS_PERIOD,
        };
        Ok(self.values(figure).await?.last().map(|(at, _)| *at))
    }

    /// The figure's values above zero in whole numbers, the oldest first.
    async fn values(&self, figure: Figure<'_>) -> Read<Vec<(Timestamp, i64)>> {
        let Figure { namespace, name, dimension, statistic, over, period } = figure;
        let dimensions: Vec<Value> =
            dimension.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let asked = json!({
            "Namespace": namespace, "MetricName": name, "Dimensions": dimensions, "Statistics": [statistic],
            "StartTime": (self.now - over).as_second(), "EndTime": self.now.as_second(), "Period": period,
        });
        let answer = self.ask("GetMetricStatistics", &asked).await?;
        let value = |point: &Value| Some((instant(&point["Timestamp"])?, point[statistic].as_f64()? as i64));
        let points = answer["Datapoints"].as_array().into_iter().flatten();
        let mut values: Vec<(Timestamp, i64)> = points.filter_map(value).filter(|(_, value)| *value > 0).collect();
        values.sort_unstable();
        Ok(values)
    }

    async fn ask(&self, operation: &str, asked: &Value) -> Read<Value> {
        let target = format!("{TARGET}.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
        let service = Signed { config: self.config, now: self.now, service: SERVICE };
        let (status, body) = service.post(&headers, asked.to_string()).await?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let code = body["__type"].as_str().and_then(|code| code.rsplit('#').next());
        Err(code.map_or_else(|| format!("CloudWatch answers {status}"), str::to_owned))
    }
}

/// What is the matter with an alarm. That it is raised comes first: its mail may never have left.
fn trouble(alarm: &Value) -> Option<Trouble> {
    if alarm["StateValue"] == "ALARM" {
        return Some(Trouble::Raised);
    }
    (alarm["ActionsEnabled"] == false).then_some(Trouble::Silenced)
}

/// An instant as the JSON protocol writes it, in seconds; some write text.
fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        number => Timestamp::from_second(number.as_f64()? as i64).ok(),
    }
}
