//! Who works at an account.

use perennial_domain::ids::{AccountId, ContactId};

use crate::failure::Failure;
use crate::keys::{self, MEMBER_OF, MEMBERS_INDEX};
use crate::store::{Store, string, text};

/// Some of an account's contacts, `most` at most, in one query. An index nominates: whoever has left may still be among them.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn members_of(store: &Store, account: &AccountId, most: i32) -> Result<Vec<ContactId>, Failure> {
    let query = store
        .client
        .query()
        .table_name(&store.state)
        .index_name(MEMBERS_INDEX)
        .key_condition_expression("#of = :of")
        .expression_attribute_names("#of", MEMBER_OF)
        .expression_attribute_values(":of", string(keys::account(account)))
        .limit(most);
    let page = query.send().await.map_err(|error| Failure::from_sdk("members query", &error))?;
    Ok(page.items().iter().filter_map(|item| keys::contact_of(text(item, keys::PK)?)).collect())
}
