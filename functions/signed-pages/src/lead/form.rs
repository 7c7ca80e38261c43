//! The fields behind a word: why a lead is none, and when it is to come back. What is wrong is said of its field, and what was
//! entered is kept.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use minijinja::{Value, context};
use perennial_domain::calendar::Calendar;
use perennial_domain::lead::Said;
use perennial_platform::links::Answer;
use perennial_playbook::Playbook;

use super::words::day;
use crate::preferences::form::{self, the_one};

/// What was pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pressed {
    pub said: Said,
    pub why: Option<String>,
}

/// What was entered, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entered {
    /// The reason that was chosen.
    pub why: String,
    /// Which of the days was chosen.
    pub when: String,
    /// The day that was typed.
    pub day: String,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Its id on the page.
    pub field: &'static str,
    /// Its name in front of people.
    pub label: &'static str,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// Nobody means a day that is farther away.
const MOST_YEARS: i64 = 5;
/// More than a field holds.
const LONGEST: usize = 200;
/// A list of fields that a form has not.
const NOTHING: [&str; 0] = [];
/// The choice of a day that is typed.
const ON_A_DAY: &str = "day";

/// Reads what was posted: what was entered, to be shown again, and what it means or what is wrong with it.
pub(super) fn read(
    answer: Answer,
    body: &[u8],
    playbook: &Playbook,
    now: Timestamp,
) -> (Entered, Result<Pressed, Wrong>) {
    let fields = form::fields(body).unwrap_or_default();
    let field = |name: &str| the_one(&fields, name).unwrap_or_default().trim().chars().take(LONGEST).collect();
    let entered = Entered { why: field("why"), when: field("when"), day: field("day") };
    let pressed = match answer {
        Answer::OnIt => Ok(Pressed { said: Said::Touched, why: None }),
        Answer::NotAFit => rejected(&entered, playbook, now),
        Answer::Later => later(&entered, &playbook.calendar, now),
    };
    (entered, pressed)
}

fn rejected(entered: &Entered, playbook: &Playbook, now: Timestamp) -> Result<Pressed, Wrong> {
    let wrong = |reason: &str| Wrong { field: "why", label: "Why", reason: reason.to_owned() };
    if entered.why.is_empty() {
        return Err(wrong("Please choose one: marketing learns from it."));
    }
    if !playbook.reject_reasons.contains(&entered.why) {
        return Err(wrong("This reason is not in the list any more. Please choose again."));
    }
    let calendar = &playbook.calendar;
    let tomorrow = calendar.date(now).saturating_add(1.day());
    let until = match entered.day.as_str() {
        "" => None,
        typed => Some(calendar.start_of(a_day(typed, calendar, tomorrow, now)?).as_second()),
    };
    Ok(Pressed { said: Said::Rejected { until }, why: Some(entered.why.clone()) })
}

fn later(entered: &Entered, calendar: &Calendar, now: Timestamp) -> Result<Pressed, Wrong> {
    let until = |until: Timestamp| Ok(Pressed { said: Said::Later { until: until.as_second() }, why: None });
    // A day that was typed is meant rather than the choice above it.
    if !entered.day.is_empty() {
        let date = a_day(&entered.day, calendar, first_day(calendar, now), now)?;
        return until(calendar.next_check(calendar.start_of(date)));
    }
    let wrong =
        |field: &'static str, label: &'static str, reason: &str| Wrong { field, label, reason: reason.to_owned() };
    match days(calendar, now).into_iter().find(|offered| offered.value == entered.when) {
        Some(offered) => until(offered.check),
        None if entered.when == ON_A_DAY => Err(wrong("day", "The day", "Please choose a day.")),
        None => Err(wrong("when", "When", "Please choose one of these.")),
    }
}

/// The first day whose check is still to come.
fn first_day(calendar: &Calendar, now: Timestamp) -> Date {
    let today = calendar.date(now);
    let is_to_come = calendar.date(calendar.next_check(now)) == today;
    if is_to_come { today } else { today.saturating_add(1.day()) }
}

fn a_day(typed: &str, calendar: &Calendar, first: Date, now: Timestamp) -> Result<Date, Wrong> {
    let wrong = |reason: String| Wrong { field: "day", label: "The day", reason };
    let today = calendar.date(now);
    let date: Date = typed
        .parse()
        .map_err(|_| wrong(format!("This is not a day. Please write it as {}.", today.saturating_add(1.week()))))?;
    let said = |date: Date| day(date, today);
    if date < today {
        return Err(wrong(format!("{} is over. Please choose {} or a later day.", said(date), said(first))));
    }
    if date < first {
        return Err(wrong(format!("It is too late for today. Please choose {} or a later day.", said(first))));
    }
    if today.checked_add(MOST_YEARS.years()).is_ok_and(|last| date > last) {
        return Err(wrong(format!("That is more than {MOST_YEARS} years away. Please choose an earlier day.")));
    }
    Ok(date)
}

/// A day that is offered.
struct Offered {
    value: &'static str,
    title: &'static str,
    /// The check at which the lead comes back.
    check: Timestamp,
}

/// The days that are offered: each on a working day of the team.
fn days(calendar: &Calendar, now: Timestamp) -> [Offered; 3] {
    let today = calendar.date(now);
    let tomorrow = today.saturating_add(1.day());
    let monday = today.saturating_add(i64::from(7 - today.weekday().to_monday_zero_offset()).days());
    let first = today.first_of_month().saturating_add(1.month());
    let check = |date: Date| calendar.next_check(calendar.start_of(date));
    let on = |value, title, date| Offered { value, title, check: check(date) };
    let next = if calendar.works_on(tomorrow) { "Tomorrow" } else { "On the next working day" };
    [on("tomorrow", next, tomorrow), on("week", "Next week", monday), on("month", "Next month", first)]
}

/// What the template shows of the fields.
pub(super) fn fields(answer: Answer, entered: &Entered, playbook: &Playbook, now: Timestamp) -> Value {
    let calendar = &playbook.calendar;
    let today = calendar.date(now);
    match answer {
        Answer::OnIt => context! { reasons => NOTHING, days => NOTHING },
        Answer::NotAFit => {
            let reason = |reason: &String| context! { value => reason, title => reason, on => *reason == entered.why };
            let reasons: Vec<Value> = playbook.reject_reasons.iter().map(reason).collect();
            context! { reasons, days => NOTHING, day => &entered.day, first => today.saturating_add(1.day()).to_string() }
        }
        Answer::Later => {
            let chosen = if !entered.day.is_empty() { ON_A_DAY } else { entered.when.as_str() };
            let mut offered = Vec::from(days(calendar, now));
            // On a Friday, say, the next working day is next week: what would be the same is offered once.
            offered.dedup_by_key(|offered| calendar.date(offered.check));
            let chosen = if chosen.is_empty() { offered.first().map_or("", |first| first.value) } else { chosen };
            let choice = |it: &Offered| {
                let about = day(calendar.date(it.check), today);
                context! { value => it.value, title => it.title, about, on => it.value == chosen }
            };
            let days: Vec<Value> = offered.iter().map(choice).collect();
            let first = first_day(calendar, now).to_string();
            context! { reasons => NOTHING, days, on_a_day => chosen == ON_A_DAY, day => &entered.day, first }
        }
    }
}
