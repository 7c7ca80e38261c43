//! A plan of what a world has stored makes the MQLs that the world's functions made: replay and functions agree.

use std::collections::BTreeSet;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use perennial::account::Rows;
use perennial::example::Story;
use perennial::history::table;
use perennial::plan::compare;
use perennial_domain::interest::instant;
use perennial_platform::keys::{self, PK, SK};
use perennial_platform::store::{number, string};
use perennial_playbook::Playbook;

use crate::open_world;

const START: &str = "2026-10-05T00:00:00Z";
/// The attribute of a fact worth ten points.
const DOWNLOAD: &str = "f:analytics-guide/download";

#[tokio::test]
async fn the_functions_and_the_replay_make_the_same_mqls() {
    let start: Timestamp = START.parse().unwrap();
    let deployment = open_world(start).await;
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/playbook");
    Story::read(&example.join("example")).unwrap().play(&deployment, start, |_| {}).await.unwrap();
    let rows = Rows::read(&deployment).await.unwrap();
    let name =
        |contact: &str, product: &str, quarter: &str| (contact.to_owned(), product.to_owned(), quarter.to_owned());
    let leads =
        rows.leads.iter().map(|lead| (name(&lead.contact, &lead.product, &lead.quarter), instant(lead.reached_at)));
    let held = rows.held.iter().map(|held| name(&held.contact, &held.product, &held.quarter));
    let made: BTreeSet<_> = leads.clone().map(|(name, _)| name).chain(held).collect();
    assert!(made.len() > 10, "{made:?}");

    // Against a playbook under which nothing is worth anything, every MQL disappears.
    let mut worthless = Playbook::load(&example).unwrap();
    worthless.interest.assets.clear();
    let history = table::read(&deployment.store, &mut |_, _, _| {}).await.unwrap();
    let plan = compare(&deployment.playbook, &worthless, &history, 180, || {});
    let replayed: BTreeSet<_> =
        plan.disappear.iter().map(|line| name(&line.contact, &line.product, &line.quarter)).collect();
    assert_eq!(replayed, made);
    assert_eq!((plan.mqls.old, plan.mqls.new), (made.len(), 0));
    for (lead, reached_at) in leads {
        let line = plan.disappear.iter().find(|line| name(&line.contact, &line.product, &line.quarter) == lead);
        assert_eq!(line.map(|line| line.at), Some(reached_at), "{lead:?}");
    }
}

#[tokio::test]
async fn an_interest_of_a_newer_format_is_counted_and_fails_nothing() {
    let deployment = open_world(START.parse().unwrap()).await;
    let store = &deployment.store;
    let put = |contact: &str, product: &str| {
        let key = keys::interest(&contact.into(), &product.into());
        let download = AttributeValue::Ns(vec!["1791194400".to_owned()]);
        store
            .client
            .put_item()
            .table_name(&store.state)
            .item(PK, string(key.pk))
            .item(SK, string(key.sk))
            .item(DOWNLOAD, download)
    };
    put("anna", "analytics").send().await.unwrap();
    put("anna", "automation").item("format", number(99)).send().await.unwrap();
    put("bela", "analytics").item("format", number(99)).send().await.unwrap();

    let history = table::read(store, &mut |_, _, _| {}).await.unwrap();
    let people: Vec<(&str, usize)> =
        history.people.iter().map(|person| (person.id.as_str(), person.facts.len())).collect();
    assert_eq!(people, [("anna", 1)]);
    let plan = compare(&deployment.playbook, &deployment.playbook, &history, 180, || {});
    let note = "stored interests that cannot be read, of a newer format perhaps, which count for nothing: 2";
    assert_eq!(plan.notes, [note]);
    assert_eq!(plan.mqls.new, 1);
}
