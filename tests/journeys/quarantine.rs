//! What is not understood is kept: the playbook is mended, and each event counts once, when it happened, whether its sender has
//! sent it again before, in between, after, or never.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use perennial::data::DataFolder;
use perennial::deployment::Deployment;
use perennial::quarantine;
use perennial_domain::interest::FactName;
use perennial_local::{ClockHandle, Store};
use perennial_platform::ledger::{Entry, Kind};
use perennial_playbook::{Bundle, Playbook};
use perennial_tests::senders::deliver;
use perennial_tests::{at, bundle, deploy_in, engagement, interest, ledger_rows, settle};
use serde_json::{Value, json};

const BEGINS: &str = "2026-01-12T09:00:00Z";
const MENDED: &str = "2026-02-09T09:00:00Z";
/// When the first person joined the webinar; each of the others a minute later.
const JOINED: &str = "2026-01-11T17:03:00Z";
const PEOPLE: usize = 4;

fn compiled(bundle: &Bundle) -> Arc<Playbook> {
    Arc::new(Playbook::of(bundle).unwrap_or_else(|problems| panic!("{problems:#?}")))
}

/// The example with a pointer into nothing where Zoom tells who joined.
fn broken() -> Arc<Playbook> {
    let mut bundle = bundle().clone();
    let zoom = bundle.sources.get_mut("zoom").unwrap();
    let (right, wrong) =
        ("contact = \"/payload/object/participant/email\"", "contact = \"/payload/object/participant/mail\"");
    assert!(zoom.contains(right));
    *zoom = zoom.replace(right, wrong);
    compiled(&bundle)
}

/// The example as it is, and with the asset that was missing.
fn mended() -> Arc<Playbook> {
    let mut bundle = bundle().clone();
    bundle.playbook.push_str(
        "\n[[asset]]\nid = \"analytics-quiz\"\ntitle = \"Which of your reports is read? (quiz)\"\n\
         products = [\"analytics\"]\nstage = \"early\"\neffort = \"low\"\npoints = { complete = 2 }\n",
    );
    compiled(&bundle)
}

fn joined_at(person: usize) -> Timestamp {
    at(JOINED) + SignedDuration::from_mins(i64::try_from(person).unwrap())
}

fn joined(person: usize) -> Value {
    json!({
        "event": "webinar.participant_joined",
        "event_ts": joined_at(person).as_millisecond(),
        "payload": {"account_id": "a1", "object": {
            "id": "85012345678", "uuid": "u1", "topic": "Numbers", "type": 5,
            "participant": {"user_id": "1", "user_name": "P", "email": address(person), "join_time": joined_at(person)},
        }},
    })
}

fn address(person: usize) -> String {
    format!("person-{person}@juniper.example.com")
}

fn quiz() -> Value {
    serde_json::from_str(&engagement("ada", "analytics-quiz", "complete", at("2026-01-02T08:30:00Z"))).unwrap()
}

async fn facts(deployment: &Deployment, contact: &str) -> Vec<(FactName, i64)> {
    let stored = interest(deployment, contact, "analytics").await;
    stored.facts.iter().map(|(name, second)| (name.clone(), second)).collect()
}

fn fact(asset: &str, action: &str) -> FactName {
    FactName { asset: asset.into(), action: action.into(), email: None }
}

async fn of_kind(deployment: &Deployment, kind: Kind) -> usize {
    ledger_rows(deployment).await.iter().filter(|entry: &&Entry| entry.kind == kind).count()
}

#[tokio::test]
async fn what_was_not_understood_counts_once_and_when_it_happened_after_the_playbook_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::of(Some(folder.path()), "up");
    let old = deploy_in(Store::File(data.database()), ClockHandle::standing_at(at(BEGINS)), broken()).await;

    // Nobody can be told from it, and an asset nobody knows; the first of each is sent twice.
    for person in [0, 1, 2, 3, 0] {
        let (status, said) = deliver(&old, "zoom", "", &joined(person)).await;
        let kept = said["status"].as_str().unwrap().to_owned();
        assert!(matches!((status, kept.as_str()), (202, "quarantined") | (200, "duplicate")), "{status} {said}");
        if status == 202 {
            let reason = said["reason"].as_str().unwrap();
            assert!(
                reason.contains("sources/zoom.toml") && reason.contains("/payload/object/participant/mail"),
                "{reason}"
            );
            assert!(!reason.contains("juniper"), "{reason}");
        }
    }
    for status in [202, 200] {
        assert_eq!(deliver(&old, "native", "quiz", &quiz()).await.0, status);
    }
    settle(&old).await;
    assert_eq!(of_kind(&old, Kind::Quarantined).await, PEOPLE + 1);
    assert_eq!(facts(&old, "ada").await, []);
    // The playbook is as it was: replaying changes nothing.
    let rows = ledger_rows(&old).await.len();
    assert_eq!(quarantine::replay_all(&old).await.unwrap(), 0);
    assert_eq!((of_kind(&old, Kind::Quarantined).await, ledger_rows(&old).await.len()), (PEOPLE + 1, rows));

    // Weeks later the playbook is mended. The second person's event and the quiz come again before the replay.
    old.world.advance_to(at(MENDED), |_| {}).await.unwrap();
    let copy = data.snapshot().unwrap();
    let new = deploy_in(Store::File(copy.database.clone()), ClockHandle::standing_at(at(MENDED)), mended()).await;
    let (status, said) = deliver(&new, "zoom", "", &joined(1)).await;
    assert_eq!((status, &said["status"]), (202, &json!("accepted")), "nothing was known of this person");
    assert_eq!(deliver(&new, "native", "quiz", &quiz()).await.0, 200);
    settle(&new).await;
    assert_eq!(quarantine::replay_all(&new).await.unwrap(), PEOPLE + 1);
    // The third person's comes again after it, and it is replayed again.
    assert_eq!(deliver(&new, "zoom", "", &joined(2)).await.0, 200);
    assert_eq!(quarantine::replay_all(&new).await.unwrap(), 0);
    settle(&new).await;

    let rows = ledger_rows(&new).await;
    assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), [Kind::Engagement; PEOPLE + 1]);
    let hash = |person: usize| format!("@{}", perennial::deployment::address_key().hash(&address(person)));
    for person in 0..PEOPLE {
        let expected = vec![(fact("analytics-webinar", "attend"), joined_at(person).as_second())];
        assert_eq!(facts(&new, &hash(person)).await, expected, "person {person}");
    }
    let expected = vec![(fact("analytics-quiz", "complete"), at("2026-01-02T08:30:00Z").as_second())];
    assert_eq!(facts(&new, "ada").await, expected);
    let report = perennial::account::Account::of(&new).await.unwrap();
    assert_eq!((report.engagements.counted, report.engagements.quarantined), (PEOPLE as u64 + 1, 0));
    assert_eq!(report.dead_letters, 0);
}

/// One event that becomes two statements only under the mended playbook, and one that is left aside by it.
#[tokio::test]
async fn what_a_playbook_reads_more_or_leaves_aside_is_settled_too() {
    let changed = |from: &str, to: &str| {
        let mut bundle = bundle().clone();
        let zoom = bundle.sources.get_mut("zoom").unwrap();
        assert!(zoom.contains(from), "{from}");
        *zoom = zoom.replacen(from, to, 1);
        compiled(&bundle)
    };
    let registered = json!({
        "event": "webinar.registration_created", "event_ts": at(JOINED).as_millisecond(),
        "payload": {"object": {"id": "85012345678", "registrant": {"email": "r@juniper.example.com", "first_name": "R"}}},
    });
    let chatted = json!({"event": "webinar.chat_message_sent", "event_ts": 1_768_150_980_000_i64, "payload": {}});
    // A webinar that is not named makes the engagement, and with it the whole event, unreadable.
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::of(Some(folder.path()), "up");
    let unnamed = changed("85012345678 = \"analytics-webinar\"\n", "");
    let old = deploy_in(Store::File(data.database()), ClockHandle::standing_at(at(BEGINS)), unnamed).await;
    for event in [&registered, &chatted] {
        let (status, said) = deliver(&old, "zoom", "", event).await;
        assert_eq!((status, &said["status"]), (202, &json!("quarantined")), "{said}");
    }
    let copy = data.snapshot().unwrap();
    let aside = changed("  \"webinar.created\",", "  \"webinar.chat_message_sent\",\n  \"webinar.created\",");
    let new = deploy_in(Store::File(copy.database.clone()), ClockHandle::standing_at(at(BEGINS)), aside).await;
    let waiting = quarantine::of_world(&new).await.unwrap();
    let replay = quarantine::replay(&new.ingest, &waiting, |_| {}).await.unwrap();
    assert_eq!((replay.counted, replay.left_aside, replay.gone, replay.waiting.len()), (1, 1, 0, 0));
    let mut rows: Vec<_> = ledger_rows(&new)
        .await
        .into_iter()
        .map(|row| (row.statement, row.statements, row.kind, row.body.is_some()))
        .collect();
    rows.sort_by_key(|(statement, ..)| *statement);
    assert_eq!(rows, [(0, 2, Kind::Change, true), (1, 2, Kind::Engagement, false)]);
    settle(&new).await;
    let who = format!("@{}", perennial::deployment::address_key().hash("r@juniper.example.com"));
    assert_eq!(facts(&new, &who).await, [(fact("analytics-webinar", "register"), at(JOINED).as_second())]);
}
