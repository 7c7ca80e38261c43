//! Which quarters a score reaches: what makes a lead due.

use std::ops::Range;

use super::{InterestRules, Reached, Step, Verdict, instant};
use crate::ids::ProductId;
use crate::quarter::Quarter;

/// Which quarter a step reaches: the one place that says what makes a lead due.
#[derive(Debug)]
pub struct Reaching<'a> {
    rules: &'a InterestRules,
    threshold: i64,
    /// The quarter last asked for and the seconds it holds: steps come in order, and calendars are slow.
    quarter: Option<(Quarter, Range<i64>)>,
}

impl<'a> Reaching<'a> {
    /// For one product.
    pub fn new(rules: &'a InterestRules, product: &ProductId) -> Self {
        Self { rules, threshold: rules.threshold(product), quarter: None }
    }

    /// The quarter that this step reaches, if it reaches one.
    pub fn by(&mut self, step: &Step<'_>) -> Option<(Quarter, Reached)> {
        let reached = match *step {
            Step::Fact { second, verdict: Verdict::Scored(rule), after, .. } => {
                let due = rule.act_now || (rule.points > 0 && after >= self.threshold);
                due.then_some(Reached { second, points: after, act_now: rule.act_now })
            }
            // Points count once in a cycle; that somebody asks does not, and may be in another quarter.
            Step::Fact { name, second, verdict: Verdict::Repeated, after, .. } => {
                self.rules.is_act_now(name).then_some(Reached { second, points: after, act_now: true })
            }
            Step::QuarterBegins { second, points } => {
                (points >= self.threshold).then_some(Reached { second, points, act_now: false })
            }
            Step::Fact { .. } | Step::Decay { .. } => None,
        }?;
        Some((self.quarter_of(reached.second), reached))
    }

    /// The quarter and second of this step, if it is an Act Now: also one that repeats another, and never a machine's.
    pub fn act_now(&mut self, step: &Step<'_>) -> Option<(Quarter, i64)> {
        let (is_act_now, second) = match *step {
            Step::Fact { second, verdict: Verdict::Scored(rule), .. } => (rule.act_now, second),
            Step::Fact { name, second, verdict: Verdict::Repeated, .. } => (self.rules.is_act_now(name), second),
            _ => return None,
        };
        is_act_now.then(|| (self.quarter_of(second), second))
    }

    fn quarter_of(&mut self, second: i64) -> Quarter {
        match &self.quarter {
            Some((quarter, seconds)) if seconds.contains(&second) => *quarter,
            _ => {
                let at = instant(second);
                let quarter = self.rules.quarters.of(at);
                self.quarter = Some((quarter, second..self.rules.quarters.next_start(at).as_second()));
                quarter
            }
        }
    }
}
