//! Events leave the outbox at least once, each under one id, whatever the bus does.

use std::collections::{BTreeMap, BTreeSet};

use perennial::deployment::Deployment;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_local::{Call, Fault};
use perennial_platform::bus::Bus;
use perennial_platform::lambda::StreamOrTick;
use perennial_platform::outbox::{self, LeadEvent, Waiting};
use perennial_tests::{at, deploy, sdk_config, settle, state_items, tally};
use relay_events::RelayEvents;
use serde_json::json;

const NOW: &str = "2026-01-07T10:00:00Z";

fn event(number: usize) -> Waiting {
    let contact = ContactId::new(format!("contact-{number}"));
    let quarter = "2026-Q1".parse().expect("a quarter");
    let lead = LeadEvent::of(&contact, &ProductId::from("analytics"), quarter);
    Waiting::lead_qualified(lead, at(NOW)).expect("an event")
}

/// Leaves events in the outbox and returns their ids.
async fn leave(deployment: &Deployment, count: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for number in 0..count {
        let event = event(number);
        outbox::put(&deployment.store, &event).await.expect("the store answers");
        ids.insert(event.id);
    }
    ids
}

async fn relay(deployment: &Deployment) -> RelayEvents {
    let services = sdk_config(&deployment.world.endpoints().aws).await;
    let bus = Bus::new(&services, "EventBus");
    RelayEvents { store: deployment.store.clone(), bus, clock: perennial_tests::clock(deployment) }
}

fn sweep() -> StreamOrTick {
    serde_json::from_value(json!({"job": "sweep", "scheduled_at": NOW})).expect("a tick")
}

async fn waiting(deployment: &Deployment) -> BTreeSet<String> {
    let items = state_items(deployment).await.into_iter();
    let of = |item: &perennial_platform::store::Item, name: &str| item[name].as_s().expect("a text").clone();
    items.filter(|item| of(item, "PK").starts_with("OUTBOX#")).map(|item| of(&item, "SK")).collect()
}

/// How often each id was published.
fn published(deployment: &Deployment) -> BTreeMap<String, usize> {
    let events = deployment.world.bus_events().expect("the world remembers");
    tally(events.iter().map(|event| event.envelope["detail"]["id"].as_str().expect("an id").to_owned()))
}

#[tokio::test]
async fn what_the_bus_refuses_stays_and_the_next_sweep_brings_it() {
    let deployment = deploy(at(NOW)).await;
    let relay = relay(&deployment).await;
    let ids = leave(&deployment, 60).await;
    // Every call half fails: with status 200, and every second entry refused.
    deployment.world.faults().inject_always(Call::PutEvents, Fault::FailEntries(vec![0, 2, 4, 6, 8]));
    let failure = relay.handle(sweep()).await.expect_err("a sweep that left something behind says so");
    assert!(failure.to_string().contains("PutEvents"), "{failure}");
    let (left, told) = (waiting(&deployment).await, published(&deployment));
    let told_ids: BTreeSet<String> = told.keys().cloned().collect();
    assert!(!told_ids.is_empty() && !left.is_empty());
    assert_eq!(left.intersection(&told_ids).count(), 0, "what was published is gone");
    assert_eq!(left.union(&told_ids).cloned().collect::<BTreeSet<_>>(), ids, "what was not is kept");

    deployment.world.faults().clear();
    relay.handle(sweep()).await.expect("the bus takes everything now");
    assert_eq!(waiting(&deployment).await, BTreeSet::new());
    assert_eq!(published(&deployment), ids.into_iter().map(|id| (id, 1)).collect());
}

#[tokio::test]
async fn an_event_that_the_bus_never_takes_does_not_hold_up_the_others() {
    let deployment = deploy(at(NOW)).await;
    let relay = relay(&deployment).await;
    let ids = leave(&deployment, 60).await;
    // The local bus refuses what EventBridge refuses: a detail that is no JSON.
    let mut poison = Vec::new();
    for number in 100..108 {
        let refused = Waiting { detail: "no JSON".to_owned(), ..event(number) };
        outbox::put(&deployment.store, &refused).await.expect("the store answers");
        poison.push(refused.id);
    }
    relay.handle(sweep()).await.expect_err("a sweep that left something behind says so");
    assert_eq!(waiting(&deployment).await, poison.into_iter().collect(), "all others have left");
    assert_eq!(published(&deployment), ids.into_iter().map(|id| (id, 1)).collect());
}

#[tokio::test]
async fn through_the_stream_every_event_arrives_under_its_id() {
    for (what, faults) in [
        ("nothing breaks", vec![]),
        ("half of every other call fails", vec![Fault::FailEntries(vec![1, 3, 5, 7, 9]); 6]),
        ("throttled twice", vec![Fault::Throttle, Fault::Throttle]),
        ("the bus answers 500", vec![Fault::ServerError]),
        ("requests are lost", vec![Fault::LoseRequest, Fault::LoseRequest]),
        ("replies are lost", vec![Fault::LoseReply, Fault::LoseReply, Fault::LoseReply]),
    ] {
        let deployment = deploy(at(NOW)).await;
        for fault in faults {
            deployment.world.faults().inject(Call::PutEvents, fault);
            deployment.world.faults().pass(Call::PutEvents);
        }
        let ids = leave(&deployment, 40).await;
        settle(&deployment).await;
        assert_eq!(deployment.world.faults().pending(), 0, "{what}: all faults have happened");
        assert_eq!(waiting(&deployment).await, BTreeSet::new(), "{what}");
        // Some more than once: a stream goes on from the first record that failed, and a lost reply proves nothing.
        assert_eq!(published(&deployment).into_keys().collect::<BTreeSet<_>>(), ids, "{what}");
        assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0, "{what}");
    }
}

#[tokio::test]
async fn what_the_stream_gave_up_is_brought_by_the_sweep() {
    let deployment = deploy(at(NOW)).await;
    deployment.world.faults().inject_always(Call::PutEvents, Fault::FailEntries((0..10).collect()));
    let ids = leave(&deployment, 5).await;
    settle(&deployment).await;
    assert_eq!(waiting(&deployment).await, ids, "given up by the stream, not lost");
    assert!(deployment.world.counts().expect("the world counts").dead_letters > 0);
    deployment.world.faults().clear();
    deployment.world.advance_to(at("2026-01-07T10:05:00Z"), |_| {}).await.expect("the world goes on");
    assert_eq!(waiting(&deployment).await, BTreeSet::new());
    assert_eq!(published(&deployment), ids.into_iter().map(|id| (id, 1)).collect());
}
