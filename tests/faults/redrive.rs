//! What was given up comes back to life, once its cause is mended: nothing is lost, nothing happens twice.

use std::sync::Arc;

use perennial::deployment::Deployment;
use perennial::redrive::Queue;
use perennial_local::{Function, FunctionError};
use perennial_tests::{at, deploy, engagement, interest, introduce, settle, tell};

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

/// What redriving says of each message.
async fn redrive(deployment: &Deployment, queue: Queue, really: bool) -> Vec<String> {
    let outcomes = deployment.dead_letters().await.redrive(queue, really).await.expect("nothing refuses");
    settle(deployment).await;
    outcomes.into_iter().map(|outcome| outcome.what).collect()
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
    }
    settle(&deployment).await;
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
    assert_eq!(said, ["2 message(s) go back to the queue they came from"]);
    assert_eq!((mails(), dead(&deployment)), (1, vec![]));
    assert_eq!(redrive(&deployment, Queue::Mail, true).await, Vec::<String>::new());
    assert_eq!(mails(), 1);
}
