//! `perennial doctor`: one screen that says whether a deployment needs a human.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use perennial::deployment::Deployment;
use perennial::doctor::{Screen, look};
use perennial::stack::Stack;
use perennial_platform::clock::Clock;
use perennial_platform::lambda;

use super::{Failed, load_playbook, playbook_folder, print_json, say, world_in};

/// Said at the end of the help.
const EXIT_CODES: &str =
    "Exit codes: 0 all is well, 1 somebody should look, or it failed (the reason is on standard error), 2 wrong usage";

/// Show on one screen whether a deployment needs a human, and what to do.
///
/// Looked at are the stack, its alarms, queues and dead letters, the outbox, unknown sends, the quarantine, whether mail to contacts
/// goes out, the tables' protection, the secrets, and when each job last ended well. It changes nothing. In AWS, region and
/// credentials come from the environment.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Doctor {
    /// Name of the stack in AWS.
    #[arg(long, value_name = "NAME", conflicts_with = "data")]
    stack: Option<String>,
    /// Folder of a world on this machine [default: .perennial/up].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Playbook folder or compiled bundle [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub async fn run(self) -> Result<ExitCode, Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook.clone()))?;
        let facts = match &self.stack {
            Some(name) => {
                let config = lambda::config().await;
                let stack = Stack::read(&config, name).await?;
                look::of_stack(&config, &stack, &playbook, Clock::system().now()).await
            }
            None => {
                // A copy: the world may be served by another process.
                let copy = world_in(self.data.as_deref())?.snapshot()?;
                look::of_world(&Deployment::open_copy(Arc::clone(&playbook), &copy).await?).await
            }
        };
        let screen = Screen::of(&facts);
        if self.json {
            print_json(&screen)?
        } else {
            say(&screen)?
        }
        Ok(if screen.needs_a_human { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
