//! While one id is being merged into another, somebody is erased, sales speaks, a mail is counted: nothing of it is lost, and nothing
//! is left of whoever was erased.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_domain::lead::Status;
use perennial_platform::identity::{self, Resolved, erasing};
use perennial_platform::keys;
use perennial_platform::store::{Change, number};
use perennial_tests::interpose::{Before, Interposer};
use perennial_tests::{address_of, at, body, deploy, engagement, introduce, ledger_rows, settle, store_at, tell};
use serde_json::{Value, json};

use super::merges::{NOW, deliver, deliver_dying, entry, left_at, merged, one_person_twice};

async fn resolved(deployment: &Deployment, id: &str) -> Resolved {
    identity::resolve(&deployment.store, &id.into()).await.expect("it is read")
}

/// Erases Ada alone: the ids of hers were found before the merge was told of.
async fn erase_ada(deployment: &Deployment) {
    let (store, ledger, ada) = (&deployment.store, &deployment.ingest.ledger, ContactId::from("ada"));
    erasing::mark(store, &address_key(), &ada, &Default::default(), at(NOW)).await.expect("it is marked");
    erasing::forget_told(ledger, &ada).await.expect("it is forgotten");
    erasing::forget_state(store, &ada).await.expect("it is forgotten");
}

/// What is called before it goes on.
fn before<F: Future<Output = ()> + Send + 'static>(
    happens: impl Fn(&str, &Value) -> Option<F> + Send + Sync + 'static,
) -> Before {
    let happens = Arc::new(happens);
    Arc::new(move |operation, request| {
        let happens = happens(&operation, &request);
        Box::pin(async move {
            if let Some(happens) = happens {
                happens.await;
            }
            request
        })
    })
}

#[tokio::test]
async fn whoever_is_being_merged_goes_with_the_contact_that_is_erased_meanwhile() {
    let mut erased = 0;
    for erased_at in 2.. {
        let deployment = one_person_twice().await;
        let (calls, acting) = (Arc::new(AtomicUsize::new(0)), deployment.clone());
        let counted = Arc::clone(&calls);
        let gate = before(move |operation, _| {
            let writes = operation == "TransactWriteItems" || operation == "UpdateItem";
            let number = counted.fetch_add(usize::from(writes), Ordering::SeqCst) + 1;
            let acting = acting.clone();
            (writes && number == erased_at).then_some(async move { erase_ada(&acting).await })
        });
        let gate = Interposer::start(&deployment.world.endpoints().dynamodb, gate, Arc::new(|_, _, _| {})).await;
        let merge = [entry("merge", &merged("anon", "ada"))];
        let done = deliver(&deployment, store_at(&gate.url).await, &merge).await;
        if calls.load(Ordering::SeqCst) < erased_at {
            break;
        }
        erased += 1;
        let what = format!("erased at write {erased_at}");
        // Only what failed is delivered again.
        assert!(done || deliver(&deployment, deployment.store.clone(), &merge).await, "{what}");
        for id in ["ada", "anon"] {
            assert_eq!(left_at(&deployment, id).await, ["POINTER"], "{what}: {id}");
            assert_eq!(resolved(&deployment, id).await, Resolved::Erased, "{what}: {id}");
            let place = keys::contact(&id.into());
            assert!(!ledger_rows(&deployment).await.iter().any(|row| row.pk == place), "{what}: {id}");
        }
        // The newer address of the two, which is stated at every moment.
        let address = keys::suppression(&address_key().hash(&address_of("anon")));
        assert!(deployment.store.get_item(&address).await.expect("it is read").is_some(), "{what}");
    }
    assert!(erased > 10, "only {erased} writes");
}

#[tokio::test]
async fn a_word_from_sales_waits_for_the_lead_that_is_being_moved() {
    let mut waited = 0;
    for dies_at in 1.. {
        let deployment = deploy(at("2026-01-05T10:00:00Z")).await;
        introduce(&deployment, "ada").await;
        introduce(&deployment, "anon").await;
        for asset in ["analytics-guide", "analytics-demo", "analytics-pricing"] {
            let action = if asset == "analytics-demo" { "watch" } else { "download" };
            let action = if asset == "analytics-pricing" { "request" } else { action };
            tell(&deployment, asset, &engagement("anon", asset, action, at("2026-01-05T09:00:00Z"))).await;
        }
        settle(&deployment).await;
        let leads = async |id: &str| {
            let rows = deployment.store.contact(&id.into()).await.expect("the contact can be read");
            rows.leads.iter().map(|lead| (lead.product.clone(), lead.status())).collect::<Vec<_>>()
        };
        assert_eq!(leads("anon").await, [("analytics".to_owned(), Status::Mql)]);
        let merge = vec![entry("merge", &merged("anon", "ada"))];
        if !deliver_dying(&deployment, dies_at, merge.clone()).await {
            break;
        }
        let is_merged = resolved(&deployment, "anon").await == Resolved::Into("ada".into());
        let was_there = !leads("ada").await.is_empty();
        waited += usize::from(is_merged && !was_there);
        let word = json!({"contact": "ada", "product": "analytics", "by": "rep-anna"});
        let word = entry("word", &body("lead.touched", at("2026-01-05T10:00:00Z"), &word));
        assert!(deliver(&deployment, deployment.store.clone(), &[word]).await, "dies at call {dies_at}");
        assert!(deliver(&deployment, deployment.store.clone(), &merge).await, "dies at call {dies_at}");
        // Of somebody who was not merged there was no lead to touch.
        let status = if is_merged { Status::Touched } else { Status::Mql };
        assert_eq!(leads("ada").await, [("analytics".to_owned(), status)], "dies at call {dies_at}");
        assert_eq!(leads("anon").await, []);
    }
    assert!(waited > 2, "only {waited} times");
}

#[tokio::test]
async fn what_is_written_of_preferences_and_mails_after_they_were_read_is_moved_too() {
    let day = 40_000;
    let bounced_at = (at(NOW) + SignedDuration::from_hours(1)).as_second();
    let contact = ContactId::from("anon");
    let preferences = Change::of(keys::preferences(&contact), "SET #bounced_at = :it").with(":it", number(bounced_at));
    let mails = Change::of(keys::cadence(&contact), "SET #last_mail_day = :it").with(":it", number(day));
    for (sort, change) in [("PREFERENCES", preferences), ("CADENCE", mails)] {
        let deployment = one_person_twice().await;
        let (calls, acting) = (Arc::new(AtomicUsize::new(0)), deployment.store.clone());
        let gate = before(move |_, request: &Value| {
            let actions = request["TransactItems"].as_array().into_iter().flatten();
            let goes = actions
                .map(|action| &action["Delete"]["Key"])
                .any(|key| *key == json!({"PK": {"S": "CONTACT#anon"}, "SK": {"S": sort}}));
            let (acting, change) = (acting.clone(), change.clone());
            let first = goes && calls.fetch_add(1, Ordering::SeqCst) == 0;
            first.then_some(async move { assert!(acting.apply("test", change).await.expect("the store answers")) })
        });
        let gate = Interposer::start(&deployment.world.endpoints().dynamodb, gate, Arc::new(|_, _, _| {})).await;
        let merge = [entry("merge", &merged("anon", "ada"))];
        assert!(deliver(&deployment, store_at(&gate.url).await, &merge).await, "{sort}");
        let rows = deployment.store.contact(&"ada".into()).await.expect("the contact can be read");
        match sort {
            "PREFERENCES" => assert_eq!(rows.preferences.expect("opinions").bounced_at, Some(bounced_at)),
            _ => assert_eq!(rows.cadence.expect("mails").last_mail_day, Some(day)),
        }
        assert_eq!(left_at(&deployment, "anon").await, ["POINTER"], "{sort}");
    }
}

#[tokio::test]
async fn who_is_still_moving_is_known_without_asking_each_id_that_was_ever_merged() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let store = &deployment.store;
    for number in 0..20 {
        let merge = entry(&format!("merge-{number}"), &merged(&format!("anon-{number}"), "ada"));
        assert!(deliver(&deployment, store.clone(), &[merge]).await, "{number}");
    }
    identity::point(store, &"late".into(), &"ada".into(), "test", at(NOW)).await.expect("it is pointed");
    let rows = store.contact(&"ada".into()).await.expect("the contact can be read");
    assert!(rows.merged.is_empty() && keys::MERGED_ID > keys::SLOT, "no decision pages through them");

    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let gate = before(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        None::<std::future::Ready<()>>
    });
    let gate = Interposer::start(&deployment.world.endpoints().dynamodb, gate, Arc::new(|_, _, _| {})).await;
    let moving = identity::moving_into(&store_at(&gate.url).await, &address_key(), &"ada".into()).await;
    assert_eq!(moving.expect("it is read"), ["late".into()]);
    assert_eq!(calls.load(Ordering::SeqCst), 4, "two queries, her address, and the one that is said to be on its way");
    // One that is erased on its way is not waited for.
    let ledger = &deployment.ingest.ledger;
    erasing::erase(store, ledger, &address_key(), &"late".into(), at(NOW)).await.expect("it is erased");
    let moving = identity::moving_into(store, &address_key(), &"ada".into()).await;
    assert_eq!(moving.expect("it is read"), []);
}

#[tokio::test]
async fn somebody_known_who_is_still_moving_into_an_id_does_not_go_with_whom_that_is_merged_into() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "berta").await;
    introduce(&deployment, "ada").await;
    let (store, ledger) = (&deployment.store, &deployment.ingest.ledger);
    identity::point(store, &"berta".into(), &"anon".into(), "test", at(NOW)).await.expect("it is pointed");
    erasing::erase(store, ledger, &address_key(), &"ada".into(), at(NOW)).await.expect("it is erased");
    assert!(deliver(&deployment, store.clone(), &[entry("merge", &merged("anon", "ada"))]).await);
    assert_eq!(resolved(&deployment, "berta").await, Resolved::Into("anon".into()));
    let berta = store.contact(&"berta".into()).await.expect("the contact can be read");
    assert!(berta.profile.is_some(), "nothing of hers is gone");
}
