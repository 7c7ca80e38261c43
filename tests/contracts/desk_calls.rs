//! What a page of the desk's list costs, however many contacts there are: at most five calls of the database, and no scan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use perennial::deployment::{Deployment, address_key, function};
use perennial_platform::desk::rank;
use perennial_platform::ledger::Ledger;
use perennial_platform::sessions::Sessions;
use perennial_platform::store::{Item, number, string};
use perennial_tests::desk::{Desk, Page};
use perennial_tests::interpose::Interposer;
use perennial_tests::{at, clock, deploy, engagement, introduce, sdk_config, settle, state_by_key, store_at, tell};
use sales_desk::{SalesDesk, SignIn};

const CONTACTS: i64 = 100_000;
const LEADS: i64 = 2_000;
/// So many contacts work at one account.
const PER_ACCOUNT: i64 = 7;
const MOST_CALLS: usize = 5;
/// DynamoDB's limit for one batch of writes.
pub(crate) const AT_ONCE: usize = 25;
/// Profile, interest, lead, and the account's profile.
const MOST_PER_CONTACT: usize = 4;

/// A contact like the model, with a number, at an account with a number: its profile, and for a lead what makes it one.
fn contact(model: &BTreeMap<(String, String), Item>, n: i64) -> Vec<Item> {
    let id = format!("contact-{n:06}");
    let (pk, account) = (format!("CONTACT#{id}"), format!("account-{:05}", n / PER_ACCOUNT));
    let of_contact = model.iter().filter(|((pk, _), _)| pk == "CONTACT#model");
    let wanted = of_contact.filter(|((_, sk), _)| {
        sk == "PROFILE" || n < LEADS && (sk.starts_with("LEAD#") || sk.starts_with("INTEREST#analytics"))
    });
    let mut items: Vec<Item> = wanted
        .map(|((_, sk), item)| {
            let mut item = item.clone();
            item.insert("PK".to_owned(), string(&pk));
            if sk == "PROFILE" {
                set_field(&mut item, "account", &account);
                item.insert("member_of".to_owned(), string(format!("ACCOUNT#{account}")));
            } else if sk.starts_with("LEAD#") {
                let (score, made) = (n % 101, 1_767_000_000 + n);
                item.insert("contact".to_owned(), string(&id));
                item.insert("sort_score".to_owned(), number(score));
                item.insert("qualified_at".to_owned(), number(made));
                item.insert("desk_rank".to_owned(), number(rank(score, made)));
            }
            item
        })
        .collect();
    if n % PER_ACCOUNT == 0 {
        let mut item = model[&("ACCOUNT#account-of-model".to_owned(), "PROFILE".to_owned())].clone();
        item.insert("PK".to_owned(), string(format!("ACCOUNT#{account}")));
        items.push(item);
    }
    items
}

pub(crate) fn set_field(profile: &mut Item, field: &str, value: &str) {
    let Some(AttributeValue::M(fields)) = profile.get_mut("fields") else { panic!("a profile has fields") };
    let Some(AttributeValue::M(stated)) = fields.get_mut(field) else { panic!("{field} was stated") };
    stated.insert("v".to_owned(), string(value));
}

/// A world in which one rep has many leads.
async fn large_world() -> Deployment {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    introduce(&deployment, "model").await;
    let now = deployment.world.clock().now();
    tell(&deployment, "model", &engagement("model", "analytics-pricing", "request", now)).await;
    settle(&deployment).await;
    let model = state_by_key(&deployment).await;
    let mut waiting = Vec::new();
    for n in 0..CONTACTS {
        waiting.extend(contact(&model, n));
        if waiting.len() >= AT_ONCE - MOST_PER_CONTACT {
            write(&deployment, std::mem::take(&mut waiting)).await;
        }
    }
    write(&deployment, waiting).await;
    deployment
}

pub(crate) async fn write(deployment: &Deployment, items: Vec<Item>) {
    let put = |item| PutRequest::builder().set_item(Some(item)).build().expect("an item");
    let writes: Vec<_> = items.into_iter().map(|item| WriteRequest::builder().put_request(put(item)).build()).collect();
    if writes.is_empty() {
        return;
    }
    let batch = deployment.store.client.batch_write_item().request_items(&deployment.store.state, writes);
    let answer = batch.send().await.expect("it is written");
    assert!(answer.unprocessed_items.is_none_or(|left| left.is_empty()));
}

/// The calls of the database since it was asked last.
pub(crate) type Calls = Arc<Mutex<Vec<String>>>;

/// The desk again, behind a place where its calls are counted.
async fn counted(deployment: &Deployment) -> (Interposer, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let interposer = Interposer::start(
        &deployment.world.endpoints().dynamodb,
        Arc::new(move |operation, request| {
            seen.lock().expect("nobody has panicked").push(operation);
            Box::pin(async move { request })
        }),
        Arc::new(|_, _, _| {}),
    )
    .await;
    desk_at(&interposer.url, deployment).await;
    (interposer, calls)
}

/// The desk again, with its database there.
pub(crate) async fn desk_at(endpoint: &str, deployment: &Deployment) {
    let desk = SalesDesk {
        ledger: Ledger::new(&sdk_config(endpoint).await, &deployment.ledger_table),
        store: store_at(endpoint).await,
        address_key: address_key(),
        sessions: Sessions::new("key"),
        sign_in: SignIn::Anybody,
        playbook: Arc::clone(&deployment.playbook),
        clock: clock(deployment),
    };
    deployment.world.register("SalesDesk", function(desk, |it, event| async move { it.handle(event).await }));
}

fn scores(page: &Page) -> Vec<i64> {
    let scores = page.html.split("<span class=\"score\">").skip(1);
    scores.filter_map(|rest| rest.split('<').next()?.parse().ok()).collect()
}

/// Where the list goes on.
fn next(page: &Page) -> Option<String> {
    page.links().into_iter().rev().find(|link| link.contains("after="))
}

#[tokio::test]
async fn a_page_of_two_thousand_leads_among_a_hundred_thousand_contacts_costs_five_calls_and_no_scan() {
    let deployment = large_world().await;
    let (_interposer, calls) = counted(&deployment).await;
    let mut anna = Desk::sign_in(&deployment, "anna.keller@fernhill.example.com").await;
    let look = async |anna: &mut Desk, path: &str| {
        calls.lock().expect("nobody has panicked").clear();
        let page = anna.get(path).await.expect(200);
        let made = std::mem::take(&mut *calls.lock().expect("nobody has panicked"));
        assert!(made.len() <= MOST_CALLS && !made.iter().any(|call| call == "Scan"), "{path}: {made:?}");
        (page, made)
    };
    let (page, made) = look(&mut anna, "/desk").await;
    assert_eq!(made, ["Query", "BatchGetItem", "BatchGetItem", "BatchGetItem"]);
    assert_eq!(page.leads().len(), 50);
    for said in ["Wilhelmina Quarterstaff", "Juniper Tools", "Asked for"] {
        assert_eq!(page.html.matches(said).count(), 50, "{said}");
    }

    // All of them, each once, the best first.
    let (mut all, mut seen, mut at) = (BTreeSet::new(), Vec::new(), Some("/desk".to_owned()));
    while let Some(path) = at {
        let (page, _) = look(&mut anna, &path).await;
        seen.extend(scores(&page));
        all.extend(page.leads());
        at = next(&page);
    }
    // The model is among them.
    assert_eq!((all.len(), seen.len()), (LEADS as usize + 1, LEADS as usize + 1));
    assert!(seen.is_sorted_by(|one, next| one >= next), "the best first");

    // A filter that leaves out all of them looks at all of them, or says that there may be more.
    for path in
        ["/desk?product=automation", "/desk?stage=sql", "/desk?overdue=yes", "/desk?product=analytics&stage=mql"]
    {
        let (page, made) = look(&mut anna, path).await;
        let expected = if path.contains("analytics") { 50 } else { 0 };
        assert_eq!(page.leads().len(), expected, "{path}: {made:?}");
    }
    let mut manager = Desk::sign_in(&deployment, "elif.aydin@fernhill.example.com").await;
    let team = manager.get("/desk/team").await.expect(200).html;
    assert!(team.contains(&format!("{} open", LEADS + 1)), "{team}");
}
