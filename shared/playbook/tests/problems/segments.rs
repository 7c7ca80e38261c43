//! Segments that are deep or written over several lines, and examples of rules that are wrong themselves.

use expect_test::{Expect, expect};

use super::people::said_of;
use super::{PLAYBOOK, problems_after};

#[test]
fn what_is_deep_all_the_way_down_is_refused_where_it_gets_too_deep() {
    let check = |brackets: usize, expected: Expect| {
        let next = |n: usize| {
            let (open, close) = ("(fit > 0 and ".repeat(brackets), ")".repeat(brackets));
            format!("[[segment]]\nid = \"s{n}\"\nwhen = '{open}in_segment(\"s{}\"){close}'\n", n + 1)
        };
        let last = "[[segment]]\nid = \"s64\"\nwhen = 'fit > 1'\n";
        expected.assert_eq(&said_of(&((0..64).map(next).collect::<String>() + last)));
    };
    // 63 levels, and the one of what is named.
    check(
        63,
        expect![[
            r#"playbook.toml:301: error: segment "s62", column 831: nests deeper than 64, with the segments that it names"#
        ]],
    );
    check(
        1,
        expect![[
            r#"playbook.toml:115: error: segment "s0", column 25: nests deeper than 64, with the segments that it names"#
        ]],
    );
    check(0, expect![""]);
}

#[test]
fn brackets_that_alternate_count_twice() {
    let check = |brackets: usize, expected: Expect| {
        let (open, close) = ("(fit > 0 or fit > 1 and ".repeat(brackets), ")".repeat(brackets));
        expected.assert_eq(&said_of(&format!("[[segment]]\nid = \"s\"\nwhen = '{open}fit > 2{close}'\n")));
    };
    check(31, expect![""]);
    check(
        32,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 1: nests deeper than 64, with the segments that it names"#
        ]],
    );
}

#[test]
fn each_segment_says_its_own_slip() {
    let added = "[[segment]]\nid = \"a\"\nwhen = 'in_segment(\"b\") or in_segment(\"c\") or in_segment(\"d\")'\n\
                 [[segment]]\nid = \"b\"\nwhen = 'fit > 1 or in_segment(\"a\")'\n\
                 [[segment]]\nid = \"c\"\nwhen = 'fitt > 1'\n";
    expect![[r#"
        playbook.toml:115: error: segment "a", column 50: segment "d" does not exist
        playbook.toml:118: error: segment "b", column 23: segments in a circle: "a" → "b" → "a"
        playbook.toml:121: error: segment "c", column 1: "fitt" is not known of anybody (did you mean "fit"?)"#]]
    .assert_eq(&said_of(added));
}

#[test]
fn a_slip_stands_where_it_is_written() {
    let check = |when: &str, expected: Expect| {
        expected.assert_eq(&said_of(&format!("[[segment]]\nid = \"s\"\nwhen = {when}\n")));
    };
    check(
        "\"\"\"fit > 3 \\\n  and regoin == 'emea'\"\"\"",
        expect![[
            r#"playbook.toml:116: error: segment "s", column 7: "regoin" is not known of anybody (did you mean "region"?)"#
        ]],
    );
    check(
        "\"\"\"\nfit > 3 \\\n\n  and score > 5 \\\n  and\n  regoin == 'emea'\"\"\"",
        expect![[
            r#"playbook.toml:120: error: segment "s", column 3: "regoin" is not known of anybody (did you mean "region"?)"#
        ]],
    );
    check(
        r#""fit > 3\n and regoin == \"emea\"""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 15: "regoin" is not known of anybody (did you mean "region"?)"#
        ]],
    );
    check(
        r#""industry == \"caf\u00e9\" and region == \"emea""#,
        expect![[r#"playbook.toml:115: error: segment "s", column 41: a text that is not closed by its quote"#]],
    );
}

#[test]
fn examples_are_not_judged_by_rules_that_are_wrong() {
    let segment = |includes: &str| format!("[[segment]]\nid = \"s\"\nwhen = 'fit > 70'\nincludes = [{includes}]\n");
    let check = |points: &str, includes: &str, expected: Expect| {
        let fit = "[fit]\nrole = { executive = 40, user = 10 }\ntitle = { vp = 20 }\nsize = { enterprise = 30 }\n";
        let wrong = format!(
            "{}[fit]\nrole = {{ executive = {points} }}\nsize = {{ enterprise = {points} }}\n",
            segment(includes)
        );
        expected.assert_eq(&problems_after(PLAYBOOK, fit, &wrong));
    };
    check(
        "9223372036854775807",
        r#"{ role = "executive", size = "enterprise" }"#,
        expect![[r#"
            playbook.toml:58: error: role "executive" is 9223372036854775807, and must be within -1000 and 1000
            playbook.toml:59: error: size "enterprise" is 9223372036854775807, and must be within -1000 and 1000"#]],
    );
    // What is wrong with the example itself is said all the same.
    check(
        "1001",
        r#"{ role = "boss" }, {}"#,
        expect![[r#"
            playbook.toml:56: error: segment "s", example 1 of includes: role is never "boss"
            playbook.toml:58: error: role "executive" is 1001, and must be within -1000 and 1000
            playbook.toml:59: error: size "enterprise" is 1001, and must be within -1000 and 1000"#]],
    );
    check(
        "35",
        r#"{ role = "executive", size = "enterprise" }"#,
        expect![[
            r#"playbook.toml:56: error: segment "s" leaves out example 1 of includes { role = "executive", size = "enterprise" }: fit > 70 does not hold (fit is 70)"#
        ]],
    );
}

#[test]
fn words_of_other_languages_are_recognised() {
    let check = |when: &str, expected: Expect| {
        expected.assert_eq(&said_of(&format!("[[segment]]\nid = \"s\"\nwhen = '{when}'\n")));
    };
    check(
        r#"role == "user" AND fit > 3"#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 16: expected "and", "or" or the end, found "AND" (did you mean "and"?)"#
        ]],
    );
    check(
        r#"role == "user" OR fit > 3"#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 16: expected "and", "or" or the end, found "OR" (did you mean "or"?)"#
        ]],
    );
    check(
        "NOT owns_any",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 1: "NOT" is not known of anybody (did you mean "not"?)"#
        ]],
    );
    check(
        r#"role IN ["user"]"#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 6: expected "==", "!=", "in" or "not in" after role, found "IN" (did you mean "in"?)"#
        ]],
    );
    check(
        r#"title contains "cfo""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 7: expected "has" and a word, as in title has "cfo", found "contains" (did you mean "has"?)"#
        ]],
    );
    check(
        r#"title contains "C F O""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 7: expected "has" and a word, as in title has "vp", found "contains" (did you mean "has"?)"#
        ]],
    );
    check(r#"grade == "E""#, expect![[r#"playbook.toml:115: error: segment "s", column 10: grade is never "E""#]]);
    check(
        r#"grade == "b""#,
        expect![[r#"playbook.toml:115: error: segment "s", column 10: grade is never "b" (did you mean "B"?)"#]],
    );
}

#[test]
fn a_condition_beyond_the_highest_score_is_warned_of() {
    let check = |when: &str, expected: Expect| {
        expected.assert_eq(&said_of(&format!("[[segment]]\nid = \"s\"\nwhen = '{when}'\n")));
    };
    check(
        "score > 500",
        expect![[
            r#"playbook.toml:115: warning: segment "s": score > 500 never holds: no score is above the cap of 100"#
        ]],
    );
    check(
        "owns_any and (fit > 3 or not score(\"analytics\") == 101)",
        expect![[
            r#"playbook.toml:115: warning: segment "s": score("analytics") == 101 never holds: no score is above the cap of 100"#
        ]],
    );
    check(
        "score > 100 or fit >= 101",
        expect![[r#"
            playbook.toml:115: warning: segment "s": score > 100 never holds: no score is above the cap of 100
            playbook.toml:115: warning: segment "s": fit >= 101 never holds: no fit is above 100"#]],
    );
    check("score >= 100 or fit > 99 or score < 500 or revenue_cents > 500", expect![[r#""#]]);
    // Said where it is written, not where it is named.
    expect![[r#"playbook.toml:115: warning: segment "s": score > 500 never holds: no score is above the cap of 100"#]]
        .assert_eq(&said_of(
            "[[segment]]\nid = \"s\"\nwhen = 'score > 500'\n[[segment]]\nid = \"t\"\nwhen = 'in_segment(\"s\")'\n",
        ));
}

#[test]
fn an_example_is_told_from_the_others_on_its_line() {
    let check = |includes: &str, expected: Expect| {
        expected.assert_eq(&said_of(&format!("[[segment]]\nid = \"s\"\nwhen = 'fit > 1'\n{includes}\n")));
    };
    check(
        "includes = [{ fit = 0 }, { fit = 2 }, { fit = 1, region = 'emea' }]",
        expect![[r#"
        playbook.toml:116: error: segment "s" leaves out example 1 of includes { fit = 0 }: fit > 1 does not hold (fit is 0)
        playbook.toml:116: error: segment "s" leaves out example 3 of includes { fit = 1, region = 'emea' }: fit > 1 does not hold (fit is 1)"#]],
    );
    check(
        "includes = [{ role = 'boss' }, { role = 'boss' }]",
        expect![[r#"
        playbook.toml:116: error: segment "s", example 1 of includes: role is never "boss"
        playbook.toml:116: error: segment "s", example 2 of includes: role is never "boss""#]],
    );
    check(
        "[[segment.includes]]\nfit = 2\n[[segment.includes]]\nfit = 0",
        expect![[
            r#"playbook.toml:118: error: segment "s" leaves out example 2 of includes: fit > 1 does not hold (fit is 0)"#
        ]],
    );
}
