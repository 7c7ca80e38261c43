//! The hours in which nobody's slot has come are left out, and nothing is different for it.

use std::collections::BTreeMap;

use perennial::deployment::Deployment;
use perennial_platform::store::Item;
use perennial_tests::{at, body, deploy, engagement, introduce, settle, state_by_key, tell};
use serde_json::json;

/// A Monday.
const START: &str = "2026-10-05T05:00:00Z";

/// Three weeks with a reader in another zone, an opt-out and somebody of whom nothing is known but interest.
async fn three_weeks(leaves_out: bool) -> Deployment {
    let deployment = deploy(at(START)).await;
    if !leaves_out {
        deployment.world.set_nominations("PlanNurture", None);
    }
    for contact in ["ada", "bob", "cem"] {
        introduce(&deployment, contact).await;
        let shown = engagement(contact, "analytics-checklist", "download", at(START));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    let zone = json!({"contact": "cem", "time_zone": "America/Los_Angeles"});
    tell(&deployment, "zone", &body("contact.identified", at(START), &zone)).await;
    settle(&deployment).await;
    deployment.world.advance_to(at("2026-10-14T10:20:00Z"), |_| {}).await.unwrap();
    let opt_out = body("email.unsubscribed", at("2026-10-14T10:20:00Z"), &json!({"contact": "bob"}));
    tell(&deployment, "opt-out", &opt_out).await;
    deployment.world.advance_to(at("2026-10-26T05:00:00Z"), |_| {}).await.unwrap();
    deployment
}

/// Every item; what the local services number as they go is left out.
async fn state(deployment: &Deployment) -> BTreeMap<(String, String), Item> {
    let mut state = state_by_key(deployment).await;
    state.values_mut().for_each(|item| drop(item.remove("message_id")));
    state
}

#[tokio::test]
async fn the_hours_that_are_left_out_change_nothing() {
    let (all, some) = (three_weeks(false).await, three_weeks(true).await);
    let mails = |deployment: &Deployment| -> Vec<_> {
        let mails = deployment.world.mails().unwrap();
        mails.into_iter().map(|mail| (mail.at, mail.to, mail.subject, mail.tags)).collect()
    };
    assert_eq!(mails(&all), mails(&some));
    assert_eq!(state(&all).await, state(&some).await);
    let hours = |deployment: &Deployment| deployment.world.counts().unwrap().invocations["PlanNurture"];
    // As the clocks are put back one hour comes twice, and fires once.
    assert_eq!(hours(&all), 21 * 24 - 1, "every hour of three weeks");
    assert!((5..60).contains(&hours(&some)), "{}", hours(&some));
}
