//! What time does to leads and facts: a late fact marks a lead, a quarter may begin with one, the past stays as it was, and
//! what no score will see again is forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, Facts, Requalify, evaluate};
use perennial_local::ClockHandle;
use perennial_platform::identity::erasing;
use perennial_platform::interest::add;
use perennial_platform::keys;
use perennial_platform::lambda::StreamOrTick;
use perennial_platform::landing::{Landed, Landing};
use perennial_platform::ledger::Entry;
use perennial_platform::records::Lead;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::{
    at, body, clock, deploy, deploy_with, engagement, interest, introduce, playbook_with, settle, store_at,
    stream_event, tell, told,
};
use score_and_decay::ScoreAndDecay;
use serde_json::json;

/// A complaint takes five points from Analytics.
const COMPLAINT: &str = "
[[asset]]
id = \"complaint\"
title = \"A complaint\"
products = [\"analytics\"]
stage = \"early\"
effort = \"low\"
points = { raised = -5, settled = 1 }
";

async fn engage(deployment: &Deployment, id: &str, asset: &str, action: &str, happened_at: &str) {
    tell(deployment, id, &engagement("ada", asset, action, at(happened_at))).await;
    settle(deployment).await;
}

async fn lead(deployment: &Deployment, quarter: &str) -> Option<Lead> {
    let quarter = quarter.parse().expect("a quarter");
    let key = keys::lead(&ContactId::from("ada"), &ProductId::from("analytics"), quarter);
    deployment.store.get(&key).await.expect("the store answers")
}

/// The quarters in which Ada became an MQL for Analytics.
async fn leads(deployment: &Deployment) -> Vec<String> {
    interest(deployment, "ada", "analytics").await.leads.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_lead_that_a_late_fact_undoes_is_marked_and_never_withdrawn() {
    let now = "2026-03-05T10:00:00Z";
    let deployment =
        deploy_with(ClockHandle::standing_at(at(now)), playbook_with(|text| format!("{text}{COMPLAINT}"))).await;
    introduce(&deployment, "ada").await;
    engage(&deployment, "price", "analytics-pricing", "view", "2026-03-02T10:00:00Z").await;
    engage(&deployment, "list", "analytics-checklist", "download", "2026-03-04T10:00:00Z").await;
    let made = lead(&deployment, "2026-Q1").await.expect("three and two are five");
    assert_eq!((made.score, made.undone_by.is_some()), (5, false));

    // A late complaint between the two: three less five is none, and two are not five.
    let undone_by = |lead: Lead| lead.undone_by.map(|fact| (fact.asset, fact.action, fact.at, fact.points));
    let complaint = ("complaint".to_owned(), "raised".to_owned(), at("2026-03-03T10:00:00Z").as_second(), -5);
    for (delivered, id, asset, action, happened_at, expected) in [
        ("late", "late", "complaint", "raised", "2026-03-03T10:00:00Z", Some(&complaint)),
        ("again", "again", "complaint", "raised", "2026-03-03T10:00:00Z", Some(&complaint)),
        ("something else", "else", "complaint", "settled", "2026-03-05T09:00:00Z", Some(&complaint)),
        ("what gives the five points back", "guide", "analytics-guide", "download", "2026-03-01T10:00:00Z", None),
        ("what changes nothing any more", "demo", "analytics-demo", "watch", "2026-03-05T08:00:00Z", None),
    ] {
        engage(&deployment, id, asset, action, happened_at).await;
        let seen = lead(&deployment, "2026-Q1").await.expect("it is never withdrawn");
        assert_eq!(
            (seen.score, seen.qualified_at),
            (made.score, made.qualified_at),
            "{delivered}: its evidence is frozen"
        );
        assert_eq!(undone_by(seen).as_ref(), expected, "{delivered}");
    }
    assert_eq!(leads(&deployment).await, ["2026-Q1"]);
}

fn playbook_that(requalify: Requalify) -> Arc<Playbook> {
    let mut playbook = Arc::into_inner(playbook_with(str::to_owned)).expect("nobody else has it");
    playbook.interest.requalify = requalify;
    Arc::new(playbook)
}

#[tokio::test]
async fn a_quarter_that_begins_above_the_threshold_makes_a_lead_if_the_playbook_says_so() {
    // Downloaded on 20 March, ten points last until the silent cycle from 23 March ends on 6 April.
    for (requalify, asset, action, expected) in [
        (Requalify::OnEngagement, "analytics-guide", "download", &["2026-Q1"][..]),
        (Requalify::OnRollover, "analytics-guide", "download", &["2026-Q1", "2026-Q2"]),
        (Requalify::OnRollover, "analytics-checklist", "download", &[]),
    ] {
        let engaged = "2026-03-20T10:00:00Z";
        let deployment = deploy_with(ClockHandle::standing_at(at(engaged)), playbook_that(requalify)).await;
        introduce(&deployment, "ada").await;
        engage(&deployment, "one", asset, action, engaged).await;
        for (until, made) in [
            ("2026-03-31T23:59:59Z", &expected[..expected.len().min(1)]),
            ("2026-04-01T01:30:00Z", expected),
            ("2026-08-01T00:00:00Z", expected),
        ] {
            deployment.world.advance_to(at(until), |_| {}).await.expect("time passes");
            settle(&deployment).await;
            assert_eq!(leads(&deployment).await, made, "{requalify:?} {asset} at {until}");
        }
        if let Some(lead) = lead(&deployment, "2026-Q2").await {
            assert_eq!((lead.score, lead.reached_at), (10, at("2026-04-01T00:00:00Z").as_second()));
        }
    }
}

#[tokio::test]
async fn a_more_generous_playbook_makes_no_leads_for_the_past() {
    let deployment = deploy(at("2026-02-10T10:00:00Z")).await;
    introduce(&deployment, "ada").await;
    // As if stored under a playbook that asked for more: reached by the present one, and nobody was told.
    let name = FactName { asset: "analytics-guide".into(), action: "download".into(), email: None };
    let then = at("2026-02-10T10:00:00Z").as_second();
    add(&deployment.store, &"ada".into(), &"analytics".into(), &[(name, then)], then).await.expect("it lands");
    deployment.world.clock().set(at("2026-04-02T10:00:00Z"));
    engage(&deployment, "small", "analytics-checklist", "download", "2026-04-02T09:00:00Z").await;
    assert_eq!(leads(&deployment).await, [""; 0], "ten halved twice and two are four");
    engage(&deployment, "demo", "analytics-demo", "watch", "2026-04-02T09:30:00Z").await;
    assert_eq!(leads(&deployment).await, ["2026-Q2"]);
    // But what happened in the past and comes late does.
    engage(&deployment, "late", "analytics-demo", "watch", "2026-02-11T09:30:00Z").await;
    assert_eq!(leads(&deployment).await, ["2026-Q1", "2026-Q2"]);
}

#[tokio::test]
async fn an_interest_that_grows_is_known_without_being_read_and_so_is_what_is_new_to_it() {
    let now = at("2026-03-05T10:00:00Z");
    // 50 kinds of facts are named by one update, and a set takes no more than 128.
    for (kinds, times) in [(1, 1), (2, 128), (51, 2), (120, 1)] {
        let deployment = deploy(now).await;
        let (contact, product) = (ContactId::from("ada"), ProductId::from("analytics"));
        let click = |mail: i64| FactName {
            asset: "analytics-emails".into(),
            action: "click".into(),
            email: Some(format!("mail-{mail}").as_str().into()),
        };
        let of_kind = |mail: i64| (0..times).map(move |second| (click(mail), now.as_second() - second));
        let facts: Vec<(FactName, i64)> = (0..kinds).flat_map(of_kind).collect();
        let (first, rest) = facts.split_at(1);
        let mut known = Facts::default();
        let again = [(click(0), now.as_second() - 1_000)];
        for (told, takes) in [(first, 1), (&facts, rest.len()), (&facts, 0), (&again, usize::from(times < 128))] {
            let grown = add(&deployment.store, &contact, &product, told, now.as_second()).await.expect("they land");
            assert_eq!(grown.new.len(), takes, "{kinds} kinds, {times} times each");
            assert!(grown.new.iter().all(|(name, second)| known.add(name.clone(), second)), "new once");
            assert_eq!(grown.interest, interest(&deployment, "ada", "analytics").await, "{kinds} kinds");
            assert_eq!(grown.interest.facts, known);
        }
    }
}

/// In front of the store, lets one call of an operation go astray, counted from 1.
async fn astray(deployment: &Deployment, operation: &'static str, call: usize) -> Interposer {
    let calls = AtomicUsize::new(0);
    let astray: Before = Arc::new(move |called, mut request| {
        if called == operation && calls.fetch_add(1, Ordering::SeqCst) + 1 == call {
            request["TableName"] = json!("away");
        }
        Box::pin(async move { request })
    });
    Interposer::start(&deployment.world.endpoints().dynamodb, astray, Arc::new(|_, _, _| {})).await
}

#[tokio::test]
async fn what_has_landed_is_new_once_whatever_fails_after_it() {
    let now = at("2026-03-05T10:00:00Z");
    for (fails, kinds, operation, call) in [
        ("the facts themselves", 1, "UpdateItem", 1),
        ("the second half of them", 51, "UpdateItem", 2),
        ("the look whose they are", 1, "GetItem", 1),
        ("the mark that the contact is known", 1, "UpdateItem", 2),
        ("what is told of the quarter", 1, "PutItem", 1),
    ] {
        let deployment = deploy(now).await;
        let (contact, product) = (ContactId::from("ada"), ProductId::from("analytics"));
        // A download is enough for a lead; clicks are of as many kinds as there are mails.
        let click = |mail: i64| FactName {
            asset: "analytics-emails".into(),
            action: "click".into(),
            email: Some(format!("mail-{mail}").as_str().into()),
        };
        let download = FactName { asset: "analytics-guide".into(), action: "download".into(), email: None };
        let names = std::iter::once(download).chain((1..kinds).map(click));
        let facts: Vec<(FactName, i64)> = names.map(|name| (name, now.as_second() - 60)).collect();
        let land = async |store: &Store| {
            let (rules, mut new) = (&deployment.playbook.interest, Facts::default());
            let landed = Landing { store, rules, now }.land(&contact, &product, &facts, &mut new).await;
            (landed.ok(), new)
        };
        let between = astray(&deployment, operation, call).await;
        let (landed, first) = land(&store_at(&between.url).await).await;
        assert_eq!(landed, None, "{fails} fails");
        assert_eq!(first, interest(&deployment, "ada", "analytics").await.facts, "{fails}: what is there by now");
        let (landed, rest) = land(&deployment.store).await;
        assert_eq!(landed, Some(Landed::At(contact.clone())), "{fails}");
        let mut all = first;
        assert!(rest.iter().all(|(name, second)| all.add(name.clone(), second)), "{fails}: new once");
        assert_eq!(all, facts.iter().cloned().collect(), "{fails}: and each");
    }
}

#[tokio::test]
async fn what_lands_under_an_id_that_is_no_more_is_new_where_it_ends_or_nowhere() {
    let now = at("2026-03-05T10:00:00Z");
    let deployment = deploy(now).await;
    for contact in ["ada", "eve"] {
        introduce(&deployment, contact).await;
    }
    tell(&deployment, "merge", &body("contact.merged", now, &json!({"from": "visitor", "contact": "ada"}))).await;
    settle(&deployment).await;
    let (store, ledger, key) = (&deployment.store, &deployment.ingest.ledger, address_key());
    erasing::erase(store, ledger, &key, &"eve".into(), now).await.expect("she is erased");
    let name = FactName { asset: "analytics-guide".into(), action: "download".into(), email: None };
    let ended = Landed::At("ada".into());
    for (contact, expected) in
        [("visitor", (&ended, 1)), ("visitor", (&ended, 0)), ("ada", (&ended, 0)), ("eve", (&Landed::Nowhere, 0))]
    {
        let (landing, mut new) = (Landing { store, rules: &deployment.playbook.interest, now }, Facts::default());
        let facts = [(name.clone(), now.as_second() - 60)];
        let landed = landing.land(&contact.into(), &"analytics".into(), &facts, &mut new).await;
        assert_eq!((&landed.expect("the store answers"), new.len()), expected, "{contact}");
    }
}

#[tokio::test]
async fn what_no_score_will_see_again_is_forgotten() {
    let now = at("2026-03-05T10:00:00Z");
    for kinds_of_old_facts in [0, 1, 49, 50, 51, 170] {
        let deployment = deploy(now).await;
        let (contact, product) = (ContactId::from("ada"), ProductId::from("analytics"));
        let click = |mail: usize| FactName {
            asset: "analytics-emails".into(),
            action: "click".into(),
            email: Some(format!("mail-{mail}").as_str().into()),
        };
        let forgotten_before = perennial_domain::interest::forgotten_before(at("2026-03-09T01:00:00Z"));
        let mut facts: Vec<(FactName, i64)> = (0..kinds_of_old_facts)
            .flat_map(|mail| [1, 2].map(|seconds| (click(mail), forgotten_before - seconds)))
            .collect();
        let kept = [(click(7), forgotten_before), (click(8), now.as_second())];
        facts.extend(kept.clone());
        add(&deployment.store, &contact, &product, &facts, now.as_second()).await.expect("they land");
        let points = |item: &perennial_platform::interest::InterestItem, at: Timestamp| {
            evaluate(&deployment.playbook.interest, &product, &item.facts, at)
        };
        let before = interest(&deployment, "ada", "analytics").await;

        let run_at = at("2026-03-09T01:00:00Z");
        deployment.world.clock().set(run_at);
        let (store, playbook) = (deployment.store.clone(), deployment.playbook.clone());
        let tick: StreamOrTick =
            serde_json::from_value(json!({"job": "decay", "scheduled_at": run_at.to_string()})).expect("a tick");
        let run =
            ScoreAndDecay { store, ledger: deployment.ingest.ledger.clone(), playbook, clock: clock(&deployment) }
                .handle(tick)
                .await;
        assert_eq!(run.expect("it finishes").batch_item_failures, []);

        let after = interest(&deployment, "ada", "analytics").await;
        assert_eq!(after.facts, kept.into_iter().collect(), "{kinds_of_old_facts}");
        assert!(after.live, "one point is left in the running cycle");
        for later in [0, 14, 200, 400] {
            let later = run_at + SignedDuration::from_hours(24 * later);
            assert_eq!(points(&before, later), points(&after, later), "{kinds_of_old_facts}");
        }
    }
}

#[tokio::test]
async fn whatever_comes_in_one_batch_the_lead_that_it_undoes_is_marked() {
    let undoing = ("complaint", "raised", "2026-03-03T10:00:00Z");
    // The download that made the lead comes again under another id.
    let doubled = ("analytics-checklist", "download", "2026-03-04T10:00:00Z");
    let nothing = ("complaint", "settled", "2026-03-05T09:00:00Z");
    for (what, batch) in [
        ("alone", vec![undoing]),
        ("with what is there already", vec![undoing, doubled]),
        ("after it", vec![doubled, undoing]),
        ("among others", vec![nothing, undoing, doubled]),
    ] {
        let (deployment, scoring) = with_a_lead().await;
        let now = deployment.world.clock().now();
        let entry = |(number, (asset, action, happened_at)): (usize, &(&str, &str, &str))| {
            let body = engagement("ada", asset, action, at(happened_at));
            Entry::new("native", &format!("batch-{number}"), told(&body), &body, now, None)
        };
        let entries: Vec<Entry> = batch.iter().enumerate().map(entry).collect();
        let deliver = || serde_json::from_value(stream_event(&entries)).expect("a batch");

        // It dies when the facts are in and the lead is not marked yet; then everything comes once more.
        let (between, mut marking) =
            Interposer::stuck_at(&deployment.world.endpoints().dynamodb, "TransactWriteItems", 1).await;
        let dying = ScoreAndDecay { store: store_at(&between.url).await, ..scoring.clone() };
        tokio::select! {
            answer = dying.handle(deliver()) => panic!("{what}: it cannot finish: {answer:?}"),
            reached = marking.recv() => assert_eq!(reached, Some(())),
        }
        assert_eq!(lead(&deployment, "2026-Q1").await.map(|lead| lead.undone_by), Some(None), "{what}");
        for delivery in ["again", "and again"] {
            let answer = scoring.handle(deliver()).await.expect("a batch never fails");
            assert_eq!(answer.batch_item_failures, [], "{what}");
            let undone_by = lead(&deployment, "2026-Q1").await.and_then(|lead| lead.undone_by).map(|fact| fact.asset);
            assert_eq!(undone_by.as_deref(), Some("complaint"), "{what}, {delivery}");
        }
    }
}

#[tokio::test]
async fn a_mark_goes_when_the_playbook_has_become_more_generous() {
    let (deployment, scoring) = with_a_lead().await;
    engage(&deployment, "late", "complaint", "raised", "2026-03-03T10:00:00Z").await;
    assert!(lead(&deployment, "2026-Q1").await.expect("it stays").undone_by.is_some());
    let generous = playbook_with(|text| format!("{}{COMPLAINT}", text.replace("threshold = 5", "threshold = 2")));
    let body = engagement("ada", "analytics-emails", "open", at("2026-03-05T09:30:00Z"));
    let entry = Entry::new("native", "open", told(&body), &body, at("2026-03-05T10:00:00Z"), None);
    let batch = serde_json::from_value(stream_event(&[entry])).expect("a batch");
    let answer = ScoreAndDecay { playbook: generous, ..scoring }.handle(batch).await.expect("a batch never fails");
    assert_eq!(answer.batch_item_failures, []);
    assert_eq!(lead(&deployment, "2026-Q1").await.expect("it stays").undone_by, None);
    assert!(interest(&deployment, "ada", "analytics").await.undone.is_empty());
}

/// Ada, a lead for Analytics since 4 March with five points.
async fn with_a_lead() -> (Deployment, ScoreAndDecay) {
    let playbook = playbook_with(|text| format!("{text}{COMPLAINT}"));
    let deployment = deploy_with(ClockHandle::standing_at(at("2026-03-05T10:00:00Z")), playbook.clone()).await;
    introduce(&deployment, "ada").await;
    engage(&deployment, "price", "analytics-pricing", "view", "2026-03-02T10:00:00Z").await;
    engage(&deployment, "list", "analytics-checklist", "download", "2026-03-04T10:00:00Z").await;
    assert_eq!(leads(&deployment).await, ["2026-Q1"]);
    let scoring = ScoreAndDecay {
        store: deployment.store.clone(),
        ledger: deployment.ingest.ledger.clone(),
        playbook,
        clock: clock(&deployment),
    };
    (deployment, scoring)
}
