//! A rebuild while the world goes on, and one that broke off.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use perennial::deployment::Deployment;
use perennial::rebuild::Rebuild;
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::{
    at, deploy, engagement, interest, introduce, playbook_with, settle, state_by_key, store_at, tell,
};

use crate::rebuild::{NOW, compared, download, fact, invent, later, rebuild, retagged};

/// Tells of a download at the world's time, when the first call of this operation on this table comes by.
async fn telling(
    deployment: &Deployment,
    operation: &'static str,
    table: &'static str,
    asset: &'static str,
) -> Interposer {
    let calls = Arc::new(AtomicUsize::new(0));
    let telling = deployment.clone();
    let before: Before = Arc::new(move |called, request| {
        let (calls, deployment) = (Arc::clone(&calls), telling.clone());
        async move {
            let here = called == operation && request["TableName"] == table;
            if here && calls.fetch_add(1, Ordering::SeqCst) == 0 {
                let now = deployment.world.clock().now();
                tell(&deployment, "meanwhile", &engagement("ada", asset, "download", now)).await;
                settle(&deployment).await;
            }
            request
        }
        .boxed()
    });
    Interposer::start(&deployment.world.endpoints().dynamodb, before, Arc::new(|_, _, _| {})).await
}

#[tokio::test]
async fn an_engagement_that_arrives_while_the_tables_are_read_is_no_difference() {
    for table in ["StateTable", "LedgerTable"] {
        let deployment = deploy(at(NOW)).await;
        introduce(&deployment, "ada").await;
        download(&deployment, "ada", "analytics-checklist", 1).await;
        later(&deployment).await;
        let between = telling(&deployment, "Scan", table, "analytics-guide").await;
        let store = store_at(&between.url).await;
        let comparison = rebuild(&deployment, &store).compare(&mut |_, _, _| {}).await.unwrap();
        assert!(comparison.is_equal(), "{table}: {comparison}");
        assert_eq!(comparison.total().on_their_way + comparison.total().facts, 2, "{table}");
        assert_eq!(compared(&deployment).await.total().facts, 2, "{table}: it has arrived");
    }
}

#[tokio::test]
async fn an_engagement_that_arrives_before_a_fact_is_taken_away_is_decided_on() {
    for (what, asset, removed, left) in [
        ("it tells the very fact that was surplus", "analytics-guide", 0, 2),
        ("it tells another", "analytics-infographic", 1, 2),
    ] {
        let deployment = deploy(at(NOW)).await;
        introduce(&deployment, "ada").await;
        download(&deployment, "ada", "analytics-checklist", 1).await;
        later(&deployment).await;
        let now = deployment.world.clock().now();
        invent(&deployment, "ada", "analytics", &[(fact("analytics-guide"), now.as_second())]).await;
        let between = telling(&deployment, "UpdateItem", "StateTable", asset).await;
        let store = store_at(&between.url).await;
        let (before, mended) = rebuild(&deployment, &store).apply(&mut |_, _, _| {}).await.unwrap();
        assert_eq!(before.total().surplus, 1, "{what}");
        assert!(mended.after.is_equal(), "{what}: {mended}");
        assert_eq!((mended.added, mended.removed), (0, removed), "{what}");
        let facts = interest(&deployment, "ada", "analytics").await.facts;
        assert_eq!(facts.len(), left, "{what}");
        assert!(facts.contains(&fact(asset), now.as_second()), "{what}: what was told is kept");
    }
}

#[tokio::test]
async fn a_rebuild_that_broke_off_is_finished_by_the_next_and_tells_what_it_did_not() {
    for (what, operation, call) in
        [("while mending", "UpdateItem", 3), ("before telling", "PutItem", 1), ("while telling", "PutItem", 3)]
    {
        let deployment = deploy(at(NOW)).await;
        let contacts = ["ada", "ben", "cleo", "dan"];
        for contact in contacts {
            introduce(&deployment, contact).await;
            download(&deployment, contact, "analytics-checklist", 1).await;
        }
        later(&deployment).await;
        // Under this one the checklist alone makes a lead, and for another product.
        let generous = playbook_with(|text| {
            retagged(text, &[("analytics-checklist", "\"automation\"")]).replacen("threshold = 5", "threshold = 1", 1)
        });
        let (between, mut stuck) = Interposer::stuck_at(&deployment.world.endpoints().dynamodb, operation, call).await;
        let store = store_at(&between.url).await;
        let dying = Rebuild { playbook: &generous, ..rebuild(&deployment, &store) };
        let mut unseen = |_: &'static str, _: usize, _: usize| {};
        tokio::select! {
            answer = dying.apply(&mut unseen) => panic!("{what}: it cannot finish: {answer:?}"),
            reached = stuck.recv() => assert_eq!(reached, Some(())),
        }
        let next = Rebuild { playbook: &generous, ..rebuild(&deployment, &deployment.store) };
        let (_, mended) = next.apply(&mut |_, _, _| {}).await.unwrap();
        assert!(mended.after.is_equal(), "{what}: {mended}");
        let outbox: BTreeSet<String> = state_by_key(&deployment).await.into_keys().map(|(_, id)| id).collect();
        for contact in contacts {
            let told = format!("ThresholdReached#{contact}#automation#2026-Q1");
            assert!(outbox.contains(&told), "{what}: {contact}");
        }
    }
}
