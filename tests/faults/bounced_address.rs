//! A bounce is of the address that the mail went to: whoever has another by now can be written to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_platform::consent;
use perennial_platform::records::Preferences;
use perennial_platform::told::What;
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::mailing::{due, mail_event, record, recorder, send, silent_sender};
use perennial_tests::{address_of, at, body, deploy, engagement, introduce, ledger_rows, settle, store_at, tell};
use serde_json::{Value, json};

/// A Tuesday: contacts become known.
const BEFORE: &str = "2026-01-06T08:00:00Z";
/// A Thursday at nine in Berlin: Ada's mail leaves.
const NOW: &str = "2026-01-08T08:00:00Z";
const SLOT: &str = "2026-01-08";
/// The address is corrected, and then the mail to the old one bounces.
const CORRECTED: &str = "2026-01-08T10:00:00Z";
const BOUNCED: &str = "2026-01-08T10:30:00Z";
const NEW: &str = "ada@quince.example.com";

/// A world in which a mail to Ada has left.
async fn mailed() -> Deployment {
    let deployment = deploy(at(BEFORE)).await;
    introduce(&deployment, "ada").await;
    tell(&deployment, "shown", &engagement("ada", "analytics-checklist", "download", at(BEFORE))).await;
    settle(&deployment).await;
    deployment.world.clock().set(at(NOW));
    assert_eq!(send(&silent_sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0);
    deployment.world.clock().set(at("2026-01-08T11:00:00Z"));
    deployment
}

async fn correct(deployment: &Deployment) {
    let told = json!({"contact": "ada", "email": NEW});
    tell(deployment, "corrected", &body("contact.identified", at(CORRECTED), &told)).await;
    settle(deployment).await;
}

fn bounce() -> Value {
    mail_event("Bounce", "ada", SLOT, at(BOUNCED))
}

async fn is_suppressed(deployment: &Deployment, address: &str) -> bool {
    let hash = address_key().hash(address);
    consent::suppression_of(&deployment.store, &hash).await.expect("the store answers").is_some()
}

/// Whether a contact is marked as one to whom mail bounces, and whether the planner comes to it again.
async fn marked_and_planned(deployment: &Deployment, contact: &str) -> (bool, bool) {
    let rows = deployment.store.contact(&ContactId::from(contact)).await.expect("the contact can be read");
    let marked = rows.preferences.is_some_and(|known: Preferences| known.bounced_at.is_some());
    (marked, rows.cadence.is_some_and(|cadence| cadence.due_at.is_some()))
}

/// How many bounces the ledger was told of.
async fn told(deployment: &Deployment) -> usize {
    let rows = ledger_rows(deployment).await;
    rows.iter().filter(|row| matches!(row.told, What::MailBounced { .. })).count()
}

#[tokio::test]
async fn a_bounce_of_the_old_address_leaves_the_corrected_one_alone() {
    for corrected in [false, true] {
        let deployment = mailed().await;
        if corrected {
            correct(&deployment).await;
        }
        let recorder = recorder(&deployment).await;
        assert_eq!(record(&recorder, &[bounce(), bounce()]).await.len(), 0);
        settle(&deployment).await;
        assert!(is_suppressed(&deployment, &address_of("ada")).await, "the address that bounced");
        assert!(!is_suppressed(&deployment, NEW).await, "the other");
        assert_eq!(marked_and_planned(&deployment, "ada").await, (!corrected, corrected));
        assert_eq!(told(&deployment).await, usize::from(!corrected));
    }
}

#[tokio::test]
async fn a_bounce_of_a_merged_contact_s_address_leaves_the_one_that_stays_alone() {
    let deployment = mailed().await;
    introduce(&deployment, "ben").await;
    let merge = body("contact.merged", at(CORRECTED), &json!({"from": "ada", "contact": "ben"}));
    tell(&deployment, "merge", &merge).await;
    settle(&deployment).await;
    let ben = deployment.store.contact(&"ben".into()).await.expect("the contact can be read");
    assert_eq!(ben.profile.expect("he is known").fields().get("email"), Some(address_of("ben").as_str()));
    let recorder = recorder(&deployment).await;
    assert_eq!(record(&recorder, &[bounce()]).await.len(), 0);
    settle(&deployment).await;
    assert!(is_suppressed(&deployment, &address_of("ada")).await);
    assert!(!is_suppressed(&deployment, &address_of("ben")).await);
    assert_eq!(marked_and_planned(&deployment, "ben").await, (false, true));
}

#[tokio::test]
async fn an_address_that_is_corrected_while_the_bounce_is_recorded_is_left_alone() {
    let deployment = mailed().await;
    let (acting, once) = (deployment.clone(), Arc::new(AtomicBool::new(false)));
    let before: Before = Arc::new(move |operation, request| {
        let marks = operation == "TransactWriteItems" && request.to_string().contains("bounced_at");
        let first = marks && !once.swap(true, Ordering::SeqCst);
        let acting = acting.clone();
        Box::pin(async move {
            if first {
                correct(&acting).await;
            }
            request
        })
    });
    let gate = Interposer::start(&deployment.world.endpoints().dynamodb, before, Arc::new(|_, _, _| {})).await;
    let mut recorder = recorder(&deployment).await;
    recorder.store = store_at(&gate.url).await;
    assert_eq!(record(&recorder, &[bounce()]).await.len(), 0);
    settle(&deployment).await;
    let profile = deployment.store.contact(&"ada".into()).await.expect("the contact can be read").profile;
    assert_eq!(profile.expect("she is known").fields().get("email"), Some(NEW), "it was corrected in between");
    assert!(!is_suppressed(&deployment, NEW).await);
    assert_eq!(marked_and_planned(&deployment, "ada").await, (false, true));
}
