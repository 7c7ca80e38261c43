//! `perennial report`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use perennial::highlights::{goal, grouped};
use perennial::silences::silences;
use perennial_domain::funnel::{self, Plan};
use serde_json::json;

use super::place::Place;
use super::{EXIT_CODES, Failed, load_playbook, playbook_folder, print_json, progress, say};

/// Reports.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// From a revenue goal back to the MQLs it needs.
    Funnel(Funnel),
    /// What became of all slots: mails by stream, and silences by reason.
    Silence(Silence),
}

/// From a revenue goal back to the MQLs it needs. What is not given is taken from the playbook's goals.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Funnel {
    /// Revenue wanted, in cents.
    #[arg(long)]
    revenue_cents: Option<u64>,
    /// What one win brings on average, in cents.
    #[arg(long)]
    average_price_cents: Option<u64>,
    /// Opportunities that are won, in percent.
    #[arg(long)]
    win_rate_percent: Option<u64>,
    /// SQLs that become opportunities, in percent.
    #[arg(long)]
    opportunity_rate_percent: Option<u64>,
    /// MQLs that become SQLs, in percent.
    #[arg(long)]
    sql_rate_percent: Option<u64>,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// What became of all slots: mails by stream, and silences by reason. Slots = sends + reasons.
///
/// It reads the whole state table.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Silence {
    /// The first date of the slots [default: all].
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// The last date of the slots [default: all].
    #[arg(long, value_name = "DATE")]
    to: Option<Date>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub async fn run(self) -> Result<(), Failed> {
        match self {
            Self::Funnel(funnel) => funnel.run(),
            Self::Silence(silence) => silence.run().await,
        }
    }
}

impl Silence {
    async fn run(self) -> Result<(), Failed> {
        let playbook = self.place.playbook()?;
        // The first of the worlds on this machine is that of `up`; another is named by --data.
        let Some(candidate) = self.place.candidates()?.into_iter().next() else { return Ok(()) };
        let opened = candidate.open(&playbook).await?;
        let bar = progress(0, "reading slots");
        let mut shown = |_: &'static str, done: usize, of: usize| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        };
        let counted = silences(&opened.store, self.from, self.to, &mut shown).await?;
        bar.finish_and_clear();
        if self.json { print_json(&counted) } else { say(counted) }
    }
}

impl Funnel {
    fn run(self) -> Result<(), Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook))?;
        let goals = &playbook.goals;
        let plan = Plan {
            revenue_cents: self.revenue_cents.unwrap_or(goals.revenue_cents),
            average_price_cents: self.average_price_cents.unwrap_or(goals.average_price_cents),
            win_rate_percent: self.win_rate_percent.unwrap_or(goals.win_rate_percent),
            opportunity_rate_percent: self.opportunity_rate_percent.unwrap_or(goals.opportunity_rate_percent),
            sql_rate_percent: self.sql_rate_percent.unwrap_or(goals.sql_rate_percent),
        };
        let needed = funnel::reverse(&plan)?;
        if self.json {
            return print_json(&json!({
                "currency": playbook.currency, "revenue_cents": plan.revenue_cents, "average_price_cents": plan.average_price_cents,
                "win_rate_percent": plan.win_rate_percent, "opportunity_rate_percent": plan.opportunity_rate_percent,
                "sql_rate_percent": plan.sql_rate_percent, "wins": number(needed.wins)?, "opportunities": number(needed.opportunities)?,
                "pipeline_cents": number(needed.pipeline_cents)?, "sqls": number(needed.sqls)?, "mqls": number(needed.mqls)?,
            }));
        }
        println!("{}", goal(&plan, &playbook.currency));
        println!(
            "  average price {} {}, win rate {} %, SQL to opportunity {} %, MQL to SQL {} %",
            playbook.currency,
            grouped(u128::from(plan.average_price_cents) / 100),
            plan.win_rate_percent,
            plan.opportunity_rate_percent,
            plan.sql_rate_percent
        );
        Ok(())
    }
}

/// A figure as JSON holds it.
fn number(figure: u128) -> Result<u64, Failed> {
    u64::try_from(figure).map_err(|_| Failed(vec!["error: the goal is too large to report".to_owned()]))
}
