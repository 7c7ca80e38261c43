//! One slot of one person: load, decide, claim, send, settle.

mod reserve;

use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_domain::ids::{ContactId, PieceId, StreamId};
use perennial_domain::nurture::{Decision, Edition, Kind};
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys;
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

/// When the planner comes again for what is held back now.
fn again_at(now: Timestamp) -> Timestamp {
    now.saturating_add(HELD_FOR).unwrap_or(now)
}

impl SendNurtureEmail {
    /// Decides a slot and records its silence; sends only if there is a permit for it.
    pub(crate) async fn nurture(&self, due: &NurtureDue, permit: Permit<'_>) -> Result<Handled, Failure> {
        let (contact, calendar) = (ContactId::from(due.contact.as_str()), &self.playbook.calendar);
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
            match loaded.decide(&self.playbook, now) {
                Decision::Send { .. } if !self.may_write_to(&loaded) => {
                    let again =
                        calendar.start_of(calendar.date(now).saturating_add(self.playbook.nurture.gap_days.days()));
                    if self.record_silence(&loaded, NOT_ALLOWED, Some(again), now).await? == Commit::Done {
                        return Ok(Handled::Done);
                    }
                }
                Decision::Send { .. } if permit == Permit::NotAsked => return Ok(Handled::Wants),
                Decision::Send { .. } if let Permit::Held(held) = permit => {
                    // Not back to the queue, which gives a message up after five times: the planner comes again.
                    if self.record_silence(&loaded, held, Some(again_at(now)), now).await? == Commit::Done {
                        return Ok(Handled::Done);
                    }
                }
                Decision::Send { stream, received_as, piece, kind, promotes_product } => {
                    let edition = self.playbook.edition(&piece, &loaded.contact, loaded.locale().as_deref());
                    let chosen = Chosen { stream, piece, kind, edition, received_as, promotes_product };
                    let mail = self.compose(&loaded, &chosen, now)?;
                    let id = ClaimId::new();
                    let claimed = self.claim_actions(&loaded, &chosen, &id, now)?;
                    if commit_claim(&self.store, "slot claim", (&key, &id), claimed).await? == Commit::Done {
                        let outcome = self.mailer.send(&mail).await;
                        let state = self.state_after(&loaded, &outcome, now);
                        let follows = self.after_send(&loaded, &chosen, state, now)?;
                        return settle(&self.store, &key, (&outcome, state), follows, now).await;
                    }
                }
                Decision::Wait { until, reason } => {
                    if self.record_silence(&loaded, reason.as_str(), Some(until), now).await? == Commit::Done {
                        return Ok(Handled::Done);
                    }
                }
                Decision::Stop(reason) => {
                    if self.record_silence(&loaded, reason.as_str(), None, now).await? == Commit::Done {
                        return Ok(Handled::Done);
                    }
                }
            }
            // What was decided on has changed meanwhile: an opt-out, a bounce, an account at risk, another sender.
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "slot claim" })
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
