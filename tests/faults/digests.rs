//! What sales hears and says of leads: one digest a day however often its run comes, a late word about an older lead, and
//! one item that cannot be read among many that can.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use escalate_sla::EscalateSla;
use futures::FutureExt as _;
use jiff::Timestamp;
use perennial::deployment::{Deployment, function};
use perennial_domain::ids::{ContactId, ProductId, RepId};
use perennial_domain::interest::FactName;
use perennial_platform::bus::Bus;
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, Key};
use perennial_platform::lambda::{StreamOrTick, Tick};
use perennial_platform::outbox::{self, Waiting};
use perennial_platform::records::{Digest, Lead};
use perennial_platform::store::{Item, Store, item_key, number, string};
use perennial_tests::interpose::Interposer;
use perennial_tests::{
    at, body, clock, deploy, engagement, introduce, sdk_config, settle, state_items, store_at, tally, tell,
};
use qualify_mql::{QualifyMql, Trigger};
use relay_events::RelayEvents;
use score_and_decay::ScoreAndDecay;
use serde_json::json;

/// A Friday, an hour before the check at eight in Berlin: leads are made.
const BEFORE: &str = "2026-01-09T06:00:00Z";
const FRIDAY: (&str, &str) = ("2026-01-09T07:00:00Z", "2026-01-09");
const MONDAY: (&str, &str) = ("2026-01-12T07:00:00Z", "2026-01-12");
/// The owner of all contacts that are introduced.
const OWNER: &str = "rep-anna";

/// A guide: ten points, a lead that is no Act Now.
async fn qualify(deployment: &Deployment, contact: &str) {
    let now = deployment.world.clock().now();
    let shown = engagement(contact, "analytics-guide", "download", now);
    tell(deployment, &format!("shown-{contact}-{now}"), &shown).await;
    settle(deployment).await;
}

/// A world in which each of these contacts has a lead that is due at Friday's check.
async fn world_with(contacts: &[&str]) -> Deployment {
    let deployment = deploy(at(BEFORE)).await;
    for contact in contacts {
        introduce(&deployment, contact).await;
        qualify(&deployment, contact).await;
    }
    deployment
}

/// Runs the check as its schedule does. What follows from it waits for the next settle.
async fn run(store: Store, deployment: &Deployment, scheduled_at: &str) -> Result<(), Failure> {
    let tick: Tick = serde_json::from_value(json!({"job": "sla", "scheduled_at": scheduled_at})).expect("a tick");
    EscalateSla { store, playbook: deployment.playbook.clone() }.handle(tick).await
}

async fn lead(deployment: &Deployment, contact: &str, quarter: &str) -> Lead {
    let quarter = quarter.parse().expect("a quarter");
    let key = keys::lead(&ContactId::from(contact), &ProductId::from("analytics"), quarter);
    deployment.store.get(&key).await.expect("the lead can be read").expect("there is one")
}

/// The contacts in the owner's digest of a date.
async fn digest(deployment: &Deployment, date: &str) -> Vec<String> {
    let digest: Option<Digest> =
        deployment.store.get(&keys::digest(date, &RepId::from(OWNER))).await.expect("the digest can be read");
    let leads = digest.into_iter().flat_map(|digest| digest.leads);
    leads
        .map(|lead| {
            let (pk, _) = lead.split_once('\n').expect("two keys");
            keys::contact_of(pk).expect("a contact").to_string()
        })
        .collect()
}

/// The subjects of the digests that the mail server accepted, in the order of sending.
fn digest_mails(deployment: &Deployment) -> Vec<String> {
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    let of_kind = |tags: &[(String, String)]| tags.contains(&("kind".to_owned(), "digest".to_owned()));
    mails.filter(|mail| of_kind(&mail.tags)).map(|mail| mail.subject).collect()
}

/// How often each event of a kind was published, by its id.
fn published(deployment: &Deployment, kind: &str) -> BTreeMap<String, usize> {
    let events = deployment.world.bus_events().expect("the world remembers").into_iter().map(|event| event.envelope);
    let of_kind = events.filter(|envelope| envelope["detail-type"] == kind);
    tally(of_kind.map(|envelope| envelope["detail"]["id"].as_str().expect("an id").to_owned()))
}

fn once(ids: &[&str]) -> BTreeMap<String, usize> {
    ids.iter().map(|id| ((*id).to_owned(), 1)).collect()
}

const ONE: &str = "A new lead for you: Wilhelmina Quarterstaff";

#[tokio::test]
async fn a_lead_that_only_a_second_run_finds_is_in_the_next_working_days_digest() {
    // A second run is the same tick again, or one by hand later that day; Friday's mail may have left before it or not.
    for (what, second_run, mail_has_left) in [
        ("the same tick, the mail has left", FRIDAY.0, true),
        ("the same tick, the mail is still to be written", FRIDAY.0, false),
        ("later that day", "2026-01-09T15:00:00Z", true),
    ] {
        let deployment = world_with(&["ada"]).await;
        let store = || deployment.store.clone();
        run(store(), &deployment, FRIDAY.0).await.expect("the run finishes");
        assert_eq!(digest(&deployment, FRIDAY.1).await, ["ada"], "{what}");
        if mail_has_left {
            settle(&deployment).await;
            assert_eq!(digest_mails(&deployment), [ONE], "{what}");
        }
        // As if the index had not shown it to the first run: due at the same check.
        introduce(&deployment, "ben").await;
        qualify(&deployment, "ben").await;
        assert_eq!(lead(&deployment, "ben", "2026-Q1").await.due_at, Some(at(FRIDAY.0).as_second()), "{what}");

        run(store(), &deployment, second_run).await.expect("the run finishes");
        settle(&deployment).await;
        assert_eq!(digest(&deployment, FRIDAY.1).await, ["ada"], "{what}: nothing is added to what was announced");
        assert_eq!(digest_mails(&deployment), [ONE], "{what}");
        let waiting = lead(&deployment, "ben", "2026-Q1").await;
        assert_eq!((waiting.handed_off_at, waiting.due_at), (None, Some(at(MONDAY.0).as_second())), "{what}");

        for _ in 0..2 {
            deployment.world.clock().set(at(MONDAY.0));
            run(store(), &deployment, MONDAY.0).await.expect("the run finishes");
            settle(&deployment).await;
            assert_eq!(digest(&deployment, MONDAY.1).await, ["ben"], "{what}");
            assert_eq!(digest(&deployment, FRIDAY.1).await, ["ada"], "{what}");
            assert_eq!(digest_mails(&deployment), [ONE, ONE], "{what}");
        }
        let handed_off = lead(&deployment, "ben", "2026-Q1").await.handed_off_at;
        assert_eq!(handed_off, Some(at(MONDAY.0).as_second()), "{what}");
        let announced = ["DigestReady#rep-anna#2026-01-09", "DigestReady#rep-anna#2026-01-12"];
        assert_eq!(published(&deployment, "DigestReady"), once(&announced), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_runs_at_once_nobody_gets_two_digests_of_a_day() {
    let contacts: Vec<String> = (0..12).map(|number| format!("contact-{number}")).collect();
    let deployment = world_with(&contacts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut told = Vec::new();
    let mut expected = 0;
    for (scheduled_at, date) in [FRIDAY, MONDAY] {
        deployment.world.clock().set(at(scheduled_at));
        let runs = (0..6).map(|_| {
            let running = deployment.clone();
            tokio::spawn(async move { run(running.store.clone(), &running, scheduled_at).await })
        });
        for finished in futures::future::join_all(runs).await {
            finished.expect("no panic").expect("the run finishes");
        }
        settle(&deployment).await;
        // Whom a faster run's announcement shut out of Friday's is in Monday's, if there is anybody.
        let of_day = digest(&deployment, date).await;
        assert!(date == MONDAY.1 || !of_day.is_empty());
        expected += usize::from(!of_day.is_empty());
        assert_eq!(digest_mails(&deployment).len(), expected, "{date}");
        told.extend(of_day);
    }
    let all: BTreeMap<String, usize> = contacts.iter().map(|contact| (contact.clone(), 1)).collect();
    assert_eq!(tally(told), all, "each lead is in one digest");
}

#[tokio::test]
async fn a_digest_that_a_broken_run_left_is_announced_by_the_next() {
    let deployment = world_with(&["ada", "ben"]).await;
    // The first two put the leads into the digest.
    let (between, mut at_announcement) =
        Interposer::stuck_at(&deployment.world.endpoints().dynamodb, "TransactWriteItems", 3).await;
    tokio::select! {
        finished = run(store_at(&between.url).await, &deployment, FRIDAY.0) => panic!("it cannot finish: {finished:?}"),
        reached = at_announcement.recv() => assert_eq!(reached, Some(())),
    }
    settle(&deployment).await;
    assert_eq!((digest(&deployment, FRIDAY.1).await.len(), digest_mails(&deployment).len()), (2, 0));
    deployment.world.clock().set(at(MONDAY.0));
    for _ in 0..2 {
        run(deployment.store.clone(), &deployment, MONDAY.0).await.expect("the run finishes");
        settle(&deployment).await;
        assert_eq!(digest_mails(&deployment), ["2 new leads for you, best first"]);
    }
}

/// Makes of a lead's item one that cannot be read.
type Spoil = fn(Item) -> Item;

/// Puts an item of a contact who has nothing else, with the attributes under which a job finds another one.
async fn put_beside(deployment: &Deployment, found_by: [&str; 2], beside: &Item, sk: &str, poison: Item) {
    let mut item = item_key(&Key { pk: keys::contact(&ContactId::from("poisoned")), sk: sk.to_owned() });
    item.extend(poison);
    let [shard, when] = found_by;
    item.insert(shard.to_owned(), beside[shard].clone());
    // Long due: the job comes to it first.
    item.insert(when.to_owned(), number(0));
    let put = deployment.store.client.put_item().table_name(&deployment.store.state).set_item(Some(item));
    put.send().await.expect("the store takes it");
}

#[tokio::test]
async fn one_lead_that_cannot_be_read_stops_neither_the_others_nor_the_digests() {
    let contacts = ["ada", "ben", "cleo", "dora", "emil", "fay"];
    let unreadable: [(&str, Spoil); 3] = [
        ("nothing but keys", |_| Item::new()),
        ("no number where one must be", |mut lead| {
            lead.insert("rev".to_owned(), string("many"));
            lead
        }),
        ("a rung is due in a quarter that is none", |mut lead| {
            lead.insert("quarter".to_owned(), string("spring"));
            lead.insert("priority".to_owned(), string("act-now"));
            lead.insert("qualified_at".to_owned(), number(0));
            lead
        }),
    ];
    for (what, make) in unreadable {
        let deployment = world_with(&contacts).await;
        let is_lead = |item: &Item| item[keys::SK].as_s().is_ok_and(|sk| sk.starts_with(keys::LEAD));
        let leads: Vec<Item> = state_items(&deployment).await.into_iter().filter(is_lead).collect();
        assert_eq!(leads.len(), contacts.len(), "{what}");
        // One beside every lead, so that each has it in its shard.
        for (number, beside) in leads.iter().enumerate() {
            let poison = make(beside.clone()).into_iter().filter(|(name, _)| name != keys::PK && name != keys::SK);
            let sk = format!("{}analytics-{number}#2026-Q1", keys::LEAD);
            put_beside(&deployment, [keys::DUE_SHARD, keys::DUE_AT], beside, &sk, poison.collect()).await;
        }
        let failure = run(deployment.store.clone(), &deployment, FRIDAY.0).await.expect_err("the run says so");
        assert!(matches!(failure, Failure::Poison { .. }), "{what}: {failure}");
        settle(&deployment).await;
        assert_eq!(digest(&deployment, FRIDAY.1).await, contacts, "{what}");
        assert_eq!(digest_mails(&deployment), ["6 new leads for you, best first"], "{what}");
    }
}

#[tokio::test]
async fn one_interest_that_cannot_be_read_does_not_keep_the_others_warm() {
    let contacts = ["ada", "ben", "cleo", "dora"];
    let unreadable: [(&str, &str, AttributeValue); 3] = [
        ("a fact without an action", "f:analytics-guide", AttributeValue::Ns(vec!["1".to_owned()])),
        ("a fact without times", "f:analytics-guide/download", string("yesterday")),
        ("a fact with half a second", "f:analytics-guide/download", AttributeValue::Ns(vec!["0.5".to_owned()])),
    ];
    for (what, name, value) in unreadable {
        let deployment = deploy(at(BEFORE)).await;
        for contact in contacts {
            let fact = FactName { asset: "analytics-infographic".into(), action: "download".into(), email: None };
            let (contact, product) = (ContactId::from(contact), ProductId::from("analytics"));
            let facts = [(fact, at(BEFORE).as_second())];
            perennial_platform::interest::add(&deployment.store, &contact, &product, &facts, at(BEFORE).as_second())
                .await
                .expect("the fact lands");
        }
        for (number, beside) in state_items(&deployment).await.iter().enumerate() {
            let sk = format!("{}analytics-{number}", keys::INTEREST);
            let poison = Item::from([(name.to_owned(), value.clone())]);
            put_beside(&deployment, [keys::LIVE_SHARD, keys::COOLS_AT], beside, &sk, poison).await;
        }
        // One point is none after a silent fortnight; this is long after.
        let cold = "2026-03-02T01:00:00Z";
        deployment.world.clock().set(at(cold));
        let (store, playbook, clock) = (deployment.store.clone(), deployment.playbook.clone(), clock(&deployment));
        let tick: StreamOrTick = serde_json::from_value(json!({"job": "decay", "scheduled_at": cold})).expect("a tick");
        let run = ScoreAndDecay { store, ledger: deployment.ingest.ledger.clone(), playbook, clock }.handle(tick).await;
        let failure = run.expect_err("the run says so");
        assert!(matches!(failure, Failure::Poison { .. }), "{what}: {failure}");
        settle(&deployment).await;
        for contact in contacts {
            assert!(!perennial_tests::interest(&deployment, contact, "analytics").await.live, "{what}: {contact}");
        }
        assert_eq!(published(&deployment, "InterestCooled").len(), contacts.len(), "{what}");
    }
}

#[tokio::test]
async fn a_late_word_without_a_quarter_is_of_the_lead_that_there_was() {
    const FIRST_MADE: &str = "2026-03-10T10:00:00Z";
    const SECOND_MADE: &str = "2026-04-07T10:00:00Z";
    for (what, said_at, quarter, stages) in [
        ("before there was any", "2026-03-10T09:00:00Z", None, ["mql", "mql"]),
        ("when there was one", "2026-03-20T10:00:00Z", None, ["recycled", "mql"]),
        ("in the next quarter, before its lead", "2026-04-07T09:00:00Z", None, ["recycled", "mql"]),
        ("just more than clocks differ before its lead", "2026-04-07T09:49:59Z", None, ["recycled", "mql"]),
        ("by a clock that is behind", "2026-04-07T09:50:00Z", None, ["mql", "recycled"]),
        ("when there were two", "2026-04-08T10:00:00Z", None, ["mql", "recycled"]),
        ("with the newer quarter, before its lead", "2026-03-20T10:00:00Z", Some("2026-Q2"), ["mql", "recycled"]),
        ("with the older quarter", "2026-04-08T10:00:00Z", Some("2026-Q1"), ["recycled", "mql"]),
    ] {
        let deployment = deploy(at(FIRST_MADE)).await;
        introduce(&deployment, "ada").await;
        for made_at in [FIRST_MADE, SECOND_MADE] {
            deployment.world.clock().set(at(made_at));
            qualify(&deployment, "ada").await;
        }
        deployment.world.clock().set(at("2026-04-09T10:00:00Z"));
        let said = json!({"contact": "ada", "product": "analytics", "quarter": quarter});
        tell(&deployment, "said", &body("lead.rejected", at(said_at), &said)).await;
        settle(&deployment).await;
        let (first, second) =
            (lead(&deployment, "ada", "2026-Q1").await.stage, lead(&deployment, "ada", "2026-Q2").await.stage);
        assert_eq!([first.as_str(), second.as_str()], stages, "said {what}");
    }
}

#[tokio::test]
async fn a_lead_that_was_put_off_is_in_its_owners_digest_on_that_day_once() {
    // Of somebody whom nobody names, nobody is told that it was them.
    for (by, subject) in [
        (Some(OWNER), "You asked to be reminded of Wilhelmina Quarterstaff"),
        (Some("rep-bilal"), "Put off until today: Wilhelmina Quarterstaff"),
        (None, "Put off until today: Wilhelmina Quarterstaff"),
    ] {
        let deployment = world_with(&["ada"]).await;
        let checked = async |at_: &str| {
            deployment.world.clock().set(at(at_));
            run(deployment.store.clone(), &deployment, at_).await.expect("the run finishes");
            settle(&deployment).await;
            digest_mails(&deployment)
        };
        assert_eq!(checked(FRIDAY.0).await, [ONE]);
        let said_at = at("2026-01-09T09:00:00Z");
        deployment.world.clock().set(said_at);
        // Until a Saturday.
        let mut said = json!({"contact": "ada", "product": "analytics", "until": "2026-01-17"});
        if let Some(by) = by {
            said["by"] = json!(by);
        }
        tell(&deployment, "later", &body("lead.later", said_at, &said)).await;
        settle(&deployment).await;
        let reminded = [ONE, subject];
        for (check, mails) in [
            (MONDAY.0, &reminded[..1]),
            ("2026-01-16T07:00:00Z", &reminded[..1]),
            ("2026-01-19T07:00:00Z", &reminded[..]),
            ("2026-01-19T07:00:00Z", &reminded[..]),
            ("2026-01-20T07:00:00Z", &reminded[..]),
        ] {
            assert_eq!(checked(check).await, mails, "{by:?}: {check}");
        }
        assert_eq!(lead(&deployment, "ada", "2026-Q1").await.due_at, None);
    }
}

#[tokio::test]
async fn what_was_given_back_makes_no_lead_in_that_quarter_nor_when_it_is_over() {
    let deployment = world_with(&["ada"]).await;
    let ada = ContactId::from("ada");
    let said_at = at("2026-04-02T10:00:00Z");
    deployment.world.clock().set(said_at);
    let said = json!({"contact": "ada", "product": "analytics", "quarter": "2026-Q1", "reason": "no budget"});
    tell(&deployment, "said", &body("lead.rejected", said_at, &said)).await;
    settle(&deployment).await;
    deployment.world.clock().set(at("2026-04-03T10:00:00Z"));
    qualify(&deployment, "ada").await;
    let rows = deployment.store.contact(&ada).await.expect("the contact can be read");
    let held: Vec<_> = rows.held.iter().map(|held| (held.quarter.as_str(), held.reason.as_str())).collect();
    assert_eq!((rows.leads.len(), held), (1, vec![("2026-Q2", "recycled this quarter")]));

    let qualify_mql = || QualifyMql {
        store: deployment.store.clone(),
        address_key: perennial::deployment::address_key(),
        playbook: deployment.playbook.clone(),
        clock: clock(&deployment),
    };
    for (now, still_held) in [("2026-06-30T21:00:00Z", 1), ("2026-07-01T10:00:00Z", 0)] {
        deployment.world.clock().set(at(now));
        let tick: Tick = serde_json::from_value(json!({"job": "held", "scheduled_at": now})).expect("a tick");
        qualify_mql().handle(Trigger::Tick(tick)).await.expect("it is decided again");
        let rows = deployment.store.contact(&ada).await.expect("the contact can be read");
        assert_eq!((rows.leads.len(), rows.held.len()), (1, still_held), "{now}");
    }
}

/// The same announcement, each time another write.
fn ready(now: Timestamp) -> Waiting {
    Waiting::digest_ready(&RepId::from(OWNER), FRIDAY.1, now).expect("an event")
}

#[tokio::test]
async fn an_event_written_again_while_it_is_published_is_published_again() {
    let id = "DigestReady#rep-anna#2026-01-09";
    for (what, written_again, left_after_stream, published_in_all) in
        [("written once", false, false, 1), ("written again between publish and delete", true, true, 2)]
    {
        let deployment = deploy(at(BEFORE)).await;
        let store = deployment.store.clone();
        let between = Interposer::before(&deployment.world.endpoints().dynamodb, "DeleteItem", move |number| {
            let store = store.clone();
            async move {
                if written_again && number == 1 {
                    outbox::put(&store, &ready(at(BEFORE))).await.expect("the store answers");
                }
            }
            .boxed()
        })
        .await;
        let services = sdk_config(&deployment.world.endpoints().aws).await;
        let relay = RelayEvents {
            store: store_at(&between.url).await,
            bus: Bus::new(&services, "EventBus"),
            clock: perennial_tests::clock(&deployment),
        };
        let relaying = function(relay, |it, event| async move { it.handle(event).await });
        deployment.world.register("RelayEvents", relaying);
        let waits = async || deployment.store.get_item(&keys::outbox(id)).await.expect("the store answers").is_some();

        outbox::put(&deployment.store, &ready(at(BEFORE))).await.expect("the store answers");
        settle(&deployment).await;
        assert_eq!(published(&deployment, "DigestReady"), once(&[id]), "{what}: by the stream");
        assert_eq!(waits().await, left_after_stream, "{what}");
        // The stream tells of new items only: what was written over waits for the sweep.
        deployment.world.advance_to(at("2026-01-09T06:05:00Z"), |_| {}).await.expect("the world goes on");
        let in_all = BTreeMap::from([(id.to_owned(), published_in_all)]);
        assert_eq!(published(&deployment, "DigestReady"), in_all, "{what}: and by the sweep");
        assert!(!waits().await, "{what}");
    }
}
