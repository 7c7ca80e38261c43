//! Both tables, read whole.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::FactName;
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, PK, SK};
use perennial_platform::store::{Item, Store, string, text};
use perennial_platform::told::What;
use serde::Deserialize;

use super::Place;
use crate::scan::{Progress, whole};

/// One engagement of the ledger.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose.
    pub contact: ContactId,
    /// What happened.
    pub name: FactName,
    /// When, in seconds since the Unix epoch.
    pub happened_at: i64,
    /// When it was received, in seconds.
    pub received_at: i64,
}

impl Line {
    /// The fact that it makes.
    pub fn fact(&self) -> (FactName, i64) {
        (self.name.clone(), self.happened_at)
    }
}

/// What is needed of an entry; its body stays where it is.
#[derive(Deserialize)]
struct Needed {
    told: What,
    happened_at: i64,
    received_at: i64,
}

/// Every interest, and the places of those that cannot be read: of a newer format, say. They are left alone.
pub async fn interests(
    store: &Store,
    progress: Progress<'_>,
) -> Result<(BTreeMap<Place, InterestItem>, BTreeSet<Place>), Failure> {
    let scan = store.client.scan().table_name(&store.state).filter_expression("begins_with(SK, :interest)");
    let scan = scan.expression_attribute_values(":interest", string(keys::INTEREST));
    let read = |item: Item| {
        let contact = text(&item, PK).and_then(keys::contact_of)?;
        let product = text(&item, SK).and_then(|sk| sk.strip_prefix(keys::INTEREST)).map(ProductId::from)?;
        Some(((contact, product), InterestItem::read(&item)))
    };
    let (mut interests, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
    for (place, item) in whole(scan, read, "reading interests", progress).await?.into_iter().flatten() {
        match item {
            Ok(item) => drop(interests.insert(place, item)),
            Err(failure) => {
                tracing::error!(product = place.1.as_str(), %failure, "an interest is left alone");
                unreadable.insert(place);
            }
        }
    }
    Ok((interests, unreadable))
}

/// Every engagement that score-and-decay was told of.
pub async fn engagements(store: &Store, ledger: &str, progress: Progress<'_>) -> Result<Vec<Line>, Failure> {
    let scan = store
        .client
        .scan()
        .table_name(ledger)
        .filter_expression("#kind = :engagement")
        .projection_expression("#told, #happened_at, #received_at")
        .expression_attribute_names("#kind", "kind")
        .expression_attribute_names("#told", "told")
        .expression_attribute_names("#happened_at", "happened_at")
        .expression_attribute_names("#received_at", "received_at")
        .expression_attribute_values(":engagement", string("engagement"));
    whole(scan, line, "reading the ledger", progress).await?.into_iter().collect()
}

/// The same of one contact.
pub async fn engagements_of(store: &Store, ledger: &str, contact: &ContactId) -> Result<Vec<Line>, Failure> {
    let mut pages = store
        .client
        .query()
        .table_name(ledger)
        .consistent_read(true)
        .key_condition_expression("PK = :contact")
        .filter_expression("#kind = :engagement")
        .expression_attribute_names("#kind", "kind")
        .expression_attribute_values(":contact", string(keys::contact(contact)))
        .expression_attribute_values(":engagement", string("engagement"))
        .into_paginator()
        .items()
        .send();
    let mut lines = Vec::new();
    while let Some(item) = pages.next().await {
        lines.push(line(item.map_err(|error| Failure::from_sdk("ledger query", &error))?)?);
    }
    Ok(lines)
}

/// What cannot be read here might tell of a fact: without it nothing could be called surplus.
fn line(item: Item) -> Result<Line, Failure> {
    let shape = || Failure::shape("ledger entry", "not of the shape we give it");
    let needed: Needed = serde_dynamo::from_item(item).map_err(|_| shape())?;
    let (contact, name) = needed.told.fact().ok_or_else(shape)?;
    Ok(Line { contact, name, happened_at: needed.happened_at, received_at: needed.received_at })
}
