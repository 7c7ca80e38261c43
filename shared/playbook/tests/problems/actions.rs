//! An action that only one asset has and that is nearly one of the others.

use expect_test::{Expect, expect};

use super::people::said_of;

/// What is said when two assets have the first of these actions and a third has the second.
fn check(common: &str, rare: &str, expected: Expect) {
    let asset = |id: &str, action: &str| {
        format!(
            "[[asset]]\nid = \"{id}\"\ntitle = \"T\"\nproducts = [\"analytics\"]\nstage = \"early\"\neffort = \"low\"\nactions = [{action}]\n"
        )
    };
    let (common, rare) = (format!("\"{common}\""), format!("\"signup\", {rare}"));
    expected.assert_eq(&said_of(&(asset("a", &common) + &asset("b", &common) + &asset("c", &rare))));
}

#[test]
fn an_action_that_is_nearly_another_is_warned_of() {
    check(
        "attend",
        "\"atend\"",
        expect![[r#"playbook.toml:133: warning: action "atend" is known to this asset only (did you mean "attend"?)"#]],
    );
    check(
        "attend",
        "\"attned\"",
        expect![[
            r#"playbook.toml:133: warning: action "attned" is known to this asset only (did you mean "attend"?)"#
        ]],
    );
    check(
        "register",
        "\"registrer\"",
        expect![[
            r#"playbook.toml:133: warning: action "registrer" is known to this asset only (did you mean "register"?)"#
        ]],
    );
    check(
        "register",
        "\"regstr\"",
        expect![[
            r#"playbook.toml:133: warning: action "regstr" is known to this asset only (did you mean "register"?)"#
        ]],
    );
    check(
        "open",
        "\"opn\"",
        expect![[r#"
        playbook.toml:114: warning: asset "a" never gives points: it shows in the history and raises no interest
        playbook.toml:121: warning: asset "b" never gives points: it shows in the history and raises no interest
        playbook.toml:133: warning: action "opn" is known to this asset only (did you mean "open"?)"#]],
    );
}

#[test]
fn an_action_that_is_merely_rare_is_not() {
    for (common, rare) in [
        ("attend", "\"raise\""),
        ("attend", "\"atten\", \"attend\""),
        ("attend", "\"atned\""),
        ("subscribe", "\"unsubscribe\""),
        ("lesson-1", "\"lesson-2\""),
        ("ask", "\"ass\""),
    ] {
        check(common, rare, expect![""]);
    }
}

#[test]
fn a_word_that_one_other_asset_has_is_no_habit() {
    let asset = |id: &str, action: &str| {
        format!(
            "[[asset]]\nid = \"{id}\"\ntitle = \"T\"\nproducts = [\"analytics\"]\nstage = \"early\"\neffort = \"low\"\npoints = {{ {action} = 1 }}\n"
        )
    };
    expect![""].assert_eq(&said_of(&(asset("a", "attend") + &asset("b", "atend"))));
    expect![[r#"playbook.toml:126: warning: action "atend" is known to this asset only (did you mean "attend"?)"#]]
        .assert_eq(&said_of(&(asset("a", "attend") + &asset("b", "atend") + &asset("c", "attend"))));
}
