//! What a contact has said about being reached stands before whoever sells: in every letter, in the event, and in `explain`.

use perennial::account::Rows;
use perennial::deployment::Deployment;
use perennial::explain::explain_person;
use perennial_local::Mail;
use perennial_tests::bus::assert_events_keep_to_their_schemas;
use perennial_tests::{at, clock, deploy, engagement, introduce, settle, tell};
use serde_json::Value;

use super::{ALL, centre, opt_out_link, press};

/// A Friday, an hour before the check at eight in Berlin.
const BEFORE: &str = "2026-01-09T06:00:00Z";
const NO_CALLS: &str = "Wants no calls: please write.";
const NO_MAIL: &str = "Has opted out of mail: please call, and write no more than an answer.";
const NEITHER: &str = "Wants no calls and has opted out of mail: please answer what was asked, and no more.";

async fn does(deployment: &Deployment, contact: &str, asset: &str, action: &str) {
    let now = deployment.world.clock().now();
    tell(deployment, &format!("{asset}-{contact}"), &engagement(contact, asset, action, now)).await;
    settle(deployment).await;
}

/// The mails of a kind to sales.
fn letters(deployment: &Deployment, kind: &str) -> Vec<Mail> {
    let mails = deployment.world.mails().expect("the world remembers").into_iter();
    mails.filter(|mail| mail.tags.contains(&("kind".to_owned(), kind.to_owned()))).collect()
}

/// What both parts of each letter say of how the contact may be reached; they must say the same.
fn said(letters: &[Mail]) -> Vec<Option<&'static str>> {
    let one = |part: &str| [NO_CALLS, NO_MAIL, NEITHER].into_iter().find(|words| part.contains(words));
    let both = |mail: &Mail| {
        let (html, text) = (mail.html.as_deref().unwrap_or_default(), mail.text.as_deref().unwrap_or_default());
        assert_eq!(one(html), one(text), "{text}");
        // Behind headline and greeting; what the contact did may well be called so.
        let opening = text.split("\n\n").nth(2).expect("an opening");
        let own = opening.split('“').map(|part| part.split_once('”').map_or(part, |(_, own)| own));
        let calls = own.collect::<String>().contains(" call");
        assert!(!calls || [None, Some(NO_MAIL)].contains(&one(text)), "it asks for a call that is not wanted: {text}");
        one(text)
    };
    letters.iter().map(both).collect()
}

fn qualified(deployment: &Deployment) -> Vec<Value> {
    let events = deployment.world.bus_events().expect("the world remembers").into_iter().map(|event| event.envelope);
    events.filter(|event| event["detail-type"] == "LeadQualified").map(|event| event["detail"].clone()).collect()
}

/// What is chosen, by which kind of press.
async fn choose(deployment: &Deployment, contact: &str, what: Option<&str>) {
    match what {
        None => {}
        Some(NO_CALLS) => press(deployment, &centre(contact), &ALL.replace("&channel=phone", "")).await,
        Some(NO_MAIL) => press(deployment, &opt_out_link(contact), "").await,
        Some(_) => press(deployment, &centre(contact), "do=unsubscribe").await,
    }
    settle(deployment).await;
}

#[tokio::test]
async fn the_hand_off_and_its_event_say_that_a_call_is_not_wanted() {
    for wants in [None, Some(NO_CALLS)] {
        let deployment = deploy(at(BEFORE)).await;
        introduce(&deployment, "ada").await;
        choose(&deployment, "ada", wants).await;
        // She asks for a price herself.
        does(&deployment, "ada", "analytics-pricing", "request").await;
        let [event] = &qualified(&deployment)[..] else { panic!("one lead") };
        let flags = (event.get("wants_no_calls"), event.get("opted_out_of_mail"));
        assert_eq!(flags, (wants.map(|_| &Value::Bool(true)), None), "{event}");
        assert!(!event.to_string().contains("example.com"), "{event}");
        assert_eq!(said(&letters(&deployment, "hand-off")), [wants]);
        assert_events_keep_to_their_schemas(&deployment);
    }
}

#[tokio::test]
async fn the_digest_and_every_reminder_say_what_was_chosen_since() {
    for wants in [None, Some(NO_CALLS), Some(NO_MAIL), Some(NEITHER)] {
        let deployment = deploy(at(BEFORE)).await;
        introduce(&deployment, "ada").await;
        does(&deployment, "ada", "analytics-guide", "download").await;
        choose(&deployment, "ada", wants).await;
        deployment.world.advance_to(at("2026-02-20T12:00:00Z"), |_| {}).await.expect("the world goes on");
        assert_eq!(said(&letters(&deployment, "digest")), [wants]);
        let reminders = said(&letters(&deployment, "escalation"));
        assert!(reminders.len() >= 3 && reminders.iter().all(|said| *said == wants), "{reminders:?}");

        let rows = Rows::read(&deployment).await.expect("the rows");
        let explained = explain_person(&deployment.playbook, &rows, &"ada".into(), clock(&deployment).now());
        let line = explained.to_string().lines().find(|line| line.starts_with("  reach ")).map(str::to_owned);
        let expected = wants.map(|wants| match wants {
            NO_CALLS => "  reach    wants no calls",
            NO_MAIL => "  reach    has opted out of mail",
            _ => "  reach    wants no calls and has opted out of mail",
        });
        assert_eq!(line.as_deref(), expected);
    }
}
