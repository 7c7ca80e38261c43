//! What is learnt after a lead was made can take its quarter away: a delivery that shows a click to be a machine's, a
//! complaint from before the download. The lead is marked with that fact and not withdrawn; once its quarter is reached
//! again the mark goes.
//!
//! Lead and interest are marked in one transaction, so that an engagement which changes nothing costs no write.

use std::collections::BTreeSet;

use perennial_domain::interest::{DAY_SECONDS, FactName, Facts, evaluate, instant};
use perennial_domain::quarter::Quarter;

use super::Evaluated;
use crate::failure::Failure;
use crate::leads::{self, Standing};
use crate::records::Evidence;

type Fact = (FactName, i64);

impl Evaluated<'_> {
    /// Marks the leads that facts undid, and unmarks those that stand again. The interest holds the facts already.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached, or the interest was written meanwhile: then the facts are delivered
    /// again.
    pub async fn mark_leads(&self, arrived: &[Fact]) -> Result<(), Failure> {
        let undone = &self.item.undone;
        for quarter in undone.iter().filter(|quarter| self.score.reached.contains_key(quarter)) {
            self.mark(*quarter, Standing::Stands).await?;
        }
        for quarter in self.touched_by(arrived).into_iter().filter(|quarter| !undone.contains(quarter)) {
            if let Some((name, second)) = self.undone_by(arrived, quarter) {
                let (asset, action) = (name.asset.to_string(), name.action.to_string());
                let fact = Evidence { at: *second, points: self.rules.points_of(name), asset, action };
                self.mark(quarter, Standing::UndoneBy(fact)).await?;
            }
        }
        Ok(())
    }

    /// The quarters whose lead these facts could have undone: not reached, and not over before the first of them. A click
    /// can gate clicks of the day before.
    fn touched_by(&self, arrived: &[Fact]) -> BTreeSet<Quarter> {
        let Some(earliest) = arrived.iter().map(|(_, second)| *second).min() else { return BTreeSet::new() };
        let first = self.rules.quarters.of(instant(earliest - DAY_SECONDS));
        let lost = self.item.leads.range(first..).filter(|quarter| !self.score.reached.contains_key(quarter));
        lost.copied().collect()
    }

    /// The fact without which the quarter would be reached; of several that did it together the last. None if they did not:
    /// the playbook has changed.
    fn undone_by<'f>(&self, arrived: &'f [Fact], quarter: Quarter) -> Option<&'f Fact> {
        let reaches =
            |facts: &Facts| evaluate(self.rules, self.product, facts, self.now).reached.contains_key(&quarter);
        let mut without_all = self.item.facts.clone();
        for fact in arrived {
            let mut without = self.item.facts.clone();
            // A set that was full has not taken it.
            if without.remove(&fact.0, fact.1) && reaches(&without) {
                return Some(fact);
            }
            without_all.remove(&fact.0, fact.1);
        }
        reaches(&without_all).then(|| arrived.last()).flatten()
    }

    async fn mark(&self, quarter: Quarter, standing: Standing) -> Result<(), Failure> {
        let place = (self.contact, self.product, quarter);
        if leads::mark_standing(self.store, place, self.item.rev, standing).await? {
            tracing::info!(product = self.product.as_str(), "whether a lead stands has changed");
        }
        Ok(())
    }
}
