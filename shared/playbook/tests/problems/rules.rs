//! Slips in points, thresholds, goals and the people who hear of a lead.

use super::{PLAYBOOK, check};

#[test]
fn a_slip_in_interest_is_named() {
    check(&[
        (
            PLAYBOOK,
            "threshold = 5",
            "threshold = 0",
            "playbook.toml:19: error: the threshold is 0, and must be at least 1",
        ),
        (
            PLAYBOOK,
            "threshold = 8",
            "threshold = 101",
            "playbook.toml:33: error: the threshold of 101 is above the cap of 100: no score would reach it",
        ),
        (
            PLAYBOOK,
            "cap = 100",
            "cap = 0",
            "playbook.toml:19: error: the threshold of 5 is above the cap of 0: no score would reach it\n\
             playbook.toml:20: error: cap is 0, and must be within 1 and 10000\n\
             playbook.toml:33: error: the threshold of 8 is above the cap of 0: no score would reach it",
        ),
        (
            PLAYBOOK,
            "cap = 100",
            "cap = 4",
            "playbook.toml:19: error: the threshold of 5 is above the cap of 4: no score would reach it\n\
             playbook.toml:33: error: the threshold of 8 is above the cap of 4: no score would reach it",
        ),
        (
            PLAYBOOK,
            "seconds_after_sending = 10",
            "clicks_per_day = 1",
            "playbook.toml:24: error: clicks_per_day is 1, and must be within 2 and 128",
        ),
        (
            PLAYBOOK,
            "download = 4",
            "download = 1001",
            "playbook.toml:41: warning: a single \"download\" of \"guide\" (1001) makes a lead alone: the threshold of \"analytics\" is 5. Fine if you mean it; else lower the points or raise the threshold\n\
             playbook.toml:41: error: asset \"guide\": points of \"download\" is 1001, and must be within -1000 and 1000",
        ),
        (
            PLAYBOOK,
            "download = 4",
            "download = 5",
            "playbook.toml:41: warning: a single \"download\" of \"guide\" (5) makes a lead alone: the threshold of \"analytics\" is 5. Fine if you mean it; else lower the points or raise the threshold",
        ),
        (
            PLAYBOOK,
            "watch = 3,",
            "watch = 9,",
            "playbook.toml:51: warning: a single \"watch\" of \"video\" (9) makes a lead alone: the threshold of \"analytics\" is 5. Fine if you mean it; else lower the points or raise the threshold\n\
             playbook.toml:51: warning: a single \"watch\" of \"video\" (9) makes a lead alone: the threshold of \"automation\" is 8. Fine if you mean it; else lower the points or raise the threshold",
        ),
        (
            PLAYBOOK,
            "watch = 3, unsubscribe = -5",
            "watch = 0",
            "playbook.toml:31: warning: no asset gives points for product \"automation\": nobody will ever be a lead for it\n\
             playbook.toml:46: warning: asset \"video\" never gives points: it shows in the history and raises no interest",
        ),
        // It makes a lead at once, whatever the score.
        (PLAYBOOK, "points = { watch = 3, unsubscribe = -5 }", "points = { call = 0 }\nact_now = [\"call\"]", ""),
        (
            PLAYBOOK,
            "points = { watch = 3, unsubscribe = -5 }",
            "points = { call = 0 }\ncall_now = [\"call\"]",
            "playbook.toml:31: warning: no asset gives points for product \"automation\": nobody will ever be a lead for it\n\
             playbook.toml:46: warning: asset \"video\" never gives points: its call_now marks a lead for a call, and raises no interest that would make one",
        ),
        (
            PLAYBOOK,
            "watch = 3, unsubscribe = -5",
            "watch = 5, replay = 6, download = 7",
            "playbook.toml:51: warning: a single \"download\" of \"video\" (7) makes a lead alone, and so do 2 others: the threshold of \"analytics\" is 5. Fine if you mean it; else lower the points or raise the threshold",
        ),
        (
            PLAYBOOK,
            "watch = 3,",
            "Watch = 3,",
            r#"playbook.toml:51: error: action id "Watch" is not 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"#,
        ),
        (
            PLAYBOOK,
            r#"act_now = ["request"]"#,
            r#"act_now = ["reqest"]"#,
            "playbook.toml:41: warning: a single \"request\" of \"guide\" (10) makes a lead alone: the threshold of \"analytics\" is 5. Fine if you mean it; else lower the points or raise the threshold\n\
             playbook.toml:42: error: asset \"guide\" has \"reqest\" in act_now but neither in actions nor in points (did you mean \"request\"?)",
        ),
        (
            PLAYBOOK,
            r#"products = ["analytics"]"#,
            r#"products = ["analytic"]"#,
            r#"playbook.toml:38: error: asset "guide" names product "analytic", which does not exist (did you mean "analytics"?)"#,
        ),
        (
            PLAYBOOK,
            r#"products = ["analytics"]"#,
            "products = []",
            r#"playbook.toml:38: error: asset "guide" names no product"#,
        ),
        (
            PLAYBOOK,
            r#"id = "video""#,
            r#"id = "guide""#,
            "playbook.toml:46: error: asset \"guide\" is there already, on line 36\n\
             content/offer.mjml:7: error: piece \"offer\" names asset \"video\", which does not exist",
        ),
        (
            PLAYBOOK,
            r#"id = "guide""#,
            r#"id = "The Guide""#,
            "playbook.toml:36: error: asset id \"The Guide\" is not 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit\n\
             content/lesson-1.mjml:7: error: piece \"lesson-1\" names asset \"guide\", which does not exist",
        ),
        (
            PLAYBOOK,
            r#"id = "automation""#,
            r#"id = "analytics""#,
            "playbook.toml:31: error: product \"analytics\" is there already, on line 27\n\
             playbook.toml:48: error: asset \"video\" names product \"automation\", which does not exist\n\
             playbook.toml:76: error: stream \"discover-automation\" names product \"automation\", which does not exist\n\
             content/robots.mjml:5: error: piece \"robots\" names product \"automation\", which does not exist",
        ),
    ]);
}

#[test]
fn a_slip_in_fit_and_goals_is_named() {
    check(&[
        (
            PLAYBOOK,
            "executive = 40",
            "exeuctive = 40",
            r#"playbook.toml:54: warning: "exeuctive" is not a role: it never gives points (did you mean "executive"?)"#,
        ),
        (
            PLAYBOOK,
            "vp = 20",
            r#""Vice President" = 20"#,
            r#"playbook.toml:55: error: title "Vice President" matches nothing: titles are matched by one word in lower case"#,
        ),
        (
            PLAYBOOK,
            "vp = 20",
            "VP = 20",
            r#"playbook.toml:55: error: title "VP" matches nothing: titles are matched by one word in lower case (did you mean "vp"?)"#,
        ),
        (
            PLAYBOOK,
            "B = 45",
            "B = 75",
            "playbook.toml:57: error: the grades A = 70, B = 75, C = 20 do not descend from at most 100 to at least 0",
        ),
        (
            PLAYBOOK,
            "fit_weight = 50",
            "fit_weight = 150",
            "playbook.toml:61: error: fit_weight is 150, and must be within 0 and 100",
        ),
        (
            PLAYBOOK,
            "average_price_cents = 2_500_000",
            "average_price_cents = 0",
            "playbook.toml:108: error: average_price_cents is 0, and must be above zero",
        ),
        (
            PLAYBOOK,
            "win_rate_percent = 25",
            "win_rate_percent = 0",
            "playbook.toml:109: error: win_rate_percent is 0, and must be within 1 and 100",
        ),
        (
            PLAYBOOK,
            r#""USD""#,
            r#""dollars""#,
            r#"playbook.toml:112: error: "dollars" is not a currency such as "USD""#,
        ),
    ]);
}

#[test]
fn a_slip_in_people_is_named() {
    check(&[
        (
            PLAYBOOK,
            r#"manager = "elif""#,
            r#"manager = "elif.aydin""#,
            r#"playbook.toml:100: error: rep "anna" names manager "elif.aydin", which does not exist"#,
        ),
        (
            PLAYBOOK,
            r#"manager = "elif""#,
            r#"manager = "elf""#,
            r#"playbook.toml:100: error: rep "anna" names manager "elf", which does not exist (did you mean "elif"?)"#,
        ),
        (
            PLAYBOOK,
            r#"manager = "elif""#,
            r#"manager = "elif.aydin@fernhill.example.com""#,
            r#"playbook.toml:100: error: rep "anna" names manager (a value with an @, not shown), which does not exist"#,
        ),
        (
            PLAYBOOK,
            r#"manager = "elif""#,
            r#"manager = "anna""#,
            r#"playbook.toml:100: error: managers in a circle: "anna" → "anna""#,
        ),
        (
            PLAYBOOK,
            r#"email = "elif.aydin@fernhill.example.com""#,
            "email = \"elif.aydin@fernhill.example.com\"\nmanager = \"anna\"",
            r#"playbook.toml:100: error: managers in a circle: "anna" → "elif" → "anna""#,
        ),
        (
            PLAYBOOK,
            r#"email = "elif.aydin@fernhill.example.com""#,
            r#"email = "elif.aydin@fernhill""#,
            r#"playbook.toml:104: error: the email of rep "elif" is not an address"#,
        ),
        (
            PLAYBOOK,
            "executive = \"director@fernhill.example.com\"\n",
            "",
            "playbook.toml:93: error: a rung goes to the executive, and [sla] names none",
        ),
        (
            PLAYBOOK,
            "after_hours = 48",
            "after_hours = 24",
            "playbook.toml:93: error: after_hours is 24, and must be above the 24 of the rung before",
        ),
        (PLAYBOOK, r#"to = ["rep"]"#, "to = []", "playbook.toml:91: error: a rung that nobody hears of"),
        (
            PLAYBOOK,
            r#"id = "elif""#,
            r#"id = "anna""#,
            "playbook.toml:100: error: rep \"anna\" names manager \"elif\", which does not exist\n\
             playbook.toml:102: error: rep \"anna\" is there already, on line 97",
        ),
    ]);
}

#[test]
fn a_slip_in_what_is_said_in_a_call_is_named() {
    let name = "name = \"Fernhill Automation\"";
    let (title, hot) = ("title = \"The video\"", "hot = 60");
    let long = "x".repeat(201);
    let with = |line: &str, after: &str| format!("{line}\n{after}");
    let (just, six) = ("x".repeat(200), ["\"x\""; 6].join(", "));
    let thirteen: Vec<String> = (0..13).map(|number| format!("\"{number}\"")).collect();
    let rows: Vec<(&str, String, &str)> = vec![
        (name, with(name, &format!("talk_track = [\"{just}\"]")), ""),
        (
            name,
            with(name, &format!("talk_track = [\"{long}\"]")),
            "playbook.toml:33: error: a line of the talk track of \"automation\" has 201 characters, and may have 200",
        ),
        (
            name,
            with(name, &format!("talk_track = [{six}]")),
            "playbook.toml:33: error: the talk track of \"automation\" has 6 lines, and may have 5",
        ),
        (
            name,
            with(name, "talk_track = [\"Which?\", \" \"]"),
            "playbook.toml:33: error: a line of the talk track of \"automation\" is empty",
        ),
        (
            name,
            with(name, "talk_trak = [\"Which?\"]"),
            "playbook.toml:33: error: unknown field \"talk_trak\", expected one of \"id\", \"name\", \"threshold\", \"talk_track\" (did you mean \"talk_track\"?)",
        ),
        (title, with(title, &format!("talk = \"{just}\"")), ""),
        (
            title,
            with(title, &format!("talk = \"{long}\"")),
            "playbook.toml:48: error: talk of asset \"video\" has 201 characters, and may have 200",
        ),
        (title, with(title, "talk = \"\""), "playbook.toml:48: error: talk of asset \"video\" is empty"),
        (
            hot,
            with(hot, "reject_reasons = []"),
            "playbook.toml:61: error: reject_reasons has 0 reasons, and must have 1 to 12",
        ),
        (
            hot,
            with(hot, &format!("reject_reasons = [{}]", thirteen.join(", "))),
            "playbook.toml:61: error: reject_reasons has 13 reasons, and must have 1 to 12",
        ),
        (
            hot,
            with(hot, "reject_reasons = [\"No budget\", \"no budget \"]"),
            "playbook.toml:61: error: reason \"no budget \" is there already",
        ),
        (
            hot,
            with(hot, &format!("reject_reasons = [\"{}\"]", "x".repeat(81))),
            "playbook.toml:61: error: a reason has 81 characters, and may have 80",
        ),
    ];
    let rows: Vec<(&str, &str, &str, &str)> =
        rows.iter().map(|(from, to, said)| (PLAYBOOK, *from, to.as_str(), *said)).collect();
    check(&rows);
}
