//! A thousand faults at the steps of the claim protocol: crashes, lost replies, hangs and errors. Of no slot does the mail server
//! take more than one mail, every unknown one says why it is, and what SES tells of it settles it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use jiff::SignedDuration;
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_local::{Call, ClockHandle, Fault};
use perennial_platform::keys;
use perennial_platform::records::{Slot, SlotState};
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::{due, mail_event, record, recorder, send, silent_sender};
use perennial_tests::{
    address_of, at, body, deploy_with, engagement, introduce, playbook, seed, settle, store_at, tell,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

const BEFORE: &str = "2026-01-06T08:00:00Z";
/// A Thursday at nine in Berlin.
const NOW: &str = "2026-01-08T08:00:00Z";
const SLOT: &str = "2026-01-08";
const RUNS: usize = 1_000;

/// What goes wrong with one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Goes {
    Well,
    /// The process dies before its claim is written.
    CrashAtClaim,
    /// SES takes it and never answers; the process dies.
    HangAtSes,
    ReplyLost,
    RequestLost,
    ServerError,
    Throttled,
    AccountPaused,
    Rejected,
    /// SES has taken it, and the process dies before it can say so.
    CrashAtSettlement,
}

const ALL: [Goes; 10] = [
    Goes::Well,
    Goes::CrashAtClaim,
    Goes::HangAtSes,
    Goes::ReplyLost,
    Goes::RequestLost,
    Goes::ServerError,
    Goes::Throttled,
    Goes::AccountPaused,
    Goes::Rejected,
    Goes::CrashAtSettlement,
];

impl Goes {
    fn fault(self) -> Option<Fault> {
        Some(match self {
            Self::HangAtSes => Fault::Hang,
            Self::ReplyLost => Fault::LoseReply,
            Self::RequestLost => Fault::LoseRequest,
            Self::ServerError => Fault::ServerError,
            Self::Throttled => Fault::Throttle,
            Self::AccountPaused => Fault::Refuse("SendingPausedException".to_owned()),
            Self::Rejected => Fault::Refuse("MessageRejected".to_owned()),
            Self::Well | Self::CrashAtClaim | Self::CrashAtSettlement => return None,
        })
    }

    /// At which transaction of the sender the process dies: the first is the claim, the second the settlement.
    fn dies_at(self) -> Option<usize> {
        match self {
            Self::CrashAtClaim => Some(1),
            Self::CrashAtSettlement => Some(2),
            _ => None,
        }
    }
}

async fn world() -> Deployment {
    let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), playbook()).await;
    introduce(&deployment, "first").await;
    for number in 0..RUNS {
        let contact = format!("contact-{number}");
        let data = json!({"contact": contact, "account": "account-of-first", "email": address_of(&contact)});
        tell(&deployment, &format!("identified-{contact}"), &body("contact.identified", at(BEFORE), &data)).await;
        let shown = engagement(&contact, "analytics-checklist", "download", at(BEFORE));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    settle(&deployment).await;
    deployment.world.clock().set(at(NOW));
    deployment
}

#[tokio::test]
async fn whatever_breaks_at_whatever_step_a_slot_has_at_most_one_mail_and_no_unknown_is_unexplained() {
    let mut random = Rng::with_seed(seed());
    let deployment = world().await;
    let (sound, recorder) = (silent_sender(&deployment).await, recorder(&deployment).await);
    // The transaction at which the next sender gets stuck, and how many it has come to.
    let stuck: Arc<Mutex<(Option<usize>, usize)>> = Arc::default();
    let (came, mut reached) = unbounded_channel();
    let at_call = Arc::clone(&stuck);
    let between = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |_| {
        let (at_call, came) = (Arc::clone(&at_call), came.clone());
        Box::pin(async move {
            let here = {
                let mut state = at_call.lock().unwrap();
                state.1 += 1;
                state.0 == Some(state.1)
            };
            if here {
                came.send(()).expect("the test waits");
                std::future::pending::<()>().await;
            }
        })
    })
    .await;
    let mut faulty = silent_sender(&deployment).await;
    faulty.store = store_at(&between.url).await;

    let mut outcomes: BTreeMap<(Goes, &str), usize> = BTreeMap::new();
    let mut mails_before = 0;
    for run in 0..RUNS {
        let (contact, goes) = (format!("contact-{run}"), ALL[random.usize(0..ALL.len())]);
        // Each mail at the same time of the same day: the line forgets the one before.
        deployment.world.clock().set(at(NOW));
        let line = deployment.store.delete(&keys::sending()).expect("a key");
        deployment.store.commit("line", vec![line]).await.expect("the store answers");
        *stuck.lock().unwrap() = (goes.dies_at(), 0);
        if let Some(fault) = goes.fault() {
            deployment.world.faults().inject(Call::SendEmail, fault);
        }
        let batch = [due(&contact, SLOT)];
        let mut changes = deployment.world.changes();
        changes.mark_unchanged();
        tokio::select! {
            failed = send(&faulty, &batch) => assert_eq!(failed.len() == 1, goes == Goes::AccountPaused, "{goes:?}"),
            reached = reached.recv() => assert!(reached.is_some() && goes.dies_at().is_some(), "{goes:?}"),
            changed = changes.changed(), if goes == Goes::HangAtSes => changed.expect("the world goes on"),
        }
        // The queue delivers again what was not done, at once or after the lease.
        let later = [0, 30, 720][random.usize(0..3)];
        deployment.world.clock().set(deployment.world.clock().now() + SignedDuration::from_secs(later));
        for _ in 0..2 {
            send(&sound, &batch).await;
        }
        let now = deployment.world.clock().now() + SignedDuration::from_mins(6);
        deployment.world.clock().set(now);
        send(&sound, &batch).await;
        assert_eq!(deployment.world.faults().pending(), 0, "{goes:?}: the fault has happened");

        let mails = deployment.world.mails().expect("the world remembers").len();
        let taken = mails - mails_before;
        mails_before = mails;
        let slot = async || -> Slot {
            let slot = deployment.store.get(&keys::slot(&ContactId::from(contact.as_str()), SLOT)).await;
            slot.expect("the store answers").expect("the slot is there")
        };
        let before_feedback = slot().await;
        assert!(taken <= 1, "{goes:?}: {taken} mails");
        match before_feedback.state {
            SlotState::Sent => assert_eq!(taken, 1, "{goes:?}"),
            SlotState::Rejected => assert_eq!((taken, goes), (0, Goes::Rejected)),
            SlotState::Unknown => assert!(before_feedback.error.is_some(), "{goes:?}: it is explained"),
            state => panic!("{goes:?}: {state:?} at the end"),
        }
        if taken == 1 {
            let delivered: Value = mail_event("Delivery", &contact, SLOT, now);
            assert_eq!(record(&recorder, &[delivered]).await.len(), 0, "{goes:?}");
            assert_eq!(slot().await.state, SlotState::Sent, "{goes:?}: what SES tells settles it");
        }
        *outcomes.entry((goes, before_feedback.state.as_str())).or_default() += 1;
    }
    println!("{outcomes:#?}");
    for goes in ALL {
        let state = match goes {
            Goes::Well | Goes::CrashAtClaim | Goes::Throttled | Goes::AccountPaused => SlotState::Sent,
            Goes::Rejected => SlotState::Rejected,
            _ => SlotState::Unknown,
        };
        assert!(
            outcomes.get(&(goes, state.as_str())).is_some_and(|count| *count > RUNS / 20),
            "{goes:?}: {outcomes:?}"
        );
    }
    assert_eq!(outcomes.len(), ALL.len(), "each has one end: {outcomes:?}");
}
