//! An interest that a newer version wrote: refused with a reason, never rewritten, and no hindrance to the others.

use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::FactName;
use perennial_platform::failure::Failure;
use perennial_platform::interest;
use perennial_platform::keys;
use perennial_platform::lambda::StreamOrTick;
use perennial_platform::ledger::Entry;
use perennial_platform::outbox::LeadEvent;
use perennial_platform::store::{Change, Item, number};
use perennial_tests::{at, clock, deploy, engagement, stream_event, told};
use qualify_mql::{QualifyMql, Trigger};
use score_and_decay::ScoreAndDecay;
use serde_json::json;

const NOW: &str = "2026-01-13T10:00:00Z";

fn refused<T: std::fmt::Debug>(what: &str, answer: Result<T, Failure>) {
    match answer {
        Err(failure @ Failure::Poison { .. }) => {
            assert!(failure.to_string().contains("written by a newer version"), "{what}: {failure}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn an_interest_of_a_newer_format_is_refused_and_left_as_it_is() {
    let deployment = deploy(at(NOW)).await;
    let (store, playbook) = (&deployment.store, &deployment.playbook);
    let (ada, analytics) = (ContactId::from("ada"), ProductId::from("analytics"));
    let name = FactName { asset: "analytics-guide".into(), action: "download".into(), email: None };
    let facts = [(name, at(NOW).as_second())];
    let looked_at = at("2026-01-26T00:00:00Z").as_second();
    for contact in [&ada, &ContactId::from("ben")] {
        interest::add(store, contact, &analytics, &facts, looked_at).await.expect("the fact lands");
    }
    let key = keys::interest(&ada, &analytics);
    let newer = Change::of(key.clone(), "SET #format = :two, #weights = :two").with(":two", number(2));
    assert!(store.apply("test", newer).await.expect("it is written"));
    let item = || async { store.get_item(&key).await.expect("the store answers") };
    let before: Option<Item> = item().await;

    refused("add", interest::add(store, &ada, &analytics, &facts, looked_at).await);
    refused("read", store.contact(&ada).await);
    let qualification = QualifyMql {
        store: store.clone(),
        address_key: perennial::deployment::address_key(),
        playbook: playbook.clone(),
        clock: clock(&deployment),
    };
    let reached = LeadEvent::of(&ada, &analytics, "2026-Q1".parse().expect("a quarter"));
    refused("qualify", qualification.handle(Trigger::Event { detail: reached }).await);

    let ledger = deployment.ingest.ledger.clone();
    let scoring = ScoreAndDecay { store: store.clone(), ledger, playbook: playbook.clone(), clock: clock(&deployment) };
    let entries = ["ada", "ben"].map(|contact| {
        let body = engagement(contact, "analytics-checklist", "download", at(NOW));
        Entry::new("native", "msg-1", told(&body), &body, at(NOW), None)
    });
    let batch = serde_json::from_value(stream_event(&entries)).expect("a batch");
    let answer = scoring.handle(StreamOrTick::Stream(batch)).await.expect("a batch never fails as a whole");
    let failed: Vec<_> = answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    assert_eq!(failed, ["1"], "ada's record goes to the queue, ben's is done");
    assert_eq!(perennial_tests::interest(&deployment, "ben", "analytics").await.facts.len(), 2);

    deployment.world.clock().set(at("2026-09-07T01:00:00Z"));
    let tick = json!({"job": "decay", "scheduled_at": "2026-09-07T01:00:00Z"});
    refused("decay", scoring.handle(serde_json::from_value(tick).expect("a tick")).await);
    assert!(!perennial_tests::interest(&deployment, "ben", "analytics").await.live, "the others cool");
    assert_eq!(item().await, before, "nothing was written to it");
}
