//! Beyond the inbox: what the company's site may ask, and whose hash leaves for ads. Neither changes anything.

use http::Request;
use perennial::audience::{Exported, export};
use perennial::deployment::{Deployment, address_key};
use perennial_domain::ids::ContactId;
use perennial_domain::nurture::retarget::Audience;
use perennial_platform::address::for_ad_platforms;
use perennial_platform::consent::{self, Channel, Choices};
use perennial_platform::identity::erasing;
use perennial_platform::links::Purpose;
use perennial_tests::{PUBLIC_URL, address_of, at, body, engagement, settle, state_by_key, tell};
use serde_json::{Value, json};

use crate::one_email::{NOW, links, world_with};

/// The contacts, and what became of them since they showed interest in Analytics.
const EVERYBODY: [&str; 9] = ["ada", "asked", "bounced", "gone", "leads", "left", "no-ads", "owner", "risk"];

async fn world() -> Deployment {
    let deployment = world_with(&EVERYBODY).await;
    let (store, key, now) = (&deployment.store, &address_key(), at(NOW));
    tell(&deployment, "asked", &engagement("asked", "analytics-pricing", "request", now)).await;
    for (contact, data) in [
        ("risk", json!({"account": "account-of-risk", "health": "at-risk"})),
        ("owner", json!({"account": "account-of-owner", "owns": {"analytics": "2024-02-01"}})),
    ] {
        tell(&deployment, &format!("is-{contact}"), &body("account.updated", now, &data)).await;
    }
    settle(&deployment).await;
    let of = ContactId::from;
    assert!(consent::bounce(store, key, &of("bounced"), now).await.expect("the store answers"));
    assert!(consent::unsubscribe(store, key, &of("left"), "page", now).await.expect("the store answers"));
    erasing::erase(store, &deployment.ingest.ledger, key, &of("gone"), now).await.expect("the store answers");
    press_no_ads(&deployment, "no-ads").await;
    tell(&deployment, "leads", &engagement("leads", "analytics-guide", "download", now)).await;
    settle(&deployment).await;
    deployment
}

/// The preference centre, with everything ticked but ads.
async fn press_no_ads(deployment: &Deployment, contact: &str) {
    let purpose = Purpose::Preferences { contact: contact.into(), slot: "2026-01-08".to_owned() };
    let url = links().url(&purpose, at(NOW));
    let path = url.strip_prefix(PUBLIC_URL).expect("our own link");
    let form = "shown=numbers&topic=numbers&frequency=as-often&channel=email&channel=phone&pause=none&do=save";
    let post = Request::post(path).body(form.as_bytes().to_vec().into()).expect("a request");
    assert_eq!(deployment.world.http(post).await.expect("the world goes on").status(), 200);
    let rows = deployment.store.contact(&contact.into()).await.expect("the store answers");
    let choices: Choices = rows.preferences.expect("it chose").choices();
    assert_eq!(choices.channels_off, [Channel::Ads].into());
    settle(deployment).await;
}

/// Status, the site that may read it, whether it may be kept, and the answer.
async fn ask(deployment: &Deployment, path: &str) -> (u16, String, String, Value) {
    let get = Request::get(path).body(Vec::new().into()).expect("a request");
    let answer = deployment.world.http(get).await.expect("the world goes on");
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (site, kept) = (header("access-control-allow-origin"), header("cache-control"));
    (answer.status().as_u16(), site, kept, serde_json::from_slice(answer.body()).expect("JSON"))
}

fn offer_path(contact: &str) -> String {
    format!("/o/{}", links().token(&Purpose::Offer { contact: contact.into() }, at(NOW)))
}

#[tokio::test]
async fn the_site_learns_what_to_offer_and_nothing_that_we_think_of_a_customer() {
    let deployment = world().await;
    let site = deployment.playbook.company.site.clone();
    let before = state_by_key(&deployment).await;
    let told = perennial_tests::ledger_rows(&deployment).await.len();
    let sheet = json!({
        "offer": {
            "asset": "analytics-decision-template",
            "title": "Decision sheet for a numbers meeting (template)",
            "url": deployment.playbook.piece(&"analytics-decision-sheet".into()).expect("a piece").links()[0],
            "product": "analytics",
        },
        "reason": "interest",
    });
    let nothing = json!({"offer": null, "reason": "nothing to offer"});
    let not_wanted = json!({"offer": null, "reason": "not wanted"});
    for (contact, expected) in [
        ("ada", &sheet),
        ("asked", &nothing),
        ("leads", &nothing),
        ("owner", &nothing),
        ("risk", &nothing),
        ("nobody-knows", &nothing),
        ("no-ads", &not_wanted),
        ("left", &not_wanted),
        ("bounced", &not_wanted),
        ("gone", &not_wanted),
    ] {
        let answer = ask(&deployment, &offer_path(contact)).await;
        assert_eq!(answer, (200, site.clone(), "no-store".to_owned(), expected.clone()), "{contact}");
    }
    let click = Purpose::Click {
        contact: "ada".into(),
        slot: "2026-01-08".to_owned(),
        piece: "analytics-decision-sheet".into(),
        edition: perennial_domain::nurture::Edition::default(),
        link: 0,
    };
    let opt_out = Purpose::Unsubscribe { contact: "ada".into(), slot: "2026-01-08".to_owned() };
    for token in ["AAAA".to_owned(), links().token(&click, at(NOW)), links().token(&opt_out, at(NOW))] {
        let (status, allowed, _, answer) = ask(&deployment, &format!("/o/{token}")).await;
        assert_eq!((status, allowed.as_str(), &answer["offer"]), (404, site.as_str(), &Value::Null));
    }
    deployment.world.clock().set(at("2026-02-08T08:00:01Z"));
    assert_eq!(ask(&deployment, &offer_path("ada")).await.0, 410);
    assert_eq!(state_by_key(&deployment).await, before, "asking changes nothing");
    assert_eq!(perennial_tests::ledger_rows(&deployment).await.len(), told, "and is not recorded");
}

async fn exported(deployment: &Deployment, audience: Audience<'_>) -> Exported {
    let (store, playbook) = (&deployment.store, &deployment.playbook);
    export(store, &address_key(), playbook, audience, at(NOW), &mut |_, _, _| {}).await.expect("the table can be read")
}

#[tokio::test]
async fn an_audience_holds_the_hashes_of_those_who_may_be_reached_and_says_why_others_are_left_out() {
    let deployment = world().await;
    let before = state_by_key(&deployment).await;
    let stream = deployment.playbook.nurture.streams.iter().find(|stream| stream.id.as_str() == "discover-analytics");
    let of_stream = exported(&deployment, Audience::Stream(stream.expect("a stream"))).await;
    assert_eq!(of_stream.sha256, [for_ad_platforms(&address_of("ada"))].into());
    expect_test::expect![[r"
        8 contacts = 1 in the audience + 7 left out
              2  sales has an open lead
              1  unsubscribed
              1  address suppressed
              1  wants no ads
              1  account at risk
              1  not in it
    "]]
    .assert_eq(&of_stream.to_string());
    assert_eq!(of_stream.csv(), format!("sha256_email\n{}\n", for_ad_platforms(" ADA@juniper.example.com")));
    assert!(!serde_json::to_string(&of_stream).expect("JSON").contains("example.com"), "no address");

    let executives = deployment.playbook.segments.iter().find(|segment| segment.id.as_str() == "leadership");
    let of_segment = exported(&deployment, Audience::Segment(&executives.expect("a segment").when)).await;
    // Not at risk: an ad sells, whatever the segment is about.
    let reached = ["ada", "asked", "leads", "owner"].map(|contact| for_ad_platforms(&address_of(contact)));
    assert_eq!((of_segment.contacts, of_segment.members), (8, 4), "{of_segment}");
    assert_eq!(of_segment.sha256, reached.into());
    assert_eq!(state_by_key(&deployment).await, before, "an export changes nothing");
}
