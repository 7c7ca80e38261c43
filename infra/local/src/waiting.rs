//! What waits for its delivery, kept in memory beside the file: whether a queue is empty is asked thousands of times a day
//! of virtual time, and the answer is nearly always yes.
//!
//! Owns, for each partition that was asked for, the keys of its records and when they may be seen, and where each stream's
//! reader stands. It is changed under one lock with the database, so it says what the database would say. It keeps no record.

use std::collections::{BTreeMap, HashMap};

use crate::store::{CHECKPOINT, Write};

/// What waits, by partition; a partition of which nobody has asked yet is not in it.
#[derive(Default)]
pub(crate) struct Waiting {
    partitions: HashMap<String, BTreeMap<String, i64>>,
    checkpoints: HashMap<String, Option<String>>,
}

impl Waiting {
    /// The earliest instant, in milliseconds, at which a record of a partition may be seen. Outside: nobody has asked yet.
    pub(crate) fn earliest(&self, partition: &str) -> Option<Option<i64>> {
        Some(self.partitions.get(partition)?.values().min().copied())
    }

    /// Takes over what the database holds of a partition.
    pub(crate) fn know(&mut self, partition: &str, records: impl IntoIterator<Item = (String, i64)>) {
        self.partitions.insert(partition.to_owned(), records.into_iter().collect());
    }

    /// Where a stream's reader stands, by its partition. Outside: nobody has asked yet.
    pub(crate) fn checkpoint(&self, partition: &str) -> Option<Option<String>> {
        self.checkpoints.get(partition).cloned()
    }

    /// Takes over where the database says that a stream's reader stands.
    pub(crate) fn know_checkpoint(&mut self, partition: &str, sequence: Option<String>) {
        self.checkpoints.insert(partition.to_owned(), sequence);
    }

    /// Follows what was written.
    pub(crate) fn follow(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Put { partition, key, record, .. } if key == CHECKPOINT => {
                    self.checkpoints.insert(partition.clone(), record.as_str().map(str::to_owned));
                }
                Write::Put { partition, key, visible_at: Some(at), .. } => {
                    if let Some(known) = self.partitions.get_mut(partition) {
                        known.insert(key.clone(), at.as_millisecond());
                    }
                }
                Write::Put { .. } => {}
                Write::Delete { partition, key } => {
                    if let Some(known) = self.partitions.get_mut(partition) {
                        known.remove(key);
                    }
                }
            }
        }
    }
}
