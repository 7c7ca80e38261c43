//! What waits in quarantine and why, for people and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use perennial_domain::interest::instant;
use perennial_platform::ledger::Entry;
use serde::Serialize;
use serde_json::Value;

/// The keys that several of these entries have, each in a partition of its own.
pub fn shared(entries: &[Entry]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    entries.iter().filter(|entry| !seen.insert(&entry.sk)).map(|entry| entry.sk.clone()).collect()
}

/// What waits, by reason and one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct List {
    /// How many events wait that were asked for.
    pub waiting: usize,
    /// They by reason and source, the most frequent first.
    pub reasons: Vec<Group>,
    /// They one by one, the newest first, as many as were asked for.
    pub events: Vec<Line>,
}

/// Events of one source that wait for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Why they are not understood.
    pub reason: String,
    /// Who sent them.
    pub source: String,
    /// How many.
    pub events: usize,
    /// When the first was received.
    pub first: Timestamp,
    /// When the last was received.
    pub last: Timestamp,
}

/// One event that waits. Its content is shown only to who asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Who sent it.
    pub source: String,
    /// Its id at the source.
    pub id: String,
    /// What the other commands know it by.
    pub key: String,
    /// The ledger's partition, where the key alone names several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When it happened, as far as that is known.
    pub happened_at: Timestamp,
    /// Why it is not understood.
    pub reason: String,
}

/// One event with its content.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// What is listed of it.
    #[serde(flatten)]
    pub line: Line,
    /// The event as it was sent.
    pub event: Value,
}

impl List {
    /// What waits, of these entries; at most so many one by one. `shared` are the keys that name several.
    pub fn of(entries: &[Entry], shared: &BTreeSet<String>, limit: usize) -> Self {
        let mut groups: BTreeMap<(&str, &str), Group> = BTreeMap::new();
        for entry in entries {
            let (reason, source) = (entry.reason.as_deref().unwrap_or_default(), entry.source());
            let at = instant(entry.received_at);
            let new = || Group { reason: reason.to_owned(), source: source.to_owned(), events: 0, first: at, last: at };
            let group = groups.entry((reason, source)).or_insert_with(new);
            group.events += 1;
            (group.first, group.last) = (group.first.min(at), group.last.max(at));
        }
        let mut reasons: Vec<Group> = groups.into_values().collect();
        reasons.sort_by_key(|group| std::cmp::Reverse(group.events));
        let events = entries.iter().rev().take(limit).map(|entry| Line::of(entry, shared)).collect();
        Self { waiting: entries.len(), reasons, events }
    }
}

impl Line {
    fn of(entry: &Entry, shared: &BTreeSet<String>) -> Self {
        Self {
            source: entry.source().to_owned(),
            id: entry.event_id().to_owned(),
            key: entry.sk.clone(),
            partition: shared.contains(&entry.sk).then(|| entry.pk.clone()),
            received_at: instant(entry.received_at),
            happened_at: instant(entry.happened_at),
            reason: entry.reason.clone().unwrap_or_default(),
        }
    }
}

impl Shown {
    /// An entry with its event; what is not JSON is shown as text. `shared` are the keys that name several.
    pub fn of(entry: &Entry, shared: &BTreeSet<String>) -> Self {
        let body = entry.body.as_deref().unwrap_or_default();
        let event = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        Self { line: Line::of(entry, shared), event }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.waiting {
            0 => return writeln!(f, "nothing waits in quarantine"),
            1 => writeln!(f, "1 event waits in quarantine")?,
            many => writeln!(f, "{many} events wait in quarantine")?,
        }
        for Group { reason, source, events, first, last } in &self.reasons {
            let when = if first == last { format!("{first}") } else { format!("{first} to {last}") };
            writeln!(f, "\n{events:>6}  {reason}\n        from {source}, received {when}")?;
        }
        writeln!(f)?;
        for line in &self.events {
            write!(f, "{}  {}", line.received_at, line.key)?;
            if let Some(partition) = &line.partition {
                write!(f, " (partition {partition})")?;
            }
            writeln!(f, "  {}", line.reason)?;
        }
        match self.waiting - self.events.len() {
            0 => Ok(()),
            more => writeln!(f, "and {more} older ones: --limit {}", self.waiting),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { key, partition, received_at, happened_at, reason, .. } = &self.line;
        writeln!(f, "{key}")?;
        if let Some(partition) = partition {
            writeln!(f, "  partition {partition}")?;
        }
        writeln!(f, "  received  {received_at}\n  happened  {happened_at}\n  waits     {reason}\n")?;
        match &self.event {
            Value::String(text) => writeln!(f, "{text}"),
            event => writeln!(f, "{event:#}"),
        }
    }
}
