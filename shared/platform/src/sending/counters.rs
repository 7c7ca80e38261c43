//! The counters of the line: one attribute for each hour and day, so that adding to one needs no read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_domain::sending::{CameBack, JUDGED_DAYS, PauseReason, QUOTA_HOURS};

use crate::store::{Item, integer};

const HOUR: &str = "sent_hour_";
const SENDS: &str = "sends_";
const BOUNCES: &str = "bounces_";
const COMPLAINTS: &str = "complaints_";

/// Hours since the Unix epoch.
pub(super) fn hour_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3_600)
}

/// Days since the Unix epoch (UTC).
pub(super) fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

pub(super) fn sent_in_hour(hour: i64) -> String {
    format!("{HOUR}{hour}")
}

pub(super) fn sent_on_day(day: i64) -> String {
    format!("{SENDS}{day}")
}

pub(super) fn came_back_on_day(kind: PauseReason, day: i64) -> String {
    match kind {
        PauseReason::Bounces => format!("{BOUNCES}{day}"),
        PauseReason::Complaints => format!("{COMPLAINTS}{day}"),
    }
}

/// The names of all counters by day.
pub(super) fn days(item: &Item) -> impl Iterator<Item = &String> {
    item.keys().filter(|name| [SENDS, BOUNCES, COMPLAINTS].iter().any(|prefix| name.starts_with(prefix)))
}

/// What was sent, and what came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, i64>);

impl Counters {
    pub(super) fn read(item: &Item) -> Self {
        let counters = item.keys().filter(|name| period(name).is_some());
        Self(counters.filter_map(|name| Some((name.clone(), integer(item, name)?))).collect())
    }

    fn of(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Messages of an hour.
    pub(super) fn in_hour(&self, hour: i64) -> i64 {
        self.of(&sent_in_hour(hour))
    }

    /// Messages of the running hour and the 24 before it: the oldest of them lies in the day in part, and counts whole.
    pub fn within_a_day(&self, now: Timestamp) -> i64 {
        (hour_of(now) - QUOTA_HOURS..=hour_of(now)).map(|hour| self.in_hour(hour)).sum()
    }

    /// What was sent and came back on the days that are judged.
    pub fn came_back(&self, now: Timestamp) -> CameBack {
        let days = || day_of(now) - JUDGED_DAYS + 1..=day_of(now);
        let count = |name: &dyn Fn(i64) -> String| days().map(|day| self.of(&name(day))).sum();
        CameBack {
            sends: count(&sent_on_day),
            bounces: count(&|day| came_back_on_day(PauseReason::Bounces, day)),
            complaints: count(&|day| came_back_on_day(PauseReason::Complaints, day)),
        }
    }

    /// The names of those that nothing asks for any more.
    pub(super) fn older_than(&self, now: Timestamp) -> impl Iterator<Item = &String> {
        let (hour, day) = (hour_of(now) - QUOTA_HOURS, day_of(now) - JUDGED_DAYS);
        self.0.keys().filter(move |name| {
            let oldest = if name.starts_with(HOUR) { hour } else { day };
            // Not at once: a sender whose clock is behind may still add to it.
            period(name).is_some_and(|period| period < oldest - 1)
        })
    }
}

/// The hour or day of a counter.
fn period(name: &str) -> Option<i64> {
    let prefixes = [HOUR, SENDS, BOUNCES, COMPLAINTS];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?.parse().ok()
}
