//! What sales says of a lead, applied: by the CRM's webhook, or by the button "I am on it".

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::lead::{SalesEvent, Status};
use perennial_domain::quarter::Quarter;

use crate::desk;
use crate::failure::Failure;
use crate::keys;
use crate::outbox::{LeadEvent, Waiting};
use crate::records::{Evidence, Lead};
use crate::store::{ATTEMPTS, Change, Commit, Store, back_off, number, string};

/// How far a sender's clock may be behind ours.
const CLOCK_SKEW_SECONDS: i64 = 10 * 60;

/// What became of a word from sales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The lead moved to this status.
    Moved(Status),
    /// It stood there already.
    Unchanged {
        /// Where.
        at: Status,
        /// Who had touched it.
        by: Option<String>,
    },
    /// The lifecycle has no such step from here.
    Refused(Status),
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

/// Applies a word from sales; its event leaves in the same transaction. The clock of the SLA stops with it.
///
/// # Errors
/// [`Failure`] if the store could not be reached or every race was lost.
pub async fn apply(
    store: &Store,
    meant: &Meant<'_>,
    event: SalesEvent,
    by: Option<&str>,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Applied, Failure> {
    for attempt in 0..ATTEMPTS {
        let Some(lead) = find(store, meant, now).await? else { return Ok(Applied::NoLead) };
        let from = lead.status();
        let to = match from.after(event) {
            Err(_) => return Ok(Applied::Refused(from)),
            Ok(to) if to == from => return Ok(Applied::Unchanged { at: from, by: lead.touched_by }),
            Ok(to) => to,
        };
        let mut update = "SET #stage = :stage, #touched_at = if_not_exists(#touched_at, :now), \
                          #touched_by = if_not_exists(#touched_by, :by), #rev = #rev + :one"
            .to_owned();
        let mut change = Change::none(lead.key()).only_if("#rev = :rev");
        if let Some(reason) = reason {
            update.push_str(", #reason = :reason");
            change = change.with(":reason", string(reason));
        }
        update.push_str(" REMOVE #due_shard, #due_at");
        update.push_str(desk::left_with(to));
        let change = change
            .with(":stage", string(to.as_str()))
            .with(":now", number(now.as_second()))
            .with(":by", string(by.unwrap_or("unknown")))
            .with(":one", number(1))
            .with(":rev", number(lead.rev))
            .updating(update);
        let mut told = LeadEvent::of(
            meant.contact,
            meant.product,
            lead.quarter().ok_or_else(|| Failure::shape("lead", "quarter"))?,
        );
        told.owner = Some(lead.owner.clone());
        let kind = match to {
            Status::Touched => "LeadTouched",
            Status::Recycled => "LeadRecycled",
            Status::Sql | Status::Mql => "LeadAdvanced",
        };
        let outbox = store.put_over(&Waiting::lead_moved(kind, told, now)?)?;
        match store.commit("lead move", vec![store.change(change)?, outbox]).await? {
            Commit::Done => return Ok(Applied::Moved(to)),
            Commit::Refused(_) => back_off(attempt).await,
        }
    }
    Err(Failure::Conflict { operation: "lead move" })
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
