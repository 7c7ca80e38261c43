//! From text to [`Written`]: section by section, so that a slip in one does not hide a slip in the next.

use crate::problem::{Findings, Page};
use crate::source::Sections;

use super::written::Written;

/// The names at the top of the file.
pub(super) const SECTIONS: [&str; 7] = ["format", "otherwise", "url", "verify", "envelope", "names", "rule"];

/// Reads the file; what could not be read is noted. `None` if it is no TOML.
pub(super) fn read(page: Page<'_>, findings: &mut Findings) -> Option<Written> {
    let mut sections = Sections::of(page, findings)?;
    let mut written = Written {
        format: sections.required("format"),
        otherwise: sections.present("otherwise"),
        url: sections.present("url"),
        verify: sections.list("verify"),
        envelope: sections.present("envelope"),
        names: sections.optional("names"),
        rules: sections.list("rule"),
        unread: Default::default(),
    };
    written.unread = sections.end("a webhook source", &SECTIONS);
    Some(written)
}
