//! Actions that are probably written wrong: nothing declares an action, so a slip makes a new one that nobody ever does.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::quoted;
use crate::source::Text;

use super::Check;

/// A word of so many letters is long: two slips still leave it recognisable.
const LONG: usize = 8;
/// Words shorter than this are near to one another by themselves.
const SHORT: usize = 4;

impl Check<'_> {
    /// An action of a single asset that is nearly one of several others.
    pub(super) fn actions_of_one_asset(&mut self) {
        let source = self.source;
        let of_asset: Vec<BTreeSet<&Text>> =
            source.assets.iter().map(|asset| asset.worth(&source.interest.points).into_keys().collect()).collect();
        let mut assets: BTreeMap<&str, usize> = BTreeMap::new();
        for action in of_asset.iter().flatten() {
            *assets.entry(action.get_ref()).or_default() += 1;
        }
        let common: Vec<&str> = assets.iter().filter(|(_, count)| **count > 1).map(|(action, _)| *action).collect();
        for actions in &of_asset {
            // An asset that has both tells them apart.
            let elsewhere = common.iter().filter(|known| !actions.iter().any(|action| action.get_ref() == *known));
            let elsewhere: Vec<&str> = elsewhere.copied().collect();
            for action in actions.iter().filter(|action| assets.get(action.get_ref().as_str()) == Some(&1)) {
                if let Some(meant) = nearly(action.get_ref(), &elsewhere) {
                    let reason = format!("action {} is known to this asset only", quoted(action.get_ref()));
                    self.warn(action, reason).suggestion = Some(format!("did you mean {}?", quoted(meant)));
                }
            }
        }
    }
}

/// The word that this one nearly is.
fn nearly<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().filter(|word| !tells_apart(written, word)).filter_map(|word| {
        let length = written.chars().count().max(word.chars().count());
        let most = if length < SHORT { 0 } else { 1 + usize::from(length >= LONG) };
        let distance = strsim::damerau_levenshtein(written, word);
        (distance <= most).then_some((distance, *word))
    });
    near.min().map(|(_, word)| word)
}

/// Whether two words differ on purpose: in their numbers, as step-1 and step-2, or in what stands before one of them, as
/// subscribe and unsubscribe.
fn tells_apart(one: &str, other: &str) -> bool {
    let letters = |word: &str| word.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    letters(one) == letters(other) || one.ends_with(other) || other.ends_with(one)
}
