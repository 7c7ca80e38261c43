//! `perennial playbook schema`: what an editor needs to complete and check a playbook and its webhook sources.

use std::path::PathBuf;

use clap::Args;
use perennial_playbook::Playbook;

use serde_json::json;

use crate::commands::{EXIT_CODES, Failed, print_json, say};

/// Where to.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Schema {
    /// That of the files in infra/playbook/sources, not that of playbook.toml.
    #[arg(long)]
    sources: bool,
    /// Write it to a file instead, such as infra/playbook/playbook.schema.json.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// It is a JSON document in any case.
    #[arg(long)]
    json: bool,
}

impl Schema {
    pub fn run(self) -> Result<(), Failed> {
        let schema = if self.sources { Playbook::sources_schema() } else { Playbook::schema() };
        let json = serde_json::to_string_pretty(&schema)?;
        match self.out {
            Some(file) => {
                let written = std::fs::write(&file, json + "\n");
                written.map_err(|error| Failed(vec![format!("error: {}: {error}", file.display())]))?;
                if self.json {
                    return print_json(&json!({"file": file}));
                }
                println!("schema → {}", file.display());
            }
            None => say(format_args!("{json}\n"))?,
        }
        Ok(())
    }
}
