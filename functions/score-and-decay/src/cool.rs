//! The decay job: what has cooled to zero leaves the live index.

use jiff::Timestamp;
use perennial_domain::cycle::Cycle;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{cools_at, evaluate};
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, Key, LIVE_INDEX, SHARDS};
use perennial_platform::outbox::{LeadEvent, Waiting};
use perennial_platform::store::{ATTEMPTS, Change, Commit, back_off, number};

use crate::ScoreAndDecay;

impl ScoreAndDecay {
    /// Evaluates every interest that is predicted to be cold by now. Needs no cursor: what was seen to has left this
    /// stretch of the index, so a run that broke off goes on where it was, and a second one finds nothing.
    ///
    /// `scheduled_at` is a Monday; in the middle of a cycle nothing is predicted, and the run is one empty query a shard.
    pub(crate) async fn cool(&self, scheduled_at: Timestamp) -> Result<(), Failure> {
        let now = self.clock.now().max(scheduled_at);
        let mut cooled = Ok(());
        for shard in 0..SHARDS {
            for key in self.store.nominated(LIVE_INDEX, &keys::live_shard_number(shard), now).await? {
                // One that cannot be read must not keep the others warm.
                cooled = cooled.and(self.cool_one(&key, now).await);
            }
        }
        cooled
    }

    async fn cool_one(&self, key: &Key, now: Timestamp) -> Result<(), Failure> {
        let Some(contact) = keys::contact_of(&key.pk) else { return Ok(()) };
        let Some(product) = key.sk.strip_prefix(keys::INTEREST).map(ProductId::from) else { return Ok(()) };
        for attempt in 0..ATTEMPTS {
            let Some(item) = self.store.get_item(key).await? else { return Ok(()) };
            let item = InterestItem::read(&item)?;
            if !item.live || self.try_cool(key, &contact, &product, &item, now).await? == Commit::Done {
                return Ok(());
            }
            // A fact landed between the read and the write: decide again with it.
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "interest cool" })
    }

    async fn try_cool(
        &self,
        key: &Key,
        contact: &ContactId,
        product: &ProductId,
        item: &InterestItem,
        now: Timestamp,
    ) -> Result<Commit, Failure> {
        let rules = &self.playbook.interest;
        let score = evaluate(rules, product, &item.facts, now);
        let held_rev = |update: &str| {
            let change = Change::of(key.clone(), update).only_if("#rev = :rev");
            change.with(":rev", number(item.rev)).with(":next", number(item.rev + 1))
        };
        if score.points > 0 {
            let next = number(cools_at(rules, score.points, now));
            let change = held_rev("SET #cools_at = :cools_at, #rev = :next").with(":cools_at", next);
            return self.store.commit("interest cool", vec![self.store.change(change)?]).await;
        }
        let leave = held_rev("SET #rev = :next REMOVE #live_shard, #cools_at");
        let mut actions = vec![self.store.change(leave)?];
        // What was never warm has not cooled.
        if score.last_scored_second.is_some() {
            let told = LeadEvent::of(contact, product, rules.quarters.of(now));
            actions.push(self.store.put_over(&Waiting::interest_cooled(told, Cycle::of(now).number(), now)?)?);
        }
        self.store.commit("interest cool", actions).await
    }
}
