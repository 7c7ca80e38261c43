//! Reps, managers and the SLA ladder: who hears of a lead, and when it gets louder.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile;
use crate::problem::quoted;
use crate::source::Recipient;

use super::{Check, is_address};

/// Rungs are days apart; none is later than a month.
pub(crate) const MOST_HOURS: i64 = 24 * 31;

impl Check<'_> {
    pub(super) fn reps(&mut self) {
        let source = self.source;
        self.ids("rep", source.reps.iter().map(|rep| &rep.id));
        if source.reps.is_empty() {
            self.findings.warn(self.page.at(0), "no [[rep]]: nobody will hear of a lead");
        }
        let known: BTreeSet<&str> = source.reps.iter().map(|rep| rep.id.get_ref().as_str()).collect();
        for rep in &source.reps {
            let who = format!("rep {}", quoted(rep.id.get_ref()));
            self.filled("the rep's name", &rep.name);
            if !is_address(rep.email.get_ref()) {
                self.error(&rep.email, format!("the email of {who} is not an address"));
            }
            if let Some(manager) = &rep.manager {
                self.exists(&who, "manager", manager, &known);
            }
        }
        self.manager_cycles();
    }

    /// A chain of managers that comes back to where it began; each circle is noted once, at its first rep.
    fn manager_cycles(&mut self) {
        let source = self.source;
        let managers: BTreeMap<&str, &str> = source
            .reps
            .iter()
            .filter_map(|rep| Some((rep.id.get_ref().as_str(), rep.manager.as_ref()?.get_ref().as_str())))
            .collect();
        let mut noted: BTreeSet<&str> = BTreeSet::new();
        for rep in &source.reps {
            let start = rep.id.get_ref().as_str();
            let chain = std::iter::successors(managers.get(start).copied(), |id| managers.get(id).copied());
            let above: Vec<&str> = chain.take(managers.len()).collect();
            let Some(back) = above.iter().position(|id| *id == start) else { continue };
            if noted.contains(start) {
                continue;
            }
            noted.extend(&above[..=back]);
            let circle: Vec<String> = std::iter::once(&start).chain(&above[..=back]).map(|id| quoted(id)).collect();
            let at = rep.manager.as_ref().unwrap_or(&rep.id);
            self.error(at, format!("managers in a circle: {}", circle.join(" → ")));
        }
    }

    pub(super) fn ladder(&mut self) {
        let sla = &self.source.sla;
        if compile::time(sla.check_at.get_ref()).is_none() {
            self.error(
                &sla.check_at,
                format!("{} is not a time of day such as \"08:00\"", quoted(sla.check_at.get_ref())),
            );
        }
        if let Some(executive) = &sla.executive
            && !is_address(executive.get_ref())
        {
            self.error(executive, "the executive's email is not an address");
        }
        if sla.rung.is_empty() {
            self.warn(&sla.check_at, "no [[sla.rung]]: an untouched lead will never be chased");
        }
        let mut before = 0;
        for rung in &sla.rung {
            let hours = *rung.after_hours.get_ref();
            self.within("after_hours", &rung.after_hours, 1, MOST_HOURS);
            if before > 0 && hours <= before {
                self.error(
                    &rung.after_hours,
                    format!("after_hours is {hours}, and must be above the {before} of the rung before"),
                );
            }
            before = hours;
            if rung.to.get_ref().is_empty() {
                self.error(&rung.to, "a rung that nobody hears of");
            }
            if rung.to.get_ref().contains(&Recipient::Executive) && sla.executive.is_none() {
                self.error(&rung.to, "a rung goes to the executive, and [sla] names none");
            }
        }
    }
}
