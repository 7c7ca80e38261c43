//! The live secrets of each webhook source: several while one is rotated.
//!
//! In AWS they are one secret of Secrets Manager, read at run time: a JSON object, source id → text with one or more secrets
//! separated by white space. What was read is believed for at most five minutes, so a secret that is taken out stops working
//! within that time. One that is put in works within fifteen seconds: a signature that does not fit makes us read again, but not
//! more often than that, whoever knocks.
//!
//! Never shows a secret: not in an error, not in `Debug`, not in a log.

mod manager;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use perennial_playbook::sources::Source;

use self::manager::Manager;
use super::Delivery;
use super::verify::{Forged, SHORTEST_SECRET, standard_key, verify};
use crate::failure::Failure;

/// Live secrets by source id.
type BySource = BTreeMap<String, Vec<String>>;

/// A text that should be secrets is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhook secret number {0} is not `whsec_` and the base64 of at least 16 bytes")]
pub struct NotASecret(pub usize);

/// Secrets by source.
pub struct SourceSecrets(From);

enum From {
    Fixed(Arc<BySource>),
    Manager(Manager),
}

impl SourceSecrets {
    /// Secrets that never change: those of the local world and of tests.
    pub fn fixed(secrets: BTreeMap<String, Vec<String>>) -> Self {
        Self(From::Fixed(Arc::new(secrets)))
    }

    /// The secrets that Secrets Manager holds under this name or ARN.
    pub fn manager(config: impl Into<aws_sdk_secretsmanager::config::Builder>, name: impl Into<String>) -> Self {
        Self(From::Manager(Manager::new(config.into(), name.into())))
    }

    /// The native source's `whsec_…` secrets, separated by white space, and no others.
    ///
    /// # Errors
    /// [`NotASecret`] as [`native_secrets`].
    pub fn native(text: &str) -> Result<Self, NotASecret> {
        Ok(Self::fixed([("native".to_owned(), native_secrets(text)?)].into()))
    }

    /// The live secrets of a source; none if it has none: nothing is believed then, and a warning names the source.
    ///
    /// # Errors
    /// [`Failure`] if they were read more than five minutes ago and cannot be read now.
    pub async fn of(&self, source: &str, now: Timestamp) -> Result<Vec<String>, Failure> {
        let secrets = match &self.0 {
            From::Fixed(secrets) => Arc::clone(secrets),
            From::Manager(manager) => manager.secrets(now).await?,
        };
        Ok(of(&secrets, source))
    }

    /// Believes a delivery if it proves itself by the source's live secrets, and says which those are. Where a signature does not
    /// fit they are read again, so that a secret that was put in works before the
    /// five minutes are over; at most every fifteen seconds, since a forger may ask as often as it likes. Where that fails, those
    /// that are still believed decide: or a forger could make us say that something of ours is down.
    ///
    /// # Errors
    /// Outer: as [`SourceSecrets::of`], nobody knows whether it is forged. Inner: it is, for this reason.
    pub async fn believe(
        &self,
        source: &Source,
        delivery: &Delivery<'_>,
        now: Timestamp,
    ) -> Result<Result<Vec<String>, Forged>, Failure> {
        let live = self.of(&source.id, now).await?;
        let forged = match verify(source, &live, delivery, now) {
            Ok(()) => return Ok(Ok(live)),
            Err(forged) => forged,
        };
        if !matches!(forged, Forged::Signature(_)) {
            return Ok(Err(forged));
        }
        match self.renewed(&source.id, now).await {
            Ok(Some(live)) => Ok(verify(source, &live, delivery, now).map(|()| live)),
            Ok(None) => Ok(Err(forged)),
            Err(failure) => {
                tracing::warn!(%failure, "webhook secrets not read again");
                Ok(Err(forged))
            }
        }
    }

    /// The secrets read again, after a signature that did not fit: it may be made with one that was put in a moment ago.
    /// Nothing if they were read again for this reason less than 15 seconds ago, so that a forger cannot make us ask and ask.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be read.
    pub async fn renewed(&self, source: &str, now: Timestamp) -> Result<Option<Vec<String>>, Failure> {
        match &self.0 {
            From::Fixed(_) => Ok(None),
            From::Manager(manager) => Ok(manager.renewed(now).await?.map(|secrets| of(&secrets, source))),
        }
    }
}

/// The `whsec_…` secrets of a text, separated by white space.
///
/// # Errors
/// [`NotASecret`] with the position of the first that cannot be read; position 1 if there is none at all.
pub fn native_secrets(text: &str) -> Result<Vec<String>, NotASecret> {
    let secrets: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    match secrets.iter().position(|secret| standard_key(secret).is_none()) {
        Some(index) => Err(NotASecret(index + 1)),
        None if secrets.is_empty() => Err(NotASecret(1)),
        None => Ok(secrets),
    }
}

fn of(secrets: &BySource, source: &str) -> Vec<String> {
    let live = secrets.get(source).cloned().unwrap_or_default();
    if !live.iter().any(|secret| secret.len() >= SHORTEST_SECRET) {
        tracing::warn!(source, "a webhook source has no secret of at least 16 bytes: nothing it sends is believed");
    }
    live
}

impl std::fmt::Debug for SourceSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            From::Fixed(secrets) => write!(f, "SourceSecrets({})", secrets.len()),
            From::Manager(_) => write!(f, "SourceSecrets(Secrets Manager)"),
        }
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
            assert_eq!(native_secrets(text), Err(NotASecret(position)), "{text}");
        }
        assert_eq!(native_secrets(&format!(" {OLD}\n{OLD}")), Ok(vec![OLD.to_owned(); 2]));
    }

    #[test]
    fn secrets_are_not_shown() {
        let secrets = SourceSecrets::native(OLD).unwrap();
        assert_eq!(format!("{secrets:?}"), "SourceSecrets(1)");
    }
}
