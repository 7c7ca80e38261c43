//! One contact's part of a history, and what held at an instant. What was told of an id that was merged into the contact, and
//! what it had received, is the contact's from the merge on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::history::{Account, Choice, Fact, History, Kind, Mail, Person, Promises, Purpose, Slot, Stream, What};

/// Something that was told, as it concerns one contact.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// When it took effect.
    pub at: Timestamp,
    /// Since when it is of this contact: later only where it was told of an id that was merged into it.
    pub since: Timestamp,
    /// What.
    pub what: &'a What,
}

/// One contact's part of a history.
#[derive(Debug)]
pub struct Life<'a> {
    /// What was promised.
    pub promises: &'a Promises,
    /// Who.
    pub contact: &'a str,
    /// What is known of them.
    pub person: &'a Person,
    /// Where they work.
    pub account: Option<&'a Account>,
    /// When the history ended.
    pub until: Timestamp,
    /// What was told of them and of their account, in the order in which it came to concern them.
    pub facts: Vec<Told<'a>>,
    /// Their mails, in order.
    pub mails: Vec<&'a Mail>,
    /// Mails to ids before they were merged into this one, and since when they count here.
    pub inherited: Vec<(Timestamp, &'a Mail)>,
    /// Their slots, in order.
    pub slots: Vec<&'a Slot>,
    /// The slots that were planned for them.
    pub planned: BTreeSet<Date>,
}

impl<'a> Life<'a> {
    /// The part of this contact, who has to be one of the history's.
    pub fn of(history: &'a History, contact: &'a str) -> Self {
        let person = &history.people[contact];
        let merged = merged_into(history, contact);
        let since = |id: &str| match merged.get(id) {
            Some(at) => Some(*at),
            None => (id == contact).then_some(Timestamp::MIN),
        };
        let told = |fact: &'a Fact| {
            let since = match fact.what.subject() {
                (Some(id), _) => since(id)?,
                (None, account) => (account == Some(person.account.as_str())).then_some(Timestamp::MIN)?,
            };
            Some(Told { at: fact.at, since: since.max(fact.at), what: &fact.what })
        };
        let inherited = |mail: &'a Mail| Some((*merged.get(mail.contact.as_str())?, mail));
        let mut life = Self {
            promises: &history.promises,
            contact,
            person,
            account: history.accounts.get(&person.account),
            until: history.until,
            facts: history.facts.iter().filter_map(told).collect(),
            mails: history.mails.iter().filter(|mail| mail.contact == contact).collect(),
            inherited: history.mails.iter().filter_map(inherited).collect(),
            slots: history.slots.iter().filter(|slot| slot.contact == contact).collect(),
            planned: history.planned.iter().filter(|(other, _)| other == contact).map(|(_, date)| *date).collect(),
        };
        life.facts.sort_by_key(|told| (told.since, told.at));
        life.mails.sort_by_key(|mail| mail.at);
        life.slots.sort_by_key(|slot| slot.date);
        life
    }

    /// The last of what was told until an instant that says something of it.
    fn last<T>(&self, at: Timestamp, says: impl Fn(&'a What) -> Option<T>) -> Option<T> {
        self.facts.iter().rev().filter(|told| told.since <= at).find_map(|told| says(told.what))
    }

    /// Whether the account is at risk.
    pub fn is_at_risk(&self, at: Timestamp) -> bool {
        let health = |what: &What| if let What::Health { at_risk, .. } = what { Some(*at_risk) } else { None };
        self.last(at, health).unwrap_or(false)
    }

    /// Whether the contact has opted out.
    pub fn has_opted_out(&self, at: Timestamp) -> bool {
        let says = |what: &What| match what {
            What::OptedOut { .. } => Some(true),
            What::Resubscribed { .. } => Some(false),
            _ => None,
        };
        self.last(at, says).unwrap_or(false)
    }

    /// Since when the contact is nobody any more: it was erased, or another id stands for it.
    pub fn gone_at(&self) -> Option<Timestamp> {
        self.merged_at().into_iter().chain(self.erased_at()).min()
    }

    /// When the contact was merged into another one.
    pub fn merged_at(&self) -> Option<Timestamp> {
        let away = |told: &&Told<'_>| matches!(told.what, What::Merged { from, .. } if from == self.contact);
        self.facts.iter().find(away).map(|told| told.at)
    }

    /// When the contact was erased.
    pub fn erased_at(&self) -> Option<Timestamp> {
        let erased = |told: &&Told<'_>| matches!(told.what, What::Erased { contact } if contact == self.contact);
        self.facts.iter().find(erased).map(|told| told.at)
    }

    /// What was received before a mail, in order, by whatever id it was one's own then.
    pub fn received_before(&self, mail: &Mail) -> Vec<&'a Mail> {
        // By their order, not by the instant: two may lie in the mailbox within one second.
        let own = self.mails.iter().copied().take_while(|other| !std::ptr::eq(*other, mail));
        let inherited = self.inherited.iter().filter(|(since, other)| *since <= mail.at && other.at <= mail.at);
        let mut before: Vec<&Mail> = own.chain(inherited.map(|(_, other)| *other)).collect();
        before.sort_by_key(|other| other.at);
        before
    }

    /// Whether the contact's address has bounced.
    pub fn has_bounced(&self, at: Timestamp) -> bool {
        self.last(at, |what| matches!(what, What::Bounced { .. }).then_some(())).is_some()
    }

    /// What the contact has chosen.
    pub fn choice(&self, at: Timestamp) -> Option<&'a Choice> {
        self.last(at, |what| if let What::Chose { choice, .. } = what { Some(choice) } else { None })
    }

    /// Whether the contact takes a break.
    pub fn is_paused(&self, at: Timestamp) -> bool {
        self.choice(at).and_then(|choice| choice.paused_until).is_some_and(|until| at < until)
    }

    /// Whether sales holds a lead for a product.
    pub fn has_open_lead(&self, of: &str, at: Timestamp) -> bool {
        let mut open = BTreeSet::new();
        for told in self.facts.iter().filter(|told| told.since <= at) {
            match told.what {
                What::LeadOpened { product, lead, .. } if product == of => {
                    open.insert(lead);
                }
                What::LeadClosed { lead, .. } => {
                    open.remove(lead);
                }
                _ => {}
            }
        }
        !open.is_empty()
    }

    /// When the contract for a product ends, as far as is known.
    pub fn contract_end(&self, of: &str, at: Timestamp) -> Option<Timestamp> {
        self.last(at, |what| match what {
            What::ContractEnds { product, end, .. } if product == of => Some(*end),
            _ => None,
        })
    }

    /// Seats that are bought and those of them that are in use, as far as it was told.
    fn seats(&self, of: &str, at: Timestamp) -> Option<(i64, i64)> {
        self.last(at, |what| match what {
            What::Seats { product, bought, used, .. } if product == of => Some((*bought, *used)),
            _ => None,
        })
    }

    /// Whether at least so many seats in a hundred are in use.
    pub fn has_filled_seats(&self, of: &str, percent: i64, at: Timestamp) -> bool {
        self.seats(of, at).is_some_and(|(bought, used)| bought > 0 && used * 100 >= bought * percent)
    }

    /// Whole days for which a product that is owned was not used: since the last use, or since it was bought.
    pub fn unused_days(&self, of: &str, at: Timestamp) -> Option<i64> {
        let used_at = self.last(at, |what| match what {
            What::Used { product, used_at, .. } if product == of => Some(*used_at),
            _ => None,
        });
        let owned = self.owned_days(of, at)?;
        Some(used_at.map_or(owned, |used_at| days(used_at, at)))
    }

    /// The piece of a renewal that is due: that of the last mark that has passed before the contract's end.
    pub fn piece_at_mark(&self, stream: &'a Stream, at: Timestamp) -> Option<&'a str> {
        let left = self.contract_end(&stream.product, at).filter(|end| *end > at)?.duration_since(at);
        let passed = stream.marks.iter().filter(|(_, days)| left <= SignedDuration::from_hours(24 * **days));
        passed.min_by_key(|(_, days)| **days).map(|(piece, _)| piece.as_str())
    }

    /// Whether a stream is for whoever owns what they own, and uses it as they do. Cross-sell asks for nothing of that.
    pub fn is_stream_for_owner(&self, stream: &Stream, at: Timestamp) -> bool {
        let Some(owned) = self.owned_days(&stream.product, at) else { return stream.purpose == Purpose::CrossSell };
        match stream.purpose {
            Purpose::CrossSell => true,
            Purpose::Upsell(percent) => self.has_filled_seats(&stream.product, percent, at),
            Purpose::Retention(after) | Purpose::Advocacy(after) => owned >= after,
            Purpose::Onboarding(until) => owned < until,
            Purpose::Save { unused_days, adoption_percent, until_days } => {
                let seats = self.seats(&stream.product, at);
                let is_slow = seats.is_some_and(|(bought, used)| used * 100 < bought * adoption_percent);
                let is_unused = self.unused_days(&stream.product, at).is_some_and(|days| days >= unused_days);
                owned < until_days && (is_unused || is_slow && owned >= unused_days)
            }
            Purpose::Renewal(_) => self.contract_end(&stream.product, at).is_some_and(|end| end > at),
        }
    }

    /// Whether the contact has shown interest in a product.
    pub fn has_shown_interest(&self, of: &str, at: Timestamp) -> bool {
        let interest = |what: &What| matches!(what, What::Engaged { product, .. } if product == of).then_some(());
        self.last(at, interest).is_some()
    }

    /// Whole days for which the account has owned a product; `None` if it does not.
    pub fn owned_days(&self, product: &str, at: Timestamp) -> Option<i64> {
        self.account
            .and_then(|account| account.owns.get(product))
            .filter(|since| **since <= at)
            .map(|since| days(*since, at))
    }

    /// Whether the account is too new a customer to be sold more.
    pub fn is_new_customer(&self, at: Timestamp) -> bool {
        self.account.is_some_and(|account| days(account.customer_since, at) < self.promises.new_customer_days)
    }

    /// The team's dates on which other systems wrote to the contact, before an instant.
    pub fn reported_before(&self, at: Timestamp) -> BTreeSet<Date> {
        let is_report = |told: &&Told<'_>| matches!(told.what, What::MailReported { .. }) && told.since <= at;
        self.facts.iter().filter(is_report).map(|told| self.date(told.at)).collect()
    }

    /// The team's date.
    pub fn date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.promises.zone.clone()).date()
    }

    /// What the contact's clock and calendar show.
    pub fn theirs(&self, at: Timestamp) -> DateTime {
        let zone: &TimeZone = self.person.zone.as_ref().unwrap_or(&self.promises.zone);
        at.to_zoned(zone.clone()).datetime()
    }

    /// The stream of a mail; `None` of one that the playbook does not have.
    pub fn stream(&self, mail: &Mail) -> Option<&'a Stream> {
        self.promises.streams.get(&mail.stream)
    }

    /// What a mail wants.
    pub fn kind(&self, mail: &Mail) -> Option<Kind> {
        self.stream(mail)?.pieces.get(&mail.piece).copied()
    }
}

/// The ids that were merged into a contact, at once or by way of another, and when each came to be this one.
fn merged_into<'a>(history: &'a History, contact: &str) -> BTreeMap<&'a str, Timestamp> {
    let mut merged: BTreeMap<&str, Timestamp> = BTreeMap::new();
    loop {
        let known = merged.len();
        for fact in &history.facts {
            let What::Merged { from, into } = &fact.what else { continue };
            let by_way = merged.get(into.as_str()).copied();
            if into == contact || by_way.is_some() {
                merged.insert(from, by_way.map_or(fact.at, |at| at.max(fact.at)));
            }
        }
        if merged.len() == known {
            return merged;
        }
    }
}

fn days(since: Timestamp, at: Timestamp) -> i64 {
    at.duration_since(since).as_hours() / 24
}
