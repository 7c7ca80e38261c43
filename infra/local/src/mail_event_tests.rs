//! What SES tells of mails here: from a configuration set to the queue, as a template wires it.

use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use serde_json::Value;

use crate::mail_events::MailEvents;
use crate::records::Message as Waiting;
use crate::store::queue_partition;
use crate::world_tests::{at, config};
use crate::{ClockHandle, Store, Wiring, World};

const TEMPLATE: &str = "
Resources:
  Feedback:
    Type: AWS::SQS::Queue
  Topic:
    Type: AWS::SNS::Topic
  Set:
    Type: AWS::SES::ConfigurationSet
  Told:
    Type: AWS::SES::ConfigurationSetEventDestination
    Properties:
      ConfigurationSetName: !Ref Set
      EventDestination:
        Enabled: true
        MatchingEventTypes: [KINDS]
        SnsDestination: {TopicARN: !Ref Topic}
  Subscribed:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Feedback.Arn, RawMessageDelivery: RAW}
";

fn template(kinds: &str, raw: bool) -> String {
    TEMPLATE.replace("KINDS", kinds).replace("RAW", if raw { "true" } else { "false" })
}

async fn send(world: &World, to: &str, set: Option<&str>) {
    let content = |text: &str| Content::builder().data(text).build().unwrap();
    let message = Message::builder().subject(content("Hello")).body(Body::builder().text(content("text")).build());
    let sent = aws_sdk_sesv2::Client::new(&config(&world.endpoints().aws))
        .send_email()
        .from_email_address("us@example.com")
        .destination(Destination::builder().to_addresses(to).build())
        .content(EmailContent::builder().simple(message.build()).build())
        .set_configuration_set_name(set.map(str::to_owned))
        .email_tags(MessageTag::builder().name("slot").value("2026-01-08").build().unwrap());
    sent.send().await.unwrap();
}

/// The kinds of events that wait in the queue, in their order.
async fn told(template: &str, to: &str, set: Option<&str>) -> (Vec<String>, Vec<Value>) {
    let clock = ClockHandle::standing_at(at("2026-11-20T12:00:00.0405Z"));
    let world = World::open(Wiring::parse(template).unwrap(), Store::Memory, clock).await.unwrap();
    send(&world, to, set).await;
    let store = &world.inner.core.store;
    let now = world.clock().now();
    let waiting = store.visible::<Waiting>(&queue_partition("Feedback"), now, 100).unwrap();
    let bodies: Vec<Value> = waiting.iter().map(|(_, message)| serde_json::from_str(&message.body).unwrap()).collect();
    let kind = |body: &Value| match body["Message"].as_str() {
        Some(event) => format!("{} in an envelope", serde_json::from_str::<Value>(event).unwrap()["eventType"]),
        None => body["eventType"].to_string(),
    };
    (bodies.iter().map(|body| kind(body).replace('"', "")).collect(), bodies)
}

const ALL: &str = "send, delivery, bounce, complaint, reject";

#[tokio::test]
async fn what_becomes_of_a_mail_depends_on_the_name_it_is_sent_to() {
    for (to, expected) in [
        ("ada@example.com", vec!["Send", "Delivery"]),
        ("bouncer@example.com", vec!["Send", "Delivery"]),
        ("bounce@example.com", vec!["Send", "Bounce"]),
        ("bounce+ben@example.com", vec!["Send", "Bounce"]),
        ("suppressionlist@example.com", vec!["Send", "Bounce"]),
        ("soft@example.com", vec!["Send", "Bounce"]),
        ("ooto@example.com", vec!["Send", "Delivery", "Bounce"]),
        ("complaint@example.com", vec!["Send", "Delivery", "Complaint"]),
        ("reject@example.com", vec!["Send", "Reject"]),
    ] {
        assert_eq!(told(&template(ALL, true), to, Some("Set")).await.0, expected, "{to}");
    }
}

#[tokio::test]
async fn only_what_the_template_asks_for_is_told() {
    for (what, template, set, expected) in [
        ("one kind", template("delivery", true), Some("Set"), vec!["Delivery"]),
        ("in SNS's envelope", template("delivery", false), Some("Set"), vec!["Delivery in an envelope"]),
        ("mail of no configuration set", template(ALL, true), None, vec![]),
        ("mail of another one", template(ALL, true), Some("Other"), vec![]),
        ("switched off", template(ALL, true).replace("Enabled: true", "Enabled: false"), Some("Set"), vec![]),
    ] {
        assert_eq!(told(&template, "ada@example.com", set).await.0, expected, "{what}");
    }
}

#[tokio::test]
async fn an_event_says_which_mail_and_when() {
    let (_, bodies) = told(&template("delivery", true), "ada@example.com", Some("Set")).await;
    let mail = &bodies[0]["mail"];
    assert_eq!(mail["destination"], serde_json::json!(["ada@example.com"]));
    assert_eq!(mail["tags"]["slot"], serde_json::json!(["2026-01-08"]));
    assert_eq!(bodies[0]["delivery"]["timestamp"], "2026-11-20T12:00:00.041Z");
}

#[test]
fn what_cannot_be_told_here_is_refused_by_name() {
    let sound = template(ALL, true);
    let wiring = Wiring::parse(&sound).unwrap();
    let told: Vec<&MailEvents> = wiring.mail_events.iter().collect();
    assert_eq!((told.len(), told[0].queue.as_str(), told[0].raw), (1, "Feedback", true));
    for (from, to, reason) in [
        ("SnsDestination", "KinesisFirehoseDestination", "Told: only an `SnsDestination` is implemented here"),
        ("!GetAtt Feedback.Arn", "nothing", "Subscribed: \"nothing\" is not a queue of this template"),
        (
            "RawMessageDelivery",
            "FilterPolicy: {}, RawMessageDelivery",
            "Subscribed: filter policies are not implemented here",
        ),
    ] {
        assert!(sound.contains(from));
        assert_eq!(Wiring::parse(&sound.replace(from, to)).unwrap_err().to_string(), reason);
    }
}
