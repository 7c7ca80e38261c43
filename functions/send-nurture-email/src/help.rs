//! Accounts that do not use what they bought lately: their owner is asked to help.
//!
//! Owns that the owner is asked once for each account, product and purchase, whoever of the account has a slot, whatever comes of
//! it and however often: a mark that is written together with the event. An account of whose people nobody has slots, because
//! all of them have opted out or none has an address, is not seen.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use perennial_domain::calendar::{Calendar, days_after};
use perennial_domain::ids::{AccountId, ProductId};
use perennial_domain::interest::instant;
use perennial_domain::nurture::streams::CORRECTED_WITHIN;
use perennial_domain::nurture::{StreamKind, Verdict};
use perennial_domain::owner;
use perennial_platform::consent;
use perennial_platform::desk;
use perennial_platform::failure::Failure;
use perennial_platform::keys;
use perennial_platform::nurture::NurtureSlot;
use perennial_platform::outbox::Waiting;
use perennial_platform::store::{Change, number};
use perennial_playbook::shown_name;
use serde::Deserialize;

use crate::addressee::Working;
use crate::deadline::day;
use crate::line::Turn;
use crate::template::{Action, Letter, More, Person};
use crate::wording::hello;
use crate::{Handled, SendNurtureEmail};

/// More names are a list, and nobody is called.
const MOST_PEOPLE: usize = 3;
/// So many of an account's people are looked at, to find those.
const LOOKED_AT: i32 = 8;

/// What is told of such an account.
#[derive(Deserialize)]
pub(crate) struct NeedsHelp {
    account: String,
    product: String,
    bought_at: i64,
    owner: Option<String>,
}

/// A mark that somebody was asked.
#[derive(Deserialize)]
struct Mark {
    #[serde(rename = "SK")]
    sk: String,
}

impl SendNurtureEmail {
    /// Has the owner of a contact's account asked to help with every purchase that a save stream is about, unless that was
    /// done. Whether the contact gets any mail does not matter: the account is in need all the same.
    pub(crate) async fn have_owner_asked(&self, loaded: &NurtureSlot, now: Timestamp) -> Result<(), Failure> {
        let Some(account) = &loaded.account else { return Ok(()) };
        for product in self.unused(loaded, now) {
            let Some(bought_at) = account.owns.get(&product).copied() else { continue };
            if self.was_asked(&account.id, &product, bought_at).await? {
                continue;
            }
            let (owner, bought_at) = (owner::of(&self.playbook.owners, account, now), bought_at.as_second());
            let event = Waiting::account_needs_help(&account.id, &product, bought_at, owner.as_ref(), now)?;
            let mark = Change::of(keys::help(&account.id, &product, bought_at), "SET #told_at = :now")
                .only_if("attribute_not_exists(PK)")
                .with(":now", number(now.as_second()));
            // Refused if a colleague's slot has just done it.
            let actions = vec![self.store.change(mark)?, self.store.change(event.written())?];
            self.store.commit("help asked for", actions).await?;
        }
        Ok(())
    }

    /// The products of the save streams that are for this contact now.
    fn unused(&self, loaded: &NurtureSlot, now: Timestamp) -> BTreeSet<ProductId> {
        let owns = |product| loaded.account.as_ref().is_some_and(|account| account.owns.contains_key(product));
        let streams = self.playbook.nurture.streams.iter();
        let saves = streams.filter(|stream| matches!(stream.kind, StreamKind::Save { .. }) && owns(&stream.product));
        let saves: Vec<_> = saves.collect();
        if saves.is_empty() {
            return BTreeSet::new();
        }
        let said = loaded.reasons(&self.playbook, now);
        let is_for_them = |id| said.iter().any(|(of, verdict)| of == id && !matches!(verdict, Verdict::Outside(_)));
        saves.into_iter().filter(|stream| is_for_them(&stream.id)).map(|stream| stream.product.clone()).collect()
    }

    /// Whether somebody was asked about this purchase, also where its date has been corrected since.
    async fn was_asked(&self, account: &AccountId, product: &ProductId, bought_at: Timestamp) -> Result<bool, Failure> {
        let marks: Vec<Mark> = self.store.partition(&keys::account(account), Some(&keys::helps(product))).await?;
        let is_same = |at: i64| bought_at.duration_since(instant(at)).abs() < CORRECTED_WITHIN;
        Ok(marks.iter().filter_map(|mark| keys::helped_with(&mark.sk)).any(is_same))
    }

    /// Asks the account's owner to help.
    pub(crate) async fn ask_for_help(&self, event: &NeedsHelp, turn: &Turn) -> Result<Handled, Failure> {
        let (account, product) = (AccountId::from(event.account.as_str()), ProductId::from(event.product.as_str()));
        let known = self.store.account(&account).await?;
        let now = self.clock.now();
        // Whose it is by now; nobody's account is told of on the bus alone.
        let owner = known.as_ref().and_then(|known| owner::of(&self.playbook.owners, known, now));
        let owner = owner.or_else(|| event.owner.as_deref().map(Into::into));
        let Some(owner) = owner.as_ref().and_then(|owner| self.playbook.rep(owner)) else { return Ok(Handled::Done) };
        let Working { rep, covering } = self.working_for(owner, now);
        let used_at = known.as_ref().and_then(|known| known.used.get(&product).copied());
        let company = known.and_then(|known| known.name).unwrap_or_else(|| account.to_string());
        let need = Need {
            company: shown_name(&company),
            product: self.playbook.product_name(&product).to_owned(),
            bought_at: instant(event.bought_at),
            used_at,
            call_by: by_next_week(&self.playbook.calendar, now),
            people: self.people_of(&account).await?,
        };
        let letter = Letter { covering, ..letter(&rep.name, &need, &self.playbook.company.sender) };
        let key = keys::help_mail(&account, &product, event.bought_at);
        self.send_to_sales(&key, None, (&rep.id, &rep.email), &letter, "help", turn).await
    }

    /// Whom to talk to: a few of the account's people, those with a title first.
    async fn people_of(&self, account: &AccountId) -> Result<Vec<Person>, Failure> {
        let mut people = Vec::new();
        for contact in desk::some_contacts_of(&self.store, account, LOOKED_AT).await? {
            let standing = consent::standing(&self.store, &self.address_key, &contact).await?;
            let preferences = standing.preferences();
            // Nobody is asked to call whom we have promised that nobody calls.
            let Some(person) = standing.rows.contact(&contact).filter(|_| !preferences.want_no_calls()) else {
                continue;
            };
            let may_write = !standing.opted_out && !preferences.want_no_mail();
            let field = |typed: Option<&String>| typed.map(|typed| shown_name(typed)).unwrap_or_default();
            let who = format!("{} {}", field(person.first_name.as_ref()), field(person.last_name.as_ref()));
            let who = who.trim().to_owned();
            people.push(Person {
                who: if who.is_empty() { shown_name(contact.as_str()) } else { who },
                title: field(person.title.as_ref()),
                email: person.email.filter(|_| may_write).unwrap_or_default(),
            });
        }
        people.sort_by_key(|person| (person.title.is_empty(), person.email.is_empty()));
        people.truncate(MOST_PEOPLE);
        Ok(people)
    }
}

/// What an owner is asked to help with.
pub(crate) struct Need {
    pub company: String,
    pub product: String,
    pub bought_at: Timestamp,
    /// When it was used last, if that was ever told.
    pub used_at: Option<Timestamp>,
    pub call_by: String,
    pub people: Vec<Person>,
}

/// The check a week from now: as a day.
fn by_next_week(calendar: &Calendar, now: Timestamp) -> String {
    day(calendar, calendar.next_check(days_after(now, 7)))
}

/// What an owner is told of such an account.
pub(crate) fn letter(to: &str, need: &Need, sender: &str) -> Letter {
    let Need { company, product, .. } = need;
    let answers_to = sender.rsplit_once('<').map_or(sender, |(_, address)| address.trim_end_matches('>'));
    // Dates are stated as the first instant of a day in UTC: in the team's zone that may be the day before.
    let date = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%-d\u{a0}%B\u{a0}%Y").to_string();
    let used = match need.used_at.filter(|used| *used >= need.bought_at) {
        Some(used) => format!("and has not used it since {}", date(used)),
        None => "and makes little or no use of it".to_owned(),
    };
    let reason = format!("{company} bought {product} on {} {used}.", date(need.bought_at));
    Letter {
        subject: format!("{company} needs your help with {product}"),
        heading: format!("{company} needs your help with {product}"),
        preview: reason.clone(),
        greeting: hello(to),
        covering: None,
        opening: format!("{reason} A call from you now may keep this customer."),
        deadline: Some(format!("Please call by {}: nobody reminds you.", need.call_by)),
        // What keeps a customer from using what it bought is what the next mail should be about.
        action: Some(Action {
            label: "Tell marketing what you learnt".to_owned(),
            url: format!("mailto:{answers_to}"),
        }),
        leads: Vec::new(),
        more: More::default(),
        people: need.people.clone(),
        talk: Vec::new(),
        closing: "You are told once for each purchase.".to_owned(),
    }
}
