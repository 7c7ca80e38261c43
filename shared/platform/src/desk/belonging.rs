//! Who belongs to whom, and what a rep owes: the indexes `members` and `sla` read in pages, keys only.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use jiff::Timestamp;
use perennial_domain::ids::{AccountId, ContactId, RepId};

use crate::failure::Failure;
use crate::keys::{self, Key, MEMBER_OF, MEMBERS_INDEX, SLA_DUE_AT, SLA_INDEX, SLA_OWNER};
use crate::store::{Store, number, string, text};

/// The accounts of a rep. The index may be behind by a moment, and holds what was written since it is there.
///
/// # Errors
/// [`Failure`] if the store cannot be reached.
pub async fn accounts_of(store: &Store, rep: &RepId) -> Result<Vec<AccountId>, Failure> {
    let members = members(store, keys::rep(rep)).await?;
    Ok(members.iter().filter_map(|key| keys::account_of(&key.pk)).collect())
}

/// The contacts of an account; as above.
///
/// # Errors
/// [`Failure`] if the store cannot be reached.
pub async fn contacts_of(store: &Store, account: &AccountId) -> Result<Vec<ContactId>, Failure> {
    let members = members(store, keys::account(account)).await?;
    Ok(members.iter().filter_map(|key| keys::contact_of(&key.pk)).collect())
}

/// Some of an account's contacts, `most` at most, in one query; as above.
///
/// # Errors
/// [`Failure`] if the store cannot be reached.
pub async fn some_contacts_of(store: &Store, account: &AccountId, most: i32) -> Result<Vec<ContactId>, Failure> {
    let query = members_of(store, keys::account(account)).limit(most);
    let page = query.send().await.map_err(|error| Failure::from_sdk("index query", &error))?;
    Ok(page.items().iter().filter_map(|item| keys::contact_of(text(item, keys::PK)?)).collect())
}

/// The leads of a rep that should have been answered by now, the longest due first.
///
/// # Errors
/// [`Failure`] if the store cannot be reached.
pub async fn overdue(store: &Store, owner: &RepId, now: Timestamp) -> Result<Vec<Key>, Failure> {
    let query = query(store, SLA_INDEX)
        .key_condition_expression("#owner = :owner AND #due <= :due")
        .expression_attribute_names("#owner", SLA_OWNER)
        .expression_attribute_names("#due", SLA_DUE_AT)
        .expression_attribute_values(":owner", string(keys::rep(owner)))
        .expression_attribute_values(":due", number(now.as_second()));
    all(query).await
}

/// What stands under an account or a rep in the index `members`, keys only: profiles, and what is held until there is news of an account.
pub(crate) async fn members(store: &Store, of: String) -> Result<Vec<Key>, Failure> {
    all(members_of(store, of)).await
}

fn members_of(store: &Store, of: String) -> QueryFluentBuilder {
    query(store, MEMBERS_INDEX)
        .key_condition_expression("#of = :of")
        .expression_attribute_names("#of", MEMBER_OF)
        .expression_attribute_values(":of", string(of))
}

fn query(store: &Store, index: &str) -> QueryFluentBuilder {
    store.client.query().table_name(&store.state).index_name(index)
}

async fn all(query: QueryFluentBuilder) -> Result<Vec<Key>, Failure> {
    let mut pages = query.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.map_err(|error| Failure::from_sdk("index query", &error))?;
        if let (Some(pk), Some(sk)) = (text(&item, keys::PK), text(&item, keys::SK)) {
            found.push(Key { pk: pk.to_owned(), sk: sk.to_owned() });
        }
    }
    Ok(found)
}
