//! Slips in territories and absences.

use super::people::said_of;
use super::{PLAYBOOK, check, problems_after};

/// Absences of Anna's, on line 98, and of Elif's, on line 104; the playbook has nobody else.
fn absences(annas: &str, elifs: &str, expected: &str) {
    let (anna, elif) = ("id = \"anna\"\n", "id = \"elif\"\n");
    let between = "name = \"Anna Keller\"\nemail = \"anna.keller@fernhill.example.com\"\nmanager = \"elif\"\n[[rep]]\n";
    let away = |list: &str| format!("away = [{list}]\n");
    let said = problems_after(
        PLAYBOOK,
        &format!("{anna}{between}{elif}"),
        &format!("{anna}{}{between}{elif}{}", away(annas), away(elifs)),
    );
    assert_eq!(said, expected, "Anna: {annas}; Elif: {elifs}");
}

#[test]
fn a_slip_in_an_absence_is_named() {
    absences(r#"{ from = "2026-11-09", to = "2026-11-13", cover = "elif" }"#, "", "");
    absences(
        r#"{ from = "2026-11-09", cover = "elif" }"#,
        r#"{ from = "2026-11-02", to = "2026-11-08", cover = "anna" }"#,
        "",
    );
    absences(r#"{ from = "2026-11-09", to = "2026-11-09", cover = "elif" }"#, "", "");
    absences(
        r#"{ from = "2026-11-09", cover = "elff" }"#,
        "",
        r#"playbook.toml:98: error: rep "anna" names cover "elff", which does not exist (did you mean "elif"?)"#,
    );
    absences(
        r#"{ from = "2026-11-09", cover = "anna" }"#,
        "",
        r#"playbook.toml:98: error: rep "anna" covers for themselves"#,
    );
    absences(
        r#"{ from = "9 November", to = "2026-11-31", cover = "elif" }"#,
        "",
        "playbook.toml:98: error: \"9 November\" is not a date such as \"2026-11-09\"\n\
         playbook.toml:98: error: \"2026-11-31\" is not a date such as \"2026-11-09\"",
    );
    absences(
        r#"{ from = "2026-11-13", to = "2026-11-09", cover = "elif" }"#,
        "",
        r#"playbook.toml:98: error: rep "anna" is away from 2026-11-13 to 2026-11-09, which is before"#,
    );
    absences(
        r#"{ from = "2026-11-13", cover = "elif", untill = "2026-11-20" }"#,
        "",
        r#"playbook.toml:98: error: unknown field "untill", expected one of "from", "to", "cover""#,
    );
    // In whatever order they stand.
    absences(
        r#"{ from = "2026-11-13", to = "2026-11-20", cover = "elif" }, { from = "2026-11-09", to = "2026-11-13", cover = "elif" }"#,
        "",
        r#"playbook.toml:98: error: rep "anna" is away from 2026-11-13 as well as from 2026-11-09 to 2026-11-13: one of both has to end first"#,
    );
    absences(
        r#"{ from = "2026-11-09", cover = "elif" }, { from = "2026-12-01", to = "2026-12-02", cover = "elif" }"#,
        "",
        r#"playbook.toml:98: error: rep "anna" is away from 2026-12-01 as well as from 2026-11-09 on: one of both has to end first"#,
    );
    absences(
        r#"{ from = "2026-11-09", to = "2026-11-13", cover = "elif" }, { from = "2026-11-14", cover = "elif" }"#,
        "",
        "",
    );
}

#[test]
fn a_cover_who_is_away_all_the_time_is_named() {
    let nobody = |line: usize, who: &str, cover: &str| {
        format!(
            "playbook.toml:{line}: warning: rep \"{who}\": cover \"{cover}\" is away on every day of it, and nobody covers for them who is there: mail goes to the manager"
        )
    };
    let anna = r#"{ from = "2026-11-09", to = "2026-11-13", cover = "elif" }"#;
    let check = |elifs: &str, expected: &[String]| absences(anna, elifs, &expected.join("\n"));
    check(r#"{ from = "2026-11-01", to = "2026-11-30", cover = "anna" }"#, &[nobody(98, "anna", "elif")]);
    check(
        r#"{ from = "2026-11-09", to = "2026-11-13", cover = "anna" }"#,
        &[nobody(98, "anna", "elif"), nobody(104, "elif", "anna")],
    );
    // On one day somebody is there.
    check(r#"{ from = "2026-11-01", to = "2026-11-12", cover = "anna" }"#, &[]);
    check(r#"{ from = "2026-11-10", to = "2026-11-30", cover = "anna" }"#, &[]);
    check(
        r#"{ from = "2026-11-01", to = "2026-11-10", cover = "anna" }, { from = "2026-11-12", cover = "anna" }"#,
        &[],
    );
    check(
        r#"{ from = "2026-11-01", to = "2026-11-10", cover = "anna" }, { from = "2026-11-11", to = "2026-11-13", cover = "anna" }"#,
        &[nobody(98, "anna", "elif"), nobody(104, "elif", "anna")],
    );
}

#[test]
fn a_slip_in_a_territory_is_named() {
    let territory = |id: &str, rest: &str| format!("[[territory]]\nid = \"{id}\"\n{rest}\n");
    let one = |rest: &str, expected: &str| assert_eq!(said_of(&territory("emea", rest)), expected, "{rest}");
    one("where = 'region == \"emea\" and not owns(\"analytics\")'\nreps = [\"anna\", \"elif\"]", "");
    one("reps = [\"anna\"]", "");
    one("where = 'customer_days > 90 or revenue_cents >= 5 or known(industry)'\nreps = [\"anna\"]", "");
    one("reps = []", r#"playbook.toml:115: error: territory "emea" has no reps"#);
    one(
        "reps = [\"ana\", \"elif\", \"elif\"]",
        "playbook.toml:115: error: territory \"emea\" names rep \"ana\", which does not exist (did you mean \"anna\"?)\n\
         playbook.toml:115: error: territory \"emea\" names rep \"elif\" twice",
    );
    one(
        "where = 'regin == \"emea\"'\nreps = [\"anna\"]",
        r#"playbook.toml:115: error: territory "emea", column 1: "regin" is not known of anybody (did you mean "region"?)"#,
    );
    one(
        "where = 'in_segment(\"dach\")'\nreps = [\"anna\"]",
        r#"playbook.toml:115: error: territory "emea", column 12: segment "dach" does not exist"#,
    );
    one(
        "when = 'owns_any'\nreps = [\"anna\"]",
        r#"playbook.toml:115: error: unknown field "when", expected one of "id", "where", "reps" (did you mean "where"?)"#,
    );
    let of_a_person = |condition: &str| {
        format!(
            "playbook.toml:115: error: territory \"emea\" asks for {condition}, which is of a person: of an account it can ask for size, region, industry, maturity, market, health, revenue_cents, purchases, customer_days, owned_days, days_unused, owns and owns_any"
        )
    };
    for condition in [
        "role == \"executive\"",
        "grade != \"A\"",
        "title has \"vp\"",
        "known(title)",
        "fit > 5",
        "score >= 5",
        "score(\"analytics\") > 1",
        "known(days_since_engagement)",
    ] {
        let whole = format!("where = 'owns_any and not (size == \"enterprise\" or {condition})'\nreps = [\"anna\"]");
        one(&whole, &of_a_person(condition));
    }
    // Also where a segment asks for it.
    let segment = "[[segment]]\nid = \"vips\"\nwhen = 'role == \"executive\"'\n";
    let by_segment = territory("emea", "where = 'in_segment(\"vips\")'\nreps = [\"anna\"]");
    assert_eq!(said_of(&format!("{by_segment}{segment}")), of_a_person("role == \"executive\""));
    check(&[(
        PLAYBOOK,
        "[goals]",
        "[[territory]]\nid = \"all\"\n[goals]",
        r#"playbook.toml:106: error: territory "all": missing field "reps""#,
    )]);
}

#[test]
fn a_territory_that_no_account_can_be_of_is_named() {
    let reps = "reps = [\"anna\"]";
    let two = |first: &str, second: &str, expected: &str| {
        let of = |id: &str, when: &str| match when {
            "" => format!("[[territory]]\nid = \"{id}\"\n{reps}\n"),
            when => format!("[[territory]]\nid = \"{id}\"\n{reps}\nwhere = '{when}'\n"),
        };
        let last = if first.is_empty() { 117 } else { 118 };
        let expected = match expected {
            "" => String::new(),
            what => format!(
                "playbook.toml:{last}: warning: territory \"two\" stands after \"one\", which {what}: no account will be of it"
            ),
        };
        assert_eq!(said_of(&format!("{}{}", of("one", first), of("two", second))), expected, "{first} | {second}");
    };
    two(r#"region == "emea""#, "", "");
    two(r#"region == "emea""#, r#"region == "apac""#, "");
    two("", r#"region == "emea""#, "takes every account");
    two("", "", "takes every account");
    two(r#"region == "emea""#, r#"region == "emea""#, "asks for the same");
    two("known(health)", "owns_any", "takes every account");
    two(r#"health in ["good", "at-risk"]"#, "owns_any", "takes every account");
    two(r#"owns_any or not owns_any"#, "owns_any", "takes every account");
    // What is not known is neither.
    two(r#"size == "enterprise" or size != "enterprise""#, "owns_any", "");
    let twice = said_of(
        "[[territory]]\nid = \"one\"\nreps = [\"anna\"]\n[[territory]]\nid = \"One\"\nreps = [\"anna\"]\nwhere = 'owns_any'\n",
    );
    assert!(twice.starts_with("playbook.toml:117: error: territory id \"One\" is not"), "{twice}");
}
