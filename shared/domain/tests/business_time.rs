//! What must hold of a deadline in business time, whatever the calendar and whenever it begins.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_domain::calendar::{Calendar, Day};
use proptest::prelude::*;

/// With and without daylight saving, on both halves of the earth, of half an hour, and where midnight is what is skipped.
const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Cairo",
    "America/Havana",
];

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

fn calendar(zone: &str, days: impl IntoIterator<Item = Weekday>, holidays: BTreeSet<Date>) -> Calendar {
    Calendar {
        zone: TimeZone::get(zone).unwrap(),
        working_days: days.into_iter().map(Day::from).collect(),
        holidays,
        check_at: "08:00".parse().unwrap(),
    }
}

fn any_calendar() -> impl Strategy<Value = Calendar> {
    let days = proptest::sample::subsequence(WEEK.to_vec(), 1..=7);
    let holidays = proptest::collection::btree_set(0..400_i64, 0..40);
    (proptest::sample::select(ZONES.to_vec()), days, holidays).prop_map(|(zone, days, holidays)| {
        let first = Date::constant(2025, 12, 20);
        calendar(zone, days, holidays.into_iter().map(|day| first.saturating_add(day.days())).collect())
    })
}

/// A quarter of an hour within 2026: clocks change at such instants.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    let first: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    (0..365 * 96_i64).prop_map(move |quarters| first + SignedDuration::from_mins(15 * quarters))
}

proptest! {
    #[test]
    fn a_later_beginning_or_a_longer_time_never_ends_earlier(
        calendar in any_calendar(), at in any_instant(), hours in 0..200_i64, minutes in 0..20_000_i64, more in 0..50_i64,
    ) {
        let ends = calendar.after_working_hours(at, hours);
        prop_assert!(ends >= at);
        prop_assert!(calendar.after_working_hours(at + SignedDuration::from_mins(minutes), hours) >= ends);
        prop_assert!(calendar.after_working_hours(at, hours + more) >= ends);
        // One part after the other is the whole.
        if hours > 0 && more > 0 {
            prop_assert_eq!(calendar.after_working_hours(ends, more), calendar.after_working_hours(at, hours + more));
        }
    }

    #[test]
    fn where_every_day_is_a_working_day_it_is_the_time_of_the_clock(
        zone in proptest::sample::select(ZONES.to_vec()), at in any_instant(), hours in 0..2_000_i64,
    ) {
        let calendar = calendar(zone, WEEK, BTreeSet::new());
        prop_assert_eq!(calendar.after_working_hours(at, hours), at + SignedDuration::from_hours(hours));
    }

    #[test]
    fn it_ends_on_a_working_day_or_with_one(calendar in any_calendar(), at in any_instant(), hours in 1..200_i64) {
        let ends = calendar.after_working_hours(at, hours);
        let date = calendar.date(ends);
        let with_one = calendar.start_of(date) == ends && calendar.works_on(date.yesterday().unwrap());
        prop_assert!(calendar.works_on(date) || with_one, "{ends}");
    }

    /// Counted by hand, as it were: every quarter of an hour is on a working day or is not.
    #[test]
    fn so_many_hours_of_working_days_lie_between(calendar in any_calendar(), at in any_instant(), hours in 0..60_i64) {
        let ends = calendar.after_working_hours(at, hours);
        let (mut quarter, mut worked) = (at, 0);
        while quarter < ends {
            worked += i64::from(calendar.works_on(calendar.date(quarter)));
            quarter += SignedDuration::from_mins(15);
        }
        prop_assert_eq!(worked, 4 * hours);
    }
}

#[test]
fn what_has_no_end_ends_with_time_itself() {
    let week = || calendar("Europe/Berlin", WEEK.into_iter().take(5), BTreeSet::new());
    let at: Timestamp = "2026-03-17T14:00:00Z".parse().unwrap();
    for (what, calendar, at, hours) in [
        ("more hours than there are", week(), at, i64::MAX),
        ("more hours than are left", week(), at, 80_000_000),
        ("from the end of time", week(), Timestamp::MAX, 1),
        ("no working day", calendar("UTC", [], BTreeSet::new()), at, 24),
        ("no working day, no hours", calendar("UTC", [], BTreeSet::new()), at, 0),
    ] {
        assert_eq!(calendar.after_working_hours(at, hours), Timestamp::MAX, "{what}");
    }
    assert!(week().after_working_hours(Timestamp::MIN, 24) < at);
}
