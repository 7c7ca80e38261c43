//! A contact's place among those to be planned. What is sent in it is the sender's.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_domain::nurture::Kind;

use crate::contact::ContactRows;
use crate::failure::Failure;
use crate::identity;
use crate::keys::{self, Job};
use crate::records::{Cadence, Slot, SlotState, received_line};
use crate::store::{Change, Store, number, string};

/// A contact without a slot to come gets the next planning's: a new one, or one whose address has changed. Whoever has
/// opted out gets none, and neither does an id that was merged or erased.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn begin(store: &Store, contact: &ContactId, rows: &ContactRows, now: Timestamp) -> Result<(), Failure> {
    let opted_out = rows.preferences.as_ref().is_some_and(|preferences| preferences.unsubscribed);
    if opted_out || rows.pointer.is_some() || rows.cadence.as_ref().is_some_and(|cadence| cadence.due_at.is_some()) {
        return Ok(());
    }
    let change = Change::of(keys::cadence(contact), "SET #due_shard = :shard, #due_at = :now")
        .only_if("attribute_not_exists(#due_shard)")
        .with(":shard", string(keys::due_shard(Job::Nurture, contact)))
        .with(":now", number(now.as_second()));
    identity::apply_to(store, contact, "cadence begin", change).await.map(drop)
}

/// A transaction's action: the planner looks at a contact by then, if it would not look before; nothing if it would.
///
/// # Errors
/// [`Failure::Poison`] if it cannot be expressed.
pub(crate) fn looked_at_by(
    store: &Store,
    contact: &ContactId,
    rows: &ContactRows,
    at: Timestamp,
) -> Result<Option<TransactWriteItem>, Failure> {
    let due_at = rows.cadence.as_ref().and_then(|cadence| cadence.due_at);
    if due_at.is_some_and(|due_at| due_at <= at.as_second()) {
        return Ok(None);
    }
    let change = Change::of(keys::cadence(contact), "SET #due_shard = :shard, #due_at = :at")
        .with(":shard", string(keys::due_shard(Job::Nurture, contact)))
        .with(":at", number(at.as_second()));
    let change = match due_at {
        Some(due_at) => change.only_if("#due_at = :planned").with(":planned", number(due_at)),
        None => change.only_if("attribute_not_exists(#due_at)"),
    };
    store.change(change).map(Some)
}

/// A mail on this day, by its number, counts against the cap. False if the contact was merged or erased meanwhile.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn count_mail(
    store: &Store,
    contact: &ContactId,
    day: i64,
    promotion: Option<bool>,
) -> Result<bool, Failure> {
    let mut update = "SET #last_mail_day = :day".to_owned();
    let mut change = Change::none(keys::cadence(contact))
        .only_if("attribute_not_exists(#last_mail_day) OR #last_mail_day < :day")
        .with(":day", number(day));
    if let Some(promotion) = promotion {
        update.push_str(", #last_promotion = :promotion");
        change = change.with(":promotion", AttributeValue::Bool(promotion));
    }
    let change = change.with(":days", days([day])).updating(update + " ADD #mail_days :days");
    match identity::apply_to(store, contact, "mail counted", change).await? {
        // There was a later one: this one counts all the same.
        Some(false) => add_mail_days(store, contact, [day]).await,
        counted => Ok(counted.is_some()),
    }
}

async fn add_mail_days(
    store: &Store,
    contact: &ContactId,
    days_with_mail: impl IntoIterator<Item = i64>,
) -> Result<bool, Failure> {
    let change = Change::of(keys::cadence(contact), "ADD #mail_days :days").with(":days", days(days_with_mail));
    Ok(identity::apply_to(store, contact, "mail counted", change).await?.is_some())
}

/// Day numbers as a set, which must not be empty.
pub fn days(days: impl IntoIterator<Item = i64>) -> AttributeValue {
    AttributeValue::Ns(days.into_iter().map(|day| day.to_string()).collect())
}

/// Takes over what another id has received. A mail that may be under way counts as received. False if the contact was merged
/// or erased meanwhile.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn take_over(
    store: &Store,
    contact: &ContactId,
    other: &ContactId,
    received: &Cadence,
) -> Result<bool, Failure> {
    let (mut lines, mut day) = (received.lines(), received.last_mail_day);
    let under_way = match &received.reserved_by {
        Some(slot) => store.get::<Slot>(&keys::slot(other, slot)).await?,
        None => None,
    };
    let perhaps_sent = [SlotState::Sending, SlotState::Unknown, SlotState::Sent];
    if let Some(slot) = under_way.filter(|slot| perhaps_sent.contains(&slot.state)) {
        day = day.max(received.reserved_day);
        let stream = slot.received_as.or(slot.stream);
        if let (Some(stream), Some(piece), Some(day)) = (stream, slot.piece, received.reserved_day) {
            lines.insert(received_line(&stream, &piece, day, slot.kind.as_deref().and_then(Kind::named)));
        }
    }
    if let Some(day) = day
        && !count_mail(store, contact, day, Some(received.last_promotion)).await?
    {
        return Ok(false);
    }
    if !received.mail_days.is_empty() && !add_mail_days(store, contact, received.mail_days.iter().copied()).await? {
        return Ok(false);
    }
    add_received(store, contact, lines).await
}

async fn add_received(store: &Store, contact: &ContactId, lines: BTreeSet<String>) -> Result<bool, Failure> {
    if lines.is_empty() {
        return Ok(true);
    }
    let change = Change::of(keys::cadence(contact), "ADD #received :lines")
        .with(":lines", AttributeValue::Ss(lines.into_iter().collect()));
    Ok(identity::apply_to(store, contact, "received taken over", change).await?.is_some())
}
