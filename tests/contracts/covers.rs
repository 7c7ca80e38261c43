//! A cover at the sales desk: sees and answers the leads of whoever is away, and not a day longer.

use std::sync::Arc;

use perennial::deployment::Deployment;
use perennial_local::ClockHandle;
use perennial_platform::keys;
use perennial_platform::records::Lead;
use perennial_playbook::Playbook;
use perennial_tests::desk::{Desk, Page};
use perennial_tests::{at, deploy_with, engagement, introduce, playbook_with, settle, tell};

const BILAL: &str = "bilal.haddad@fernhill.example.com";
/// No colleague of Anna's manager.
const CHEN: &str = "chen.wei@fernhill.example.com";

/// Anna is away for two days; Chen, who covers for her, on the second, with Bilal for a cover.
fn playbook() -> Arc<Playbook> {
    playbook_with(|text| {
        let away = |text: &str, rep: &str, away: &str| {
            let id = format!("id = \"{rep}\"\n");
            assert!(text.contains(&id));
            text.replacen(&id, &format!("{id}away = [{away}]\n"), 1)
        };
        let text = away(text, "rep-anna", r#"{ from = "2026-01-07", to = "2026-01-08", cover = "rep-chen" }"#);
        away(&text, "rep-chen", r#"{ from = "2026-01-08", to = "2026-01-08", cover = "rep-bilal" }"#)
    })
}

async fn lead(deployment: &Deployment) -> Lead {
    let key = keys::lead(&"ada".into(), &"analytics".into(), "2026-Q1".parse().expect("a quarter"));
    deployment.store.get(&key).await.expect("it can be read").expect("there is one")
}

/// What a page says of covers.
fn covers(page: &Page) -> String {
    let said = page.html.split("You cover for ").nth(1).unwrap_or_default();
    let mut text = String::new();
    let mut within = false;
    for letter in said.split("</p>").next().unwrap_or_default().chars() {
        match letter {
            '<' => within = true,
            '>' => within = false,
            _ if !within => text.push(letter),
            _ => {}
        }
    }
    text
}

#[tokio::test]
async fn a_cover_sees_and_answers_the_leads_of_whoever_is_away_and_not_the_day_after() {
    let deployment = deploy_with(ClockHandle::standing_at(at("2026-01-06T10:00:00Z")), playbook()).await;
    introduce(&deployment, "ada").await;
    let request = engagement("ada", "analytics-pricing", "request", at("2026-01-06T10:00:00Z"));
    tell(&deployment, "request", &request).await;
    settle(&deployment).await;
    let mut anna = Desk::sign_in(&deployment, "anna.keller@fernhill.example.com").await;
    let hers = anna.get("/desk").await.expect(200).leads();
    assert_eq!(hers.len(), 1);

    // Who may see her leads at this instant, and what they are told.
    for (now, who, expected) in [
        // The evening before, in Berlin.
        ("2026-01-06T22:59:59Z", CHEN, None),
        ("2026-01-06T22:59:59Z", BILAL, None),
        ("2026-01-06T23:00:00Z", CHEN, Some("Anna Keller until Wed 7 Jan.")),
        ("2026-01-06T23:00:00Z", BILAL, None),
        ("2026-01-07T22:59:59Z", CHEN, Some("Anna Keller until Wed 7 Jan.")),
        ("2026-01-07T23:00:00Z", CHEN, None),
        ("2026-01-07T23:00:00Z", BILAL, Some("Anna Keller until Thu 8 Jan.")),
        ("2026-01-08T22:59:59Z", BILAL, Some("Anna Keller until Thu 8 Jan.")),
        ("2026-01-08T23:00:00Z", BILAL, None),
        ("2026-01-08T23:00:00Z", CHEN, None),
    ] {
        deployment.world.clock().set(at(now));
        let mut desk = Desk::sign_in(&deployment, who).await;
        let own = desk.get("/desk").await.expect(200);
        assert_eq!((covers(&own).as_str(), own.leads().len()), (expected.unwrap_or_default(), 0), "{who} at {now}");
        let link = own.links().into_iter().find(|link| link == "/desk?rep=rep-anna");
        assert_eq!(link.is_some(), expected.is_some(), "{who} at {now}");
        let status = if expected.is_some() { 200 } else { 404 };
        let list = desk.get("/desk?rep=rep-anna").await.expect(status);
        let page = desk.get(&hers[0]).await.expect(status);
        if expected.is_some() {
            assert_eq!((list.leads(), covers(&list).as_str()), (hers.clone(), expected.unwrap_or_default()));
            let until = expected.unwrap_or_default().replace("Anna Keller", "them");
            assert!(page.html.contains(&format!("A lead of Anna Keller. You cover for {until}")), "{}", page.html);
        }
        // Only her own: not the team of somebody above her, and not the lists of others.
        desk.get("/desk?rep=rep-dora").await.expect(404);
        desk.get("/desk/team").await.expect(404);
    }
}

#[tokio::test]
async fn what_a_cover_says_is_said_in_their_name_and_only_while_they_cover() {
    let deployment = deploy_with(ClockHandle::standing_at(at("2026-01-07T10:00:00Z")), playbook()).await;
    introduce(&deployment, "ada").await;
    let request = engagement("ada", "analytics-pricing", "request", at("2026-01-07T10:00:00Z"));
    tell(&deployment, "request", &request).await;
    settle(&deployment).await;
    let mut chen = Desk::sign_in(&deployment, CHEN).await;
    let list = chen.get("/desk?rep=rep-anna").await.expect(200).leads();
    let page = chen.get(&list[0]).await.expect(200);
    // The page is still open when the day is over: the session is of eight hours.
    deployment.world.clock().set(at("2026-01-07T17:00:00Z"));
    let mut late = Desk::sign_in(&deployment, CHEN).await;
    let late_page = late.get(&list[0]).await.expect(200);
    deployment.world.clock().set(at("2026-01-07T23:00:00Z"));
    late.say(&late_page, "touched", &[]).await.expect(404);
    assert_eq!(lead(&deployment).await.stage, "mql");

    deployment.world.clock().set(at("2026-01-07T17:30:00Z"));
    chen.say(&page, "touched", &[]).await.expect(303);
    let touched = lead(&deployment).await;
    let seen = (touched.stage.as_str(), touched.touched_by.as_deref(), touched.owner.as_str());
    assert_eq!(seen, ("touched", Some("rep-chen"), "rep-anna"));
    // It stays Anna's.
    let mut anna = Desk::sign_in(&deployment, "anna.keller@fernhill.example.com").await;
    let hers = anna.get("/desk").await.expect(200);
    assert!(hers.leads() == list && hers.html.contains("Chen Wei is on it"), "{}", hers.html);
}
