//! Two ids that are one person: whatever was told of either, in whatever order, however often, and wherever it breaks off, the
//! one that stays has all of it, and nothing is left at the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apply_change::ApplyChange;
use aws_sdk_dynamodb::types::AttributeValue;
use fastrand::Rng;
use futures::StreamExt as _;
use jiff::SignedDuration;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::Facts;
use perennial_domain::lead::Status;
use perennial_platform::identity::{Resolved, resolve};
use perennial_platform::keys::{self, PK, SK};
use perennial_platform::ledger::Entry;
use perennial_platform::mail::tags::read_token;
use perennial_platform::records::{AddressOwner, Profile};
use perennial_platform::store::{Store, string, text};
use perennial_platform::webhook::events::{Understood, understand};
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::{
    address_of, at, body, clock, deploy, engagement, introduce, merged_into, playbook, seed, settle, state_by_key,
    state_items, store_at, stream_event, tally, tell,
};
use score_and_decay::ScoreAndDecay;
use serde_json::{Value, json};

/// A Wednesday.
pub(crate) const NOW: &str = "2026-01-07T10:00:00Z";
const RUNS: u64 = 40;

pub(crate) fn changes(deployment: &Deployment, store: Store) -> ApplyChange {
    ApplyChange {
        store,
        ledger: deployment.ingest.ledger.clone(),
        address_key: address_key(),
        playbook: deployment.playbook.clone(),
        clock: clock(deployment),
    }
}

fn scoring(deployment: &Deployment, store: Store) -> ScoreAndDecay {
    let (ledger, playbook) = (deployment.ingest.ledger.clone(), deployment.playbook.clone());
    ScoreAndDecay { store, ledger, playbook, clock: clock(deployment) }
}

pub(crate) fn entry(id: &str, body: &str) -> Entry {
    // An address as an id becomes the id that stands for it.
    let native = &playbook().sources["native"];
    let Understood::Told(told) = understand(native, body, at(NOW), &address_key()) else { panic!("{body}") };
    Entry::new("native", id, told.into_iter().next().expect("a statement"), body, at(NOW), None)
}

pub(crate) fn merged(from: &str, contact: &str) -> String {
    body("contact.merged", at(NOW), &json!({"from": from, "contact": contact}))
}

fn identified(contact: &str, email: &str, happened_at: &str) -> String {
    body("contact.identified", at(happened_at), &json!({"contact": contact, "email": email, "title": contact}))
}

/// Lets the functions handle these; says whether none of them failed.
pub(crate) async fn deliver(deployment: &Deployment, store: Store, entries: &[Entry]) -> bool {
    let engaged = |entry: &&Entry| entry.told.fact().is_some();
    let (engagements, others): (Vec<_>, Vec<_>) = entries.iter().partition(engaged);
    let batch = |entries: Vec<&Entry>| {
        let entries: Vec<Entry> = entries.into_iter().cloned().collect();
        stream_event(&entries)
    };
    let scored: Value = batch(engagements);
    let scored = scoring(deployment, store.clone()).handle(serde_json::from_value(scored).expect("a batch")).await;
    let changed = serde_json::from_value(batch(others)).expect("a batch");
    let changed = changes(deployment, store).handle(changed).await;
    [scored, changed].into_iter().all(|answer| answer.expect("a batch never fails").batch_item_failures.is_empty())
}

/// The same, but the process dies at its n-th call of the database, counted from 1; says whether it did.
pub(crate) async fn deliver_dying(deployment: &Deployment, dies_at: usize, entries: Vec<Entry>) -> bool {
    let (calls, (died, mut dying)) = (Arc::new(AtomicUsize::new(0)), tokio::sync::mpsc::unbounded_channel::<()>());
    let before: Before = Arc::new(move |_, request| {
        let (number, died) = (calls.fetch_add(1, Ordering::SeqCst) + 1, died.clone());
        Box::pin(async move {
            if number == dies_at {
                died.send(()).expect("the test waits");
                std::future::pending::<()>().await;
            }
            request
        })
    });
    let gate = Interposer::start(&deployment.world.endpoints().dynamodb, before, Arc::new(|_, _, _| {})).await;
    let store = store_at(&gate.url).await;
    tokio::select! {
        _ = deliver(deployment, store, &entries) => false,
        _ = dying.recv() => true,
    }
}

/// What is left at an id, slots aside: they are history.
pub(crate) async fn left_at(deployment: &Deployment, contact: &str) -> Vec<String> {
    let partition = keys::contact(&contact.into());
    let items = state_items(deployment).await;
    let here = items.iter().filter(|item| text(item, PK) == Some(&partition)).filter_map(|item| text(item, SK));
    here.filter(|sk| !sk.starts_with(keys::SLOT)).map(str::to_owned).collect()
}

async fn facts(deployment: &Deployment, contact: &str) -> BTreeMap<ProductId, Facts> {
    let rows = deployment.store.contact(&contact.into()).await.expect("the contact can be read");
    rows.interests
        .into_iter()
        .map(|(product, item)| (product, item.facts))
        .filter(|(_, facts)| !facts.is_empty())
        .collect()
}

/// Somebody known under two ids: both have leads, mails and opinions.
pub(crate) async fn one_person_twice() -> Deployment {
    let deployment = deploy(at("2026-01-05T10:00:00Z")).await;
    for contact in ["ada", "anon"] {
        introduce(&deployment, contact).await;
        for asset in ["analytics-guide", "automation-checklist"] {
            let body = engagement(contact, asset, "download", at("2026-01-05T09:00:00Z"));
            tell(&deployment, &format!("{contact}-{asset}"), &body).await;
        }
    }
    let only = engagement("anon", "integrations-webinar", "attend", at("2026-01-04T09:00:00Z"));
    tell(&deployment, "only", &only).await;
    settle(&deployment).await;
    let word = json!({"contact": "anon", "product": "analytics", "by": "rep-anna"});
    tell(&deployment, "word", &body("lead.touched", at("2026-01-05T10:00:00Z"), &word)).await;
    deployment.world.advance_to(at(NOW), |_| {}).await.expect("the world goes on");
    let out = json!({"contact": "anon"});
    tell(&deployment, "out", &body("email.unsubscribed", at("2026-01-06T10:00:00Z"), &out)).await;
    settle(&deployment).await;
    deployment
}

/// What must hold of Ada when the other id has been merged into hers.
async fn check_united(deployment: &Deployment, expected: &BTreeMap<ProductId, Facts>, what: &str) {
    assert_eq!(left_at(deployment, "anon").await, ["POINTER"], "{what}");
    assert_eq!(facts(deployment, "ada").await, *expected, "{what}");
    let rows = deployment.store.contact(&ContactId::from("ada")).await.expect("the contact can be read");
    assert!(rows.preferences.is_some_and(|preferences| preferences.unsubscribed), "{what}: the opt-out is kept");
    let leads: Vec<_> = rows.leads.iter().map(|lead| (lead.product.as_str(), lead.status())).collect();
    assert_eq!(leads, [("analytics", Status::Touched)], "{what}: one lead, and the touch is not lost");
    assert_eq!(merged_into(deployment, "ada").await, BTreeSet::from(["anon".to_owned()]), "{what}");
    let owner = |address: String| keys::address_owner(&address_key().hash(&address));
    let profile = rows.profile.expect("she is known");
    let stated = profile.fields().get("email").expect("an address").to_owned();
    for address in [address_of("ada"), address_of("anon")] {
        let held: Option<AddressOwner> = deployment.store.get(&owner(address.clone())).await.expect("it is read");
        let held = held.and_then(|held| held.contact);
        assert_eq!(held.as_deref(), (address == stated).then_some("ada"), "{what}: whose is the address");
    }
}

async fn united_facts(deployment: &Deployment) -> BTreeMap<ProductId, Facts> {
    let mut all = facts(deployment, "ada").await;
    for (product, theirs) in facts(deployment, "anon").await {
        let ours = all.entry(product).or_default();
        for (name, second) in theirs.iter() {
            ours.add(name.clone(), second);
        }
    }
    all
}

#[tokio::test]
async fn a_merge_that_dies_at_any_call_is_finished_when_it_is_delivered_again() {
    let merge = vec![entry("merge", &merged("anon", "ada"))];
    let mut died = 0;
    for dies_at in 1.. {
        let deployment = one_person_twice().await;
        let expected = united_facts(&deployment).await;
        if !deliver_dying(&deployment, dies_at, merge.clone()).await {
            break;
        }
        died += 1;
        assert!(deliver(&deployment, deployment.store.clone(), &merge).await, "dies at call {dies_at}");
        check_united(&deployment, &expected, &format!("dies at call {dies_at}")).await;
    }
    assert!(died > 25, "only {died} calls");
}

#[tokio::test]
async fn two_runs_at_once_do_what_one_does_and_nobody_is_mailed_twice() {
    let deployment = one_person_twice().await;
    let expected = united_facts(&deployment).await;
    let merge = [entry("merge", &merged("anon", "ada"))];
    let runs = (0..4).map(|_| deliver(&deployment, deployment.store.clone(), &merge));
    futures::future::join_all(runs).await;
    assert!(deliver(&deployment, deployment.store.clone(), &merge).await);
    check_united(&deployment, &expected, "at once").await;

    let mails = |deployment: &Deployment| deployment.world.mails().expect("the world remembers").len();
    let before = mails(&deployment);
    deployment.world.advance_to(at("2026-03-01T10:00:00Z"), |_| {}).await.expect("the world goes on");
    let nurture = deployment.world.mails().expect("the world remembers").into_iter().skip(before);
    let nurture: Vec<_> = nurture.filter(|mail| mail.tags.contains(&("kind".into(), "nurture".into()))).collect();
    assert_eq!(nurture.len(), 0, "she has opted out under the other id");
    assert_eq!(left_at(&deployment, "anon").await, ["POINTER"]);
    assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0);
}

#[tokio::test]
async fn the_same_merge_again_is_one_read_and_another_target_is_refused() {
    let deployment = one_person_twice().await;
    introduce(&deployment, "eve").await;
    let merge = [entry("merge", &merged("anon", "ada"))];
    assert!(deliver(&deployment, deployment.store.clone(), &merge).await);
    let before = state_by_key(&deployment).await;

    let calls = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let before_each: Before = Arc::new(move |operation, request| {
        seen.lock().expect("a list").push(operation);
        Box::pin(async move { request })
    });
    let gate = Interposer::start(&deployment.world.endpoints().dynamodb, before_each, Arc::new(|_, _, _| {})).await;
    assert!(deliver(&deployment, store_at(&gate.url).await, &merge).await);
    assert_eq!(*calls.lock().expect("a list"), ["GetItem"]);
    for (from, to) in [("anon", "eve"), ("ada", "anon")] {
        assert!(deliver(&deployment, deployment.store.clone(), &[entry("other", &merged(from, to))]).await);
        assert_eq!(state_by_key(&deployment).await, before, "{from} into {to} changes nothing");
    }
}

#[tokio::test]
async fn what_is_told_late_of_a_merged_id_is_told_of_the_one_that_stays() {
    let deployment = one_person_twice().await;
    let merge = [entry("merge", &merged("anon", "ada"))];
    assert!(deliver(&deployment, deployment.store.clone(), &merge).await);
    let before = facts(&deployment, "ada").await;
    for (what, bodies) in [
        ("of a product she knows", engagement("anon", "analytics-demo", "watch", at(NOW))),
        ("of a new product", engagement("anon", "support-plus-guide", "download", at(NOW))),
        ("a bounce", body("email.bounced", at(NOW), &json!({"contact": "anon", "permanent": true}))),
        ("mail of another system", body("email.reported", at(NOW), &json!({"contact": "anon"}))),
        ("fields", identified("anon", &address_of("ada"), NOW)),
    ] {
        assert!(deliver(&deployment, deployment.store.clone(), &[entry(what, &bodies)]).await, "{what}");
        assert_eq!(left_at(&deployment, "anon").await, ["POINTER"], "{what}");
    }
    let rows = deployment.store.contact(&ContactId::from("ada")).await.expect("the contact can be read");
    let count = |facts: &BTreeMap<ProductId, Facts>| facts.values().map(Facts::len).sum::<usize>();
    assert_eq!(count(&facts(&deployment, "ada").await), count(&before) + 2);
    assert_eq!(rows.profile.expect("she is known").fields().get("title"), Some("anon"));
    assert!(rows.preferences.expect("opinions").bounced_at.is_some());
}

#[tokio::test]
async fn what_sales_said_of_either_lead_is_kept_and_whoever_works_on_one_is_not_stopped() {
    // Anna has touched the other id's lead. What is said of Ada's own, where it stands after the merge, and what the bus hears.
    for (own, stage, moves) in [
        (&[][..], Status::Touched, &["LeadTouched"][..]),
        (&["accepted"], Status::Sql, &[]),
        (&["accepted", "won"], Status::Won, &[]),
        // Given back under one id while Anna works on the other.
        (&["rejected"], Status::Touched, &["LeadTouched"]),
    ] {
        let deployment = one_person_twice().await;
        for (minute, step) in (1..).zip(own) {
            let said_at = at("2026-01-06T10:00:00Z") + SignedDuration::from_mins(minute);
            let word = json!({"contact": "ada", "product": "analytics", "by": "rep-bilal"});
            tell(&deployment, step, &body(&format!("lead.{step}"), said_at, &word)).await;
        }
        settle(&deployment).await;
        let before = deployment.world.bus_events().expect("the world remembers").len();
        tell(&deployment, "merge", &merged("anon", "ada")).await;
        settle(&deployment).await;
        let rows = deployment.store.contact(&ContactId::from("ada")).await.expect("the contact can be read");
        let lead = rows.leads.iter().find(|lead| lead.product == "analytics").expect("her lead");
        assert_eq!(lead.status(), stage, "{own:?}");
        assert_eq!(lead.touched_by.as_deref(), Some("rep-anna"), "{own:?}: the first word of both");
        let events = deployment.world.bus_events().expect("the world remembers");
        let kinds = events[before..].iter().filter_map(|event| event.envelope["detail-type"].as_str());
        let kinds: Vec<&str> = kinds.filter(|kind| kind.starts_with("Lead") && *kind != "LeadQualified").collect();
        assert_eq!(kinds, moves, "{own:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_the_order_the_one_that_stays_has_the_union() {
    let first = seed();
    for run in first..first + RUNS {
        println!("PERENNIAL_SEED={run}");
        let mut random = Rng::with_seed(run);
        let deployment = deploy(at(NOW)).await;
        let mut entries = vec![entry("merge", &merged("anon", "ada"))];
        let mut expected: BTreeMap<ProductId, Facts> = BTreeMap::new();
        for number in 0..random.usize(3..14) {
            let contact = if random.bool() { "ada" } else { "anon" };
            let (asset, action) =
                [("analytics-guide", "download"), ("automation-demo", "watch"), ("analytics-demo", "watch")]
                    [random.usize(0..3)];
            let happened_at = at(NOW) - SignedDuration::from_mins(random.i64(0..40_000));
            let entry = entry(&format!("event-{number}"), &engagement(contact, asset, action, happened_at));
            let (_, name) = entry.told.fact().expect("a fact");
            for product in &deployment.playbook.interest.assets[asset].products {
                expected.entry(product.clone()).or_default().add(name.clone(), happened_at.as_second());
            }
            entries.push(entry);
        }
        let opted_out = random.bool();
        if opted_out {
            let contact = if random.bool() { "ada" } else { "anon" };
            entries.push(entry("out", &body("email.unsubscribed", at(NOW), &json!({"contact": contact}))));
        }
        entries.push(entry("known", &identified("anon", "anon@juniper.example.com", "2026-01-01T00:00:00Z")));
        entries.push(entry("known", &identified("ada", "ada@juniper.example.com", "2026-01-02T00:00:00Z")));

        let mut deliveries: Vec<Entry> = entries.iter().chain(&entries).cloned().collect();
        random.shuffle(&mut deliveries);
        let batches: Vec<(usize, Vec<Entry>)> =
            deliveries.chunks(3).map(|batch| (random.usize(1..30), batch.to_vec())).collect();
        let delivered =
            futures::stream::iter(batches).map(|(dies_at, batch)| deliver_dying(&deployment, dies_at, batch));
        delivered.buffer_unordered(4).collect::<Vec<_>>().await;
        // What a stream delivers again until it is done.
        let mut done = false;
        for _ in 0..5 {
            done = done || deliver(&deployment, deployment.store.clone(), &entries).await;
        }
        assert!(done, "seed {run}: it does not end");

        assert_eq!(left_at(&deployment, "anon").await, ["POINTER"], "seed {run}");
        assert_eq!(facts(&deployment, "ada").await, expected, "seed {run}");
        let rows = deployment.store.contact(&ContactId::from("ada")).await.expect("the contact can be read");
        assert_eq!(rows.preferences.is_some_and(|preferences| preferences.unsubscribed), opted_out, "seed {run}");
        assert_eq!(rows.profile.expect("known").fields().get("title"), Some("ada"), "seed {run}");
        settle(&deployment).await;
        let rows = deployment.store.contact(&ContactId::from("ada")).await.expect("the contact can be read");
        let quarters = tally(rows.leads.iter().map(|lead| (lead.product.clone(), lead.quarter.clone())));
        assert!(quarters.values().all(|leads| *leads == 1), "seed {run}: {quarters:?}");
        assert_eq!(left_at(&deployment, "anon").await, ["POINTER"], "seed {run}");
    }
}

/// Who is marked as sharing the address, and who has it.
async fn sharing(deployment: &Deployment, address: &str, contacts: &[&str]) -> (Option<String>, Vec<Option<String>>) {
    let key = keys::address_owner(&address_key().hash(address));
    let owner: Option<AddressOwner> = deployment.store.get(&key).await.expect("the store answers");
    let mut marks = Vec::new();
    for contact in contacts {
        let profile: Option<Profile> =
            deployment.store.get(&keys::profile(&(*contact).into())).await.expect("the store answers");
        marks.push(profile.and_then(|profile| profile.shares_address_with));
    }
    (owner.and_then(|owner| owner.contact), marks)
}

#[tokio::test]
async fn an_address_is_one_contacts_and_passes_on_when_that_one_leaves() {
    let shared = "office@juniper.example.com";
    let some = |id: &str| Some(id.to_owned());
    for (what, leaves, expected) in [
        ("nobody leaves", None, (some("ada"), vec![None, some("ada"), some("ada")])),
        (
            "the holder moves",
            Some(identified("ada", "ada@juniper.example.com", "2026-01-07T09:00:00Z")),
            (some("ben"), vec![None, None, some("ben")]),
        ),
        (
            "the holder is one of the others",
            Some(merged("ada", "cleo")),
            (some("cleo"), vec![None, some("cleo"), None]),
        ),
        (
            "another turns out to be the holder",
            Some(merged("ben", "ada")),
            (some("ada"), vec![None, None, some("ada")]),
        ),
        (
            "the holder is somebody else",
            Some(merged("ada", "dora")),
            (some("dora"), vec![None, some("dora"), some("dora")]),
        ),
    ] {
        let deployment = deploy(at(NOW)).await;
        for contact in ["ada", "ben", "cleo"] {
            tell(&deployment, contact, &identified(contact, shared, "2026-01-06T09:00:00Z")).await;
            settle(&deployment).await;
        }
        if let Some(leaves) = leaves {
            tell(&deployment, "leaves", &leaves).await;
            settle(&deployment).await;
        }
        assert_eq!(sharing(&deployment, shared, &["ada", "ben", "cleo"]).await, expected, "{what}");
        assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0, "{what}");
    }
}

#[tokio::test]
async fn two_contacts_with_one_address_get_one_mail() {
    let shared = "office@juniper.example.com";
    let deployment = deploy(at("2026-01-05T08:00:00Z")).await;
    for contact in ["ada", "ben"] {
        introduce(&deployment, contact).await;
        tell(&deployment, &format!("{contact}-shares"), &identified(contact, shared, "2026-01-05T08:00:00Z")).await;
        let shown = engagement(contact, "analytics-checklist", "download", at("2026-01-05T07:00:00Z"));
        tell(&deployment, &format!("{contact}-shown"), &shown).await;
        settle(&deployment).await;
    }
    deployment.world.advance_to(at("2026-01-11T08:00:00Z"), |_| {}).await.expect("the world goes on");
    let mails = deployment.world.mails().expect("the world remembers");
    let contacts = mails.iter().flat_map(|mail| &mail.tags).filter(|(name, _)| name == "contact");
    let owner = sharing(&deployment, shared, &[]).await.0.expect("somebody has it");
    let silent = if owner == "ada" { "ben" } else { "ada" };
    assert_eq!(contacts.filter_map(|(_, value)| read_token(value)).collect::<Vec<_>>(), std::slice::from_ref(&owner));
    let slots = state_items(&deployment).await;
    let partition = keys::contact(&silent.into());
    let reasons: BTreeSet<_> = slots
        .iter()
        .filter(|item| text(item, PK) == Some(&partition))
        .filter_map(|item| text(item, "reason"))
        .collect();
    assert_eq!(reasons, BTreeSet::from(["address belongs to another contact"]));
}

#[tokio::test]
async fn whoever_was_known_by_address_alone_is_found_when_the_address_is_stated() {
    let address = "ada@juniper.example.com";
    let alone = keys::address_contact(&address_key().hash(address)).to_string();
    let deployment = deploy(at(NOW)).await;
    let shown = engagement(address, "analytics-guide", "download", at("2026-01-06T09:00:00Z"));
    assert!(deliver(&deployment, deployment.store.clone(), &[entry("shown", &shown)]).await);
    let known = identified("ada", address, "2026-01-07T09:00:00Z");
    assert!(deliver(&deployment, deployment.store.clone(), &[entry("known", &known)]).await);
    let late = engagement(address, "analytics-demo", "watch", at("2026-01-06T10:00:00Z"));
    assert!(deliver(&deployment, deployment.store.clone(), &[entry("late", &late)]).await);
    assert_eq!(left_at(&deployment, &alone).await, [""; 0]);
    assert_eq!(facts(&deployment, "ada").await[&ProductId::from("analytics")].len(), 2);
    // Merged by name, before anybody has stated the address.
    let address = "ben@juniper.example.com";
    let other = keys::address_contact(&address_key().hash(address)).to_string();
    let shown = engagement(address, "analytics-guide", "download", at("2026-01-05T09:00:00Z"));
    let merge = merged(address, "ada");
    for entry in [entry("shown-2", &shown), entry("merge", &merge), entry("shown-3", &shown)] {
        assert!(deliver(&deployment, deployment.store.clone(), &[entry]).await);
    }
    assert_eq!(left_at(&deployment, &other).await, [""; 0]);
    assert_eq!(facts(&deployment, "ada").await[&ProductId::from("analytics")].len(), 3);
}

#[tokio::test]
async fn ids_that_were_merged_before_go_along_however_they_are_listed() {
    let deployment = one_person_twice().await;
    let store = &deployment.store;
    introduce(&deployment, "eve").await;
    assert!(deliver(&deployment, store.clone(), &[entry("one", &merged("listed-1", "anon"))]).await);
    assert!(deliver(&deployment, store.clone(), &[entry("two", &merged("listed-2", "anon"))]).await);
    // The second as it was once listed: all in one item.
    let old = keys::merged(&"anon".into());
    let put = store.client.put_item().table_name(&store.state).item(PK, string(old.pk)).item(SK, string(old.sk));
    put.item("ids", AttributeValue::Ss(vec!["listed-2".into()])).send().await.expect("the store answers");
    let new = store.delete(&keys::merged_id(&"anon".into(), &"listed-2".into())).expect("an action");
    store.commit("test", vec![new]).await.expect("the store answers");
    for (what, from, to) in [("once", "anon", "ada"), ("twice", "ada", "eve")] {
        assert!(deliver(&deployment, store.clone(), &[entry(what, &merged(from, to))]).await, "{what}");
        let listed = merged_into(&deployment, to).await;
        let mut all = BTreeSet::from([from, "anon", "listed-1", "listed-2"].map(str::to_owned));
        all.remove(to);
        assert_eq!(listed, all, "{what}");
        for id in listed {
            let resolved = resolve(store, &ContactId::from(id.as_str())).await.expect("it is read");
            assert_eq!(resolved, Resolved::Into(to.into()), "{what}: {id}");
        }
        assert_eq!(left_at(&deployment, from).await, ["POINTER"], "{what}");
    }
}
