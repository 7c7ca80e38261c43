//! Entries of the ledger that are to be told again: found by when they came, touched so that the stream brings them.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use perennial_platform::keys::{Key, PK, SK};
use perennial_platform::ledger::TOLD_AT;
use perennial_platform::store::{Item, integer, number, string, text};

use super::{Places, RedriveError, What, failed};
use crate::scan::{Progress, whole};

/// How often an entry was told again.
const REDRIVEN: &str = "redriven";
const RECEIVED_AT: &str = "received_at";

/// Entries, with when each came in and when it was told again, in seconds.
#[derive(Debug, Default)]
pub(super) struct Entries(Vec<(Key, [Option<i64>; 2])>);

impl Entries {
    /// The keys of what came into the ledger between two instants, or was told again then.
    pub(super) fn within(&self, from: Timestamp, until: Timestamp) -> Vec<&Key> {
        let is_then = |at: &Option<i64>| at.is_some_and(|at| (from.as_second()..=until.as_second()).contains(&at));
        self.0.iter().filter(|(_, at)| at.iter().any(is_then)).map(|(key, _)| key).collect()
    }
}

impl Places {
    /// The entries that all of this may be about; the ledger is read once, if at all.
    ///
    /// # Errors
    /// [`RedriveError`] if it cannot be read.
    pub(super) async fn entries(
        &self,
        all: impl Iterator<Item = &What>,
        progress: Progress<'_>,
    ) -> Result<Entries, RedriveError> {
        let window = |what: &What| match *what {
            What::TellAgain { from, until } => Some((from, until)),
            _ => None,
        };
        let windows: Vec<_> = all.filter_map(window).collect();
        let (first, last) = (windows.iter().map(|(from, _)| from).min(), windows.iter().map(|(_, until)| until).max());
        let (Some(first), Some(last)) = (first, last) else { return Ok(Entries::default()) };
        let scan = self.tables.scan().table_name(&self.ledger);
        let scan = scan
            .filter_expression("#received_at BETWEEN :from AND :until OR #told_at BETWEEN :from AND :until")
            .projection_expression("#pk, #sk, #received_at, #told_at")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_names("#received_at", RECEIVED_AT)
            .expression_attribute_names("#told_at", TOLD_AT)
            .expression_attribute_values(":from", number(first.as_second()))
            .expression_attribute_values(":until", number(last.as_second()));
        let read = |item: Item| {
            let key = Key { pk: text(&item, PK)?.to_owned(), sk: text(&item, SK)?.to_owned() };
            Some((key, [integer(&item, RECEIVED_AT), integer(&item, TOLD_AT)]))
        };
        let found = whole(scan, read, "reading the ledger", progress).await;
        let found = found.map_err(|failure| RedriveError { operation: "Scan", reason: failure.to_string() })?;
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        found.sort();
        Ok(Entries(found))
    }

    /// Changes an entry so that the stream brings it again. What was deleted meanwhile stays deleted.
    ///
    /// # Errors
    /// [`RedriveError`] if the ledger refuses.
    pub(super) async fn touch(&self, key: &Key) -> Result<(), RedriveError> {
        let request = self.tables.update_item().table_name(&self.ledger);
        let request = request.key(PK, string(&key.pk)).key(SK, string(&key.sk));
        let request = request
            .update_expression("ADD #redriven :one SET #told_at = :now")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#redriven", REDRIVEN)
            .expression_attribute_names("#told_at", TOLD_AT)
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":now", number(self.clock.now().as_second()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|it| it.is_conditional_check_failed_exception()) => {
                Ok(())
            }
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }
}
