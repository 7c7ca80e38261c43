//! `perennial sending` as its users run it, and what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::expect;
use perennial::sending::Shown;
use perennial_domain::sending::SendingRules;
use perennial_platform::sending::Known;
use perennial_platform::store::{Item, number, string};
use serde_json::Value;

fn perennial(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perennial")).args(arguments).output().unwrap()
}

fn example_playbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")
}

#[test]
fn the_line_of_a_world_is_shown_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, playbook) = (folder.path().to_str().unwrap(), example_playbook());
    let places = ["--data", data, "--playbook", playbook.to_str().unwrap()];
    let run = |command: &[&str]| {
        let output = perennial(&[command, &places[..]].concat());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    for command in [&["sending", "show"][..], &["resume"], &["pause", "--why", "a test"]] {
        let (code, _, why) = run(command);
        assert_eq!((code, why.contains("there is no world in")), (Some(1), true), "{why}");
    }
    let up = ["up", "--once", "--json", "--start", "2026-10-05"];
    assert!(perennial(&[&up, &places[..]].concat()).status.success());
    let (code, shown, why) = run(&["sending", "show"]);
    assert_eq!((code, shown.lines().next()), (Some(0), Some("sending goes on")), "{why}");
    let (_, json, _) = run(&["sending", "show", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["sends"].as_i64().unwrap() > 0 && json["quota"] == 50_000, "{json}");
    assert_eq!(run(&["resume"]).1, "sending was not paused\n");
    assert_eq!(run(&["resume", "--json"]).1, "{\n  \"resumed\": false\n}\n");
    assert_eq!(run(&["pause"]).0, Some(2), "without a reason");
    assert_eq!(run(&["pause", "--why", "  "]).0, Some(2), "without a reason");
    let (code, said, why) = run(&["pause", "--why", "the landing page is down", "--by", "Anna"]);
    assert_eq!((code, said.as_str()), (Some(0), "mail to contacts is paused; mail to sales goes on\n"), "{why}");
    let again = run(&["pause", "--why", "another reason"]).1;
    assert_eq!(again, "somebody has paused already: see perennial sending show\n");
    let shown = run(&["sending", "show"]).1;
    assert!(shown.contains("PAUSED") && shown.contains("  Anna says: the landing page is down\n"), "{shown}");
    assert_eq!(run(&["resume"]).1, "sending goes on\n");
    assert_eq!(run(&["sending", "show"]).1.lines().next(), Some("sending goes on"));
}

#[test]
fn a_pause_says_why_and_what_to_do() {
    let now = "2026-02-19T12:15:00Z".parse().unwrap();
    let item = Item::from(
        [
            ("paused_at", number(1_771_503_240)),
            ("paused_for", string("bounces")),
            ("first_day", number(20_463)),
            ("sent_hour_492084", number(70)),
            ("sends_20503", number(215)),
            ("bounces_20503", number(9)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let rules = SendingRules {
        rate_per_second: 14,
        daily_quota: 50_000,
        ramp: None,
        pause_at_bounce_percent: 4,
        pause_at_complaint_basis_points: 8,
        over_sends: 200,
    };
    expect![[r#"
        sending to contacts is PAUSED since 2026-02-19T12:14:00Z, for bounces; mail to sales goes on
          find the cause, then: perennial resume

          sent within a day    70 of 50000
          left for contacts    44930 of 45000
          within 14 days       215 sent
            bounced for good   9 (4.18%; pauses at 4.00%)
            complained about   0 (0.00%; pauses at 0.08%)
    "#]]
    .assert_eq(&Shown::of(&Known::read(&item), &rules, now).to_string());
    let few = SendingRules { over_sends: 500, ..rules };
    expect![[r#"
        sending goes on

          sent within a day    0 of 50000
          left for contacts    45000 of 45000
          within 14 days       0 sent
            bounced for good   0 (-; pauses at 4.00%)
            complained about   0 (-; pauses at 0.08%)
            of fewer than 500 nothing is concluded
    "#]]
    .assert_eq(&Shown::of(&Known::default(), &few, now).to_string());
}
