//! What a lead holds and tells when it is made, and what is heard at once of those that wait.

use perennial::account::Rows;
use perennial::deployment::Deployment;
use perennial::explain::explain;
use perennial_platform::records::Lead;
use perennial_tests::bus::assert_events_keep_to_their_schemas;
use perennial_tests::desk::Desk;
use perennial_tests::{at, body, deploy, engagement, introduce, settle, tell};
use serde_json::{Value, json};

const NOW: &str = "2026-03-02T10:00:00Z";

async fn does(deployment: &Deployment, contact: &str, action: &str, asset: &str, when: &str) {
    let told = engagement(contact, asset, action, at(when));
    tell(deployment, &format!("{contact}-{asset}-{action}-{when}"), &told).await;
    settle(deployment).await;
}

async fn leads(deployment: &Deployment, contact: &str) -> Vec<Lead> {
    deployment.store.contact(&contact.into()).await.expect("the contact can be read").leads
}

/// The details of all events of a kind.
fn told(deployment: &Deployment, kind: &str) -> Vec<Value> {
    let events = deployment.world.bus_events().expect("the world remembers").into_iter().map(|event| event.envelope);
    events.filter(|event| event["detail-type"] == kind).map(|event| event["detail"].clone()).collect()
}

#[tokio::test]
async fn that_it_is_an_upsell_stands_in_the_event_at_the_desk_and_in_its_explanation() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    // Of Integrations, which they own, and of Analytics, which they do not.
    does(&deployment, "ada", "request", "integrations-pricing", NOW).await;
    does(&deployment, "ada", "request", "analytics-pricing", NOW).await;
    let kinds: Vec<_> = told(&deployment, "LeadQualified")
        .iter()
        .map(|event| (event["product"].clone(), event["kind"].clone(), event["priority"].clone()))
        .collect();
    let expected = [("integrations", "upsell"), ("analytics", "cross-sell")];
    assert_eq!(kinds, expected.map(|(product, kind)| (json!(product), json!(kind), json!("act-now"))));
    assert_events_keep_to_their_schemas(&deployment);

    let mut desk = Desk::sign_in(&deployment, "anna.keller@fernhill.example.com").await;
    let list = desk.get("/desk").await.expect(200);
    let row = |product: &str| {
        let rows = list.html.split("<li class=\"card lead\">").skip(1);
        let mut of = rows.filter(|row| row.contains(&format!("<b>{product}</b>")));
        of.next().expect("a row").contains("<span class=\"badge\">Upsell</span>")
    };
    assert_eq!((row("Fernhill Integrations"), row("Fernhill Analytics")), (true, false));
    let mut upsells = Vec::new();
    for lead in list.leads() {
        upsells.push(desk.get(&lead).await.expect(200).html.contains("Upsell: they own it already"));
    }
    upsells.sort_unstable();
    assert_eq!(upsells, [false, true]);

    let rows = Rows::read(&deployment).await.expect("the rows");
    let stars = |product: &str| {
        let explained = explain(&deployment.playbook, &rows, &"ada".into(), &product.into(), at(NOW));
        let text = explained.expect("there are facts").to_string();
        text.lines().filter(|line| line.contains('★')).map(|line| line.trim().to_owned()).collect::<Vec<_>>().concat()
    };
    let (upsell, cross_sell) = (stars("integrations"), stars("analytics"));
    assert!(upsell.starts_with("★ upsell lead of 2026-Q1: Act Now"), "{upsell}");
    assert!(cross_sell.starts_with("★ lead of 2026-Q1: Act Now"), "{cross_sell}");
}

#[tokio::test]
async fn its_moments_are_what_made_it_and_what_else_was_done_lately() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    for (action, asset, when) in [
        // Four weeks and an hour ago; four weeks ago; worth nothing; after it.
        ("attend", "integrations-webinar", "2026-02-02T09:00:00Z"),
        ("attend", "automation-webinar", "2026-02-02T10:00:00Z"),
        ("download", "support-plus-checklist", "2026-02-20T10:00:00Z"),
        ("view", "support-plus-infographic", "2026-02-21T10:00:00Z"),
        ("attend", "analytics-webinar", "2026-02-23T10:00:00Z"),
        ("register", "analytics-webinar", "2026-02-23T10:00:01Z"),
    ] {
        does(&deployment, "ada", action, asset, when).await;
    }
    does(&deployment, "ada", "download", "automation-checklist", NOW).await;
    let [lead] = &leads(&deployment, "ada").await[..] else { panic!("one lead") };
    let words = |moments: &[perennial_platform::records::Evidence]| {
        let one = |moment: &perennial_platform::records::Evidence| format!("{} {}", moment.action, moment.asset);
        moments.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(words(&lead.evidence), ["attend analytics-webinar", "register analytics-webinar"]);
    assert_eq!(words(&lead.besides), ["attend automation-webinar", "download support-plus-checklist"]);
    let newest_first: Vec<&str> = lead.moments().iter().map(|moment| moment.asset.as_str()).collect();
    assert_eq!(
        newest_first,
        ["analytics-webinar", "analytics-webinar", "support-plus-checklist", "automation-webinar"]
    );
    assert_eq!(lead.moments()[0].action, "register");
}

#[tokio::test]
async fn an_opt_out_under_another_id_of_the_same_address_is_told() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    let same = json!({"contact": "ada-at-home", "email": "ADA@juniper.example.com"});
    tell(&deployment, "same-address", &body("contact.identified", at(NOW), &same)).await;
    settle(&deployment).await;
    for (asset, opted_out) in [("analytics-pricing", None), ("automation-pricing", Some(true))] {
        if opted_out.is_some() {
            let said = json!({"contact": "ada-at-home"});
            tell(&deployment, "opts-out", &body("email.unsubscribed", at(NOW), &said)).await;
            settle(&deployment).await;
        }
        does(&deployment, "ada", "request", asset, NOW).await;
        let events = told(&deployment, "LeadQualified");
        let event = events.last().expect("an event");
        assert_eq!(event["opted_out_of_mail"].as_bool(), opted_out, "{event}");
        assert!(event.get("wants_no_calls").is_none(), "{event}");
    }
}

/// The account of [`introduce`]d `ada`, told of again.
async fn account(deployment: &Deployment, id: &str, mut fields: Value) {
    fields["account"] = json!("account-of-ada");
    tell(deployment, id, &body("account.updated", deployment.world.clock().now(), &fields)).await;
    settle(deployment).await;
}

#[tokio::test]
async fn good_news_of_an_account_is_heard_by_everybody_who_waits_there_and_by_nobody_else() {
    let deployment = deploy(at(NOW)).await;
    for contact in ["ada", "zoe"] {
        introduce(&deployment, contact).await;
    }
    let colleague = json!({"contact": "bob", "account": "account-of-ada"});
    tell(&deployment, "bob", &body("contact.identified", at(NOW), &colleague)).await;
    deployment.world.clock().set(at("2026-03-02T11:00:00Z"));
    account(&deployment, "at-risk", json!({"health": "at-risk"})).await;
    let zoes = json!({"account": "account-of-zoe", "health": "at-risk"});
    tell(&deployment, "zoes-at-risk", &body("account.updated", at("2026-03-02T11:00:00Z"), &zoes)).await;
    settle(&deployment).await;
    for (contact, asset) in [
        ("ada", "analytics-guide"),
        ("ada", "automation-guide"),
        ("bob", "analytics-guide"),
        ("zoe", "analytics-guide"),
    ] {
        does(&deployment, contact, "download", asset, NOW).await;
    }
    let heard = || told(&deployment, "ThresholdReached").len();
    assert_eq!(heard(), 4);
    // What says nothing that anybody waits for is not told of: the same again, as every night, and what was used.
    deployment.world.clock().set(at("2026-03-03T10:00:00Z"));
    account(&deployment, "the-same", json!({"health": "at-risk", "owner": "rep-anna"})).await;
    account(&deployment, "used", json!({"used": {"integrations": "2026-03-03"}})).await;
    assert_eq!(heard(), 4);

    account(&deployment, "good", json!({"health": "good"})).await;
    assert_eq!(heard(), 7);
    let made = async |contact: &str| leads(&deployment, contact).await.len();
    assert_eq!([made("ada").await, made("bob").await, made("zoe").await], [2, 1, 0]);
    // Nobody waits there any more.
    account(&deployment, "new-owner", json!({"owner": "rep-bilal"})).await;
    assert_eq!(heard(), 7);
}

#[tokio::test]
async fn who_read_before_anybody_knew_them_is_a_lead_as_soon_as_they_are_known() {
    let deployment = deploy(at(NOW)).await;
    introduce(&deployment, "ada").await;
    does(&deployment, "visitor", "download", "analytics-guide", NOW).await;
    assert_eq!(leads(&deployment, "visitor").await.len(), 0);
    let merged = json!({"from": "visitor", "contact": "ada"});
    tell(&deployment, "merged", &body("contact.merged", at(NOW), &merged)).await;
    settle(&deployment).await;
    let made: Vec<_> = leads(&deployment, "ada").await.iter().map(|lead| lead.priority.clone()).collect();
    assert_eq!(made, ["hot"]);
    let rows = deployment.store.contact(&"ada".into()).await.expect("the contact can be read");
    assert_eq!(rows.held.len(), 0);
}
