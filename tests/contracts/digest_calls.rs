//! What a morning with a great many new leads costs: one mail of a size that programs show whole, and calls that are counted here.

use std::sync::Arc;

use perennial::deployment::Deployment;
use perennial_platform::keys;
use perennial_platform::records::Digest;
use perennial_platform::store::{Item, number, string};
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::{send, silent_sender};
use perennial_tests::{at, deploy, engagement, introduce, settle, state_by_key, store_at, tally, tell};
use send_nurture_email::SendNurtureEmail;
use serde_json::json;

use crate::desk_calls::{AT_ONCE, Calls, set_field, write};

const LEADS: i64 = 300;
/// So many of them stand in the mail.
const SHOWN: usize = 20;
/// The limit above which a well-known program cuts a mail off is 102 KB.
const MOST_BYTES: usize = 100_000;
const NOW: &str = "2026-01-07T10:00:00Z";
const DATE: &str = "2026-01-08";
const OWNER: &str = "rep-anna";
/// What the model did, each worth a moment in the mail; the last makes it a lead.
const DONE: [&str; 5] = [
    "analytics-infographic",
    "analytics-charts-infographic",
    "analytics-chance-infographic",
    "analytics-checklist",
    "analytics-comparison-checklist",
];

/// A morning on which a rep has so many leads, the last of them the best.
async fn large_morning() -> Deployment {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "model").await;
    for asset in DONE {
        tell(&deployment, asset, &engagement("model", asset, "download", at(NOW))).await;
    }
    settle(&deployment).await;
    let model = state_by_key(&deployment).await;
    let (mut waiting, mut leads): (Vec<Item>, _) = (Vec::new(), std::collections::BTreeSet::new());
    for n in 0..LEADS {
        let id = format!("contact-{n:06}");
        for ((_, sk), item) in model.iter().filter(|((pk, _), _)| pk == "CONTACT#model") {
            let mut item = item.clone();
            item.insert("PK".to_owned(), string(format!("CONTACT#{id}")));
            if sk == keys::PROFILE {
                set_field(&mut item, "first_name", &format!("Number {n}"));
            } else if sk.starts_with(keys::LEAD) {
                item.insert("contact".to_owned(), string(&id));
                item.insert("sort_score".to_owned(), number(n));
                leads.insert(format!("CONTACT#{id}\n{sk}"));
            } else {
                continue;
            }
            waiting.push(item);
        }
        if waiting.len() >= AT_ONCE - 3 {
            write(&deployment, std::mem::take(&mut waiting)).await;
        }
    }
    assert_eq!(leads.len() as i64, LEADS);
    let key = keys::digest(DATE, &OWNER.into());
    let digest = Digest { pk: key.pk, sk: key.sk, owner: OWNER.to_owned(), leads, announced: true };
    waiting.push(serde_dynamo::to_item(digest).expect("an item"));
    write(&deployment, waiting).await;
    deployment
}

#[tokio::test]
async fn a_digest_of_three_hundred_leads_is_one_mail_that_is_shown_whole() {
    let deployment = large_morning().await;
    let calls = Calls::default();
    let of_calls = Arc::clone(&calls);
    let interposer = Interposer::start(
        &deployment.world.endpoints().dynamodb,
        Arc::new(move |operation, request| {
            of_calls.lock().expect("nobody has panicked").push(operation);
            Box::pin(async move { request })
        }),
        Arc::new(|_, _, _| {}),
    )
    .await;
    let desk_url = Some("https://desk.example.com/desk".to_owned());
    let sender =
        SendNurtureEmail { store: store_at(&interposer.url).await, desk_url, ..silent_sender(&deployment).await };
    let message = json!({"detail-type": "DigestReady", "detail": {"owner": OWNER, "date": DATE}});
    for _ in 0..2 {
        assert_eq!(send(&sender, std::slice::from_ref(&message)).await, Vec::<String>::new());
    }
    let mails = deployment.world.mails().expect("the world remembers");
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    assert_eq!(mail.subject, "300 new leads for you, best first");
    let (html, text) = (mail.html.clone().unwrap_or_default(), mail.text.clone().unwrap_or_default());
    assert!(html.len() < MOST_BYTES && html.len() > 20_000, "{} bytes", html.len());
    let shown: Vec<&str> = text.lines().filter(|line| line.starts_with("Number ")).collect();
    assert_eq!(shown.len(), SHOWN, "{text}");
    assert!(shown[0].starts_with("Number 299 ") && shown[19].starts_with("Number 280 "), "{shown:?}");
    assert!(text.contains("\nand 280 more at your desk: https://desk.example.com/desk\n"), "{text}");
    assert!(html.contains("and 280 more at your desk</a>"));
    // Twice: of the second message only what it takes to see that the first has done it.
    let made = tally(std::mem::take(&mut *calls.lock().expect("nobody has panicked")));
    assert!(made.values().sum::<usize>() < 2 * (5 + 5 * SHOWN), "{made:?}");
    assert_eq!(made.get("BatchGetItem"), Some(&6), "{made:?}");
}

#[tokio::test]
async fn without_a_desk_the_mail_says_how_the_others_are_heard_of() {
    let deployment = large_morning().await;
    let sender = silent_sender(&deployment).await;
    let message = json!({"detail-type": "DigestReady", "detail": {"owner": OWNER, "date": DATE}});
    assert_eq!(send(&sender, &[message]).await, Vec::<String>::new());
    let mails = deployment.world.mails().expect("the world remembers");
    let text = mails.into_iter().next().and_then(|mail| mail.text).expect("a mail");
    let more =
        "and 280 more, for which there is no room here: of those that nobody answers you are reminded one by one.";
    assert!(text.contains(more), "{text}");
}
