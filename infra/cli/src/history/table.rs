//! A history as the state table holds it: of a local world, or of a stack in AWS. A report may scan; a function never does.
//!
//! Facts are united over all of a contact's interests: what they are tagged with is the playbook's to say. What is older than
//! the table remembers is not there, and addresses that may not be written to are stored as keyed hashes, which nobody can
//! compare here.

use std::collections::{BTreeMap, HashMap};

use perennial_domain::backtest::Person;
use perennial_domain::ids::{AccountId, ContactId};
use perennial_domain::interest::Facts;
use perennial_domain::profile::{Account, Contact};
use perennial_platform::store::Store;

use super::History;
use crate::account::Rows;
use crate::deployment::DeploymentError;

/// Reads a state table.
///
/// # Errors
/// [`DeploymentError`] if it cannot be read, or holds what is not ours.
pub async fn read(store: &Store) -> Result<History, DeploymentError> {
    Ok(of(Rows::read_state(store).await?))
}

/// The history in these rows.
fn of(rows: Rows) -> History {
    let mut people: BTreeMap<ContactId, Person> = BTreeMap::new();
    for (id, profile) in rows.contacts {
        let contact = Some(Contact::from_fields(id.clone(), &profile.fields()));
        people.insert(id.clone(), Person { contact, ..unknown(id) });
    }
    for ((id, _), item) in rows.interests {
        let person = people.entry(id.clone()).or_insert_with(|| unknown(id));
        for (name, second) in item.facts.iter() {
            person.facts.add(name.clone(), second);
        }
    }
    for id in rows.opted_out {
        people.entry(id.clone()).or_insert_with(|| unknown(id)).unsubscribed = true;
    }
    let account = |(id, profile): (String, perennial_platform::records::Profile)| {
        let id = AccountId::new(id);
        (id.clone(), Account::from_fields(id, &profile.fields()))
    };
    let accounts: HashMap<AccountId, Account> = rows.accounts.into_iter().map(account).collect();
    History { people: people.into_values().collect(), accounts, deals: None, repeated: 0 }
}

fn unknown(id: ContactId) -> Person {
    Person { id, contact: None, facts: Facts::default(), unsubscribed: false }
}
