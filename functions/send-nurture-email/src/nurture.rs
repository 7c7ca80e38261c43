//! One slot of one person: load, decide, claim, send, settle.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::Timestamp;
use jiff::civil::Date;
use perennial_domain::ids::{ContactId, PieceId, ProductId, StreamId};
use perennial_domain::interest;
use perennial_domain::nurture::{self, Decision, Kind, Snapshot};
use perennial_domain::profile::{Account, Contact};
use perennial_platform::contact::ContactRows;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys;
use perennial_platform::links::Purpose;
use perennial_platform::mail::{Mail, Outcome};
use perennial_platform::queue::NurtureDue;
use perennial_platform::records::{AddressOwner, Cadence, SlotState, StreamProgress, date_of, day_number};
use perennial_platform::store::{ATTEMPTS, Change, Commit, back_off, number, string};
use perennial_playbook::Reader;

use crate::claim::{claim, settle, settled, silence, state_after};
use crate::{Handled, SendNurtureEmail};

/// Everything that one slot is decided and sent on.
struct Loaded {
    contact: ContactId,
    slot: String,
    rows: ContactRows,
    person: Option<Contact>,
    account: Option<Account>,
    suppressed: bool,
    address_of_another: bool,
}

impl Loaded {
    /// That the profile has not been written since it was loaded.
    fn same_profile(&self) -> Change {
        let change = Change::none(keys::profile(&self.contact));
        match &self.rows.profile {
            Some(profile) => change.only_if("#rev = :rev").with(":rev", number(profile.rev)),
            None => change.only_if("attribute_not_exists(PK)"),
        }
    }

    fn email_since(&self) -> i64 {
        self.rows.profile.as_ref().and_then(|profile| profile.email_since()).unwrap_or(0)
    }

    fn has_bounced(&self) -> bool {
        let bounced_at = self.rows.preferences.as_ref().and_then(|preferences| preferences.bounced_at);
        bounced_at.is_some_and(|at| at >= self.email_since())
    }
}

/// The piece that was chosen.
struct Chosen {
    stream: StreamId,
    piece: PieceId,
    kind: Kind,
    cross_sell: bool,
}

impl SendNurtureEmail {
    pub(crate) async fn nurture(&self, due: &NurtureDue) -> Result<Handled, Failure> {
        let contact = ContactId::from(due.contact.as_str());
        let key = keys::slot(&contact, &due.slot);
        for attempt in 0..ATTEMPTS {
            let now = self.clock.now();
            if let Some(handled) = settled(&self.store, &key, now).await? {
                return Ok(handled);
            }
            let loaded = self.load(&contact, &due.slot).await?;
            if self.is_nobodys(&loaded).await? {
                // Merged or erased since it was planned: it is nobody's slot any more.
                return Ok(Handled::Done);
            }
            match self.decide(&loaded, now) {
                Decision::Send { stream, piece, kind, cross_sell } => {
                    let chosen = Chosen { stream, piece, kind, cross_sell };
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

    /// Whether the id was merged, erased or found to be somebody's address. Of an id that stands for an address the contact's own
    /// items do not say so.
    async fn is_nobodys(&self, loaded: &Loaded) -> Result<bool, Failure> {
        if keys::address_hash(&loaded.contact).is_none() {
            return Ok(loaded.rows.pointer.is_some());
        }
        Ok(identity::resolve(&self.store, &loaded.contact).await? != Resolved::Same)
    }

    async fn load(&self, contact: &ContactId, slot: &str) -> Result<Loaded, Failure> {
        let rows = self.store.contact(contact).await?;
        let person = rows.contact(contact);
        let account = match person.as_ref().and_then(|person| person.account.as_ref()) {
            Some(account) => self.store.account(account).await?,
            None => None,
        };
        let (mut suppressed, mut address_of_another) = (false, false);
        if let Some(email) = person.as_ref().and_then(|person| person.email.as_ref()) {
            let hash = self.address_key.hash(email);
            suppressed = self.store.get_item(&keys::suppression(&hash)).await?.is_some();
            let owner: Option<AddressOwner> = self.store.get(&keys::address_owner(&hash)).await?;
            // Nobody's, but stated by many: one of them may be written to, and nobody has said yet who.
            address_of_another = owner.is_some_and(|owner| match owner.contact {
                Some(owner) => owner != contact.as_str(),
                None => owner.more,
            });
        }
        let (contact, slot) = (contact.clone(), slot.to_owned());
        Ok(Loaded { contact, slot, rows, person, account, suppressed, address_of_another })
    }

    fn decide(&self, loaded: &Loaded, now: Timestamp) -> Decision {
        let rules = &self.playbook.interest;
        let points = |(product, item): (&ProductId, &perennial_platform::interest::InterestItem)| {
            (product.clone(), interest::evaluate(rules, product, &item.facts, now).points)
        };
        let interest: BTreeMap<ProductId, i64> = loaded.rows.interests.iter().map(points).collect();
        let open = loaded.rows.leads.iter().filter(|lead| lead.status().is_open());
        let open_leads: Vec<ProductId> = open.map(|lead| lead.product_id()).collect();
        let cadence = loaded.rows.cadence.clone().unwrap_or_default();
        let progress = cadence.progress();
        let snapshot = Snapshot {
            contact: loaded.person.as_ref(),
            account: loaded.account.as_ref(),
            interest: &interest,
            open_leads: &open_leads,
            progress: &progress,
            last_mail_on: last_mail_on(&cadence, &loaded.slot),
            last_was_promotion: cadence.last_promotion,
            unsubscribed: loaded.rows.preferences.as_ref().is_some_and(|preferences| preferences.unsubscribed),
            suppressed: loaded.suppressed || loaded.has_bounced(),
            address_of_another: loaded.address_of_another,
        };
        nurture::decide(&self.playbook.nurture, &self.playbook.calendar, &snapshot, now)
    }

    fn compose(&self, loaded: &Loaded, chosen: &Chosen, now: Timestamp) -> Result<Mail, Failure> {
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
            postal_address: company.postal_address.clone(),
        };
        let rendered = playbook.render(&chosen.piece, &reader).map_err(|_| Failure::Poison {
            reason: format!("piece {} cannot be rendered for this reader", chosen.piece),
        })?;
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
            tags: vec![
                ("kind", "nurture".to_owned()),
                ("contact", loaded.contact.to_string()),
                ("slot", loaded.slot.clone()),
                ("stream", chosen.stream.to_string()),
                ("piece", chosen.piece.to_string()),
            ],
        })
    }

    /// Claims the slot and reserves the cadence, only if in this transaction the contact is subscribed, not suppressed, neither
    /// merged nor erased, has the address to itself, is not at risk (cross-sell) and the gap has passed.
    fn claim_actions(
        &self,
        loaded: &Loaded,
        chosen: &Chosen,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let store = &self.store;
        let today = day_number(self.playbook.calendar.date(now));
        let slot_key = keys::slot(&loaded.contact, &loaded.slot);
        let reserve = Change::of(keys::cadence(&loaded.contact), "SET #reserved_by = :slot, #reserved_day = :today")
            .only_if(
                "(attribute_not_exists(#last_mail_day) OR #last_mail_day <= :free) AND \
                 (attribute_not_exists(#reserved_by) OR #reserved_by = :slot OR #reserved_day <= :free)",
            )
            .with(":slot", string(&loaded.slot))
            .with(":today", number(today))
            .with(":free", number(today - self.playbook.nurture.gap_days));
        let subscribed = Change::none(keys::preferences(&loaded.contact))
            .only_if(
                "(attribute_not_exists(#unsubscribed) OR #unsubscribed = :no) AND \
                 (attribute_not_exists(#bounced_at) OR #bounced_at < :since)",
            )
            .with(":no", AttributeValue::Bool(false))
            .with(":since", number(loaded.email_since()));
        let mut actions = vec![
            claim(store, &slot_key, Some((chosen.stream.as_str(), chosen.piece.as_str())), now)?,
            store.change(reserve)?,
            store.check(subscribed)?,
            // The same person at the same address and account as was decided on.
            store.check(loaded.same_profile())?,
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
            loaded.person.as_ref().and_then(|person| person.account.as_ref()).filter(|_| chosen.cross_sell)
        {
            let healthy = Change::none(keys::account_profile(account))
                .only_if("attribute_not_exists(#at_risk) OR #at_risk = :no")
                .with(":no", AttributeValue::Bool(false));
            actions.push(store.check(healthy)?);
        }
        Ok(actions)
    }

    /// What follows from an answer of SES besides the slot's state.
    fn after_send(
        &self,
        loaded: &Loaded,
        chosen: &Chosen,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let cadence = Change::none(keys::cadence(&loaded.contact))
            .only_if("#reserved_by = :slot")
            .with(":slot", string(&loaded.slot));
        let change = match state_after(outcome) {
            SlotState::Sent => {
                let today = day_number(self.playbook.calendar.date(now));
                let mut streams = loaded.rows.cadence.clone().unwrap_or_default().streams;
                let progress: &mut StreamProgress = streams.entry(chosen.stream.to_string()).or_default();
                progress.sent.push(chosen.piece.to_string());
                progress.last_day = today;
                let streams = serde_dynamo::to_attribute_value(streams)
                    .map_err(|_| Failure::shape("cadence", "not of the shape we give it"))?;
                cadence
                    .with(":today", number(today))
                    .with(":promotion", AttributeValue::Bool(chosen.kind.is_promotion()))
                    .with(":streams", streams)
                    .updating(
                        "SET #last_mail_day = :today, #last_promotion = :promotion, #streams = :streams \
                         REMOVE #reserved_by, #reserved_day",
                    )
            }
            SlotState::Rejected => cadence.updating("REMOVE #reserved_by, #reserved_day"),
            // To be tried again, or perhaps sent: the reservation stays.
            _ => return Ok(Vec::new()),
        };
        Ok(vec![self.store.change(change)?])
    }

    async fn record_silence(
        &self,
        loaded: &Loaded,
        reason: &str,
        until: Option<Date>,
        now: Timestamp,
    ) -> Result<Commit, Failure> {
        let next = match until {
            Some(until) => {
                let at = self.playbook.calendar.start_of(until).max(now);
                Change::of(keys::cadence(&loaded.contact), "SET #due_at = :next").with(":next", number(at.as_second()))
            }
            None => Change::of(keys::cadence(&loaded.contact), "REMOVE #due_shard, #due_at"),
        };
        let key = keys::slot(&loaded.contact, &loaded.slot);
        let mut actions = vec![
            silence(&self.store, &key, reason, now)?,
            self.store.change(next)?,
            identity::unmoved(&self.store, &loaded.contact)?,
        ];
        if until.is_none() {
            // Whoever has become reachable meanwhile must not drop out of the cadence.
            actions.push(self.store.check(loaded.same_profile())?);
        }
        self.store.commit("silence", actions).await
    }
}

/// The date of the last mail: sent, reported by others, or perhaps sent by another slot whose outcome is unknown.
fn last_mail_on(cadence: &Cadence, slot: &str) -> Option<Date> {
    let reserved = cadence.reserved_day.filter(|_| cadence.reserved_by.as_deref() != Some(slot));
    cadence.last_mail_day.max(reserved).map(date_of)
}
