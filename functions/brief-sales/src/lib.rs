//! Once a week: what helps a rep to sell is put together, for each rep in one item, and announced with it in one transaction.
//!
//! The item holds ids and figures; names are read when the mail is written. Whoever has an item for the week has been told: the
//! same tick again changes nothing, and a run that broke off, or a day that was missed, is made up for by the next one in the
//! same week. What is read for a rep is in `survey.rs`.

mod survey;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use perennial_domain::brief::Week;
use perennial_domain::ids::RepId;
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::lambda::Tick;
use perennial_platform::outbox::Waiting;
use perennial_platform::store::{Commit, Store, text};
use perennial_playbook::Playbook;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct BriefSales {
    /// The state table.
    pub store: Store,
    /// The reps, and what makes interest.
    pub playbook: Arc<Playbook>,
}

impl BriefSales {
    /// Makes the briefs of a week that are not made yet.
    ///
    /// # Errors
    /// [`Failure`] if it could not finish: the same tick again goes on where it was.
    pub async fn handle(&self, tick: Tick) -> Result<(), Failure> {
        tick.finish(self.make_missing(tick.scheduled_at)).await
    }

    async fn make_missing(&self, now: Timestamp) -> Result<(), Failure> {
        let week = Week::of(&self.playbook.calendar, now);
        let told = self.told(week).await?;
        let (mut done, mut made) = (Ok(()), 0);
        for rep in self.playbook.reps.iter().filter(|rep| rep.weekly && !told.contains(&rep.id)) {
            // One rep whose brief cannot be made must not silence the others.
            match self.make(&rep.id, week, now).await {
                Ok(new) => made += usize::from(new),
                Err(failure) => {
                    tracing::error!(rep = %rep.id, %failure, "brief not made");
                    done = Err(failure);
                }
            }
        }
        tracing::info!(week = %week.begins_on, made, told_before = told.len(), "weekly briefs");
        done
    }

    /// Who has a brief of the week already.
    async fn told(&self, week: Week) -> Result<BTreeSet<RepId>, Failure> {
        let items = self.store.partition_items(&keys::briefs(week.begins_on), Some(keys::OWNER)).await?;
        let rep = |sk: &str| sk.strip_prefix(keys::OWNER).map(RepId::from);
        Ok(items.iter().filter_map(|item| text(item, keys::SK).and_then(rep)).collect())
    }

    /// Makes a rep's brief and announces it; false if another run was faster.
    async fn make(&self, rep: &RepId, week: Week, now: Timestamp) -> Result<bool, Failure> {
        let brief = self.survey(rep, week, now).await?;
        let announced = self.store.put_over(&Waiting::brief_ready(&brief, now)?)?;
        let committed = self.store.commit("brief", vec![self.store.put_new(&brief)?, announced]).await?;
        Ok(committed == Commit::Done)
    }
}
