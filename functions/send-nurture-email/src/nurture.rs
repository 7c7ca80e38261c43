//! One slot of one person: load, decide, claim, send, settle.

mod reserve;

use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_domain::ids::{ContactId, PieceId, StreamId};
use perennial_domain::nurture::{Decision, Edition, Kind};
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys::{self, Key};
use perennial_platform::mail::{Mail, NOT_ALLOWED};
use perennial_platform::nurture::NurtureSlot;
use perennial_platform::queue::NurtureDue;
use perennial_platform::store::{ATTEMPTS, Commit, back_off};

use crate::claim::{ClaimId, commit_claim, settle, settled};
use crate::compose::{Addressed, Composer};
use crate::{Handled, SendNurtureEmail};

/// What is held back by the quota, a pause or a fault of the account is looked at again so much later, by the next planning.
const HELD_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Whether a slot's mail may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit<'a> {
    /// Nobody has asked yet.
    NotAsked,
    /// It may.
    Granted,
    /// It may not, for this reason.
    Held(&'a str),
}

/// What is to be done with a slot.
enum Step<'a> {
    /// Something could be sent: a permit is asked for.
    Ask,
    /// Nothing goes out, for this reason; the planner looks again then, if at all.
    FallSilent { reason: &'a str, until: Option<Timestamp> },
    /// This goes out.
    Send(Box<Chosen>),
}

/// The piece that was chosen.
struct Chosen {
    stream: StreamId,
    piece: PieceId,
    kind: Kind,
    /// In which language and variant.
    edition: Edition,
    /// Under which name it is remembered.
    received_as: StreamId,
    promotes_product: bool,
}

/// When the planner comes again for what is held back now: at the next full hour, and what is due a second later it leaves.
fn again_at(now: Timestamp) -> Timestamp {
    let again = now.saturating_add(HELD_FOR).unwrap_or(now);
    let hour = HELD_FOR.as_secs();
    Timestamp::from_second(again.as_second().div_euclid(hour) * hour).unwrap_or(again)
}

impl SendNurtureEmail {
    /// Decides a slot and records its silence; sends only if there is a permit for it.
    pub(crate) async fn nurture(&self, due: &NurtureDue, permit: Permit<'_>) -> Result<Handled, Failure> {
        let contact = ContactId::from(due.contact.as_str());
        let key = keys::slot(&contact, &due.slot);
        for attempt in 0..ATTEMPTS {
            let now = self.clock.now();
            if let Some(handled) = settled(&self.store, &key, now).await? {
                return Ok(handled);
            }
            let loaded = NurtureSlot::load(&self.store, &self.address_key, &contact, &due.slot).await?;
            if self.is_nobodys(&loaded).await? {
                // Merged or erased since it was planned: it is nobody's slot any more.
                return Ok(Handled::Done);
            }
            if permit == Permit::NotAsked {
                self.have_owner_asked(&loaded, now).await?;
            }
            let handled = match self.step(&loaded, permit, now) {
                Step::Ask => Some(Handled::Wants),
                Step::FallSilent { reason, until } => {
                    let recorded = self.record_silence(&loaded, reason, until, now).await?;
                    (recorded == Commit::Done).then_some(Handled::Done)
                }
                Step::Send(chosen) => self.claim_and_send(&loaded, &key, &chosen, now).await?,
            };
            if let Some(handled) = handled {
                return Ok(handled);
            }
            // What was decided on has changed meanwhile: an opt-out, a bounce, an account at risk, another sender.
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "slot claim" })
    }

    /// What is to be done with a slot now.
    fn step<'a>(&self, loaded: &NurtureSlot, permit: Permit<'a>, now: Timestamp) -> Step<'a> {
        let chosen = match loaded.decide(&self.playbook, now) {
            Decision::Wait { until, reason } => {
                return Step::FallSilent { reason: reason.as_str(), until: Some(until) };
            }
            Decision::Stop(reason) => return Step::FallSilent { reason: reason.as_str(), until: None },
            Decision::Send { stream, received_as, piece, kind, promotes_product } => {
                let edition = self.playbook.edition(&piece, &loaded.contact, loaded.locale().as_deref());
                Chosen { stream, piece, kind, edition, received_as, promotes_product }
            }
        };
        if !self.may_write_to(loaded) {
            return Step::FallSilent { reason: NOT_ALLOWED, until: Some(self.after_a_gap(now)) };
        }
        match permit {
            Permit::NotAsked => Step::Ask,
            // Not back to the queue, which gives a message up after five times: the planner comes again.
            Permit::Held(reason) => Step::FallSilent { reason, until: Some(again_at(now)) },
            Permit::Granted => Step::Send(Box::new(chosen)),
        }
    }

    /// Claims, sends and settles; nothing if what was decided on has changed meanwhile.
    async fn claim_and_send(
        &self,
        loaded: &NurtureSlot,
        key: &Key,
        chosen: &Chosen,
        now: Timestamp,
    ) -> Result<Option<Handled>, Failure> {
        let mail = self.compose(loaded, chosen, now)?;
        let id = ClaimId::new();
        let claimed = self.claim_actions(loaded, chosen, &id, now)?;
        if commit_claim(&self.store, "slot claim", (key, &id), claimed).await? != Commit::Done {
            return Ok(None);
        }
        let outcome = self.mailer.send(&mail).await;
        let state = self.state_after(loaded, &outcome, now);
        let follows = self.after_send(loaded, chosen, state, now)?;
        Ok(Some(settle(&self.store, key, (&outcome, state), follows, now).await))
    }

    /// The first instant of the day on which the gap is over.
    fn after_a_gap(&self, now: Timestamp) -> Timestamp {
        let calendar = &self.playbook.calendar;
        calendar.start_of(calendar.date(now).saturating_add(self.playbook.nurture.gap_days.days()))
    }

    fn may_write_to(&self, loaded: &NurtureSlot) -> bool {
        let email = loaded.person.as_ref().and_then(|person| person.email.as_deref());
        self.recipients.include(&self.playbook.sending, email.unwrap_or_default())
    }

    /// Whether the id was merged, erased or found to be somebody's address. Of an id that stands for an address the contact's own
    /// items do not say so.
    async fn is_nobodys(&self, loaded: &NurtureSlot) -> Result<bool, Failure> {
        if keys::address_hash(&loaded.contact).is_none() {
            return Ok(loaded.rows.pointer.is_some());
        }
        Ok(identity::resolve(&self.store, &loaded.contact).await? != Resolved::Same)
    }

    fn compose(&self, loaded: &NurtureSlot, chosen: &Chosen, now: Timestamp) -> Result<Mail, Failure> {
        let composer = Composer { playbook: &self.playbook, links: &self.links, address_key: &self.address_key };
        let to = Addressed {
            contact: &loaded.contact,
            slot: &loaded.slot,
            person: loaded.person.as_ref(),
            account: loaded.account.as_ref(),
        };
        composer.compose(&to, &chosen.stream, (&chosen.piece, &chosen.edition), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_is_due_for_the_next_planning_whenever_within_the_hour_it_was_handled() {
        for (handled_at, due_at) in [
            ("2026-01-05T09:00:00Z", "2026-01-05T10:00:00Z"),
            ("2026-01-05T09:00:10Z", "2026-01-05T10:00:00Z"),
            ("2026-01-05T09:59:59Z", "2026-01-05T10:00:00Z"),
            ("2026-01-05T23:30:00Z", "2026-01-06T00:00:00Z"),
        ] {
            let handled_at: Timestamp = handled_at.parse().unwrap();
            assert_eq!(again_at(handled_at).to_string(), due_at, "{handled_at}");
        }
    }
}
