//! An interest as it was just read, with its score; and telling that it reaches a quarter which has neither a lead nor a
//! held qualification.

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{InterestRules, Score, evaluate};
use perennial_domain::quarter::Quarter;
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::outbox::{self, LeadEvent, Waiting};
use perennial_platform::store::Store;

/// An interest, read and evaluated.
#[derive(Debug)]
pub struct Evaluated<'a> {
    /// The state table.
    pub store: &'a Store,
    /// What engagements are worth.
    pub rules: &'a InterestRules,
    /// Whose interest.
    pub contact: &'a ContactId,
    /// In which product.
    pub product: &'a ProductId,
    /// As it is stored.
    pub item: &'a InterestItem,
    /// Its score at `now`.
    pub score: Score,
    /// When it was evaluated.
    pub now: Timestamp,
}

impl<'a> Evaluated<'a> {
    /// Evaluates an interest.
    pub fn at(
        now: Timestamp,
        store: &'a Store,
        rules: &'a InterestRules,
        (contact, product): (&'a ContactId, &'a ProductId),
        item: &'a InterestItem,
    ) -> Self {
        let score = evaluate(rules, product, &item.facts, now);
        Self { store, rules, contact, product, item, score, now }
    }

    /// Tells of each quarter from `first` on that the score reaches and that has neither lead nor held marker. Each time:
    /// the last telling may have been lost, and whoever hears it twice does nothing the second time.
    ///
    /// Earlier quarters were told when they were reached: a playbook that has become more generous since makes no leads for
    /// the past.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn tell_from(&self, first: Quarter) -> Result<(), Failure> {
        for quarter in self.score.reached.range(first..).map(|(quarter, _)| quarter) {
            if !self.item.leads.contains(quarter) && !self.item.held.contains(quarter) {
                let event = Waiting::threshold_reached(LeadEvent::of(self.contact, self.product, *quarter), self.now)?;
                outbox::put(self.store, &event).await?;
            }
        }
        Ok(())
    }
}
