//! A history as the state table holds it: of a local world, or of a stack in AWS. A report may scan; a function never does.
//!
//! Facts are united over all of a contact's interests: what they are tagged with is the playbook's to say. What is older than
//! the table remembers is not there, and addresses that may not be written to are stored as keyed hashes, which nobody can
//! compare here. An interest that cannot be read, of a newer format perhaps, is counted and left out.

use std::collections::BTreeMap;

use perennial_domain::backtest::Person;
use perennial_domain::ids::ContactId;
use perennial_domain::interest::Facts;
use perennial_domain::profile::{Account, Contact};
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, PK, SK};
use perennial_platform::records::{Preferences, Profile};
use perennial_platform::store::{Item, Store, string, text};
use serde::de::DeserializeOwned;

use super::History;
use crate::scan::{Progress, whole};

/// What a replay needs of an item.
enum Kept {
    Contact(ContactId, Contact),
    Account(Account),
    /// Whether it has opted out of mail, and whether it wants no calls.
    Wants(ContactId, bool, bool),
    Facts(ContactId, Facts),
    Unreadable,
}

/// Reads a state table: of each item no more is kept than a replay needs.
///
/// # Errors
/// [`Failure`] if it cannot be read, or a profile in it is not of the shape that we give it.
pub async fn read(store: &Store, progress: Progress<'_>) -> Result<History, Failure> {
    let scan = store
        .client
        .scan()
        .table_name(&store.state)
        .filter_expression("SK = :profile OR SK = :preferences OR begins_with(SK, :interest)")
        .expression_attribute_values(":profile", string(keys::PROFILE))
        .expression_attribute_values(":preferences", string(keys::PREFERENCES))
        .expression_attribute_values(":interest", string(keys::INTEREST));
    let (mut history, mut people) = (History::default(), BTreeMap::new());
    for kept in whole(scan, kept, "reading the table", progress).await? {
        match kept? {
            None => {}
            Some(Kept::Account(account)) => drop(history.accounts.insert(account.id.clone(), account)),
            Some(Kept::Contact(id, contact)) => person(&mut people, id).contact = Some(contact),
            Some(Kept::Wants(id, unsubscribed, wants_no_calls)) => {
                let person = person(&mut people, id);
                (person.unsubscribed, person.wants_no_calls) = (unsubscribed, wants_no_calls);
            }
            Some(Kept::Facts(id, facts)) => unite(&mut person(&mut people, id).facts, facts),
            Some(Kept::Unreadable) => history.unreadable += 1,
        }
    }
    history.people = people.into_values().collect();
    Ok(history)
}

/// What there is to keep of an item, if anything.
fn kept(item: Item) -> Result<Option<Kept>, Failure> {
    let (pk, sk) = (text(&item, PK).unwrap_or_default(), text(&item, SK).unwrap_or_default());
    if let Some(id) = keys::account_of(pk) {
        return match sk {
            keys::PROFILE => Ok(Some(Kept::Account(Account::from_fields(id, &shaped::<Profile>(item)?.fields())))),
            _ => Ok(None),
        };
    }
    let Some(id) = keys::contact_of(pk) else { return Ok(None) };
    Ok(match sk {
        keys::PROFILE => Some(Kept::Contact(id.clone(), Contact::from_fields(id, &shaped::<Profile>(item)?.fields()))),
        keys::PREFERENCES => {
            let preferences = shaped::<Preferences>(item)?;
            let (opted_out, no_calls) = (preferences.unsubscribed, preferences.want_no_calls());
            (opted_out || no_calls).then_some(Kept::Wants(id, opted_out, no_calls))
        }
        _ if sk.starts_with(keys::INTEREST) => {
            Some(InterestItem::read(&item).map_or(Kept::Unreadable, |interest| Kept::Facts(id, interest.facts)))
        }
        _ => None,
    })
}

fn shaped<T: DeserializeOwned>(item: Item) -> Result<T, Failure> {
    serde_dynamo::from_item(item).map_err(|_| Failure::shape("item", "not of the shape we give it"))
}

fn person(people: &mut BTreeMap<ContactId, Person>, id: ContactId) -> &mut Person {
    people.entry(id.clone()).or_insert_with(|| super::unidentified(id))
}

fn unite(all: &mut Facts, facts: Facts) {
    if all.is_empty() {
        *all = facts;
        return;
    }
    for (name, second) in facts.iter() {
        all.add(name.clone(), second);
    }
}
