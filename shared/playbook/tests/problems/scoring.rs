//! Slips in what engagements and attributes are worth, and rules that nobody can reach.

use super::{PLAYBOOK, check};

#[test]
fn a_slip_in_actions_is_named() {
    check(&[
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }\n",
            "",
            r#"playbook.toml:46: error: asset "video" has neither actions nor points: nothing can be done with it"#,
        ),
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }",
            "actions = []\npoints = {}",
            r#"playbook.toml:46: error: asset "video" has neither actions nor points: nothing can be done with it"#,
        ),
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }",
            r#"actions = ["watch", "watch"]"#,
            r#"playbook.toml:51: error: asset "video" names action "watch" twice"#,
        ),
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }",
            r#"actions = ["Watch it"]"#,
            r#"playbook.toml:51: error: action id "Watch it" is not 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"#,
        ),
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }",
            r#"actions = ["delivered", "open"]"#,
            "playbook.toml:31: warning: no asset gives points for product \"automation\": nobody will ever be a lead for it\n\
             playbook.toml:46: warning: asset \"video\" never gives points: it shows in the history and raises no interest",
        ),
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }",
            r#"action = ["watch"]"#,
            r#"playbook.toml:51: error: unknown field "action", expected one of "id", "title", "products", "stage", "effort", "actions", "points", "act_now", "call_now", "talk", "personas" (did you mean "actions"?)"#,
        ),
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }",
            "actions = [\"watch\"]\ncall_now = [\"wacth\"]",
            r#"playbook.toml:52: error: asset "video" has "wacth" in call_now but neither in actions nor in points (did you mean "watch"?)"#,
        ),
        (
            PLAYBOOK,
            "points = { download = 4, request = 10 }",
            r#"actions = ["download", "request"]"#,
            "playbook.toml:41: warning: a single \"download\" of \"guide\" (10) makes a lead alone: the threshold of \"analytics\" is 5. Fine if you mean it; else lower the points or raise the threshold",
        ),
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }",
            "points = { watch = 3.5 }",
            r#"playbook.toml:51: error: invalid type: fraction "3.5", expected a whole number"#,
        ),
    ]);
}

#[test]
fn a_slip_in_default_points_is_named() {
    check(&[
        (
            PLAYBOOK,
            "[interest.gate]",
            "[interest.points]\nlate = { high = 1001 }\n[interest.gate]",
            "playbook.toml:24: error: the default of late high is 1001, and must be within 0 and 1000",
        ),
        (
            PLAYBOOK,
            "[interest.gate]",
            "[interest.points]\nearly = { low = -1 }\n[interest.gate]",
            "playbook.toml:24: error: the default of early low is -1, and must be within 0 and 1000",
        ),
        (
            PLAYBOOK,
            "[interest.gate]",
            "[interest.points]\nlatest = { high = 9 }\n[interest.gate]",
            r#"playbook.toml:24: error: unknown field "latest", expected one of "early", "middle", "late" (did you mean "late"?)"#,
        ),
        (
            PLAYBOOK,
            "[interest.gate]",
            "[interest.points]\nlate = { hihg = 9 }\n[interest.gate]",
            r#"playbook.toml:24: error: unknown field "hihg", expected one of "low", "medium", "high" (did you mean "high"?)"#,
        ),
        (
            PLAYBOOK,
            "[interest.gate]",
            "[interest.points]\nlate = 9\n[interest.gate]",
            r#"playbook.toml:24: error: invalid type: integer "9", expected points by effort such as { low = 1 }"#,
        ),
        (
            PLAYBOOK,
            "[interest.gate]",
            "[interest.points]\nmiddle = { high = 2 }\n[interest.gate]",
            "playbook.toml:24: warning: the default of middle high (2) is below that of middle medium (3): points follow the stage and the effort",
        ),
        (
            PLAYBOOK,
            "[interest.gate]",
            "[interest.points]\nearly = { low = 4 }\n[interest.gate]",
            "playbook.toml:24: warning: the default of early medium (2) is below that of early low (4): points follow the stage and the effort",
        ),
    ]);
}

#[test]
fn a_slip_in_requalify_is_named() {
    check(&[
        (
            PLAYBOOK,
            "first_month = 1",
            "first_month = 1\nrequalify = \"on-rolover\"",
            r#"playbook.toml:16: error: unknown value "on-rolover", expected "on-engagement" or "on-rollover" (did you mean "on-rollover"?)"#,
        ),
        (
            PLAYBOOK,
            "first_month = 1",
            "first_month = 1\nrequalify = true",
            "playbook.toml:16: error: expected a single word in quotes",
        ),
        (
            PLAYBOOK,
            "first_month = 1",
            "first_month = 1\nrequalfy = \"on-rollover\"",
            r#"playbook.toml:16: error: unknown field "requalfy", expected one of "first_month", "time_zone", "requalify" (did you mean "requalify"?)"#,
        ),
    ]);
}

#[test]
fn a_slip_in_fit_is_named() {
    check(&[
        (
            PLAYBOOK,
            "size = {",
            "maturity = { advnced = 5 }\nsize = {",
            r#"playbook.toml:56: warning: "advnced" is not a maturity: it never gives points (did you mean "advanced"?)"#,
        ),
        (
            PLAYBOOK,
            "size = {",
            "market = { B2B = 5 }\nsize = {",
            r#"playbook.toml:56: warning: "B2B" is not a market: it never gives points (did you mean "b2b"?)"#,
        ),
        (
            PLAYBOOK,
            "size = {",
            "market = { b2b = 1001 }\nsize = {",
            r#"playbook.toml:56: error: market "b2b" is 1001, and must be within -1000 and 1000"#,
        ),
        (
            PLAYBOOK,
            "size = {",
            "purchases = [{ at_least = 2, points = 5 }, { at_least = 2, points = 6 }]\nsize = {",
            "playbook.toml:56: error: purchases has two bands from 2 on: only one of them can count",
        ),
        (
            PLAYBOOK,
            "size = {",
            "purchases = [{ at_least = -2, points = 5 }]\nsize = {",
            "playbook.toml:56: error: purchases: at_least is -2, and must not be below zero",
        ),
        (
            PLAYBOOK,
            "size = {",
            "revenue_cents = [{ at_least = 1_000, points = -1001 }]\nsize = {",
            "playbook.toml:56: error: revenue_cents from 1000 on is -1001, and must be within -1000 and 1000",
        ),
        (
            PLAYBOOK,
            "size = {",
            "revenue_cents = [{ atleast = 1_000, points = 5 }]\nsize = {",
            r#"playbook.toml:56: error: unknown field "atleast", expected "at_least" or "points" (did you mean "at_least"?)"#,
        ),
        (
            PLAYBOOK,
            "size = {",
            "revenue_cents = { at_least = 1_000, points = 5 }\nsize = {",
            "playbook.toml:56: error: invalid type: table, expected a list",
        ),
        (
            PLAYBOOK,
            "size = {",
            "revenue = [{ at_least = 1_000, points = 5 }]\nsize = {",
            r#"playbook.toml:56: error: unknown field "revenue", expected one of "role", "title", "size", "region", "industry", "maturity", "market", "revenue_cents", "purchases", "grades""#,
        ),
        (PLAYBOOK, "hot = 60", "hot = 60\nwarm = 61", "playbook.toml:61: error: warm begins at 61, above hot at 60"),
        (
            PLAYBOOK,
            "hot = 60",
            "hot = 60\nwarm = -1",
            "playbook.toml:61: error: warm is -1, and must be within 0 and 100",
        ),
    ]);
}

#[test]
fn what_nobody_can_reach_is_warned_of() {
    check(&[
        (
            PLAYBOOK,
            "threshold = 8",
            "threshold = 85",
            r#"playbook.toml:33: warning: nobody reaches the threshold of 85 for product "automation": all there is to do, in each of the 28 cycles that count, makes 84"#,
        ),
        (
            PLAYBOOK,
            "watch = 3, ",
            "",
            r#"playbook.toml:31: warning: no asset gives points for product "automation": nobody will ever be a lead for it"#,
        ),
        (
            PLAYBOOK,
            r#"decay = "halve""#,
            "decay = { points = 8 }",
            "playbook.toml:21: warning: one quiet cycle takes a score at the threshold of 8 to zero: nothing is left to build on",
        ),
        (
            PLAYBOOK,
            r#"decay = "halve""#,
            "decay = { percent = 100 }",
            "playbook.toml:21: warning: one quiet cycle takes a score at the threshold of 8 to zero: nothing is left to build on",
        ),
        // The product with the lower threshold loses everything, the other keeps some.
        (
            PLAYBOOK,
            r#"decay = "halve""#,
            "decay = { points = 5 }",
            "playbook.toml:21: warning: one quiet cycle takes a score at the threshold of 5 to zero: nothing is left to build on",
        ),
        (
            PLAYBOOK,
            r#"decay = "halve""#,
            "decay = { percent = 81 }",
            "playbook.toml:21: warning: one quiet cycle takes a score at the threshold of 5 to zero: nothing is left to build on",
        ),
        (PLAYBOOK, r#"decay = "halve""#, "decay = { percent = 80 }", ""),
        // The threshold for all is no product's.
        (
            PLAYBOOK,
            "decay = \"halve\"\n\n[interest.gate]\nseconds_after_sending = 10\n\n[[product]]\n",
            "decay = { points = 5 }\n\n[[product]]\nthreshold = 20\n",
            "",
        ),
        // Just within reach.
        (PLAYBOOK, "threshold = 8", "threshold = 84", ""),
        (PLAYBOOK, "grades = { A = 70,", "grades = { A = 90,", ""),
        (PLAYBOOK, "hot = 60", "hot = 95", ""),
        (
            PLAYBOOK,
            "grades = { A = 70,",
            "grades = { A = 91,",
            "playbook.toml:57: warning: nobody is an A: it begins at 91, and the best of every attribute make 90",
        ),
        (
            PLAYBOOK,
            "hot = 60",
            "hot = 96",
            "playbook.toml:60: warning: nobody is hot: it begins at 96, and the best fit of 90 with full engagement makes 95",
        ),
        (
            PLAYBOOK,
            "role = { executive = 40, user = 10 }\ntitle = { vp = 20 }\nsize = { enterprise = 30 }\ngrades = { A = 70, B = 45, C = 20 }",
            "",
            "playbook.toml:57: warning: nobody is hot: it begins at 60, and the best fit of 0 with full engagement makes 50",
        ),
    ]);
}

#[test]
fn a_piece_that_nobody_receives_is_warned_of() {
    let keep = "kind = \"retention\"\nproduct = \"analytics\"\ndays = 60\npieces = [\"prune\"]";
    let onboarding = |days: u32| {
        format!("kind = \"onboarding\"\nproduct = \"analytics\"\ndays = {days}\npieces = [\n\"prune\",\n\"lesson-2\"]")
    };
    let in_two = "content/lesson-2.mjml: warning: piece \"lesson-2\" is in streams \"discover-analytics\" and \"keep-analytics\": who is in both receives it once, in whichever comes first";
    check(&[
        (PLAYBOOK, keep, &onboarding(15), in_two),
        (
            PLAYBOOK,
            keep,
            &onboarding(14),
            &format!(
                "playbook.toml:86: warning: stream \"keep-analytics\" ends after 14 days, time for 1 of its pieces: nobody receives \"lesson-2\" or what follows it\n{in_two}"
            ),
        ),
        (
            PLAYBOOK,
            "product = \"automation\"\npieces = [\"robots\"]",
            "product = \"analytics\"\npieces = [\"robots\", \"prune\", \"offer\"]",
            "playbook.toml:31: warning: product \"automation\" has no cross-sell stream: whoever shows interest hears nothing\n\
             playbook.toml:77: warning: stream \"discover-automation\" is about \"analytics\", its piece \"robots\" about \"automation\"\n\
             playbook.toml:77: warning: 2 cross-sell streams end in a promotion, such as \"discover-analytics\" and \"discover-automation\": whoever reads both to the end receives one of the two only when some stream teaches again\n\
             content/offer.mjml: warning: piece \"offer\" is in streams \"discover-analytics\" and \"discover-automation\": who is in both receives it once, in whichever comes first\n\
             content/prune.mjml: warning: piece \"prune\" is in streams \"discover-automation\" and \"keep-analytics\": who is in both receives it once, in whichever comes first",
        ),
        (
            PLAYBOOK,
            "\"offer\", \"lesson-2\", \"ask\"",
            "\"offer\"",
            "playbook.toml:71: warning: stream \"discover-analytics\" has 1 soft and 0 hard to 1 educational: 4-1-1 wants 2 educational ones, 1 more\n\
             content/ask.mjml: warning: piece \"ask\" is in no stream: nobody will receive it\n\
             content/lesson-2.mjml: warning: piece \"lesson-2\" is in no stream: nobody will receive it",
        ),
        ("content/offer.mjml", "kind = \"soft\"", "kind = \"educational\"", ""),
    ]);
}
