//! What the texts tell people to run does what they say, and what the command tells people to read is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use perennial_tests::root;

/// The files below a folder that end like this.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|_| panic!("{}", folder.display())) {
        let path = entry.expect("an entry").path();
        let skipped = path.file_name().is_some_and(|name| name == "target" || name == "node_modules");
        match path.is_dir() {
            true if !skipped => found.extend(files(&path, ending)),
            false if path.to_string_lossy().ends_with(ending) => found.push(path),
            _ => {}
        }
    }
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("text")
}

#[test]
fn whoever_starts_a_function_by_hand_waits_for_its_answer() {
    let mut started = 0;
    let texts = [root().join("README.md")].into_iter().chain(files(&root().join("infra"), ".md"));
    for text in texts {
        for line in read(&text).lines().filter(|line| line.contains("aws lambda invoke ")) {
            started += 1;
            // Jobs take minutes. The AWS CLI gives up after one, and would start the job a second time.
            assert!(line.contains(" --cli-read-timeout 0 "), "{}: {line}", text.display());
        }
    }
    assert!(started > 0);
}

#[test]
fn whatever_the_command_refers_to_is_a_section_of_the_runbook() {
    const PLACE: &str = "infra/RUNBOOK.md#";
    let headings = read(&root().join("infra/RUNBOOK.md"));
    let headings: BTreeSet<String> = headings
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
        .collect();
    let mut referred = 0;
    for file in files(&root().join("infra/cli/src"), ".rs") {
        for rest in read(&file).split(PLACE).skip(1) {
            let anchor: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            // One that is put together is the name of an alarm, which has its section.
            if !anchor.is_empty() {
                referred += 1;
                assert!(headings.contains(&anchor), "{}: {anchor}", file.display());
            }
        }
    }
    assert!(referred > 0);
}

/// The blocks of the runbook that are there to be pasted, each after the language that its fence names.
fn blocks() -> Vec<String> {
    let text = read(&root().join("infra/RUNBOOK.md"));
    // Between two fences stands text, or a block: every second one.
    text.split("```").skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn mail_to_contacts_goes_again_by_a_block_that_is_pasted_for_nothing_else() {
    let resumes = |line: &&str| line.trim().starts_with("perennial resume");
    let resuming: Vec<String> = blocks().into_iter().filter(|block| block.lines().any(|it| resumes(&it))).collect();
    assert!(resuming.len() >= 2, "after a pause, and after a restore");
    for block in resuming {
        let commands: Vec<&str> = block.lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
        assert!(
            matches!(commands[..], [command] if resumes(&command)),
            "what comes before it is judged first:\n{block}"
        );
    }
    let text = read(&root().join("infra/RUNBOOK.md"));
    let restore = text.split("## Restore the tables").nth(1).expect("the section");
    let before = restore.split("perennial resume").next().expect("what comes before it");
    let step = before.rsplit("\n8. ").next().expect("its step");
    let step = step.split_whitespace().collect::<Vec<_>>().join(" ");
    for condition in ["paused by hand before", "nothing to keep", "gap between two mails"] {
        assert!(step.contains(condition), "{condition}: {step}");
    }
}

#[test]
fn whatever_is_changed_by_the_many_is_of_this_stack_and_may_be_none() {
    let text = read(&root().join("infra/RUNBOOK.md"));
    let many: Vec<&str> = text.lines().filter(|line| line.contains("| xargs ")).collect();
    assert!(!many.is_empty());
    for line in many {
        // `perennial` is how the name of `perennial-prod` begins, too.
        assert!(!line.contains("-prefix "), "reaches other stacks: {line}");
        assert!(line.contains("| xargs -r "), "begun with nothing to do: {line}");
    }
}
