//! What is known of the past, for a playbook to be tried on: contacts with all their facts, accounts, won deals.
//!
//! Owns reading it: [`folder`] from CSV files that anybody can make, [`table`] from the state of a world or of a stack.
//! Never decides anything, and never shows a value of a row: what is wrong is said by file, line and column.

pub mod folder;
pub mod table;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use perennial_domain::backtest::Person;
use perennial_domain::backtest::accuracy::Deal;
use perennial_domain::ids::{AccountId, ContactId};
use perennial_domain::interest::{Facts, instant};
use perennial_domain::profile::Account;
use rayon::prelude::*;

/// The past.
#[derive(Default)]
pub struct History {
    /// Contacts, by id.
    pub people: Vec<Person>,
    /// Accounts.
    pub accounts: HashMap<AccountId, Account>,
    /// Won deals; none if nobody said which were won.
    pub deals: Option<Vec<Deal>>,
    /// How many rows told what another row had told: same contact, asset, action, email and second.
    pub repeated: usize,
    /// How many stored interests could not be read, of a newer format perhaps; their engagements are not here.
    pub unreadable: usize,
}

/// Without what it holds: names and addresses.
impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("people", &self.people.len()).finish_non_exhaustive()
    }
}

impl History {
    /// The account of a contact, if both are known.
    pub fn account(&self, person: &Person) -> Option<&Account> {
        self.accounts.get(person.contact.as_ref()?.account.as_ref()?)
    }

    /// The first engagement, and the last second of the day (UTC) of the last one; none if there was no engagement.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let of_one = |person: &Person| {
            let seconds = person.facts.iter().map(|(_, second)| (second, second));
            seconds.reduce(|(first, last), (second, _)| (first.min(second), last.max(second)))
        };
        let (first, last) =
            self.people.par_iter().filter_map(of_one).reduce_with(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some((instant(first), instant(end_of_day(last) - 1)))
    }
}

const DAY: i64 = SignedDuration::from_hours(24).as_secs();

/// The first second after the day (UTC) of a second.
pub fn end_of_day(second: i64) -> i64 {
    (second.div_euclid(DAY) + 1) * DAY
}

/// Somebody of whom nothing is known but an id.
fn unidentified(id: ContactId) -> Person {
    Person { id, contact: None, facts: Facts::default(), unsubscribed: false, wants_no_calls: false }
}
