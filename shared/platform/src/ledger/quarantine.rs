//! What waits in the ledger because it was not understood: found by the index, settled one by one.
//!
//! For commands and whoever erases. Ingestion only puts; its role allows it nothing of this.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::{Entry, Ledger, Put};
use crate::failure::Failure;
use crate::keys::{self, Key, PK, QUARANTINE_INDEX, QUARANTINE_SHARD, SK};
use crate::store::{Item, string, text};

/// DynamoDB gives at most so many items for one request.
const BATCH: usize = 100;
/// Before the first repetition of what was not answered.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// So often what is not answered at all is asked for again: for six seconds together.
const MOST_PAUSES: u32 = 7;

/// What became of a quarantined entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is replaced in its place, or it was put in another and is gone from here. The put says what was found there.
    As(Put),
    /// Somebody else has settled it: nothing was written.
    Already,
    /// Its new place holds the same id with another body: it stays where it is.
    Conflict,
}

impl Ledger {
    /// The keys of everything that waits, the longest waiting first. Entries that were quarantined before there was an index are
    /// not in it.
    ///
    /// # Errors
    /// [`Failure`] if the index cannot be read.
    pub async fn quarantined(&self) -> Result<Vec<Key>, Failure> {
        let mut found = Vec::new();
        for shard in 0..keys::SHARDS {
            let query = self.client.query().table_name(&self.table).index_name(QUARANTINE_INDEX);
            let query = query.key_condition_expression("#shard = :shard");
            let query = query.expression_attribute_names("#shard", QUARANTINE_SHARD);
            let query = query.expression_attribute_values(":shard", string(keys::quarantine_shard_number(shard)));
            let mut pages = query.into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let item = item.map_err(|error| Failure::from_sdk("quarantine query", &error))?;
                found.extend(waiting_since(&item));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, key)| key).collect())
    }

    /// The entries of these keys, in no order; those that are gone are left out.
    ///
    /// # Errors
    /// [`Failure`] if one cannot be read.
    pub async fn entries(&self, keys: &[Key]) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let mut asked = KeysAndAttributes::builder().consistent_read(true);
            for key in keys {
                asked = asked.keys(HashMap::from(pair(key)));
            }
            let mut rest = Some(HashMap::from([(self.table.clone(), asked.build().map_err(|_| no_keys())?)]));
            // DynamoDB answers with as much as 16 MB hold, and says what is left. It gives nothing at all where it is too busy.
            let mut idle = 0;
            while let Some(asked) = rest.take().filter(|rest| !rest.is_empty()) {
                pause(idle).await?;
                let answer = self.client.batch_get_item().set_request_items(Some(asked)).send().await;
                let answer = answer.map_err(|error| Failure::from_sdk("ledger get", &error))?;
                let before = entries.len();
                for item in answer.responses.unwrap_or_default().into_values().flatten() {
                    entries.push(read(item)?);
                }
                idle = if entries.len() > before { 0 } else { idle + 1 };
                rest = answer.unprocessed_keys;
            }
        }
        Ok(entries)
    }

    /// All entries of one event in one partition.
    ///
    /// # Errors
    /// [`Failure`] if one cannot be read.
    pub async fn of_event(&self, pk: &str, source: &str, event_id: &str) -> Result<Vec<Entry>, Failure> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("PK = :pk AND begins_with(SK, :sk)");
        let query = query.expression_attribute_values(":pk", string(pk));
        let query = query.expression_attribute_values(":sk", string(format!("{source}#{event_id}")));
        let mut pages = query.into_paginator().items().send();
        let mut entries = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| Failure::from_sdk("ledger query", &error))?;
            let entry = read(item)?;
            // An id may begin with another one.
            if entry.event_id() == event_id {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Gives a quarantined entry its new form, which may be quarantined still: in the same place only if it is still
    /// quarantined there, in another only if nothing is there. Its consumers see it as if it had just been told.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached; then it can be settled again.
    pub async fn settle(&self, old: &Entry, new: &Entry) -> Result<Settled, Failure> {
        if old.key() != new.key() {
            let put = self.put(new).await?;
            return match put {
                Put::Conflict => Ok(Settled::Conflict),
                // First it is there, then it is gone from here: what breaks off in between is settled by the next run.
                _ => self.drop_quarantined(old).await.map(|_| Settled::As(put)),
            };
        }
        let request = self.put_if(new, "kind = :quarantined")?;
        match request.expression_attribute_values(":quarantined", string("quarantined")).send().await {
            Ok(_) => Ok(Settled::As(Put::New)),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(Settled::Already)
            }
            Err(error) => Err(Failure::from_sdk("ledger settle", &error)),
        }
    }

    /// Deletes an entry if it is still quarantined; says whether it was.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn drop_quarantined(&self, entry: &Entry) -> Result<bool, Failure> {
        let request =
            self.client.delete_item().table_name(&self.table).set_key(Some(HashMap::from(pair(&entry.key()))));
        let request = request.condition_expression("kind = :quarantined");
        match request.expression_attribute_values(":quarantined", string("quarantined")).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(Failure::from_sdk("ledger drop", &error)),
        }
    }
}

/// Before what was not answered at all is asked for again: 50 ms, and twice as long each time.
async fn pause(idle: u32) -> Result<(), Failure> {
    match idle {
        0 => {}
        1..=MOST_PAUSES => tokio::time::sleep(SHORTEST_PAUSE * 2_u32.pow(idle - 1)).await,
        _ => return Err(Failure::Retryable { operation: "ledger get", code: "unprocessed".to_owned() }),
    }
    Ok(())
}

fn waiting_since(item: &Item) -> Option<(i64, Key)> {
    let received_at = item.get("received_at")?.as_n().ok()?.parse().ok()?;
    Some((received_at, Key { pk: text(item, PK)?.to_owned(), sk: text(item, SK)?.to_owned() }))
}

fn pair(key: &Key) -> [(String, AttributeValue); 2] {
    [(PK.to_owned(), string(&key.pk)), (SK.to_owned(), string(&key.sk))]
}

fn read(item: Item) -> Result<Entry, Failure> {
    serde_dynamo::from_item(item).map_err(|_| Failure::shape("ledger entry", "not of the shape we give it"))
}

/// A chunk is never empty.
fn no_keys() -> Failure {
    Failure::Bug { operation: "ledger get", code: "no keys".to_owned() }
}
