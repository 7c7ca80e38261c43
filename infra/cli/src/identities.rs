//! Who every id stands for, read from the state table once: what reports make of what was told of merged ids.
//!
//! The functions look up one id at a time (see `perennial_platform::identity`); this is the same for all of them.

use std::collections::BTreeMap;

use perennial_domain::ids::ContactId;
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, PK, SK};
use perennial_platform::records::{AddressOwner, Pointer};
use perennial_platform::store::{Item, Store, string, text};

use crate::scan::{Progress, whole};

/// No chain of merges is longer.
const MOST_HOPS: usize = 16;

/// Ids that do not stand for themselves: where each points in one step; nowhere if it was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities(BTreeMap<ContactId, Option<ContactId>>);

impl Identities {
    /// Reads all pointers.
    ///
    /// # Errors
    /// [`Failure`] if the table cannot be read.
    pub async fn read(store: &Store, progress: Progress<'_>) -> Result<Self, Failure> {
        let scan = store
            .client
            .scan()
            .table_name(&store.state)
            .filter_expression("SK = :pointer OR (SK = :contact AND begins_with(PK, :email))")
            .expression_attribute_values(":pointer", string(keys::POINTER))
            .expression_attribute_values(":contact", string("CONTACT"))
            .expression_attribute_values(":email", string(keys::EMAIL));
        let mut identities = Self::default();
        for item in whole(scan, |item| item, "reading merged ids", progress).await? {
            identities.sort_in(&item)?;
        }
        Ok(identities)
    }

    /// Takes an item of the state table into account, whatever it is.
    ///
    /// # Errors
    /// [`Failure::Poison`] if it is one of ours and not of the shape we give it.
    pub fn sort_in(&mut self, item: &Item) -> Result<(), Failure> {
        let shape = |_| Failure::shape("pointer", "not of the shape we give it");
        let (pk, sk) = (text(item, PK).unwrap_or_default(), text(item, SK).unwrap_or_default());
        if let (Some(contact), keys::POINTER) = (keys::contact_of(pk), sk) {
            let pointer: Pointer = serde_dynamo::from_item(item.clone()).map_err(shape)?;
            let into = pointer.into.filter(|_| pointer.erased_at.is_none());
            self.0.insert(contact, into.map(|into| ContactId::from(into.as_str())));
        } else if let (Some(hash), "CONTACT") = (pk.strip_prefix(keys::EMAIL), sk) {
            let owner: AddressOwner = serde_dynamo::from_item(item.clone()).map_err(shape)?;
            let (contact, itself) = (owner.contact.as_deref().map(ContactId::from), keys::address_contact(hash));
            if owner.erased_at.is_some() || contact.as_ref().is_some_and(|contact| *contact != itself) {
                self.0.insert(itself, contact.filter(|_| owner.erased_at.is_none()));
            }
        }
        Ok(())
    }

    /// The contact that an id stands for; none if it was erased.
    pub fn resolve(&self, id: &ContactId) -> Option<ContactId> {
        let mut at = id;
        for _ in 0..MOST_HOPS {
            match self.0.get(at) {
                None => return Some(at.clone()),
                Some(None) => return None,
                Some(Some(into)) => at = into,
            }
        }
        None
    }

    /// The other ids that stand for a contact.
    pub fn merged_into<'a>(&'a self, contact: &'a ContactId) -> impl Iterator<Item = &'a ContactId> {
        self.0.keys().filter(move |id| *id != contact && self.resolve(id).as_ref() == Some(contact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_ends_at_the_one_that_stays_and_erasure_ends_it() {
        let id = |id: &str| ContactId::from(id);
        let points = [("a", Some("b")), ("b", Some("c")), ("d", None), ("e", Some("d"))];
        let points = points.into_iter().map(|(from, to)| (id(from), to.map(id))).collect();
        let identities = Identities(points);
        for (from, to) in
            [("a", Some("c")), ("b", Some("c")), ("c", Some("c")), ("d", None), ("e", None), ("x", Some("x"))]
        {
            assert_eq!(identities.resolve(&id(from)), to.map(id), "{from}");
        }
        assert_eq!(identities.merged_into(&id("c")).collect::<Vec<_>>(), [&id("a"), &id("b")]);
        assert_eq!(identities.merged_into(&id("a")).count(), 0);
    }
}
