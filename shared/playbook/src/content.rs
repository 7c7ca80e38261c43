//! The content folder: the layout, and for each piece its front matter, its MJML and its text, and those of its editions.
//!
//! Owns what a piece is made of, on disk and once it is read. Never looks at `playbook.toml`: whether the product
//! that a piece names exists is for [`crate::check`].

mod edition;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use perennial_domain::nurture::{Edition, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::links;
use crate::mjml;
use crate::problem::{Findings, Page, Place, quoted};
use crate::render::{self, LAYOUT_VARIABLES, Part, VARIABLES};
use crate::source;

pub use edition::EditionFront;
use edition::Layouts;
pub(crate) use edition::{EditionDraft, not_an_edition};

/// Where the content lies within the folder.
pub(crate) const FOLDER: &str = "content";
/// The file name of the layout, without its ending.
const LAYOUT: &str = "layout";
/// Where a piece goes within the layout.
const MARKER: &str = "<!-- piece -->";
/// Mail readers cut what is longer; the largest of them at 102 KB.
const MOST_HTML_BYTES: usize = 100_000;

/// What stands above a piece's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontMatter {
    /// The subject, a template.
    pub subject: String,
    /// What inboxes show after the subject, a template.
    pub preview: String,
    /// What the piece wants.
    pub kind: PieceKind,
    /// The product it is about.
    pub product: String,
    /// Where in the story it belongs.
    pub stage: Stage,
    /// The asset that its main link leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// The personas for whom it counts in the coverage grid; all if it names none. Who receives it is decided by the stream's
    /// `audience`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personas: Vec<String>,
    /// The pieces in whose place it stands: whoever received one of them does not get this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
}

/// What a piece wants from its reader, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PieceKind {
    /// Teaches.
    Educational,
    /// Offers something light.
    Soft,
    /// Asks for the sale.
    Hard,
}

impl From<PieceKind> for Kind {
    fn from(kind: PieceKind) -> Self {
        match kind {
            PieceKind::Educational => Self::Educational,
            PieceKind::Soft => Self::Soft,
            PieceKind::Hard => Self::Hard,
        }
    }
}

/// Where in the story from awareness to conversion something belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Awareness.
    Early,
    /// Consideration.
    Middle,
    /// Decision.
    Late,
}

impl Stage {
    /// All of them, in the order of the story.
    pub const ALL: [Self; 3] = [Self::Early, Self::Middle, Self::Late];

    /// The name in the playbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Middle => "middle",
            Self::Late => "late",
        }
    }
}

/// A piece as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Its file, relative to the folder.
    pub file: PathBuf,
    /// Its front matter, if that could be read.
    pub front: Option<FrontMatter>,
    /// On which line each field of the front matter stands.
    pub lines: BTreeMap<String, usize>,
    /// The HTML within the layout, variables still in place.
    pub html: Option<String>,
    /// The text part.
    pub text: Option<String>,
    /// Its translations and variants.
    pub editions: BTreeMap<Edition, EditionDraft>,
}

impl Draft {
    /// The place of a field of the front matter.
    pub fn at(&self, field: &str) -> Place {
        Place { file: self.file.clone(), line: self.lines.get(field).copied() }
    }
}

/// Pieces by id.
pub(crate) type Drafts = BTreeMap<String, Draft>;

/// Reads the content of a playbook's folder.
pub(crate) fn read(folder: &Path, findings: &mut Findings) -> Drafts {
    let files = list(folder, findings);
    let layouts = Layouts::read(folder, &files, findings);
    let layout = layouts.of(&Edition::default());
    let mut drafts = Drafts::new();
    let mut editions = Vec::new();
    for (stem, ending) in files {
        let file = path(&stem, &ending);
        match ending.as_str() {
            "mjml" if stem.split('.').next() == Some(LAYOUT) => {}
            "mjml" if stem.contains('.') => editions.push(stem),
            "mjml" => {
                if let Some(text) = read_file(folder, &file, findings) {
                    let draft =
                        Draft { text: read_text(folder, &stem, findings), ..read_piece(file, &text, layout, findings) };
                    drafts.insert(stem, draft);
                }
            }
            "txt" if !folder.join(path(&stem, "mjml")).is_file() => {
                findings.error(Place::file(file), format!("a text part without its piece: {stem}.mjml is missing"));
            }
            _ => {}
        }
    }
    for stem in editions {
        edition::read(folder, &stem, &layouts, &mut drafts, findings);
    }
    drafts
}

fn path(stem: &str, ending: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{stem}.{ending}"))
}

/// The files of the content folder as (stem, ending), in order.
fn list(folder: &Path, findings: &mut Findings) -> Vec<(String, String)> {
    let entries = match fs::read_dir(folder.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) => {
            findings.error(Place::file(FOLDER), format!("the folder cannot be read: {error}"));
            return Vec::new();
        }
    };
    let mut names: Vec<(String, String)> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let (stem, ending) = name.rsplit_once('.')?;
            Some((stem.to_owned(), ending.to_owned()))
        })
        .collect();
    names.sort();
    names
}

/// Reads a file of the folder as text, with lines ended in one way.
pub(crate) fn read_file(folder: &Path, file: &Path, findings: &mut Findings) -> Option<String> {
    fs::read_to_string(folder.join(file))
        .map_err(|error| {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => "is missing".to_owned(),
                _ => format!("cannot be read: {error}"),
            };
            findings.error(Place::file(file), reason);
        })
        .ok()
        // Editors on Windows end lines with two characters; the same content must make the same version.
        .map(|text| text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}

/// The text around a piece.
struct Layout {
    before: String,
    after: String,
}

impl Layout {
    fn around(&self, body: &str) -> String {
        format!("{}{body}{}", self.before, self.after)
    }
}

fn check_layout(file: &Path, text: &str, findings: &mut Findings) -> Option<Layout> {
    let page = Page { file, text, first_line: 1 };
    let Some((before, after)) = text.split_once(MARKER) else {
        findings.error(page.at(0), format!("the line {MARKER} is missing: there is no place for a piece"));
        return None;
    };
    if let Some(second) = after.find(MARKER) {
        let place = page.at(before.len() + MARKER.len() + second);
        findings.error(place, format!("{MARKER} stands here a second time"));
        return None;
    }
    let layout = Layout { before: before.to_owned(), after: after.to_owned() };
    // As long as the marker, so that places in the document are places in the file.
    let empty = " ".repeat(MARKER.len());
    let whole = layout.around(&empty);
    let sound = mjml::check_elements(Page { text: &whole, ..page }, mjml::Top::Document, findings);
    let filled = try_template(page, Part::Text, true, findings);
    if !sound || filled.is_none() {
        return None;
    }
    let html = mjml::to_html(&whole, |offset| page.at(offset), findings)?;
    let filled = render::try_out(&html, Part::Html, true).ok()?;
    let sample = render::sample();
    for (name, url) in [("unsubscribe_url", &sample.unsubscribe_url), ("preferences_url", &sample.preferences_url)] {
        if !filled.contains(&format!("href=\"{url}\"")) {
            findings.error(page.at(0), format!("no link leads to {{{{ {name} }}}}"));
        }
    }
    if !filled.contains(&sample.postal_address) {
        findings.error(page.at(0), "{{ postal_address }} is missing");
    }
    if !filled.contains("Sample preview") {
        findings.warn(page.at(0), "{{ preview }} is missing: no inbox will show the preview of a piece");
    }
    Some(layout)
}

fn read_piece(file: PathBuf, text: &str, layout: Option<&Layout>, findings: &mut Findings) -> Draft {
    let mut draft = Draft { file, ..Draft::default() };
    let Some((front, body)) = split(&mut draft, text, findings) else { return draft };
    match toml::from_str::<FrontMatter>(front) {
        Ok(front) => {
            check_words(&draft, &front.subject, &front.preview, findings);
            draft.front = Some(front);
        }
        Err(error) => source::note(Page { file: &draft.file, text: front, first_line: 2 }, &error, 0, findings),
    }
    draft.html = read_body(Page { file: &draft.file, text: body.0, first_line: body.1 }, layout, findings);
    draft
}

/// The front matter, and the body with the line on which it begins; the places of the front matter's fields are kept.
fn split<'a>(draft: &mut Draft, text: &'a str, findings: &mut Findings) -> Option<(&'a str, (&'a str, usize))> {
    let parts = text.strip_prefix("+++\n").and_then(|rest| rest.split_once("\n+++\n"));
    let Some((front, body)) = parts else {
        let reason = "a piece begins with its front matter between two lines of +++";
        findings.error(Place::line(&draft.file, 1), reason);
        return None;
    };
    draft.lines = front
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((line.split_once('=')?.0.trim().to_owned(), index + 2)))
        .collect();
    Some((front, (body, 2 + front.lines().count() + 1)))
}

fn check_words(draft: &Draft, subject: &str, preview: &str, findings: &mut Findings) {
    for (field, part, template) in [("subject", Part::Subject, subject), ("preview", Part::Preview, preview)] {
        let place = draft.at(field);
        let first_line = place.line.unwrap_or(1);
        if template.trim().is_empty() {
            findings.error(place, format!("the {field} is empty"));
        }
        try_template(Page { file: &draft.file, text: template, first_line }, part, false, findings);
    }
}

fn read_body(body: Page<'_>, layout: Option<&Layout>, findings: &mut Findings) -> Option<String> {
    let elements_are_sound = mjml::check_elements(body, mjml::Top::Piece, findings);
    let template_is_sound = try_template(body, Part::Text, false, findings).is_some();
    layout.filter(|_| elements_are_sound && template_is_sound).and_then(|layout| compose(layout, body, findings))
}

/// Puts a piece into the layout and turns both into HTML.
fn compose(layout: &Layout, body: Page<'_>, findings: &mut Findings) -> Option<String> {
    // The layout is sound by itself: whatever is wrong with both together is the piece's.
    let place = |offset: usize| body.at(offset.saturating_sub(layout.before.len()).min(body.text.trim_end().len()));
    let html = mjml::to_html(&layout.around(body.text), place, findings)?;
    match render::try_out(&html, Part::Html, true) {
        Ok(filled) => {
            check_links(body, &filled, findings);
            warn_of_untracked(body, &html, Part::Html, &filled, findings);
        }
        Err(faults) => {
            for fault in faults {
                findings.error(body.at(0), format!("after the MJML has become HTML, {}", fault.reason));
            }
        }
    }
    if html.len() > MOST_HTML_BYTES {
        let reason = format!(
            "{} KB of HTML: mail readers cut a mail at 102 KB, and the unsubscribe link with it",
            html.len() / 1000
        );
        findings.warn(body.at(0), reason);
    }
    Some(html)
}

/// A link that leads nowhere is found here, and not by whoever presses it.
fn check_links(page: Page<'_>, filled: &str, findings: &mut Findings) {
    for href in links::unusable(filled) {
        let shown = href.replacen(&render::sample().site, "{{ site }}", 1);
        let offset = page.text.find(&format!("\"{shown}\"")).unwrap_or(0);
        let reason = format!(
            "the link {} leads nowhere: write https:// and a host (or {{{{ site }}}}), mailto: or tel:",
            quoted(&shown)
        );
        findings.error(page.at(offset), reason);
    }
}

/// A link is tracked if everybody gets it.
fn warn_of_untracked(page: Page<'_>, source: &str, part: Part, filled: &str, findings: &mut Findings) {
    for link in links::for_some_readers(source, part, filled) {
        let shown = link.replacen(&render::sample().site, "{{ site }}", 1);
        let offset = shown.rsplit('}').next().and_then(|end| page.text.find(end)).unwrap_or(0);
        let reason = format!(
            "the link {} stands under a condition, and not everybody gets it: a click on it is neither tracked nor counted. Put the \
             condition around the words, and the link outside",
            quoted(&shown)
        );
        findings.warn(page.at(offset), reason);
    }
}

fn read_text(folder: &Path, stem: &str, findings: &mut Findings) -> Option<String> {
    let file = path(stem, "txt");
    let text = read_file(folder, &file, findings)?;
    let page = Page { file: &file, text: &text, first_line: 1 };
    let filled = try_template(page, Part::Text, false, findings)?;
    warn_of_untracked(page, &text, Part::Text, &filled, findings);
    let sample = render::sample();
    for (name, value) in [
        ("unsubscribe_url", &sample.unsubscribe_url),
        ("preferences_url", &sample.preferences_url),
        ("postal_address", &sample.postal_address),
    ] {
        if !filled.contains(value.as_str()) {
            findings.error(page.at(0), format!("{{{{ {name} }}}} is missing from the text part"));
        }
    }
    Some(text)
}

/// Fills a template with sample values and notes what is wrong with it.
fn try_template(page: Page<'_>, part: Part, in_layout: bool, findings: &mut Findings) -> Option<String> {
    let faults = match render::try_out(page.text, part, in_layout) {
        Ok(filled) => return Some(filled),
        Err(faults) => faults,
    };
    let more = if in_layout { &LAYOUT_VARIABLES[..] } else { &[] };
    for fault in faults {
        let problem = findings.error(Place::line(page.file, page.first_line + fault.line - 1), fault.reason);
        if let Some(unknown) = fault.unknown {
            problem.did_you_mean(&unknown, VARIABLES.iter().chain(more).copied());
        }
    }
    None
}
