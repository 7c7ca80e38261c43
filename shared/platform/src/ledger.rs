//! The ledger: everything that was told to us, as it was told. Append-only.
//!
//! One conditional put makes an event durable and counted once. The key comes from the body and the source alone, never
//! from state, so that a second delivery finds the first.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::{SignedDuration, Timestamp};
use perennial_domain::ids::{AccountId, ContactId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::keys;
use crate::settings::{self, SettingsError};
use crate::store::string;
use crate::told::{Subject, Told, What};

/// How long an entry is kept after it was received; interest looks back 392 days.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// The ledger table. Functions that hold it may only put.
#[derive(Clone, Debug)]
pub struct Ledger {
    client: Client,
    table: String,
}

/// Who consumes an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// score-and-decay.
    Engagement,
    /// apply-change.
    Change,
    /// Nobody yet: it cannot be understood under the present playbook.
    Quarantined,
}

/// One entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Partition: the subject as sent.
    #[serde(rename = "PK")]
    pub pk: String,
    /// The source and its event id.
    #[serde(rename = "SK")]
    pub sk: String,
    /// Who consumes it.
    pub kind: Kind,
    /// When it happened: the earlier of stated and received, in seconds.
    pub happened_at: i64,
    /// When it was received, in seconds.
    pub received_at: i64,
    /// What was told, understood.
    pub told: What,
    /// The body as received.
    pub body: String,
    /// SHA-256 of the body, in hex.
    pub hash: String,
    /// Why it is quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When DynamoDB may delete it, in seconds.
    pub expires_at: i64,
}

/// What a put found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is durable now.
    New,
    /// It was durable already, with the same body.
    Duplicate,
    /// The same source, subject and id had another body: nothing was written.
    Conflict,
}

impl Entry {
    /// An entry of what a source told under its own event id.
    pub fn new(
        source: &str,
        event_id: &str,
        told: Told,
        body: &str,
        received_at: Timestamp,
        quarantine: Option<String>,
    ) -> Self {
        let partition = match told.what.subject() {
            Subject::Contact(contact) => keys::contact(&ContactId::from(contact)),
            Subject::Account(account) => keys::account(&AccountId::from(account)),
            Subject::Nobody => keys::unread(event_id),
        };
        let key = keys::ledger_entry(partition, source, event_id);
        let kind = match (&quarantine, &told.what) {
            (Some(_), _) => Kind::Quarantined,
            (None, What::Engagement { .. }) => Kind::Engagement,
            (None, _) => Kind::Change,
        };
        Self {
            pk: key.pk,
            sk: key.sk,
            kind,
            happened_at: told.at.min(received_at).as_second(),
            received_at: received_at.as_second(),
            told: told.what,
            body: body.to_owned(),
            hash: Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
            reason: quarantine,
            expires_at: (received_at + KEPT).as_second(),
        }
    }
}

impl Ledger {
    /// The ledger of this name.
    pub fn new(config: &aws_config::SdkConfig, table: impl Into<String>) -> Self {
        Self { client: Client::new(config), table: table.into() }
    }

    /// The ledger that `LEDGER_TABLE` names.
    ///
    /// # Errors
    /// [`SettingsError`] if it is not set.
    pub fn from_env(config: &aws_config::SdkConfig) -> Result<Self, SettingsError> {
        Ok(Self::new(config, settings::required("LEDGER_TABLE")?))
    }

    /// Makes an entry durable, once. One write unit for an entry below 1 KB, no read.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached; then nothing is known to be durable.
    pub async fn put(&self, entry: &Entry) -> Result<Put, Failure> {
        let request = self.put_if(entry, "attribute_not_exists(PK)")?;
        let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Put::New),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(known)) => {
                    let hash = known.item().and_then(|item| item.get("hash")?.as_s().ok());
                    Ok(if hash == Some(&entry.hash) { Put::Duplicate } else { Put::Conflict })
                }
                _ => Err(Failure::from_sdk("ledger put", &error)),
            },
        }
    }

    /// Releases a quarantined entry that is understood now: its consumers see it as if it had just been told, with the
    /// time at which it happened. False if it was released already.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn release(&self, entry: &Entry) -> Result<bool, Failure> {
        let request = self.put_if(entry, "kind = :quarantined")?;
        match request.expression_attribute_values(":quarantined", string("quarantined")).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(false)
            }
            Err(error) => Err(Failure::from_sdk("ledger release", &error)),
        }
    }

    fn put_if(&self, entry: &Entry, condition: &str) -> Result<PutItemFluentBuilder, Failure> {
        let item =
            serde_dynamo::to_item(entry).map_err(|_| Failure::shape("ledger entry", "not of the shape we give it"))?;
        Ok(self.client.put_item().table_name(&self.table).set_item(Some(item)).condition_expression(condition))
    }
}
