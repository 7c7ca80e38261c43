//! `perennial replay`: another tool's history.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use perennial::account::Account;
use perennial::data::DataFolder;
use perennial::deployment::{Deployment, LOCAL_WEBHOOK_SECRET, Options};
use perennial::import::{Import, Outcome};
use perennial::tally::Tally;
use perennial_local::{ClockHandle, Store};
use serde::Serialize;

use super::{EXIT_CODES, Failed, called, load_playbook, local_url, playbook_folder, prepare, print_json, progress};

/// Play another tool's history through all functions, in virtual time.
///
/// DIR holds CSV exports; the mapping says which columns are the contact, the asset, the action, the time and the event's
/// id. Every row is accounted for. A second run over the same state changes nothing.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Replay {
    /// Folder with the CSV files.
    folder: PathBuf,
    /// Mapping file, TOML.
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
    /// Forget what an earlier run left behind.
    #[arg(long)]
    fresh: bool,
    /// Folder for state that survives a restart [default: .perennial/replay].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// What a replay prints.
#[derive(Serialize)]
struct Replayed {
    #[serde(flatten)]
    outcome: Outcome,
    #[serde(flatten)]
    account: Account,
}

impl Replay {
    pub async fn run(self) -> Result<(), Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook))?;
        let import = Import::read(&self.folder, &self.mapping)
            .map_err(|errors| Failed(errors.iter().map(|error| format!("error: {error}")).collect()))?;
        let data = DataFolder::of(self.data.as_deref(), "replay");
        prepare(&data, self.fresh)?;
        let options = Options {
            playbook,
            store: Store::File(data.database()),
            clock: ClockHandle::standing_at(import.starts_at().unwrap_or(Timestamp::UNIX_EPOCH)),
            webhook_secrets: LOCAL_WEBHOOK_SECRET.into(),
            public_url: local_url(),
            tally: Tally::open(data.tally())?,
        };
        let deployment = Deployment::open(options).await?;
        let bar = progress(import.len(), "replaying rows");
        let outcome = import.play(&deployment, |done| bar.set_position(done as u64)).await?;
        bar.finish_and_clear();
        let account = Account::of(&deployment).await?;
        if self.json {
            return print_json(&Replayed { outcome, account });
        }
        for (file, outcomes) in &outcome.files {
            let outcomes: Vec<String> = outcomes.iter().map(|(outcome, rows)| format!("{rows} {outcome}")).collect();
            println!("{file:<28} {}", outcomes.join(", "));
        }
        let engagements = account.engagements;
        println!(
            "{} rows; in this world: {} engagements counted, {} duplicates, {} quarantined; {} leads; {} contacts with a score above zero",
            outcome.rows,
            engagements.counted,
            engagements.duplicates,
            engagements.quarantined,
            account.leads.len(),
            account.scores.iter().filter(|score| score.points > 0).count(),
        );
        println!("WHY      {} explain CONTACT   (a contact's id, as in the files)", called());
        Ok(())
    }
}
