//! `perennial sending`: the quota, what came back, and the pause; and the place of all commands about the line.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use perennial::deployment::Deployment;
use perennial::sending::Shown;
use perennial_platform::clock::Clock;
use perennial_platform::lambda;
use perennial_platform::sending::Sending;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;

use super::which::Which;
use super::{EXIT_CODES, Failed, print_json, say};

/// How much may still be sent, what bounced and was complained about, and why sending has stopped by itself.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show whether sending is paused and why, what is left of the quota, and what came back.
    Show(Place),
}

/// Which line: a deployment's, or that of a table.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Place {
    #[command(flatten)]
    pub which: Which,
    /// Name of the state table in AWS.
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["data", "stack"])]
    state: Option<String>,
}

/// The line of a place, to be changed.
pub struct Opened {
    /// The line.
    pub sending: Sending,
    /// The world's time, or the true one.
    pub now: Timestamp,
    // A world is kept as long as it is changed.
    _world: Option<Deployment>,
}

impl Command {
    pub async fn run(self) -> Result<(), Failed> {
        match self {
            Self::Show(place) => place.show().await,
        }
    }
}

impl Place {
    /// The line of a stack, if it is one.
    async fn deployed(&self, playbook: &Playbook) -> Result<Option<Sending>, Failed> {
        let (config, state) = match (self.which.stack().await?, &self.state) {
            (Some((config, stack)), _) => (config, stack.state_table()?.to_owned()),
            (None, Some(table)) => (lambda::config().await, table.clone()),
            (None, None) => return Ok(None),
        };
        let store = Store { client: aws_sdk_dynamodb::Client::new(&config), state };
        Ok(Some(Sending { store, rules: playbook.sending.rules.clone(), needs_approval: None }))
    }

    /// The line, to be changed.
    pub async fn line(&self) -> Result<Opened, Failed> {
        let playbook = self.which.playbook()?;
        if let Some(sending) = self.deployed(&playbook).await? {
            return Ok(Opened { sending, now: Clock::system().now(), _world: None });
        }
        let world = self.which.world(playbook).await?;
        Ok(Opened { sending: world.sending(), now: world.world.clock().now(), _world: Some(world) })
    }

    async fn show(&self) -> Result<(), Failed> {
        let playbook = self.which.playbook()?;
        let rules = &playbook.sending.rules;
        let shown = match self.deployed(&playbook).await? {
            Some(sending) => Shown::of(&sending.known().await?, rules, Clock::system().now()),
            None => {
                let (world, _copy) = self.which.copy(playbook.clone()).await?;
                Shown::of(&world.sending().known().await?, rules, world.world.clock().now())
            }
        };
        if self.which.json { print_json(&shown) } else { say(&shown) }
    }
}
