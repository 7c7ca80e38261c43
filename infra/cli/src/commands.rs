//! The subcommands: arguments, progress and what is printed. What they show is computed in the library.

pub mod audience;
pub mod contact;
pub mod content;
pub mod cost;
pub mod doctor;
pub mod explain;
pub mod pause;
pub mod place;
pub mod playbook;
pub mod quarantine;
pub mod rebuild;
pub mod redrive;
pub mod replay;
pub mod report;
pub mod sending;
pub mod ses;
pub mod up;
pub mod webhook;
pub mod which;
pub mod why;

use std::fmt::Display;
use std::io::{ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use perennial::data::DataFolder;
use perennial_playbook::Playbook;
use serde::Serialize;

/// Said at the end of every help.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage";

/// A command could not do what it was asked: what to print on standard error.
#[derive(Debug)]
pub struct Failed(pub Vec<String>);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let mut line = format!("error: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            // Many errors repeat their source in their own words.
            if !line.contains(&cause.to_string()) {
                line.push_str(&format!(": {cause}"));
            }
            source = cause.source();
        }
        Self(vec![line])
    }
}

/// The folder of the world that was asked for, or of the one that `perennial up` keeps.
pub fn world_in(asked: Option<&Path>) -> Result<DataFolder, Failed> {
    let data = DataFolder::of(asked, "up");
    if data.database().exists() {
        return Ok(data);
    }
    let place = data.path().display();
    Err(Failed(vec![format!("error: there is no world in {place} yet: run `perennial up` first")]))
}

/// The playbook folder: the one that was asked for, or the example.
pub fn playbook_folder(asked: Option<PathBuf>) -> PathBuf {
    let here = Path::new("infra/playbook");
    asked.unwrap_or_else(|| {
        if here.is_dir() { here.to_path_buf() } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook") }
    })
}

/// Where the local world listens unless told otherwise.
pub const PORT: u16 = 7878;

/// Where links in the mails of a world lead that is not being served.
pub fn local_url() -> String {
    format!("http://127.0.0.1:{PORT}")
}

/// Makes a world's folder, and says which one if it cannot.
pub fn prepare(data: &DataFolder, fresh: bool) -> Result<(), Failed> {
    data.prepare(fresh).map_err(|error| Failed(vec![format!("error: {}: {error}", data.path().display())]))
}

/// Loads a playbook; every problem is a line.
pub fn load_playbook(folder: &Path) -> Result<Arc<Playbook>, Failed> {
    is_playbook(folder)?;
    Playbook::open(folder).map(Arc::new).map_err(|problems| Failed(problems.iter().map(ToString::to_string).collect()))
}

/// Whether there is a folder or a compiled playbook to read.
pub fn is_playbook(place: &Path) -> Result<(), Failed> {
    let shown = place.display();
    let compiled = place.extension().is_some_and(|ending| ending == "json");
    match place.metadata() {
        Err(_) => Err(Failed(vec![format!("error: there is no playbook at {shown}")])),
        Ok(found) if found.is_file() && !compiled => {
            Err(Failed(vec![format!("error: {shown} is a file: name the folder that holds playbook.toml")]))
        }
        Ok(_) => Ok(()),
    }
}

/// How this command was called, so that what is printed can be pasted.
pub fn called() -> &'static str {
    // Cargo says where it is to whatever it runs.
    if std::env::var_os("CARGO").is_some() { "cargo run --" } else { "perennial" }
}

/// Writes to standard output. Whoever has read enough and closes it, as `head` does, is no failure.
pub fn say(text: impl Display) -> Result<(), Failed> {
    match write!(stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints a value as one JSON document.
pub fn print_json(value: &impl Serialize) -> Result<(), Failed> {
    say(format_args!("{}\n", serde_json::to_string_pretty(value)?))
}

/// A progress bar on standard error; hidden where that is no terminal.
pub fn progress(length: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style).with_message(what)
}
