//! The live secrets of each webhook source: several while one is rotated.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::verify::read;
use crate::failure::Failure;

/// The deployment's secrets are not secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhook secret number {0} is not `whsec_` and the base64 of at least 16 bytes")]
pub struct NotASecret(pub usize);

/// Secrets by source.
pub struct SourceSecrets(BTreeMap<String, Vec<String>>);

impl SourceSecrets {
    /// Secrets that never change: those of the local world and of tests.
    pub fn fixed(secrets: BTreeMap<String, Vec<String>>) -> Self {
        Self(secrets)
    }

    /// The native source's `whsec_…` secrets, separated by white space, and no others.
    ///
    /// # Errors
    /// [`NotASecret`] with the position of the first that cannot be read; position 1 if there is none at all.
    pub fn native(text: &str) -> Result<Self, NotASecret> {
        let secrets: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        match secrets.iter().position(|secret| read(secret).is_none()) {
            Some(index) => Err(NotASecret(index + 1)),
            None if secrets.is_empty() => Err(NotASecret(1)),
            None => Ok(Self::fixed([("native".to_owned(), secrets)].into())),
        }
    }

    /// The live secrets of a source; none if it has none.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be read.
    pub async fn of(&self, source: &str, _now: Timestamp) -> Result<Vec<String>, Failure> {
        Ok(self.0.get(source).cloned().unwrap_or_default())
    }
}

impl std::fmt::Debug for SourceSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceSecrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    #[test]
    fn what_is_not_a_secret_stops_the_function() {
        for (text, position) in
            [("", 1), ("whsec_", 1), ("whsec_C2FV", 1), (&OLD[6..], 1), (&format!("{OLD} whsec_#"), 2)]
        {
            assert_eq!(SourceSecrets::native(text).err(), Some(NotASecret(position)), "{text}");
        }
    }
}
