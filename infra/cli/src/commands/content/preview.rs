//! `perennial content preview`: one piece for one reader.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use perennial::browser::Browser;
use perennial::gallery::{self, VIEWS};
use perennial_domain::ids::PieceId;
use perennial_domain::nurture::Edition;
use perennial_playbook::{Piece, Playbook};
use serde_json::json;

use super::{Camera, Whom, no_browser};
use crate::commands::explain::nearest;
use crate::commands::place::Place;
use crate::commands::{Failed, print_json, say};

/// What `content preview` is asked.
#[derive(Args, Debug)]
pub struct Preview {
    /// The piece; a translation or variant as its file is named, `piece.de`. A contact gets the one that would be sent.
    piece: String,
    #[command(flatten)]
    whom: Whom,
    /// Folder to write to.
    #[arg(long, value_name = "DIR", default_value = ".perennial/preview")]
    out: PathBuf,
    #[command(flatten)]
    camera: Camera,
    #[command(flatten)]
    place: Place,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl Preview {
    pub async fn run(self) -> Result<ExitCode, Failed> {
        let playbook = self.place.playbook()?;
        let (piece, asked) = find(&playbook, &self.piece)?;
        let browser = self.camera.find()?;
        let (reader, edition) = self.whom.reader(&self.place, &playbook, (piece, asked)).await?;
        let letter = gallery::letter(&playbook, piece, &edition, &reader)?;
        std::fs::create_dir_all(&self.out).map_err(|error| unwritable(&self.out, &error))?;
        let file = |ending: &str| self.out.join(format!("{}.{ending}", letter.id));
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
                &json!({"piece": letter.id, "subject": letter.subject, "html": html, "text": text, "picture": picture,
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
}

/// The piece, and the edition if one was asked for.
pub(super) fn find<'a>(playbook: &'a Playbook, asked: &str) -> Result<(&'a Piece, Option<Edition>), Failed> {
    let (id, name) = asked.split_once('.').map_or((asked, None), |(id, name)| (id, Some(name)));
    let piece = playbook.piece(&PieceId::from(id)).ok_or_else(|| {
        let near = nearest(id, playbook.pieces().map(|piece| piece.id.as_str()));
        Failed(vec![format!("error: the playbook has no piece \"{id}\"{near}")])
    })?;
    let Some(name) = name else { return Ok((piece, None)) };
    let edition = Edition::named(name).filter(|edition| piece.editions().any(|known| known == edition));
    let edition = edition.ok_or_else(|| {
        let known: Vec<String> = piece.editions().map(ToString::to_string).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failed(vec![format!("error: piece \"{id}\" has no edition \"{name}\"; there is {known}")])
    })?;
    Ok((piece, Some(edition)))
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failed {
    Failed(vec![format!("error: {}: {error}", path.display())])
}
