//! A restore to an earlier instant undoes no opt-out, no bounce, no erasure and no pause, and lets nobody be written to twice: the
//! runbook's way of it, with the expression that stands there.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_platform::feedback::SoftBounces;
use perennial_platform::identity::{self, erasing};
use perennial_platform::keys::{self, PK, SK};
use perennial_platform::records::{Preferences, SlotState};
use perennial_platform::sending::{Approved, ByHand};
use perennial_platform::store::{Item, text};
use perennial_tests::mailing::{due, mail_event, record, recorder, send, silent_sender};
use perennial_tests::{address_of, at, body, ledger_rows, playbook, root, settle, state_by_key, tell};
use serde_json::{Value, json};

use crate::erased::{erase_person, ledger_items};
use crate::line::{NOW, SLOT, slot, world_with};

/// What stands between two texts of the runbook's section on restoring.
fn written(after: &str, before: char) -> String {
    let text = std::fs::read_to_string(root().join("infra/RUNBOOK.md")).expect("the runbook");
    let section = text.split("## Restore the tables").nth(1).expect("the section");
    let rest = section.split(after).nth(1).unwrap_or_else(|| panic!("nothing after {after}"));
    rest.split(before).next().expect("a text").to_owned()
}

/// What the second step keeps of the table as it is.
async fn kept(deployment: &Deployment) -> Vec<Item> {
    let values: Value = serde_json::from_str(&written("--expression-attribute-values '", '\'')).expect("JSON");
    let values = values.as_object().expect("an object").iter();
    let text = |value: &Value| AttributeValue::S(value["S"].as_str().expect("a text").to_owned());
    let values: HashMap<_, _> = values.map(|(name, value)| (name.clone(), text(value))).collect();
    let scan = deployment.store.client.scan().table_name(&deployment.store.state).consistent_read(true);
    let scan = scan.filter_expression(written("--filter-expression \"", '"'));
    let pages = scan.set_expression_attribute_values(Some(values)).into_paginator().items();
    pages.send().collect::<Result<Vec<Item>, _>>().await.expect("the expression is one")
}

/// What both tables held at an instant.
struct Tables {
    state: BTreeMap<(String, String), Item>,
    ledger: Vec<Item>,
}

/// The fourth step and the first half of the fifth: the rows of the instant, and over them what was kept.
async fn restore(deployment: &Deployment, tables: &Tables, kept: &[Item]) {
    let (client, table) = (&deployment.store.client, &deployment.store.state);
    let text = |value: &str| AttributeValue::S(value.to_owned());
    for (pk, sk) in state_by_key(deployment).await.keys() {
        let delete = client.delete_item().table_name(table).key(PK, text(pk)).key(SK, text(sk));
        delete.send().await.expect("the table answers");
    }
    let state = tables.state.values().chain(kept).map(|row| (table, row.clone()));
    let ledger = tables.ledger.iter().map(|row| (&deployment.ledger_table, row.clone()));
    for (table, row) in state.chain(ledger) {
        client.put_item().table_name(table).set_item(Some(row)).send().await.expect("the table answers");
    }
}

/// The rest of the fifth step: whoever was erased, by the pointers that were kept, is erased again. Whom that was.
async fn erase_again(deployment: &Deployment, kept: &[Item]) -> Vec<String> {
    let erased = kept.iter().filter(|row| row.contains_key("erased_at") && text(row, SK) == Some(keys::POINTER));
    let ids: Vec<_> = erased.filter_map(|row| text(row, PK)?.strip_prefix("CONTACT#").map(str::to_owned)).collect();
    for id in &ids {
        erase_person(deployment, id).await;
    }
    ids
}

/// The sixth step: what came into the ledger after the instant is told again.
async fn tell_again(deployment: &Deployment, instant: jiff::Timestamp) {
    for entry in ledger_rows(deployment).await {
        if entry.received_at < instant.as_second() {
            continue;
        }
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let touch = deployment.store.client.update_item().table_name(&deployment.ledger_table);
        let touch = touch.key(PK, text(&entry.pk)).key(SK, text(&entry.sk));
        let touch = touch.update_expression("ADD redriven :one SET told_at = :now");
        let number = |value: i64| AttributeValue::N(value.to_string());
        let touch = touch.expression_attribute_values(":one", number(1));
        let now = deployment.world.clock().now().as_second();
        touch.expression_attribute_values(":now", number(now)).send().await.expect("the ledger answers");
    }
    settle(deployment).await;
}

/// Whether mail to somebody's address has bounced, and may not bounce again.
async fn soft_bounces(deployment: &Deployment, contact: &str) -> Option<SoftBounces> {
    let hash = address_key().hash(&address_of(contact));
    deployment.store.get(&keys::soft_bounces(&hash)).await.expect("it answers")
}

/// Whether a contact's id and its address are marked as erased, each by itself.
fn is_erased(items: &BTreeMap<(String, String), Item>, contact: &str) -> bool {
    let address = keys::address_contact(&address_key().hash(&address_of(contact)));
    [ContactId::from(contact), address].iter().all(|id| {
        let place = identity::place(id);
        items.get(&(place.pk, place.sk)).is_some_and(|item| item.contains_key("erased_at"))
    })
}

#[tokio::test]
async fn a_restore_keeps_who_is_not_written_to_who_was_and_the_pause() {
    let contacts = ["ada", "ben", "cyd", "dora", "finn", "eve"].map(str::to_owned);
    let deployment = world_with(&contacts, playbook()).await;
    let (sender, line) = (silent_sender(&deployment).await, deployment.sending());
    let instant = at(NOW) + SignedDuration::from_secs(1);
    let then = Tables { state: state_by_key(&deployment).await, ledger: ledger_items(&deployment).await };

    // After the instant ada is written to, ben opts out, cyd's address turns out to be gone and finn's to be full, eve is erased, and
    // somebody approves and pauses.
    deployment.world.clock().set(instant + SignedDuration::from_mins(10));
    let now = deployment.world.clock().now();
    assert_eq!(send(&sender, &[due("ada", SLOT)]).await.len(), 0);
    tell(&deployment, "ben-out", &body("email.unsubscribed", now, &json!({"contact": "ben"}))).await;
    settle(&deployment).await;
    let bounces = [mail_event("Bounce", "cyd", SLOT, now), mail_event("Bounce/Transient", "finn", SLOT, now)];
    assert_eq!(record(&recorder(&deployment).await, &bounces).await.len(), 0);
    settle(&deployment).await;
    erase_person(&deployment, "eve").await;
    let approved = Approved { identity: "example.com".to_owned(), at: instant, by: "anna".to_owned() };
    line.approve(&approved).await.expect("the store answers");
    let by_hand = ByHand { why: "wrong prices".to_owned(), by: "anna".to_owned(), at: instant };
    assert!(line.pause(&by_hand).await.expect("the store answers"));
    let before = (line.known().await.expect("the store answers"), state_by_key(&deployment).await);
    let bounced = soft_bounces(&deployment, "finn").await;
    assert!(bounced.is_some() && is_erased(&before.1, "eve"));

    let kept = kept(&deployment).await;
    restore(&deployment, &then, &kept).await;
    // Whatever holds people back holds before anything is told again.
    assert_eq!(line.known().await.expect("the store answers"), before.0, "the pause, the approval and what was sent");
    let key = |key: keys::Key| (key.pk, key.sk);
    let now = state_by_key(&deployment).await;
    for contact in &contacts[..5] {
        let of = key(keys::cadence(&ContactId::from(contact.as_str())));
        assert_eq!(now.get(&of), before.1.get(&of), "{of:?}");
    }
    let wishes: Option<Preferences> =
        deployment.store.get(&keys::preferences(&"ben".into())).await.expect("it answers");
    assert!(wishes.is_some_and(|wishes| wishes.unsubscribed), "an opt-out");
    let suppressed = |items: &BTreeMap<(String, String), Item>| {
        items.keys().filter(|(_, sk)| sk == keys::SUPPRESSION).cloned().collect::<Vec<_>>()
    };
    assert_eq!(suppressed(&now), suppressed(&before.1));
    assert!(suppressed(&now).len() >= 3, "ben's, cyd's and eve's: {:?}", suppressed(&now));
    assert_eq!(soft_bounces(&deployment, "finn").await, bounced, "finn's bounce counts towards giving him up");
    assert!(is_erased(&now, "eve"), "she and her address");
    // What was kept of eve says whose rows the instant has brought back.
    let eve = ContactId::from("eve");
    assert_ne!(erasing::state_of(&deployment.store, &eve).await.expect("it answers"), []);
    assert_eq!(erase_again(&deployment, &kept).await, ["eve"]);
    assert_eq!(erasing::state_of(&deployment.store, &eve).await.expect("it answers"), []);
    let told = deployment.ingest.ledger.keys_of(&keys::contact(&eve)).await.expect("it answers");
    assert_eq!(told, [], "what was told of her");

    tell_again(&deployment, instant).await;
    assert!(line.resume().await.expect("the store answers"), "it was paused all the time");
    let mails = || deployment.world.mails().expect("the world remembers").len();
    let mailed_before = mails();
    let all = contacts.each_ref().map(|contact| due(contact, SLOT));
    assert_eq!(send(&sender, &all).await.len(), 0);
    assert_eq!(mails() - mailed_before, 1, "dora alone");
    let states = ["ada", "dora"].map(|contact| slot(&deployment, contact));
    for state in states {
        assert_eq!(state.await.map(|slot| slot.state), Some(SlotState::Sent));
    }
}
