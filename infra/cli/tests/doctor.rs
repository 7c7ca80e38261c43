//! What the doctor reads of alarms and of mails that nobody knows of, against a CloudWatch and an SNS on this machine.

use std::collections::BTreeMap;
use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::Credentials;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use perennial::doctor::look::of_stack;
use perennial::doctor::{AlarmSeen, Facts, Subscriptions, Trouble};
use perennial::stack::Stack;
use perennial_playbook::Playbook;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const TOPIC: &str = "arn:aws:sns:eu-central-1:000000000000:alarms";

/// What CloudWatch and SNS know.
#[derive(Clone, Default)]
struct Known {
    alarms: Vec<Value>,
    /// The ARNs of the subscriptions, a page each.
    subscriptions: Vec<&'static str>,
    /// The values of figures, by their names.
    figures: BTreeMap<&'static str, Vec<(Timestamp, f64)>>,
}

fn refused() -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"__type": "AccessDeniedException", "message": "no"}))).into_response()
}

impl Known {
    fn alarms(&self, asked: &Value) -> Response {
        let names = asked["AlarmNames"].as_array().unwrap();
        let asked_for: Vec<&Value> = self.alarms.iter().filter(|alarm| names.contains(&alarm["AlarmName"])).collect();
        Json(json!({"MetricAlarms": asked_for, "CompositeAlarms": []})).into_response()
    }

    fn figure(&self, asked: &Value) -> Response {
        let values = self.figures.get(asked["MetricName"].as_str().unwrap()).cloned().unwrap_or_default();
        let from = asked["StartTime"].as_i64().unwrap();
        let points = values.iter().filter(|(at, _)| at.as_second() >= from);
        let points: Vec<Value> =
            points.map(|(at, value)| json!({"Timestamp": at.as_second(), "Sum": value, "Unit": "None"})).collect();
        Json(json!({"Label": "figure", "Datapoints": points})).into_response()
    }

    /// One subscription a page, numbered by the token.
    fn page(&self, form: &str) -> Response {
        assert!(form.contains("TopicArn=arn%3Aaws%3Asns%3Aeu%2Dcentral%2D1%3A000000000000%3Aalarms"), "{form}");
        let number = form.split_once("NextToken=").map_or(0, |(_, token)| token.parse::<usize>().unwrap());
        let member = self.subscriptions.get(number).map(|arn| {
            format!("<member><Endpoint>on-call@example.com</Endpoint><SubscriptionArn>{arn}</SubscriptionArn></member>")
        });
        let more = (number + 1 < self.subscriptions.len()).then(|| format!("<NextToken>{}</NextToken>", number + 1));
        let (member, more) = (member.unwrap_or_default(), more.unwrap_or_default());
        format!(
            "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>{member}</Subscriptions>{more}\
             </ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>"
        )
        .into_response()
    }
}

async fn answer(State(known): State<Known>, headers: HeaderMap, body: String) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let asked = || serde_json::from_str::<Value>(&body).unwrap();
    match target {
        "GraniteServiceVersion20100801.DescribeAlarms" => known.alarms(&asked()),
        "GraniteServiceVersion20100801.GetMetricStatistics" => known.figure(&asked()),
        "" if body.starts_with("Action=ListSubscriptionsByTopic&") => known.page(&body),
        _ => refused(),
    }
}

async fn config(known: Known) -> SdkConfig {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(known);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(&url)
        .load()
        .await
}

const NOW: &str = "2026-02-02T10:00:00Z";

/// What is read of a stack with three alarms.
async fn facts(known: Known) -> Facts {
    let resources = [("AAlarm", "a-1"), ("BAlarm", "b-1"), ("CAlarm", "c-1"), ("AlarmTopic", TOPIC)];
    let resources = resources.map(|(logical, physical)| (logical.to_owned(), physical.to_owned())).into();
    let stack = Stack { name: "perennial".to_owned(), resources, ..Stack::default() };
    let playbook = Playbook::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")).unwrap();
    of_stack(&config(known).await, &stack, &playbook, NOW.parse().unwrap()).await
}

fn alarm(name: &str, state: &str, acts: bool) -> Value {
    json!({"AlarmName": name, "StateValue": state, "ActionsEnabled": acts})
}

#[tokio::test]
async fn an_alarm_that_is_raised_or_tells_nobody_or_is_gone_is_seen() {
    let all_well = ["a-1", "b-1", "c-1"].map(|name| alarm(name, "OK", true)).to_vec();
    let known = Known { alarms: all_well, ..Known::default() };
    assert_eq!(facts(known).await.alarms, Some(Ok(Vec::new())));

    let alarms =
        vec![alarm("a-1", "ALARM", true), alarm("b-1", "INSUFFICIENT_DATA", false), alarm("d-1", "ALARM", true)];
    let seen = |alarm: &str, name: &str, trouble| AlarmSeen { alarm: alarm.to_owned(), name: name.to_owned(), trouble };
    let expected = vec![
        seen("AAlarm", "a-1", Trouble::Raised),
        seen("BAlarm", "b-1", Trouble::Silenced),
        seen("CAlarm", "c-1", Trouble::Gone),
    ];
    assert_eq!(facts(Known { alarms, ..Known::default() }).await.alarms, Some(Ok(expected)));
}

#[tokio::test]
async fn a_subscription_that_nobody_has_confirmed_is_counted_on_every_page() {
    let confirmed = "arn:aws:sns:eu-central-1:000000000000:alarms:1";
    for (subscriptions, expected) in [
        (vec![], (0, 0)),
        (vec!["PendingConfirmation"], (0, 1)),
        (vec![confirmed, "Deleted", "PendingConfirmation", confirmed], (2, 1)),
    ] {
        let (confirmed, pending) = expected;
        let seen = facts(Known { subscriptions, ..Known::default() }).await.subscriptions;
        assert_eq!(seen, Some(Ok(Subscriptions { confirmed, pending })));
    }
}

#[tokio::test]
async fn a_mail_whose_answer_came_is_not_unknown_and_an_answer_of_the_day_before_settles_none_of_today() {
    let hours_ago = |hours: i64| NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(hours);
    let figures = [
        ("UnknownSends", vec![(hours_ago(5), 2.0), (hours_ago(30), 1.0)]),
        ("UnknownSendsSettled", vec![(hours_ago(20), 1.0), (hours_ago(4), 1.0)]),
    ];
    let seen = facts(Known { figures: figures.into(), ..Known::default() }).await.unknown_sends;
    assert_eq!(seen, Ok((2, 1)));
}
