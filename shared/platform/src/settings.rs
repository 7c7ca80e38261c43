//! What a function is told by its environment, read once at init.

use std::path::PathBuf;
use std::sync::Arc;

use perennial_playbook::Playbook;

/// The deployment is incomplete: a function that cannot know what it needs does not start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable is missing or empty.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// A variable has a value that cannot be used; the value is not repeated, it may be a secret.
    #[error("environment variable {name}: {reason}")]
    Unusable {
        /// Which.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// The value of a variable that must be there.
///
/// # Errors
/// [`SettingsError::Missing`].
pub fn required(name: &'static str) -> Result<String, SettingsError> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).ok_or(SettingsError::Missing(name))
}

/// The value of a key that signs or hashes: what is short can be guessed.
///
/// # Errors
/// [`SettingsError`] if it is missing or shorter than 32 characters.
pub fn key(name: &'static str) -> Result<String, SettingsError> {
    let key = required(name)?;
    if key.len() >= 32 {
        Ok(key)
    } else {
        Err(SettingsError::Unusable { name, reason: "is shorter than 32 characters".to_owned() })
    }
}

/// The playbook that `PLAYBOOK` points to: a compiled bundle in AWS, or a folder.
///
/// # Errors
/// [`SettingsError`] with every problem of the playbook.
pub fn playbook() -> Result<Arc<Playbook>, SettingsError> {
    let path = PathBuf::from(required("PLAYBOOK")?);
    Playbook::open(&path).map(Arc::new).map_err(|problems| SettingsError::Unusable {
        name: "PLAYBOOK",
        reason: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    })
}
