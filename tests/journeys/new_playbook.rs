//! A new playbook version rewrites nothing: what is stored are facts, and points are given when they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use perennial::account::{Account, Rows};
use perennial::data::DataFolder;
use perennial::deployment::Deployment;
use perennial::explain::{Explanation, explain};
use perennial_local::{ClockHandle, Store};
use perennial_platform::keys;
use perennial_platform::store::Item;
use perennial_playbook::Playbook;
use perennial_tests::{
    at, body, deploy, deploy_in, engagement, introduce, playbook, playbook_with, root, settle, state_by_key, tell,
};
use serde_json::{Value, json};

/// Monday, the first day of a cycle.
const BEGINS: &str = "2026-01-12T09:00:00Z";
/// Friday: nobody's mail, digest or rung is due until Monday.
const CHANGES: &str = "2026-01-16T12:00:00Z";
const SUNDAY: &str = "2026-01-18T22:00:00Z";

/// Other points, threshold, decay, repeat, gate and fit.
fn other_playbook() -> Arc<Playbook> {
    let guide = ("id = \"analytics-guide\"", "actions = [\"download\"]", "points = { download = 9 }");
    let checklist = ("id = \"analytics-checklist\"", "points = { download = 2 }", "points = { download = 3 }");
    let rules = [
        ("threshold = 5", "threshold = 7"),
        ("decay = \"halve\"", "decay = { points = 1 }"),
        ("repeat = \"cycle\"", "repeat = \"event\""),
        ("seconds_after_sending = 10", "seconds_after_sending = 30"),
        ("role = { executive = 40", "role = { executive = 25"),
    ];
    playbook_with(|text| {
        let changes = rules.map(|(from, to)| ("", from, to)).into_iter().chain([guide, checklist]);
        changes.fold(text.to_owned(), |text, (behind, from, to)| {
            let place = text.find(behind).unwrap();
            let (before, after) = text.split_at(place);
            assert!(after.contains(from), "{from}");
            format!("{before}{}", after.replacen(from, to, 1))
        })
    })
}

/// A lead that sales has touched, an interest below the threshold, and somebody who wants no mail.
async fn first_days(deployment: &Deployment) {
    for contact in ["ada", "ben", "cleo"] {
        introduce(deployment, contact).await;
    }
    let advance = |to: &'static str| async move { deployment.world.advance_to(at(to), |_| {}).await.unwrap() };
    advance("2026-01-13T10:00:00Z").await;
    let now = at("2026-01-13T10:00:00Z");
    tell(deployment, "guide", &engagement("ada", "analytics-guide", "download", now)).await;
    tell(deployment, "checklist", &engagement("ben", "analytics-checklist", "download", now)).await;
    tell(deployment, "infographic", &engagement("ben", "analytics-infographic", "download", now)).await;
    tell(deployment, "no-mail", &body("email.unsubscribed", now, &json!({"contact": "cleo"}))).await;
    settle(deployment).await;
    advance("2026-01-14T12:00:00Z").await;
    let data = json!({"contact": "ada", "product": "analytics", "by": "rep-anna"});
    tell(deployment, "touched", &body("lead.touched", at("2026-01-14T12:00:00Z"), &data)).await;
    advance(CHANGES).await;
}

async fn explained(deployment: &Deployment, contact: &str) -> Explanation {
    let rows = Rows::read(deployment).await.unwrap();
    let now = deployment.world.clock().now();
    explain(&deployment.playbook, &rows, &contact.into(), &"analytics".into(), now).unwrap()
}

fn leads(explanation: &Explanation) -> Vec<(&str, &str)> {
    explanation.leads.iter().map(|lead| (lead.quarter.as_str(), lead.playbook_version.as_str())).collect()
}

#[tokio::test]
async fn another_playbook_rewrites_nothing_and_each_lead_keeps_the_version_it_was_made_under() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::of(Some(folder.path()), "up");
    let clock = ClockHandle::standing_at(at(BEGINS));
    let old = deploy_in(Store::File(data.database()), clock, playbook()).await;
    first_days(&old).await;
    let stored = state_by_key(&old).await;
    let kinds: BTreeSet<&str> = stored.keys().map(|(_, sk)| sk.split('#').next().unwrap_or_default()).collect();
    let expected =
        ["CADENCE", "CONTACT", "INTEREST", "LEAD", "OWNER", "PREFERENCES", "PROFILE", "SES", "SLOT", "SUPPRESSION"];
    assert_eq!(kinds, BTreeSet::from(expected), "most of what can be stored");
    assert_eq!((explained(&old, "ada").await.points, explained(&old, "ben").await.points), (10, 3));

    let copy = data.snapshot().unwrap();
    let new =
        deploy_in(Store::File(copy.database.clone()), ClockHandle::standing_at(at(BEGINS)), other_playbook()).await;
    assert_ne!(new.playbook.version, old.playbook.version);
    assert_eq!((explained(&new, "ada").await.points, explained(&new, "ben").await.points), (9, 4));
    let account = Account::of(&new).await.unwrap();
    assert_eq!(account.leads.len(), 1);
    assert_eq!(state_by_key(&new).await, stored, "reading writes nothing");

    // Also the hours in which nobody's slot has come.
    new.world.set_nominations("PlanNurture", None);
    new.world.advance_to(at(SUNDAY), |_| {}).await.unwrap();
    let calls = new.world.counts().unwrap().invocations;
    for function in ["ScoreAndDecay", "QualifyMql", "PlanNurture", "EscalateSla"] {
        assert!(calls.get(function).is_some_and(|calls| *calls >= 2), "{function} had its ticks: {calls:?}");
    }
    assert_eq!(state_by_key(&new).await, stored, "no tick writes when nothing is due");

    // 4 + 2 + 2 reach the new threshold of 7.
    let now = at(SUNDAY);
    tell(&new, "template", &engagement("ben", "analytics-decision-template", "download", now)).await;
    tell(&new, "case-study", &engagement("ben", "analytics-case-study", "download", now)).await;
    settle(&new).await;
    new.world.advance_to(at("2026-04-01T10:00:00Z"), |_| {}).await.unwrap();
    let now = at("2026-04-01T10:00:00Z");
    tell(&new, "guide-again", &engagement("ada", "analytics-guide", "download", now)).await;
    settle(&new).await;
    let (before, after) = (old.playbook.version.as_str(), new.playbook.version.as_str());
    let ada = explained(&new, "ada").await;
    assert_eq!(leads(&ada), [("2026-Q1", before), ("2026-Q2", after)]);
    assert_eq!(leads(&explained(&new, "ben").await), [("2026-Q1", after)]);
    let text = ada.to_string();
    assert!(text.contains(before) && text.contains(after), "{text}");

    let key = keys::interest(&"ada".into(), &"analytics".into());
    let (was, is) = (&stored[&(key.pk.clone(), key.sk.clone())], &state_by_key(&new).await[&(key.pk, key.sk)]);
    let facts = |item: &Item| -> BTreeSet<String> {
        let sets = item.iter().filter(|(name, _)| name.starts_with("f:")).map(|(_, set)| set.as_ns().unwrap());
        sets.flatten().cloned().collect()
    };
    assert!(facts(was).is_subset(&facts(is)), "what was stored under the old playbook is still there");
}

/// An item's kind, and the path and type of everything in it; facts are one, and so are the entries of a map by name.
fn shape(item: &Item) -> (String, BTreeSet<String>) {
    let first = |name: &str| item[name].as_s().unwrap().split('#').next().unwrap_or_default().to_owned();
    // The event id of a ledger entry has no kind of its own: what is told in it has.
    let told = item.get("told").and_then(|told| told.as_m().ok()?.get("type")?.as_s().ok());
    let kind = format!("{} {}", first("PK"), told.cloned().unwrap_or_else(|| first("SK")));
    let mut paths = BTreeSet::new();
    for (name, value) in item {
        let value = serde_json::to_value(serde_dynamo::AttributeValue::from(value.clone())).unwrap();
        // A counter is named by its hour or day.
        let name = if name.starts_with("f:") { "f:" } else { name.trim_end_matches(|c: char| c.is_ascii_digit()) };
        note(name, &value, &mut paths);
    }
    (kind, paths)
}

fn note(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    let (kind, content) = value.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), content) {
        ("M", Value::Object(entries)) => {
            // Kinds are by piece, whatever pieces there are.
            let by_name = path.ends_with(".kinds") || entries.values().all(|entry| entry.get("M").is_some());
            for (name, entry) in entries {
                note(&format!("{path}.{}", if by_name { "*" } else { name }), entry, paths);
            }
        }
        ("L", Value::Array(entries)) => entries.iter().for_each(|entry| note(&format!("{path}[]"), entry, paths)),
        _ => drop(paths.insert(format!("{path} {kind}"))),
    }
}

#[tokio::test]
async fn what_is_written_today_is_among_the_items_that_are_read_for_ever() {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in std::fs::read_dir(root().join("shared/platform/tests/stored")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let Ok(mut content) = serde_json::from_str::<Value>(&text) else { continue };
        let item: serde_dynamo::Item = serde_json::from_value(content["item"].take()).unwrap();
        let (kind, paths) = shape(&item.into());
        known.entry(kind).or_default().extend(paths);
    }
    let deployment = deploy(at(BEGINS)).await;
    first_days(&deployment).await;
    let nothing = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let ledger = deployment.store.client.scan().table_name(&deployment.ledger_table).send().await.unwrap();
    for item in state_by_key(&deployment).await.values().chain(ledger.items()) {
        let (kind, paths) = shape(item);
        let unknown: Vec<_> = paths.difference(known.get(&kind).unwrap_or(&nothing)).collect();
        assert!(unknown.is_empty(), "{kind}: {unknown:?}: add such an item to shared/platform/tests/stored");
        seen.insert(kind);
    }
    assert!(seen.len() >= 15, "{seen:?}");
}
