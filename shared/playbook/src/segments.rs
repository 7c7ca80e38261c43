//! From segments as they are written to expressions that stand alone: what another segment asks for takes the place of its
//! name.
//!
//! Owns what can only be said of all segments together: a name that no segment has, a circle, a nest too deep, an expression
//! too large. The check says it, and the compiler takes what is left.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::segment::{Expression, Segment};

use crate::expression::{Fault, MOST_DEEP, Written, parse};
use crate::problem::quoted;
use crate::source::Source;

/// No segment asks for more conditions, with those of the segments that it names.
const MOST_CONDITIONS: usize = 1000;

/// What became of a segment; `Err(None)` if only another segment that it names is wrong.
pub(crate) type Resolved = Result<Expression, Option<Fault>>;

/// The segments of a playbook, in its order.
pub(crate) fn resolve(source: &Source) -> Vec<Resolved> {
    resolve_with(source, &[]).0
}

/// The segments of a playbook, and conditions that stand elsewhere and may name them.
pub(crate) fn resolve_with(source: &Source, conditions: &[&str]) -> (Vec<Resolved>, Vec<Resolved>) {
    let products: BTreeSet<&str> = source.products.iter().map(|product| product.id.get_ref().as_str()).collect();
    let mut ids: Vec<&str> = source.segments.iter().map(|segment| segment.id.get_ref().as_str()).collect();
    let written = source.segments.iter().map(|segment| segment.when.get_ref().as_str());
    let written = written.chain(conditions.iter().copied()).map(|when| parse(when, &products));
    // Backwards, so that of two segments with one id the first is meant.
    let by_id = ids.iter().enumerate().rev().map(|(index, id)| (*id, index)).collect();
    // A condition has no name: nothing can ask for it.
    ids.extend(conditions.iter().map(|_| ""));
    let mut resolver = Resolver {
        by_id,
        states: written
            .map(|written| written.map_or_else(|fault| State::Done(Err(Some(fault))), State::Written))
            .collect(),
        ids,
    };
    for index in 0..resolver.ids.len() {
        resolver.resolve(index);
    }
    let done = |state| match state {
        State::Done(resolved) => resolved,
        State::Written(_) => Err(None),
    };
    let mut segments: Vec<Resolved> = resolver.states.into_iter().map(done).collect();
    let conditions = segments.split_off(source.segments.len());
    (segments, conditions)
}

/// The segments of a playbook that passed the check; `None` if it did not.
pub(crate) fn compile(source: &Source) -> Option<Vec<Segment>> {
    let resolved = source.segments.iter().zip(resolve(source));
    resolved
        .map(|(segment, when)| Some(Segment { id: segment.id.get_ref().as_str().into(), when: when.ok()? }))
        .collect()
}

struct Resolver<'s> {
    ids: Vec<&'s str>,
    by_id: BTreeMap<&'s str, usize>,
    states: Vec<State>,
}

enum State {
    /// Not resolved yet.
    Written(Written),
    Done(Resolved),
}

/// A segment that waits for those that it names.
struct Waiting {
    index: usize,
    /// The names that stand in it, the last first.
    names: Vec<(String, usize)>,
}

impl Resolver<'_> {
    /// Resolves a segment after those that it names. The path is a list and no recursion: however many segments name one
    /// another, the stack holds the levels of a single one.
    fn resolve(&mut self, index: usize) {
        let mut path: Vec<Waiting> = self.waiting(index).into_iter().collect();
        while let Some(last) = path.last_mut() {
            let index = last.index;
            let next = match last.names.pop() {
                Some((id, offset)) => self.next(&id, offset, &path),
                None => {
                    self.states[index] = State::Done(self.stands_alone(index));
                    path.pop();
                    continue;
                }
            };
            match next {
                Ok(named) => path.extend(named),
                Err(fault) => {
                    self.states[index] = State::Done(Err(fault));
                    path.pop();
                }
            }
        }
    }

    /// A segment with the names that stand in it; `None` if it is resolved already.
    fn waiting(&self, index: usize) -> Option<Waiting> {
        let State::Written(written) = &self.states[index] else { return None };
        let mut names = Vec::new();
        collect_names(written, &mut names);
        names.reverse();
        Some(Waiting { index, names })
    }

    /// The segment of this name, if it is still to be resolved.
    fn next(&self, id: &str, offset: usize, path: &[Waiting]) -> Result<Option<Waiting>, Option<Fault>> {
        let Some(&index) = self.by_id.get(id) else {
            let fault = Fault::new(offset, format!("segment {} does not exist", quoted(id)));
            return Err(Some(fault.unknown(id, self.by_id.keys().copied())));
        };
        if let State::Done(_) = self.states[index] {
            return Ok(None);
        }
        if let Some(start) = path.iter().position(|open| open.index == index) {
            let circle = path[start..].iter().map(|open| open.index).chain([index]);
            let circle: Vec<String> = circle.map(|index| quoted(self.ids[index])).collect();
            return Err(Some(Fault::new(offset, format!("segments in a circle: {}", circle.join(" → ")))));
        }
        Ok(self.waiting(index))
    }

    fn stands_alone(&self, index: usize) -> Resolved {
        match &self.states[index] {
            State::Written(written) => self.inline(written, 0, &mut 0),
            State::Done(_) => Err(None),
        }
    }

    /// An expression below so many others; the segments that it names are resolved.
    fn inline(&self, written: &Written, above: usize, conditions: &mut usize) -> Resolved {
        let mut list = |parts: &[Written]| {
            parts.iter().map(|part| self.inline(part, above + 1, conditions)).collect::<Result<Vec<_>, _>>()
        };
        match written {
            Written::Segment { id, offset } => self.named(id, *offset, above, conditions),
            _ if above == MOST_DEEP => Err(Some(too_deep(0))),
            Written::All(parts) => list(parts).map(Expression::All),
            Written::Any(parts) => list(parts).map(Expression::Any),
            Written::Not(part) => self.inline(part, above + 1, conditions).map(|part| Expression::Not(Box::new(part))),
            Written::Condition(condition) => {
                count(conditions, 1, 0)?;
                Ok(condition.clone())
            }
        }
    }

    fn named(&self, id: &str, offset: usize, above: usize, conditions: &mut usize) -> Resolved {
        let Some(State::Done(Ok(expression))) = self.by_id.get(id).map(|index| &self.states[*index]) else {
            return Err(None);
        };
        if above + depth(expression) > MOST_DEEP {
            return Err(Some(too_deep(offset)));
        }
        // Counted before it is copied: segments that name each other twice would double at each step.
        count(conditions, size(expression), offset)?;
        Ok(expression.clone())
    }
}

/// The names of other segments with where they stand, from left to right.
fn collect_names(written: &Written, names: &mut Vec<(String, usize)>) {
    match written {
        Written::All(parts) | Written::Any(parts) => parts.iter().for_each(|part| collect_names(part, names)),
        Written::Not(part) => collect_names(part, names),
        Written::Condition(_) => {}
        Written::Segment { id, offset } => names.push((id.clone(), *offset)),
    }
}

fn too_deep(offset: usize) -> Fault {
    Fault::new(offset, format!("nests deeper than {MOST_DEEP}, with the segments that it names"))
}

fn count(conditions: &mut usize, more: usize, offset: usize) -> Result<(), Option<Fault>> {
    *conditions += more;
    if *conditions > MOST_CONDITIONS {
        let reason =
            format!("asks for more than {MOST_CONDITIONS} conditions, with those of the segments that it names");
        return Err(Some(Fault::new(offset, reason)));
    }
    Ok(())
}

fn depth(expression: &Expression) -> usize {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => 1 + parts.iter().map(depth).max().unwrap_or(0),
        Expression::Not(part) => 1 + depth(part),
        _ => 1,
    }
}

fn size(expression: &Expression) -> usize {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().map(size).sum(),
        Expression::Not(part) => size(part),
        _ => 1,
    }
}
