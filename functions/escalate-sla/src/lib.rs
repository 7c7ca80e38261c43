//! Every day at the team's check: new leads go into their owner's digest, untouched ones climb the SLA ladder by one rung.
//!
//! A rung and its event leave in one transaction, on condition that nobody has touched the lead meanwhile.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_domain::ids::RepId;
use perennial_domain::sla::{self, Decision};
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, DUE_INDEX, Job, Key, SHARDS};
use perennial_platform::lambda::Tick;
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
        let now = tick.scheduled_at;
        let calendar = &self.playbook.calendar;
        let today = calendar.date(now);
        // What is due at any time today: the run is the day's check, also when it comes before the calendar's.
        let until = calendar.start_of(today.saturating_add(1.day())) - SignedDuration::from_secs(1);
        let mut done = Ok(());
        for shard in 0..SHARDS {
            for key in self.store.nominated(DUE_INDEX, &Job::Lead.shard(shard), until).await? {
                // One lead that cannot be checked must not silence the others.
                done = done.and(self.check(&key, now).await);
            }
        }
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

    async fn check(&self, key: &Key, now: Timestamp) -> Result<(), Failure> {
        for attempt in 0..ATTEMPTS {
            let Some(lead) = self.store.get::<Lead>(key).await? else { return Ok(()) };
            let decision = sla::decide(&lead.clock(), &self.playbook.ladder, &self.playbook.calendar, now);
            match self.carry_out(&lead, decision, now).await? {
                Commit::Done => return Ok(()),
                // Today's digest has been announced already (a second run of the day): the next check's will have it.
                Commit::Refused(failed) if failed == [false, true] => {
                    let calendar = &self.playbook.calendar;
                    let tomorrow = calendar.start_of(calendar.date(now).saturating_add(1.day()));
                    let later = step(&lead, Some(calendar.next_check(tomorrow)), "");
                    self.store.commit("SLA step", vec![self.store.change(later)?]).await?;
                    return Ok(());
                }
                Commit::Refused(_) => {}
            }
            // Touched, or checked by another run, between the read and the write.
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "SLA check" })
    }

    async fn carry_out(&self, lead: &Lead, decision: Decision, now: Timestamp) -> Result<Commit, Failure> {
        let actions = match decision {
            Decision::HandOff { next } => {
                let date = self.playbook.calendar.date(now).to_string();
                let into = Change::of(keys::digest(&date, &lead.owner_id()), "SET #owner = :owner ADD #leads :lead")
                    .only_if("attribute_not_exists(#announced)")
                    .with(":owner", string(&lead.owner))
                    .with(":lead", AttributeValue::Ss(vec![format!("{}\n{}", lead.pk, lead.sk)]));
                let step = step(lead, next, "#handed_off_at = :now, #last_step_at = :now")
                    .with(":now", number(now.as_second()));
                vec![self.store.change(step)?, self.store.change(into)?]
            }
            Decision::Escalate { rung, due_at, next } => {
                let fired = RungFired { rung, due_at: due_at.as_second(), fired_at: now.as_second() };
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
                tracing::info!(rung, due_at = %due_at, fired_at = %now, "SLA rung");
                vec![self.store.change(step)?, self.store.put_over(&Waiting::sla_escalated(event, now)?)?]
            }
            Decision::Wait(until) => vec![self.store.change(step(lead, Some(until), ""))?],
            Decision::Done => vec![self.store.change(step(lead, None, ""))?],
        };
        self.store.commit("SLA step", actions).await
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
