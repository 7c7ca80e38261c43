//! The coverage grid: how much content there is for each persona at each stage.
//!
//! Source: a grid of persona × stage shows which have plenty of content and which need more. Content that names no persona is
//! for everybody: it counts for each, and is given by itself as well. A piece that is in no stream does not count: nobody
//! receives it.

use std::collections::BTreeSet;
use std::fmt;

use perennial_domain::ids::PersonaId;

use crate::content::{FrontMatter, Stage};
use crate::source::Source;

/// Below so many pieces, a persona at a stage needs more.
const ENOUGH_PIECES: usize = 2;

/// The grid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// One row for each persona, in the order of the playbook.
    pub personas: Vec<Row>,
    /// What is for everybody, by stage as in [`Stage::ALL`].
    pub for_everybody: [Cell; 3],
}

/// A persona's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which persona.
    pub id: PersonaId,
    /// Its name in front of people.
    pub name: String,
    /// What there is for it, by stage as in [`Stage::ALL`]; what is for everybody is among it.
    pub cells: [Cell; 3],
}

/// How much content there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Emails that are in a stream.
    pub pieces: usize,
    /// Things to engage with.
    pub assets: usize,
}

impl Cell {
    /// Whether there is too little to write about.
    pub fn needs_more(&self) -> bool {
        self.pieces < ENOUGH_PIECES
    }
}

/// Counts the content of a playbook; the pieces come with their ids.
pub(crate) fn count<'a>(source: &'a Source, pieces: impl IntoIterator<Item = (&'a str, &'a FrontMatter)>) -> Coverage {
    let row = |persona: &crate::source::Persona| Row {
        id: persona.id.get_ref().as_str().into(),
        name: persona.name.get_ref().clone(),
        cells: Default::default(),
    };
    let mut coverage =
        Coverage { personas: source.personas.iter().map(row).collect(), for_everybody: Default::default() };
    let in_streams: BTreeSet<&str> = source
        .streams
        .iter()
        .flat_map(|stream| stream.pieces.get_ref())
        .map(|piece| piece.get_ref().as_str())
        .collect();
    for (_, piece) in pieces.into_iter().filter(|(id, _)| in_streams.contains(id)) {
        let personas = piece.personas.iter().map(String::as_str).collect();
        coverage.add(piece.stage, &personas, |cell| cell.pieces += 1);
    }
    for asset in &source.assets {
        let personas = asset.personas.iter().map(|persona| persona.get_ref().as_str()).collect();
        coverage.add(asset.stage, &personas, |cell| cell.assets += 1);
    }
    coverage
}

impl Coverage {
    fn add(&mut self, stage: Stage, personas: &BTreeSet<&str>, count: impl Fn(&mut Cell)) {
        let column = stage as usize;
        if personas.is_empty() {
            count(&mut self.for_everybody[column]);
        }
        for row in self.personas.iter_mut().filter(|row| personas.is_empty() || personas.contains(row.id.as_str())) {
            count(&mut row.cells[column]);
        }
    }
}

const HEADER: &str = "pieces + assets";
const EVERYBODY: &str = "for everybody";

/// A table for people.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [early, middle, late] = Stage::ALL.map(Stage::as_str);
        let names = self.personas.iter().map(|row| row.name.chars().count());
        let width = names.chain([HEADER, EVERYBODY].map(str::len)).max().unwrap_or(0);
        writeln!(f, "{HEADER:width$}  {early:<18}  {middle:<18}  {late}")?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, [early, middle, late]: [String; 3]| {
            writeln!(f, "{name:width$}  {early:<18}  {middle:<18}  {late}")
        };
        for row in &self.personas {
            let cell = |cell: Cell| {
                let more = if cell.needs_more() { ", needs more" } else { "" };
                format!("{} + {}{more}", cell.pieces, cell.assets)
            };
            line(f, &row.name, row.cells.map(cell))?;
        }
        line(f, EVERYBODY, self.for_everybody.map(|cell| format!("{} + {}", cell.pieces, cell.assets)))
    }
}
