//! From text to [`Source`]: section by section, so that a slip in one does not hide a slip in the next.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::slips::Slips;
use super::wording::note;
use super::{Number, Source};
use crate::problem::{Findings, Page, quoted};

/// What could be read of a file.
pub(crate) struct Reading {
    /// The playbook; of [`Reading::unread`] it holds less than is written.
    pub source: Source,
    /// The sections in which something could not be read. Such a section is empty, or lacks an entry; each slip is noted.
    pub unread: BTreeSet<&'static str>,
}

/// Reads the file; what could not be read is noted. `None` if it is no TOML.
pub(crate) fn read(page: Page<'_>, findings: &mut Findings) -> Option<Reading> {
    let mut sections = Sections::of(page, findings)?;
    let format: Option<Number> = sections.required("format");
    if let Some(format) = format.filter(|format| *format.get_ref() != 1) {
        let reason = format!("format {} is not known: this version reads format 1", format.get_ref());
        sections.findings.error(page.at_span(format.span()), reason);
    }
    let source = Source {
        company: sections.required("company").unwrap_or_default(),
        team: sections.required("team").unwrap_or_default(),
        quarter: sections.optional("quarter"),
        interest: sections.optional("interest"),
        products: sections.list("product"),
        assets: sections.list("asset"),
        fit: sections.optional("fit"),
        qualify: sections.optional("qualify"),
        nurture: sections.optional("nurture"),
        sending: sections.optional("sending"),
        streams: sections.list("stream"),
        topics: sections.list("topic"),
        preferences: sections.optional("preferences"),
        sla: sections.required("sla").unwrap_or_default(),
        reps: sections.list("rep"),
        territories: sections.list("territory"),
        goals: sections.required("goals").unwrap_or_default(),
        segments: sections.list("segment"),
        personas: sections.list("persona"),
    };
    let unread = sections.end("a playbook", &SECTIONS);
    Some(Reading { source, unread })
}

/// What is no TOML. After a slip the parser often stumbles over the rest of the line: one for each line.
fn syntax(page: Page<'_>, mut errors: Vec<toml::de::Error>, findings: &mut Findings) {
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    errors.sort_by_key(start);
    errors.dedup_by_key(|error| page.at(start(error)).line);
    for error in errors {
        note(page, &error, 0, findings);
    }
}

/// The names at the top of the file.
pub(super) const SECTIONS: [&str; 20] = [
    "format",
    "company",
    "team",
    "quarter",
    "interest",
    "product",
    "asset",
    "fit",
    "qualify",
    "nurture",
    "sending",
    "stream",
    "topic",
    "preferences",
    "sla",
    "rep",
    "territory",
    "goals",
    "segment",
    "persona",
];

/// The names at the top of a file, as far as they are not read yet.
pub(crate) struct Sections<'a, 'f> {
    page: Page<'a>,
    table: DeTable<'a>,
    unread: BTreeSet<&'static str>,
    findings: &'f mut Findings,
}

impl<'a, 'f> Sections<'a, 'f> {
    /// Of a file; `None` if it is no TOML, which is noted.
    pub fn of(page: Page<'a>, findings: &'f mut Findings) -> Option<Self> {
        let (table, errors) = DeTable::parse_recoverable(page.text);
        if !errors.is_empty() {
            syntax(page, errors, findings);
            return None;
        }
        Some(Self { page, table: table.into_inner(), unread: BTreeSet::new(), findings })
    }

    /// A section that must be there.
    pub fn required<T: Deserialize<'a> + JsonSchema>(&mut self, name: &'static str) -> Option<T> {
        match self.table.remove(name) {
            Some(value) => self.section(name, value),
            None => {
                self.findings.error(self.page.at(0), format!("\"{name}\" is missing"));
                self.unread.insert(name);
                None
            }
        }
    }

    /// A section that is left out is one without fields: all its defaults hold.
    pub fn optional<T: Deserialize<'a> + JsonSchema + Default>(&mut self, name: &'static str) -> T {
        let value = self.table.remove(name).unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
        self.section(name, value).unwrap_or_default()
    }

    /// A section, if it is written.
    pub fn present<T: Deserialize<'a> + JsonSchema>(&mut self, name: &'static str) -> Option<T> {
        let value = self.table.remove(name)?;
        self.section(name, value)
    }

    fn section<T: Deserialize<'a> + JsonSchema>(
        &mut self,
        name: &'static str,
        value: Spanned<DeValue<'a>>,
    ) -> Option<T> {
        // A struct can be read from a list of its fields, too.
        if value.get_ref().is_array() {
            let place = self.page.at_span(value.span());
            self.findings.error(place, format!("there is one {name}: it is written under [{name}]"));
            self.unread.insert(name);
            return None;
        }
        self.parse(name, String::new(), value)
    }

    /// The entries `[[name]]` that can be read.
    pub fn list<T: Deserialize<'a> + JsonSchema>(&mut self, name: &'static str) -> Vec<T> {
        let Some(value) = self.table.remove(name) else { return Vec::new() };
        let place = self.page.at_span(value.span());
        let DeValue::Array(entries) = value.into_inner() else {
            self.findings.error(place, format!("each {name} is written under its own [[{name}]]"));
            self.unread.insert(name);
            return Vec::new();
        };
        let entries = entries.into_iter().enumerate();
        entries.filter_map(|(index, entry)| self.parse(name, who(name, index + 1, &entry), entry)).collect()
    }

    /// Reads a value of the section `name`; `who` stands before what is said to be missing.
    fn parse<T: Deserialize<'a> + JsonSchema>(
        &mut self,
        name: &'static str,
        who: String,
        value: Spanned<DeValue<'a>>,
    ) -> Option<T> {
        let error = match T::deserialize(value.clone().into_deserializer()) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        self.unread.insert(name);
        Slips { page: self.page, who, value, excused: Vec::new(), findings: self.findings }.note_all::<T>(error);
        None
    }

    /// Refuses whatever was not asked for; returns the sections in which something could not be read.
    pub fn end(self, whole: &str, known: &[&str]) -> BTreeSet<&'static str> {
        for name in self.table.keys() {
            let place = self.page.at_span(name.span());
            let reason = format!("{} is not a section of {whole}", quoted(name.get_ref()));
            self.findings.error(place, reason).did_you_mean(name.get_ref(), known.iter().copied());
        }
        self.unread
    }
}

/// An entry by its id, or by its number where it has none.
fn who(list: &str, number: usize, entry: &Spanned<DeValue<'_>>) -> String {
    match entry.get_ref().get("id").and_then(|id| id.get_ref().as_str()) {
        Some(id) => format!("{list} {}: ", quoted(id)),
        None => format!("[[{list}]] number {number}: "),
    }
}
