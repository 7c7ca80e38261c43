//! Webhook sources: from `sources/<id>.toml` to the compiled form of [`crate::sources`].
//!
//! Owns the files of the folder `sources`, their format and every rule that they must keep. Never reads a message: what a source
//! means at run time is the platform's.

mod check;
mod compile;
mod reading;
pub(crate) mod schema;
mod written;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::content::read_file;
use crate::problem::{Findings, Page, Place, quoted};
use crate::source::Reading;
use crate::sources::Source;

use check::Catalogue;

/// The folder of the sources, below the playbook's.
const FOLDER: &str = "sources";

/// The text of each source of a folder, by id. A playbook without sources has the native one.
pub(crate) fn texts(folder: &Path, findings: &mut Findings) -> BTreeMap<String, String> {
    let entries = match fs::read_dir(folder.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            findings.error(Place::file(FOLDER), format!("the folder cannot be read: {error}"));
            return BTreeMap::new();
        }
    };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
    let names = entries.filter_map(|entry| name(entry.ok()?));
    // Editors leave files of their own, whose names begin with a dot.
    let ids = names.filter_map(|name| name.strip_suffix(".toml").filter(|id| !id.starts_with('.')).map(str::to_owned));
    let mut texts = BTreeMap::new();
    for id in ids {
        if let Some(text) = read_file(folder, &file(&id), findings) {
            texts.insert(id, text);
        }
    }
    texts
}

fn file(id: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{id}.toml"))
}

/// Checks the sources of a playbook and compiles them; what is wrong is noted. `playbook` says which assets and products there
/// are, if it could be read.
pub(crate) fn compile(
    texts: &BTreeMap<String, String>,
    playbook: Option<&Reading>,
    findings: &mut Findings,
) -> BTreeMap<String, Source> {
    let catalogue = playbook.and_then(Catalogue::of);
    let native = Source::native();
    let mut sources: BTreeMap<String, Source> = [(native.id.clone(), native)].into();
    for (id, text) in texts {
        let file = file(id);
        let page = Page { file: &file, text, first_line: 1 };
        if !is_source_id(id) {
            let reason = format!("the file's name is the source's id, and {} is not {ID_RULE}", quoted(id));
            findings.error(Place::file(&file), reason);
        }
        if OUR_OWN.contains(&id.as_str()) {
            let reason =
                format!("{} is a name under which the ledger keeps what we say ourselves: choose another", quoted(id));
            findings.error(Place::file(&file), reason);
        }
        let Some(written) = reading::read(page, findings) else { continue };
        if id == "native"
            && let Some(format) = written.format.as_ref().filter(|format| *format.get_ref() != written::Format::Native)
        {
            let reason = "the source \"native\" is of the format native: give this one another name";
            findings.error(page.at_span(format.span()), reason);
        }
        check::check(page, &written, catalogue.as_ref(), findings);
        if !findings.any_error_in(&file) {
            match compile::source(id, page, &written) {
                Some(source) => {
                    sources.insert(id.clone(), source);
                }
                None => {
                    let reason = "passed every check and cannot be compiled: please report this";
                    findings.error(Place::file(&file), reason);
                }
            }
        }
    }
    sources
}

/// What stands in the ledger instead of a source where nobody outside tells something: our pages, the links in our mail, SES of our
/// mail, and the sales desk. No source may have one of these names.
pub const OUR_OWN: [&str; 4] = ["page", "mail", "ses", "desk"];

const ID_RULE: &str = "1 to 64 of a-z, 0-9 and '-', beginning with a letter or digit";

/// It stands in the path of a request, among the secrets and in keys.
fn is_source_id(id: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.len() <= 64 && id.bytes().next().is_some_and(letter) && id.bytes().all(|byte| letter(byte) || byte == b'-')
}
