//! Ids and addresses at the edges: an erasure that broke off, an address that many state, a slot of an address that is somebody's
//! by now, and a merge that would take the living with the dead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use jiff::SignedDuration;
use perennial::contact::{Tables, erase};
use perennial::deployment::{Deployment, address_key};
use perennial::import::Import;
use perennial_domain::ids::ContactId;
use perennial_platform::identity::profiles::{Identified, identify};
use perennial_platform::identity::{self, Resolved, erasing};
use perennial_platform::keys;
use perennial_platform::records::{AddressOwner, Profile};
use perennial_platform::store::{Store, number, string};
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::silent_sender;
use perennial_tests::{
    address_of, at, body, deploy, engagement, introduce, ledger_rows, queue_event, settle, state_items, store_at, tell,
};
use serde_json::json;

const NOW: &str = "2026-01-07T10:00:00Z";

async fn suppressed(deployment: &Deployment, address: &str) -> bool {
    let key = keys::suppression(&address_key().hash(address));
    deployment.store.get_item(&key).await.expect("the store answers").is_some()
}

async fn owner(store: &Store, address: &str) -> AddressOwner {
    let key = keys::address_owner(&address_key().hash(address));
    store.get(&key).await.expect("the store answers").expect("somebody has stated it")
}

async fn resolved(deployment: &Deployment, id: &str) -> Resolved {
    identity::resolve(&deployment.store, &id.into()).await.expect("it is read")
}

async fn states(store: &Store, contact: &str, address: &str, second: i64) {
    let fields = BTreeMap::from([("email".to_owned(), address.to_owned())]);
    let identified = identify(store, &address_key(), &contact.into(), &fields, second).await;
    assert!(matches!(identified, Ok(Identified::Known { .. })), "{contact}: {identified:?}");
}

/// Wilma, under an anonymous id and by her address as well.
async fn wilma_thrice() -> Deployment {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "wilma").await;
    for (id, body) in [
        ("anonymous", engagement("anon", "analytics-guide", "download", at(NOW))),
        ("merge", body("contact.merged", at(NOW), &json!({"from": "anon", "contact": "wilma"}))),
        ("by-address", engagement(&address_of("wilma"), "analytics-demo", "watch", at(NOW))),
    ] {
        tell(&deployment, id, &body).await;
        settle(&deployment).await;
    }
    deployment
}

#[tokio::test]
async fn an_erasure_that_broke_off_is_finished_under_any_of_the_ids() {
    let address = address_of("wilma");
    for asked in ["wilma", "anon", &address] {
        for (what, breaks_after) in [("after the marks", 0), ("within the last id", 1)] {
            let deployment = wilma_thrice().await;
            let (store, ledger, key) = (&deployment.store, &deployment.ingest.ledger, address_key());
            let ledger_table = &deployment.ledger_table;
            let tables = Tables { store, ledger, ledger_table, key: &key, now: at(NOW) };
            let person = tables.find("wilma").await.expect("the tables can be read");
            assert_eq!(person.ids.len(), 3);
            let hashes = person.addresses.iter().map(|address| key.hash(address)).collect();
            for id in &person.ids {
                erasing::mark(store, &key, id, &hashes, at(NOW)).await.expect("it is marked");
            }
            for id in person.ids.iter().take(2 * breaks_after) {
                erasing::forget_told(ledger, id).await.expect("it is forgotten");
                erasing::forget_state(store, id).await.expect("it is forgotten");
            }
            let found = tables.find(asked).await.expect("the tables can be read");
            assert_eq!(found.ids, person.ids, "{asked} {what}");
            erase(&tables, &found, false).await.expect("it is erased");
            for id in &person.ids {
                assert_eq!(erasing::state_of(store, id).await.expect("it is read"), [], "{asked} {what}: {id}");
                assert_eq!(resolved(&deployment, id.as_str()).await, Resolved::Erased, "{asked} {what}: {id}");
            }
            let left = ledger_rows(&deployment).await.into_iter().filter(|entry| entry.pk.starts_with("CONTACT#"));
            assert_eq!(left.count(), 0, "{asked} {what}");
        }
    }
}

#[tokio::test]
async fn whoever_is_merged_into_somebody_who_is_about_to_be_erased_goes_too() {
    let deployment = wilma_thrice().await;
    let (store, ledger, key) = (&deployment.store, &deployment.ingest.ledger, address_key());
    let tables = Tables { store, ledger, ledger_table: &deployment.ledger_table, key: &key, now: at(NOW) };
    let person = tables.find("wilma").await.expect("the tables can be read");
    tell(&deployment, "late", &engagement("late", "analytics-guide", "download", at(NOW))).await;
    tell(&deployment, "merge-late", &body("contact.merged", at(NOW), &json!({"from": "late", "contact": "wilma"})))
        .await;
    settle(&deployment).await;
    let erased = erase(&tables, &person, false).await.expect("it is erased");
    assert_eq!(erased.ids, person.ids.len() + 1);
    assert_eq!(resolved(&deployment, "late").await, Resolved::Erased);
    assert!(!ledger_rows(&deployment).await.iter().any(|entry| entry.pk == "CONTACT#late"));
}

#[tokio::test]
async fn what_is_stated_while_an_id_is_marked_is_marked_with_it_in_one_step() {
    let (deployment, address) = (deploy(at(NOW)).await, "ada@juniper.example.com");
    let (seen, acting) = (Arc::new(Mutex::new(Vec::new())), deployment.clone());
    let transactions = Arc::clone(&seen);
    let gate = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
        let (acting, transactions) = (acting.clone(), Arc::clone(&transactions));
        async move {
            if number == 1 {
                states(&acting.store, "ada", address, 1).await;
            }
            let suppressed = suppressed(&acting, address).await;
            transactions.lock().expect("a list").push(suppressed);
        }
        .boxed()
    })
    .await;
    let (store, ada) = (store_at(&gate.url).await, ContactId::from("ada"));
    for what in ["marked", "marked already: the same again writes nothing"] {
        erasing::mark(&store, &address_key(), &ada, &BTreeSet::new(), at(NOW)).await.expect("it is marked");
        assert!(owner(&deployment.store, address).await.erased_at.is_some(), "{what}");
        assert!(suppressed(&deployment, address).await, "{what}");
        // One was refused; neither found the address suppressed before.
        assert_eq!(*seen.lock().expect("a list"), [false, false], "{what}");
    }
}

#[tokio::test]
async fn what_is_written_while_an_id_is_forgotten_is_forgotten_too() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let acting = deployment.store.clone();
    let gate = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |calls| {
        let acting = acting.clone();
        async move {
            if calls == 1 {
                let put = acting.client.put_item().table_name(&acting.state);
                let put = put.item("PK", string("CONTACT#ada")).item("SK", string("LEAD#late")).item("rev", number(1));
                put.send().await.expect("the store answers");
            }
        }
        .boxed()
    })
    .await;
    let (store, ada) = (store_at(&gate.url).await, ContactId::from("ada"));
    let held = erasing::state_of(&store, &ada).await.expect("it is read").len();
    assert_eq!(erasing::forget_state(&store, &ada).await.expect("it is forgotten"), held + 1);
    assert_eq!(erasing::state_of(&store, &ada).await.expect("it is read"), []);
}

#[tokio::test]
async fn an_address_that_a_hundred_state_is_passed_on_and_its_item_stays_small() {
    let shared = "noreply@juniper.example.com";
    let deployment = deploy(at(NOW)).await;
    let store = &deployment.store;
    let name = |number: usize| format!("c{number:03}");
    for number in 0..100 {
        states(store, &name(number), shared, 1).await;
    }
    let marked = async |contact: &str| {
        let profile: Option<Profile> = store.get(&keys::profile(&contact.into())).await.expect("the store answers");
        profile.expect("it is known").shares_address_with
    };
    let held = owner(store, shared).await;
    assert_eq!((held.contact.as_deref(), held.also.len(), held.more), (Some("c000"), 50, true));
    assert_eq!((marked("c000").await, marked("c099").await.as_deref()), (None, Some("c000")));

    // One after the other leaves: merged, erased, moved.
    erasing::mark(store, &address_key(), &"c000".into(), &BTreeSet::new(), at(NOW)).await.expect("it is marked");
    let held = owner(store, shared).await;
    assert_eq!((held.contact.as_deref(), held.also.len(), held.erased_at), (Some("c001"), 49, None));
    assert!(!suppressed(&deployment, shared).await, "others have it");
    assert_eq!((marked("c001").await, marked("c002").await.as_deref()), (None, Some("c001")));
    for number in 1..51 {
        assert_eq!(owner(store, shared).await.contact, Some(name(number)));
        states(store, &name(number), &format!("{}@juniper.example.com", name(number)), 2).await;
    }
    // Those who are on no list still state it: nobody has it until one of them is told of again.
    let held = owner(store, shared).await;
    assert_eq!((held.contact, held.also.len(), held.more), (None, 0, true));
    states(store, "c099", shared, 1).await;
    assert_eq!((owner(store, shared).await.contact.as_deref(), marked("c099").await), (Some("c099"), None));
    states(store, "c098", shared, 1).await;
    assert_eq!(marked("c098").await.as_deref(), Some("c099"), "an old mark is put right");
}

#[tokio::test]
async fn what_is_told_of_an_address_alone_suppresses_it() {
    let earlier = at(NOW) - SignedDuration::from_hours(24);
    let bounced = |contact: &str| json!({"contact": contact, "permanent": true});
    for (what, kind, is_known) in [
        ("a bounce", "email.bounced", false),
        ("an opt-out", "email.unsubscribed", false),
        ("an old bounce of somebody known by it", "email.bounced", true),
    ] {
        let (deployment, address) = (deploy(at(NOW)).await, "ada@juniper.example.com");
        if is_known {
            let known = json!({"contact": address, "title": "CMO"});
            tell(&deployment, "known", &body("contact.identified", at(NOW), &known)).await;
            settle(&deployment).await;
        }
        let data = if kind == "email.bounced" { bounced(address) } else { json!({"contact": address}) };
        tell(&deployment, "told", &body(kind, earlier, &data)).await;
        settle(&deployment).await;
        assert!(suppressed(&deployment, address).await, "{what}");
        // Whoever states it later is not written to.
        introduce(&deployment, "ada").await;
        tell(&deployment, "shown", &engagement("ada", "analytics-checklist", "download", at(NOW))).await;
        deployment.world.advance_to(at("2026-01-20T10:00:00Z"), |_| {}).await.expect("the world goes on");
        let mails = deployment.world.mails().expect("the world remembers");
        let to_contacts = mails.iter().filter(|mail| mail.tags.iter().any(|(_, kind)| kind == "nurture"));
        assert_eq!(to_contacts.count(), 0, "{what}");
    }
}

#[tokio::test]
async fn a_slot_of_an_address_that_is_somebodys_by_now_is_nobodys() {
    for what in ["adopted", "erased"] {
        let deployment = deploy(at(NOW)).await;
        let address = address_of("ada");
        let alone = keys::address_contact(&address_key().hash(&address));
        tell(&deployment, "shown", &engagement(&address, "analytics-checklist", "download", at(NOW))).await;
        settle(&deployment).await;
        if what == "adopted" {
            introduce(&deployment, "ada").await;
        } else {
            let (store, ledger) = (&deployment.store, &deployment.ingest.ledger);
            erasing::erase(store, ledger, &address_key(), &alone, at(NOW)).await.expect("it is erased");
        }
        let sender = silent_sender(&deployment).await;
        let due = json!({"detail-type": "NurtureDue", "detail": {"contact": alone.as_str(), "slot": "2026-01-08"}});
        let batch = serde_json::from_value(queue_event(&[due])).expect("an event of SQS");
        let answer = sender.handle(batch).await.expect("a batch never fails");
        assert_eq!(answer.batch_item_failures, [], "{what}: nothing is to be tried again");
        let partition = keys::contact(&alone);
        let left = state_items(&deployment).await.into_iter().filter(|item| item["PK"].as_s() == Ok(&partition));
        assert_eq!(left.count(), 0, "{what}: no slot");
        let mails = deployment.world.mails().expect("the world remembers");
        let to_contacts = mails.iter().filter(|mail| mail.tags.iter().any(|(_, kind)| kind == "nurture"));
        assert_eq!(to_contacts.count(), 0, "{what}");
    }
}

#[tokio::test]
async fn a_merge_into_somebody_erased_takes_nobody_along_who_is_known() {
    let deployment = wilma_thrice().await;
    introduce(&deployment, "gone").await;
    let (store, ledger) = (&deployment.store, &deployment.ingest.ledger);
    erasing::erase(store, ledger, &address_key(), &"gone".into(), at(NOW)).await.expect("it is erased");
    let stands = |id: &str| if id == "anon" { Resolved::Into("wilma".into()) } else { Resolved::Same };
    for (from, expected) in [("wilma", stands("wilma")), ("anon", stands("anon")), ("unheard-of", Resolved::Erased)] {
        let merge = body("contact.merged", at(NOW), &json!({"from": from, "contact": "gone"}));
        tell(&deployment, &format!("merge-{from}"), &merge).await;
        settle(&deployment).await;
        assert_eq!(resolved(&deployment, from).await, expected, "{from}");
    }
    let wilma = store.contact(&"wilma".into()).await.expect("the contact can be read");
    assert!(wilma.profile.is_some() && !wilma.interests.is_empty());
    let told = ledger_rows(&deployment).await;
    assert!(told.iter().any(|entry| entry.pk == "CONTACT#wilma"));
    assert!(
        !told.iter().any(|entry| entry.body.as_ref().is_some_and(|body| body.contains("\"gone\""))),
        "what names the erased goes"
    );
    assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0);
}

#[tokio::test]
async fn whoever_is_erased_is_erased_under_every_id_that_was_merged_into_it() {
    for what in ["by id", "by a merge into somebody erased"] {
        let deployment = wilma_thrice().await;
        introduce(&deployment, "gone").await;
        let (store, ledger, key) = (&deployment.store, &deployment.ingest.ledger, address_key());
        let by_address = keys::address_contact(&key.hash(&address_of("wilma")));
        // An id that nobody has identified, with another one and an address merged into it.
        let known_by = "stray@juniper.example.com";
        for (id, body) in [
            ("stray", engagement("stray", "analytics-guide", "download", at(NOW))),
            ("stray-2", engagement("stray-2", "analytics-guide", "download", at(NOW))),
            ("stray-3", engagement(known_by, "analytics-guide", "download", at(NOW))),
            ("merge-2", body("contact.merged", at(NOW), &json!({"from": "stray-2", "contact": "stray"}))),
            ("merge-3", body("contact.merged", at(NOW), &json!({"from": known_by, "contact": "stray"}))),
        ] {
            tell(&deployment, id, &body).await;
            settle(&deployment).await;
        }
        let ids = if what == "by id" {
            let erased = erasing::erase(store, ledger, &key, &"wilma".into(), at(NOW)).await.expect("it is erased");
            assert!(erased.state >= 4 && erased.ledger >= 4, "{erased:?}");
            vec![ContactId::from("wilma"), "anon".into(), by_address]
        } else {
            erasing::erase(store, ledger, &key, &"gone".into(), at(NOW)).await.expect("it is erased");
            let merge = body("contact.merged", at(NOW), &json!({"from": "stray", "contact": "gone"}));
            tell(&deployment, "merge-gone", &merge).await;
            settle(&deployment).await;
            assert!(suppressed(&deployment, known_by).await);
            vec!["stray".into(), "stray-2".into(), keys::address_contact(&key.hash(known_by))]
        };
        let told = ledger_rows(&deployment).await;
        for id in &ids {
            let place = keys::contact(id);
            assert!(!told.iter().any(|entry| entry.pk == place), "{what}: {id}");
            assert_eq!(erasing::state_of(store, id).await.expect("it is read"), [], "{what}: {id}");
            assert_eq!(resolved(&deployment, id.as_str()).await, Resolved::Erased, "{what}: {id}");
        }
        // The others are as they were.
        let other = if what == "by id" { "stray" } else { "wilma" };
        assert!(!store.contact(&other.into()).await.expect("it is read").interests.is_empty(), "{what}");
        assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0, "{what}");
    }
}

#[tokio::test]
async fn an_imported_deletion_of_a_merged_id_leaves_the_one_that_stays() {
    const MAPPING: &str = r#"format = 1
source = "tool"
time_zone = "UTC"
time_format = "%Y-%m-%d %H:%M:%S"
[[file]]
name = "merged.csv"
event = "contact.merged"
id = "id"
at = "at"
data.from = "gone"
data.contact = "stays"
[[file]]
name = "people.csv"
event = "contact.identified"
id = "id"
at = "at"
data.contact = "id"
data.email = "email"
[[file]]
name = "deleted.csv"
event = "contact.erased"
id = "id"
at = "at"
data.contact = "id"
"#;
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("tool.toml", MAPPING),
        (
            "people.csv",
            "id,at,email\n7,2025-01-01 00:00:00,ada@example.com\n8,2025-01-01 00:00:00,old@example.com\n9,2025-01-01 00:00:00,b@example.com\n",
        ),
        ("merged.csv", "id,at,gone,stays\nm,2025-01-02 00:00:00,8,7\n"),
        ("deleted.csv", "id,at\n8,2025-01-03 00:00:00\n9,2025-01-03 00:00:00\n"),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let import = Import::read(folder.path(), &folder.path().join("tool.toml")).expect("it can be read");
    let deployment = deploy(at("2025-01-01T00:00:00Z")).await;
    for run in ["first", "again"] {
        let outcome = import.play(&deployment, |_| {}).await.expect("the world goes on");
        let deleted = BTreeMap::from([("erased".to_owned(), 1), ("skipped: merged before".to_owned(), 1)]);
        assert_eq!(outcome.files["deleted.csv"], deleted, "{run}");
        let stands =
            [resolved(&deployment, "7").await, resolved(&deployment, "8").await, resolved(&deployment, "9").await];
        assert_eq!(stands, [Resolved::Same, Resolved::Into("7".into()), Resolved::Erased], "{run}");
        assert!(deployment.store.contact(&"7".into()).await.expect("it is read").profile.is_some(), "{run}");
    }
}
