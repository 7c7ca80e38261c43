//! Topics: who may publish, and who listens.

use serde_json::{Value, json};

use super::Found;
use super::queues::{names_only, statements};
use crate::sam::{Template, list, named};

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    for (id, topic) in template.all("AWS::SNS::Topic") {
        if let Some((key, _)) = template.all("AWS::KMS::Key").next() {
            let with = named(&topic["KmsMasterKeyId"]);
            found.must(id, with == key, format_args!("it is not encrypted with {key}"));
        }
        let mut subscriptions = template.all("AWS::SNS::Subscription");
        let heard = subscriptions.any(|(_, it)| named(&it["TopicArn"]) == id);
        found.must(id, heard, "nobody listens");
        check_policy(template, id, &mut found);
    }
    for (id, subscription) in template.all("AWS::SNS::Subscription") {
        found.has(id, subscription, &["/TopicArn", "/Endpoint"]);
        match subscription["Protocol"].as_str() {
            // The function reads what SES wrote, not an envelope around it.
            Some("sqs") => {
                found.is(id, subscription, "/RawMessageDelivery", true);
                let end = named(&subscription["RedrivePolicy"]["deadLetterTargetArn"]);
                let queue = template.resources.get(&end).is_some_and(|it| it["Type"] == "AWS::SQS::Queue");
                found.must(id, queue, "what cannot be delivered is kept nowhere");
            }
            Some("email") => {}
            _ => found.say(id, "it listens in a way that no rule knows"),
        }
    }
    found.all()
}

fn check_policy(template: &Template, id: &str, found: &mut Found) {
    let of_it = |policy: &&Value| list(&policy["Topics"]).iter().any(|topic| named(topic) == id);
    let policies: Vec<&Value> = template.all("AWS::SNS::TopicPolicy").map(|(_, it)| it).filter(of_it).collect();
    let [policy] = policies.as_slice() else {
        return found.say(id, "it has not one policy");
    };
    found.is(id, policy, "/PolicyDocument/Version", "2012-10-17");
    let statements: Vec<Value> = statements(policy).iter().map(names_only).collect();
    let tls = json!({"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": id,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
    found.must(id, statements.contains(&tls), "it can be used without TLS");
    let allowed: Vec<&Value> = statements.iter().filter(|it| **it != tls).collect();
    let expected = publishers(template, id);
    let expected: Vec<&Value> = expected.iter().collect();
    found.must(id, allowed == expected, format_args!("it takes from {}, not from {}", json!(allowed), json!(expected)));
}

/// Alarms of this account publish by CloudWatch, what becomes of mail by SES for its configuration set.
fn publishers(template: &Template, topic: &str) -> Vec<Value> {
    let allow = |service: &str, condition: Value| {
        json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sns:Publish", "Resource": topic,
            "Condition": condition})
    };
    let mut all = Vec::new();
    let mut alarms = template.all("AWS::CloudWatch::Alarm");
    if alarms.any(|(_, alarm)| list(&alarm["AlarmActions"]).iter().any(|action| named(action) == topic)) {
        all.push(allow("cloudwatch.amazonaws.com", json!({"StringEquals": {"aws:SourceAccount": "AWS::AccountId"}})));
    }
    for (_, it) in template.all("AWS::SES::ConfigurationSetEventDestination") {
        if named(&it["EventDestination"]["SnsDestination"]["TopicARN"]) == topic {
            let set = format!("ses:configuration-set/{}", named(&it["ConfigurationSetName"]));
            let condition = json!({"StringEquals": {"aws:SourceAccount": "AWS::AccountId"},
                "ArnEquals": {"aws:SourceArn": set}});
            all.push(allow("ses.amazonaws.com", condition));
        }
    }
    all
}
