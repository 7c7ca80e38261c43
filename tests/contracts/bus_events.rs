//! What others may subscribe to: every kind of event has a committed schema, and keeps to it. `shared/platform/tests/stored` holds
//! events as they were once written and is never edited, so what was once described stays described.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::lead::{Said, Status, Word};
use perennial_domain::sending::{CameBack, PauseReason};
use perennial_platform::outbox::{LeadEvent, Waiting};
use perennial_platform::records::{Brief, Cut};
use perennial_tests::bus::{assert_events_keep_to_their_schemas, faults, schemas};
use perennial_tests::{at, body, deploy, engagement, introduce, root, settle, tell};
use serde_json::{Value, json};

const NOW: &str = "2026-01-07T10:00:00Z";

/// Events as they were stored: file, kind and detail.
fn stored() -> Vec<(String, String, Value)> {
    let folder = root().join("shared/platform/tests/stored");
    let files = std::fs::read_dir(folder).expect("stored items").map(|entry| entry.expect("a file").path());
    let name = |file: &std::path::Path| file.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut events: Vec<_> = files
        .filter(|file| name(file).starts_with("outbox-"))
        .map(|file| {
            let text = std::fs::read_to_string(&file).expect("an item");
            let item = serde_json::from_str::<Value>(&text).expect("JSON")["item"].take();
            let kind = item["detail_type"]["S"].as_str().expect("a kind").to_owned();
            let detail = item["detail"]["S"].as_str().expect("a detail");
            (name(&file), kind, serde_json::from_str(detail).expect("JSON"))
        })
        .collect();
    events.sort_by(|one, other| one.0.cmp(&other.0));
    events
}

/// A week in which a lead was made and nothing else happened.
fn brief() -> Brief {
    Brief {
        pk: "DIGEST#week-2026-01-05".to_owned(),
        sk: "OWNER#rep-anna".to_owned(),
        owner: "rep-anna".to_owned(),
        week: "2026-01-05".to_owned(),
        made_at: at(NOW).as_second(),
        accounts: 1,
        contacts: 1,
        more_contacts: false,
        new_leads: Cut::of(vec!["CONTACT#ada\nLEAD#analytics#2026-Q1".to_owned()], 1),
        overdue: Cut::default(),
        heating_up: Cut::default(),
        mails: 0,
        sent: Cut::default(),
        planned: 0,
    }
}

/// One event by each way in which an event can be made.
fn made() -> Vec<Waiting> {
    let now = at(NOW);
    let lead = || LeadEvent::of(&"ada".into(), &"analytics".into(), "2026-Q1".parse().expect("a quarter"));
    let owned = || LeadEvent { owner: Some("rep-anna".to_owned()), ..lead() };
    let moved = |stage: Status| {
        let event = LeadEvent { stage: Some(stage.as_str().to_owned()), amount_cents: Some(5), ..owned() };
        let event = match stage {
            Status::Touched => LeadEvent { amount_cents: None, ..event },
            _ => event,
        };
        Waiting::lead_moved(event, &Word::of(Said::Touched, now.as_second()), now)
    };
    let came_back = CameBack { sends: 1_000, bounces: 60, complaints: 0 };
    let mut all = vec![
        Waiting::threshold_reached(lead(), now),
        Waiting::lead_qualified(LeadEvent { priority: Some("act-now".to_owned()), ..owned() }, now),
        Waiting::lead_qualified(
            LeadEvent { priority: Some("mql".to_owned()), wants_no_calls: true, opted_out_of_mail: true, ..owned() },
            now,
        ),
        Waiting::lead_qualified(
            LeadEvent { priority: Some("act-now".to_owned()), asked_again_at: Some(1_767_780_000), ..owned() },
            now,
        ),
        Waiting::lead_qualified(
            LeadEvent { kind: Some("upsell".to_owned()), priority: Some("act-now".to_owned()), ..owned() },
            now,
        ),
        Waiting::threshold_reached(LeadEvent { act_now_at: Some(1_767_780_000), ..lead() }, now),
        Waiting::sla_escalated(LeadEvent { rung: Some(0), ..owned() }, now),
        Waiting::sla_escalated(LeadEvent { rung: Some(0), sla_since: Some(1_767_780_000), ..owned() }, now),
        Waiting::interest_cooled(lead(), now.as_second(), now),
        Waiting::digest_ready(&"rep-anna".into(), "2026-01-07", now),
        Waiting::brief_ready(&brief(), now),
        Waiting::account_needs_help(&"juniper".into(), &"analytics".into(), now.as_second(), None, now),
        Waiting::sending_paused(PauseReason::Bounces, came_back, now),
    ];
    all.extend(Status::ALL.into_iter().filter(|stage| *stage != Status::Mql).map(moved));
    all.into_iter().map(|event| event.expect("an event")).collect()
}

#[test]
fn every_kind_of_event_that_can_be_made_has_a_schema_and_keeps_to_it() {
    let schemas = schemas();
    let mut kinds = BTreeSet::new();
    for event in made() {
        let schema = schemas.get(&event.detail_type).unwrap_or_else(|| panic!("{} has no schema", event.detail_type));
        let detail: Value = serde_json::from_str(&event.detail).expect("JSON");
        assert_eq!(faults(schema, &detail), Vec::<String>::new(), "{detail}");
        assert_eq!(detail["id"], event.id.as_str());
        kinds.insert(event.detail_type);
    }
    assert_eq!(kinds, schemas.into_keys().collect(), "a schema of each kind, and of no other");
}

#[test]
fn every_schema_says_what_it_is_of_and_what_each_field_means() {
    for (kind, schema) in schemas() {
        assert_eq!(schema["title"], kind.as_str());
        assert_eq!(schema["properties"]["version"]["const"], 1, "{kind}");
        let fields = schema["properties"].as_object().expect("fields");
        let says = |value: &Value| value["description"].as_str().is_some_and(|text| text.len() > 10);
        assert!(says(&schema) && fields.values().all(says), "{kind}");
        let required = schema["required"].as_array().expect("a list").iter();
        assert!(required.filter_map(Value::as_str).all(|name| fields.contains_key(name)), "{kind}");
    }
}

#[test]
fn what_was_once_described_stays_described() {
    let schemas = schemas();
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let stored = stored();
    for (file, kind, detail) in &stored {
        assert_eq!(faults(&schemas[kind], detail), Vec::<String>::new(), "{file}");
        seen.entry(kind).or_default().extend(detail.as_object().expect("an object").keys().map(String::as_str));
    }
    // So that every field is held by one of them.
    let described = |schema: &Value| -> BTreeSet<String> {
        schema["properties"].as_object().expect("fields").keys().cloned().collect()
    };
    for (kind, schema) in &schemas {
        let seen: BTreeSet<String> =
            seen.get(kind.as_str()).into_iter().flatten().map(|name| (*name).to_owned()).collect();
        assert_eq!(seen, described(schema), "{kind}: no stored event has every field; add one");
    }
}

#[test]
fn a_field_that_is_taken_away_or_renamed_is_a_fault() {
    let schemas = schemas();
    for (file, kind, detail) in stored() {
        let schema = &schemas[&kind];
        for name in detail.as_object().expect("an object").keys() {
            let mut renamed = detail.clone();
            let fields = renamed.as_object_mut().expect("an object");
            let value = fields.remove(name).unwrap_or_default();
            let required = schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
            assert_eq!(faults(schema, &json!(fields)).is_empty(), !required, "{file} without {name}");
            fields.insert(format!("{name}_new"), value);
            assert!(!faults(schema, &renamed).is_empty(), "{file}: {name} renamed");
            let mut poorer = schema.clone();
            poorer["properties"].as_object_mut().expect("fields").remove(name);
            assert_eq!(faults(&poorer, &detail), [format!("{name} is not described")], "{file}: {name} not described");
        }
    }
}

#[tokio::test]
async fn what_sales_says_is_told_as_it_is_described() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    tell(&deployment, "price", &engagement("ada", "analytics-pricing", "request", at(NOW))).await;
    settle(&deployment).await;
    let words = [
        ("touched", "2026-01-07T10:01:00Z", json!({})),
        ("opportunity", "2026-01-07T10:02:00Z", json!({"amount_cents": 125_000})),
        ("lost", "2026-01-07T10:03:00Z", json!({"reason": "ask otto@juniper.example.com why"})),
        ("opportunity", "2026-01-07T10:04:00Z", json!({})),
        ("rejected", "2026-01-07T10:05:00Z", json!({"reason": "no budget", "until": "2026-07-01"})),
    ];
    deployment.world.advance_to(at("2026-01-07T10:10:00Z"), |_| {}).await.expect("the world goes on");
    for (step, said_at, more) in words {
        let mut data = json!({"contact": "ada", "product": "analytics", "by": "rep-anna"});
        data.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        tell(&deployment, &format!("{step}-{said_at}"), &body(&format!("lead.{step}"), at(said_at), &data)).await;
        settle(&deployment).await;
    }
    let kinds = assert_events_keep_to_their_schemas(&deployment);
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    assert_eq!(kinds, ["LeadAdvanced 3", "LeadQualified 1", "LeadRecycled 1", "LeadTouched 1", "ThresholdReached 1"]);

    let events = deployment.world.bus_events().expect("the world remembers");
    let detail = |kind: &str, stage: &str| {
        let of = |event: &&perennial_local::BusEvent| {
            event.envelope["detail-type"] == kind && event.envelope["detail"]["stage"] == stage
        };
        let event = events.iter().find(of).expect("such an event");
        (event.envelope["time"].clone(), event.envelope["detail"].clone())
    };
    let (_, lost) = detail("LeadAdvanced", "lost");
    assert_eq!(lost["reason"], Value::Null, "no address on the bus");
    let (said_at, recycled) = detail("LeadRecycled", "recycled");
    assert_eq!(said_at, "2026-01-07T10:05:00Z", "when it was said");
    let expected = json!({
        "version": 1, "id": "LeadRecycled#ada#analytics#2026-Q1#rejected#1767780300", "contact": "ada",
        "product": "analytics", "quarter": "2026-Q1", "owner": "rep-anna", "stage": "recycled", "amount_cents": 125_000,
        "reason": "no budget", "until": "2026-07-01T00:00:00Z",
    });
    assert_eq!(recycled, expected);
}
