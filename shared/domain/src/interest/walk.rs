//! The one walk through facts and time from which every score and every explanation is made.

use std::ops::Range;

use jiff::Timestamp;

use super::gate::{Clicked, Gate};
use super::{ActionRule, FactName, Facts, HORIZON_CYCLES, InterestRules, Repeat, Requalify, Step, Verdict, instant};
use crate::cycle::Cycle;

/// Tells the story of a score step by step, and returns the points at `now`.
///
/// [`super::evaluate`] and every explanation are made from this one walk, so they cannot disagree.
pub fn walk<'a>(rules: &InterestRules, facts: &'a Facts, now: Timestamp, visit: impl FnMut(Step<'a>)) -> i64 {
    walk_from(rules, facts, Cycle::of(now) + (1 - HORIZON_CYCLES), now, visit)
}

/// As [`walk`], but blind to what happened before a cycle: the horizon of a score, moved.
///
/// The gate still sees the cycle before: whether a click is a machine's does not depend on where one begins to count.
pub fn walk_from<'a>(
    rules: &InterestRules,
    facts: &'a Facts,
    first: Cycle,
    now: Timestamp,
    mut visit: impl FnMut(Step<'a>),
) -> i64 {
    // Nothing is seen from a cycle that has not begun.
    let seen = first.start_second()..now.as_second().saturating_add(1).max(first.start_second());
    let judging = Judging::new(rules, facts, seen);
    let mut walk = Walk::starting(rules, judging.first_second().unwrap_or(now.as_second()));
    for fact in judging {
        walk.take(fact, &mut visit);
    }
    walk.pass_time(now.as_second(), &mut visit);
    walk.points
}

/// A fact, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged<'a> {
    name: &'a FactName,
    /// When it happened, in seconds since the Unix epoch.
    pub(crate) second: i64,
    verdict: Verdict,
}

/// Facts in the order of (time, name), each with its verdict.
///
/// A verdict depends on rules and facts alone, neither on the score nor on the cycle in which a walk begins: whoever begins
/// anew with fewer facts need not judge them again.
pub(crate) struct Judging<'a> {
    gate: Gate<'a>,
    repeat: Repeat,
    // What is the same for all times of a fact is looked up once. Names are in order, so those that differ in the email
    // only are neighbours and share the count of their repetitions.
    kinds: Vec<FactKind<'a>>,
    ordered: std::vec::IntoIter<(i64, usize)>,
    counted_in: Vec<Option<i64>>,
}

impl<'a> Judging<'a> {
    /// The facts within these seconds. The gate sees what was before them too, and nothing that comes after.
    pub(crate) fn new(rules: &InterestRules, facts: &'a Facts, seen: Range<i64>) -> Self {
        let gate = Gate::new(rules, facts, seen.end.saturating_sub(1));
        let mut kinds: Vec<FactKind<'a>> = Vec::with_capacity(facts.names().len());
        let mut ordered: Vec<(i64, usize)> = Vec::with_capacity(facts.len());
        let mut counted_in: Vec<Option<i64>> = Vec::with_capacity(facts.names().len());
        for (name, seconds) in facts.by_name() {
            let alike =
                kinds.last().filter(|last| (&last.name.asset, &last.name.action) == (&name.asset, &name.action));
            let rule = alike.map_or_else(|| rules.action(name), |alike| alike.rule);
            if alike.is_none() {
                counted_in.push(None);
            }
            ordered.extend(seconds.range(seen.clone()).map(|second| (*second, kinds.len())));
            kinds.push(FactKind { name, rule, clicked: gate.clicked(name), repetition: counted_in.len() - 1 });
        }
        ordered.sort_unstable();
        Self { gate, repeat: rules.repeat, kinds, ordered: ordered.into_iter(), counted_in }
    }

    /// When the next fact happened.
    fn first_second(&self) -> Option<i64> {
        self.ordered.as_slice().first().map(|(second, _)| *second)
    }

    fn judge(&mut self, kind: FactKind<'a>, second: i64) -> Verdict {
        let Some(rule) = kind.rule else { return Verdict::Unknown };
        if let Some(gated) = self.gate.judge(kind.clicked, second) {
            return Verdict::Gated(gated);
        }
        if rule.points == 0 && !rule.act_now && !rule.call_now {
            return Verdict::Worthless;
        }
        let period = self.repeat.period(second);
        if period.is_some() && self.counted_in[kind.repetition] == period {
            return Verdict::Repeated;
        }
        self.counted_in[kind.repetition] = period;
        Verdict::Scored(rule)
    }
}

impl<'a> Iterator for Judging<'a> {
    type Item = Judged<'a>;

    fn next(&mut self) -> Option<Judged<'a>> {
        let (second, kind) = self.ordered.next()?;
        let kind = self.kinds[kind];
        Some(Judged { name: kind.name, second, verdict: self.judge(kind, second) })
    }
}

/// What all times of one fact have in common.
#[derive(Clone, Copy)]
struct FactKind<'a> {
    name: &'a FactName,
    rule: Option<ActionRule>,
    /// The email that it is a click on, if the gate judges it.
    clicked: Option<Clicked>,
    /// Which count of repetitions it shares.
    repetition: usize,
}

/// A score on its way through time.
pub(crate) struct Walk<'r> {
    rules: &'r InterestRules,
    /// The score now.
    pub(crate) points: i64,
    /// The cycle that is not complete yet.
    cycle: Cycle,
    scored_in_cycle: bool,
    /// The first second of the next quarter, if its beginning matters.
    next_quarter: Option<i64>,
}

impl<'r> Walk<'r> {
    /// Nothing has happened before this second.
    pub(crate) fn starting(rules: &'r InterestRules, second: i64) -> Self {
        let next_quarter = match rules.requalify {
            Requalify::OnEngagement => None,
            Requalify::OnRollover => Some(rules.quarters.next_start(instant(second)).as_second()),
        };
        Self { rules, points: 0, cycle: Cycle::of_second(second), scored_in_cycle: false, next_quarter }
    }

    /// Goes to a fact and takes it.
    pub(crate) fn take<'a>(&mut self, fact: Judged<'a>, visit: &mut impl FnMut(Step<'a>)) {
        let Judged { name, second, verdict } = fact;
        self.pass_time(second, visit);
        let before = self.points;
        self.score(verdict);
        visit(Step::Fact { name, second, verdict, before, after: self.points });
    }

    /// Begins anew with some of the facts that it has taken, as if those before them had never been: the score that they
    /// leave at a second. What time did meanwhile has been told of, and is not told again.
    pub(crate) fn begin_anew(&mut self, facts: &[Judged<'_>], second: i64) {
        self.points = 0;
        self.scored_in_cycle = false;
        self.cycle = Cycle::of_second(facts.first().map_or(second, |fact| fact.second));
        for fact in facts {
            self.complete_cycles(Cycle::of_second(fact.second), &mut |_| ());
            self.score(fact.verdict);
        }
        self.complete_cycles(Cycle::of_second(second), &mut |_| ());
    }

    fn score(&mut self, verdict: Verdict) {
        let Verdict::Scored(ActionRule { points, .. }) = verdict else { return };
        self.points = self.points.saturating_add(points).clamp(0, self.rules.cap);
        self.scored_in_cycle |= points > 0;
    }

    /// Whatever happens by itself until a second: cycles complete, quarters begin.
    pub(crate) fn pass_time<'a>(&mut self, until: i64, visit: &mut impl FnMut(Step<'a>)) {
        while let Some(second) = self.next_quarter.filter(|second| *second <= until) {
            self.complete_cycles(Cycle::of_second(second), visit);
            visit(Step::QuarterBegins { second, points: self.points });
            let next = self.rules.quarters.next_start(instant(second)).as_second();
            self.next_quarter = (next > second).then_some(next);
        }
        self.complete_cycles(Cycle::of_second(until), visit);
    }

    fn complete_cycles<'a>(&mut self, until: Cycle, visit: &mut impl FnMut(Step<'a>)) {
        while self.cycle < until {
            let before = self.points;
            if !self.scored_in_cycle && before > 0 {
                self.points = self.rules.decay.after(before);
                visit(Step::Decay { cycle: self.cycle, before, after: self.points });
            } else if before == 0 && !self.scored_in_cycle {
                // Nothing is left to decay: the rest of the silence changes nothing.
                self.cycle = until;
                return;
            }
            self.scored_in_cycle = false;
            self.cycle = self.cycle + 1;
        }
    }
}
