//! The weekly mail to a rep, “To help you sell”: what brief-sales has put together, with names.
//!
//! The brief holds ids and figures as they were when it was made. Names, titles and how somebody may be reached are read when the
//! mail is written, and so is whether a lead is still what the brief says of it. If nothing is left to say, that is the reason for
//! silence.

mod letter;
pub(crate) mod sample;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use perennial_domain::brief::Week;
use perennial_domain::ids::{AccountId, ContactId, PieceId, ProductId, RepId};
use perennial_domain::interest::instant;
use perennial_domain::lead::{Reach, Status};
use perennial_domain::profile::{Account, Contact, Fields};
use perennial_platform::consent;
use perennial_platform::desk;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys::{self, Key};
use perennial_platform::records::{Brief, HeatingUp, Lead, PieceSent, Profile};
use perennial_platform::store::Item;
use perennial_playbook::shown_name;
use serde::Deserialize;

use self::letter::{LeadRow, Part, SentRow, WarmRow, Weekly, WeeklyLetter, accounts};
use crate::addressee::Working;
use crate::claim::silence;
use crate::deadline;
use crate::line::Turn;
use crate::{Handled, SendNurtureEmail};

/// What is told of a brief.
#[derive(Deserialize)]
pub(crate) struct BriefReady {
    owner: String,
    week: Date,
}

impl SendNurtureEmail {
    /// A rep's brief of a week.
    pub(crate) async fn brief(&self, event: &BriefReady, turn: &Turn) -> Result<Handled, Failure> {
        let owner = RepId::from(event.owner.as_str());
        let Some(brief) = self.store.get::<Brief>(&keys::brief(event.week, &owner)).await? else {
            return Ok(Handled::Done);
        };
        let key = keys::brief_mail(event.week, &owner);
        // Nobody waits for an answer to this one, as somebody does to a lead.
        let rep = match self.playbook.rep(&owner) {
            None => return self.say_nothing(&key, "not a rep in the playbook").await,
            Some(rep) if !rep.weekly => return self.say_nothing(&key, "wants no weekly mail").await,
            Some(rep) => rep,
        };
        let now = self.clock.now();
        let Working { rep: reader, covering } = self.working_for(rep, now);
        if !reader.weekly {
            return self.say_nothing(&key, "their cover wants no weekly mail").await;
        }
        let weekly = self.weekly(&brief, self.desk_of(rep, reader), now).await?;
        if !weekly.is_worth_a_mail() {
            return self.say_nothing(&key, "nothing to tell of the week").await;
        }
        let instead_of = covering.as_ref().map(|_| rep.name.as_str());
        let letter = WeeklyLetter { covering, ..letter::letter(&reader.name, event.week, weekly, instead_of) };
        self.send_to_sales(&key, None, (&reader.id, &reader.email), &letter, "brief", turn).await
    }

    async fn say_nothing(&self, key: &Key, reason: &str) -> Result<Handled, Failure> {
        let nothing = silence(&self.store, key, reason, false, self.clock.now())?;
        self.store.commit("silence", vec![nothing]).await.map(|_| Handled::Done)
    }

    async fn weekly(&self, brief: &Brief, desk_url: Option<String>, now: Timestamp) -> Result<Weekly, Failure> {
        let is_new = |lead: &Lead| lead.status().is_open();
        let is_late = |lead: &Lead| lead.status() == Status::Mql;
        let (new, late) = (self.leads(&brief.new_leads.first, is_new), self.leads(&brief.overdue.first, is_late));
        let (new, late) = (new.await?, late.await?);
        let warm = self.warm(&brief.heating_up.first).await?;
        let of_leads = new.iter().chain(&late).map(Lead::contact_id);
        let known = Known::read(self, of_leads.chain(warm.iter().map(|(contact, _)| contact.clone()))).await?;
        let mut warm_rows = Vec::new();
        for (contact, heating) in &warm {
            warm_rows.push(self.warm_row(&known, contact, heating).await?);
        }
        let since = |lead: &Lead| self.day(lead.qualified_at);
        let due = |lead: &Lead| lead.sla_due_at.map(|at| self.minute(at)).unwrap_or_default();
        let sent = brief.sent.first.iter().map(|sent| self.sent_row(sent));
        Ok(Weekly {
            new_leads: Part {
                rows: new.iter().map(|lead| self.lead_row(&known, lead, since(lead))).collect(),
                more: brief.new_leads.left_out(),
            },
            overdue: Part {
                rows: late.iter().map(|lead| self.lead_row(&known, lead, due(lead))).collect(),
                more: brief.overdue.left_out(),
            },
            heating_up: Part { rows: warm_rows, more: brief.heating_up.left_out() },
            sent: Part { rows: sent.collect(), more: brief.sent.left_out() },
            mails: brief.mails,
            planned: if now.as_second() < week_ends(brief, self) { brief.planned } else { 0 },
            accounts: accounts(brief.accounts, (brief.contacts, brief.more_contacts)),
            overdue_url: desk_url.as_ref().map(|desk| overdue_at(desk)),
            desk_url,
        })
    }

    /// The leads at these places that are still what they were listed for.
    async fn leads(&self, places: &[String], is_still: impl Fn(&Lead) -> bool) -> Result<Vec<Lead>, Failure> {
        let mut leads = Vec::new();
        for place in places {
            let Some(Key { pk, sk }) = Key::of_line(place) else { continue };
            let (Some(contact), Some((product, quarter))) = (keys::contact_of(&pk), keys::product_and_quarter(&sk))
            else {
                continue;
            };
            leads.extend(self.find_lead(&contact, &product, quarter).await?.filter(&is_still));
        }
        Ok(leads)
    }

    /// Who these are by now; whoever was erased is nobody.
    async fn warm<'b>(&self, heating: &'b [HeatingUp]) -> Result<Vec<(ContactId, &'b HeatingUp)>, Failure> {
        let mut warm = Vec::new();
        for one in heating {
            let contact = ContactId::from(one.contact.as_str());
            match identity::resolve(&self.store, &contact).await? {
                Resolved::Same => warm.push((contact, one)),
                Resolved::Into(into) => warm.push((into, one)),
                Resolved::Erased => {}
            }
        }
        Ok(warm)
    }

    async fn warm_row(&self, known: &Known, contact: &ContactId, heating: &HeatingUp) -> Result<WarmRow, Failure> {
        let standing = consent::standing(&self.store, &self.address_key, contact).await?;
        let preferences = standing.preferences();
        let (who, title, company) = known.names(contact);
        let product = ProductId::from(heating.product.as_str());
        Ok(WarmRow {
            who,
            title,
            company,
            product: self.playbook.product_name(&product).to_owned(),
            points: heating.points,
            before: heating.before,
            last: self.playbook.told(&heating.action, &heating.asset),
            when: self.day(heating.at),
            reach: Reach::of(preferences.want_no_calls(), standing.opted_out || preferences.want_no_mail()),
        })
    }

    fn lead_row(&self, known: &Known, lead: &Lead, when: String) -> LeadRow {
        let (who, title, company) = known.names(&lead.contact_id());
        let token = || desk::lead_token(&lead.contact, &lead.product, &lead.quarter);
        LeadRow {
            who,
            title,
            company,
            product: self.playbook.product_name(&lead.product_id()).to_owned(),
            priority: lead.priority().to_string(),
            when,
            url: self.desk_url.as_ref().map(|desk| format!("{desk}/leads/{}", token())),
        }
    }

    fn sent_row(&self, sent: &PieceSent) -> SentRow {
        let piece = self.playbook.piece(&PieceId::from(sent.piece.as_str()));
        let subject = piece.and_then(|piece| letter::without_reader(&piece.subject));
        SentRow { title: subject.unwrap_or_else(|| sent.piece.clone()), contacts: sent.contacts }
    }

    /// `Tue 6 Jan`, in the team's zone, on one line.
    fn day(&self, second: i64) -> String {
        deadline::day(&self.playbook.calendar, instant(second))
    }

    /// `Tue 6 Jan, 08:00`.
    fn minute(&self, second: i64) -> String {
        deadline::minute(&self.playbook.calendar, instant(second))
    }
}

/// The same part of the desk, and of it what is overdue.
fn overdue_at(desk: &str) -> String {
    format!("{desk}{}overdue=yes", if desk.contains('?') { "&" } else { "?" })
}

/// The first instant after the week of a brief, in seconds: a mail that is so late tells nothing of what is to come.
fn week_ends(brief: &Brief, sender: &SendNurtureEmail) -> i64 {
    Week::of(&sender.playbook.calendar, instant(brief.made_at)).ends_at.as_second()
}

/// Names of contacts and of where they work: two calls for all of them.
#[derive(Default)]
struct Known {
    contacts: BTreeMap<ContactId, Contact>,
    accounts: BTreeMap<AccountId, Account>,
}

impl Known {
    async fn read(sender: &SendNurtureEmail, contacts: impl Iterator<Item = ContactId>) -> Result<Self, Failure> {
        // One may be new and overdue: a batch takes no key twice.
        let wanted: BTreeSet<Key> = contacts.map(|contact| keys::profile(&contact)).collect();
        let people = desk::items(&sender.store, wanted).await?;
        let contact = |(key, item): (Key, Item)| {
            let id = keys::contact_of(&key.pk)?;
            Some((id.clone(), Contact::from_fields(id, &fields(item)?)))
        };
        let contacts: BTreeMap<ContactId, Contact> = people.into_iter().filter_map(contact).collect();
        let wanted = contacts.values().filter_map(|contact| contact.account.as_ref()).map(keys::account_profile);
        let wanted: BTreeSet<Key> = wanted.collect();
        let account = |(key, item): (Key, Item)| {
            let id = keys::account_of(&key.pk)?;
            Some((id.clone(), Account::from_fields(id, &fields(item)?)))
        };
        let accounts = desk::items(&sender.store, wanted).await?.into_iter().filter_map(account).collect();
        Ok(Self { contacts, accounts })
    }

    /// Name, title and company as they are shown: typed somewhere by somebody. Whoever has no name is shown by the id.
    fn names(&self, id: &ContactId) -> (String, String, String) {
        let contact = self.contacts.get(id);
        let shown = |value: Option<&String>| value.map(|typed| shown_name(typed)).unwrap_or_default();
        let of = |field: fn(&Contact) -> Option<&String>| shown(contact.and_then(field));
        let name = format!("{} {}", of(|it| it.first_name.as_ref()), of(|it| it.last_name.as_ref())).trim().to_owned();
        let name = if name.is_empty() { shown_name(id.as_str()) } else { name };
        let account = contact.and_then(|contact| self.accounts.get(contact.account.as_ref()?));
        (name, of(|it| it.title.as_ref()), shown(account.and_then(|account| account.name.as_ref())))
    }
}

fn fields(item: Item) -> Option<Fields> {
    // A profile of an unknown shape hides a name and nothing else.
    serde_dynamo::from_item::<_, Profile>(item).ok().map(|profile| profile.fields())
}
