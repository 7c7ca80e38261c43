//! What is wrong with a playbook: each row breaks the sound one in one place and names everything that is then said.

mod actions;
mod content;
mod editions;
mod owners;
mod people;
mod preferences;
mod reading;
mod rules;
mod scoring;
mod sections;
mod segments;
mod sources;
mod streams;

use std::fs;
use std::path::Path;

/// Copies the sound playbook.
fn copy_sound(folder: &Path) {
    let minimal = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/minimal"));
    fs::create_dir(folder.join("content")).unwrap();
    fs::copy(minimal.join("playbook.toml"), folder.join("playbook.toml")).unwrap();
    for entry in fs::read_dir(minimal.join("content")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join("content").join(entry.file_name())).unwrap();
    }
}

/// Breaks `file` of the sound playbook by one replacement; returns all problems, one per line.
fn problems_after(file: &str, from: &str, to: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    copy_sound(folder.path());
    let path = folder.path().join(file);
    let sound = fs::read_to_string(&path).unwrap();
    assert!(sound.contains(from), "{file} does not hold {from}");
    fs::write(&path, sound.replacen(from, to, 1)).unwrap();
    let (_, problems) = perennial_playbook::check(folder.path());
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Rows of (file, what is replaced, by what, what is said).
fn check(rows: &[(&str, &str, &str, &str)]) {
    let mut different = String::new();
    for (file, from, to, expected) in rows {
        let said = problems_after(file, from, to);
        if said != *expected {
            different.push_str(&format!("\n{file}: {from:?} -> {to:?}\n--- expected\n{expected}\n--- said\n{said}\n"));
        }
    }
    assert!(different.is_empty(), "{different}");
}

const PLAYBOOK: &str = "playbook.toml";

#[test]
fn a_file_too_few_or_too_many_is_named() {
    let said_after = |change: fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        copy_sound(folder.path());
        change(folder.path());
        let (_, problems) = perennial_playbook::check(folder.path());
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        said_after(|folder| fs::remove_file(folder.join("playbook.toml")).unwrap()),
        "playbook.toml: error: is missing"
    );
    assert_eq!(
        said_after(|folder| fs::remove_file(folder.join("content/prune.txt")).unwrap()),
        "content/prune.txt: error: is missing"
    );
    assert_eq!(
        said_after(|folder| fs::remove_file(folder.join("content/layout.mjml")).unwrap()),
        "content/layout.mjml: error: is missing"
    );
    assert_eq!(
        said_after(|folder| fs::write(folder.join("content/prunes.txt"), "").unwrap()),
        "content/prunes.txt: error: a text part without its piece: prunes.mjml is missing"
    );
    let said =
        said_after(|folder| fs::rename(folder.join("content/prune.mjml"), folder.join("content/Prune.mjml")).unwrap());
    assert!(said.contains("which does not exist (did you mean \"Prune\"?)"), "{said}");
    assert!(said.contains("content/Prune.mjml: error: piece id \"Prune\" is not 1 to 64"), "{said}");
}
