//! Loading a contact: one consistent Query for everything that a decision may need.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::profile::Contact;

use crate::failure::Failure;
use crate::interest::InterestItem;
use crate::keys;
use crate::records::{Cadence, Held, Lead, MergedIds, Pointer, Preferences, Profile};
use crate::store::{Store, text};

/// Everything about a contact that a decision may need, from one consistent Query.
#[derive(Debug, Default)]
pub struct ContactRows {
    /// Its fields, if it was ever identified.
    pub profile: Option<Profile>,
    /// What it wants, if it ever said.
    pub preferences: Option<Preferences>,
    /// What it received.
    pub cadence: Option<Cadence>,
    /// Interest by product.
    pub interests: BTreeMap<ProductId, InterestItem>,
    /// All leads.
    pub leads: Vec<Lead>,
    /// All held qualifications.
    pub held: Vec<Held>,
    /// What became of the id, if it stands for nobody any more.
    pub pointer: Option<Pointer>,
    /// The ids that were merged into it as they were once kept; see [`crate::identity::merged_into`].
    pub merged: BTreeSet<String>,
}

impl ContactRows {
    /// The contact, if it was ever identified.
    pub fn contact(&self, id: &ContactId) -> Option<Contact> {
        self.profile.as_ref().map(|profile| Contact::from_fields(id.clone(), &profile.fields()))
    }
}

impl Store {
    /// Loads a contact's partition up to its slots.
    ///
    /// # Errors
    /// [`Failure`] if the store cannot be reached or an item has an unknown shape.
    pub async fn contact(&self, contact: &ContactId) -> Result<ContactRows, Failure> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.state)
            .consistent_read(true)
            .key_condition_expression("PK = :pk AND SK < :slots")
            .expression_attribute_values(":pk", AttributeValue::S(keys::contact(contact)))
            .expression_attribute_values(":slots", AttributeValue::S(keys::SLOT.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut rows = ContactRows::default();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| Failure::from_sdk("contact query", &error))?;
            let sk = text(&item, keys::SK).unwrap_or_default().to_owned();
            let shape = |_| Failure::shape("contact item", "not of the shape we give it");
            if let Some(product) = sk.strip_prefix(keys::INTEREST) {
                rows.interests.insert(ProductId::from(product), InterestItem::read(&item)?);
            } else if sk.starts_with(keys::LEAD) {
                rows.leads.push(serde_dynamo::from_item(item).map_err(shape)?);
            } else if sk.starts_with(keys::HELD) {
                rows.held.push(serde_dynamo::from_item(item).map_err(shape)?);
            } else {
                match sk.as_str() {
                    keys::PROFILE => rows.profile = Some(serde_dynamo::from_item(item).map_err(shape)?),
                    keys::PREFERENCES => rows.preferences = Some(serde_dynamo::from_item(item).map_err(shape)?),
                    keys::CADENCE => rows.cadence = Some(serde_dynamo::from_item(item).map_err(shape)?),
                    keys::POINTER => rows.pointer = Some(serde_dynamo::from_item(item).map_err(shape)?),
                    keys::MERGED => {
                        rows.merged.extend(serde_dynamo::from_item::<_, MergedIds>(item).map_err(shape)?.ids);
                    }
                    _ => {}
                }
            }
        }
        Ok(rows)
    }
}
