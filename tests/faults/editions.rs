//! Translations and variants: what the slot, the tags and the tracked links say of what went out.

use http::Request;
use perennial::deployment::Deployment;
use perennial_domain::nurture::Edition;
use perennial_local::{Call, Fault};
use perennial_platform::links::Purpose;
use perennial_platform::records::SlotState;
use perennial_tests::{at, body, settle, tell};
use serde_json::json;

use crate::one_email::{BEFORE, NOW, SLOT, due, handle, links, mails, sender, slot, world_with};

/// The first piece of the example's first stream; it has a German translation.
const PIECE: &str = "analytics-question-first";

async fn states_locale(deployment: &Deployment, locale: &str, when: &str) {
    let stated = body("contact.identified", at(when), &json!({"contact": "ada", "locale": locale}));
    tell(deployment, &format!("locale-{}", locale.len()), &stated).await;
    settle(deployment).await;
}

#[tokio::test]
async fn a_german_reader_gets_the_translation_and_the_slot_says_so() {
    for (locale, expected) in [("de-AT", Some("de")), ("fr", None)] {
        let deployment = world_with(&["ada"]).await;
        states_locale(&deployment, locale, NOW).await;
        assert_eq!(handle(&sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0);
        let sent = slot(&deployment, "ada", SLOT).await.expect("it was sent");
        assert_eq!((sent.state, sent.edition.as_deref()), (SlotState::Sent, expected), "{locale}");
        assert_eq!(sent.piece.as_deref(), Some(PIECE), "an edition is the same piece");
        let all = deployment.world.mails().expect("the world remembers");
        let [mail] = &all[..] else { panic!("{} mails", all.len()) };
        let tag = mail.tags.iter().find(|(name, _)| name == "variant").map(|(_, value)| value.as_str());
        assert_eq!(tag, expected, "{locale}");
        let html = mail.html.as_deref().expect("an HTML part");
        let language = expected.unwrap_or("en");
        assert!(html.contains(&format!("<html lang=\"{language}\"")), "{locale}");
        let token = html.split("/t/").nth(1).and_then(|rest| rest.split('"').next()).expect("a tracked link");
        let purpose = links().read(token, at(NOW)).expect("a link of ours");
        let Purpose::Click { edition, link, .. } = &purpose else { panic!("{purpose:?}") };
        assert_eq!((*edition == Edition::default(), edition.language(), *link), (expected.is_none(), expected, 0));
        let get = Request::get(format!("/t/{token}")).body(Vec::new().into()).expect("a request");
        let answer = deployment.world.http(get).await.expect("the world goes on");
        let location = answer.headers().get("location").and_then(|location| location.to_str().ok()).unwrap_or_default();
        let known = &deployment.playbook.piece(&PIECE.into()).expect("a piece").links_of(edition)[0];
        assert!(location.starts_with(known.as_str()), "{locale}: {location}");
    }
}

#[tokio::test]
async fn a_slot_that_is_tried_again_tells_of_the_edition_that_went_out() {
    let deployment = world_with(&["ada"]).await;
    states_locale(&deployment, "de-AT", BEFORE).await;
    let sender = sender(&deployment).await;
    // Throttled in every round of a delivery.
    for _ in 0..4 {
        deployment.world.faults().inject(Call::SendEmail, Fault::Throttle);
    }
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 1);
    let tried = slot(&deployment, "ada", SLOT).await.expect("it was tried");
    assert_eq!((tried.state, tried.edition.as_deref()), (SlotState::Retry, Some("de")));
    states_locale(&deployment, "fr", NOW).await;
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
    let sent = slot(&deployment, "ada", SLOT).await.expect("it was sent");
    assert_eq!((sent.state, sent.edition, mails(&deployment, "ada")), (SlotState::Sent, None, 1));
}
