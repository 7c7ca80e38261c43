//! One lead instead of another, as one change.

use std::collections::BTreeSet;

use serde_dynamo::to_item;

use super::words::written;
use crate::failure::Failure;
use crate::records::Lead;
use crate::store::{Change, Item, number};

/// The change by which a lead becomes another, if nobody has written it since it was read. Only what differs is written, so an
/// attribute that this version does not know stays.
///
/// # Errors
/// [`Failure::Poison`] if it cannot be expressed.
pub fn changed(before: &Lead, after: &Lead) -> Result<Change, Failure> {
    let item = |lead: &Lead| -> Result<Item, Failure> {
        to_item(lead).map_err(|_| Failure::shape("lead", "not of the shape we give it"))
    };
    let (old, mut new) = (item(before)?, item(&Lead { rev: before.rev + 1, ..after.clone() })?);
    let names: BTreeSet<&String> =
        old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let fields = names.into_iter().map(|name| (name.clone(), new.remove(&name))).collect();
    Ok(written(Change::none(before.key()).only_if("#rev = :read").with(":read", number(before.rev)), fields))
}
