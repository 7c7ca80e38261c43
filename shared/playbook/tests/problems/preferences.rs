//! Slips in topics, in what the preference centre offers, and in what a click on a mail counts for.

use super::{PLAYBOOK, check};

/// Between two streams of the sound playbook …
const BETWEEN: &str =
    "pieces = [\"lesson-1\", \"offer\", \"lesson-2\", \"ask\"]\n\n[[stream]]\nid = \"discover-automation\"";
/// … two sound topics, one for each.
const TOPICS: &str = "pieces = [\"lesson-1\", \"offer\", \"lesson-2\", \"ask\"]\ntopic = \"numbers\"\n\
                      [[topic]]\nid = \"numbers\"\nname = \"Numbers\"\ndescription = \"Asking questions.\"\n\
                      [[topic]]\nid = \"work\"\nname = \"Work\"\ndescription = \"Less of it.\"\n\
                      [[stream]]\nid = \"discover-automation\"\ntopic = \"work\"";

#[test]
fn a_slip_in_a_topic_is_named() {
    for (from, to, expected) in [
        ("", "", ""),
        (
            "id = \"work\"",
            "id = \"numbers\"",
            "playbook.toml:78: error: topic \"numbers\" is there already, on line 74\n\
             playbook.toml:83: error: stream \"discover-automation\" names topic \"work\", which does not exist",
        ),
        (
            "id = \"numbers\"",
            "id = \"The Numbers\"",
            "playbook.toml:72: error: stream \"discover-analytics\" names topic \"numbers\", which does not exist\n\
             playbook.toml:74: error: topic id \"The Numbers\" is not 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit\n\
             playbook.toml:74: warning: no stream has topic \"The Numbers\": nobody gets what it promises",
        ),
        ("\"Work\"", "\" numbers\"", "playbook.toml:79: error: topic \"work\" has the name of topic \"numbers\""),
        ("\"Less of it.\"", "\"\"", "playbook.toml:80: error: the topic's description is empty"),
        ("name = \"Work\"\n", "", "playbook.toml:77: error: topic \"work\": missing field \"name\""),
        (
            "description",
            "descripton",
            "playbook.toml:76: error: unknown field \"descripton\", expected one of \"id\", \"name\", \"description\" (did you mean \"description\"?)",
        ),
        (
            "topic = \"work\"",
            "topic = \"wrok\"",
            "playbook.toml:78: warning: no stream has topic \"work\": nobody gets what it promises\n\
             playbook.toml:83: error: stream \"discover-automation\" names topic \"wrok\", which does not exist (did you mean \"work\"?)",
        ),
        (
            "topic = \"work\"",
            "topic = \"numbers\"",
            "playbook.toml:78: warning: no stream has topic \"work\": nobody gets what it promises",
        ),
    ] {
        check(&[(PLAYBOOK, BETWEEN, &TOPICS.replacen(from, to, 1), expected)]);
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
fn a_frequency_that_the_gap_makes_no_choice_is_named() {
    let both = "";
    let monthly = "[preferences]\nfrequencies = [\"monthly\"]\n";
    for (section, gap_days, expected) in [
        (both, 13, ""),
        (
            both,
            14,
            "playbook.toml:64: warning: the gap of 14 days is no shorter than \"fortnightly\": nobody is offered that",
        ),
        (monthly, 14, ""),
        (
            both,
            28,
            "playbook.toml:64: warning: the gap of 28 days is no shorter than \"fortnightly\": nobody is offered that\n\
             playbook.toml:64: warning: the gap of 28 days is no shorter than \"monthly\": nobody is offered that",
        ),
        (
            monthly,
            30,
            "playbook.toml:66: warning: the gap of 30 days is no shorter than \"monthly\": nobody is offered that",
        ),
        ("[preferences]\nfrequencies = []\n", 30, ""),
    ] {
        let to = format!("{section}[nurture]\ngap_days = {gap_days}\n");
        check(&[(PLAYBOOK, "[nurture]\ngap_days = 7\n", &to, expected)]);
    }
}

#[test]
fn more_topics_than_anybody_reads_are_refused() {
    for (count, expected) in [(30, vec![]), (31, vec!["playbook.toml:224: error: more than 30 topics to choose from"])]
    {
        let topic = |number| format!("[[topic]]\nid = \"t{number}\"\nname = \"N{number}\"\ndescription = \"D.\"\n\n");
        let topics: String = (0..count).map(topic).collect();
        let said = super::problems_after(
            PLAYBOOK,
            "[[stream]]\nid = \"discover-automation\"",
            &format!("{topics}[[stream]]\nid = \"discover-automation\""),
        );
        let errors: Vec<&str> = said.lines().filter(|line| line.contains(": error: ")).collect();
        assert_eq!(errors, expected, "{count}");
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
