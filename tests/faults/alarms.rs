//! What the functions log is what the template counts, and what they measure is said once, where it is known.
//!
//! CloudWatch is not there: its metric filters are read from the template and applied to the lines that a story has logged. That
//! there is an alarm for what is counted is seen to in `contracts/operations.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Request;
use perennial::deployment::Deployment;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::FactName;
use perennial_domain::nurture::Edition;
use perennial_local::{Call, Fault};
use perennial_platform::interest;
use perennial_platform::keys;
use perennial_platform::lambda::StreamOrTick;
use perennial_platform::ledger::Entry;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::metrics::{JOBS, Metric, TARGET};
use perennial_platform::store::{Change, number};
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::senders::deliver;
use perennial_tests::{
    PUBLIC_URL, address_of, at, body, clock, deploy, engagement, introduce, ledger_rows, root, settle, stream_event,
    tell, told,
};
use score_and_decay::ScoreAndDecay;
use serde_json::{Value, json};

use crate::private::Logs;

const NOW: &str = "2026-01-07T10:00:00Z";

/// The metric filters of the template, by name: the properties of each, and its one transformation.
fn filters() -> BTreeMap<String, (Value, Value)> {
    let text = std::fs::read_to_string(root().join("infra/sam/template.yaml")).expect("the template");
    let template = perennial_local::read_template(&text).expect("YAML");
    let resources = template["Resources"].as_object().expect("resources").clone();
    let filters = resources.into_iter().filter(|(_, resource)| resource["Type"] == "AWS::Logs::MetricFilter");
    filters
        .map(|(name, mut filter)| {
            let properties = filter["Properties"].take();
            let transformations = properties["MetricTransformations"].as_array().expect("a list");
            let [transformation] = &transformations[..] else { panic!("{name} has several transformations") };
            (name, (properties.clone(), transformation.clone()))
        })
        .collect()
}

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
    for (name, (filter, metric)) in filters() {
        let pattern = filter["FilterPattern"].as_str().expect("a pattern");
        for line in lines.iter().filter(|line| matches(pattern, line)) {
            let value = metric["MetricValue"].as_str().expect("a text");
            let value = value.parse().ok().or_else(|| at_place(line, value).as_u64());
            let value = value.unwrap_or_else(|| panic!("{name}: {line}"));
            let source = metric["Dimensions"][0]["Value"].as_str();
            let source = source.map(|place| at_place(line, place).as_str().expect("a text"));
            let metric = metric["MetricName"].as_str().expect("a name").to_owned();
            let metric = source.map_or_else(|| metric.clone(), |source| format!("{metric} of {source}"));
            *sums.entry(metric).or_default() += value;
        }
    }
    sums
}

/// What the functions have measured, in these lines: each metric with the value of its dimension, summed.
fn measured(lines: &[Value]) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for line in lines.iter().filter(|line| line["target"] == TARGET) {
        let fields = &line["fields"];
        let name = fields["metric"].as_str().expect("a name");
        assert!(Metric::named(name).is_some(), "{line}");
        let metric = fields["of"].as_str().map_or_else(|| name.to_owned(), |of| format!("{name} of {of}"));
        *sums.entry(metric).or_default() += fields["value"].as_i64().expect("a whole number");
    }
    sums
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

/// What is measured of a story, less what the sweep says of itself, which comes every five minutes.
fn without_sweeps(lines: &[Value]) -> Vec<(String, i64)> {
    measured(lines).into_iter().filter(|(metric, _)| metric != "JobFinished of sweep").collect()
}

#[tokio::test]
async fn what_the_functions_do_is_measured_once_where_it_is_known() {
    let logs = Logs::capture();
    let start = logs.len();
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    tell(&deployment, "price", &engagement("ada", "analytics-pricing", "request", at(NOW))).await;
    settle(&deployment).await;
    // The sender repeats it, and it is known.
    let again = engagement("ada", "analytics-pricing", "request", at(NOW));
    assert_eq!(deployment.post("price", &again).await.expect("the world goes on").0, 200);
    settle(&deployment).await;
    let seen = without_sweeps(&logs.of_this_test(start));
    let expected =
        [("EngagementsCounted", 1), ("LeadsQualified", 1), ("MailsSent of sales", 1), ("OutboxAgeSeconds", 0)];
    assert_eq!(seen, expected.map(|(metric, sum)| (metric.to_owned(), sum)));
}

/// Says of an interest that a version of this number wrote it: one that is not known yet is refused.
async fn written_by(deployment: &Deployment, contact: &ContactId, product: &ProductId, version: i64) {
    let key = keys::interest(contact, product);
    let format = Change::of(key, "SET #format = :format").with(":format", number(version));
    assert!(deployment.store.apply("a test", format).await.expect("the store answers"));
}

#[tokio::test]
async fn an_engagement_is_counted_once_however_often_its_batch_comes_and_however_many_products_it_is_of() {
    let logs = Logs::capture();
    let deployment = deploy(at(NOW)).await;
    let scoring = ScoreAndDecay {
        store: deployment.store.clone(),
        ledger: deployment.ingest.ledger.clone(),
        playbook: Arc::clone(&deployment.playbook),
        clock: clock(&deployment),
    };
    // Of ben nothing can be written yet, of cyd nothing about one of the four products that a complaint is about.
    let refused = [("ben", "analytics"), ("cyd", "integrations")].map(|(who, what)| (who.into(), what.into()));
    let earlier = FactName { asset: "analytics-guide".into(), action: "download".into(), email: None };
    for (contact, product) in &refused {
        let facts = [(earlier.clone(), at(NOW).as_second() - 60)];
        interest::add(&deployment.store, contact, product, &facts, 0).await.expect("the fact lands");
        written_by(&deployment, contact, product, 2).await;
    }
    let start = logs.len();
    let entries = [
        engagement("ada", "analytics-checklist", "download", at(NOW)),
        engagement("ben", "analytics-checklist", "download", at(NOW)),
        engagement("cyd", "support-escalation", "raised", at(NOW)),
    ];
    let entries = entries.map(|body| Entry::new("native", "msg-1", told(&body), &body, at(NOW), None));
    let deliver = async |entries: &[Entry]| {
        let batch = serde_json::from_value(stream_event(entries)).expect("a batch");
        let answer = scoring.handle(StreamOrTick::Stream(batch)).await.expect("a batch never fails as a whole");
        answer.batch_item_failures.len()
    };
    assert_eq!(deliver(&entries).await, 2, "ben's and cyd's come again");
    for (contact, product) in &refused {
        written_by(&deployment, contact, product, 1).await;
    }
    assert_eq!(deliver(&entries[1..]).await, 0);
    assert_eq!(deliver(&entries).await, 0, "a redrive tells all of them again");
    let counted = measured(&logs.of_this_test(start));
    assert_eq!(counted.get("EngagementsCounted"), Some(&3), "{counted:?}");
}

#[tokio::test]
async fn what_somebody_pressed_or_followed_and_what_was_not_done_is_counted() {
    let logs = Logs::capture();
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let start = logs.len();
    // What is written goes astray, what is read is there.
    let astray: Before = Arc::new(|_, mut request| {
        if !request["Item"].is_null() {
            request["TableName"] = json!("away");
        }
        for part in request["TransactItems"].as_array_mut().into_iter().flatten() {
            part.as_object_mut().into_iter().flatten().for_each(|(_, write)| write["TableName"] = json!("away"));
        }
        Box::pin(async move { request })
    });
    let endpoints = deployment.world.endpoints().clone();
    let between = Interposer::start(&endpoints.dynamodb, astray, Arc::new(|_, _, _| {})).await;
    drop(deployment.through(&between.url, &endpoints.aws, PUBLIC_URL).await);
    let (contact, slot) = (ContactId::from("ada"), "2026-01-07".to_owned());
    let piece = deployment.playbook.nurture.streams[0].pieces[0].id.clone();
    let opt_out = Purpose::Unsubscribe { contact: contact.clone(), slot: slot.clone() };
    let click = Purpose::Click { contact, slot, piece, edition: Edition::default(), link: 0 };
    for (method, purpose, expected) in [("GET", &opt_out, 200), ("POST", &opt_out, 503), ("GET", &click, 302)] {
        let url = Links::new("the local world's link key", PUBLIC_URL).url(purpose, at(NOW));
        let path = url.strip_prefix(PUBLIC_URL).expect("our own link");
        let request = Request::builder().method(method).uri(path).body(Vec::new().into()).expect("a request");
        let answer = deployment.world.http(request).await.expect("the world goes on");
        assert_eq!(answer.status().as_u16(), expected, "{method} {purpose:?}");
    }
    let lines = logs.of_this_test(start);
    assert_eq!(counted(&lines), BTreeMap::from([("PagesNotDone".to_owned(), 2)]));
    let pressed = lines.iter().find(|line| line["fields"]["asked"] == "POST").expect("which it was");
    assert_eq!(pressed["fields"]["page"], "unsubscribe", "{pressed}");
}

#[tokio::test]
async fn a_click_whose_stream_cannot_be_read_is_not_recorded_as_another_one() {
    let logs = Logs::capture();
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let (start, before) = (logs.len(), ledger_rows(&deployment).await.len());
    // What is read is not there, what is written arrives.
    let astray: Before = Arc::new(|call, mut request| {
        if call == "GetItem" {
            request["TableName"] = json!("away");
        }
        Box::pin(async move { request })
    });
    let endpoints = deployment.world.endpoints().clone();
    let between = Interposer::start(&endpoints.dynamodb, astray, Arc::new(|_, _, _| {})).await;
    drop(deployment.through(&between.url, &endpoints.aws, PUBLIC_URL).await);
    let (contact, slot) = (ContactId::from("ada"), "2026-01-07".to_owned());
    let piece = deployment.playbook.nurture.streams[0].pieces[0].id.clone();
    let click = Purpose::Click { contact, slot, piece, edition: Edition::default(), link: 0 };
    let url = Links::new("the local world's link key", PUBLIC_URL).url(&click, at(NOW));
    let path = url.strip_prefix(PUBLIC_URL).expect("our own link");
    let request = Request::builder().uri(path).body(Vec::new().into()).expect("a request");
    let answer = deployment.world.http(request).await.expect("the world goes on");
    assert_eq!(answer.status().as_u16(), 302, "whoever follows a link arrives");
    assert_eq!(counted(&logs.of_this_test(start)), BTreeMap::from([("PagesNotDone".to_owned(), 1)]));
    assert_eq!(ledger_rows(&deployment).await.len(), before);
}

#[tokio::test]
async fn every_job_says_that_it_has_ended_well_and_none_says_so_that_has_not() {
    let logs = Logs::capture();
    let start = logs.len();
    // A Tuesday, so that a week passes with each of its days.
    let deployment = deploy(at("2026-01-06T00:00:00Z")).await;
    introduce(&deployment, "ada").await;
    let week_later = at("2026-01-13T00:00:00Z");
    deployment.world.advance_to(week_later, |_| {}).await.expect("the world goes on");
    let seen = measured(&logs.of_this_test(start));
    for job in JOBS {
        let runs = seen.get(&format!("JobFinished of {job}")).copied().unwrap_or_default();
        let expected = match job {
            // The local world lets them sleep while there is nothing for them to do.
            "sweep" | "plan" => {
                assert!(runs > 0, "{job}");
                continue;
            }
            "brief" => 5,
            _ => 7,
        };
        assert_eq!(runs, expected, "{job}");
    }

    // An event that the bus does not take: the sweep fails, and after a quarter of an hour the age of the event says it as well.
    let before = logs.len();
    deployment.world.faults().inject_always(Call::PutEvents, Fault::FailEntries((0..10).collect()));
    tell(&deployment, "price", &engagement("ada", "analytics-pricing", "request", week_later)).await;
    settle(&deployment).await;
    deployment.world.advance_to(at("2026-01-13T00:30:00Z"), |_| {}).await.expect("the world goes on");
    let lines = logs.of_this_test(before);
    assert_eq!(measured(&lines).get("JobFinished of sweep"), None, "a sweep that left something behind");
    let ages = lines.iter().filter(|line| line["fields"]["metric"] == "OutboxAgeSeconds");
    let oldest = ages.filter_map(|line| line["fields"]["value"].as_i64()).max();
    assert!(oldest > Some(900), "{oldest:?}");
}

#[tokio::test]
async fn a_word_of_last_month_does_not_look_like_an_event_that_waits_for_a_month() {
    let logs = Logs::capture();
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    tell(&deployment, "price", &engagement("ada", "analytics-pricing", "request", at("2025-12-01T10:00:00Z"))).await;
    settle(&deployment).await;
    let start = logs.len();
    let said_at = at("2025-12-02T10:00:00Z");
    let word = json!({"contact": "ada", "product": "analytics", "quarter": "2025-Q4"});
    tell(&deployment, "touched", &body("lead.touched", said_at, &word)).await;
    settle(&deployment).await;
    let moved = deployment.world.bus_events().expect("the world remembers");
    let moved: Vec<_> = moved.iter().filter(|event| event.envelope["detail-type"] == "LeadTouched").collect();
    assert_eq!(moved.len(), 1, "the word moved the lead");
    assert_eq!(moved[0].envelope["time"], "2025-12-02T10:00:00Z", "it happened when it was said");
    assert_eq!(measured(&logs.of_this_test(start)).get("OutboxAgeSeconds"), Some(&0));
}
