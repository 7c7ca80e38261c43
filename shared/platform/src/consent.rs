//! Opting out, choosing, and suppression.
//!
//! An opt-out is taken back by the contact's own press in the preference centre and by nothing else, and with it the
//! suppression that the opt-out made. What a bounce, a complaint or an erasure has suppressed is never taken back here.

mod choices;
mod choosing;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::Timestamp;
use perennial_domain::ids::ContactId;

use crate::address::AddressKey;
use crate::contact::ContactRows;
use crate::failure::Failure;
use crate::identity::{self, Resolved};
use crate::keys::{self, Key};
use crate::records::{Preferences, Profile};
use crate::store::{ATTEMPTS, Change, Commit, Item, Store, back_off, number, string, text};

pub use choices::{Channel, Choices};
use choosing::Writing;
pub use choosing::{LookAgain, choose, resubscribe};

/// Where an opt-out comes from that was a complaint: it is not taken back.
pub const COMPLAINT: &str = "complaint";
/// Why an opt-out suppresses an address.
const UNSUBSCRIBED: &str = "unsubscribed";

/// Records that a contact has opted out of nurture mail, and stops its cadence. The address is suppressed too, so that
/// the same person under another id is left in peace. An opt-out from before the contact took one back changes nothing. False if
/// the contact was merged or erased meanwhile: then nothing was recorded, and whoever asks looks again whom the id stands for.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn unsubscribe(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    source: &str,
    at: Timestamp,
) -> Result<bool, Failure> {
    let preferences = Change::of(
        keys::preferences(contact),
        "SET #unsubscribed = :yes, #unsubscribed_at = :at, #source = :source ADD #rev :one",
    )
    .only_if(
        "(attribute_not_exists(#unsubscribed) OR #unsubscribed = :no) AND \
         (attribute_not_exists(#resubscribed_at) OR #resubscribed_at <= :at)",
    )
    .with(":yes", AttributeValue::Bool(true))
    .with(":no", AttributeValue::Bool(false))
    .with(":one", number(1))
    .with(":at", number(at.as_second()))
    .with(":source", string(source));
    // One after the other, each repeatable: the opt-out itself comes first and is what the sender's claim checks.
    match identity::apply_to(store, contact, "opt-out", preferences).await? {
        None => return Ok(false),
        Some(true) => {}
        Some(false) if source == COMPLAINT && !complained(store, contact).await? => return Ok(false),
        Some(false) => {
            let known: Option<Preferences> = store.get(&keys::preferences(contact)).await?;
            if !known.is_some_and(|known| known.unsubscribed) {
                return Ok(true);
            }
        }
    }
    stop_cadence(store, contact).await?;
    for hash in addresses(store, key, contact).await? {
        let actions = vec![store.change(suppression(&hash, UNSUBSCRIBED, at))?, still_opted_out(store, contact)?];
        store.commit("suppression", actions).await?;
    }
    Ok(true)
}

/// Makes a complaint of an opt-out that stands: it is never taken back, so it must not hide behind one that can be. False as
/// above.
async fn complained(store: &Store, contact: &ContactId) -> Result<bool, Failure> {
    let change = Change::of(keys::preferences(contact), "SET #source = :source ADD #rev :one")
        .only_if("#unsubscribed = :yes AND #source <> :source")
        .with(":yes", AttributeValue::Bool(true))
        .with(":one", number(1))
        .with(":source", string(COMPLAINT));
    Ok(identity::apply_to(store, contact, "complaint", change).await?.is_some())
}

/// Takes over what was said under an id that was merged into a contact: of each the stricter counts. False as above.
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn take_over(store: &Store, contact: &ContactId, other: &Preferences) -> Result<bool, Failure> {
    for attempt in 0..ATTEMPTS {
        let known: Preferences = store.get(&keys::preferences(contact)).await?.unwrap_or_default();
        let united = known.united(other);
        if united == known {
            return Ok(true);
        }
        let change = Writing::of(contact, &known).choices(&united).opt_out(&united).done();
        match identity::apply_to(store, contact, "preferences", change).await? {
            None => return Ok(false),
            Some(false) => {
                back_off(attempt).await;
                continue;
            }
            Some(true) => {}
        }
        if united.unsubscribed {
            stop_cadence(store, contact).await?;
        }
        let Some(at) = other.bounced_at else { return Ok(true) };
        return Ok(identity::apply_to(store, contact, "bounce", later_bounce(contact, at)).await?.is_some());
    }
    Err(Failure::Conflict { operation: "preferences" })
}

/// Records that mail to a contact bounced for good. The address it had then is not written to again, whoever has it; one
/// that it got later is another address. False as above.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn bounce(store: &Store, key: &AddressKey, contact: &ContactId, at: Timestamp) -> Result<bool, Failure> {
    // The mark holds also when nobody has said the address yet: events come in any order.
    if identity::apply_to(store, contact, "bounce", later_bounce(contact, at.as_second())).await?.is_none() {
        return Ok(false);
    }
    suppress_itself(store, contact, "bounced", at).await?;
    let profile: Option<Profile> = store.get(&keys::profile(contact)).await?;
    if profile.is_some_and(|profile| profile.email_since().is_some_and(|since| since > at.as_second())) {
        return Ok(true);
    }
    suppress_address(store, key, contact, "bounced", at).await?;
    store.apply("cadence stop", no_cadence(contact)).await?;
    Ok(true)
}

/// Records that mail to one of these addresses, by their keyed hashes, bounced for good, if the contact has it. `Some(false)` if
/// it has not: then nothing was recorded, since whoever has another address by now can be written to. `None` if it was merged or
/// erased meanwhile. That the address itself is not written to is recorded elsewhere.
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn bounce_of(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    hashes: &BTreeSet<String>,
    at: Timestamp,
) -> Result<Option<bool>, Failure> {
    for attempt in 0..ATTEMPTS {
        let profile: Option<Profile> = store.get(&keys::profile(contact)).await?;
        if addresses_of(key, contact, profile.as_ref()).is_disjoint(hashes) {
            let same = identity::resolve(store, contact).await? == Resolved::Same;
            return Ok(same.then_some(false));
        }
        // Of this address and of no newer one, also if the newer one is told of later.
        let since = profile.as_ref().and_then(Profile::email_since).unwrap_or(at.as_second());
        let unchanged = || store.check(unchanged(contact, profile.as_ref()));
        let actions =
            vec![store.change(later_bounce(contact, since))?, unchanged()?, identity::unmoved(store, contact)?];
        match store.commit("bounce", actions).await? {
            Commit::Refused(failed) if failed.last() == Some(&true) => return Ok(None),
            Commit::Refused(failed) if failed.get(1) == Some(&true) => back_off(attempt).await,
            // Or a later one is known.
            Commit::Done | Commit::Refused(_) => {
                store.commit("cadence stop", vec![store.change(no_cadence(contact))?, unchanged()?]).await?;
                return Ok(Some(true));
            }
        }
    }
    Err(Failure::Conflict { operation: "bounce" })
}

/// Nothing, but only if the contact's fields are those that were read.
fn unchanged(contact: &ContactId, profile: Option<&Profile>) -> Change {
    let place = Change::none(keys::profile(contact));
    match profile {
        Some(profile) => place.only_if("#rev = :rev").with(":rev", number(profile.rev)),
        None => place.only_if("attribute_not_exists(PK)"),
    }
}

fn later_bounce(contact: &ContactId, at: i64) -> Change {
    Change::of(keys::preferences(contact), "SET #bounced_at = :at ADD #rev :one")
        .only_if("attribute_not_exists(#bounced_at) OR #bounced_at < :at")
        .with(":one", number(1))
        .with(":at", number(at))
}

/// Records that an address, by its keyed hash, is not written to.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn suppress(store: &Store, hash: &str, reason: &str, at: Timestamp) -> Result<(), Failure> {
    store.apply("suppression", suppression(hash, reason, at)).await.map(drop)
}

/// The same, to be committed with something else. All reasons are kept, so that one can go without the others.
pub(crate) fn suppression(hash: &str, reason: &str, at: Timestamp) -> Change {
    Change::of(
        keys::suppression(hash),
        "SET #reason = if_not_exists(#reason, :reason), #suppressed_at = if_not_exists(#suppressed_at, :at) \
         ADD #reasons :reasons",
    )
    .with(":reason", string(reason))
    .with(":reasons", AttributeValue::Ss(vec![reason.to_owned()]))
    .with(":at", number(at.as_second()))
}

/// Why an address is not written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Every reason.
    pub reasons: BTreeSet<String>,
}

impl Suppression {
    /// What an item says.
    pub fn read(item: &Item) -> Self {
        let all = item.get("reasons").and_then(|reasons| reasons.as_ss().ok()).into_iter().flatten().cloned();
        // The first is all that older ones have.
        Self { reasons: all.chain(text(item, "reason").map(str::to_owned)).collect() }
    }

    /// Whether somebody who has the address has opted out.
    pub fn is_of_an_opt_out(&self) -> bool {
        self.reasons.contains(UNSUBSCRIBED)
    }

    /// Whether an opt-out is the only reason: then whoever opted out can take it back.
    pub fn is_only_an_opt_out(&self) -> bool {
        self.reasons.iter().eq([UNSUBSCRIBED])
    }
}

/// Why an address, by its keyed hash, is not written to; `None` if it is.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn suppression_of(store: &Store, hash: &str) -> Result<Option<Suppression>, Failure> {
    Ok(store.get_item(&keys::suppression(hash)).await?.as_ref().map(Suppression::read))
}

/// Where it is said that a contact's addresses are not written to, for whoever reads many at once: see [`Suppression::read`].
pub fn suppressions_of(key: &AddressKey, contact: &ContactId, profile: Option<&Profile>) -> BTreeSet<Key> {
    addresses_of(key, contact, profile).iter().map(|hash| keys::suppression(hash)).collect()
}

/// What a contact has said, and whether it can be written to.
#[derive(Debug)]
pub struct Standing {
    /// Everything about it.
    pub rows: ContactRows,
    /// Whether it has opted out, under this id or under another that has its address.
    pub opted_out: bool,
    /// Whether its address is not written to for another reason: mail bounced, or was complained of.
    pub unreachable: bool,
}

impl Standing {
    /// What it has said.
    pub fn preferences(&self) -> Preferences {
        self.rows.preferences.clone().unwrap_or_default()
    }
}

/// What a contact has said, and whether it can be written to.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn standing(store: &Store, key: &AddressKey, contact: &ContactId) -> Result<Standing, Failure> {
    let rows = store.contact(contact).await?;
    let preferences = rows.preferences.clone().unwrap_or_default();
    let since = rows.profile.as_ref().and_then(|profile| profile.email_since()).unwrap_or(0);
    let (mut opted_out, mut unreachable) =
        (preferences.unsubscribed, preferences.bounced_at.is_some_and(|at| at >= since));
    for hash in addresses_of(key, contact, rows.profile.as_ref()) {
        let Some(suppression) = suppression_of(store, &hash).await? else { continue };
        opted_out |= suppression.is_of_an_opt_out();
        unreachable |= suppression.reasons.iter().any(|reason| reason != UNSUBSCRIBED);
    }
    unreachable |= preferences.unsubscribed && preferences.source == COMPLAINT;
    Ok(Standing { rows, opted_out, unreachable })
}

/// Whether a contact whose items have been read has opted out, under its id or under another that has its address.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn is_opted_out(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    rows: &ContactRows,
) -> Result<bool, Failure> {
    let mut opted_out = rows.preferences.as_ref().is_some_and(|preferences| preferences.unsubscribed);
    for hash in addresses_of(key, contact, rows.profile.as_ref()) {
        opted_out = opted_out || suppression_of(store, &hash).await?.is_some_and(|it| it.is_of_an_opt_out());
    }
    Ok(opted_out)
}

/// The keyed hashes of a contact's address: the one it states, and the one that its id stands for.
async fn addresses(store: &Store, key: &AddressKey, contact: &ContactId) -> Result<BTreeSet<String>, Failure> {
    let profile: Option<Profile> = store.get(&keys::profile(contact)).await?;
    Ok(addresses_of(key, contact, profile.as_ref()))
}

fn addresses_of(key: &AddressKey, contact: &ContactId, profile: Option<&Profile>) -> BTreeSet<String> {
    let stated = profile.and_then(|profile| profile.fields().get("email").map(|email| key.hash(email)));
    keys::address_hash(contact).map(str::to_owned).into_iter().chain(stated).collect()
}

/// The address that an id stands for is known without a profile.
async fn suppress_itself(store: &Store, contact: &ContactId, reason: &str, at: Timestamp) -> Result<(), Failure> {
    match keys::address_hash(contact) {
        Some(hash) => suppress(store, hash, reason, at).await,
        None => Ok(()),
    }
}

async fn suppress_address(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    reason: &str,
    at: Timestamp,
) -> Result<(), Failure> {
    for hash in addresses(store, key, contact).await? {
        suppress(store, &hash, reason, at).await?;
    }
    Ok(())
}

/// A transaction's action: nothing, but only if the contact has not taken the opt-out back meanwhile.
fn still_opted_out(store: &Store, contact: &ContactId) -> Result<TransactWriteItem, Failure> {
    let change = Change::none(keys::preferences(contact)).only_if("#unsubscribed = :yes");
    store.check(change.with(":yes", AttributeValue::Bool(true)))
}

/// Ends the cadence of somebody who has opted out.
async fn stop_cadence(store: &Store, contact: &ContactId) -> Result<(), Failure> {
    let actions = vec![store.change(no_cadence(contact))?, still_opted_out(store, contact)?];
    store.commit("cadence stop", actions).await.map(drop)
}

fn no_cadence(contact: &ContactId) -> Change {
    Change::of(keys::cadence(contact), "REMOVE #due_shard, #due_at").only_if("attribute_exists(PK)")
}
