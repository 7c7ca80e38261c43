//! A fact that comes late can take a quarter away after its lead was made: a delivery that shows a click to be a machine's,
//! a complaint from before the download. The lead is marked with that fact and not withdrawn; one that gives the quarter
//! back takes the mark away.

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, Facts, InterestRules, evaluate};
use perennial_domain::quarter::Quarter;
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys;
use perennial_platform::leads;
use perennial_platform::records::Evidence;
use perennial_platform::store::Store;

/// What the arrival of facts did to a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Turned {
    quarter: Quarter,
    /// The fact that undid it; none if it stands again.
    undone_by: Option<(FactName, i64)>,
}

/// Marks the leads that these facts undid or restored. `item` holds the facts already.
///
/// # Errors
/// [`Failure`] if the store could not be reached; marking again does no harm.
pub async fn mark(
    store: &Store,
    rules: &InterestRules,
    contact: &ContactId,
    product: &ProductId,
    item: &InterestItem,
    arrived: &[(FactName, i64)],
    now: Timestamp,
) -> Result<(), Failure> {
    for Turned { quarter, undone_by } in turned(rules, product, item, arrived, now) {
        tracing::info!(
            product = product.as_str(),
            stands = undone_by.is_none(),
            "a late fact changes whether a lead stands"
        );
        let evidence = undone_by.map(|(name, second)| Evidence {
            at: second,
            points: rules.points_of(&name),
            asset: name.asset.to_string(),
            action: name.action.to_string(),
        });
        leads::mark_standing(store, keys::lead(contact, product, quarter), evidence).await?;
    }
    Ok(())
}

/// Compares the quarters that have a lead without and with the facts that arrived: a function of the set and of the batch,
/// so a redelivery finds the same.
fn turned(
    rules: &InterestRules,
    product: &ProductId,
    item: &InterestItem,
    arrived: &[(FactName, i64)],
    now: Timestamp,
) -> Vec<Turned> {
    if item.leads.is_empty() {
        return Vec::new();
    }
    let reaches = |facts: &Facts, quarter: &Quarter| evaluate(rules, product, facts, now).reached.contains_key(quarter);
    let mut before = item.facts.clone();
    for (name, second) in arrived {
        before.remove(name, *second);
    }
    let mut turned = Vec::new();
    for quarter in &item.leads {
        match (reaches(&before, quarter), reaches(&item.facts, quarter)) {
            (true, false) => {
                let mut growing = before.clone();
                let undone_by = arrived.iter().find(|(name, second)| {
                    growing.add(name.clone(), *second);
                    !reaches(&growing, quarter)
                });
                turned.push(Turned { quarter: *quarter, undone_by: undone_by.cloned() });
            }
            (false, true) => turned.push(Turned { quarter: *quarter, undone_by: None }),
            (true, true) | (false, false) => {}
        }
    }
    turned
}
