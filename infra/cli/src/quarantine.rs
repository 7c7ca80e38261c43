//! What was not understood is kept, and tried again under the present playbook.

use crate::account::Rows;
use crate::deployment::{Deployment, DeploymentError};

/// Releases every quarantined event that the playbook understands now, and delivers it; says how many.
///
/// # Errors
/// [`DeploymentError`] if a table cannot be reached.
pub async fn replay_all(deployment: &Deployment) -> Result<usize, DeploymentError> {
    let mut released = 0;
    for entry in Rows::read(deployment).await?.ledger {
        released += usize::from(deployment.ingest.replay(entry).await?);
    }
    if released > 0 {
        deployment.world.settle().await?;
    }
    Ok(released)
}
