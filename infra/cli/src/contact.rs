//! Everything that is held about a person, wherever it lies: shown as one document, or erased.
//!
//! Owns finding it: the id that stays, all ids that were merged into it, its addresses, and what names one of them without
//! lying under it (digests, events that wait, what was not understood). A command may scan; functions never do.
//!
//! Map: [`export`] shows it, [`erase`] deletes it; `naming` says what names a person and what only looks like it.

mod erase;
mod export;
mod naming;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_platform::address::AddressKey;
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::keys::{self, Key, PK, SK};
use perennial_platform::ledger::{Entry, Ledger};
use perennial_platform::records::{AddressOwner, Brief, Digest};
use perennial_platform::store::{Item, Store, string, text};
use perennial_platform::told::What;

pub use erase::{Erased, erase};
pub use export::export;

/// Both tables, and the key under which addresses are hashed in them.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// The state table; its client reads the ledger too.
    pub store: &'a Store,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The ledger's name.
    pub ledger_table: &'a str,
    /// How addresses are hashed.
    pub key: &'a AddressKey,
    /// The time.
    pub now: Timestamp,
}

/// Somebody, under every name.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The id that stays comes last, and each other before the one by which it is found.
    pub ids: Vec<ContactId>,
    /// Addresses, as they were stated.
    pub addresses: BTreeSet<String>,
}

/// Without the addresses.
impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("ids", &self.ids).finish_non_exhaustive()
    }
}

/// An entry of the ledger; one that cannot be read, of a newer version perhaps, is only a place.
struct Told {
    key: Key,
    entry: Option<Entry>,
}

/// What names a person without lying under one of its ids.
#[derive(Default)]
struct Elsewhere {
    /// Digests, and their lines that name it.
    digests: Vec<(Digest, Vec<String>)>,
    /// Weekly briefs that name it, and in how many lines.
    briefs: Vec<(Brief, usize)>,
    /// Events that wait to be published.
    outbox: Vec<Key>,
    /// Entries that were not understood, or that tell of somebody else and name it.
    entries: Vec<Told>,
}

impl Tables<'_> {
    /// Finds somebody by an id or by an address.
    ///
    /// # Errors
    /// [`Failure`] if a table cannot be read.
    pub async fn find(&self, asked: &str) -> Result<Person, Failure> {
        let mut addresses = BTreeSet::new();
        let first = if perennial_playbook::is_address(asked) {
            addresses.insert(asked.trim().to_lowercase());
            keys::address_contact(&self.key.hash(asked))
        } else {
            ContactId::from(asked)
        };
        // Also through ids that were erased: an erasure that broke off is repeated under any of them.
        let chain = identity::chain(self.store, &first).await?;
        let stays = chain.last().cloned().unwrap_or(first);
        let found = identity::with_merged(self.store, &stays).await?;
        let mut ids: Vec<ContactId> =
            chain.into_iter().filter(|id| found.iter().all(|(known, _)| known != id)).collect();
        for (id, profile) in found.into_iter().rev() {
            addresses.extend(profile.and_then(|profile| profile.fields().get("email").map(str::to_lowercase)));
            ids.push(id);
        }
        for id in &ids {
            addresses.extend(self.stated(id).await?);
        }
        let mut person = Person { ids: Vec::new(), addresses: BTreeSet::new() };
        for address in addresses {
            let hash = self.key.hash(&address);
            // What an address was told of under itself is its owner's: one that it has left is another's.
            if self.is_theirs(&hash, &ids).await? {
                person.ids.push(keys::address_contact(&hash));
                person.addresses.insert(address);
            }
        }
        person.ids.retain(|id| !ids.contains(id));
        person.ids.dedup();
        person.ids.extend(ids);
        Ok(person)
    }

    /// The addresses that were stated of an id.
    async fn stated(&self, id: &ContactId) -> Result<Vec<String>, Failure> {
        let told = self.entries_of(id).await?;
        let email = |told: Told| match told.entry?.told {
            What::ContactIdentified { fields, .. } => fields.get("email").map(|email| email.trim().to_lowercase()),
            _ => None,
        };
        Ok(told.into_iter().filter_map(email).filter(|email| !email.is_empty()).collect())
    }

    async fn is_theirs(&self, hash: &str, ids: &[ContactId]) -> Result<bool, Failure> {
        let owner: Option<AddressOwner> = self.store.get(&keys::address_owner(hash)).await?;
        let owner = owner.and_then(|owner| owner.contact).map(|owner| ContactId::from(owner.as_str()));
        let itself = keys::address_contact(hash);
        Ok(owner.is_none_or(|owner| owner == itself || ids.contains(&owner)))
    }

    /// What the ledger has under an id.
    async fn entries_of(&self, id: &ContactId) -> Result<Vec<Told>, Failure> {
        let query = self.store.client.query().table_name(self.ledger_table).consistent_read(true);
        let query = query.key_condition_expression("PK = :pk");
        let mut pages =
            query.expression_attribute_values(":pk", string(keys::contact(id))).into_paginator().items().send();
        let mut entries = Vec::new();
        while let Some(item) = pages.next().await {
            entries.push(told(item.map_err(|error| Failure::from_sdk("ledger query", &error))?));
        }
        Ok(entries)
    }

    /// Looks everywhere else.
    async fn elsewhere(&self, person: &Person) -> Result<Elsewhere, Failure> {
        let mut found = Elsewhere::default();
        let scan = self.store.client.scan().table_name(&self.store.state);
        let scan = scan.filter_expression("begins_with(PK, :digest) OR begins_with(PK, :outbox)");
        let scan = scan.expression_attribute_values(":digest", string(keys::DIGEST));
        for item in all(scan.expression_attribute_values(":outbox", string(keys::OUTBOX))).await? {
            person.sort_in(item, &mut found)?;
        }
        // What is understood of others lies under them; it can name this person in what it was read from.
        for item in all(self.store.client.scan().table_name(self.ledger_table)).await? {
            let in_attributes = person.is_named_in_attributes(&item);
            let told = told(item);
            let elsewhere = person.ids.iter().all(|id| keys::contact(id) != told.key.pk);
            if elsewhere && told.entry.as_ref().map_or(in_attributes, |entry| person.is_named_in_entry(entry)) {
                found.entries.push(told);
            }
        }
        Ok(found)
    }
}

impl Person {
    fn sort_in(&self, item: Item, found: &mut Elsewhere) -> Result<(), Failure> {
        let shape = |_| Failure::shape("item", "not of the shape we give it");
        let (pk, sk) = (text(&item, PK).unwrap_or_default(), text(&item, SK).unwrap_or_default());
        if pk.starts_with(keys::OUTBOX) {
            if text(&item, "detail").is_some_and(|detail| self.is_named_in_event(detail)) {
                found.outbox.push(Key { pk: pk.to_owned(), sk: sk.to_owned() });
            }
        } else if sk.starts_with(keys::SLOT) {
            // What became of a mail names nobody.
        } else if keys::is_of_a_brief(pk) {
            let brief: Brief = serde_dynamo::from_item(item).map_err(shape)?;
            let lines = self.ids.iter().map(|id| brief.lines_about(id)).sum();
            if lines > 0 {
                found.briefs.push((brief, lines));
            }
        } else {
            let digest: Digest = serde_dynamo::from_item(item).map_err(shape)?;
            let theirs = |lead: &&String| {
                Key::of_line(lead).is_some_and(|key| self.ids.iter().any(|id| key.pk == keys::contact(id)))
            };
            let lines: Vec<String> = digest.leads.iter().filter(theirs).cloned().collect();
            if !lines.is_empty() {
                found.digests.push((digest, lines));
            }
        }
        Ok(())
    }
}

fn told(item: Item) -> Told {
    let part = |name: &str| text(&item, name).unwrap_or_default().to_owned();
    let key = Key { pk: part(PK), sk: part(SK) };
    Told { key, entry: serde_dynamo::from_item(item).ok() }
}

async fn all(scan: ScanFluentBuilder) -> Result<Vec<Item>, Failure> {
    crate::scan::whole(scan, |item| item, "reading", &mut |_, _, _| {}).await
}
