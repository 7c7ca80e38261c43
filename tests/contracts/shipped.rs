//! Sources that ship: what follows from several of their events, which no single payload shows.

use perennial::deployment::Deployment;
use perennial_platform::keys;
use perennial_platform::records::Profile;
use perennial_tests::senders::deliver;
use perennial_tests::{at, deploy, ledger_rows, settle};
use serde_json::{Value, json};

const NOW: &str = "2026-01-07T10:00:00Z";

/// A recorded payload.
fn recorded(file: &str) -> Value {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/webhooks").join(file);
    serde_json::from_slice(&std::fs::read(file).expect("a recorded payload")).expect("JSON")
}

/// The products that the account of the recorded subscriptions owns, as far as is known.
async fn owned(deployment: &Deployment) -> Vec<String> {
    let profile: Option<Profile> =
        deployment.store.get(&keys::account_profile(&"acme".into())).await.expect("the store answers");
    let fields = profile.expect("it is known").fields();
    let owns = fields.0.keys().filter_map(|name| name.strip_prefix("owns."));
    owns.filter(|product| fields.get(&format!("owns.{product}")).is_some()).map(str::to_owned).collect()
}

/// The events of one subscription: begun with two products, one of them dropped an hour later.
fn dropped() -> [Value; 2] {
    let mut both = recorded("stripe/2-updated-with-two-products.json");
    both["type"] = json!("customer.subscription.created");
    both["created"] = json!(both["created"].as_i64().expect("a time") - 3_600);
    [both, recorded("stripe/9-product-dropped.json")]
}

#[tokio::test]
async fn a_product_that_is_dropped_from_a_subscription_is_not_owned_any_more_in_whatever_order_it_is_told() {
    let [both, fewer] = dropped();
    for (what, order) in [
        ("as it happened", vec![&both, &fewer]),
        ("the other way round", vec![&fewer, &both]),
        ("twice each", vec![&both, &fewer, &both, &fewer]),
    ] {
        let deployment = deploy(at(NOW)).await;
        for event in order {
            let (status, answer) = deliver(&deployment, "stripe", "", event).await;
            assert!([200, 202].contains(&status) && answer["status"] != "quarantined", "{what}: {answer}");
            settle(&deployment).await;
        }
        assert_eq!(owned(&deployment).await, ["analytics"], "{what}");
    }
}

#[tokio::test]
async fn only_what_was_an_item_and_is_none_is_dropped() {
    let [both, fewer] = dropped();
    let item = |product: &str, price: &str| {
        let mut item = fewer["data"]["object"]["items"]["data"][0].clone();
        item["price"]["product"] = json!(product);
        item["price"]["id"] = json!(price);
        item
    };
    let before = |items: Vec<Value>| json!({"items": {"data": items}});
    let all = || vec![item("prod_FhAnalytics01", "price_1"), item("prod_FhAutomation01", "price_2")];
    for (what, change, expected) in [
        ("nothing was said of the items before", json!({"status": "past_due"}), vec!["analytics", "automation"]),
        ("there were none before", before(vec![]), vec!["analytics", "automation"]),
        (
            "the same product at another price",
            before(vec![item("prod_FhAnalytics01", "price_0")]),
            vec!["analytics", "automation"],
        ),
        ("another was there before", before(all()), vec!["analytics"]),
    ] {
        let deployment = deploy(at(NOW)).await;
        let mut changed = fewer.clone();
        changed["data"]["previous_attributes"] = change;
        for event in [&both, &changed] {
            let (status, answer) = deliver(&deployment, "stripe", "", event).await;
            assert_eq!((status, &answer["status"]), (202, &json!("accepted")), "{what}: {answer}");
            settle(&deployment).await;
        }
        assert_eq!(owned(&deployment).await, expected, "{what}");
    }
    // Of a list that goes on elsewhere nobody knows what is missing; nor does a subscription that nobody pays for say what is owned.
    for (what, pointer, value) in [
        ("a part of the items", "/data/object/items/has_more", json!(true)),
        ("not paid", "/data/object/status", json!("unpaid")),
    ] {
        let deployment = deploy(at(NOW)).await;
        let mut changed = fewer.clone();
        *changed.pointer_mut(pointer).expect("it is there") = value;
        for event in [&both, &changed] {
            assert_eq!(deliver(&deployment, "stripe", "", event).await.0, 202, "{what}");
            settle(&deployment).await;
        }
        assert_eq!(owned(&deployment).await, ["analytics", "automation"], "{what}");
    }
}

#[tokio::test]
async fn an_event_that_the_relay_sends_again_counts_once() {
    let deployment = deploy(at(NOW)).await;
    let event = recorded("salesforce/5-won.json");
    let mut again = event.clone();
    again["id"] = json!("0a0a0a0a-0000-4000-8000-000000000000");
    again["time"] = json!("2026-01-07T09:20:00Z");
    for (event, status, said) in [(&event, 202, "accepted"), (&again, 200, "duplicate"), (&event, 200, "duplicate")] {
        let (seen, answer) = deliver(&deployment, "salesforce", "", event).await;
        assert_eq!((seen, &answer["status"]), (status, &json!(said)), "{answer}");
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 2);
    // The same words an hour later are another event.
    let mut other = event.clone();
    other["detail"]["id"] = json!("5c1f0f0e-0000-4000-8000-000000000099");
    assert_eq!(deliver(&deployment, "salesforce", "", &other).await.0, 202);
    assert_eq!(ledger_rows(&deployment).await.len(), 4);
}
