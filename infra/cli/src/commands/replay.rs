//! `perennial replay`: another tool's history.

use clap::Args;

use super::{EXIT_CODES, Failed};

/// Play another tool's history through all functions, in virtual time.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Replay {}

impl Replay {
    pub async fn run(self) -> Result<(), Failed> {
        Ok(())
    }
}
