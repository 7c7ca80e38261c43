//! `perennial playbook schema`: what an editor needs to complete and check a playbook.

use std::path::PathBuf;

use clap::Args;
use perennial_playbook::Playbook;

use crate::commands::{EXIT_CODES, Failed, say};

/// Where to.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Schema {
    /// Write it to a file instead, such as infra/playbook/playbook.schema.json.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Schema {
    pub fn run(self) -> Result<(), Failed> {
        let json = serde_json::to_string_pretty(&Playbook::schema())?;
        match self.out {
            Some(file) => {
                std::fs::write(&file, json + "\n")?;
                println!("schema → {}", file.display());
            }
            None => say(format_args!("{json}\n"))?,
        }
        Ok(())
    }
}
