//! `playbook.toml` as it is written: the structure, its defaults, and where each value stands.
//!
//! Owns the names of sections, fields and choices. Never judges a value beyond its type: that is [`crate::check`].
//!
//! Sections are read one by one, so that a slip in one does not hide a slip in the next.

mod people;
mod points;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::content::Stage;
use crate::problem::{Findings, Page, Problem};

pub(crate) use people::{Example, Persona, Segment};
pub(crate) use points::{DefaultPoints, EFFORTS, STAGES};

/// A text and where it stands.
pub(crate) type Text = Spanned<String>;
/// An integer and where it stands.
pub(crate) type Number = Spanned<i64>;
/// Points by name.
pub(crate) type Points = BTreeMap<Text, Number>;

/// The whole file.
#[derive(Debug)]
pub(crate) struct Source {
    pub company: Company,
    pub team: Team,
    pub quarter: Quarter,
    pub interest: Interest,
    pub products: Vec<Product>,
    pub assets: Vec<Asset>,
    pub fit: Fit,
    pub qualify: Qualify,
    pub nurture: Nurture,
    pub streams: Vec<Stream>,
    pub sla: Sla,
    pub reps: Vec<Rep>,
    pub goals: Goals,
    pub segments: Vec<Segment>,
    pub personas: Vec<Persona>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Company {
    pub name: Text,
    pub sender: Text,
    pub postal_address: Text,
    pub site: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Team {
    pub time_zone: Text,
    pub working_days: Spanned<Vec<Text>>,
    #[serde(default)]
    pub holidays: Vec<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quarter {
    #[serde(default = "number::<1>")]
    pub first_month: Number,
    #[serde(default = "utc")]
    pub time_zone: Text,
    pub requalify: Option<Spanned<Requalify>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Requalify {
    OnEngagement,
    OnRollover,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interest {
    #[serde(default = "number::<5>")]
    pub threshold: Number,
    #[serde(default = "number::<100>")]
    pub cap: Number,
    #[serde(default = "halve")]
    pub decay: Spanned<Decay>,
    pub repeat: Option<Spanned<Repeat>>,
    #[serde(default)]
    pub gate: Gate,
    #[serde(default)]
    pub points: DefaultPoints,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Decay {
    Halve,
    Points(Number),
    Percent(Number),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Repeat {
    Cycle,
    Day,
    Event,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gate {
    pub enabled: bool,
    pub seconds_after_sending: Number,
    pub clicks_per_day: Number,
}

impl Default for Gate {
    fn default() -> Self {
        Self { enabled: true, seconds_after_sending: number::<10>(), clicks_per_day: number::<5>() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Product {
    pub id: Text,
    pub name: Text,
    pub threshold: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asset {
    pub id: Text,
    pub title: Text,
    pub products: Spanned<Vec<Text>>,
    pub stage: Stage,
    pub effort: Effort,
    #[serde(default)]
    pub actions: Vec<Text>,
    #[serde(default)]
    pub points: Points,
    #[serde(default)]
    pub act_now: Vec<Text>,
    #[serde(default)]
    pub call_now: Vec<Text>,
    /// The personas whom it is for; everybody if it names none.
    #[serde(default)]
    pub personas: Vec<Text>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Effort {
    Low,
    Medium,
    High,
}

impl Effort {
    /// The name in the playbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fit {
    pub role: Points,
    pub title: Points,
    pub size: Points,
    pub region: Points,
    pub industry: Points,
    pub maturity: Points,
    pub market: Points,
    pub revenue_cents: Vec<Band>,
    pub purchases: Vec<Band>,
    pub grades: Option<Spanned<Grades>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Band {
    pub at_least: Number,
    pub points: Number,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "UPPERCASE")]
pub(crate) struct Grades {
    pub a: i64,
    pub b: i64,
    pub c: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Qualify {
    #[serde(default = "number::<60>")]
    pub hot: Number,
    #[serde(default = "number::<30>")]
    pub warm: Number,
    #[serde(default = "number::<50>")]
    pub fit_weight: Number,
    #[serde(default = "number::<183>")]
    pub new_customer_days: Number,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nurture {
    #[serde(default = "number::<7>")]
    pub gap_days: Number,
    #[serde(default = "number::<14>")]
    pub stream_every_days: Number,
    #[serde(default = "number::<4>")]
    pub educational_before_hard: Number,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    pub id: Text,
    pub kind: StreamKind,
    pub product: Text,
    pub pieces: Spanned<Vec<Text>>,
    pub days: Option<Number>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StreamKind {
    CrossSell,
    Retention,
    Onboarding,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sla {
    pub check_at: Text,
    pub executive: Option<Text>,
    #[serde(default)]
    pub rung: Vec<Rung>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rung {
    pub after_hours: Number,
    pub to: Spanned<Vec<Recipient>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Recipient {
    Rep,
    Manager,
    Executive,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rep {
    pub id: Text,
    pub name: Text,
    pub email: Text,
    pub manager: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goals {
    pub revenue_cents: Number,
    pub average_price_cents: Number,
    pub win_rate_percent: Number,
    pub opportunity_rate_percent: Number,
    pub sql_rate_percent: Number,
    pub currency: Text,
}

/// A default stands nowhere in the file; a default alone is never wrong.
fn number<const N: i64>() -> Number {
    Spanned::new(0..0, N)
}

fn utc() -> Text {
    Spanned::new(0..0, "UTC".to_owned())
}

fn halve() -> Spanned<Decay> {
    Spanned::new(0..0, Decay::Halve)
}

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
const SECTIONS: [&str; 16] = [
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
