//! Slips in topics, in what the preference centre offers, and in what a click on a mail counts for.

use super::{PLAYBOOK, check};

/// Two sound topics, in front of the cadence.
const TOPICS: &str = "[[topic]]\nid = \"numbers\"\nname = \"Numbers\"\ndescription = \"Asking questions.\"\n\
                      [[topic]]\nid = \"work\"\nname = \"Work\"\ndescription = \"Less of it.\"\n[nurture]";

#[test]
fn a_slip_in_a_topic_is_named() {
    let broken = |from: &str, to: &str| TOPICS.replacen(from, to, 1);
    for (to, expected) in [
        (TOPICS.to_owned(), ""),
        (
            broken("id = \"work\"", "id = \"numbers\""),
            r#"playbook.toml:68: error: topic "numbers" is there already, on line 64"#,
        ),
        (
            broken("\"numbers\"", "\"The Numbers\""),
            "playbook.toml:64: error: topic id \"The Numbers\" is not 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit",
        ),
        (
            broken("\"Work\"", "\" numbers\""),
            r#"playbook.toml:69: error: topic "work" has the name of topic "numbers""#,
        ),
        (broken("\"Less of it.\"", "\"\""), "playbook.toml:70: error: the topic's description is empty"),
        (broken("name = \"Work\"\n", ""), r#"playbook.toml:67: error: topic "work": missing field "name""#),
        (
            broken("description", "descripton"),
            "playbook.toml:66: error: unknown field \"descripton\", expected one of \"id\", \"name\", \"description\" (did you mean \"description\"?)",
        ),
    ] {
        check(&[(PLAYBOOK, "[nurture]", &to, expected)]);
    }
}

#[test]
fn a_slip_in_what_the_preference_centre_offers_is_named() {
    let section = |lines: &str| format!("[preferences]\n{lines}\n[nurture]");
    for (lines, expected) in [
        ("", ""),
        ("pause_days = []\nfrequencies = []", ""),
        ("pause_days = [0]", "playbook.toml:64: error: a break in days is 0, and must be within 1 and 731"),
        ("pause_days = [90, 30]", "playbook.toml:64: error: a break of 30 days stands after one of 90"),
        ("pause_days = [1, 2, 3, 4, 5, 6]", "playbook.toml:64: error: more than 5 breaks to choose from"),
        (
            "frequencies = [\"weekly\"]",
            "playbook.toml:64: error: unknown value \"weekly\", expected \"fortnightly\" or \"monthly\"",
        ),
    ] {
        check(&[(PLAYBOOK, "[nurture]", &section(lines), expected)]);
    }
}

#[test]
fn a_slip_in_what_a_click_counts_for_is_named() {
    let named = |asset: &str| format!("id = \"keep-analytics\"\nmail_asset = \"{asset}\"");
    for (asset, expected) in [
        (
            "guidd",
            "playbook.toml:81: error: stream \"keep-analytics\" names asset \"guidd\", which does not exist (did you mean \"guide\"?)",
        ),
        ("guide", "playbook.toml:81: error: stream \"keep-analytics\": asset \"guide\" has no action \"click\""),
    ] {
        check(&[(PLAYBOOK, "id = \"keep-analytics\"", &named(asset), expected)]);
    }
}
