//! What is remembered of mail that came back: addresses that are given up, and mails known only now to have been sent.
//!
//! Owns the writes; each is repeatable, since feedback is told again and in any order. Suppression is written before anything
//! is counted or told.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_domain::nurture::Kind;
use perennial_domain::sending::{PauseReason, Trouble, is_given_up};
use serde::{Deserialize, Serialize};

use crate::cadence::days;
use crate::failure::Failure;
use crate::keys;
use crate::records::{Cadence, received_line};
use crate::sending::Sending;
use crate::store::{Change, Store, number, string};
use crate::{consent, identity};

/// Why an address is suppressed to which mail bounces.
pub const BOUNCED: &str = "bounced";
/// Why an address is suppressed from which somebody complained.
pub const COMPLAINED: &str = "complained";

/// Suppresses an address, by its keyed hash, and then counts what it is suppressed for: once, however often it is told.
///
/// # Errors
/// [`Failure`] if the store could not be reached; told again, it is made up for.
pub async fn suppress_and_count(
    store: &Store,
    hash: &str,
    kind: PauseReason,
    event: &str,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), Failure> {
    suppress(store, hash, kind, at).await?;
    let once = Change::of(keys::suppression(hash), "ADD #counted :events")
        .only_if("attribute_not_exists(#counted) OR NOT contains(#counted, :event)")
        .with(":events", AttributeValue::Ss(vec![event.to_owned()]))
        .with(":event", string(event));
    let actions = vec![store.change(once)?, store.change(Sending::came_back(kind, now))?];
    store.commit("feedback count", actions).await.map(drop)
}

/// Suppresses an address without counting it.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn suppress(store: &Store, hash: &str, kind: PauseReason, at: Timestamp) -> Result<(), Failure> {
    let reason = match kind {
        PauseReason::Bounces => BOUNCED,
        PauseReason::Complaints => COMPLAINED,
    };
    consent::suppress(store, hash, reason, at).await
}

/// When mail to an address bounced and may not bounce again. Instants are seconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftBounces {
    /// When mail bounced.
    #[serde(default, with = "serde_dynamo::number_set")]
    pub bounced_at: BTreeSet<i64>,
    /// When mail was last delivered after it had bounced.
    #[serde(default)]
    pub delivered_at: Option<i64>,
}

impl SoftBounces {
    /// The trouble that the address is in, if it is.
    pub fn trouble(&self) -> Option<Trouble> {
        Trouble::of(self.bounced_at.iter().copied(), self.delivered_at)
    }
}

/// Remembers that mail to an address bounced and may not bounce again, and says whether the address is given up.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn bounced_softly(store: &Store, hash: &str, at: Timestamp) -> Result<bool, Failure> {
    let change = Change::of(keys::soft_bounces(hash), "ADD #bounced_at :at")
        .with(":at", AttributeValue::Ns(vec![at.as_second().to_string()]));
    store.apply("soft bounce", change).await?;
    let known: SoftBounces = store.get(&keys::soft_bounces(hash)).await?.unwrap_or_default();
    Ok(is_given_up(known.bounced_at, known.delivered_at))
}

/// Remembers that mail to an address was delivered, if any had bounced: what bounced before counts no more.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn delivered(store: &Store, hash: &str, at: Timestamp) -> Result<(), Failure> {
    // Few addresses have such an item, and a read costs less than a refused write.
    let Some(known) = store.get::<SoftBounces>(&keys::soft_bounces(hash)).await? else { return Ok(()) };
    let at = at.as_second();
    if known.delivered_at.is_some_and(|before| before >= at) {
        return Ok(());
    }
    let over: Vec<String> = known.bounced_at.range(..=at).map(ToString::to_string).collect();
    let forget = if over.is_empty() { "" } else { " DELETE #bounced_at :over" };
    let change = Change::of(keys::soft_bounces(hash), format!("SET #delivered_at = :at{forget}"))
        .only_if("attribute_not_exists(#delivered_at) OR #delivered_at < :at")
        .with(":at", number(at));
    let change = if over.is_empty() { change } else { change.with(":over", AttributeValue::Ns(over)) };
    store.apply("delivery", change).await.map(drop)
}

/// A mail of which one knows only now that SES had taken it.
#[derive(Clone, Copy, Debug)]
pub struct TakenAfterAll<'a> {
    /// The contact as the slot names it.
    pub contact: &'a ContactId,
    /// The slot.
    pub slot: &'a str,
    /// Under which name the piece is remembered: its stream's, or that of a contract's end.
    pub stream: &'a str,
    /// The piece.
    pub piece: &'a str,
    /// What the piece wants, if it is known still.
    pub kind: Option<Kind>,
    /// The local date of sending, by its number.
    pub day: i64,
}

impl TakenAfterAll<'_> {
    /// The actions by which it counts as received: as one more line of a set, so that it needs no leave of whichever slot holds
    /// the reservation by now. Its own reservation is released. None if nothing is kept of the contact any more: then it was
    /// merged, and what was perhaps sent was taken over, or erased.
    ///
    /// # Errors
    /// [`Failure::Poison`] if it cannot be expressed.
    pub fn counted(&self, store: &Store, known: Option<&Cadence>) -> Result<Vec<TransactWriteItem>, Failure> {
        let Some(known) = known else { return Ok(Vec::new()) };
        let latest = known.last_mail_day.is_none_or(|last| last <= self.day);
        let mut set = Vec::new();
        let mut change = Change::none(keys::cadence(self.contact))
            .with(":lines", AttributeValue::Ss(vec![received_line(self.stream, self.piece, self.day, self.kind)]))
            .with(":days", days([self.day]));
        if latest {
            set.push("#last_mail_day = :day");
            change = change.with(":day", number(self.day));
        }
        if let Some(kind) = self.kind.filter(|_| latest) {
            set.push("#last_promotion = :promotion");
            change = change.with(":promotion", AttributeValue::Bool(kind.is_promotion()));
        }
        let set = if set.is_empty() { String::new() } else { format!("SET {}", set.join(", ")) };
        let reserved = known.reserved_by.as_deref() == Some(self.slot);
        let (release, holder) = if reserved {
            (" REMOVE #reserved_by, #reserved_day", "#reserved_by = :slot")
        } else {
            ("", "(attribute_not_exists(#reserved_by) OR #reserved_by <> :slot)")
        };
        let same_day = match known.last_mail_day {
            Some(last) => {
                change = change.with(":last", number(last));
                "#last_mail_day = :last"
            }
            None => "attribute_not_exists(#last_mail_day)",
        };
        let change = change
            .updating(format!("{set}{release} ADD #received :lines, #mail_days :days").trim_start())
            .only_if(format!("attribute_exists(PK) AND {holder} AND {same_day}"))
            .with(":slot", string(self.slot));
        Ok(vec![store.change(change)?, identity::unmoved(store, self.contact)?])
    }
}

/// The action that releases a slot's reservation; nothing if it holds none.
///
/// # Errors
/// [`Failure::Poison`] if it cannot be expressed.
pub fn released(
    store: &Store,
    contact: &ContactId,
    slot: &str,
    known: Option<&Cadence>,
) -> Result<Vec<TransactWriteItem>, Failure> {
    if known.and_then(|known| known.reserved_by.as_deref()) != Some(slot) {
        return Ok(Vec::new());
    }
    let change = Change::of(keys::cadence(contact), "REMOVE #reserved_by, #reserved_day")
        .only_if("#reserved_by = :slot")
        .with(":slot", string(slot));
    Ok(vec![store.change(change)?])
}
