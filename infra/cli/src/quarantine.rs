//! What was not understood is kept: seen, tried again under the present playbook, or dropped.
//!
//! Events are found by the ledger's index. Those that were quarantined by a version without one are found by reading the whole
//! ledger, which only a command may.
//!
//! Map: `list` says what waits and why.

mod list;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use futures::StreamExt as _;
use futures::stream;
use ingest_engagement::{Fate, Ingest, Replayed};
use perennial_platform::failure::Failure;
use perennial_platform::keys::QUARANTINE_SHARD;
use perennial_platform::ledger::{Entry, Kind, Ledger};
use perennial_platform::store::{Item, string};
use serde::Serialize;

use crate::deployment::{Deployment, DeploymentError};
use crate::scan::{Progress, whole};
pub use list::{Group, Line, List, Shown, shared};

/// Entries that are settled at once.
const AT_ONCE: usize = 16;

/// What a replay did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Events that are understood now and count.
    pub counted: usize,
    /// Events that the playbook leaves aside now: they are gone.
    pub left_aside: usize,
    /// Events that somebody else settled meanwhile.
    pub gone: usize,
    /// Events that wait still, by reason.
    pub waiting: BTreeMap<String, usize>,
    /// Engagements that nobody had counted as received, because nobody knew what they were.
    #[serde(skip)]
    pub engagements: u64,
}

/// Everything that the index holds, the longest waiting first.
///
/// # Errors
/// [`Failure`] if it cannot be read.
pub async fn indexed(ledger: &Ledger) -> Result<Vec<Entry>, Failure> {
    let mut entries = ledger.entries(&ledger.quarantined().await?).await?;
    // The index follows a moment later: what has left quarantine meanwhile may still be in it.
    entries.retain(|entry| entry.kind == Kind::Quarantined);
    sort(&mut entries);
    Ok(entries)
}

/// What a version without the index has quarantined: reads the whole ledger.
///
/// # Errors
/// [`Failure`] if it cannot be read.
pub async fn unindexed(client: &Client, table: &str, progress: Progress<'_>) -> Result<Vec<Entry>, Failure> {
    let scan =
        client.scan().table_name(table).filter_expression("#kind = :quarantined AND attribute_not_exists(#shard)");
    let scan = scan.expression_attribute_names("#kind", "kind").expression_attribute_names("#shard", QUARANTINE_SHARD);
    let scan = scan.expression_attribute_values(":quarantined", string("quarantined"));
    let read = |item: Item| {
        serde_dynamo::from_item(item).map_err(|_| Failure::shape("ledger entry", "not of the shape we give it"))
    };
    let found = whole(scan, read, "reading the ledger", progress).await?;
    let mut entries = found.into_iter().collect::<Result<Vec<Entry>, Failure>>()?;
    sort(&mut entries);
    Ok(entries)
}

/// Everything that waits in a local world, however it was stored.
///
/// # Errors
/// [`Failure`] if the ledger cannot be read.
pub async fn of_world(deployment: &Deployment) -> Result<Vec<Entry>, Failure> {
    let mut entries = indexed(&deployment.ingest.ledger).await?;
    entries.extend(unindexed(&deployment.store.client, &deployment.ledger_table, &mut |_, _, _| {}).await?);
    sort(&mut entries);
    Ok(entries)
}

/// Asks of each entry what it means under the present playbook. Safe to repeat, and to run while events come in.
///
/// # Errors
/// [`Failure`] if the ledger could not be reached; what was settled stays settled.
pub async fn replay(ingest: &Ingest, entries: &[Entry], mut done: impl FnMut(usize)) -> Result<Replay, Failure> {
    let mut replay = Replay::default();
    let mut events: BTreeMap<(&str, &str), Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        events.entry((entry.source(), entry.event_id())).or_default().push(entry);
    }
    let mut fates =
        stream::iter(events.into_values()).map(|entries| in_turn(ingest, entries)).buffer_unordered(AT_ONCE);
    let mut all = Vec::with_capacity(entries.len());
    while let Some(replayed) = fates.next().await {
        all.extend(replayed?);
        done(all.len());
    }
    for replayed in all {
        replay.engagements += replayed.engagements;
        match replayed.fate {
            Fate::Counted => replay.counted += 1,
            Fate::LeftAside => replay.left_aside += 1,
            Fate::Gone => replay.gone += 1,
            Fate::Waiting(reason) => *replay.waiting.entry(reason).or_default() += 1,
        }
    }
    Ok(replay)
}

/// The entries of one event, one after the other: each looks at what the ledger has of it already.
async fn in_turn(ingest: &Ingest, entries: Vec<&Entry>) -> Result<Vec<Replayed>, Failure> {
    let mut replayed = Vec::with_capacity(entries.len());
    for entry in entries {
        replayed.push(ingest.replay(entry).await?);
    }
    Ok(replayed)
}

/// Delivers what counts now after a replay in a local world; in AWS the stream does.
///
/// # Errors
/// [`DeploymentError`] if the world cannot go on.
pub async fn deliver(deployment: &Deployment, replay: &Replay) -> Result<(), DeploymentError> {
    deployment.tally.count_understood(replay.engagements);
    deployment.world.settle().await?;
    Ok(())
}

/// Replays everything that waits in a local world; says how many events count now.
///
/// # Errors
/// [`DeploymentError`] if a table cannot be reached.
pub async fn replay_all(deployment: &Deployment) -> Result<usize, DeploymentError> {
    let replay = replay(&deployment.ingest, &of_world(deployment).await?, |_| {}).await?;
    if replay.counted > 0 {
        deliver(deployment, &replay).await?;
    }
    Ok(replay.counted)
}

/// Drops entries that are still quarantined; says how many were.
///
/// # Errors
/// [`Failure`] if the ledger could not be reached.
pub async fn drop_all(ledger: &Ledger, entries: &[Entry]) -> Result<usize, Failure> {
    let mut dropped = 0;
    for entry in entries {
        dropped += usize::from(ledger.drop_quarantined(entry).await?);
    }
    Ok(dropped)
}

fn sort(entries: &mut [Entry]) {
    entries.sort_by(|one, other| (one.received_at, &one.sk, &one.pk).cmp(&(other.received_at, &other.sk, &other.pk)));
}
