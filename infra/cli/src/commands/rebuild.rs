//! `perennial rebuild`: the facts of every interest, made anew from the ledger.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use perennial::data::DataFolder;
use perennial::deployment::{Deployment, LOCAL_WEBHOOK_SECRET, Options};
use perennial::rebuild::{Comparison, Mended, Rebuild as Job};
use perennial::tally::Tally;
use perennial_local::{ClockHandle, Store as Kept};
use perennial_platform::clock::Clock;
use perennial_platform::failure::Failure;
use perennial_platform::lambda;
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use serde::Serialize;

use super::{Failed, load_playbook, local_url, playbook_folder, prepare, print_json, progress, say, world_in};

const EXIT_CODES: &str =
    "Exit codes: 0 facts equal the ledger, 1 they differ or it failed (the reason is on standard error), 2 wrong usage";

/// Make the facts of every interest anew from the ledger, under the playbook's product tags, and compare.
///
/// Needed after a product tag was changed: deploy the playbook first, then rebuild. Nothing is written without --apply. A
/// local world is compared while it is served; with --apply it must not be. In AWS both tables are named, and region and
/// credentials come from the environment.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Rebuild {
    /// Folder of the world [default: .perennial/up].
    #[arg(long, value_name = "DIR", conflicts_with_all = ["state", "ledger"])]
    data: Option<PathBuf>,
    /// Name of the state table in AWS.
    #[arg(long, value_name = "TABLE", requires = "ledger")]
    state: Option<String>,
    /// Name of the ledger table in AWS.
    #[arg(long, value_name = "TABLE", requires = "state")]
    ledger: Option<String>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Add what is missing, take away what should not be there, and prove that nothing differs any more.
    #[arg(long)]
    apply: bool,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// What a rebuild prints.
#[derive(Serialize)]
struct Rebuilt {
    before: Comparison,
    #[serde(skip_serializing_if = "Option::is_none")]
    mended: Option<Mended>,
}

impl Rebuild {
    pub async fn run(self) -> Result<(), Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook.clone()))?;
        let rebuilt = match (&self.state, &self.ledger) {
            (Some(state), Some(ledger)) => {
                let client = aws_sdk_dynamodb::Client::new(&lambda::config().await);
                let store = Store { client, state: state.clone() };
                self.rebuild(&store, ledger, &playbook, Clock::system().now()).await?
            }
            _ => self.rebuild_world(playbook).await?,
        };
        self.print(&rebuilt)
    }

    async fn rebuild_world(&self, playbook: Arc<Playbook>) -> Result<Rebuilt, Failed> {
        let data = world_in(self.data.as_deref())?;
        // A comparison reads a copy: the world may be served by another process, and nothing of what waits in it is
        // delivered by asking.
        let copy = if self.apply { None } else { Some(data.snapshot()?) };
        let deployment = match &copy {
            Some(copy) => Deployment::open_copy(Arc::clone(&playbook), copy).await?,
            None => open_world(&data, Arc::clone(&playbook)).await?,
        };
        // What was received and not delivered yet is no difference.
        deployment.world.settle().await?;
        let now = deployment.world.clock().now();
        let rebuilt = self.rebuild(&deployment.store, &deployment.ledger_table, &playbook, now).await?;
        deployment.world.settle().await?;
        Ok(rebuilt)
    }

    async fn rebuild(
        &self,
        store: &Store,
        ledger: &str,
        playbook: &Playbook,
        now: Timestamp,
    ) -> Result<Rebuilt, Failure> {
        let bar = progress(0, "reading");
        let mut show = |what: &'static str, done: usize, of: usize| {
            bar.set_message(what);
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        };
        let job = Job { store, ledger, playbook, now };
        let rebuilt = if self.apply {
            let (before, mended) = job.apply(&mut show).await?;
            Rebuilt { before, mended: Some(mended) }
        } else {
            Rebuilt { before: job.compare(&mut show).await?, mended: None }
        };
        bar.finish_and_clear();
        Ok(rebuilt)
    }

    fn print(&self, rebuilt: &Rebuilt) -> Result<(), Failed> {
        if self.json {
            print_json(rebuilt)?;
        } else {
            say(&rebuilt.before)?;
            if let Some(mended) = rebuilt.mended.as_ref().filter(|mended| **mended != unchanged(&rebuilt.before)) {
                say(mended)?;
            }
        }
        let last = rebuilt.mended.as_ref().map_or(&rebuilt.before, |mended| &mended.after);
        let unreadable: usize = last.products.values().map(|line| line.unreadable).sum();
        if unreadable > 0 {
            let what = "error: interests that cannot be read are left alone: a newer version of Perennial wrote them, or they are damaged";
            return Err(Failed(vec![format!("{what} ({unreadable})")]));
        }
        match (last.is_equal(), self.apply) {
            (true, _) => Ok(()),
            (false, false) => Err(Failed(vec!["facts and ledger differ: --apply mends them".to_owned()])),
            (false, true) => {
                Err(Failed(vec!["facts and ledger still differ: run it again, or see the log".to_owned()]))
            }
        }
    }
}

/// The world itself, which nobody else may serve meanwhile.
pub(super) async fn open_world(data: &DataFolder, playbook: Arc<Playbook>) -> Result<Deployment, Failed> {
    prepare(data, false)?;
    let options = Options {
        playbook,
        store: Kept::File(data.database()),
        clock: ClockHandle::standing_at(Timestamp::UNIX_EPOCH),
        webhook_secrets: LOCAL_WEBHOOK_SECRET.into(),
        public_url: local_url(),
        tally: Tally::open(data.tally())?,
    };
    Ok(Deployment::open(options).await?)
}

/// What mending says when there was nothing to mend.
fn unchanged(before: &Comparison) -> Mended {
    Mended { added: 0, removed: 0, told: 0, after: before.clone() }
}
