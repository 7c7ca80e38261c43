//! What is wrong with a playbook, said so that a marketer finds the place and the remedy.
//!
//! Never repeats an address: a value that holds an `@` is not shown.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Whether a problem stops the playbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is built.
    Error,
    /// It is built, and somebody should look.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the playbook's folder.
    pub file: PathBuf,
    /// The line, from 1; `None` when the file as a whole is meant.
    pub line: Option<usize>,
    /// Whether it stops the playbook.
    pub severity: Severity,
    /// What is wrong.
    pub reason: String,
    /// What may have been meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = Place { file: self.file.clone(), line: self.line };
        write!(f, "{place}: {}: {}", self.severity, self.reason)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " ({suggestion})"),
            None => Ok(()),
        }
    }
}

impl Problem {
    /// Adds "did you mean …?" if one of the known words is near to what was written.
    pub(crate) fn did_you_mean<'a>(&mut self, written: &str, known: impl IntoIterator<Item = &'a str>) {
        self.suggestion = nearest(written, known).map(|word| format!("did you mean \"{word}\"?"));
    }
}

/// The known word that is nearest to what was written, if it is near enough to be a slip. Of two letters, each is as near as
/// the other: none is suggested for another.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (written.chars().count() / 2).clamp(1, 3);
    let distance = |word: &str| strsim::damerau_levenshtein(&written.to_lowercase(), &word.to_lowercase());
    known
        .into_iter()
        .map(|word| (distance(word), word))
        .filter(|(distance, _)| *distance <= most)
        .filter(|(distance, word)| *distance == 0 || written.chars().count() > 1 || word.chars().count() > 1)
        .min()
        .map(|(_, word)| word)
}

/// A value as a problem may show it: in quotes, never an address, never a page long.
pub(crate) fn quoted(value: &str) -> String {
    if value.contains('@') {
        return "(a value with an @, not shown)".to_owned();
    }
    let shown: String = value.chars().take(80).collect();
    format!("\"{shown}\"")
}

/// A place in the playbook's folder; shown as `playbook.toml:31`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the folder.
    pub file: PathBuf,
    /// The line, from 1; `None` when the file as a whole is meant.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

impl Place {
    /// A file as a whole.
    pub(crate) fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), line: None }
    }

    /// A line of a file.
    pub(crate) fn line(file: &Path, line: usize) -> Self {
        Self { file: file.to_owned(), line: Some(line) }
    }
}

/// A text, and where it stands in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    /// The file, relative to the folder.
    pub file: &'a Path,
    /// The text.
    pub text: &'a str,
    /// The line of the file on which the text begins, from 1.
    pub first_line: usize,
}

impl Page<'_> {
    /// The place of a byte offset.
    pub fn at(&self, offset: usize) -> Place {
        let newlines = self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        Place::line(self.file, self.first_line + newlines)
    }

    /// The place where a span begins.
    pub fn at_span(&self, span: Range<usize>) -> Place {
        self.at(span.start)
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Problem>);

impl Findings {
    /// Notes an error.
    pub fn error(&mut self, place: Place, reason: impl Into<String>) -> &mut Problem {
        self.note(Severity::Error, place, reason.into())
    }

    /// Notes a warning.
    pub fn warn(&mut self, place: Place, reason: impl Into<String>) -> &mut Problem {
        self.note(Severity::Warning, place, reason.into())
    }

    fn note(&mut self, severity: Severity, place: Place, reason: String) -> &mut Problem {
        let Place { file, line } = place;
        self.0.push_mut(Problem { file, line, severity, reason, suggestion: None })
    }

    /// Whether one of them is an error.
    pub fn any_error(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether one of them is an error in this file.
    pub fn any_error_in(&self, file: &Path) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error && problem.file == file)
    }

    /// All of them in the order of reading: `playbook.toml` first, then the content, each from top to bottom.
    pub fn in_order(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| (problem.file.components().count(), problem.file.clone(), problem.line));
        self.0
    }
}
