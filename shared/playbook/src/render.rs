//! Filling a piece for one reader.
//!
//! Owns the variables a piece may use and how a value enters each part: on one line and short enough to be read, escaped in
//! HTML. Never sends, and never puts a reader's data into an error.
//!
//! What a reader is called was typed by somebody into some form. So each value that stands for a name is put on one line,
//! without control characters and without those that turn the direction of what follows; of first name and company at most
//! [`LONGEST_NAME`] characters stay, and of the whole subject [`LONGEST_SUBJECT`]. What was cut ends in “…”.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context};
use perennial_domain::ids::PieceId;
use perennial_domain::nurture::Edition;

/// Characters that stay of a first name or a company: a longer one was not typed to be read.
pub const LONGEST_NAME: usize = 60;
/// Characters that stay of a subject. However it is encoded, it then fits into the 998 bytes that a line of a header may have
/// (RFC 5322, 2.1.1).
pub const LONGEST_SUBJECT: usize = 120;

/// Whom a piece is for; every variable that a piece may use.
#[derive(Clone, PartialEq, Eq)]
pub struct Reader {
    /// What to call the reader.
    pub first_name: String,
    /// The name of the reader's account.
    pub company: String,
    /// The name of the account's owner.
    pub rep_name: String,
    /// The name of the product that the piece is about.
    pub product_name: String,
    /// Who the mail comes from.
    pub sender_name: String,
    /// The company's site, without a slash at the end.
    pub site: String,
    /// Where the reader opts out.
    pub unsubscribe_url: String,
    /// Where the reader chooses what to get.
    pub preferences_url: String,
    /// The company's postal address.
    pub postal_address: String,
}

/// The names of [`Reader`]'s fields, as a piece writes them.
pub(crate) const VARIABLES: [&str; 9] = [
    "first_name",
    "company",
    "rep_name",
    "product_name",
    "sender_name",
    "site",
    "unsubscribe_url",
    "preferences_url",
    "postal_address",
];
/// What the layout may use besides: the piece's own subject and preview.
pub(crate) const LAYOUT_VARIABLES: [&str; 2] = ["subject", "preview"];

/// A piece filled for one reader.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, on one line.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub text: String,
}

/// Without its fields: they are a person's, and one of them opts that person out.
impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// The sizes only: what is filled holds what a [`Reader`] holds.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = (self.subject.len(), self.html.len(), self.text.len());
        f.debug_struct("Rendered").field("bytes", &sizes).finish()
    }
}

/// Why a piece could not be filled. Names the piece and the place, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The playbook has no such piece.
    #[error("the playbook has no piece {0}")]
    UnknownPiece(PieceId),
    /// A part of the piece asks for what is not there; the check would have refused it.
    #[error("the {part} of piece {piece} cannot be filled: {kind}{}", .line.map(|line| format!(" on line {line}")).unwrap_or_default())]
    Template {
        /// The piece.
        piece: PieceId,
        /// subject, preview, html or text.
        part: &'static str,
        /// What kind of fault.
        kind: String,
        /// The line within the part, from 1.
        line: Option<usize>,
    },
}

/// The parts of a piece, in the order in which they are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Subject,
    Preview,
    Html,
    Text,
}

impl Part {
    /// The name in errors and in the names of templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Preview => "preview",
            Self::Html => "html",
            Self::Text => "text",
        }
    }

    /// The name of the template of an edition; ids hold no slash, so no two names meet.
    fn template(self, piece: &str, edition: &Edition) -> String {
        format!("{piece}/{edition}/{}", self.as_str())
    }
}

/// The templates of all pieces. Each is parsed when it is first filled: most functions fill none, and those that do, few of them.
#[derive(Default)]
pub(crate) struct Templates {
    sources: Arc<BTreeMap<String, String>>,
    environment: OnceLock<Environment<'static>>,
}

impl Templates {
    /// Adds a part of an edition of a piece. Before the first is filled: later ones are not seen.
    pub fn add(&mut self, (piece, edition): (&str, &Edition), part: Part, source: String) {
        Arc::make_mut(&mut self.sources).insert(part.template(piece, edition), source);
    }

    /// Fills all parts of an edition of a piece, with values as they are shown to people.
    pub fn render(&self, piece: &PieceId, edition: &Edition, reader: &Reader) -> Result<Rendered, RenderError> {
        self.fill(piece, edition, &reader.presentable())
    }

    /// Fills all parts of an edition of a piece with values as they are.
    pub fn fill(&self, piece: &PieceId, edition: &Edition, reader: &Reader) -> Result<Rendered, RenderError> {
        let part = |part: Part, context: &Value| {
            let template = self.environment().get_template(&part.template(piece.as_str(), edition));
            template.and_then(|template| template.render(context)).map_err(|error| match error.kind() {
                ErrorKind::TemplateNotFound => RenderError::UnknownPiece(piece.clone()),
                kind => RenderError::Template {
                    piece: piece.clone(),
                    part: part.as_str(),
                    kind: kind.to_string(),
                    line: error.line(),
                },
            })
        };
        let plain = variables(reader);
        let subject = shortened(on_one_line(&part(Part::Subject, &plain)?), LONGEST_SUBJECT);
        let preview = on_one_line(&part(Part::Preview, &plain)?);
        let text = part(Part::Text, &plain)?;
        let html = part(Part::Html, &context! { subject => &subject, preview => &preview, ..plain })?;
        Ok(Rendered { subject, html, text })
    }

    fn environment(&self) -> &Environment<'static> {
        self.environment.get_or_init(|| {
            let mut environment = environment();
            let sources = Arc::clone(&self.sources);
            environment.set_loader(move |name| Ok(sources.get(name).cloned()));
            environment
        })
    }
}

/// An environment without templates: strict about what is undefined, escaping in HTML only.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Debug information repeats the values of variables, and those are a person's.
    environment.set_debug(false);
    environment.set_auto_escape_callback(|name| match name.ends_with("/html") {
        true => AutoEscape::Html,
        false => AutoEscape::None,
    });
    // The default also escapes slashes, which makes every link unreadable to whoever looks at the source of a mail.
    environment.set_formatter(|out, state, value| match (state.auto_escape(), value.as_str()) {
        (AutoEscape::Html, Some(text)) if !value.is_safe() => Ok(out.write_str(&escaped(text))?),
        _ => minijinja::escape_formatter(out, state, value),
    });
    environment
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

impl Reader {
    /// The same with names as they are shown to people. Addresses of pages stay: they are ours.
    fn presentable(&self) -> Self {
        Self {
            first_name: shown_name(&self.first_name),
            company: shown_name(&self.company),
            rep_name: on_one_line(&self.rep_name),
            product_name: on_one_line(&self.product_name),
            sender_name: on_one_line(&self.sender_name),
            ..self.clone()
        }
    }
}

/// A name that somebody typed somewhere, as it is shown in a mail: on one line, without control characters, and with at most
/// [`LONGEST_NAME`] characters.
pub fn shown_name(typed: &str) -> String {
    shortened(on_one_line(typed), LONGEST_NAME)
}

/// At most so many characters, cut between words if there are any.
fn shortened(text: String, longest: usize) -> String {
    if text.chars().nth(longest).is_none() {
        return text;
    }
    let cut: String = text.chars().take(longest - 1).collect();
    let whole = cut.rfind(' ').map_or(cut.as_str(), |space| &cut[..space]);
    // A joiner joins what comes after it, which is gone.
    format!("{}…", whole.trim_end_matches(['\u{200d}', '\u{fe0f}', ' ']))
}

/// A subject is a header: a line break within a name must not begin another header. A mark that turns the direction of
/// writing would turn what follows the name as well.
fn on_one_line(text: &str) -> String {
    const TURNS: [RangeInclusive<char>; 2] = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let plain: String = text.chars().filter(|c| !TURNS.iter().any(|marks| marks.contains(c))).collect();
    plain
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn variables(reader: &Reader) -> Value {
    context! {
        first_name => &reader.first_name,
        company => &reader.company,
        rep_name => &reader.rep_name,
        product_name => &reader.product_name,
        sender_name => &reader.sender_name,
        site => &reader.site,
        unsubscribe_url => &reader.unsubscribe_url,
        preferences_url => &reader.preferences_url,
        postal_address => &reader.postal_address,
    }
}

/// A reader whom nobody would mistake for a person: the check fills every piece with it.
pub(crate) fn sample() -> Reader {
    Reader {
        first_name: "Sample".to_owned(),
        company: "Sample Company".to_owned(),
        rep_name: "Sample Rep".to_owned(),
        product_name: "Sample Product".to_owned(),
        sender_name: "Sample Sender".to_owned(),
        site: "https://site.sample.invalid".to_owned(),
        unsubscribe_url: "https://sample.invalid/unsubscribe".to_owned(),
        preferences_url: "https://sample.invalid/preferences".to_owned(),
        postal_address: "Sample Postal Address".to_owned(),
    }
}

/// What is wrong with a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line within the source, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
    /// The unknown variable, if that is what is wrong.
    pub unknown: Option<String>,
}

/// Fills a source with sample values.
///
/// # Errors
/// All that keep it from being filled: its syntax, or each unknown variable, or the first other fault.
pub(crate) fn try_out(source: &str, part: Part, in_layout: bool) -> Result<String, Vec<Fault>> {
    let fault = |error: &minijinja::Error| {
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        vec![Fault {
            line: error.line().unwrap_or(1),
            reason: format!("the template is wrong: {detail}"),
            unknown: None,
        }]
    };
    let (mut environment, name) = (environment(), part.template("sample", &Edition::default()));
    environment.add_template_owned(name.clone(), source.to_owned()).map_err(|error| fault(&error))?;
    let template = environment.get_template(&name).map_err(|error| fault(&error))?;
    let known = |name: &str| VARIABLES.contains(&name) || (in_layout && LAYOUT_VARIABLES.contains(&name));
    let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
    // With what is asked of a variable ("company.name"): all are texts, which have no fields. It would not be found by filling
    // the template, if it stands where only some readers come by.
    let mut unknown: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    unknown.retain(|name| !known(name) && !globals.contains(&name.as_str()));
    unknown.sort();
    if !unknown.is_empty() {
        let unknown = unknown.into_iter().map(|name| Fault {
            line: line_of_variable(source, &name),
            reason: format!("\"{name}\" is not a variable of a piece"),
            unknown: Some(name),
        });
        return Err(unknown.collect());
    }
    let context = match in_layout {
        true => context! { subject => "Sample subject", preview => "Sample preview", ..variables(&sample()) },
        false => variables(&sample()),
    };
    template.render(context).map_err(|error| fault(&error))
}

/// The first line on which a name stands between braces.
fn line_of_variable(source: &str, name: &str) -> usize {
    let holds =
        |line: &str| line.split('{').skip(1).any(|inside| inside.split('}').next().unwrap_or(inside).contains(name));
    source.lines().position(holds).map_or(1, |index| index + 1)
}
