//! Events become durable: one conditional put for each statement, several at once, and what became of each event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use perennial_platform::failure::Failure;
use perennial_platform::ledger::{Entry, Found, Put};
use perennial_platform::told::{FieldError, Subject, What};
use perennial_platform::webhook::events::{Event, LONGEST_EVENT};
use perennial_playbook::sources::Source;

use crate::entries::{Meant, meant};
use crate::{Ingest, unknown};

/// One delivery tells at most so many things: all are known before the first is put, and all are put before it is answered.
const MOST_STATEMENTS: usize = 4_000;
/// Puts that are under way at once.
const AT_ONCE: usize = 32;
/// After so many failures the store is taken as down: the rest must be sent again anyway, and is not tried.
const GIVE_UP_AFTER: usize = 32;
/// Why an entry waits that would be understood by now.
const REPLAY: &str = "it is understood by now, and waits to be replayed";

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
    /// Why statements of it wait, without what was sent: one reason for each that does, since now or since before, whatever
    /// became of the others.
    pub waits: Vec<String>,
}

impl Ingest {
    /// Puts the events of a delivery that is believed.
    pub(crate) async fn keep(&self, source: &Source, events: &[Event], now: Timestamp) -> Vec<Taken> {
        let mut taken: Vec<Taken> = events.iter().map(untouched).collect();
        let mut statements = Vec::new();
        for (index, event) in events.iter().enumerate() {
            match self.meant(source, event, now) {
                Ok(meant) => statements.extend(meant.into_iter().map(|meant| (index, meant))),
                Err(refused) => taken[index].outcome = refused,
            }
            if statements.len() > MOST_STATEMENTS {
                return events.iter().map(too_much).collect();
            }
        }
        // What is told of one contact follows each other in the stream as well, and so becomes one update of its interest.
        statements.sort_by(|(_, one), (_, other)| about(one).cmp(&about(other)));
        let (carriers, mut others): (Vec<_>, Vec<_>) =
            statements.into_iter().partition(|(_, meant)| meant.is_carrier());
        let failures = AtomicUsize::new(0);
        let putting = Putting { source, events, now, failures: &failures };
        self.put_all(&putting, carriers, &mut taken).await;
        // An id that was used before with another body has no effect at all, not in another partition either; and nothing is kept
        // whose body is not.
        others.retain(|(index, _)| taken[*index].outcome < Outcome::Conflict);
        self.put_all(&putting, others, &mut taken).await;
        taken
    }

    fn meant(&self, source: &Source, event: &Event, now: Timestamp) -> Result<Vec<Meant>, Outcome> {
        if event.body.len() > LONGEST_EVENT {
            return Err(Outcome::Refused(413, "body".to_owned(), "is longer than 256 KiB".to_owned()));
        }
        let meant = meant(&self.playbook, &self.addresses, source, event, now);
        meant.map_err(|FieldError { field, reason }| Outcome::Refused(400, field, reason))
    }

    async fn put_all(&self, putting: &Putting<'_>, statements: Vec<(usize, Meant)>, taken: &mut [Taken]) {
        let put = |(index, meant): (usize, Meant)| async move {
            // Made only now: those that carry their event or wait hold a copy of it.
            let entry = meant.entry(putting.source, &putting.events[index], putting.now);
            let (outcome, waits) = self.put(&entry, putting.failures).await;
            (index, matches!(entry.told, What::Engagement { .. }), outcome, waits)
        };
        let mut puts = stream::iter(statements).map(put).buffer_unordered(AT_ONCE);
        while let Some((index, engagement, outcome, waits)) = puts.next().await {
            taken[index].waits.extend(waits);
            taken[index].add(engagement, outcome);
        }
    }

    /// What became of a statement, and why it waits, as the log has it, if it does.
    async fn put(&self, entry: &Entry, failures: &AtomicUsize) -> (Outcome, Option<String>) {
        if failures.load(Ordering::Relaxed) >= GIVE_UP_AFTER {
            return (Outcome::Retry, None);
        }
        match self.ledger.put_and_look(entry).await {
            Ok(Found { put: Put::New, .. }) => match entry.reason.clone() {
                None => (Outcome::Accepted, None),
                Some(reason) => {
                    let logged = self.logged(entry);
                    (Outcome::Quarantined { reason, logged: logged.clone() }, Some(logged))
                }
            },
            Ok(Found { put: Put::Duplicate, waits }) => (Outcome::Duplicate, waits.then(|| self.logged(entry))),
            Ok(Found { put: Put::Conflict, .. }) => (Outcome::Conflict, None),
            Err(failure) => {
                failures.fetch_add(1, Ordering::Relaxed);
                not_stored(&failure);
                (Outcome::Retry, None)
            }
        }
    }

    /// Why an entry waits, without an id that was sent: it may be anything, an address too, and is not for the log.
    fn logged(&self, entry: &Entry) -> String {
        match (unknown::of(&self.playbook, &entry.told), &entry.reason) {
            (Some(unknown), _) => unknown.kind().to_owned(),
            (None, Some(reason)) => reason.clone(),
            (None, None) => REPLAY.to_owned(),
        }
    }
}

/// What all puts of a delivery share.
struct Putting<'a> {
    source: &'a Source,
    events: &'a [Event],
    now: Timestamp,
    failures: &'a AtomicUsize,
}

/// Of whom or what a statement tells, to be sorted by.
fn about(meant: &Meant) -> (u8, &str) {
    match meant.told.what.subject() {
        Subject::Account(account) => (0, account),
        Subject::Contact(contact) => (1, contact),
        Subject::Nobody => (2, ""),
    }
}

fn untouched(event: &Event) -> Taken {
    Taken { id: event.id.clone(), outcome: Outcome::Ignored, engagements: Engagements::default(), waits: Vec::new() }
}

/// An event of a delivery that tells too much: none of them is kept, so that the sender can send all of them in smaller ones.
fn too_much(event: &Event) -> Taken {
    let reason = format!("tells more than {MOST_STATEMENTS} things: send its events in several requests");
    Taken { outcome: Outcome::Refused(413, "body".to_owned(), reason), ..untouched(event) }
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

/// One line for the delivery, and one for each reason that somebody must look at. Alarms count what waits and ids that are used
/// again by their words.
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
    let mut refused: BTreeMap<(u16, &str, &str), usize> = BTreeMap::new();
    for taken in taken {
        for reason in taken.waits.iter().collect::<BTreeSet<_>>() {
            *reasons.entry(reason).or_default() += 1;
        }
        if let Outcome::Refused(status, field, reason) = &taken.outcome {
            *refused.entry((*status, field, reason)).or_default() += 1;
        }
    }
    for (reason, events) in reasons {
        tracing::warn!(source, reason, events, "event quarantined");
    }
    // Field and reason never hold a value.
    for ((status, field, reason), events) in refused {
        tracing::info!(source, status, field, reason, events, "event refused");
    }
    if conflicts > 0 {
        tracing::warn!(source, events = conflicts, "event id reused with another body");
    }
}
