//! When an interest may be cold, and when its oldest facts can be forgotten: what the decay run goes by.

use jiff::Timestamp;

use super::{HORIZON_CYCLES, InterestRules, Score};
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

/// When the decay run looks at an interest again: when it may be cold, and at the latest when a quarter begins.
///
/// It may be cold when decay has taken the score, or when the horizon passes the first fact that made it: whichever is
/// sooner. Until then nothing but a fact can make it zero.
pub fn look_again_at(rules: &InterestRules, score: &Score, now: Timestamp) -> i64 {
    let cut = score.first_scored_second.map(|second| (Cycle::of_second(second) + HORIZON_CYCLES).start_second());
    let cold = cools_at(rules, score.points, now);
    cut.map_or(cold, |cut| cold.min(cut)).min(rules.quarters.next_start(now).as_second())
}

/// When the decay run first looks at an interest that a fact has made live: when the running cycle has completed, and at
/// the latest when a quarter begins. Needs no score, so that an engagement costs no read.
pub fn first_look_at(rules: &InterestRules, now: Timestamp) -> i64 {
    Cycle::of(now).end_second().min(rules.quarters.next_start(now).as_second())
}

/// Facts before this second are never seen again, at `now` or later: one cycle behind the horizon, which the gate may
/// still look at.
pub fn forgotten_before(now: Timestamp) -> i64 {
    (Cycle::of(now) + -HORIZON_CYCLES).start_second()
}
