//! An id forgotten: its state and what was told of it go, the keyed hash of its address stays suppressed.
//!
//! The mark comes first, so that nothing comes back meanwhile; then everything that can be found goes. Repeated after a crash,
//! or after a backup was restored, it goes on where it was.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use serde::Deserialize;

use super::addresses::Addresses;
use super::{Resolved, profiles, resolve, with_merged};
use crate::address::AddressKey;
use crate::consent;
use crate::failure::Failure;
use crate::keys::{self, Key};
use crate::ledger::Ledger;
use crate::records::{Pointer, Profile};
use crate::store::{ATTEMPTS, Change, Commit, Store, back_off, number};

/// Who erases: the pointer's `by`.
const BY: &str = "erase";
/// Why an erasure suppresses an address.
const ERASED: &str = "erased";
/// So many addresses are marked in one transaction.
const AT_ONCE: usize = 25;

/// Of an item no more than its place: it is not looked at.
#[derive(Deserialize)]
struct Placed {
    #[serde(rename = "SK")]
    sk: String,
}

/// How many items went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Of the state.
    pub state: usize,
    /// Of the ledger.
    pub ledger: usize,
}

/// Erases an id, and with it those that had been merged into it: marks them, then deletes their state and what the ledger has
/// under them. The id itself comes last, since the others are found by it.
///
/// # Errors
/// [`Failure`] if a table could not be reached; the same again goes on.
pub async fn erase(
    store: &Store,
    ledger: &Ledger,
    key: &AddressKey,
    contact: &ContactId,
    now: Timestamp,
) -> Result<Erased, Failure> {
    let (ids, hashes) = all_of(store, key, contact).await?;
    for id in &ids {
        mark(store, key, id, &hashes, now).await?;
    }
    let mut erased = Erased::default();
    for id in &ids {
        // An address that others state as well is theirs by now, with what was told of it alone.
        if resolve(store, id).await? == Resolved::Erased {
            erased.ledger += forget_told(ledger, id).await?;
            erased.state += forget_state(store, id).await?;
        }
    }
    Ok(erased)
}

/// An id and those that had been merged into it, itself last; and the keyed hashes of their addresses, whose ids are among
/// them.
async fn all_of(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
) -> Result<(Vec<ContactId>, BTreeSet<String>), Failure> {
    let (found, mut hashes) = (with_merged(store, contact).await?, BTreeSet::new());
    for (id, profile) in &found {
        let stated = profile.as_ref().and_then(|profile| profiles::address(key, &profile.fields()));
        hashes.extend(stated.or_else(|| keys::address_hash(id).map(str::to_owned)));
    }
    // Whoever names others goes after them, so that they are found again when this breaks off.
    let mut ids: Vec<ContactId> = hashes.iter().map(|hash| keys::address_contact(hash)).collect();
    ids.retain(|id| found.iter().all(|(known, _)| known != id));
    ids.extend(found.into_iter().rev().map(|(id, _)| id));
    Ok((ids, hashes))
}

/// Marks an id as erased, and its address, and others by their keyed hashes that are known to be its own. An address that
/// nobody else has is suppressed first; one that others state as well becomes theirs.
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn mark(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    others: &BTreeSet<String>,
    now: Timestamp,
) -> Result<(), Failure> {
    let others: Vec<&String> = others.iter().collect();
    let mut parts = others.chunks(AT_ONCE);
    mark_part(store, key, contact, parts.next().unwrap_or_default(), now).await?;
    for part in parts {
        mark_part(store, key, contact, part, now).await?;
    }
    Ok(())
}

/// Marks an id, its own address and these: in one transaction with the suppressions, and only while the profile says the same
/// address.
async fn mark_part(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    others: &[&String],
    now: Timestamp,
) -> Result<(), Failure> {
    for attempt in 0..ATTEMPTS {
        let profile: Option<Profile> = store.get(&keys::profile(contact)).await?;
        let stated = profile.as_ref().and_then(|profile| profiles::address(key, &profile.fields()));
        let itself = keys::address_hash(contact).map(str::to_owned);
        let mut addresses = Addresses::default();
        let hashes: BTreeSet<&String> = stated.iter().chain(&itself).chain(others.iter().copied()).collect();
        let mut actions = Vec::new();
        for hash in hashes {
            addresses.read(store, hash).await?;
            // Asked first, so that the same again writes nothing.
            if addresses.erase(hash, contact, now) && !is_suppressed_as_erased(store, hash).await? {
                actions.push(store.change(consent::suppression(hash, ERASED, now))?);
            }
        }
        addresses.leave_out(contact);
        actions.extend(addresses.actions(store)?);
        if itself.is_none() {
            actions.extend(erased_pointer(store, contact, now).await?);
        }
        if actions.is_empty() {
            return Ok(());
        }
        // An address that is stated meanwhile must not be left to a contact that is erased.
        let read = Change::none(keys::profile(contact));
        actions.push(store.check(match &profile {
            Some(profile) => read.only_if("#rev = :rev").with(":rev", number(profile.rev)),
            None => read.only_if("attribute_not_exists(PK)"),
        })?);
        if store.commit("erase mark", actions).await? == Commit::Done {
            return Ok(());
        }
        back_off(attempt).await;
    }
    Err(Failure::Conflict { operation: "erase mark" })
}

/// Another reason is not enough: an opt-out can be taken back.
async fn is_suppressed_as_erased(store: &Store, hash: &str) -> Result<bool, Failure> {
    let suppression = consent::suppression_of(store, hash).await?;
    Ok(suppression.is_some_and(|suppression| suppression.reasons.contains(ERASED)))
}

/// A transaction's action: the mark of an id, unless it has it. Where it was merged to stays known.
async fn erased_pointer(
    store: &Store,
    contact: &ContactId,
    now: Timestamp,
) -> Result<Option<TransactWriteItem>, Failure> {
    let (Key { pk, sk }, at) = (keys::pointer(contact), now.as_second());
    let known: Option<Pointer> = store.get(&keys::pointer(contact)).await?;
    if known.as_ref().is_some_and(|known| known.erased_at.is_some()) {
        return Ok(None);
    }
    let is_new = known.is_none();
    let into = known.and_then(|known| known.into);
    let erased = Pointer { pk, sk, into, erased_at: Some(at), since: at, by: BY.to_owned(), moving: false };
    let action = if is_new { store.put_new(&erased)? } else { store.put_over(&erased)? };
    Ok(Some(action))
}

/// What a contact's partition holds besides the mark; the profile and the merged ids last, since the rest is found by them.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn state_of(store: &Store, contact: &ContactId) -> Result<Vec<Key>, Failure> {
    let pk = keys::contact(contact);
    let placed: Vec<Placed> = store.partition(&pk, None).await?;
    let mut held: Vec<Key> = placed.into_iter().map(|Placed { sk }| Key { pk: pk.clone(), sk }).collect();
    held.retain(|key| key.sk != keys::POINTER);
    let names_others = |sk: &str| [keys::PROFILE, keys::MERGED].contains(&sk) || sk.starts_with(keys::MERGED_ID);
    held.sort_by_key(|key| names_others(&key.sk));
    Ok(held)
}

/// Deletes everything in a contact's partition but the mark; says how many items there were. Whoever began before the mark was
/// put may write once more: it is looked again until nothing is left.
///
/// # Errors
/// [`Failure`] if the store could not be reached, or there is always more.
pub async fn forget_state(store: &Store, contact: &ContactId) -> Result<usize, Failure> {
    let mut forgotten = 0;
    for _ in 0..ATTEMPTS {
        let held = state_of(store, contact).await?;
        if held.is_empty() {
            return Ok(forgotten);
        }
        for key in &held {
            store.commit("erase", vec![store.delete(key)?]).await?;
        }
        forgotten += held.len();
    }
    Err(Failure::Conflict { operation: "erase" })
}

/// Deletes everything that the ledger has under an id; says how many entries there were.
///
/// # Errors
/// [`Failure`] if the ledger could not be reached.
pub async fn forget_told(ledger: &Ledger, contact: &ContactId) -> Result<usize, Failure> {
    let entries = ledger.keys_of(&keys::contact(contact)).await?;
    for key in &entries {
        ledger.forget(key).await?;
    }
    Ok(entries.len())
}
