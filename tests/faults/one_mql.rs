//! At most one product MQL per contact, product and quarter, and exactly one once the threshold is reached.

use std::collections::BTreeSet;

use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use perennial::deployment::Deployment;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::FactName;
use perennial_domain::quarter::Quarter;
use perennial_platform::failure::Failure;
use perennial_platform::interest;
use perennial_platform::outbox::LeadEvent;
use perennial_platform::records::Lead;
use perennial_platform::store::Store;
use perennial_tests::interpose::Interposer;
use perennial_tests::{at, clock, deploy, introduce, settle, store_at};
use qualify_mql::{QualifyMql, Trigger};

const NOW: &str = "2026-01-07T10:00:00Z";
const ROUNDS: usize = 5;
const DECIDERS: usize = 64;
const LANDING: i64 = 16;

fn decider(deployment: &Deployment, store: Store) -> QualifyMql {
    let (address_key, playbook) = (perennial::deployment::address_key(), deployment.playbook.clone());
    QualifyMql { store, address_key, playbook, clock: clock(deployment) }
}

fn reached(contact: &str, quarter: Quarter) -> Trigger {
    Trigger::Event { detail: LeadEvent::of(&ContactId::from(contact), &ProductId::from("analytics"), quarter) }
}

fn quarter(text: &str) -> Quarter {
    text.parse().expect("a quarter")
}

/// A fact lands on the interest, as scoring lets it land.
async fn land(store: &Store, contact: &str, asset: &str, happened_at: Timestamp, now: Timestamp) {
    let name = FactName { asset: asset.into(), action: "download".into(), email: None };
    let facts = [(name, happened_at.as_second())];
    let landed =
        interest::add(store, &ContactId::from(contact), &ProductId::from("analytics"), &facts, now.as_second()).await;
    landed.expect("the fact lands");
}

async fn leads(deployment: &Deployment, contact: &str) -> Vec<Lead> {
    deployment.store.contact(&ContactId::from(contact)).await.expect("the contact can be read").leads
}

/// The `LeadQualified` events of a contact on the bus, by their own ids.
fn told(deployment: &Deployment, contact: &str) -> Vec<String> {
    let events = deployment.world.bus_events().expect("the world remembers");
    let of_contact = events.into_iter().map(|event| event.envelope).filter(|envelope| {
        envelope["detail-type"] == "LeadQualified" && envelope["detail"]["contact"].as_str() == Some(contact)
    });
    of_contact.map(|envelope| envelope["detail"]["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_deciders_make_one_lead_while_facts_land() {
    let now = at(NOW);
    let deployment = deploy(now).await;
    for round in 0..ROUNDS {
        let contact = format!("contact-{round}");
        introduce(&deployment, &contact).await;
        land(&deployment.store, &contact, "analytics-guide", now - SignedDuration::from_hours(1), now).await;
        let mut racing = Vec::new();
        for _ in 0..DECIDERS {
            let (decider, trigger) =
                (decider(&deployment, deployment.store.clone()), reached(&contact, quarter("2026-Q1")));
            racing.push(tokio::spawn(async move { decider.handle(trigger).await }));
        }
        let mut landing = Vec::new();
        for minute in 0..LANDING {
            let (store, contact) = (deployment.store.clone(), contact.clone());
            let happened_at = now - SignedDuration::from_mins(minute);
            landing.push(tokio::spawn(
                async move { land(&store, &contact, "analytics-checklist", happened_at, now).await },
            ));
        }
        for landed in landing {
            landed.await.expect("no panic");
        }
        let mut lost = 0;
        for outcome in racing {
            match outcome.await.expect("no panic") {
                Ok(()) => {}
                // Lost every race: the bus delivers to this one again.
                Err(Failure::Conflict { .. }) => lost += 1,
                Err(failure) => panic!("round {round}: {failure}"),
            }
        }
        println!("round {round}: {lost} of {DECIDERS} lost every race");
        let again = decider(&deployment, deployment.store.clone()).handle(reached(&contact, quarter("2026-Q1"))).await;
        again.expect("without a race there is nothing to lose");

        let made = leads(&deployment, &contact).await;
        assert_eq!(made.iter().map(|lead| lead.quarter.as_str()).collect::<Vec<_>>(), ["2026-Q1"], "round {round}");
        let stored = perennial_tests::interest(&deployment, &contact, "analytics").await;
        assert_eq!(stored.leads, BTreeSet::from([quarter("2026-Q1")]));
        assert_eq!(stored.facts.len(), 1 + usize::try_from(LANDING).expect("a small number"), "no fact was lost");
        settle(&deployment).await;
        assert_eq!(told(&deployment, &contact), [format!("LeadQualified#{contact}#analytics#2026-Q1")]);
    }
}

#[tokio::test]
async fn a_fact_that_lands_between_decision_and_commit_is_decided_on() {
    let now = at(NOW);
    let deployment = deploy(now).await;
    for lands_before_commits in [1, 3] {
        let contact = format!("contact-{lands_before_commits}");
        introduce(&deployment, &contact).await;
        land(&deployment.store, &contact, "analytics-guide", now - SignedDuration::from_hours(1), now).await;
        let (store, landing) = (deployment.store.clone(), contact.clone());
        let between = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
            let (store, contact) = (store.clone(), landing.clone());
            async move {
                if number <= lands_before_commits {
                    let minutes = i64::try_from(number).expect("a small number");
                    let happened_at = now - SignedDuration::from_mins(minutes);
                    land(&store, &contact, "analytics-checklist", happened_at, now).await;
                }
            }
            .boxed()
        })
        .await;
        let decider = decider(&deployment, store_at(&between.url).await);
        decider.handle(reached(&contact, quarter("2026-Q1"))).await.expect("it decides again");
        let made = leads(&deployment, &contact).await;
        let evidence: Vec<_> = made.iter().flat_map(|lead| &lead.evidence).map(|one| one.asset.as_str()).collect();
        assert_eq!(made.len(), 1);
        assert_eq!(evidence, ["analytics-guide", "analytics-checklist"], "the lead knows what landed meanwhile");
    }
}

#[tokio::test]
async fn the_quarter_is_that_of_the_engagement_and_each_has_its_own_lead() {
    let (last, first) = ("2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z");
    for (what, facts, expected) in [
        ("the last second of a quarter", vec![("analytics-guide", last)], vec!["2026-Q1"]),
        ("the first second of a quarter", vec![("analytics-guide", first)], vec!["2026-Q2"]),
        ("both", vec![("analytics-guide", last), ("analytics-checklist", first)], vec!["2026-Q1", "2026-Q2"]),
        (
            "neither reaches the threshold",
            vec![("analytics-infographic", last), ("analytics-checklist", first)],
            vec![],
        ),
    ] {
        let now = at("2026-04-02T10:00:00Z");
        let deployment = deploy(now).await;
        introduce(&deployment, "ada").await;
        for (asset, happened_at) in facts {
            land(&deployment.store, "ada", asset, at(happened_at), now).await;
        }
        let decider = decider(&deployment, deployment.store.clone());
        for _ in 0..3 {
            for asked in ["2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3"] {
                decider.handle(reached("ada", quarter(asked))).await.expect("it decides");
            }
        }
        let made: BTreeSet<String> = leads(&deployment, "ada").await.into_iter().map(|lead| lead.quarter).collect();
        assert_eq!(made.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{what}");
    }
}
