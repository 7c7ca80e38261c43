//! A threshold was reached: a product MQL, once per contact, product and quarter, or held with a reason.
//!
//! The lead, the marker on the interest and the event leave in one transaction. A held qualification is due again every
//! day, or on the day on which its reason ends, so it is not forgotten. A quarter that has its lead hears of later Act Nows: see `again`.

mod again;
mod moments;

use std::sync::Arc;

use jiff::Timestamp;
use perennial_domain::calendar::days_after;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{self, Reached, Score};
use perennial_domain::owner;
use perennial_domain::profile::{Account, Contact};
use perennial_domain::qualify::{self, Decision, EarlierLead, GivenBack, HeldReason, Qualified, Snapshot};
use perennial_domain::quarter::Quarter;
use perennial_domain::sla;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::consent;
use perennial_platform::contact::ContactRows;
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, DUE_INDEX, Job, SHARDS};
use perennial_platform::lambda::Tick;
use perennial_platform::metrics;
use perennial_platform::outbox::{LeadEvent, Waiting};
use perennial_platform::records::{Checks, Held, Lead, Preferences};
use perennial_platform::store::{ATTEMPTS, Change, Commit, Store, back_off, number};
use perennial_playbook::Playbook;
use serde::Deserialize;

/// However far away the end of a wait is, it is looked at this often: what the playbook says of it may change, and so may what is known.
const LOOK_AFTER_DAYS: i64 = 28;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct QualifyMql {
    /// The state table.
    pub store: Store,
    /// How addresses are hashed: an opt-out may lie with the address.
    pub address_key: AddressKey,
    /// What makes a lead.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

/// What starts it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "there is one per invocation")]
pub enum Trigger {
    /// The daily look at what is held.
    Tick(Tick),
    /// `ThresholdReached`, from the bus.
    Event {
        /// Which interest.
        detail: LeadEvent,
    },
}

impl QualifyMql {
    /// Qualifies one interest, or decides again what is held.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached or every race was lost; both triggers deliver again.
    pub async fn handle(&self, trigger: Trigger) -> Result<(), Failure> {
        match trigger {
            Trigger::Event { detail } => {
                let quarter =
                    detail.quarter.parse().map_err(|_| Failure::shape("event", "not of the shape we give it"))?;
                self.qualify(&detail.contact.as_str().into(), &detail.product.as_str().into(), quarter).await
            }
            Trigger::Tick(tick) => tick.finish(self.decide_held_again(tick.scheduled_at)).await,
        }
    }

    async fn decide_held_again(&self, scheduled_at: Timestamp) -> Result<(), Failure> {
        let mut decided = Ok(());
        for shard in 0..SHARDS {
            for key in self.store.nominated(DUE_INDEX, &Job::Held.shard(shard), scheduled_at).await? {
                let (Some(contact), Some((product, quarter))) =
                    (keys::contact_of(&key.pk), keys::product_and_quarter(&key.sk))
                else {
                    continue;
                };
                // One that cannot be decided must not hold up the others.
                decided = decided.and(self.qualify(&contact, &product, quarter).await);
            }
        }
        decided
    }

    async fn qualify(&self, contact: &ContactId, product: &ProductId, quarter: Quarter) -> Result<(), Failure> {
        for attempt in 0..ATTEMPTS {
            if self.try_qualify(contact, product, quarter).await? == Commit::Done {
                return Ok(());
            }
            // A fact landed, something else was learnt, or another decider was faster: load and decide again.
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "qualify" })
    }

    async fn try_qualify(&self, contact: &ContactId, product: &ProductId, quarter: Quarter) -> Result<Commit, Failure> {
        let now = self.clock.now();
        let rows = self.store.contact(contact).await?;
        // What a merged contact had is told of where it goes.
        let item = rows.interests.get(product).filter(|_| rows.pointer.is_none());
        let Some(item) = item else { return Ok(Commit::Done) };
        let place = Place { contact, product, quarter, item, rows: &rows };
        if item.leads.contains(&quarter) {
            return self.hear_again(&place, now).await;
        }
        let score = interest::evaluate(&self.playbook.interest, product, &item.facts, now);
        let Some(reached) = score.reached.get(&quarter).copied() else { return self.forget(&place).await };
        let (earlier, quarters) = (earlier_leads(&rows, product), &self.playbook.interest.quarters);
        if qualify::is_over(&earlier, quarter, item.held.contains(&quarter), quarters, now) {
            return self.forget(&place).await;
        }
        let person = rows.contact(contact);
        let account = self.account(person.as_ref(), now).await?;
        let threshold = self.playbook.interest.threshold(product);
        let snapshot = Snapshot {
            product,
            threshold,
            score: &score,
            reached,
            contact: person.as_ref(),
            account: account.as_ref(),
            given_back: GivenBack::of(&earlier, quarter, quarters, now),
            wants_no_calls: rows.preferences.as_ref().is_some_and(Preferences::want_no_calls),
        };
        match qualify::decide(&self.playbook.qualify, &self.playbook.calendar, &snapshot, now) {
            Decision::Qualified(qualified) => self.make_lead(&place, &qualified, &score, reached, now).await,
            Decision::Held { until, reason } => {
                let due_at = until.min(days_after(now, LOOK_AFTER_DAYS));
                let held = self.hold(&place, person.as_ref(), (reason, due_at), now).await?;
                let heard =
                    held == Commit::Done && self.has_news(&place, person.as_ref(), account.as_ref(), now).await?;
                Ok(if heard { Commit::Refused(Vec::new()) } else { held })
            }
        }
    }

    /// The account of a contact, with whoever has it now.
    async fn account(&self, person: Option<&Contact>, now: Timestamp) -> Result<Option<Account>, Failure> {
        let Some(account) = person.and_then(|person| person.account.as_ref()) else { return Ok(None) };
        let mut account = self.store.account(account).await?;
        if let Some(account) = &mut account {
            // An owner whom the playbook does not know cannot be written to. If no territory has the account either, it is nobody's
            // lead, and held until somebody has it.
            account.owner = owner::of(&self.playbook.owners, account, now);
        }
        Ok(account)
    }

    async fn make_lead(
        &self,
        place: &Place<'_>,
        qualified: &Qualified,
        score: &Score,
        reached: Reached,
        now: Timestamp,
    ) -> Result<Commit, Failure> {
        let mut lead = self.lead(place, qualified, reached, now);
        lead.act_now_at = score.act_nows.get(&place.quarter).copied();
        tracing::info!(priority = %qualified.priority, kind = %qualified.kind, points = score.points, "lead qualified");
        let event = self.told(place, &lead).await?;
        let marked = place.mark("ADD #leads :quarter, #rev :one DELETE #held :quarter");
        let actions = vec![
            self.store.put_new(&lead)?,
            self.store.change(marked)?,
            self.store.delete(&keys::held(place.contact, place.product, place.quarter))?,
            self.store.put_over(&Waiting::lead_qualified(event, now)?)?,
        ];
        let committed = self.store.commit("lead", actions).await?;
        if committed == Commit::Done {
            metrics::lead_qualified();
        }
        Ok(committed)
    }

    /// What the bus is told of a lead.
    async fn told(&self, place: &Place<'_>, lead: &Lead) -> Result<LeadEvent, Failure> {
        let opted_out = consent::is_opted_out(&self.store, &self.address_key, place.contact, place.rows).await?;
        let preferences = place.rows.preferences.as_ref();
        Ok(LeadEvent {
            kind: Some(lead.kind.clone()),
            priority: Some(lead.priority.clone()),
            owner: Some(lead.owner.clone()),
            wants_no_calls: preferences.is_some_and(Preferences::want_no_calls),
            opted_out_of_mail: opted_out || preferences.is_some_and(Preferences::want_no_mail),
            ..LeadEvent::of(place.contact, place.product, place.quarter)
        })
    }

    fn lead(&self, place: &Place<'_>, qualified: &Qualified, reached: Reached, now: Timestamp) -> Lead {
        let key = keys::lead(place.contact, place.product, place.quarter);
        let (ladder, calendar) = (&self.playbook.ladder, &self.playbook.calendar);
        let check = sla::first_check(qualified.priority, ladder, calendar, now);
        let answer_by = sla::answer_by(qualified.priority, ladder, calendar, now);
        let (evidence, besides) = moments::of(&self.playbook, place.rows, (place.product, place.item), now);
        Lead {
            pk: key.pk,
            sk: key.sk,
            contact: place.contact.to_string(),
            product: place.product.to_string(),
            quarter: place.quarter.to_string(),
            reached_at: reached.second,
            qualified_at: now.as_second(),
            score: reached.points,
            sort_score: qualified.sorting.points,
            fit_points: qualified.fit.points,
            fit_grade: qualified.fit.grade.to_string(),
            engagement: qualified.engagement,
            sort_from_fit: Some(qualified.sorting.from_fit),
            driver: Some(qualified.sorting.driver.as_str().to_owned()),
            kind: qualified.kind.as_str().to_owned(),
            priority: qualified.priority.as_str().to_owned(),
            owner: qualified.owner.to_string(),
            new_customer: qualified.new_customer,
            evidence,
            besides,
            playbook_version: self.playbook.version.clone(),
            act_now_at: None,
            asked_again: Vec::new(),
            sla_since: None,
            undone_by: None,
            history: Vec::new(),
            stage: perennial_domain::lead::Status::Mql.as_str().to_owned(),
            stage_since: None,
            touched_by: None,
            touched_at: None,
            reason: None,
            amount_cents: None,
            checks: Checks::default(),
            recycled_until: None,
            later_until: None,
            handed_off_at: None,
            last_step_at: None,
            rungs: Vec::new(),
            due_shard: check.map(|_| keys::due_shard(Job::Lead, place.contact)),
            due_at: check.map(Timestamp::as_second),
            desk_owner: None,
            desk_rank: None,
            sla_owner: None,
            sla_due_at: answer_by.map(Timestamp::as_second),
            rev: 1,
        }
        .listed()
    }

    async fn hold(
        &self,
        place: &Place<'_>,
        person: Option<&Contact>,
        (reason, due_at): (HeldReason, Timestamp),
        now: Timestamp,
    ) -> Result<Commit, Failure> {
        let key = keys::held(place.contact, place.product, place.quarter);
        let known: Option<Held> = self.store.get(&key).await?;
        let held = Held {
            pk: key.pk,
            sk: key.sk,
            contact: place.contact.to_string(),
            product: place.product.to_string(),
            quarter: place.quarter.to_string(),
            reason: reason.as_str().to_owned(),
            since: known.map_or(now.as_second(), |known| known.since),
            due_shard: keys::due_shard(Job::Held, place.contact),
            due_at: due_at.as_second(),
            member_of: person.and_then(|person| person.account.as_ref()).map(keys::waiting_at),
        };
        let marked = place.mark("ADD #held :quarter, #rev :one");
        self.store.commit("hold", vec![self.store.put_over(&held)?, self.store.change(marked)?]).await
    }

    /// Whether what a hold was decided on has changed until it was written. Whoever wrote it meanwhile looked for what waits, and may
    /// have found nothing yet; whoever writes it from now on finds it.
    async fn has_news(
        &self,
        place: &Place<'_>,
        person: Option<&Contact>,
        account: Option<&Account>,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let rows = self.store.contact(place.contact).await?;
        let said = |rows: &ContactRows| {
            let wants_no_calls = rows.preferences.as_ref().is_some_and(Preferences::want_no_calls);
            (wants_no_calls, earlier_leads(rows, place.product))
        };
        let known = rows.contact(place.contact);
        Ok(known.as_ref() != person
            || said(&rows) != said(place.rows)
            || self.account(known.as_ref(), now).await?.as_ref() != account)
    }

    /// The quarter is not reached under the present facts and playbook: nothing is held for it any more.
    async fn forget(&self, place: &Place<'_>) -> Result<Commit, Failure> {
        if !place.item.held.contains(&place.quarter) {
            return Ok(Commit::Done);
        }
        let marked = place.mark("ADD #rev :one DELETE #held :quarter");
        let held = self.store.delete(&keys::held(place.contact, place.product, place.quarter))?;
        self.store.commit("forget", vec![held, self.store.change(marked)?]).await
    }
}

/// The leads that a contact has, or had, for a product.
fn earlier_leads(rows: &ContactRows, product: &ProductId) -> Vec<EarlierLead> {
    let of_product = rows.leads.iter().filter(|lead| lead.product_id() == *product);
    let earlier = |lead: &Lead| {
        Some(EarlierLead {
            quarter: lead.quarter()?,
            status: lead.status(),
            since: lead.stage_since.map(interest::instant),
            until: lead.recycled_until.map(interest::instant),
        })
    };
    of_product.filter_map(earlier).collect()
}

/// What is being qualified, and the interest it was read from.
struct Place<'a> {
    contact: &'a ContactId,
    product: &'a ProductId,
    quarter: Quarter,
    item: &'a InterestItem,
    /// Everything about the contact.
    rows: &'a ContactRows,
}

impl Place<'_> {
    /// A change of the interest's markers, held against the revision that was read.
    fn mark(&self, update: &str) -> Change {
        Change::of(keys::interest(self.contact, self.product), update)
            .only_if("#rev = :rev")
            .with(":rev", number(self.item.rev))
            .with(":one", number(1))
            .with(":quarter", aws_sdk_dynamodb::types::AttributeValue::Ss(vec![self.quarter.to_string()]))
    }
}
