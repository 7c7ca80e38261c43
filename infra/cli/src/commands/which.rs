//! Which deployment a command is about: a world on this machine, or a stack in AWS.

use std::path::PathBuf;
use std::sync::Arc;

use aws_config::SdkConfig;
use clap::Args;
use perennial::data::Snapshot;
use perennial::deployment::Deployment;
use perennial::stack::Stack;
use perennial_platform::lambda;
use perennial_playbook::Playbook;

use super::rebuild::open_world;
use super::{Failed, load_playbook, playbook_folder, world_in};

/// Which one, and how it is shown. In AWS, region and credentials come from the environment.
#[derive(Args, Debug)]
pub struct Which {
    /// Folder of a world on this machine [default: .perennial/up].
    #[arg(long, value_name = "DIR", conflicts_with = "stack")]
    data: Option<PathBuf>,
    /// Name of the stack in AWS.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    pub json: bool,
}

impl Which {
    pub fn playbook(&self) -> Result<Arc<Playbook>, Failed> {
        load_playbook(&playbook_folder(self.playbook.clone()))
    }

    /// The stack, if it is one, and how AWS is asked about it.
    pub async fn stack(&self) -> Result<Option<(SdkConfig, Stack)>, Failed> {
        let Some(name) = &self.stack else { return Ok(None) };
        let config = lambda::config().await;
        let stack = Stack::read(&config, name).await?;
        Ok(Some((config, stack)))
    }

    /// The world, to be changed: nobody else may serve it.
    pub async fn world(&self, playbook: Arc<Playbook>) -> Result<Deployment, Failed> {
        open_world(&world_in(self.data.as_deref())?, playbook).await
    }

    /// A copy of the world, to be looked at: it may be served by another process. It is gone with the snapshot.
    pub async fn copy(&self, playbook: Arc<Playbook>) -> Result<(Deployment, Snapshot), Failed> {
        let copy = world_in(self.data.as_deref())?.snapshot()?;
        let deployment = Deployment::open_copy(playbook, &copy).await?;
        Ok((deployment, copy))
    }
}
