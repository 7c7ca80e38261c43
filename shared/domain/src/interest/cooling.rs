//! When an interest may be cold, and when its oldest facts can be forgotten: what the decay run goes by.

use jiff::Timestamp;

use super::{Facts, HORIZON_CYCLES, InterestRules, Requalify, Score, Step, instant, walk};
use crate::cycle::Cycle;

/// When a score of `points` will be zero if nothing more happens: the end of a cycle, in seconds; now if it is zero.
///
/// The running cycle may hold the engagement that made the score; then it does not decay. The prediction is the earliest
/// possible end, and whoever acts on it evaluates again.
pub fn cools_at(rules: &InterestRules, points: i64, now: Timestamp) -> i64 {
    if points <= 0 {
        return now.as_second();
    }
    (Cycle::of(now) + rules.decay.cycles_to_zero(points)).start_second()
}

/// When the decay run looks at an interest again: when it may be cold, and when a quarter begins if that may make a lead.
///
/// It may be cold when decay has taken the score, or when the horizon passes the first fact that made it: whichever is
/// sooner. Until then nothing but a fact can make it zero.
pub fn look_again_at(rules: &InterestRules, score: &Score, now: Timestamp) -> i64 {
    let cut = score.first_scored_second.map(|second| (Cycle::of_second(second) + HORIZON_CYCLES).start_second());
    let cold = cools_at(rules, score.points, now);
    sooner(cut.map_or(cold, |cut| cold.min(cut)), rules, now)
}

/// When the decay run first looks at an interest that a fact has made live: when the running cycle has completed, or when a
/// quarter begins if that may make a lead. Needs no score, so that an engagement costs no read.
pub fn first_look_at(rules: &InterestRules, now: Timestamp) -> i64 {
    sooner(Cycle::of(now).end_second(), rules, now)
}

/// Where a quarter's beginning makes no lead, nobody looks: the first day of a quarter is then a day like any other.
fn sooner(cold: i64, rules: &InterestRules, now: Timestamp) -> i64 {
    match rules.requalify {
        Requalify::OnEngagement => cold,
        Requalify::OnRollover => cold.min(rules.quarters.next_start(now).as_second()),
    }
}

/// The second at which a score that is zero at `now` became so; none if it is above zero, or was not within the horizon. If
/// the gate took it back, the first second of that cycle.
pub fn cooled_at(rules: &InterestRules, facts: &Facts, now: Timestamp) -> Option<i64> {
    // A signal against can take the last point at any time …
    let mut taken = None;
    let points = walk(rules, facts, now, |step| {
        if let Step::Fact { second, before: 1.., after: 0, .. } = step {
            taken = Some(second);
        }
    });
    if points > 0 {
        return None;
    }
    // … decay and the horizon only at the end of a cycle. What the horizon took can only be seen from before.
    let running = Cycle::of(now);
    let mut ends = (0..HORIZON_CYCLES).map(|back| (running + -back).start_second());
    let ended = ends.find(|end| walk(rules, facts, instant(end - 1), |_| {}) > 0);
    taken.max(ended)
}

/// Facts before this second are never seen again, at `now` or later: one cycle behind the horizon, which the gate may
/// still look at.
pub fn forgotten_before(now: Timestamp) -> i64 {
    (Cycle::of(now) + -HORIZON_CYCLES).start_second()
}
