//! Which crate may know which. The arrows point one way: functions → platform → playbook → domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use perennial_tests::root;
use serde_json::Value;

/// A crate of the workspace.
struct Member {
    /// Its folder, from the root.
    folder: String,
    /// What it depends on outside its tests.
    dependencies: BTreeSet<String>,
}

fn members() -> BTreeMap<String, Member> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.current_dir(root()).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let output = metadata.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo speaks JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let workspace = PathBuf::from(text(&metadata["workspace_root"]));
    let member = |package: &Value| {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(&workspace).ok()).expect("a member");
        let dependencies = package["dependencies"].as_array().expect("a list").iter();
        let dependencies = dependencies.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
        let member = Member {
            folder: folder.to_string_lossy().into_owned(),
            dependencies: dependencies.map(|dependency| text(&dependency["name"])).collect(),
        };
        (text(&package["name"]), member)
    };
    metadata["packages"].as_array().expect("a list").iter().map(member).collect()
}

#[test]
fn every_arrow_between_our_crates_points_inwards() {
    let members = members();
    let functions: BTreeSet<&str> =
        members.iter().filter(|(_, it)| it.folder.starts_with("functions/")).map(|(name, _)| name.as_str()).collect();
    assert_eq!(functions.len(), 12, "{functions:?}");
    let shared = ["perennial-domain", "perennial-playbook", "perennial-platform"];
    let everything: BTreeSet<&str> = functions.iter().copied().chain(shared).chain(["perennial-local"]).collect();
    for (name, member) in &members {
        let allowed: BTreeSet<&str> = match member.folder.as_str() {
            "shared/domain" => BTreeSet::new(),
            "shared/playbook" => BTreeSet::from(["perennial-domain"]),
            "shared/platform" => BTreeSet::from(["perennial-domain", "perennial-playbook"]),
            // A function knows no other function: they meet on streams, the bus and the queue.
            folder if folder.starts_with("functions/") => BTreeSet::from(shared),
            // The local world runs any functions, and so knows none of ours.
            "infra/local" => BTreeSet::new(),
            "infra/cli" => everything.clone(),
            "tests" => everything.iter().copied().chain(["perennial"]).collect(),
            folder => panic!("{name} in {folder}: which way do its arrows point?"),
        };
        let ours = |dependency: &&String| members.contains_key(*dependency);
        for dependency in member.dependencies.iter().filter(ours) {
            assert!(allowed.contains(dependency.as_str()), "{name} must not know {dependency}");
        }
    }
}

#[test]
fn the_domain_knows_neither_aws_nor_a_runtime_nor_a_format() {
    let members = members();
    let dependencies = &members["perennial-domain"].dependencies;
    assert_eq!(dependencies.iter().collect::<Vec<_>>(), ["jiff", "thiserror"]);
    for (crate_name, forbidden) in [("perennial-playbook", ["aws", "tokio", "lambda"])] {
        for dependency in &members[crate_name].dependencies {
            assert!(!forbidden.iter().any(|start| dependency.starts_with(start)), "{crate_name} knows {dependency}");
        }
    }
}

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn nothing_that_is_deployed_reads_a_clock_but_the_clock() {
    let clocks = ["Timestamp::now", "Zoned::now", "SystemTime", "Instant::now", "Utc::now", "Local::now", "now_utc"];
    let only = root().join("shared/platform/src/clock.rs");
    let mut read = BTreeSet::new();
    let mut seen = 0;
    for folder in ["functions", "shared"] {
        // What measures is not deployed.
        let measures = |source: &Path| source.components().any(|part| part.as_os_str() == "benches");
        for source in sources(&root().join(folder)).into_iter().filter(|source| !measures(source)) {
            seen += 1;
            let text = fs::read_to_string(&source).expect("a text");
            if clocks.iter().any(|clock| text.contains(clock)) {
                read.insert(source);
            }
        }
    }
    assert!(seen > 50, "{seen} files");
    assert_eq!(read.into_iter().collect::<Vec<_>>(), [only]);
}

#[test]
fn only_the_functions_environment_is_read_and_only_at_their_start() {
    for source in sources(&root().join("functions")).into_iter().chain(sources(&root().join("shared"))) {
        let name = source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = fs::read_to_string(&source).expect("a text");
        assert!(
            !text.contains("env::var") || name == "main.rs" || name == "settings.rs",
            "{} reads the environment",
            source.display()
        );
    }
}

#[test]
fn the_root_has_four_folders() {
    let folders: BTreeSet<String> = fs::read_dir(root())
        .expect("the root")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        // What tools keep for themselves: version control, builds.
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    assert_eq!(folders.iter().collect::<Vec<_>>(), ["functions", "infra", "shared", "tests"]);
}
