//! What the TOML reader refuses: every slip of a section, in the words of a marketer.

use expect_test::{Expect, expect};

use super::people::said_of;
use super::{PLAYBOOK, problems_after};

/// What is said when `from` stands as `to` in the sound playbook.
fn check(from: &str, to: &str, expected: Expect) {
    expected.assert_eq(&problems_after(PLAYBOOK, from, to));
}

#[test]
fn every_slip_of_a_section_is_told_and_the_other_sections_are_checked() {
    check(
        "first_month = 1\ntime_zone = \"UTC\"\n\n[interest]\nthreshold = 5\ncap = 100\ndecay = \"halve\"\n\n[interest.gate]\nseconds_after_sending = 10",
        "first_month = 13\ntime_zone = \"UTC\"\n\n[interest]\nthreshhold = 5\ncap = \"high\"\ndecay = \"halv\"\n\n[interest.gate]\nseconds = 10\n[interest.points]\nlate = { low = 2, hihg = 8 }",
        expect![[r#"
            playbook.toml:15: error: first_month is 13, and must be within 1 and 12
            playbook.toml:19: error: unknown field "threshhold", expected one of "threshold", "cap", "decay", "repeat", "gate", "points" (did you mean "threshold"?)
            playbook.toml:20: error: invalid type: string "high", expected a whole number
            playbook.toml:21: error: unknown value "halv", expected "halve", { points = 1 } or { percent = 10 } (did you mean "halve"?)
            playbook.toml:24: error: unknown field "seconds", expected one of "enabled", "seconds_after_sending", "clicks_per_day"
            playbook.toml:26: error: unknown field "hihg", expected one of "low", "medium", "high" (did you mean "high"?)"#]],
    );
    // What only follows from a slip is not said: that the field is missing, or that the asset does not exist.
    check(
        "stage = \"late\"\neffort = \"high\"",
        "stage = \"last\"\nefort = \"high\"\nacton = 3",
        expect![[r#"
            playbook.toml:39: error: unknown value "last", expected one of "early", "middle", "late" (did you mean "late"?)
            playbook.toml:40: error: unknown field "efort", expected one of "id", "title", "products", "stage", "effort", "actions", "points", "act_now", "call_now", "talk", "personas" (did you mean "effort"?)
            playbook.toml:41: error: unknown field "acton", expected one of "id", "title", "products", "stage", "effort", "actions", "points", "act_now", "call_now", "talk", "personas" (did you mean "actions"?)"#]],
    );
}

#[test]
fn a_value_that_was_taken_out_excuses_only_itself() {
    check(
        "[[sla.rung]]\nafter_hours = 24\nto = [\"rep\"]\n[[sla.rung]]\nafter_hours = 48\nto = [\"rep\", \"manager\", \"executive\"]",
        "[[sla.rung]]\nafter_hours = 24\ntoo = [\"rep\"]\n[[sla.rung]]\nafter_hours = \"48\"\n[[sla.rung]]\nto = [\"boss\"]",
        expect![[r#"
            playbook.toml:91: error: unknown field "too", expected "after_hours" or "to" (did you mean "to"?)
            playbook.toml:93: error: invalid type: string "48", expected a whole number
            playbook.toml:94: error: missing field "after_hours"
            playbook.toml:95: error: unknown value "boss", expected one of "rep", "manager", "executive""#]],
    );
}

#[test]
fn what_is_missing_is_said_of_the_entry_that_lacks_it() {
    check(
        "stage = \"late\"\neffort = \"high\"\n",
        "",
        expect![[r#"
        playbook.toml:35: error: asset "guide": missing field "stage"
        playbook.toml:35: error: asset "guide": missing field "effort""#]],
    );
    check("id = \"guide\"\n", "", expect![[r#"playbook.toml:35: error: [[asset]] number 1: missing field "id""#]]);
    check(
        "id = \"anna\"\nname = \"Anna Keller\"",
        "id = \"anna@example.com\"",
        expect![[r#"playbook.toml:96: error: rep (a value with an @, not shown): missing field "name""#]],
    );
    check(
        "site = \"https://www.fernhill.example.com\"",
        "",
        expect![[r#"playbook.toml:3: error: missing field "site""#]],
    );
}

#[test]
fn a_decay_is_one_of_three() {
    for (decay, expected) in [
        (
            "{ percent = 10, points = 1 }",
            expect![[
                r#"playbook.toml:21: error: a decay is one of the three: "halve", { points = 1 } or { percent = 10 }"#
            ]],
        ),
        (
            "{}",
            expect![[
                r#"playbook.toml:21: error: a decay is one of the three: "halve", { points = 1 } or { percent = 10 }"#
            ]],
        ),
        (
            "1",
            expect![[
                r#"playbook.toml:21: error: invalid type: integer "1", expected "halve", { points = 1 } or { percent = 10 }"#
            ]],
        ),
        (
            "\"points\"",
            expect![[
                r#"playbook.toml:21: error: "points" needs its number: expected "halve", { points = 1 } or { percent = 10 }"#
            ]],
        ),
        (
            "{ halve = 1 }",
            expect![[
                r#"playbook.toml:21: error: a decay is one of the three: "halve", { points = 1 } or { percent = 10 }"#
            ]],
        ),
        (
            "{ point = 1 }",
            expect![[
                r#"playbook.toml:21: error: unknown field "point", expected "points" or "percent" (did you mean "points"?)"#
            ]],
        ),
        (
            "{ points = \"1\" }",
            expect![[r#"playbook.toml:21: error: invalid type: string "1", expected a whole number"#]],
        ),
        ("\"me@example.com\"", expect!["playbook.toml:21: error: a value of the wrong type"]),
        ("{ percent = 50 }", expect![[r#""#]]),
    ] {
        check("decay = \"halve\"", &format!("decay = {decay}"), expected);
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_named_in_plain_words() {
    for (threshold, expected) in [
        (
            "99999999999999999999999",
            expect!["playbook.toml:19: error: the number is too long: a whole number has at most 18 digits"],
        ),
        (
            "9999999999999999999",
            expect!["playbook.toml:19: error: the number is too long: a whole number has at most 18 digits"],
        ),
        (
            "-99999999999999999999999999999999999999999999",
            expect!["playbook.toml:19: error: the number is too long: a whole number has at most 18 digits"],
        ),
        ("5.5", expect![[r#"playbook.toml:19: error: invalid type: fraction "5.5", expected a whole number"#]]),
        ("[5]", expect!["playbook.toml:19: error: invalid type: list, expected a whole number"]),
    ] {
        check("threshold = 5", &format!("threshold = {threshold}"), expected);
    }
    check("stage = \"late\"", "stage = 3", expect!["playbook.toml:39: error: expected a single word in quotes"]);
    check(
        "stage = \"late\"",
        "stage = { late = 1, early = 2 }",
        expect!["playbook.toml:39: error: expected a single word in quotes"],
    );
    check("[goals]", "[[goals]]", expect!["playbook.toml:106: error: there is one goals: it is written under [goals]"]);
    check(
        "[qualify]\nhot = 60\nfit_weight = 50",
        "[[qualify]]\nhot = 60",
        expect!["playbook.toml:59: error: there is one qualify: it is written under [qualify]"],
    );
    expect!["playbook.toml:113: error: each persona is written under its own [[persona]]"]
        .assert_eq(&said_of("[persona]\nid = \"p\"\n"));
}

#[test]
fn what_is_no_toml_is_named_in_plain_words() {
    for (line, expected) in [
        (
            "threshold =",
            expect!["playbook.toml:19: error: nothing stands behind the =: write a value, or leave the line out"],
        ),
        (
            "threshold = “5”",
            expect![[r#"playbook.toml:19: error: a text stands in straight quotes, as in "halve": these are curly"#]],
        ),
        (
            "threshold = 5 points",
            expect![[r#"playbook.toml:19: error: "5 points" is neither a number nor a text in quotes"#]],
        ),
        (
            "threshold = me@example.com",
            expect!["playbook.toml:19: error: (a value with an @, not shown) is neither a number nor a text in quotes"],
        ),
        (
            "threshold = \"5",
            expect!["playbook.toml:19: error: a text has one quote only: it stands between two, on one line"],
        ),
        (
            "threshold = '5",
            expect!["playbook.toml:19: error: a text has one quote only: it stands between two, on one line"],
        ),
        (
            "threshold = 5\"",
            expect!["playbook.toml:19: error: a text has one quote only: it stands between two, on one line"],
        ),
        (
            "threshold = \"\"\"5",
            expect!["playbook.toml:113: error: a text that begins with three quotes is not closed by three"],
        ),
        (
            "threshold: 5",
            expect![[
                r#"playbook.toml:19: error: ":" stands in a name or behind it: a name is letters, digits, - and _, and then comes ="#
            ]],
        ),
        ("threshold", expect!["playbook.toml:19: error: a name without its value: write both, as in threshold = 5"]),
        (
            "threshold = 5\nthreshold = 6",
            expect![[r#"playbook.toml:20: error: "threshold" stands here a second time"#]],
        ),
        (
            "threshold = \"\\d\"",
            expect![
                "playbook.toml:19: error: a backslash has a meaning of its own between double quotes: put the text between single ones"
            ],
        ),
        ("threshold = 05", expect!["playbook.toml:19: error: a number does not begin with 0"]),
        (
            "threshold = 5,5",
            expect![
                "playbook.toml:19: error: something stands behind the value: each name with its value has its own line"
            ],
        ),
        (
            "threshold = True",
            expect![[r#"playbook.toml:19: error: "True" is neither true nor false, and a text stands in quotes"#]],
        ),
        (
            "threshold = halve\ncap = full",
            expect![[r#"
            playbook.toml:19: error: "halve" is neither a number nor a text in quotes
            playbook.toml:20: error: "full" is neither true nor false, and a text stands in quotes
            playbook.toml:21: error: "cap" stands here a second time"#]],
        ),
    ] {
        check("threshold = 5", line, expected);
    }
}
