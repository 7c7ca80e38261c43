//! With whom what was told of an id belongs. Pure, once both tables are read.
//!
//! An id that stands for an address is whoever has the address now. Somebody who has given it up since keeps the facts that were
//! adopted with it, and nothing says so but that they are stored there: such a fact is looked for where it lies.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::ids::ContactId;
use perennial_domain::interest::FactName;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys;

use super::Place;
use super::read::Line;
use crate::identities::Identities;

type Fact = (FactName, i64);

/// With whom what was told of an id belongs.
#[derive(Clone, Debug, Default)]
pub struct Whose {
    identities: Identities,
    /// What was told of an address and lies with somebody who had it before.
    adopted: BTreeMap<(ContactId, Fact), ContactId>,
}

impl Whose {
    /// Looks for each fact told of an address: with whom the address is now, or else with somebody who was told of no such fact.
    pub fn of(identities: Identities, lines: &[Line], stored: &BTreeMap<Place, InterestItem>) -> Self {
        let by_address = |line: &&Line| keys::address_hash(&line.contact).is_some();
        let wanted: BTreeSet<Fact> = lines.iter().filter(by_address).map(Line::fact).collect();
        let mut told: BTreeSet<(Option<ContactId>, Fact)> = BTreeSet::new();
        for line in lines.iter().filter(|line| !by_address(line) && wanted.contains(&line.fact())) {
            told.insert((identities.resolve(&line.contact), line.fact()));
        }
        let mut holders: BTreeMap<Fact, BTreeSet<ContactId>> = BTreeMap::new();
        for ((contact, _), item) in stored.iter().filter(|_| !wanted.is_empty()) {
            let facts = item.facts.iter().map(|(name, second)| (name.clone(), second));
            for fact in facts.filter(|fact| wanted.contains(fact)) {
                // Who was told of it has it for that reason.
                if !told.contains(&(identities.resolve(contact), fact.clone())) {
                    holders.entry(fact).or_default().insert(contact.clone());
                }
            }
        }
        let mut whose = Self { identities, adopted: BTreeMap::new() };
        for line in lines.iter().filter(by_address) {
            let (place, now) = ((line.contact.clone(), line.fact()), whose.identities.resolve(&line.contact));
            let Some(here) = holders.get_mut(&place.1).filter(|_| !whose.adopted.contains_key(&place)) else {
                continue;
            };
            if !now.is_some_and(|now| here.contains(&now))
                && let Some(holder) = here.pop_first()
            {
                whose.adopted.insert(place, holder);
            }
        }
        whose
    }

    /// With whom an engagement belongs; nowhere if that one was erased.
    pub fn is(&self, line: &Line) -> Option<ContactId> {
        let holder = self.adopted.get(&(line.contact.clone(), line.fact()));
        self.identities.resolve(holder.unwrap_or(&line.contact))
    }

    /// The ids under which something may have been told that belongs with a contact.
    pub fn ids_of<'a>(&'a self, contact: &'a ContactId) -> BTreeSet<&'a ContactId> {
        let adopted =
            self.adopted.iter().filter(|(_, holder)| self.identities.resolve(holder).as_ref() == Some(contact));
        let adopted = adopted.map(|((id, _), _)| id);
        [contact].into_iter().chain(self.identities.merged_into(contact)).chain(adopted).collect()
    }
}
