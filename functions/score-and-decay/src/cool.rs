//! The decay run: what has cooled to zero leaves the live index, what is too old to be seen is taken away, and a quarter
//! that begins above the threshold is told of if the playbook wants that.

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{cooled_at, forgotten_before, instant, look_again_at};
use perennial_platform::failure::Failure;
use perennial_platform::interest::{InterestItem, taking};
use perennial_platform::keys::{self, Key, LIVE_INDEX, SHARDS};
use perennial_platform::landing::Evaluated;
use perennial_platform::outbox::{LeadEvent, Waiting};
use perennial_platform::store::{ATTEMPTS, Change, Commit, back_off, number};

use crate::ScoreAndDecay;

/// So many interests are looked at at once: each waits for a read and a write.
const AT_ONCE: usize = 16;

impl ScoreAndDecay {
    /// Evaluates every interest that may be cold by now, shard by shard. Needs no cursor: what was seen to has left this
    /// stretch of the index, so a run that broke off goes on where it was, and a second one finds nothing.
    ///
    /// Interests may be cold when a cycle has completed; a quarter matters if it may begin with a lead. On most other days
    /// the run is one query a shard.
    pub(crate) async fn cool(&self, scheduled_at: Timestamp) -> Result<(), Failure> {
        let now = self.clock.now().max(scheduled_at);
        let mut cooled = Ok(());
        for shard in 0..SHARDS {
            let nominated = self.store.nominated(LIVE_INDEX, &keys::live_shard_number(shard), now).await?;
            let look = |key: Key| async move { self.cool_one(&key, now).await };
            let mut looks = stream::iter(nominated).map(look).buffer_unordered(AT_ONCE);
            // One that cannot be read must not keep the others warm.
            while let Some(one) = looks.next().await {
                cooled = cooled.and(one);
            }
        }
        cooled
    }

    async fn cool_one(&self, key: &Key, now: Timestamp) -> Result<(), Failure> {
        let Some(contact) = keys::contact_of(&key.pk) else { return Ok(()) };
        let Some(product) = key.sk.strip_prefix(keys::INTEREST).map(ProductId::from) else { return Ok(()) };
        let mut attempt = 0;
        while attempt < ATTEMPTS {
            let Some(item) = self.store.get_item(key).await? else { return Ok(()) };
            let item = InterestItem::read(&item)?;
            if !item.live {
                return Ok(());
            }
            match self.try_cool(key, &contact, &product, &item, now).await? {
                Cooled::Looked => return Ok(()),
                Cooled::MoreToForget => {}
                // A fact landed between the read and the write: decide again with it.
                Cooled::Lost => {
                    back_off(attempt).await;
                    attempt += 1;
                }
            }
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
    ) -> Result<Cooled, Failure> {
        let rules = &self.playbook.interest;
        let forgotten = item.facts.before(forgotten_before(now));
        let held_rev = |update: &str| {
            let change = Change::of(key.clone(), update).only_if("#rev = :rev");
            taking(change.with(":rev", number(item.rev)).with(":next", number(item.rev + 1)), &forgotten)
        };
        let (forget, all) = held_rev("SET #rev = :next");
        if !all {
            return Ok(Cooled::after(self.store.apply("interest forget", forget).await?, Cooled::MoreToForget));
        }
        let interest = Evaluated::at(now, &self.store, rules, (contact, product), item);
        if interest.score.points > 0 {
            // A quarter that began above the threshold; also one whose telling was lost.
            interest.tell_from(rules.quarters.of(now)).await?;
            let (stay, _) = held_rev("SET #cools_at = :cools_at, #rev = :next");
            let stay = stay.with(":cools_at", number(look_again_at(rules, &interest.score, now)));
            return Ok(Cooled::after(self.store.apply("interest cool", stay).await?, Cooled::Looked));
        }
        // What was never warm has not cooled, and what has been told of is not told of again: engagements that are worth
        // nothing bring an interest back here as well.
        let cooled = cooled_at(rules, &item.facts, now).filter(|at| item.cooled_at < Some(*at));
        let Some(at) = cooled else {
            let (leave, _) = held_rev("SET #rev = :next REMOVE #live_shard, #cools_at");
            return Ok(Cooled::after(self.store.apply("interest cool", leave).await?, Cooled::Looked));
        };
        let (leave, _) = held_rev("SET #rev = :next, #cooled_at = :cooled_at REMOVE #live_shard, #cools_at");
        let told = LeadEvent::of(contact, product, rules.quarters.of(instant(at)));
        let actions = vec![
            self.store.change(leave.with(":cooled_at", number(at)))?,
            self.store.put_over(&Waiting::interest_cooled(told, at, now)?)?,
        ];
        let done = self.store.commit("interest cool", actions).await? == Commit::Done;
        Ok(Cooled::after(done, Cooled::Looked))
    }
}

/// What came of looking at one interest.
enum Cooled {
    /// It stays or has left.
    Looked,
    /// More is too old than one update can take away: look again at once.
    MoreToForget,
    /// Somebody else wrote it meanwhile.
    Lost,
}

impl Cooled {
    fn after(written: bool, then: Self) -> Self {
        if written { then } else { Self::Lost }
    }
}
