//! One of the two playbooks, and what its replay adds up to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use perennial_domain::backtest::accuracy::Candidate;
use perennial_domain::backtest::mail::Slots;
use perennial_domain::backtest::{HandOff, Mql, Person, Replay, Rules};
use perennial_domain::ids::RepId;
use perennial_domain::interest::instant;
use perennial_domain::lead::Priority;
use perennial_playbook::Playbook;

/// A playbook, with what a replay asks of it.
pub struct Side<'a> {
    pub playbook: &'a Playbook,
    slots: Slots,
}

impl<'a> Side<'a> {
    pub fn of(playbook: &'a Playbook, from: Timestamp, until: Timestamp) -> Self {
        let slots = Slots::new(&playbook.calendar, &playbook.nurture.window, from, until);
        Self { playbook, slots }
    }

    pub fn rules(&self) -> Rules<'_> {
        Rules {
            interest: &self.playbook.interest,
            qualify: &self.playbook.qualify,
            nurture: &self.playbook.nurture,
            calendar: &self.playbook.calendar,
            slots: &self.slots,
            owners: &self.playbook.owners,
        }
    }

    /// The day on whose digest a lead made at this second is.
    fn digest_on(&self, second: i64) -> Date {
        let calendar = &self.playbook.calendar;
        calendar.date(calendar.next_check(instant(second)))
    }
}

/// What all replays under one playbook add up to.
#[derive(Default)]
pub struct Totals {
    pub mqls: usize,
    pub by_product: BTreeMap<String, usize>,
    pub by_owner: BTreeMap<String, usize>,
    pub leads_by_owner: BTreeMap<String, usize>,
    pub by_priority: BTreeMap<String, usize>,
    pub held: BTreeMap<String, usize>,
    pub digests: BTreeSet<(RepId, Date)>,
    pub emails: usize,
}

impl Totals {
    pub fn add(&mut self, side: &Side<'_>, replay: &Replay) {
        self.emails += replay.emails;
        for mql in &replay.mqls {
            self.mqls += 1;
            count(&mut self.by_product, mql.product.as_str());
            count(&mut self.by_owner, mql.owner.as_ref().map_or("nobody", RepId::as_str));
            match &mql.hand_off {
                HandOff::Held(reason) => count(&mut self.held, reason.as_str()),
                HandOff::Lead { priority, owner } => {
                    count(&mut self.leads_by_owner, owner.as_str());
                    count(&mut self.by_priority, priority.as_str());
                    if *priority != Priority::ActNow {
                        self.digests.insert((owner.clone(), side.digest_on(mql.reached.second)));
                    }
                }
            }
        }
    }

    pub fn act_now(&self) -> usize {
        self.by_priority.get(Priority::ActNow.as_str()).copied().unwrap_or(0)
    }
}

fn count(counts: &mut BTreeMap<String, usize>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => drop(counts.insert(key.to_owned(), 1)),
    }
}

/// An MQL, as far as a deal is concerned.
pub fn candidate<'a>(person: &'a Person, mql: &'a Mql) -> Candidate<'a> {
    let account = person.contact.as_ref().and_then(|contact| contact.account.as_ref());
    Candidate { contact: &person.id, account, product: &mql.product, second: mql.reached.second }
}
