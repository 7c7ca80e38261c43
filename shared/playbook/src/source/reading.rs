//! From text to [`Source`]: section by section, so that a slip in one does not hide a slip in the next.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Number, Source};
use crate::problem::{Findings, Page, Problem};

/// Reads the file; `None` if anything in it could not be read, each such thing noted.
pub(crate) fn read(page: Page<'_>, findings: &mut Findings) -> Option<Source> {
    let (table, errors) = DeTable::parse_recoverable(page.text);
    if !errors.is_empty() {
        for error in errors {
            note(page, &error, 0, findings);
        }
        return None;
    }
    let mut sections = Sections { page, table: table.into_inner(), findings };
    let format: Option<Number> = sections.required("format");
    if let Some(format) = format.filter(|format| *format.get_ref() != 1) {
        let reason = format!("format {} is not known: this version reads format 1", format.get_ref());
        sections.findings.error(page.at_span(format.span()), reason);
    }
    let company = sections.required("company");
    let team = sections.required("team");
    let quarter = sections.optional("quarter");
    let interest = sections.optional("interest");
    let products = sections.list("product");
    let assets = sections.list("asset");
    let fit = sections.optional("fit");
    let qualify = sections.optional("qualify");
    let nurture = sections.optional("nurture");
    let streams = sections.list("stream");
    let sla = sections.required("sla");
    let reps = sections.list("rep");
    let goals = sections.required("goals");
    let segments = sections.list("segment");
    let personas = sections.list("persona");
    sections.refuse_the_rest();
    Some(Source {
        company: company?,
        team: team?,
        quarter: quarter?,
        interest: interest?,
        products: products?,
        assets: assets?,
        fit: fit?,
        qualify: qualify?,
        nurture: nurture?,
        streams: streams?,
        sla: sla?,
        reps: reps?,
        goals: goals?,
        segments: segments?,
        personas: personas?,
    })
}

/// The names at the top of the file.
pub(super) const SECTIONS: [&str; 16] = [
    "format", "company", "team", "quarter", "interest", "product", "asset", "fit", "qualify", "nurture", "stream",
    "sla", "rep", "goals", "segment", "persona",
];

struct Sections<'a, 'f> {
    page: Page<'a>,
    table: DeTable<'a>,
    findings: &'f mut Findings,
}

impl<'a> Sections<'a, '_> {
    fn required<T: Deserialize<'a>>(&mut self, name: &str) -> Option<T> {
        match self.table.remove(name) {
            Some(value) => self.parse(value),
            None => {
                self.findings.error(self.page.at(0), format!("\"{name}\" is missing"));
                None
            }
        }
    }

    /// A section that is left out is one without fields: all its defaults hold.
    fn optional<T: Deserialize<'a>>(&mut self, name: &str) -> Option<T> {
        let value = self.table.remove(name).unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
        self.parse(value)
    }

    /// The entries `[[name]]`; `None` if one of them could not be read.
    fn list<T: Deserialize<'a>>(&mut self, name: &str) -> Option<Vec<T>> {
        let Some(value) = self.table.remove(name) else { return Some(Vec::new()) };
        let place = self.page.at_span(value.span());
        let DeValue::Array(entries) = value.into_inner() else {
            self.findings.error(place, format!("each {name} is written under its own [[{name}]]"));
            return None;
        };
        let parsed: Vec<Option<T>> = entries.into_iter().map(|entry| self.parse(entry)).collect();
        parsed.into_iter().collect()
    }

    fn parse<T: Deserialize<'a>>(&mut self, value: Spanned<DeValue<'a>>) -> Option<T> {
        let start = value.span().start;
        T::deserialize(value.into_deserializer()).map_err(|error| note(self.page, &error, start, self.findings)).ok()
    }

    fn refuse_the_rest(self) {
        for name in self.table.keys() {
            let place = self.page.at_span(name.span());
            let reason = format!("{} is not a section of a playbook", crate::problem::quoted(name.get_ref()));
            self.findings.error(place, reason).did_you_mean(name.get_ref(), SECTIONS);
        }
    }
}

/// Notes what the TOML reader refused; `start` stands in when it does not say where.
pub(crate) fn note(page: Page<'_>, error: &toml::de::Error, start: usize, findings: &mut Findings) {
    let place = page.at(error.span().map_or(start, |span| span.start));
    let message = error.message();
    // The reader repeats the value that it refuses, and that may be an address.
    let shown = if message.contains('@') { "a value of the wrong type" } else { message };
    let mut reason = shown.replace('`', "\"").replace('\n', " ");
    for (theirs, ours) in WORDS {
        reason = reason.replace(theirs, ours);
    }
    suggest(findings.error(place, reason), message);
}

/// What the reader calls things, and what whoever writes a playbook calls them.
const WORDS: [(&str, &str); 5] = [
    ("unknown variant", "unknown value"),
    ("invalid type: map", "invalid type: table"),
    ("expected a sequence", "expected a list"),
    ("expected a map", "expected a table"),
    ("expected i64", "expected a whole number"),
];

/// serde names the unknown word first and what it expected after it, each in backticks.
fn suggest(problem: &mut Problem, message: &str) {
    if message.starts_with("unknown ") {
        let mut words = message.split('`').skip(1).step_by(2);
        if let Some(unknown) = words.next() {
            problem.did_you_mean(unknown, words);
        }
    }
}
