//! An id forgotten: its state and what was told of it go, the keyed hash of its address stays suppressed.
//!
//! The mark comes first, so that nothing comes back meanwhile; then everything that can be found goes. Repeated after a crash,
//! or after a backup was restored, it goes on where it was.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use serde::Deserialize;

use super::addresses::Addresses;
use super::profiles;
use crate::address::AddressKey;
use crate::consent;
use crate::failure::Failure;
use crate::keys::{self, Key};
use crate::ledger::Ledger;
use crate::records::{Pointer, Profile};
use crate::store::{ATTEMPTS, Commit, Store, back_off};

/// Who erases: the pointer's `by`.
const BY: &str = "erase";

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

/// Erases one id: marks it, then deletes its state and what the ledger has under it.
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
    mark(store, key, contact, &BTreeSet::new(), now).await?;
    Ok(Erased { state: forget_state(store, contact).await?, ledger: forget_told(ledger, contact).await? })
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
    for attempt in 0..ATTEMPTS {
        let profile: Option<Profile> = store.get(&keys::profile(contact)).await?;
        let stated = profile.as_ref().and_then(|profile| profiles::address(key, &profile.fields()));
        let itself = keys::address_hash(contact).map(str::to_owned);
        let mut addresses = Addresses::default();
        let hashes: BTreeSet<&String> = stated.iter().chain(&itself).chain(others).collect();
        for hash in hashes {
            addresses.read(store, hash).await?;
            if addresses.erase(hash, contact, now) {
                consent::suppress(store, hash, "erased", now).await?;
            }
        }
        addresses.take_mark(contact);
        let mut actions = addresses.actions(store)?;
        if itself.is_none() {
            let Key { pk, sk } = keys::pointer(contact);
            let (known, at) = (store.get::<Pointer>(&keys::pointer(contact)).await?, now.as_second());
            if known.as_ref().is_none_or(|known| known.erased_at.is_none()) {
                let erased_at = Some(at);
                actions.push(store.put_over(&Pointer {
                    pk,
                    sk,
                    into: None,
                    erased_at,
                    since: at,
                    by: BY.to_owned(),
                    moving: false,
                })?);
            }
        }
        if actions.is_empty() || store.commit("erase mark", actions).await? == Commit::Done {
            return Ok(());
        }
        back_off(attempt).await;
    }
    Err(Failure::Conflict { operation: "erase mark" })
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
    held.sort_by_key(|key| [keys::PROFILE, keys::MERGED].contains(&key.sk.as_str()));
    Ok(held)
}

/// Deletes everything in a contact's partition but the mark; says how many items there were.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn forget_state(store: &Store, contact: &ContactId) -> Result<usize, Failure> {
    let held = state_of(store, contact).await?;
    for key in &held {
        store.commit("erase", vec![store.delete(key)?]).await?;
    }
    Ok(held.len())
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
