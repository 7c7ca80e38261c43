//! Streams: figures of their kinds, triggers, conditions, where they lead; cap and send window.

use super::{PLAYBOOK, check, problems_after};

/// A change to the stream for automation, which begins on line 73.
const ROBOTS: &str = "kind = \"cross-sell\"\nproduct = \"automation\"\n";

fn with(fields: &str) -> String {
    format!("{ROBOTS}{fields}\n")
}

/// Rows of (fields that the stream gets, what is said).
fn check_stream(rows: &[(&str, &str)]) {
    let changed: Vec<String> = rows.iter().map(|(fields, _)| with(fields)).collect();
    let rows = rows.iter().zip(&changed).map(|((_, said), to)| (PLAYBOOK, ROBOTS, to.as_str(), *said));
    check(&rows.collect::<Vec<_>>());
}

#[test]
fn a_figure_belongs_to_its_kinds() {
    check_stream(&[
        ("days = 3", r#"playbook.toml:77: error: stream "discover-automation": a cross-sell stream has no days"#),
        (
            "after_days = 3",
            r#"playbook.toml:77: error: stream "discover-automation": a cross-sell stream has no after_days"#,
        ),
        (
            "seats_percent = 90",
            r#"playbook.toml:77: error: stream "discover-automation": a cross-sell stream has no seats_percent"#,
        ),
        (
            "days_before = [30]",
            r#"playbook.toml:77: error: stream "discover-automation": a cross-sell stream has no days_before"#,
        ),
        ("every_days = 0", "playbook.toml:77: error: every_days is 0, and must be within 1 and 731"),
        ("holdout_percent = 101", "playbook.toml:77: error: holdout_percent is 101, and must be within 0 and 100"),
        (
            "holdout_percent = 100",
            r#"playbook.toml:77: warning: stream "discover-automation" holds out everybody: nobody will receive it"#,
        ),
        ("every_days = 7\nholdout_percent = 10", ""),
    ]);
    let kind = |kind: &str, fields: &str| {
        let to = format!("kind = \"{kind}\"\nproduct = \"analytics\"\n{fields}");
        problems_after(PLAYBOOK, "kind = \"retention\"\nproduct = \"analytics\"\ndays = 60", &to)
    };
    for (of, fields) in [
        ("upsell", "seats_percent = 90"),
        ("retention", "after_days = 60"),
        ("onboarding", "until_days = 60"),
        ("save", "unused_days = 20\nuntil_days = 100\nadoption_percent = 30"),
        ("renewal", "days_before = [60]"),
        ("advocacy", "after_days = 365"),
    ] {
        assert_eq!(kind(of, fields), "", "{of}");
    }
    for (of, fields, said) in [
        ("upsell", "after_days = 3", "an upsell stream has no after_days"),
        ("onboarding", "after_days = 3", "an onboarding stream has no after_days"),
        ("save", "days = 3", "a save stream has no days"),
        ("save", "adoption_percent = 101", "adoption_percent is 101, and must be within 1 and 100"),
        ("upsell", "adoption_percent = 30", "an upsell stream has no adoption_percent"),
        ("renewal", "days_before = [60]\nevery_days = 7", "a renewal stream has no every_days"),
        ("advocacy", "until_days = 3", "an advocacy stream has no until_days"),
    ] {
        let seen = kind(of, fields);
        assert!(seen.ends_with(said) && !seen.contains('\n'), "{of}: {seen}");
    }
    assert_eq!(
        kind("retention", "days = 60\nafter_days = 60"),
        r#"playbook.toml:83: error: stream "keep-analytics" has days and after_days, which say the same: leave one out"#
    );
}

#[test]
fn a_renewal_has_a_mark_for_each_piece() {
    let renewal = |fields: &str| {
        let to = format!("kind = \"renewal\"\nproduct = \"analytics\"\n{fields}");
        problems_after(PLAYBOOK, "kind = \"retention\"\nproduct = \"analytics\"\ndays = 60", &to)
    };
    assert_eq!(
        renewal("days_before = [60, 30]"),
        r#"playbook.toml:83: error: stream "keep-analytics" has 1 piece and 2 marks before the contract's end: each piece belongs to one mark"#
    );
    assert_eq!(
        renewal("# the usual three"),
        r#"playbook.toml:84: error: stream "keep-analytics" has 1 piece and 3 marks before the contract's end: each piece belongs to one mark"#
    );
    assert_eq!(
        renewal("days_before = [30, 60]"),
        "playbook.toml:83: error: stream \"keep-analytics\": days_before goes from 30 to 60; the earliest mark comes first\n\
         playbook.toml:83: error: stream \"keep-analytics\" has 1 piece and 2 marks before the contract's end: each piece belongs to one mark"
    );
    assert_eq!(renewal("days_before = [0]"), "playbook.toml:83: error: days_before is 0, and must be within 1 and 731");
}

#[test]
fn a_stream_that_ends_before_it_begins_is_named() {
    let save = |fields: &str| {
        let to = format!("kind = \"save\"\nproduct = \"analytics\"\n{fields}");
        problems_after(PLAYBOOK, "kind = \"retention\"\nproduct = \"analytics\"\ndays = 60", &to)
    };
    assert_eq!(save("unused_days = 30\nuntil_days = 31"), "");
    assert_eq!(
        save("unused_days = 30\nuntil_days = 30"),
        "playbook.toml:85: warning: stream \"keep-analytics\" ends before it begins: nobody receives it"
    );
}

#[test]
fn what_leads_in_and_out_names_what_there_is() {
    check_stream(&[
        (r#"enter_on = ["guide download", "video"]"#, ""),
        (
            r#"enter_on = ["giude download"]"#,
            r#"playbook.toml:77: error: stream "discover-automation" names asset "giude" in enter_on, which does not exist (did you mean "guide"?)"#,
        ),
        (
            r#"exit_on = ["guide dowload"]"#,
            r#"playbook.toml:77: error: stream "discover-automation" names action "dowload" in exit_on, which asset "guide" does not have (did you mean "download"?)"#,
        ),
        (
            r#"accelerate_on = ["guide download twice"]"#,
            r#"playbook.toml:77: error: stream "discover-automation": "guide download twice" in accelerate_on is not an asset and an action, such as "analytics-guide download""#,
        ),
        (
            r#"enter_on = [""]"#,
            r#"playbook.toml:77: error: stream "discover-automation": "" in enter_on is not an asset and an action, such as "analytics-guide download""#,
        ),
        (
            "enter_on = [\"video watch\"]\nexit_on = [\"video watch\"]",
            r#"playbook.toml:77: error: stream "discover-automation": "video watch" leads in and out: nobody stays"#,
        ),
        (
            r#"mail_asset = "guides""#,
            r#"playbook.toml:77: error: stream "discover-automation" names asset "guides", which does not exist (did you mean "guide"?)"#,
        ),
        (r#"then = "keep-analytics""#, ""),
        (
            r#"then = "keep-analitics""#,
            r#"playbook.toml:77: error: stream "discover-automation" names stream "keep-analitics", which does not exist (did you mean "keep-analytics"?)"#,
        ),
        (
            r#"then = "discover-automation""#,
            r#"playbook.toml:77: error: stream "discover-automation" leads on in a circle: "discover-automation" → "discover-automation""#,
        ),
    ]);
}

#[test]
fn a_circle_of_streams_is_said_once() {
    let said = problems_after(
        PLAYBOOK,
        "[[stream]]\nid = \"discover-automation\"\n",
        "then = \"discover-automation\"\n[[stream]]\nid = \"discover-automation\"\nthen = \"discover-analytics\"\n",
    );
    assert_eq!(
        said,
        r#"playbook.toml:73: error: stream "discover-analytics" leads on in a circle: "discover-analytics" → "discover-automation" → "discover-analytics""#
    );
}

#[test]
fn the_audience_is_written_as_a_segment_is() {
    check_stream(&[
        (r#"audience = 'role == "executive"'"#, ""),
        (r#"exit_when = 'owns("analytics")'"#, ""),
        (
            r#"audience = 'role == "executiv"'"#,
            r#"playbook.toml:77: error: stream "discover-automation", audience, column 9: role is never "executiv" (did you mean "executive"?)"#,
        ),
        (
            r#"exit_when = 'in_segment("novices")'"#,
            r#"playbook.toml:77: error: stream "discover-automation", exit_when, column 12: segment "novices" does not exist"#,
        ),
    ]);
}

#[test]
fn cap_and_window_are_sound() {
    let gap = "gap_days = 7\n";
    check(&[
        (
            PLAYBOOK,
            gap,
            "gap_days = 7\ncap = { mails = 2, days = 10 }\nwindow = { from = \"07:30\", to = \"20:00\" }\n",
            "",
        ),
        (
            PLAYBOOK,
            gap,
            "cap = { mails = 0, days = 800 }\n",
            "playbook.toml:64: error: the cap's mails is 0, and must be within 1 and 731\n\
             playbook.toml:64: error: the cap's days is 800, and must be within 1 and 731",
        ),
        (
            PLAYBOOK,
            gap,
            "window = { from = \"8\", to = \"18:00\" }\n",
            "playbook.toml:64: error: \"8\" is not a time such as \"08:00\"",
        ),
        (
            PLAYBOOK,
            gap,
            "window = { from = \"18:00\", to = \"08:00\" }\n",
            "playbook.toml:64: error: the window closes at \"08:00\", and does not open before \"18:00\"",
        ),
        (
            PLAYBOOK,
            gap,
            "window = { from = \"08:00\", to = \"08:59\" }\n",
            "playbook.toml:64: error: the window from \"08:00\" to \"08:59\" is open for 59 minutes: mail is planned once an \
             hour, so it has to be open for 60 at least",
        ),
        (
            PLAYBOOK,
            gap,
            "window = { from = \"08:00\", to = \"09:59\" }\n",
            "playbook.toml:64: warning: the window from \"08:00\" to \"09:59\" is open for 119 minutes: mail is planned once \
             an hour, so whatever is held up for a moment waits for the next working day",
        ),
        (PLAYBOOK, gap, "gap_days = 7\nwindow = { from = \"08:00\", to = \"10:00\" }\n", ""),
    ]);
}

#[test]
fn a_promotion_that_can_never_be_sent_is_named() {
    let said = problems_after(
        PLAYBOOK,
        r#"pieces = ["lesson-1", "offer", "lesson-2", "ask"]"#,
        r#"pieces = ["lesson-1", "lesson-2", "ask", "prune", "robots", "more", "ask-2"]"#,
    );
    assert!(said.contains("names piece \"more\", which does not exist"), "{said}");
    let said = problems_after("content/offer.mjml", "kind = \"soft\"", "kind = \"hard\"");
    assert_eq!(
        said,
        "playbook.toml:71: error: stream \"discover-analytics\" has hard piece \"offer\" with 1 educational before it, and 2 must come first\n\
         playbook.toml:71: error: stream \"discover-analytics\" has 2 hard to 2 educational: 4-1-1 allows one hard piece for every four educational ones, here 1"
    );
}

#[test]
fn what_a_piece_replaces_need_not_be_there_any_more() {
    let front = "product = \"analytics\"\n";
    let with = |replaces: &str| format!("{front}replaces = [{replaces}]\n");
    assert_eq!(problems_after("content/prune.mjml", front, &with("\"gone\"")), "");
    assert_eq!(
        problems_after("content/prune.mjml", front, &with("\"lesson-1\"")),
        "content/prune.mjml:6: warning: piece \"prune\" replaces \"lesson-1\", which is still in a stream: whoever has had one of them does not get the other"
    );
    assert_eq!(
        problems_after("content/prune.mjml", front, &with("\"prune\"")),
        "content/prune.mjml:6: error: piece \"prune\" replaces itself"
    );
    assert_eq!(
        problems_after("content/prune.mjml", front, &with("\"Old piece\"")),
        "content/prune.mjml:6: error: piece \"prune\" replaces \"Old piece\", which is not 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
    );
}
