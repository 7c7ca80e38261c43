//! The SLA ladder: an untouched Act Now or hot lead gets louder until somebody touches it.
//!
//! The hours of a rung are business time: only working days count, and of those all 24 hours
//! ([`Calendar::after_working_hours`]). A rung fires at the first daily check on a working day at or after it is due. A check
//! fires at most one rung, so a missed day is caught up by one step and never by a burst.

use jiff::{Timestamp, ToSpan};

use crate::calendar::Calendar;
use crate::lead::{Priority, Status};

/// Who hears of a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The lead's owner.
    Rep,
    /// The owner's manager.
    Manager,
    /// The executive whom the playbook names.
    Executive,
}

impl Recipient {
    /// The name in the playbook and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rep => "rep",
            Self::Manager => "manager",
            Self::Executive => "executive",
        }
    }
}

/// One rung of the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Working hours after the clock began.
    pub after_hours: i64,
    /// Who hears of it.
    pub to: Vec<Recipient>,
}

/// What the clock of one lead depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeadClock {
    /// When the clock began: the lead was made, or its contact asked again by an Act Now.
    pub began_at: Timestamp,
    /// Its priority.
    pub priority: Priority,
    /// Where it stands.
    pub status: Status,
    /// Whether it has been handed to its owner: an Act Now at once, any other in a daily digest.
    pub handed_off: bool,
    /// How many rungs have fired since the clock began.
    pub rungs_fired: usize,
    /// When the last step (digest or rung) was taken: a check is used once, however often its job runs.
    pub last_step_at: Option<Timestamp>,
    /// Until when its rep has put it off, if ever.
    pub later_until: Option<Timestamp>,
}

/// What to do about a lead now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Put it into its owner's digest of today; then look again at `next`.
    HandOff {
        /// When to look again, if ever.
        next: Option<Timestamp>,
    },
    /// Fire this rung; then look again at `next`.
    Escalate {
        /// The rung, from 0.
        rung: usize,
        /// When it was due.
        due_at: Timestamp,
        /// When to look again, if ever.
        next: Option<Timestamp>,
    },
    /// Nothing before this instant.
    Wait(Timestamp),
    /// Nothing ever: it was touched, or the ladder is at its end.
    Done,
}

/// What to do about a lead at `now`.
pub fn decide(lead: &LeadClock, ladder: &[Rung], calendar: &Calendar, now: Timestamp) -> Decision {
    if lead.status != Status::Mql {
        return remind(lead, calendar, now);
    }
    // Whenever the day's run comes, it is the day's check: a schedule that runs an hour before the playbook's time must
    // not end in waiting for ever.
    let today = calendar.date(now);
    let used = lead.last_step_at.is_some_and(|at| calendar.date(at) >= today);
    let is_check = calendar.works_on(today) && !used;
    let checked_until = calendar.next_check(calendar.start_of(today)).max(now);
    let next_chance = check_after_day_of(calendar, now);
    let due = |rung: usize| due_at(ladder, rung, calendar, lead.began_at);
    // The check at or after a rung is due, but never one that has been used.
    let next_for = |rung: usize| due(rung).map(|due| calendar.next_check(due).max(next_chance));

    if !lead.handed_off && lead.priority != Priority::ActNow {
        if !is_check {
            return Decision::Wait(next_chance);
        }
        return Decision::HandOff { next: next_for(0).filter(|_| lead.priority.under_sla()) };
    }
    let rung = lead.rungs_fired;
    match due(rung).filter(|_| lead.priority.under_sla()) {
        None => Decision::Done,
        Some(due_at) if is_check && due_at <= checked_until => {
            Decision::Escalate { rung, due_at, next: next_for(rung + 1) }
        }
        Some(due_at) => Decision::Wait(calendar.next_check(due_at).max(next_chance)),
    }
}

/// When a rung is due, if there is such a one.
fn due_at(ladder: &[Rung], rung: usize, calendar: &Calendar, began_at: Timestamp) -> Option<Timestamp> {
    Some(calendar.after_working_hours(began_at, ladder.get(rung)?.after_hours))
}

/// The first check on a day after this one.
fn check_after_day_of(calendar: &Calendar, at: Timestamp) -> Timestamp {
    calendar.next_check(calendar.start_of(calendar.date(at).saturating_add(1.day())))
}

/// By when an answer to a lead that is made now is promised: the check at which the first reminder goes out, and never the one
/// at which its owner hears of it; `None` if it is not under the SLA.
pub fn answer_by(priority: Priority, ladder: &[Rung], calendar: &Calendar, began_at: Timestamp) -> Option<Timestamp> {
    let due = due_at(ladder, 0, calendar, began_at).filter(|_| priority.under_sla())?;
    let reminded = calendar.next_check(due);
    Some(match priority {
        Priority::ActNow => reminded,
        _ => reminded.max(check_after_day_of(calendar, calendar.next_check(began_at))),
    })
}

/// By when a lead must be touched if its next rung is not to fire: the check at which that would be, seen from `now`. What a letter
/// says at the end of "please answer by".
///
/// `None` where nothing more will fire: the lead is touched or closed, is not under the SLA, or has climbed the whole ladder. One
/// that its owner has not heard of yet counts from the check at which its digest is due.
pub fn next_deadline(lead: &LeadClock, ladder: &[Rung], calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
    if lead.status != Status::Mql || !lead.priority.under_sla() {
        return None;
    }
    let due = due_at(ladder, lead.rungs_fired, calendar, lead.began_at)?;
    let first = calendar.next_check(due.max(now));
    // A check is used once, and the one that hands a lead over reminds of nothing.
    let used = match lead.last_step_at {
        None if !lead.handed_off && lead.priority != Priority::ActNow => {
            Some(calendar.next_check(lead.began_at.max(now)))
        }
        last => last,
    };
    Some(used.map_or(first, |used| first.max(check_after_day_of(calendar, used))))
}

/// A rep who has put an open lead off finds it in the digest of the first check at or after that time, once.
fn remind(lead: &LeadClock, calendar: &Calendar, now: Timestamp) -> Decision {
    let reminded = |until: &Timestamp| lead.last_step_at.is_some_and(|step| step >= *until);
    let put_off = lead.later_until.filter(|until| lead.status.is_open() && !reminded(until));
    let Some(until) = put_off else { return Decision::Done };
    let today = calendar.date(now);
    let used = lead.last_step_at.is_some_and(|at| calendar.date(at) >= today);
    let checked_until = calendar.next_check(calendar.start_of(today)).max(now);
    if calendar.works_on(today) && !used && until <= checked_until {
        return Decision::HandOff { next: None };
    }
    Decision::Wait(calendar.next_check(until).max(check_after_day_of(calendar, now)))
}

/// When a lead whose clock begins now is looked at first.
pub fn first_check(priority: Priority, ladder: &[Rung], calendar: &Calendar, began_at: Timestamp) -> Option<Timestamp> {
    match priority {
        Priority::ActNow => answer_by(priority, ladder, calendar, began_at),
        _ => Some(calendar.next_check(began_at)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::SignedDuration;
    use jiff::civil::Weekday;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::calendar::Day;

    fn calendar() -> Calendar {
        Calendar {
            zone: TimeZone::UTC,
            working_days: [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday]
                .map(Day::from)
                .into(),
            holidays: BTreeSet::new(),
            check_at: "08:00".parse().unwrap(),
        }
    }

    fn ladder() -> Vec<Rung> {
        [24, 48, 72].map(|after_hours| Rung { after_hours, to: vec![Recipient::Rep] }).into()
    }

    /// Plays daily checks and returns what fired on which date.
    fn played(priority: Priority, qualified_at: &str, missed: &[&str], touched_on: Option<&str>) -> Vec<String> {
        played_at(SignedDuration::ZERO, priority, qualified_at, missed, touched_on)
    }

    /// The same with the day's run so long after (or before) the calendar's check.
    fn played_at(
        late: SignedDuration,
        priority: Priority,
        qualified_at: &str,
        missed: &[&str],
        touched_on: Option<&str>,
    ) -> Vec<String> {
        let (calendar, ladder) = (calendar(), ladder());
        let qualified_at: Timestamp = qualified_at.parse().unwrap();
        let mut lead = LeadClock {
            began_at: qualified_at,
            priority,
            status: Status::Mql,
            handed_off: false,
            rungs_fired: 0,
            last_step_at: None,
            later_until: None,
        };
        let mut due = first_check(priority, &ladder, &calendar, qualified_at);
        let mut fired = Vec::new();
        // What would be said of it, if every check came at its time.
        let on_time = late == SignedDuration::ZERO && missed.is_empty();
        let mut said = next_deadline(&lead, &ladder, &calendar, qualified_at);
        assert_eq!(said, answer_by(priority, &ladder, &calendar, qualified_at), "{priority} {qualified_at}");
        for day in 0..20 {
            let check =
                "2026-01-05T08:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * day) + late;
            let date = calendar.date(check).to_string();
            if touched_on == Some(date.as_str()) {
                lead.status = Status::Touched;
            }
            // What is due today is nominated, whenever today's run comes.
            let nominated = due.is_some_and(|due| calendar.date(due) <= calendar.date(check));
            if check < qualified_at || missed.contains(&date.as_str()) || !nominated {
                continue;
            }
            let decision = decide(&lead, &ladder, &calendar, check);
            if matches!(decision, Decision::HandOff { .. } | Decision::Escalate { .. }) {
                lead.last_step_at = Some(check);
            }
            match decision {
                Decision::HandOff { next } => {
                    lead.handed_off = true;
                    due = next;
                    fired.push(format!("{date} digest"));
                }
                Decision::Escalate { rung, next, due_at } => {
                    assert!(due_at <= check.max(calendar.next_check(calendar.start_of(calendar.date(check)))));
                    assert!(!on_time || said == Some(check), "{said:?} was said, and it fired at {check}");
                    lead.rungs_fired += 1;
                    due = next;
                    fired.push(format!("{date} rung {}", rung + 1));
                }
                Decision::Wait(until) => due = Some(until),
                Decision::Done => due = None,
            }
            said = next_deadline(&lead, &ladder, &calendar, check);
            assert_eq!(said, due.filter(|_| priority.under_sla()), "what is said is when it is looked at again");
            let again = decide(&lead, &ladder, &calendar, check + SignedDuration::from_mins(1));
            assert!(
                !matches!(again, Decision::HandOff { .. } | Decision::Escalate { .. }),
                "a check fired twice on {date}: {again:?}"
            );
        }
        fired
    }

    #[test]
    fn a_lead_that_was_put_off_is_in_the_digest_of_that_day_once() {
        let (calendar, ladder) = (calendar(), ladder());
        let check = |status, last_step: Option<&str>, now: &str, expected: &str| {
            let lead = LeadClock {
                began_at: "2026-01-05T10:00:00Z".parse().unwrap(),
                priority: Priority::ActNow,
                status,
                handed_off: false,
                rungs_fired: 1,
                last_step_at: last_step.map(|at| at.parse().unwrap()),
                // A Saturday.
                later_until: Some("2026-01-17T00:00:00Z".parse().unwrap()),
            };
            let seen = match decide(&lead, &ladder, &calendar, now.parse().unwrap()) {
                Decision::HandOff { next: None } => "digest".to_owned(),
                Decision::Wait(until) => until.to_string(),
                other => format!("{other:?}"),
            };
            assert_eq!(seen, expected, "{now}");
        };
        check(Status::Touched, None, "2026-01-09T08:00:00Z", "2026-01-19T08:00:00Z");
        check(Status::Touched, Some("2026-01-06T08:00:00Z"), "2026-01-16T08:00:00Z", "2026-01-19T08:00:00Z");
        check(Status::Touched, Some("2026-01-06T08:00:00Z"), "2026-01-19T08:00:00Z", "digest");
        check(Status::Opportunity, Some("2026-01-06T08:00:00Z"), "2026-01-19T07:00:00Z", "digest");
        // A run of another working day catches up.
        check(Status::Sql, None, "2026-01-21T08:00:00Z", "digest");
        check(Status::Touched, Some("2026-01-19T08:00:00Z"), "2026-01-20T08:00:00Z", "Done");
        check(Status::Recycled, None, "2026-01-19T08:00:00Z", "Done");
        check(Status::Won, None, "2026-01-19T08:00:00Z", "Done");
    }

    #[test]
    fn the_ladder_climbs_by_one_rung_a_check_until_the_touch() {
        let act_now = Priority::ActNow;
        for (priority, qualified_at, missed, touched_on, expected) in [
            // Tuesday 14:00: due Wednesday 14:00, so it fires on Thursday's check, and so on; the weekend is skipped.
            (
                act_now,
                "2026-01-06T14:00:00Z",
                vec![],
                None,
                vec!["2026-01-08 rung 1", "2026-01-09 rung 2", "2026-01-12 rung 3"],
            ),
            // Exactly 24 hours before a check.
            (
                act_now,
                "2026-01-06T08:00:00Z",
                vec![],
                None,
                vec!["2026-01-07 rung 1", "2026-01-08 rung 2", "2026-01-09 rung 3"],
            ),
            // Friday evening: 24 hours of work are over on Monday evening.
            (
                act_now,
                "2026-01-09T20:00:00Z",
                vec![],
                None,
                vec!["2026-01-13 rung 1", "2026-01-14 rung 2", "2026-01-15 rung 3"],
            ),
            // A Saturday and a Sunday are as the first second of Monday.
            (
                act_now,
                "2026-01-10T11:00:00Z",
                vec![],
                None,
                vec!["2026-01-13 rung 1", "2026-01-14 rung 2", "2026-01-15 rung 3"],
            ),
            // Hot over a weekend: Monday's digest, and reminded on the day after at the earliest.
            (
                Priority::Hot,
                "2026-01-10T11:00:00Z",
                vec![],
                None,
                vec!["2026-01-12 digest", "2026-01-13 rung 1", "2026-01-14 rung 2", "2026-01-15 rung 3"],
            ),
            // Three days down: caught up by one rung a check.
            (
                act_now,
                "2026-01-06T08:00:00Z",
                vec!["2026-01-07", "2026-01-08", "2026-01-09"],
                None,
                vec!["2026-01-12 rung 1", "2026-01-13 rung 2", "2026-01-14 rung 3"],
            ),
            (act_now, "2026-01-06T08:00:00Z", vec![], Some("2026-01-08"), vec!["2026-01-07 rung 1"]),
            // A hot lead is handed over in the next digest, then climbs.
            (
                Priority::Hot,
                "2026-01-06T14:00:00Z",
                vec![],
                None,
                vec!["2026-01-07 digest", "2026-01-08 rung 1", "2026-01-09 rung 2", "2026-01-12 rung 3"],
            ),
            // A Call Now and a plain MQL are handed over and carry no SLA.
            (Priority::CallNow, "2026-01-06T14:00:00Z", vec![], None, vec!["2026-01-07 digest"]),
            (Priority::Mql, "2026-01-09T20:00:00Z", vec![], None, vec!["2026-01-12 digest"]),
        ] {
            assert_eq!(played(priority, qualified_at, &missed, touched_on), expected, "{priority} {qualified_at}");
        }
    }

    #[test]
    fn a_run_before_or_after_the_calendars_check_is_the_days_check_all_the_same() {
        for minutes in [-480, -60, -1, 1, 30, 600] {
            let run =
                |priority| played_at(SignedDuration::from_mins(minutes), priority, "2026-01-06T05:00:00Z", &[], None);
            let rungs = ["2026-01-07 rung 1", "2026-01-08 rung 2", "2026-01-09 rung 3"];
            assert_eq!(run(Priority::ActNow), rungs, "{minutes}");
            let hot = run(Priority::Hot);
            assert!(hot.len() == 4 && hot[0].ends_with("digest"), "{minutes}: {hot:?}");
        }
    }
}
