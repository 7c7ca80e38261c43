//! `perennial playbook plan`: what a change of the playbook would have done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use perennial::data::DataFolder;
use perennial::deployment::Deployment;
use perennial::history::{self, History};
use perennial::import::ImportError;
use perennial::plan::compare;
use perennial_platform::lambda;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;

use crate::commands::{EXIT_CODES, Failed, load_playbook, print_json, progress, say};

/// Replay history under two playbooks: which MQLs appear, disappear or move, per product and owner, and how well either
/// foresees the deals that were won.
///
/// Nothing is written anywhere. A folder of facts holds engagements.csv (contact, asset, action, at, email) and, where they
/// are known, contacts.csv, accounts.csv and deals.csv (account, product, won_on, amount_cents, contact).
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct PlanChange {
    /// The playbook as it is: folder or compiled playbook.
    old: PathBuf,
    /// The playbook as it would be.
    new: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Won deals, CSV: account, product, won_on, and if known amount_cents and contact [default: deals.csv of --facts].
    #[arg(long, value_name = "FILE")]
    deals: Option<PathBuf>,
    /// A deal counts for an MQL if it is won at most so many days later.
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(i64).range(1..=3650))]
    within_days: i64,
    /// How many lines of each list are shown.
    #[arg(long, value_name = "LINES", default_value_t = 20)]
    limit: usize,
    /// Print one JSON document with everything instead of lines.
    #[arg(long)]
    json: bool,
}

/// Whose history.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Source {
    /// A folder of CSV files.
    #[arg(long, value_name = "DIR")]
    facts: Option<PathBuf>,
    /// A local world's folder, such as .perennial/up.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The state table of a stack in AWS; region and credentials come from the environment.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

impl PlanChange {
    pub async fn run(self) -> Result<(), Failed> {
        let (old, new) = (load(&self.old)?, load(&self.new)?);
        let mut history = self.history(&new).await?;
        if let Some(file) = &self.deals {
            history.deals = Some(history::folder::read_deals(file).map_err(unreadable)?);
        }
        let bar = progress(history.people.len(), "replaying contacts");
        let plan = compare(&old, &new, &history, self.within_days, || bar.inc(1));
        bar.finish_and_clear();
        // The process ends with what is printed; to take a large history apart first would take longer than to read it.
        std::mem::forget(history);
        if self.json {
            return print_json(&plan);
        }
        say(plan.text(self.limit))?;
        Ok(())
    }

    async fn history(&self, playbook: &Arc<Playbook>) -> Result<History, Failed> {
        if let Some(folder) = &self.source.facts {
            let bar = progress(0, "reading engagements");
            let read = history::folder::read(folder, |byte, size| {
                bar.set_length(size);
                bar.set_position(byte);
            });
            bar.finish_and_clear();
            return read.map_err(unreadable);
        }
        if let Some(table) = &self.source.table {
            let client = aws_sdk_dynamodb::Client::new(&lambda::config().await);
            return of_table(&Store { client, state: table.clone() }).await;
        }
        let folder = self.source.data.as_deref().unwrap_or(Path::new("."));
        of_world(folder, playbook).await
    }
}

/// The history of a local world: a copy of it, since it may be served by another process.
async fn of_world(folder: &Path, playbook: &Arc<Playbook>) -> Result<History, Failed> {
    let data = DataFolder::of(Some(folder), "up");
    if !data.database().exists() {
        return Err(Failed(vec![format!("error: there is no world in {}", folder.display())]));
    }
    let copy = data.snapshot()?;
    let deployment = Deployment::open_copy(Arc::clone(playbook), &copy).await?;
    of_table(&deployment.store).await
}

async fn of_table(store: &Store) -> Result<History, Failed> {
    let bar = progress(0, "");
    let mut show = |what: &'static str, done: usize, of: usize| {
        bar.set_message(what);
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let history = history::table::read(store, &mut show).await?;
    bar.finish_and_clear();
    Ok(history)
}

/// A playbook, its problems told with the path by which it was called: there are two.
fn load(path: &Path) -> Result<Arc<Playbook>, Failed> {
    load_playbook(path).map_err(|Failed(mut lines)| {
        lines.push(format!("error: {} is broken; nothing was replayed", path.display()));
        Failed(lines)
    })
}

fn unreadable(problems: Vec<ImportError>) -> Failed {
    Failed(problems.iter().map(|problem| format!("error: {problem}")).collect())
}
