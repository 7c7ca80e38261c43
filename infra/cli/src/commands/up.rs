//! `perennial up`: the local world.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use perennial::account::{Account, Rows};
use perennial::data::DataFolder;
use perennial::deployment::{Deployment, LOCAL_WEBHOOK_SECRET, Options};
use perennial::example::{self, Story};
use perennial::page::{self, Try};
use perennial::secret::Secret;
use perennial::tally::Tally;
use perennial::{highlights, quarantine};
use perennial_local::{ClockHandle, Store};
use tokio::net::TcpListener;

use super::{EXIT_CODES, Failed, called, load_playbook, playbook_folder, prepare, print_json, progress};

/// Start the local world, play the example through every function, show what happened, keep serving.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Up {
    /// Stop when the example has been played and reported.
    #[arg(long)]
    once: bool,
    /// Forget what an earlier run left behind.
    #[arg(long)]
    fresh: bool,
    /// Port on 127.0.0.1; 0 takes any free one.
    #[arg(long, default_value_t = super::PORT)]
    port: u16,
    /// Folder for state that survives a restart [default: .perennial/up].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Start empty: no example world, no scenario.
    #[arg(long)]
    no_example: bool,
    /// Secrets to believe webhooks by, `whsec_` and base64, separated by spaces [default: a public one, for this machine only].
    #[arg(long, value_name = "SECRET")]
    webhook_secret: Option<Secret>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// First day of the example, a date [default: six weeks ago, at the start of a two-week cycle].
    #[arg(long, value_name = "DATE")]
    start: Option<Date>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Up {
    pub async fn run(self) -> Result<(), Failed> {
        let folder = playbook_folder(self.playbook.clone());
        let playbook = load_playbook(&folder)?;
        let data = DataFolder::of(self.data.as_deref(), "up");
        // First the port: nothing is forgotten for a world that cannot be served.
        let listener = if self.once { None } else { Some(listen(self.port).await?) };
        let interrupted = data.unfinished_example();
        prepare(&data, self.fresh || interrupted.exists())?;
        let port =
            listener.as_ref().map_or(Ok(self.port), |listener| listener.local_addr().map(|address| address.port()))?;
        let url = format!("http://127.0.0.1:{port}");
        let wall = Timestamp::now();
        let start = match self.start {
            Some(date) => date.to_zoned(TimeZone::UTC)?.timestamp(),
            None => example::start_before(wall),
        };
        let play = !self.no_example && !data.database().exists();
        if play {
            std::fs::write(&interrupted, "")?;
        }
        if !play && self.start.is_some() {
            eprintln!("note: --start is for a new example; this world has begun already (--fresh begins anew)");
        }
        let first = if self.no_example { wall } else { start };
        let options = Options {
            playbook,
            store: Store::File(data.database()),
            clock: ClockHandle::standing_at(first),
            webhook_secrets: self.webhook_secret.clone().unwrap_or_else(|| LOCAL_WEBHOOK_SECRET.into()),
            public_url: url.clone(),
            tally: Tally::open(data.tally())?,
        };
        let deployment = Deployment::open(options).await?;
        if play {
            let story = Story::read(&folder.join("example"))?;
            let bar = progress(story.len(), "playing six weeks");
            story.play(&deployment, start, |done| bar.set_position(done as u64)).await?;
            let end = start + jiff::SignedDuration::from_hours(24 * example::DAYS);
            deployment.world.advance_to(end, |_| {}).await?;
            std::fs::remove_file(&interrupted)?;
            bar.finish_and_clear();
        }
        let released = quarantine::replay_all(&deployment).await?;
        let rows = Rows::read(&deployment).await?;
        let account = Account::from_rows(&deployment, &rows)?;
        if self.json {
            print_json(&account)?;
        } else {
            if released > 0 {
                println!("{released} engagements left quarantine: the playbook understands them now");
            }
            let began = rows.ledger.iter().map(|entry| entry.received_at).min();
            let began = began.map_or(start, perennial_domain::interest::instant);
            print_account(&deployment, &rows, &account, began);
        }
        let Some(listener) = listener else { return Ok(()) };
        self.serve(deployment, listener, &url).await
    }

    /// Catches up with the wall's time and serves until it is interrupted.
    async fn serve(&self, deployment: Deployment, listener: TcpListener, url: &str) -> Result<(), Failed> {
        let wall = Timestamp::now();
        if deployment.world.clock().now() < wall {
            let days = (wall.as_second() - deployment.world.clock().now().as_second()) / 86_400;
            let bar = progress(days.max(1) as usize, "catching up with today");
            let from = deployment.world.clock().now().as_second();
            deployment
                .world
                .advance_to(wall, |tick| bar.set_position(((tick.at.as_second() - from) / 86_400) as u64))
                .await?;
            bar.finish_and_clear();
        }
        let rows = Rows::read(&deployment).await?;
        let account = Account::from_rows(&deployment, &rows)?;
        let offer: Option<Try> = page::offer(&deployment, &rows, &account, url, wall);
        if !self.json {
            println!("DESK     {url}/desk");
            if offer.is_some() {
                println!("TRY      {}   (watch {url})", page::curl(url));
            } else {
                println!("WATCH    {url}");
            }
        }
        let router = page::router(deployment.clone(), offer);
        tokio::select! {
            served = deployment.world.serve(listener, router) => served?,
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
        Ok(())
    }
}

async fn listen(port: u16) -> Result<TcpListener, Failed> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        Failed(vec![format!("error: 127.0.0.1:{port}: {error} (choose another with --port, or --port 0)")])
    })
}

fn print_account(deployment: &Deployment, rows: &Rows, account: &Account, began: Timestamp) {
    for line in highlights::lines(deployment, rows, account, began) {
        println!("{line}");
    }
    let engagements = account.engagements;
    println!(
        "TOTAL    by day {}: {} engagements = {} counted + {} duplicates + {} quarantined; {} leads ({} Act Now), {} held; {} emails, {} reasons for silence; {} reminders",
        (account.now.as_second() - began.as_second()) / 86_400,
        engagements.received,
        engagements.counted,
        engagements.duplicates,
        engagements.quarantined,
        account.leads.len(),
        account.leads.iter().filter(|lead| lead.priority == "act-now").count(),
        account.held.len(),
        account.emails.len(),
        account.silences.len(),
        account.escalations.len(),
    );
    let (threshold, now, raised) = highlights::what_if(deployment, rows, account.now);
    if let Some(lead) = highlights::best_told(rows) {
        println!("WHY      {} explain {} {}", called(), lead.contact, lead.product);
        println!("WHAT IF  threshold {threshold}? {now} leads → {raised}");
    }
    println!("GOAL     {}", highlights::goal(&deployment.playbook.goals, &deployment.playbook.currency));
}
