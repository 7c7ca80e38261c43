//! `perennial rebuild` as its users run it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn perennial(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perennial")).args(arguments).output().unwrap()
}

fn example_playbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")
}

/// The example playbook with this asset tagged with one more product.
fn with_one_more_tag() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("content")).unwrap();
    for folder in ["", "content"] {
        for entry in std::fs::read_dir(example_playbook().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    let file = copy.path().join("playbook.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once("id = \"analytics-checklist\"").unwrap();
    let after = after.replacen("products = [\"analytics\"]", "products = [\"analytics\", \"automation\"]", 1);
    std::fs::write(file, format!("{before}id = \"analytics-checklist\"{after}")).unwrap();
    copy
}

struct Ran {
    code: Option<i32>,
    said: String,
    complained: String,
}

fn rebuild(data: &Path, playbook: &Path, flags: &[&str]) -> Ran {
    let places = ["rebuild", "--data", data.to_str().unwrap(), "--playbook", playbook.to_str().unwrap()];
    let output = perennial(&[&places, flags].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), said: text(&output.stdout), complained: text(&output.stderr) }
}

/// A served world; it ends with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn serve(data: &Path, playbook: &Path) -> Served {
    let mut process = Command::new(env!("CARGO_BIN_EXE_perennial"))
        .args(["up", "--port", "0", "--data", data.to_str().unwrap(), "--playbook", playbook.to_str().unwrap()])
        .args(["--start", "2026-10-05"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.into_iter().any(|line| line.starts_with("TRY") || line.starts_with("WATCH")));
    Served(process)
}

#[test]
fn a_changed_tag_is_found_mended_and_proven_and_a_served_world_is_not_written_to() {
    let (data, changed) = (tempfile::tempdir().unwrap(), with_one_more_tag());
    let served = serve(data.path(), &example_playbook());
    let same = rebuild(data.path(), &example_playbook(), &[]);
    assert_eq!((same.code, same.complained.as_str()), (Some(0), ""), "{}", same.said);
    assert!(same.said.contains("proven equal: "), "{}", same.said);
    let differs = rebuild(data.path(), changed.path(), &[]);
    assert_eq!(differs.code, Some(1), "{}", differs.complained);
    assert!(!differs.said.contains("proven equal") && differs.complained.contains("--apply"), "{}", differs.said);
    let refused = rebuild(data.path(), changed.path(), &["--apply"]);
    assert_eq!((refused.code, refused.said.as_str()), (Some(1), ""));
    assert!(refused.complained.contains("in use by another perennial"), "{}", refused.complained);
    drop(served);

    let mended = rebuild(data.path(), changed.path(), &["--apply", "--json"]);
    assert_eq!(mended.code, Some(0), "{}", mended.complained);
    let mended: Value = serde_json::from_str(&mended.said).unwrap();
    let missing = mended["before"]["products"]["automation"]["missing"].as_u64().unwrap();
    assert!(missing > 0);
    assert_eq!((&mended["mended"]["added"], &mended["mended"]["removed"]), (&Value::from(missing), &Value::from(0)));
    let again = rebuild(data.path(), changed.path(), &["--apply"]);
    assert_eq!(again.code, Some(0), "{}", again.complained);
    assert!(!again.said.contains("Added") && again.said.contains("proven equal: "), "{}", again.said);
    let back = rebuild(data.path(), &example_playbook(), &["--apply"]);
    assert_eq!(back.code, Some(0), "{}", back.complained);
    assert!(back.said.contains(&format!("Added 0 facts, took {missing} fact")), "{}", back.said);
}

#[test]
fn what_is_rebuilt_must_be_named_in_one_way_and_be_there() {
    let nowhere = tempfile::tempdir().unwrap();
    let missing = rebuild(&nowhere.path().join("none"), &example_playbook(), &[]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.complained.contains("there is no world in"), "{}", missing.complained);
    assert!(!nowhere.path().join("none").exists(), "and none is made");
    for wrong in [&["--state", "s"][..], &["--ledger", "l"], &["--data", "d", "--state", "s", "--ledger", "l"]] {
        assert_eq!(perennial(&[&["rebuild"], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}
