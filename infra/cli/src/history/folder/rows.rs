//! Rows of a CSV file whose columns are known, and everything that is wrong with them.

use std::collections::HashMap;
use std::path::Path;

use csv::{Position, ReaderBuilder, StringRecord};
use perennial_domain::profile::Fields;

use crate::import::{ImportError, refused};

/// Of one file no more is complained of one by one; the rest is counted.
const MOST_PROBLEMS_PER_FILE: usize = 50;

/// As long as a text may be at the webhook, in bytes.
const LONGEST: usize = 256;

/// As many products as an account may own at the webhook.
const MOST_ENTRIES: usize = 100;

/// When the cells of a file count as stated.
pub const STATED: i64 = 0;

/// A column that a file may have.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    name: &'static str,
    required: bool,
}

impl Column {
    /// One that must be there.
    pub const fn required(name: &'static str) -> Self {
        Self { name, required: true }
    }

    /// One that may be left out.
    pub const fn optional(name: &'static str) -> Self {
        Self { name, required: false }
    }

    /// Whether this is its name.
    pub const fn is_called(&self, name: &str) -> bool {
        let (own, other) = (self.name.as_bytes(), name.as_bytes());
        let mut same = 0;
        while same < own.len() && same < other.len() && own[same] == other[same] {
            same += 1;
        }
        same == own.len() && same == other.len()
    }
}

/// Column and reason.
pub type Wrong = (Option<String>, String);

/// One row, its cells by the number of the column.
pub struct Row<'a> {
    columns: &'static [Column],
    places: &'a [Option<usize>],
    record: &'a StringRecord,
    /// Its line in the file, from 1.
    pub line: u64,
}

impl Row<'_> {
    /// A cell that must say something.
    pub fn text(&self, column: usize) -> Result<&str, Wrong> {
        self.optional(column)?.ok_or_else(|| self.wrong(column, "is empty"))
    }

    /// A cell that may be empty.
    pub fn optional(&self, column: usize) -> Result<Option<&str>, Wrong> {
        let cell = self.cell(column);
        if cell.len() > LONGEST {
            return Err(self.wrong(column, &format!("is longer than {LONGEST} bytes")));
        }
        self.plain(column, cell)?;
        Ok(Some(cell).filter(|cell| !cell.trim().is_empty()))
    }

    /// A cell that holds a list, each entry of which is a text as long as that of another cell may be.
    pub fn list(&self, column: usize) -> Result<Vec<&str>, Wrong> {
        let cell = self.cell(column);
        self.plain(column, cell)?;
        let entries: Vec<&str> = cell.split(';').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        if entries.len() > MOST_ENTRIES {
            return Err(self.wrong(column, &format!("has more than {MOST_ENTRIES} entries")));
        }
        if entries.iter().any(|entry| entry.len() > LONGEST) {
            return Err(self.wrong(column, &format!("has an entry longer than {LONGEST} bytes")));
        }
        Ok(entries)
    }

    fn cell(&self, column: usize) -> &str {
        self.places[column].and_then(|place| self.record.get(place)).unwrap_or_default()
    }

    fn plain(&self, column: usize, cell: &str) -> Result<(), Wrong> {
        // Bytes first: nearly every cell is ASCII without a control character.
        let plain = cell.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !plain && cell.chars().any(char::is_control) {
            return Err(self.wrong(column, "contains control characters"));
        }
        Ok(())
    }

    /// Cells as the fields of a contact or an account.
    pub fn fields(&self, columns: impl IntoIterator<Item = usize>) -> Result<Fields, Wrong> {
        let mut fields = Fields::default();
        for column in columns {
            if let Some(value) = self.optional(column)? {
                fields.merge([(self.columns[column].name.to_owned(), value.to_owned())], STATED);
            }
        }
        Ok(fields)
    }

    /// What is wrong with a cell.
    pub fn wrong(&self, column: usize, reason: &str) -> Wrong {
        (Some(self.columns[column].name.to_owned()), reason.to_owned())
    }
}

/// Notes that something is stated in this line, once.
pub fn once(lines: &mut HashMap<String, u64>, id: &str, column: &str, line: u64) -> Result<(), Wrong> {
    match lines.insert(id.to_owned(), line) {
        None => Ok(()),
        Some(first) => Err((Some(column.to_owned()), format!("is stated twice, first in line {first}"))),
    }
}

/// A file and what is wrong with it so far.
pub struct Rows<'p> {
    file: String,
    problems: &'p mut Vec<ImportError>,
    found: usize,
}

impl<'p> Rows<'p> {
    /// Takes each row of a file, with the byte at which it begins. What is wrong is noted, and reading goes on.
    pub fn each(
        path: &Path,
        columns: &'static [Column],
        problems: &'p mut Vec<ImportError>,
        mut take: impl FnMut(u64, &Row<'_>) -> Result<(), Wrong>,
    ) {
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut rows = Self { file, problems, found: 0 };
        match ReaderBuilder::new().buffer_capacity(1 << 16).from_path(path) {
            Ok(reader) => rows.read(reader, columns, &mut take),
            Err(error) => {
                let problem = refused(&rows.file, &error);
                rows.note(problem);
            }
        }
        if let Some(more) = rows.found.checked_sub(MOST_PROBLEMS_PER_FILE).filter(|more| *more > 0) {
            let reason = format!("has {more} more problems");
            rows.problems.push(ImportError { file: rows.file, line: None, field: None, reason });
        }
    }

    fn read(
        &mut self,
        mut reader: csv::Reader<std::fs::File>,
        columns: &'static [Column],
        take: &mut impl FnMut(u64, &Row<'_>) -> Result<(), Wrong>,
    ) {
        let headers = match reader.headers() {
            Ok(headers) => headers.clone(),
            Err(error) => return self.note(refused(&self.file, &error)),
        };
        let Some(places) = self.places(&headers, columns) else { return };
        let mut record = StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => {
                    self.note(refused(&self.file, &error));
                    if error.is_io_error() {
                        return;
                    }
                    continue;
                }
            }
            let (line, byte) = record.position().map_or((0, 0), |at| (Position::line(at), Position::byte(at)));
            let row = Row { columns, places: &places, record: &record, line };
            if let Err((field, reason)) = take(byte, &row) {
                self.note(ImportError { file: self.file.clone(), line: Some(line), field, reason });
            }
        }
    }

    /// Where each column stands; none if the first line cannot be used.
    fn places(&mut self, headers: &StringRecord, columns: &[Column]) -> Option<Vec<Option<usize>>> {
        let before = self.found;
        for header in headers {
            if !columns.iter().any(|column| column.name == header) {
                let near = columns.iter().map(|column| (strsim::damerau_levenshtein(header, column.name), column.name));
                let near = near.min().filter(|(distance, _)| *distance <= 3);
                let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
                let meant = match near {
                    Some((_, name)) => format!("did you mean \"{name}\"?"),
                    None => format!("there are {}", known.join(", ")),
                };
                // A file without a first line of names may begin with an address.
                let shown = if header.contains('@') { "(a name with an @)" } else { header };
                self.first_line(shown, &format!("is not a column of this file ({meant})"));
            }
        }
        let places = columns.iter().map(|column| {
            let mut places = headers.iter().enumerate().filter(|(_, header)| *header == column.name);
            let place = places.next().map(|(place, _)| place);
            if place.is_none() && column.required {
                self.first_line(column.name, "is missing");
            }
            if places.next().is_some() {
                self.first_line(column.name, "is the name of several columns");
            }
            place
        });
        let places = places.collect();
        (self.found == before).then_some(places)
    }

    fn first_line(&mut self, column: &str, reason: &str) {
        let (file, field) = (self.file.clone(), Some(column.to_owned()));
        self.note(ImportError { file, line: Some(1), field, reason: reason.to_owned() });
    }

    fn note(&mut self, problem: ImportError) {
        self.found += 1;
        if self.found <= MOST_PROBLEMS_PER_FILE {
            self.problems.push(problem);
        }
    }
}
