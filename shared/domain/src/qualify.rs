//! Qualification: a threshold was reached; is this a product MQL, and how urgent?
//!
//! The quarter comes from when the engagement happened. That there is at most one lead per contact, product and quarter is
//! guarded where it is committed; this module decides what the lead is, or why it must wait.
//!
//! What ends a wait on a day ends when that day begins for the team: the day's first run makes the lead.

mod earlier;
mod kind;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::calendar::{Calendar, days_after};
use crate::fit::{self, Fit, FitRules};
use crate::ids::{ProductId, RepId};
use crate::interest::{Reached, Score, instant};
use crate::lead::Priority;
use crate::profile::{Account, Contact, Health};
use crate::sorting::{self, SortingRules, SortingScore, Temperature};

pub use earlier::{EarlierLead, GivenBack, is_over};
pub use kind::Kind;

/// What qualification depends on besides the score.
#[derive(Clone, Debug)]
pub struct QualifyRules {
    /// The sorting score.
    pub sorting: SortingRules,
    /// Days of usage before cross-sell starts; six months by the source of the practice.
    pub new_customer_days: i64,
    /// Fit.
    pub fit: FitRules,
}

/// The state a qualification is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// For which product.
    pub product: &'a ProductId,
    /// The threshold that holds for it.
    pub threshold: i64,
    /// The score at now.
    pub score: &'a Score,
    /// How the quarter in question was reached.
    pub reached: Reached,
    /// The contact, if identified.
    pub contact: Option<&'a Contact>,
    /// Its account, if known.
    pub account: Option<&'a Account>,
    /// What sales said of earlier leads for the product.
    pub given_back: GivenBack,
    /// Whether the contact has chosen to get no calls that sell anything.
    pub wants_no_calls: bool,
}

/// Why a lead must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldReason {
    /// Nobody has said yet who this is.
    NotIdentified,
    /// The contact's account is not known, so nobody owns the lead.
    NoAccount,
    /// The account has no owner to hand it to.
    NoOwner,
    /// The account is at risk of churning.
    AtRisk,
    /// The account owns the product, and nobody has asked for more of it: its upsell stream is for that.
    Owned,
    /// The account is a customer for less than six months.
    NewCustomer,
    /// Sales gave a lead for the product back, or lost it, in this quarter.
    RecycledThisQuarter,
    /// Sales gave a lead for the product back until a date that has not come.
    RecycledUntil,
    /// The contact has chosen to get no calls.
    NoCalls,
}

impl HeldReason {
    /// The name in storage and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotIdentified => "not identified",
            Self::NoAccount => "account unknown",
            Self::NoOwner => "account without owner",
            Self::AtRisk => "account at risk",
            Self::Owned => "product owned",
            Self::NewCustomer => "new customer",
            Self::RecycledThisQuarter => "recycled this quarter",
            Self::RecycledUntil => "recycled until a date",
            Self::NoCalls => "no consent to be called",
        }
    }
}

impl fmt::Display for HeldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything a rep needs to sort a lead by, frozen when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qualified {
    /// What it is about.
    pub kind: Kind,
    /// How soon.
    pub priority: Priority,
    /// Fit, line by line.
    pub fit: Fit,
    /// Engagement, 0..=100.
    pub engagement: i64,
    /// The one score that leads are sorted by, and its split.
    pub sorting: SortingScore,
    /// Whose lead it is.
    pub owner: RepId,
    /// Whether the account is new: an Act Now that went through all the same.
    pub new_customer: bool,
}

/// What becomes of a reached threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A lead, now.
    Qualified(Box<Qualified>),
    /// Not yet; ask again at this instant.
    Held {
        /// When to ask again.
        until: Timestamp,
        /// Why not now.
        reason: HeldReason,
    },
}

/// What becomes of a reached threshold at `now`. The calendar says when days begin.
///
/// An Act Now goes through where interest waits: for a new customer, for somebody who wants no calls and has asked all the same, and
/// for more of what is owned. For an account at risk it waits too, and where sales has given a lead back.
pub fn decide(rules: &QualifyRules, calendar: &Calendar, snapshot: &Snapshot<'_>, now: Timestamp) -> Decision {
    // Where nobody knows when its reason ends, it is asked again by the next day's run, at whatever hour that comes.
    let tomorrow = calendar.start_of(calendar.date(now).saturating_add(1.day()));
    let held = |reason| Decision::Held { until: tomorrow, reason };
    let Some(contact) = snapshot.contact else { return held(HeldReason::NotIdentified) };
    let Some(account) = snapshot.account else { return held(HeldReason::NoAccount) };
    if account.health == Health::AtRisk {
        return held(HeldReason::AtRisk);
    }
    let act_now = snapshot.reached.act_now;
    let owned = account.owns.get(snapshot.product).is_some_and(|since| *since <= now);
    if owned && !act_now {
        return held(HeldReason::Owned);
    }
    // Also an Act Now: the quarter is used up.
    if snapshot.given_back.this_quarter {
        return held(HeldReason::RecycledThisQuarter);
    }
    let day_of = |at| not_yet(calendar, at, now);
    if let Some(until) = snapshot.given_back.until.and_then(day_of) {
        return Decision::Held { until, reason: HeldReason::RecycledUntil };
    }
    let new_until = account.customer_since.map(|since| days_after(since, rules.new_customer_days)).and_then(day_of);
    if let Some(until) = new_until.filter(|_| !act_now) {
        return Decision::Held { until, reason: HeldReason::NewCustomer };
    }
    if snapshot.wants_no_calls && !act_now {
        return held(HeldReason::NoCalls);
    }
    let Some(owner) = account.owner.clone() else { return held(HeldReason::NoOwner) };

    let Sorted { fit, engagement, sorting } =
        sort(rules, snapshot.score, snapshot.threshold, Some(contact), Some(account));
    let (priority, new_customer) = (priority(snapshot, &sorting, now), new_until.is_some());
    let kind = if owned { Kind::Upsell } else { Kind::CrossSell };
    Decision::Qualified(Box::new(Qualified { kind, priority, fit, engagement, sorting, owner, new_customer }))
}

/// Where a lead stands in the list, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// Fit, line by line.
    pub fit: Fit,
    /// Engagement, 0..=100.
    pub engagement: i64,
    /// The one score that leads are sorted by, and its split.
    pub sorting: SortingScore,
}

/// What a lead is sorted by: who it is, and the score, of which the threshold is the measure.
pub fn sort(
    rules: &QualifyRules,
    score: &Score,
    threshold: i64,
    contact: Option<&Contact>,
    account: Option<&Account>,
) -> Sorted {
    let fit = fit::evaluate(&rules.fit, contact, account);
    let engagement = sorting::engagement(score.points, threshold);
    let sorting = sorting::evaluate(&rules.sorting, fit.points, engagement);
    Sorted { fit, engagement, sorting }
}

/// The beginning of an instant's day, if that day has not come. A day that was told without an hour is kept as its midnight in UTC,
/// which west of it is still the day before: that day is meant.
fn not_yet(calendar: &Calendar, at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let in_utc = at.to_zoned(TimeZone::UTC);
    let is_midnight = in_utc.start_of_day().is_ok_and(|start| start == in_utc);
    let date = if is_midnight { in_utc.date() } else { calendar.date(at) };
    Some(calendar.start_of(date)).filter(|day| *day > now)
}

fn priority(snapshot: &Snapshot<'_>, sorting: &SortingScore, now: Timestamp) -> Priority {
    let call_now = snapshot.score.last_call_now_second;
    if snapshot.reached.act_now {
        Priority::ActNow
    } else if sorting.temperature == Temperature::Hot {
        Priority::Hot
    } else if call_now.is_some_and(|second| days_after(instant(second), 14) >= now) {
        Priority::CallNow
    } else {
        Priority::Mql
    }
}
