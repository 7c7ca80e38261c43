//! The team's working days, and the daily check at a fixed local time.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

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
        // A year without a working day is a playbook that was refused; the bound keeps a decision from hanging.
        for _ in 0..400 {
            let check = self.at(date, self.check_at);
            if check >= from && self.works_on(date) {
                return check;
            }
            date = date.saturating_add(1.day());
        }
        from
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
