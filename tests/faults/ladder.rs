//! The SLA ladder, step by step: what a touch stops wherever it comes, and what the log says of a run.

use escalate_sla::EscalateSla;
use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use perennial::deployment::{Deployment, function};
use perennial_domain::lead::{Said, Word};
use perennial_platform::keys;
use perennial_platform::lambda::Tick;
use perennial_platform::leads::{self, Meant};
use perennial_platform::records::Lead;
use perennial_platform::store::Store;
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::silent_sender;
use perennial_tests::{at, body, deploy, engagement, introduce, settle, store_at, tell};
use serde_json::{Value, json};

use crate::private::Logs;

/// Tuesday 15:00 in Berlin, so that the first rung is due on Wednesday 15:00 and fires on Thursday at eight.
const MADE: &str = "2026-01-06T14:00:00Z";
const THURSDAY: &str = "2026-01-08T07:00:00Z";
/// The checks after it.
const LATER: [&str; 3] = ["2026-01-09T07:00:00Z", "2026-01-12T07:00:00Z", "2026-01-13T07:00:00Z"];

/// Runs the check as its schedule does. What follows from it waits for the next settle.
async fn run(store: Store, deployment: &Deployment, scheduled_at: &str) {
    let tick: Tick = serde_json::from_value(json!({"job": "sla", "scheduled_at": scheduled_at})).expect("a tick");
    let run = EscalateSla { store, playbook: deployment.playbook.clone() }.handle(tick).await;
    run.expect("the run finishes");
}

async fn does(deployment: &Deployment, contact: &str, asset: &str, action: &str) {
    let now = deployment.world.clock().now();
    tell(deployment, &format!("{asset}-{contact}-{now}"), &engagement(contact, asset, action, now)).await;
    settle(deployment).await;
}

async fn lead(store: &Store, contact: &str) -> Lead {
    let key = keys::lead(&contact.into(), &"analytics".into(), "2026-Q1".parse().expect("a quarter"));
    store.get(&key).await.expect("the store answers").expect("a lead")
}

/// "I am on it", said now and taken at once.
async fn touch(store: &Store, contact: &str, now: Timestamp) {
    let (contact, product) = (contact.into(), "analytics".into());
    let meant = Meant { contact: &contact, product: &product, quarter: None };
    let word = Word { by: Some("rep-anna".to_owned()), ..Word::of(Said::Touched, now.as_second()) };
    leads::apply(store, &meant, &word, now).await.expect("the store answers");
}

fn mails(deployment: &Deployment, kind: &str) -> usize {
    let mails = deployment.world.mails().expect("the world remembers");
    mails.iter().filter(|mail| mail.tags.contains(&("kind".to_owned(), kind.to_owned()))).count()
}

fn events(deployment: &Deployment, kind: &str) -> usize {
    let events = deployment.world.bus_events().expect("the world remembers");
    events.iter().filter(|event| event.envelope["detail-type"] == kind).count()
}

/// Where a touch comes.
#[derive(Clone, Copy, Debug)]
enum Comes {
    /// A millisecond before the check, by the CRM's webhook.
    Before,
    /// When the check has read the lead and is about to write the rung.
    BetweenLoadAndCommit,
    /// When the rung stands and its mail is still to be written.
    BetweenRungAndMail,
    /// When the sender has read the lead and is about to claim its mail.
    BetweenLoadAndClaim,
    /// A millisecond after the check, when its mail has left.
    After,
}

#[tokio::test]
async fn a_touch_stops_the_rung_and_its_mail_wherever_it_comes() {
    for (comes, rungs, reminders) in [
        (Comes::Before, 0, 0),
        (Comes::BetweenLoadAndCommit, 0, 0),
        (Comes::BetweenRungAndMail, 1, 0),
        (Comes::BetweenLoadAndClaim, 1, 0),
        (Comes::After, 1, 1),
    ] {
        let deployment = deploy(at(MADE)).await;
        introduce(&deployment, "ada").await;
        does(&deployment, "ada", "analytics-pricing", "request").await;
        let a_millisecond = SignedDuration::from_millis(1);
        let (just_before, just_after) = (at(THURSDAY) - a_millisecond, at(THURSDAY) + a_millisecond);
        let dynamodb = deployment.world.endpoints().dynamodb.clone();
        let store = deployment.store.clone();
        let touching = Interposer::before(&dynamodb, "TransactWriteItems", move |number| {
            let store = store.clone();
            async move {
                if number == 1 {
                    touch(&store, "ada", at(THURSDAY)).await;
                }
            }
            .boxed()
        });
        let touching = touching.await;
        let mut checker = deployment.store.clone();
        match comes {
            Comes::Before => {
                deployment.world.clock().set(just_before);
                let said = json!({"contact": "ada", "product": "analytics", "by": "rep-anna"});
                tell(&deployment, "touched", &body("lead.touched", just_before, &said)).await;
                settle(&deployment).await;
            }
            Comes::BetweenLoadAndCommit => checker = store_at(&touching.url).await,
            Comes::BetweenLoadAndClaim => {
                let mut sender = silent_sender(&deployment).await;
                sender.store = store_at(&touching.url).await;
                let sending = function(sender, |it, event| async move { it.handle(event).await });
                deployment.world.register("SendNurtureEmail", sending);
            }
            Comes::BetweenRungAndMail | Comes::After => {}
        }
        deployment.world.clock().set(at(THURSDAY));
        run(checker, &deployment, THURSDAY).await;
        if matches!(comes, Comes::BetweenRungAndMail) {
            touch(&deployment.store, "ada", at(THURSDAY)).await;
        }
        settle(&deployment).await;
        if matches!(comes, Comes::After) {
            deployment.world.clock().set(just_after);
            touch(&deployment.store, "ada", just_after).await;
        }
        for check in LATER {
            deployment.world.clock().set(at(check));
            run(deployment.store.clone(), &deployment, check).await;
            settle(&deployment).await;
        }
        let lead = lead(&deployment.store, "ada").await;
        let seen = (lead.rungs.len(), mails(&deployment, "escalation"), events(&deployment, "SlaEscalated"));
        assert_eq!(seen, (rungs, reminders, rungs), "{comes:?}");
        assert_eq!((lead.stage.as_str(), lead.due_at), ("touched", None), "{comes:?}");
        assert_eq!(mails(&deployment, "hand-off"), 1, "{comes:?}");
    }
}

#[tokio::test]
async fn the_log_says_when_a_rung_was_due_and_when_it_fired_and_in_numbers_what_a_run_did() {
    let logs = Logs::capture();
    let deployment = deploy(at(MADE)).await;
    for contact in ["ada", "ben", "cleo", "dora", "emil"] {
        introduce(&deployment, contact).await;
    }
    // Two who asked for a call, one of whom is taken between the index and the check; one for the digest; one who is not due.
    for contact in ["ada", "cleo"] {
        does(&deployment, contact, "analytics-pricing", "request").await;
    }
    deployment.world.clock().set(at("2026-01-07T14:00:00Z"));
    does(&deployment, "ben", "analytics-guide", "download").await;
    does(&deployment, "dora", "analytics-pricing", "request").await;
    let due = "SET #due_at = :due";
    for (contact, due_at) in [("dora", THURSDAY), ("cleo", THURSDAY)] {
        // As if an earlier playbook had made them due at this check.
        let change = perennial_platform::store::Change::of(lead(&deployment.store, contact).await.key(), due)
            .with(":due", perennial_platform::store::number(at(due_at).as_second()));
        deployment.store.apply("test", change).await.expect("the store answers");
    }
    let mut told = Vec::new();
    for check in [THURSDAY, "2026-01-13T07:00:00Z"] {
        let since = logs.len();
        deployment.world.clock().set(at(check));
        run(deployment.store.clone(), &deployment, check).await;
        let lines = logs.of_this_test(since).into_iter().map(|line| line["fields"].clone());
        let of_run = |fields: &Value| fields["message"].as_str().is_some_and(|message| message.starts_with("SLA"));
        let lines: Vec<Value> = lines.filter(of_run).collect();
        told.push(lines);
    }
    let rung = |rung: usize, due_at: &str, fired_at: &str| json!({"message": "SLA rung", "rung": rung, "due_at": due_at, "fired_at": fired_at});
    let counts = |of: &str, counts: [usize; 6]| {
        let [checked, handed_off, escalated, waiting, ended, failed] = counts;
        json!({"message": "SLA check", "of": of, "checked": checked, "handed_off": handed_off, "escalated": escalated,
               "waiting": waiting, "ended": ended, "failed": failed})
    };
    let due_first = rung(0, "2026-01-07T14:00:00Z", THURSDAY);
    assert_eq!(told[0], [due_first.clone(), due_first, counts(THURSDAY, [4, 1, 2, 1, 0, 0])]);
    // Three checks were missed: what was due on Thursday and Friday afternoon fires on Tuesday.
    let tuesday = "2026-01-13T07:00:00Z";
    let (second, first) = (rung(1, "2026-01-08T14:00:00Z", tuesday), rung(0, "2026-01-08T14:00:00Z", tuesday));
    let mut rungs = told[1][..told[1].len() - 1].to_vec();
    rungs.sort_by_key(|line| line["rung"].as_u64());
    assert_eq!(rungs, [first.clone(), first, second.clone(), second]);
    assert_eq!(told[1].last(), Some(&counts(tuesday, [4, 0, 4, 0, 0, 0])));
}

/// A lead that carries the SLA and is told of in a digest.
#[tokio::test]
async fn a_hot_lead_is_never_overdue_in_the_digest_that_tells_of_it() {
    for (what, made_at, digest, promised) in [
        ("on a Tuesday", MADE, "2026-01-07T07:00:00Z", "2026-01-08T07:00:00Z"),
        ("on a Saturday", "2026-01-10T11:00:00Z", "2026-01-12T07:00:00Z", "2026-01-13T07:00:00Z"),
        (
            "in the second of a check that is over",
            "2026-01-09T07:00:00Z",
            "2026-01-12T07:00:00Z",
            "2026-01-13T07:00:00Z",
        ),
        ("before three checks that were missed", MADE, "2026-01-12T07:00:00Z", "2026-01-13T07:00:00Z"),
    ] {
        let deployment = deploy(at(made_at)).await;
        introduce(&deployment, "ada").await;
        does(&deployment, "ada", "analytics-guide", "download").await;
        assert_eq!(lead(&deployment.store, "ada").await.priority, "hot");
        deployment.world.clock().set(at(digest));
        run(deployment.store.clone(), &deployment, digest).await;
        settle(&deployment).await;
        let told = lead(&deployment.store, "ada").await;
        let promised = Some(at(promised).as_second());
        assert_eq!((told.handed_off_at, told.sla_due_at), (Some(at(digest).as_second()), promised), "{what}");
        assert_eq!(told.due_at, promised, "{what}: and that is when it is looked at again");
    }
}
