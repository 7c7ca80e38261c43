//! Facts: what happened and when, as a set of sets.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ActionId, AssetId, EmailId};

/// What happened, without when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactName {
    /// The asset that was engaged with.
    pub asset: AssetId,
    /// What was done with it.
    pub action: ActionId,
    /// The email that was clicked, opened or delivered, if it was one.
    pub email: Option<EmailId>,
}

/// All that is known of one contact's interest in one product: for each fact the seconds at which it happened.
///
/// A set of sets: redelivery, duplicates and any order of arrival make the same value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<FactName, BTreeSet<i64>>);

impl Facts {
    /// Adds a fact at a second since the Unix epoch; false if it was there.
    pub fn add(&mut self, name: FactName, second: i64) -> bool {
        self.0.entry(name).or_default().insert(second)
    }

    /// Takes a fact away; false if it was not there.
    pub fn remove(&mut self, name: &FactName, second: i64) -> bool {
        let Some(seconds) = self.0.get_mut(name) else { return false };
        let was_there = seconds.remove(&second);
        if seconds.is_empty() {
            self.0.remove(name);
        }
        was_there
    }

    /// Whether a fact is among them.
    pub fn contains(&self, name: &FactName, second: i64) -> bool {
        self.0.get(name).is_some_and(|seconds| seconds.contains(&second))
    }

    /// How often a fact happened.
    pub fn times_of(&self, name: &FactName) -> usize {
        self.0.get(name).map_or(0, BTreeSet::len)
    }

    /// The facts before a second.
    pub fn before(&self, second: i64) -> Vec<(FactName, i64)> {
        let old = self.0.iter().flat_map(|(name, seconds)| seconds.range(..second).map(move |at| (name.clone(), *at)));
        old.collect()
    }

    /// The names of the facts, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &FactName> {
        self.0.keys()
    }

    /// The facts by name, each with its seconds in order.
    pub fn by_name(&self) -> impl Iterator<Item = (&FactName, &BTreeSet<i64>)> {
        self.0.iter()
    }

    /// How many facts there are.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The facts, by name and then by time.
    pub fn iter(&self) -> impl Iterator<Item = (&FactName, i64)> {
        self.0.iter().flat_map(|(name, seconds)| seconds.iter().map(move |second| (name, *second)))
    }
}

impl FromIterator<(FactName, i64)> for Facts {
    fn from_iter<I: IntoIterator<Item = (FactName, i64)>>(facts: I) -> Self {
        let mut set = Self::default();
        for (name, second) in facts {
            set.add(name, second);
        }
        set
    }
}
