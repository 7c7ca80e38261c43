//! What the sales desk reads: a page of a rep's leads, how many there are, and what else a page of them shows.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Select};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId, RepId};
use perennial_domain::lead::{Priority, Status};
use perennial_domain::qualify::Kind;
use perennial_domain::quarter::Quarter;
use serde::Deserialize;

use crate::failure::Failure;
use crate::keys::{self, DESK_INDEX, DESK_OWNER, DESK_RANK, Key, SLA_INDEX, SLA_OWNER};
use crate::records::{Evidence, RungFired, Slot, SlotState};
use crate::store::{ATTEMPTS, Item, Store, back_off, integer, item_key, number, string, text};

/// DynamoDB's limit for one batch of reads.
const AT_ONCE: usize = 100;
/// A filter sees a mebibyte of the index per query, some two thousand leads: so many queries, and the reader is asked to go on.
const MOST_QUERIES: usize = 2;
/// How far back mails are looked for: a year of weekly places and more.
const MOST_SLOTS: i32 = 60;

/// What the desk's index holds of an open lead.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// Where it stands among its owner's.
    pub desk_rank: i64,
    /// Who.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter.
    pub quarter: String,
    /// Whose.
    pub owner: String,
    /// What it is about.
    #[serde(default)]
    pub kind: Option<String>,
    /// How soon.
    pub priority: String,
    /// Where it stands.
    pub stage: String,
    /// When the lead was made.
    pub qualified_at: i64,
    /// Sorting score, 0..=100.
    pub sort_score: i64,
    /// How much of it is fit; leads made before that was stored do not say.
    #[serde(default)]
    pub sort_from_fit: Option<i64>,
    /// What made it high.
    #[serde(default)]
    pub driver: Option<String>,
    /// Fit, 0..=100.
    pub fit_points: i64,
    /// By when an answer was promised, if nobody has touched it.
    #[serde(default)]
    pub sla_due_at: Option<i64>,
    /// Who touched it.
    #[serde(default)]
    pub touched_by: Option<String>,
    /// When.
    #[serde(default)]
    pub touched_at: Option<i64>,
    /// When sales wants to be reminded.
    #[serde(default)]
    pub later_until: Option<i64>,
    /// What the opportunity is worth, in cents.
    #[serde(default)]
    pub amount_cents: Option<i64>,
    /// Reminders that went out.
    #[serde(default)]
    pub rungs: Vec<RungFired>,
    /// The fact, learnt later, without which it would be a lead.
    #[serde(default)]
    pub undone_by: Option<Evidence>,
}

impl Row {
    /// Its contact.
    pub fn contact_id(&self) -> ContactId {
        ContactId::from(self.contact.as_str())
    }

    /// Its product.
    pub fn product_id(&self) -> ProductId {
        ProductId::from(self.product.as_str())
    }

    /// Its quarter, if it is one.
    pub fn quarter(&self) -> Option<Quarter> {
        self.quarter.parse().ok()
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind.as_deref().and_then(Kind::named).unwrap_or_default()
    }

    /// How soon.
    pub fn priority(&self) -> Priority {
        Priority::named(&self.priority).unwrap_or(Priority::Mql)
    }

    /// Where it stands; an unknown stage counts as touched.
    pub fn status(&self) -> Status {
        Status::named(&self.stage).unwrap_or(Status::Touched)
    }

    fn cursor(&self) -> Cursor {
        Cursor { rank: self.desk_rank, pk: self.pk.clone(), sk: self.sk.clone() }
    }
}

/// Which of a rep's leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this product only.
    pub product: Option<ProductId>,
    /// That stand here only.
    pub status: Option<Status>,
    /// That should have been answered before this instant only.
    pub overdue_at: Option<Timestamp>,
}

impl Wanted {
    fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// After which lead a page begins. Whoever changes it sees another part of the same rep's leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    rank: i64,
    pk: String,
    sk: String,
}

impl Cursor {
    /// As it stands in an address.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}\u{1f}{}\u{1f}{}", self.rank, self.pk, self.sk))
    }

    /// The cursor of an address, if it is one.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut parts = str::from_utf8(&bytes).ok()?.splitn(3, '\u{1f}');
        let rank = parts.next()?.parse().ok()?;
        let (pk, sk) = (parts.next().filter(|pk| !pk.is_empty())?, parts.next().filter(|sk| !sk.is_empty())?);
        Some(Self { rank, pk: pk.to_owned(), sk: sk.to_owned() })
    }

    fn start(&self, owner: &RepId) -> Item {
        let key = item_key(&Key { pk: self.pk.clone(), sk: self.sk.clone() });
        let place = [(DESK_OWNER, string(keys::rep(owner))), (DESK_RANK, number(self.rank))];
        key.into_iter().chain(place.map(|(name, value)| (name.to_owned(), value))).collect()
    }
}

/// A part of a rep's open leads, the best first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The leads.
    pub rows: Vec<Row>,
    /// Where to go on, if there may be more.
    pub next: Option<Cursor>,
}

/// The first `most` open leads of a rep after the cursor that are wanted, the best first: one query, or two where a filter
/// leaves out most. The index may be behind by a moment.
///
/// # Errors
/// [`Failure`] if the store cannot be reached or an item is not of this shape.
pub async fn page(
    store: &Store,
    owner: &RepId,
    wanted: &Wanted,
    after: Option<&Cursor>,
    most: usize,
) -> Result<Page, Failure> {
    let mut start = after.map(|cursor| cursor.start(owner));
    let mut rows: Vec<Row> = Vec::new();
    for _ in 0..MOST_QUERIES {
        let (found, last) = query(store, owner, wanted, start, most).await?;
        rows.extend(found);
        start = last;
        if rows.len() > most || start.is_none() {
            break;
        }
    }
    let cut = rows.len() > most;
    rows.truncate(most);
    let next = if cut { rows.last().map(Row::cursor) } else { start.as_ref().and_then(read_cursor) };
    Ok(Page { rows, next })
}

async fn query(
    store: &Store,
    owner: &RepId,
    wanted: &Wanted,
    start: Option<Item>,
    most: usize,
) -> Result<(Vec<Row>, Option<Item>), Failure> {
    let mut query = store
        .client
        .query()
        .table_name(&store.state)
        .index_name(DESK_INDEX)
        .key_condition_expression("#owner = :owner")
        .expression_attribute_names("#owner", DESK_OWNER)
        .expression_attribute_values(":owner", string(keys::rep(owner)))
        .scan_index_forward(false)
        .set_exclusive_start_key(start);
    // A limit counts what is looked at, before the filter.
    if wanted.is_all() {
        query = query.limit(i32::try_from(most + 1).unwrap_or(i32::MAX));
    }
    let mut conditions = Vec::new();
    let filters: [(&str, &str, &str, Option<AttributeValue>); 3] = [
        ("#product", "product", "#product = :product", wanted.product.as_ref().map(|id| string(id.as_str()))),
        ("#stage", "stage", "#stage = :stage", wanted.status.map(|status| string(status.as_str()))),
        ("#due", keys::SLA_DUE_AT, "#due <= :due", wanted.overdue_at.map(|at| number(at.as_second()))),
    ];
    for (name, attribute, condition, value) in filters {
        let Some(value) = value else { continue };
        let placeholder = condition.rsplit(' ').next().unwrap_or_default();
        conditions.push(condition);
        query = query.expression_attribute_names(name, attribute).expression_attribute_values(placeholder, value);
    }
    if !conditions.is_empty() {
        query = query.filter_expression(conditions.join(" AND "));
    }
    let answer = query.send().await.map_err(|error| Failure::from_sdk("desk query", &error))?;
    let read = |item| serde_dynamo::from_item(item).map_err(|_| Failure::shape("lead", "not of the shape we give it"));
    let rows = answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<_, _>>()?;
    Ok((rows, answer.last_evaluated_key))
}

fn read_cursor(last: &Item) -> Option<Cursor> {
    let of = |name: &str| text(last, name).map(str::to_owned);
    Some(Cursor { rank: integer(last, DESK_RANK)?, pk: of(keys::PK)?, sk: of(keys::SK)? })
}

/// How many open leads a rep has.
///
/// # Errors
/// [`Failure`] if the store cannot be reached.
pub async fn open_leads(store: &Store, owner: &RepId) -> Result<i64, Failure> {
    count(store, owner, (DESK_INDEX, DESK_OWNER), None).await
}

/// How many leads of a rep should have been answered by now.
///
/// # Errors
/// [`Failure`] if the store cannot be reached.
pub async fn overdue_leads(store: &Store, owner: &RepId, now: Timestamp) -> Result<i64, Failure> {
    count(store, owner, (SLA_INDEX, SLA_OWNER), Some(now)).await
}

async fn count(
    store: &Store,
    owner: &RepId,
    (index, attribute): (&str, &str),
    due: Option<Timestamp>,
) -> Result<i64, Failure> {
    let mut query = store
        .client
        .query()
        .table_name(&store.state)
        .index_name(index)
        .select(Select::Count)
        .key_condition_expression(if due.is_some() { "#owner = :owner AND #due <= :due" } else { "#owner = :owner" })
        .expression_attribute_names("#owner", attribute)
        .expression_attribute_values(":owner", string(keys::rep(owner)));
    if let Some(due) = due {
        query = query
            .expression_attribute_names("#due", keys::SLA_DUE_AT)
            .expression_attribute_values(":due", number(due.as_second()));
    }
    let mut pages = query.into_paginator().send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        count += i64::from(page.map_err(|error| Failure::from_sdk("desk count", &error))?.count);
    }
    Ok(count)
}

/// The nurture mails that a contact got last, newest first.
///
/// # Errors
/// [`Failure`] if the store cannot be reached or an item is not of this shape.
pub async fn mails(store: &Store, contact: &ContactId, most: usize) -> Result<Vec<Slot>, Failure> {
    let query = store
        .client
        .query()
        .table_name(&store.state)
        .key_condition_expression("PK = :pk AND SK BETWEEN :first AND :last")
        // A place in the cadence is named by its day; what is named otherwise is mail to sales.
        .expression_attribute_values(":pk", string(keys::contact(contact)))
        .expression_attribute_values(":first", string(format!("{}0", keys::SLOT)))
        .expression_attribute_values(":last", string(format!("{}:", keys::SLOT)))
        .scan_index_forward(false)
        // Most places are silent: so many are looked at.
        .limit(MOST_SLOTS);
    let answer = query.send().await.map_err(|error| Failure::from_sdk("desk mails", &error))?;
    let read = |item| serde_dynamo::from_item(item).map_err(|_| Failure::shape("slot", "not of the shape we give it"));
    let slots: Vec<Slot> = answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(slots.into_iter().filter(|slot| slot.state == SlotState::Sent).take(most).collect())
}

/// These items, as far as there are any: a hundred with one call. What is read may be behind by a moment.
///
/// # Errors
/// [`Failure`] if the store cannot be reached, or always leaves some out.
pub async fn items(store: &Store, keys: impl IntoIterator<Item = Key>) -> Result<BTreeMap<Key, Item>, Failure> {
    let mut wanted: Vec<Item> = keys.into_iter().map(|key| item_key(&key)).collect();
    let mut found = BTreeMap::new();
    let mut attempt = 0;
    while !wanted.is_empty() {
        let now: Vec<Item> = wanted.drain(..wanted.len().min(AT_ONCE)).collect();
        let request = KeysAndAttributes::builder().set_keys(Some(now)).build();
        let request = request.map_err(|_| Failure::shape("batch get", "not of the shape we give it"))?;
        let answer = store.client.batch_get_item().request_items(&store.state, request).send().await;
        let answer = answer.map_err(|error| Failure::from_sdk("desk batch", &error))?;
        for item in answer.responses.into_iter().flatten().flat_map(|(_, items)| items) {
            if let (Some(pk), Some(sk)) = (text(&item, keys::PK), text(&item, keys::SK)) {
                found.insert(Key { pk: pk.to_owned(), sk: sk.to_owned() }, item);
            }
        }
        let left: Vec<Item> = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys).collect();
        if left.is_empty() {
            // Of several hundred batches, one throttled now and then is not one that always leaves some out.
            attempt = 0;
        } else {
            if attempt == ATTEMPTS {
                return Err(Failure::Conflict { operation: "desk batch" });
            }
            back_off(attempt).await;
            attempt += 1;
            wanted.extend(left);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nonsense_is_none() {
        let cursor =
            Cursor { rank: 301_767_607_200, pk: "CONTACT#a\u{e4}".into(), sk: "LEAD#analytics#2026-Q1".into() };
        assert_eq!(Cursor::from_text(&cursor.to_text()), Some(cursor));
        let text = |parts: &str| URL_SAFE_NO_PAD.encode(parts);
        for nonsense in
            ["", "===", "AAAA", &text("1\u{1f}CONTACT#a"), &text("x\u{1f}a\u{1f}b"), &text("1\u{1f}\u{1f}b")]
        {
            assert_eq!(Cursor::from_text(nonsense), None, "{nonsense}");
        }
    }
}
