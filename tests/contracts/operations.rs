//! Whatever goes wrong raises an alarm, every alarm has its section of the runbook, and what alarms and the dashboard read exists.
//!
//! CloudWatch is not there: the template is read, and held against what the functions say, against what AWS says of its own services,
//! and against the limits of CloudWatch.

mod watched;

use std::collections::{BTreeMap, BTreeSet};

use perennial_platform::metrics::{JOBS, Metric};
use perennial_tests::{playbook, root};
use serde_json::Value;

use watched::{Alarm, FUNCTION, OURS, Read, Template, is_measured, named};

/// What counts what has already been mended, or what a CRM said too late: nobody needs to be woken for it.
const LOOKED_AT: [&str; 2] = ["RefusedWords", "UnknownSendsSettled"];

/// The sections of the runbook at this depth, by their headings.
fn sections(depth: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("infra/RUNBOOK.md")).expect("the runbook");
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut heading = String::new();
    for line in text.lines() {
        match line.strip_prefix(depth) {
            Some(found) => heading = found.trim().to_owned(),
            None => sections.entry(heading.clone()).or_default().push_str(&format!("{line}\n")),
        }
    }
    sections
}

#[test]
fn every_alarm_says_what_to_do_and_points_to_its_section_of_the_runbook() {
    let (template, sections) = (Template::read(), sections("## "));
    let alarms: BTreeSet<&str> = template.alarms().iter().map(|alarm| alarm.name).collect();
    let written: BTreeSet<&str> = sections.keys().map(String::as_str).filter(|name| name.ends_with("Alarm")).collect();
    assert_eq!(written, alarms, "sections of the runbook, and alarms");
    for alarm in template.alarms() {
        assert!(alarm.name.ends_with("Alarm"), "{}", alarm.name);
        let anchor = format!(" Runbook: infra/RUNBOOK.md#{}", alarm.name.to_lowercase());
        let said = alarm.description().strip_suffix(&anchor);
        let said = said.unwrap_or_else(|| panic!("{} does not end with{anchor}", alarm.name));
        assert!(said.len() > 40 && said.ends_with('.') && alarm.description().len() < 1_024, "{}: {said}", alarm.name);
        let section = &sections[alarm.name];
        for part in ["**It means**", "**Look**", "**Mend**", "**Over**"] {
            assert!(section.contains(part), "{}: {part}", alarm.name);
        }
    }
}

#[test]
fn every_procedure_that_a_section_names_is_there() {
    let text = std::fs::read_to_string(root().join("infra/RUNBOOK.md")).expect("the runbook");
    let anchors: BTreeSet<String> = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-").replace(['`', ':', ','], ""))
        .collect();
    let links: Vec<&str> = text.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 20, "{links:?}");
    for link in links {
        assert!(anchors.contains(link), "#{link} leads nowhere");
    }
}

#[test]
fn every_function_has_an_alarm_on_errors_and_on_being_throttled_and_on_running_out_of_time() {
    let template = Template::read();
    for (function, properties) in template.of(FUNCTION) {
        let timeout_ms =
            properties["Timeout"].as_f64().unwrap_or_else(|| panic!("{function} has no timeout")) * 1_000.0;
        let on = |metric| template.alarm_on("AWS/Lambda", metric, Some(function));
        let errors = on("Errors");
        assert_eq!((errors.seconds(), errors.threshold()), ((300, 1), 0.0), "{function}: one error is one too many");
        // Of the desk there is none where there is no desk.
        assert_eq!(template.condition(errors.name), template.condition(function), "{function}: in both profiles");
        assert_eq!(on("Throttles").threshold(), 0.0, "{function}");
        let slow = on("Duration");
        let share = slow.threshold() / timeout_ms;
        assert!((0.8..1.0).contains(&share), "{function}: at {share} of its timeout");
    }
}

#[test]
fn every_stream_that_is_read_has_an_alarm_on_its_lag_and_every_dead_letter_queue_on_its_depth() {
    let template = Template::read();
    let mut dead_letters = BTreeSet::new();
    let mut readers = 0;
    let mut given_up = |place: &Value| {
        if !place.is_null() {
            dead_letters.insert(named(place));
        }
    };
    for (function, properties) in template.of(FUNCTION) {
        given_up(&properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"]);
        for event in properties["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
            given_up(&event["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]);
            given_up(&event["Properties"]["DeadLetterConfig"]["Arn"]);
            if event["Type"] == "DynamoDB" {
                readers += 1;
                let lag = template.alarm_on("AWS/Lambda", "IteratorAge", Some(function));
                // Hours before the stream forgets, which it does after a day.
                assert_eq!(lag.threshold(), 600_000.0, "{function}");
            }
        }
    }
    for (_, queue) in template.of("AWS::SQS::Queue") {
        given_up(&queue["RedrivePolicy"]["deadLetterTargetArn"]);
    }
    for (_, rule) in template.of("AWS::Events::Rule") {
        rule["Targets"]
            .as_array()
            .expect("targets")
            .iter()
            .for_each(|target| given_up(&target["DeadLetterConfig"]["Arn"]));
    }
    assert_eq!(readers, 3);
    let expected =
        ["MailDeadLetterQueue", "MailEventsDeadLetterQueue", "StreamFailuresQueue", "TriggerDeadLetterQueue"];
    assert_eq!(dead_letters.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    for queue in dead_letters {
        let depth = template.alarm_on("AWS/SQS", "ApproximateNumberOfMessagesVisible", Some(&queue));
        assert_eq!((depth.seconds(), depth.threshold()), ((60, 1), 0.0), "{queue}: one message is enough");
        assert_eq!(template.condition(depth.name), None, "{queue}: in both profiles");
    }
}

#[test]
fn mail_that_waits_for_too_long_raises_an_alarm_before_its_queue_forgets_it() {
    let template = Template::read();
    for (queue, hours) in [("MailQueue", 4.0), ("MailEventsQueue", 1.0)] {
        let alarm = template.alarm_on("AWS/SQS", "ApproximateAgeOfOldestMessage", Some(queue));
        assert_eq!(alarm.threshold(), hours * 3_600.0, "{queue}");
        let kept = template.0[queue]["Properties"]["MessageRetentionPeriod"].as_f64().expect("seconds");
        assert!(kept >= 24.0 * alarm.threshold(), "{queue}: a day for each hour, until somebody has mended it");
    }
}

#[test]
fn every_job_that_is_scheduled_has_an_alarm_on_its_silence() {
    let template = Template::read();
    let mut jobs = BTreeSet::new();
    for (function, properties) in template.of(FUNCTION) {
        for event in properties["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
            let Some(input) = event["Properties"]["Input"].as_str() else { continue };
            let input: Value = serde_json::from_str(input).expect("JSON");
            let job = input["job"].as_str().unwrap_or_else(|| panic!("{function}: no job")).to_owned();
            let alarm = template.alarm_on(OURS, "JobFinished", Some(&job));
            let (operator, missing) = (&alarm.alarm["ComparisonOperator"], &alarm.alarm["TreatMissingData"]);
            assert_eq!((operator, alarm.threshold()), (&"LessThanThreshold".into(), 1.0), "{job}");
            assert_eq!(missing, "breaching", "{job}: silence is what it is for");
            let (period, periods) = alarm.seconds();
            let hours = match job.as_str() {
                "sweep" => 0.5,
                "plan" => 3.0,
                // Its schedule may be one day a week: whole days, of which seven hold each day of the week once.
                "brief" => 7.0 * 24.0,
                _ => 26.0,
            };
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let seconds = (period * periods) as f64;
            assert_eq!(seconds, hours * 3_600.0, "{job}");
            let zone = &alarm.alarm["EvaluationWindow"]["WallClockWindow"]["Timezone"];
            assert_eq!(!zone.is_null(), job == "brief", "{job}");
            assert_eq!(template.condition(alarm.name), None, "{job}: in both profiles");
            jobs.insert(job);
        }
    }
    assert_eq!(jobs, JOBS.map(str::to_owned).into(), "what the schedules ask for, and what is said to have ended");
}

#[test]
fn what_is_counted_in_the_logs_over_everything_raises_an_alarm() {
    let template = Template::read();
    let mut counted = Vec::new();
    for (name, filter) in template.of("AWS::Logs::MetricFilter") {
        let metric = &filter["MetricTransformations"][0];
        assert_eq!(named(&metric["MetricNamespace"]), OURS, "{name}");
        let metric_name = metric["MetricName"].as_str().expect("a name");
        // A metric with a dimension is another metric, which is there to be looked at.
        if let Some(dimension) = metric["Dimensions"].as_array() {
            assert_eq!(dimension[0]["Value"], "$.fields.source", "{name}");
        } else if !LOOKED_AT.contains(&metric_name) {
            let alarm = template.alarm_on(OURS, metric_name, None);
            assert_eq!((&alarm.alarm["Statistic"], alarm.threshold()), (&"Sum".into(), 0.0), "{name}");
            counted.push(metric_name);
        }
    }
    counted.sort_unstable();
    let expected = [
        "AccountFaults",
        "HeldForApproval",
        "PagesNotDone",
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
fn the_account_is_warned_before_sending_pauses_by_itself() {
    let template = Template::read();
    let rules = &playbook().sending.rules;
    for (metric, pauses_at, least) in [
        ("Reputation.BounceRate", rules.pause_at_bounce_percent * 100, 0.01),
        ("Reputation.ComplaintRate", rules.pause_at_complaint_basis_points, 0.000_1),
    ] {
        let warns_at = template.alarm_on("AWS/SES", metric, None).threshold();
        #[expect(clippy::cast_precision_loss, reason = "hundredths of a percent")]
        let pauses_at = pauses_at as f64 / 10_000.0;
        assert!(least < warns_at && warns_at < pauses_at, "{metric}: {warns_at}, and pauses at {pauses_at}");
    }
}

#[test]
fn an_alarm_tells_of_its_end_if_it_has_one_and_keeps_to_the_limits_of_cloudwatch() {
    let template = Template::read();
    let counted_in_logs: BTreeSet<String> = template
        .of("AWS::Logs::MetricFilter")
        .map(|(_, filter)| named(&filter["MetricTransformations"][0]["MetricName"]))
        .collect();
    for alarm in template.alarms() {
        let Alarm { name, alarm: properties } = alarm;
        assert_eq!(properties["AlarmActions"][0]["Ref"], "AlarmTopic", "{name}");
        let ((period, periods), reads) = (alarm.seconds(), alarm.reads());
        // What has happened does not un-happen after five minutes without it.
        let is_of_the_past = reads.iter().any(|read| counted_in_logs.contains(&read.metric)) && periods == 1;
        assert_eq!(alarm.has_ok_actions(), !is_of_the_past, "{name}");
        // Source: the Amazon CloudWatch API Reference, PutMetricAlarm.
        let longest = if period < 3_600 { 86_400 } else { 604_800 };
        assert!(period * periods <= longest, "{name}: {period} times {periods}");
        let at_least = properties["DatapointsToAlarm"].as_u64().unwrap_or(periods);
        assert!((1..=periods).contains(&at_least), "{name}");
        let missing = properties["TreatMissingData"].as_str();
        let beats = reads.iter().any(|read| read.metric == "JobFinished");
        let expected = if beats { "breaching" } else { "notBreaching" };
        assert_eq!(missing, Some(expected), "{name}: red for ever, or never");
    }
}

#[test]
fn every_metric_that_an_alarm_or_the_dashboard_reads_is_measured_by_somebody() {
    let template = Template::read();
    for alarm in template.alarms() {
        for Read { namespace, metric, dimensions } in alarm.reads() {
            let dimensions: Vec<_> = dimensions.iter().map(|(name, of)| (name.as_str(), of.as_str())).collect();
            let measured = is_measured(&template, &namespace, &metric, &dimensions);
            assert!(measured, "{}: {metric} of {dimensions:?}", alarm.name);
        }
    }
    for (title, metrics) in shown(&template) {
        for metric in metrics {
            let texts: Vec<&str> = metric.iter().filter_map(Value::as_str).collect();
            let [namespace, name, dimensions @ ..] = &texts[..] else { panic!("{title}: {texts:?}") };
            // What CloudFormation puts in is the name of a resource; of a queue it is an attribute.
            let of = |value: &str| value.trim_matches(['$', '{', '}']).replace(".QueueName", "");
            let values: Vec<String> = dimensions.iter().skip(1).step_by(2).map(|value| of(value)).collect();
            let names = dimensions.iter().step_by(2).copied();
            let dimensions: Vec<_> = names.zip(values.iter().map(String::as_str)).collect();
            assert!(is_measured(&template, namespace, name, &dimensions), "{title}: {texts:?}");
        }
    }
    for metric in Metric::ALL {
        let shown = shown(&template).iter().flat_map(|(_, metrics)| metrics).any(|shown| shown[1] == metric.name());
        let alarmed =
            template.alarms().iter().any(|alarm| alarm.reads().iter().any(|read| read.metric == metric.name()));
        assert!(shown || alarmed, "nobody looks at {}", metric.name());
    }
}

/// The dashboard, with references as they stand.
fn dashboard(template: &Template) -> Value {
    let body = &template.0["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
    let text = body[0].as_str().expect("a text").replace("${EdgeAlarms}", "").replace("${DeskAlarms}", "");
    serde_json::from_str(&text).expect("JSON")
}

/// The titles of the dashboard's figures, with what each shows.
fn shown(template: &Template) -> Vec<(String, Vec<Vec<Value>>)> {
    let dashboard = dashboard(template);
    let widgets = dashboard["widgets"].as_array().expect("widgets").iter().filter(|widget| widget["type"] == "metric");
    let read = |widget: &Value| {
        let properties = &widget["properties"];
        let metrics = serde_json::from_value(properties["metrics"].clone()).expect("lists");
        (properties["title"].as_str().expect("a title").to_owned(), metrics)
    };
    widgets.map(read).collect()
}

#[test]
fn the_dashboard_shows_every_alarm_and_nothing_lies_upon_anything_else() {
    let template = Template::read();
    let body = &template.0["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
    // Those of an edge, or of the desk, are put in where it is there.
    let everything = body.to_string();
    for alarm in template.alarms() {
        assert!(everything.contains(&format!("${{{}.Arn}}", alarm.name)), "{} is not shown", alarm.name);
    }
    let dashboard = dashboard(&template);
    let mut taken = BTreeSet::new();
    for widget in dashboard["widgets"].as_array().expect("widgets") {
        let number = |name: &str| widget[name].as_u64().expect("a whole number");
        for x in number("x")..number("x") + number("width") {
            for y in number("y")..number("y") + number("height") {
                assert!(x < 24 && taken.insert((x, y)), "{widget}");
            }
        }
    }
}

#[test]
fn the_minimal_profile_stays_below_five_dollars_a_month_by_its_alarms() {
    let template = Template::read();
    // In cents: a figure that an alarm looks at, the two secrets, and the heartbeats that are said in every hour of the month or in one
    // of a day, which is what a metric costs 30 cents a month for. Source: the price lists of CloudWatch and Secrets Manager.
    let (secrets, hourly, daily) = (2 * 40, 2 * 30, 5 * 30 / 24 + 1);
    let cents = |edge: &[&str]| {
        let counts = |condition: Option<&str>| condition.is_none_or(|it| it == "HasDesk" || edge.contains(&it));
        let alarms = template.alarms().into_iter().filter(|alarm| counts(template.condition(alarm.name)));
        alarms.map(|alarm| alarm.reads().len()).sum::<usize>() * 10 + secrets + hourly + daily
    };
    // With the desk and either edge, which is the dearest that it can be.
    for edge in ["HasHttpApi", "HasFunctionUrls"] {
        assert!(cents(&[edge]) < 500, "{edge}: {} cents", cents(&[edge]));
    }
    // Whoever limits how many requests are worked on at once is told when it is too few.
    let limited = cents(&["HasFunctionUrls", "TellsOfHttpThrottles"]);
    assert_eq!(limited, cents(&["HasFunctionUrls"]) + 20, "two alarms");
    let condition = template.condition("Dashboard");
    assert_eq!(condition, Some("IsStandard"), "the dashboard costs three dollars");
}
