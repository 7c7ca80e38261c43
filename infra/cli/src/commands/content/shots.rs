//! `perennial content shots`: every mail as pictures.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use perennial::gallery::{self, Shot, VIEWS};
use serde_json::json;

use super::preview::unwritable;
use super::{Camera, no_browser};
use crate::commands::{Failed, load_playbook, playbook_folder, print_json, progress, say};

/// What `content shots` is asked.
#[derive(Args, Debug)]
pub struct Shots {
    /// Folder to write to.
    #[arg(long, value_name = "DIR", default_value = ".perennial/shots")]
    out: PathBuf,
    /// Fail if a mail cannot be read well.
    #[arg(long)]
    check: bool,
    /// What the reader is called.
    #[arg(long, value_name = "NAME", default_value = "Alex")]
    first_name: String,
    /// Where the reader works.
    #[arg(long, value_name = "NAME", default_value = "Sample Company")]
    company: String,
    #[command(flatten)]
    camera: Camera,
    /// Playbook folder or compiled playbook [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Shots {
    pub fn run(self) -> Result<ExitCode, Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook.clone()))?;
        let letters = gallery::letters(&playbook, &self.first_name, &self.company)?;
        let Some(browser) = self.camera.find()? else { return Ok(no_browser()) };
        std::fs::create_dir_all(&self.out).map_err(|error| unwritable(&self.out, &error))?;
        let bar = progress(letters.len() * VIEWS.len(), "taking pictures");
        let shots = gallery::take_all(&browser, &letters, &self.out, || bar.inc(1))?;
        bar.finish_and_clear();
        let index = self.out.join("index.html");
        let page = gallery::index(&playbook.company.name, &letters, &shots);
        std::fs::write(&index, page).map_err(|error| unwritable(&index, &error))?;
        let problems: usize = shots.iter().map(|shot| shot.problems.len()).sum();
        if self.json {
            print_json(&json!({"mails": letters.len(), "index": index, "problems": problems, "shots": shots}))?;
        } else {
            for shot in &shots {
                lines(shot).try_for_each(say)?;
            }
            let place = index.display();
            say(format_args!("{} pictures of {} mails, {problems} problems: {place}\n", shots.len(), letters.len()))?;
        }
        if self.check && problems > 0 {
            return Err(Failed(vec!["error: not every mail can be read well".to_owned()]));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn lines(shot: &Shot) -> impl Iterator<Item = String> {
    let Shot { mail, width, scheme, problems, .. } = shot;
    problems.iter().map(move |problem| format!("{mail}, {width} px, {scheme}: {problem}\n"))
}
