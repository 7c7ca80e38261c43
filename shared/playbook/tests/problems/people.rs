//! Slips in segments, in the people that test them, and in personas.

use expect_test::{Expect, expect};

use super::{PLAYBOOK, problems_after};

/// The last line of the sound playbook; what is added begins on line 113.
const LAST: &str = "currency = \"USD\"\n";

pub(super) fn said_of(added: &str) -> String {
    problems_after(PLAYBOOK, LAST, &format!("{LAST}{added}"))
}

/// What is said of a segment with this expression, on line 115.
fn check(when: &str, expected: Expect) {
    expected.assert_eq(&said_of(&format!("[[segment]]\nid = \"s\"\nwhen = '''{when}'''\n")));
}

#[test]
fn a_slip_in_an_expression_is_named() {
    check(
        "",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 1: the expression is empty: it would hold for everybody or for nobody"#
        ]],
    );
    check(
        r#"rolle == "user""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 1: "rolle" is not known of anybody (did you mean "role"?)"#
        ]],
    );
    check(
        r#"role == "exectuive""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 9: role is never "exectuive" (did you mean "executive"?)"#
        ]],
    );
    check(
        r#"fit > 3 and size in ["enterprise", "emergin"]"#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 36: size is never "emergin" (did you mean "emerging"?)"#
        ]],
    );
    check(
        r#"maturity != "beginner""#,
        expect![[r#"playbook.toml:115: error: segment "s", column 13: maturity is never "beginner""#]],
    );
    check(
        r#"health == "bad" or market == "b2c""#,
        expect![[r#"playbook.toml:115: error: segment "s", column 11: health is never "bad""#]],
    );
    check(
        r#"grade >= "B""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 7: grade is a text, and texts have no order: >= is for numbers"#
        ]],
    );
    check(
        "grade == 2",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 10: grade is a text and is compared with a number: write it in quotes"#
        ]],
    );
    check(
        r#"fit == "A""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 8: fit is a number and is compared with a text: leave out the quotes"#
        ]],
    );
    check(
        "purchases in [1, 2]",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 11: purchases is a number: compare it with ==, !=, <, <=, > or >="#
        ]],
    );
    check(
        r#"owns("analitics")"#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 6: product "analitics" does not exist (did you mean "analytics"?)"#
        ]],
    );
    check(
        r#"days_unused("robots") > 3"#,
        expect![[r#"playbook.toml:115: error: segment "s", column 13: product "robots" does not exist"#]],
    );
    check(
        "owned_days > 3",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 12: expected "(", as in owned_days("…"), found ">""#
        ]],
    );
    check(
        r#"in_segment("others")"#,
        expect![[r#"playbook.toml:115: error: segment "s", column 12: segment "others" does not exist"#]],
    );
    check(
        r#"title == "vp""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 7: expected "has" and a word, as in title has "vp", found "==""#
        ]],
    );
    check(
        r#"title has "VP""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 11: title "VP" matches nothing: titles are matched by one word in lower case (did you mean "vp"?)"#
        ]],
    );
    check(
        r#"title has "vp sales""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 11: title "vp sales" matches nothing: titles are matched by one word in lower case"#
        ]],
    );
    check(
        r#"region has "emea""#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 8: "has" is for title; region has one value: write =="#
        ]],
    );
    check(
        r#"region == """#,
        expect![[
            r#"playbook.toml:115: error: segment "s", column 11: region is never empty: write not known(region)"#
        ]],
    );
    check(
        "known(owns_any)",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 7: owns_any is always known: it holds or it does not"#
        ]],
    );
    check(
        "fit = 3",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 5: '=' means nothing in an expression: write == to compare"#
        ]],
    );
    check(
        "fit > -3",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 7: '-' means nothing in an expression: no number here is below zero"#
        ]],
    );
    check(
        "fit > 3 && owns_any",
        expect![[r#"playbook.toml:115: error: segment "s", column 9: '&' means nothing in an expression: write and"#]],
    );
    check(
        "fit > 3 owns_any",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 9: expected "and", "or" or the end, found "owns_any""#
        ]],
    );
    check(
        "fit > 3 and",
        expect![[r#"playbook.toml:115: error: segment "s", column 12: expected a condition, and the expression ends"#]],
    );
    check(
        "(fit > 3",
        expect![[r#"playbook.toml:115: error: segment "s", column 9: expected ")", and the expression ends"#]],
    );
    check(
        "fit > 99999999999999999999",
        expect![[
            r#"playbook.toml:115: error: segment "s", column 7: "99999999999999999999" is not a whole number that can be compared with"#
        ]],
    );
    check(
        "fit > 3 and (score > 5\n  or regoin == \"emea\")",
        expect![[
            r#"playbook.toml:116: error: segment "s", column 6: "regoin" is not known of anybody (did you mean "region"?)"#
        ]],
    );
    check(
        "\nfit > 3\n and rgion == 'emea'",
        expect![[
            r#"playbook.toml:117: error: segment "s", column 6: "rgion" is not known of anybody (did you mean "region"?)"#
        ]],
    );
    check(
        "role == \"someone@example.com\"",
        expect![[r#"playbook.toml:115: error: segment "s", column 9: role is never (a value with an @, not shown)"#]],
    );
    check(
        "role == \"user",
        expect![[r#"playbook.toml:115: error: segment "s", column 9: a text that is not closed by its quote"#]],
    );
    check(
        &format!("{}fit > 1{}", "(".repeat(64), ")".repeat(64)),
        expect![[r#"playbook.toml:115: error: segment "s", column 65: nests deeper than 64"#]],
    );
}

#[test]
fn a_slip_between_segments_is_named() {
    let check = |segments: &[(&str, &str)], expected: Expect| {
        let text: String =
            segments.iter().map(|(id, when)| format!("[[segment]]\nid = \"{id}\"\nwhen = '{when}'\n")).collect();
        expected.assert_eq(&said_of(&text));
    };
    check(
        &[("a", "in_segment(\"b\")"), ("b", "in_segment(\"a\")"), ("c", "in_segment(\"b\")")],
        expect![[r#"playbook.toml:118: error: segment "b", column 12: segments in a circle: "a" → "b" → "a""#]],
    );
    check(
        &[("a", "not in_segment(\"a\")")],
        expect![[r#"playbook.toml:115: error: segment "a", column 16: segments in a circle: "a" → "a""#]],
    );
    check(
        &[("bosses", "fit > 1"), ("b", "in_segment(\"boses\")")],
        expect![[
            r#"playbook.toml:118: error: segment "b", column 12: segment "boses" does not exist (did you mean "bosses"?)"#
        ]],
    );
    check(
        &[("a", "fit > 1"), ("a", "fit > 2")],
        expect![[r#"playbook.toml:117: error: segment "a" is there already, on line 114"#]],
    );
    check(
        &[("The bosses", "fit > 1")],
        expect![[
            r#"playbook.toml:114: error: segment id "The bosses" is not 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"#
        ]],
    );
    // Each doubles the one before: two to the tenth conditions.
    let double = |n: usize| (format!("s{n}"), format!("in_segment(\"s{0}\") or in_segment(\"s{0}\")", n + 1));
    let doubling: Vec<(String, String)> =
        (0..10).map(double).chain([("s10".to_owned(), "fit > 1".to_owned())]).collect();
    let doubling: Vec<(&str, &str)> = doubling.iter().map(|(id, when)| (id.as_str(), when.as_str())).collect();
    check(
        &doubling,
        expect![[
            r#"playbook.toml:115: error: segment "s0", column 32: asks for more than 1000 conditions, with those of the segments that it names"#
        ]],
    );
    let next = |n: usize| (format!("s{n}"), format!("not in_segment(\"s{}\")", n + 1));
    let chain: Vec<(String, String)> = (0..70).map(next).chain([("s70".to_owned(), "fit > 1".to_owned())]).collect();
    let chain: Vec<(&str, &str)> = chain.iter().map(|(id, when)| (id.as_str(), when.as_str())).collect();
    check(
        &chain,
        expect![[
            r#"playbook.toml:133: error: segment "s6", column 16: nests deeper than 64, with the segments that it names"#
        ]],
    );
    let backwards: Vec<(&str, &str)> = chain.iter().rev().copied().collect();
    check(
        &backwards,
        expect![[
            r#"playbook.toml:307: error: segment "s6", column 16: nests deeper than 64, with the segments that it names"#
        ]],
    );
}

#[test]
fn a_slip_in_a_section_of_people_is_named() {
    for (added, expected) in [
        ("[[segment]]\nid = \"s\"\n", expect![[r#"playbook.toml:113: error: segment "s": missing field "when""#]]),
        (
            "[[segment]]\nid = \"s\"\nwen = 'fit > 1'\nwhen = 'fit > 1'\n",
            expect![[
                r#"playbook.toml:115: error: unknown field "wen", expected one of "id", "when", "includes", "excludes" (did you mean "when"?)"#
            ]],
        ),
        (
            "[[segment]]\nid = \"s\"\nwhen = 'fit > 1'\nincludes = [{ rolle = \"user\" }]\n",
            expect![[
                r#"playbook.toml:116: error: unknown field "rolle", expected one of "role", "title", "size", "region", "industry", "maturity", "market", "health", "fit", "grade", "score", "revenue_cents", "purchases", "customer_days", "days_since_engagement", "owns", "used" (did you mean "role"?)"#
            ]],
        ),
        (
            "[[segment]]\nid = \"s\"\nwhen = 'fit > 1'\nincludes = [{ owns = \"analytics\" }]\n",
            expect![[
                r#"playbook.toml:116: error: invalid type: string "analytics", expected a list of products, or products with days"#
            ]],
        ),
        (
            "[[personas]]\nid = \"p\"\n",
            expect![[
                r#"playbook.toml:113: error: "personas" is not a section of a playbook (did you mean "persona"?)"#
            ]],
        ),
    ] {
        expected.assert_eq(&said_of(added));
    }
}

#[test]
fn an_example_on_the_wrong_side_says_what_decided() {
    let check = |when: &str, examples: &str, expected: Expect| {
        expected.assert_eq(&said_of(&format!("[[segment]]\nid = \"s\"\nwhen = '{when}'\n{examples}\n")));
    };
    let quiet =
        r#"role == "user" and owns("analytics") and (days_unused("analytics") > 30 or score("analytics") == 0)"#;
    check(
        quiet,
        "includes = [\n  { role = \"user\", owns = [\"analytics\"] },\n  { role = \"user\", owns = { analytics = 10 }, score = { analytics = 3 } },\n]",
        expect![[
            r#"playbook.toml:118: error: segment "s" leaves out example 2 of includes { role = "user", owns = { analytics = 10 }, score = { analytics = 3 } }: days_unused("analytics") > 30 does not hold (days_unused("analytics") is 10); score("analytics") == 0 does not hold (score("analytics") is 3)"#
        ]],
    );
    check(
        quiet,
        "includes = [{ role = \"executive\", owns = [\"automation\"] }]",
        expect![[
            r#"playbook.toml:116: error: segment "s" leaves out example 1 of includes { role = "executive", owns = ["automation"] }: role == "user" does not hold (role is "executive"); owns("analytics") does not hold (analytics is not owned)"#
        ]],
    );
    check(
        quiet,
        "excludes = [{ role = \"user\", owns = { analytics = 90 }, used = { analytics = 31 }, score = { analytics = 2 } }]",
        expect![[
            r#"playbook.toml:116: error: segment "s" takes in example 1 of excludes { role = "user", owns = { analytics = 90 }, used = { analytics = 31 }, score = {…: role == "user" holds (role is "user"); owns("analytics") holds (analytics is owned); days_unused("analytics") > 30 holds (days_unused("analytics") is 31)"#
        ]],
    );
    check(
        "not known(region) and not title has \"vp\"",
        "includes = [{ region = \"emea\", title = \"VP\" }]\nexcludes = [{}]",
        expect![[r#"
            playbook.toml:116: error: segment "s" leaves out example 1 of includes { region = "emea", title = "VP" }: not known(region) does not hold (region is "emea"); not title has "vp" does not hold (title is "VP")
            playbook.toml:117: error: segment "s" takes in example 1 of excludes {}: not known(region) holds (region is not known); not title has "vp" holds (title is not known)"#]],
    );
    // Fit from the tables: 40 for an executive, 20 for a VP.
    check(
        "fit == 60 and grade == \"B\"",
        "includes = [{ role = \"executive\", title = \"VP\" }, { fit = 60 }]\nexcludes = [{ grade = \"B\" }]",
        expect![""],
    );
    check(
        "customer_days == 5 and owned_days(\"analytics\") == 7",
        "includes = [{ customer_days = 5, owns = [\"analytics\"] }]",
        expect![[
            r#"playbook.toml:116: error: segment "s" leaves out example 1 of includes { customer_days = 5, owns = ["analytics"] }: owned_days("analytics") == 7 does not hold (owned_days("analytics") is 5)"#
        ]],
    );
    check(
        "region == \"me@example.com\"",
        "includes = [{ region = \"you@example.com\" }]",
        expect![[
            r#"playbook.toml:116: error: segment "s" leaves out example 1 of includes (it holds an @, not shown): a condition with an @, not shown"#
        ]],
    );
    check(
        "fit > 1",
        "includes = [{ role = \"boss\", fit = 101, owns = [\"analitics\"] }]",
        expect![[r#"
            playbook.toml:116: error: segment "s", example 1 of includes: role is never "boss"
            playbook.toml:116: error: segment "s", example 1 of includes names product "analitics", which does not exist (did you mean "analytics"?)
            playbook.toml:116: error: segment "s", example 1 of includes: fit is 101, and must be within 0 and 100"#]],
    );
    check(
        "fit > 1",
        "includes = [{ size = \"large\", score = { analytics = -1 }, used = { automation = 40_000 } }]",
        expect![[r#"
            playbook.toml:116: error: segment "s", example 1 of includes: size is never "large"
            playbook.toml:116: error: segment "s", example 1 of includes: score "analytics" is -1, and must be within 0 and 10000
            playbook.toml:116: error: segment "s", example 1 of includes: used "automation" is 40000, and must be within 0 and 36500"#]],
    );
    check(
        "fit > 1",
        "excludes = [{ fit = 10, grade = \"A\" }]",
        expect![[r#"playbook.toml:116: error: segment "s", example 1 of excludes: a fit of 10 is grade D, not A"#]],
    );
    check(
        "fit > 1 and fit > 2 and fit > 3 and fit > 4 and fit > 5",
        "includes = [{}]",
        expect![[
            r#"playbook.toml:116: error: segment "s" leaves out example 1 of includes {}: fit > 1 does not hold (fit is 0); fit > 2 does not hold (fit is 0); fit > 3 does not hold (fit is 0); and 2 more"#
        ]],
    );
}

const SEGMENT: &str = "[[segment]]\nid = \"s\"\nwhen = 'fit > 1'\n[[segment]]\nid = \"t\"\nwhen = 'fit > 2'\n";

fn personas(personas: &[(&str, &str)]) -> String {
    let persona = |(id, segment): &(&str, &str)| {
        format!("[[persona]]\nid = \"{id}\"\nname = \"The {id}\"\nsegment = \"{segment}\"\n")
    };
    SEGMENT.to_owned() + &personas.iter().map(persona).collect::<String>()
}

#[test]
fn a_slip_in_a_persona_is_named() {
    let check = |rows: &[(&str, &str)], expected: Expect| expected.assert_eq(&said_of(&personas(rows)));
    check(
        &[("user", "s")],
        expect![[r#"
        playbook.toml:120: warning: the practice has four to six personas, here 1
        playbook.toml:120: warning: persona "user" has no piece for the middle stage
        playbook.toml:120: warning: persona "user" has no piece for the late stage"#]],
    );
    check(
        &[("user", "u"), ("user", "t"), ("sponsor", "s"), ("buyer", "t")],
        expect![[r#"
            playbook.toml:120: warning: persona "user" has no piece for the middle stage
            playbook.toml:120: warning: persona "user" has no piece for the late stage
            playbook.toml:122: error: persona "user" names segment "u", which does not exist
            playbook.toml:124: error: persona "user" is there already, on line 120
            playbook.toml:124: warning: persona "user" has no piece for the middle stage
            playbook.toml:124: warning: persona "user" has no piece for the late stage
            playbook.toml:128: warning: persona "sponsor" has no piece for the middle stage
            playbook.toml:128: warning: persona "sponsor" has no piece for the late stage
            playbook.toml:132: warning: persona "buyer" has no piece for the middle stage
            playbook.toml:132: warning: persona "buyer" has no piece for the late stage
            playbook.toml:134: warning: persona "buyer" has the segment of "user", which comes first: nobody will have this persona"#]],
    );
}

#[test]
fn content_for_nobody_is_named() {
    let check = |file: &str, from: &str, to: &str, expected: Expect| {
        expected.assert_eq(&problems_after(file, from, to));
    };
    let lesson = "content/lesson-1.mjml";
    check(
        lesson,
        "asset = \"guide\"\n",
        "asset = \"guide\"\npersonas = [\"user\", \"user\"]\n",
        expect![[r#"
        content/lesson-1.mjml:8: error: piece "lesson-1" names persona "user", which does not exist
        content/lesson-1.mjml:8: error: piece "lesson-1" names persona "user", which does not exist
        content/lesson-1.mjml:8: error: piece "lesson-1" names persona "user" twice"#]],
    );
    check(
        lesson,
        "asset = \"guide\"\n",
        "asset = \"guide\"\npersonas = \"user\"\n",
        expect![[r#"content/lesson-1.mjml:8: error: invalid type: string "user", expected a list"#]],
    );
    check(
        PLAYBOOK,
        "act_now = [\"request\"]\n",
        "act_now = [\"request\"]\npersonas = [\"someone@example.com\", \"user\", \"user\"]\n",
        expect![[r#"
            playbook.toml:43: error: asset "guide" names persona (a value with an @, not shown), which does not exist
            playbook.toml:43: error: asset "guide" names persona "user", which does not exist
            playbook.toml:43: error: asset "guide" names persona "user", which does not exist
            playbook.toml:43: error: asset "guide" names persona "user" twice"#]],
    );
}
