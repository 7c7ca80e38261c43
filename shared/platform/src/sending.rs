//! Permits to send, shared by all senders: the line in which mail waits, the quota, the pause.
//!
//! One item holds it all (`SENDING | SES`): when the next permit is free, counters by hour and by day, and whether sending is
//! paused. A batch takes its permits in one conditional write; who comes later stands behind in the line, so the rate holds
//! whoever sends. Counters are added to and never computed from what was read, except that a write is refused when the hour's
//! counter is no longer what the quota was checked with.
//!
//! A permit is spent when it is taken: a sender that dies, or that SES throttles, leaves a gap in the line and no burst.
//! What may be sent is the domain's: [`perennial_domain::sending`].

pub mod approval;
mod counters;
mod pause;
mod reconciliation;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use perennial_domain::sending::{self, CameBack, Held, Line, PauseReason, SendingRules, Sent, spacing_us};

use crate::failure::Failure;
use crate::keys;
use crate::outbox::Waiting;
use crate::store::{ATTEMPTS, Change, Commit, Item, Store, back_off, integer, number, string};

pub use approval::Approved;
pub use counters::Counters;
use counters::{day_of, hour_of};
pub use pause::ByHand;
pub use reconciliation::Run;

/// When the next permit is free, in microseconds since the Unix epoch.
const NEXT: &str = "next_at_us";
/// The day on which the first permit for a contact was taken: a ramp begins there.
const FIRST_DAY: &str = "first_day";
const PAUSED_AT: &str = "paused_at";
const PAUSED_FOR: &str = "paused_for";

/// The line of the account.
#[derive(Clone, Debug)]
pub struct Sending {
    /// The state table.
    pub store: Store,
    /// How fast and how much.
    pub rules: SendingRules,
    /// The sender without whose approval no contact is written to; see [`approval::needed`].
    pub needs_approval: Option<String>,
}

/// What came of asking for permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permits {
    /// So many may be sent, each at its instant; perhaps fewer than were asked for.
    Granted(Vec<Timestamp>),
    /// None now, for this reason.
    Held(Held),
    /// The line is so long that the next permit lies beyond what the caller can wait.
    LineTooLong,
}

/// What is known of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// When the next permit is free.
    pub next_at: Option<Timestamp>,
    /// The day of the first permit for a contact, as a number.
    pub first_day: Option<i64>,
    /// Since when sending is paused.
    pub paused_at: Option<Timestamp>,
    /// Why.
    pub paused_for: Option<String>,
    /// What somebody has said who paused it.
    pub by_hand: Option<ByHand>,
    /// The identity that was found to be in order.
    pub approved: Option<Approved>,
    /// What was sent, and what came back.
    pub counters: Counters,
}

impl Known {
    /// Reads the item of the line.
    pub fn read(item: &Item) -> Self {
        Self {
            next_at: integer(item, NEXT).and_then(|at| Timestamp::from_microsecond(at).ok()),
            first_day: integer(item, FIRST_DAY),
            paused_at: integer(item, PAUSED_AT).and_then(|at| Timestamp::from_second(at).ok()),
            paused_for: crate::store::text(item, PAUSED_FOR).map(str::to_owned),
            by_hand: ByHand::read(item),
            approved: Approved::read(item),
            counters: Counters::read(item),
        }
    }

    /// What was sent already, as decisions read it.
    pub fn sent(&self, now: Timestamp) -> Sent {
        let days_since_first = self.first_day.map_or(0, |first| day_of(now) - first);
        Sent {
            within_a_day: self.counters.within_a_day(now),
            days_since_first,
            paused: self.paused_at.is_some(),
            paused_by_hand: self.by_hand.is_some(),
            unapproved: false,
        }
    }

    /// What came back of it.
    pub fn came_back(&self, now: Timestamp) -> CameBack {
        self.counters.came_back(now)
    }
}

impl Sending {
    /// Reads the line.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn known(&self) -> Result<Known, Failure> {
        let item = self.store.get_item(&keys::sending()).await?;
        Ok(item.map(|item| Known::read(&item)).unwrap_or_default())
    }

    /// Takes up to `wanted` permits, none of them after `until`. One read and one write, whoever else is asking.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached, or others changed the line each time.
    pub async fn permits(&self, line: Line, wanted: i64, now: Timestamp, until: Timestamp) -> Result<Permits, Failure> {
        for attempt in 0..ATTEMPTS {
            let known = self.known().await?;
            let sent = Sent { unapproved: self.is_unapproved(&known), ..known.sent(now) };
            let allowed = match sending::allowed(&self.rules, line, sent, wanted) {
                Ok(allowed) => allowed,
                Err(held) => return Ok(Permits::Held(held)),
            };
            let taking = Taking { rules: &self.rules, line, known: &known, now, until };
            let Some((change, count)) = taking.change(allowed) else { return Ok(Permits::LineTooLong) };
            if let Some(item) = self.store.applied("permits", change).await? {
                let after = integer(&item, NEXT).unwrap_or_default();
                return Ok(Permits::Granted(instants(after, count, spacing_us(self.rules.rate_per_second))));
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "permits" })
    }

    /// Whether the sender would have to be approved first, and is not.
    pub fn is_unapproved(&self, known: &Known) -> bool {
        let is_approved = |sender: &String| known.approved.as_ref().is_some_and(|approved| approved.covers(sender));
        self.needs_approval.as_ref().is_some_and(|sender| !is_approved(sender))
    }

    /// Takes permits out of the counts that were not used, by when they were taken. Their places in the line stay empty.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn unused(&self, count: i64, taken_at: Timestamp) -> Result<(), Failure> {
        let (hour, day) = (counters::sent_in_hour(hour_of(taken_at)), counters::sent_on_day(day_of(taken_at)));
        let change = Change::of(keys::sending(), format!("ADD #{hour} :unused, #{day} :unused"))
            .only_if(format!("#{hour} >= :count AND #{day} >= :count"))
            .with(":unused", number(-count))
            .with(":count", number(count));
        self.store.apply("permits unused", change).await.map(drop)
    }

    /// The change that counts a bounce for good, or a complaint: to be committed once with what makes it happen once.
    pub fn came_back(kind: PauseReason, now: Timestamp) -> Change {
        let counter = counters::came_back_on_day(kind, day_of(now));
        Change::of(keys::sending(), format!("ADD #{counter} :one")).with(":one", number(1))
    }

    /// Pauses sending if too much came back. The event that tells of it leaves in the same transaction. What is due is found again
    /// each time that something comes back, so a pause that was missed is made up for.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn judge(&self, now: Timestamp) -> Result<Option<PauseReason>, Failure> {
        let known = self.known().await?;
        let came_back = known.came_back(now);
        let Some(reason) = sending::verdict(&self.rules, came_back).filter(|_| known.paused_at.is_none()) else {
            return Ok(None);
        };
        let paused = Change::of(keys::sending(), format!("SET #{PAUSED_AT} = :now, #{PAUSED_FOR} = :reason"))
            .only_if(format!("attribute_not_exists(#{PAUSED_AT})"))
            .with(":now", number(now.as_second()))
            .with(":reason", string(reason.as_str()));
        let event = Waiting::sending_paused(reason, came_back, now)?;
        let actions = vec![self.store.change(paused)?, self.store.put_over(&event)?];
        match self.store.commit("sending pause", actions).await? {
            Commit::Done => {
                let CameBack { sends, bounces, complaints } = came_back;
                tracing::error!(reason = reason.as_str(), sends, bounces, complaints, "sending paused by itself");
                Ok(Some(reason))
            }
            Commit::Refused(_) => Ok(None),
        }
    }
}

/// The permits that a write has taken, whose last one ends at `after`.
fn instants(after: i64, count: i64, spacing: i64) -> Vec<Timestamp> {
    let at = |number: i64| Timestamp::from_microsecond(after - (count - number) * spacing).unwrap_or(Timestamp::MAX);
    (0..count).map(at).collect()
}

/// Permits about to be taken.
struct Taking<'a> {
    rules: &'a SendingRules,
    line: Line,
    known: &'a Known,
    now: Timestamp,
    until: Timestamp,
}

impl Taking<'_> {
    /// The write that takes up to so many, and how many; none if the first one would come too late.
    fn change(&self, allowed: i64) -> Option<(Change, i64)> {
        let (now, until) = (self.now.as_microsecond(), self.until.as_microsecond());
        let spacing = spacing_us(self.rules.rate_per_second);
        let waits = self.known.next_at.map(Timestamp::as_microsecond).filter(|next| *next >= now);
        let room = until - waits.unwrap_or(now);
        let count = if room < 0 { return None } else { allowed.min(room / spacing + 1) };
        let span = number(count * spacing);
        let change = match waits {
            Some(_) => {
                self.counted(count, "SET #next_at_us = #next_at_us + :span", "#next_at_us BETWEEN :now AND :latest")
            }
            None => self.counted(
                count,
                "SET #next_at_us = :now + :span",
                "(attribute_not_exists(#next_at_us) OR #next_at_us < :now)",
            ),
        };
        let latest = waits.map(|_| (":latest".to_owned(), number(until - (count - 1) * spacing)));
        let change = change.with(":now", number(now)).with(":span", span);
        Some((latest.into_iter().fold(change, |change, (name, value)| change.with(name, value)), count))
    }

    /// With the counters, on condition that the quota still has room and sending is not paused.
    fn counted(&self, count: i64, moved: &str, still: &str) -> Change {
        let (hour, day) = (hour_of(self.now), day_of(self.now));
        let (in_hour, on_day) = (counters::sent_in_hour(hour), counters::sent_on_day(day));
        let sent = self.known.sent(self.now);
        let before = sent.within_a_day - self.known.counters.in_hour(hour);
        let quota = sending::quota(self.rules, self.line, sent.days_since_first);
        let old = self.known.counters.older_than(self.now).map(|name| format!("#{name}")).collect::<Vec<_>>();
        let forget = if old.is_empty() { String::new() } else { format!(" REMOVE {}", old.join(", ")) };
        let unpaused = match self.line {
            Line::Nurture => format!(" AND attribute_not_exists(#{PAUSED_AT})"),
            Line::Sales => String::new(),
        };
        // A ramp begins with the first mail to a contact: sales may hear of its leads weeks before.
        let begins = match self.line {
            Line::Nurture => format!(", #{FIRST_DAY} = if_not_exists(#{FIRST_DAY}, :day)"),
            Line::Sales => String::new(),
        };
        let change =
            Change::of(keys::sending(), format!("{moved}{begins}{forget} ADD #{in_hour} :count, #{on_day} :count"))
                .only_if(format!("{still} AND (attribute_not_exists(#{in_hour}) OR #{in_hour} <= :room){unpaused}"));
        let change = if begins.is_empty() { change } else { change.with(":day", number(day)) };
        change.with(":count", number(count)).with(":room", AttributeValue::N((quota - before - count).to_string()))
    }
}
