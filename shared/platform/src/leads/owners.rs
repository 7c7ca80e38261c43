//! Whose a lead is: the account that it is of, and another owner for it. Never decides who that is.

use perennial_domain::ids::RepId;
use perennial_domain::profile::{Account, Contact};

use super::changed;
use crate::failure::Failure;
use crate::keys;
use crate::records::{Lead, Profile};
use crate::store::{Commit, Store};

/// The account of a lead's contact, if it is known.
///
/// # Errors
/// [`Failure`] if the store cannot be reached or an item is not of this shape.
pub async fn account_of(store: &Store, lead: &Lead) -> Result<Option<Account>, Failure> {
    let contact = lead.contact_id();
    let profile: Option<Profile> = store.get(&keys::profile(&contact)).await?;
    let account = profile.and_then(|profile| Contact::from_fields(contact, &profile.fields()).account);
    match account {
        Some(account) => store.account(&account).await,
        None => Ok(None),
    }
}

/// Gives a lead to another owner, under whom the desk finds it from then on, if nobody has written it since it was read.
///
/// # Errors
/// As [`Store::commit`].
pub async fn give_to(store: &Store, lead: &Lead, owner: &RepId) -> Result<Commit, Failure> {
    let given = Lead { owner: owner.to_string(), ..lead.clone() }.listed();
    store.commit("lead given", vec![store.change(changed(lead, &given)?)?]).await
}
