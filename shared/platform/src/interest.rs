//! An interest item: one attribute per (asset, action, email), each a number set of the seconds at which it happened.
//!
//! `ADD` on a number set is a union: redelivery, duplicates and any order make the same item, without a read and without
//! a version. Every write adds 1 to `rev`; a decision made from a read is committed only if `rev` still holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use perennial_domain::ids::{ActionId, AssetId, ContactId, EmailId, ProductId};
use perennial_domain::interest::{FactName, Facts, MOST_TIMES_PER_FACT};
use perennial_domain::quarter::Quarter;

use crate::failure::Failure;
use crate::keys;
use crate::store::{Change, Item, Store, integer, item_key, number, string};

/// Attributes that hold facts begin so.
const FACT: &str = "f:";
/// The version of the stored format that this code writes. An older one stays readable for ever; a newer one is refused
/// and never written to: what it means is not known here. An item without the attribute is of format 1.
const FORMAT: i64 = 1;
/// The attribute that holds the format.
const FORMAT_ATTRIBUTE: &str = "format";
/// Names in one update: an expression ends at 4 KB, and at 300 operators and functions.
const NAMES_PER_UPDATE: usize = 50;

/// Adds `rev` and holds the item against `rev`: for every write that was decided on a read.
pub const REV: &str = "rev";
/// The quarters that have their lead, a string set.
pub const LEAD_QUARTERS: &str = "leads";
/// The quarters whose qualification is held, a string set.
pub const HELD_QUARTERS: &str = "held";
/// The quarters whose lead a later fact has undone, a string set.
pub const UNDONE_QUARTERS: &str = "undone";
/// That the contact's id was neither merged nor erased after the interest was made. A new interest lacks it, and whoever adds
/// the first fact looks; so a late fact of a merged or erased contact is noticed, and all others cost no read.
const KNOWN: &str = "known";
/// When it last cooled, in seconds since the Unix epoch: what has been told is not told again.
pub const COOLED_AT: &str = "cooled_at";

/// An interest as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterestItem {
    /// The facts.
    pub facts: Facts,
    /// How often the item was written.
    pub rev: i64,
    /// Quarters that have their lead.
    pub leads: BTreeSet<Quarter>,
    /// Quarters whose qualification is held.
    pub held: BTreeSet<Quarter>,
    /// Quarters whose lead a later fact has undone.
    pub undone: BTreeSet<Quarter>,
    /// When it last cooled, in seconds since the Unix epoch, if it was told.
    pub cooled_at: Option<i64>,
    /// Whether it is in the live index.
    pub live: bool,
    /// Whether the contact's id was found neither merged nor erased.
    pub known: bool,
}

impl InterestItem {
    /// Reads an item.
    ///
    /// # Errors
    /// [`Failure::Poison`] if a newer version wrote it, or if a fact's attribute is not what we write.
    pub fn read(item: &Item) -> Result<Self, Failure> {
        check_format(item)?;
        let mut facts = Facts::default();
        for (attribute, value) in item {
            let Some(name) = named(attribute) else { continue };
            let name = name?;
            let seconds = value.as_ns().map_err(|_| Failure::shape("interest", "a fact is not a number set"))?;
            for second in seconds {
                facts.add(
                    name.clone(),
                    second.parse().map_err(|_| Failure::shape("interest", "not of the shape we give it"))?,
                );
            }
        }
        let quarters = |attribute: &str| -> BTreeSet<Quarter> {
            let texts = item.get(attribute).and_then(|value| value.as_ss().ok());
            texts.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
        };
        Ok(Self {
            facts,
            rev: integer(item, REV).unwrap_or(0),
            leads: quarters(LEAD_QUARTERS),
            held: quarters(HELD_QUARTERS),
            undone: quarters(UNDONE_QUARTERS),
            cooled_at: integer(item, COOLED_AT),
            live: item.contains_key(keys::LIVE_SHARD),
            known: item.contains_key(KNOWN),
        })
    }
}

fn check_format(item: &Item) -> Result<(), Failure> {
    let Some(format) = item.get(FORMAT_ATTRIBUTE) else { return Ok(()) };
    match format.as_n().map(|digits| digits.parse::<i64>()) {
        Ok(Ok(format)) if format <= FORMAT => Ok(()),
        Ok(Ok(_)) => Err(Failure::shape("interest", "written by a newer version of Perennial")),
        Ok(Err(_)) | Err(_) => Err(Failure::shape("interest", "its format is not a whole number")),
    }
}

fn attribute(name: &FactName) -> String {
    match &name.email {
        None => format!("{FACT}{}/{}", name.asset, name.action),
        Some(email) => format!("{FACT}{}/{}@{email}", name.asset, name.action),
    }
}

/// The fact that an attribute holds, if it holds one.
fn named(attribute: &str) -> Option<Result<FactName, Failure>> {
    let name = fact_name(attribute.strip_prefix(FACT)?);
    Some(name.ok_or_else(|| Failure::shape("interest", "a fact's name has no action")))
}

fn fact_name(text: &str) -> Option<FactName> {
    let (asset, rest) = text.split_once('/')?;
    let (action, email) = rest.split_once('@').map_or((rest, None), |(action, email)| (action, Some(email)));
    Some(FactName { asset: AssetId::from(asset), action: ActionId::from(action), email: email.map(EmailId::from) })
}

/// The facts of a change, by attribute.
///
/// Sets already here: two engagements of the same second are one fact, and DynamoDB refuses a set that repeats itself.
fn by_attribute(facts: &[(FactName, i64)]) -> BTreeMap<String, BTreeSet<i64>> {
    let mut sets: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (name, second) in facts {
        sets.entry(attribute(name)).or_default().insert(*second);
    }
    sets
}

fn number_set(seconds: &BTreeSet<i64>) -> AttributeValue {
    AttributeValue::Ns(seconds.iter().map(i64::to_string).collect())
}

/// A change of an interest that takes facts away as well: as many as one update can name. Returns the change, and
/// whether these were all of them. The change must be held against the `rev` at which the facts were read.
pub fn taking(change: Change, facts: &[(FactName, i64)]) -> (Change, bool) {
    let sets = by_attribute(facts);
    let all = sets.len() <= NAMES_PER_UPDATE;
    let mut clause = String::new();
    let mut named = Vec::new();
    let mut taking = change;
    for (index, (attribute, seconds)) in sets.into_iter().take(NAMES_PER_UPDATE).enumerate() {
        clause.push_str(if index == 0 { "DELETE " } else { ", " });
        clause.push_str(&format!("#f{index} :f{index}"));
        named.push((format!("#f{index}"), attribute));
        taking = taking.with(format!(":f{index}"), number_set(&seconds));
    }
    (if named.is_empty() { taking } else { taking.also(&clause, named) }, all)
}

/// What came of adding facts, so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grown {
    /// The interest as it is afterwards.
    pub interest: InterestItem,
    /// Those of the facts that it did not have before.
    pub new: Facts,
}

impl Grown {
    /// As [`add`]. What has landed before a failure is among those that are new: it is not when it comes again.
    ///
    /// # Errors
    /// As [`add`].
    pub async fn add(
        &mut self,
        store: &Store,
        contact: &ContactId,
        product: &ProductId,
        facts: &[(FactName, i64)],
        look_again_at: i64,
    ) -> Result<(), Failure> {
        let mut left: Vec<(String, BTreeSet<i64>)> = by_attribute(facts).into_iter().collect();
        while !left.is_empty() {
            let batch: Vec<_> = left.drain(..left.len().min(NAMES_PER_UPDATE)).collect();
            match add_once(store, contact, product, &batch, look_again_at).await? {
                Added::To(before) => {
                    self.interest = InterestItem::read(&before)?;
                    self.take(&batch)?;
                }
                // Sets that are full take no more; the others are tried again without them.
                Added::SomeFull(item) => {
                    self.interest = InterestItem::read(&item)?;
                    let tried = batch.len();
                    let room: Vec<_> = batch.into_iter().filter(|(attribute, _)| !is_full(&item, attribute)).collect();
                    if room.len() == tried {
                        // Refused though nothing of it is full: the same again would be refused for ever.
                        return Err(Failure::Conflict { operation: "interest add" });
                    }
                    tracing::warn!(product = product.as_str(), "a set of facts is full and takes no more");
                    left.extend(room);
                }
            }
        }
        Ok(())
    }

    /// What an update has made of the interest that was there.
    fn take(&mut self, batch: &[(String, BTreeSet<i64>)]) -> Result<(), Failure> {
        for (attribute, seconds) in batch {
            let Some(name) = named(attribute).transpose()? else { continue };
            for second in seconds {
                if self.interest.facts.add(name.clone(), *second) {
                    self.new.add(name.clone(), *second);
                }
            }
        }
        self.interest.rev += 1;
        self.interest.live = true;
        Ok(())
    }
}

/// Adds facts and returns the interest as it is afterwards: one write unit, no read, for an item below 1 KB that was in
/// the live index already.
///
/// The store says what was there before each update, and what an update makes of that is known: so it is also known which facts are
/// new.
///
/// One that was not in the live index is looked at again at `look_again_at`, in seconds since the Unix epoch.
///
/// # Errors
/// [`Failure`] if the store could not be reached; [`Failure::Poison`] if a newer version wrote the item, which is then
/// left as it is.
pub async fn add(
    store: &Store,
    contact: &ContactId,
    product: &ProductId,
    facts: &[(FactName, i64)],
    look_again_at: i64,
) -> Result<Grown, Failure> {
    let mut grown = Grown::default();
    grown.add(store, contact, product, facts, look_again_at).await?;
    Ok(grown)
}

/// Remembers that the contact's id is neither merged nor erased; false if the interest has gone meanwhile.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn set_known(store: &Store, contact: &ContactId, product: &ProductId) -> Result<bool, Failure> {
    let known = Change::of(keys::interest(contact, product), "SET #known = :yes")
        .only_if("attribute_exists(PK)")
        .with(":yes", AttributeValue::Bool(true));
    store.apply("interest known", known).await
}

/// A transaction's action: no such interest afterwards, if it is still as it was read.
///
/// # Errors
/// [`Failure::Poison`] if it cannot be expressed.
pub fn removed_at(
    store: &Store,
    contact: &ContactId,
    product: &ProductId,
    rev: i64,
) -> Result<aws_sdk_dynamodb::types::TransactWriteItem, Failure> {
    store.remove(Change::none(keys::interest(contact, product)).only_if("#rev = :rev").with(":rev", number(rev)))
}

enum Added {
    /// To the item as it was before.
    To(Item),
    /// Not at all, to an item with sets that are full.
    SomeFull(Item),
}

fn is_full(item: &Item, attribute: &str) -> bool {
    item.get(attribute).and_then(|value| value.as_ns().ok()).is_some_and(|seconds| seconds.len() >= MOST_TIMES_PER_FACT)
}

async fn add_once(
    store: &Store,
    contact: &ContactId,
    product: &ProductId,
    batch: &[(String, BTreeSet<i64>)],
    look_again_at: i64,
) -> Result<Added, Failure> {
    let mut names = HashMap::from([
        ("#rev".to_owned(), REV.to_owned()),
        ("#format".to_owned(), FORMAT_ATTRIBUTE.to_owned()),
        ("#live".to_owned(), keys::LIVE_SHARD.to_owned()),
        ("#cools".to_owned(), keys::COOLS_AT.to_owned()),
    ]);
    let mut values = HashMap::from([
        (":one".to_owned(), number(1)),
        (":format".to_owned(), number(FORMAT)),
        (":live".to_owned(), string(keys::live_shard(contact))),
        (":cools".to_owned(), number(look_again_at)),
        (":most".to_owned(), number(MOST_TIMES_PER_FACT as i64)),
    ]);
    let mut add = String::from("ADD #rev :one");
    let mut conditions = Vec::with_capacity(batch.len() + 1);
    conditions.push("(attribute_not_exists(#format) OR #format <= :format)".to_owned());
    for (index, (attribute, seconds)) in batch.iter().enumerate() {
        names.insert(format!("#f{index}"), attribute.clone());
        values.insert(format!(":f{index}"), number_set(seconds));
        add.push_str(&format!(", #f{index} :f{index}"));
        conditions.push(format!("(attribute_not_exists(#f{index}) OR size(#f{index}) < :most)"));
    }
    let answer = store
        .client
        .update_item()
        .table_name(&store.state)
        .set_key(Some(item_key(&keys::interest(contact, product))))
        .update_expression(format!(
            "{add} SET #format = if_not_exists(#format, :format), #live = if_not_exists(#live, :live), \
             #cools = if_not_exists(#cools, :cools)"
        ))
        .condition_expression(conditions.join(" AND "))
        .set_expression_attribute_names(Some(names))
        .set_expression_attribute_values(Some(values))
        .return_values(ReturnValue::AllOld)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(Added::To(answer.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(full)) => {
                Ok(Added::SomeFull(full.item.clone().unwrap_or_default()))
            }
            _ => Err(Failure::from_sdk("interest add", &error)),
        },
    }
}
