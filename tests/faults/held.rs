//! News of what waits is not lost: not what comes while it is being held, and not what somebody died over who was to tell of it.

use std::sync::Arc;

use futures::FutureExt as _;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::interest::FactName;
use perennial_platform::identity::profiles;
use perennial_platform::keys;
use perennial_platform::outbox::LeadEvent;
use perennial_platform::store::Change;
use perennial_tests::interpose::Interposer;
use perennial_tests::{at, body, clock, deploy, engagement, introduce, settle, store_at, tell};
use qualify_mql::{QualifyMql, Trigger};
use serde_json::json;

const NOW: &str = "2026-03-02T10:00:00Z";
const MAY: &str = "2026-05-04T10:00:00Z";

async fn reads_the_guide(deployment: &Deployment) {
    let now = deployment.world.clock().now();
    tell(deployment, &format!("guide-{now}"), &engagement("ada", "analytics-guide", "download", now)).await;
    settle(deployment).await;
}

async fn health(deployment: &Deployment, health: &str) {
    let now = deployment.world.clock().now();
    let data = json!({"account": "account-of-ada", "health": health});
    tell(deployment, &format!("{health}-{now}"), &body("account.updated", now, &data)).await;
    settle(deployment).await;
}

/// Sales gives the newest lead back until a date.
async fn given_back(deployment: &Deployment, until: &str) {
    let said = json!({"contact": "ada", "product": "analytics", "by": "rep-anna", "until": until});
    tell(deployment, until, &body("lead.rejected", deployment.world.clock().now(), &said)).await;
    settle(deployment).await;
}

async fn wants_calls(deployment: &Deployment, wants: bool) {
    let update = if wants { "REMOVE #channels_off" } else { "SET #channels_off = :channels" };
    let change = Change::of(keys::preferences(&"ada".into()), update);
    let channels = || aws_sdk_dynamodb::types::AttributeValue::Ss(vec!["phone".to_owned()]);
    let change = if wants { change } else { change.with(":channels", channels()) };
    assert!(deployment.store.apply("test", change).await.expect("the store answers"));
}

/// The quarters that have a lead, and why those wait that wait.
async fn made_and_held(deployment: &Deployment) -> (Vec<String>, Vec<String>) {
    let rows = deployment.store.contact(&"ada".into()).await.expect("the contact can be read");
    let made = rows.leads.iter().map(|lead| lead.quarter.clone()).collect();
    (made, rows.held.iter().map(|held| held.reason.clone()).collect())
}

/// Lets the fact of an Act Now land, and nobody decide of it.
async fn land(deployment: &Deployment) {
    let name = FactName { asset: "analytics-pricing".into(), action: "request".into(), email: None };
    let second = deployment.world.clock().now().as_second();
    let (contact, product) = ("ada".into(), "analytics".into());
    let landed =
        perennial_platform::interest::add(&deployment.store, &contact, &product, &[(name, second)], second).await;
    landed.expect("the fact lands");
}

#[tokio::test]
async fn what_is_learnt_between_the_decision_to_hold_and_its_commit_is_decided_on() {
    #[derive(Clone, Copy, Debug)]
    enum Learnt {
        WhoItIs,
        GoodHealth,
        CallsAreWanted,
        NoLongerGivenBack,
        Nothing,
    }
    for (learnt, made, held) in [
        (Learnt::WhoItIs, vec!["2026-Q2"], None),
        (Learnt::GoodHealth, vec!["2026-Q2"], None),
        (Learnt::CallsAreWanted, vec!["2026-Q2"], None),
        (Learnt::NoLongerGivenBack, vec!["2026-Q1", "2026-Q2"], None),
        (Learnt::Nothing, vec![], Some("not identified")),
    ] {
        let deployment = Arc::new(deploy(at(NOW)).await);
        if !matches!(learnt, Learnt::WhoItIs | Learnt::Nothing) {
            introduce(&deployment, "ada").await;
        }
        match learnt {
            Learnt::GoodHealth => {
                deployment.world.clock().set(at("2026-03-02T11:00:00Z"));
                health(&deployment, "at-risk").await;
            }
            Learnt::CallsAreWanted => wants_calls(&deployment, false).await,
            Learnt::NoLongerGivenBack => {
                reads_the_guide(&deployment).await;
                given_back(&deployment, "2026-06-10").await;
            }
            Learnt::WhoItIs | Learnt::Nothing => {}
        }
        deployment.world.clock().set(at(MAY));
        land(&deployment).await;
        let inner = Arc::clone(&deployment);
        let between = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
            let deployment = Arc::clone(&inner);
            async move {
                match learnt {
                    _ if number > 1 => {}
                    Learnt::WhoItIs => introduce(&deployment, "ada").await,
                    Learnt::GoodHealth => health(&deployment, "good").await,
                    Learnt::CallsAreWanted => wants_calls(&deployment, true).await,
                    Learnt::NoLongerGivenBack => given_back(&deployment, "2026-05-04").await,
                    Learnt::Nothing => {}
                }
            }
            .boxed()
        });
        let between = between.await;
        let decider = QualifyMql {
            store: store_at(&between.url).await,
            address_key: address_key(),
            playbook: Arc::clone(&deployment.playbook),
            clock: clock(&deployment),
        };
        let event = LeadEvent::of(&"ada".into(), &"analytics".into(), "2026-Q2".parse().expect("a quarter"));
        decider.handle(Trigger::Event { detail: event }).await.expect("it decides");
        let expected = (made.into_iter().map(str::to_owned).collect(), held.into_iter().map(str::to_owned).collect());
        assert_eq!(made_and_held(&deployment).await, expected, "{learnt:?}");
    }
}

#[tokio::test]
async fn news_of_an_account_that_somebody_died_over_is_told_when_it_is_delivered_again() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    deployment.world.clock().set(at("2026-03-02T11:00:00Z"));
    health(&deployment, "at-risk").await;
    reads_the_guide(&deployment).await;
    let waits = |reason: &str| (Vec::<String>::new(), vec![reason.to_owned()]);
    assert_eq!(made_and_held(&deployment).await, waits("account at risk"));

    deployment.world.clock().set(at("2026-03-02T12:00:00Z"));
    let account = keys::account_profile(&"account-of-ada".into());
    let good = [("health".to_owned(), "good".to_owned())].into();
    // Written, and its writer died; and so did whoever said the same an hour later.
    for at_ in ["2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z"] {
        let written = profiles::update_account(&deployment.store, &account, &good, at(at_).as_second()).await;
        written.expect("the store answers");
    }
    assert_eq!(made_and_held(&deployment).await, waits("account at risk"));
    health(&deployment, "good").await;
    assert_eq!(made_and_held(&deployment).await, (vec!["2026-Q1".to_owned()], vec![]));
}

#[tokio::test]
async fn what_waits_because_of_an_earlier_lead_hears_of_what_sales_says_of_that_lead() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    reads_the_guide(&deployment).await;
    given_back(&deployment, "2026-06-10").await;
    deployment.world.clock().set(at(MAY));
    reads_the_guide(&deployment).await;
    let before = ["2026-Q1"].map(str::to_owned).to_vec();
    assert_eq!(made_and_held(&deployment).await, (before, vec!["recycled until a date".to_owned()]));
    given_back(&deployment, "2026-05-04").await;
    let after = ["2026-Q1", "2026-Q2"].map(str::to_owned).to_vec();
    assert_eq!(made_and_held(&deployment).await, (after, vec![]));
}
