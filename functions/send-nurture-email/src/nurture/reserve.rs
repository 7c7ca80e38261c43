//! What a slot writes: the claim with its conditions, what follows from an answer of SES, and a silence.
//!
//! Owns the conditions under which a decision still holds. Never decides.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::Timestamp;
use perennial_platform::cadence::days;
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::keys::{self, Job};
use perennial_platform::mail::Outcome;
use perennial_platform::nurture::NurtureSlot;
use perennial_platform::records::{SlotState, StreamProgress, day_number};
use perennial_platform::store::{Change, Commit, number, string};

use super::{Chosen, again_at};
use crate::SendNurtureEmail;
use crate::claim::{ClaimId, ClaimedPiece, claim, silence, state_after};

impl SendNurtureEmail {
    /// Claims the slot and reserves the cadence, only if in this transaction the contact is subscribed and wants what it wanted
    /// when it was loaded, is not suppressed, neither merged nor erased, has the address to itself, is not at risk (cross-sell and
    /// upsell), the gap has passed and no other mail has come to count against the cap.
    pub(super) fn claim_actions(
        &self,
        loaded: &NurtureSlot,
        chosen: &Chosen,
        id: &ClaimId,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let store = &self.store;
        let slot_key = keys::slot(&loaded.contact, &loaded.slot);
        let piece = ClaimedPiece {
            stream: &chosen.stream,
            piece: &chosen.piece,
            kind: chosen.kind,
            edition: &chosen.edition,
            received_as: &chosen.received_as,
        };
        let mut actions = vec![
            claim(store, &slot_key, id, &piece, now)?,
            store.change(self.reserved(loaded, now))?,
            store.check(still_wanted(loaded))?,
            // The same person at the same address and account as was decided on.
            store.check(same_profile(loaded))?,
            identity::unmoved(store, &loaded.contact)?,
        ];
        if let Some(email) = loaded.person.as_ref().and_then(|person| person.email.as_ref()) {
            let key = keys::suppression(&self.address_key.hash(email));
            actions.push(store.check(Change::none(key).only_if("attribute_not_exists(PK)"))?);
            // Also where nobody had it when it was loaded.
            let owner = keys::address_owner(&self.address_key.hash(email));
            if owner != identity::place(&loaded.contact) {
                let owner = Change::none(owner)
                    .only_if("(attribute_not_exists(#contact) AND attribute_not_exists(#more)) OR #contact = :me");
                actions.push(store.check(owner.with(":me", string(loaded.contact.as_str())))?);
            }
        }
        // Also of an account of which nothing was known when it was loaded: it may be at risk by now.
        if let Some(account) =
            loaded.person.as_ref().and_then(|person| person.account.as_ref()).filter(|_| chosen.promotes_product)
        {
            let healthy = Change::none(keys::account_profile(account))
                .only_if("attribute_not_exists(#at_risk) OR #at_risk = :no")
                .with(":no", AttributeValue::Bool(false));
            actions.push(store.check(healthy)?);
        }
        Ok(actions)
    }

    /// The reservation of the person's cadence: the gap is the playbook's, or the longer one that the person asked for.
    fn reserved(&self, loaded: &NurtureSlot, now: Timestamp) -> Change {
        let rules = &self.playbook.nurture;
        let today = day_number(self.playbook.calendar.date(now));
        let gap = rules.gap_days.max(loaded.wishes().frequency.gap_days());
        let mut update = "SET #reserved_by = :slot, #reserved_day = :today".to_owned();
        let mut condition = "(attribute_not_exists(#last_mail_day) OR #last_mail_day <= :free) AND \
                             (attribute_not_exists(#reserved_by) OR #reserved_by = :slot OR #reserved_day <= :free)"
            .to_owned();
        let mut change = Change::none(keys::cadence(&loaded.contact))
            .with(":slot", string(&loaded.slot))
            .with(":today", number(today))
            .with(":free", number(today.saturating_sub(gap)));
        let counted = loaded.rows.cadence.as_ref().map(|cadence| cadence.mail_days.clone()).unwrap_or_default();
        if counted.is_empty() {
            condition.push_str(" AND attribute_not_exists(#mail_days)");
        } else {
            condition.push_str(" AND #mail_days = :counted");
            change = change.with(":counted", days(counted.iter().copied()));
        }
        let forgotten: Vec<i64> =
            counted.into_iter().filter(|day| *day <= today.saturating_sub(rules.cap.days)).collect();
        if !forgotten.is_empty() {
            update.push_str(" DELETE #mail_days :forgotten");
            change = change.with(":forgotten", days(forgotten));
        }
        change.only_if(condition).updating(update)
    }

    /// The state that an answer of SES leaves a slot in, for which the planner comes again.
    pub(super) fn state_after(&self, loaded: &NurtureSlot, outcome: &Outcome, now: Timestamp) -> SlotState {
        match outcome {
            Outcome::AccountAtFault { .. } if self.is_of_its_day(loaded, again_at(now)) => SlotState::Waiting,
            Outcome::AccountAtFault { .. } => SlotState::Silent,
            _ => state_after(outcome),
        }
    }

    /// Whether the slot's day is not over by an instant.
    fn is_of_its_day(&self, loaded: &NurtureSlot, at: Timestamp) -> bool {
        self.playbook.calendar.date(at).to_string() == loaded.slot
    }

    /// What follows from an answer of SES besides the slot's state.
    pub(super) fn after_send(
        &self,
        loaded: &NurtureSlot,
        chosen: &Chosen,
        state: SlotState,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let cadence = Change::none(keys::cadence(&loaded.contact))
            .only_if("#reserved_by = :slot")
            .with(":slot", string(&loaded.slot));
        let change = match state {
            SlotState::Sent => {
                let today = day_number(self.playbook.calendar.date(now));
                let mut streams = loaded.rows.cadence.clone().unwrap_or_default().streams;
                let progress: &mut StreamProgress = streams.entry(chosen.received_as.to_string()).or_default();
                progress.receive(chosen.piece.as_str(), chosen.kind, today);
                let streams = serde_dynamo::to_attribute_value(streams)
                    .map_err(|_| Failure::shape("cadence", "not of the shape we give it"))?;
                cadence
                    .with(":today", number(today))
                    .with(":promotion", AttributeValue::Bool(chosen.kind.is_promotion()))
                    .with(":streams", streams)
                    .with(":days", days([today]))
                    .updating(
                        "SET #last_mail_day = :today, #last_promotion = :promotion, #streams = :streams \
                         REMOVE #reserved_by, #reserved_day ADD #mail_days :days",
                    )
            }
            SlotState::Rejected => cadence.updating("REMOVE #reserved_by, #reserved_day"),
            // The planner may come again on another day, and then with another slot: what this one has reserved must not be in its way.
            SlotState::Waiting | SlotState::Silent => cadence
                .with(":shard", string(keys::due_shard(Job::Nurture, &loaded.contact)))
                .with(":next", number(again_at(now).as_second()))
                .updating("SET #due_shard = :shard, #due_at = :next REMOVE #reserved_by, #reserved_day"),
            // To be tried again, or perhaps sent: the reservation stays.
            _ => return Ok(Vec::new()),
        };
        Ok(vec![self.store.change(change)?])
    }

    /// Records why nothing goes out. Where the slot's day is not over by `until`, the slot waits for it: it becomes a mail, or
    /// this stays its one reason. The reservation of an earlier try that SES did not take is released.
    pub(super) async fn record_silence(
        &self,
        loaded: &NurtureSlot,
        reason: &str,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Commit, Failure> {
        let waits = until.is_some_and(|until| self.is_of_its_day(loaded, until));
        let key = keys::slot(&loaded.contact, &loaded.slot);
        let mut actions = vec![
            silence(&self.store, &key, reason, waits, now)?,
            self.store.change(looked_at_again(loaded, until.map(|until| until.max(now))))?,
            identity::unmoved(&self.store, &loaded.contact)?,
            self.store.check(unchanged_wishes(loaded))?,
        ];
        if until.is_none() {
            // Whoever has become reachable meanwhile must not drop out of the cadence.
            actions.push(self.store.check(same_profile(loaded))?);
        }
        self.store.commit("silence", actions).await
    }
}

/// When the planner comes again, or that it does not. A slot that falls silent was never sent, which the same transaction proves:
/// what it reserved in an earlier try must not be held against the next slot.
fn looked_at_again(loaded: &NurtureSlot, until: Option<Timestamp>) -> Change {
    let reserved_by = loaded.rows.cadence.as_ref().and_then(|cadence| cadence.reserved_by.as_deref());
    let holds = reserved_by == Some(loaded.slot.as_str());
    let update = match (until, holds) {
        (Some(_), false) => "SET #due_shard = :shard, #due_at = :next",
        (Some(_), true) => "SET #due_shard = :shard, #due_at = :next REMOVE #reserved_by, #reserved_day",
        (None, false) => "REMOVE #due_shard, #due_at",
        (None, true) => "REMOVE #due_shard, #due_at, #reserved_by, #reserved_day",
    };
    // Also where somebody else has tried it since it was loaded.
    let condition =
        if holds { "#reserved_by = :slot" } else { "attribute_not_exists(#reserved_by) OR #reserved_by <> :slot" };
    let change =
        Change::of(keys::cadence(&loaded.contact), update).only_if(condition).with(":slot", string(&loaded.slot));
    // With its shard: whoever was stopped before, and whose earlier slot comes late, has neither.
    let shard = keys::due_shard(Job::Nurture, &loaded.contact);
    until
        .into_iter()
        .fold(change, |change, until| change.with(":shard", string(&shard)).with(":next", number(until.as_second())))
}

/// That the profile has not been written since it was loaded.
fn same_profile(loaded: &NurtureSlot) -> Change {
    let change = Change::none(keys::profile(&loaded.contact));
    match &loaded.rows.profile {
        Some(profile) => change.only_if("#rev = :rev").with(":rev", number(profile.rev)),
        None => change.only_if("attribute_not_exists(PK)"),
    }
}

/// That the contact has not opted out, wants what it wanted when it was loaded, and mail to its address has not bounced.
fn still_wanted(loaded: &NurtureSlot) -> Change {
    let (same, rev) = same_wishes(loaded);
    let change = Change::none(keys::preferences(&loaded.contact))
        .only_if(format!(
            "{same} AND (attribute_not_exists(#unsubscribed) OR #unsubscribed = :no) AND \
             (attribute_not_exists(#bounced_at) OR #bounced_at < :since)"
        ))
        .with(":no", AttributeValue::Bool(false))
        .with(":since", number(loaded.email_since()));
    rev.into_iter().fold(change, |change, rev| change.with(":rev", rev))
}

/// That the contact wants what it wanted when it was loaded: whoever wants more again must not drop out of the cadence.
fn unchanged_wishes(loaded: &NurtureSlot) -> Change {
    let (same, rev) = same_wishes(loaded);
    let change = Change::none(keys::preferences(&loaded.contact)).only_if(same);
    rev.into_iter().fold(change, |change, rev| change.with(":rev", rev))
}

fn same_wishes(loaded: &NurtureSlot) -> (&'static str, Option<AttributeValue>) {
    match loaded.rows.preferences.as_ref().map_or(0, |preferences| preferences.rev) {
        0 => ("attribute_not_exists(#rev)", None),
        rev => ("#rev = :rev", Some(number(rev))),
    }
}
