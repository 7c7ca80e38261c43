//! One interest: what the ledger tells against what is stored. Pure.

use std::collections::BTreeMap;

use perennial_domain::interest::{FactName, Facts, MOST_TIMES_PER_FACT};

/// What the ledger tells of one interest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Facts that should have arrived.
    settled: Facts,
    /// Facts that may still be on their way.
    on_their_way: Facts,
}

impl Told {
    /// Adds a fact at a second since the Unix epoch.
    pub fn add(&mut self, name: FactName, second: i64, on_its_way: bool) {
        let facts = if on_its_way { &mut self.on_their_way } else { &mut self.settled };
        facts.add(name, second);
    }

    fn contains(&self, name: &FactName, second: i64) -> bool {
        self.settled.contains(name, second) || self.on_their_way.contains(name, second)
    }
}

/// How one interest differs from the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Facts that both have.
    pub equal: usize,
    /// Facts that the ledger has, and for which there is room.
    pub missing: Vec<(FactName, i64)>,
    /// Facts that the ledger does not have, or whose asset is not tagged with the product any more.
    pub surplus: Vec<(FactName, i64)>,
    /// Facts that the ledger has and that find their set full.
    pub beyond_full_sets: usize,
    /// Stored facts of assets that the playbook does not know.
    pub of_unknown_assets: usize,
    /// Facts of the ledger that are not stored yet and may be on their way.
    pub on_their_way: usize,
}

impl Difference {
    /// Whether there is nothing to mend.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty()
    }
}

/// Compares from a second on. `tagged` says whether a fact's asset is tagged with the product; nothing if the playbook does
/// not know it.
pub fn compare(
    told: &Told,
    stored: &Facts,
    provable_from: i64,
    tagged: impl Fn(&FactName) -> Option<bool>,
) -> Difference {
    let mut difference = Difference::default();
    let mut goes: BTreeMap<&FactName, usize> = BTreeMap::new();
    for (name, second) in stored.iter().filter(|(_, second)| *second >= provable_from) {
        match tagged(name) {
            None => difference.of_unknown_assets += 1,
            Some(true) if told.contains(name, second) => difference.equal += 1,
            Some(_) => {
                difference.surplus.push((name.clone(), second));
                *goes.entry(name).or_default() += 1;
            }
        }
    }
    let absent = |facts: &Facts| facts.iter().filter(|(name, second)| !stored.contains(name, *second)).count();
    let mut wanted: BTreeMap<&FactName, Vec<i64>> = BTreeMap::new();
    for (name, second) in told.settled.iter().filter(|(name, second)| !stored.contains(name, *second)) {
        wanted.entry(name).or_default().push(second);
    }
    for (name, seconds) in wanted {
        let stay = stored.times_of(name) - goes.get(name).copied().unwrap_or(0);
        let room = MOST_TIMES_PER_FACT.saturating_sub(stay);
        // The newest are seen longest.
        difference.missing.extend(seconds.iter().rev().take(room).map(|second| (name.clone(), *second)));
        difference.beyond_full_sets += seconds.len().saturating_sub(room);
    }
    difference.on_their_way = absent(&told.on_their_way);
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: i64 = 1_000;

    fn name(asset: &str) -> FactName {
        FactName { asset: asset.into(), action: "download".into(), email: None }
    }

    fn facts(of: &[(&str, i64)]) -> Facts {
        of.iter().map(|(asset, second)| (name(asset), *second)).collect()
    }

    /// `guide` is tagged with the product, `demo` with another, and `brochure` has left the playbook.
    fn difference(told: &[(&str, i64)], on_their_way: &[(&str, i64)], stored: &[(&str, i64)]) -> Difference {
        let told = Told { settled: facts(told), on_their_way: facts(on_their_way) };
        compare(&told, &facts(stored), FROM, |name| match name.asset.as_str() {
            "guide" => Some(true),
            "demo" => Some(false),
            _ => None,
        })
    }

    #[test]
    fn what_differs_is_said_and_what_cannot_be_proven_is_counted_apart() {
        let named = |facts: &[(&str, i64)]| facts.iter().map(|(asset, second)| (name(asset), *second)).collect();
        let none = Difference::default();
        for (what, told, on_their_way, stored, expected) in [
            ("nothing", vec![], vec![], vec![], none.clone()),
            (
                "the same",
                vec![("guide", 2_000)],
                vec![],
                vec![("guide", 2_000)],
                Difference { equal: 1, ..none.clone() },
            ),
            (
                "a fact was lost",
                vec![("guide", 2_000), ("guide", 3_000)],
                vec![],
                vec![("guide", 3_000)],
                Difference { equal: 1, missing: named(&[("guide", 2_000)]), ..none.clone() },
            ),
            (
                "nobody told it",
                vec![],
                vec![],
                vec![("guide", 2_000)],
                Difference { surplus: named(&[("guide", 2_000)]), ..none.clone() },
            ),
            (
                "a tag was taken away",
                vec![],
                vec![],
                vec![("demo", 2_000)],
                Difference { surplus: named(&[("demo", 2_000)]), ..none.clone() },
            ),
            (
                "the asset has left",
                vec![],
                vec![],
                vec![("brochure", 2_000)],
                Difference { of_unknown_assets: 1, ..none.clone() },
            ),
            (
                "too old to prove",
                vec![],
                vec![],
                vec![("guide", FROM - 1), ("demo", FROM - 1), ("brochure", 1)],
                none.clone(),
            ),
            (
                "the first that can be proven",
                vec![],
                vec![],
                vec![("demo", FROM)],
                Difference { surplus: named(&[("demo", FROM)]), ..none.clone() },
            ),
            ("on its way", vec![], vec![("guide", 2_000)], vec![], Difference { on_their_way: 1, ..none.clone() }),
            (
                "just arrived",
                vec![],
                vec![("guide", 2_000)],
                vec![("guide", 2_000)],
                Difference { equal: 1, ..none.clone() },
            ),
        ] {
            assert_eq!(difference(&told, &on_their_way, &stored), expected, "{what}");
        }
    }

    #[test]
    fn a_set_takes_the_newest_until_it_is_full() {
        let many = |from: i64, count: i64| (0..count).map(|n| ("guide", from + n)).collect::<Vec<_>>();
        for (what, told, stored, missing, beyond) in [
            ("room for all", many(2_000, 128), vec![], 128, 0),
            ("one too many", many(2_000, 129), vec![], 128, 1),
            ("full", many(2_000, 130), many(2_000, 128), 0, 2),
            ("overfull: one write may add many", many(2_000, 200), many(2_000, 150), 0, 50),
            ("old ones take room too", many(2_000, 100), many(FROM - 100, 100), 28, 72),
            ("what goes makes room", many(2_000, 100), many(5_000, 128), 100, 0),
        ] {
            let difference = difference(&told, &[], &stored);
            assert_eq!((difference.missing.len(), difference.beyond_full_sets), (missing, beyond), "{what}");
            let newest =
                told.iter().map(|(_, second)| *second).filter(|second| stored.iter().all(|(_, at)| at != second));
            assert_eq!(
                difference.missing.iter().map(|(_, second)| *second).max(),
                newest.max().filter(|_| missing > 0),
                "{what}"
            );
        }
    }
}
