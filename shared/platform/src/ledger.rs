//! The ledger: everything that was told to us, as it was told. Append-only, but for what waits in quarantine and for erasure.
//!
//! One conditional put makes an event durable and counted once. The key comes from the body and the source alone, never
//! from state, so that a second delivery finds the first.
//!
//! `stored` is the form of an entry as an item, which is kept below one write unit; `quarantine` finds, settles and drops
//! what was not understood.

mod quarantine;
mod stored;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::{SignedDuration, Timestamp};
use perennial_domain::ids::{AccountId, ContactId};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::keys::{self, Key, PK, SK};
use crate::settings::{self, SettingsError};
use crate::store::{string, text};
use crate::told::{Subject, Told, What};
use crate::webhook::events::{Event, hash};

pub use quarantine::Settled;
pub use stored::{WRITE_UNIT, size};

/// How long an entry is kept after it was received; interest looks back 392 days. What proves consent is kept longer: see
/// [`What::proves_consent`].
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// When an entry was told again: see [`Entry::told_at`].
pub const TOLD_AT: &str = "told_at";

/// The ledger table. Functions that hold it may only put; those that apply what it holds may also delete what was told of
/// somebody who was erased.
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
    /// Nobody yet: it cannot be understood under the present playbook. apply-change only looks whether it is of somebody
    /// erased, and forgets it then.
    Quarantined,
}

/// One entry. Its form as an item is [`Entry::item`]; read, it may be of any form that was ever written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Partition: the subject as sent.
    #[serde(rename = "PK")]
    pub pk: String,
    /// The source and its event id; `#1`, `#2` … behind it for the further statements of one event.
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
    /// The event as received: all of it, also where it tells several things. One statement of an event carries it, and those
    /// that wait, which are replayed from it; none is written for the others, so that it goes with whom it is about.
    #[serde(default, deserialize_with = "stored::body", skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// SHA-256 of what makes it this event, in hex.
    #[serde(deserialize_with = "stored::hash")]
    pub hash: String,
    /// Which statement of its event it is, from 0.
    #[serde(default, skip_serializing_if = "stored::is_zero")]
    pub statement: usize,
    /// How many statements its event made when it was received; none is written for one.
    #[serde(default = "stored::one", skip_serializing_if = "stored::is_one")]
    pub statements: usize,
    /// Why it is quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where a quarantined entry is found in the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine_shard: Option<String>,
    /// When DynamoDB may delete it, in seconds; never what proves consent, which goes only with whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When it was told again, in seconds, by a redrive or by a replay of what waited: its stream brings it then, and what its
    /// consumer gives up on is looked for by that. The attribute is [`TOLD_AT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<i64>,
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

/// What a put found, and whether it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it found.
    pub put: Put,
    /// What was durable already is still quarantined.
    pub waits: bool,
}

/// Which statement of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its number, from 0.
    pub number: usize,
    /// How many the event makes.
    pub of: usize,
    /// Whether its entry stores the event's body also when it does not wait.
    pub carries: bool,
}

impl Statement {
    /// The only one.
    pub const ONLY: Self = Self { number: 0, of: 1, carries: true };

    /// All statements of an event that tells this, in its order, each with whether it waits. What waits has the body anyway, so
    /// one of the others carries it, if there are any: the first of lowest [`Statement::body_rank`].
    pub fn all_of<'a>(told: impl IntoIterator<Item = (&'a What, bool)>) -> Vec<Self> {
        let ranks: Vec<_> = told.into_iter().map(|(what, waits)| (waits, Self::body_rank(what))).collect();
        let (of, first) = (ranks.len(), ranks.iter().enumerate().min_by_key(|(_, rank)| **rank));
        let carrier = first.map_or(0, |(number, _)| number);
        (0..of).map(|number| Self { number, of, carries: number == carrier }).collect()
    }

    /// Where the body of an event belongs, lowest first: with the statement that names an address, so that it goes with it when
    /// its owner was erased; else where an erasure finds it, with one about a contact.
    pub fn body_rank(what: &What) -> u8 {
        match (what, what.subject()) {
            (What::ContactIdentified { fields, .. }, _) if fields.contains_key("email") => 0,
            (_, Subject::Contact(_)) => 1,
            (_, Subject::Account(_) | Subject::Nobody) => 2,
        }
    }
}

impl Entry {
    /// An entry of what a source told under its own event id, in a body of its own.
    pub fn new(
        source: &str,
        event_id: &str,
        told: Told,
        body: &str,
        received_at: Timestamp,
        quarantine: Option<String>,
    ) -> Self {
        let event = Event { id: event_id.to_owned(), body: body.to_owned(), hash: hash(body.as_bytes()) };
        Self::of_event(source, &event, Statement::ONLY, told, received_at, quarantine)
    }

    /// An entry of one statement of an event.
    pub fn of_event(
        source: &str,
        event: &Event,
        statement: Statement,
        told: Told,
        received_at: Timestamp,
        quarantine: Option<String>,
    ) -> Self {
        let partition = match told.what.subject() {
            Subject::Contact(contact) => keys::contact(&ContactId::from(contact)),
            Subject::Account(account) => keys::account(&AccountId::from(account)),
            Subject::Nobody => keys::unread(&event.id),
        };
        let key = keys::ledger_entry(partition, source, &keys::statement(&event.id, statement.number));
        let kind = match (&quarantine, &told.what) {
            (Some(_), _) | (None, What::Unread {}) => Kind::Quarantined,
            (None, What::Engagement { .. }) => Kind::Engagement,
            (None, _) => Kind::Change,
        };
        let expires_at = (!told.what.proves_consent()).then(|| (received_at + KEPT).as_second());
        Self {
            pk: key.pk,
            sk: key.sk,
            kind,
            happened_at: told.at.min(received_at).as_second(),
            received_at: received_at.as_second(),
            told: told.what,
            body: (kind == Kind::Quarantined || statement.carries).then(|| event.body.clone()),
            hash: event.hash.clone(),
            statement: statement.number,
            statements: statement.of,
            reason: quarantine,
            quarantine_shard: (kind == Kind::Quarantined).then(|| keys::quarantine_shard(&event.id)),
            expires_at,
            told_at: None,
        }
    }

    /// Its key.
    pub fn key(&self) -> Key {
        Key { pk: self.pk.clone(), sk: self.sk.clone() }
    }

    /// Who sent it.
    pub fn source(&self) -> &str {
        self.sk.split_once('#').map_or(self.sk.as_str(), |(source, _)| source)
    }

    /// Whether nobody outside told it: what is pressed on our pages, and what becomes of our own mail.
    pub fn is_our_own(&self) -> bool {
        perennial_playbook::OUR_OWN.contains(&self.source())
    }

    /// The event's id at its source.
    pub fn event_id(&self) -> &str {
        let id = self.sk.split_once('#').map_or("", |(_, id)| id);
        match self.statement {
            0 => id,
            number => id.strip_suffix(&format!("#{number}")).unwrap_or(id),
        }
    }

    /// It under another number of its event.
    #[must_use]
    pub fn numbered(self, number: usize) -> Self {
        let sk = format!("{}#{}", self.source(), keys::statement(self.event_id(), number));
        Self { sk, statement: number, ..self }
    }

    /// The event that it is a statement of, if the entry stores it.
    pub fn event(&self) -> Option<Event> {
        Some(Event { id: self.event_id().to_owned(), body: self.body.clone()?, hash: self.hash.clone() })
    }
}

impl Ledger {
    /// The ledger of this name.
    pub fn new(config: impl Into<aws_sdk_dynamodb::config::Builder>, table: impl Into<String>) -> Self {
        Self { client: Client::from_conf(config.into().build()), table: table.into() }
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
        self.put_and_look(entry).await.map(|found| found.put)
    }

    /// As [`Ledger::put`], and says whether what was there already still waits; the refused put itself tells.
    ///
    /// # Errors
    /// As [`Ledger::put`].
    pub async fn put_and_look(&self, entry: &Entry) -> Result<Found, Failure> {
        let request = self.put_if(entry, "attribute_not_exists(PK)")?;
        let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Found { put: Put::New, waits: false }),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(known)) => {
                    let hash = known.item().and_then(stored::known_hash);
                    let put = if hash.as_ref() == Some(&entry.hash) { Put::Duplicate } else { Put::Conflict };
                    let waits = known.item().and_then(|item| text(item, "kind")) == Some("quarantined");
                    Ok(Found { put, waits: waits && put == Put::Duplicate })
                }
                _ => Err(Failure::from_sdk("ledger put", &error)),
            },
        }
    }

    /// Deletes an entry, whatever it is: somebody is to be forgotten.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn forget(&self, key: &Key) -> Result<(), Failure> {
        let request =
            self.client.delete_item().table_name(&self.table).key(PK, string(&key.pk)).key(SK, string(&key.sk));
        request.send().await.map(drop).map_err(|error| Failure::from_sdk("ledger forget", &error))
    }

    /// The keys of all entries of a partition. Asked only when somebody is erased.
    ///
    /// # Errors
    /// [`Failure`] if the ledger could not be reached.
    pub async fn keys_of(&self, partition: &str) -> Result<Vec<Key>, Failure> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("PK = :pk").projection_expression("PK, SK");
        let mut pages = query.expression_attribute_values(":pk", string(partition)).into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| Failure::from_sdk("ledger query", &error))?;
            if let (Some(pk), Some(sk)) = (text(&item, keys::PK), text(&item, keys::SK)) {
                found.push(Key { pk: pk.to_owned(), sk: sk.to_owned() });
            }
        }
        Ok(found)
    }

    fn put_if(&self, entry: &Entry, condition: &str) -> Result<PutItemFluentBuilder, Failure> {
        let request = self.client.put_item().table_name(&self.table).condition_expression(condition);
        Ok(request.set_item(Some(entry.item()?)))
    }
}

#[cfg(test)]
mod tests;
