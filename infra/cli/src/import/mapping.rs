//! The mapping file: which columns of which file become which fields of which native event.
//!
//! Owns all checks that need no row. Every section is checked before anything is refused, so that a mapping is mended
//! in one go.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::ImportError;

/// The only format there is.
const FORMAT: i64 = 1;

/// The entry of a map that stands for all values that it does not name.
const DEFAULT: &str = "default";

/// The native events and the fields of their data; a name that ends in a dot is the beginning of names.
const EVENTS: [(&str, &[&str]); 15] = [
    ("engagement.recorded", &["contact", "asset", "action", "email"]),
    (
        "contact.identified",
        &["contact", "account", "email", "first_name", "last_name", "title", "role", "time_zone", "locale"],
    ),
    (
        "account.updated",
        &[
            "account",
            "name",
            "health",
            "owner",
            "size",
            "region",
            "industry",
            "maturity",
            "market",
            "revenue_cents",
            "purchases",
            "customer_since",
            "owns.",
            "used.",
            "ends.",
            "seats.",
            "seats_used.",
        ],
    ),
    ("lead.touched", &["contact", "product", "quarter", "by", "reason"]),
    ("lead.accepted", &["contact", "product", "quarter", "by", "reason"]),
    ("lead.opportunity", &["contact", "product", "quarter", "by", "reason", "amount_cents"]),
    ("lead.later", &["contact", "product", "quarter", "by", "reason", "until"]),
    ("lead.won", &["contact", "product", "quarter", "by", "reason", "amount_cents"]),
    ("lead.lost", &["contact", "product", "quarter", "by", "reason"]),
    ("lead.rejected", &["contact", "product", "quarter", "by", "reason", "until"]),
    ("email.reported", &["contact"]),
    ("email.bounced", &["contact", "permanent"]),
    ("email.unsubscribed", &["contact"]),
    ("contact.merged", &["from", "contact"]),
    (ERASED, &["contact"]),
];

/// Not an event that the webhook knows: a row that says that a contact is to be erased, after all others.
pub(super) const ERASED: &str = "contact.erased";

/// A mapping without contradictions.
pub(super) struct Mapping {
    /// Under which name the ledger keeps the events: part of their identity.
    pub(super) source: String,
    pub(super) times: Times,
    pub(super) rules: Vec<Rule>,
}

/// How times are written.
pub(super) struct Times {
    format: String,
    zone: TimeZone,
}

/// One `[[file]]` section.
pub(super) struct Rule {
    pub(super) file: String,
    pub(super) when: BTreeMap<String, Vec<String>>,
    pub(super) then: Then,
}

pub(super) enum Then {
    Skip(String),
    Tell(Event),
}

pub(super) struct Event {
    pub(super) kind: String,
    pub(super) id: Vec<String>,
    pub(super) at: String,
    /// A column with a list: the row tells the event of each of its elements.
    pub(super) each: Option<String>,
    pub(super) data: BTreeMap<String, Source>,
}

/// Where a field's value comes from.
pub(super) enum Source {
    Column(String),
    Mapped { column: String, map: String, values: BTreeMap<String, Value> },
    Fixed(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingText {
    format: i64,
    source: String,
    time_zone: String,
    time_format: String,
    file: Vec<Spanned<RuleText>>,
    #[serde(default)]
    maps: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    #[serde(default)]
    when: BTreeMap<String, Vec<String>>,
    skip: Option<String>,
    event: Option<String>,
    id: Option<toml::Value>,
    at: Option<String>,
    each: Option<String>,
    #[serde(default)]
    data: BTreeMap<String, toml::Value>,
}

/// Field and reason.
type Wrong = (String, String);

fn wrong(field: impl Into<String>, reason: impl Into<String>) -> Wrong {
    (field.into(), reason.into())
}

impl Mapping {
    pub(super) fn read(path: &Path) -> Result<Self, Vec<ImportError>> {
        let file = path.file_name().unwrap_or(OsStr::new(".")).to_string_lossy().into_owned();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text),
            Err(error) => {
                Err(vec![ImportError { file, line: None, field: None, reason: format!("cannot be read: {error}") }])
            }
        }
    }

    fn parse(file: &str, text: &str) -> Result<Self, Vec<ImportError>> {
        let error = |line: Option<u64>, field: Option<String>, reason: String| ImportError {
            file: file.to_owned(),
            line,
            field,
            reason,
        };
        let read: MappingText = toml::from_str(text).map_err(|refused| {
            let line = refused.span().map(|span| line_of(text, span.start));
            vec![error(line, None, without_values(refused.message()))]
        })?;
        let mut errors = Vec::new();
        let mut about_all = |(field, reason): Wrong| errors.push(error(None, Some(field), reason));
        if read.format != FORMAT {
            about_all(wrong("format", format!("is not {FORMAT}")));
        }
        if !is_name(&read.source) {
            about_all(wrong("source", "is not a name of a-z, 0-9 and -"));
        }
        if read.source == "native" {
            about_all(wrong("source", "is native, the name under which webhooks are kept"));
        }
        let zone = TimeZone::get(&read.time_zone).unwrap_or_else(|_| {
            about_all(wrong("time_zone", "is not a time zone such as UTC or Europe/Berlin"));
            TimeZone::UTC
        });
        let times = Times { format: read.time_format, zone };
        if !times.tells_instants() {
            about_all(wrong("time_format", "does not tell an instant, as %Y-%m-%d %H:%M:%S%.f does"));
        }
        let maps = maps(&read.maps, &mut about_all);
        let mut rules: Vec<Rule> = Vec::new();
        for rule in read.file {
            let line = line_of(text, rule.span().start);
            let mut about_rule = |(field, reason): Wrong| errors.push(error(Some(line), Some(field), reason));
            let rule = rule.into_inner();
            let earlier = rules.iter().any(|earlier| earlier.file == rule.name && earlier.when.is_empty());
            if earlier {
                about_rule(wrong("name", "was seen before, without when: no row comes here"));
            }
            let then = then(&rule, &maps, &mut about_rule);
            rules.push(Rule { file: rule.name, when: rule.when, then });
        }
        if errors.is_empty() { Ok(Self { source: ledger_name(&read.source), times, rules }) } else { Err(errors) }
    }
}

impl Rule {
    /// Every column that this section names.
    pub(super) fn columns(&self) -> Vec<&str> {
        let mut columns: Vec<&str> = self.when.keys().map(String::as_str).collect();
        if let Then::Tell(event) = &self.then {
            columns.extend(event.id.iter().map(String::as_str));
            columns.push(&event.at);
            columns.extend(event.each.as_deref());
            columns.extend(event.data.values().filter_map(Source::column));
        }
        columns
    }
}

impl Source {
    /// The column it is read from.
    pub(super) fn column(&self) -> Option<&str> {
        match self {
            Self::Column(column) | Self::Mapped { column, .. } => Some(column),
            Self::Fixed(_) => None,
        }
    }

    /// What a cell says; nothing if it is empty.
    ///
    /// # Errors
    /// The reason why it cannot be said.
    pub(super) fn value(&self, cell: &str) -> Result<Option<Value>, String> {
        match self {
            Self::Fixed(value) => Ok(Some(value.clone())),
            Self::Column(_) if cell.is_empty() => Ok(None),
            Self::Column(_) => Ok(Some(cell.into())),
            Self::Mapped { map, values, .. } => {
                let value = values.get(cell).or_else(|| values.get(DEFAULT));
                value.cloned().map(Some).ok_or_else(|| format!("is not in [maps.{map}], which has no {DEFAULT}"))
            }
        }
    }
}

impl Times {
    /// The instant that a cell tells: by its own offset if it has one, otherwise in the mapping's zone.
    pub(super) fn read(&self, cell: &str) -> Option<Timestamp> {
        let parsed = BrokenDownTime::parse(&self.format, cell).ok()?;
        let zoned = || parsed.to_datetime().ok()?.to_zoned(self.zone.clone()).ok();
        parsed.to_timestamp().ok().or_else(|| zoned().map(|zoned| zoned.timestamp()))
    }

    fn tells_instants(&self) -> bool {
        let sample = Timestamp::UNIX_EPOCH.to_zoned(self.zone.clone());
        let written = BrokenDownTime::from(&sample).to_string(&self.format);
        written.is_ok_and(|written| self.read(&written) == Some(Timestamp::UNIX_EPOCH))
    }
}

fn maps(
    read: &BTreeMap<String, BTreeMap<String, toml::Value>>,
    complain: &mut impl FnMut(Wrong),
) -> BTreeMap<String, BTreeMap<String, Value>> {
    let mut maps = BTreeMap::new();
    for (name, entries) in read {
        let mut values = BTreeMap::new();
        for (key, value) in entries {
            match fixed(value) {
                Some(value) => drop(values.insert(key.clone(), value)),
                None => complain(wrong(format!("maps.{name}"), "has a value that is no text, true or false")),
            }
        }
        maps.insert(name.clone(), values);
    }
    maps
}

fn then(rule: &RuleText, maps: &BTreeMap<String, BTreeMap<String, Value>>, complain: &mut impl FnMut(Wrong)) -> Then {
    let kind = match (&rule.skip, &rule.event) {
        (Some(reason), None) => {
            if rule.id.is_some() || rule.at.is_some() || !rule.data.is_empty() {
                complain(wrong("skip", "stands beside id, at or data, which a skipped row does not need"));
            }
            if reason.trim().is_empty() {
                complain(wrong("skip", "gives no reason"));
            }
            return Then::Skip(reason.clone());
        }
        (None, Some(kind)) => kind,
        (Some(_), Some(_)) => {
            complain(wrong("skip", "stands beside event: which one is meant?"));
            return Then::Skip(String::new());
        }
        (None, None) => {
            complain(wrong("event", "is missing; a file that tells nothing has skip = \"the reason\""));
            return Then::Skip(String::new());
        }
    };
    let known = EVENTS.iter().find(|(name, _)| name == kind).map(|(_, fields)| *fields);
    if known.is_none() {
        let names: Vec<&str> = EVENTS.iter().map(|(name, _)| *name).collect();
        complain(wrong("event", format!("is none of {}", names.join(", "))));
    }
    let id = rule.id.as_ref().map_or(Some(Vec::new()), columns).unwrap_or_default();
    if id.is_empty() {
        complain(wrong("id", "is missing, or is not the name of a column or a list of them"));
    }
    if rule.at.is_none() {
        complain(wrong("at", "is missing: the column with the time"));
    }
    let mut data = BTreeMap::new();
    for (name, text) in &rule.data {
        let field = format!("data.{name}");
        if let Some(known) = known
            && !known.iter().any(|known| known == name || (known.ends_with('.') && name.starts_with(known)))
        {
            complain(wrong(&field, format!("is no field of {kind}; it has {}", known.join(", "))));
        }
        match source(text, maps) {
            Ok(source) => drop(data.insert(name.clone(), source)),
            Err(reason) => complain(wrong(field, reason)),
        }
    }
    let each = rule.each.clone();
    if let Some(each) = &each
        && !data.values().any(|source: &Source| source.column() == Some(each))
    {
        complain(wrong("each", "is a column that no field of data is read from: all its events would be the same"));
    }
    Then::Tell(Event { kind: kind.clone(), id, at: rule.at.clone().unwrap_or_default(), each, data })
}

fn source(text: &toml::Value, maps: &BTreeMap<String, BTreeMap<String, Value>>) -> Result<Source, String> {
    let table = match text {
        toml::Value::String(column) => return Ok(Source::Column(column.clone())),
        toml::Value::Boolean(fixed) => return Ok(Source::Fixed((*fixed).into())),
        toml::Value::Table(table) => table,
        _ => return Err("is not a column, { column, map }, { text }, true or false".to_owned()),
    };
    let part = |name: &str| table.get(name).and_then(toml::Value::as_str);
    match (table.len(), part("text"), part("column"), part("map")) {
        (1, Some(fixed), None, None) => Ok(Source::Fixed(fixed.into())),
        (2, None, Some(column), Some(map)) => match maps.get(map) {
            Some(values) => {
                Ok(Source::Mapped { column: column.to_owned(), map: map.to_owned(), values: values.clone() })
            }
            None => Err("goes through a map that is not in [maps]".to_owned()),
        },
        _ => Err("is not a column, { column, map }, { text }, true or false".to_owned()),
    }
}

fn columns(text: &toml::Value) -> Option<Vec<String>> {
    match text {
        toml::Value::String(column) => Some(vec![column.clone()]),
        toml::Value::Array(columns) => columns.iter().map(|column| column.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn fixed(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::String(text) => Some(text.as_str().into()),
        toml::Value::Boolean(boolean) => Some((*boolean).into()),
        _ => None,
    }
}

/// No webhook source can have such a name, now or later: no id of one has a dot.
fn ledger_name(source: &str) -> String {
    format!("import.{source}")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A message that may quote a value (`invalid type: string "…", expected i64`) says only what was expected.
fn without_values(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => format!("has a value that is not {expected}"),
        _ => message.lines().next().unwrap_or_default().to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> u64 {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() as u64 + 1
}
