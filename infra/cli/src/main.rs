//! The `perennial` command.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::Failed;

/// Customer marketing that can explain itself: the local world, and the questions one asks of it.
///
/// Without a subcommand it runs `up`.
#[derive(Debug, Parser)]
#[command(name = "perennial", version, args_conflicts_with_subcommands = true, after_help = commands::EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: commands::up::Up,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the local world, play the example through every function, show what happened, keep serving.
    Up(commands::up::Up),
    /// Play another tool's history through all functions, in virtual time.
    Replay(commands::replay::Replay),
    /// Write the hashed addresses of those who are in a stream or a segment, for ads.
    #[command(subcommand)]
    Audience(commands::audience::Command),
    /// Show on one screen whether a deployment needs a human, and what to do.
    Doctor(commands::doctor::Doctor),
    /// Explain a contact's scores, step by step.
    Explain(commands::explain::Explain),
    /// Show or erase everything that is held about a person.
    #[command(subcommand)]
    Contact(commands::contact::Command),
    /// See what mails look like.
    #[command(subcommand)]
    Content(commands::content::Command),
    /// Say what a deployment costs: the fixed charge of the month, and dollars a month by how much happens.
    Cost(commands::cost::Cost),
    /// Check, list, compile or try a playbook.
    #[command(subcommand)]
    Playbook(commands::playbook::Command),
    /// List, show, replay or drop events that were not understood.
    #[command(subcommand)]
    Quarantine(commands::quarantine::Command),
    /// Make the facts of every interest anew from the ledger, and compare.
    Rebuild(commands::rebuild::Rebuild),
    /// Bring dead letters back to life.
    Redrive(commands::redrive::Redrive),
    /// Stop mail to contacts until somebody resumes it.
    Pause(commands::pause::Pause),
    /// Let mail to contacts go on after a pause.
    Resume(commands::pause::Resume),
    /// Show the sending quota, what came back, and whether sending is paused.
    #[command(subcommand)]
    Sending(commands::sending::Command),
    /// Look at the sender in SES and DNS, and approve it for production.
    #[command(subcommand)]
    Ses(commands::ses::Command),
    /// Reports.
    #[command(subcommand)]
    Report(commands::report::Command),
    /// Try a webhook source by hand.
    #[command(subcommand)]
    Webhook(commands::webhook::Command),
    /// Say why somebody got no email: slot by slot, and what every stream has to say now.
    WhyNoEmail(commands::why::WhyNoEmail),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match arguments.command.unwrap_or(Command::Up(arguments.up)) {
        Command::Up(up) => up.run().await,
        Command::Replay(replay) => replay.run().await,
        Command::Audience(command) => command.run().await,
        Command::Doctor(doctor) => return ended(doctor.run().await),
        Command::Explain(explain) => explain.run().await,
        Command::Contact(command) => command.run().await,
        Command::Content(command) => return ended(command.run().await),
        Command::Cost(cost) => cost.run(),
        Command::Playbook(command) => command.run().await,
        Command::Quarantine(command) => command.run().await,
        Command::Rebuild(rebuild) => rebuild.run().await,
        Command::Redrive(redrive) => return ended(redrive.run().await),
        Command::Pause(pause) => pause.run().await,
        Command::Resume(resume) => resume.run().await,
        Command::Sending(command) => command.run().await,
        Command::Ses(command) => return ended(command.run().await),
        Command::Report(command) => command.run().await,
        Command::Webhook(command) => command.run().await,
        Command::WhyNoEmail(why) => why.run().await,
    };
    ended(done.map(|()| ExitCode::SUCCESS))
}

/// Says why a command has failed.
fn ended(done: Result<ExitCode, Failed>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(Failed(lines)) => {
            lines.iter().for_each(|line| eprintln!("{line}"));
            ExitCode::FAILURE
        }
    }
}
