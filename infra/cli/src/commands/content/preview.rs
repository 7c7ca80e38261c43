//! `perennial content preview`: one piece for one reader.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use perennial::browser::Browser;
use perennial::data::DataFolder;
use perennial::deployment::Deployment;
use perennial::gallery::{self, VIEWS};
use perennial_domain::ids::{ContactId, PieceId};
use perennial_platform::identity::{self, Resolved};
use perennial_playbook::{Piece, Playbook, Reader};
use send_nurture_email::compose;
use serde_json::json;

use super::{Camera, no_browser};
use crate::commands::explain::nearest;
use crate::commands::{Failed, load_playbook, playbook_folder, print_json, say};

/// What `content preview` is asked.
#[derive(Args, Debug)]
pub struct Preview {
    /// The piece.
    piece: String,
    /// A contact of a local world, by id.
    #[arg(long, value_name = "ID", conflicts_with_all = ["first_name", "company"])]
    contact: Option<String>,
    /// What a reader who does not exist is called.
    #[arg(long, value_name = "NAME", default_value = "Alex")]
    first_name: String,
    /// Where that reader works.
    #[arg(long, value_name = "NAME", default_value = "Sample Company")]
    company: String,
    /// Folder to write to.
    #[arg(long, value_name = "DIR", default_value = ".perennial/preview")]
    out: PathBuf,
    #[command(flatten)]
    camera: Camera,
    /// Folder of the world [default: the worlds below .perennial].
    #[arg(long, value_name = "DIR", requires = "contact")]
    data: Option<PathBuf>,
    /// Playbook folder or compiled bundle [default: infra/playbook].
    #[arg(long, value_name = "DIR")]
    playbook: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Preview {
    pub async fn run(self) -> Result<ExitCode, Failed> {
        let playbook = load_playbook(&playbook_folder(self.playbook.clone()))?;
        let piece = find(&playbook, &self.piece)?;
        let browser = self.camera.find()?;
        let letter = gallery::letter(&playbook, piece, &self.reader(&playbook, piece).await?)?;
        std::fs::create_dir_all(&self.out).map_err(|error| unwritable(&self.out, &error))?;
        let file = |ending: &str| self.out.join(format!("{}.{ending}", piece.id));
        let (html, text) = (file("html"), file("txt"));
        std::fs::write(&html, &letter.html).map_err(|error| unwritable(&html, &error))?;
        std::fs::write(&text, &letter.text).map_err(|error| unwritable(&text, &error))?;
        let shot = match browser {
            Some(path) => Some(gallery::take(&mut Browser::start(&path)?, &letter, VIEWS[0], file("png"))?),
            None => None,
        };
        let problems = shot.as_ref().map(|shot| shot.problems.as_slice()).unwrap_or_default();
        let picture = shot.as_ref().map(|shot| shot.file.as_path());
        if self.json {
            print_json(
                &json!({"piece": piece.id.as_str(), "subject": letter.subject, "html": html, "text": text, "picture": picture,
                               "problems": problems}),
            )?;
        } else {
            say(format_args!("subject  {}\n", letter.subject))?;
            for (what, file) in [("html", Some(html.as_path())), ("text", Some(text.as_path())), ("picture", picture)] {
                file.map(|file| say(format_args!("{what:<8} {}\n", file.display()))).transpose()?;
            }
            problems.iter().try_for_each(|problem| say(format_args!("problem  {problem}\n")))?;
        }
        Ok(if shot.is_some() { ExitCode::SUCCESS } else { no_browser() })
    }

    async fn reader(&self, playbook: &Arc<Playbook>, piece: &Piece) -> Result<Reader, Failed> {
        let Some(id) = &self.contact else {
            return Ok(gallery::sample_reader(playbook, piece, &self.first_name, &self.company));
        };
        for folder in DataFolder::existing(self.data.as_deref()) {
            // A copy: the world may be served by another process.
            let copy = folder.snapshot()?;
            let deployment = Deployment::open_copy(Arc::clone(playbook), &copy).await?;
            let store = &deployment.store;
            let asked = ContactId::from(id.as_str());
            let contact = match identity::resolve(store, &asked).await? {
                Resolved::Same => asked,
                Resolved::Into(into) => into,
                Resolved::Erased => continue,
            };
            let Some(person) = store.contact(&contact).await?.contact(&contact) else { continue };
            let account = match &person.account {
                Some(account) => store.account(account).await?,
                None => None,
            };
            let reader = compose::reader(playbook, Some(&person), account.as_ref(), &piece.product);
            return Ok(gallery::for_preview(reader));
        }
        Err(Failed(vec![format!("error: nothing is known of {id} in a local world: run `perennial up` first")]))
    }
}

fn find<'a>(playbook: &'a Playbook, id: &str) -> Result<&'a Piece, Failed> {
    playbook.piece(&PieceId::from(id)).ok_or_else(|| {
        let near = nearest(id, playbook.pieces().map(|piece| piece.id.as_str()));
        Failed(vec![format!("error: the playbook has no piece \"{id}\"{near}")])
    })
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failed {
    Failed(vec![format!("error: {}: {error}", path.display())])
}
