//! Events become durable: one conditional put for each statement, several at once, and what became of each event.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use perennial_platform::failure::Failure;
use perennial_platform::ledger::{Entry, Put};
use perennial_platform::told::{FieldError, What};
use perennial_platform::webhook::events::Event;
use perennial_playbook::sources::Source;

use crate::{Ingest, entries, unknown};

/// An event is at most so long: as much as EventBridge carries.
const LONGEST_EVENT: usize = 256 * 1024;
/// Puts that are under way at once.
const AT_ONCE: usize = 32;
/// After so many failures the store is taken as down: the rest must be sent again anyway, and is not tried.
const GIVE_UP_AFTER: usize = 32;

/// What became of an event, or of one of its statements; the later in this list, the worse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is nothing to us, and the playbook says so.
    Ignored,
    /// It was durable already.
    Duplicate,
    /// It is durable now, and counts.
    Accepted,
    /// It is durable now, and waits for a playbook that understands it: the reason, and the same without what was sent, for logs.
    Quarantined {
        /// As the sender and the marketer read it.
        reason: String,
        /// As the log has it.
        logged: String,
    },
    /// Its id was used before with another body: nothing was written.
    Conflict,
    /// It is not of the shape that was agreed on: nothing was written. The status, the field and the reason.
    Refused(u16, String, String),
    /// The store could not be reached: it must be sent again.
    Retry,
}

/// Engagements among the statements of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Engagements {
    /// Durable now.
    pub new: u64,
    /// Durable already.
    pub known: u64,
}

/// What became of one event of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The event's id.
    pub id: String,
    /// The worst of its statements.
    pub outcome: Outcome,
    /// What of it are engagements.
    pub engagements: Engagements,
}

impl Ingest {
    /// Puts the events of a delivery that is believed.
    pub(crate) async fn keep(&self, source: &Source, events: &[Event], now: Timestamp) -> Vec<Taken> {
        let mut taken: Vec<Taken> = events.iter().map(untouched).collect();
        let mut statements = Vec::new();
        for (index, event) in events.iter().enumerate() {
            match self.statements(source, event, now) {
                Ok(entries) => statements.extend(entries.into_iter().map(|entry| (index, entry))),
                Err(refused) => taken[index].outcome = refused,
            }
        }
        // What is told of one contact follows each other in the stream as well, and so becomes one update of its interest.
        statements.sort_by(|(_, one), (_, other)| one.pk.cmp(&other.pk));
        let failures = &AtomicUsize::new(0);
        let put = |(index, entry): (usize, Entry)| async move {
            let outcome = self.put(&entry, failures).await;
            (index, matches!(entry.told, What::Engagement { .. }), outcome)
        };
        let mut puts = stream::iter(statements).map(put).buffer_unordered(AT_ONCE);
        while let Some((index, engagement, outcome)) = puts.next().await {
            taken[index].add(engagement, outcome);
        }
        taken
    }

    fn statements(&self, source: &Source, event: &Event, now: Timestamp) -> Result<Vec<Entry>, Outcome> {
        if event.body.len() > LONGEST_EVENT {
            return Err(Outcome::Refused(413, "body".to_owned(), "is longer than 256 KiB".to_owned()));
        }
        let entries = entries(&self.playbook, &self.addresses, source, event, now);
        entries.map_err(|FieldError { field, reason }| Outcome::Refused(400, field, reason))
    }

    async fn put(&self, entry: &Entry, failures: &AtomicUsize) -> Outcome {
        if failures.load(Ordering::Relaxed) >= GIVE_UP_AFTER {
            return Outcome::Retry;
        }
        match self.ledger.put(entry).await {
            Ok(Put::New) => self.kept(entry),
            Ok(Put::Duplicate) => Outcome::Duplicate,
            Ok(Put::Conflict) => Outcome::Conflict,
            Err(failure) => {
                failures.fetch_add(1, Ordering::Relaxed);
                not_stored(&failure);
                Outcome::Retry
            }
        }
    }

    fn kept(&self, entry: &Entry) -> Outcome {
        let Some(reason) = entry.reason.clone() else { return Outcome::Accepted };
        // An id that was sent may be anything, an address too: it is not for the log.
        let logged = match unknown::of(&self.playbook, &entry.told) {
            Some(unknown) => unknown.kind().to_owned(),
            None => reason.clone(),
        };
        Outcome::Quarantined { reason, logged }
    }
}

fn untouched(event: &Event) -> Taken {
    Taken { id: event.id.clone(), outcome: Outcome::Ignored, engagements: Engagements::default() }
}

impl Taken {
    fn add(&mut self, engagement: bool, outcome: Outcome) {
        match outcome {
            Outcome::Accepted | Outcome::Quarantined { .. } => self.engagements.new += u64::from(engagement),
            Outcome::Duplicate => self.engagements.known += u64::from(engagement),
            _ => {}
        }
        if outcome > self.outcome {
            self.outcome = outcome;
        }
    }
}

fn not_stored(failure: &Failure) {
    tracing::error!(%failure, "event not stored");
}

/// One line for the delivery, and one for each reason that somebody must look at. Alarms count the latter two by their words.
pub(crate) fn log(source: &str, taken: &[Taken]) {
    let count = |is: fn(&Outcome) -> bool| taken.iter().filter(|taken| is(&taken.outcome)).count();
    let conflicts = count(|outcome| *outcome == Outcome::Conflict);
    tracing::info!(
        source,
        accepted = count(|outcome| *outcome == Outcome::Accepted),
        duplicate = count(|outcome| *outcome == Outcome::Duplicate),
        quarantined = count(|outcome| matches!(outcome, Outcome::Quarantined { .. })),
        conflict = conflicts,
        ignored = count(|outcome| *outcome == Outcome::Ignored),
        refused = count(|outcome| matches!(outcome, Outcome::Refused(..))),
        retry = count(|outcome| *outcome == Outcome::Retry),
        "webhook taken in"
    );
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for taken in taken {
        if let Outcome::Quarantined { logged, .. } = &taken.outcome {
            *reasons.entry(logged).or_default() += 1;
        }
    }
    for (reason, events) in reasons {
        tracing::warn!(source, reason, events, "event quarantined");
    }
    if conflicts > 0 {
        tracing::warn!(source, events = conflicts, "event id reused with another body");
    }
}
