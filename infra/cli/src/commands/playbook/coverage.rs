//! `perennial playbook coverage`: which personas have plenty of content, and which need more.

use perennial_playbook::{Cell, Coverage, Stage};
use serde_json::{Value, json};

use super::Folder;
use crate::commands::{Failed, load_playbook, playbook_folder, print_json, say};

impl Folder {
    pub(super) fn coverage(self) -> Result<(), Failed> {
        let playbook = load_playbook(&playbook_folder(self.folder))?;
        if self.json {
            return print_json(&document(playbook.coverage()));
        }
        say(playbook.coverage())?;
        say("\nWhat is for everybody counts for each persona. Fewer than two pieces: needs more.\n")
    }
}

fn document(coverage: &Coverage) -> Value {
    let personas = coverage
        .personas
        .iter()
        .map(|row| json!({"persona": row.id.as_str(), "name": row.name, "stages": stages(row.cells, true)}));
    json!({"personas": personas.collect::<Vec<_>>(), "for_everybody": stages(coverage.for_everybody, false)})
}

fn stages(cells: [Cell; 3], judged: bool) -> Value {
    let stage = |(stage, cell): (Stage, Cell)| {
        let mut counts = json!({"pieces": cell.pieces, "assets": cell.assets});
        if judged {
            counts["needs_more"] = json!(cell.needs_more());
        }
        (stage.as_str().to_owned(), counts)
    };
    Value::Object(Stage::ALL.into_iter().zip(cells).map(stage).collect())
}
