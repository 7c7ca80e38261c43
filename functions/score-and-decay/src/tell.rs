//! Telling that a quarter was reached which has neither a lead nor a held qualification.

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::Score;
use perennial_domain::quarter::Quarter;
use perennial_platform::failure::Failure;
use perennial_platform::interest::InterestItem;
use perennial_platform::outbox::{self, LeadEvent, Waiting};
use perennial_platform::store::Store;

/// Tells of each quarter from `first` on that the score reaches and that has neither lead nor held marker. Each time: the
/// last telling may have been lost, and whoever hears it twice does nothing the second time.
///
/// A fact can only reach quarters from its own on; earlier ones were told when they were reached, and a playbook that has
/// become more generous since makes no leads for the past.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn reached(
    store: &Store,
    contact: &ContactId,
    product: &ProductId,
    item: &InterestItem,
    score: &Score,
    first: Quarter,
    now: Timestamp,
) -> Result<(), Failure> {
    for quarter in score.reached.range(first..).map(|(quarter, _)| quarter) {
        if !item.leads.contains(quarter) && !item.held.contains(quarter) {
            let event = Waiting::threshold_reached(LeadEvent::of(contact, product, *quarter), now)?;
            outbox::put(store, &event).await?;
        }
    }
    Ok(())
}
