//! What is stated of a contact, written together with whom the address belongs to.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use perennial_domain::ids::ContactId;
use perennial_domain::profile::{ENDS, Fields, SEATS, SEATS_USED, Stated, USED};

use super::addresses::{Addresses, Claimed};
use super::{place, unmoved};
use crate::address::AddressKey;
use crate::desk;
use crate::failure::Failure;
use crate::keys::{self, Key};
use crate::records::Profile;
use crate::store::{ATTEMPTS, Change, Commit, Store, back_off, number, string};

/// What came of stating fields of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identified {
    /// They are known.
    Known {
        /// The id that stands for the address, if what is known of the address alone is to be moved to the contact.
        adopts: Option<ContactId>,
    },
    /// The address is that of somebody who was erased: nothing was written.
    OfErased,
    /// The contact was merged or erased meanwhile: nothing was written.
    Moved,
}

/// Takes over the newer fields of a statement made at a second, and claims the address: all in one transaction.
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn identify(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    statements: &BTreeMap<String, String>,
    second: i64,
) -> Result<Identified, Failure> {
    for attempt in 0..ATTEMPTS {
        let known: Option<Profile> = store.get(&keys::profile(contact)).await?;
        let mut fields = known.as_ref().map(Profile::fields).unwrap_or_default();
        let before = address(key, &fields);
        let changed = fields.merge(statements.clone(), second) || known.is_none();
        let mut addresses = Addresses::default();
        let (stated, after) = (statements.get("email").map(|email| key.hash(email)), address(key, &fields));
        // Also where it is not the newest: whoever was erased is not to be named in what is kept.
        if let Some(late) = stated.filter(|stated| Some(stated) != after.as_ref()) {
            addresses.read(store, &late).await?;
            if addresses.is_erased(&late) {
                return Ok(Identified::OfErased);
            }
        }
        let claimed = change_address(store, &mut addresses, contact, before, after).await?;
        let mark = mark(claimed.as_ref(), known.as_ref());
        let adopts = match claimed {
            None | Some((_, Claimed::Owned { adopting: false } | Claimed::Shared(_))) => None,
            Some((hash, Claimed::Owned { adopting: true })) => Some(keys::address_contact(&hash)),
            Some((_, Claimed::Erased)) => return Ok(Identified::OfErased),
            Some((_, Claimed::Moved)) => return Ok(Identified::Moved),
        };
        addresses.leave_out(contact);
        let mut actions = addresses.actions(store)?;
        if changed || mark.is_some() {
            actions.push(written(store, keys::profile(contact), known.as_ref(), &fields, mark.clone())?);
        }
        if actions.is_empty() {
            return Ok(Identified::Known { adopts });
        }
        let (checked, shares) = (!addresses.writes(&place(contact)), matches!(mark, Some(Some(_))));
        if checked {
            actions.push(unmoved(store, contact)?);
        }
        match store.commit("profile", actions).await? {
            Commit::Done => {
                tell_if(shares);
                return Ok(Identified::Known { adopts });
            }
            Commit::Refused(failed) if checked && failed.last() == Some(&true) => return Ok(Identified::Moved),
            Commit::Refused(_) => back_off(attempt).await,
        }
    }
    Err(Failure::Conflict { operation: "profile" })
}

/// Takes over the newer fields of a statement about an account. Whether it says something else now of what qualifications can wait
/// for, or may have said so when this was delivered before: whoever was to tell of it then may have died.
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn update_account(
    store: &Store,
    key: &Key,
    statements: &BTreeMap<String, String>,
    second: i64,
) -> Result<bool, Failure> {
    for attempt in 0..ATTEMPTS {
        let known: Option<Profile> = store.get(key).await?;
        let mut fields = known.as_ref().map(Profile::fields).unwrap_or_default();
        let before = waited_for(&fields);
        if !fields.merge(statements.clone(), second) && known.is_some() {
            let of_this_second = |known: &Stated| [known.since, known.second].contains(&second);
            return Ok(statements.keys().filter_map(|name| fields.0.get(name)).any(of_this_second));
        }
        let profile = written(store, key.clone(), known.as_ref(), &fields, None)?;
        if store.commit("profile", vec![profile]).await? == Commit::Done {
            return Ok(known.is_none() || waited_for(&fields) != before);
        }
        back_off(attempt).await;
    }
    Err(Failure::Conflict { operation: "profile" })
}

/// What of an account's fields a qualification can wait for: health, owner, since when it is a customer, what it owns, and whatever
/// else a territory may ask for. What changes every day says nothing of it.
fn waited_for(fields: &Fields) -> Vec<(String, String)> {
    let changes_daily = |name: &str| [USED, ENDS, SEATS, SEATS_USED].iter().any(|prefix| name.starts_with(prefix));
    let of = |(name, stated): (&String, &Stated)| (!changes_daily(name)).then(|| (name.clone(), stated.value.clone()));
    fields.0.iter().filter_map(of).collect()
}

/// Moves a profile into another; the newer of two fields stays, and the addresses follow. Nothing if somebody wrote one of
/// them meanwhile.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub(super) async fn unite(
    store: &Store,
    key: &AddressKey,
    (from, theirs): (&ContactId, &Profile),
    to: &ContactId,
) -> Result<Option<Option<ContactId>>, Failure> {
    let known: Option<Profile> = store.get(&keys::profile(to)).await?;
    let mut fields = known.as_ref().map(Profile::fields).unwrap_or_default();
    let (before, gone) = (address(key, &fields), address(key, &theirs.fields()));
    fields.unite(&theirs.fields());
    let after = address(key, &fields);
    let mut addresses = Addresses::default();
    if let Some(gone) = &gone {
        addresses.read(store, gone).await?;
        addresses.release(gone, from, (after.as_ref() == Some(gone)).then_some(to));
    }
    let claimed = change_address(store, &mut addresses, to, before, after).await?;
    let mark = mark(claimed.as_ref(), known.as_ref());
    let shares = matches!(mark, Some(Some(_)));
    let adopts = match claimed {
        Some((hash, Claimed::Owned { adopting: true })) => Some(keys::address_contact(&hash)),
        Some((_, Claimed::Erased)) => {
            fields.0.remove("email");
            None
        }
        Some((_, Claimed::Moved)) => return Ok(None),
        _ => None,
    };
    // One profile goes, the other is written here.
    addresses.leave_out(from);
    addresses.leave_out(to);
    let mut actions = addresses.actions(store)?;
    actions.push(written(store, keys::profile(to), known.as_ref(), &fields, mark)?);
    let gone = Change::none(keys::profile(from)).only_if("#rev = :rev").with(":rev", number(theirs.rev));
    actions.push(store.remove(gone)?);
    if !addresses.writes(&place(to)) {
        actions.push(unmoved(store, to)?);
    }
    let done = store.commit("profile move", actions).await? == Commit::Done;
    tell_if(done && shares);
    Ok(done.then_some(adopts))
}

/// Whether a profile was marked as sharing its address by this very transaction: an alarm counts such lines by their words.
fn tell_if(shares: bool) {
    if shares {
        tracing::warn!("address shared: a second contact states one, and gets no nurture mail");
    }
}

/// Lets go of the address before and states the one after. Returns the latter's hash and what came of it.
async fn change_address(
    store: &Store,
    addresses: &mut Addresses,
    contact: &ContactId,
    before: Option<String>,
    after: Option<String>,
) -> Result<Option<(String, Claimed)>, Failure> {
    if let Some(before) = before.filter(|before| Some(before) != after.as_ref()) {
        addresses.read(store, &before).await?;
        addresses.release(&before, contact, None);
    }
    let Some(after) = after else { return Ok(None) };
    addresses.read(store, &after).await?;
    let claimed = addresses.claim(&after, contact);
    Ok(Some((after, claimed)))
}

/// Whom the profile is to say that it shares its address with, if it does not say so yet.
fn mark(claimed: Option<&(String, Claimed)>, known: Option<&Profile>) -> Option<Option<ContactId>> {
    let marked = known.and_then(|known| known.shares_address_with.as_deref());
    match claimed {
        Some((_, Claimed::Shared(owner))) => (marked != Some(owner.as_str())).then(|| Some(owner.clone())),
        _ => marked.map(|_| None),
    }
}

/// The keyed hash of the address in these fields.
pub(super) fn address(key: &AddressKey, fields: &Fields) -> Option<String> {
    fields.get("email").map(|email| key.hash(email))
}

/// A transaction's action: these fields, if nobody has written the profile since it was read.
fn written(
    store: &Store,
    key: Key,
    known: Option<&Profile>,
    fields: &Fields,
    mark: Option<Option<ContactId>>,
) -> Result<TransactWriteItem, Failure> {
    let (next, member_of) = (Profile::next(key.clone(), known, fields), desk::member_of(&key, fields));
    let stored = serde_dynamo::to_attribute_value(&next.fields)
        .map_err(|_| Failure::shape("profile", "not of the shape we give it"))?;
    let mut update = "SET #fields = :fields, #rev = :next, #at_risk = :at_risk".to_owned();
    let mut change = Change::none(key)
        .only_if("attribute_not_exists(PK) OR #rev = :rev")
        .with(":fields", stored)
        .with(":next", number(next.rev))
        .with(":rev", number(next.rev - 1))
        .with(":at_risk", AttributeValue::Bool(next.at_risk));
    let mut removed = Vec::new();
    match mark {
        Some(Some(owner)) => {
            update.push_str(", #shares_address_with = :owner");
            change = change.with(":owner", string(owner.as_str()));
        }
        Some(None) => removed.push("#shares_address_with"),
        None => {}
    }
    match member_of {
        Some(of) => {
            update.push_str(", #member_of = :member_of");
            change = change.with(":member_of", string(of));
        }
        None => removed.push("#member_of"),
    }
    if !removed.is_empty() {
        update.push_str(&format!(" REMOVE {}", removed.join(", ")));
    }
    store.change(change.updating(update))
}
