//! What somebody chooses while a mail is being decided and claimed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_platform::keys::{self, Key};
use perennial_platform::records::{Cadence, Slot, SlotState};
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::mailing::silent_sender;
use perennial_tests::{address_of, queue_event, seed, store_at};
use send_nurture_email::SendNurtureEmail;
use serde_json::json;

use super::{ALL, SLOT, centre, press, world_with};

/// What a contact may choose while a mail is being decided.
const CHOICES: [(&str, &str, &str); 5] = [
    ("topic off", "&topic=numbers", ""),
    ("a break", "pause=none", "pause=30"),
    ("email off", "&channel=email", ""),
    ("no channel", "&channel=email&channel=phone&channel=ads", ""),
    ("everything off", "do=save", "do=unsubscribe"),
];

/// After how many calls of the sender the contact presses what; then whether the claim had passed by.
#[derive(Debug, Default)]
struct Moment {
    press: Option<(usize, String)>,
    claimed: bool,
    too_late: bool,
}

type Waiting = Arc<Mutex<Moment>>;

/// The contact presses when so many calls of the sender have passed, before the next goes on.
async fn gate(deployment: &Deployment, contact: &str, waiting: &Waiting) -> Interposer {
    let (acting, waiting, contact) = (deployment.clone(), Arc::clone(waiting), contact.to_owned());
    let before: Before = Arc::new(move |operation, request| {
        let (acting, contact) = (acting.clone(), contact.clone());
        let form = {
            let mut moment = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let form = match moment.press.take() {
                Some((0, form)) => Some(form),
                Some((calls, form)) => {
                    moment.press = Some((calls - 1, form));
                    None
                }
                None => None,
            };
            moment.too_late |= form.is_some() && moment.claimed;
            moment.claimed |= operation == "TransactWriteItems";
            form
        };
        Box::pin(async move {
            if let Some(form) = form {
                press(&acting, &centre(&contact), &form).await;
            }
            request
        })
    });
    Interposer::start(&deployment.world.endpoints().dynamodb, before, Arc::new(|_, _, _| {})).await
}

/// Puts back what a run has changed.
async fn as_before(deployment: &Deployment, contact: &ContactId, cadence: &Cadence) {
    let suppression = keys::suppression(&address_key().hash(&address_of(contact.as_str())));
    let gone = [keys::preferences(contact), keys::slot(contact, SLOT), suppression, keys::cadence(contact)];
    for key in gone {
        deployment.store.commit("test", vec![deployment.store.delete(&key).expect("a key")]).await.expect("the store");
    }
    let Key { pk, sk } = keys::cadence(contact);
    let due_at = cadence.due_at.expect("planned");
    let shard = keys::due_shard(keys::Job::Nurture, contact);
    let item = json!({"PK": pk, "SK": sk, "due_at": due_at, "due_shard": shard});
    let put = deployment.store.put_over(&item).expect("an item");
    deployment.store.commit("test", vec![put]).await.expect("the store");
}

#[tokio::test]
async fn whatever_is_chosen_before_the_claim_stops_the_mail_in_a_thousand_interleavings() {
    const RUNS: usize = 1_000;
    let mut random = Rng::with_seed(seed());
    let deployment = world_with(&["ada"]).await;
    let ada = ContactId::from("ada");
    let planned: Cadence =
        deployment.store.get(&keys::cadence(&ada)).await.expect("the store answers").expect("a cadence");
    let waiting: Waiting = Arc::default();
    let gate = gate(&deployment, "ada", &waiting).await;
    let sender = SendNurtureEmail { store: store_at(&gate.url).await, ..silent_sender(&deployment).await };
    let mails = || deployment.world.mails().expect("the world remembers").len();
    let mut seen: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for run in 0..RUNS {
        as_before(&deployment, &ada, &planned).await;
        let (what, from, to) = CHOICES[random.usize(0..CHOICES.len())];
        // A slot is looked at, and once more when its permit has come: of the sender's calls the claim is about the thirteenth; the
        // settlement follows it.
        let calls = random.usize(0..17);
        *waiting.lock().unwrap_or_else(PoisonError::into_inner) =
            Moment { press: Some((calls, ALL.replace(from, to))), ..Moment::default() };
        let before = mails();
        let due = json!({"detail-type": "NurtureDue", "detail": {"contact": "ada", "slot": SLOT}});
        let batch = serde_json::from_value(queue_event(&[due])).expect("an event of SQS");
        assert_eq!(sender.handle(batch).await.expect("a batch never fails").batch_item_failures, []);
        let sent = mails() - before;
        let slot: Slot = deployment.store.get(&keys::slot(&ada, SLOT)).await.expect("the store").expect("decided");
        let state = slot.state;
        assert!(sent <= 1 && (state == SlotState::Sent) == (sent == 1), "run {run}, {what} after {calls}: {state:?}");
        let in_time = {
            let moment = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            moment.press.is_none() && !moment.too_late
        };
        assert_eq!(sent == 0, in_time, "run {run}: {what} after {calls} calls of the sender");
        *seen.entry((what, sent > 0)).or_default() += 1;
    }
    assert_eq!(seen.len(), 2 * CHOICES.len(), "each was early and late: {seen:?}");
}
