//! Which firings of a schedule can be left out: those at which its function would find nothing.
//!
//! Owns the question when an index nominates something first. It is asked of the database as it is, whenever the clock is
//! about to be moved, so a firing is left out only if the function, called then, would have done nothing. It never decides
//! what a function does with what is nominated.

use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::invocation::ScheduleTrigger;
use crate::store::{LocalStore, StoreError};
use crate::world::{World, WorldError};

/// Where a function looks for what to do, if it looks nowhere else: a sparse index by shard and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nominations {
    /// The table, by its logical id.
    pub table: String,
    /// Its index.
    pub index: String,
    /// The index's partition key.
    pub shard_attribute: String,
    /// The index's sort key: whole seconds since the Unix epoch. What is not later than a firing is nominated at it.
    pub at_attribute: String,
    /// The partitions that the function reads.
    pub shards: Vec<String>,
}

impl World {
    /// Says that the schedules of a function do nothing but what an index nominates: while the clock is moved by hand, they
    /// do not fire as long as it nominates nothing. `None` takes that back.
    pub fn set_nominations(&self, logical_id: &str, nominations: Option<Nominations>) {
        let mut all = self.inner.nominations.write().unwrap_or_else(PoisonError::into_inner);
        match nominations {
            Some(nominations) => all.insert(logical_id.to_owned(), nominations),
            None => all.remove(logical_id),
        };
    }

    /// The next firing in `(after, until]` at which a schedule's function can find something, as things are; of a `rate(…)`
    /// there is none.
    pub(crate) fn next_firing(
        &self,
        schedule: &ScheduleTrigger,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Timestamp>, WorldError> {
        let Some(next) = schedule.next_cron_after(after).filter(|at| *at <= until) else {
            return Ok(None);
        };
        let all = self.inner.nominations.read().unwrap_or_else(PoisonError::into_inner);
        let Some(nominations) = all.get(schedule.function()) else {
            return Ok(Some(next));
        };
        let firing = match self.inner.core.store.first_nominated(nominations)? {
            None => None,
            Some(first) if first <= next => Some(next),
            Some(first) => schedule.next_cron_after(first - SignedDuration::from_nanos(1)),
        };
        Ok(firing.filter(|at| *at <= until))
    }
}

impl LocalStore {
    /// The earliest instant that an index nominates.
    fn first_nominated(&self, of: &Nominations) -> Result<Option<Timestamp>, StoreError> {
        let mut earliest: Option<Timestamp> = None;
        for shard in &of.shards {
            let request = json!({
                "TableName": of.table,
                "IndexName": of.index,
                "KeyConditionExpression": "#shard = :shard",
                "ExpressionAttributeNames": {"#shard": of.shard_attribute},
                "ExpressionAttributeValues": {":shard": {"S": shard}},
                "Limit": 1,
            });
            let found = self.database.query(serde_json::from_value(request)?)?.items.unwrap_or_default();
            let seconds = found.first().map(|item| serde_json::to_value(&item[&of.at_attribute])).transpose()?;
            let seconds = seconds.and_then(|value| value["N"].as_str()?.parse().ok());
            let first = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
            earliest = [earliest, first].into_iter().flatten().min();
        }
        Ok(earliest)
    }
}
