//! `perennial sending`: the quota, what came back, and the pause.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use perennial::data::DataFolder;
use perennial::deployment::Deployment;
use perennial::sending::Shown;
use perennial_platform::clock::Clock;
use perennial_platform::lambda;
use perennial_platform::sending::Sending;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use serde_json::json;

use super::rebuild::open_world;
use super::{EXIT_CODES, Failed, load_playbook, playbook_folder, print_json, say};

/// How much may still be sent, what bounced and was complained about, and why sending has stopped by itself.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show whether sending is paused and why, what is left of the quota, and what came back.
    Show(Place),
    /// Let sending to contacts go on after it has stopped by itself. What came back until now is forgiven.
    Resume(Place),
}

/// Which line: a local world's, or a stack's. In AWS, region and credentials come from the environment.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Place {
    /// Folder of the world [default: .perennial/up].
    #[arg(long, value_name = "DIR", conflicts_with = "state")]
    data: Option<PathBuf>,
    /// Name of the state table in AWS.
    #[arg(long, value_name = "TABLE")]
    state: Option<String>,
    /// Playbook folder or compiled bundle [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub async fn run(self) -> Result<(), Failed> {
        match self {
            Self::Show(place) => place.show().await,
            Self::Resume(place) => place.resume().await,
        }
    }
}

impl Place {
    fn playbook(&self) -> Result<Arc<Playbook>, Failed> {
        load_playbook(&playbook_folder(self.playbook.clone()))
    }

    async fn stack(&self, table: &str, playbook: &Playbook) -> Sending {
        let client = aws_sdk_dynamodb::Client::new(&lambda::config().await);
        Sending { store: Store { client, state: table.to_owned() }, rules: playbook.sending.rules.clone() }
    }

    fn world(&self) -> Result<DataFolder, Failed> {
        let data = DataFolder::of(self.data.as_deref(), "up");
        if data.database().exists() {
            return Ok(data);
        }
        let place = data.path().display();
        Err(Failed(vec![format!("error: there is no world in {place} yet: run `perennial up` first")]))
    }

    async fn show(&self) -> Result<(), Failed> {
        let playbook = self.playbook()?;
        let rules = &playbook.sending.rules;
        let shown = match &self.state {
            Some(table) => Shown::of(&self.stack(table, &playbook).await.known().await?, rules, Clock::system().now()),
            None => {
                // A copy: the world may be served by another process.
                let copy = self.world()?.snapshot()?;
                let deployment = Deployment::open_copy(Arc::clone(&playbook), &copy).await?;
                Shown::of(&deployment.sending().known().await?, rules, deployment.world.clock().now())
            }
        };
        if self.json { print_json(&shown) } else { say(&shown) }
    }

    async fn resume(&self) -> Result<(), Failed> {
        let playbook = self.playbook()?;
        let resumed = match &self.state {
            Some(table) => self.stack(table, &playbook).await.resume().await?,
            None => open_world(&self.world()?, playbook).await?.sending().resume().await?,
        };
        match (self.json, resumed) {
            (true, _) => print_json(&json!({"resumed": resumed})),
            (false, true) => say("sending goes on\n"),
            (false, false) => say("sending was not paused\n"),
        }
    }
}
