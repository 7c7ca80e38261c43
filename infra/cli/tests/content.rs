//! Seeing what a mail looks like, as whoever writes it runs it, on a machine without a browser.
//!
//! What a browser sees is in `browser.rs`, which .ci/run runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn example_playbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")
}

/// The command where nothing is installed.
fn perennial(arguments: &[&str], out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perennial"));
    command.arg("content").args(arguments).arg("--out").arg(out).arg("--playbook").arg(example_playbook());
    command.env_remove("PATH").env_remove("CHROME").output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr.clone()).unwrap())
}

const NO_BROWSER: &str = "no picture was taken: there is no Chromium or Chrome on this machine. Install one (apt-get install \
                          chromium), or name it with --browser or the environment variable CHROME\n";

#[test]
fn without_a_browser_a_preview_is_html_and_text_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("preview");
    let arguments = ["preview", "analytics-question-first", "--first-name", "Ada <3", "--company", "Acme", "--json"];
    let output = perennial(&arguments, &out);
    assert_eq!(said(&output), (Some(3), NO_BROWSER.to_owned()));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&shown["piece"], &shown["picture"]), (&json!("analytics-question-first"), &Value::Null));
    let read = |part: &str| std::fs::read_to_string(shown[part].as_str().unwrap()).unwrap();
    let (html, text) = (read("html"), read("text"));
    assert!(html.contains("Hello Ada &lt;3,") && html.contains("because Acme is a customer"), "{html}");
    assert!(text.contains("Hello Ada <3,") && text.contains("because Acme is a customer"), "{text}");
    // A preview is passed on: nobody's own link is in it, and the others lead where they say.
    for part in [html, text] {
        assert!(part.contains("https://preview.invalid/unsubscribe"), "{part}");
        assert!(part.contains("https://www.fernhill.example.com/library/"), "{part}");
    }
    let names: Vec<String> =
        std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_translation_is_previewed_by_the_name_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = perennial(&["preview", "analytics-question-first.de"], folder.path());
    assert_eq!(said(&output).0, Some(3));
    let html = std::fs::read_to_string(folder.path().join("analytics-question-first.de.html")).unwrap();
    assert!(html.contains("lang=\"de\""), "{html}");
    let unknown = "error: piece \"analytics-question-first\" has no edition \"fr\"; there is de\n";
    let output = perennial(&["preview", "analytics-question-first.fr"], folder.path());
    assert_eq!(said(&output), (Some(1), unknown.to_owned()));
}

#[test]
fn what_cannot_be_shown_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| said(&perennial(arguments, folder.path()));
    let near = "error: the playbook has no piece \"analytics-averges\"; did you mean \"analytics-averages\"?\n";
    assert_eq!(refused(&["preview", "analytics-averges"]), (Some(1), near.to_owned()));
    let gone = "error: there is no browser /nowhere/chrome\n";
    assert_eq!(refused(&["preview", "analytics-averages", "--browser", "/nowhere/chrome"]), (Some(1), gone.to_owned()));
    assert_eq!(refused(&["shots", "--browser", "/nowhere/chrome"]), (Some(1), gone.to_owned()));
    assert_eq!(refused(&["shots", "--check"]), (Some(3), NO_BROWSER.to_owned()));
    assert_eq!(refused(&["preview", "analytics-averages", "--contact", "a", "--company", "b"]).0, Some(2));
    let empty = folder.path().join("none");
    let shown = empty.display();
    let nobody = format!("error: there is no world in {shown} yet: run `perennial up` or `perennial replay` first\n");
    let arguments = ["preview", "analytics-averages", "--contact", "ada", "--data", empty.to_str().unwrap()];
    assert_eq!(refused(&arguments), (Some(1), nobody));
    let send = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_perennial"));
        command.args(["content", "send", "analytics-averages", "--state", "none"]).args(more);
        said(&command.arg("--playbook").arg(example_playbook()).output().unwrap())
    };
    let elsewhere = "error: the address is not on the allow-list: see allow in [sending] of the playbook\n";
    assert_eq!(send(&["--to", "ada@acme.example.com"]), (Some(1), elsewhere.to_owned()));
    let through = "error: name the stage's configuration set with --configuration-set: what comes back is seen by it\n";
    assert_eq!(send(&["--to", "me@fernhill.example.com"]), (Some(1), through.to_owned()));
    assert_eq!(send(&["--to", "me"]), (Some(1), "error: --to is no address\n".to_owned()));
    let help = perennial(&["shots", "--help"], folder.path());
    assert!(String::from_utf8_lossy(&help.stdout).contains("3 there is no browser"));
}
