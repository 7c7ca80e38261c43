//! Slips in the structure of `playbook.toml`, and in who writes and when.

use super::{PLAYBOOK, check};

#[test]
fn a_slip_in_structure_is_named() {
    check(&[
        (
            PLAYBOOK,
            "format = 1",
            "format = 2",
            "playbook.toml:1: error: format 2 is not known: this version reads format 1",
        ),
        (PLAYBOOK, "format = 1\n", "", r#"playbook.toml:1: error: "format" is missing"#),
        (PLAYBOOK, "[company]\n", "[company]\naccent = \"#7A2E8F\"\naccent_dark = \"#d9b8e6\"\n", ""),
        (
            PLAYBOOK,
            "[company]\n",
            "[company]\naccent = \"green\"\naccent_dark = \"#fff\"\n",
            "playbook.toml:4: error: \"green\" is not a colour such as \"#1f6b52\"\n\
             playbook.toml:5: error: \"#fff\" is not a colour such as \"#1f6b52\"",
        ),
        (
            PLAYBOOK,
            "[company]\n",
            "[company]\naccent = \"#767676\"\naccent_dark = \"#1f6b52\"\n",
            "playbook.toml:4: error: \"#767676\" cannot be read on the light pages: its contrast is 4.14 to 1, and links and buttons need 4.5 to 1\n\
             playbook.toml:5: error: \"#1f6b52\" cannot be read on the dark pages: its contrast is 2.45 to 1, and links and buttons need 4.5 to 1",
        ),
        (
            PLAYBOOK,
            "[company]",
            "[compny]",
            "playbook.toml:1: error: \"company\" is missing\n\
             playbook.toml:3: error: \"compny\" is not a section of a playbook (did you mean \"company\"?)",
        ),
        (
            PLAYBOOK,
            "site = ",
            "sitee = ",
            r#"playbook.toml:7: error: unknown field "sitee", expected one of "name", "sender", "postal_address", "site", "accent", "accent_dark" (did you mean "site"?)"#,
        ),
        (PLAYBOOK, "name = \"Fernhill Software\"\n", "", r#"playbook.toml:3: error: missing field "name""#),
        (
            PLAYBOOK,
            "holidays = [",
            r#"holidays = ["2026-12-26" "#,
            r#"playbook.toml:12: error: missing comma between array elements, expected ",""#,
        ),
        (
            PLAYBOOK,
            r#"kind = "retention""#,
            r#"kind = "retantion""#,
            r#"playbook.toml:81: error: unknown value "retantion", expected one of "cross-sell", "upsell", "retention", "onboarding", "save", "renewal", "advocacy" (did you mean "retention"?)"#,
        ),
        (
            PLAYBOOK,
            r#"stage = "late""#,
            r#"stage = "last""#,
            r#"playbook.toml:39: error: unknown value "last", expected one of "early", "middle", "late" (did you mean "late"?)"#,
        ),
        (
            PLAYBOOK,
            r#"decay = "halve""#,
            r#"decay = "half""#,
            r#"playbook.toml:21: error: unknown value "half", expected "halve", { points = 1 } or { percent = 10 } (did you mean "halve"?)"#,
        ),
        (
            PLAYBOOK,
            r#"decay = "halve""#,
            "decay = { points = 0 }",
            "playbook.toml:21: error: the decay in points is 0, and must be within 1 and 10000",
        ),
        (
            PLAYBOOK,
            r#"decay = "halve""#,
            "decay = { percent = 101 }",
            "playbook.toml:21: error: the decay in percent is 101, and must be within 1 and 100",
        ),
        (
            PLAYBOOK,
            r#"to = ["rep"]"#,
            r#"to = ["reps"]"#,
            r#"playbook.toml:91: error: unknown value "reps", expected one of "rep", "manager", "executive" (did you mean "rep"?)"#,
        ),
        (
            PLAYBOOK,
            "threshold = 5",
            r#"threshold = "five@example.com""#,
            "playbook.toml:19: error: a value of the wrong type",
        ),
        (
            PLAYBOOK,
            "[qualify]\nhot = 60",
            "[qualify]\nhot = \"60\"\ncold = 3",
            "playbook.toml:60: error: invalid type: string \"60\", expected a whole number\n\
             playbook.toml:61: error: unknown field \"cold\", expected one of \"hot\", \"warm\", \"fit_weight\", \"new_customer_days\", \"reject_reasons\"",
        ),
    ]);
}

#[test]
fn a_slip_in_company_is_named() {
    check(&[
        (
            PLAYBOOK,
            "hello@fernhill.example.com",
            "hello",
            "playbook.toml:5: error: the sender is neither an address nor a name with an address in angle brackets",
        ),
        (
            PLAYBOOK,
            r#""12 Garden Lane, Springfield 01101""#,
            r#"" ""#,
            "playbook.toml:6: error: the postal address is empty",
        ),
        (
            PLAYBOOK,
            "https://www.fernhill.example.com",
            "www.fernhill.example.com",
            "playbook.toml:7: error: the site is not a link such as https://www.example.com",
        ),
        (
            PLAYBOOK,
            r#"https://www.fernhill.example.com""#,
            r#"https://www.fernhill.example.com/""#,
            "playbook.toml:7: warning: the site ends in a slash: {{ site }}/page will hold two",
        ),
    ]);
}

#[test]
fn a_slip_in_calendar_is_named() {
    check(&[
        (
            PLAYBOOK,
            "Europe/Berlin",
            "Europe/Berln",
            r#"playbook.toml:10: error: time zone "Europe/Berln" does not exist (did you mean "Europe/Berlin"?)"#,
        ),
        (
            PLAYBOOK,
            r#"time_zone = "UTC""#,
            r#"time_zone = "Mars/Olympus""#,
            r#"playbook.toml:16: error: time zone "Mars/Olympus" does not exist"#,
        ),
        (
            PLAYBOOK,
            r#"["mon", "tue", "wed", "thu", "fri"]"#,
            "[]",
            "playbook.toml:11: error: no working day: nothing would ever be checked or sent",
        ),
        (
            PLAYBOOK,
            r#""thu", "fri""#,
            r#""thu", "fry""#,
            r#"playbook.toml:11: error: "fry" is not a day of the week (did you mean "fri"?)"#,
        ),
        (
            PLAYBOOK,
            "2026-12-25",
            "25.12.2026",
            r#"playbook.toml:12: error: "25.12.2026" is not a date such as "2026-12-25""#,
        ),
        (
            PLAYBOOK,
            "first_month = 1",
            "first_month = 13",
            "playbook.toml:15: error: first_month is 13, and must be within 1 and 12",
        ),
        (
            PLAYBOOK,
            r#""08:00""#,
            r#""8 o'clock""#,
            r#"playbook.toml:87: error: "8 o'clock" is not a time of day such as "08:00""#,
        ),
        (
            PLAYBOOK,
            "postal_address = ",
            r#"postal_address = "A\nB" # "#,
            "playbook.toml:6: error: the postal address holds a line break or another control character",
        ),
    ]);
}
