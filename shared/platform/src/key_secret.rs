//! The keys of a deployment: what signs links and sessions, and what hashes addresses.
//!
//! They are one secret of Secrets Manager, JSON with `LINK_KEY` and `ADDRESS_KEY`, read when a function starts. They do not stand in its
//! environment, where everybody would see them who may read the configuration of a function.
//!
//! `LINK_KEY` is read again when it was read more than five minutes ago. A new key is put behind the old one first, so that every
//! environment believes it before any signs with it: five minutes later it can be put in front. Where reading again fails, those
//! that are known go on: a link in a mail is worth more than the haste. `ADDRESS_KEY` never changes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use jiff::{SignedDuration, Timestamp};

use crate::address::AddressKey;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::settings::{self, SHORTEST_KEY};
use crate::signing_keys::SigningKeys;

/// What was read is not asked for again for so long.
const LIVES: SignedDuration = SignedDuration::from_secs(300);
/// Where it could not be read it is asked for again after so long.
const AFTER_A_FAILURE: SignedDuration = SignedDuration::from_secs(15);
/// One attempt to read, and all of them: a function has ten seconds to start, and a reader of a page waits.
const ATTEMPT: Duration = Duration::from_secs(2);
const ALL_ATTEMPTS: Duration = Duration::from_secs(5);
const READ: &str = "GetSecretValue";

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeySecretError {
    /// The secret could not be read.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// It does not hold this key, or one that is short can be guessed. What it holds is not repeated.
    #[error("the secret of the keys has no {0} of 32 characters or more")]
    Unusable(&'static str),
}

/// The secret of the keys.
pub struct KeySecret {
    client: Client,
    name: String,
    clock: Clock,
    link_keys: SigningKeys,
    address_key: AddressKey,
    due_at: Mutex<Timestamp>,
}

impl KeySecret {
    /// Reads the secret of this name or ARN.
    ///
    /// # Errors
    /// [`KeySecretError`]: without keys a function does not start.
    pub async fn read(config: &SdkConfig, name: String, clock: Clock) -> Result<Self, KeySecretError> {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(ALL_ATTEMPTS).build();
        let client = Client::from_conf(Builder::from(config).timeout_config(timeouts).build());
        let due_at = Mutex::new(clock.now() + LIVES);
        let (link_keys, address_key) = ask(&client, &name).await?;
        let (link_keys, address_key) = (SigningKeys::new(link_keys), AddressKey::new(address_key));
        Ok(Self { client, name, clock, link_keys, address_key, due_at })
    }

    /// What signs links and sessions; it changes when the secret does.
    pub fn link_keys(&self) -> SigningKeys {
        self.link_keys.clone()
    }

    /// What hashes addresses.
    pub fn address_key(&self) -> AddressKey {
        self.address_key.clone()
    }

    /// Reads the link keys again if that is due. What fails is logged, and soon tried again.
    pub async fn renew(&self) {
        let now = self.clock.now();
        if !self.is_due(now) {
            return;
        }
        match ask(&self.client, &self.name).await {
            Ok((link_keys, _)) => self.link_keys.replace(link_keys),
            Err(error) => {
                tracing::warn!(%error, "keys not read again");
                *self.due_at() = now + AFTER_A_FAILURE;
            }
        }
    }

    fn due_at(&self) -> MutexGuard<'_, Timestamp> {
        self.due_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever hears that it is due asks: others do not.
    fn is_due(&self, now: Timestamp) -> bool {
        let mut due_at = self.due_at();
        // A clock that went back says nothing about how old something is.
        let is_due = now >= *due_at || due_at.duration_since(now) > LIVES;
        if is_due {
            *due_at = now + LIVES;
        }
        is_due
    }
}

/// Without what it holds.
impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySecret").finish_non_exhaustive()
    }
}

async fn ask(client: &Client, name: &str) -> Result<(Vec<String>, String), KeySecretError> {
    let answer = client.get_secret_value().secret_id(name).send().await;
    let answer = answer.map_err(|error| Failure::from_sdk(READ, &error))?;
    keys_of(answer.secret_string().unwrap_or_default())
}

/// The parser's own words may quote what it read; they are left out.
fn keys_of(text: &str) -> Result<(Vec<String>, String), KeySecretError> {
    let texts: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|_| Failure::Bug { operation: READ, code: "not a JSON object of texts".to_owned() })?;
    let named = |name: &'static str| texts.get(name).ok_or(KeySecretError::Unusable(name));
    let link_keys = settings::keys_in(named("LINK_KEY")?).ok_or(KeySecretError::Unusable("LINK_KEY"))?;
    let address_key = named("ADDRESS_KEY")?;
    if address_key.len() < SHORTEST_KEY {
        return Err(KeySecretError::Unusable("ADDRESS_KEY"));
    }
    Ok((link_keys, address_key.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_secret_is_two_long_keys_or_a_complaint_that_repeats_nothing() {
        let (links, address) =
            keys_of(&format!(r#"{{"LINK_KEY": "{LONG} {LONG}x", "ADDRESS_KEY": "{LONG}y", "MORE": "z"}}"#)).unwrap();
        assert_eq!((links, address), (vec![LONG.to_owned(), format!("{LONG}x")], format!("{LONG}y")));
        for (text, complaint) in [
            (String::new(), "GetSecretValue was refused: not a JSON object of texts"),
            (format!("\"{LONG}\""), "GetSecretValue was refused: not a JSON object of texts"),
            (
                format!(r#"{{"LINK_KEY": "{LONG}"}}"#),
                "the secret of the keys has no ADDRESS_KEY of 32 characters or more",
            ),
            (
                format!(r#"{{"LINK_KEY": " ", "ADDRESS_KEY": "{LONG}"}}"#),
                "the secret of the keys has no LINK_KEY of 32 characters or more",
            ),
            (
                format!(r#"{{"LINK_KEY": "{LONG} short", "ADDRESS_KEY": "{LONG}"}}"#),
                "the secret of the keys has no LINK_KEY of 32 characters or more",
            ),
            (
                format!(r#"{{"LINK_KEY": "{LONG}", "ADDRESS_KEY": "{}"}}"#, &LONG[1..]),
                "the secret of the keys has no ADDRESS_KEY of 32 characters or more",
            ),
        ] {
            assert_eq!(keys_of(&text).unwrap_err().to_string(), complaint);
        }
    }
}
