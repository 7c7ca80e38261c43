//! Segments and personas: whether they can be read, keep their examples, and have something to read.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::segment::{Clause, Comparison, Expression, Quantity};

use crate::content::Stage;
use crate::coverage;
use crate::expression::{self, Fault};
use crate::problem::{Place, quoted};
use crate::segments;
use crate::source::{Example, Placed, Segment, Text};
use crate::written;

use super::Check;
use super::examples::Examples;

/// Personas of the practice: fewer are no personas, more are not written for.
const PERSONAS: std::ops::RangeInclusive<usize> = 4..=6;
/// Of the conditions that decided, so many are named.
const MOST_CLAUSES: usize = 3;
/// Of an example, so many letters are shown.
const MOST_GIVEN: usize = 80;
/// The domain counts no more points of fit.
const MOST_FIT: i64 = 100;

impl Check<'_> {
    pub(super) fn segments(&mut self) {
        let source = self.source;
        let examples = Examples::new(source, !self.findings.any_error());
        self.ids("segment", source.segments.iter().map(|segment| &segment.id));
        for (segment, resolved) in source.segments.iter().zip(segments::resolve(source)) {
            match resolved {
                Ok(expression) => self.examples(segment, &expression, &examples),
                Err(Some(fault)) => {
                    self.fault(&format!("segment {}", quoted(segment.id.get_ref())), &segment.when, fault);
                }
                Err(None) => {}
            }
        }
        self.personas();
        self.personas_of_content();
    }

    /// What is wrong with a condition; `who` says whose it is.
    pub(super) fn fault(&mut self, who: &str, when: &Text, fault: Fault) {
        let (place, column) = self.within_expression(when, fault.offset);
        let problem = self.findings.error(place, format!("{who}, column {column}: {}", fault.reason));
        if let Some((word, known)) = fault.unknown {
            problem.did_you_mean(&word, known.iter().map(String::as_str));
        }
    }

    /// The line of the file, and the column of that line of the expression, from 1.
    fn within_expression(&self, when: &Text, offset: usize) -> (Place, usize) {
        let written = self.page.text.get(when.span()).unwrap_or_default();
        let spot = written::spot(written, offset);
        (self.page.at(when.span().start + spot.bytes), spot.column)
    }

    fn examples(&mut self, segment: &Segment, expression: &Expression, examples: &Examples) {
        let who = format!("segment {}", quoted(segment.id.get_ref()));
        for (people, list, slip) in
            [(&segment.includes, "includes", "leaves out"), (&segment.excludes, "excludes", "takes in")]
        {
            for (index, example) in people.iter().enumerate() {
                let which = format!("example {} of {list}", index + 1);
                let Some(person) = examples.person(self, &format!("{who}, {which}"), example.get_ref()) else {
                    continue;
                };
                let (is_member, clauses) = person.judge(expression);
                if is_member != (list == "includes") {
                    let given = self.as_given(example);
                    self.error(example, format!("{who} {slip} {which}{given}: {}", because(&clauses)));
                }
            }
        }
    }

    /// An example as it is written, in short; nothing where it is not between braces.
    fn as_given(&self, example: &Placed<Example>) -> String {
        let written = self.page.text.get(example.span()).filter(|written| written.starts_with('{')).unwrap_or_default();
        let words: Vec<&str> = written.split_whitespace().collect();
        match words.join(" ") {
            given if given.is_empty() => given,
            given if given.contains('@') => " (it holds an @, not shown)".to_owned(),
            given if given.chars().count() > MOST_GIVEN => {
                format!(" {}…", given.chars().take(MOST_GIVEN).collect::<String>())
            }
            given => format!(" {given}"),
        }
    }

    /// Conditions of a score or fit that is higher than any.
    pub(super) fn conditions_that_never_hold(&mut self) {
        let source = self.source;
        let products = source.products.iter().map(|product| product.id.get_ref().as_str()).collect();
        let cap = *source.interest.cap.get_ref();
        for segment in &source.segments {
            let Ok(written) = expression::parse(segment.when.get_ref(), &products) else { continue };
            let who = quoted(segment.id.get_ref());
            for condition in written.conditions() {
                let Expression::Compare { quantity, comparison, value } = condition else { continue };
                let (most, above) = match quantity {
                    Quantity::Score(_) | Quantity::HighestScore => (cap, "no score is above the cap of"),
                    Quantity::Fit => (MOST_FIT, "no fit is above"),
                    _ => continue,
                };
                let never = match comparison {
                    Comparison::More => *value >= most,
                    Comparison::AtLeast | Comparison::Equal => *value > most,
                    _ => false,
                };
                if never {
                    let reason = format!("segment {who}: {condition} never holds: {above} {most}");
                    self.warn(&segment.when, reason);
                }
            }
        }
    }

    fn personas(&mut self) {
        let source = self.source;
        self.ids("persona", source.personas.iter().map(|persona| &persona.id));
        let known: BTreeSet<&str> = source.segments.iter().map(|segment| segment.id.get_ref().as_str()).collect();
        let mut taken: BTreeMap<&str, &Text> = BTreeMap::new();
        for persona in &source.personas {
            let who = format!("persona {}", quoted(persona.id.get_ref()));
            self.filled("the persona's name", &persona.name);
            self.exists(&who, "segment", &persona.segment, &known);
            if let Some(first) = taken.insert(persona.segment.get_ref(), &persona.id) {
                let reason = format!(
                    "{who} has the segment of {}, which comes first: nobody will have this persona",
                    quoted(first.get_ref())
                );
                self.warn(&persona.segment, reason);
            }
        }
        if let Some(first) = source.personas.first().filter(|_| !PERSONAS.contains(&source.personas.len())) {
            let count = source.personas.len();
            self.warn(&first.id, format!("the practice has four to six personas, here {count}"));
        }
        self.stages_without_pieces();
    }

    fn stages_without_pieces(&mut self) {
        let source = self.source;
        let drafts = self.drafts.iter().filter_map(|(id, draft)| Some((id.as_str(), draft.front.as_ref()?)));
        let coverage = coverage::count(source, drafts);
        for (persona, row) in source.personas.iter().zip(&coverage.personas) {
            for (stage, cell) in Stage::ALL.into_iter().zip(row.cells) {
                if cell.pieces == 0 {
                    let who = quoted(persona.id.get_ref());
                    self.warn(&persona.id, format!("persona {who} has no piece for the {} stage", stage.as_str()));
                }
            }
        }
    }

    /// What assets and pieces name.
    fn personas_of_content(&mut self) {
        let (source, drafts) = (self.source, self.drafts);
        let known: BTreeSet<&str> = source.personas.iter().map(|persona| persona.id.get_ref().as_str()).collect();
        for asset in &source.assets {
            let who = format!("asset {}", quoted(asset.id.get_ref()));
            let mut named = BTreeSet::new();
            for persona in &asset.personas {
                self.exists(&who, "persona", persona, &known);
                if !named.insert(persona.get_ref()) {
                    self.error(persona, format!("{who} names persona {} twice", quoted(persona.get_ref())));
                }
            }
        }
        for (id, draft) in drafts {
            let mut named = BTreeSet::new();
            for persona in draft.front.iter().flat_map(|front| &front.personas) {
                let who = format!("piece {} names persona {}", quoted(id), quoted(persona));
                if !known.contains(persona.as_str()) {
                    let reason = format!("{who}, which does not exist");
                    self.findings.error(draft.at("personas"), reason).did_you_mean(persona, known.iter().copied());
                }
                if !named.insert(persona) {
                    self.findings.error(draft.at("personas"), format!("{who} twice"));
                }
            }
        }
    }
}

/// The conditions that decided, in words.
fn because(clauses: &[Clause]) -> String {
    let decided: Vec<&Clause> = clauses.iter().filter(|clause| clause.decides).collect();
    let say = |clause: &&Clause| {
        let holds = if clause.holds { "holds" } else { "does not hold" };
        let said = format!("{} {holds} ({})", clause.text, clause.seen);
        if said.contains('@') { "a condition with an @, not shown".to_owned() } else { said }
    };
    let mut said: Vec<String> = decided.iter().take(MOST_CLAUSES).map(say).collect();
    match decided.len().saturating_sub(MOST_CLAUSES) {
        0 => {}
        1 => said.push("and one more".to_owned()),
        more => said.push(format!("and {more} more")),
    }
    said.join("; ")
}
