//! What of a history counts for nothing, and what else whoever reads a plan should know: nothing is left out silently.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use perennial_domain::backtest::Person;
use perennial_domain::ids::{AccountId, ContactId, ProductId};
use perennial_domain::interest::{DELIVERED, FactName};
use perennial_playbook::Playbook;
use rayon::prelude::*;

use crate::history::History;

/// So many names are shown of what counts for nothing.
const MOST_NAMES: usize = 3;
/// A history that is longer is looked at twice.
const LONG_YEARS: i64 = 10;
const YEAR_SECONDS: i64 = 365 * 24 * 60 * 60;

/// All notes.
pub fn notes(old: &Playbook, new: &Playbook, history: &History) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(history.span().and_then(|(from, until)| long(from, until)));
    notes.extend(renamed_quarters(old, new));
    if history.unreadable > 0 {
        let what = "stored interests that cannot be read, of a newer format perhaps, which count for nothing";
        notes.push(format!("{what}: {}", history.unreadable));
    }
    notes.extend(engagements(old, new, &history.people).into_iter().flatten());
    notes.extend(deals(old, new, history).into_iter().flatten());
    notes
}

/// What counts for nothing, and how it is named. Few names are shown, and none that may be an address.
struct Uncounted<N> {
    count: usize,
    names: BTreeSet<N>,
}

impl<N> Default for Uncounted<N> {
    fn default() -> Self {
        Self { count: 0, names: BTreeSet::new() }
    }
}

impl<N: Ord> Uncounted<N> {
    fn add(&mut self, name: N, count: usize) {
        self.count += count;
        self.names.insert(name);
    }

    fn and(mut self, mut other: Self) -> Self {
        self.count += other.count;
        self.names.append(&mut other.names);
        self
    }

    fn note(&self, what: &str, shown: impl Fn(&N) -> String) -> Option<String> {
        let names = self.names.iter().map(shown).filter(|name| !name.contains('@'));
        let mut names: Vec<String> = names.take(MOST_NAMES).collect();
        if !names.is_empty() && self.names.len() > names.len() {
            names.push("…".to_owned());
        }
        let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        (self.count > 0).then(|| format!("{what}: {}{names}", self.count))
    }
}

fn long(from: Timestamp, until: Timestamp) -> Option<String> {
    let years = until.duration_since(from).as_secs() / YEAR_SECONDS;
    (years >= LONG_YEARS).then(|| {
        format!("engagements lie {years} years apart: a date that was mistyped counts, and mail is counted until then")
    })
}

fn renamed_quarters(old: &Playbook, new: &Playbook) -> Option<String> {
    let first_month = |playbook: &Playbook| playbook.interest.quarters.first_month;
    (first_month(old) != first_month(new)).then(|| {
        "quarters have other names: an MQL that both make is known by its instant. What is stored carries the old names, so \
         a contact who is a lead already may become one again in the quarter that is running"
            .to_owned()
    })
}

fn engagements(old: &Playbook, new: &Playbook, people: &[Person]) -> [Option<String>; 2] {
    let assets = [&old.interest.assets, &new.interest.assets];
    let all = people.par_iter().map(|person| {
        let (mut of_assets, mut of_actions) = (Uncounted::default(), Uncounted::default());
        for (FactName { asset, action, email }, seconds) in person.facts.by_name() {
            let mut rules = assets.iter().filter_map(|assets| assets.get(asset)).peekable();
            // A delivery needs no points: the gate measures clicks from it.
            let told = email.is_some() && action.as_str() == DELIVERED;
            if rules.peek().is_none() {
                of_assets.add(asset, seconds.len());
            } else if !told && !rules.any(|rule| rule.actions.contains_key(action)) {
                of_actions.add((asset, action), seconds.len());
            }
        }
        (of_assets, of_actions)
    });
    let (of_assets, of_actions) = all.reduce(Default::default, |a, b| (a.0.and(b.0), a.1.and(b.1)));
    let asset = "engagements with assets that neither playbook knows, which count for nothing";
    let action = "engagements with actions that neither playbook knows of their assets, which count for nothing";
    [
        of_assets.note(asset, |asset| asset.to_string()),
        of_actions.note(action, |(asset, action)| format!("{asset} {action}")),
    ]
}

fn deals(old: &Playbook, new: &Playbook, history: &History) -> [Option<String>; 3] {
    let sold: HashSet<&ProductId> = old.products.iter().chain(&new.products).map(|product| &product.id).collect();
    let contacts: HashSet<&ContactId> = history.people.iter().map(|person| &person.id).collect();
    let employers = history.people.iter().filter_map(|person| person.contact.as_ref()?.account.as_ref());
    let accounts: HashSet<&AccountId> = employers.collect();
    let (mut of_products, mut of_contacts, mut of_accounts) =
        (Uncounted::default(), Uncounted::default(), Uncounted::default());
    for deal in history.deals.iter().flatten() {
        match &deal.contact {
            _ if !sold.contains(&deal.product) => of_products.add(&deal.product, 1),
            Some(contact) if !contacts.contains(contact) => of_contacts.add(contact, 1),
            None if !accounts.contains(&deal.account) => of_accounts.add(&deal.account, 1),
            Some(_) | None => {}
        }
    }
    let product = "won deals of products that neither playbook sells, which nothing can foresee";
    let contact = "won deals that name a contact of whom nothing else is known, which nothing can foresee";
    let account = "won deals of accounts to which no contact belongs, which nothing can foresee";
    [
        of_products.note(product, |product| product.to_string()),
        of_contacts.note(contact, |contact| contact.to_string()),
        of_accounts.note(account, |account| account.to_string()),
    ]
}
