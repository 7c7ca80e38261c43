//! `perennial redrive`: dead letters, brought back to life.

use std::path::PathBuf;

use clap::Args;
use perennial::redrive::{Outcome, Places, Queue};
use perennial::stack::Stack;
use perennial_platform::clock::Clock;
use perennial_platform::lambda;
use serde_json::json;

use super::rebuild::open_world;
use super::{EXIT_CODES, Failed, load_playbook, playbook_folder, print_json, say, world_in};

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
    /// Name of the stack in AWS.
    #[arg(long, value_name = "NAME", conflicts_with = "data")]
    stack: Option<String>,
    /// Folder of a world on this machine [default: .perennial/up].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Playbook folder or compiled bundle of the world [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Really do it.
    #[arg(long)]
    yes: bool,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Redrive {
    pub async fn run(self) -> Result<(), Failed> {
        let Some(name) = &self.stack else { return self.of_world().await };
        let config = lambda::config().await;
        let stack = Stack::read(&config, name).await?;
        let url = |queue: Queue| Ok::<_, Failed>((queue, stack.resource(queue.logical_id())?.to_owned()));
        let places = Places {
            queues: aws_sdk_sqs::Client::new(&config),
            url: Queue::ALL.into_iter().map(url).collect::<Result<_, _>>()?,
            events: aws_sdk_eventbridge::Client::new(&config),
            bus: stack.resource("EventBus")?.to_owned(),
            tables: aws_sdk_dynamodb::Client::new(&config),
            ledger: stack.ledger_table()?.to_owned(),
            clock: Clock::system(),
        };
        self.redrive(&places).await
    }

    async fn of_world(&self) -> Result<(), Failed> {
        let data = world_in(self.data.as_deref())?;
        let world = open_world(&data, load_playbook(&playbook_folder(self.playbook.clone()))?).await?;
        self.redrive(&world.dead_letters().await).await?;
        if self.yes {
            world.world.settle().await?;
        }
        Ok(())
    }

    async fn redrive(&self, places: &Places) -> Result<(), Failed> {
        let queues = self.queue.map_or_else(|| Queue::ALL.to_vec(), |queue| vec![queue]);
        let (mut outcomes, mut stopped) = (Vec::new(), None);
        for queue in queues {
            match places.redrive(queue, self.yes).await {
                Ok(of_queue) => outcomes.extend(of_queue),
                Err(error) => stopped = stopped.or(Some(error)),
            }
        }
        self.print(&outcomes)?;
        stopped.map_or(Ok(()), |error| Err(error.into()))
    }

    fn print(&self, outcomes: &[Outcome]) -> Result<(), Failed> {
        if self.json {
            return print_json(&json!({"done": self.yes, "messages": outcomes}));
        }
        for Outcome { queue, message, what, .. } in outcomes {
            let message = message.as_deref().unwrap_or("all");
            say(format_args!("{:<28} {message:<38} {what}\n", queue.logical_id()))?;
        }
        match (outcomes.is_empty(), self.yes) {
            (true, _) => say("there are no dead letters\n"),
            (false, true) => Ok(()),
            (false, false) => say("nothing was done: --yes does it\n"),
        }
    }
}
