//! What a rep's weekly brief costs: calls that are counted here, no scan, and a mail that does not grow with what the rep has.

use std::collections::BTreeMap;
use std::sync::Arc;

use brief_sales::BriefSales;
use perennial::deployment::Deployment;
use perennial_platform::desk::rank;
use perennial_platform::keys;
use perennial_platform::lambda::Tick;
use perennial_platform::records::Brief;
use perennial_platform::store::{Item, number, string};
use perennial_tests::interpose::Interposer;
use perennial_tests::{
    at, deploy_with, engagement, introduce, playbook_with, settle, state_by_key, store_at, tally, tell,
};
use serde_json::json;

use crate::desk_calls::{AT_ONCE, Calls, set_field, write};

/// Of one rep.
const ACCOUNTS: usize = 500;
const PER_ACCOUNT: usize = 7;
const CONTACTS: usize = ACCOUNTS * PER_ACCOUNT;
/// The others are heating up.
const LEADS: usize = 2_000;
/// Profile, interest and lead of a contact, and the account's profile.
const MOST_PER_CONTACT: usize = 4;
const MADE: &str = "2026-01-07T10:00:00Z";
const MONDAY: &str = "2026-01-12T06:00:00Z";

type Model = BTreeMap<(String, String), Item>;

/// A contact like one of the models, with a number, at an account with a number.
fn contact(model: &Model, n: usize) -> Vec<Item> {
    let (id, account) = (format!("contact-{n:06}"), format!("account-{:05}", n / PER_ACCOUNT));
    let like = if n < LEADS { "lead" } else { "warm" };
    let of_model = model.iter().filter(|((pk, _), _)| *pk == format!("CONTACT#{like}"));
    let wanted = of_model.filter(|((_, sk), _)| {
        sk == keys::PROFILE || sk.starts_with(keys::INTEREST) || sk.starts_with(keys::LEAD) || sk == keys::CADENCE
    });
    let mut items: Vec<Item> = wanted
        .map(|((_, sk), item)| {
            let mut item = item.clone();
            item.insert("PK".to_owned(), string(format!("CONTACT#{id}")));
            if sk == keys::PROFILE {
                set_field(&mut item, "account", &account);
                item.insert("member_of".to_owned(), string(format!("ACCOUNT#{account}")));
            } else if sk.starts_with(keys::LEAD) {
                item.insert("contact".to_owned(), string(&id));
                item.insert("desk_rank".to_owned(), number(rank((n % 101) as i64, at(MADE).as_second())));
            }
            item
        })
        .collect();
    if n.is_multiple_of(PER_ACCOUNT) {
        let mut item = model[&(format!("ACCOUNT#account-of-{like}"), keys::PROFILE.to_owned())].clone();
        item.insert("PK".to_owned(), string(format!("ACCOUNT#{account}")));
        items.push(item);
    }
    items
}

/// A world in which one rep has a great deal, and in which nobody else wants a weekly mail.
async fn large_world() -> Deployment {
    let playbook = playbook_with(|text| {
        let text = text.replace("\nmanager = \"manager-", "\nweekly = false\nmanager = \"manager-");
        text.replacen("weekly = false", "weekly = true", 1)
    });
    let deployment = deploy_with(perennial_local::ClockHandle::standing_at(at(MADE)), playbook).await;
    for (contact, asset, action) in
        [("lead", "analytics-pricing", "request"), ("warm", "automation-checklist", "download")]
    {
        introduce(&deployment, contact).await;
        tell(&deployment, contact, &engagement(contact, asset, action, at(MADE))).await;
        settle(&deployment).await;
    }
    let model = state_by_key(&deployment).await;
    let mut waiting = Vec::new();
    for n in 0..CONTACTS {
        waiting.extend(contact(&model, n));
        if waiting.len() >= AT_ONCE - MOST_PER_CONTACT - 1 {
            write(&deployment, std::mem::take(&mut waiting)).await;
        }
    }
    write(&deployment, waiting).await;
    deployment.world.clock().set(at(MONDAY));
    deployment
}

#[tokio::test]
async fn a_brief_of_two_thousand_leads_and_five_hundred_accounts_costs_what_it_says_and_its_mail_stays_small() {
    let deployment = large_world().await;
    let calls = Calls::default();
    let of_calls = Arc::clone(&calls);
    let interposer = Interposer::start(
        &deployment.world.endpoints().dynamodb,
        Arc::new(move |operation, request| {
            let what = match &request["IndexName"] {
                serde_json::Value::String(index) => format!("{operation} {index}"),
                _ => operation,
            };
            of_calls.lock().expect("nobody has panicked").push(what);
            Box::pin(async move { request })
        }),
        Arc::new(|_, _, _| {}),
    )
    .await;
    let reps = deployment.playbook.reps.iter().filter(|rep| rep.weekly).count();
    let tick = || serde_json::from_value::<Tick>(json!({"job": "brief", "scheduled_at": MONDAY})).expect("a tick");
    let briefs = BriefSales { store: store_at(&interposer.url).await, playbook: Arc::clone(&deployment.playbook) };
    briefs.handle(tick()).await.expect("the run finishes");
    let made = tally(std::mem::take(&mut *calls.lock().expect("nobody has panicked")));
    // The two models are among them, each at an account of its own. Who else wants a mail has nothing.
    let others = reps - 1;
    let expected: BTreeMap<String, usize> = [
        // Nobody else has a lead of the ten who are named.
        ("Query", 1 + 10),
        ("Query desk", LEADS.div_ceil(999) + others),
        ("Query sla", 1 + others),
        ("Query members", 1 + ACCOUNTS + 2 + others),
        ("BatchGetItem", (CONTACTS + 2).div_ceil(20)),
        ("TransactWriteItems", reps),
    ]
    .map(|(call, times)| (call.to_owned(), times))
    .into();
    assert_eq!(made, expected);

    // The same tick again costs one query.
    briefs.handle(tick()).await.expect("the run finishes");
    assert_eq!(*calls.lock().expect("nobody has panicked"), ["Query"]);

    let key = keys::brief(MONDAY[..10].parse().expect("a date"), &"rep-anna".into());
    let item = deployment.store.get_item(&key).await.expect("the store answers").expect("there is one");
    let brief: Brief = serde_dynamo::from_item(item.clone()).expect("a brief");
    let counts = [brief.new_leads.count, brief.overdue.count, brief.heating_up.count, brief.accounts, brief.contacts];
    assert_eq!(counts, [LEADS + 1, LEADS + 1, CONTACTS - LEADS + 1, ACCOUNTS + 2, CONTACTS + 2]);
    assert!(serde_json::to_string(&brief).expect("JSON").len() < 8_000, "a few units to write and to read");

    settle(&deployment).await;
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    let mut mails = mails.filter(|mail| mail.tags.iter().any(|(_, value)| value == "brief"));
    let mail = mails.next().expect("it is sent");
    assert_eq!((mail.to.join(" ").as_str(), mails.count()), ("anna.keller@fernhill.example.com", 0));
    let (html, text) = (mail.html.unwrap_or_default(), mail.text.unwrap_or_default());
    assert!(html.len() < 40_000, "{} bytes", html.len());
    for more in [LEADS + 1 - 10, CONTACTS - LEADS + 1 - 10] {
        assert!(text.contains(&format!("and {more} more")), "{text}");
    }
}
