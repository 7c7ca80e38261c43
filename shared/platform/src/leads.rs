//! What sales says of a lead, applied: by the CRM's webhook, or by the button "I am on it".

mod changed;
mod owners;
mod words;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::instant;
use perennial_domain::lead::{self, Heard, Refused, Status, Word};
use perennial_domain::quarter::Quarter;

use crate::address::addresses_in;
use crate::failure::Failure;
use crate::keys;
use crate::outbox::{LeadEvent, Waiting};
use crate::records::{Evidence, Lead};
use crate::store::{ATTEMPTS, Change, Commit, Store, back_off, number};

pub use changed::changed;
pub use owners::{account_of, give_to};
use words::holding;

/// How far a sender's clock may be behind ours.
const CLOCK_SKEW_SECONDS: i64 = 10 * 60;

/// What became of a word from sales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The lead moved to this stage.
    Moved(Status),
    /// It is kept with the lead, whose stage stays: an amount, a reminder, an earlier touch.
    Noted {
        /// Where the lead stands.
        at: Status,
        /// Who touched it.
        by: Option<String>,
    },
    /// It told nothing new.
    Unchanged {
        /// Where the lead stands.
        at: Status,
        /// Who touched it.
        by: Option<String>,
    },
    /// The lifecycle has no such step. It is kept, as refused.
    Refused(Refused),
    /// There is no such lead.
    NoLead,
}

/// Which lead is meant.
#[derive(Clone, Debug)]
pub struct Meant<'a> {
    /// Whose interest.
    pub contact: &'a ContactId,
    /// In which product.
    pub product: &'a ProductId,
    /// Of which quarter; without it, the newest that there was when it was said.
    pub quarter: Option<Quarter>,
}

/// Applies a word from sales, whenever it was said; the event of a move leaves in the same transaction. The first word stops the
/// clock of the SLA. What is said of the future is said now.
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn apply(store: &Store, meant: &Meant<'_>, word: &Word, now: Timestamp) -> Result<Applied, Failure> {
    let word = Word { at: word.at.min(now.as_second()), ..word.clone() };
    for attempt in 0..ATTEMPTS {
        let Some(lead) = find(store, meant, instant(word.at)).await? else { return Ok(Applied::NoLead) };
        let known = lead.words();
        let history = match lead::hear(&known, &word) {
            Heard::Kept(history) => history,
            Heard::Known => return Ok(known_before(&lead, known, &word)),
        };
        let (before, after) = (lead::standing(&known), lead::standing(&history));
        let mut actions = vec![store.change(holding(&lead, &history)?)?];
        actions.extend(announced(store, &lead, (&before, &after), &word, now)?);
        if store.commit("lead move", actions).await? != Commit::Done {
            back_off(attempt).await;
            continue;
        }
        return Ok(match after.refusal_of(&word) {
            _ if before.stage != after.stage => Applied::Moved(after.stage),
            Some(refused) => Applied::Refused(refused),
            None => Applied::Noted { at: after.stage, by: after.touched.and_then(|(_, by)| by) },
        });
    }
    Err(Failure::Conflict { operation: "lead move" })
}

/// What a word says that is not kept again.
fn known_before(lead: &Lead, mut words: Vec<Word>, word: &Word) -> Applied {
    words.push(word.clone());
    match lead::standing(&words).refusal_of(word) {
        Some(refused) => Applied::Refused(refused),
        None => Applied::Unchanged { at: lead.status(), by: lead.touched_by.clone() },
    }
}

/// The event of a lead that stands elsewhere after a word, if it does.
fn announced(
    store: &Store,
    lead: &Lead,
    (before, after): (&lead::Standing, &lead::Standing),
    word: &Word,
    now: Timestamp,
) -> Result<Option<TransactWriteItem>, Failure> {
    if before.stage == after.stage {
        return Ok(None);
    }
    store.put_over(&Waiting::lead_moved(moved(lead, after)?, word, now)?).map(Some)
}

/// What the bus hears of a lead that stands elsewhere now.
fn moved(lead: &Lead, after: &lead::Standing) -> Result<LeadEvent, Failure> {
    let quarter = lead.quarter().ok_or_else(|| Failure::shape("lead", "quarter"))?;
    let mut told = LeadEvent::of(&lead.contact_id(), &lead.product_id(), quarter);
    told.owner = Some(lead.owner.clone());
    told.stage = Some(after.stage.as_str().to_owned());
    told.amount_cents = after.amount_cents;
    // In somebody's own words; addresses have no place on the bus.
    told.reason = after.reason.clone().filter(|reason| addresses_in(reason).is_empty());
    told.until = after.recycled_until.map(|until| instant(until).to_string());
    Ok(told)
}

/// What makes `own` of two leads of one person hold what sales said of both, with the event of a move; nothing if it holds that.
///
/// # Errors
/// [`Failure::Poison`] if it cannot be expressed, or if `own` holds a word that this version does not know.
pub(crate) fn united(
    store: &Store,
    own: &Lead,
    other: &Lead,
    now: Timestamp,
) -> Result<Vec<TransactWriteItem>, Failure> {
    let (known, words) = (own.words(), lead::unite(&own.words(), &other.words()));
    // What the other's owner was told of is not told again.
    let with_all_told = told_of_both(own, other);
    let is_told = |lead: &Lead| (lead.act_now_at, lead.priority());
    if words == known && is_told(&with_all_told) == is_told(own) {
        return Ok(Vec::new());
    }
    let (before, after) = (lead::standing(&known), lead::standing(&words));
    let mut actions = vec![store.change(holding(&with_all_told, &words)?)?];
    if let Some(last) = words.last() {
        actions.extend(announced(store, own, (&before, &after), last, now)?);
    }
    Ok(actions)
}

/// The lead with what its contact has asked for under either id.
fn told_of_both(own: &Lead, other: &Lead) -> Lead {
    let priority = if other.priority() < own.priority() { &other.priority } else { &own.priority };
    let asked_at = own.told_act_now_at().max(other.told_act_now_at());
    Lead { priority: priority.clone(), act_now_at: own.act_now_at.max(asked_at), ..own.clone() }
}

/// Whether a lead stands on what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its quarter is reached.
    Stands,
    /// It would not be, but for this fact, which was learnt after the lead was made.
    UndoneBy(Evidence),
}

/// Marks a lead and its interest in one transaction, if the interest is still at `rev`. The lead is not withdrawn. False if
/// there is no such lead.
///
/// # Errors
/// [`Failure::Conflict`] if the interest was written meanwhile; otherwise as [`Store::commit`].
pub async fn mark_standing(
    store: &Store,
    (contact, product, quarter): (&ContactId, &ProductId, Quarter),
    rev: i64,
    standing: Standing,
) -> Result<bool, Failure> {
    let lead = keys::lead(contact, product, quarter);
    let (lead, mark) = match standing {
        Standing::UndoneBy(fact) => {
            let fact = serde_dynamo::to_attribute_value(fact);
            let fact = fact.map_err(|_| Failure::shape("evidence", "not of the shape we give it"))?;
            let lead = Change::of(lead, "SET #undone_by = :fact, #rev = #rev + :one").with(":fact", fact);
            (lead, "ADD #undone :quarter, #rev :one")
        }
        Standing::Stands => {
            let lead = Change::of(lead, "SET #rev = #rev + :one REMOVE #undone_by");
            (lead, "ADD #rev :one DELETE #undone :quarter")
        }
    };
    let interest = Change::of(keys::interest(contact, product), mark)
        .only_if("#rev = :rev")
        .with(":rev", number(rev))
        .with(":one", number(1))
        .with(":quarter", AttributeValue::Ss(vec![quarter.to_string()]));
    let lead = lead.only_if("attribute_exists(PK)").with(":one", number(1));
    match store.commit("lead mark", vec![store.change(lead)?, store.change(interest)?]).await? {
        Commit::Done => Ok(true),
        Commit::Refused(failed) if failed.first() == Some(&true) => Ok(false),
        Commit::Refused(_) => Err(Failure::Conflict { operation: "lead mark" }),
    }
}

async fn find(store: &Store, meant: &Meant<'_>, said_at: Timestamp) -> Result<Option<Lead>, Failure> {
    if let Some(quarter) = meant.quarter {
        return store.get(&keys::lead(meant.contact, meant.product, quarter)).await;
    }
    let prefix = format!("{}{}#", keys::LEAD, meant.product);
    let leads: Vec<Lead> = store.partition(&keys::contact(meant.contact), Some(&prefix)).await?;
    // A late word about last quarter's lead must not hit the one made since. Clocks differ by minutes.
    let made_by = said_at.as_second() + CLOCK_SKEW_SECONDS;
    Ok(leads.into_iter().filter(|lead| lead.qualified_at <= made_by).max_by_key(|lead| lead.quarter()))
}
