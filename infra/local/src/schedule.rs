//! When a schedule fires: `cron(…)`, `rate(…)` and `at(…)` of EventBridge Scheduler.
//!
//! Owns the next instant after a given one. It never reads a clock and never fires anything.
//!
//! # Daylight saving
//! As EventBridge Scheduler documents it: a local time that does not exist (the hour skipped in spring) does not fire
//! on that day; a local time that comes twice (in autumn) fires once, the first time.
//!
//! # Rates
//! On AWS a rate is counted from the schedule's creation. Here it is counted from the Unix epoch, so that the same
//! history gives the same ticks.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use thiserror::Error;

/// A schedule in its time zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    kind: Kind,
    zone: TimeZone,
}

#[derive(Debug, Clone)]
enum Kind {
    Cron(Box<Cron>),
    Rate(SignedDuration),
    Once(Timestamp),
}

#[derive(Debug, Clone)]
struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Days,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
}

#[derive(Debug, Clone)]
enum Days {
    /// Days of the month; the flag is `L`, the last one.
    OfMonth(BTreeSet<i16>, bool),
    /// Days of the week, 1 is Sunday as on AWS.
    OfWeek(BTreeSet<i16>),
    /// The nth (1 to 5) such day of the month.
    Nth(i16, i8),
    /// The last such day of the month.
    LastOfWeek(i16),
}

/// Why an expression cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("schedule `{expression}`: {reason}")]
pub struct ScheduleError {
    /// The expression as written.
    pub expression: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Years are searched this far; a cron expression that does not fire until then never does.
const HORIZON_YEARS: i16 = 12;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Schedule {
    /// Reads an expression in an IANA time zone.
    ///
    /// # Errors
    /// A zone that is not known, a field out of its range, or syntax that is not AWS's (`W` is not implemented).
    pub fn parse(expression: &str, time_zone: &str) -> Result<Self, ScheduleError> {
        let error = |reason: String| ScheduleError { expression: expression.to_owned(), reason };
        let zone = TimeZone::get(time_zone).map_err(|_| error(format!("the time zone `{time_zone}` is not known")))?;
        let (kind, argument) = expression
            .trim()
            .strip_suffix(')')
            .and_then(|head| head.split_once('('))
            .ok_or_else(|| error("must be cron(…), rate(…) or at(…)".into()))?;
        let kind = match kind {
            "cron" => Kind::Cron(Box::new(Cron::parse(argument).map_err(error)?)),
            "rate" => Kind::Rate(parse_rate(argument).map_err(error)?),
            "at" => {
                let local: DateTime = argument.parse().map_err(|_| error("at() needs yyyy-mm-ddThh:mm:ss".into()))?;
                let at = local.to_zoned(zone.clone()).map_err(|cause| error(cause.to_string()))?;
                Kind::Once(at.timestamp())
            }
            other => return Err(error(format!("`{other}` is not cron, rate or at"))),
        };
        Ok(Self { kind, zone })
    }

    /// Whether this is a `rate(…)`.
    pub fn is_rate(&self) -> bool {
        matches!(self.kind, Kind::Rate(_))
    }

    /// The first firing after `after` (never at it); `None` if it does not fire again.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Once(at) => (*at > after).then_some(*at),
            Kind::Rate(period) => {
                let period = period.as_secs();
                let ticks = after.as_second().div_euclid(period) + 1;
                Timestamp::from_second(ticks * period).ok()
            }
            Kind::Cron(cron) => cron.next_after(after, &self.zone),
        }
    }

    /// The last firing in `(after, until]`.
    pub fn last_between(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        if let Kind::Rate(period) = &self.kind {
            let period = period.as_secs();
            let last = Timestamp::from_second(until.as_second().div_euclid(period) * period).ok()?;
            return (last > after).then_some(last);
        }
        let firings = std::iter::successors(self.next_after(after), |at| self.next_after(*at));
        firings.take_while(|at| *at <= until).last()
    }
}

fn parse_rate(argument: &str) -> Result<SignedDuration, String> {
    let (count, unit) = argument.trim().split_once(' ').ok_or("rate needs a number and a unit")?;
    let count: i64 =
        count.parse().ok().filter(|count| (1..=10_000).contains(count)).ok_or("the number must be 1 or more")?;
    match unit.trim() {
        "minute" | "minutes" => Ok(SignedDuration::from_mins(count)),
        "hour" | "hours" => Ok(SignedDuration::from_hours(count)),
        "day" | "days" => Ok(SignedDuration::from_hours(24 * count)),
        other => Err(format!("`{other}` is not minutes, hours or days")),
    }
}

impl Cron {
    fn parse(argument: &str) -> Result<Self, String> {
        let fields: Vec<&str> = argument.split_whitespace().collect();
        let [minutes, hours, day_of_month, months, day_of_week, years] = fields[..] else {
            return Err(format!("needs six fields, has {}", fields.len()));
        };
        if (day_of_month == "?") == (day_of_week == "?") {
            return Err("exactly one of day-of-month and day-of-week must be `?`".into());
        }
        Ok(Self {
            minutes: parse_field(minutes, 0, 59, &[], 0)?,
            hours: parse_field(hours, 0, 23, &[], 0)?,
            days: if day_of_week == "?" {
                parse_days_of_month(day_of_month)?
            } else {
                parse_days_of_week(day_of_week)?
            },
            months: parse_field(months, 1, 12, &MONTHS, 1)?,
            years: parse_field(years, 1970, 2199, &[], 0)?,
        })
    }

    fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let start = zone.to_datetime(after).date();
        let mut day = start;
        while day.year() <= start.year() + HORIZON_YEARS {
            if !self.years.contains(&day.year()) || !self.months.contains(&i16::from(day.month())) {
                day = day.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.days.contain(day) {
                let times = self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
                let firing = times
                    .filter_map(|(hour, minute)| instant(day.at(hour as i8, minute as i8, 0, 0), zone))
                    .find(|at| *at > after);
                if firing.is_some() {
                    return firing;
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }
}

/// The instant of a local time: none in a gap, the first of a fold.
fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => None,
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
    }
}

impl Days {
    fn contain(&self, day: Date) -> bool {
        let weekday = i16::from(day.weekday().to_sunday_one_offset());
        match self {
            Self::OfMonth(days, last) => days.contains(&i16::from(day.day())) || (*last && day == day.last_of_month()),
            Self::OfWeek(days) => days.contains(&weekday),
            Self::Nth(wanted, nth) => weekday == *wanted && (day.day() - 1) / 7 + 1 == *nth,
            Self::LastOfWeek(wanted) => {
                weekday == *wanted && day.checked_add(7.days()).is_ok_and(|next| next.month() != day.month())
            }
        }
    }
}

fn parse_days_of_month(field: &str) -> Result<Days, String> {
    let (last, plain): (Vec<&str>, Vec<&str>) = field.split(',').partition(|part| *part == "L");
    let days = if plain.is_empty() { BTreeSet::new() } else { parse_field(&plain.join(","), 1, 31, &[], 0)? };
    Ok(Days::OfMonth(days, !last.is_empty()))
}

fn parse_days_of_week(field: &str) -> Result<Days, String> {
    if let Some((day, nth)) = field.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth)).ok_or("`#` counts from 1 to 5")?;
        return Ok(Days::Nth(parse_value(day, 1, 7, &WEEKDAYS, 1)?, nth));
    }
    if field == "L" {
        return Ok(Days::OfWeek(BTreeSet::from([i16::from(Weekday::Saturday.to_sunday_one_offset())])));
    }
    match field.strip_suffix('L').map(|day| parse_value(day, 1, 7, &WEEKDAYS, 1)) {
        Some(Ok(day)) => Ok(Days::LastOfWeek(day)),
        _ => Ok(Days::OfWeek(parse_field(field, 1, 7, &WEEKDAYS, 1)?)),
    }
}

fn parse_field(field: &str, min: i16, max: i16, names: &[&str], first: i16) -> Result<BTreeSet<i16>, String> {
    let mut values = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, step.parse().ok().filter(|step| *step > 0).ok_or_else(|| format!("`{part}` has no step"))?)
            }
            None => (part, 1_usize),
        };
        let (low, high) = match range.split_once('-') {
            _ if range == "*" => (min, max),
            Some((low, high)) => {
                (parse_value(low, min, max, names, first)?, parse_value(high, min, max, names, first)?)
            }
            None => {
                let value = parse_value(range, min, max, names, first)?;
                (value, if part.contains('/') { max } else { value })
            }
        };
        if low <= high {
            values.extend((low..=high).step_by(step));
        } else {
            // A range may wrap, as in FRI-MON.
            let span: Vec<i16> = (low..=max).chain(min..=high).collect();
            values.extend(span.into_iter().step_by(step));
        }
    }
    Ok(values)
}

fn parse_value(text: &str, min: i16, max: i16, names: &[&str], first: i16) -> Result<i16, String> {
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|index| index as i16 + first);
    named
        .or_else(|| text.parse().ok())
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| format!("`{text}` is not between {min} and {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firings(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(expression, zone).unwrap();
        let first = schedule.next_after(after.parse().unwrap());
        std::iter::successors(first, |at| schedule.next_after(*at)).take(count).map(|at| at.to_string()).collect()
    }

    #[test]
    fn it_fires_when_it_says() {
        let check = |expression: &str, zone: &str, after: &str, expected: &[&str]| {
            assert_eq!(firings(expression, zone, after, expected.len()), expected, "{expression} in {zone}");
        };
        check("cron(0 1 ? * MON *)", "UTC", "2026-11-21T19:00:00Z", &["2026-11-23T01:00:00Z", "2026-11-30T01:00:00Z"]);
        check("cron(0 1 ? * 2 *)", "UTC", "2026-11-23T01:00:00Z", &["2026-11-30T01:00:00Z"]);
        // Spring: nine o'clock stays nine o'clock.
        check(
            "cron(0 9 * * ? *)",
            "Europe/Berlin",
            "2026-03-27T12:00:00Z",
            &["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"],
        );
        // Autumn.
        check(
            "cron(0 9 * * ? *)",
            "Europe/Berlin",
            "2026-10-23T12:00:00Z",
            &["2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z"],
        );
        // Half past two does not exist on 29 March 2026 and comes twice on 25 October.
        check("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-30T00:30:00Z"]);
        check(
            "cron(30 2 * * ? *)",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        check("rate(5 minutes)", "UTC", "2026-11-21T19:02:30Z", &["2026-11-21T19:05:00Z", "2026-11-21T19:10:00Z"]);
        check("rate(1 day)", "UTC", "2026-11-21T19:02:30Z", &["2026-11-22T00:00:00Z"]);
        check(
            "cron(0/20 8-9 ? * MON-FRI *)",
            "UTC",
            "2026-11-20T09:40:00Z",
            &["2026-11-23T08:00:00Z", "2026-11-23T08:20:00Z"],
        );
        check("cron(0 0 L * ? *)", "UTC", "2026-02-01T00:00:00Z", &["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]);
        check("cron(0 0 ? * MON#2 *)", "UTC", "2026-11-01T00:00:00Z", &["2026-11-09T00:00:00Z"]);
        check("cron(0 0 ? * FRIL *)", "UTC", "2026-11-01T00:00:00Z", &["2026-11-27T00:00:00Z"]);
        check(
            "cron(0 0 1 JAN,JUL ? 2027)",
            "UTC",
            "2026-11-01T00:00:00Z",
            &["2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z"],
        );
        check("at(2026-12-24T18:00:00)", "Europe/Berlin", "2026-11-01T00:00:00Z", &["2026-12-24T17:00:00Z"]);
    }

    #[test]
    fn it_stops_when_nothing_is_left() {
        assert!(firings("cron(0 0 1 1 ? 2020)", "UTC", "2026-11-01T00:00:00Z", 1).is_empty());
        assert!(firings("cron(0 0 31 2 ? *)", "UTC", "2026-11-01T00:00:00Z", 1).is_empty());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let reason = |expression: &str, zone: &str| Schedule::parse(expression, zone).unwrap_err().reason;
        assert_eq!(reason("cron(0 1 * * MON *)", "UTC"), "exactly one of day-of-month and day-of-week must be `?`");
        assert_eq!(reason("cron(0 1 ? * MON)", "UTC"), "needs six fields, has 5");
        assert_eq!(reason("cron(61 1 ? * MON *)", "UTC"), "`61` is not between 0 and 59");
        assert_eq!(reason("cron(0 1 ? * MON *)", "Europe/Atlantis"), "the time zone `Europe/Atlantis` is not known");
        assert_eq!(reason("rate(5 fortnights)", "UTC"), "`fortnights` is not minutes, hours or days");
        assert_eq!(reason("every day", "UTC"), "must be cron(…), rate(…) or at(…)");
        assert_eq!(reason("cron(0 1 15W * ? *)", "UTC"), "`15W` is not between 1 and 31");
    }
}
