//! What the functions log is what the template counts, and what is counted without a dimension raises an alarm.
//!
//! CloudWatch is not there: its metric filters are read from the template and applied to the lines that a story has logged.

use std::collections::BTreeMap;

use perennial::deployment::Deployment;
use perennial_tests::senders::deliver;
use perennial_tests::{address_of, at, body, deploy, engagement, introduce, root, settle, tell};
use serde_json::{Value, json};

use crate::private::Logs;

const NOW: &str = "2026-01-07T10:00:00Z";

/// The properties of each resource of a type, by the resource's name: the lines `Name: value` of whatever depth.
fn resources(kind: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let template = std::fs::read_to_string(root().join("infra/sam/template.yaml")).expect("the template");
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut name = String::new();
    for line in template.lines() {
        let text = line.trim();
        if line.starts_with("  ") && !line.starts_with("   ") && text.ends_with(':') {
            name = text.trim_end_matches(':').to_owned();
        }
        let text = text.strip_prefix("- ").unwrap_or(text);
        // What stands on one line within braces is several, too.
        let within = text.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map(|(within, _)| within);
        let parts = std::iter::once(text).chain(within.into_iter().flat_map(|within| within.split(", ")));
        for (key, value) in parts.filter_map(|part| part.split_once(": ")) {
            let value = value.trim_matches(['\'', '"']).to_owned();
            all.entry(name.clone()).or_default().insert(key.to_owned(), value);
        }
    }
    all.retain(|_, properties| properties.get("Type").is_some_and(|found| found == kind));
    all
}

/// Counts what has already been mended, or what a CRM said too late: nobody needs to be woken for it.
const LOOKED_AT: [&str; 2] = ["RefusedWords", "UnknownSendsSettled"];

/// Whether a line has what a pattern of the form `{ $.fields.message = "…" }` asks for; a star at its beginning or end stands for
/// anything.
fn matches(pattern: &str, line: &Value) -> bool {
    let wanted = pattern.strip_prefix("{ $.fields.message = \"").and_then(|rest| rest.strip_suffix("\" }"));
    let wanted = wanted.unwrap_or_else(|| panic!("a pattern of another form: {pattern}"));
    let message = line["fields"]["message"].as_str().unwrap_or_default();
    match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
        (Some(end), _) => message.ends_with(end),
        (None, Some(start)) => message.starts_with(start),
        (None, None) => message == wanted,
    }
}

/// What stands at `$.a.b` of a line.
fn at_place<'a>(line: &'a Value, place: &str) -> &'a Value {
    let pointer = place.strip_prefix('$').unwrap_or_else(|| panic!("no place: {place}")).replace('.', "/");
    line.pointer(&pointer).unwrap_or_else(|| panic!("nothing at {place}: {line}"))
}

/// What the metric filters make of these lines: by metric and source, where it has that dimension.
pub(crate) fn counted(lines: &[Value]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, filter) in resources("AWS::Logs::MetricFilter") {
        for line in lines.iter().filter(|line| matches(&filter["FilterPattern"], line)) {
            let value = &filter["MetricValue"];
            let value = value.parse().ok().or_else(|| at_place(line, value).as_u64());
            let value = value.unwrap_or_else(|| panic!("{name}: {line}"));
            let source = filter.get("Value").map(|place| at_place(line, place).as_str().expect("a text"));
            let metric = &filter["MetricName"];
            let metric = source.map_or_else(|| metric.clone(), |source| format!("{metric} of {source}"));
            *sums.entry(metric).or_default() += value;
        }
    }
    sums
}

#[test]
fn what_is_counted_over_everything_raises_an_alarm() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let mut counted = Vec::new();
    for (name, filter) in resources("AWS::Logs::MetricFilter") {
        assert_eq!(filter["MetricNamespace"], "!Sub \"Perennial/${Stage}", "{name}");
        // A metric with a dimension is another metric, which is there to be looked at.
        if filter.contains_key("Key") {
            assert_eq!((filter["Key"].as_str(), filter["Value"].as_str()), ("source", "$.fields.source"), "{name}");
            continue;
        }
        if LOOKED_AT.contains(&filter["MetricName"].as_str()) {
            continue;
        }
        counted.push(filter["MetricName"].clone());
        let on_it = |alarm: &&BTreeMap<String, String>| alarm.get("MetricName") == Some(&filter["MetricName"]);
        let alarm: Vec<_> = alarms.values().filter(on_it).collect();
        let [alarm] = alarm[..] else { panic!("{} has {} alarms", filter["MetricName"], alarm.len()) };
        let set = ["Namespace", "Statistic", "Threshold", "ComparisonOperator", "TreatMissingData", "AlarmActions"];
        let expected =
            ["!Sub \"Perennial/${Stage}", "Sum", "0", "GreaterThanThreshold", "notBreaching", "[!Ref AlarmTopic]"];
        assert_eq!(set.map(|name| alarm[name].as_str()), expected, "{name}");
        assert!(!alarm.contains_key("Dimensions"), "{name}: over all sources");
        assert!(alarm["AlarmDescription"].len() > 40, "{name}: what has happened, and what is to be done");
    }
    counted.sort();
    let expected = [
        "AccountFaults",
        "QuarantinedEvents",
        "RefusedMerges",
        "ReusedEventIds",
        "SalesMailsPutOff",
        "SendingPauses",
        "SharedAddresses",
        "UnknownSends",
    ];
    assert_eq!(counted, expected);
}

#[test]
fn mail_that_waits_for_too_long_raises_an_alarm_before_its_queue_forgets_it() {
    let (queues, alarms) = (resources("AWS::SQS::Queue"), resources("AWS::CloudWatch::Alarm"));
    for (queue, hours) in [("MailQueue", 4), ("MailEventsQueue", 1)] {
        let of = format!("!GetAtt {queue}.QueueName");
        let on_it = |alarm: &&BTreeMap<String, String>| {
            alarm.get("MetricName").map(String::as_str) == Some("ApproximateAgeOfOldestMessage")
                && alarm.get("Value").is_some_and(|value| value.starts_with(&of))
        };
        let alarm: Vec<_> = alarms.values().filter(on_it).collect();
        let [alarm] = alarm[..] else { panic!("{queue} has {} alarms on the age of its messages", alarm.len()) };
        let seconds: u64 = alarm["Threshold"].parse().expect("seconds");
        assert_eq!(seconds, hours * 3_600, "{queue}");
        let kept: u64 = queues[queue]["MessageRetentionPeriod"]
            .split(' ')
            .next()
            .and_then(|seconds| seconds.parse().ok())
            .expect("seconds");
        assert!(kept >= 24 * seconds, "{queue}: a day for each hour, until somebody has mended it");
        assert_eq!(alarm["AlarmActions"], "[!Ref AlarmTopic]", "{queue}");
        assert!(alarm["AlarmDescription"].len() > 40, "{queue}: what has happened, and what is to be done");
    }
}

async fn identified(deployment: &Deployment, id: &str, contact: &str, email: &str) {
    let now = deployment.world.clock().now();
    tell(deployment, id, &body("contact.identified", now, &json!({"contact": contact, "email": email}))).await;
    settle(deployment).await;
}

async fn merged(deployment: &Deployment, from: &str, contact: &str) {
    let now = deployment.world.clock().now();
    let merge = body("contact.merged", now, &json!({"from": from, "contact": contact}));
    tell(deployment, &format!("{from}-into-{contact}"), &merge).await;
    settle(deployment).await;
}

#[tokio::test]
async fn each_thing_that_needs_a_human_is_counted_once() {
    let logs = Logs::capture();
    let start = logs.len();
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    assert_eq!(counted(&logs.of_this_test(start)), BTreeMap::new(), "nothing was wrong yet");

    // Two sources say what the playbook does not know, one of them twice.
    for id in ["quiz-1", "quiz-2"] {
        tell(&deployment, id, &engagement("ada", "analytics-quiz", "complete", at(NOW))).await;
    }
    let joined = json!({"event": "webinar.chat_message_sent", "event_ts": at(NOW).as_millisecond(), "payload": {}});
    assert_eq!(deliver(&deployment, "zoom", "", &joined).await.0, 202);
    // An id comes again with another body.
    for (asset, status) in [("analytics-guide", 202), ("analytics-checklist", 409)] {
        let told = engagement("ada", asset, "download", at(NOW));
        assert_eq!(deployment.post("again", &told).await.expect("the world goes on").0, status);
    }
    settle(&deployment).await;
    // Sales gives the lead back, and then wins a deal with it.
    for (word, said_at) in [("lead.rejected", "2026-01-07T09:58:00Z"), ("lead.won", "2026-01-07T09:59:00Z")] {
        tell(&deployment, word, &body(word, at(said_at), &json!({"contact": "ada", "product": "analytics"}))).await;
        settle(&deployment).await;
    }
    // An anonymous id is said to be two people.
    merged(&deployment, "anonymous", "ada").await;
    merged(&deployment, "anonymous", "ben").await;
    // A second contact states an address, and says so again every night.
    for id in ["first", "again-tonight", "again-tomorrow"] {
        identified(&deployment, id, "twin", &address_of("ada")).await;
    }
    // A third has it from somebody who is merged into it.
    identified(&deployment, "visitor", "visitor", &address_of("ada")).await;
    merged(&deployment, "visitor", "dora").await;

    let seen = counted(&logs.of_this_test(start));
    let expected = [
        ("QuarantinedEvents", 3),
        ("QuarantinedEvents of native", 2),
        ("QuarantinedEvents of zoom", 1),
        ("RefusedMerges", 1),
        ("RefusedWords", 1),
        ("ReusedEventIds", 1),
        // The twin, the visitor, and dora, who is now the visitor.
        ("SharedAddresses", 3),
    ];
    assert_eq!(seen, expected.map(|(metric, count)| (metric.to_owned(), count)).into());
}
