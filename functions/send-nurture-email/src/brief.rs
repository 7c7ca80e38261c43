//! The weekly mail to a rep, “To help you sell”: what brief-sales has put together, with names.
//!
//! The brief holds ids and figures as they were when it was made. Names, titles and how somebody may be reached are read when the
//! mail is written, and so is whether a lead is still what the brief says of it. If nothing is left to say, that is the reason for
//! silence.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use perennial_domain::brief::Week;
use perennial_domain::ids::{AccountId, ContactId, PieceId, ProductId, RepId};
use perennial_domain::interest::instant;
use perennial_domain::lead::Status;
use perennial_domain::profile::{Account, Contact, Fields};
use perennial_platform::consent;
use perennial_platform::desk;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys::{self, Key};
use perennial_platform::records::{Brief, HeatingUp, Lead, PieceSent, Profile};
use perennial_platform::store::Item;
use perennial_playbook::shown_name;
use serde::{Deserialize, Serialize};

use crate::claim::silence;
use crate::line::Turn;
use crate::template::{Reach, Written, fill};
use crate::{Handled, SendNurtureEmail};

/// What is told of a brief.
#[derive(Deserialize)]
pub(crate) struct BriefReady {
    owner: String,
    week: Date,
}

/// A brief as its rep reads it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Weekly {
    pub new_leads: Part<LeadRow>,
    pub overdue: Part<LeadRow>,
    pub heating_up: Part<WarmRow>,
    pub sent: Part<SentRow>,
    /// How many mails that were.
    pub mails: usize,
    /// How many contacts have a place in their cadence this week.
    pub planned: usize,
    /// Of how many accounts, in words; where not everybody was looked at, it says so.
    pub accounts: String,
    /// The sales desk, if there is one.
    pub desk_url: Option<String>,
    /// What it shows of what is overdue.
    pub overdue_url: Option<String>,
}

/// The first rows of a part, and how many more there are.
#[derive(Debug, Serialize)]
pub(crate) struct Part<T> {
    pub rows: Vec<T>,
    pub more: usize,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), more: 0 }
    }
}

impl<T> Part<T> {
    fn count(&self) -> usize {
        self.rows.len() + self.more
    }
}

/// A lead in the weekly mail.
#[derive(Debug, Serialize)]
pub(crate) struct LeadRow {
    pub who: String,
    pub title: String,
    pub company: String,
    pub product: String,
    pub priority: String,
    /// Since when it is a lead, or by when it should have been answered.
    pub when: String,
    /// Where the desk shows it, if there is a desk.
    pub url: Option<String>,
}

/// Somebody who is heating up.
#[derive(Debug, Serialize)]
pub(crate) struct WarmRow {
    pub who: String,
    pub title: String,
    pub company: String,
    pub product: String,
    pub points: i64,
    pub before: i64,
    /// What they did last.
    pub last: String,
    pub when: String,
    pub reach: Reach,
}

/// A piece that contacts got.
#[derive(Debug, Serialize)]
pub(crate) struct SentRow {
    pub title: String,
    pub contacts: usize,
}

/// The weekly mail.
#[derive(Debug, Serialize)]
pub(crate) struct WeeklyLetter {
    pub subject: String,
    pub heading: String,
    /// What inboxes show after the subject.
    pub preview: String,
    pub greeting: String,
    pub opening: String,
    /// How much there is of what.
    pub summary: String,
    pub week: Weekly,
    pub closing: &'static str,
}

impl Written for WeeklyLetter {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn render(&self, company: &str) -> Result<(String, String), Failure> {
        fill(["brief.html", "brief.txt"], self, company)
    }
}

impl Weekly {
    /// Whether anything happened. That places in cadences come is true of every week, and no reason to write.
    fn is_worth_a_mail(&self) -> bool {
        self.new_leads.count() + self.overdue.count() + self.heating_up.count() + self.mails > 0
    }
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
        let weekly = self.weekly(&brief, self.clock.now()).await?;
        if !weekly.is_worth_a_mail() {
            return self.say_nothing(&key, "nothing to tell of the week").await;
        }
        let letter = letter(&rep.name, event.week, weekly);
        self.send_to_sales(&key, None, &rep.email, &letter, "brief", turn).await
    }

    async fn say_nothing(&self, key: &Key, reason: &str) -> Result<Handled, Failure> {
        let nothing = silence(&self.store, key, reason, false, self.clock.now())?;
        self.store.commit("silence", vec![nothing]).await.map(|_| Handled::Done)
    }

    async fn weekly(&self, brief: &Brief, now: Timestamp) -> Result<Weekly, Failure> {
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
            accounts: accounts(brief),
            overdue_url: self.desk_url.as_ref().map(|desk| format!("{desk}?overdue=yes")),
            desk_url: self.desk_url.clone(),
        })
    }

    /// The leads at these places that are still what they were listed for.
    async fn leads(&self, places: &[String], is_still: impl Fn(&Lead) -> bool) -> Result<Vec<Lead>, Failure> {
        let mut leads = Vec::new();
        for place in places {
            let Some((pk, sk)) = place.split_once('\n') else { continue };
            let (Some(contact), Some((product, quarter))) = (keys::contact_of(pk), keys::product_and_quarter(sk))
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
            last: format!("{} “{}”", did(&heating.action), self.title(&heating.asset)),
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
        // What is filled in for each reader is nobody's here.
        let subject = piece.map(|piece| piece.subject.clone()).filter(|subject| !subject.contains("{{"));
        SentRow { title: subject.unwrap_or_else(|| sent.piece.clone()), contacts: sent.contacts }
    }

    /// `Tue 6 Jan`, in the team's zone, on one line.
    fn day(&self, second: i64) -> String {
        self.playbook.calendar.date(instant(second)).strftime("%a\u{a0}%-d\u{a0}%b").to_string()
    }

    /// `Tue 6 Jan, 08:00`.
    fn minute(&self, second: i64) -> String {
        let at = instant(second).to_zoned(self.playbook.calendar.zone.clone());
        at.strftime("%a\u{a0}%-d\u{a0}%b, %H:%M").to_string()
    }
}

/// The first instant after the week of a brief, in seconds: a mail that is so late tells nothing of what is to come.
fn week_ends(brief: &Brief, sender: &SendNurtureEmail) -> i64 {
    Week::of(&sender.playbook.calendar, instant(brief.made_at)).ends_at.as_second()
}

/// `31 accounts with 212 contacts`.
fn accounts(brief: &Brief) -> String {
    let of = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let contacts = of(brief.contacts, "contact");
    let contacts = if brief.more_contacts { format!("the first {contacts}") } else { contacts };
    format!("{} with {contacts}", of(brief.accounts, "account"))
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

/// What a rep is written on the first day of a week.
pub(crate) fn letter(to: &str, week: Date, of: Weekly) -> WeeklyLetter {
    let parts = [
        (of.overdue.count(), "overdue", "overdue"),
        (of.heating_up.count(), "heating up", "heating up"),
        (of.new_leads.count(), "new lead", "new leads"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect();
    let summary = match &parts[..] {
        [] => format!(
            "{} from marketing",
            if of.mails == 1 { "1 mail".to_owned() } else { format!("{} mails", of.mails) }
        ),
        parts => parts.join(", "),
    };
    let first = of.heating_up.rows.first();
    WeeklyLetter {
        subject: format!("To help you sell: {summary}"),
        heading: format!("To help you sell: the week of {}", week.strftime("%-d\u{a0}%B")),
        preview: first.map(|warm| format!("{} · {} is heating up", warm.company, warm.who)).unwrap_or_default(),
        greeting: format!("Hello {to},"),
        opening: format!("This is what happened in the last seven days at your {}, and what is to come.", of.accounts),
        summary,
        week: of,
        closing: "You get this once a week. Whoever keeps the playbook can end it for you.",
    }
}

/// What was done, in the past tense; an action of the playbook's own stays as it is called there.
fn did(action: &str) -> String {
    let known = match action {
        "view" => "viewed",
        "download" => "downloaded",
        "request" => "asked for",
        "attend" => "attended",
        "register" => "registered for",
        "watch" => "watched",
        "click" => "clicked on",
        "open" => "opened",
        "start" => "started",
        "read" => "read",
        "reply" => "replied to",
        "visit" => "visited",
        other => return format!("{other}:"),
    };
    known.to_owned()
}
