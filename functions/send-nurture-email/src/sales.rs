//! Mail to sales: the hand-off of an Act Now, the daily digest, the reminders of the SLA ladder.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId, RepId};
use perennial_domain::lead::{Priority, Status};
use perennial_domain::quarter::Quarter;
use perennial_domain::sla::Recipient;
use perennial_platform::desk;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys::{self, Key};
use perennial_platform::mail::{Mail, NOT_ALLOWED, tags};
use perennial_platform::outbox::LeadEvent;
use perennial_platform::records::{Digest, Lead};
use perennial_platform::store::{Change, Commit, Item, string};
use perennial_playbook::Rep;
use serde::de::DeserializeOwned;

use crate::about::To;
use crate::addressee::{Addressee, Working};
use crate::claim::{ClaimId, claim_to, commit_claim, settle, settled, state_after, went_to};
use crate::line::Turn;
use crate::taken::Taker;
use crate::template::{LeadLine, Letter, More, Written};
use crate::wording::{Reminder, asks_again, hand_off, new_leads, reminder};
use crate::{Handled, SendNurtureEmail};

/// So many leads stand in a digest, the best: more make a mail that programs cut off, and that takes longer than a call may.
const MOST_LEADS: usize = 20;

/// The kind of the mail that tells of a later Act Now.
const ASKED_AGAIN: &str = "asked-again";

impl SendNurtureEmail {
    /// The hand-off of a lead to its owner, at once.
    pub(crate) async fn hand_off(&self, event: &LeadEvent, turn: &Turn) -> Result<Handled, Failure> {
        if let Some(asked_at) = event.asked_again_at {
            return self.tell_of_asking_again(event, asked_at, turn).await;
        }
        let Some((lead, quarter)) = self.lead(event).await? else { return Ok(Handled::Done) };
        let now = self.clock.now();
        // By the event's contact: the same event is the same mail, also when the lead has gone to another id since.
        let key = keys::hand_off_mail(&event.contact.as_str().into(), &lead.product_id(), quarter);
        let Some(owner) = self.whose(&lead, now).await? else { return self.nobodys(&key).await };
        let Working { rep, covering } = self.working_for(owner, now);
        let line = self.line(&lead, quarter, &To::owner(&rep.id), now).await?;
        let letter = Letter { covering, ..hand_off(&rep.name, line) };
        self.send_to_sales(&key, Some(&lead), (&rep.id, &rep.email), &letter, "hand-off", turn).await
    }

    /// That the contact of a lead asked again, to whoever is on it or owns it, at once: also where it is touched. Of one that is
    /// closed by now there is nothing to say.
    async fn tell_of_asking_again(&self, event: &LeadEvent, asked_at: i64, turn: &Turn) -> Result<Handled, Failure> {
        let Some((lead, quarter)) = self.lead_where(event, Status::is_open).await? else { return Ok(Handled::Done) };
        let now = self.clock.now();
        let key = keys::asked_again_mail(&event.contact.as_str().into(), &lead.product_id(), quarter, asked_at);
        let Some(owner) = self.whose(&lead, now).await? else { return self.nobodys(&key).await };
        let Working { rep, covering } = self.who_hears(&lead, owner, now);
        let line = self.line(&lead, quarter, &To::owner(&rep.id), now).await?;
        let letter = match is_first_word(&lead, asked_at) {
            true => hand_off(&rep.name, line),
            false => asks_again(&rep.name, line),
        };
        let letter = Letter { covering, ..letter };
        self.send_to_sales(&key, Some(&lead), (&rep.id, &rep.email), &letter, ASKED_AGAIN, turn).await
    }

    /// The reminder of a rung to everybody on it, one message each.
    pub(crate) async fn remind(&self, event: &LeadEvent, turn: &Turn) -> Result<Handled, Failure> {
        let rung = event.rung.ok_or_else(|| Failure::shape("SlaEscalated", "no rung"))?;
        let Some((lead, quarter)) = self.lead(event).await? else { return Ok(Handled::Done) };
        // Its contact has asked again meanwhile: the ladder began anew, and its owner was told at once.
        if event.sla_since != lead.sla_since {
            return Ok(Handled::Done);
        }
        let Some(step) = self.playbook.ladder.get(rung) else { return Ok(Handled::Done) };
        let now = self.clock.now();
        let owner = self.whose(&lead, now).await?;
        let (mut handled, mut told) = (Handled::Done, BTreeSet::new());
        for recipient in &step.to {
            let Some(addressee) = self.addressee(owner, *recipient, now) else { continue };
            let told_of = event.contact.as_str().into();
            let of_ladder = (rung, lead.sla_since);
            let key = keys::rung_mail(&told_of, &lead.product_id(), quarter, of_ladder, addressee.role);
            // A manager who covers for the owner has just been told, as the one who has to act.
            if told.contains(&addressee.id) {
                if handled == Handled::Done {
                    self.not_sent(&key, "told already as the one who covers").await?;
                }
                continue;
            }
            let to = To { id: &addressee.id, role: *recipient, rungs: rung + 1 };
            let line = self.line(&lead, quarter, &to, now).await?;
            let Addressee { id, greeting, covering, address, .. } = addressee;
            let letter = Letter { covering, ..reminder(self.reminder(rung, *recipient, greeting, &line), line) };
            match self.send_to_sales(&key, Some(&lead), (&id, &address), &letter, "escalation", turn).await? {
                // Its slot may have been settled before, when somebody else worked in the owner's place.
                Handled::Done => told.extend(went_to(&self.store, &key, &id).await?.then_some(id)),
                // Nobody else is written to now: the message comes back for the others.
                Handled::Unanswered { .. } => return Ok(Handled::Unanswered { comes_back: true }),
                stopped @ Handled::AccountAtFault { .. } => return Ok(stopped),
                // The others on the rung are tried all the same; the message comes back for this one.
                not_yet => {
                    handled = not_yet;
                    told.insert(id);
                }
            }
        }
        Ok(handled)
    }

    /// Which reminder it is, and who hears of it besides.
    fn reminder(&self, rung: usize, to: Recipient, greeting: String, line: &LeadLine) -> Reminder {
        let ladder = &self.playbook.ladder;
        let is_told = |other: &Recipient| match other {
            Recipient::Rep => false,
            Recipient::Manager => line.manager.is_some(),
            Recipient::Executive => self.playbook.executive.is_some(),
        };
        let told = ladder.get(rung).map(|rung| rung.to.as_slice()).unwrap_or_default();
        let also = told.iter().copied().filter(|other| *other != to && is_told(other)).collect();
        Reminder { rung, is_last: rung + 1 >= ladder.len(), to, greeting, also }
    }

    /// An owner's new leads of a day. Where the owner has left the playbook since they were collected: one letter for each who
    /// has their accounts now.
    pub(crate) async fn digest(&self, owner: &RepId, date: &str, turn: &Turn) -> Result<Handled, Failure> {
        let Some(digest) = self.store.get::<Digest>(&keys::digest(date, owner)).await? else {
            return Ok(Handled::Done);
        };
        let now = self.clock.now();
        let leads = self.still_to_tell(&digest, now).await?;
        let key = keys::digest_mail(date, owner);
        if leads.is_empty() {
            return self.not_sent(&key, "all of them touched already").await;
        }
        match self.playbook.rep(owner) {
            Some(rep) => self.digest_to(&key, rep, leads, turn).await,
            None => self.digest_instead(owner, date, leads, turn).await,
        }
    }

    /// A digest of somebody who has left the playbook, to whoever has each account now.
    async fn digest_instead(
        &self,
        owner: &RepId,
        date: &str,
        leads: Vec<(Lead, Quarter)>,
        turn: &Turn,
    ) -> Result<Handled, Failure> {
        let now = self.clock.now();
        let mut by_rep: BTreeMap<&RepId, Vec<(Lead, Quarter)>> = BTreeMap::new();
        for (lead, quarter) in leads {
            match self.whose(&lead, now).await? {
                Some(rep) => by_rep.entry(&rep.id).or_default().push((lead, quarter)),
                None => tracing::error!("a lead of a digest is nobody's: the playbook does not know its owner"),
            }
        }
        if by_rep.is_empty() {
            return self.nobodys(&keys::digest_mail(date, owner)).await;
        }
        let mut handled = Handled::Done;
        for (id, leads) in by_rep {
            let Some(rep) = self.playbook.rep(id) else { continue };
            match self.digest_to(&keys::digest_mail_instead(date, owner, id), rep, leads, turn).await? {
                Handled::Done => {}
                Handled::Unanswered { .. } => return Ok(Handled::Unanswered { comes_back: true }),
                stopped @ Handled::AccountAtFault { .. } => return Ok(stopped),
                not_yet => handled = not_yet,
            }
        }
        Ok(handled)
    }

    /// The leads of a digest that nobody has touched, or that were put off until now, each once: two of them may be one person's.
    async fn still_to_tell(&self, digest: &Digest, now: Timestamp) -> Result<Vec<(Lead, Quarter)>, Failure> {
        let (mut leads, mut seen) = (Vec::new(), BTreeSet::new());
        let places: BTreeSet<Key> = digest.leads.iter().filter_map(|lead| Key::of_line(lead)).collect();
        let mut there = desk::items(&self.store, places.clone()).await?;
        for place in places {
            let (Some(contact), Some((product, quarter))) =
                (keys::contact_of(&place.pk), keys::product_and_quarter(&place.sk))
            else {
                continue;
            };
            let lead = match there.remove(&place) {
                Some(item) => Some(read::<Lead>(item)?),
                // Where it has gone; a batch may also not show yet what was written just now.
                None => self.find_lead(&contact, &product, quarter).await?,
            };
            let lead = lead.filter(|lead| seen.insert(lead.key()));
            let told = |lead: &Lead| lead.status() == Status::Mql || lead.is_put_off_until_now(now);
            leads.extend(lead.filter(told).and_then(with_quarter));
        }
        Ok(leads)
    }

    async fn digest_to(
        &self,
        key: &Key,
        owner: &Rep,
        mut leads: Vec<(Lead, Quarter)>,
        turn: &Turn,
    ) -> Result<Handled, Failure> {
        let now = self.clock.now();
        let Working { rep, covering } = self.working_for(owner, now);
        let is_put_off = |lead: &Lead| lead.status() != Status::Mql;
        leads.sort_by_key(|(lead, _)| -lead.sort_score);
        let left_out = leads.split_off(leads.len().min(MOST_LEADS));
        let mut lines = Vec::new();
        for (lead, quarter) in leads {
            let mut line = self.line(&lead, quarter, &To::owner(&rep.id), now).await?;
            let put_off = is_put_off(&lead);
            line.put_off = put_off.then(|| Taker::who_put_off(&lead, &self.playbook, &rep.id));
            lines.push(line);
        }
        let more = More {
            count: left_out.len(),
            put_off: left_out.iter().any(|(lead, _)| is_put_off(lead)),
            desk_url: self.desk_of(owner, rep),
        };
        let letter = Letter { covering, ..new_leads(&rep.name, lines, more) };
        self.send_to_sales(key, None, (&rep.id, &rep.email), &letter, "digest", turn).await
    }

    async fn lead(&self, event: &LeadEvent) -> Result<Option<(Lead, Quarter)>, Failure> {
        self.lead_where(event, |status| status == Status::Mql).await
    }

    /// The lead of an event, if it stands at such a stage.
    async fn lead_where(
        &self,
        event: &LeadEvent,
        stands: impl FnOnce(Status) -> bool,
    ) -> Result<Option<(Lead, Quarter)>, Failure> {
        let quarter: Quarter =
            event.quarter.parse().map_err(|_| Failure::shape("event", "not of the shape we give it"))?;
        let lead = self.find_lead(&event.contact.as_str().into(), &event.product.as_str().into(), quarter).await?;
        Ok(lead.filter(|lead| stands(lead.status())).map(|lead| (lead, quarter)))
    }

    /// A lead, where its contact is by now.
    pub(crate) async fn find_lead(
        &self,
        contact: &ContactId,
        product: &ProductId,
        quarter: Quarter,
    ) -> Result<Option<Lead>, Failure> {
        let lead: Option<Lead> = self.store.get(&keys::lead(contact, product, quarter)).await?;
        if lead.is_some() {
            return Ok(lead);
        }
        match identity::resolve(&self.store, contact).await? {
            Resolved::Into(into) => self.store.get(&keys::lead(&into, product, quarter)).await,
            Resolved::Same | Resolved::Erased => Ok(None),
        }
    }

    /// Claims, sends and settles one sales mail; a lead touched in between stops it.
    pub(crate) async fn send_to_sales(
        &self,
        key: &Key,
        lead: Option<&Lead>,
        (id_of, to): (&RepId, &str),
        letter: &impl Written,
        kind: &'static str,
        turn: &Turn,
    ) -> Result<Handled, Failure> {
        let now = self.clock.now();
        if let Some(handled) = settled(&self.store, key, now).await? {
            return Ok(handled);
        }
        if !self.recipients.include(&self.playbook.sending, to) {
            return self.not_sent(key, NOT_ALLOWED).await;
        }
        if let Some(not_now) = self.sales_permit(turn).await? {
            return Ok(not_now);
        }
        let now = self.clock.now();
        let (html, text) = letter.render(&self.playbook.company)?;
        let id = ClaimId::new();
        let mut actions = vec![claim_to(&self.store, (key, &id), id_of, now)?];
        if let Some(lead) = lead {
            let as_read = Change::none(lead.key()).only_if("#stage = :stage").with(":stage", string(&lead.stage));
            actions.push(self.store.check(as_read)?);
        }
        if commit_claim(&self.store, "sales mail claim", (key, &id), actions).await? != Commit::Done {
            if let Some(handled) = settled(&self.store, key, now).await? {
                return Ok(handled);
            }
            let Some(lead) = lead else { return Ok(Handled::Done) };
            return match self.store.get::<Lead>(&lead.key()).await? {
                // It has gone to another id of the same person, or is gone for good: the message is looked at again.
                None => Ok(Handled::Busy),
                // Who asked again is told of whatever its stage is by now, in other words.
                Some(now) if kind == ASKED_AGAIN && now.stage != lead.stage => Ok(Handled::Busy),
                // Touched: this message has nothing left to do.
                _ => Ok(Handled::Done),
            };
        }
        let about = lead.map(Lead::contact_id);
        let tags = tags::of_sales_mail(&self.address_key, kind, key, about.as_ref());
        let mail =
            Mail { to: to.to_owned(), subject: letter.subject().to_owned(), html, text, headers: Vec::new(), tags };
        let outcome = self.mailer.send(&mail).await;
        Ok(settle(&self.store, key, (&outcome, state_after(&outcome)), Vec::new(), now).await)
    }
}

/// Whether sales hears of a lead for the first time with this Act Now: it waited for a digest, which it has not been put into.
fn is_first_word(lead: &Lead, asked_at: i64) -> bool {
    let first = lead.asked_again.first();
    lead.status() == Status::Mql
        && lead.handed_off_at.is_none()
        && first.is_some_and(|again| again.at == asked_at && again.was != Priority::ActNow.as_str())
}

fn read<T: DeserializeOwned>(item: Item) -> Result<T, Failure> {
    serde_dynamo::from_item(item).map_err(|_| Failure::shape("item", "not of the shape we give it"))
}

fn with_quarter(lead: Lead) -> Option<(Lead, Quarter)> {
    let quarter = lead.quarter()?;
    Some((lead, quarter))
}
