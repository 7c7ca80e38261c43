//! What was given up comes back to life, once its cause is mended: nothing is lost, nothing happens twice.

use std::sync::Arc;

use perennial::deployment::Deployment;
use perennial::quarantine::replay_all;
use perennial::redrive::{Fate, OfQueue, Outcome, Queue};
use perennial_local::{Call, Fault, Function, FunctionError};
use perennial_platform::ledger::Entry;
use perennial_tests::{at, deploy, engagement, interest, introduce, settle, tell, told};

const NOW: &str = "2026-03-02T10:00:00Z";

/// Replaces a function by one that always fails; the one that was there.
fn break_it(deployment: &Deployment, function: &str) -> Function {
    let sound = deployment.world.function(function).expect("it is registered");
    let broken: Function = Arc::new(|_| Box::pin(async { Err(FunctionError::new("broken")) }));
    deployment.world.register(function, broken);
    sound
}

/// The queues in which something lies, and how much.
fn dead(deployment: &Deployment) -> Vec<(Option<String>, usize)> {
    let letters = deployment.world.dead_letters().expect("the world remembers");
    perennial_tests::tally(letters.into_iter().map(|letter| letter.queue)).into_iter().collect()
}

/// What becomes of each message.
async fn outcomes(deployment: &Deployment, queue: Queue, really: bool) -> Vec<Outcome> {
    let places = deployment.dead_letters().await;
    let of_queue = places.redrive(queue, really, &mut |_, _, _| {}).await.expect("the queue can be read");
    settle(deployment).await;
    assert!(!of_queue.more);
    of_queue.outcomes
}

/// What redriving says of each message.
async fn redrive(deployment: &Deployment, queue: Queue, really: bool) -> Vec<String> {
    outcomes(deployment, queue, really).await.into_iter().map(|outcome| outcome.what).collect()
}

/// How often each entry was told again, of those that were.
async fn told_again(deployment: &Deployment) -> Vec<i64> {
    let scan = deployment.store.client.scan().table_name(&deployment.ledger_table).send().await.expect("it answers");
    let items = scan.items().iter();
    items.filter_map(|item| item.get("redriven")?.as_n().ok()?.parse().ok()).collect()
}

#[tokio::test]
async fn who_is_interrupted_is_not_told_that_there_is_nothing() {
    let deployment = deploy(at(NOW)).await;
    let places = deployment.dead_letters().await;
    places.interrupted.store(true, std::sync::atomic::Ordering::Relaxed);
    let of_queue = places.redrive(Queue::Mail, true, &mut |_, _, _| {}).await.expect("the queue can be read");
    assert_eq!(of_queue, OfQueue { outcomes: Vec::new(), more: true });
}

async fn later(deployment: &Deployment, hours: i64) {
    let until = deployment.world.clock().now() + jiff::SignedDuration::from_hours(hours);
    deployment.world.advance_to(until, |_| {}).await.expect("the world goes on");
}

#[tokio::test]
async fn records_that_a_consumer_gave_up_on_are_told_again_by_the_ledger_and_counted_once() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let sound = break_it(&deployment, "ScoreAndDecay");
    for (id, asset) in [("one", "analytics-checklist"), ("two", "analytics-infographic")] {
        tell(&deployment, id, &engagement("ada", asset, "download", at(NOW))).await;
        settle(&deployment).await;
    }
    assert_eq!(interest(&deployment, "ada", "analytics").await.facts.len(), 0);
    let lie = dead(&deployment);
    assert_eq!(lie.iter().map(|(queue, _)| queue.as_deref()).collect::<Vec<_>>(), [Some("StreamFailuresQueue")]);

    // Dry: nothing is done, and whoever asks again sees the same.
    let would = redrive(&deployment, Queue::Streams, false).await;
    assert!(would.iter().all(|what| what.contains("are told again by the ledger")), "{would:?}");
    assert_eq!((redrive(&deployment, Queue::Streams, false).await, dead(&deployment)), (would.clone(), lie));

    // Too early: it is broken still. Hours later what was told again is found by when that was.
    later(&deployment, 3).await;
    assert_eq!(redrive(&deployment, Queue::Streams, true).await, would);
    assert_eq!(interest(&deployment, "ada", "analytics").await.facts.len(), 0);
    assert!(would.len() > 1, "each of them is about all entries: {would:?}");
    assert_eq!(
        told_again(&deployment).await,
        [1; 4],
        "and each entry, hers and her account's among them, is told again once"
    );
    later(&deployment, 3).await;
    deployment.world.register("ScoreAndDecay", sound);
    let again = redrive(&deployment, Queue::Streams, true).await;
    assert!(again.iter().all(|what| what.contains("are told again by the ledger")), "{again:?}");
    assert_eq!(interest(&deployment, "ada", "analytics").await.facts.len(), 2);
    assert_eq!(dead(&deployment), []);
    assert_eq!(redrive(&deployment, Queue::Streams, true).await, Vec::<String>::new(), "nothing is left");
    assert_eq!(interest(&deployment, "ada", "analytics").await.facts.len(), 2);
}

#[tokio::test]
async fn an_event_that_a_function_failed_on_is_put_on_the_bus_again_and_a_tick_is_taken_away() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let sound = break_it(&deployment, "QualifyMql");
    tell(&deployment, "guide", &engagement("ada", "analytics-guide", "download", at(NOW))).await;
    settle(&deployment).await;
    // Over the morning on which held qualifications are decided.
    later(&deployment, 24).await;
    let leads = async || deployment.store.contact(&"ada".into()).await.expect("it can be read").leads.len();
    assert_eq!(leads().await, 0);
    // A mail was delivered to her meanwhile, which is a fact as well: the threshold is told again as long as nobody has heard of it.
    assert_eq!(dead(&deployment), [(Some("TriggerDeadLetterQueue".to_owned()), 3)]);

    deployment.world.register("QualifyMql", sound);
    let mut said = redrive(&deployment, Queue::Triggers, true).await;
    said.sort();
    let again = "ThresholdReached is put on the bus again";
    assert_eq!(said, [again, again, "is taken away: tomorrow's run decides what still waits"]);
    assert_eq!((leads().await, dead(&deployment)), (1, vec![]));
}

#[tokio::test]
async fn an_error_at_one_message_is_what_becomes_of_it_and_the_others_go_on() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let sound = break_it(&deployment, "QualifyMql");
    tell(&deployment, "guide", &engagement("ada", "analytics-guide", "download", at(NOW))).await;
    settle(&deployment).await;
    later(&deployment, 24).await;
    deployment.world.register("QualifyMql", sound);

    deployment.world.faults().inject(Call::PutEvents, Fault::FailEntries(vec![0]));
    let first = outcomes(&deployment, Queue::Triggers, true).await;
    assert_eq!((first.len(), deployment.world.faults().pending()), (3, 0), "{first:?}");
    let failed: Vec<&Outcome> = first.iter().filter(|outcome| outcome.fate != Fate::Redriven).collect();
    assert!(failed.len() == 1 && failed[0].fate == Fate::Failed, "{first:?}");
    assert!(failed[0].what.starts_with("stays: PutEvents: "), "{}", failed[0].what);

    // It is seen again at once, and not after minutes.
    let second = outcomes(&deployment, Queue::Triggers, true).await;
    assert_eq!(
        second.iter().map(|outcome| (&outcome.message, outcome.fate)).collect::<Vec<_>>(),
        [(&failed[0].message, Fate::Redriven)]
    );
    assert_eq!(dead(&deployment), []);
}

#[tokio::test]
async fn what_quarantine_has_released_is_found_by_when_that_was() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let body = engagement("ada", "analytics-checklist", "download", at(NOW));
    let reason = Some("the asset was not in the playbook".to_owned());
    let waiting = Entry::new("native", "early", told(&body), &body, at(NOW), reason);
    deployment.ingest.ledger.put(&waiting).await.expect("the ledger takes it");
    settle(&deployment).await;
    later(&deployment, 48).await;

    let sound = break_it(&deployment, "ScoreAndDecay");
    assert_eq!(replay_all(&deployment).await.expect("the ledger answers"), 1);
    later(&deployment, 3).await;
    deployment.world.register("ScoreAndDecay", sound);
    assert_eq!(interest(&deployment, "ada", "analytics").await.facts.len(), 0);
    let said = redrive(&deployment, Queue::Streams, true).await;
    assert!(!said.is_empty() && said.iter().all(|what| what.contains("are told again by the ledger")), "{said:?}");
    let facts = interest(&deployment, "ada", "analytics").await.facts;
    assert_eq!(
        facts.iter().map(|(_, second)| second).collect::<Vec<_>>(),
        [at(NOW).as_second()],
        "as of when it happened"
    );
}

#[tokio::test]
async fn mail_that_failed_five_times_goes_back_to_its_queue_and_leaves_once() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let sound = break_it(&deployment, "SendNurtureEmail");
    tell(&deployment, "price", &engagement("ada", "analytics-pricing", "request", at(NOW))).await;
    settle(&deployment).await;
    later(&deployment, 2).await;
    let mails = || {
        let mails = deployment.world.mails().expect("the world remembers");
        mails.iter().flat_map(|mail| &mail.tags).filter(|(name, kind)| name == "kind" && kind == "hand-off").count()
    };
    // The hand-off, and her slot of the hour.
    assert_eq!((mails(), dead(&deployment)), (0, vec![(Some("MailDeadLetterQueue".to_owned()), 2)]));

    deployment.world.register("SendNurtureEmail", sound);
    let said = redrive(&deployment, Queue::Mail, true).await;
    assert_eq!(said, ["goes back to MailQueue"; 2]);
    assert_eq!((mails(), dead(&deployment)), (1, vec![]));
    assert_eq!(redrive(&deployment, Queue::Mail, true).await, Vec::<String>::new());
    assert_eq!(mails(), 1);
}
