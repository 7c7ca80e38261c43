//! The state table: reading items, committing what was decided.

mod change;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, ReturnValue, TransactWriteItem, Update};
use jiff::Timestamp;
use perennial_domain::ids::AccountId;
use perennial_domain::profile::Account;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::keys::{self, Key};
use crate::records::Profile;

pub use change::Change;

/// An item as the SDK gives it.
pub type Item = HashMap<String, AttributeValue>;

/// Transactions and conditional writes that lose a race are tried so often in all.
pub const ATTEMPTS: u32 = 8;

/// The state table. The client is built once, at init.
#[derive(Clone, Debug)]
pub struct Store {
    /// The client.
    pub client: Client,
    /// The state table's name.
    pub state: String,
}

/// What became of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub enum Commit {
    /// All of it is durable.
    Done,
    /// None of it is: for each action, whether its condition failed.
    Refused(Vec<bool>),
}

impl Store {
    /// The store that the environment names.
    ///
    /// # Errors
    /// [`crate::settings::SettingsError`] if a table's name is missing.
    pub fn from_env(config: &aws_config::SdkConfig) -> Result<Self, crate::settings::SettingsError> {
        Ok(Self { client: Client::new(config), state: crate::settings::required("STATE_TABLE")? })
    }

    /// Reads one item, consistently.
    ///
    /// # Errors
    /// [`Failure`] if the store cannot be reached or the item is not of this shape.
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Failure> {
        self.get_item(key)
            .await?
            .map(|item| {
                serde_dynamo::from_item(item).map_err(|_| Failure::shape("item", "not of the shape we give it"))
            })
            .transpose()
    }

    /// Reads one item as it is stored, consistently.
    ///
    /// # Errors
    /// [`Failure`] if the store cannot be reached.
    pub async fn get_item(&self, key: &Key) -> Result<Option<Item>, Failure> {
        let request = self.client.get_item().table_name(&self.state).set_key(Some(item_key(key))).consistent_read(true);
        let answer = request.send().await.map_err(|error| Failure::from_sdk("state get", &error))?;
        Ok(answer.item)
    }

    /// Loads an account.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, Failure> {
        let profile: Option<Profile> = self.get(&keys::account_profile(id)).await?;
        Ok(profile.map(|profile| Account::from_fields(id.clone(), &profile.fields())))
    }

    /// All items of a partition whose sort key begins so, whole.
    ///
    /// # Errors
    /// [`Failure`] if the store cannot be reached or an item is not of this shape.
    pub async fn partition<T: DeserializeOwned>(&self, pk: &str, sk_prefix: Option<&str>) -> Result<Vec<T>, Failure> {
        let items = self.partition_items(pk, sk_prefix).await?.into_iter();
        let read =
            |item| serde_dynamo::from_item(item).map_err(|_| Failure::shape("item", "not of the shape we give it"));
        items.map(read).collect()
    }

    /// The same, each item as it is stored.
    ///
    /// # Errors
    /// [`Failure`] if the store cannot be reached.
    pub async fn partition_items(&self, pk: &str, sk_prefix: Option<&str>) -> Result<Vec<Item>, Failure> {
        let mut query = self.client.query().table_name(&self.state).consistent_read(true);
        query = match sk_prefix {
            None => query.key_condition_expression("PK = :pk"),
            Some(prefix) => query
                .key_condition_expression("PK = :pk AND begins_with(SK, :sk)")
                .expression_attribute_values(":sk", string(prefix)),
        };
        let mut pages = query.expression_attribute_values(":pk", string(pk)).into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| Failure::from_sdk("partition query", &error))?);
        }
        Ok(items)
    }

    /// The keys that a sparse index nominates: in this shard, at or before `until`. An index is eventually consistent
    /// and only nominates: whoever acts reads the base item again.
    ///
    /// # Errors
    /// [`Failure`] if the store cannot be reached.
    pub async fn nominated(&self, index: &str, shard: &str, until: Timestamp) -> Result<Vec<Key>, Failure> {
        let (shard_attribute, at_attribute) = if index == keys::LIVE_INDEX {
            (keys::LIVE_SHARD, keys::COOLS_AT)
        } else {
            (keys::DUE_SHARD, keys::DUE_AT)
        };
        let mut pages = self
            .client
            .query()
            .table_name(&self.state)
            .index_name(index)
            .key_condition_expression("#shard = :shard AND #at <= :until")
            .expression_attribute_names("#shard", shard_attribute)
            .expression_attribute_names("#at", at_attribute)
            .expression_attribute_values(":shard", AttributeValue::S(shard.to_owned()))
            .expression_attribute_values(":until", number(until.as_second()))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| Failure::from_sdk("index query", &error))?;
            if let (Some(pk), Some(sk)) = (text(&item, keys::PK), text(&item, keys::SK)) {
                found.push(Key { pk: pk.to_owned(), sk: sk.to_owned() });
            }
        }
        Ok(found)
    }

    /// Commits all actions or none. Conflicts with other transactions are tried again with jitter: the Rust SDK does
    /// not retry them.
    ///
    /// # Errors
    /// [`Failure::Conflict`] if every attempt met another transaction; otherwise as [`Failure::from_sdk`] sorts it.
    pub async fn commit(&self, operation: &'static str, actions: Vec<TransactWriteItem>) -> Result<Commit, Failure> {
        for attempt in 0..ATTEMPTS {
            let answer = self.client.transact_write_items().set_transact_items(Some(actions.clone())).send().await;
            let error = match answer {
                Ok(_) => return Ok(Commit::Done),
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                match Failure::from_sdk(operation, &error) {
                    Failure::Conflict { .. } => {
                        back_off(attempt).await;
                        continue;
                    }
                    failure => return Err(failure),
                }
            };
            let codes: Vec<&str> =
                cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
            if codes.contains(&"ConditionalCheckFailed") {
                return Ok(Commit::Refused(codes.iter().map(|code| *code == "ConditionalCheckFailed").collect()));
            }
            if let Some(code) = codes.iter().find(|code| **code == "ValidationError") {
                return Err(Failure::Bug { operation, code: (*code).to_owned() });
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation })
    }

    /// Commits one change; false if its condition failed.
    ///
    /// # Errors
    /// As [`Failure::from_sdk`] sorts it.
    pub async fn apply(&self, operation: &'static str, change: Change) -> Result<bool, Failure> {
        Ok(self.update(operation, change, ReturnValue::None).await?.is_some())
    }

    /// Commits one change and says what the attributes are that it has changed; nothing if its condition failed.
    ///
    /// # Errors
    /// As [`Failure::from_sdk`] sorts it.
    pub async fn applied(&self, operation: &'static str, change: Change) -> Result<Option<Item>, Failure> {
        self.update(operation, change, ReturnValue::UpdatedNew).await
    }

    async fn update(
        &self,
        operation: &'static str,
        change: Change,
        says: ReturnValue,
    ) -> Result<Option<Item>, Failure> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.state)
            .set_key(Some(item_key(&change.key)))
            .set_expression_attribute_names(change.names())
            .set_expression_attribute_values(change.values())
            .update_expression(change.update)
            .set_condition_expression(change.condition)
            .return_values(says)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(Failure::from_sdk(operation, &error)),
        }
    }

    /// A transaction's action: put this item if there is none of its key.
    ///
    /// # Errors
    /// [`Failure::Poison`] if the item cannot be expressed.
    pub fn put_new(&self, item: &impl Serialize) -> Result<TransactWriteItem, Failure> {
        self.put(item, Some("attribute_not_exists(PK)"))
    }

    /// A transaction's action: put this item whatever there is.
    ///
    /// # Errors
    /// [`Failure::Poison`] if the item cannot be expressed.
    pub fn put_over(&self, item: &impl Serialize) -> Result<TransactWriteItem, Failure> {
        self.put(item, None)
    }

    fn put(&self, item: &impl Serialize, condition: Option<&str>) -> Result<TransactWriteItem, Failure> {
        let item = serde_dynamo::to_item(item).map_err(|_| Failure::shape("item", "not of the shape we give it"))?;
        let put = Put::builder()
            .table_name(&self.state)
            .set_item(Some(item))
            .set_condition_expression(condition.map(str::to_owned))
            .build()
            .map_err(|_| Failure::shape("put", "not of the shape we give it"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A transaction's action: this change.
    ///
    /// # Errors
    /// [`Failure::Poison`] if it cannot be expressed.
    pub fn change(&self, change: Change) -> Result<TransactWriteItem, Failure> {
        let update = Update::builder()
            .table_name(&self.state)
            .set_key(Some(item_key(&change.key)))
            .set_expression_attribute_names(change.names())
            .set_expression_attribute_values(change.values())
            .update_expression(change.update)
            .set_condition_expression(change.condition)
            .build()
            .map_err(|_| Failure::shape("update", "not of the shape we give it"))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// A transaction's action: nothing, but only if this holds. The change's update expression is empty.
    ///
    /// # Errors
    /// [`Failure::Poison`] if it cannot be expressed.
    pub fn check(&self, change: Change) -> Result<TransactWriteItem, Failure> {
        let check = ConditionCheck::builder()
            .table_name(&self.state)
            .set_key(Some(item_key(&change.key)))
            .set_expression_attribute_names(change.names())
            .set_expression_attribute_values(change.values())
            .condition_expression(change.condition.unwrap_or_default())
            .build()
            .map_err(|_| Failure::shape("condition", "not of the shape we give it"))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// A transaction's action: no such item afterwards, but only if this holds. The change's update expression is empty.
    ///
    /// # Errors
    /// [`Failure::Poison`] if it cannot be expressed.
    pub fn remove(&self, change: Change) -> Result<TransactWriteItem, Failure> {
        let delete = Delete::builder()
            .table_name(&self.state)
            .set_key(Some(item_key(&change.key)))
            .set_expression_attribute_names(change.names())
            .set_expression_attribute_values(change.values())
            .set_condition_expression(change.condition)
            .build()
            .map_err(|_| Failure::shape("delete", "not of the shape we give it"))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// A transaction's action: put this item if it is still as it was read: at this `rev`, or not there.
    ///
    /// # Errors
    /// [`Failure::Poison`] if the item cannot be expressed.
    pub fn put_at(&self, item: &impl Serialize, read: Option<i64>) -> Result<TransactWriteItem, Failure> {
        let Some(rev) = read else { return self.put_new(item) };
        let item = serde_dynamo::to_item(item).map_err(|_| Failure::shape("item", "not of the shape we give it"))?;
        let put = Put::builder()
            .table_name(&self.state)
            .set_item(Some(item))
            .condition_expression("rev = :rev")
            .expression_attribute_values(":rev", number(rev))
            .build()
            .map_err(|_| Failure::shape("put", "not of the shape we give it"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A transaction's action: no such item afterwards.
    ///
    /// # Errors
    /// [`Failure::Poison`] if it cannot be expressed.
    pub fn delete(&self, key: &Key) -> Result<TransactWriteItem, Failure> {
        let delete = Delete::builder().table_name(&self.state).set_key(Some(item_key(key))).build();
        Ok(TransactWriteItem::builder()
            .delete(delete.map_err(|_| Failure::shape("delete", "not of the shape we give it"))?)
            .build())
    }
}

/// A number attribute.
pub fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A text attribute.
pub fn string(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A text of an item, if it has it.
pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// A number of an item, if it has it.
pub fn integer(item: &Item, name: &str) -> Option<i64> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok())
}

/// The two key attributes.
pub fn item_key(key: &Key) -> Item {
    HashMap::from([(keys::PK.to_owned(), string(&key.pk)), (keys::SK.to_owned(), string(&key.sk))])
}

/// Waits before the next attempt: up to 10 ms, 20 ms, 40 ms … with full jitter.
pub async fn back_off(attempt: u32) {
    let ceiling = 10_u64 << attempt.min(7);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=ceiling))).await;
}

/// A word that names one attempt: nobody else comes upon it by chance.
pub fn nonce() -> String {
    format!("{:032x}", fastrand::u128(..))
}
