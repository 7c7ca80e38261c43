//! The example year under two changes of the playbook: everything that was worked out by hand beside it is what
//! `perennial playbook plan` says.

use std::path::{Path, PathBuf};

use perennial::history::folder;
use perennial::plan::compare;
use perennial_playbook::Playbook;
use serde_json::{Map, Value};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/playbook")
}

/// The example playbook with one line of it replaced.
fn changed(from: &str, to: &str) -> Playbook {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("content")).unwrap();
    for entry in std::fs::read_dir(example().join("content")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join("content").join(path.file_name().unwrap())).unwrap();
    }
    let text = std::fs::read_to_string(example().join("playbook.toml")).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    std::fs::write(copy.path().join("playbook.toml"), text.replace(from, to)).unwrap();
    Playbook::load(copy.path()).unwrap()
}

/// What a value says of the keys that another has.
fn as_far_as(expected: &Value, seen: &Value) -> Value {
    match (expected, seen) {
        (Value::Object(expected), Value::Object(seen)) => {
            Value::Object(expected.keys().filter_map(|key| Some((key.clone(), seen.get(key)?.clone()))).collect())
        }
        _ => seen.clone(),
    }
}

#[test]
fn the_example_year_is_planned_as_it_was_worked_out_by_hand() {
    let text = std::fs::read_to_string(example().join("example/year/expected.json")).unwrap();
    let expected: Map<String, Value> = serde_json::from_str(&text).unwrap();
    let changes = [
        ("threshold-6", "\nthreshold = 5\n", "\nthreshold = 6\n"),
        ("points-1", "\ndecay = \"halve\"\n", "\ndecay = { points = 1 }\n"),
    ];
    assert_eq!(expected.len(), changes.len());
    let old = Playbook::load(&example()).unwrap();
    let history = folder::read(&example().join("example/year"), |_, _| {}).unwrap();
    for (name, from, to) in changes {
        let plan = compare(&old, &changed(from, to), &history, 180, || {});
        assert_eq!(plan.rules.len(), 1, "{name}: {:?}", plan.rules);
        let seen = serde_json::to_value(&plan).unwrap();
        for (part, expected) in expected[name].as_object().unwrap() {
            let seen = &seen[part];
            match expected.as_array().filter(|lines| lines.iter().all(Value::is_object)) {
                None => assert_eq!(seen, expected, "{name}: {part}"),
                // Lines of a plan say more than those worked out by hand.
                Some(lines) => {
                    let seen = seen.as_array().unwrap();
                    let same = lines.iter().zip(seen).map(|(line, seen)| as_far_as(line, seen));
                    assert_eq!(&same.collect::<Vec<_>>(), lines, "{name}: {part}");
                    assert_eq!(seen.len(), lines.len(), "{name}: {part}");
                }
            }
        }
    }
}
