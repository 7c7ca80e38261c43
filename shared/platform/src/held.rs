//! Qualifications that wait, told of again when what they wait for may have come.
//!
//! A held qualification is decided again by a daily run, which is what everybody can rely on. Where it is known at once that its
//! reason may be over, the threshold is told of again, so that nobody waits for the morning. Decides nothing: whoever hears it asks
//! the rules, and somebody for whom they still hold waits on.

use jiff::Timestamp;
use perennial_domain::ids::{AccountId, ContactId, ProductId};
use perennial_domain::qualify::HeldReason;

use crate::contact::ContactRows;
use crate::desk::members;
use crate::failure::Failure;
use crate::keys::{self, Key};
use crate::outbox::{self, LeadEvent, Waiting};
use crate::records::Held;
use crate::store::Store;

/// So many are told of in one transaction, which takes a hundred actions; the others wait for the morning.
pub const MOST_AT_ONCE: usize = 50;

/// That the threshold of what waits under this key was reached, once more; nothing if no qualification lies there.
///
/// # Errors
/// [`Failure::Poison`] if the event cannot be expressed.
pub fn told_again(key: &Key, now: Timestamp) -> Result<Option<Waiting>, Failure> {
    let place = (keys::contact_of(&key.pk), key.sk.strip_prefix(keys::HELD));
    let (Some(contact), Some(_), Some((product, quarter))) = (place.0, place.1, keys::product_and_quarter(&key.sk))
    else {
        return Ok(None);
    };
    Waiting::threshold_reached(LeadEvent::of(&contact, &product, quarter), now).map(Some)
}

impl Held {
    /// Its key.
    pub fn key(&self) -> Key {
        Key { pk: self.pk.clone(), sk: self.sk.clone() }
    }
}

/// Tells again of everything that waits for news of an account. Repeated, it is the same events.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn news_of_account(store: &Store, account: &AccountId, now: Timestamp) -> Result<(), Failure> {
    for key in members(store, keys::waiting_at(account)).await? {
        if let Some(event) = told_again(&key, now)? {
            outbox::put(store, &event).await?;
        }
    }
    Ok(())
}

/// Tells again of what a contact waits for, if it was held for another account than the contact has now, or for none. Of whom
/// nothing is held, nothing is written.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn news_of_contact(store: &Store, rows: &ContactRows, now: Timestamp) -> Result<(), Failure> {
    let profile = rows.profile.as_ref().map(crate::records::Profile::fields).unwrap_or_default();
    let waits_at = profile.get("account").map(|account| keys::waiting_at(&AccountId::from(account)));
    for held in rows.held.iter().filter(|held| waits_at.is_some() && held.member_of != waits_at) {
        if let Some(event) = told_again(&held.key(), now)? {
            outbox::put(store, &event).await?;
        }
    }
    Ok(())
}

/// Tells again of what waits because of an earlier lead of a contact for a product, of which sales has said something. Repeated, it
/// is the same events; where nothing waits for it, nothing is written.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn news_from_sales(
    store: &Store,
    contact: &ContactId,
    product: &ProductId,
    now: Timestamp,
) -> Result<(), Failure> {
    let waits_for_sales = [HeldReason::RecycledThisQuarter, HeldReason::RecycledUntil].map(HeldReason::as_str);
    let prefix = format!("{}{product}#", keys::HELD);
    let held: Vec<Held> = store.partition(&keys::contact(contact), Some(&prefix)).await?;
    for held in held.iter().filter(|held| waits_for_sales.contains(&held.reason.as_str())) {
        if let Some(event) = told_again(&held.key(), now)? {
            outbox::put(store, &event).await?;
        }
    }
    Ok(())
}
