//! `perennial doctor`: one screen that says whether a deployment needs a human.

use std::process::ExitCode;

use clap::Args;
use perennial::doctor::{Screen, look};
use perennial_platform::clock::Clock;

use super::which::Which;
use super::{Failed, print_json, say};

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
    #[command(flatten)]
    which: Which,
}

impl Doctor {
    pub async fn run(self) -> Result<ExitCode, Failed> {
        let playbook = self.which.playbook()?;
        let facts = match self.which.stack().await? {
            Some((config, stack)) => look::of_stack(&config, &stack, &playbook, Clock::system().now()).await,
            None => {
                let (world, _copy) = self.which.copy(playbook).await?;
                look::of_world(&world).await
            }
        };
        let screen = Screen::of(&facts);
        if self.which.json {
            print_json(&screen)?
        } else {
            say(&screen)?
        }
        Ok(if screen.needs_a_human { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
