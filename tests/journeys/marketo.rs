//! A real export of another tool, played through all functions: see `fixtures/marketo-activities/NOTICE.md`.

mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::types::AttributeValue;
use perennial::deployment::Deployment;
use perennial::import::Import;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{
    CLICK, FactName, Facts, InterestRules, Repeat, Step, Verdict, evaluate, instant, walk,
};
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, contact_of};
use perennial_platform::ledger::{Entry, Kind};
use perennial_platform::store::Item;
use perennial_platform::told::What;
use serde_json::Value;

use crate::open_world;

/// The lead whose 94 clicks are a mail security scanner's.
const SCANNED: &str = "1124755";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/marketo-activities")
}

fn read(folder: &Path) -> Import {
    Import::read(folder, &fixtures().join("marketo.toml")).unwrap()
}

/// A world in which everything in the folder has happened.
async fn played(folder: &Path) -> Deployment {
    let import = read(folder);
    let deployment = open_world(import.starts_at().unwrap()).await;
    import.play(&deployment, |_| {}).await.unwrap();
    deployment
}

/// A table by its keys, with sets in one order.
async fn scan(deployment: &Deployment, table: &str) -> BTreeMap<(String, String), Item> {
    let mut pages = deployment.store.client.scan().table_name(table).into_paginator().items().send();
    let mut items = BTreeMap::new();
    while let Some(item) = pages.next().await {
        let mut item = item.unwrap();
        for value in item.values_mut() {
            if let AttributeValue::Ns(set) | AttributeValue::Ss(set) = value {
                set.sort();
            }
        }
        let key = |name: &str| item[name].as_s().unwrap().clone();
        items.insert((key(keys::PK), key(keys::SK)), item);
    }
    items
}

async fn both_tables(deployment: &Deployment) -> [BTreeMap<(String, String), Item>; 2] {
    [scan(deployment, &deployment.ledger_table).await, scan(deployment, &deployment.store.state).await]
}

async fn ledger(deployment: &Deployment) -> Vec<Entry> {
    let items = scan(deployment, &deployment.ledger_table).await;
    items.into_values().map(|item| serde_dynamo::from_item(item).unwrap()).collect()
}

/// The facts of every contact's interest in every product.
async fn interests(deployment: &Deployment) -> BTreeMap<(ContactId, ProductId), Facts> {
    let items = scan(deployment, &deployment.store.state).await;
    let interest = |((pk, sk), item): (&(String, String), &Item)| {
        let product = ProductId::from(sk.strip_prefix(keys::INTEREST)?);
        Some(((contact_of(pk)?, product), InterestItem::read(item).unwrap().facts))
    };
    items.iter().filter_map(interest).collect()
}

/// The rules of somebody who counts every click.
fn naive(rules: &InterestRules) -> InterestRules {
    InterestRules { gate: None, repeat: Repeat::Event, ..rules.clone() }
}

#[tokio::test]
async fn every_row_is_accounted_for_and_a_second_run_changes_nothing() {
    let import = read(&fixtures());
    let deployment = open_world(import.starts_at().unwrap()).await;
    let mut told = Vec::new();
    let outcome = import.play(&deployment, |done| told.push(done)).await.unwrap();

    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(fixtures().join("expected.json")).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&outcome).unwrap(), expected);
    assert_eq!(outcome.rows, 731 + 100, "activities and leads");
    assert_eq!(import.len(), 831);
    assert!(told.is_sorted() && told.last() == Some(&831), "progress ends with the last row");
    assert_eq!(deployment.world.dead_letters().unwrap(), []);

    let before = both_tables(&deployment).await;
    let clock = deployment.world.clock().now();
    let again = import.play(&deployment, |_| {}).await.unwrap();
    assert_eq!(again.rows, outcome.rows);
    // What was told of those who were erased is not there any more: it is taken in, and dropped again.
    assert_eq!((again.outcomes.get("duplicate"), again.outcomes.get("accepted")), (Some(&793), Some(&4)));
    assert!(both_tables(&deployment).await == before, "a second run changed a table");
    assert_eq!(deployment.world.clock().now(), clock);
}

#[tokio::test]
async fn what_the_rows_tell_reaches_the_state() {
    let deployment = played(&fixtures()).await;
    let ledger = ledger(&deployment).await;
    check_engagements(&deployment, &ledger).await;
    check_changes(&deployment, &ledger).await;
}

/// At least 190 clicks and opens reach an asset.
async fn check_engagements(deployment: &Deployment, ledger: &[Entry]) {
    let reached = |entry: &&Entry| match &entry.told {
        What::Engagement { asset, action, .. } => {
            entry.kind == Kind::Engagement
                && ["click", "open"].contains(&action.as_str())
                && deployment.playbook.interest.assets.contains_key(asset.as_str())
        }
        _ => false,
    };
    let reached = ledger.iter().filter(reached).count();
    assert!(reached >= 190, "{reached} of 200 clicks and opens reached an asset");

    // In the state they are sets of seconds: neither more nor less than the ledger has.
    let mut expected: BTreeMap<(ContactId, ProductId), Facts> = BTreeMap::new();
    for entry in ledger {
        let Some((contact, name)) = fact(entry) else { continue };
        for product in &deployment.playbook.interest.assets[&name.asset].products {
            expected.entry((contact.clone(), product.clone())).or_default().add(name.clone(), entry.happened_at);
        }
    }
    assert_eq!(interests(deployment).await, expected);
}

/// Opt-outs, profiles and reported mail arrive with exactly those of whom they were told.
async fn check_changes(deployment: &Deployment, ledger: &[Entry]) {
    let state = scan(deployment, &deployment.store.state).await;
    let with = |kind: &str, attribute: &str| -> BTreeSet<String> {
        let has = |((_, sk), item): &(&(String, String), &Item)| sk == kind && item.contains_key(attribute);
        state.iter().filter(has).map(|((pk, _), _)| pk.clone()).collect()
    };
    let told = |what: fn(&What) -> bool| -> BTreeSet<String> {
        ledger.iter().filter(|entry| what(&entry.told)).map(|entry| entry.pk.clone()).collect()
    };
    let (profiles, opted_out) = (with("PROFILE", "fields"), with("PREFERENCES", "unsubscribed_at"));
    assert_eq!(profiles, told(|what| matches!(what, What::ContactIdentified { .. })));
    assert_eq!(opted_out, told(|what| matches!(what, What::Unsubscribed { .. })));
    let mailed = with("CADENCE", "last_mail_day");
    assert_eq!(mailed, told(|what| matches!(what, What::MailReported { .. })));
    assert!(profiles.len() == 100 && !opted_out.is_empty() && !mailed.is_empty());
    let permanent = ledger.iter().filter(|entry| matches!(entry.told, What::MailBounced { permanent: true, .. }));
    assert_eq!(permanent.count(), 18, "Marketo's category 2");
}

#[tokio::test]
async fn the_order_of_the_lines_makes_no_difference() {
    let in_order = played(&fixtures()).await;
    let (ledger, facts) = (scan(&in_order, &in_order.ledger_table).await, interests(&in_order).await);
    let now = in_order.world.clock().now();
    let score = |facts: &BTreeMap<(ContactId, ProductId), Facts>| {
        let score = |(key, facts): (&(ContactId, ProductId), &Facts)| {
            (key.clone(), evaluate(&in_order.playbook.interest, &key.1, facts, now))
        };
        facts.iter().map(score).collect::<BTreeMap<_, _>>()
    };
    let (shuffled, seed) = (tempfile::tempdir().unwrap(), 1);
    shuffle_lines(&fixtures(), shuffled.path(), seed);
    let deployment = played(shuffled.path()).await;
    assert!(scan(&deployment, &deployment.ledger_table).await == ledger, "another ledger");
    let seen = interests(&deployment).await;
    assert_eq!(seen, facts);
    assert_eq!(score(&seen), score(&facts));
}

/// Copies all CSV files with their lines, but for the first, in another order. No cell of the fixtures has a line break.
fn shuffle_lines(from: &Path, to: &Path, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut lines: Vec<&str> = text.lines().collect();
            let sorted = lines.clone();
            random.shuffle(&mut lines[1..]);
            assert_ne!(lines, sorted, "seed {seed} shuffles nothing");
            std::fs::write(to.join(path.file_name().unwrap()), lines.join("\r\n") + "\r\n").unwrap();
        }
    }
}

#[tokio::test]
async fn a_scanner_that_clicks_94_times_is_no_lead() {
    let deployment = played(&fixtures()).await;
    let (contact, product) = (ContactId::from(SCANNED), ProductId::from("analytics"));
    let now = deployment.world.clock().now();
    let rules = &deployment.playbook.interest;
    let rows = deployment.store.contact(&contact).await.unwrap();
    let facts = &rows.interests[&product].facts;

    // The verdict of each second at which it clicked.
    let mut verdicts = BTreeMap::new();
    let points = walk(rules, facts, now, |step| {
        if let Step::Fact { name, second, verdict, .. } = step {
            verdicts.insert((name.clone(), second), verdict);
        }
    });
    let gated = |verdict: &Verdict| matches!(verdict, Verdict::Gated(_));
    assert!(verdicts.values().all(gated), "{verdicts:?}");
    assert_eq!(points, 0);
    let score = evaluate(rules, &product, facts, now);
    assert_eq!((score.points, score.reached.len(), score.last_scored_second), (0, 0, None));
    assert_eq!((rows.leads.len(), rows.held.len()), (0, 0));

    // Four times it clicked twice within a second, which is one fact: the ledger, not the facts, has the count. The
    // verdict of a click is that of its second.
    let ledger = ledger(&deployment).await;
    let clicks: Vec<_> = ledger
        .iter()
        .filter_map(|entry| Some((fact(entry)?, entry.happened_at)))
        .filter(|((of, name), _)| *of == contact && name.action.as_str() == CLICK)
        .map(|((_, name), second)| (name, second))
        .collect();
    assert_eq!((clicks.len(), facts.len()), (94, 90));
    assert_eq!(clicks.iter().filter(|click| gated(&verdicts[*click])).count(), 94);

    // The counter-proof: counted click by click it would be a lead, and the hottest of all.
    let naive = naive(rules);
    let last_click = instant(clicks.iter().map(|(_, second)| *second).max().unwrap());
    let naively = evaluate(&naive, &product, facts, last_click);
    assert!(naively.points >= rules.threshold(&product), "{naively:?}");
    assert_eq!(naively.reached.keys().map(ToString::to_string).collect::<Vec<_>>(), ["2020-Q2"]);
    let hottest = interests(&deployment)
        .await
        .into_iter()
        .max_by_key(|((_, product), facts)| evaluate(&naive, product, facts, last_click).points);
    assert_eq!(hottest.map(|((contact, _), _)| contact), Some(contact));
}

/// An engagement as the fact that it becomes.
fn fact(entry: &Entry) -> Option<(ContactId, FactName)> {
    let What::Engagement { contact, asset, action, email } = &entry.told else { return None };
    let (asset, action, email) = (asset.as_str().into(), action.as_str().into(), email.as_deref().map(Into::into));
    Some((contact.as_str().into(), FactName { asset, action, email }))
}
