//! Alarms: whatever can go wrong raises one, and somebody hears it.

use std::collections::{BTreeMap, BTreeSet};

use perennial_platform::metrics::Metric;
use perennial_tests::root;
use serde_json::Value;

use super::{Found, edge, queues};
use crate::permissions;
use crate::sam::{Template, list, named};

/// Counts what has already been mended, or what a CRM said too late: nobody needs to be woken for it.
const LOOKED_AT: [&str; 2] = ["RefusedWords", "UnknownSendsSettled"];
/// Senders' mistakes: nothing of ours is lost by them, and the minimal profile counts them without an alarm.
const IN_STANDARD: [&str; 3] = ["ReusedEventIds", "RefusedMerges", "SharedAddresses"];

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    for (id, alarm) in template.all("AWS::CloudWatch::Alarm") {
        check_alarm(template, id, alarm, &mut found);
    }
    check_queues(template, &mut found);
    check_functions(template, &mut found);
    check_filters(template, &mut found);
    check_figures(template, &mut found);
    check_dashboard(template, &mut found);
    check_minimum(template, &mut found);
    check_runbook(template, &mut found);
    found.all()
}

fn check_alarm(template: &Template, id: &str, alarm: &Value, found: &mut Found) {
    found.has(id, alarm, &["/AlarmDescription", "/EvaluationPeriods", "/Threshold", "/ComparisonOperator"]);
    found.has(id, alarm, &["/TreatMissingData", "/AlarmActions"]);
    for action in list(&alarm["AlarmActions"]) {
        let topic = template.resources.get(&named(action)).cloned().unwrap_or_default();
        found.must(id, topic["Type"] == "AWS::SNS::Topic", "it wakes nobody");
    }
    if !alarm["Metrics"].is_null() {
        check_sum(id, alarm, found);
    } else {
        found.has(id, alarm, &["/Namespace", "/MetricName", "/Period"]);
        let statistic = alarm["Statistic"].is_string() || alarm["ExtendedStatistic"].is_string();
        found.must(id, statistic, "it does not say which statistic");
        let of_aws = alarm["Namespace"].as_str().is_some_and(|space| space.starts_with("AWS/"));
        // SES counts bounces and complaints by account as well.
        let by_account = alarm["Namespace"] == "AWS/SES";
        found.must(id, !of_aws || by_account || !alarm["Dimensions"].is_null(), "it watches everybody's");
        let ours = of_aws || named(&alarm["Namespace"]) == "Perennial/Stage";
        found.must(id, ours, "it watches a metric of another stage");
        let name = alarm["MetricName"].as_str().unwrap_or_default();
        let own = Metric::named(name);
        let told = of_aws
            || own.is_some()
            || counted(template)
                .any(|(_, it)| it["MetricName"] == name && it["Dimensions"].is_null() == alarm["Dimensions"].is_null());
        found.must(id, told, format_args!("it watches {name}, which nobody counts"));
        let by = own.and_then(Metric::dimension).map_or("", |(by, _)| by);
        let whole = by.is_empty() || list(&alarm["Dimensions"]).iter().any(|it| it["Name"] == by);
        found.must(id, whole, format_args!("{name} is told by {by}"));
    }
    for dimension in list(&alarm["Dimensions"]) {
        found.has(id, dimension, &["/Name", "/Value"]);
    }
}

/// How a figure of a sum is measured: what of all of them must be the same, or their sum means nothing.
const MEASURED: [&str; 3] = ["/MetricStat/Metric/Namespace", "/MetricStat/Period", "/MetricStat/Stat"];

/// An alarm on several figures looks at what they come to together; of one that is missing as at nothing.
fn check_sum(id: &str, alarm: &Value, found: &mut Found) {
    let (sums, figures): (Vec<&Value>, Vec<&Value>) =
        list(&alarm["Metrics"]).into_iter().partition(|it| !it["Expression"].is_null());
    for figure in &figures {
        found.has(id, figure, &["/Id", "/MetricStat/Metric/MetricName", "/MetricStat/Metric/Dimensions"]);
        found.has(id, figure, &MEASURED);
        found.is(id, figure, "/MetricStat/Stat", "Sum");
        // One alone may be what the alarm is about.
        found.is(id, figure, "/ReturnData", false);
        for dimension in list(&figure["MetricStat"]["Metric"]["Dimensions"]) {
            found.has(id, dimension, &["/Name", "/Value"]);
        }
    }
    for how in MEASURED {
        let alike = figures.windows(2).all(|two| two[0].pointer(how) == two[1].pointer(how));
        found.must(id, alike, format_args!("not all that it adds up have the same {how}"));
    }
    let all: Vec<String> = figures.iter().map(|it| format!("FILL({}, 0)", named(&it["Id"]))).collect();
    let whole = matches!(sums.as_slice(), [sum] if sum["Id"].is_string() && sum["Expression"] == all.join(" + "));
    found.must(id, whole, format_args!("it does not look at {} together", all.join(" and ")));
}

/// A figure: its name, and its dimensions by name.
type Figure = (String, BTreeMap<String, String>);

/// What an alarm looks at: one figure, or several.
fn figures(alarm: &Value) -> Vec<Figure> {
    let figure = |of: &Value| {
        let value = |it: &Value| named(&it["Value"]).split('.').next().unwrap_or_default().to_owned();
        let dimensions = list(&of["Dimensions"]);
        let dimensions = dimensions.into_iter().map(|it| (named(&it["Name"]), value(it))).collect();
        (of["MetricName"].as_str().unwrap_or_default().to_owned(), dimensions)
    };
    let metrics = list(&alarm["Metrics"]).into_iter().map(|it| &it["MetricStat"]["Metric"]);
    let several: Vec<Figure> = metrics.filter(|metric| !metric.is_null()).map(figure).collect();
    if several.is_empty() { vec![figure(alarm)] } else { several }
}

/// What the filters of logs count, by the filter.
fn counted(template: &Template) -> impl Iterator<Item = (&str, &Value)> {
    let filters = template.all("AWS::Logs::MetricFilter");
    filters.flat_map(|(id, filter)| list(&filter["MetricTransformations"]).into_iter().map(move |it| (id, it)))
}

/// Whether an alarm watches this metric under these dimensions and no others.
fn watches(alarm: &Value, metric: &str, dimensions: &[(&str, &str)]) -> bool {
    let under = |of: &BTreeMap<String, String>| {
        of.len() == dimensions.len()
            && dimensions.iter().all(|(name, value)| of.get(*name).is_some_and(|it| it == value))
    };
    figures(alarm).iter().any(|(name, of)| name == metric && under(of))
}

fn is_watched(template: &Template, metric: &str, dimensions: &[(&str, &str)]) -> bool {
    template.all("AWS::CloudWatch::Alarm").any(|(_, alarm)| watches(alarm, metric, dimensions))
}

fn check_queues(template: &Template, found: &mut Found) {
    let dead = queues::dead_letter_queues(template);
    for (id, _) in template.all("AWS::SQS::Queue") {
        let metric =
            if dead.contains(id) { "ApproximateNumberOfMessagesVisible" } else { "ApproximateAgeOfOldestMessage" };
        let watched = is_watched(template, metric, &[("QueueName", id)]);
        found.must(id, watched, format_args!("no alarm watches its {metric}"));
    }
}

fn check_functions(template: &Template, found: &mut Found) {
    for (id, function) in template.all("AWS::Serverless::Function") {
        let events = function["Events"].as_object().into_iter().flatten();
        if events.into_iter().any(|(_, event)| event["Type"] == "DynamoDB") {
            let watched = is_watched(template, "IteratorAge", &[("FunctionName", id)]);
            // The errors of the sweep say the same of what relay-events reads.
            let otherwise = !template.standard() && id == "RelayEvents";
            found.must(id, watched || otherwise, "no alarm watches how old what it reads is");
        }
        let standard = ["Throttles", "Duration"].into_iter().filter(|_| template.standard());
        let limited = ["Throttles"].into_iter().filter(|_| edge::limits_its_url(template, id));
        for metric in ["Errors"].into_iter().chain(standard).chain(limited) {
            let watched = is_watched(template, metric, &[("FunctionName", id)]);
            found.must(id, watched, format_args!("no alarm watches its {metric}"));
        }
        for (name, schedule) in permissions::schedules(function) {
            let input = schedule["Input"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            let job = input.unwrap_or_default()["job"].as_str().unwrap_or_default().to_owned();
            let beats = is_watched(template, "JobFinished", &[("job", &job)]);
            check_days(template, &job, found);
            found.must(&format!("{id}.{name}"), beats, "no alarm watches that it ends well");
        }
    }
}

/// The brief comes on some days of the team's week: an alarm on its silence counts their days, not periods of UTC.
fn check_days(template: &Template, job: &str, found: &mut Found) {
    let mut alarms = template.all("AWS::CloudWatch::Alarm").filter(|_| job == "brief");
    if let Some((id, alarm)) = alarms.find(|(_, alarm)| watches(alarm, "JobFinished", &[("job", job)])) {
        let zone = named(&alarm["EvaluationWindow"]["WallClockWindow"]["Timezone"]);
        found.must(id, zone == "TeamTimeZone", "it does not count the team's days");
    }
}

/// What is counted without a dimension raises an alarm.
fn check_filters(template: &Template, found: &mut Found) {
    for (id, filter) in template.all("AWS::Logs::MetricFilter") {
        let group = template.resources.get(&named(&filter["LogGroupName"])).cloned().unwrap_or_default();
        found.must(id, group["Type"] == "AWS::Logs::LogGroup", "it reads a log that is not there");
        found.has(id, filter, &["/FilterPattern", "/MetricTransformations"]);
        for counted in list(&filter["MetricTransformations"]) {
            found.has(id, counted, &["/MetricName", "/MetricValue"]);
            found.must(id, named(&counted["MetricNamespace"]) == "Perennial/Stage", "it counts for another stage");
            let name = counted["MetricName"].as_str().unwrap_or_default();
            let mut alarms = template.all("AWS::CloudWatch::Alarm");
            let watched = alarms.any(|(_, alarm)| alarm["MetricName"] == name && alarm["Dimensions"].is_null());
            let noted = LOOKED_AT.contains(&name) || (!template.standard() && IN_STANDARD.contains(&name));
            found.must(id, noted || watched || !counted["Dimensions"].is_null(), "no alarm watches what it counts");
        }
    }
    for (id, it) in counted(template) {
        for dimension in list(&it["Dimensions"]) {
            found.has(id, dimension, &["/Key", "/Value"]);
        }
        let twice = counted(template).filter(|(_, other)| {
            other["MetricName"] == it["MetricName"] && other["Dimensions"].is_null() == it["Dimensions"].is_null()
        });
        found.must(id, twice.count() == 1, "it counts what another one counts as well");
    }
    // Whose events wait is what `perennial quarantine` is asked next.
    let by_source = |it: &Value| it["MetricName"] == "QuarantinedEvents" && it["Dimensions"][0]["Key"] == "source";
    found.must(
        "QuarantinedEventsBySource",
        counted(template).any(|(_, it)| by_source(it)),
        "nobody counts them by source",
    );
    for name in LOOKED_AT {
        let mut filters = template.all("AWS::Logs::MetricFilter");
        let counts = filters.any(|(_, it)| it["MetricTransformations"].to_string().contains(name));
        found.must(name, counts, "nobody counts it any more");
    }
}

/// Figures without which nobody would notice: of our own, of SES, of the edge, of tables.
fn check_figures(template: &Template, found: &mut Found) {
    let watched = |metric: &str, dimensions: &[(&str, &str)]| is_watched(template, metric, dimensions);
    for (id, _) in template.all("AWS::Serverless::HttpApi") {
        let noted = id == "DeskApi" && !template.standard();
        found.must(id, noted || watched("5xx", &[("ApiId", id)]), "no alarm watches what it answers");
    }
    for (id, url) in template.all("AWS::Lambda::Url") {
        let function = edge::called(&url["TargetFunctionArn"]);
        // The pages' own errors and what they say was not done are watched; a webhook that is not answered is told nowhere else.
        let noted = function == "SignedPages" && !template.standard();
        let told = noted || watched("Url5xxCount", &[("FunctionName", &function)]);
        found.must(id, told, "no alarm watches what it answers");
    }
    if !template.standard() {
        return;
    }
    found.must("RelayEvents", watched("OutboxAgeSeconds", &[]), "no alarm watches the age of the outbox");
    for metric in ["Reputation.BounceRate", "Reputation.ComplaintRate"] {
        found.must("MailConfigurationSet", watched(metric, &[]), format_args!("no alarm watches {metric}"));
    }
    for (id, table) in template.all("AWS::DynamoDB::Table") {
        for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] {
            found.must(id, watched(metric, &[("TableName", id)]), format_args!("no alarm watches {metric}"));
            // The table's own figure says nothing of its indexes.
            for index in list(&table["GlobalSecondaryIndexes"]) {
                let name = index["IndexName"].as_str().unwrap_or_default();
                let its = watched(metric, &[("TableName", id), ("GlobalSecondaryIndexName", name)]);
                found.must(id, its, format_args!("no alarm watches {metric} of its index {name}"));
            }
        }
    }
}

/// Metrics that the minimal profile does not pay an alarm for.
const NOT_IN_MINIMAL: [&str; 7] = [
    "OutboxAgeSeconds",
    "Throttles",
    "Duration",
    "ReadThrottleEvents",
    "WriteThrottleEvents",
    "Reputation.BounceRate",
    "Reputation.ComplaintRate",
];

/// Ten cents a month each: the minimal profile has those alarms without which something would be lost unnoticed.
fn check_minimum(template: &Template, found: &mut Found) {
    for (id, alarm) in template.all("AWS::CloudWatch::Alarm").filter(|_| !template.standard()) {
        let is_dear = |(metric, dimensions): &Figure| {
            let (metric, of) = (metric.as_str(), dimensions.values().next().map_or("", String::as_str));
            let limited = metric == "Throttles" && edge::limits_its_url(template, of);
            (NOT_IN_MINIMAL.contains(&metric) && !limited)
                || IN_STANDARD.contains(&metric)
                || matches!((metric, of), ("IteratorAge", "RelayEvents") | ("5xx", "DeskApi"))
        };
        found.must(id, !figures(alarm).iter().any(is_dear), "the minimal profile does without it");
    }
}

/// The dashboard shows every alarm.
fn check_dashboard(template: &Template, found: &mut Found) {
    let mut dashboards = template.all("AWS::CloudWatch::Dashboard");
    match dashboards.next() {
        Some((id, dashboard)) => {
            found.has(id, dashboard, &["/DashboardName", "/DashboardBody"]);
            let shown = super::references::names(dashboard);
            for (alarm, _) in template.all("AWS::CloudWatch::Alarm") {
                found.must(id, shown.contains(alarm), format_args!("it does not show {alarm}"));
            }
        }
        None => found.must("Dashboard", !template.standard(), "there is none"),
    }
}

/// Every chapter of the runbook is an alarm's and every alarm has one.
fn check_runbook(template: &Template, found: &mut Found) {
    static CHAPTERS: std::sync::OnceLock<BTreeSet<String>> = std::sync::OnceLock::new();
    let chapters = CHAPTERS.get_or_init(|| {
        let text = std::fs::read_to_string(root().join("infra/RUNBOOK.md")).unwrap_or_default();
        let chapters = text.lines().filter_map(|line| line.strip_prefix("## "));
        chapters.map(str::trim).filter(|name| name.ends_with("Alarm")).map(str::to_owned).collect()
    });
    let all = template.file["Resources"].as_object().into_iter().flatten();
    let alarms = all.filter(|(_, it)| it["Type"] == "AWS::CloudWatch::Alarm").map(|(id, _)| id.clone());
    let alarms: BTreeSet<String> = alarms.collect();
    for id in chapters.difference(&alarms) {
        found.say(id, "the runbook has a chapter on it, and there is no such alarm");
    }
    for id in alarms.difference(chapters) {
        found.say(id, "the runbook has no chapter on it");
    }
}
