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
    let products: BTreeSet<&str> = source.products.iter().map(|product| product.id.get_ref().as_str()).collect();
    let ids: Vec<&str> = source.segments.iter().map(|segment| segment.id.get_ref().as_str()).collect();
    let written = source.segments.iter().map(|segment| parse(segment.when.get_ref(), &products));
    let mut resolver = Resolver {
        // Backwards, so that of two segments with one id the first is meant.
        by_id: ids.iter().enumerate().rev().map(|(index, id)| (*id, index)).collect(),
        states: written
            .map(|written| written.map_or_else(|fault| State::Done(Err(Some(fault))), State::Written))
            .collect(),
        ids,
        path: Vec::new(),
    };
    for index in 0..resolver.ids.len() {
        resolver.resolve(index);
    }
    let done = |state| match state {
        State::Done(resolved) => resolved,
        State::Written(_) | State::Open => Err(None),
    };
    resolver.states.into_iter().map(done).collect()
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
    /// The segments that are being resolved, each named by the one before it.
    path: Vec<usize>,
}

enum State {
    /// Not looked at yet.
    Written(Written),
    /// Being resolved.
    Open,
    Done(Resolved),
}

impl Resolver<'_> {
    fn resolve(&mut self, index: usize) {
        let written = match std::mem::replace(&mut self.states[index], State::Open) {
            State::Written(written) => written,
            other => {
                self.states[index] = other;
                return;
            }
        };
        self.path.push(index);
        let mut conditions = 0;
        let resolved = self.inline(written, &mut conditions).and_then(|expression| {
            let deep = depth(&expression) > MOST_DEEP;
            if deep { Err(Some(too_deep(0))) } else { Ok(expression) }
        });
        self.path.pop();
        self.states[index] = State::Done(resolved);
    }

    fn inline(&mut self, written: Written, conditions: &mut usize) -> Resolved {
        let list = |this: &mut Self, parts: Vec<Written>, conditions: &mut usize| {
            parts.into_iter().map(|part| this.inline(part, conditions)).collect::<Result<Vec<_>, _>>()
        };
        match written {
            Written::All(parts) => list(self, parts, conditions).map(Expression::All),
            Written::Any(parts) => list(self, parts, conditions).map(Expression::Any),
            Written::Not(part) => self.inline(*part, conditions).map(|part| Expression::Not(Box::new(part))),
            Written::Condition(condition) => {
                count(conditions, 1, 0)?;
                Ok(condition)
            }
            Written::Segment { id, offset } => self.named(&id, offset, conditions),
        }
    }

    fn named(&mut self, id: &str, offset: usize, conditions: &mut usize) -> Resolved {
        let Some(&index) = self.by_id.get(id) else {
            let fault = Fault::new(offset, format!("segment {} does not exist", quoted(id)));
            return Err(Some(fault.unknown(id, self.ids.iter().copied())));
        };
        if let Some(start) = self.path.iter().position(|open| *open == index) {
            let circle = self.path[start..].iter().chain([&index]).map(|index| quoted(self.ids[*index]));
            let circle = circle.collect::<Vec<_>>().join(" → ");
            return Err(Some(Fault::new(offset, format!("segments in a circle: {circle}"))));
        }
        if self.path.len() >= MOST_DEEP {
            return Err(Some(too_deep(offset)));
        }
        self.resolve(index);
        match &self.states[index] {
            State::Done(Ok(expression)) => {
                // Counted before it is copied: segments that name each other twice would double at each step.
                count(conditions, size(expression), offset)?;
                Ok(expression.clone())
            }
            _ => Err(None),
        }
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
