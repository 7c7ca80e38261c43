//! What Amazon SES tells of mail, in events of every kind that its developer guide lists, with values of our own: each becomes
//! what we decide on, and no address is shown.

use std::collections::BTreeSet;

use expect_test::expect;
use perennial::ses::judge::MUST_BE_TOLD;
use perennial_platform::mail::events::{MailEvent, read};
use perennial_platform::mail::tags::About;
use perennial_tests::root;
use serde_json::{Value, json};

fn corpus() -> Vec<(String, String)> {
    let folder = root().join("tests/fixtures/mail-events");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .map(|file| (file.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(file).unwrap()))
        .collect();
    files.sort();
    files
}

fn line(name: &str, event: Option<&MailEvent>) -> String {
    let Some(MailEvent { happened, at, recipients, about, .. }) = event else { return format!("{name}: nothing\n") };
    let About { nurture, contact, slot, .. } = about;
    let to: Vec<&str> = recipients.iter().map(|recipient| recipient.address()).collect();
    let slot = slot.as_ref().map_or("no slot".to_owned(), |key| format!("{} {}", key.pk, key.sk));
    let contact = contact.as_ref().map_or("nobody", |contact| contact.as_str());
    let whose = if *nurture { "nurture" } else { "other" };
    format!("{name}: {happened:?} at {at} to {}; {whose}, {contact}, {slot}\n", to.join(" "))
}

#[test]
fn every_kind_of_event_is_understood() {
    let events = corpus().into_iter().map(|(name, json)| line(&name, read(&json).unwrap().as_ref()));
    expect![[r#"
        01-send: Sent at 2026-01-08T08:00:00.412Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        02-delivery: Delivered at 2026-01-08T08:00:02.107Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        03-bounce-permanent: Bounced { listed: false } at 2026-01-08T08:00:03.5Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        04-bounce-on-the-account-s-list: Bounced { listed: true } at 2026-01-08T08:00:03.5Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        05-bounce-mailbox-full: BouncedSoftly at 2026-01-08T08:00:03.5Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        06-bounce-undetermined: BouncedSoftly at 2026-01-08T08:00:03.5Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        07-complaint: Complained { listed: false } at 2026-01-08T09:12:44Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        08-complaint-on-the-account-s-list: Complained { listed: true } at 2026-01-08T09:12:44Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        09-complaint-not-spam: CalledNoSpam at 2026-01-08T09:12:44Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        10-complaint-without-recipients: Complained { listed: false } at 2026-01-08T09:12:44Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        11-reject: Rejected at 2026-01-08T08:00:00.412Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        12-open: Opened at 2026-01-08T10:30:00.25Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        13-click: Clicked at 2026-01-08T10:31:07.915Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        14-rendering-failure: NotRendered at 2026-01-08T08:00:00.412Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        15-delivery-delay: Delayed at 2026-01-08T08:40:10Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        16-subscription: Subscribed at 2026-01-08T08:00:00.412Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        17-mail-to-sales-bounced: Bounced { listed: false } at 2026-01-08T08:00:03.5Z to anna.keller@fernhill.example.com; other, nobody, DIGEST#2026-01-08 SLOT#rep-anna
        18-of-another-sender-without-tags: Delivered at 2026-01-08T08:00:02.107Z to ada@juniper.example.com; other, nobody, no slot
        19-in-the-envelope-of-sns: Delivered at 2026-01-08T08:00:02.107Z to ada@juniper.example.com; nurture, acme/42, CONTACT#acme/42 SLOT#2026-01-08
        20-greeting-in-the-envelope: nothing
    "#]].assert_eq(&events.collect::<String>());
}

#[test]
fn what_the_stack_has_ses_tell_is_what_the_check_of_a_sender_asks_for_and_each_kind_is_understood() {
    let text = std::fs::read_to_string(root().join("infra/sam/template.yaml")).expect("the template");
    let template = perennial_local::read_template(&text).expect("YAML");
    let told = template["Resources"]["MailEvents"]["Properties"]["EventDestination"]["MatchingEventTypes"].clone();
    let told: Vec<String> = serde_json::from_value(told).expect("texts");
    // CloudFormation begins words with capitals, the API has a dash between them.
    let in_the_api = |kind: &String| {
        let apart = kind.chars().flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c]));
        apart.collect::<String>().to_ascii_uppercase()
    };
    assert_eq!(told.iter().map(in_the_api).collect::<BTreeSet<_>>(), MUST_BE_TOLD.map(str::to_owned).into());
    let plain = |text: &str| text.replace([' ', '_'], "").to_ascii_lowercase();
    let understood: BTreeSet<String> = corpus()
        .iter()
        .filter(|(_, json)| read(json).is_ok_and(|event| event.is_some()))
        .filter_map(|(_, json)| serde_json::from_str::<Value>(json).ok()?["eventType"].as_str().map(plain))
        .collect();
    let unheard: Vec<&str> = MUST_BE_TOLD.into_iter().filter(|kind| !understood.contains(&plain(kind))).collect();
    assert_eq!(unheard, Vec::<&str>::new(), "of these the corpus has no event");
}

#[test]
fn an_event_shows_no_address() {
    for (name, json) in corpus() {
        let shown = format!("{:?}", read(&json).unwrap());
        assert!(!shown.contains('@'), "{name}: {shown}");
    }
}

#[test]
fn an_event_is_the_same_however_it_is_delivered_and_another_one_is_not() {
    let corpus = corpus();
    let event = |name: &str| {
        let json = &corpus.iter().find(|(known, _)| known.ends_with(name)).unwrap().1;
        read(json).unwrap().unwrap()
    };
    assert_eq!(event("02-delivery").identity("hash"), event("in-the-envelope-of-sns").identity("hash"));
    let mut identities: Vec<String> =
        corpus.iter().filter_map(|(_, json)| read(json).unwrap()).map(|event| event.identity("hash")).collect();
    let all = identities.len();
    identities.sort();
    identities.dedup();
    // The enveloped one, the one without tags, and the same bounce and complaint under further headings.
    assert!(identities.len() < all && identities.len() >= 11, "{identities:#?}");
    assert_ne!(event("02-delivery").identity("one"), event("02-delivery").identity("another"));
}

#[test]
fn what_is_no_event_is_refused_without_being_repeated() {
    let sound: Value = serde_json::from_str(&corpus()[1].1).unwrap();
    let without = |field: &str| {
        let mut event = sound.clone();
        event.as_object_mut().unwrap().remove(field);
        event.to_string()
    };
    let with = |field: &str, value: Value| {
        let mut event = sound.clone();
        event[field] = value;
        event.to_string()
    };
    for (what, body) in [
        ("empty", String::new()),
        ("no JSON", "ada@juniper.example.com".to_owned()),
        ("a list", "[]".to_owned()),
        ("nothing of SES", json!({"hello": "world"}).to_string()),
        ("a question of SNS", json!({"Type": "SubscriptionConfirmation", "Message": "please"}).to_string()),
        ("an envelope of something else", json!({"Type": "Notification", "Message": "hello"}).to_string()),
        ("a kind of its own", with("eventType", json!("Levitation"))),
        ("a delivery without its object", without("delivery")),
        ("no mail", without("mail")),
        ("a time that is none", with("delivery", json!({"timestamp": "yesterday"}))),
        (
            "no recipient at all",
            with("mail", json!({"timestamp": "2026-01-08T08:00:00Z", "messageId": "1"}))
                .replace("ada@juniper.example.com", ""),
        ),
    ] {
        let refused = read(&body).map(|event| event.is_some()).unwrap_err().to_string();
        assert!(refused.starts_with("input cannot be understood: mail event: "), "{what}: {refused}");
        assert!(!refused.contains('@') && !refused.contains("Levitation"), "{what}: {refused}");
    }
    assert_eq!(read("Successfully validated SNS topic for Amazon SES event publishing.").unwrap(), None);
}
