//! Every Act Now of the example's six weeks is in its owner's mailbox within a minute.

use jiff::{SignedDuration, Timestamp};
use perennial::account::Rows;
use perennial::example::{DAYS, Story};
use perennial_domain::interest::{FactName, instant};
use perennial_domain::lead::Priority;
use perennial_local::{ClockHandle, Mail};
use perennial_platform::mail::tags;
use perennial_tests::{at, deploy_with, root, whole_playbook};

/// A Monday, and the first day of a cycle.
const START: &str = "2026-10-05T00:00:00Z";
const A_MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn tag(mail: &Mail, name: &str) -> Option<String> {
    mail.tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.clone())
}

/// To whom each hand-off about a contact went, and when.
fn handed_off(mails: &[Mail], contact: &str) -> Vec<(Timestamp, String)> {
    let kinds = ["hand-off", "asked-again"];
    let is_one = |mail: &&Mail| tag(mail, "kind").is_some_and(|kind| kinds.contains(&kind.as_str()));
    let about =
        |mail: &&Mail| tag(mail, tags::CONTACT).and_then(|token| tags::read_token(&token)).as_deref() == Some(contact);
    mails.iter().filter(is_one).filter(about).map(|mail| (mail.at, mail.to.join(", "))).collect()
}

#[tokio::test]
async fn every_act_now_of_the_example_is_mailed_to_its_owner_within_a_minute() {
    let deployment = deploy_with(ClockHandle::standing_at(at(START)), whole_playbook()).await;
    let story = Story::read(&root().join("infra/playbook/example")).expect("the example");
    story.play(&deployment, at(START), |_| {}).await.expect("the story goes on");
    let end = at(START) + SignedDuration::from_hours(24 * DAYS);
    deployment.world.advance_to(end, |_| {}).await.expect("the world goes on");

    let rows = Rows::read(&deployment).await.expect("the tables can be read");
    let mails = deployment.world.mails().expect("the world remembers");
    let is_act_now = |name: &FactName| deployment.playbook.interest.is_act_now(name);
    let mut told = Vec::new();
    for ((contact, product), item) in &rows.interests {
        for (_, second) in item.facts.iter().filter(|(name, _)| is_act_now(name)) {
            let asked_at = instant(second);
            let here = |lead: &&perennial_platform::records::Lead| {
                lead.contact_id() == *contact && lead.product_id() == *product
            };
            // Of an account at risk there is no lead, and nobody is told.
            let Some(lead) = rows.leads.iter().find(here) else {
                let held = rows.held.iter().find(|held| held.contact == contact.as_str());
                told.push(format!("{contact}: held, {}", held.map_or("for no reason", |held| held.reason.as_str())));
                continue;
            };
            assert_eq!(lead.priority(), Priority::ActNow, "{}", lead.name());
            let owner = deployment.playbook.rep(&lead.owner_id()).expect("a rep");
            let in_time = |(sent_at, to): &&(Timestamp, String)| {
                (asked_at..=asked_at + A_MINUTE).contains(sent_at) && *to == owner.email
            };
            let mailed = handed_off(&mails, contact.as_str());
            assert_eq!(mailed.iter().filter(in_time).count(), 1, "{} asked at {asked_at}: {mailed:?}", lead.name());
            let restarted = if lead.asked_again.is_empty() { "" } else { ", again" };
            told.push(format!(
                "{contact} asks for {product} on {}: {}{restarted}",
                asked_at.strftime("%a %-d %b %H:%M"),
                owner.name
            ));
        }
    }
    told.sort();
    expect_test::expect![[r#"
        gamma-director-it asks for automation on Tue 27 Oct 13:30: Chen Wei
        pine-head-it asks for integrations on Tue 13 Oct 11:20: Dora Nagy
        quarry-coo asks for automation on Tue 3 Nov 09:10: Chen Wei
        river-coo asks for analytics on Thu 22 Oct 08:20: Bilal Haddad
        summit-vp-ops asks for automation on Tue 20 Oct 10:30: Dora Nagy"#]]
    .assert_eq(&told.join("\n"));
}
