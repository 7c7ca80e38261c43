//! What holds for one score at any instant: its bounds, its story, its quarters.

use perennial_domain::interest::{InterestRules, Requalify, Step, evaluate, instant, walk};
use proptest::prelude::*;

use crate::product;
use crate::worlds::{any_facts, any_rules, any_second};

proptest! {
    #[test]
    fn no_score_is_negative_or_above_the_cap(rules in any_rules(), facts in any_facts(), now in any_second(900)) {
        let bounds = 0..=rules.cap;
        let points = walk(&rules, &facts, instant(now), |step| {
            let (before, after) = match step {
                Step::Fact { before, after, .. } | Step::Decay { before, after, .. } => (before, after),
                Step::QuarterBegins { points, .. } => (points, points),
            };
            assert!(bounds.contains(&before) && bounds.contains(&after), "{step:?}");
        });
        prop_assert!(bounds.contains(&points));
        prop_assert_eq!(evaluate(&rules, &product(), &facts, instant(now)).points, points);
    }

    #[test]
    fn the_story_adds_up_to_the_score(rules in any_rules(), facts in any_facts(), now in any_second(900)) {
        let mut sum = 0;
        let points = walk(&rules, &facts, instant(now), |step| match step {
            Step::Fact { before, after, .. } => {
                assert_eq!(before, sum);
                sum = after;
            }
            Step::Decay { before, after, .. } => {
                assert_eq!(before, sum);
                assert!(after < before, "a decay takes something");
                sum = after;
            }
            Step::QuarterBegins { points, .. } => assert_eq!(points, sum),
        });
        prop_assert_eq!(points, sum);
    }

    #[test]
    fn the_story_is_told_in_the_order_of_time(rules in any_rules(), facts in any_facts(), now in any_second(900)) {
        let mut last = i64::MIN;
        walk(&rules, &facts, instant(now), |step| {
            let second = match step {
                Step::Fact { second, .. } | Step::QuarterBegins { second, .. } => second,
                Step::Decay { cycle, .. } => cycle.end_second(),
            };
            assert!(last <= second && second <= now, "{step:?}");
            last = second;
        });
    }

    #[test]
    fn a_quarter_is_reached_in_it_and_for_a_reason(rules in any_rules(), facts in any_facts(), now in any_second(900)) {
        for (quarter, reached) in evaluate(&rules, &product(), &facts, instant(now)).reached {
            prop_assert_eq!(rules.quarters.of(instant(reached.second)), quarter);
            prop_assert!(reached.act_now || reached.points >= rules.threshold, "{reached:?}");
        }
    }

    #[test]
    fn a_quarter_that_begins_warm_only_adds_quarters(rules in any_rules(), facts in any_facts(), now in any_second(900)) {
        let of = |requalify| {
            let rules = InterestRules { requalify, ..rules.clone() };
            evaluate(&rules, &product(), &facts, instant(now))
        };
        let (by_engagement, by_rollover) = (of(Requalify::OnEngagement), of(Requalify::OnRollover));
        prop_assert_eq!(by_engagement.points, by_rollover.points);
        for (quarter, reached) in &by_engagement.reached {
            let also = by_rollover.reached.get(quarter);
            prop_assert!(also.is_some_and(|also| also.second <= reached.second && also.act_now == reached.act_now));
        }
        for (quarter, reached) in &by_rollover.reached {
            let first = rules.quarters.of(instant(reached.second - 1)) != *quarter;
            prop_assert!(first || by_engagement.reached.contains_key(quarter), "{quarter} {reached:?}");
        }
    }
}
