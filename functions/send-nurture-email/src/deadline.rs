//! By when an answer to a lead is asked for, and what happens then: one sentence, from the ladder.
//!
//! Pure. Each rung says more plainly than the one before that the next one comes.

use jiff::Timestamp;
use perennial_domain::calendar::Calendar;
use perennial_domain::lead::Status;
use perennial_domain::sla::{self, LeadClock, Recipient, Rung};
use perennial_platform::records::Lead;

use crate::taken::Taker;

/// Who reads a letter, and who else can hear of the lead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub role: Recipient,
    /// Reminders that have gone out, this letter's among them.
    pub rungs: usize,
    /// The owner's manager, if there is one and it is not who reads.
    pub manager: Option<&'a str>,
    /// Whether the playbook names an executive.
    pub has_executive: bool,
    /// Who is on the lead, if it is touched.
    pub on_it: Option<&'a Taker>,
}

impl Reader<'_> {
    fn can_hear(self, recipient: Recipient) -> bool {
        match recipient {
            Recipient::Rep => true,
            Recipient::Manager => self.manager.is_some(),
            Recipient::Executive => self.has_executive,
        }
    }

    /// Who it is of those who are above a rep.
    fn named(&self, recipient: Recipient) -> &str {
        self.manager.filter(|_| recipient == Recipient::Manager).unwrap_or("management")
    }
}

/// A date within a sentence; what belongs together stays on one line.
pub(crate) fn day(calendar: &Calendar, at: Timestamp) -> String {
    calendar.date(at).strftime("%a\u{a0}%-d\u{a0}%b").to_string()
}

/// A minute in the team's zone: `Wed 7 Jan, 08:00`.
pub(crate) fn minute(calendar: &Calendar, at: Timestamp) -> String {
    format!("{}, {}", day(calendar, at), at.to_zoned(calendar.zone.clone()).strftime("%H:%M"))
}

/// When this rung of a lead fires if nobody answers.
fn fires_at(lead: &Lead, rung: usize, ladder: &[Rung], calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
    sla::next_deadline(&LeadClock { rungs_fired: rung, ..lead.clock() }, ladder, calendar, now)
}

/// The sentence.
pub(crate) fn sentence(
    lead: &Lead,
    reader: Reader<'_>,
    ladder: &[Rung],
    calendar: &Calendar,
    now: Timestamp,
) -> String {
    if lead.status() != Status::Mql {
        return format!("There is no deadline: {} already.", reader.on_it.unwrap_or(&Taker::Unknown).is_on_it());
    }
    if !lead.priority().under_sla() {
        return "There is no deadline for this one.".to_owned();
    }
    let ask = match reader.role {
        Recipient::Rep => "Please answer",
        Recipient::Manager | Recipient::Executive => "Please see that they hear from us",
    };
    let Some(next) = fires_at(lead, reader.rungs, ladder, calendar, now) else {
        return format!("{ask} today, {}: no reminder follows this one.", day(calendar, now));
    };
    let by = minute(calendar, next);
    let rises = |rung: &Rung| {
        let above = rung.to.iter().copied().filter(|to| reader.can_hear(*to) && rank(*to) > rank(reader.role));
        above.max_by_key(|to| rank(*to))
    };
    let above = |rung: usize| ladder.get(rung).and_then(rises).map(|to| (rung, to));
    match (reader.rungs..ladder.len()).find_map(above) {
        Some((rung, to)) if rung == reader.rungs => format!("{ask} by {by}; then {} hears of it.", reader.named(to)),
        Some((rung, to)) => {
            let then = fires_at(lead, rung, ladder, calendar, now).map(|at| day(calendar, at.max(next)));
            format!(
                "{ask} by {by}; then you are reminded, and on {} {} hears of it.",
                then.unwrap_or_default(),
                reader.named(to)
            )
        }
        None => format!("{ask} by {by}; then you are reminded."),
    }
}

/// The higher, the louder.
fn rank(recipient: Recipient) -> u8 {
    match recipient {
        Recipient::Rep => 0,
        Recipient::Manager => 1,
        Recipient::Executive => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use perennial_playbook::Playbook;

    use super::*;

    /// Said on this instant of a lead made on Monday 5 January at 11:00 in Berlin, of the example's ladder.
    fn said(now: &str, change: impl FnOnce(&mut Lead), reader: Reader<'_>) -> String {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"));
        let playbook = Playbook::load(folder).unwrap();
        let mut lead: Lead = serde_json::from_value(serde_json::json!({
            "PK": "CONTACT#ada", "SK": "LEAD#analytics#2026-Q1", "contact": "ada", "product": "analytics",
            "quarter": "2026-Q1", "reached_at": 1_767_607_200, "qualified_at": 1_767_607_200, "score": 10, "sort_score": 70,
            "fit_points": 70, "fit_grade": "A", "engagement": 70, "priority": "act-now", "owner": "rep-anna",
            "playbook_version": "x", "stage": "mql", "rev": 1, "evidence": [],
        }))
        .unwrap();
        change(&mut lead);
        sentence(&lead, reader, &playbook.ladder, &playbook.calendar, now.parse().unwrap()).replace('\u{a0}', " ")
    }

    #[test]
    fn a_letter_says_by_when_and_what_happens_then() {
        let reader =
            |role, rungs| Reader { role, rungs, manager: Some("Elif Aydin"), has_executive: true, on_it: None };
        let (rep, manager, executive) = (Recipient::Rep, Recipient::Manager, Recipient::Executive);
        let nothing = |_: &mut Lead| {};
        let made = "2026-01-05T10:00:00Z";
        assert_eq!(
            said(made, nothing, reader(rep, 0)),
            "Please answer by Wed 7 Jan, 08:00; then you are reminded, and on Thu 8 Jan Elif Aydin hears of it."
        );
        let first = "2026-01-07T07:00:00Z";
        assert_eq!(
            said(first, nothing, reader(rep, 1)),
            "Please answer by Thu 8 Jan, 08:00; then Elif Aydin hears of it."
        );
        let second = "2026-01-08T07:00:00Z";
        assert_eq!(
            said(second, nothing, reader(rep, 2)),
            "Please answer by Fri 9 Jan, 08:00; then management hears of it."
        );
        assert_eq!(
            said(second, nothing, reader(manager, 2)),
            "Please see that they hear from us by Fri 9 Jan, 08:00; then management hears of it."
        );
        let third = "2026-01-09T07:00:00Z";
        assert_eq!(
            said(third, nothing, reader(rep, 3)),
            "Please answer today, Fri 9 Jan: no reminder follows this one."
        );
        assert_eq!(
            said(third, nothing, reader(executive, 3)),
            "Please see that they hear from us today, Fri 9 Jan: no reminder follows this one."
        );
        // A check is used once: late in the morning of a rung that was caught up, the next one is tomorrow's.
        let late = |lead: &mut Lead| lead.last_step_at = Some(second.parse::<Timestamp>().unwrap().as_second());
        assert_eq!(
            said(second, late, reader(rep, 1)),
            "Please answer by Fri 9 Jan, 08:00; then Elif Aydin hears of it."
        );
        let alone = Reader { manager: None, has_executive: false, ..reader(rep, 1) };
        assert_eq!(said(first, nothing, alone), "Please answer by Thu 8 Jan, 08:00; then you are reminded.");
        let no_manager = Reader { manager: None, ..reader(rep, 0) };
        assert_eq!(
            said(made, nothing, no_manager),
            "Please answer by Wed 7 Jan, 08:00; then you are reminded, and on Fri 9 Jan management hears of it."
        );
        let plain = |lead: &mut Lead| lead.priority = "mql".to_owned();
        assert_eq!(said(made, plain, reader(rep, 0)), "There is no deadline for this one.");
        let touched = |lead: &mut Lead| lead.stage = "touched".to_owned();
        for (on_it, who) in [
            (Taker::Reader, "you are"),
            (Taker::Other("Elif Aydin".to_owned()), "Elif Aydin is"),
            (Taker::Unknown, "somebody is"),
        ] {
            let reader = Reader { on_it: Some(&on_it), ..reader(rep, 0) };
            assert_eq!(said(made, touched, reader), format!("There is no deadline: {who} on it already."));
        }
    }
}
