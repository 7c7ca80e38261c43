//! `perennial quarantine` as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn perennial(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perennial")).args(arguments).output().unwrap()
}

fn example_playbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_waits_is_listed_shown_replayed_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (data, playbook) = (folder.path().to_str().unwrap(), example_playbook());
    let places = ["--data", data, "--playbook", playbook.to_str().unwrap()];
    let run = |command: &[&str]| said(&perennial(&[&["quarantine"], command, &places[..]].concat()));

    let (code, _, why) = run(&["list"]);
    assert_eq!((code, why.contains("there is no world in")), (Some(1), true), "{why}");
    let up = ["up", "--once", "--json", "--start", "2026-10-05"];
    assert!(perennial(&[&up, &places[..]].concat()).status.success());

    let (code, list, _) = run(&["list"]);
    assert_eq!(code, Some(0));
    expect_test::expect![[r#"
        1 event waits in quarantine

             1  asset "spring-campaign-2019" is not in the playbook
                from native, received 2026-10-17T17:20:00Z

        2026-10-17T17:20:00Z  native#story-100-0  asset "spring-campaign-2019" is not in the playbook
    "#]]
    .assert_eq(&list);
    let (_, nothing, _) = run(&["list", "--reason", "no such reason"]);
    assert_eq!(nothing, "nothing waits in quarantine\n");
    let (_, json, _) = run(&["list", "--source", "native", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["waiting"], &json["reasons"][0]["events"]), (&Value::from(1), &Value::from(1)));
    let key = json["events"][0]["key"].as_str().unwrap();
    let (source, id) = key.split_once('#').unwrap();

    let (code, shown, _) = run(&["show", key]);
    assert_eq!(code, Some(0));
    expect_test::expect![[r#"
        native#story-100-0
          received  2026-10-17T17:20:00Z
          happened  2026-10-17T17:20:00Z
          waits     asset "spring-campaign-2019" is not in the playbook

        {
          "type": "engagement.recorded",
          "timestamp": "2026-10-17T17:20:00Z",
          "data": {
            "contact": "tidal-editor",
            "asset": "spring-campaign-2019",
            "action": "click"
          }
        }
    "#]]
    .assert_eq(&shown);
    assert_eq!(run(&["show", source, id]).1, shown);
    let (code, _, why) = run(&["show", "native", "nothing"]);
    assert_eq!((code, why.contains("nothing waits as \"native#nothing\"")), (Some(1), true), "{why}");

    let (code, replayed, _) = run(&["replay", "--all"]);
    assert_eq!(code, Some(0));
    expect_test::expect![[r#"
        0 counted, 1 still waiting
             1  asset "spring-campaign-2019" is not in the playbook
    "#]]
    .assert_eq(&replayed);
    assert_eq!(run(&["replay"]).0, Some(2), "which?");

    assert_eq!(run(&["drop", key]).0, Some(2), "it must be meant");
    assert_eq!(run(&["list"]).1, list, "nothing is gone");
    assert_eq!(run(&["drop", key, "--yes"]), (Some(0), "1 dropped\n".to_owned(), String::new()));
    assert_eq!(run(&["list"]).1, "nothing waits in quarantine\n");
    assert_eq!(run(&["drop", key, "--yes"]).0, Some(1), "it is gone");
}

#[test]
fn replaying_a_stack_asks_for_its_key() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perennial"));
    let output = command
        .args(["quarantine", "replay", "--all", "--ledger", "ledger"])
        .args(["--playbook", example_playbook().to_str().unwrap()])
        .env_remove("ADDRESS_KEY")
        .output()
        .unwrap();
    let (code, _, why) = said(&output);
    assert_eq!((code, why.contains("ADDRESS_KEY")), (Some(1), true), "{why}");
}
