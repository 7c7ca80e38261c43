//! The CSV files: rows become native bodies by the mapping's sections.

use std::collections::BTreeMap;
use std::path::Path;

use csv::{ErrorKind, StringRecord};
use jiff::Timestamp;
use perennial_platform::told::Told;
use serde_json::{Map, Value, json};

use super::mapping::{ERASED, Event, Mapping, Rule, Source, Then, Times};
use super::{Erasure, Import, ImportError, Row, whole_file};

/// Of one file no more is complained of: usually they are all the same.
const MOST_ERRORS_PER_FILE: usize = 20;

/// An id is part of a key: no longer than the webhook's may be.
const LONGEST_ID: usize = 256;

/// Column and reason.
type Wrong = (Option<String>, String);

/// One row, by the names of its columns.
struct Cells<'a> {
    positions: &'a BTreeMap<String, usize>,
    record: &'a StringRecord,
    /// A column with a list, and the one of its elements that is told of.
    element: Option<(&'a str, &'a str)>,
}

impl Cells<'_> {
    fn get(&self, column: &str) -> &str {
        if let Some((_, element)) = self.element.filter(|(listed, _)| *listed == column) {
            return element;
        }
        self.positions.get(column).and_then(|position| self.record.get(*position)).unwrap_or_default()
    }
}

impl Import {
    /// Adds the rows of one file, or what is wrong with them.
    pub(super) fn read_file(&mut self, folder: &Path, file: &str, mapping: &Mapping, errors: &mut Vec<ImportError>) {
        let rules: Vec<&Rule> = mapping.rules.iter().filter(|rule| rule.file == file).collect();
        let mut found = Vec::new();
        self.skipped.entry(file.to_owned()).or_default();
        match csv::Reader::from_path(folder.join(file)) {
            Ok(reader) => self.read_rows(reader, file, &rules, &mapping.times, &mut found),
            Err(error) => found.push(refused(file, &error)),
        }
        errors.append(&mut found);
    }

    fn read_rows(
        &mut self,
        mut reader: csv::Reader<std::fs::File>,
        file: &str,
        rules: &[&Rule],
        times: &Times,
        errors: &mut Vec<ImportError>,
    ) {
        let positions = match reader.headers() {
            Ok(headers) => positions(headers, file, rules, errors),
            Err(error) => return errors.push(refused(file, &error)),
        };
        if !errors.is_empty() {
            return;
        }
        for record in reader.records() {
            if errors.len() == MOST_ERRORS_PER_FILE {
                return errors.push(whole_file(file, "has more errors; mend these first".to_owned()));
            }
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    errors.push(refused(file, &error));
                    continue;
                }
            };
            if let Err((field, reason)) =
                self.read_row(file, &Cells { positions: &positions, record: &record, element: None }, rules, times)
            {
                let line = record.position().map(csv::Position::line);
                errors.push(ImportError { file: file.to_owned(), line, field, reason });
            }
        }
    }

    fn read_row(&mut self, file: &str, cells: &Cells<'_>, rules: &[&Rule], times: &Times) -> Result<(), Wrong> {
        let fits = |rule: &Rule| {
            rule.when.iter().all(|(column, allowed)| allowed.iter().any(|value| value == cells.get(column)))
        };
        let Some(rule) = rules.iter().find(|rule| fits(rule)) else {
            return Err((None, "fits no [[file]] section of the mapping".to_owned()));
        };
        match &rule.then {
            Then::Skip(reason) => {
                self.skip(file, reason);
            }
            Then::Tell(event) => match &event.each {
                None => self.read_event(file, cells, event, times, true)?,
                Some(each) => {
                    let elements = elements(each, cells.get(each))?;
                    for (number, element) in elements.iter().enumerate() {
                        let cells = Cells { element: Some((each, element)), ..*cells };
                        self.read_event(file, &cells, event, times, number == 0)?;
                    }
                    if elements.is_empty() {
                        self.skip(file, &format!("{each} is empty"));
                    }
                }
            },
        }
        Ok(())
    }

    fn skip(&mut self, file: &str, reason: &str) {
        let reasons = self.skipped.entry(file.to_owned()).or_default();
        *reasons.entry(format!("skipped: {reason}")).or_default() += 1;
    }

    /// Adds what a row tells; it counts as a row once.
    fn read_event(
        &mut self,
        file: &str,
        cells: &Cells<'_>,
        event: &Event,
        times: &Times,
        counts: bool,
    ) -> Result<(), Wrong> {
        let at = times
            .read(cells.get(&event.at))
            .ok_or_else(|| (Some(event.at.clone()), "is not a time as time_format says".to_owned()))?;
        let rows = u64::from(counts);
        if event.kind == ERASED {
            let contact = event.data.get("contact").and_then(Source::column).map(|column| cells.get(column));
            let contact = contact.filter(|contact| !contact.trim().is_empty());
            let contact = contact.ok_or_else(|| (None, "names nobody to be erased".to_owned()))?;
            self.erasures.push(Erasure { contact: contact.to_owned(), file: file.to_owned(), rows });
            return Ok(());
        }
        let body = native_body(event, at, cells)?;
        let told = Told::from_native(&body).map_err(|error| {
            let source = error.field.strip_prefix("data.").and_then(|field| event.data.get(field));
            let column = source.and_then(|source| source.column());
            (Some(column.unwrap_or(&error.field).to_owned()), error.reason)
        })?;
        let mut id = id(event, cells)?;
        if let Some((_, element)) = cells.element {
            id = format!("{id}/{element}");
        }
        self.rows.push(Row { at, id, body, told, file: file.to_owned(), rows });
        Ok(())
    }
}

/// The elements of a list: `[17, 18]` or `17`, of numbers or texts; none of an empty cell.
fn elements(column: &str, cell: &str) -> Result<Vec<String>, Wrong> {
    if cell.is_empty() {
        return Ok(Vec::new());
    }
    let wrong = |reason: &str| (Some(column.to_owned()), reason.to_owned());
    let list: Value = serde_json::from_str(cell).map_err(|_| wrong("is not a list such as [17, 18]"))?;
    let list = if let Value::Array(list) = list { list } else { vec![list] };
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(wrong("has an element that is neither number nor text")),
    };
    list.iter().map(text).collect()
}

/// Where each column stands. A column that the mapping names must stand there once.
fn positions(
    headers: &StringRecord,
    file: &str,
    rules: &[&Rule],
    errors: &mut Vec<ImportError>,
) -> BTreeMap<String, usize> {
    let mut named: Vec<&str> = rules.iter().flat_map(|rule| rule.columns()).collect();
    named.sort_unstable();
    named.dedup();
    for column in named {
        let reason = match headers.iter().filter(|header| *header == column).count() {
            0 => "is not a column of this file",
            1 => continue,
            _ => "is the name of several columns",
        };
        let (field, reason) = (Some(column.to_owned()), reason.to_owned());
        errors.push(ImportError { file: file.to_owned(), line: Some(1), field, reason });
    }
    headers.iter().enumerate().map(|(position, header)| (header.to_owned(), position)).collect()
}

fn id(event: &Event, cells: &Cells<'_>) -> Result<String, Wrong> {
    let parts: Vec<&str> = event.id.iter().map(|column| cells.get(column)).collect();
    let (column, id) = (event.id.join("/"), parts.join("/"));
    if parts.iter().any(|part| part.trim().is_empty()) {
        Err((Some(column), "is empty; without it, a second import could not tell it from a new event".to_owned()))
    } else if id.len() > LONGEST_ID {
        Err((Some(column), format!("is longer than {LONGEST_ID} bytes")))
    } else if id.chars().any(char::is_control) {
        Err((Some(column), "contains control characters".to_owned()))
    } else {
        Ok(id)
    }
}

/// The body that a sender of native webhooks would have sent. Its fields stand in alphabetical order, so that sections
/// can be rearranged without changing what a second import compares.
fn native_body(event: &Event, at: Timestamp, cells: &Cells<'_>) -> Result<String, Wrong> {
    let mut data = Map::new();
    for (name, source) in &event.data {
        let column = source.column();
        let value = source.value(column.map(|column| cells.get(column)).unwrap_or_default());
        let Some(value) = value.map_err(|reason| (column.map(str::to_owned), reason))? else { continue };
        match name.split_once('.') {
            None => drop(data.insert(name.clone(), value)),
            Some((outer, inner)) => {
                let object = data.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                object[inner] = value;
            }
        }
    }
    Ok(json!({"type": event.kind, "timestamp": at.to_string(), "data": data}).to_string())
}

/// What the CSV reader refused. Its own message may quote bytes of the row.
pub(crate) fn refused(file: &str, error: &csv::Error) -> ImportError {
    let (line, reason) = match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            (pos.as_ref(), format!("has {len} cells where the first line has {expected_len}"))
        }
        ErrorKind::Utf8 { pos, .. } => (pos.as_ref(), "is not UTF-8".to_owned()),
        ErrorKind::Io(error) => (None, format!("cannot be read: {error}")),
        _ => (None, "is not CSV".to_owned()),
    };
    ImportError { file: file.to_owned(), line: line.map(csv::Position::line), field: None, reason }
}
