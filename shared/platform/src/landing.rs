//! What follows when facts land on an interest: whose it is by now, which quarters are told of, which leads are marked.
//!
//! Functions and merges let facts land in the same way. A new interest lacks the mark `known`: the first fact looks up what
//! has become of the contact's id, and follows it or is dropped. The score itself is the domain's.

mod late;

use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, Facts, InterestRules, Score, evaluate, first_look_at, instant};
use perennial_domain::quarter::Quarter;

use crate::failure::Failure;
use crate::identity::{self, Resolved};
use crate::interest::{Grown, InterestItem, removed_at, set_known};
use crate::outbox::{self, LeadEvent, Waiting};
use crate::store::{ATTEMPTS, Store, back_off};

/// What became of facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// They are facts of this contact's interest.
    At(ContactId),
    /// The contact was erased: nothing is kept.
    Nowhere,
}

/// Lets facts land.
#[derive(Clone, Copy, Debug)]
pub struct Landing<'a> {
    /// The state table.
    pub store: &'a Store,
    /// What engagements are worth.
    pub rules: &'a InterestRules,
    /// The time.
    pub now: Timestamp,
}

impl Landing<'_> {
    /// Adds facts, each a name and a second since the Unix epoch, where the contact is by now; then tells of each quarter that
    /// they reach and that has neither lead nor held marker, and of each Act Now in one that has; and marks the leads that they
    /// undo. `new` are then those that were not there before, also where what follows of them fails: they are facts all the same, and
    /// not new when they come again. It is for counting, and decides nothing: a write whose answer was lost is new to nobody, and
    /// beside a merge or an erasure a failure can make a fact new twice or not at all.
    ///
    /// One write for an interest that is known; a new one costs a read and a second write.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached, or the contact was merged again and again meanwhile. The same facts
    /// again are harmless.
    pub async fn land(
        &self,
        contact: &ContactId,
        product: &ProductId,
        facts: &[(FactName, i64)],
        new: &mut Facts,
    ) -> Result<Landed, Failure> {
        let (mut at, mut facts) = (contact.clone(), facts.to_vec());
        let mut left: Vec<(ContactId, i64)> = Vec::new();
        for attempt in 0..ATTEMPTS {
            let look_again_at = first_look_at(self.rules, self.now);
            let mut grown = Grown::default();
            let added = grown.add(self.store, &at, product, &facts, look_again_at).await;
            *new = grown.new;
            added?;
            let item = grown.interest;
            let resolved = if item.known { Resolved::Same } else { identity::resolve(self.store, &at).await? };
            if resolved == Resolved::Same && (item.known || set_known(self.store, &at, product).await?) {
                self.follow_up(&at, product, &item, &facts).await?;
                self.leave(product, &left).await?;
                return Ok(Landed::At(at));
            }
            // They do not stay there.
            *new = Facts::default();
            match resolved {
                Resolved::Into(into) => {
                    facts = item.facts.iter().map(|(name, second)| (name.clone(), second)).collect();
                    left.push((std::mem::replace(&mut at, into), item.rev));
                }
                Resolved::Erased => {
                    left.push((at, item.rev));
                    self.leave(product, &left).await?;
                    return Ok(Landed::Nowhere);
                }
                // It was moved away between the two: look again.
                Resolved::Same => back_off(attempt).await,
            }
        }
        Err(Failure::Conflict { operation: "facts landing" })
    }

    /// What is left of a merged or erased contact's interest goes. One that was written meanwhile stays: whoever wrote it
    /// finds it without `known`, and looks as well.
    async fn leave(&self, product: &ProductId, left: &[(ContactId, i64)]) -> Result<(), Failure> {
        for (contact, rev) in left {
            let gone = removed_at(self.store, contact, product, *rev)?;
            self.store.commit("interest leave", vec![gone]).await?;
        }
        Ok(())
    }

    async fn follow_up(
        &self,
        contact: &ContactId,
        product: &ProductId,
        item: &InterestItem,
        facts: &[(FactName, i64)],
    ) -> Result<(), Failure> {
        let interest = Evaluated::at(self.now, self.store, self.rules, (contact, product), item);
        // A fact can only reach quarters from its own on.
        let counting = facts.iter().filter(|(name, _)| self.rules.can_reach(name)).map(|(_, second)| *second);
        let first = self.rules.quarters.of(counting.min().map_or(self.now, instant));
        interest.tell(first, &interest.asked(facts)).await?;
        interest.mark_leads(facts).await
    }
}

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
        self.tell(first, &BTreeMap::new()).await
    }

    /// As [`Self::tell_from`]; and tells of each of these quarters in which the contact asked for a call, whether it has its lead or
    /// one is held: whoever asks does not wait for the next day's run, nor is it nothing because somebody may call already. Each
    /// time, as above: whether it is news is decided on the lead.
    async fn tell(&self, first: Quarter, asked: &BTreeMap<Quarter, i64>) -> Result<(), Failure> {
        let known = |quarter: &Quarter| {
            self.item.leads.contains(quarter) || self.item.held.contains(quarter) || asked.contains_key(quarter)
        };
        let reached = self.score.reached.range(first..).map(|(quarter, _)| *quarter).filter(|quarter| !known(quarter));
        let asked = asked.iter().map(|(quarter, asked_at)| (*quarter, Some(*asked_at)));
        for (quarter, act_now_at) in reached.map(|quarter| (quarter, None)).chain(asked) {
            let event = LeadEvent { act_now_at, ..LeadEvent::of(self.contact, self.product, quarter) };
            outbox::put(self.store, &Waiting::threshold_reached(event, self.now)?).await?;
        }
        Ok(())
    }

    /// The quarters of the Act Nows among arrived facts, each with the second of its last one. A machine's are none.
    fn asked(&self, arrived: &[(FactName, i64)]) -> BTreeMap<Quarter, i64> {
        let asking = arrived.iter().filter(|(name, _)| self.rules.is_act_now(name));
        let quarters = asking.map(|(_, second)| self.rules.quarters.of(instant(*second)));
        quarters.filter_map(|quarter| Some((quarter, *self.score.act_nows.get(&quarter)?))).collect()
    }
}
