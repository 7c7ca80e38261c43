//! Whom a mail may reach when addresses, accounts and bounces change under the sender's hands, or are told out of order.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_platform::address::AddressKey;
use perennial_platform::keys;
use perennial_platform::records::{Slot, SlotState};
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::silent_sender;
use perennial_tests::{at, body, deploy, engagement, queue_event, settle, state_items, store_at, tally, tell};
use send_nurture_email::SendNurtureEmail;
use serde_json::{Value, json};

/// A Tuesday: Ada becomes known.
const BEFORE: &str = "2026-01-06T08:00:00Z";
/// A Thursday at nine in Berlin: her slot has come.
const NOW: &str = "2026-01-08T08:00:00Z";
const SLOT: &str = "2026-01-08";
/// A week later, when the next slot has passed.
const LATER: &str = "2026-01-15T09:00:00Z";

const OLD: &str = "ada@juniper.example.com";
const NEW: &str = "ada@quince.example.com";

/// Something told: its type, when it happened, its data.
type Said = (&'static str, &'static str, Value);

fn account(id: &str, health: &str, happened_at: &'static str) -> Said {
    ("account.updated", happened_at, json!({"account": id, "health": health}))
}

fn ada(account: &str, email: Option<&str>, happened_at: &'static str) -> Said {
    ("contact.identified", happened_at, json!({"contact": "ada", "account": account, "email": email}))
}

fn bounced(permanent: bool, happened_at: &'static str) -> Said {
    ("email.bounced", happened_at, json!({"contact": "ada", "permanent": permanent}))
}

/// Tells these, one after the other, each with all that follows from it.
async fn say(deployment: &Deployment, batch: &str, all: &[Said]) {
    for (number, (kind, happened_at, data)) in all.iter().enumerate() {
        tell(deployment, &format!("{batch}-{number}"), &body(kind, at(happened_at), data)).await;
        settle(deployment).await;
    }
}

/// A world in which this was told, and Ada has shown interest in Analytics.
async fn world_where(all: &[Said]) -> Deployment {
    let deployment = deploy(at(BEFORE)).await;
    say(&deployment, "before", all).await;
    tell(&deployment, "shown", &engagement("ada", "analytics-checklist", "download", at(BEFORE))).await;
    settle(&deployment).await;
    deployment
}

/// Handles Ada's slot; this is told just before the first decision is committed.
async fn send_while(deployment: &Deployment, told: Vec<Said>) {
    deployment.world.clock().set(at(NOW));
    let acting = deployment.clone();
    let gate = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
        let (acting, told) = (acting.clone(), told.clone());
        async move {
            if number == 1 {
                say(&acting, "meanwhile", &told).await;
            }
        }
        .boxed()
    })
    .await;
    let sender = SendNurtureEmail { store: store_at(&gate.url).await, ..silent_sender(deployment).await };
    let due = json!({"detail-type": "NurtureDue", "detail": {"contact": "ada", "slot": SLOT}});
    let batch = serde_json::from_value(queue_event(&[due])).expect("an event of SQS");
    assert_eq!(sender.handle(batch).await.expect("a batch never fails").batch_item_failures, []);
}

/// What became of Ada's slot, and why nothing was sent.
async fn slot(deployment: &Deployment) -> (SlotState, Option<String>) {
    let slot: Option<Slot> = deployment.store.get(&keys::slot(&ContactId::from("ada"), SLOT)).await.expect("a slot");
    let slot = slot.expect("the slot was decided");
    (slot.state, slot.reason)
}

/// How many mails the mail server accepted, by address.
fn mails(deployment: &Deployment) -> BTreeMap<String, usize> {
    tally(deployment.world.mails().expect("the world remembers").into_iter().flat_map(|mail| mail.to))
}

fn one_to(address: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([(address.to_owned(), 1)])
}

/// Whether the planner will come to Ada again.
async fn in_cadence(deployment: &Deployment) -> bool {
    let key = keys::cadence(&ContactId::from("ada"));
    let item = deployment.store.get_item(&key).await.expect("the store answers");
    item.is_some_and(|item| item.contains_key(keys::DUE_SHARD))
}

#[tokio::test]
async fn a_slot_is_claimed_only_for_the_person_it_was_decided_for() {
    let (sent, silent) = (SlotState::Sent, SlotState::Silent);
    let known = vec![account("juniper", "good", BEFORE), ada("juniper", Some(OLD), BEFORE)];
    let unknown = vec![ada("juniper", Some(OLD), BEFORE)];
    for (what, before, meanwhile, state, mailed) in [
        ("nothing happens", &known, vec![], sent, one_to(OLD)),
        ("nothing is known of the account", &unknown, vec![], sent, one_to(OLD)),
        (
            "moves to an account at risk",
            &known,
            vec![account("quince", "at-risk", NOW), ada("quince", Some(OLD), NOW)],
            silent,
            BTreeMap::new(),
        ),
        (
            "moves to an account in good health",
            &known,
            vec![account("quince", "good", NOW), ada("quince", Some(OLD), NOW)],
            sent,
            one_to(OLD),
        ),
        ("changes the address", &known, vec![ada("juniper", Some(NEW), NOW)], sent, one_to(NEW)),
        ("the account is at risk now", &known, vec![account("juniper", "at-risk", NOW)], silent, BTreeMap::new()),
        (
            "the unknown account is known to be at risk",
            &unknown,
            vec![account("juniper", "at-risk", NOW)],
            silent,
            BTreeMap::new(),
        ),
    ] {
        let deployment = world_where(before).await;
        send_while(&deployment, meanwhile).await;
        let reason = (state == silent).then(|| "account at risk: no cross-sell".to_owned());
        assert_eq!(slot(&deployment).await, (state, reason), "{what}: the slot is decided on what is true now");
        assert_eq!(mails(&deployment), mailed, "{what}");
    }
}

#[tokio::test]
async fn whoever_becomes_reachable_while_found_unreachable_stays_in_the_cadence() {
    for (what, before) in [
        ("nobody had said who this is", vec![]),
        ("nobody had said where to write to", vec![ada("juniper", None, BEFORE)]),
    ] {
        let told = || vec![ada("juniper", Some(NEW), NOW)];
        let meanwhile = world_where(&before).await;
        send_while(&meanwhile, told()).await;
        assert_eq!(slot(&meanwhile).await, (SlotState::Sent, None), "{what}, but it is said meanwhile");
        assert!(in_cadence(&meanwhile).await, "{what}, but it is said meanwhile");

        let afterwards = world_where(&before).await;
        send_while(&afterwards, vec![]).await;
        assert_eq!(slot(&afterwards).await, (SlotState::Silent, Some("no address".to_owned())), "{what}");
        assert!(!in_cadence(&afterwards).await, "{what}: nothing to plan for");
        say(&afterwards, "afterwards", &told()).await;
        assert!(in_cadence(&afterwards).await, "{what}, but it is said afterwards");
        assert_eq!(mails(&afterwards), BTreeMap::new(), "{what}: not before the next slot");

        for (when, deployment) in [("meanwhile", meanwhile), ("afterwards", afterwards)] {
            deployment.world.advance_to(at(LATER), |_| {}).await.expect("the world goes on");
            assert_eq!(mails(&deployment), one_to(NEW), "{what}, but it is said {when}");
        }
    }
}

#[tokio::test]
async fn a_bounce_is_of_the_address_that_there_was() {
    const STATED: &str = "2026-01-05T08:00:00Z";
    const BOUNCED: &str = "2026-01-05T12:00:00Z";
    const STATED_SINCE: &str = "2026-01-05T16:00:00Z";
    let old = || ada("juniper", Some(OLD), STATED);
    let new = || ada("juniper", Some(NEW), STATED_SINCE);
    let again = || ada("juniper", Some(OLD), STATED_SINCE);
    let same_second = || ada("juniper", Some(OLD), BOUNCED);
    let bounce = || bounced(true, BOUNCED);
    let nobody = BTreeMap::new;
    for (what, told, mailed) in [
        ("nothing bounced", vec![old()], one_to(OLD)),
        ("only a full mailbox", vec![old(), bounced(false, BOUNCED)], one_to(OLD)),
        ("a full mailbox, told first", vec![bounced(false, BOUNCED), old()], one_to(OLD)),
        ("bounced for good", vec![old(), bounce()], nobody()),
        ("bounced for good, told twice", vec![old(), bounce(), bounce()], nobody()),
        ("bounced for good, told before it was known who", vec![bounce(), old()], nobody()),
        ("stated in the second of the bounce", vec![same_second(), bounce()], nobody()),
        ("stated in the second of the bounce, told later", vec![bounce(), same_second()], nobody()),
        ("only the newer address is known", vec![new(), bounce()], one_to(NEW)),
        ("only the newer address is known, told later", vec![bounce(), new()], one_to(NEW)),
        // A sender that says the same every night says nothing new.
        ("old, bounce, old again", vec![old(), bounce(), again()], nobody()),
        ("old, old again, bounce", vec![old(), again(), bounce()], nobody()),
        ("bounce, old, old again", vec![bounce(), old(), again()], nobody()),
        // Whatever the order, the newer address is another one.
        ("old, bounce, new", vec![old(), bounce(), new()], one_to(NEW)),
        ("old, new, bounce", vec![old(), new(), bounce()], one_to(NEW)),
        ("bounce, old, new", vec![bounce(), old(), new()], one_to(NEW)),
        ("bounce, new, old", vec![bounce(), new(), old()], one_to(NEW)),
        ("new, bounce, old", vec![new(), bounce(), old()], one_to(NEW)),
        ("new, old, bounce", vec![new(), old(), bounce()], one_to(NEW)),
    ] {
        let deployment = world_where(&told).await;
        let hash = AddressKey::new("the local world's address key").hash(NEW);
        let suppressed = deployment.store.get_item(&keys::suppression(&hash)).await.expect("the store answers");
        assert_eq!(suppressed, None, "{what}: nobody said that this address bounced");
        deployment.world.advance_to(at(NOW), |_| {}).await.expect("the world goes on");
        assert_eq!(mails(&deployment), mailed, "{what}");
        // The decision knows what the claim will refuse: nothing is tried until it is given up.
        assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0, "{what}");
    }
}

#[tokio::test]
async fn a_passing_trouble_changes_nothing() {
    let deployment = world_where(&[ada("juniper", Some(OLD), BEFORE)]).await;
    let by_key = |items: Vec<perennial_platform::store::Item>| -> BTreeMap<_, _> {
        let text = |item: &perennial_platform::store::Item, name: &str| item[name].as_s().expect("a text").clone();
        items.into_iter().map(|item| ((text(&item, keys::PK), text(&item, keys::SK)), item)).collect()
    };
    let before = by_key(state_items(&deployment).await);
    assert!(!before.is_empty());
    say(&deployment, "passing", &[bounced(false, BEFORE)]).await;
    assert_eq!(by_key(state_items(&deployment).await), before);
}
