//! Secrets Manager, read when something is asked and not before, and remembered for five minutes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::BySource;
use crate::failure::Failure;

/// What was read is believed for so long and no second longer.
const LIVES: SignedDuration = SignedDuration::from_secs(300);
/// After a signature that did not fit they are read again, at most so often.
const RENEWED_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// One attempt to read, and all of them: the sender waits, and the function has ten seconds.
const ATTEMPT: Duration = Duration::from_secs(2);
const ALL_ATTEMPTS: Duration = Duration::from_secs(5);

const READ: &str = "GetSecretValue";

/// One secret of Secrets Manager that holds those of all sources.
pub(super) struct Manager {
    client: Client,
    name: String,
    /// Held while they are read, so that whoever else asks waits for that answer and makes no request of their own.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    secrets: Option<(Timestamp, Arc<BySource>)>,
    /// When they were last asked for again because a signature did not fit, whether that worked or not.
    renewed_at: Option<Timestamp>,
}

impl Manager {
    pub(super) fn new(config: Builder, name: String) -> Self {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(ALL_ATTEMPTS).build();
        let client = Client::from_conf(config.timeout_config(timeouts).build());
        Self { client, name, known: Mutex::default() }
    }

    /// As last read if that was less than five minutes ago, else read now.
    pub(super) async fn secrets(&self, now: Timestamp) -> Result<Arc<BySource>, Failure> {
        let mut known = self.known.lock().await;
        match &known.secrets {
            Some((read_at, secrets)) if is_within(*read_at, now, LIVES) => Ok(Arc::clone(secrets)),
            _ => self.read(&mut known, now).await,
        }
    }

    /// Read now, unless that was done for the same reason less than 15 seconds ago.
    pub(super) async fn renewed(&self, now: Timestamp) -> Result<Option<Arc<BySource>>, Failure> {
        let mut known = self.known.lock().await;
        if known.renewed_at.is_some_and(|renewed_at| is_within(renewed_at, now, RENEWED_EVERY)) {
            return Ok(None);
        }
        known.renewed_at = Some(now);
        self.read(&mut known, now).await.map(Some)
    }

    async fn read(&self, known: &mut Known, now: Timestamp) -> Result<Arc<BySource>, Failure> {
        let answer = self.client.get_secret_value().secret_id(&self.name).send().await;
        let answer = answer.map_err(|error| Failure::from_sdk(READ, &error))?;
        let secrets = Arc::new(by_source(answer.secret_string().unwrap_or_default())?);
        known.secrets = Some((now, Arc::clone(&secrets)));
        Ok(secrets)
    }
}

/// A clock that went back says nothing about how old something is.
fn is_within(since: Timestamp, now: Timestamp, most: SignedDuration) -> bool {
    let age = now.duration_since(since);
    !age.is_negative() && age < most
}

/// The parser's own words may quote what it read; they are left out.
fn by_source(text: &str) -> Result<BySource, Failure> {
    let texts: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|_| Failure::Bug { operation: READ, code: "not a JSON object of texts".to_owned() })?;
    let several = |text: String| text.split_whitespace().map(str::to_owned).collect();
    Ok(texts.into_iter().map(|(source, text)| (source, several(text))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_source_ids_and_texts_or_a_fixed_complaint() {
        let read = by_source(r#"{"native": "whsec_a  whsec_b\n", "segment": "c", "zoom": ""}"#).unwrap();
        let expected = [("native", vec!["whsec_a", "whsec_b"]), ("segment", vec!["c"]), ("zoom", vec![])];
        assert_eq!(
            read.iter()
                .map(|(id, all)| (id.as_str(), all.iter().map(String::as_str).collect()))
                .collect::<Vec<(_, Vec<_>)>>(),
            expected
        );
        for text in ["", "secret", "[\"secret\"]", "{\"native\": [\"secret\"]}", "{\"native\": 1}"] {
            let said = by_source(text).unwrap_err().to_string();
            assert_eq!(said, "GetSecretValue was refused: not a JSON object of texts");
        }
    }

    #[test]
    fn what_was_read_is_believed_for_five_minutes_and_never_from_the_future() {
        let read_at: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        for (seconds, believed) in [(0, true), (299, true), (300, false), (301, false), (-1, false)] {
            assert_eq!(is_within(read_at, read_at + SignedDuration::from_secs(seconds), LIVES), believed, "{seconds}");
        }
    }
}
