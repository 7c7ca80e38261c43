//! Every day at the team's check: new leads go into their owner's digest, untouched ones climb the SLA ladder by one rung.
//!
//! A lead whose owner has left the playbook gets another one first: whoever has its account now.
//!
//! A rung and its event leave in one transaction, on condition that nobody has touched the lead meanwhile.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_domain::ids::RepId;
use perennial_domain::owner;
use perennial_domain::sla::{self, Decision};
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, DUE_INDEX, Job, Key, SHARDS};
use perennial_platform::lambda::Tick;
use perennial_platform::leads;
use perennial_platform::outbox::{LeadEvent, Waiting};
use perennial_platform::records::{Digest, Lead, RungFired};
use perennial_platform::store::{ATTEMPTS, Change, Commit, Store, back_off, number, string};
use perennial_playbook::Playbook;

/// A digest that a broken run left unannounced is found for so many days.
const LOOK_BACK_DAYS: i64 = 7;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct EscalateSla {
    /// The state table.
    pub store: Store,
    /// The ladder and the team's calendar.
    pub playbook: Arc<Playbook>,
}

impl EscalateSla {
    /// Runs the check of a day.
    ///
    /// # Errors
    /// [`Failure`] if it could not finish: the same tick again goes on where it was.
    pub async fn handle(&self, tick: Tick) -> Result<(), Failure> {
        tick.finish(self.check_all(tick.scheduled_at)).await
    }

    async fn check_all(&self, now: Timestamp) -> Result<(), Failure> {
        let calendar = &self.playbook.calendar;
        let today = calendar.date(now);
        // What is due at any time today: the run is the day's check, also when it comes before the calendar's.
        let until = calendar.start_of(today.saturating_add(1.day())) - SignedDuration::from_secs(1);
        let (mut done, mut run) = (Ok(()), Run::default());
        for shard in 0..SHARDS {
            for key in self.store.nominated(DUE_INDEX, &Job::Lead.shard(shard), until).await? {
                // One lead that cannot be checked must not silence the others.
                done = done.and(run.count(self.check(&key, now).await));
            }
        }
        run.log(now);
        // Only when all of the day's leads are in their digests; and those of days whose runs broke off before this.
        for days_ago in 0..=LOOK_BACK_DAYS {
            let date = today.saturating_sub(days_ago.days()).to_string();
            match self.store.partition::<Digest>(&keys::digests(&date), Some("OWNER#")).await {
                Err(failure) => done = done.and(Err(failure)),
                Ok(digests) => {
                    for digest in digests {
                        done = done.and(self.announce(&digest, &date, now).await);
                    }
                }
            }
        }
        done
    }

    /// Closes a digest and says that it is ready; a lead that comes later goes into the next.
    async fn announce(&self, digest: &Digest, date: &str, now: Timestamp) -> Result<(), Failure> {
        if digest.announced {
            return Ok(());
        }
        let owner = RepId::from(digest.owner.as_str());
        let closed =
            Change::of(keys::digest(date, &owner), "SET #announced = :yes").with(":yes", AttributeValue::Bool(true));
        let ready = self.store.put_over(&Waiting::digest_ready(&owner, date, now)?)?;
        self.store.commit("digest", vec![self.store.change(closed)?, ready]).await.map(drop)
    }

    /// Checks one lead; what was decided of it, if it is there.
    async fn check(&self, key: &Key, now: Timestamp) -> Result<Option<Decision>, Failure> {
        let calendar = &self.playbook.calendar;
        for attempt in 0..ATTEMPTS {
            let Some(lead) = self.store.get::<Lead>(key).await? else { return Ok(None) };
            if lead.status().is_open() && self.playbook.rep(&lead.owner_id()).is_none() {
                self.give_to_another(&lead, now).await?;
                // What is due is done with the lead as it is now.
                continue;
            }
            let decision = sla::decide(&lead.clock(), &self.playbook.ladder, calendar, now);
            match self.carry_out(&lead, decision, now).await? {
                Commit::Done => {
                    if let Decision::Escalate { rung, due_at, .. } = decision {
                        tracing::info!(rung, due_at = %due_at, fired_at = %now, "SLA rung");
                    }
                    return Ok(Some(decision));
                }
                // Today's digest has been announced already (a second run of the day): the next check's will have it.
                Commit::Refused(failed) if failed == [false, true] => {
                    let tomorrow = calendar.start_of(calendar.date(now).saturating_add(1.day()));
                    let next = calendar.next_check(tomorrow);
                    self.store.commit("SLA step", vec![self.store.change(step(&lead, Some(next), ""))?]).await?;
                    return Ok(Some(Decision::Wait(next)));
                }
                Commit::Refused(_) => {}
            }
            // Touched, or checked by another run, between the read and the write.
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "SLA check" })
    }

    /// Finds another owner for a lead whose owner has left the playbook: nobody would hear of it.
    async fn give_to_another(&self, lead: &Lead, now: Timestamp) -> Result<(), Failure> {
        let account = leads::account_of(&self.store, lead).await?;
        let owner = account.and_then(|account| owner::of(&self.playbook.owners, &account, now));
        let Some(owner) = owner else {
            // It stays due: the next check asks again, and until then the run fails, which raises an alarm.
            tracing::error!("a lead has no owner: the playbook does not know its own, and nobody else has the account");
            return Err(Failure::shape("lead", "its owner is not in the playbook, and nobody else has the account"));
        };
        if leads::give_to(&self.store, lead, &owner).await? == Commit::Done {
            tracing::info!("a lead has another owner: the playbook does not know its own");
        }
        Ok(())
    }

    async fn carry_out(&self, lead: &Lead, decision: Decision, now: Timestamp) -> Result<Commit, Failure> {
        let actions = match decision {
            Decision::HandOff { next } => {
                let date = self.playbook.calendar.date(now).to_string();
                let into = Change::of(keys::digest(&date, &lead.owner_id()), "SET #owner = :owner ADD #leads :lead")
                    .only_if("attribute_not_exists(#announced)")
                    .with(":owner", string(&lead.owner))
                    .with(":lead", AttributeValue::Ss(vec![lead.key().to_line()]));
                // Where the day's check was missed its owner hears late, and has the time that was promised all the same.
                let promise = if next.is_some() { ", #sla_due_at = :due" } else { "" };
                let what = format!("#handed_off_at = :now, #last_step_at = :now{promise}");
                let step = step(lead, next, &what).with(":now", number(now.as_second()));
                vec![self.store.change(step)?, self.store.change(into)?]
            }
            Decision::Escalate { rung, due_at, next } => {
                let since = lead.sla_since;
                let fired = RungFired { rung, due_at: due_at.as_second(), fired_at: now.as_second(), since };
                let fired = serde_dynamo::to_attribute_value(vec![fired])
                    .map_err(|_| Failure::shape("rung", "not of the shape we give it"))?;
                let step = step(lead, next, "#rungs = list_append(#rungs, :fired), #last_step_at = :now")
                    .with(":now", number(now.as_second()))
                    .with(":fired", fired);
                let quarter = lead.quarter().ok_or_else(|| Failure::shape("lead", "quarter"))?;
                let mut event = LeadEvent::of(&lead.contact_id(), &lead.product_id(), quarter);
                event.priority = Some(lead.priority.clone());
                event.owner = Some(lead.owner.clone());
                event.rung = Some(rung);
                event.sla_since = since;
                vec![self.store.change(step)?, self.store.put_over(&Waiting::sla_escalated(event, now)?)?]
            }
            Decision::Wait(until) => vec![self.store.change(step(lead, Some(until), ""))?],
            Decision::Done => vec![self.store.change(step(lead, None, ""))?],
        };
        self.store.commit("SLA step", actions).await
    }
}

/// What a run did, in numbers.
#[derive(Debug, Default)]
struct Run {
    checked: usize,
    handed_off: usize,
    escalated: usize,
    waiting: usize,
    ended: usize,
    failed: usize,
}

impl Run {
    fn count(&mut self, checked: Result<Option<Decision>, Failure>) -> Result<(), Failure> {
        self.checked += 1;
        match &checked {
            Ok(Some(Decision::HandOff { .. })) => self.handed_off += 1,
            Ok(Some(Decision::Escalate { .. })) => self.escalated += 1,
            Ok(Some(Decision::Wait(_))) => self.waiting += 1,
            // Touched, at the end of the ladder, or gone to another id.
            Ok(Some(Decision::Done) | None) => self.ended += 1,
            Err(_) => self.failed += 1,
        }
        checked.map(drop)
    }

    fn log(&self, now: Timestamp) {
        let Self { checked, handed_off, escalated, waiting, ended, failed } = *self;
        tracing::info!(of = %now, checked, handed_off, escalated, waiting, ended, failed, "SLA check");
    }
}

/// A step of a lead that nobody has written since it was read; then it is due at `next`, or never again.
fn step(lead: &Lead, next: Option<Timestamp>, what: &str) -> Change {
    let what = if what.is_empty() { String::new() } else { format!(", {what}") };
    let change = Change::none(lead.key())
        .only_if("#rev = :rev")
        .with(":rev", number(lead.rev))
        .with(":next_rev", number(lead.rev + 1));
    match next {
        Some(next) => change
            .with(":due", number(next.as_second()))
            .updating(format!("SET #rev = :next_rev, #due_at = :due{what}")),
        None => change.updating(format!("SET #rev = :next_rev{what} REMOVE #due_shard, #due_at")),
    }
}
