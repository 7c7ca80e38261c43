//! A playbook as it is written, in one value: its texts, and its content already turned into HTML.
//!
//! Owns the bundle's shape and its version. Never reads a folder, and never turns MJML into HTML. What ships is compiled from it:
//! [`crate::Compiled`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::content::{EditionFront, FrontMatter};

/// The file under which a bundle's own problems are reported.
pub(crate) const FILE: &str = "bundle.json";

/// A playbook as it is written. [`crate::Playbook::compile`] checks it and makes what ships.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The text of `playbook.toml`, unchanged.
    pub playbook: String,
    /// The pieces by id.
    pub pieces: BTreeMap<String, BundledPiece>,
    /// The text of each webhook source by id, unchanged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
}

/// Without the text of the playbook, which holds addresses.
impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("pieces", &self.pieces.len()).finish_non_exhaustive()
    }
}

/// One piece of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledPiece {
    /// What stands above its body.
    pub front: FrontMatter,
    /// The HTML part within the layout, variables still in place.
    pub html: String,
    /// The text part, variables still in place.
    pub text: String,
    /// Its translations and variants by name, such as `b.de`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub editions: BTreeMap<String, BundledEdition>,
}

/// A translation or a variant of a piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledEdition {
    /// What stands above its body.
    pub front: EditionFront,
    /// The HTML part within the layout, variables still in place.
    pub html: String,
    /// The text part, variables still in place.
    pub text: String,
}

impl Bundle {
    /// The first 12 hex digits of the SHA-256 over the bundle as JSON: the same content makes the same version.
    ///
    /// # Errors
    /// None that its content can cause; serde's signature allows one.
    pub fn version(&self) -> Result<String, serde_json::Error> {
        let digest = Sha256::digest(serde_json::to_vec(self)?);
        Ok(digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect())
    }
}
