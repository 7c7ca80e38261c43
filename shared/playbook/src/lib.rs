//! The playbook: everything a marketer decides, as one folder of text files under version control.
//!
//! This crate turns the folder into the rules that `perennial-domain` decides by, and says of a wrong one what is
//! wrong, where, and what was probably meant:
//!
//! ```text
//! playbook.toml:14: error: stream "x" names piece "analitics-1", which does not exist (did you mean "analytics-1"?)
//! ```
//!
//! ```no_run
//! use perennial_playbook::Playbook;
//!
//! // On the way to production: the folder is checked, its MJML becomes HTML, and one JSON document ships.
//! let bundle = Playbook::bundle("infra/playbook".as_ref()).expect("no errors");
//! let json = Playbook::compile(&bundle).expect("checked").to_json().expect("plain text");
//!
//! // In a function, once, when it starts.
//! let playbook = Playbook::from_compiled(json.as_bytes()).expect("checked when it was made");
//! println!("playbook {} sells {} products", playbook.version, playbook.products.len());
//! ```
//!
//! What this crate never does: read a clock or the environment, reach the network, send anything, run MJML in a
//! function, or repeat an address in a problem. The same files make the same [`Playbook::version`] on every machine.
//!
//! | module | owns |
//! |---|---|
//! | `source` | `playbook.toml` as it is written: names, defaults, places |
//! | `sources` | webhook sources: whom to believe, and what their events mean |
//! | `webhooks` | the files of webhook sources: their format, their checks |
//! | `content` | the content folder: front matter, bodies, text parts |
//! | `mjml` | whether MJML is sound; MJML becomes HTML here and nowhere else |
//! | `expression` | the small language of segments |
//! | `segments` | segments that name each other |
//! | `language` | the language that a mail says it is in |
//! | `links` | the links of a piece, and tracked ones in their place |
//! | `talk` | what is said in a call, and what was done, in words |
//! | `title` | the words by which titles are matched |
//! | `sending` | how mail goes out, and to whom off production |
//! | `unknown` | what a reader without a stated name is called |
//! | `written` | where a text stands within its quotes |
//! | `coverage` | how much content there is for whom |
//! | `check` | every rule that a playbook must keep |
//! | `compile` | from what is written to what ships, and from that to the domain's rules |
//! | `colour` | the colours of the pages, and how well they can be read |
//! | `render` | filling a piece for one reader |
//! | `bundle` | a playbook as it is written, and its version |
//! | `compiled` | what ships, and what a function reads |
//! | `places` | where each rule stands |
//! | `problem` | what is wrong, and how it is said |

mod bundle;
mod check;
mod colour;
mod compile;
mod compiled;
mod content;
mod coverage;
mod expression;
mod language;
mod links;
mod mjml;
mod places;
mod problem;
mod render;
mod segments;
mod sending;
mod source;
pub mod sources;
mod talk;
mod title;
mod unknown;
mod webhooks;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use perennial_domain::calendar::Calendar;
use perennial_domain::funnel::Plan;
use perennial_domain::ids::{AssetId, ContactId, PersonaId, PieceId, ProductId, RepId, StreamId, TopicId};
use perennial_domain::interest::InterestRules;
use perennial_domain::nurture::wishes::Frequency;
use perennial_domain::nurture::{Edition, Kind, NurtureRules, edition};
use perennial_domain::owner::OwnerRules;
use perennial_domain::qualify::QualifyRules;
use perennial_domain::segment::{Persona, Segment};
use perennial_domain::sla::Rung;

pub use bundle::{Bundle, BundledEdition, BundledPiece};
pub use check::is_address;
pub use colour::{BESIDE_ACCENT, BESIDE_ACCENT_DARK};
pub use compiled::Compiled;
pub use content::{EditionFront, FrontMatter, PieceKind, Stage};
pub use coverage::{Cell, Coverage, Row};
pub use places::{Places, Setting};
pub use problem::{Place, Problem, Severity};
pub use render::{LONGEST_NAME, LONGEST_SUBJECT, Reader, RenderError, Rendered, shown_name};
pub use sending::Sending;
pub use unknown::Unknown;
pub use webhooks::OUR_OWN;

use content::{Draft, Drafts, EditionDraft};
use problem::{Findings, Page};
use source::Reading;
use sources::Source;

/// The file that holds everything but the content.
const PLAYBOOK: &str = "playbook.toml";

/// A playbook, compiled. Immutable; share it in an `Arc`.
pub struct Playbook {
    /// Which playbook this is: the first 12 hex digits of the SHA-256 over its bundle.
    pub version: String,
    /// Who the mail comes from.
    pub company: Company,
    /// When the team works.
    pub calendar: Calendar,
    /// What is sold, in the order of the file.
    pub products: Vec<Product>,
    /// What interest is worth.
    pub interest: InterestRules,
    /// What makes a lead; holds fit.
    pub qualify: QualifyRules,
    /// Why a lead can be "not a fit", in the order in which it is shown; never empty.
    pub reject_reasons: Vec<String>,
    /// A question for the call with whoever has just done something with an asset.
    talk: BTreeMap<AssetId, String>,
    /// Streams and cadence.
    pub nurture: NurtureRules,
    /// The language of pieces that are not translations, if the playbook says.
    pub language: Option<String>,
    /// What readers are called of whom nothing was stated, by language.
    unknown: unknown::ByLanguage,
    /// What people can want mail about, in the order in which they are shown.
    topics: Vec<Topic>,
    /// What the preference centre offers besides.
    pub preferences: PreferenceCentre,
    /// How mail goes out, and to whom off production.
    pub sending: Sending,
    /// The SLA ladder, lowest rung first.
    pub ladder: Vec<Rung>,
    /// The address of the executive whom the last rungs name.
    pub executive: Option<String>,
    /// Reps and managers.
    pub reps: Vec<Rep>,
    /// Whose accounts are, and who works for a rep who is away.
    pub owners: OwnerRules,
    /// The plan of the reverse funnel.
    pub goals: Plan,
    /// The currency of the plan, three letters.
    pub currency: String,
    /// Where each rule stands.
    pub places: Places,
    /// Named groups of people, each with an expression that stands alone.
    pub segments: Vec<Segment>,
    /// The kinds of people one writes for; the first that fits is a person's.
    pub personas: Vec<Persona>,
    /// Whose webhooks are taken, by id. The native source is always there.
    pub sources: BTreeMap<String, Source>,
    coverage: Coverage,
    pieces: BTreeMap<PieceId, Piece>,
    templates: render::Templates,
}

/// The version only: a playbook holds addresses, and debug output ends in logs.
impl fmt::Debug for Playbook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playbook").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Who the mail comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// The company's name.
    pub name: String,
    /// `Name <address>` or an address.
    pub sender: String,
    /// The postal address that anti-spam law asks for.
    pub postal_address: String,
    /// The company's site.
    pub site: String,
    /// The colour of its name, links and buttons on its pages by day, such as `#1f6b52`.
    pub accent: String,
    /// The same by night.
    pub accent_dark: String,
}

/// What is sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Which.
    pub id: ProductId,
    /// Its name in front of people.
    pub name: String,
    /// What to say of it in a call, line by line.
    pub talk_track: Vec<String>,
}

/// Something that people can want mail about, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Which.
    pub id: TopicId,
    /// Its name in front of people.
    pub name: String,
    /// What one gets, in a sentence.
    pub description: String,
}

/// What the preference centre offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferenceCentre {
    /// The breaks that can be taken, in days, the shortest first.
    pub pause_days: Vec<i64>,
    /// How often mail can be wanted, the most frequent first.
    pub frequencies: Vec<Frequency>,
}

/// A sales representative or manager.
#[derive(Clone, PartialEq, Eq)]
pub struct Rep {
    /// Who.
    pub id: RepId,
    /// What people call them.
    pub name: String,
    /// Where mail reaches them.
    pub email: String,
    /// Whom the second rung tells.
    pub manager: Option<RepId>,
    /// Whether they get the weekly mail that helps to sell.
    pub weekly: bool,
}

/// Without name and address.
impl fmt::Debug for Rep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rep").field("id", &self.id).field("manager", &self.manager).finish_non_exhaustive()
    }
}

/// One email of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which.
    pub id: PieceId,
    /// The subject, as written.
    pub subject: String,
    /// What inboxes show after the subject, as written.
    pub preview: String,
    /// What it wants.
    pub kind: Kind,
    /// The product it is about.
    pub product: ProductId,
    /// Where in the story it belongs.
    pub stage: Stage,
    /// The asset that its main link leads to.
    pub asset: Option<AssetId>,
    /// The personas for whom it counts in the coverage grid; all if it names none. Who receives it is decided by the stream's
    /// `audience`.
    pub personas: Vec<PersonaId>,
    /// The links of each edition, the piece itself among them.
    links: BTreeMap<Edition, Vec<String>>,
}

impl Piece {
    /// The links that it leads to, the same for every reader; a tracked link names one by its number.
    pub fn links(&self) -> &[String] {
        self.links_of(&Edition::default())
    }

    /// The same of an edition. Of one that has left the playbook, those of the piece: most variants differ in a subject.
    pub fn links_of(&self, edition: &Edition) -> &[String] {
        self.links.get(edition).or_else(|| self.links.get(&Edition::default())).map(Vec::as_slice).unwrap_or_default()
    }

    /// Its translations and variants.
    pub fn editions(&self) -> impl Iterator<Item = &Edition> {
        self.links.keys().filter(|edition| !edition.is_plain())
    }
}

impl Playbook {
    /// Reads and compiles a folder.
    ///
    /// # Errors
    /// All problems found, warnings among them, if one of them is an error.
    pub fn load(folder: &Path) -> Result<Self, Vec<Problem>> {
        let (playbook, problems) = check(folder);
        playbook.ok_or(problems)
    }

    /// Reads and checks a folder: its texts, and its MJML that has become HTML.
    ///
    /// # Errors
    /// As [`Playbook::load`].
    pub fn bundle(folder: &Path) -> Result<Bundle, Vec<Problem>> {
        let (built, problems) = build(folder);
        built.map(|(bundle, _)| bundle).ok_or(problems)
    }

    /// Checks a bundle and makes what ships.
    ///
    /// # Errors
    /// All problems found, warnings among them, if one of them is an error.
    pub fn compile(bundle: &Bundle) -> Result<Compiled, Vec<Problem>> {
        let mut findings = Findings::default();
        compile_bundle(bundle, &mut findings).ok_or_else(|| findings.in_order())
    }

    /// The playbook of a bundle, as a function would have it.
    ///
    /// # Errors
    /// As [`Playbook::compile`].
    pub fn of(bundle: &Bundle) -> Result<Self, Vec<Problem>> {
        Self::compile(bundle).and_then(Self::of_compiled)
    }

    /// Reads what ships: what a function does when it starts. Nothing is checked again.
    ///
    /// # Errors
    /// One problem: what was read is no compiled playbook, or of a format that this version does not read.
    pub fn from_compiled(json: &[u8]) -> Result<Self, Vec<Problem>> {
        Compiled::from_json(json).map_err(|reason| refused(compiled::FILE, reason)).and_then(Self::of_compiled)
    }

    fn of_compiled(compiled: Compiled) -> Result<Self, Vec<Problem>> {
        let reason = "holds what no check would have let through: make it again from its folder";
        compile::playbook(compiled).ok_or_else(|| refused(compiled::FILE, reason.to_owned()))
    }

    /// Opens a playbook where it lies: what ships if the path ends in `.json`, else a folder.
    ///
    /// # Errors
    /// As [`Playbook::load`] and [`Playbook::from_compiled`]; a file that cannot be read is one problem.
    pub fn open(path: &Path) -> Result<Self, Vec<Problem>> {
        if path.extension().is_none_or(|ending| ending != "json") {
            return Self::load(path);
        }
        let json = fs::read(path).map_err(|error| refused(path, format!("cannot be read: {error}")))?;
        Self::from_compiled(&json)
    }

    /// The JSON Schema of `playbook.toml`, draft 2020-12: what an editor completes and explains.
    pub fn schema() -> serde_json::Value {
        source::schema::schema()
    }

    /// The JSON Schema of a webhook source's file, draft 2020-12.
    pub fn sources_schema() -> serde_json::Value {
        webhooks::schema::schema()
    }

    /// A product's name in front of people; its id if the playbook no longer sells it.
    pub fn product_name<'a>(&'a self, id: &'a ProductId) -> &'a str {
        self.products.iter().find(|product| product.id == *id).map_or(id.as_str(), |product| &product.name)
    }

    /// A rep or manager.
    pub fn rep(&self, id: &RepId) -> Option<&Rep> {
        self.reps.iter().find(|rep| rep.id == *id)
    }

    /// The rep whom somebody tells of by id, address or name.
    pub fn rep_told(&self, by: &str) -> Option<&Rep> {
        let mut reps = self.reps.iter();
        reps.find(|rep| rep.id.as_str() == by || rep.email.eq_ignore_ascii_case(by) || rep.name == by)
    }

    /// A piece.
    pub fn piece(&self, id: &PieceId) -> Option<&Piece> {
        self.pieces.get(id)
    }

    /// What people can want mail about, in the order in which they are shown.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// All pieces, by id.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.values()
    }

    /// How much content there is for each persona at each stage.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The asset that a click on a mail is an engagement with: the stream's, or else the piece's.
    pub fn mail_asset(&self, stream: Option<&StreamId>, piece: &PieceId) -> Option<&AssetId> {
        let stream = stream.and_then(|id| self.nurture.streams.iter().find(|stream| stream.id == *id));
        let of_stream = stream.and_then(|stream| stream.mail_asset.as_ref());
        of_stream.or_else(|| self.piece(piece).and_then(|piece| piece.asset.as_ref()))
    }

    /// Fills a piece for one reader.
    ///
    /// # Errors
    /// [`RenderError::UnknownPiece`] if the piece has left the playbook. A piece that passed the check can be filled.
    pub fn render(&self, piece: &PieceId, reader: &Reader) -> Result<Rendered, RenderError> {
        self.render_edition(piece, &Edition::default(), reader)
    }

    /// Fills an edition of a piece for one reader.
    ///
    /// # Errors
    /// As [`Playbook::render`].
    pub fn render_edition(&self, piece: &PieceId, edition: &Edition, reader: &Reader) -> Result<Rendered, RenderError> {
        self.templates.render(piece, edition, reader)
    }

    /// What the reader of an edition is called of whom no name or company was stated, in the edition's language.
    pub fn unknown(&self, edition: &Edition) -> Unknown {
        unknown::nearest(&self.unknown, edition.language().or(self.language.as_deref()))
    }

    /// The edition of a piece that a contact gets: in the language nearest to its locale, and always the same variant.
    pub fn edition(&self, piece: &PieceId, contact: &ContactId, locale: Option<&str>) -> Edition {
        let editions = self.piece(piece).into_iter().flat_map(Piece::editions);
        edition::choose(contact, piece, locale, self.language.as_deref(), editions)
    }
}

/// Reads a folder and says everything there is to say of it: the playbook if there is no error, and all problems in
/// the order of reading.
pub fn check(folder: &Path) -> (Option<Playbook>, Vec<Problem>) {
    let (built, problems) = build(folder);
    match built.map(|(_, compiled)| Playbook::of_compiled(compiled)) {
        Some(Ok(playbook)) => (Some(playbook), problems),
        Some(Err(refused)) => (None, [refused, problems].concat()),
        None => (None, problems),
    }
}

/// What is wrong with a file as a whole.
fn refused(file: impl Into<PathBuf>, reason: String) -> Vec<Problem> {
    let mut findings = Findings::default();
    findings.error(Place::file(file), reason);
    findings.in_order()
}

fn build(folder: &Path) -> (Option<(Bundle, Compiled)>, Vec<Problem>) {
    let mut findings = Findings::default();
    let drafts = content::read(folder, &mut findings);
    let texts = webhooks::texts(folder, &mut findings);
    let Some(text) = content::read_file(folder, Path::new(PLAYBOOK), &mut findings) else {
        return (None, findings.in_order());
    };
    let page = Page { file: Path::new(PLAYBOOK), text: &text, first_line: 1 };
    let reading = source::read(page, &mut findings);
    if let Some(reading) = &reading {
        check::check(page, reading, &drafts, &mut findings);
    }
    let sources = webhooks::compile(&texts, reading.as_ref(), &mut findings);
    let whole = reading.filter(|reading| reading.unread.is_empty() && !findings.any_error());
    let built = whole.and_then(|Reading { source, .. }| {
        let bundle = Bundle { playbook: text.clone(), pieces: bundled(drafts)?, sources: texts };
        let compiled = compile::compiled(source, &bundle, sources)?;
        Some((bundle, compiled))
    });
    if built.is_none() && !findings.any_error() {
        findings.error(Place::file(PLAYBOOK), "passed every check and cannot be compiled: please report this");
    }
    (built, findings.in_order())
}

/// Drafts without an error are complete.
fn bundled(drafts: Drafts) -> Option<BTreeMap<String, BundledPiece>> {
    let edition =
        |draft: EditionDraft| Some(BundledEdition { front: draft.front?, html: draft.html?, text: draft.text? });
    let piece = |draft: Draft| {
        let editions = draft.editions.into_iter().map(|(name, draft)| Some((name.to_string(), edition(draft)?)));
        let editions = editions.collect::<Option<_>>()?;
        Some(BundledPiece { front: draft.front?, html: draft.html?, text: draft.text?, editions })
    };
    drafts.into_iter().map(|(id, draft)| Some((id, piece(draft)?))).collect()
}

/// A bundled piece as far as the check asks for it.
fn draft(piece: &BundledPiece, findings: &mut Findings) -> Draft {
    let mut draft = Draft { file: bundle::FILE.into(), front: Some(piece.front.clone()), ..Draft::default() };
    for name in piece.editions.keys() {
        match Edition::named(name) {
            Some(edition) => {
                let own = EditionDraft { file: bundle::FILE.into(), ..EditionDraft::default() };
                draft.editions.insert(edition, own);
            }
            None => {
                findings.error(Place::file(bundle::FILE), content::not_an_edition(name));
            }
        }
    }
    draft
}

fn compile_bundle(bundle: &Bundle, findings: &mut Findings) -> Option<Compiled> {
    let page = Page { file: Path::new(PLAYBOOK), text: &bundle.playbook, first_line: 1 };
    let reading = source::read(page, findings)?;
    let drafts: Drafts = bundle.pieces.iter().map(|(id, piece)| (id.clone(), draft(piece, findings))).collect();
    check::check(page, &reading, &drafts, findings);
    let sources = webhooks::compile(&bundle.sources, Some(&reading), findings);
    if findings.any_error() || !reading.unread.is_empty() {
        return None;
    }
    let compiled = compile::compiled(reading.source, bundle, sources);
    if compiled.is_none() {
        let reason = "a template of a piece cannot be filled: make the bundle again from its folder";
        findings.error(Place::file(bundle::FILE), reason);
    }
    compiled
}
