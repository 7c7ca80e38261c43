//! The JSON Schema of a source's file: what an editor completes and explains.
//!
//! Made of the structures that read it, as that of `playbook.toml` is. It sees less than the check does.

use schemars::Schema;
use serde_json::{Value, json};

use super::written::Written;
use crate::source::schema::schema_of;

/// The schema of the whole file.
pub(crate) fn schema() -> Value {
    schema_of::<Written>()
}

/// Says which sections a source cannot do without.
pub(super) fn root(schema: &mut Schema) {
    schema.insert("required".to_owned(), json!(["format"]));
}
