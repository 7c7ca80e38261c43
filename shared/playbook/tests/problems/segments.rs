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
        playbook.toml:115: error: segment "a", column 50: segment "d" does not exist (did you mean "a"?)
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
            playbook.toml:56: error: segment "s": role is never "boss"
            playbook.toml:58: error: role "executive" is 1001, and must be within -1000 and 1000
            playbook.toml:59: error: size "enterprise" is 1001, and must be within -1000 and 1000"#]],
    );
    check(
        "35",
        r#"{ role = "executive", size = "enterprise" }"#,
        expect![[
            r#"playbook.toml:56: error: segment "s" leaves out a person whom it includes: fit > 70 does not hold (fit is 70)"#
        ]],
    );
}
