//! What is read for a rep's brief, in pages that do not grow with how much a rep has.
//!
//! | calls | for |
//! |---|---|
//! | one query per thousand open leads | the new ones, and whose lead is open |
//! | one query | what is overdue, keys only |
//! | one query per account, and one for which they are | who works there, keys only |
//! | one batch per hundred items: a cadence for each contact, an interest for each contact and product | who is heating up, who was or will be written to |
//! | one batch per hundred mails of the week | which pieces they were |
//! | one query per contact that is to be named, of [`RESERVE`] more at most | whether somebody else has an open lead of theirs |
//!
//! No name is read, and nothing is scanned. Of a rep's contacts so many are looked at: [`MOST_CONTACTS`].

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use jiff::Timestamp;
use perennial_domain::brief::{Warmest, Warming, Week, heat};
use perennial_domain::ids::{AccountId, ContactId, RepId};
use perennial_domain::lead::Status;
use perennial_platform::desk::{self, Wanted};
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, Key};
use perennial_platform::records::{Brief, Cadence, Cut, HeatingUp, PieceSent, Slot, SlotState, day_number};
use perennial_platform::store::{Item, text};

use crate::BriefSales;

/// So many stand in a list of a brief.
const LISTED: usize = 10;
/// So many more are looked at if others have open leads of those who would stand there.
const RESERVE: usize = 20;
/// So many contacts of a rep are looked at: with four products a thousand batches.
const MOST_CONTACTS: usize = 20_000;
/// So many leads are read with one query.
const LEADS_AT_ONCE: usize = 999;
/// DynamoDB's limit for one batch of reads.
const ITEMS_AT_ONCE: usize = 100;
/// So many calls are under way at once.
const CALLS_AT_ONCE: usize = 8;

/// What the open leads of a rep come to.
#[derive(Default)]
struct Open {
    /// Who has one.
    contacts: BTreeSet<ContactId>,
    /// Those of the week before, the best first.
    new: Vec<String>,
}

/// What some contacts come to.
#[derive(Default)]
struct Seen {
    warming: Vec<Vec<Warming>>,
    /// Places in which mail of the week before may stand.
    places: Vec<Key>,
    planned: usize,
    unreadable: usize,
}

impl BriefSales {
    /// What there is to tell a rep of a week.
    pub(crate) async fn survey(&self, rep: &RepId, week: Week, now: Timestamp) -> Result<Brief, Failure> {
        let open = self.open_leads(rep, week).await?;
        let overdue = desk::overdue(&self.store, rep, now).await?;
        let accounts = desk::accounts_of(&self.store, rep).await?;
        let (contacts, more_contacts) = self.contacts(&accounts).await?;
        let per_contact = self.playbook.products.len() + 1;
        let pages: Vec<&[ContactId]> = contacts.chunks((ITEMS_AT_ONCE / per_contact).max(1)).collect();
        let (mut warmest, mut places, mut planned, mut unreadable) =
            (Warmest::keeping(LISTED + RESERVE), Vec::new(), 0, 0);
        for some in pages.chunks(CALLS_AT_ONCE) {
            let looks: Vec<_> = some.iter().map(|page| self.look_at(page, &open, week, now)).collect();
            for seen in try_join_all(looks).await? {
                seen.warming.into_iter().for_each(|of_one| warmest.add(of_one));
                places.extend(seen.places);
                planned += seen.planned;
                unreadable += seen.unreadable;
            }
        }
        if unreadable > 0 || more_contacts {
            tracing::warn!(rep = %rep, unreadable, more_contacts, "a brief does not tell of all");
        }
        let (mails, sent) = self.sent(places).await?;
        let heating_up = self.without_lead(warmest).await?;
        let Key { pk, sk } = keys::brief(week.begins_on, rep);
        Ok(Brief {
            pk,
            sk,
            owner: rep.to_string(),
            week: week.begins_on.to_string(),
            made_at: now.as_second(),
            accounts: accounts.len(),
            contacts: contacts.len(),
            more_contacts,
            new_leads: Cut::of(open.new, LISTED),
            overdue: Cut::of(overdue.iter().map(Key::to_line).collect(), LISTED),
            heating_up,
            mails,
            sent: Cut::of(sent, LISTED),
            planned,
        })
    }

    async fn open_leads(&self, rep: &RepId, week: Week) -> Result<Open, Failure> {
        let (mut open, mut after) = (Open::default(), None);
        loop {
            let page = desk::page(&self.store, rep, &Wanted::default(), after.as_ref(), LEADS_AT_ONCE).await?;
            for row in page.rows {
                // By where it lies: the one to whom it was made may be somebody else by now.
                open.contacts.extend(keys::contact_of(&row.pk));
                if week.was_last(row.qualified_at) {
                    open.new.push(Key { pk: row.pk, sk: row.sk }.to_line());
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(open);
            }
        }
    }

    /// The contacts of these accounts, in the order of the accounts, and whether there are more.
    async fn contacts(&self, accounts: &[AccountId]) -> Result<(Vec<ContactId>, bool), Failure> {
        let mut contacts = Vec::new();
        for some in accounts.chunks(CALLS_AT_ONCE) {
            let looks: Vec<_> = some.iter().map(|account| desk::contacts_of(&self.store, account)).collect();
            let found = try_join_all(looks).await?;
            contacts.extend(found.into_iter().flatten());
            if contacts.len() > MOST_CONTACTS {
                contacts.truncate(MOST_CONTACTS);
                return Ok((contacts, true));
            }
        }
        Ok((contacts, false))
    }

    /// Some contacts, read with one batch.
    async fn look_at(&self, contacts: &[ContactId], open: &Open, week: Week, now: Timestamp) -> Result<Seen, Failure> {
        let items = desk::items(&self.store, self.places(contacts)).await?;
        let mut seen = Seen::default();
        for contact in contacts {
            if let Some(cadence) = items.get(&keys::cadence(contact)) {
                seen.read_cadence(contact, cadence, week, now);
            }
            if open.contacts.contains(contact) {
                continue;
            }
            let warming = self.playbook.products.iter().map(|product| &product.id).filter_map(|product| {
                let item = items.get(&keys::interest(contact, product))?;
                // One interest that cannot be read must not cost the rep the others.
                let Ok(interest) = InterestItem::read(item) else {
                    seen.unreadable += 1;
                    return None;
                };
                let rules = &self.playbook.interest;
                let had_lead = interest.leads.contains(&rules.quarters.of(now));
                let heat = heat(rules, product, &interest.facts, had_lead, now)?;
                Some(Warming { contact: contact.clone(), product: product.clone(), heat })
            });
            let warming: Vec<Warming> = warming.collect();
            seen.warming.push(warming);
        }
        Ok(seen)
    }

    /// What one batch reads of some contacts.
    fn places(&self, contacts: &[ContactId]) -> Vec<Key> {
        let mut places: Vec<Key> = contacts.iter().map(keys::cadence).collect();
        for product in &self.playbook.products {
            places.extend(contacts.iter().map(|contact| keys::interest(contact, &product.id)));
        }
        places
    }

    /// The first who are heating up and have no open lead, of whatever owner. Who has one further down is still counted: of a rep
    /// with thousands of contacts only those who may be named are looked at.
    async fn without_lead(&self, warmest: Warmest) -> Result<Cut<HeatingUp>, Failure> {
        let (mut count, warmest) = warmest.finish();
        let mut first = Vec::new();
        for some in warmest.chunks(LISTED) {
            if first.len() >= LISTED {
                break;
            }
            let looks: Vec<_> = some.iter().map(|warming| self.has_open_lead(&warming.contact)).collect();
            for (warming, has_lead) in some.iter().zip(try_join_all(looks).await?) {
                if has_lead {
                    count -= 1;
                } else if first.len() < LISTED {
                    first.push(HeatingUp::from(warming.clone()));
                }
            }
        }
        Ok(Cut { count, first })
    }

    async fn has_open_lead(&self, contact: &ContactId) -> Result<bool, Failure> {
        let leads = self.store.partition_items(&keys::contact(contact), Some(keys::LEAD)).await?;
        // A stage that this version does not know is not closed.
        let is_open = |item: &Item| text(item, "stage").and_then(Status::named).is_none_or(Status::is_open);
        Ok(leads.iter().any(is_open))
    }

    /// How many of these places are mails that went out, and which pieces they were, the one that most got first.
    async fn sent(&self, places: Vec<Key>) -> Result<(usize, Vec<PieceSent>), Failure> {
        let mut pieces: BTreeMap<(String, String), usize> = BTreeMap::new();
        let pages: Vec<&[Key]> = places.chunks(ITEMS_AT_ONCE).collect();
        for some in pages.chunks(CALLS_AT_ONCE) {
            let looks: Vec<_> = some.iter().map(|page| desk::items(&self.store, page.iter().cloned())).collect();
            for item in try_join_all(looks).await?.into_iter().flat_map(BTreeMap::into_values) {
                let Ok(slot) = serde_dynamo::from_item::<_, Slot>(item) else { continue };
                if let (SlotState::Sent, Some(stream), Some(piece)) = (slot.state, slot.stream, slot.piece) {
                    *pieces.entry((stream, piece)).or_default() += 1;
                }
            }
        }
        let mails = pieces.values().sum();
        let sent = pieces.into_iter().map(|((stream, piece), contacts)| PieceSent { stream, piece, contacts });
        let mut sent: Vec<PieceSent> = sent.collect();
        sent.sort_by_key(|piece| std::cmp::Reverse(piece.contacts));
        Ok((mails, sent))
    }
}

impl Seen {
    /// The days on which a contact got mail in the week before, and whether one is planned in this one.
    fn read_cadence(&mut self, contact: &ContactId, item: &Item, week: Week, now: Timestamp) {
        let Ok(cadence) = serde_dynamo::from_item::<_, Cadence>(item.clone()) else {
            self.unreadable += 1;
            return;
        };
        // A mark of mail is a day's number; what other systems reported has no place of ours on that day.
        let had_mail = |day: i64| cadence.mail_days.contains(&day) || cadence.last_mail_day == Some(day);
        let dates = week.last_dates().filter(|date| had_mail(day_number(*date)));
        self.places.extend(dates.map(|date| keys::slot(contact, &date.to_string())));
        let is_listed = item.contains_key(keys::DUE_SHARD);
        let before_it_ends = |due_at: i64| due_at < week.ends_at.as_second().max(now.as_second());
        self.planned += usize::from(is_listed && cadence.due_at.is_some_and(before_it_ends));
    }
}
