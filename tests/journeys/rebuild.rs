//! `perennial rebuild`: facts made anew from the ledger, after a tag was changed or a fact was lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use perennial::data::{DataFolder, Snapshot};
use perennial::deployment::Deployment;
use perennial::rebuild::{Comparison, Mended, Rebuild};
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, MOST_TIMES_PER_FACT, first_look_at, forgotten_before};
use perennial_local::{ClockHandle, Store as Kept};
use perennial_platform::interest::{add, taking};
use perennial_platform::keys;
use perennial_platform::store::{Change, Store, number};
use perennial_playbook::Playbook;
use perennial_tests::{
    at, body, deploy, deploy_in, deploy_with, engagement, interest, introduce, playbook, playbook_with, seed, settle,
    state_by_key, tell,
};

/// Late in a cycle: its score looks back further than the ledger does.
pub const NOW: &str = "2026-02-20T10:00:00Z";

/// A playbook's text with other tags on some assets.
pub fn retagged(text: &str, tags: &[(&str, &str)]) -> String {
    tags.iter().fold(text.to_owned(), |text, (asset, products)| {
        let (before, after) = text.split_once(&format!("id = \"{asset}\"")).unwrap();
        let (title, after) = after.split_once("products = [").unwrap();
        let (_, after) = after.split_once(']').unwrap();
        format!("{before}id = \"{asset}\"{title}products = [{products}]{after}")
    })
}

/// The example playbook with other tags on some assets.
pub fn tagged(tags: &[(&str, &str)]) -> Arc<Playbook> {
    playbook_with(|text| retagged(text, tags))
}

/// What is compared: the deployment's tables under its own playbook.
pub fn rebuild<'a>(deployment: &'a Deployment, store: &'a Store) -> Rebuild<'a> {
    let now = deployment.world.clock().now();
    Rebuild { store, ledger: &deployment.ledger_table, playbook: &deployment.playbook, now }
}

pub async fn compared(deployment: &Deployment) -> Comparison {
    let before = state_by_key(deployment).await;
    let comparison = rebuild(deployment, &deployment.store).compare(&mut |_, _, _| {}).await.unwrap();
    assert_eq!(state_by_key(deployment).await, before, "comparing writes nothing");
    comparison
}

pub async fn applied(deployment: &Deployment) -> Mended {
    let (_, mended) = rebuild(deployment, &deployment.store).apply(&mut |_, _, _| {}).await.unwrap();
    assert!(mended.after.is_equal(), "{mended}");
    mended
}

/// Tells of downloads, an hour ago and so many hours before; each its own event.
pub async fn download(deployment: &Deployment, contact: &str, asset: &str, hours_ago: i64) {
    let happened_at = deployment.world.clock().now() - SignedDuration::from_hours(hours_ago);
    let body = engagement(contact, asset, "download", happened_at);
    tell(deployment, &format!("{contact}-{asset}-{hours_ago}"), &body).await;
    settle(deployment).await;
}

/// Long enough after the last engagement that none is on its way.
pub async fn later(deployment: &Deployment) {
    let now = deployment.world.clock().now();
    deployment.world.advance_to(now + SignedDuration::from_mins(2), |_| {}).await.unwrap();
}

pub fn fact(asset: &str) -> FactName {
    FactName { asset: asset.into(), action: "download".into(), email: None }
}

/// Loses a fact, as nothing we know of does.
async fn lose(deployment: &Deployment, contact: &str, product: &str, facts: &[(FactName, i64)]) {
    let rev = interest(deployment, contact, product).await.rev;
    let key = keys::interest(&contact.into(), &product.into());
    let (change, all) = taking(Change::of(key, "SET #rev = :next").with(":next", number(rev + 1)), facts);
    assert!(all && deployment.store.apply("test", change).await.unwrap());
}

/// Puts a fact where none was told.
pub async fn invent(deployment: &Deployment, contact: &str, product: &str, facts: &[(FactName, i64)]) {
    let look = first_look_at(&deployment.playbook.interest, deployment.world.clock().now());
    let (contact, product) = (ContactId::from(contact), ProductId::from(product));
    add(&deployment.store, &contact, &product, facts, look).await.unwrap();
}

/// The same world under another playbook, as after a deployment.
async fn redeployed(data: &DataFolder, playbook: Arc<Playbook>) -> (Snapshot, Deployment) {
    let copy = data.snapshot().unwrap();
    let clock = ClockHandle::standing_at(Timestamp::UNIX_EPOCH);
    let deployment = deploy_in(Kept::File(copy.database.clone()), clock, playbook).await;
    (copy, deployment)
}

async fn quarters_with_lead(deployment: &Deployment, contact: &str, product: &str) -> Vec<String> {
    interest(deployment, contact, product).await.leads.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_tag_that_is_added_brings_facts_and_the_lead_of_this_quarter_and_one_taken_away_brings_no_lead_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::of(Some(folder.path()), "up");
    let old = deploy_in(Kept::File(data.database()), ClockHandle::standing_at(at(NOW)), playbook()).await;
    introduce(&old, "ada").await;
    download(&old, "ada", "analytics-guide", 1).await;
    download(&old, "ada", "analytics-guide", 24 * 60).await;
    download(&old, "ada", "analytics-checklist", 2).await;
    later(&old).await;
    assert!(compared(&old).await.is_equal());
    assert_eq!(quarters_with_lead(&old, "ada", "analytics").await, ["2025-Q4", "2026-Q1"]);

    let both = tagged(&[("analytics-guide", "\"analytics\", \"automation\"")]);
    let (_copy, new) = redeployed(&data, both).await;
    let comparison = compared(&new).await;
    assert!(!comparison.is_equal());
    let automation = comparison.products["automation"];
    assert_eq!((automation.interests, automation.equal, automation.missing, automation.surplus), (1, 0, 2, 0));
    assert_eq!((comparison.products["analytics"].equal, comparison.products["analytics"].facts), (1, 3));
    let mended = applied(&new).await;
    assert_eq!((mended.added, mended.removed, mended.told), (2, 0, 1));
    assert_eq!((mended.after.total().interests, mended.after.total().facts), (2, 5));
    settle(&new).await;
    assert_eq!(quarters_with_lead(&new, "ada", "automation").await, ["2026-Q1"], "none for the past");
    let again = applied(&new).await;
    assert_eq!((again.added, again.removed, again.told), (0, 0, 0), "a second run finds nothing");

    let moved = tagged(&[("analytics-guide", "\"automation\"")]);
    let (_copy, moved) = redeployed(&data, moved).await;
    let comparison = compared(&moved).await;
    assert_eq!((comparison.products["analytics"].surplus, comparison.products["automation"].missing), (2, 2));
    let mended = applied(&moved).await;
    assert_eq!((mended.added, mended.removed), (2, 2));
    let analytics = interest(&moved, "ada", "analytics").await;
    assert_eq!(analytics.facts.len(), 1, "the checklist");
    assert_eq!(analytics.leads.len(), 2, "a lead, once made, is not withdrawn");
}

#[tokio::test]
async fn a_lost_fact_comes_back_and_an_invented_one_goes() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    for hours_ago in 1..=3 {
        download(&deployment, "ada", "analytics-checklist", hours_ago).await;
    }
    later(&deployment).await;
    let told = interest(&deployment, "ada", "analytics").await.facts;
    let lost: Vec<_> = told.iter().take(2).map(|(name, second)| (name.clone(), second)).collect();
    lose(&deployment, "ada", "analytics", &lost).await;
    // More names than one update takes away.
    let invented: Vec<_> = (0..60)
        .map(|mail| FactName { email: Some(format!("mail-{mail}").as_str().into()), ..fact("analytics-emails") })
        .map(|name| (name, at(NOW).as_second()))
        .collect();
    invent(&deployment, "ada", "analytics", &invented).await;
    invent(&deployment, "nobody", "automation", &[(fact("automation-checklist"), at(NOW).as_second())]).await;
    let total = compared(&deployment).await.total();
    assert_eq!((total.interests, total.equal, total.facts, total.missing, total.surplus), (2, 0, 1, 2, 61));
    let mended = applied(&deployment).await;
    assert_eq!((mended.added, mended.removed), (2, 61));
    assert_eq!(interest(&deployment, "ada", "analytics").await.facts, told);
    assert!(interest(&deployment, "nobody", "automation").await.facts.is_empty());
    let before = state_by_key(&deployment).await;
    assert_eq!((applied(&deployment).await.added, state_by_key(&deployment).await), (0, before), "nothing is written");
}

#[tokio::test]
async fn what_cannot_be_proven_is_left_alone_and_counted_apart() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let now = deployment.world.clock().now();
    let times = 4 + MOST_TIMES_PER_FACT as i64;
    for second in 0..times {
        let body = engagement("ada", "analytics-checklist", "download", now - SignedDuration::from_secs(second));
        tell(&deployment, &format!("burst-{second}"), &body).await;
        if second % 32 == 0 {
            settle(&deployment).await;
        }
    }
    settle(&deployment).await;
    let old = at(NOW) - SignedDuration::from_hours(24 * 400);
    assert!(old.as_second() > forgotten_before(now), "its score may still see it, and the ledger has forgotten it");
    let recent = now.as_second() - 60;
    invent(&deployment, "ada", "analytics", &[(fact("analytics-guide"), old.as_second())]).await;
    invent(&deployment, "ada", "analytics", &[(fact("spring-campaign-2019"), recent)]).await;
    let newer = keys::interest(&"ben".into(), &"analytics".into());
    invent(&deployment, "ben", "analytics", &[(fact("analytics-guide"), recent)]).await;
    let change = Change::of(newer.clone(), "SET #format = :two").with(":two", number(2));
    assert!(deployment.store.apply("test", change).await.unwrap());
    later(&deployment).await;

    let before = state_by_key(&deployment).await;
    let (comparison, mended) = rebuild(&deployment, &deployment.store).apply(&mut |_, _, _| {}).await.unwrap();
    let total = comparison.total();
    assert_eq!((total.interests, total.equal, total.unreadable, total.of_unknown_assets), (1, 1, 1, 1));
    assert_eq!(total.facts + total.beyond_full_sets, MOST_TIMES_PER_FACT + 4);
    assert!(total.beyond_full_sets > 0);
    assert!(!mended.after.is_equal(), "what cannot be read is not proven");
    assert_eq!(state_by_key(&deployment).await, before);
}

#[tokio::test]
async fn what_was_told_of_an_address_stays_with_whom_it_was_adopted_by() {
    let deployment = deploy(at(NOW)).await;
    let address = "office@juniper.example.com";
    let hour = |hours: i64| deployment.world.clock().now() - SignedDuration::from_hours(hours);
    // Told of the address alone, adopted by Ada, who gives the address up; Ben has it then, and did the same in the same second.
    let states = async |id: &str, contact: &str, email: &str, hours: i64| {
        let data = serde_json::json!({"contact": contact, "email": email});
        tell(&deployment, id, &body("contact.identified", hour(hours), &data)).await;
        settle(&deployment).await;
    };
    download(&deployment, address, "analytics-checklist", 10).await;
    download(&deployment, address, "analytics-guide", 9).await;
    states("ada-1", "ada", address, 8).await;
    states("ada-2", "ada", "ada@juniper.example.com", 7).await;
    states("ben-1", "ben", address, 6).await;
    download(&deployment, "ben", "analytics-checklist", 10).await;
    download(&deployment, address, "analytics-infographic", 5).await;
    later(&deployment).await;
    let comparison = compared(&deployment).await;
    assert!(comparison.is_equal(), "{comparison}");

    // An asset that is of another product by now: each gets its own.
    let new = tagged(&[("analytics-checklist", "\"automation\""), ("analytics-guide", "\"automation\"")]);
    let now = deployment.world.clock().now();
    let job = Rebuild { store: &deployment.store, ledger: &deployment.ledger_table, playbook: &new, now };
    let (_, mended) = job.apply(&mut |_, _, _| {}).await.unwrap();
    assert!(mended.after.is_equal(), "{mended}");
    let names =
        |facts: Vec<(FactName, i64)>| facts.into_iter().map(|(name, _)| name.asset.to_string()).collect::<Vec<_>>();
    let facts: Vec<_> = facts(&deployment)
        .await
        .into_iter()
        .map(|((contact, product), facts)| (contact.to_string(), product.to_string(), names(facts).join(" ")))
        .collect();
    let row = |contact: &str, product: &str, assets: &str| (contact.to_owned(), product.to_owned(), assets.to_owned());
    assert_eq!(
        facts,
        [
            row("ada", "automation", "analytics-checklist analytics-guide"),
            row("ben", "analytics", "analytics-infographic"),
            row("ben", "automation", "analytics-checklist"),
        ]
    );
}

#[tokio::test]
async fn rebuilt_facts_are_those_that_scoring_has_stored_for_random_ledgers() {
    let mut random = Rng::with_seed(seed());
    let tags = [
        "\"analytics\"",
        "\"automation\"",
        "\"analytics\", \"support-plus\"",
        "\"automation\", \"integrations\", \"analytics\"",
    ];
    let assets = ["analytics-checklist", "analytics-infographic", "analytics-guide", "automation-checklist"];
    for round in 0..4 {
        let mut some_tags = || -> Vec<_> { assets.map(|asset| (asset, tags[random.usize(0..tags.len())])).into() };
        let (old, new) = (tagged(&some_tags()), tagged(&some_tags()));
        let clock = || ClockHandle::standing_at(at(NOW));
        let (scored, fresh) = (deploy_with(clock(), old).await, deploy_with(clock(), new.clone()).await);
        for number in 0..120 {
            let happened_at = at(NOW) - SignedDuration::from_secs(random.i64(120..390 * 24 * 60 * 60));
            let contact = format!("contact-{}", random.u8(0..8));
            let body = engagement(&contact, assets[random.usize(0..assets.len())], "download", happened_at);
            for deployment in [&scored, &fresh] {
                tell(deployment, &format!("event-{number}"), &body).await;
            }
        }
        for deployment in [&scored, &fresh] {
            settle(deployment).await;
            later(deployment).await;
            let comparison = compared(deployment).await;
            assert!(comparison.is_equal() && comparison.total().on_their_way == 0, "round {round}: {comparison}");
        }
        let now = scored.world.clock().now();
        let job = Rebuild { store: &scored.store, ledger: &scored.ledger_table, playbook: &new, now };
        let (_, mended) = job.apply(&mut |_, _, _| {}).await.unwrap();
        assert!(mended.after.is_equal(), "round {round}: {mended}");
        assert_eq!(facts(&scored).await, facts(&fresh).await, "round {round}: as if it had always been so tagged");
    }
}

/// The facts of all interests that have any.
async fn facts(deployment: &Deployment) -> BTreeMap<(ContactId, ProductId), Vec<(FactName, i64)>> {
    let rows = perennial::account::Rows::read(deployment).await.unwrap();
    let facts = rows.interests.into_iter().map(|(place, item)| {
        (place, item.facts.iter().map(|(name, second)| (name.clone(), second)).collect::<Vec<_>>())
    });
    facts.filter(|(_, facts)| !facts.is_empty()).collect()
}
