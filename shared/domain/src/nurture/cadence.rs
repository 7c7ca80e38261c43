//! How often, and at what hour: gap, cap, the break after a bounce, and send window.
//!
//! Owns the days of a person's mail. Gap and cap are counted in local days of the team's zone, not in seconds, so that a
//! mail sent at 09:00:07 does not push the next one to the day after. The send window is the contact's: hours and weekday
//! of their own zone, on days on which the team works.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::{NurtureRules, Silence, Snapshot};
use crate::calendar::Calendar;

/// At most so many mails in so many days, whatever the gap: mail of other systems counts, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Days with mail; several mails on one day count once.
    pub mails: usize,
    /// In so many days, today included.
    pub days: i64,
}

/// The hours of a day in which mail goes out, where the contact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From then on.
    pub from: Time,
    /// Until then, which no longer counts; later than `from`.
    pub to: Time,
}

impl Window {
    /// The first instant at or after `at` on a working day within these hours in a zone; `at` itself where there is none
    /// for more than a year, which no sound playbook has.
    pub fn opening(&self, calendar: &Calendar, zone: &TimeZone, at: Timestamp) -> Timestamp {
        let mut date = at.to_zoned(zone.clone()).date();
        for _ in 0..400 {
            if calendar.works_on(date) && at < instant(zone, date, self.to) {
                return at.max(instant(zone, date, self.from));
            }
            date = date.saturating_add(1.day());
        }
        at
    }
}

/// A local time that a daylight-saving change skips is taken as the instant after the gap.
fn instant(zone: &TimeZone, date: Date, time: Time) -> Timestamp {
    let zoned = zone.to_ambiguous_zoned(date.to_datetime(time)).compatible();
    zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

pub(super) fn later(date: Date, days: i64) -> Date {
    // A period that no calendar holds ends with the calendar.
    jiff::Span::new().try_days(days).map_or(Date::MAX, |span| date.saturating_add(span))
}

/// The days around a slot, as one person's decision sees them.
pub(super) struct Days<'a> {
    rules: &'a NurtureRules,
    calendar: &'a Calendar,
    zone: &'a TimeZone,
    pub now: Timestamp,
    /// The team's date.
    pub today: Date,
    /// When the person's next slot is, where nothing else says so.
    pub next_slot: Timestamp,
}

impl<'a> Days<'a> {
    pub fn new(rules: &'a NurtureRules, calendar: &'a Calendar, zone: Option<&'a TimeZone>, now: Timestamp) -> Self {
        let today = calendar.date(now);
        let zone = zone.unwrap_or(&calendar.zone);
        let mut days = Self { rules, calendar, zone, now, today, next_slot: now };
        days.next_slot = days.on(later(today, rules.gap_days.max(1)));
        days
    }

    /// The team's date of an instant.
    pub fn date(&self, at: Timestamp) -> Date {
        self.calendar.date(at)
    }

    /// The first opening on a date of the team's or after it.
    pub fn on(&self, date: Date) -> Timestamp {
        self.opening(self.calendar.start_of(date))
    }

    pub fn opening(&self, at: Timestamp) -> Timestamp {
        self.rules.window.opening(self.calendar, self.zone, at.max(self.now))
    }

    /// Why nothing can go out at this hour, and when something can.
    pub fn closed(&self) -> Option<(Silence, Timestamp)> {
        let opening = self.opening(self.now);
        let works = self.calendar.works_on(self.now.to_zoned(self.zone.clone()).date());
        let reason = if works { Silence::SendWindow } else { Silence::DayOff };
        (opening > self.now).then_some((reason, opening))
    }

    /// Why the person has had enough, and until when.
    pub fn full(&self, snapshot: &Snapshot<'_>) -> Option<(Silence, Timestamp)> {
        let gap = gap_days(self.rules, snapshot);
        let free = snapshot.last_mail_on.map(|date| later(date, gap)).filter(|free| *free > self.today);
        if let Some(free) = free {
            return Some((Silence::Capped, self.on(free)));
        }
        let free = self.rules.cap.free_on(snapshot.mail_days, self.today)?;
        Some((Silence::CapReached, self.on(free)))
    }

    /// Until when an address is left alone to which mail bounced and may not bounce again: the gap from that day on, and some more.
    pub fn in_trouble(&self, snapshot: &Snapshot<'_>) -> Option<(Silence, Timestamp)> {
        let trouble = snapshot.trouble?;
        let bounced_on = self.date(crate::interest::instant(trouble.last_at));
        let days = gap_days(self.rules, snapshot).saturating_add(trouble.extra_days());
        let free = later(bounced_on, days);
        (free > self.today).then(|| (Silence::Bounced, self.on(free)))
    }
}

/// Days between two mails to this person, at least: the playbook's gap, or the longer one that the person asked for.
pub fn gap_days(rules: &NurtureRules, snapshot: &Snapshot<'_>) -> i64 {
    rules.gap_days.max(snapshot.wishes.frequency.gap_days())
}

impl Cap {
    /// The first date on which one more mail is within the cap; `None` if that is today.
    fn free_on(self, mail_days: &BTreeSet<Date>, today: Date) -> Option<Date> {
        let counted: Vec<Date> = mail_days.range(..=today).rev().copied().take(self.mails).collect();
        // The oldest of the last so many mails has to be out of sight before the next one.
        let oldest = counted.last().filter(|_| counted.len() == self.mails)?;
        Some(later(*oldest, self.days)).filter(|free| *free > today)
    }
}
