//! `perennial sending`: the quota, what came back, and the pause; and the place of all commands about the line.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use perennial::deployment::Deployment;
use perennial::sending::Shown;
use perennial::stack::Stack;
use perennial_platform::clock::Clock;
use perennial_platform::lambda;
use perennial_platform::sending::Sending;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;

use super::rebuild::open_world;
use super::{EXIT_CODES, Failed, load_playbook, playbook_folder, print_json, say, world_in};

/// How much may still be sent, what bounced and was complained about, and why sending has stopped by itself.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show whether sending is paused and why, what is left of the quota, and what came back.
    Show(Place),
}

/// Which line: a local world's, or a stack's. In AWS, region and credentials come from the environment.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Place {
    /// Folder of the world [default: .perennial/up].
    #[arg(long, value_name = "DIR", conflicts_with_all = ["state", "stack"])]
    data: Option<PathBuf>,
    /// Name of the stack in AWS.
    #[arg(long, value_name = "NAME", conflicts_with = "state")]
    stack: Option<String>,
    /// Name of the state table in AWS.
    #[arg(long, value_name = "TABLE")]
    state: Option<String>,
    /// Playbook folder or compiled bundle [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    pub json: bool,
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
    fn playbook(&self) -> Result<Arc<Playbook>, Failed> {
        load_playbook(&playbook_folder(self.playbook.clone()))
    }

    /// The line of a stack, if it is one.
    async fn deployed(&self, playbook: &Playbook) -> Result<Option<Sending>, Failed> {
        let config = lambda::config().await;
        let state = match (&self.stack, &self.state) {
            (Some(name), _) => Stack::read(&config, name).await?.state_table()?.to_owned(),
            (None, Some(table)) => table.clone(),
            (None, None) => return Ok(None),
        };
        let store = Store { client: aws_sdk_dynamodb::Client::new(&config), state };
        Ok(Some(Sending { store, rules: playbook.sending.rules.clone(), needs_approval: None }))
    }

    /// The line, to be changed.
    pub async fn line(&self) -> Result<Opened, Failed> {
        let playbook = self.playbook()?;
        if let Some(sending) = self.deployed(&playbook).await? {
            return Ok(Opened { sending, now: Clock::system().now(), _world: None });
        }
        let world = open_world(&world_in(self.data.as_deref())?, playbook).await?;
        Ok(Opened { sending: world.sending(), now: world.world.clock().now(), _world: Some(world) })
    }

    async fn show(&self) -> Result<(), Failed> {
        let playbook = self.playbook()?;
        let rules = &playbook.sending.rules;
        let shown = match self.deployed(&playbook).await? {
            Some(sending) => Shown::of(&sending.known().await?, rules, Clock::system().now()),
            None => {
                // A copy: the world may be served by another process.
                let copy = world_in(self.data.as_deref())?.snapshot()?;
                let deployment = Deployment::open_copy(Arc::clone(&playbook), &copy).await?;
                Shown::of(&deployment.sending().known().await?, rules, deployment.world.clock().now())
            }
        };
        if self.json { print_json(&shown) } else { say(&shown) }
    }
}
