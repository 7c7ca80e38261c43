//! The decay run: what has cooled leaves the live index and is told of once, whenever and however often the run comes.

use futures::FutureExt as _;
use jiff::Timestamp;
use perennial::deployment::Deployment;
use perennial_domain::cycle::Cycle;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::FactName;
use perennial_platform::interest;
use perennial_platform::keys;
use perennial_platform::lambda::StreamOrTick;
use perennial_platform::store::{Store, integer};
use perennial_tests::interpose::Interposer;
use perennial_tests::{at, clock, deploy, settle, store_at};
use score_and_decay::ScoreAndDecay;
use serde_json::json;

/// In cycle 53, which lasts from Monday 12 January to Monday 26 January 2026.
const ENGAGED: &str = "2026-01-13T10:00:00Z";
/// Cycle 54, the silent one, ends here: one point, halved and rounded down, is none.
const COLD: &str = "2026-02-09T00:00:00Z";

/// An infographic: one point.
async fn engage(store: &Store, contact: &str, happened_at: Timestamp) {
    let name = FactName { asset: "analytics-infographic".into(), action: "download".into(), email: None };
    let facts = [(name, happened_at.as_second())];
    let product = ProductId::from("analytics");
    interest::add(store, &ContactId::from(contact), &product, &facts, Cycle::of(happened_at).end_second())
        .await
        .expect("the fact lands");
}

/// A world in which these contacts have one point each.
async fn world_with(contacts: &[&str]) -> Deployment {
    let deployment = deploy(at(ENGAGED)).await;
    for contact in contacts {
        engage(&deployment.store, contact, at(ENGAGED)).await;
    }
    deployment
}

fn scoring(deployment: &Deployment, store: Store) -> ScoreAndDecay {
    ScoreAndDecay {
        store,
        ledger: deployment.ingest.ledger.clone(),
        playbook: deployment.playbook.clone(),
        clock: clock(deployment),
    }
}

fn tick(scheduled_at: &str) -> StreamOrTick {
    serde_json::from_value(json!({"job": "decay", "scheduled_at": scheduled_at})).expect("a tick")
}

/// Runs the job at an instant, as its schedule does.
async fn run(deployment: &Deployment, scheduled_at: &str) {
    deployment.world.clock().set(at(scheduled_at));
    let answer = scoring(deployment, deployment.store.clone()).handle(tick(scheduled_at)).await;
    assert_eq!(answer.expect("the run finishes").batch_item_failures, []);
    settle(deployment).await;
}

/// Whether the live index holds a contact's interest.
async fn live(deployment: &Deployment, contact: &str) -> bool {
    let shard = keys::live_shard(&ContactId::from(contact));
    let found = deployment.store.nominated(keys::LIVE_INDEX, &shard, at("2999-01-01T00:00:00Z")).await;
    let key = keys::interest(&ContactId::from(contact), &ProductId::from("analytics"));
    found.expect("the index answers").contains(&key)
}

/// The ids of a contact's `InterestCooled` events on the bus.
fn cooled(deployment: &Deployment, contact: &str) -> Vec<String> {
    let events = deployment.world.bus_events().expect("the world remembers");
    let of_contact = events.into_iter().map(|event| event.envelope).filter(|envelope| {
        envelope["detail-type"] == "InterestCooled" && envelope["detail"]["contact"].as_str() == Some(contact)
    });
    of_contact.map(|envelope| envelope["detail"]["id"].as_str().expect("an id").to_owned()).collect()
}

/// The id under which it is told that an interest was cold when a cycle began.
fn told_id(contact: &str, cycle: i64) -> String {
    let first = Cycle::of(at("2024-01-01T00:00:00Z"));
    format!("InterestCooled#{contact}#analytics#{}", (first + cycle).start_second())
}

#[tokio::test]
async fn a_cold_interest_leaves_once_whatever_runs_there_were() {
    let (early, running, middle, cold) =
        ("2026-01-19T01:00:00Z", "2026-01-26T01:00:00Z", "2026-02-02T01:00:00Z", "2026-02-09T01:00:00Z");
    for (what, runs, expect_live, expect_cooled) in [
        ("no run yet", vec![], true, vec![]),
        ("every run before it is cold", vec![early, running, middle], true, vec![]),
        ("the second before it is cold", vec!["2026-02-08T23:59:59Z"], true, vec![]),
        ("the second in which it is cold", vec![COLD], false, vec![55]),
        ("every run", vec![early, running, middle, cold], false, vec![55]),
        ("every run twice", vec![early, early, running, running, middle, middle, cold, cold], false, vec![55]),
        ("two runs missed", vec![early, cold], false, vec![55]),
        ("all but a late run missed", vec!["2026-04-06T01:00:00Z"], false, vec![55]),
        ("many runs after it", vec![cold, "2026-02-16T01:00:00Z", "2026-04-06T01:00:00Z"], false, vec![55]),
    ] {
        let deployment = world_with(&["ada", "ben"]).await;
        for scheduled_at in runs {
            run(&deployment, scheduled_at).await;
        }
        for contact in ["ada", "ben"] {
            let ids: Vec<_> = expect_cooled.iter().map(|cycle| told_id(contact, *cycle)).collect();
            assert_eq!((live(&deployment, contact).await, cooled(&deployment, contact)), (expect_live, ids), "{what}");
            let stored = perennial_tests::interest(&deployment, contact, "analytics").await;
            assert_eq!(stored.facts.len(), 1, "{what}: a fact is never taken away");
        }
    }
}

#[tokio::test]
async fn an_interest_that_grows_warm_again_cools_again_under_another_id() {
    let deployment = world_with(&["ada"]).await;
    run(&deployment, "2026-02-09T01:00:00Z").await;
    assert!(!live(&deployment, "ada").await);
    deployment.world.clock().set(at("2026-02-10T10:00:00Z"));
    engage(&deployment.store, "ada", at("2026-02-10T10:00:00Z")).await;
    assert!(live(&deployment, "ada").await, "an engagement brings it back");
    for scheduled_at in ["2026-02-23T01:00:00Z", "2026-03-09T01:00:00Z", "2026-03-23T01:00:00Z"] {
        run(&deployment, scheduled_at).await;
    }
    assert!(!live(&deployment, "ada").await);
    let ids = [told_id("ada", 55), told_id("ada", 57)];
    assert_eq!(cooled(&deployment, "ada"), ids);
}

#[tokio::test]
async fn a_fact_that_lands_during_the_run_keeps_the_interest() {
    for (what, operation) in
        [("between nomination and read", "GetItem"), ("between read and write", "TransactWriteItems")]
    {
        let deployment = world_with(&["ada"]).await;
        let now = at("2026-02-09T01:00:00Z");
        deployment.world.clock().set(now);
        let store = deployment.store.clone();
        let between = Interposer::before(&deployment.world.endpoints().dynamodb, operation, move |number| {
            let store = store.clone();
            async move {
                if number == 1 {
                    engage(&store, "ada", now).await;
                }
            }
            .boxed()
        })
        .await;
        let running = scoring(&deployment, store_at(&between.url).await);
        running.handle(tick("2026-02-09T01:00:00Z")).await.expect("the run finishes");
        settle(&deployment).await;
        let stored = perennial_tests::interest(&deployment, "ada", "analytics").await;
        assert_eq!(stored.facts.len(), 2, "{what}: the fact has landed");
        assert_eq!((live(&deployment, "ada").await, cooled(&deployment, "ada").len()), (true, 0), "{what}");
        let key = keys::interest(&ContactId::from("ada"), &ProductId::from("analytics"));
        let item = deployment.store.get_item(&key).await.expect("the store answers").expect("the interest is there");
        let cools_at = integer(&item, keys::COOLS_AT);
        assert!(cools_at > Some(now.as_second()), "{what}: it is looked at later, not at once");

        for scheduled_at in ["2026-02-23T01:00:00Z", "2026-03-09T01:00:00Z"] {
            run(&deployment, scheduled_at).await;
        }
        assert!(!live(&deployment, "ada").await, "{what}");
        assert_eq!(cooled(&deployment, "ada"), [told_id("ada", 57)], "{what}: and cools in its time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_runs_at_once_are_one() {
    let contacts: Vec<String> = (0..12).map(|number| format!("contact-{number}")).collect();
    let deployment = world_with(&contacts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    deployment.world.clock().set(at("2026-02-09T01:00:00Z"));
    let runs = (0..8).map(|_| {
        let running = scoring(&deployment, deployment.store.clone());
        tokio::spawn(async move { running.handle(tick("2026-02-09T01:00:00Z")).await })
    });
    for finished in futures::future::join_all(runs).await {
        finished.expect("no panic").expect("the run finishes");
    }
    settle(&deployment).await;
    for contact in &contacts {
        let seen = (live(&deployment, contact).await, cooled(&deployment, contact).len());
        assert_eq!(seen, (false, 1), "{contact}");
    }
}

#[tokio::test]
async fn a_run_that_broke_off_is_finished_by_the_next() {
    let contacts: Vec<String> = (0..12).map(|number| format!("contact-{number}")).collect();
    let deployment = world_with(&contacts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    deployment.world.clock().set(at("2026-02-09T01:00:00Z"));
    let (between, mut fifth) =
        Interposer::stuck_at(&deployment.world.endpoints().dynamodb, "TransactWriteItems", 5).await;
    let dying = scoring(&deployment, store_at(&between.url).await);
    tokio::select! {
        answer = dying.handle(tick("2026-02-09T01:00:00Z")) => panic!("it cannot finish: {answer:?}"),
        reached = fifth.recv() => assert_eq!(reached, Some(())),
    }
    settle(&deployment).await;
    let told =
        |deployment: &Deployment| contacts.iter().map(|contact| cooled(deployment, contact).len()).sum::<usize>();
    let before = told(&deployment);
    assert!((4..12).contains(&before), "{before} were told before it broke off");
    run(&deployment, "2026-02-09T02:00:00Z").await;
    for contact in &contacts {
        assert_eq!((live(&deployment, contact).await, cooled(&deployment, contact).len()), (false, 1), "{contact}");
    }
}

#[tokio::test]
async fn an_engagement_worth_nothing_tells_nothing_and_what_the_horizon_ends_is_told() {
    // One point of 13 January, cold on 9 February; then mail that is delivered and not read.
    let deployment = world_with(&["ada"]).await;
    run(&deployment, "2026-02-09T01:00:00Z").await;
    for (delivered_at, next_run) in
        [("2026-03-03T10:00:00Z", "2026-03-09T01:00:00Z"), ("2026-03-17T10:00:00Z", "2026-03-23T01:00:00Z")]
    {
        let name = FactName { asset: "analytics-emails".into(), action: "delivered".into(), email: Some("may".into()) };
        let facts = [(name, at(delivered_at).as_second())];
        let looked_at = Cycle::of(at(delivered_at)).end_second();
        interest::add(&deployment.store, &"ada".into(), &"analytics".into(), &facts, looked_at)
            .await
            .expect("it lands");
        run(&deployment, next_run).await;
        assert!(!live(&deployment, "ada").await, "{next_run}");
        assert_eq!(cooled(&deployment, "ada"), [told_id("ada", 55)], "{next_run}");
    }

    // One percent a cycle hardly takes anything: the horizon of 28 cycles ends it, on 8 February 2027.
    let slow = perennial_tests::playbook_with(|text| text.replace("decay = \"halve\"", "decay = { percent = 1 }"));
    let deployment = perennial_tests::deploy_with(perennial_local::ClockHandle::standing_at(at(ENGAGED)), slow).await;
    for number in 0..60 {
        let name = FactName {
            asset: "analytics-emails".into(),
            action: "click".into(),
            email: Some(format!("mail-{number}").as_str().into()),
        };
        let facts = [(name, at(ENGAGED).as_second() + number)];
        interest::add(&deployment.store, &"ada".into(), &"analytics".into(), &facts, at(ENGAGED).as_second())
            .await
            .expect("it lands");
    }
    let name = FactName { asset: "analytics-guide".into(), action: "download".into(), email: None };
    let facts = [(name, at(ENGAGED).as_second())];
    interest::add(&deployment.store, &"ada".into(), &"analytics".into(), &facts, at(ENGAGED).as_second())
        .await
        .expect("it lands");
    for week in 0..80 {
        run(&deployment, &(at("2026-01-19T01:00:00Z") + jiff::SignedDuration::from_hours(week * 168)).to_string())
            .await;
    }
    assert!(!live(&deployment, "ada").await);
    assert_eq!(cooled(&deployment, "ada").len(), 1);
}
