//! Showing and erasing a person, as whoever is asked to runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn example_playbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")
}

fn perennial(data: &Path, arguments: &[&str]) -> Output {
    let (data, playbook) = (data.to_str().unwrap(), example_playbook());
    let place = ["--data", data, "--playbook", playbook.to_str().unwrap()];
    Command::new(env!("CARGO_BIN_EXE_perennial")).args(arguments).args(place).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_person_of_the_example_is_shown_counted_and_erased_once() {
    let data = tempfile::tempdir().unwrap();
    let played = perennial(data.path(), &["up", "--once", "--json", "--start", "2026-10-05"]);
    let lead = json(&played)["leads"][0]["contact"].as_str().unwrap().to_owned();
    let shown = json(&perennial(data.path(), &["contact", "export", "--id", &lead]));
    assert_eq!(shown["contact"], lead.as_str());
    let address = shown["addresses"][0]["address"].as_str().unwrap().to_owned();
    assert!(shown["ids"][0]["leads"].as_array().unwrap().len() == 1 && !shown["ids"][0]["told"].is_null());

    let out = data.path().join("preview");
    let preview = ["content", "preview", "analytics-averages", "--contact", &lead, "--out", out.to_str().unwrap()];
    // With the picture or without, by what is installed here.
    assert!(matches!(perennial(data.path(), &preview).status.code(), Some(0 | 3)));
    let previewed = std::fs::read_to_string(out.join("analytics-averages.txt")).unwrap();
    let first_name = shown["ids"][0]["profile"]["fields"]["first_name"]["value"].as_str().unwrap();
    assert!(previewed.contains(&format!("Hello {first_name},")), "{previewed}");

    let link = |who: &str| perennial(data.path(), &["contact", "link", who]);
    let by_id = String::from_utf8(link(&lead).stdout).unwrap();
    assert!(by_id.starts_with("http://127.0.0.1:7878/p/"), "{by_id}");
    assert_eq!(String::from_utf8(link(&address).stdout).unwrap(), by_id, "an address names the same contact");
    assert_eq!(
        String::from_utf8(link("nobody").stderr).unwrap().split(" in ").next(),
        Some("error: nothing is known of nobody")
    );

    let send = ["content", "send", "analytics-averages", "--contact", &address, "--to", "me@example.com"];
    let sent = perennial(data.path(), &send);
    assert_eq!(
        String::from_utf8_lossy(&sent.stdout),
        "sent  analytics-averages: [Test] What the average is hiding from you\n"
    );

    let refused = perennial(data.path(), &["contact", "erase", "--id", &lead]);
    assert_eq!(refused.status.code(), Some(2), "nothing is erased without --yes");
    let counted = json(&perennial(data.path(), &["contact", "erase", "--id", &address, "--dry-run", "--json"]));
    let erased = json(&perennial(data.path(), &["contact", "erase", "--id", &address, "--yes", "--json"]));
    assert_eq!(erased["erased"], counted["erased"], "what was announced is what happens");
    assert!(erased["local_mails"].as_u64().unwrap() > 0);

    let again = perennial(data.path(), &["contact", "erase", "--id", &lead, "--yes"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let shown = json(&perennial(data.path(), &["contact", "export", "--id", &lead]));
    assert!(!shown["ids"][0]["merged_or_erased"]["erased_at"].is_null(), "{shown:#}");
    assert!(!shown.to_string().contains(&address), "{shown:#}");

    assert_eq!(perennial(data.path(), &preview).status.code(), Some(1), "nobody is written to who was erased");

    let nobody = perennial(data.path(), &["contact", "erase", "--id", "nobody", "--yes"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&nobody.stderr), "error: nothing is known of nobody\n");
}
