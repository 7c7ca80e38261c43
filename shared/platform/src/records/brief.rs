//! What helps a rep to sell in a week, as it is stored: ids and figures, and neither a name nor an address.

use perennial_domain::brief::Warming;
use perennial_domain::ids::ContactId;
use serde::{Deserialize, Serialize};

use crate::keys::{self, Key};

/// The first of something, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut<T> {
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub first: Vec<T>,
}

impl<T> Default for Cut<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Cut<T> {
    /// The first `most` of all.
    pub fn of(mut all: Vec<T>, most: usize) -> Self {
        let count = all.len();
        all.truncate(most);
        Self { count, first: all }
    }

    /// How many are not among the first.
    pub fn left_out(&self) -> usize {
        self.count.saturating_sub(self.first.len())
    }
}

/// What a rep is told on the first day of a week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// Whose.
    pub owner: String,
    /// The Monday on which its week began.
    pub week: String,
    /// When it was made.
    pub made_at: i64,
    /// Accounts of the rep.
    pub accounts: usize,
    /// Their contacts that were looked at.
    pub contacts: usize,
    /// Whether there are more of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_contacts: bool,
    /// Leads that were made in the week before and are still open, the best first: partition and sort key, joined by a line feed.
    pub new_leads: Cut<String>,
    /// Untouched leads under the SLA that should have been answered, the longest due first; written as above.
    pub overdue: Cut<String>,
    /// Who is heating up, the one who rose most first.
    pub heating_up: Cut<HeatingUp>,
    /// Mail of ours that the contacts got in the week before.
    pub mails: usize,
    /// The pieces of it, the one that most got first.
    pub sent: Cut<PieceSent>,
    /// Contacts who have a place in their cadence before the week is over. What they get then, if anything, is not known yet.
    pub planned: usize,
}

impl Brief {
    /// Whether there is nothing to tell. That places in cadences come is true of every week, and no news.
    pub fn is_empty(&self) -> bool {
        let counts = [self.new_leads.count, self.overdue.count, self.heating_up.count, self.mails];
        counts == [0; 4]
    }

    /// How many of its lines are about a contact.
    pub fn lines_about(&self, contact: &ContactId) -> usize {
        let leads = self.new_leads.first.iter().chain(&self.overdue.first).filter(|line| is_of(line, contact)).count();
        leads + self.heating_up.first.iter().filter(|rising| rising.contact == contact.as_str()).count()
    }

    /// The brief without what is about a contact that was erased. How much there was of what stays: it names nobody.
    #[must_use]
    pub fn without(mut self, contact: &ContactId) -> Self {
        for leads in [&mut self.new_leads, &mut self.overdue] {
            leads.first.retain(|line| !is_of(line, contact));
        }
        self.heating_up.first.retain(|rising| rising.contact != contact.as_str());
        self
    }
}

fn is_of(line: &str, contact: &ContactId) -> bool {
    Key::of_line(line).is_some_and(|key| key.pk == keys::contact(contact))
}

/// Somebody whose interest is higher than a week ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatingUp {
    /// Who.
    pub contact: String,
    /// In what.
    pub product: String,
    /// Points when the brief was made.
    pub points: i64,
    /// Points a week before.
    pub before: i64,
    /// With what they engaged last.
    pub asset: String,
    /// What they did with it.
    pub action: String,
    /// When.
    pub at: i64,
}

impl From<Warming> for HeatingUp {
    fn from(it: Warming) -> Self {
        Self {
            contact: it.contact.to_string(),
            product: it.product.to_string(),
            points: it.heat.points,
            before: it.heat.before,
            asset: it.heat.last.asset.to_string(),
            action: it.heat.last.action.to_string(),
            at: it.heat.last_second,
        }
    }
}

/// A piece that contacts of a rep got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceSent {
    /// Of which stream.
    pub stream: String,
    /// Which.
    pub piece: String,
    /// How many of the contacts.
    pub contacts: usize,
}
