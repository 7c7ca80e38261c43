//! How mail leaves, and what is heard of it.

use std::collections::BTreeSet;

use perennial_platform::mail::is_production;
use serde_json::json;

use super::Found;
use crate::sam::{Parameters, Template, list, named};

/// What SES can tell of a mail that feedback records. Opens and clicks are not among them: SES would rewrite links.
const TOLD: [&str; 7] = ["send", "delivery", "deliveryDelay", "bounce", "complaint", "reject", "renderingFailure"];

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    let mut sets = BTreeSet::new();
    for (id, set) in template.all("AWS::SES::ConfigurationSet") {
        sets.insert(id);
        found.has(id, set, &["/Name"]);
        found.is(id, set, "/DeliveryOptions/TlsPolicy", "REQUIRE");
        found.is(id, set, "/ReputationOptions/ReputationMetricsEnabled", true);
        found.is(id, set, "/SendingOptions/SendingEnabled", true);
        found.is(id, set, "/SuppressionOptions/SuppressedReasons", json!(["BOUNCE", "COMPLAINT"]));
        found.must(id, set["TrackingOptions"].is_null(), "SES rewrites the links");
        let sender = template.resources.get("SendNurtureEmail").cloned().unwrap_or_default();
        let used = named(&sender["Properties"]["Environment"]["Variables"]["CONFIGURATION_SET"]);
        found.must(id, used == id, "no mail is sent with it");
    }
    found.must("MailConfigurationSet", sets.len() == 1, "there is not one configuration set");
    for set in sets {
        let mut destinations = template.all("AWS::SES::ConfigurationSetEventDestination");
        let Some((id, it)) = destinations.find(|(_, it)| named(&it["ConfigurationSetName"]) == set) else {
            found.say(set, "nobody hears what becomes of mail");
            continue;
        };
        let destination = &it["EventDestination"];
        found.is(id, destination, "/Enabled", true);
        found.has(id, destination, &["/Name"]);
        let told: Vec<&str> = list(&destination["MatchingEventTypes"]).iter().filter_map(|it| it.as_str()).collect();
        found.must(id, told == TOLD, format_args!("it tells {told:?}"));
        let topic = named(&destination["SnsDestination"]["TopicARN"]);
        let there = template.resources.get(&topic).is_some_and(|it| it["Type"] == "AWS::SNS::Topic");
        found.must(id, there, "it tells a topic that is not there");
        // SES tries to publish when the destination is made.
        let policy = named(&template.resources[id]["DependsOn"]);
        let policy = template.resources.get(&policy).cloned().unwrap_or_default();
        let first = list(&policy["Properties"]["Topics"]).iter().any(|it| named(it) == topic);
        found.must(id, first, "it does not wait for the topic's policy");
    }
    found.all()
}

#[test]
fn the_template_takes_a_stage_for_production_where_the_functions_do() {
    const STAGES: [Parameters; 6] = [
        &[("Stage", "prod")],
        &[("Stage", "production")],
        &[("Stage", "prod-2")],
        &[("Stage", "preprod")],
        &[("Stage", "staging")],
        &[("Stage", "dev")],
    ];
    for parameters in STAGES {
        let template = Template::shipped(parameters);
        let stage = template.given("Stage");
        let to_its_own = template.resources["SendNurtureEmailRole"].to_string().contains(":identity/*");
        assert_eq!(!to_its_own, is_production(stage), "{stage}: who is written to through which identity");
    }
}
