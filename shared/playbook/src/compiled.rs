//! What ships: a playbook that was checked, in the form in which a function reads it fastest.
//!
//! Owns the shape of the file that the layer holds. Never judges what it reads: that was done when it was made, by `crate::check`, and
//! a function that need not do it again is smaller and starts sooner.

mod plain;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bundle::BundledPiece;
use crate::places::Places;
use crate::source::Source;
use crate::sources;

/// The name under which a problem of the file is reported.
pub(crate) const FILE: &str = "playbook.json";
/// The number of the shape. It changes when an older file cannot be read any more, and then none of the older ones can; a field that may be
/// missing is no such change. `tests/compiled` keeps a file as it was when the number was new.
const FORMAT: u32 = 1;

/// The links of each edition of a piece, by its name; the piece itself has an empty one.
pub(crate) type Links = BTreeMap<String, Vec<String>>;

/// A compiled playbook. [`Compiled::to_json`] is the file that [`crate::Playbook::from_compiled`] reads.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compiled {
    format: u32,
    /// Of the bundle that it was made of.
    pub(crate) version: String,
    /// `playbook.toml`, without places.
    #[serde(deserialize_with = "plain::read")]
    pub(crate) source: Source,
    /// What of the places is asked for once it is compiled.
    pub(crate) places: Places,
    /// The webhook sources by id, the native one among them.
    pub(crate) sources: BTreeMap<String, sources::Source>,
    /// The pieces by id.
    pub(crate) pieces: BTreeMap<String, BundledPiece>,
    /// What each piece leads to, by its id.
    pub(crate) links: BTreeMap<String, Links>,
}

/// Without what it holds: some of that is addresses.
impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Compiled {
    /// Of what was checked.
    pub(crate) fn new(
        version: String,
        source: Source,
        places: Places,
        sources: BTreeMap<String, sources::Source>,
        (pieces, links): (BTreeMap<String, BundledPiece>, BTreeMap<String, Links>),
    ) -> Self {
        Self { format: FORMAT, version, source, places, sources, pieces, links }
    }

    /// Which playbook it is: see [`crate::Bundle::version`].
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The file that ships; the same playbook makes the same bytes.
    ///
    /// # Errors
    /// None that its content can cause; serde's signature allows one.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// What [`Compiled::to_json`] wrote.
    ///
    /// # Errors
    /// Why it is none. Without what was read, which a parser's own message may repeat.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let error = match serde_json::from_slice::<Self>(json) {
            Ok(compiled) if compiled.format == FORMAT => return Ok(compiled),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let what = match (serde_json::from_slice::<Head>(json), error) {
            (Ok(Head { format }), _) if format != FORMAT => {
                format!("of format {format}, where this version reads {FORMAT}")
            }
            (_, error) => {
                let column =
                    error.map(|error| format!(" (column {} cannot be read)", error.column())).unwrap_or_default();
                format!("not a compiled playbook{column}")
            }
        };
        Err(format!("{what}: make it again with the `perennial playbook build` of this version"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Playbook;

    #[test]
    fn what_is_written_is_what_is_read() {
        for folder in ["tests/fixtures/minimal", "../../infra/playbook"] {
            let bundle = Playbook::bundle(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
            let written = Playbook::compile(&bundle).unwrap().to_json().unwrap();
            let read = Compiled::from_json(written.as_bytes()).unwrap();
            assert!(read.to_json().unwrap() == written, "{folder}: something was lost on the way");
        }
    }
}
