//! `perennial contact`: everything that is held about a person, shown or erased.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use perennial::contact::{Person, Tables, erase, export};
use perennial::deployment::{Deployment, LOCAL_WEBHOOK_SECRET, Options, address_key, local_links};
use perennial::tally::Tally;
use perennial_local::{ClockHandle, Store as Kept};
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::ledger::Ledger;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use serde_json::json;

use super::place::Place;
use super::{EXIT_CODES, Failed, load_playbook, local_url, playbook_folder, prepare, print_json, say, world_in};

/// From which mail a link is, in the record of consent: from none.
const BY_SUPPORT: &str = "support";

/// Show or erase everything that is held about a person, or let it choose.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print everything that is held about a person as one JSON document.
    ///
    /// That is: its fields with the times at which they were stated, opt-out, what it received, interests, leads, and every
    /// event as it was told, under its id and all ids that were merged into it.
    #[command(after_help = EXIT_CODES)]
    Export(Export),
    /// Erase a person from both tables.
    ///
    /// Only keyed hashes of its addresses stay, so that nobody writes to it again, and its ids with the time of erasure, so
    /// that what is under way or imported again does not bring it back. What broke off is finished by the same command again;
    /// repeat it also after a backup was restored. Mails that were sent lie in the inbox; of a local world they are removed.
    #[command(after_help = EXIT_CODES)]
    Erase(Erase),
    /// Print the link to a person's preference centre, for somebody who calls and has no mail at hand.
    ///
    /// Whoever has the link can see and change that person's choices for 400 days: give it to nobody else. Of a stack the
    /// environment variable LINK_KEY must hold the deployment's key, and ADDRESS_KEY too if the contact is named by an address.
    #[command(after_help = EXIT_CODES)]
    Link(Link),
}

/// Who, and where.
#[derive(Args, Debug)]
struct Whom {
    /// The contact, by id or by email address.
    #[arg(long, value_name = "ID")]
    id: String,
    /// Folder of the world [default: .perennial/up].
    #[arg(long, value_name = "DIR", conflicts_with_all = ["state", "ledger"])]
    data: Option<PathBuf>,
    /// Name of the state table in AWS; the environment variable ADDRESS_KEY must hold the deployment's key.
    #[arg(long, value_name = "TABLE", requires = "ledger")]
    state: Option<String>,
    /// Name of the ledger table in AWS.
    #[arg(long, value_name = "TABLE", requires = "state")]
    ledger: Option<String>,
    /// Playbook folder or compiled playbook, of a local world [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
}

/// What `contact export` is asked.
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    whom: Whom,
}

/// What `contact erase` is asked.
#[derive(Args, Debug)]
pub struct Erase {
    #[command(flatten)]
    whom: Whom,
    /// Erase: it cannot be undone.
    #[arg(long, required_unless_present = "dry_run")]
    yes: bool,
    /// Count what would be erased, and write nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// What `contact link` is asked.
#[derive(Args, Debug)]
pub struct Link {
    /// The contact, by id or by email address.
    #[arg(value_name = "ID")]
    contact: String,
    /// What links in mails begin with, of a stack [default: the environment variable PUBLIC_URL].
    #[arg(long, value_name = "URL", requires = "state")]
    public_url: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Opened tables.
struct Opened {
    store: Store,
    ledger: Ledger,
    ledger_table: String,
    key: AddressKey,
    now: Timestamp,
    world: Option<Deployment>,
    // A copy that is only read goes when the question is answered.
    _copy: Option<perennial::data::Snapshot>,
}

impl Opened {
    fn tables(&self) -> Tables<'_> {
        let Self { store, ledger, ledger_table, key, now, .. } = self;
        Tables { store, ledger, ledger_table, key, now: *now }
    }
}

impl Command {
    pub async fn run(self) -> Result<(), Failed> {
        match self {
            Self::Export(it) => it.run().await,
            Self::Erase(it) => it.run().await,
            Self::Link(it) => it.run().await,
        }
    }
}

impl Export {
    async fn run(self) -> Result<(), Failed> {
        let opened = self.whom.open(false).await?;
        let person = self.whom.find(&opened).await?;
        print_json(&export(&opened.tables(), &person).await?)
    }
}

impl Erase {
    async fn run(self) -> Result<(), Failed> {
        let opened = self.whom.open(!self.dry_run).await?;
        if let Some(world) = opened.world.as_ref().filter(|_| !self.dry_run) {
            // What was received and waits is delivered first: less is left to be dropped later.
            world.world.settle().await?;
        }
        let person = self.whom.find(&opened).await?;
        if !opened.tables().knows(&person).await? {
            // A mark on a mistyped id would drop whoever gets that id later.
            let who = if self.whom.id.contains('@') { "this address" } else { &self.whom.id };
            return Err(Failed(vec![format!("error: nothing is known of {who}")]));
        }
        let erased = erase(&opened.tables(), &person, self.dry_run).await?;
        let mut mails = 0;
        if let Some(world) = opened.world.as_ref().filter(|_| !self.dry_run) {
            mails = world.world.forget_mails(|text| person.has_address_in(text))?;
            world.world.settle().await?;
        }
        if self.json {
            return print_json(&json!({"dry_run": self.dry_run, "erased": erased, "local_mails": mails}));
        }
        say(if self.dry_run { "would be erased:\n" } else { "erased:\n" })?;
        say(erased)?;
        if mails > 0 {
            say(format_args!("{mails:>6} mails of the local world\n"))?;
        }
        Ok(())
    }
}

impl Link {
    async fn run(self) -> Result<(), Failed> {
        let playbook = self.place.playbook()?;
        let known = self.place.person(&playbook, &self.contact).await?;
        let purpose = Purpose::Preferences { contact: known.contact, slot: BY_SUPPORT.to_owned() };
        say(format_args!("{}\n", self.links()?.url(&purpose, known.now)))
    }

    fn links(&self) -> Result<Links, Failed> {
        if !self.place.is_stack() {
            return Ok(local_links(&local_url()));
        }
        let keys = settings::keys("LINK_KEY").map_err(|error| {
            Failed(vec![format!("error: {error}; links are signed with the deployment's key: set LINK_KEY to it")])
        })?;
        let base = self.public_url.clone().map_or_else(|| settings::required("PUBLIC_URL"), Ok)?;
        Ok(Links::with_keys(keys, base.trim_end_matches('/')))
    }
}

impl Whom {
    async fn find(&self, opened: &Opened) -> Result<Person, Failed> {
        Ok(opened.tables().find(&self.id).await?)
    }

    async fn open(&self, to_write: bool) -> Result<Opened, Failed> {
        if let (Some(state), Some(ledger)) = (&self.state, &self.ledger) {
            let key = settings::key("ADDRESS_KEY").map_err(|error| {
                let why = "addresses are hashed with the deployment's key: set ADDRESS_KEY to it";
                Failed(vec![format!("error: {error}; {why}")])
            })?;
            let config = lambda::config().await;
            let store = Store { client: aws_sdk_dynamodb::Client::new(&config), state: state.clone() };
            return Ok(Opened {
                store,
                ledger: Ledger::new(&config, ledger),
                ledger_table: ledger.clone(),
                key: AddressKey::new(key),
                now: Clock::system().now(),
                world: None,
                _copy: None,
            });
        }
        let playbook = load_playbook(&playbook_folder(self.playbook.clone()))?;
        let data = world_in(self.data.as_deref())?;
        let copy = if to_write { None } else { Some(data.snapshot()?) };
        let world = match &copy {
            Some(copy) => Deployment::open_copy(playbook, copy).await?,
            None => {
                prepare(&data, false)?;
                let options = Options {
                    playbook,
                    store: Kept::File(data.database()),
                    clock: ClockHandle::standing_at(Timestamp::UNIX_EPOCH),
                    webhook_secrets: LOCAL_WEBHOOK_SECRET.into(),
                    public_url: local_url(),
                    tally: Tally::open(data.tally())?,
                };
                Deployment::open(options).await?
            }
        };
        Ok(Opened {
            store: world.store.clone(),
            ledger: world.ingest.ledger.clone(),
            ledger_table: world.ledger_table.clone(),
            key: address_key(),
            now: world.world.clock().now(),
            world: Some(world),
            _copy: copy,
        })
    }
}
