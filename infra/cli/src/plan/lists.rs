//! The lists of a plan: which MQLs one playbook makes and the other does not, or makes otherwise.

use std::collections::BTreeMap;

use perennial_domain::backtest::accuracy::WonDeals;
use perennial_domain::backtest::{HandOff, Mql, Person, Replay};
use perennial_domain::ids::ProductId;
use perennial_domain::interest::instant;
use perennial_domain::quarter::Quarter;

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

/// The lists of what differs.
#[derive(Default)]
pub struct Compared {
    pub appear: Vec<MqlLine>,
    pub disappear: Vec<MqlLine>,
    pub moved: Vec<Moved>,
    pub handed_over: Vec<HandedOver>,
}

impl Compared {
    /// Adds what differs for one contact.
    pub fn contact(&mut self, named: &Named<'_>, replayed: &Change<Replay>) {
        if replayed.old.mqls == replayed.new.mqls {
            return;
        }
        let by_key = |replay| -> BTreeMap<(&ProductId, Quarter), &Mql> {
            let replay: &Replay = replay;
            replay.mqls.iter().map(|mql| ((&mql.product, mql.quarter), mql)).collect()
        };
        let (old, new) = (by_key(&replayed.old), by_key(&replayed.new));
        let gone = old.iter().filter(|(key, _)| !new.contains_key(key));
        self.disappear.extend(gone.map(|(_, mql)| named.line(mql)));
        for (key, after) in &new {
            match old.get(key) {
                None => self.appear.push(named.line(after)),
                Some(before) => self.both(named, before, after),
            }
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
