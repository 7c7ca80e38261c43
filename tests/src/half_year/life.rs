//! One contact's part of a history, and what held at an instant.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::history::{Account, Choice, Fact, History, Kind, Mail, Person, Promises, Slot, Stream, What};

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
    /// What was told of them and of their account, in order.
    pub facts: Vec<&'a Fact>,
    /// Their mails, in order.
    pub mails: Vec<&'a Mail>,
    /// Their slots, in order.
    pub slots: Vec<&'a Slot>,
    /// The slots that were planned for them.
    pub planned: BTreeSet<Date>,
}

impl<'a> Life<'a> {
    /// The part of this contact, who has to be one of the history's.
    pub fn of(history: &'a History, contact: &'a str) -> Self {
        let person = &history.people[contact];
        let theirs = |fact: &&Fact| match fact.what.subject() {
            (Some(other), _) => other == contact,
            (None, account) => account == Some(person.account.as_str()),
        };
        let mut life = Self {
            promises: &history.promises,
            contact,
            person,
            account: history.accounts.get(&person.account),
            until: history.until,
            facts: history.facts.iter().filter(theirs).collect(),
            mails: history.mails.iter().filter(|mail| mail.contact == contact).collect(),
            slots: history.slots.iter().filter(|slot| slot.contact == contact).collect(),
            planned: history.planned.iter().filter(|(other, _)| other == contact).map(|(_, date)| *date).collect(),
        };
        life.facts.sort_by_key(|fact| fact.at);
        life.mails.sort_by_key(|mail| mail.at);
        life.slots.sort_by_key(|slot| slot.date);
        life
    }

    /// The last of what was told until an instant that says something of it.
    fn last<T>(&self, at: Timestamp, says: impl Fn(&'a What) -> Option<T>) -> Option<T> {
        self.facts.iter().rev().filter(|fact| fact.at <= at).find_map(|fact| says(&fact.what))
    }

    /// Whether the account is at risk.
    pub fn is_at_risk(&self, at: Timestamp) -> bool {
        let health = |what: &What| if let What::Health { at_risk, .. } = what { Some(*at_risk) } else { None };
        self.last(at, health).unwrap_or(false)
    }

    /// Whether the contact has opted out.
    pub fn has_opted_out(&self, at: Timestamp) -> bool {
        self.last(at, |what| matches!(what, What::OptedOut { .. }).then_some(())).is_some()
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
        for fact in self.facts.iter().filter(|fact| fact.at <= at) {
            match &fact.what {
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
        let reported = self.facts.iter().filter(|fact| matches!(fact.what, What::MailReported { .. }) && fact.at <= at);
        reported.map(|fact| self.date(fact.at)).collect()
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

fn days(since: Timestamp, at: Timestamp) -> i64 {
    at.duration_since(since).as_hours() / 24
}
