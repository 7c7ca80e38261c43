//! `perennial playbook`: check, list, compile, try.

mod plan;

mod coverage;
mod schema;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use perennial_playbook::{Playbook, Severity, check};
use serde_json::json;

use super::{EXIT_CODES, Failed, is_playbook, load_playbook, playbook_folder, print_json, say};

/// Check, list, compile or try a playbook.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say every problem with file, line and reason; fails if there is an error.
    Check(Folder),
    /// List the assets and the actions that each knows.
    Assets(Folder),
    /// Show how much content there is for each persona at each stage.
    Coverage(Folder),
    /// Print the JSON Schema of playbook.toml, for editors that complete and check it.
    Schema(schema::Schema),
    /// Compile what ships in the Lambda layer.
    Build(Build),
    /// Say what a change of the playbook would have done: replays history under both.
    Plan(plan::PlanChange),
}

/// Which playbook.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Folder {
    /// Playbook folder [default: infra/playbook].
    folder: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// Which playbook, and where to.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Build {
    #[command(flatten)]
    playbook: Folder,
    /// The compiled playbook's file [default: build/playbook.json in the playbook's folder].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Command {
    pub async fn run(self) -> Result<(), Failed> {
        match self {
            Self::Check(folder) => folder.check(),
            Self::Assets(folder) => folder.assets(),
            Self::Coverage(folder) => folder.coverage(),
            Self::Schema(schema) => schema.run(),
            Self::Build(build) => build.run(),
            Self::Plan(plan) => plan.run().await,
        }
    }
}

impl Folder {
    fn check(self) -> Result<(), Failed> {
        let folder = playbook_folder(self.folder);
        is_playbook(&folder)?;
        let (playbook, problems) = check(&folder);
        let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
        if self.json {
            let lines = problems.iter().map(|problem| {
                json!({"file": problem.file, "line": problem.line, "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
                       "reason": problem.reason, "suggestion": problem.suggestion})
            });
            print_json(
                &json!({"version": playbook.as_ref().map(|playbook| &playbook.version), "problems": lines.collect::<Vec<_>>()}),
            )?;
        } else {
            problems.iter().try_for_each(|problem| say(format_args!("{problem}\n")))?;
            if let Some(playbook) = &playbook {
                println!(
                    "playbook {} is good: {} pieces, {} warnings",
                    playbook.version,
                    playbook.pieces().count(),
                    problems.len()
                );
            }
        }
        if failed {
            Err(Failed(vec!["error: the playbook has errors; nothing starts with it".to_owned()]))
        } else {
            Ok(())
        }
    }

    fn assets(self) -> Result<(), Failed> {
        let playbook = load_playbook(&playbook_folder(self.folder))?;
        let mut assets: Vec<(&str, Vec<&str>)> = playbook
            .interest
            .assets
            .iter()
            .map(|(id, rule)| {
                let mut actions: Vec<&str> = rule.actions.keys().map(|action| action.as_str()).collect();
                actions.sort_unstable();
                (id.as_str(), actions)
            })
            .collect();
        assets.sort_unstable();
        if self.json {
            let list: Vec<_> =
                assets.iter().map(|(asset, actions)| json!({"asset": asset, "actions": actions})).collect();
            return print_json(&list);
        }
        assets.iter().try_for_each(|(asset, actions)| say(format_args!("{asset:<32} {}\n", actions.join(", "))))
    }
}

impl Build {
    fn run(self) -> Result<(), Failed> {
        let problems =
            |problems: Vec<perennial_playbook::Problem>| Failed(problems.iter().map(ToString::to_string).collect());
        let folder = playbook_folder(self.playbook.folder);
        is_playbook(&folder)?;
        let out = self.out.unwrap_or_else(|| folder.join("build/playbook.json"));
        let bundle = Playbook::bundle(&folder).map_err(problems)?;
        let json = Playbook::compile(&bundle).map_err(problems)?.to_json()?;
        // What a Lambda will do with it.
        let playbook = Playbook::from_compiled(json.as_ref()).map_err(problems)?;
        if let Some(folder) = out.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&out, &json)?;
        if self.playbook.json {
            return print_json(&json!({"version": playbook.version, "file": out, "bytes": json.len()}));
        }
        println!("playbook {} → {} ({} bytes)", playbook.version, out.display(), json.len());
        Ok(())
    }
}
