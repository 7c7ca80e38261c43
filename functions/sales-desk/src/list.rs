//! A rep's leads: what is loaded for a page of them, and how a row is made of it.
//!
//! One query of the index, two batches for who it is, what they did and what they want, one for where they work: four calls for
//! fifty leads, and one more where a filter leaves out most of them.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Value, context};
use perennial_domain::ids::{ContactId, ProductId, RepId};
use perennial_domain::interest::{evaluate, instant};
use perennial_domain::lead::{Priority, Reach, Status};
use perennial_domain::profile::{Account, Contact};
use perennial_domain::qualify::Kind;
use perennial_domain::sorting::{Driver, flames, stars};
use perennial_platform::address::AddressKey;
use perennial_platform::consent::{self, Suppression};
use perennial_platform::desk::{self, Cursor, Row, Wanted};
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, Key};
use perennial_platform::records::{Preferences, Profile};
use perennial_platform::store::Item;
use perennial_playbook::{Product, shown_name};
use serde::Serialize;

use crate::cover::Cover;
use crate::form::{self, Fields, money};
use crate::moments::{self, Moment, minute};
use crate::page::fill;
use crate::sign_in::Who;
use crate::{SalesDesk, say};

/// So many leads stand on a page.
const PER_PAGE: usize = 50;

/// A lead as a row shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub token: String,
    pub name: String,
    pub title: String,
    pub company: String,
    pub product: String,
    /// Whether it is about more of what they own.
    pub upsell: bool,
    pub priority: String,
    /// For a style: `act-now`.
    pub urgency: String,
    pub stage: String,
    pub stars: usize,
    pub flames: usize,
    pub score: i64,
    /// How much of it is fit and engagement; older leads do not say.
    pub split: Option<(i64, i64)>,
    pub high_because: &'static str,
    pub newest: Option<Moment>,
    pub because: Vec<Moment>,
    pub clock: Clock,
    pub next: String,
    pub reach: Option<&'static str>,
    pub undone: bool,
    pub amount: Option<String>,
}

/// How a lead stands to time, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Clock {
    pub words: String,
    pub late: bool,
}

/// What the clock of a lead says is read from this.
pub(crate) struct Standing<'a> {
    pub status: Status,
    /// By when an answer was promised.
    pub due: Option<i64>,
    /// Who touched it.
    pub by: Option<&'a str>,
    /// When, or since when it stands where it does.
    pub since: Option<i64>,
    /// When its rep is reminded.
    pub later: Option<i64>,
}

/// What is known of somebody who is a lead.
pub(crate) struct Known {
    pub contact: Option<Contact>,
    pub account: Option<Account>,
    pub interest: InterestItem,
    pub reach: Reach,
}

impl SalesDesk {
    pub(crate) async fn list_page(
        &self,
        who: &Who<'_>,
        request: &ApiGatewayV2httpRequest,
    ) -> Result<ApiGatewayV2httpResponse, Failure> {
        let (now, asked) = (self.clock.now(), form::asked(request));
        let owner = asked.the_one("rep").map_or_else(|| who.rep.id.clone(), RepId::from);
        let Some(rep) = self.playbook.rep(&owner).filter(|rep| who.sees(&rep.id)) else {
            return Ok(self.nothing_there());
        };
        let wanted = self.wanted(&asked, now);
        let after = asked.the_one("after").and_then(Cursor::from_text);
        let page = desk::page(&self.store, &owner, &wanted, after.as_ref(), PER_PAGE).await?;
        let known = self.known(&page.rows).await?;
        let lines: Vec<Line> = page.rows.iter().zip(known).map(|(row, known)| self.row(row, &known, now)).collect();
        let mine = owner == who.rep.id;
        let others = (!mine).then_some(&owner);
        let values = context! {
            title => if mine { "Your leads".to_owned() } else { format!("Leads of {}", rep.name) },
            me => who.rep.name.as_str(),
            manages => !who.reports.is_empty(),
            here => if mine { "list" } else { "other" },
            mark => who.mark.as_str(),
            rep => (!mine).then(|| owner.as_str()),
            covers => who.covers.iter().filter(|cover| mine || *cover.owner == owner).map(Cover::shown).collect::<Vec<_>>(),
            lines => Serde(lines),
            filters => self.filters(&wanted),
            filtered => wanted != Wanted::default(),
            later => after.is_some(),
            back => address(others, &wanted, None),
            all => address(others, &Wanted::default(), None),
            next => page.next.map(|next| address(others, &wanted, Some(&next))),
        };
        Ok(fill(200, self.company(), ("list.html", values)))
    }

    /// Which leads an address asks for; what it cannot mean is as if it were not there.
    fn wanted(&self, asked: &Fields, now: Timestamp) -> Wanted {
        let sold = |id: &&str| self.playbook.products.iter().any(|product| product.id.as_str() == *id);
        Wanted {
            product: asked.the_one("product").filter(sold).map(ProductId::from),
            status: asked.the_one("stage").and_then(Status::named).filter(|status| status.is_open()),
            overdue_at: asked.the_one("overdue").map(|_| now),
        }
    }

    fn filters(&self, wanted: &Wanted) -> Value {
        let choice = |id: &str, name: &str, on: bool| context! { id, name, on };
        let product = |product: &Product| {
            choice(product.id.as_str(), &product.name, wanted.product.as_ref() == Some(&product.id))
        };
        let stage = |status: &Status| choice(status.as_str(), say::stage(*status), wanted.status == Some(*status));
        context! {
            products => self.playbook.products.iter().map(product).collect::<Vec<_>>(),
            stages => say::OPEN.iter().map(stage).collect::<Vec<_>>(),
            overdue => wanted.overdue_at.is_some(),
        }
    }

    /// Who these leads are of, where they work, what they did and how they may be reached: three or four calls for a page, whatever
    /// it holds.
    async fn known(&self, rows: &[Row]) -> Result<Vec<Known>, Failure> {
        let places = |row: &Row| {
            let contact = row.contact_id();
            [keys::profile(&contact), keys::preferences(&contact), keys::interest(&contact, &row.product_id())]
        };
        let wanted: BTreeSet<Key> = rows.iter().flat_map(places).collect();
        let people = desk::items(&self.store, wanted).await?;
        let people = People { items: &people, address_key: &self.address_key };
        let contacts = rows.iter().filter_map(|row| people.contact(&row.contact_id()));
        let accounts = contacts.filter_map(|contact| contact.account).map(|id| keys::account_profile(&id));
        let suppressions = rows.iter().flat_map(|row| people.suppressions(&row.contact_id()));
        let wanted: BTreeSet<Key> = accounts.chain(suppressions).collect();
        let others = desk::items(&self.store, wanted).await?;
        rows.iter().map(|row| people.known(row, &others)).collect()
    }

    fn row(&self, row: &Row, known: &Known, now: Timestamp) -> Line {
        let (product, rules) = (row.product_id(), &self.playbook.interest);
        let points = evaluate(rules, &product, &known.interest.facts, now).points;
        let moments = moments::of(&self.playbook, &product, &known.interest.facts, now);
        let (newest, because) = moments::reasons(&moments);
        let (newest, because) = (newest.cloned(), because.into_iter().cloned().collect());
        let (name, title, company) = names(&row.contact, known);
        let standing = Standing {
            status: row.status(),
            due: row.sla_due_at,
            by: row.touched_by.as_deref(),
            since: row.touched_at,
            later: row.later_until,
        };
        Line {
            token: desk::lead_token(&row.contact, &row.product, &row.quarter),
            name,
            title,
            company,
            product: self.playbook.product_name(&product).to_owned(),
            upsell: row.kind() == Kind::Upsell,
            priority: row.priority().to_string(),
            urgency: row.priority().as_str().to_owned(),
            stage: say::stage(row.status()).to_owned(),
            stars: stars(row.fit_points),
            flames: flames(points, rules.threshold(&product)),
            score: row.sort_score,
            split: row.sort_from_fit.map(|fit| (fit, row.sort_score - fit)),
            high_because: high_because(row.driver.as_deref()),
            newest,
            because,
            clock: self.sla(&standing, now),
            next: next_step(row.status(), row.priority(), known.reach),
            reach: known.reach.words(),
            undone: row.undone_by.is_some(),
            amount: row.amount_cents.map(|cents| money(&self.playbook.currency, cents)),
        }
    }

    /// How long there is to answer, or who has.
    pub(crate) fn sla(&self, lead: &Standing<'_>, now: Timestamp) -> Clock {
        let calendar = &self.playbook.calendar;
        let said = |words: String| Clock { words, late: false };
        match (lead.status, lead.due) {
            (Status::Mql, Some(due)) if due <= now.as_second() => {
                Clock { words: format!("Overdue since {}", minute(calendar, due)), late: true }
            }
            (Status::Mql, Some(due)) => said(format!("Answer by {}", minute(calendar, due))),
            (Status::Mql, None) => said("No deadline".to_owned()),
            (status, _) => {
                let by = lead.by.map_or_else(|| "Somebody".to_owned(), |by| self.rep_name(by));
                let what = if status.is_open() { format!("{by} is on it") } else { say::stage(status).to_owned() };
                let since = lead.since.map(|at| format!(" since {}", minute(calendar, at))).unwrap_or_default();
                // In the digest of the first check from then on: a day off has none.
                let later = lead.later.map(|at| calendar.next_check(instant(at)).as_second());
                let later = later.map(|at| format!("; reminder on {}", moments::day(calendar, at)));
                said(format!("{what}{since}{}", later.unwrap_or_default()))
            }
        }
    }

    /// What people call a rep; whoever has left the playbook keeps the id.
    pub(crate) fn rep_name(&self, id: &str) -> String {
        self.playbook.rep_told(id).map_or_else(|| id.to_owned(), |rep| rep.name.clone())
    }
}

/// What was read of the people of a page.
struct People<'a> {
    items: &'a BTreeMap<Key, Item>,
    address_key: &'a AddressKey,
}

impl People<'_> {
    fn profile(&self, id: &ContactId) -> Option<Profile> {
        self.items.get(&keys::profile(id)).and_then(profile)
    }

    fn contact(&self, id: &ContactId) -> Option<Contact> {
        self.profile(id).map(|profile| Contact::from_fields(id.clone(), &profile.fields()))
    }

    /// Where an opt-out lies that holds for whoever has this contact's address.
    fn suppressions(&self, id: &ContactId) -> BTreeSet<Key> {
        consent::suppressions_of(self.address_key, id, self.profile(id).as_ref())
    }

    fn known(&self, row: &Row, others: &BTreeMap<Key, Item>) -> Result<Known, Failure> {
        let (id, contact) = (row.contact_id(), self.contact(&row.contact_id()));
        let interest = self.items.get(&keys::interest(&id, &row.product_id()));
        let interest = interest.map_or_else(|| Ok(InterestItem::default()), InterestItem::read)?;
        let account = contact.as_ref().and_then(|contact| contact.account.clone()).and_then(|id| {
            let profile = others.get(&keys::account_profile(&id)).and_then(profile)?;
            Some(Account::from_fields(id, &profile.fields()))
        });
        let preferences: Option<Preferences> = self
            .items
            .get(&keys::preferences(&id))
            .map(|item| serde_dynamo::from_item(item.clone()))
            .transpose()
            // Unlike a name, what somebody has forbidden is never taken for unsaid.
            .map_err(|_| Failure::shape("preferences", "not of the shape we give it"))?;
        let suppressions = self.suppressions(&id);
        let opted_out = suppressions
            .iter()
            .filter_map(|key| others.get(key))
            .any(|item| Suppression::read(item).is_of_an_opt_out());
        Ok(Known { contact, account, interest, reach: reach_of(preferences.as_ref(), opted_out) })
    }
}

/// A profile of an unknown shape must not hide the lead: it is shown by its id.
fn profile(item: &Item) -> Option<Profile> {
    serde_dynamo::from_item(item.clone()).ok()
}

/// Name, title and company as they are shown: typed somewhere by somebody.
pub(crate) fn names(contact: &str, known: &Known) -> (String, String, String) {
    let shown = |value: Option<&String>| value.map(|typed| shown_name(typed)).unwrap_or_default();
    let of = |field: fn(&Contact) -> Option<&String>| shown(known.contact.as_ref().and_then(field));
    let name = format!("{} {}", of(|it| it.first_name.as_ref()), of(|it| it.last_name.as_ref())).trim().to_owned();
    let name = if name.is_empty() { shown_name(contact) } else { name };
    (name, of(|it| it.title.as_ref()), shown(known.account.as_ref().and_then(|account| account.name.as_ref())))
}

/// What made a score high, if anything did.
pub(crate) fn high_because(driver: Option<&str>) -> &'static str {
    match driver.and_then(Driver::named) {
        Some(Driver::Fit) => "high because of fit",
        Some(Driver::Engagement) => "high because of engagement",
        Some(Driver::Both) => "high because of both",
        Some(Driver::Neither) | None => "",
    }
}

/// How somebody may be reached who has said this, and with whose address somebody may have opted out.
pub(crate) fn reach_of(preferences: Option<&Preferences>, opted_out: bool) -> Reach {
    let no_mail = opted_out || preferences.is_some_and(Preferences::want_no_mail);
    Reach::of(preferences.is_some_and(Preferences::want_no_calls), no_mail)
}

/// What to do with a lead that stands here.
pub(crate) fn next_step(status: Status, priority: Priority, reach: Reach) -> String {
    let verb = reach.verb();
    let fixed = match (status, priority) {
        (Status::Mql, Priority::ActNow) => return format!("{verb} today"),
        (Status::Mql, Priority::Hot) => return format!("{verb} before the deadline"),
        (Status::Mql, Priority::CallNow) => return format!("{verb} this week"),
        (Status::Mql, Priority::Mql) => "Have a look, and say whether it is yours",
        (Status::Touched, _) => "Talk, then accept it or give it back",
        (Status::Sql, _) => "Find out about budget, authority, need and timing",
        (Status::Opportunity, _) => "Win it, or say why not",
        (Status::Won, _) => "Nothing: it is won",
        (Status::Lost | Status::Recycled, _) => "Nothing: nurture goes on",
    };
    fixed.to_owned()
}

/// The address of a part of a list.
fn address(rep: Option<&RepId>, wanted: &Wanted, after: Option<&Cursor>) -> String {
    // Ids of a playbook are lower-case words with hyphens, and a cursor is base64: nothing is to be escaped.
    let parts = [
        rep.map(|rep| format!("rep={rep}")),
        wanted.product.as_ref().map(|product| format!("product={product}")),
        wanted.status.map(|status| format!("stage={}", status.as_str())),
        wanted.overdue_at.map(|_| "overdue=yes".to_owned()),
        after.map(|after| format!("after={}", after.to_text())),
    ];
    let asked = parts.into_iter().flatten().collect::<Vec<_>>().join("&");
    if asked.is_empty() { "/desk".to_owned() } else { format!("/desk?{asked}") }
}
