//! Where a question is asked: the worlds on this machine, or a stack's state table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use perennial::data::{DataFolder, Snapshot, WORLDS};
use perennial::deployment::{self, Deployment};
use perennial::stack::Stack;
use perennial_domain::ids::ContactId;
use perennial_domain::profile::{Account, Contact};
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::store::Store;
use perennial_platform::{identity, keys, lambda, settings};
use perennial_playbook::{Playbook, is_address};

use super::{Failed, load_playbook, playbook_folder};

/// Where.
#[derive(Args, Debug)]
pub struct Place {
    /// Folder of the world [default: the worlds below .perennial].
    #[arg(long, value_name = "DIR", conflicts_with_all = ["state", "stack"])]
    data: Option<PathBuf>,
    /// Name of the stack in AWS.
    #[arg(long, value_name = "NAME", conflicts_with = "state")]
    stack: Option<String>,
    /// Name of the state table in AWS.
    #[arg(long, value_name = "TABLE")]
    state: Option<String>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
}

/// Somebody of whom something is known, and where.
pub struct Known {
    /// Under the id that stays.
    pub contact: ContactId,
    /// The person.
    pub person: Contact,
    /// The person's account.
    pub account: Option<Account>,
    /// Language and region as they were stated.
    pub locale: Option<String>,
    /// The world's time, or the true one.
    pub now: Timestamp,
}

/// A table that may hold the answer.
pub enum Candidate {
    /// Of a stack, by the table's name.
    Stack(String),
    /// Of a stack, by the stack's name.
    Named(String),
    /// Of a world on this machine.
    World(DataFolder),
}

/// A state table, opened to be read.
pub struct Opened {
    /// The table.
    pub store: Store,
    /// The world's time, or the true one.
    pub now: Timestamp,
    // A copy goes when the question is answered.
    world: Option<(Deployment, Snapshot)>,
}

impl Place {
    pub fn playbook(&self) -> Result<Arc<Playbook>, Failed> {
        load_playbook(&playbook_folder(self.playbook.clone()))
    }

    /// The tables to ask, one after the other; at least one.
    pub fn candidates(&self) -> Result<Vec<Candidate>, Failed> {
        if let Some(state) = &self.state {
            return Ok(vec![Candidate::Stack(state.clone())]);
        }
        if let Some(stack) = &self.stack {
            return Ok(vec![Candidate::Named(stack.clone())]);
        }
        let folders = DataFolder::existing(self.data.as_deref());
        if folders.is_empty() {
            let place = self.data.as_deref().unwrap_or(Path::new(WORLDS)).display();
            let what =
                format!("error: there is no world in {place} yet: run `perennial up` or `perennial replay` first");
            return Err(Failed(vec![what]));
        }
        Ok(folders.into_iter().map(Candidate::World).collect())
    }

    /// Whether it is a stack, and not a world on this machine.
    pub fn is_stack(&self) -> bool {
        self.state.is_some() || self.stack.is_some()
    }

    /// The contact of this id or address, in the first place that knows it.
    pub async fn person(&self, playbook: &Arc<Playbook>, asked: &str) -> Result<Known, Failed> {
        let candidates = self.candidates()?;
        for candidate in &candidates {
            if let Some(known) = candidate.open(playbook).await?.person(asked).await? {
                return Ok(known);
            }
        }
        let places: Vec<String> = candidates.iter().map(Candidate::name).collect();
        let who = if asked.contains('@') { "this address" } else { asked };
        Err(Failed(vec![format!("error: nothing is known of {who} in {}", places.join(" or "))]))
    }
}

impl Candidate {
    pub async fn open(&self, playbook: &Arc<Playbook>) -> Result<Opened, Failed> {
        match self {
            Self::Stack(state) => {
                let client = aws_sdk_dynamodb::Client::new(&lambda::config().await);
                let store = Store { client, state: state.clone() };
                Ok(Opened { store, now: Clock::system().now(), world: None })
            }
            Self::Named(name) => {
                let config = lambda::config().await;
                let state = Stack::read(&config, name).await?.state_table()?.to_owned();
                let store = Store { client: aws_sdk_dynamodb::Client::new(&config), state };
                Ok(Opened { store, now: Clock::system().now(), world: None })
            }
            Self::World(folder) => {
                // A copy: the world may be served by another process, and a question changes nothing.
                let copy = folder.snapshot()?;
                let world = Deployment::open_copy(Arc::clone(playbook), &copy).await?;
                let (store, now) = (world.store.clone(), world.world.clock().now());
                Ok(Opened { store, now, world: Some((world, copy)) })
            }
        }
    }

    /// Its name in a message.
    pub fn name(&self) -> String {
        match self {
            Self::Stack(name) | Self::Named(name) => name.clone(),
            Self::World(folder) => folder.path().display().to_string(),
        }
    }
}

impl Opened {
    async fn person(&self, asked: &str) -> Result<Option<Known>, Failed> {
        let first = match is_address(asked) {
            true => keys::address_contact(&self.address_key()?.hash(asked)),
            false => ContactId::from(asked),
        };
        let Some(contact) = identity::resolve(&self.store, &first).await?.or(&first) else { return Ok(None) };
        let rows = self.store.contact(&contact).await?;
        let Some(person) = rows.contact(&contact) else { return Ok(None) };
        let account = match &person.account {
            Some(account) => self.store.account(account).await?,
            None => None,
        };
        let fields = rows.profile.as_ref().map(|profile| profile.fields()).unwrap_or_default();
        let locale = fields.get("locale").map(str::to_owned);
        Ok(Some(Known { contact, person, account, locale, now: self.now }))
    }

    /// The key under which its addresses are hashed.
    pub fn address_key(&self) -> Result<AddressKey, Failed> {
        if self.world.is_some() {
            return Ok(deployment::address_key());
        }
        let key = settings::key("ADDRESS_KEY").map_err(|error| {
            let why = "addresses are hashed with the deployment's key: set ADDRESS_KEY to it";
            Failed(vec![format!("error: {error}; {why}")])
        })?;
        Ok(AddressKey::new(key))
    }
}

/// An instant, or the end of a day in UTC.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let day = |date: Date| date.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC)).map(|next| next.timestamp());
    let whole_day = || text.parse::<Date>().and_then(day);
    let at = text.parse().or_else(|_| whole_day().map(|midnight| midnight - SignedDuration::from_secs(1)));
    at.map_err(|_: jiff::Error| "not a day such as 2026-10-14 or an instant such as 2026-10-14T13:55:00Z".to_owned())
}
