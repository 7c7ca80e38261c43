//! `perennial redrive`: dead letters, brought back to life.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_config::SdkConfig;
use clap::Args;
use perennial::redrive::{Fate, Outcome, Places, Queue};
use perennial::stack::Stack;
use perennial_platform::clock::Clock;
use serde_json::json;

use super::which::Which;
use super::{Failed, print_json, progress, say};

/// Said at the end of the help.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 something stays, failed or was not looked at (what, and why, is printed), or it failed as a whole, 2 wrong usage";

/// What a shell says of a command that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Bring dead letters back to life: mend the cause first, then redrive.
///
/// Mail and what became of it go back to their queues; events go on the bus again; what a stream's consumer gave up on is told again
/// by the ledger, which is read whole for it. A tick is only taken away, and it says which run makes up for it. Without --yes it says
/// what would be done and changes nothing. In AWS, region and credentials come from the environment.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Redrive {
    /// Which queue [default: all of them].
    #[arg(value_name = "QUEUE", value_enum)]
    queue: Option<Queue>,
    #[command(flatten)]
    which: Which,
    /// Really do it.
    #[arg(long)]
    yes: bool,
}

impl Redrive {
    pub async fn run(self) -> Result<ExitCode, Failed> {
        if let Some((config, stack)) = self.which.stack().await? {
            return self.redrive(&places(&config, &stack)?).await;
        }
        let world = self.which.world(self.which.playbook()?).await?;
        let code = self.redrive(&world.dead_letters().await).await?;
        if self.yes {
            world.world.settle().await?;
        }
        Ok(code)
    }

    async fn redrive(&self, places: &Places) -> Result<ExitCode, Failed> {
        let queues = self.queue.map_or_else(|| Queue::ALL.to_vec(), |queue| vec![queue]);
        let (mut outcomes, mut more, mut unread) = (Vec::new(), Vec::new(), Vec::new());
        let interrupted = Arc::clone(&places.interrupted);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupted.store(true, Ordering::Relaxed);
            }
            // Whoever cannot wait any longer: what was received stays hidden for some minutes.
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(INTERRUPTED);
            }
        });
        let bar = progress(0, "redriving");
        let mut show = |what: &'static str, done: usize, of: usize| {
            bar.set_message(what);
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        };
        for queue in queues {
            match places.redrive(queue, self.yes, &mut show).await {
                Ok(of_queue) => {
                    outcomes.extend(of_queue.outcomes);
                    more.extend(of_queue.more.then_some(queue));
                }
                Err(error) => unread.push(format!("error: {}: {error}", queue.logical_id())),
            }
        }
        bar.finish_and_clear();
        self.print(&outcomes, &more)?;
        if !unread.is_empty() {
            return Err(Failed(unread));
        }
        let all_redriven = outcomes.iter().all(|outcome| outcome.fate == Fate::Redriven);
        Ok(if all_redriven && more.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn print(&self, outcomes: &[Outcome], more: &[Queue]) -> Result<(), Failed> {
        if self.which.json {
            return print_json(&json!({"done": self.yes, "messages": outcomes, "more": more}));
        }
        // Many of a kind are one line; what stays is named, to be looked at.
        let mut lines: BTreeMap<(Queue, Fate, &str), Vec<&str>> = BTreeMap::new();
        for Outcome { queue, message, what, fate } in outcomes {
            lines.entry((*queue, *fate, what)).or_default().push(message);
        }
        for ((queue, fate, what), messages) in lines {
            say(format_args!("{:<28} {:>5}  {what}\n", queue.logical_id(), messages.len()))?;
            for message in messages.iter().filter(|_| fate != Fate::Redriven) {
                say(format_args!("{:<28} {:>5}  message {message}\n", "", ""))?;
            }
        }
        for queue in more {
            say(format_args!("{:<28}        may hold more: redrive again\n", queue.logical_id()))?;
        }
        match (outcomes.is_empty(), self.yes) {
            (true, _) if !more.is_empty() => Ok(()),
            (true, _) => say("there are no dead letters\n"),
            (false, true) => Ok(()),
            (false, false) => say("nothing was done: --yes does it\n"),
        }
    }
}

/// Where the letters of a stack are, and what they go back to.
fn places(config: &SdkConfig, stack: &Stack) -> Result<Places, Failed> {
    let url = |queue| Ok::<_, Failed>((queue, stack.resource(queue)?.to_owned()));
    Ok(Places {
        queues: aws_sdk_sqs::Client::new(config),
        url: Queue::logical_ids().map(url).collect::<Result<_, _>>()?,
        events: aws_sdk_eventbridge::Client::new(config),
        bus: stack.resource("EventBus")?.to_owned(),
        tables: aws_sdk_dynamodb::Client::new(config),
        ledger: stack.ledger_table()?.to_owned(),
        clock: Clock::system(),
        interrupted: Arc::default(),
    })
}
