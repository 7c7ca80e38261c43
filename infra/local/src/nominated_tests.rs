//! A firing is left out only where an index nominates nothing, and what waits is known without asking the database.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::world_tests::{Calls, at, config, open, put};
use crate::{Nominations, Store, World};

/// The example template's schedule fires on Mondays at 08:00 UTC; the clock stands at Friday, 2026-11-20.
async fn only_nominated() -> (World, Calls) {
    let (world, calls) = open(Store::Memory).await;
    let nominations = Nominations {
        table: "LedgerTable".to_owned(),
        index: "due".to_owned(),
        shard_attribute: "due_shard".to_owned(),
        at_attribute: "due_at".to_owned(),
        shards: vec!["JOB#0".to_owned(), "JOB#1".to_owned()],
    };
    world.set_nominations("ScoreAndDecay", Some(nominations));
    (world, calls)
}

async fn nominate(world: &World, sort_key: &str, shard: &str, due_at: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    aws_sdk_dynamodb::Client::new(&config(&world.endpoints().dynamodb))
        .put_item()
        .table_name("LedgerTable")
        .item("PK", text("CONTACT#1"))
        .item("SK", text(sort_key))
        .item("due_shard", text(shard))
        .item("due_at", AttributeValue::N(at(due_at).as_second().to_string()))
        .send()
        .await
        .unwrap();
}

async fn firings(world: &World, until: &str) -> Vec<String> {
    let mut ticks = Vec::new();
    world.advance_to(at(until), |tick| ticks.push(format!("{} {}", tick.schedule, tick.at))).await.unwrap();
    ticks.retain(|tick| tick.starts_with("Decay"));
    ticks
}

#[tokio::test]
async fn a_schedule_fires_at_the_first_time_that_finds_something_and_from_then_on_while_it_does() {
    for (nominated, expected) in [
        (&[][..], &[][..]),
        (&[("JOB#2", "2026-11-20T13:00:00Z")], &[]),
        (&[("JOB#0", "2026-12-07T08:00:01Z")], &[]),
        (&[("JOB#0", "2026-12-07T08:00:00Z")], &["Decay 2026-12-07T08:00:00Z"]),
        (
            &[("JOB#0", "2026-12-07T08:00:00Z"), ("JOB#1", "2026-11-23T08:00:01Z")],
            &["Decay 2026-11-30T08:00:00Z", "Decay 2026-12-07T08:00:00Z"],
        ),
        (
            &[("JOB#1", "2026-11-01T08:00:00Z")],
            &["Decay 2026-11-23T08:00:00Z", "Decay 2026-11-30T08:00:00Z", "Decay 2026-12-07T08:00:00Z"],
        ),
    ] {
        let (world, _) = only_nominated().await;
        for (number, (shard, due_at)) in nominated.iter().enumerate() {
            nominate(&world, &number.to_string(), shard, due_at).await;
        }
        assert_eq!(firings(&world, "2026-12-08T00:00:00Z").await, expected, "{nominated:?}");
        assert_eq!(world.clock().now(), at("2026-12-08T00:00:00Z"));
    }
}

#[tokio::test]
async fn without_nominations_every_firing_happens() {
    let (world, calls) = only_nominated().await;
    world.set_nominations("ScoreAndDecay", None);
    assert_eq!(firings(&world, "2026-12-01T00:00:00Z").await.len(), 2);
    assert_eq!(calls.of("ScoreAndDecay").iter().filter(|event| event["job"] == "decay").count(), 2);
}

#[tokio::test]
async fn what_is_nominated_on_the_way_is_seen_to() {
    let (world, calls) = only_nominated().await;
    put(&world, "crm#1", "engagement").await;
    // Whoever consumes the engagement nominates something for the Monday after next.
    let (inside, heard) = (world.clone(), calls.function("ScoreAndDecay"));
    let function: crate::Function = std::sync::Arc::new(move |event| {
        let (inside, heard) = (inside.clone(), heard.clone());
        Box::pin(async move {
            if event["Records"].is_array() {
                nominate(&inside, "nominated", "JOB#0", "2026-11-24T00:00:00Z").await;
            }
            heard(event).await
        })
    });
    world.register("ScoreAndDecay", function);
    assert_eq!(firings(&world, "2026-12-01T00:00:00Z").await, ["Decay 2026-11-30T08:00:00Z"]);
}
