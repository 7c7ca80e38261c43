//! Every event counts once, however often and in whatever order it is delivered.

use std::collections::BTreeMap;

use fastrand::Rng;
use futures::StreamExt as _;
use jiff::SignedDuration;
use perennial::account::Account;
use perennial_domain::ids::ProductId;
use perennial_domain::interest::{FactName, Facts, evaluate};
use perennial_tests::{at, deploy, engagement, interest, ledger_rows, seed, settle, tally, told, webhook_request};

const EVENTS: usize = 2_000;
const DELIVERIES: usize = 5;
const AT_ONCE: usize = 64;

/// One contact has two fifths of all events.
fn contact(random: &mut Rng) -> String {
    if random.u8(0..10) < 4 { "busy".to_owned() } else { format!("contact-{}", random.u8(0..40)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_shuffled_deliveries_of_each_event_count_once() {
    let mut random = Rng::with_seed(seed());
    let now = at("2026-01-07T10:00:00Z");
    let deployment = deploy(now).await;
    let kinds = [
        ("analytics-infographic", "download", "analytics"),
        ("analytics-checklist", "download", "analytics"),
        ("analytics-guide", "download", "analytics"),
        ("analytics-case-study", "download", "analytics"),
        ("analytics-pricing", "view", "analytics"),
        ("analytics-emails", "click", "analytics"),
        ("automation-checklist", "download", "automation"),
        ("automation-demo", "watch", "automation"),
        ("integrations-webinar", "attend", "integrations"),
        ("support-plus-guide", "download", "support-plus"),
    ];
    let mut events = Vec::new();
    let mut expected: BTreeMap<(String, &str), Facts> = BTreeMap::new();
    for number in 0..EVENTS {
        let contact = contact(&mut random);
        let (asset, action, product) = kinds[random.usize(0..kinds.len())];
        let happened_at = now - SignedDuration::from_secs(random.i64(0..60 * 24 * 60 * 60));
        events.push((format!("msg-{number}"), engagement(&contact, asset, action, happened_at)));
        let name = FactName { asset: asset.into(), action: action.into(), email: None };
        expected.entry((contact, product)).or_default().add(name, happened_at.as_second());
    }
    let busy = events.iter().filter(|(_, body)| body.contains("\"busy\"")).count();
    assert!(busy * 3 > EVENTS, "{busy} events on one contact");

    let mut deliveries: Vec<&(String, String)> = std::iter::repeat_n(events.iter(), DELIVERIES).flatten().collect();
    random.shuffle(&mut deliveries);
    let posts = deliveries.into_iter().map(|(id, body)| deployment.post(id, body));
    let answers = futures::stream::iter(posts).buffer_unordered(AT_ONCE);
    let statuses: Vec<u16> = answers.map(|answer| answer.expect("the world goes on").0).collect().await;
    let expected_statuses = BTreeMap::from([(202, EVENTS), (200, EVENTS * (DELIVERIES - 1))]);
    assert_eq!(tally(statuses), expected_statuses);

    settle(&deployment).await;
    let rows = ledger_rows(&deployment).await;
    assert_eq!(rows.len(), EVENTS);
    let (rules, mut points) = (&deployment.playbook.interest, 0);
    for ((contact, product), facts) in &expected {
        let stored = interest(&deployment, contact, product).await.facts;
        assert_eq!(stored, *facts, "{contact} {product}");
        let product = ProductId::from(*product);
        let score = evaluate(rules, &product, facts, now);
        assert_eq!(evaluate(rules, &product, &stored, now), score, "{contact} {product}");
        points += score.points;
    }
    assert!(points > 0, "nothing was worth anything");
    let report = Account::of(&deployment).await.expect("the report").engagements;
    let total = (EVENTS * DELIVERIES) as u64;
    assert_eq!((report.received, report.counted, report.duplicates), (total, EVENTS as u64, total - EVENTS as u64));
    assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_nine_bodies_under_one_id_exactly_one_counts_and_two_hundred_are_refused() {
    let now = at("2026-01-07T10:00:00Z");
    let deployment = deploy(now).await;
    for round in 0..25 {
        let (id, contact) = (format!("msg-{round}"), format!("contact-{round}"));
        let bodies: Vec<String> = (0..9)
            .map(|minute| {
                let happened_at = now - SignedDuration::from_mins(minute);
                engagement(&contact, "analytics-checklist", "download", happened_at)
            })
            .collect();
        let requests = bodies.iter().map(|body| deployment.ingest.handle(webhook_request(&deployment, &id, body)));
        let answers = futures::future::join_all(requests).await;
        let statuses: Vec<i64> =
            answers.into_iter().map(|answer| answer.expect("whatever happens is an answer").status_code).collect();
        assert_eq!(tally(statuses.iter().copied()), BTreeMap::from([(202, 1), (409, 8)]), "round {round}");
        settle(&deployment).await;
        let winner = statuses.iter().position(|status| *status == 202).expect("one was accepted");
        let name = FactName { asset: "analytics-checklist".into(), action: "download".into(), email: None };
        let stored = interest(&deployment, &contact, "analytics").await;
        let told_at = told(&bodies[winner]).at.as_second();
        assert_eq!(stored.facts.iter().collect::<Vec<_>>(), [(&name, told_at)], "round {round}");
    }
}
