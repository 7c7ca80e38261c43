//! One slot of one person: load, decide, claim, send, settle.

mod reserve;

use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_domain::ids::{ContactId, PieceId, StreamId};
use perennial_domain::nurture::{Decision, Kind};
use perennial_domain::sending::Held;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys;
use perennial_platform::links::Purpose;
use perennial_platform::mail::{Mail, NOT_ALLOWED, tags};
use perennial_platform::nurture::NurtureSlot;
use perennial_platform::queue::NurtureDue;
use perennial_platform::store::{ATTEMPTS, Commit, back_off};
use perennial_playbook::Reader;

use crate::claim::{settle, settled};
use crate::{Handled, SendNurtureEmail};

/// What is held back by the quota or a pause is looked at again so much later, by the next planning.
const HELD_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Whether a slot's mail may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Nobody has asked yet.
    NotAsked,
    /// It may.
    Granted,
    /// It may not.
    Held(Held),
}

/// The piece that was chosen.
struct Chosen {
    stream: StreamId,
    piece: PieceId,
    kind: Kind,
    /// Under which name it is remembered.
    received_as: StreamId,
    promotes_product: bool,
}

impl SendNurtureEmail {
    /// Decides a slot and records its silence; sends only if there is a permit for it.
    pub(crate) async fn nurture(&self, due: &NurtureDue, permit: Permit) -> Result<Handled, Failure> {
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
                    let again = now.saturating_add(HELD_FOR).unwrap_or(now);
                    if self.record_silence(&loaded, held.as_str(), Some(again), now).await? == Commit::Done {
                        return Ok(Handled::Done);
                    }
                }
                Decision::Send { stream, received_as, piece, kind, promotes_product } => {
                    let chosen = Chosen { stream, piece, kind, received_as, promotes_product };
                    let mail = self.compose(&loaded, &chosen, now)?;
                    if self.store.commit("slot claim", self.claim_actions(&loaded, &chosen, now)?).await?
                        == Commit::Done
                    {
                        let outcome = self.mailer.send(&mail).await;
                        let follows = self.after_send(&loaded, &chosen, &outcome, now)?;
                        return settle(&self.store, &key, &outcome, follows, now).await;
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
        let (playbook, company) = (&self.playbook, &self.playbook.company);
        let person = loaded.person.as_ref();
        let to = person.and_then(|person| person.email.clone()).ok_or_else(|| Failure::shape("mail", "no address"))?;
        let purpose = Purpose::Unsubscribe { contact: loaded.contact.clone(), slot: loaded.slot.clone() };
        let unsubscribe_url = self.links.url(&purpose, now);
        let owner = loaded.account.as_ref().and_then(|account| account.owner.as_ref());
        let piece = playbook.piece(&chosen.piece).ok_or_else(|| Failure::shape("mail", "piece left the playbook"))?;
        let account_name = loaded.account.as_ref().and_then(|account| account.name.clone());
        let reader = Reader {
            first_name: person.and_then(|person| person.first_name.clone()).unwrap_or_else(|| "there".to_owned()),
            company: account_name.unwrap_or_else(|| "your company".to_owned()),
            rep_name: owner
                .and_then(|owner| playbook.rep(owner))
                .map_or_else(|| company.name.clone(), |rep| rep.name.clone()),
            product_name: playbook.product_name(&piece.product).to_owned(),
            sender_name: company.name.clone(),
            site: company.site.clone(),
            unsubscribe_url: unsubscribe_url.clone(),
            preferences_url: self.links.url(&preferences(loaded), now),
            postal_address: company.postal_address.clone(),
        };
        let rendered = playbook.render(&chosen.piece, &reader).map_err(|_| Failure::Poison {
            reason: format!("piece {} cannot be rendered for this reader", chosen.piece),
        })?;
        let rendered =
            rendered.with_links(piece.links(), |link| self.links.url(&click(loaded, &chosen.piece, link), now));
        Ok(Mail {
            to,
            subject: rendered.subject,
            html: rendered.html,
            text: rendered.text,
            // RFC 8058: one click, answered by a POST.
            headers: vec![
                ("List-Unsubscribe", format!("<{unsubscribe_url}>")),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
            ],
            tags: tags::of_piece(&self.address_key, &loaded.contact, &loaded.slot, &chosen.stream, &chosen.piece),
        })
    }
}

/// The preference centre, by the link of this mail.
fn preferences(loaded: &NurtureSlot) -> Purpose {
    Purpose::Preferences { contact: loaded.contact.clone(), slot: loaded.slot.clone() }
}

/// What stands in the place of a link of a piece.
fn click(loaded: &NurtureSlot, piece: &PieceId, link: usize) -> Purpose {
    Purpose::Click { contact: loaded.contact.clone(), slot: loaded.slot.clone(), piece: piece.clone(), link }
}
