//! The database and the local world's own table in it.
//!
//! Owns durability: queues, asynchronous invocations, mails, events, stream checkpoints and the clock live in the table
//! `LocalWorld` beside the application's tables, so one file is the whole world. It never decides what to deliver.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dynoxide::{AttributeValue, Database, DynoxideError, Item};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;

use crate::clock::ClockHandle;
use crate::template::Table;
use crate::waiting::Waiting;
use crate::world::Store;

const TABLE: &str = "LocalWorld";

pub(crate) const MAILS: &str = "MAIL";
pub(crate) const BUS: &str = "BUS";
pub(crate) const DEAD: &str = "DEAD";
const CLOCK: &str = "CLOCK";
const NOW: &str = "NOW";
pub(crate) const CHECKPOINT: &str = "CHECKPOINT";

/// The partition of a queue's messages.
pub(crate) fn queue_partition(queue: &str) -> String {
    format!("QUEUE#{queue}")
}

/// The partition of a function's asynchronous invocations.
pub(crate) fn invocation_partition(function: &str) -> String {
    format!("INVOKE#{function}")
}

/// Why the database could not do something.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The embedded database refused.
    #[error("database: {0}")]
    Database(#[from] DynoxideError),
    /// A record could not be read or written as JSON.
    #[error("record: {0}")]
    Record(#[from] serde_json::Error),
    /// The file could not be prepared.
    #[error("database file: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file could not be opened.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another process has the file open.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
}

/// One change; several are written in one transaction.
pub(crate) enum Write {
    Put { partition: String, key: String, record: Value, visible_at: Option<Timestamp> },
    Delete { partition: String, key: String },
}

impl Write {
    /// # Errors
    /// A record that cannot be JSON.
    pub(crate) fn put(
        partition: impl Into<String>,
        key: impl Into<String>,
        record: &impl Serialize,
    ) -> Result<Self, StoreError> {
        let record = serde_json::to_value(record)?;
        Ok(Self::Put { partition: partition.into(), key: key.into(), record, visible_at: None })
    }

    pub(crate) fn visible_at(self, at: Timestamp) -> Self {
        match self {
            Self::Put { partition, key, record, .. } => Self::Put { partition, key, record, visible_at: Some(at) },
            delete => delete,
        }
    }

    pub(crate) fn clock(now: Timestamp) -> Self {
        let (partition, key) = (CLOCK.to_owned(), NOW.to_owned());
        Self::Put { partition, key, record: json!(now.to_string()), visible_at: None }
    }

    fn request(&self) -> Value {
        match self {
            Self::Put { partition, key, record, visible_at } => {
                let mut item = json!({"PK": {"S": partition}, "SK": {"S": key}, "record": {"S": record.to_string()}});
                if let Some(at) = visible_at {
                    item["visible_at"] = json!({"N": at.as_millisecond().to_string()});
                }
                json!({"Put": {"TableName": TABLE, "Item": item}})
            }
            Self::Delete { partition, key } => {
                json!({"Delete": {"TableName": TABLE, "Key": {"PK": {"S": partition}, "SK": {"S": key}}}})
            }
        }
    }
}

pub(crate) struct LocalStore {
    pub(crate) database: Database,
    sequence: AtomicU64,
    /// Held while the database is written to.
    waiting: Mutex<Waiting>,
    /// Held as long as the file is open, so that two processes cannot both deliver from it.
    _lock: Option<File>,
}

impl LocalStore {
    /// Opens the database and makes the tables that it lacks.
    ///
    /// # Errors
    /// A file that cannot be opened or is in use, or a table that cannot be made.
    pub(crate) fn open(store: &Store, clock: &ClockHandle, tables: &[Table]) -> Result<Self, StoreError> {
        let (database, first, lock) = match store {
            Store::Memory => (open_memory(clock)?, 1, None),
            Store::File(path) => {
                let lock = lock(path)?;
                let database = Database::new(&path.to_string_lossy())?;
                index_streams(path)?;
                // Sets `synchronous = NORMAL`: with the write-ahead log a commit survives kill -9 without waiting for the
                // disk each time; only a power cut may lose the last ones.
                database.disable_bulk_loading()?;
                // Microseconds of the system's clock: greater than any key of an earlier run, and only an order.
                (database, Timestamp::now().as_microsecond().unsigned_abs(), Some(lock))
            }
        };
        let this = Self { database, sequence: AtomicU64::new(first), waiting: Mutex::default(), _lock: lock };
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let own = json!({
            "KeySchema": [key("PK", "HASH"), key("SK", "RANGE")],
            "AttributeDefinitions": [
                {"AttributeName": "PK", "AttributeType": "S"},
                {"AttributeName": "SK", "AttributeType": "S"},
            ],
        });
        this.create_table(TABLE, own, None)?;
        for table in tables {
            this.create_table(&table.logical_id, table.definition.clone(), table.stream.as_deref())?;
        }
        Ok(this)
    }

    fn create_table(&self, name: &str, mut definition: Value, stream: Option<&str>) -> Result<(), StoreError> {
        if let Some(there) = self.database.get_table_metadata(name)? {
            return self.add_indexes(name, &definition, there.gsi_definitions.as_deref());
        }
        definition["TableName"] = json!(name);
        definition["BillingMode"] = json!("PAY_PER_REQUEST");
        if let Some(view) = stream {
            definition["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view});
        }
        self.database.create_table(serde_json::from_value(definition)?)?;
        Ok(())
    }

    /// Adds the indexes that the template has and a table of an earlier version has not.
    fn add_indexes(&self, name: &str, definition: &Value, there: Option<&str>) -> Result<(), StoreError> {
        let there: Value = there.map_or(Ok(Value::Null), serde_json::from_str)?;
        let known = |index: &Value| {
            there.as_array().is_some_and(|all| all.iter().any(|one| one["IndexName"] == index["IndexName"]))
        };
        let wanted = definition["GlobalSecondaryIndexes"].as_array();
        for index in wanted.into_iter().flatten().filter(|index| !known(index)) {
            let request = json!({
                "TableName": name,
                "AttributeDefinitions": definition["AttributeDefinitions"],
                "GlobalSecondaryIndexUpdates": [{"Create": index}],
            });
            self.database.update_table(serde_json::from_value(request)?)?;
        }
        Ok(())
    }

    /// A number greater than every one before it.
    pub(crate) fn next_number(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// A sort key that sorts after every one before it.
    pub(crate) fn next_key(&self) -> String {
        sort_key(self.next_number())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // It follows a write after the database has taken it, and never halfway.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut waiting = self.waiting();
        // A transaction takes at most 100 changes; more are never written where halves would matter.
        for chunk in writes.chunks(100) {
            let items: Vec<Value> = chunk.iter().map(Write::request).collect();
            let request = json!({ "TransactItems": items });
            self.database.transact_write_items(serde_json::from_value(request)?)?;
            waiting.follow(chunk);
        }
        Ok(())
    }

    /// All records of a partition, oldest first.
    pub(crate) fn list<T: DeserializeOwned>(&self, partition: &str) -> Result<Vec<T>, StoreError> {
        let items = self.query(partition, None, usize::MAX)?;
        items.iter().map(|item| Ok(serde_json::from_str(text(item, "record"))?)).collect()
    }

    /// All records of a partition with their keys, oldest first.
    pub(crate) fn list_with_keys<T: DeserializeOwned>(&self, partition: &str) -> Result<Vec<(String, T)>, StoreError> {
        let items = self.query(partition, None, usize::MAX)?;
        let record = |item: &Item| Ok((text(item, "SK").to_owned(), serde_json::from_str(text(item, "record"))?));
        items.iter().map(record).collect()
    }

    /// Up to `limit` records of a partition that are visible now, oldest first, with their keys.
    pub(crate) fn visible<T: DeserializeOwned>(
        &self,
        partition: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        if self.next_visible(partition)?.is_none_or(|earliest| earliest > now) {
            return Ok(Vec::new());
        }
        let items = self.query(partition, Some(now), limit)?;
        let record = |item: &Item| Ok((text(item, "SK").to_owned(), serde_json::from_str(text(item, "record"))?));
        items.iter().map(record).collect()
    }

    /// When the next record of a partition becomes visible.
    pub(crate) fn next_visible(&self, partition: &str) -> Result<Option<Timestamp>, StoreError> {
        let mut waiting = self.waiting();
        let earliest = match waiting.earliest(partition) {
            Some(earliest) => earliest,
            None => {
                let items = self.query(partition, None, usize::MAX)?;
                let records =
                    items.iter().filter_map(|item| Some((text(item, "SK").to_owned(), visible_millis(item)?)));
                waiting.know(partition, records);
                waiting.earliest(partition).flatten()
            }
        };
        Ok(earliest.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
    }

    pub(crate) fn count(&self, partition: &str) -> Result<usize, StoreError> {
        Ok(self.query(partition, None, usize::MAX)?.len())
    }

    fn query(&self, partition: &str, visible_at: Option<Timestamp>, limit: usize) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start: Option<Value> = None;
        loop {
            let mut request = json!({
                "TableName": TABLE,
                "KeyConditionExpression": "PK = :partition",
                "ExpressionAttributeValues": {":partition": {"S": partition}},
            });
            if let Some(now) = visible_at {
                request["FilterExpression"] = json!("visible_at <= :now");
                request["ExpressionAttributeValues"][":now"] = json!({"N": now.as_millisecond().to_string()});
                // Usually almost everything is visible; what is hidden costs another page.
                request["Limit"] = json!(limit.clamp(100, 1000));
            }
            if let Some(key) = start {
                request["ExclusiveStartKey"] = key;
            }
            let page = self.database.query(serde_json::from_value(request)?)?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.map(serde_json::to_value).transpose()?;
            if items.len() >= limit || start.is_none() {
                items.truncate(limit);
                return Ok(items);
            }
        }
    }

    fn get(&self, partition: &str, key: &str) -> Result<Option<Value>, StoreError> {
        let request = json!({"TableName": TABLE, "Key": {"PK": {"S": partition}, "SK": {"S": key}}});
        let item = self.database.get_item(serde_json::from_value(request)?)?.item;
        Ok(item.map(|item| serde_json::from_str(text(&item, "record"))).transpose()?)
    }

    /// Where the clock stood.
    pub(crate) fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let record = self.get(CLOCK, NOW)?;
        Ok(record.and_then(|at| at.as_str().and_then(|at| at.parse().ok())))
    }

    /// The last sequence number of a table's stream that a function is done with.
    pub(crate) fn checkpoint(&self, table: &str, function: &str) -> Result<Option<String>, StoreError> {
        let partition = format!("STREAM#{table}#{function}");
        let mut waiting = self.waiting();
        if let Some(known) = waiting.checkpoint(&partition) {
            return Ok(known);
        }
        let stored = self.get(&partition, CHECKPOINT)?;
        let stored = stored.and_then(|sequence| sequence.as_str().map(str::to_owned));
        waiting.know_checkpoint(&partition, stored.clone());
        Ok(stored)
    }

    pub(crate) fn set_checkpoint(&self, table: &str, function: &str, sequence: &str) -> Result<(), StoreError> {
        self.write(&[Write::put(format!("STREAM#{table}#{function}"), CHECKPOINT, &sequence)?])
    }

    /// Records of a table's stream after a sequence number, as Lambda's poller gets them.
    pub(crate) fn stream_records(&self, table: &str, after: Option<&str>) -> Result<Vec<Value>, StoreError> {
        let mut request = json!({
            "StreamArn": dynoxide::streams::stream_arn(table, "local"),
            "ShardId": dynoxide::streams::shard_id(table),
            "ShardIteratorType": if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" },
        });
        if let Some(after) = after {
            request["SequenceNumber"] = json!(after);
        }
        let iterator = self.database.get_shard_iterator(serde_json::from_value(request)?)?;
        let request = json!({"ShardIterator": iterator.shard_iterator});
        let answer = self.database.get_records(serde_json::from_value(request)?)?;
        Ok(answer.records.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
    }
}

pub(crate) fn sort_key(number: u64) -> String {
    format!("{number:020}")
}

fn visible_millis(item: &Item) -> Option<i64> {
    match item.get("visible_at") {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    }
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text,
        _ => "",
    }
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let path = path.with_added_extension("lock");
    let io = |source| StoreError::Io { path: path.clone(), source };
    let file = File::create(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path)),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Opens a database in memory with the index, by way of a small file: nothing else can reach its connection.
fn open_memory(clock: &ClockHandle) -> Result<Database, StoreError> {
    let database = Database::memory_with_clock(Arc::new(clock.clone()))?;
    let io = |source| StoreError::Io { path: std::env::temp_dir(), source };
    let directory = tempfile::tempdir().map_err(io)?;
    let file = directory.path().join("indexed.db");
    database.vacuum_into(&file.to_string_lossy())?;
    index_streams(&file)?;
    database.restore_from(&file.to_string_lossy())?;
    Ok(database)
}

/// dynoxide finds the next sequence number with a scan of all stream records, at every write, and never removes any. With
/// this index the same statement is one lookup; without it a simulated quarter takes time with the square of its
/// writes.
fn index_streams(path: &Path) -> Result<(), StoreError> {
    rusqlite::Connection::open(path)?.execute_batch(
        "CREATE INDEX IF NOT EXISTS local_world_stream_sequence
         ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
    )?;
    Ok(())
}
