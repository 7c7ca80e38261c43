use std::path::Path;
use std::sync::OnceLock;

use expect_test::{Expect, expect, expect_file};
use jiff::Timestamp;
use perennial_domain::nurture::wishes::Frequency;
use perennial_platform::consent::{Channel, Choices, Standing};
use perennial_platform::contact::ContactRows;
use perennial_platform::records::{Cadence, Field, Profile, day_number};
use perennial_playbook::Playbook;
use proptest::prelude::*;

use super::form::{Pressed, is_one_click, read};
use super::offer::Offer;
use super::{form, saved, words};
use crate::page::tests::body;

const NOW: &str = "2026-11-21T09:00:00Z";

fn playbook() -> &'static Playbook {
    static PLAYBOOK: OnceLock<Playbook> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/playbook");
    PLAYBOOK.get_or_init(|| Playbook::load(&folder).unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Somebody who got a mail the day before.
fn standing() -> Standing {
    let last_mail_day = Some(day_number("2026-11-20".parse().unwrap()));
    let cadence = Some(Cadence { last_mail_day, ..Cadence::default() });
    Standing { rows: ContactRows { cadence, ..ContactRows::default() }, opted_out: false, unreachable: false }
}

fn ada() -> Profile {
    let email = Field { v: "ada@example.com".to_owned(), t: 0, s: None };
    let (pk, sk) = ("CONTACT#ada".to_owned(), "PROFILE".to_owned());
    Profile { pk, sk, rev: 1, fields: [("email".to_owned(), email)].into(), at_risk: false, shares_address_with: None }
}

fn offer(standing: &Standing, choices: Choices) -> Offer<'_> {
    Offer { playbook: playbook(), standing, choices, now: at(NOW) }
}

fn paused() -> Choices {
    Choices {
        topics_off: ["calm-support".into(), "connections".into(), "gone".into()].into(),
        frequency: Frequency::Fortnightly,
        channels_off: [Channel::Ads].into(),
        paused_until: Some(at("2026-12-31T23:00:00Z")),
    }
}

#[test]
fn the_pages_of_the_preference_centre() {
    let (fresh, gone) = (standing(), Standing { opted_out: true, ..standing() });
    let shown = |offer: Offer<'_>| body(form(200, &offer, None));
    expect_file!["../../snapshots/preferences.html"].assert_eq(&shown(offer(&fresh, Choices::default())));
    expect_file!["../../snapshots/preferences-paused.html"].assert_eq(&shown(offer(&fresh, paused())));
    expect_file!["../../snapshots/preferences-opted-out.html"].assert_eq(&shown(offer(&gone, Choices::default())));
    let on_a_break =
        Standing { rows: ContactRows { profile: Some(ada()), ..standing().rows }, opted_out: true, ..standing() };
    expect_file!["../../snapshots/preferences-opted-out-paused.html"].assert_eq(&shown(offer(&on_a_break, paused())));
    let unreachable = Standing { unreachable: true, opted_out: true, ..standing() };
    expect_file!["../../snapshots/preferences-unreachable.html"].assert_eq(&shown(offer(&unreachable, paused())));
    let wrong = read(b"do=save&frequency=hourly&pause=none", &offer(&fresh, Choices::default())).unwrap_err();
    let page = body(form(400, &offer(&fresh, Choices::default()), Some(&wrong)));
    expect_file!["../../snapshots/preferences-wrong.html"].assert_eq(&page);
    let page = body(saved("Your choices are saved", &offer(&fresh, paused()), "token"));
    expect_file!["../../snapshots/saved.html"].assert_eq(&page);
}

#[test]
fn it_says_what_will_happen_now() {
    let check = |change: fn(&mut Standing), choices: Choices, expected: Expect| {
        let mut standing = standing();
        change(&mut standing);
        expected.assert_eq(&words::outlook(&offer(&standing, choices)).join("\n"));
    };
    let nothing = |_: &mut Standing| {};
    let fortnightly = || Choices { frequency: Frequency::Fortnightly, ..Choices::default() };
    check(
        nothing,
        Choices::default(),
        expect![[r#"
        You will get at most one email a week, about all our topics; the next not before 27 November.
        We may call you, and choose ads for you on other sites.
        Messages about your contract or support are not affected."#]],
    );
    check(
        nothing,
        fortnightly(),
        expect![[r#"
        You will get at most one email every two weeks, about all our topics; the next not before 4 December.
        We may call you, and choose ads for you on other sites.
        Messages about your contract or support are not affected."#]],
    );
    check(
        |standing| standing.rows.cadence = None,
        fortnightly(),
        expect![[r#"
        You will get at most one email every two weeks, about all our topics.
        We may call you, and choose ads for you on other sites.
        Messages about your contract or support are not affected."#]],
    );
    check(
        nothing,
        Choices { frequency: Frequency::Monthly, ..paused() },
        expect![[r#"
        You will get at most one email every four weeks, about “Numbers and reports”, “Work that runs by itself” and “More from what you have”; the next not before 1 January 2027.
        We may call you. We take you off our lists for ads the next time they are renewed.
        Messages about your contract or support are not affected."#]],
    );
    check(
        nothing,
        Choices { paused_until: Some(at(NOW)), ..paused() },
        expect![[r#"
        You will get at most one email every two weeks, about “Numbers and reports”, “Work that runs by itself” and “More from what you have”; the next not before 4 December.
        We may call you. We take you off our lists for ads the next time they are renewed.
        Messages about your contract or support are not affected."#]],
    );
    let topics_off = playbook().topics().iter().map(|topic| topic.id.clone()).collect();
    check(
        nothing,
        Choices { topics_off, ..Choices::default() },
        expect![[r#"
            You will get no emails: none of our topics is ticked.
            We may call you, and choose ads for you on other sites.
            Messages about your contract or support are not affected."#]],
    );
    check(
        nothing,
        Choices { channels_off: [Channel::Email].into(), ..paused() },
        expect![[r#"
        You will get no emails from us: Email is not among the ways to reach you.
        We may call you, and choose ads for you on other sites.
        Messages about your contract or support are not affected."#]],
    );
    check(
        |standing| standing.unreachable = true,
        Choices::default(),
        expect![[r#"
            We cannot write to you: mail to your address came back, or was reported. Tell your contact with us if you have another address.
            We may call you. We take you off our lists for ads the next time they are renewed.
            Messages about your contract or support are not affected."#]],
    );
    check(
        |standing| standing.opted_out = true,
        Choices { channels_off: Channel::ALL.into(), ..Choices::default() },
        expect![[r#"
            Fernhill Software sends you no more of these emails, from this moment on.
            We do not call you to sell anything, and take you off our lists for ads the next time they are renewed.
            Messages about your contract or support are not affected."#]],
    );
    // Whoever has opted out of mail is on no list either, whatever is ticked.
    check(
        |standing| standing.opted_out = true,
        Choices::default(),
        expect![[r#"
            Fernhill Software sends you no more of these emails, from this moment on.
            We may call you. We take you off our lists for ads the next time they are renewed.
            Messages about your contract or support are not affected."#]],
    );
    check(
        nothing,
        Choices { channels_off: [Channel::Phone].into(), ..Choices::default() },
        expect![[r#"
        You will get at most one email a week, about all our topics; the next not before 27 November.
        We do not call you to sell anything. We may choose ads for you on other sites.
        Messages about your contract or support are not affected."#]],
    );
}

#[test]
fn a_frequency_that_is_no_rarer_than_the_gap_is_not_offered_but_to_whom_it_is_chosen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/playbook");
    let mut playbook = Playbook::load(&folder).unwrap();
    let mut check = |gap_days: i64, chosen: Frequency, expected: &[&str]| {
        playbook.nurture.gap_days = gap_days;
        let standing = standing();
        let choices = Choices { frequency: chosen, ..Choices::default() };
        let offer = Offer { playbook: &playbook, standing: &standing, choices, now: at(NOW) };
        let offered: Vec<&str> = offer.offered_frequencies().into_iter().map(Frequency::as_str).collect();
        assert_eq!(offered, expected, "a gap of {gap_days} days, {chosen} is chosen");
    };
    check(13, Frequency::AsOften, &["as-often", "fortnightly", "monthly"]);
    check(14, Frequency::AsOften, &["as-often", "monthly"]);
    check(30, Frequency::AsOften, &["as-often"]);
    check(30, Frequency::Fortnightly, &["as-often", "fortnightly"]);
    check(30, Frequency::Monthly, &["as-often", "monthly"]);
}

#[test]
fn the_record_of_consent_keeps_what_was_read() {
    let standing = standing();
    let offer = offer(&standing, Choices::default());
    expect!["What would you like to get? Topics: Numbers and reports, Work that runs by itself, Systems that talk to each other, Calm on a bad day and More from what you have. How often: Whenever there is something useful, at most once a week. Ways to reach you: Email, Phone and Ads. Take a break: No break."].assert_eq(&words::wording(&offer, &Choices::default()));
    expect!["What would you like to get? Topics: Numbers and reports, Work that runs by itself and More from what you have. How often: At most once every two weeks. Ways to reach you: Email and Phone. Take a break: until 1 January 2027."].assert_eq(&words::wording(&offer, &paused()));
    let none = Choices {
        topics_off: playbook().topics().iter().map(|topic| topic.id.clone()).collect(),
        channels_off: Channel::ALL.into(),
        ..Choices::default()
    };
    expect!["What would you like to get? Topics: none. How often: Whenever there is something useful, at most once a week. Ways to reach you: none. Take a break: No break."].assert_eq(&words::wording(&offer, &none));
}

fn brief(choices: &Choices) -> String {
    let topics: Vec<&str> = choices.topics_off.iter().map(|topic| topic.as_str()).collect();
    let channels: Vec<&str> = choices.channels_off.iter().map(|channel| channel.as_str()).collect();
    let until = choices.paused_until.map(|until| until.to_string()).unwrap_or_default();
    format!("{} | not {} | not {} | {until}", choices.frequency, topics.join(" "), channels.join(" "))
}

/// All topics as they are shown.
const SHOWN: &str = "shown=numbers&shown=automation&shown=connections&shown=calm-support&shown=your-products";

#[test]
fn a_form_is_taken_whole_or_not_at_all() {
    let standing = standing();
    let offer = offer(&standing, paused());
    let check = |body: &str, expected: Expect| {
        let said = match read(body.replace("SHOWN", SHOWN).as_bytes(), &offer) {
            Ok(Pressed::Save(choices)) => format!("save {}", brief(&choices)),
            Ok(Pressed::Resubscribe(choices)) => format!("again {}", brief(&choices)),
            Ok(Pressed::Unsubscribe) => "unsubscribe".to_owned(),
            Err(wrong) => format!("{}: {}", wrong.part, wrong.reason),
        };
        expected.assert_eq(&said);
    };
    let all = "SHOWN&topic=numbers&topic=connections&frequency=monthly&channel=email&channel=phone&pause=30&do=save";
    check(
        all,
        expect!["save monthly | not automation calm-support gone your-products | not ads | 2026-12-20T23:00:00Z"],
    );
    check(
        &all.replace("&pause=30", "&pause=none"),
        expect!["save monthly | not automation calm-support gone your-products | not ads | "],
    );
    check(
        &all.replace("&pause=30", "&pause=keep"),
        expect!["save monthly | not automation calm-support gone your-products | not ads | 2026-12-31T23:00:00Z"],
    );
    check(&all.replace("SHOWN&", ""), expect!["topics: One of the topics is not there any more. Please choose again."]);
    check(
        &all.replace("topic=numbers", "topic=weather"),
        expect!["topics: One of the topics is not there any more. Please choose again."],
    );
    check(&all.replace("monthly", "hourly"), expect!["frequency: Please choose one of these."]);
    check(&all.replace("frequency=monthly&", ""), expect!["frequency: Please choose one of these."]);
    check(&all.replace("monthly", "monthly&frequency=fortnightly"), expect!["frequency: Please choose one of these."]);
    check(
        &all.replace("channel=phone", "channel=pigeon"),
        expect!["channels: One of these is not known. Please choose again."],
    );
    check(&all.replace("pause=30", "pause=31"), expect!["break: Please choose one of these."]);
    check(&all.replace("&pause=30", ""), expect!["break: Please choose one of these."]);
    check(
        &all.replace("do=save", "do=dance"),
        expect!["form: This page was not sent as it was shown. Please load it again."],
    );
    check(&all.replace("&do=save", ""), expect!["form: This page was not sent as it was shown. Please load it again."]);
    check(
        &all.replace("do=save", "do=save&colour=red"),
        expect!["form: This page was not sent as it was shown. Please load it again."],
    );
    check(
        &all.replace("monthly", "month%6Cy"),
        expect!["save monthly | not automation calm-support gone your-products | not ads | 2026-12-20T23:00:00Z"],
    );
    check(
        &all.replace("monthly", "month%6"),
        expect!["form: This page was not sent as it was shown. Please load it again."],
    );
    check(
        &all.replace("monthly", "month%FF"),
        expect!["form: This page was not sent as it was shown. Please load it again."],
    );
    check("do=unsubscribe", expect!["unsubscribe"]);
    check(&all.replace("do=save", "do=unsubscribe").replace("monthly", "hourly"), expect!["unsubscribe"]);
    check(
        &all.replace("channel=email&", "").replace("do=save", "do=resubscribe"),
        expect!["again monthly | not automation calm-support gone your-products | not ads | 2026-12-20T23:00:00Z"],
    );
}

#[test]
fn of_a_topic_that_was_not_shown_stays_what_was_chosen() {
    let standing = standing();
    let offer = offer(&standing, paused());
    let body = "shown=numbers&shown=connections&topic=connections&frequency=monthly&pause=none&do=save";
    let Ok(Pressed::Save(choices)) = read(body.as_bytes(), &offer) else { panic!("not read") };
    assert_eq!(choices.topics_off, ["calm-support".into(), "gone".into(), "numbers".into()].into());
}

/// While somebody has opted out, email is not among the boxes: what was chosen of it stays until it is asked for again.
#[test]
fn whoever_has_opted_out_chooses_of_calls_and_ads_and_comes_back_with_a_button() {
    let gone = Standing { opted_out: true, ..standing() };
    let check = |before: &[Channel], pressed: &str, expected: &[Channel]| {
        let offer = offer(&gone, Choices { channels_off: before.iter().copied().collect(), ..paused() });
        let body = format!("{SHOWN}&frequency=monthly&channel=phone&pause=none&do={pressed}");
        let (Ok(Pressed::Save(choices)) | Ok(Pressed::Resubscribe(choices))) = read(body.as_bytes(), &offer) else {
            panic!("not read")
        };
        assert_eq!(choices.channels_off.iter().copied().collect::<Vec<_>>(), expected, "{before:?} {pressed}");
        assert!(words::wording(&offer, &choices).contains("Ways to reach you: Phone."), "{pressed}");
    };
    check(&[], "save", &[Channel::Ads]);
    check(&[Channel::Email, Channel::Phone], "save", &[Channel::Email, Channel::Ads]);
    check(&[Channel::Email, Channel::Phone], "resubscribe", &[Channel::Ads]);
}

#[test]
fn one_click_is_known_as_a_form_and_in_parts() {
    for (body, expected) in [
        ("List-Unsubscribe=One-Click", true),
        ("List-Unsubscribe=One%2DClick", true),
        ("a=b&List-Unsubscribe=One-Click", true),
        ("--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n", true),
        ("List-Unsubscribe=Two-Clicks", false),
        ("list=One-Click", false),
        ("", false),
        ("name=\"List-Unsubscribe\"", false),
    ] {
        assert_eq!(is_one_click(body.as_bytes()), expected, "{body}");
    }
}

proptest! {
    #[test]
    fn whatever_is_posted_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let standing = standing();
        let offer = offer(&standing, paused());
        let _one_click = is_one_click(&body);
        if let Err(wrong) = read(&body, &offer) {
            prop_assert!(super::form(400, &offer, Some(&wrong)).body.is_some());
        }
    }

    #[test]
    fn whatever_fields_are_posted_only_what_was_offered_is_chosen(
        fields in proptest::collection::vec(
            (
                prop_oneof![Just("topic"), Just("shown"), Just("frequency"), Just("channel"), Just("pause"), Just("do")],
                prop_oneof![
                    Just("numbers"), Just("automation"), Just("gone"), Just("fortnightly"), Just("email"), Just("ads"),
                    Just("30"), Just("90"), Just("31"), Just("keep"), Just("none"), Just("save"), Just("resubscribe"),
                ],
            ),
            0..12,
        ),
    ) {
        let standing = standing();
        let offer = offer(&standing, paused());
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if let Ok(Pressed::Save(choices) | Pressed::Resubscribe(choices)) = read(body.join("&").as_bytes(), &offer) {
            let known = |topic: &perennial_domain::ids::TopicId| {
                offer.choices.topics_off.contains(topic) || playbook().topics().iter().any(|other| other.id == *topic)
            };
            prop_assert!(choices.topics_off.iter().all(known));
            prop_assert!(offer.offered_frequencies().contains(&choices.frequency));
            let breaks = [offer.choices.paused_until, Some(at("2026-12-20T23:00:00Z")), Some(at("2027-02-18T23:00:00Z"))];
            prop_assert!(choices.paused_until.is_none() || breaks.contains(&choices.paused_until));
        }
    }
}
