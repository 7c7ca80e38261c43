//! At most one product MQL per contact, product and quarter, and exactly one once the threshold is reached; and the quarter is that of
//! the engagement, to the millisecond.

use std::collections::BTreeSet;

use aws_config::timeout::TimeoutConfig;
use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use perennial::deployment::Deployment;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::FactName;
use perennial_domain::quarter::Quarter;
use perennial_local::ClockHandle;
use perennial_platform::failure::Failure;
use perennial_platform::interest;
use perennial_platform::outbox::LeadEvent;
use perennial_platform::records::Lead;
use perennial_platform::store::Store;
use perennial_tests::interpose::Interposer;
use perennial_tests::wire::{Goes, Which, Wire};
use perennial_tests::{
    at, body, clock, deploy, deploy_with, engagement, introduce, playbook_with, settle, store_at, tell,
};
use qualify_mql::{QualifyMql, Trigger};
use serde_json::json;

const NOW: &str = "2026-01-07T10:00:00Z";
/// The race of Must show 1: so many contacts, each decided on by so many at once.
const RACES: usize = 100;
const RACERS: usize = 200;
/// So many in a hundred of their transactions meet another one under way.
const CONFLICTS: usize = 30;
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

/// Everybody decides at once over a way on which three in ten transactions are refused; a fact lands meanwhile. Whoever lost every
/// race is told again, as the bus does.
async fn race(deployment: &Deployment, store: &Store, contact: &str, now: Timestamp) {
    let racers = (0..RACERS).map(|_| {
        let (decider, trigger) = (decider(deployment, store.clone()), reached(contact, quarter("2026-Q1")));
        tokio::spawn(async move { decider.handle(trigger).await })
    });
    let racing: Vec<_> = racers.collect();
    land(&deployment.store, contact, "analytics-checklist", now, now).await;
    let mut again = false;
    for outcome in racing {
        match outcome.await.expect("no panic") {
            Ok(()) => {}
            Err(Failure::Conflict { .. }) => again = true,
            Err(failure) => panic!("{contact}: {failure}"),
        }
    }
    if again {
        decider(deployment, deployment.store.clone())
            .handle(reached(contact, quarter("2026-Q1")))
            .await
            .expect("without a race there is nothing to lose");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_deciders_make_one_lead_each_time_though_three_in_ten_transactions_meet_another() {
    let now = at(NOW);
    let deployment = deploy(now).await;
    let (wire, _stuck) = Wire::to(&deployment.world.endpoints().dynamodb);
    let config = wire.config(TimeoutConfig::disabled()).await;
    let store = Store { client: aws_sdk_dynamodb::Client::new(&config), state: "StateTable".to_owned() };
    introduce(&deployment, "contact-0").await;
    for number in 1..RACES {
        let data = json!({"contact": format!("contact-{number}"), "account": "account-of-contact-0", "role": "user"});
        tell(&deployment, &format!("identified-{number}"), &body("contact.identified", now, &data)).await;
    }
    settle(&deployment).await;

    let began = std::time::Instant::now();
    let (mut calls, mut refused) = (0, 0);
    for number in 0..RACES {
        let contact = format!("contact-{number}");
        land(&deployment.store, &contact, "analytics-guide", now - SignedDuration::from_hours(1), now).await;
        wire.plan([(Which::Share("TransactWriteItems", CONFLICTS), Goes::Conflict)]);
        race(&deployment, &store, &contact, now).await;
        assert!(wire.succeeded("TransactWriteItems") <= 1, "{contact}: one transaction makes the lead, and no other");
        (calls, refused) = (calls + wire.calls().len(), refused + wire.broken());
        let made = leads(&deployment, &contact).await;
        assert_eq!(made.iter().map(|lead| lead.quarter.as_str()).collect::<Vec<_>>(), ["2026-Q1"], "{contact}");
        let stored = perennial_tests::interest(&deployment, &contact, "analytics").await;
        assert_eq!((stored.leads.len(), stored.facts.len()), (1, 2), "{contact}");
    }
    println!("{RACES} races of {RACERS}: {calls} calls, {refused} refused, {:?}", began.elapsed());
    settle(&deployment).await;
    for number in 0..RACES {
        let contact = format!("contact-{number}");
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

/// An instant at which a quarter begins, and the quarters before and after it.
type Boundary = (&'static str, &'static str, &'static str);

/// The boundaries of a year, by its first month and its zone. A fiscal year carries the number of the year in which it ends. New York
/// and Berlin change their clocks in March and in autumn.
const BOUNDARIES: [(i8, &str, [Boundary; 4]); 4] = [
    (
        1,
        "UTC",
        [
            ("2026-04-01T00:00:00Z", "2026-Q1", "2026-Q2"),
            ("2026-07-01T00:00:00Z", "2026-Q2", "2026-Q3"),
            ("2026-10-01T00:00:00Z", "2026-Q3", "2026-Q4"),
            ("2027-01-01T00:00:00Z", "2026-Q4", "2027-Q1"),
        ],
    ),
    (
        1,
        "Europe/Berlin",
        [
            ("2026-03-31T22:00:00Z", "2026-Q1", "2026-Q2"),
            ("2026-06-30T22:00:00Z", "2026-Q2", "2026-Q3"),
            ("2026-09-30T22:00:00Z", "2026-Q3", "2026-Q4"),
            ("2026-12-31T23:00:00Z", "2026-Q4", "2027-Q1"),
        ],
    ),
    (
        4,
        "America/New_York",
        [
            ("2026-04-01T04:00:00Z", "2026-Q4", "2027-Q1"),
            ("2026-07-01T04:00:00Z", "2027-Q1", "2027-Q2"),
            ("2026-10-01T04:00:00Z", "2027-Q2", "2027-Q3"),
            ("2027-01-01T05:00:00Z", "2027-Q3", "2027-Q4"),
        ],
    ),
    (
        2,
        "America/New_York",
        [
            ("2026-02-01T05:00:00Z", "2026-Q4", "2027-Q1"),
            ("2026-05-01T04:00:00Z", "2027-Q1", "2027-Q2"),
            ("2026-08-01T04:00:00Z", "2027-Q2", "2027-Q3"),
            // The night in which summer time ends, two hours later.
            ("2026-11-01T04:00:00Z", "2027-Q3", "2027-Q4"),
        ],
    ),
];

#[tokio::test]
async fn a_millisecond_decides_the_quarter_whenever_it_is_told() {
    for (first_month, zone, boundaries) in BOUNDARIES {
        let playbook = playbook_with(|text| {
            let calendar = "first_month = 1\ntime_zone = \"UTC\"";
            assert!(text.contains(calendar), "the example's quarters are calendar ones");
            text.replace(calendar, &format!("first_month = {first_month}\ntime_zone = \"{zone}\""))
        });
        let deployment = deploy_with(ClockHandle::standing_at(at("2026-01-07T10:00:00Z")), playbook).await;
        for (number, (begins_at, before, after)) in boundaries.into_iter().enumerate() {
            let begins_at = at(begins_at);
            deployment.world.clock().set(begins_at + SignedDuration::from_hours(30));
            for (side, millis, expected) in [("before", -1, before), ("at", 0, after), ("after", 1, after)] {
                let contact = format!("{side}-{number}");
                introduce(&deployment, &contact).await;
                let happened_at = begins_at + SignedDuration::from_millis(millis);
                let told = engagement(&contact, "analytics-guide", "download", happened_at);
                assert!(millis == 0 || told.contains(".999Z") || told.contains(".001Z"), "{told}");
                tell(&deployment, &format!("guide-{contact}"), &told).await;
                settle(&deployment).await;
                let made: Vec<String> =
                    leads(&deployment, &contact).await.into_iter().map(|lead| lead.quarter).collect();
                assert_eq!(made, [expected], "{first_month} {zone} {happened_at}");
            }
        }
    }
}
