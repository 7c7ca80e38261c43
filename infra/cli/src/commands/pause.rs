//! `perennial pause` and `perennial resume`: mail to contacts, stopped and let go on by hand.

use clap::Args;
use perennial_platform::sending::ByHand;
use serde_json::json;

use super::sending::Place;
use super::{EXIT_CODES, Failed, print_json, say};

/// The longest reason that is kept.
const LONGEST: usize = 500;

/// Stop mail to contacts until somebody resumes it. Mail to sales goes on.
///
/// What is due meanwhile waits, and is decided anew each hour. Who paused, when and why is shown by `perennial sending show`.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Pause {
    /// Why, for whoever finds mail paused.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    why: String,
    /// Who pauses [default: the user of this machine].
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Let mail to contacts go on after a pause, whoever made it.
///
/// If it had stopped by itself, the bounces and complaints until now are forgiven: find the cause first.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Resume {
    #[command(flatten)]
    place: Place,
}

/// A reason that says something.
fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("say why, for whoever finds mail paused".to_owned()),
        1..=LONGEST => Ok(text.to_owned()),
        _ => Err(format!("at most {LONGEST} characters")),
    }
}

/// Who is at this machine.
pub fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned())
}

impl Pause {
    pub async fn run(self) -> Result<(), Failed> {
        let line = self.place.line().await?;
        let by_hand = ByHand { why: self.why, by: self.by.unwrap_or_else(user), at: line.now };
        let paused = line.sending.pause(&by_hand).await?;
        if self.place.which.json {
            return print_json(&json!({"paused": paused}));
        }
        match paused {
            true => say("mail to contacts is paused; mail to sales goes on\n"),
            false => say("somebody has paused already: see perennial sending show\n"),
        }
    }
}

impl Resume {
    pub async fn run(self) -> Result<(), Failed> {
        let resumed = self.place.line().await?.sending.resume().await?;
        match (self.place.which.json, resumed) {
            (true, _) => print_json(&json!({"resumed": resumed})),
            (false, true) => say("sending goes on\n"),
            (false, false) => say("sending was not paused\n"),
        }
    }
}
