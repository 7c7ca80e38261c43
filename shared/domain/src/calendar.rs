//! The team's working days, and the daily check at a fixed local time.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// A year without a working day is a playbook that was refused; the bound keeps a decision from hanging.
const MOST_DAYS_OFF: u32 = 400;

/// When the team works.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// The team's zone.
    pub zone: TimeZone,
    /// Days of the week on which it works; never empty.
    pub working_days: BTreeSet<Day>,
    /// Dates on which it does not.
    pub holidays: BTreeSet<Date>,
    /// When the daily check runs.
    pub check_at: Time,
}

/// A day of the week that can be ordered: Monday first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i8);

impl From<Weekday> for Day {
    fn from(weekday: Weekday) -> Self {
        Self(weekday.to_monday_zero_offset())
    }
}

/// As the playbook names it: `mon`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        f.write_str(usize::try_from(self.0).ok().and_then(|day| names.get(day).copied()).unwrap_or_default())
    }
}

impl Calendar {
    /// The local date of an instant.
    pub fn date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The first instant of a local date.
    pub fn start_of(&self, date: Date) -> Timestamp {
        self.at(date, Time::midnight())
    }

    /// Whether the team works on this date.
    pub fn works_on(&self, date: Date) -> bool {
        self.working_days.contains(&Day::from(date.weekday())) && !self.holidays.contains(&date)
    }

    /// The first daily check on a working day at or after an instant.
    pub fn next_check(&self, from: Timestamp) -> Timestamp {
        let mut date = self.date(from);
        for _ in 0..MOST_DAYS_OFF {
            let check = self.at(date, self.check_at);
            if check >= from && self.works_on(date) {
                return check;
            }
            date = date.saturating_add(1.day());
        }
        from
    }

    /// The instant at which so many working hours have passed since another; the end of time if there is none.
    ///
    /// Only working days count, and of those all 24 local hours: 23 or 25 on the days on which the clocks change. From a day off
    /// the hours count from the next working day's first instant. So 24 hours after Friday 15:00 is Monday 15:00, and after any
    /// time of a Saturday the end of Monday. Fewer than no hours are none.
    pub fn after_working_hours(&self, at: Timestamp, hours: i64) -> Timestamp {
        let Some(mut left) = hours.max(0).checked_mul(60 * 60).map(SignedDuration::from_secs) else {
            return Timestamp::MAX;
        };
        // So far away is no deadline; and no walk from day to day takes longer than this.
        if at.checked_add(left).is_err() {
            return Timestamp::MAX;
        }
        let (mut date, mut days_off) = (self.date(at), 0);
        // As in `next_check`, a playbook without working days keeps no decision from ending.
        while days_off < MOST_DAYS_OFF {
            let next = date.saturating_add(1.day());
            if next == date {
                break;
            }
            if self.works_on(date) {
                let (begins, ends) = (self.start_of(date).max(at), self.start_of(next));
                let today = begins.duration_until(ends).max(SignedDuration::ZERO);
                if left <= today {
                    return later(begins, left);
                }
                (left, days_off) = (left - today, 0);
            } else {
                days_off += 1;
            }
            date = next;
        }
        Timestamp::MAX
    }

    /// A local time that a daylight-saving change skips is taken as the instant after the gap.
    fn at(&self, date: Date, time: Time) -> Timestamp {
        self.zone
            .to_ambiguous_zoned(date.to_datetime(time))
            .compatible()
            .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }
}

/// So many days of 24 hours after an instant; the end of time if there is no such instant, since a decision cannot fail.
pub fn days_after(at: Timestamp, days: i64) -> Timestamp {
    later(at, SignedDuration::from_secs(days.saturating_mul(24 * 60 * 60)))
}

/// An instant so much later; the end of time if there is none.
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_counts_the_hours_of_working_days_only() {
        let calendar = |days: &str, holidays: &[&str]| Calendar {
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            working_days: days.split(' ').map(|day| Day(day.parse().unwrap())).collect(),
            holidays: holidays.iter().map(|date| date.parse().unwrap()).collect(),
            check_at: "08:00".parse().unwrap(),
        };
        let week = "0 1 2 3 4";
        for (days, holidays, at, hours, expected) in [
            // Berlin is at UTC+1 until 29 March and then at UTC+2. A Tuesday, then a Friday, 15:00.
            (week, &[][..], "2026-03-17T14:00:00Z", 24, "2026-03-18T14:00:00Z"),
            (week, &[], "2026-03-20T14:00:00Z", 24, "2026-03-23T14:00:00Z"),
            (week, &[], "2026-03-20T14:00:00Z", 72, "2026-03-25T14:00:00Z"),
            // Saturday noon: from Monday 00:00 to the end of Monday.
            (week, &[], "2026-03-21T11:00:00Z", 24, "2026-03-23T23:00:00Z"),
            (week, &[], "2026-03-21T11:00:00Z", 0, "2026-03-22T23:00:00Z"),
            // The end of a week is the first second of Saturday.
            (week, &[], "2026-03-19T23:00:00Z", 24, "2026-03-20T23:00:00Z"),
            // Good Friday and Easter Monday: from Thursday to Tuesday.
            (week, &["2026-04-03", "2026-04-06"], "2026-04-02T10:00:00Z", 24, "2026-04-07T10:00:00Z"),
            (week, &["2026-04-03", "2026-04-06"], "2026-04-03T10:00:00Z", 24, "2026-04-07T22:00:00Z"),
            // Over the change of the clocks: Friday 15:00 is followed by Monday 15:00, of summer time.
            (week, &[], "2026-03-27T14:00:00Z", 24, "2026-03-30T13:00:00Z"),
            // Who works on Sundays has an hour less on this one, and one more on 25 October.
            ("6", &[], "2026-03-28T23:00:00Z", 23, "2026-03-29T22:00:00Z"),
            ("6", &[], "2026-03-28T23:00:00Z", 24, "2026-04-04T23:00:00Z"),
            ("6", &[], "2026-10-24T22:00:00Z", 25, "2026-10-25T23:00:00Z"),
            // Fewer than no hours are none; so many that there is no such instant end with time itself.
            (week, &[], "2026-03-17T14:00:00Z", -5, "2026-03-17T14:00:00Z"),
        ] {
            let seen = calendar(days, holidays).after_working_hours(at.parse().unwrap(), hours);
            assert_eq!(seen.to_string(), expected, "{hours} h after {at}, {days}");
        }
    }

    #[test]
    fn the_next_check_is_on_a_working_day_in_the_teams_zone() {
        let calendar = Calendar {
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            working_days: [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday]
                .map(Day::from)
                .into(),
            holidays: BTreeSet::from(["2026-12-25".parse().unwrap()]),
            check_at: "08:00".parse().unwrap(),
        };
        for (from, check) in [
            // Winter: UTC+1.
            ("2026-01-07T06:59:59Z", "2026-01-07T07:00:00Z"),
            ("2026-01-07T07:00:00Z", "2026-01-07T07:00:00Z"),
            ("2026-01-07T07:00:01Z", "2026-01-08T07:00:00Z"),
            // Friday evening to Monday.
            ("2026-01-09T18:00:00Z", "2026-01-12T07:00:00Z"),
            // Over the change to summer time on 29 March.
            ("2026-03-27T12:00:00Z", "2026-03-30T06:00:00Z"),
            // Christmas Day is a Friday.
            ("2026-12-24T12:00:00Z", "2026-12-28T07:00:00Z"),
        ] {
            let from: Timestamp = from.parse().unwrap();
            assert_eq!(calendar.next_check(from).to_string(), check, "{from}");
        }
    }
}
