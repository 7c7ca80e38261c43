//! How many engagements were delivered, and what the door said to each.
//!
//! In AWS this is a metric; here it is a small file, so that a restart does not forget it. Counted and quarantined
//! engagements are counted in the ledger, not here: the two must agree.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ingest_engagement::{Accepted, Taken};
use perennial_platform::ledger::Put;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Engagements that were not refused.
    pub received: u64,
    /// Of these, those that were known already.
    pub duplicates: u64,
}

/// The count could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("count of deliveries: {0}")]
pub struct TallyError(#[from] std::io::Error);

/// A running count; clones are the same count.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    delivered: Arc<Mutex<Delivered>>,
    file: Option<PathBuf>,
}

impl Tally {
    /// A count that goes on where the file ends.
    ///
    /// # Errors
    /// [`TallyError`] if there is a file that cannot be read.
    pub fn open(file: PathBuf) -> Result<Self, TallyError> {
        let delivered = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(std::io::Error::from)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Delivered::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { delivered: Arc::new(Mutex::new(delivered)), file: Some(file) })
    }

    /// Whether a body tells of an engagement.
    pub fn is_engagement(body: Option<&str>) -> bool {
        let body: Option<Value> = body.and_then(|body| serde_json::from_str(body).ok());
        body.is_some_and(|body| body["type"] == "engagement.recorded")
    }

    /// Counts the engagements of a delivery; what was refused was not received.
    pub fn count(&self, taken: &[Taken]) {
        let sum = |of: fn(&Taken) -> u64| taken.iter().map(of).sum();
        self.add(sum(|taken| taken.engagements.new), sum(|taken| taken.engagements.known));
    }

    /// Counts engagements that were received before, when nobody knew yet what they were.
    pub fn count_understood(&self, engagements: u64) {
        self.add(engagements, 0);
    }

    /// Counts an engagement that came without a webhook.
    pub fn count_accepted(&self, accepted: &Accepted) {
        match accepted.put {
            Put::New => self.add(1, 0),
            Put::Duplicate => self.add(0, 1),
            Put::Conflict => {}
        }
    }

    /// What was delivered so far.
    pub fn delivered(&self) -> Delivered {
        *self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self) -> Result<(), TallyError> {
        let Some(file) = &self.file else { return Ok(()) };
        let delivered = self.delivered();
        let new = file.with_extension("json.new");
        std::fs::write(&new, serde_json::to_vec(&delivered).map_err(std::io::Error::from)?)?;
        std::fs::rename(new, file)?;
        Ok(())
    }

    fn add(&self, new: u64, duplicates: u64) {
        if new + duplicates == 0 {
            return;
        }
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        delivered.received += new + duplicates;
        delivered.duplicates += duplicates;
        drop(delivered);
        if let Err(error) = self.keep() {
            tracing::error!(%error, "count not kept");
        }
    }
}
