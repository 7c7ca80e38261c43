//! Opting out and suppression. Both are monotone here: nothing in this module ever takes them back.

use jiff::Timestamp;
use perennial_domain::ids::ContactId;

use crate::address::AddressKey;
use crate::failure::Failure;
use crate::identity;
use crate::keys;
use crate::records::{Preferences, Profile};
use crate::store::{Change, Store, number, string};

/// Records that a contact has opted out of nurture mail, and stops its cadence. The address is suppressed too, so that
/// the same person under another id is left in peace. False if the contact was merged or erased meanwhile: then nothing was
/// recorded, and whoever asks looks again whom the id stands for.
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
        "SET #unsubscribed = :yes, #unsubscribed_at = if_not_exists(#unsubscribed_at, :at), #source = if_not_exists(#source, :source)",
    )
    .with(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true))
    .with(":at", number(at.as_second()))
    .with(":source", string(source));
    // One after the other, each repeatable: the opt-out itself comes first and is what the sender's claim checks.
    if identity::apply_to(store, contact, "opt-out", preferences).await?.is_none() {
        return Ok(false);
    }
    stop_cadence(store, contact).await?;
    suppress_address(store, key, contact, "unsubscribed", at).await?;
    Ok(true)
}

/// Takes over the opt-out of an id that was merged into a contact: the earlier one counts. False as above.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn take_over(store: &Store, contact: &ContactId, other: &Preferences) -> Result<bool, Failure> {
    let key = || keys::preferences(contact);
    if other.unsubscribed {
        let earlier = "SET #unsubscribed = :yes, #unsubscribed_at = :at, #source = :source";
        let earlier = Change::of(key(), earlier)
            .only_if("attribute_not_exists(#unsubscribed_at) OR #unsubscribed_at > :at")
            .with(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true))
            .with(":at", number(other.unsubscribed_at))
            .with(":source", string(&other.source));
        if identity::apply_to(store, contact, "opt-out", earlier).await?.is_none() {
            return Ok(false);
        }
        stop_cadence(store, contact).await?;
    }
    let Some(at) = other.bounced_at else { return Ok(true) };
    Ok(identity::apply_to(store, contact, "bounce", later_bounce(contact, at)).await?.is_some())
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
    stop_cadence(store, contact).await?;
    Ok(true)
}

fn later_bounce(contact: &ContactId, at: i64) -> Change {
    Change::of(keys::preferences(contact), "SET #bounced_at = :at")
        .only_if("attribute_not_exists(#bounced_at) OR #bounced_at < :at")
        .with(":at", number(at))
}

/// Records that an address, by its keyed hash, is not written to.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn suppress(store: &Store, hash: &str, reason: &str, at: Timestamp) -> Result<(), Failure> {
    store.apply("suppression", suppression(hash, reason, at)).await.map(drop)
}

/// The same, to be committed with something else.
pub(crate) fn suppression(hash: &str, reason: &str, at: Timestamp) -> Change {
    Change::of(
        keys::suppression(hash),
        "SET #reason = if_not_exists(#reason, :reason), #suppressed_at = if_not_exists(#suppressed_at, :at)",
    )
    .with(":reason", string(reason))
    .with(":at", number(at.as_second()))
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
    suppress_itself(store, contact, reason, at).await?;
    let profile: Option<Profile> = store.get(&keys::profile(contact)).await?;
    let fields = profile.map(|profile| profile.fields()).unwrap_or_default();
    let Some(email) = fields.get("email") else { return Ok(()) };
    suppress(store, &key.hash(email), reason, at).await
}

async fn stop_cadence(store: &Store, contact: &ContactId) -> Result<(), Failure> {
    let change = Change::of(keys::cadence(contact), "REMOVE #due_shard, #due_at").only_if("attribute_exists(PK)");
    store.apply("cadence stop", change).await.map(drop)
}
