//! Calendar and fiscal quarters.
//!
//! "Once per product per quarter" needs a quarter that means the same in every function: it is taken from when an
//! engagement happened, never from when it was processed, in the playbook's zone.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// How the year is cut into quarters.
#[derive(Clone, Debug)]
pub struct QuarterRule {
    /// The first month of the fiscal year, 1–12; 1 makes calendar quarters.
    pub first_month: i8,
    /// The zone in which a quarter starts at midnight.
    pub zone: TimeZone,
}

/// A quarter. A fiscal year carries the number of the calendar year in which it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter {
    /// The (fiscal) year.
    pub year: i16,
    /// 1–4.
    pub number: i8,
}

impl QuarterRule {
    /// The quarter that holds this instant.
    pub fn of(&self, at: Timestamp) -> Quarter {
        let date = at.to_zoned(self.zone.clone()).date();
        let months_in = (date.month() - self.first_month).rem_euclid(12);
        let ends_next_year = self.first_month > 1 && date.month() >= self.first_month;
        Quarter { year: date.year() + i16::from(ends_next_year), number: months_in / 3 + 1 }
    }

    /// The first instant after `at` at which a quarter begins; the end of time if calendars end before.
    pub fn next_start(&self, at: Timestamp) -> Timestamp {
        let date = at.to_zoned(self.zone.clone()).date();
        let months_left = 3 - (date.month() - self.first_month).rem_euclid(3);
        let first = date.first_of_month().checked_add(months_left.months());
        // A midnight that the zone skips is taken as the instant after the gap.
        let start = first.and_then(|first| first.to_zoned(self.zone.clone()));
        start.map_or(Timestamp::MAX, |start| start.timestamp())
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.year, self.number)
    }
}

/// The text is not a quarter such as `2026-Q4`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a quarter such as 2026-Q4")]
pub struct NotAQuarter;

impl FromStr for Quarter {
    type Err = NotAQuarter;

    fn from_str(text: &str) -> Result<Self, NotAQuarter> {
        let (year, number) = text.split_once("-Q").ok_or(NotAQuarter)?;
        let quarter =
            Self { year: year.parse().map_err(|_| NotAQuarter)?, number: number.parse().map_err(|_| NotAQuarter)? };
        if (1..=4).contains(&quarter.number) { Ok(quarter) } else { Err(NotAQuarter) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quarter_follows_the_zone_and_the_fiscal_year() {
        let check = |first_month, zone: &str, instant: &str, expected: &str| {
            let rule = QuarterRule { first_month, zone: TimeZone::get(zone).unwrap() };
            let quarter = rule.of(instant.parse().unwrap());
            assert_eq!(quarter.to_string(), expected, "{first_month} {zone} {instant}");
            assert_eq!(expected.parse(), Ok(quarter));
        };
        check(1, "UTC", "2026-03-31T23:59:59.999Z", "2026-Q1");
        check(1, "UTC", "2026-04-01T00:00:00Z", "2026-Q2");
        check(1, "Europe/Berlin", "2026-03-31T22:00:00Z", "2026-Q2");
        check(1, "America/New_York", "2027-01-01T04:59:59Z", "2026-Q4");
        check(2, "UTC", "2026-01-31T00:00:00Z", "2026-Q4");
        check(2, "UTC", "2026-02-01T00:00:00Z", "2027-Q1");
        check(10, "UTC", "2026-10-01T00:00:00Z", "2027-Q1");
        check(10, "UTC", "2026-09-30T23:00:00Z", "2026-Q4");
    }

    #[test]
    fn a_quarter_begins_at_midnight_in_its_zone() {
        let check = |first_month, zone: &str, instant: &str, expected: &str| {
            let rule = QuarterRule { first_month, zone: TimeZone::get(zone).unwrap() };
            let at = instant.parse().unwrap();
            let start = rule.next_start(at);
            assert_eq!(start.to_string(), expected, "{first_month} {zone} {instant}");
            assert_ne!(rule.of(start), rule.of(at));
            assert_eq!(rule.of(start - jiff::SignedDuration::from_nanos(1)), rule.of(at));
        };
        check(1, "UTC", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z");
        check(1, "UTC", "2026-03-31T23:59:59.999Z", "2026-04-01T00:00:00Z");
        check(1, "UTC", "2026-12-15T00:00:00Z", "2027-01-01T00:00:00Z");
        check(1, "Europe/Berlin", "2026-03-31T21:59:59Z", "2026-03-31T22:00:00Z");
        check(2, "UTC", "2026-01-15T00:00:00Z", "2026-02-01T00:00:00Z");
        check(12, "UTC", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z");
        let rule = QuarterRule { first_month: 1, zone: TimeZone::UTC };
        assert_eq!(rule.next_start(Timestamp::MAX), Timestamp::MAX);
    }

    #[test]
    fn what_is_not_a_quarter_is_refused() {
        for text in ["", "2026", "2026-Q0", "2026-Q5", "2026-4", "x-Q1"] {
            assert_eq!(text.parse::<Quarter>(), Err(NotAQuarter), "{text}");
        }
    }
}
