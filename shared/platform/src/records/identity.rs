//! The items that say who an id stands for, and whose an address is.

use std::collections::BTreeSet;

use perennial_domain::ids::ContactId;
use serde::{Deserialize, Serialize};

use crate::keys;

/// What became of an id that stands for nobody any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// The id that it was merged into; kept when it is erased, so that whoever repeats the erasure finds the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// When it was erased, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<i64>,
    /// Since when, in seconds.
    pub since: i64,
    /// The source that told it, or `erase`.
    pub by: String,
    /// Whether what the id had is still being moved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moving: bool,
}

/// The ids that were merged into a contact, as they were once kept; today each has an item of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedIds {
    /// Which.
    #[serde(with = "serde_dynamo::string_set")]
    pub ids: BTreeSet<String>,
}

/// That an id was merged into a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedId {
    /// Sort key: the id is in it.
    #[serde(rename = "SK")]
    pub sk: String,
    /// Whether what the id had is still being moved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moving: bool,
}

impl MergedId {
    /// The id that was merged.
    pub fn id(&self) -> ContactId {
        ContactId::from(self.sk.strip_prefix(keys::MERGED_ID).unwrap_or(&self.sk))
    }
}

/// Whom an address belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressOwner {
    /// Partition key: a keyed hash.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// Who stated it first; of an address whose owner was erased, who that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Others who state it: the first of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub also: BTreeSet<String>,
    /// Whether still others have stated it, of whom nobody keeps a list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// When its owner was erased, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<i64>,
    /// Whether what was known of the address alone is still being moved to its owner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopting: bool,
    /// How often it was written.
    pub rev: i64,
}
