//! The sales desk's indexes hold what leads and profiles say, whatever was written to them: leads made, touched, decided, moved
//! with their contact, forgotten; accounts and owners changed.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::lead::Status;
use perennial_platform::desk::rank;
use perennial_platform::identity::erasing;
use perennial_platform::keys::{
    self, DESK_INDEX, DESK_OWNER, DESK_RANK, MEMBER_OF, MEMBERS_INDEX, PK, SK, SLA_DUE_AT, SLA_INDEX, SLA_OWNER,
};
use perennial_platform::records::{Lead, Profile};
use perennial_platform::store::{Item, integer, text};
use perennial_tests::{at, body, deploy, engagement, introduce, settle, state_items, tell};
use serde_json::json;

use crate::merges::{merged, one_person_twice};

/// Under which owner, at which place: by the keys of what is found there.
type Found = BTreeMap<(String, String), (String, Option<i64>)>;

fn key(item: &Item) -> (String, String) {
    let of = |name: &str| text(item, name).expect("a key").to_owned();
    (of(PK), of(SK))
}

/// What an index holds: a test may scan it.
async fn index(deployment: &Deployment, name: &str, owner: &str, place: &str) -> Found {
    let scan = deployment.store.client.scan().table_name(&deployment.store.state).index_name(name);
    let items: Vec<Item> = scan.into_paginator().items().send().collect::<Result<_, _>>().await.expect("an index");
    let found = |item: &Item| (text(item, owner).expect("an owner").to_owned(), integer(item, place));
    items.iter().map(|item| (key(item), found(item))).collect()
}

/// Whether each index holds what follows from the items themselves; says how much it holds.
pub(crate) async fn assert_as_said(deployment: &Deployment, what: &str) -> [usize; 3] {
    let (mut open, mut waiting, mut members) = (Found::new(), Found::new(), Found::new());
    for item in state_items(deployment).await {
        let place = key(&item);
        if place.1.starts_with(keys::LEAD) {
            let lead: Lead = serde_dynamo::from_item(item).expect("a lead");
            let owner = format!("REP#{}", lead.owner);
            if lead.status() == Status::Mql && lead.priority().under_sla() {
                let by = lead.sla_due_at.unwrap_or_else(|| panic!("{what}: {} has no deadline", lead.name()));
                assert!(by > lead.qualified_at, "{what}: {}", lead.name());
                waiting.insert(place.clone(), (owner.clone(), Some(by)));
            }
            if lead.status().is_open() {
                open.insert(place, (owner, Some(rank(lead.sort_score, lead.qualified_at))));
            }
        } else if place.1 == keys::PROFILE {
            let profile: Profile = serde_dynamo::from_item(item).expect("a profile");
            let (field, kind) = if place.0.starts_with("ACCOUNT#") { ("owner", "REP") } else { ("account", "ACCOUNT") };
            let fields = profile.fields();
            members.extend(fields.get(field).map(|of| (place, (format!("{kind}#{of}"), None))));
        }
    }
    assert_eq!(index(deployment, DESK_INDEX, DESK_OWNER, DESK_RANK).await, open, "{what}: desk");
    assert_eq!(index(deployment, SLA_INDEX, SLA_OWNER, SLA_DUE_AT).await, waiting, "{what}: sla");
    assert_eq!(index(deployment, MEMBERS_INDEX, MEMBER_OF, "none").await, members, "{what}: members");
    [open.len(), waiting.len(), members.len()]
}

async fn say(deployment: &Deployment, id: &str, kind: &str, data: serde_json::Value) {
    tell(deployment, id, &body(kind, deployment.world.clock().now(), &data)).await;
    settle(deployment).await;
}

#[tokio::test]
async fn a_lead_is_on_the_desk_as_long_as_it_is_open_and_waits_as_long_as_nobody_touches_it() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    for contact in ["ada", "ben", "cy"] {
        introduce(&deployment, contact).await;
        let request = engagement(contact, "analytics-pricing", "request", deployment.world.clock().now());
        tell(&deployment, contact, &request).await;
        settle(&deployment).await;
    }
    assert_eq!(assert_as_said(&deployment, "three Act Now leads").await, [3, 3, 6]);
    // The ladder's steps write the lead too, and the promise stays what it was.
    let promised = index(&deployment, SLA_INDEX, SLA_OWNER, SLA_DUE_AT).await;
    deployment.world.advance_to(at("2026-01-12T10:00:00Z"), |_| {}).await.expect("the world goes on");
    assert_eq!(assert_as_said(&deployment, "after the ladder").await, [3, 3, 6]);
    assert_eq!(index(&deployment, SLA_INDEX, SLA_OWNER, SLA_DUE_AT).await, promised);
    let lead = |contact: &str| json!({"contact": contact, "product": "analytics", "by": "rep-anna"});
    for (id, kind, contact, expected) in [
        ("1", "lead.touched", "ada", [3, 2, 6]),
        ("2", "lead.accepted", "ada", [3, 2, 6]),
        ("3", "lead.accepted", "ben", [3, 1, 6]),
        ("4", "lead.rejected", "ada", [2, 1, 6]),
        ("5", "lead.rejected", "cy", [1, 0, 6]),
    ] {
        let clock = deployment.world.clock();
        clock.forward(clock.now() + SignedDuration::from_secs(60));
        say(&deployment, id, kind, lead(contact)).await;
        assert_eq!(assert_as_said(&deployment, &format!("{kind} {contact}")).await, expected, "{kind} {contact}");
    }
}

#[tokio::test]
async fn a_lead_that_goes_with_its_contact_is_found_where_it_is_now_and_a_forgotten_one_nowhere() {
    let deployment = one_person_twice().await;
    let before = assert_as_said(&deployment, "one person twice").await;
    tell(&deployment, "merge", &merged("anon", "ada")).await;
    settle(&deployment).await;
    let after = assert_as_said(&deployment, "merged").await;
    assert!(after[0] < before[0] && after[0] > 0, "{before:?} {after:?}");
    assert_eq!(after[2], before[2] - 1, "one profile of two");
    let now = deployment.world.clock().now();
    let (store, ledger) = (&deployment.store, &deployment.ingest.ledger);
    erasing::erase(store, ledger, &address_key(), &"ada".into(), now).await.expect("it is erased");
    assert_eq!(assert_as_said(&deployment, "erased").await, [0, 0, 2], "two accounts are left");
}

#[tokio::test]
async fn a_profile_goes_from_one_account_or_owner_to_the_next() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    introduce(&deployment, "ada").await;
    assert_eq!(assert_as_said(&deployment, "introduced").await, [0, 0, 2]);
    for (id, kind, data, expected) in [
        ("1", "account.updated", json!({"account": "account-of-ada", "owner": "rep-bilal"}), [0, 0, 2]),
        ("2", "contact.identified", json!({"contact": "ada", "account": "elsewhere"}), [0, 0, 2]),
        ("3", "account.updated", json!({"account": "elsewhere", "owner": "rep-chen"}), [0, 0, 3]),
        ("4", "account.updated", json!({"account": "nobodys", "name": "Nobody's"}), [0, 0, 3]),
    ] {
        let clock = deployment.world.clock();
        clock.forward(clock.now() + SignedDuration::from_secs(60));
        say(&deployment, id, kind, data).await;
        assert_eq!(assert_as_said(&deployment, id).await, expected, "{id}");
    }
}
