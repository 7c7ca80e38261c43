//! What a form means, and how a lead stands, without a store.

use std::path::Path;

use expect_test::{ExpectFile, expect_file};
use jiff::Timestamp;
use perennial_playbook::Playbook;

use super::words::{question, said, standing};
use super::*;
use crate::page::tests::body;

/// A Friday in Berlin, an hour after the check.
const NOW: &str = "2026-01-09T08:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn playbook() -> Playbook {
    Playbook::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"))).unwrap()
}

fn lead(change: impl FnOnce(&mut serde_json::Value)) -> Lead {
    let mut lead = serde_json::json!({
        "PK": "CONTACT#ada", "SK": "LEAD#analytics#2026-Q1", "contact": "ada", "product": "analytics", "quarter": "2026-Q1",
        "reached_at": 1_767_600_000, "qualified_at": 1_767_600_000, "score": 10, "sort_score": 70, "fit_points": 70,
        "fit_grade": "A", "engagement": 70, "priority": "act-now", "owner": "rep-anna", "playbook_version": "x", "stage": "mql",
        "rev": 1,
        "evidence": [{"at": 1_767_600_000, "asset": "analytics-pricing", "action": "request", "points": 10}],
    });
    change(&mut lead);
    serde_json::from_value(lead).unwrap()
}

/// A lead of which these words were said: (word, second, by).
fn after(words: &[(&str, i64, Option<&str>)]) -> Lead {
    let stage = match words.last().unwrap().0 {
        "accepted" => "sql",
        "rejected" => "recycled",
        word => word,
    };
    let history: Vec<serde_json::Value> =
        words.iter().map(|(word, at, by)| serde_json::json!({"said": word, "at": at, "by": by})).collect();
    let (_, touched_at, touched_by) = words[0];
    lead(|lead| {
        lead["history"] = history.into();
        (lead["stage"], lead["touched_at"], lead["touched_by"]) = (stage.into(), touched_at.into(), touched_by.into());
    })
}

fn about(lead: Lead, owner: Option<&str>) -> About {
    About {
        who: "Wilhelmina Quarterstaff".to_owned(),
        title: "VP Operations".to_owned(),
        company: "Juniper Tools".to_owned(),
        product: "Fernhill Analytics".to_owned(),
        owner: owner.map(str::to_owned),
        lead,
    }
}

#[test]
fn a_form_says_a_word_or_what_is_wrong_with_which_field() {
    let playbook = playbook();
    let check = |answer: Answer, body: &str, expected: Result<(&str, Option<&str>), (&str, &str)>| {
        let (_, read) = form::read(answer, body.as_bytes(), &playbook, now());
        let seen = match &read {
            Ok(Pressed { said, why }) => {
                let until = match said {
                    Said::Later { until } => Some(*until),
                    Said::Rejected { until } => *until,
                    _ => None,
                };
                let until = until.map(|until| perennial_domain::interest::instant(until).to_string());
                Ok((format!("{said} {}", until.unwrap_or_default()), why.clone()))
            }
            Err(wrong) => Err((wrong.field, wrong.reason.replace('\u{a0}', " "))),
        };
        let expected = expected
            .map(|(said, why)| (said.to_owned(), why.map(str::to_owned)))
            .map_err(|(field, reason)| (field, reason.to_owned()));
        assert_eq!(seen, expected, "{body}");
    };
    let (no, later) = (Answer::NotAFit, Answer::Later);
    check(Answer::OnIt, "whatever=1", Ok(("touched ", None)));
    let budget = "why=No+budget+this+year";
    check(no, budget, Ok(("rejected ", Some("No budget this year"))));
    check(no, &format!("{budget}&day="), Ok(("rejected ", Some("No budget this year"))));
    // The beginning of the day in Berlin; in summer that is an hour earlier.
    check(no, &format!("{budget}&day=2026-01-10"), Ok(("rejected 2026-01-09T23:00:00Z", Some("No budget this year"))));
    check(no, &format!("{budget}&day=2026-07-01"), Ok(("rejected 2026-06-30T22:00:00Z", Some("No budget this year"))));
    check(no, "", Err(("why", "Please choose one: marketing learns from it.")));
    check(no, "why=Bad+breath", Err(("why", "This reason is not in the list any more. Please choose again.")));
    check(
        no,
        "why=No+budget+this+year&why=Another+reason",
        Err(("why", "Please choose one: marketing learns from it.")),
    );
    let (past, typed) = (format!("{budget}&day=2026-01-08"), format!("{budget}&day=8.1.2026"));
    check(no, &past, Err(("day", "Thu 8 Jan is over. Please choose Sat 10 Jan or a later day.")));
    check(no, &typed, Err(("day", "This is not a day. Please write it as 2026-01-16.")));
    // The check of the day, and of the first working day after it.
    check(later, "when=tomorrow&day=", Ok(("later 2026-01-12T07:00:00Z", None)));
    check(later, "when=week&day=", Ok(("later 2026-01-12T07:00:00Z", None)));
    check(later, "when=month&day=", Ok(("later 2026-02-02T07:00:00Z", None)));
    check(later, "when=day&day=2026-01-13", Ok(("later 2026-01-13T07:00:00Z", None)));
    check(later, "when=day&day=2026-07-04", Ok(("later 2026-07-06T06:00:00Z", None)));
    // What was typed is meant.
    check(later, "when=week&day=2026-01-14", Ok(("later 2026-01-14T07:00:00Z", None)));
    check(later, "", Err(("when", "Please choose one of these.")));
    check(later, "when=never", Err(("when", "Please choose one of these.")));
    check(later, "when=%", Err(("when", "Please choose one of these.")));
    check(later, "when=day&day=", Err(("day", "Please choose a day.")));
    check(
        later,
        "when=day&day=2026-01-08",
        Err(("day", "Thu 8 Jan is over. Please choose Sat 10 Jan or a later day.")),
    );
    check(
        later,
        "when=day&day=2025-12-31",
        Err(("day", "Wed 31 Dec 2025 is over. Please choose Sat 10 Jan or a later day.")),
    );
    check(
        later,
        "when=day&day=2026-01-09",
        Err(("day", "It is too late for today. Please choose Sat 10 Jan or a later day.")),
    );
    check(
        later,
        "when=day&day=2031-01-10",
        Err(("day", "That is more than 5 years away. Please choose an earlier day.")),
    );
    check(later, "when=day&day=9999-99-99", Err(("day", "This is not a day. Please write it as 2026-01-16.")));
}

#[test]
fn before_the_check_of_a_working_day_today_can_be_chosen() {
    let playbook = playbook();
    let before: Timestamp = "2026-01-09T06:59:59Z".parse().unwrap();
    let (_, read) = form::read(Answer::Later, b"when=day&day=2026-01-09", &playbook, before);
    assert_eq!(
        read.unwrap().said,
        Said::Later { until: "2026-01-09T07:00:00Z".parse::<Timestamp>().unwrap().as_second() }
    );
}

#[test]
fn who_has_a_lead_and_where_it_stands_says_what_there_is_to_press() {
    let me = |by: &str| by == "rep-anna" || by == "anna.keller@fernhill.example.com";
    let anna = |word: &'static str| (word, 100, Some("rep-anna"));
    let rows: [(Lead, [&str; 3]); 10] = [
        (lead(|_| {}), ["open", "open", "open"]),
        (after(&[anna("touched")]), ["mine 100", "open", "open"]),
        (after(&[("touched", 100, Some("anna.keller@fernhill.example.com"))]), ["mine 100", "open", "open"]),
        (after(&[("touched", 100, Some("rep-bilal"))]), ["rep-bilal 100", "rep-bilal 100", "rep-bilal 100"]),
        (after(&[("touched", 100, None)]), ["- 100", "open", "open"]),
        (after(&[anna("touched"), ("accepted", 200, Some("rep-anna"))]), ["sql rep-anna 200", "open", "open"]),
        (after(&[anna("touched"), ("accepted", 200, Some("rep-bilal"))]), ["sql rep-bilal 200", "open", "open"]),
        (after(&[anna("touched"), ("opportunity", 200, None)]), ["opportunity - 200", "open", "open"]),
        (after(&[anna("rejected")]), ["recycled rep-anna 100", "recycled rep-anna 100", "recycled rep-anna 100"]),
        (after(&[anna("touched"), ("won", 300, None)]), ["won - 300", "won - 300", "won - 300"]),
    ];
    for (lead, expected) in rows {
        let seen = Answer::ALL.map(|answer| match Stand::of(&lead, answer, me) {
            Stand::Open => "open".to_owned(),
            Stand::Mine(since) => format!("mine {since}"),
            Stand::Somebody { who, since } => format!("{} {since}", who.as_deref().unwrap_or("-")),
            Stand::MovedOn { to, who, since } => format!("{to} {} {since}", who.as_deref().unwrap_or("-")),
        });
        assert_eq!(seen, expected, "{} {:?}", lead.stage, lead.touched_by);
    }
}

#[test]
fn the_pages_of_a_lead() {
    let playbook = playbook();
    let company = &playbook.company;
    let check = |(name, values): (&str, minijinja::Value), expected: ExpectFile| {
        expected.assert_eq(&body(fill(200, company, (name, values))));
    };
    let asked = |answer: Answer, about: &About, entered: &Entered, wrong: Option<&Wrong>| {
        let (title, text, button) = question(answer, about);
        let wrong = wrong.map(|wrong| context! { field => wrong.field, label => wrong.label, reason => &wrong.reason });
        let (fields, others) =
            (form::fields(answer, entered, &playbook, now()), [context! { url => "x", text => "y" }]);
        ("lead.html", context! { title, about => about.value(), text, button, fields, wrong, others })
    };
    let mine = about(lead(|_| {}), None);
    let managed = about(lead(|_| {}), Some("Anna Keller"));
    let nothing = Entered::default();
    check(asked(Answer::OnIt, &mine, &nothing, None), expect_file!["../../snapshots/lead-on-it.html"]);
    check(asked(Answer::OnIt, &managed, &nothing, None), expect_file!["../../snapshots/lead-on-it-manager.html"]);
    check(asked(Answer::NotAFit, &mine, &nothing, None), expect_file!["../../snapshots/lead-not-a-fit.html"]);
    check(asked(Answer::Later, &mine, &nothing, None), expect_file!["../../snapshots/lead-later.html"]);
    let (entered, wrong) = form::read(Answer::Later, b"when=day&day=2026-01-08\"><b>", &playbook, now());
    check(
        asked(Answer::Later, &mine, &entered, wrong.err().as_ref()),
        expect_file!["../../snapshots/lead-later-wrong.html"],
    );

    let mut sentences = String::new();
    let mut line = |what: &str, (title, said): (String, Vec<String>)| {
        sentences.push_str(&format!("{what}\n  {title}\n"));
        said.iter().for_each(|sentence| sentences.push_str(&format!("  {sentence}\n")));
    };
    let until = |date: &str| playbook.calendar.start_of(date.parse().unwrap()).as_second();
    let said_by = |about: &About, said_: Said, why: Option<&str>| {
        let word = Word { at: now().as_second(), said: said_, by: None, why: why.map(str::to_owned) };
        said(about, &word, &playbook.calendar, now())
    };
    line("on it", said_by(&mine, Said::Touched, None));
    line("on it, a manager", said_by(&managed, Said::Touched, None));
    line("not a fit", said_by(&mine, Said::Rejected { until: None }, Some("No budget this year")));
    line("not a fit until July", said_by(&mine, Said::Rejected { until: Some(until("2026-07-01")) }, Some("No need")));
    line("later", said_by(&mine, Said::Later { until: until("2026-12-05") }, None));
    line("later, a manager", said_by(&managed, Said::Later { until: until("2027-01-05") }, None));
    let mut stands = |what: &str, lead: Lead| {
        let about = about(lead, None);
        let stand = Stand::of(&about.lead, Answer::OnIt, |by| by == "rep-anna");
        let named = |by: &str| if by == "rep-bilal" { "Bilal Haddad".to_owned() } else { by.to_owned() };
        let (title, said) = standing(&about, &stand, &playbook.calendar, now(), named);
        line(what, (title.to_owned(), said));
    };
    let at = 1_767_690_720;
    stands("mine", after(&[("touched", at, Some("rep-anna"))]));
    stands("a colleague's", after(&[("touched", at, Some("rep-bilal"))]));
    stands("somebody's", after(&[("touched", at, None)]));
    stands("accepted", after(&[("accepted", at, Some("rep-bilal"))]));
    stands("opportunity", after(&[("opportunity", at, None)]));
    stands("won", after(&[("won", at, Some("rep-bilal"))]));
    stands("lost", after(&[("lost", at, Some("rep-bilal"))]));
    let mut given_back = after(&[("rejected", at, Some("rep-bilal"))]);
    given_back.reason = Some("No budget this year".to_owned());
    stands("given back", given_back);
    expect_file!["../../snapshots/lead-sentences.txt"].assert_eq(&sentences.replace('\u{a0}', " "));
}

#[test]
fn nothing_that_somebody_typed_becomes_markup() {
    let playbook = playbook();
    let hostile = "<img src=x onerror=alert(1)>\"'";
    let mut about = about(lead(|_| {}), Some(hostile));
    for field in [&mut about.who, &mut about.title, &mut about.company, &mut about.product] {
        *field = hostile.to_owned();
    }
    let (title, text, button) = question(Answer::OnIt, &about);
    let others: [&str; 0] = [];
    let values = context! { title, about => about.value(), text, button, fields => form::fields(Answer::OnIt, &Entered::default(), &playbook, now()),
    wrong => None::<String>, others };
    let html = body(fill(200, &playbook.company, ("lead.html", values)));
    assert!(html.contains("&lt;img") && !html.contains("<img"), "{html}");
}
