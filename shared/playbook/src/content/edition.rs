//! The files of editions: `piece.de.mjml` translates a piece, `piece.b.mjml` is a variant of it, `piece.b.de.mjml` both.
//!
//! Owns what an edition is made of. What its piece wants and for whom it is stands with the piece alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use perennial_domain::nurture::Edition;
use serde::{Deserialize, Serialize};

use super::{Draft, Drafts, Layout, check_layout, check_words, path, read_body, read_file, read_text, split};
use crate::problem::{Findings, Page, Place, quoted};
use crate::source;

/// What stands above the body of an edition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditionFront {
    /// The subject, a template.
    pub subject: String,
    /// What inboxes show after the subject, a template.
    pub preview: String,
}

/// An edition as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct EditionDraft {
    /// Its file, relative to the folder.
    pub file: PathBuf,
    /// Its front matter, if that could be read.
    pub front: Option<EditionFront>,
    /// The HTML within the layout, variables still in place.
    pub html: Option<String>,
    /// The text part.
    pub text: Option<String>,
}

/// The layout, and those of translations.
pub(super) struct Layouts {
    plain: Option<Layout>,
    by_language: BTreeMap<String, Option<Layout>>,
}

impl Layouts {
    /// Reads `layout.mjml` and, of these files, those that translate it.
    pub fn read(folder: &Path, stems: &[(String, String)], findings: &mut Findings) -> Self {
        let read = |stem: &str, findings: &mut Findings| {
            let file = path(stem, "mjml");
            read_file(folder, &file, findings).and_then(|text| check_layout(&file, &text, findings))
        };
        let plain = read(super::LAYOUT, findings);
        let mut by_language = BTreeMap::new();
        for (stem, _) in stems.iter().filter(|(_, ending)| ending == "mjml") {
            let Some((super::LAYOUT, name)) = stem.split_once('.') else { continue };
            match Edition::named(name).filter(|edition| edition.variant().is_none()) {
                Some(edition) => drop(by_language.insert(edition.to_string(), read(stem, findings))),
                None => {
                    let reason = format!("{} is not a language such as \"de\" or \"pt-br\"", quoted(name));
                    findings.error(Place::file(path(stem, "mjml")), reason);
                }
            }
        }
        Self { plain, by_language }
    }

    /// The layout of an edition: that of its language, if there is one.
    pub fn of(&self, edition: &Edition) -> Option<&Layout> {
        let own = edition.language().and_then(|language| self.by_language.get(language));
        own.map_or(self.plain.as_ref(), Option::as_ref)
    }
}

/// Reads the edition in the file of this stem (`piece.name`) and puts it to its piece.
pub(super) fn read(folder: &Path, stem: &str, layouts: &Layouts, drafts: &mut Drafts, findings: &mut Findings) {
    let file = path(stem, "mjml");
    let Some((id, name)) = stem.split_once('.') else { return };
    let Some(edition) = Edition::named(name) else {
        findings.error(Place::file(file), not_an_edition(name));
        return;
    };
    let Some(piece) = drafts.get_mut(id) else {
        findings.error(Place::file(file), format!("an edition without its piece: {id}.mjml is missing"));
        return;
    };
    let Some(text) = read_file(folder, &file, findings) else { return };
    let text_part = read_text(folder, stem, findings);
    let draft = read_parts(file, &text, layouts.of(&edition), findings);
    piece.editions.insert(edition, EditionDraft { text: text_part, ..draft });
}

/// Why a name is not that of an edition.
pub(crate) fn not_an_edition(name: &str) -> String {
    format!(
        "{} is neither a variant (b, c or d) nor a language such as \"de\" or \"pt-br\", nor both such as \"b.de\"",
        quoted(name)
    )
}

fn read_parts(file: PathBuf, text: &str, layout: Option<&Layout>, findings: &mut Findings) -> EditionDraft {
    let mut draft = Draft { file, ..Draft::default() };
    let Some((front, body)) = split(&mut draft, text, findings) else {
        return EditionDraft { file: draft.file, ..EditionDraft::default() };
    };
    let words = read_front(&draft, front, findings);
    let page = Page { file: &draft.file, text: body.0, first_line: body.1 };
    let html = read_body(page, layout, findings);
    EditionDraft { front: words, html, text: None, file: draft.file }
}

fn read_front(draft: &Draft, front: &str, findings: &mut Findings) -> Option<EditionFront> {
    let fields = toml::from_str::<toml::Table>(front).unwrap_or_default();
    let mut others = fields.keys().filter(|field| !["subject", "preview"].contains(&field.as_str())).peekable();
    if others.peek().is_some() {
        for field in others {
            let reason = format!(
                "{} cannot be said of a translation or a variant: it is the same piece, with a subject and a preview of its own",
                quoted(field)
            );
            findings.error(draft.at(field), reason);
        }
        return None;
    }
    match toml::from_str::<EditionFront>(front) {
        Ok(words) => {
            check_words(draft, &words.subject, &words.preview, findings);
            Some(words)
        }
        Err(error) => {
            source::note(Page { file: &draft.file, text: front, first_line: 2 }, &error, 0, findings);
            None
        }
    }
}
