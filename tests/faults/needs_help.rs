//! An account that does not use what it bought: its owner is asked to help once for each purchase, whatever breaks, however many of
//! the account are written to, and also where nobody is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_local::{Call, ClockHandle, Fault};
use perennial_platform::keys;
use perennial_platform::store::{Change, number};
use perennial_playbook::Playbook;
use perennial_tests::interpose::Interposer;
use perennial_tests::{at, body, bundle, deploy_with, engagement, introduce, settle, tell, whole_playbook};
use send_nurture_email::sample::sales_mails;
use serde_json::{Value, json};

use crate::one_email::{BEFORE, NOW, SLOT, due, handle, mails, press_unsubscribe, sender, sender_at, slot};

/// An account that bought Analytics in November and has not used it since, with two people.
async fn unused() -> Deployment {
    unused_with(whole_playbook()).await
}

async fn unused_with(playbook: Arc<Playbook>) -> Deployment {
    let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), playbook).await;
    for contact in ["ada", "bob", "eve"] {
        introduce(&deployment, contact).await;
    }
    deployment.world.clock().set(at("2026-01-06T09:00:00Z"));
    buys(&deployment, "2025-11-05").await;
    joins(&deployment, "bob").await;
    deployment.world.clock().set(at(NOW));
    deployment
}

/// A contact turns out to work where Ada does.
async fn joins(deployment: &Deployment, contact: &str) {
    let data = json!({"contact": contact, "account": "account-of-ada"});
    let now = deployment.world.clock().now();
    tell(deployment, &format!("{contact}-joins"), &body("contact.identified", now, &data)).await;
    settle(deployment).await;
}

async fn buys(deployment: &Deployment, on: &str) {
    let data = json!({"account": "account-of-ada", "owns": {"integrations": "2024-01-15", "analytics": on}});
    let now = deployment.world.clock().now();
    tell(deployment, &format!("bought-{on}"), &body("account.updated", now, &data)).await;
    settle(deployment).await;
}

/// What the bus heard, and how many mails the owner got.
async fn asked(deployment: &Deployment) -> (Vec<Value>, usize) {
    settle(deployment).await;
    let events = deployment.world.bus_events().expect("the world remembers").into_iter();
    let events = events.map(|event| event.envelope).filter(|event| event["detail-type"] == "AccountNeedsHelp");
    let of_help = |mail: &&perennial_local::Mail| mail.tags.iter().any(|(_, value)| value == "help");
    let mails = deployment.world.mails().expect("the world remembers");
    (events.map(|event| event["detail"].clone()).collect(), mails.iter().filter(of_help).count())
}

#[tokio::test]
async fn an_accounts_owner_is_asked_to_help_once_for_each_purchase() {
    let deployment = unused().await;
    let sender = sender(&deployment).await;
    for _ in 0..2 {
        assert_eq!(handle(&sender, &[due("ada", SLOT), due("bob", SLOT)]).await.len(), 0);
    }
    let sent = slot(&deployment, "ada", SLOT).await.expect("it was decided");
    assert_eq!(sent.stream.as_deref(), Some("save-analytics"));
    assert_eq!((mails(&deployment, "ada"), mails(&deployment, "bob")), (1, 1));
    let (events, letters) = asked(&deployment).await;
    assert_eq!((events.len(), letters), (1, 1), "{events:#?}");
    for (name, expected) in
        [("account", json!("account-of-ada")), ("product", json!("analytics")), ("owner", json!("rep-anna"))]
    {
        assert_eq!(events[0][name], expected);
    }
    assert!(!events[0].to_string().contains('@'), "an event holds no address");
    let letters = deployment.world.mails().expect("the world remembers");
    let letter = letters.iter().find(|mail| mail.subject.contains("needs your help")).expect("the owner is told");
    let text = letter.text.clone().unwrap_or_default();
    assert!(text.contains("Juniper Tools bought Fernhill Analytics on 5 November 2025"), "{text}");
    // Whom to call: those who work there.
    for (contact, is_there) in [("ada", true), ("bob", true), ("eve", false)] {
        let named = format!("- Wilhelmina Quarterstaff, VP Marketing: {contact}@juniper.example.com");
        assert_eq!(text.contains(&named), is_there, "{named}: {text}");
    }
    assert!(text.contains("Please call by ") && text.contains(": nobody reminds you."), "{text}");

    joins(&deployment, "eve").await;
    for (what, on, slot, in_all) in [
        ("the date was corrected", "2025-11-07", SLOT, 1),
        ("bought anew, and not used either", "2025-11-27", "2026-01-15", 2),
    ] {
        buys(&deployment, on).await;
        assert_eq!(handle(&sender, &[due("eve", slot)]).await.len(), 0, "{what}");
        let (events, letters) = asked(&deployment).await;
        assert_eq!((events.len(), letters), (in_all, in_all), "{what}: {events:#?}");
    }
}

#[tokio::test]
async fn an_owner_is_asked_also_where_nobody_gets_a_mail_for_it() {
    for (what, stream) in [
        ("opted out", None),
        ("mailed by another system", None),
        ("the topic is off", None),
        ("another stream speaks first", Some("discover-automation")),
    ] {
        let deployment = unused().await;
        let now = deployment.world.clock().now();
        match what {
            "opted out" => press_unsubscribe(&deployment, "ada").await,
            "mailed by another system" => {
                let reported = body("email.reported", at("2026-01-07T09:00:00Z"), &json!({"contact": "ada"}));
                tell(&deployment, "reported", &reported).await;
            }
            "another stream speaks first" => {
                let shown = engagement("ada", "automation-checklist", "download", now);
                tell(&deployment, "shown", &shown).await;
            }
            _ => {
                let key = keys::preferences(&ContactId::from("ada"));
                let off = Change::of(key, "SET #topics_off = :off, #rev = :one")
                    .with(":off", AttributeValue::Ss(vec!["your-products".to_owned()]))
                    .with(":one", number(1));
                assert!(deployment.store.apply("topic off", off).await.expect("the store answers"));
            }
        }
        settle(&deployment).await;
        assert_eq!(handle(&sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0, "{what}");
        let decided = slot(&deployment, "ada", SLOT).await.expect("it was decided");
        let sent = decided.stream.filter(|_| mails(&deployment, "ada") == 1);
        assert_eq!(sent.as_deref(), stream, "{what}: {:?}", decided.reason);
        let (events, letters) = asked(&deployment).await;
        assert_eq!((events.len(), letters), (1, 1), "{what}: {events:#?}");
    }
}

#[tokio::test]
async fn a_letter_shows_a_name_as_mails_do_and_the_day_that_was_stated() {
    let mut bundle = bundle().clone();
    bundle.playbook = bundle.playbook.replacen("\"Europe/Berlin\"", "\"America/New_York\"", 1);
    let playbook = Playbook::of(&bundle).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let deployment = unused_with(Arc::new(playbook)).await;
    let named = json!({"account": "account-of-ada", "name": "Juniper \u{202e}Tools"});
    tell(&deployment, "named", &body("account.updated", at(NOW), &named)).await;
    settle(&deployment).await;
    assert_eq!(handle(&sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0);
    settle(&deployment).await;
    let letters = deployment.world.mails().expect("the world remembers");
    let letter = letters.iter().find(|mail| mail.subject.contains("needs your help")).expect("the owner is told");
    assert_eq!(letter.subject, "Juniper Tools needs your help with Fernhill Analytics");
    let text = letter.text.clone().unwrap_or_default();
    assert!(text.contains("Juniper Tools bought Fernhill Analytics on 5 November 2025 and"), "{text}");
}

#[tokio::test]
async fn whatever_ses_answers_the_owner_is_asked_once() {
    for (what, fault) in [
        ("SES throttles for a moment", Fault::Throttle),
        ("the account is paused", Fault::Refuse("SendingPausedException".into())),
        ("the message is refused", Fault::Refuse("MessageRejected".into())),
        ("the reply is lost", Fault::LoseReply),
        ("the request is lost", Fault::LoseRequest),
    ] {
        let deployment = unused().await;
        let sender = sender(&deployment).await;
        deployment.world.faults().inject(Call::SendEmail, fault);
        for _ in 0..3 {
            handle(&sender, &[due("ada", SLOT)]).await;
        }
        handle(&sender, &[due("bob", SLOT)]).await;
        let (events, letters) = asked(&deployment).await;
        assert_eq!((events.len(), letters), (1, 1), "{what}: {events:#?}");
    }
}

#[tokio::test]
async fn of_two_who_are_claimed_at_once_one_asks() {
    let deployment = unused().await;
    let (other, came) = (deployment.clone(), Arc::new(AtomicBool::new(false)));
    // Ada's claim was put together; Bob's comes before it.
    let interposer = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |_| {
        let (other, first) = (other.clone(), !came.swap(true, Ordering::SeqCst));
        Box::pin(async move {
            if first {
                assert_eq!(handle(&sender(&other).await, &[due("bob", SLOT)]).await.len(), 0);
            }
        })
    })
    .await;
    let sender = sender_at(&interposer.url, &deployment).await;
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
    assert_eq!((mails(&deployment, "ada"), mails(&deployment, "bob")), (1, 1));
    let (events, letters) = asked(&deployment).await;
    assert_eq!((events.len(), letters), (1, 1), "{events:#?}");
}

#[test]
fn what_an_owner_is_told_is_among_the_samples_that_are_looked_at() {
    let company = &perennial_tests::playbook().company;
    let samples = sales_mails(company, "Fernhill Analytics", &[]).expect("the templates can be filled");
    let sample = samples.iter().find(|mail| mail.id == "sales-help").expect("there is one");
    assert_eq!(sample.subject, "Sample Building Materials needs your help with Fernhill Analytics");
    assert!(sample.text.contains("on 3 November 2025 and has not used it since 2 December 2025"), "{}", sample.text);
}

#[tokio::test]
async fn an_owner_is_not_told_to_call_whom_we_have_promised_that_nobody_calls() {
    let deployment = unused().await;
    for (contact, set) in [("ada", "phone"), ("bob", "email")] {
        let off = Change::of(keys::preferences(&ContactId::from(contact)), "SET #channels_off = :off, #rev = :one")
            .with(":off", AttributeValue::Ss(vec![set.to_owned()]))
            .with(":one", number(1));
        assert!(deployment.store.apply("channel off", off).await.expect("the store answers"));
    }
    assert_eq!(handle(&sender(&deployment).await, &[due("ada", SLOT), due("bob", SLOT)]).await.len(), 0);
    settle(&deployment).await;
    let letters = deployment.world.mails().expect("the world remembers");
    let letter = letters.iter().find(|mail| mail.subject.contains("needs your help")).expect("the owner is told");
    let text = letter.text.clone().unwrap_or_default();
    assert!(!text.contains("ada@") && !text.contains("bob@"), "{text}");
    assert_eq!(text.matches("- Wilhelmina Quarterstaff, VP Marketing\n").count(), 1, "Bob may be called: {text}");
}
