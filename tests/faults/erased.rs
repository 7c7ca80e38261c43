//! Somebody is erased: whatever was told, wherever it lay, whatever is under way and whatever comes again, nothing holds the
//! address any more, byte by byte, and nobody writes to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use perennial::contact::{Erased, Person, Tables, erase, export};
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_platform::identity::{self, Resolved, erasing};
use perennial_platform::keys;
use perennial_platform::ledger::{Entry, Kind, Ledger};
use perennial_platform::store::Item;
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::{
    at, body, deploy, engagement, introduce, ledger_rows, sdk_config, settle, state_items, store_at, tell,
};
use serde_json::json;

use super::private::Logs;

const NOW: &str = "2026-01-07T10:00:00Z";
const ADDRESS: &str = "Wilma.Quarterstaff+news@heron.example.com";

async fn tables<T>(deployment: &Deployment, ask: impl AsyncFnOnce(Tables<'_>) -> T) -> T {
    let key = address_key();
    let tables = Tables {
        store: &deployment.store,
        ledger: &deployment.ingest.ledger,
        ledger_table: &deployment.ledger_table,
        key: &key,
        now: deployment.world.clock().now(),
    };
    ask(tables).await
}

pub(crate) async fn erase_person(deployment: &Deployment, id: &str) -> (Person, Erased) {
    tables(deployment, async |tables| {
        let person = tables.find(id).await.expect("the tables can be read");
        let erased = erase(&tables, &person, false).await.expect("it is erased");
        (person, erased)
    })
    .await
}

async fn segment(deployment: &Deployment, id: &str, call: serde_json::Value) {
    let mut call = call;
    call["messageId"] = json!(id);
    call["timestamp"] = json!(deployment.world.clock().now().to_string());
    let (status, answer) = deployment.post_to("segment", id, &call.to_string()).await.expect("the world goes on");
    assert_eq!(status, 202, "{id}: {answer}");
}

/// The ways in which an address can be written: searched in lower case, but base64 as it is.
fn forms(address: &str) -> Vec<String> {
    let mut forms = vec![address.to_lowercase()];
    forms.push(forms[0].replace('@', "%40").replace('+', "%2b"));
    forms.push(forms[0].replace('@', "%40"));
    forms.push(forms[0].replace('@', "\\u0040"));
    for spelling in [address.to_owned(), address.to_lowercase()] {
        for shift in 0..3 {
            // Wherever in a longer text it stands: without the digits that its neighbours have a share in.
            let text = STANDARD.encode([&vec![0; shift], spelling.as_bytes()].concat());
            let digits = text.trim_end_matches('=');
            let whole = (shift + spelling.len()) % 3 == 0;
            let end = digits.len() - usize::from(!whole);
            forms.push(digits[[0, 2, 3][shift]..end].to_owned());
        }
    }
    forms
}

fn dump(value: &AttributeValue, into: &mut Vec<String>) {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => into.push(text.clone()),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => into.extend(texts.iter().cloned()),
        AttributeValue::M(members) => {
            into.extend(members.keys().cloned());
            members.values().for_each(|value| dump(value, into));
        }
        AttributeValue::L(values) => values.iter().for_each(|value| dump(value, into)),
        // The ledger's deflated bodies are looked at as entries.
        AttributeValue::B(bytes) => into.push(String::from_utf8_lossy(bytes.as_ref()).into_owned()),
        AttributeValue::Bool(_) => {}
        other => panic!("nobody stores {other:?}"),
    }
}

/// Everything that there is, by where it lies.
async fn everything(deployment: &Deployment, logs: &Logs) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut state = Vec::new();
    for item in state_items(deployment).await {
        item.values().for_each(|value| dump(value, &mut state));
    }
    all.extend(state.into_iter().map(|text| ("state", text)));
    for item in ledger_items(deployment).await {
        let mut texts = Vec::new();
        item.values().for_each(|value| dump(value, &mut texts));
        all.extend(texts.into_iter().map(|text| ("ledger", text)));
        // Bodies are stored deflated where they are long.
        let entry: Result<Entry, _> = serde_dynamo::from_item(item);
        all.extend(entry.ok().and_then(|entry| entry.body).map(|body| ("ledger bodies", body)));
    }
    let world = &deployment.world;
    let letters = world.dead_letters().expect("the world remembers").into_iter();
    all.extend(letters.map(|letter| ("dead letters", format!("{} {} {}", letter.source, letter.reason, letter.body))));
    let events = world.bus_events().expect("the world remembers").into_iter();
    all.extend(events.map(|event| ("bus events", event.envelope.to_string())));
    for mail in world.mails().expect("the world remembers") {
        all.extend(mail.to.into_iter().chain(mail.html).chain(mail.text).map(|text| ("mails", text)));
    }
    all.extend(logs.text().lines().map(|line| ("logs", line.to_owned())));
    all
}

async fn places_with_the_address(deployment: &Deployment, logs: &Logs) -> BTreeSet<&'static str> {
    let forms = forms(ADDRESS);
    let everything = everything(deployment, logs).await;
    let holds = |text: &str| forms.iter().any(|form| text.contains(form) || text.to_lowercase().contains(form));
    everything.into_iter().filter(|(_, text)| holds(text)).map(|(place, _)| place).collect()
}

/// Everything that can be told of somebody, mailed to them, and left lying about them.
async fn live(deployment: &Deployment) {
    let (alone, now) = (ADDRESS, deployment.world.clock().now());
    introduce(deployment, "wilma").await;
    introduce(deployment, "ben").await;
    deployment.world.clock().set(now + SignedDuration::from_mins(1));
    let now = deployment.world.clock().now();
    // Known by address alone first, under an anonymous id as well; then identified.
    tell(deployment, "by-address", &engagement(alone, "analytics-demo", "watch", now)).await;
    tell(deployment, "anonymous", &engagement("anon-1", "analytics-guide", "download", now)).await;
    settle(deployment).await;
    let traits = json!({"email": ADDRESS, "firstName": "Wilma", "company": {"id": "account-of-wilma"}});
    let call = json!({"type": "identify", "userId": "wilma", "anonymousId": "anon-1", "traits": traits});
    segment(deployment, "identify", call).await;
    let call = json!({"type": "identify", "userId": ADDRESS, "anonymousId": "anon-2", "traits": {"title": "CMO"}});
    segment(deployment, "identify-by-address", call).await;
    tell(deployment, "price", &engagement("wilma", "analytics-pricing", "request", now)).await;
    settle(deployment).await;
    // What is not understood: an unknown asset, a call without what its rule takes, and one of somebody else that names her.
    let unknown = json!({"contact": "wilma", "asset": "unheard-of", "action": "view", "note": ADDRESS});
    tell(deployment, "quarantined", &body("engagement.recorded", now, &unknown)).await;
    let call = json!({"type": "track", "userId": "wilma", "event": "Guide Downloaded", "properties": {"to": ADDRESS}});
    segment(deployment, "unread", call).await;
    let colleague = json!({"contact": "ben", "asset": "unheard-of", "action": "view", "forwarded_to": ADDRESS});
    tell(deployment, "of-another", &body("engagement.recorded", now, &colleague)).await;
    settle(deployment).await;
    super::private::put_row(
        deployment,
        "CONTACT#wilma",
        "poison",
        "engagement",
        json!({"type": "engagement.recorded", "contact": "wilma", "asset": "x", "action": ADDRESS}),
    )
    .await;
    deployment.world.advance_to(at("2026-01-20T10:00:00Z"), |_| {}).await.expect("the world goes on");
}

#[tokio::test]
async fn afterwards_nothing_holds_the_address_and_nothing_brings_it_back() {
    let logs = Logs::capture();
    let deployment = deploy(at(NOW)).await;
    live(&deployment).await;
    let before = places_with_the_address(&deployment, &logs).await;
    assert!(before.is_superset(&BTreeSet::from(["state", "ledger bodies", "mails"])), "{before:?}");
    assert!(deployment.world.counts().expect("the world counts").dead_letters > 0, "the poison is there");

    // Under way: it was taken in, and nobody has handled it yet.
    let under_way = json!({"type": "identify", "userId": "wilma", "traits": {"email": ADDRESS, "title": "CEO"}});
    segment(&deployment, "under-way", under_way).await;
    tell(&deployment, "under-way-too", &engagement(ADDRESS, "support-plus-guide", "download", at(NOW))).await;
    let (person, erased) = erase_person(&deployment, "wilma").await;
    assert!(erased.told >= 6 && erased.elsewhere >= 2 && erased.state >= 8, "{erased:?}");
    assert!(person.ids.iter().any(|id| id.as_str() == "anon-1"), "{person:?}");
    assert!(deployment.world.forget_mails(|text| person.has_address_in(text)).expect("the world forgets") > 0);
    settle(&deployment).await;
    assert_eq!(places_with_the_address(&deployment, &logs).await, BTreeSet::new(), "what was under way is dropped");

    // Everything once more, under every id: a sender repeats itself, or somebody imports an old export.
    let now = deployment.world.clock().now();
    for (number, contact) in ["wilma", "anon-1", "anon-2", ADDRESS].into_iter().enumerate() {
        let known = json!({"contact": contact, "email": ADDRESS});
        tell(&deployment, &format!("known-again-{number}"), &body("contact.identified", now, &known)).await;
        let shown = engagement(contact, "analytics-guide", "download", now);
        tell(&deployment, &format!("shown-again-{number}"), &shown).await;
        let merged = json!({"from": format!("new-{number}"), "contact": contact});
        tell(&deployment, &format!("merged-again-{number}"), &body("contact.merged", now, &merged)).await;
        settle(&deployment).await;
    }
    deployment.world.advance_to(at("2026-03-01T10:00:00Z"), |_| {}).await.expect("the world goes on");
    assert_eq!(places_with_the_address(&deployment, &logs).await, BTreeSet::new(), "nothing comes back");
    let left = |item: &Item| {
        let (pk, sk) = (item[keys::PK].as_s().expect("a key"), item[keys::SK].as_s().expect("a key"));
        let theirs = person.ids.iter().any(|id| *pk == keys::contact(id));
        theirs.then(|| sk.clone())
    };
    let left: BTreeSet<String> = state_items(&deployment).await.iter().filter_map(left).collect();
    assert_eq!(left, BTreeSet::from([keys::POINTER.to_owned()]));

    // The hash stays, and is all that is known.
    let hash = address_key().hash(ADDRESS);
    let suppressed = deployment.store.get_item(&keys::suppression(&hash)).await.expect("the store answers");
    assert!(suppressed.is_some(), "the address stays suppressed");
    for id in &person.ids {
        assert_eq!(identity::resolve(&deployment.store, id).await.expect("it is read"), Resolved::Erased, "{id}");
    }
    // Others are as they were.
    let ben = deployment.store.contact(&ContactId::from("ben")).await.expect("the contact can be read");
    assert!(ben.profile.is_some_and(|profile| profile.fields().get("email").is_some()));
    let (_, again) = erase_person(&deployment, "wilma").await;
    assert!(again.is_nothing(), "{again:?}");
}

#[tokio::test]
async fn an_export_holds_everything_and_an_address_finds_it() {
    let deployment = deploy(at(NOW)).await;
    live(&deployment).await;
    let of = async |id: &str| {
        tables(&deployment, async |tables| {
            let person = tables.find(id).await.expect("the tables can be read");
            export(&tables, &person).await.expect("it is exported")
        })
        .await
    };
    let document = of("wilma").await;
    for other in ["anon-1", "anon-2", ADDRESS] {
        let ids = |document: &serde_json::Value| -> BTreeSet<String> {
            let ids = document["ids"].as_array().expect("a list").iter();
            ids.map(|id| id["id"].as_str().expect("an id").to_owned()).collect()
        };
        assert_eq!(ids(&of(other).await), ids(&document), "{other}");
    }
    let text = document.to_string();
    for said in [
        "\"contact\":\"wilma\"",
        "\"title\"",
        "analytics-pricing",
        "hand-off",
        "unheard-of",
        "Guide Downloaded",
        "forwarded_to",
        "this version cannot read it",
        "2026-01-07T10:00:00Z",
    ] {
        assert!(text.contains(said), "{said} is missing:\n{document:#}");
    }
    assert_eq!(document["contact"], "wilma");
    assert_eq!(document["ids"][0]["profile"]["fields"]["email"]["value"], ADDRESS);
}

#[tokio::test]
async fn what_only_would_be_erased_is_still_there() {
    let deployment = deploy(at(NOW)).await;
    live(&deployment).await;
    let (before, rows) = (state_items(&deployment).await.len(), ledger_items(&deployment).await.len());
    tables(&deployment, async |tables| {
        let person = tables.find("wilma").await.expect("the tables can be read");
        let counted = erase(&tables, &person, true).await.expect("it is counted");
        assert_eq!((state_items(&deployment).await.len(), ledger_items(&deployment).await.len()), (before, rows));
        let erased = erase(&tables, &person, false).await.expect("it is erased");
        assert_eq!(erased, counted, "what was announced is what happens");
    })
    .await;
}

/// Wilma, known by Segment alone, and erased.
async fn erased_wilma() -> Deployment {
    let deployment = deploy(at(NOW)).await;
    let call = json!({"type": "identify", "userId": "wilma", "anonymousId": "anon-1", "traits": {"email": ADDRESS}});
    segment(&deployment, "identify", call).await;
    introduce(&deployment, "ben").await;
    erase_person(&deployment, "wilma").await;
    deployment
}

#[tokio::test]
async fn no_statement_of_an_event_keeps_the_address_when_one_of_them_is_of_somebody_erased() {
    let logs = Logs::capture();
    let deployment = erased_wilma().await;
    let context = json!({"traits": {"email": ADDRESS}});
    let traits = json!({"email": ADDRESS});
    for (what, call) in [
        ("a new id", json!({"type": "identify", "userId": "new", "anonymousId": "anon-1", "traits": traits})),
        ("a known id", json!({"type": "identify", "userId": "ben", "anonymousId": "anon-1", "traits": traits})),
        ("her id", json!({"type": "identify", "userId": "wilma", "anonymousId": "anon-3", "traits": traits})),
        ("a company", json!({"type": "group", "userId": "wilma", "groupId": "heron", "context": context})),
        ("an alias", json!({"type": "alias", "userId": "wilma", "previousId": "anon-4", "context": context})),
        ("an alias of hers", json!({"type": "alias", "userId": "new", "previousId": "anon-1", "context": context})),
    ] {
        segment(&deployment, what, call).await;
        settle(&deployment).await;
        assert_eq!(places_with_the_address(&deployment, &logs).await, BTreeSet::new(), "{what}");
    }
    // What is said of the company stands.
    let rows = ledger_rows(&deployment).await;
    let company: Vec<_> = rows.iter().filter(|entry| entry.pk == "ACCOUNT#heron").collect();
    assert_eq!(company.iter().map(|entry| entry.event_id()).collect::<Vec<_>>(), ["a company"]);
    assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0);
}

#[tokio::test]
async fn an_event_is_kept_once_with_the_first_contact_that_it_tells_of() {
    let deployment = deploy(at(NOW)).await;
    for (what, call) in [
        ("identify", json!({"type": "identify", "userId": "ada", "anonymousId": "anon-1", "traits": {"title": "CMO"}})),
        ("group", json!({"type": "group", "userId": "ada", "groupId": "heron", "traits": {"name": "Heron"}})),
        ("company", json!({"type": "group", "groupId": "heron", "traits": {"name": "Heron"}})),
        ("track", json!({"type": "track", "userId": "ada", "properties": {"asset": "new", "action": "view"}})),
    ] {
        segment(&deployment, what, call).await;
    }
    let mut kept: Vec<(String, String, bool)> = Vec::new();
    for item in ledger_items(&deployment).await {
        let holds = item.contains_key("body");
        let entry: Entry = serde_dynamo::from_item(item).expect("an entry");
        assert!(!entry.hash.is_empty());
        kept.push((entry.sk, entry.pk, holds));
    }
    kept.sort();
    let row = |sk: &str, pk: &str, holds: bool| (format!("segment#{sk}"), pk.to_owned(), holds);
    assert_eq!(
        kept,
        [
            row("company", "ACCOUNT#heron", true),
            row("group", "ACCOUNT#heron", false),
            row("group#1", "CONTACT#ada", true),
            row("identify", "CONTACT#ada", true),
            row("identify#1", "CONTACT#anon-1", false),
            row("track", "CONTACT#ada", true),
        ]
    );
    // Sent again, each is known by its hash.
    let call = json!({"type": "group", "userId": "ada", "groupId": "heron", "traits": {"name": "Heron"},
        "messageId": "group", "timestamp": deployment.world.clock().now().to_string()});
    let (status, answer) = deployment.post_to("segment", "group", &call.to_string()).await.expect("the world goes on");
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn what_waits_in_quarantine_is_forgotten_when_it_is_of_somebody_erased() {
    let logs = Logs::capture();
    let deployment = erased_wilma().await;
    let now = deployment.world.clock().now();
    let unknown = |contact: &str, note: &str| {
        let data = json!({"contact": contact, "asset": "unheard-of", "action": "view", "note": note});
        body("engagement.recorded", now, &data)
    };
    for contact in ["wilma", "anon-1", ADDRESS] {
        tell(&deployment, &format!("of-{contact}"), &unknown(contact, ADDRESS)).await;
    }
    tell(&deployment, "of-ben", &unknown("ben", "")).await;
    // More than a day ahead: each statement waits.
    let ahead = (now + SignedDuration::from_hours(48)).to_string();
    for (id, call) in [
        ("ahead", json!({"type": "identify", "userId": "new", "anonymousId": "anon-1", "traits": {"email": ADDRESS}})),
        ("alias", json!({"type": "alias", "userId": "wilma", "previousId": "new", "traits": {"email": ADDRESS}})),
        (
            "of-ben-twice",
            json!({"type": "track", "userId": "ben", "properties": {"asset": "analytics-guide", "action": "download"}}),
        ),
        ("of-ben-too", json!({"type": "identify", "userId": "ben", "traits": {"title": "From tomorrow"}})),
    ] {
        let mut call = call;
        (call["messageId"], call["timestamp"]) = (json!(id), json!(ahead));
        let (_, answer) = deployment.post_to("segment", id, &call.to_string()).await.expect("the world goes on");
        assert!(answer.contains("quarantined"), "{id}: {answer}");
    }
    settle(&deployment).await;
    assert_eq!(places_with_the_address(&deployment, &logs).await, BTreeSet::new());
    let rows = ledger_rows(&deployment).await;
    let waits: BTreeSet<_> = rows.iter().filter(|entry| entry.kind == Kind::Quarantined).map(Entry::event_id).collect();
    assert_eq!(waits, BTreeSet::from(["of-ben", "of-ben-too", "of-ben-twice"]), "what is of others waits on");
    let ben = deployment.store.contact(&ContactId::from("ben")).await.expect("the contact can be read");
    assert!(ben.interests.is_empty(), "nobody counts it");
    assert_eq!(ben.profile.expect("he is known").fields().get("title"), Some("VP Marketing"), "it is not applied");
    assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0);
}

#[tokio::test]
async fn whatever_waits_and_names_the_address_of_somebody_erased_is_forgotten_whoever_it_tells_of() {
    let deployment = erased_wilma().await;
    let now = deployment.world.clock().now();
    let ahead = (now + SignedDuration::from_hours(48)).to_string();
    let traits = json!({"email": ADDRESS});
    for (id, timestamp, call) in [
        ("new ids", &ahead, json!({"type": "identify", "userId": "new", "anonymousId": "fresh", "traits": traits})),
        (
            "a company",
            &ahead,
            json!({"type": "group", "userId": "wilma", "groupId": "heron", "context": {"traits": traits}}),
        ),
        (
            "unread",
            &now.to_string(),
            json!({"type": "track", "userId": "new", "event": "Guide Downloaded", "to": ADDRESS}),
        ),
    ] {
        let mut call = call;
        (call["messageId"], call["timestamp"]) = (json!(id), json!(timestamp));
        let (_, answer) = deployment.post_to("segment", id, &call.to_string()).await.expect("the world goes on");
        assert!(answer.contains("quarantined"), "{id}: {answer}");
    }
    let unknown = |note: String| {
        body(
            "engagement.recorded",
            now,
            &json!({"contact": "ben", "asset": "unheard-of", "action": "view", "note": note}),
        )
    };
    tell(&deployment, "forwarded", &unknown(format!("to \"Wilma\" <{ADDRESS}>."))).await;
    tell(&deployment, "of a namesake", &unknown(format!("to x{ADDRESS}"))).await;
    settle(&deployment).await;
    let rows = ledger_rows(&deployment).await;
    let waits: Vec<_> = rows.iter().filter(|entry| entry.kind == Kind::Quarantined).map(Entry::event_id).collect();
    assert_eq!(waits, ["of a namesake"]);
    assert!(rows.iter().all(|entry| entry.body.as_ref().is_none_or(|body| !body.contains(&format!(":\"{ADDRESS}")))));
    assert_eq!(deployment.world.counts().expect("the world counts").dead_letters, 0);
}

/// Known under three ids, of which each was merged into the next; but nothing was moved, since whoever did it died.
async fn known_by_three_names() -> Deployment {
    let deployment = deploy(at(NOW)).await;
    for contact in ["anna", "berta", "zoe"] {
        introduce(&deployment, contact).await;
        tell(&deployment, contact, &engagement(contact, "analytics-guide", "download", at(NOW))).await;
        settle(&deployment).await;
    }
    let (store, now) = (&deployment.store, deployment.world.clock().now());
    for (from, to) in [("berta", "anna"), ("anna", "zoe")] {
        identity::point(store, &from.into(), &to.into(), "test", now).await.expect("it is pointed");
    }
    deployment
}

async fn assert_nothing_is_left_of(deployment: &Deployment, ids: &[&str], what: &str) {
    let places: Vec<String> = ids.iter().map(|id| keys::contact(&(*id).into())).collect();
    let state = state_items(deployment).await.into_iter().filter_map(|item| {
        let (pk, sk) = (item[keys::PK].as_s().expect("a key"), item[keys::SK].as_s().expect("a key"));
        (places.contains(pk) && sk != keys::POINTER).then(|| format!("{pk} {sk}"))
    });
    assert_eq!(state.collect::<Vec<_>>(), [""; 0], "{what}");
    let rows = ledger_rows(deployment).await.into_iter().filter(|row| places.contains(&row.pk));
    assert_eq!(rows.map(|row| row.sk).collect::<Vec<_>>(), [""; 0], "{what}");
}

#[tokio::test]
async fn ids_of_which_each_was_merged_into_the_next_are_found_by_the_last() {
    for (id, expected) in [("zoe", 6), ("berta", 6), ("anna", 6)] {
        let deployment = known_by_three_names().await;
        let (person, _) = erase_person(&deployment, id).await;
        assert_eq!(person.ids.len(), expected, "three names, and three addresses: {person:?}");
        let names: Vec<_> = person.ids.iter().filter(|id| keys::address_hash(id).is_none()).collect();
        assert_eq!(
            names,
            ["berta", "anna", "zoe"].map(ContactId::from).iter().collect::<Vec<_>>(),
            "who names others goes after them"
        );
        assert_nothing_is_left_of(&deployment, &["anna", "berta", "zoe"], id).await;
    }
}

#[tokio::test]
async fn an_erasure_that_dies_at_any_call_finds_the_rest_when_it_is_repeated() {
    let mut died = 0;
    for dies_at in 1.. {
        let deployment = known_by_three_names().await;
        let (zoe, key) = (ContactId::from("zoe"), address_key());
        if !erase_dying(&deployment, dies_at, &zoe).await {
            break;
        }
        died += 1;
        let (store, ledger) = (&deployment.store, &deployment.ingest.ledger);
        erasing::erase(store, ledger, &key, &zoe, at(NOW)).await.expect("it is erased");
        assert_nothing_is_left_of(&deployment, &["anna", "berta", "zoe"], &format!("dies at call {dies_at}")).await;
    }
    assert!(died > 25, "only {died} calls");
}

/// Erases, but dies at the n-th call of the database, counted from 1; says whether it did.
async fn erase_dying(deployment: &Deployment, dies_at: usize, contact: &ContactId) -> bool {
    let (calls, (died, mut dying)) = (AtomicUsize::new(0), tokio::sync::mpsc::unbounded_channel::<()>());
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
    let ledger = Ledger::new(&sdk_config(&gate.url).await, &deployment.ledger_table);
    let (store, key) = (store_at(&gate.url).await, address_key());
    tokio::select! {
        erased = erasing::erase(&store, &ledger, &key, contact, at(NOW)) => erased.map(|_| false).expect("it is erased"),
        _ = dying.recv() => true,
    }
}

#[tokio::test]
async fn an_event_whose_id_was_used_before_has_no_effect_where_its_body_would_not_be_kept() {
    let deployment = deploy(at(NOW)).await;
    let group = |company: &str| {
        json!({"type": "group", "userId": "ada", "groupId": company, "messageId": "g",
        "timestamp": NOW, "traits": {"name": company}})
    };
    for (company, expected) in [("heron", 202), ("lynx", 409)] {
        let call = group(company).to_string();
        let (status, answer) = deployment.post_to("segment", "g", &call).await.expect("the world goes on");
        assert_eq!(status, expected, "{company}: {answer}");
    }
    let rows = ledger_rows(&deployment).await;
    let places: BTreeSet<_> = rows.iter().map(|entry| entry.pk.as_str()).collect();
    assert_eq!(places, BTreeSet::from(["ACCOUNT#heron", "CONTACT#ada"]));
}

pub(crate) async fn ledger_items(deployment: &Deployment) -> Vec<Item> {
    let scan = deployment.store.client.scan().table_name(&deployment.ledger_table);
    scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.expect("the ledger can be read")
}
