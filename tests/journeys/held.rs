//! A qualification that waits becomes a lead on the day its reason ends: in virtual time, by the schedules of the template.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use perennial::deployment::Deployment;
use perennial_domain::interest::instant;
use perennial_platform::identity::profiles;
use perennial_platform::keys;
use perennial_platform::records::Lead;
use perennial_tests::{at, body, engagement, settle, tell};
use serde_json::{Value, json};

use crate::open_world;

const START: &str = "2026-03-02T09:00:00Z";

/// Somebody whose account is as usual but for this, and who reads the long guide.
async fn reads_the_guide(deployment: &Deployment, contact: &str, account: Value) {
    let now = deployment.world.clock().now();
    let mut data = json!({
        "account": format!("account-of-{contact}"), "health": "good", "owner": "rep-anna", "customer_since": "2024-01-15",
    });
    let (Value::Object(usual), Value::Object(other)) = (&mut data, account) else { panic!("fields") };
    usual.extend(other);
    tell(deployment, &format!("account-{contact}"), &body("account.updated", now, &data)).await;
    let data = json!({
        "contact": contact, "account": format!("account-of-{contact}"), "email": format!("{contact}@example.com"),
        "first_name": contact,
    });
    tell(deployment, &format!("identified-{contact}"), &body("contact.identified", now, &data)).await;
    settle(deployment).await;
    let read = engagement(contact, "analytics-guide", "download", now);
    tell(deployment, &format!("guide-{contact}-{now}"), &read).await;
    settle(deployment).await;
}

async fn goes_on_to(deployment: &Deployment, until: &str) {
    deployment.world.advance_to(at(until), |_| {}).await.expect("the world goes on");
}

/// When the newest lead of a contact was made, in Berlin.
async fn made(deployment: &Deployment, contact: &str) -> Option<String> {
    let rows = deployment.store.contact(&contact.into()).await.expect("the contact can be read");
    let newest = rows.leads.iter().map(|lead: &Lead| lead.qualified_at).max()?;
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
    Some(instant(newest).to_zoned(berlin).strftime("%Y-%m-%d %H:%M").to_string())
}

/// On which day, in Berlin, Anna's digest named somebody.
fn digests_with(deployment: &Deployment, name: &str) -> Vec<String> {
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    let digests = mails.filter(|mail| mail.tags.contains(&("kind".to_owned(), "digest".to_owned())));
    let of = digests.filter(|mail| mail.text.as_deref().unwrap_or_default().contains(name));
    let day = |at: Timestamp| at.to_zoned(berlin.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    of.map(|mail| day(mail.at)).collect()
}

#[tokio::test]
async fn what_waits_becomes_a_lead_on_the_day_its_reason_ends() {
    let deployment = open_world(at(START)).await;
    reads_the_guide(&deployment, "Rita", json!({"health": "at-risk"})).await;
    reads_the_guide(&deployment, "Rolf", json!({"health": "at-risk"})).await;
    // Six months, 183 days in this playbook, are over on Tuesday 7 July.
    reads_the_guide(&deployment, "Nora", json!({"customer_since": "2026-01-05"})).await;
    // Sales gives it back on the same day, until Wednesday 10 June.
    reads_the_guide(&deployment, "Ugo", json!({})).await;
    let said = json!({"contact": "Ugo", "product": "analytics", "by": "rep-anna", "until": "2026-06-10"});
    tell(&deployment, "given-back", &body("lead.rejected", at(START), &said)).await;
    settle(&deployment).await;
    for waits in ["Rita", "Rolf", "Nora"] {
        assert_eq!(made(&deployment, waits).await, None, "{waits}");
    }

    goes_on_to(&deployment, "2026-03-12T13:00:00Z").await;
    let good = json!({"account": "account-of-Rita", "health": "good"});
    tell(&deployment, "good-again", &body("account.updated", at("2026-03-12T13:00:00Z"), &good)).await;
    settle(&deployment).await;
    assert_eq!(made(&deployment, "Rita").await.as_deref(), Some("2026-03-12 14:00"), "at once");
    // Of Rolf's account the same is known, but whoever was to tell of it died: the next morning's run finds it.
    let account = keys::account_profile(&"account-of-Rolf".into());
    let good = [("health".to_owned(), "good".to_owned())].into();
    let at_noon = at("2026-03-12T13:00:00Z").as_second();
    assert_eq!(profiles::update_account(&deployment.store, &account, &good, at_noon).await.ok(), Some(true));
    goes_on_to(&deployment, "2026-03-13T12:00:00Z").await;
    assert_eq!(made(&deployment, "Rolf").await.as_deref(), Some("2026-03-13 07:00"));
    for back in ["Rita", "Rolf"] {
        assert_eq!(digests_with(&deployment, back), ["2026-03-13 08:00"], "{back}");
    }

    goes_on_to(&deployment, "2026-05-04T09:00:00Z").await;
    let read = engagement("Ugo", "analytics-guide", "download", at("2026-05-04T09:00:00Z"));
    tell(&deployment, "guide-in-may", &read).await;
    goes_on_to(&deployment, "2026-06-09T23:00:00Z").await;
    assert_eq!(made(&deployment, "Ugo").await.as_deref(), Some("2026-03-02 10:00"), "nothing new before the day");
    goes_on_to(&deployment, "2026-06-10T12:00:00Z").await;
    assert_eq!(made(&deployment, "Ugo").await.as_deref(), Some("2026-06-10 07:00"));
    assert_eq!(digests_with(&deployment, "Ugo"), ["2026-06-10 08:00"], "what was given back at once is in none");

    goes_on_to(&deployment, "2026-07-06T23:00:00Z").await;
    assert_eq!(made(&deployment, "Nora").await, None, "not on the day before");
    goes_on_to(&deployment, "2026-07-07T12:00:00Z").await;
    assert_eq!(made(&deployment, "Nora").await.as_deref(), Some("2026-07-07 07:00"));
    assert_eq!(digests_with(&deployment, "Nora"), ["2026-07-07 08:00"]);
    assert!(deployment.world.dead_letters().expect("the world remembers").is_empty());
}
