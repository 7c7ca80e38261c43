//! The lists of a plan: which MQLs one playbook makes and the other does not, or makes otherwise.

use std::collections::BTreeMap;

use perennial_domain::backtest::accuracy::WonDeals;
use perennial_domain::backtest::{HandOff, Mql, Person, Replay};
use perennial_domain::ids::ProductId;
use perennial_domain::interest::instant;
use perennial_domain::quarter::{Quarter, QuarterRule};

use super::{Change, HandedOver, Moved, MqlLine, sides};

/// A contact as the lists show it.
pub struct Named<'a> {
    shown: String,
    person: &'a Person,
    deals: Option<&'a WonDeals<'a>>,
}

impl<'a> Named<'a> {
    /// By its id, or by its number in the history where the id is an address.
    pub fn of(number: usize, person: &'a Person, deals: Option<&'a WonDeals<'a>>) -> Self {
        let id = person.id.as_str();
        let shown = if id.contains('@') { format!("contact #{}", number + 1) } else { id.to_owned() };
        Self { shown, person, deals }
    }

    fn line(&self, mql: &Mql) -> MqlLine {
        let (hand_off, owner) = match &mql.hand_off {
            HandOff::Lead { priority, owner } => (priority.as_str().to_owned(), Some(owner.to_string())),
            HandOff::Held(reason) => (format!("held: {reason}"), None),
        };
        let candidate = sides::candidate(self.person, mql);
        MqlLine {
            contact: self.shown.clone(),
            product: mql.product.to_string(),
            quarter: mql.quarter.to_string(),
            at: instant(mql.reached.second),
            points: mql.reached.points,
            hand_off,
            owner,
            won: self.deals.map(|deals| !deals.hit_by(&candidate).is_empty()),
        }
    }
}

/// By what an MQL of one playbook, for one product, is known to be one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// By the instant at which it was reached.
    Instant,
    /// By the name of its quarter.
    Quarter,
}

impl Same {
    /// What is tried, one after the other, as the quarters of two playbooks differ.
    pub fn under(old: &QuarterRule, new: &QuarterRule) -> &'static [Self] {
        if old.first_month != new.first_month {
            // Quarters of one name are others.
            &[Self::Instant]
        } else if old.zone != new.zone {
            &[Self::Instant, Self::Quarter]
        } else {
            &[Self::Quarter]
        }
    }

    /// What has the same key is the same.
    fn key(self, mql: &Mql) -> (&ProductId, Option<Quarter>, Option<i64>) {
        match self {
            Self::Instant => (&mql.product, None, Some(mql.reached.second)),
            Self::Quarter => (&mql.product, Some(mql.quarter), None),
        }
    }
}

/// The lists of what differs.
pub struct Compared {
    same: &'static [Same],
    pub appear: Vec<MqlLine>,
    pub disappear: Vec<MqlLine>,
    pub moved: Vec<Moved>,
    pub handed_over: Vec<HandedOver>,
}

impl Compared {
    /// Nothing yet.
    pub fn by(same: &'static [Same]) -> Self {
        Self { same, appear: Vec::new(), disappear: Vec::new(), moved: Vec::new(), handed_over: Vec::new() }
    }

    /// Adds what differs for one contact.
    pub fn contact(&mut self, named: &Named<'_>, replayed: &Change<Replay>) {
        if replayed.old.mqls == replayed.new.mqls {
            return;
        }
        let mut gone: Vec<&Mql> = replayed.old.mqls.iter().collect();
        let mut left: Vec<&Mql> = replayed.new.mqls.iter().collect();
        let mut pairs: Vec<(&Mql, &Mql)> = Vec::new();
        for same in self.same {
            let mut before: BTreeMap<_, &Mql> = gone.iter().map(|mql| (same.key(mql), *mql)).collect();
            left.retain(|after| match before.remove(&same.key(after)) {
                Some(before) => {
                    pairs.push((before, after));
                    false
                }
                None => true,
            });
            gone = before.into_values().collect();
        }
        self.disappear.extend(gone.into_iter().map(|mql| named.line(mql)));
        self.appear.extend(left.into_iter().map(|mql| named.line(mql)));
        for (before, after) in pairs {
            self.both(named, before, after);
        }
    }

    fn both(&mut self, named: &Named<'_>, before: &Mql, after: &Mql) {
        let (contact, product, quarter) = (named.shown.clone(), after.product.to_string(), after.quarter.to_string());
        if before.reached.second != after.reached.second {
            let (from, to) = (instant(before.reached.second), instant(after.reached.second));
            self.moved.push(Moved { contact, product, quarter, from, to });
        } else if before.hand_off != after.hand_off {
            let (from, to) = (in_words(&before.hand_off), in_words(&after.hand_off));
            self.handed_over.push(HandedOver { contact, product, quarter, from, to });
        }
    }
}

fn in_words(hand_off: &HandOff) -> String {
    match hand_off {
        HandOff::Lead { priority, owner } => format!("{priority}, {}", owner),
        HandOff::Held(reason) => format!("held: {reason}"),
    }
}
