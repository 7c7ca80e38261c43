//! For whom somebody stands in today. It is asked of the playbook at each request: the day after, they do not.

use jiff::Timestamp;
use jiff::civil::Date;
use minijinja::{Value, context};
use perennial_domain::ids::RepId;
use perennial_domain::owner;
use perennial_playbook::Rep;

use crate::SalesDesk;

/// Somebody who is away, and whose leads whoever asks sees meanwhile.
pub(crate) struct Cover<'a> {
    pub owner: &'a RepId,
    name: &'a str,
    /// The last day on which that is certain; none if no end is known.
    until: Option<Date>,
}

impl Cover<'_> {
    /// As pages show it.
    pub fn shown(&self) -> Value {
        let until = self.until.map(|until| until.strftime("%a %-d %b").to_string());
        context! { id => self.owner.as_str(), name => self.name, until }
    }
}

impl SalesDesk {
    /// Everybody for whom a rep stands in today, in the team's zone.
    pub(crate) fn covers(&self, rep: &Rep, now: Timestamp) -> Vec<Cover<'_>> {
        let today = self.playbook.calendar.date(now);
        let covered = owner::covered_by(&self.playbook.owners, &rep.id, today).into_iter();
        let cover = |(owner, until)| Some(Cover { owner, name: &self.playbook.rep(owner)?.name, until });
        covered.filter_map(cover).collect()
    }
}
