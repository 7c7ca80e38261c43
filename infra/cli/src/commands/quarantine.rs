//! `perennial quarantine`: events with a good signature that were not understood.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use ingest_engagement::Ingest;
use perennial::data::Snapshot;
use perennial::deployment::Deployment;
use perennial::quarantine::{self, List, Replay, Shown};
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::ledger::{Entry, Ledger};
use perennial_platform::webhook::secrets::SourceSecrets;
use perennial_platform::{lambda, settings};
use perennial_playbook::Playbook;
use serde_json::json;

use super::rebuild::open_world;
use super::{EXIT_CODES, Failed, load_playbook, playbook_folder, print_json, progress, say, world_in};

/// Events that a sender signed and that were not understood: an asset that the playbook does not have, or a mapping that does
/// not fit. Each is kept with its reason and counts, with the time at which it happened, once a playbook understands it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what waits, by reason and one by one.
    List(Listing),
    /// Show an event as it was sent, with its reason. It may hold personal data.
    Show(Show),
    /// Try events again under the playbook: those that are understood now count, with the time at which they happened.
    Replay(Replaying),
    /// Drop events for good.
    Drop(Dropping),
}

/// Which ledger: a local world's, or a stack's. In AWS, region and credentials come from the environment.
#[derive(Args, Debug)]
struct Where {
    /// Folder of the world [default: .perennial/up].
    #[arg(long, value_name = "DIR", conflicts_with_all = ["ledger", "scan"])]
    data: Option<PathBuf>,
    /// Name of the ledger table in AWS.
    #[arg(long, value_name = "TABLE")]
    ledger: Option<String>,
    /// Also find what was quarantined before the ledger had an index: reads the whole table.
    #[arg(long, requires = "ledger")]
    scan: bool,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Listing {
    /// Only events of this source.
    #[arg(long)]
    source: Option<String>,
    /// Only events whose reason has this in it.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// List at most so many one by one.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    place: Where,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Show {
    /// The event as it is listed, such as segment#evt-1; or its source, with the id behind it.
    key: String,
    /// The event's id, if the source stands first.
    id: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// A local world must not be served meanwhile. For a stack, the key with which it hashes addresses must be in ADDRESS_KEY.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Replaying {
    /// The events as they are listed, such as segment#evt-1.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    keys: Vec<String>,
    /// Everything that waits.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: Where,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Dropping {
    /// The events as they are listed, such as segment#evt-1.
    #[arg(required = true)]
    keys: Vec<String>,
    /// Only in this partition of the ledger, as the list shows it where a key names several events.
    #[arg(long, value_name = "PARTITION")]
    partition: Option<String>,
    /// They are gone for good: say that this is meant.
    #[arg(long, required = true)]
    yes: bool,
    #[command(flatten)]
    place: Where,
}

/// A ledger, opened.
enum Opened {
    /// Of a local world; a copy of it is gone when it is dropped.
    World {
        deployment: Box<Deployment>,
        _copy: Option<Snapshot>,
    },
    Stack {
        ledger: Ledger,
        client: aws_sdk_dynamodb::Client,
        table: String,
        scan: bool,
    },
}

impl Command {
    pub async fn run(self) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Replay(replay) => replay.run().await,
            Self::Drop(drop) => drop.run().await,
        }
    }
}

impl Where {
    fn playbook(&self) -> Result<Arc<Playbook>, Failed> {
        load_playbook(&playbook_folder(self.playbook.clone()))
    }

    /// A world that is only read is read from a copy: it may be served by another process.
    async fn open(&self, to_write: bool) -> Result<Opened, Failed> {
        if let Some(table) = &self.ledger {
            let config = lambda::config().await;
            let client = aws_sdk_dynamodb::Client::new(&config);
            return Ok(Opened::Stack {
                ledger: Ledger::new(&config, table),
                client,
                table: table.clone(),
                scan: self.scan,
            });
        }
        let data = world_in(self.data.as_deref())?;
        let playbook = self.playbook()?;
        if to_write {
            return Ok(Opened::World { deployment: Box::new(open_world(&data, playbook).await?), _copy: None });
        }
        let copy = data.snapshot()?;
        let deployment = Deployment::open_copy(playbook, &copy).await?;
        Ok(Opened::World { deployment: Box::new(deployment), _copy: Some(copy) })
    }
}

impl Opened {
    fn ledger(&self) -> &Ledger {
        match self {
            Self::World { deployment, .. } => &deployment.ingest.ledger,
            Self::Stack { ledger, .. } => ledger,
        }
    }

    /// Everything that waits, the longest waiting first.
    async fn waiting(&self) -> Result<Vec<Entry>, Failed> {
        match self {
            Self::World { deployment, .. } => Ok(quarantine::of_world(deployment).await?),
            Self::Stack { ledger, client, table, scan } => {
                let mut entries = quarantine::indexed(ledger).await?;
                if *scan {
                    let bar = progress(0, "reading");
                    let mut show = |what: &'static str, done: usize, of: usize| {
                        bar.set_message(what);
                        bar.set_length(of as u64);
                        bar.set_position(done as u64);
                    };
                    entries.extend(quarantine::unindexed(client, table, &mut show).await?);
                    bar.finish_and_clear();
                }
                Ok(entries)
            }
        }
    }

    /// What waits under these keys; each must be there.
    async fn named(&self, keys: &[String]) -> Result<Vec<Entry>, Failed> {
        let waiting = self.waiting().await?;
        let missing = keys.iter().filter(|key| !waiting.iter().any(|entry| entry.sk == **key));
        let missing: Vec<String> = missing
            .map(|key| format!("error: nothing waits as \"{key}\"; `perennial quarantine list` says what does"))
            .collect();
        if !missing.is_empty() {
            return Err(Failed(missing));
        }
        Ok(waiting.into_iter().filter(|entry| keys.contains(&entry.sk)).collect())
    }
}

impl Listing {
    async fn run(self) -> Result<(), Failed> {
        let mut entries = self.place.open(false).await?.waiting().await?;
        let shared = quarantine::shared(&entries);
        let wanted = self.reason.as_ref().map(|reason| reason.to_lowercase());
        entries.retain(|entry| {
            self.source.as_ref().is_none_or(|source| source == entry.source())
                && wanted.as_ref().is_none_or(|wanted| {
                    entry.reason.as_ref().is_some_and(|reason| reason.to_lowercase().contains(wanted))
                })
        });
        let list = List::of(&entries, &shared, self.limit);
        if self.place.json { print_json(&list) } else { say(list) }
    }
}

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let key = match &self.id {
            Some(id) => format!("{}#{id}", self.key),
            None => self.key.clone(),
        };
        let entries = self.place.open(false).await?.named(&[key]).await?;
        let shared = quarantine::shared(&entries);
        let shown: Vec<Shown> = entries.iter().map(|entry| Shown::of(entry, &shared)).collect();
        if self.place.json {
            return print_json(&shown);
        }
        shown.iter().try_for_each(say)
    }
}

impl Replaying {
    async fn run(self) -> Result<(), Failed> {
        let opened = self.place.open(true).await?;
        // Before anything is read: what cannot be hashed is not asked for.
        let ingest = match &opened {
            Opened::World { deployment, .. } => Arc::clone(&deployment.ingest),
            Opened::Stack { ledger, .. } => Arc::new(self.ingest(ledger.clone())?),
        };
        let entries = if self.all { opened.waiting().await? } else { opened.named(&self.keys).await? };
        let bar = progress(entries.len(), "replaying");
        let replay = quarantine::replay(&ingest, &entries, |count| bar.set_position(count as u64)).await?;
        if let Opened::World { deployment, .. } = &opened {
            quarantine::deliver(deployment, &replay).await?;
        }
        bar.finish_and_clear();
        if self.place.json { print_json(&replay) } else { say(in_words(&replay)) }
    }

    /// Ingestion of a stack, as far as replaying needs it: it believes nobody.
    fn ingest(&self, ledger: Ledger) -> Result<Ingest, Failed> {
        let addresses = settings::key("ADDRESS_KEY").map_err(|error| {
            let why = "senders may use addresses as ids, and those are kept as hashes under this key; it is in the stack's secret";
            Failed(vec![format!("error: {error}: replaying needs it ({why})")])
        })?;
        Ok(Ingest {
            ledger,
            secrets: SourceSecrets::fixed(BTreeMap::new()),
            addresses: AddressKey::new(addresses),
            playbook: self.place.playbook()?,
            clock: Clock::system(),
        })
    }
}

impl Dropping {
    async fn run(self) -> Result<(), Failed> {
        let opened = self.place.open(true).await?;
        let entries = self.meant(opened.named(&self.keys).await?)?;
        let dropped = quarantine::drop_all(opened.ledger(), &entries).await?;
        if self.place.json {
            print_json(&json!({"dropped": dropped}))
        } else {
            say(format_args!("{dropped} dropped\n"))
        }
    }
}

impl Dropping {
    /// Those of the entries of these keys that are meant: a key may name several, which is no leave to drop them all.
    fn meant(&self, mut entries: Vec<Entry>) -> Result<Vec<Entry>, Failed> {
        if let Some(partition) = &self.partition {
            entries.retain(|entry| entry.pk == *partition);
            let absent = self.keys.iter().filter(|key| !entries.iter().any(|entry| entry.sk == **key));
            let absent: Vec<String> =
                absent.map(|key| format!("error: \"{key}\" does not wait in that partition")).collect();
            return if absent.is_empty() { Ok(entries) } else { Err(Failed(absent)) };
        }
        let several: Vec<String> = quarantine::shared(&entries)
            .into_iter()
            .map(|key| format!("error: \"{key}\" names several events; --partition says which, and the list shows it"))
            .collect();
        if several.is_empty() { Ok(entries) } else { Err(Failed(several)) }
    }
}

fn in_words(replay: &Replay) -> String {
    let waiting: usize = replay.waiting.values().sum();
    let mut text = format!("{} counted, {waiting} still waiting", replay.counted);
    for (count, what) in [(replay.left_aside, "left aside"), (replay.gone, "settled by somebody else")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text.push('\n');
    for (reason, count) in &replay.waiting {
        text.push_str(&format!("{count:>6}  {reason}\n"));
    }
    text
}
