//! The one walk through facts and time from which every score and every explanation is made.

use jiff::Timestamp;

use super::gate::{Clicked, Gate};
use super::{ActionRule, FactName, Facts, HORIZON_CYCLES, InterestRules, Requalify, Step, Verdict, instant};
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
    let gate = Gate::new(rules, facts, now.as_second());
    // What is the same for all times of a fact is looked up once. Names are in order, so those that differ in the email
    // only are neighbours and share the count of their repetitions.
    let mut kinds: Vec<FactKind<'_>> = Vec::with_capacity(facts.names().len());
    let mut ordered: Vec<(i64, usize)> = Vec::with_capacity(facts.len());
    let mut counted_in: Vec<Option<i64>> = Vec::with_capacity(facts.names().len());
    for (name, seconds) in facts.by_name() {
        let alike = kinds.last().filter(|last| (&last.name.asset, &last.name.action) == (&name.asset, &name.action));
        let rule = alike.map_or_else(|| rules.action(name), |alike| alike.rule);
        if alike.is_none() {
            counted_in.push(None);
        }
        ordered.extend(seconds.range(seen.clone()).map(|second| (*second, kinds.len())));
        kinds.push(FactKind { name, rule, clicked: gate.clicked(name), repetition: counted_in.len() - 1 });
    }
    ordered.sort_unstable();

    let mut walk = Walk::starting(rules, ordered.first().map_or(now.as_second(), |(second, _)| *second));
    for (second, kind) in ordered {
        let FactKind { name, rule, clicked, repetition } = kinds[kind];
        walk.pass_time(second, &mut visit);
        let before = walk.points;
        let verdict = match rule {
            None => Verdict::Unknown,
            Some(rule) => match gate.judge(clicked, second) {
                Some(gated) => Verdict::Gated(gated),
                None if rule.points == 0 && !rule.act_now && !rule.call_now => Verdict::Worthless,
                None => {
                    let period = rules.repeat.period(second);
                    if period.is_some() && counted_in[repetition] == period {
                        Verdict::Repeated
                    } else {
                        counted_in[repetition] = period;
                        Verdict::Scored(rule)
                    }
                }
            },
        };
        if let Verdict::Scored(rule) = verdict {
            walk.score(rule.points);
        }
        visit(Step::Fact { name, second, verdict, before, after: walk.points });
    }
    walk.pass_time(now.as_second(), &mut visit);
    walk.points
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
struct Walk<'r> {
    rules: &'r InterestRules,
    points: i64,
    /// The cycle that is not complete yet.
    cycle: Cycle,
    scored_in_cycle: bool,
    /// The first second of the next quarter, if its beginning matters.
    next_quarter: Option<i64>,
}

impl<'r> Walk<'r> {
    fn starting(rules: &'r InterestRules, second: i64) -> Self {
        let next_quarter = match rules.requalify {
            Requalify::OnEngagement => None,
            Requalify::OnRollover => Some(rules.quarters.next_start(instant(second)).as_second()),
        };
        Self { rules, points: 0, cycle: Cycle::of_second(second), scored_in_cycle: false, next_quarter }
    }

    fn score(&mut self, points: i64) {
        self.points = self.points.saturating_add(points).clamp(0, self.rules.cap);
        self.scored_in_cycle |= points > 0;
    }

    /// Whatever happens by itself until a second: cycles complete, quarters begin.
    fn pass_time<'a>(&mut self, until: i64, visit: &mut impl FnMut(Step<'a>)) {
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
