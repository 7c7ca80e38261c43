//! Which rules about people two playbooks differ in: when the team works, who hears of what, whom one writes for, and what
//! all of it is to bring. No address is shown.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::calendar::Calendar;
use perennial_domain::owner::{Absence, Territory};
use perennial_domain::segment::Expression;
use perennial_domain::sla::Rung;
use perennial_playbook::{Playbook, Rep};

use super::Found;

impl Found<'_> {
    pub(super) fn team(&mut self, old: &Calendar, new: &Calendar) {
        let zone = |calendar: &Calendar| calendar.zone.iana_name().unwrap_or("UTC").to_owned();
        self.number("team.time_zone", zone(old), zone(new));
        self.rule("team.working_days", &old.working_days, &new.working_days, |days| list(*days));
        self.rule("team.holidays", &old.holidays, &new.holidays, |dates| list(*dates));
        self.number("sla.check_at", old.check_at, new.check_at);
    }

    pub(super) fn people(&mut self, old: &Playbook, new: &Playbook) {
        let segments = |playbook: &Playbook| -> BTreeMap<String, String> {
            playbook.segments.iter().map(|segment| (segment.id.to_string(), segment.when.to_string())).collect()
        };
        self.expressions("segment", &segments(old), &segments(new));
        let personas = |playbook: &Playbook| -> BTreeMap<String, String> {
            playbook.personas.iter().map(|persona| (persona.id.to_string(), persona.when.to_string())).collect()
        };
        self.expressions("persona", &personas(old), &personas(new));
    }

    /// Entries whose expressions are too long to be shown side by side: with all their parts, they fill a page.
    fn expressions(&mut self, kind: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) {
        let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for id in ids.into_iter().filter(|id| old.get(*id) != new.get(*id)) {
            let how = match (old.contains_key(id), new.contains_key(id)) {
                (true, true) => "has another expression",
                (false, _) => "is new",
                (true, false) => "is gone",
            };
            self.note(format!("{kind} {id} {how}"), None, None, self.places.section(kind, id));
        }
    }

    pub(super) fn sla(&mut self, old: &Playbook, new: &Playbook) {
        self.rule("sla.rung", &old.ladder, &new.ladder, |ladder| list(ladder.iter().map(rung)));
        if old.executive != new.executive {
            let how = match (&old.executive, &new.executive) {
                (Some(_), Some(_)) => "differs",
                (None, _) => "is new",
                (Some(_), None) => "is gone",
            };
            self.note(format!("sla.executive {how}"), None, None, None);
        }
        let reps = |playbook: &Playbook| -> BTreeMap<String, String> {
            let away = |rep: &Rep| playbook.owners.team.get(&rep.id).map(|member| list(member.away.iter().map(away)));
            let shown = |rep: &Rep| match away(rep).filter(|away| away != "none") {
                Some(away) => format!("{}, is away {away}", reports_to(rep)),
                None => reports_to(rep),
            };
            playbook.reps.iter().map(|rep| (rep.id.to_string(), shown(rep))).collect()
        };
        self.sections("rep", &reps(old), &reps(new));
        let territories = |playbook: &Playbook| -> BTreeMap<String, String> {
            let all = playbook.owners.territories.iter().enumerate();
            all.map(|(place, territory)| (territory.id.to_string(), shares_out(place, territory))).collect()
        };
        self.sections("territory", &territories(old), &territories(new));
    }

    pub(super) fn goals(&mut self, old: &Playbook, new: &Playbook) {
        let (was, is) = (&old.goals, &new.goals);
        for (name, was, is) in [
            ("revenue_cents", was.revenue_cents, is.revenue_cents),
            ("average_price_cents", was.average_price_cents, is.average_price_cents),
            ("win_rate_percent", was.win_rate_percent, is.win_rate_percent),
            ("opportunity_rate_percent", was.opportunity_rate_percent, is.opportunity_rate_percent),
            ("sql_rate_percent", was.sql_rate_percent, is.sql_rate_percent),
        ] {
            self.number(&format!("goals.{name}"), was, is);
        }
        self.number("goals.currency", &old.currency, &new.currency);
    }
}

fn list<T: ToString>(entries: impl IntoIterator<Item = T>) -> String {
    let entries: Vec<String> = entries.into_iter().map(|entry| entry.to_string()).collect();
    if entries.is_empty() { "none".to_owned() } else { entries.join(", ") }
}

/// `48 h to rep and manager`.
fn rung(rung: &Rung) -> String {
    let to: Vec<&str> = rung.to.iter().map(|recipient| recipient.as_str()).collect();
    format!("{} h to {}", rung.after_hours, to.join(" and "))
}

/// `from 2026-11-09 to 2026-11-13 (rep-bilal)`.
fn away(absence: &Absence) -> String {
    let to = absence.to.map(|to| format!(" to {to}")).unwrap_or_default();
    format!("from {}{to} ({})", absence.from, absence.cover)
}

/// `number 1, where region == "emea": rep-anna, rep-bilal`: the first that fits decides.
fn shares_out(place: usize, territory: &Territory) -> String {
    let everything = territory.when == Expression::All(Vec::new());
    let when = if everything { "every account".to_owned() } else { format!("where {}", territory.when) };
    format!("number {}, {when}: {}", place + 1, list(&territory.reps))
}

fn reports_to(rep: &Rep) -> String {
    format!("reports to {}", rep.manager.as_ref().map_or("nobody", |manager| manager.as_str()))
}
