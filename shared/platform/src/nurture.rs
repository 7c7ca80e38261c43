//! Everything that one nurture slot of one contact is decided on, and the decision.
//!
//! Owns the way from stored items to the domain's snapshot: the sender and whoever explains a silence ask the same. Never
//! writes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use perennial_domain::fit;
use perennial_domain::ids::{ActionId, AssetId, ContactId, ProductId, StreamId};
use perennial_domain::interest::{self, DELIVERED, Step, instant};
use perennial_domain::nurture::retarget::{self, Audience, LeftOut, Offer};
use perennial_domain::nurture::{self, Decision, Snapshot, Verdict, Wishes};
use perennial_domain::profile::{Account, Contact};
use perennial_domain::segment::Person;
use perennial_domain::sending::Trouble;
use perennial_playbook::Playbook;
use serde::de::DeserializeOwned;

use crate::address::AddressKey;
use crate::contact::ContactRows;
use crate::failure::Failure;
use crate::feedback::SoftBounces;
use crate::keys;
use crate::records::{AddressOwner, Cadence, Preferences, date_of};
use crate::store::{Item, Store, text};

/// What is known of a contact whose slot has come.
#[derive(Debug)]
pub struct NurtureSlot {
    /// Whose.
    pub contact: ContactId,
    /// Which: the local date on which it was planned.
    pub slot: String,
    /// The contact's items.
    pub rows: ContactRows,
    /// The contact, if it was ever identified.
    pub person: Option<Contact>,
    /// Its account, if it is known.
    pub account: Option<Account>,
    /// Whether its address is suppressed.
    pub suppressed: bool,
    /// Whether its address is that of another contact.
    pub address_of_another: bool,
    /// That mail to its address bounced and may not bounce again, unless it was delivered since.
    pub trouble: Option<Trouble>,
}

impl NurtureSlot {
    /// Loads all of it.
    ///
    /// # Errors
    /// [`Failure`] if the store cannot be reached or an item has an unknown shape.
    pub async fn load(store: &Store, addresses: &AddressKey, contact: &ContactId, slot: &str) -> Result<Self, Failure> {
        let rows = store.contact(contact).await?;
        let person = rows.contact(contact);
        let account = match person.as_ref().and_then(|person| person.account.as_ref()) {
            Some(account) => store.account(account).await?,
            None => None,
        };
        let address = match person.as_ref().and_then(|person| person.email.as_ref()) {
            Some(email) => AddressRows::load(store, &addresses.hash(email), contact).await?,
            None => AddressRows::default(),
        };
        let AddressRows { suppressed, of_another: address_of_another, trouble } = address;
        let (contact, slot) = (contact.clone(), slot.to_owned());
        Ok(Self { contact, slot, rows, person, account, suppressed, address_of_another, trouble })
    }

    /// What happens in the slot.
    pub fn decide(&self, playbook: &Playbook, now: Timestamp) -> Decision {
        let facts = self.facts(playbook, now);
        nurture::decide(&playbook.nurture, &playbook.calendar, &self.snapshot(&facts, now), now)
    }

    /// What each stream has to say.
    pub fn reasons(&self, playbook: &Playbook, now: Timestamp) -> Vec<(StreamId, Verdict)> {
        let facts = self.facts(playbook, now);
        nurture::reasons(&playbook.nurture, &playbook.calendar, &self.snapshot(&facts, now), now)
    }

    /// What the company's site offers to the contact; the reason if nothing.
    ///
    /// # Errors
    /// [`LeftOut`] if there is nothing to offer.
    pub fn offer(&self, playbook: &Playbook, now: Timestamp) -> Result<Offer, LeftOut> {
        if self.rows.pointer.is_some() {
            return Err(LeftOut::Gone);
        }
        let facts = self.facts(playbook, now);
        retarget::offer(&playbook.nurture, &self.snapshot(&facts, now), now)
    }

    /// Whether the contact belongs to an audience for ads; the reason if not.
    ///
    /// # Errors
    /// [`LeftOut`] if it does not.
    pub fn in_audience(&self, playbook: &Playbook, audience: Audience<'_>, now: Timestamp) -> Result<(), LeftOut> {
        if self.rows.pointer.is_some() {
            return Err(LeftOut::Gone);
        }
        let facts = self.facts(playbook, now);
        retarget::in_audience(&playbook.nurture, audience, &self.snapshot(&facts, now), now)
    }

    /// What the contact wants.
    pub fn wishes(&self) -> Wishes {
        self.rows.preferences.as_ref().map(Preferences::wishes).unwrap_or_default()
    }

    /// Since when the address has been this one, in seconds.
    pub fn email_since(&self) -> i64 {
        self.rows.profile.as_ref().and_then(|profile| profile.email_since()).unwrap_or(0)
    }

    fn has_bounced(&self) -> bool {
        let bounced_at = self.rows.preferences.as_ref().and_then(|preferences| preferences.bounced_at);
        bounced_at.is_some_and(|at| at >= self.email_since())
    }

    /// The contact's language and region as they were stated, such as `de-AT`.
    pub fn locale(&self) -> Option<String> {
        self.rows.profile.as_ref()?.fields().get("locale").map(str::to_owned)
    }

    /// The contact's own zone; one that does not exist is none.
    fn zone(&self) -> Option<TimeZone> {
        let fields = self.rows.profile.as_ref()?.fields();
        TimeZone::get(fields.get("time_zone")?).ok()
    }

    fn facts(&self, playbook: &Playbook, now: Timestamp) -> Facts {
        let cadence = self.rows.cadence.clone().unwrap_or_default();
        let open = self.rows.leads.iter().filter(|lead| lead.status().is_open());
        let mut facts = Facts {
            fit: fit::evaluate(&playbook.qualify.fit, self.person.as_ref(), self.account.as_ref()),
            scores: BTreeMap::new(),
            engaged: BTreeMap::new(),
            last_engaged_at: None,
            wishes: self.wishes(),
            zone: self.zone(),
            open_leads: open.map(|lead| lead.product_id()).collect(),
            progress: cadence.progress(),
            last_mail_on: last_mail_on(&cadence, &self.slot),
            mail_days: cadence.mail_days.iter().map(|day| date_of(*day)).collect(),
        };
        // Items of before there was a cap remember the last day only.
        facts.mail_days.extend(facts.last_mail_on);
        for (product, item) in &self.rows.interests {
            let points = interest::walk(&playbook.interest, &item.facts, now, |step| facts.take(&step));
            facts.scores.insert(product.clone(), points);
            let done = item.facts.iter().filter(|(name, _)| name.action.as_str() != DELIVERED);
            let last = done.map(|(_, second)| second).filter(|second| *second <= now.as_second()).max();
            facts.last_engaged_at = facts.last_engaged_at.max(last.map(instant));
        }
        facts
    }

    fn snapshot<'a>(&'a self, facts: &'a Facts, now: Timestamp) -> Snapshot<'a> {
        Snapshot {
            person: Person {
                contact: self.person.as_ref(),
                account: self.account.as_ref(),
                fit: &facts.fit,
                scores: &facts.scores,
                last_engaged_at: facts.last_engaged_at,
                now,
            },
            engaged: &facts.engaged,
            wishes: &facts.wishes,
            zone: facts.zone.as_ref(),
            open_leads: &facts.open_leads,
            progress: &facts.progress,
            last_mail_on: facts.last_mail_on,
            mail_days: &facts.mail_days,
            last_was_promotion: self.rows.cadence.as_ref().is_some_and(|cadence| cadence.last_promotion),
            unsubscribed: self.rows.preferences.as_ref().is_some_and(|preferences| preferences.unsubscribed),
            suppressed: self.suppressed || self.has_bounced(),
            address_of_another: self.address_of_another,
            trouble: self.trouble,
        }
    }
}

/// What is known of an address, whoever has it.
#[derive(Default)]
struct AddressRows {
    suppressed: bool,
    of_another: bool,
    trouble: Option<Trouble>,
}

impl AddressRows {
    /// One query: all that is kept of an address lies together.
    async fn load(store: &Store, hash: &str, contact: &ContactId) -> Result<Self, Failure> {
        let mut known = Self::default();
        for item in store.partition_items(&keys::addresses(hash), None).await? {
            match text(&item, keys::SK).unwrap_or_default() {
                keys::SUPPRESSION => known.suppressed = true,
                keys::ADDRESS_OWNER => {
                    let owner: AddressOwner = read(item)?;
                    // Nobody's, but stated by many: one of them may be written to, and nobody has said yet who.
                    known.of_another = match owner.contact {
                        Some(owner) => owner != contact.as_str(),
                        None => owner.more,
                    };
                }
                keys::SOFT_BOUNCES => known.trouble = read::<SoftBounces>(item)?.trouble(),
                _ => {}
            }
        }
        Ok(known)
    }
}

fn read<T: DeserializeOwned>(item: Item) -> Result<T, Failure> {
    serde_dynamo::from_item(item).map_err(|_| Failure::shape("item", "not of the shape we give it"))
}

/// What a snapshot borrows.
struct Facts {
    fit: fit::Fit,
    scores: BTreeMap<ProductId, i64>,
    engaged: BTreeMap<(AssetId, ActionId), i64>,
    last_engaged_at: Option<Timestamp>,
    wishes: Wishes,
    zone: Option<TimeZone>,
    open_leads: Vec<ProductId>,
    progress: BTreeMap<StreamId, nurture::Progress>,
    last_mail_on: Option<Date>,
    mail_days: BTreeSet<Date>,
}

impl Facts {
    /// What a machine did leads nobody anywhere.
    fn take(&mut self, step: &Step<'_>) {
        let Step::Fact { name, second, verdict, .. } = step else { return };
        if !matches!(verdict, interest::Verdict::Gated(_)) {
            let last = self.engaged.entry((name.asset.clone(), name.action.clone())).or_insert(*second);
            *last = (*last).max(*second);
        }
    }
}

/// The date of the last mail: sent, reported by others, or perhaps sent by another slot whose outcome is unknown.
fn last_mail_on(cadence: &Cadence, slot: &str) -> Option<Date> {
    let reserved = cadence.reserved_day.filter(|_| cadence.reserved_by.as_deref() != Some(slot));
    cadence.last_mail_day.max(reserved).map(date_of)
}
