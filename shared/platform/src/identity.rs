//! Who an id stands for: itself, a contact it was merged into, or nobody any more.
//!
//! Owns the pointers. An id that was merged or erased keeps one for ever, so that what is told late of it follows or is
//! dropped. An id that stands for an address (`@` and its keyed hash) has none: it stands for whom the address belongs to.
//! A pointer is put on condition that its target has none, so chains end.
//!
//! | module | owns |
//! |---|---|
//! | [`addresses`] | whom an address belongs to, and who else states it |
//! | [`profiles`] | what is stated of a contact, and the address with it |
//! | [`moving`] | what a merged id had, moved to the contact that stays |
//! | [`erasing`] | an id forgotten |

pub mod addresses;
pub mod erasing;
pub mod moving;
pub mod profiles;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::Timestamp;
use perennial_domain::ids::ContactId;

use crate::address::AddressKey;
use crate::contact::ContactRows;
use crate::failure::Failure;
use crate::keys::{self, Key};
use crate::records::{AddressOwner, MergedId, Pointer, Profile};
use crate::store::{ATTEMPTS, Change, Commit, Store, back_off, number, string};

/// No chain of merges is longer: what a merged id had taken over is pointed anew when it is merged itself.
const MOST_HOPS: usize = 16;

/// Who an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Itself.
    Same,
    /// The contact it was merged into, at the end of the chain.
    Into(ContactId),
    /// Somebody who was erased.
    Erased,
}

impl Resolved {
    /// The contact that stands for `id` now; none if it was erased.
    pub fn or(self, id: &ContactId) -> Option<ContactId> {
        match self {
            Self::Same => Some(id.clone()),
            Self::Into(into) => Some(into),
            Self::Erased => None,
        }
    }
}

/// Follows an id, with consistent reads: one if it stands for itself.
///
/// # Errors
/// [`Failure`] if the store could not be reached; [`Failure::Poison`] if a chain does not end.
pub async fn resolve(store: &Store, contact: &ContactId) -> Result<Resolved, Failure> {
    let mut at = contact.clone();
    for _ in 0..MOST_HOPS {
        match step(store, &at).await? {
            Resolved::Same if at == *contact => return Ok(Resolved::Same),
            Resolved::Same => return Ok(Resolved::Into(at)),
            Resolved::Into(into) => at = into,
            Resolved::Erased => return Ok(Resolved::Erased),
        }
    }
    Err(Failure::shape("pointer", "a chain of merges does not end"))
}

/// An id and those that it was merged into, one after the other, whether or not they were erased since: an erasure that broke
/// off finds the rest by any of them.
///
/// # Errors
/// As [`resolve`].
pub async fn chain(store: &Store, contact: &ContactId) -> Result<Vec<ContactId>, Failure> {
    let mut chain = vec![contact.clone()];
    for _ in 0..MOST_HOPS {
        match became(store, chain.last().unwrap_or(contact)).await?.0 {
            Some(into) => chain.push(into),
            None => return Ok(chain),
        }
    }
    Err(Failure::shape("pointer", "a chain of merges does not end"))
}

async fn step(store: &Store, contact: &ContactId) -> Result<Resolved, Failure> {
    Ok(match became(store, contact).await? {
        (_, true) => Resolved::Erased,
        (Some(into), false) => Resolved::Into(into),
        (None, false) => Resolved::Same,
    })
}

/// Where an id points, and whether it was erased.
async fn became(store: &Store, contact: &ContactId) -> Result<(Option<ContactId>, bool), Failure> {
    let (into, erased) = match keys::address_hash(contact) {
        Some(hash) => match store.get::<AddressOwner>(&keys::address_owner(hash)).await? {
            Some(owner) => (owner.contact.filter(|owner| owner != contact.as_str()), owner.erased_at.is_some()),
            None => (None, false),
        },
        None => match store.get::<Pointer>(&keys::pointer(contact)).await? {
            Some(pointer) => (pointer.into, pointer.erased_at.is_some()),
            None => (None, false),
        },
    };
    Ok((into.map(|into| ContactId::from(into.as_str())), erased))
}

/// The item that says what became of an id.
pub fn place(contact: &ContactId) -> Key {
    match keys::address_hash(contact) {
        Some(hash) => keys::address_owner(hash),
        None => keys::pointer(contact),
    }
}

/// A transaction's action: nothing, but only if the id still stands for itself.
///
/// # Errors
/// [`Failure::Poison`] if it cannot be expressed.
pub fn unmoved(store: &Store, contact: &ContactId) -> Result<TransactWriteItem, Failure> {
    let change = Change::none(place(contact));
    store.check(match keys::address_hash(contact) {
        Some(_) => change
            .only_if("attribute_not_exists(#erased_at) AND (attribute_not_exists(#contact) OR #contact = :me)")
            .with(":me", string(contact.as_str())),
        None => change.only_if("attribute_not_exists(PK)"),
    })
}

/// Commits a change of a contact's item if its condition holds and the id still stands for itself: then the first is whether
/// it was done. Nothing if the id was merged or erased meanwhile.
///
/// # Errors
/// As [`Store::commit`].
pub async fn apply_to(
    store: &Store,
    contact: &ContactId,
    operation: &'static str,
    change: Change,
) -> Result<Option<bool>, Failure> {
    Ok(match store.commit(operation, vec![store.change(change)?, unmoved(store, contact)?]).await? {
        Commit::Done => Some(true),
        Commit::Refused(failed) if failed.last() == Some(&true) => None,
        Commit::Refused(_) => Some(false),
    })
}

/// What a merge found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merging {
    /// The first id points to this contact, and what it had is to be moved there.
    Move(ContactId),
    /// It was merged into that contact before, and nothing is left to do.
    Done,
    /// The id that stays was erased: so is the other, if nothing is known of it but what it did.
    IntoErased,
    /// The id that goes was erased: nothing is known of it.
    OfErased,
    /// The id was merged into somebody else before; that stands.
    Refused,
}

/// Points one id to another, once. What it had is moved after: see [`moving`].
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn point(
    store: &Store,
    from: &ContactId,
    to: &ContactId,
    by: &str,
    now: Timestamp,
) -> Result<Merging, Failure> {
    for attempt in 0..ATTEMPTS {
        // Told again and again by some senders: one read.
        if pointed(store, from).await?.is_some_and(|(into, moving)| into == *to && !moving) {
            return Ok(Merging::Done);
        }
        let (source, target) = (resolve(store, from).await?, resolve(store, to).await?.or(to));
        let target = match (&source, target) {
            (Resolved::Erased, _) => return Ok(Merging::OfErased),
            (Resolved::Into(_), None) => return Ok(Merging::Refused),
            (Resolved::Same, None) => return Ok(Merging::IntoErased),
            (_, Some(target)) => target,
        };
        match source {
            Resolved::Into(into) if into != target => return Ok(Merging::Refused),
            Resolved::Into(into) if pointed(store, from).await?.is_some_and(|(_, moving)| moving) => {
                return Ok(Merging::Move(into));
            }
            Resolved::Into(_) => return Ok(Merging::Done),
            Resolved::Same | Resolved::Erased if target == *from => return Ok(Merging::Done),
            Resolved::Same | Resolved::Erased => {}
        }
        if store.commit("merge", pointing(store, from, &target, by, now)?).await? == Commit::Done {
            return Ok(Merging::Move(target));
        }
        back_off(attempt).await;
    }
    Err(Failure::Conflict { operation: "merge" })
}

/// Where an id that was not erased points, in one step, and whether what it had is still being moved.
async fn pointed(store: &Store, from: &ContactId) -> Result<Option<(ContactId, bool)>, Failure> {
    let (into, moving) = match keys::address_hash(from) {
        Some(hash) => match store.get::<AddressOwner>(&keys::address_owner(hash)).await? {
            Some(owner) if owner.erased_at.is_none() => {
                (owner.contact.filter(|owner| owner != from.as_str()), owner.adopting)
            }
            _ => return Ok(None),
        },
        None => match store.get::<Pointer>(&keys::pointer(from)).await? {
            Some(pointer) if pointer.erased_at.is_none() => (pointer.into, pointer.moving),
            _ => return Ok(None),
        },
    };
    Ok(into.map(|into| (ContactId::from(into.as_str()), moving)))
}

/// The ids that were merged into a contact with these rows, and whether what each had may still be on its way.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn merged_into(
    store: &Store,
    contact: &ContactId,
    rows: &ContactRows,
) -> Result<BTreeMap<ContactId, bool>, Failure> {
    // As they were once kept nothing says whether they have arrived.
    let mut merged: BTreeMap<_, _> = rows.merged.iter().map(|id| (ContactId::from(id.as_str()), true)).collect();
    let listed: Vec<MergedId> = store.partition(&keys::contact(contact), Some(keys::MERGED_ID)).await?;
    merged.extend(listed.iter().map(|listed| (listed.id(), listed.moving)));
    Ok(merged)
}

/// A contact, the ids that were merged into it, and those that had been merged into these: a merge that broke off leaves them at
/// the id that goes. Each with its profile, and behind the id by which it is found.
///
/// # Errors
/// As [`merged_into`].
pub async fn with_merged(store: &Store, contact: &ContactId) -> Result<Vec<(ContactId, Option<Profile>)>, Failure> {
    let (mut found, mut seen, mut next) = (Vec::new(), BTreeSet::from([contact.clone()]), vec![contact.clone()]);
    while let Some(id) = next.pop() {
        let rows = store.contact(&id).await?;
        let merged = merged_into(store, &id, &rows).await?;
        next.extend(merged.into_keys().filter(|id| seen.insert(id.clone())));
        found.push((id, rows.profile));
    }
    Ok(found)
}

/// The ids whose merge into a contact is not finished: something of theirs may still be under them.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn moving_into(store: &Store, key: &AddressKey, contact: &ContactId) -> Result<Vec<ContactId>, Failure> {
    let rows = store.contact(contact).await?;
    let merged = merged_into(store, contact, &rows).await?;
    let mut ids: BTreeSet<ContactId> = merged.into_iter().filter(|(_, moving)| *moving).map(|(id, _)| id).collect();
    // What was known of its address alone is adopted without being listed.
    let address = rows.profile.as_ref().and_then(|profile| profiles::address(key, &profile.fields()));
    ids.extend(address.map(|hash| keys::address_contact(&hash)));
    let mut moving = Vec::new();
    // One that was erased meanwhile is on its way no more.
    for id in ids {
        if pointed(store, &id).await?.is_some_and(|(into, moving)| moving && into == *contact) {
            moving.push(id);
        }
    }
    Ok(moving)
}

fn pointing(
    store: &Store,
    from: &ContactId,
    to: &ContactId,
    by: &str,
    now: Timestamp,
) -> Result<Vec<TransactWriteItem>, Failure> {
    let pointer = match keys::address_hash(from) {
        Some(hash) => store.change(
            Change::of(keys::address_owner(hash), "SET #contact = :to, #adopting = :yes ADD #rev :one")
                .only_if("attribute_not_exists(#erased_at) AND (attribute_not_exists(#contact) OR #contact = :from)")
                .with(":to", string(to.as_str()))
                .with(":from", string(from.as_str()))
                .with(":yes", AttributeValue::Bool(true))
                .with(":one", number(1)),
        )?,
        None => {
            let Key { pk, sk } = keys::pointer(from);
            let (into, since) = (Some(to.to_string()), now.as_second());
            store.put_new(&Pointer { pk, sk, into, erased_at: None, since, by: by.to_owned(), moving: true })?
        }
    };
    Ok(vec![pointer, unmoved(store, to)?, store.change(listing(to, from, now, true))?])
}

/// Lists an id among those that were merged into a contact, and says whether what it had is still to be moved.
fn listing(to: &ContactId, from: &ContactId, now: Timestamp, moving: bool) -> Change {
    let since = "SET #since = if_not_exists(#since, :now)";
    let listing = Change::of(keys::merged_id(to, from), since).with(":now", number(now.as_second()));
    match moving {
        true => listing.with(":yes", AttributeValue::Bool(true)).updating(format!("{since}, #moving = :yes")),
        false => listing,
    }
}
