//! Another tool's history, played through the functions in virtual time.
//!
//! Owns the import: a folder of CSV files and a mapping (a TOML file, see [`Import::read`]) become native events, which
//! [`Import::play`] takes in at the door where webhooks are taken in, while the world's clock goes to the time of each.
//! Another tool's export needs another mapping and no code.
//!
//! What it never does: drop a row. Every row of every file is in the [`Outcome`], or the import is refused as a whole
//! before anything is written. It also never shows a value of a row: neither in an error nor in debug output.
//!
//! Map: `mapping` reads the TOML file, `rows` reads the CSV files by it.

mod mapping;
mod rows;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use ingest_engagement::Accepted;
use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_platform::identity;
use perennial_platform::ledger::Put;
use perennial_platform::told::Told;
use serde::Serialize;

use crate::contact::{self, Tables};
use crate::deployment::{Deployment, DeploymentError, address_key};
use mapping::Mapping;
pub(crate) use rows::refused;

/// Rows taken in without a delivery when the clock does not move, as in a second run over the same state.
const SETTLE_EVERY: usize = 100;

/// Why an export or its mapping cannot be used: where, and the reason, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ImportError {
    /// The file's name, without its folder.
    pub file: String,
    /// The line in it, from 1; none if the file as a whole is meant.
    pub line: Option<u64>,
    /// The column, or the field of the mapping; none if the line as a whole is meant.
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match &self.field {
            Some(field) => write!(f, ": {field} {}", self.reason),
            None => write!(f, ": {}", self.reason),
        }
    }
}

/// An export that was read and understood, in memory: its rows as native events, in the order of their times.
pub struct Import {
    source: String,
    rows: Vec<Row>,
    erasures: Vec<Erasure>,
    skipped: Counts,
}

/// File, outcome, number of rows.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// A row that tells something.
struct Row {
    at: Timestamp,
    id: String,
    body: String,
    told: Told,
    file: String,
    /// How many rows it stands for: one, or none if the row has told something else already.
    rows: u64,
}

/// A row that says that somebody is to be erased.
struct Erasure {
    contact: String,
    file: String,
    rows: u64,
}

/// What became of every row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// All rows of all files.
    pub rows: u64,
    /// How many rows of all files had each outcome: `accepted`, `duplicate` (known already), `quarantined` (kept, but
    /// the playbook does not understand it), `conflict` (the id is known with another body; nothing was written), `erased`
    /// (the contact and everything told of it), and `skipped: ` with the mapping's reason, or `merged before` of a deletion: the
    /// contact that its id was merged into is not deleted with it.
    pub outcomes: BTreeMap<String, u64>,
    /// The same of each file.
    pub files: Counts,
}

impl Outcome {
    fn count(&mut self, file: &str, outcome: &str, rows: u64) {
        self.rows += rows;
        *self.outcomes.entry(outcome.to_owned()).or_default() += rows;
        *self.files.entry(file.to_owned()).or_default().entry(outcome.to_owned()).or_default() += rows;
    }
}

impl Import {
    /// Reads all CSV files of a folder by a mapping.
    ///
    /// The mapping names every file of the folder. A file may be named several times: of its `[[file]]` sections the
    /// first one whose `when` fits a row (column and allowed values) takes it; one without `when` fits every row.
    /// `skip` gives the reason why such rows tell nothing; otherwise a row becomes the native event `event` with the id
    /// in the column `id` (or several columns, joined by `/`), the time in the column `at`, and the fields in `data`: a
    /// string is the name of a column, `{ column = "…", map = "…" }` sends its value through a table of `[maps]`,
    /// `{ text = "…" }` and `true` or `false` are the same for every row. An empty cell says nothing of its field. `each`
    /// names a column with a list (`[17, 18]`): the row tells the event of each element. `contact.erased` is an event of
    /// imports alone: such contacts are erased when all rows are in.
    ///
    /// ```toml
    /// format = 1
    /// source = "newsletter-tool"
    /// time_zone = "UTC"
    /// time_format = "%Y-%m-%d %H:%M:%S%.f"
    ///
    /// [[file]]
    /// name = "clicks.csv"
    /// event = "engagement.recorded"
    /// id = "click_id"
    /// at = "clicked_at"
    /// data.contact = "person_id"
    /// data.asset = { column = "mailing_id", map = "mailings" }
    /// data.action = { text = "click" }
    /// data.email = "mailing_id"
    ///
    /// [maps.mailings]
    /// 17 = "webinar-invitation"
    /// default = "customer-newsletter"
    /// ```
    ///
    /// # Errors
    /// All that is wrong with the mapping, or else with the files; of one file the first twenty.
    pub fn read(folder: &Path, mapping: &Path) -> Result<Self, Vec<ImportError>> {
        let mapping = Mapping::read(mapping)?;
        let mut import =
            Self { source: mapping.source.clone(), rows: Vec::new(), erasures: Vec::new(), skipped: Counts::new() };
        let mut errors = Vec::new();
        let files = csv_files(folder).map_err(|error| vec![error])?;
        for name in mapping.rules.iter().map(|rule| &rule.file) {
            let whole = |reason: &str| whole_file(name, reason.to_owned());
            if !files.contains(name) && !errors.iter().any(|error: &ImportError| error.file == *name) {
                errors.push(whole("is in the mapping and not in the folder"));
            }
        }
        for name in &files {
            if mapping.rules.iter().any(|rule| rule.file == *name) {
                import.read_file(folder, name, &mapping, &mut errors);
            } else {
                errors.push(whole_file(name, "is not in the mapping; name it there, if only to skip it".to_owned()));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // The body as well, so that not even rows that share an id depend on the order of the lines.
        import.rows.sort_by(|a, b| (a.at, &a.id, &a.body).cmp(&(b.at, &b.id, &b.body)));
        Ok(import)
    }

    /// How many rows there are, skipped ones included.
    pub fn len(&self) -> usize {
        let rows = self.rows.iter().map(|row| row.rows).chain(self.erasures.iter().map(|erasure| erasure.rows));
        // They were counted one by one in memory.
        usize::try_from(rows.sum::<u64>()).unwrap_or(usize::MAX) + self.skipped_len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the first event happened: where the world's clock should stand before; none if no row tells anything.
    pub fn starts_at(&self) -> Option<Timestamp> {
        self.rows.first().map(|row| row.at)
    }

    /// Plays all events, in the order of their times. The clock goes to the time of each, and what the one before
    /// caused has settled by then. A row that is older than the clock is taken in without moving it: it is late, as a
    /// webhook can be. `progress` is told how many rows are done.
    ///
    /// # Errors
    /// [`DeploymentError`] if the world cannot go on. Playing again goes on where it stopped: what was taken in before
    /// is a duplicate.
    pub async fn play(
        &self,
        deployment: &Deployment,
        mut progress: impl FnMut(usize),
    ) -> Result<Outcome, DeploymentError> {
        let mut outcome = Outcome::default();
        for (file, reasons) in &self.skipped {
            outcome.files.entry(file.clone()).or_default();
            for (reason, rows) in reasons {
                outcome.count(file, reason, *rows);
            }
        }
        let mut done = self.skipped_len();
        progress(done);
        for row in &self.rows {
            if row.at > deployment.world.clock().now() {
                deployment.world.advance_to(row.at, |_| {}).await?;
            } else if done.is_multiple_of(SETTLE_EVERY) {
                deployment.world.settle().await?;
            }
            let accepted = deployment.take_in(&self.source, &row.id, &row.body, row.told.clone()).await?;
            outcome.count(&row.file, name_of(&accepted), row.rows);
            done += usize::from(row.rows > 0);
            progress(done);
        }
        deployment.world.settle().await?;
        for erasure in &self.erasures {
            let erased = self.erase(deployment, &erasure.contact).await?;
            outcome.count(&erasure.file, if erased { "erased" } else { "skipped: merged before" }, erasure.rows);
            done += usize::from(erasure.rows > 0);
            progress(done);
        }
        deployment.world.settle().await?;
        Ok(outcome)
    }

    /// Erases a contact, now that everything told of it is there. False if its id was merged into another before: a tool
    /// deletes the ids that it has merged, and who stays is not meant.
    async fn erase(&self, deployment: &Deployment, contact: &str) -> Result<bool, DeploymentError> {
        let (key, now) = (address_key(), deployment.world.clock().now());
        let (store, ledger, ledger_table) = (&deployment.store, &deployment.ingest.ledger, &deployment.ledger_table);
        let tables = Tables { store, ledger, ledger_table, key: &key, now };
        // An address belongs to somebody without being merged into it.
        let by_address = perennial_playbook::is_address(contact.trim());
        if !by_address && identity::chain(store, &ContactId::from(contact)).await?.len() > 1 {
            return Ok(false);
        }
        contact::erase(&tables, &tables.find(contact).await?, false).await?;
        Ok(true)
    }

    fn skipped_len(&self) -> usize {
        let rows: u64 = self.skipped.values().flat_map(BTreeMap::values).sum();
        // They were counted one by one in memory.
        usize::try_from(rows).unwrap_or(usize::MAX)
    }
}

/// Without the rows: they hold addresses.
impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("source", &self.source).field("rows", &self.len()).finish_non_exhaustive()
    }
}

fn name_of(accepted: &Accepted) -> &'static str {
    match accepted {
        Accepted { put: Put::Duplicate, .. } => "duplicate",
        Accepted { put: Put::Conflict, .. } => "conflict",
        Accepted { put: Put::New, quarantined: Some(_) } => "quarantined",
        Accepted { put: Put::New, quarantined: None } => "accepted",
    }
}

fn whole_file(file: &str, reason: String) -> ImportError {
    ImportError { file: file.to_owned(), line: None, field: None, reason }
}

/// The names of a folder's CSV files, sorted. Other files may lie beside them.
fn csv_files(folder: &Path) -> Result<Vec<String>, ImportError> {
    let refused = |error: std::io::Error| {
        whole_file(&folder.file_name().unwrap_or(OsStr::new(".")).to_string_lossy(), format!("cannot be read: {error}"))
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
