//! Opting out and suppression. Both are monotone here: nothing in this module ever takes them back.

use jiff::Timestamp;
use perennial_domain::ids::ContactId;

use crate::address::AddressKey;
use crate::failure::Failure;
use crate::keys;
use crate::records::Profile;
use crate::store::{Change, Store, number, string};

/// Records that a contact has opted out of nurture mail, and stops its cadence. The address is suppressed too, so that
/// the same person under another id is left in peace.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn unsubscribe(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    source: &str,
    at: Timestamp,
) -> Result<(), Failure> {
    let preferences = Change::of(
        keys::preferences(contact),
        "SET #unsubscribed = :yes, #unsubscribed_at = if_not_exists(#unsubscribed_at, :at), #source = if_not_exists(#source, :source)",
    )
    .with(":yes", aws_sdk_dynamodb::types::AttributeValue::Bool(true))
    .with(":at", number(at.as_second()))
    .with(":source", string(source));
    // One after the other, each repeatable: the opt-out itself comes first and is what the sender's claim checks.
    store.apply("opt-out", preferences).await?;
    stop_cadence(store, contact).await?;
    suppress_address(store, key, contact, "unsubscribed", at).await
}

/// Records that mail to a contact bounced for good. The address it had then is not written to again, whoever has it; one
/// that it got later is another address.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn bounce(store: &Store, key: &AddressKey, contact: &ContactId, at: Timestamp) -> Result<(), Failure> {
    // The mark holds also when nobody has said the address yet: events come in any order.
    let mark = Change::of(keys::preferences(contact), "SET #bounced_at = :at")
        .only_if("attribute_not_exists(#bounced_at) OR #bounced_at < :at")
        .with(":at", number(at.as_second()));
    store.apply("bounce", mark).await?;
    let profile: Option<Profile> = store.get(&keys::profile(contact)).await?;
    if profile.is_some_and(|profile| profile.email_since().is_some_and(|since| since > at.as_second())) {
        return Ok(());
    }
    suppress_address(store, key, contact, "bounced", at).await?;
    stop_cadence(store, contact).await
}

async fn suppress_address(
    store: &Store,
    key: &AddressKey,
    contact: &ContactId,
    reason: &str,
    at: Timestamp,
) -> Result<(), Failure> {
    let profile: Option<Profile> = store.get(&keys::profile(contact)).await?;
    let fields = profile.map(|profile| profile.fields()).unwrap_or_default();
    let Some(email) = fields.get("email") else { return Ok(()) };
    let change = Change::of(
        keys::suppression(&key.hash(email)),
        "SET #reason = if_not_exists(#reason, :reason), #suppressed_at = if_not_exists(#suppressed_at, :at)",
    )
    .with(":reason", string(reason))
    .with(":at", number(at.as_second()));
    store.apply("suppression", change).await.map(drop)
}

async fn stop_cadence(store: &Store, contact: &ContactId) -> Result<(), Failure> {
    let change = Change::of(keys::cadence(contact), "REMOVE #due_shard, #due_at").only_if("attribute_exists(PK)");
    store.apply("cadence stop", change).await.map(drop)
}
