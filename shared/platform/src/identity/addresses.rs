//! Whom an address belongs to: who stated it first has it, others who state it wait.
//!
//! Read, decided in memory, and written in the transaction that changes the profile, so that profile and owner never
//! disagree. Never holds an address, only its keyed hash.
//!
//! Thousands may state one address (`noreply@…`, a shop's till): so many are listed, and so many marked at once, that item and
//! transaction stay small.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use perennial_domain::ids::ContactId;

use crate::failure::Failure;
use crate::keys::{self, Key};
use crate::records::AddressOwner;
use crate::store::{Change, Store, number, string};

/// So many of those who state an address besides its owner are listed.
const MOST_LISTED: usize = 50;
/// So many profiles of others are marked in one transaction.
const MOST_MARKED: usize = 20;

/// What came of stating an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is the contact's. What is known of the address alone is to be moved to it, if so.
    Owned {
        /// Whether something may be left to move.
        adopting: bool,
    },
    /// It is this contact's, who stated it first.
    Shared(ContactId),
    /// Its owner was erased.
    Erased,
    /// The claimant stands for the address itself, which is somebody's by now.
    Moved,
}

/// Some addresses by hash: as they were read, and as they are to be.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    rows: BTreeMap<String, Row>,
    marks: BTreeMap<ContactId, Option<ContactId>>,
}

#[derive(Clone, Debug)]
struct Row {
    read: Option<AddressOwner>,
    next: AddressOwner,
}

impl Addresses {
    /// Reads the owner of an address, unless it was read already.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn read(&mut self, store: &Store, hash: &str) -> Result<(), Failure> {
        if !self.rows.contains_key(hash) {
            let Key { pk, sk } = keys::address_owner(hash);
            let read: Option<AddressOwner> = store.get(&keys::address_owner(hash)).await?;
            let nobodys = AddressOwner {
                pk,
                sk,
                contact: None,
                also: Default::default(),
                more: false,
                erased_at: None,
                adopting: false,
                rev: 0,
            };
            let next = read.clone().unwrap_or(nobodys);
            self.rows.insert(hash.to_owned(), Row { read, next });
        }
        Ok(())
    }

    /// Whether the owner of an address that was read was erased.
    pub fn is_erased(&self, hash: &str) -> bool {
        self.rows.get(hash).is_some_and(|row| row.next.erased_at.is_some())
    }

    /// A contact states an address that was read.
    pub fn claim(&mut self, hash: &str, contact: &ContactId) -> Claimed {
        let Some(Row { next, .. }) = self.rows.get_mut(hash) else { return Claimed::Owned { adopting: false } };
        let itself = keys::address_contact(hash);
        let owner = next.contact.as_deref().map(ContactId::from);
        if next.erased_at.is_some() {
            return Claimed::Erased;
        }
        match owner {
            Some(owner) if owner == *contact => {}
            Some(owner) if owner != itself => {
                if *contact == itself {
                    return Claimed::Moved;
                }
                if next.also.len() < MOST_LISTED || next.also.contains(contact.as_str()) {
                    next.also.insert(contact.to_string());
                } else {
                    next.more = true;
                }
                return Claimed::Shared(owner);
            }
            _ => {
                next.contact = Some(contact.to_string());
                next.adopting = *contact != itself;
            }
        }
        next.also.remove(contact.as_str());
        Claimed::Owned { adopting: next.adopting }
    }

    /// A contact does not state an address any more, or is gone: the address goes to its heir, or to the first by id of those
    /// who state it as well, or to nobody.
    pub fn release(&mut self, hash: &str, contact: &ContactId, heir: Option<&ContactId>) {
        let Some(Row { next, .. }) = self.rows.get_mut(hash) else { return };
        next.also.remove(contact.as_str());
        if next.contact.as_deref() != Some(contact.as_str()) || next.erased_at.is_some() {
            return;
        }
        let first = next.also.first().map(|id| ContactId::from(id.as_str()));
        let owner = heir.cloned().or(first);
        next.contact = owner.as_ref().map(ToString::to_string);
        if let Some(owner) = owner {
            if next.also.remove(owner.as_str()) {
                self.marks.insert(owner.clone(), None);
            }
            for other in next.also.iter().take(MOST_MARKED) {
                self.marks.insert(ContactId::from(other.as_str()), Some(owner.clone()));
            }
        }
    }

    /// A contact is erased: the address goes to those who state it as well, or it is remembered that its owner was erased.
    /// Returns whether it is the latter.
    pub fn erase(&mut self, hash: &str, contact: &ContactId, at: Timestamp) -> bool {
        let owner = self.rows.get(hash).and_then(|row| row.next.contact.clone());
        self.release(hash, contact, None);
        let Some(Row { next, .. }) = self.rows.get_mut(hash) else { return false };
        let itself = next.contact.as_deref() == Some(keys::address_contact(hash).as_str());
        if next.erased_at.is_none() && (itself || next.contact.is_none() && !next.more) {
            // Whose it was stays known: a repeated erasure finds the contact by its address.
            (next.contact, next.adopting) = (owner, false);
            next.erased_at = Some(at.as_second());
        }
        next.erased_at.is_some()
    }

    /// Does without the mark of a contact's profile: that is written, or goes, in the same transaction.
    pub fn leave_out(&mut self, contact: &ContactId) {
        self.marks.remove(contact);
    }

    /// Whether this item is among those to be written.
    pub fn writes(&self, key: &Key) -> bool {
        self.changed().any(|row| row.next.pk == key.pk && row.next.sk == key.sk)
    }

    /// The transaction's actions: each address that changed, if it is still as it was read, and the marks of others' profiles.
    ///
    /// # Errors
    /// [`Failure::Poison`] if an item cannot be expressed.
    pub fn actions(&self, store: &Store) -> Result<Vec<TransactWriteItem>, Failure> {
        let mut actions = Vec::new();
        for Row { read, next } in self.changed() {
            let rev = read.as_ref().map(|read| read.rev);
            let nobodys = next.contact.is_none() && next.erased_at.is_none() && !next.more;
            actions.push(match rev {
                Some(rev) if nobodys => {
                    let key = Key { pk: next.pk.clone(), sk: next.sk.clone() };
                    store.remove(Change::none(key).only_if("#rev = :rev").with(":rev", number(rev)))?
                }
                _ => store.put_at(&AddressOwner { rev: rev.unwrap_or(0) + 1, ..next.clone() }, rev)?,
            });
        }
        // Who has an address now comes first; that others name who had it before is put right when they are told of again.
        let (owners, others): (Vec<_>, Vec<_>) = self.marks.iter().partition(|(_, owner)| owner.is_none());
        for (contact, owner) in owners.into_iter().chain(others).take(MOST_MARKED) {
            actions.push(store.change(mark(contact, owner.as_ref()))?);
        }
        Ok(actions)
    }

    fn changed(&self) -> impl Iterator<Item = &Row> {
        self.rows.values().filter(|row| match &row.read {
            Some(read) => *read != row.next,
            None => row.next.contact.is_some() || row.next.erased_at.is_some(),
        })
    }
}

/// The mark on a profile.
fn mark(contact: &ContactId, owner: Option<&ContactId>) -> Change {
    let change = Change::none(keys::profile(contact)).only_if("attribute_exists(PK)");
    match owner {
        Some(owner) => change.with(":owner", string(owner.as_str())).updating("SET #shares_address_with = :owner"),
        None => change.updating("REMOVE #shares_address_with"),
    }
}
