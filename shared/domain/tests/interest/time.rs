//! What time alone does to a score: decay, the horizon, pruning by age, and when the decay run looks.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::cycle::{CYCLE_SECONDS, Cycle};
use perennial_domain::interest::{
    Decay, Facts, InterestRules, Requalify, cooled_at, cools_at, evaluate, forgotten_before, instant, look_again_at,
    walk_from,
};
use perennial_domain::quarter::Quarter;
use proptest::prelude::*;

use crate::worlds::{any_facts, any_history, any_rules, any_second, last_second};
use crate::{facts, product, rules, second};

/// What the decay run takes away at an instant.
fn forget(facts: &mut Facts, now: Timestamp) {
    for (name, second) in facts.before(forgotten_before(now)) {
        assert!(facts.remove(&name, second));
    }
}

fn points(rules: &InterestRules, facts: &Facts, second: i64) -> i64 {
    evaluate(rules, &product(), facts, instant(second)).points
}

fn quarters(rules: &InterestRules, facts: &Facts, second: i64) -> BTreeSet<Quarter> {
    evaluate(rules, &product(), facts, instant(second)).reached.into_keys().collect()
}

#[test]
fn what_the_gate_needs_is_not_forgotten_with_what_the_score_sees() {
    // Day 392 begins the cycle from which all that a score sees is the second cycle and later.
    let (now, click) = (instant(second(392.0)), second(14.0));
    let seen_again = Facts::from_iter([(crate::name("mail/click@e"), click)]);
    let mut known =
        Facts::from_iter([(crate::name("mail/delivered@e"), click - 5), (crate::name("mail/click@e"), click)]);
    assert_eq!(points(&rules(), &seen_again, click), 1, "without the delivery it is a person's");
    let rules = InterestRules { decay: Decay::Points(1), ..rules() };
    forget(&mut known, now);
    assert_eq!((known.len(), evaluate(&rules, &product(), &known, now).last_scored_second), (2, None));
    forget(&mut known, instant(second(406.0)));
    assert_eq!(known.len(), 1, "a cycle later the delivery is of no use");
}

#[test]
fn the_horizon_ends_a_score_that_decays_slower_than_it() {
    let slow = InterestRules { decay: Decay::Points(1), threshold: 50, cap: 100, ..rules() };
    let list: Vec<_> = (0..10).map(|day| ("guide/download", f64::from(day) * 14.0)).collect();
    let facts = facts(&list);
    let (mut now, mut looks) = (second(126.0), 0);
    while points(&slow, &facts, now) > 0 {
        let score = evaluate(&slow, &product(), &facts, instant(now));
        now = look_again_at(&slow, &score, instant(now));
        looks += 1;
    }
    assert!(points(&slow, &facts, now - 1) > 0, "it was seen at the second at which it cooled");
    assert!(looks < 15, "{looks}");
}

/// Facts up to one of them, and an instant in the month after it.
fn any_past() -> impl Strategy<Value = (Facts, i64)> {
    (any_history(), any::<prop::sample::Index>(), 0..30 * 86_400_i64).prop_map(|(history, last, after)| {
        let last = history[last.index(history.len())].1;
        (history.into_iter().filter(|(_, second)| *second <= last).collect(), last + after)
    })
}

proptest! {
    #[test]
    fn n_ticks_at_once_are_n_single_ticks(rules in any_rules(), facts in any_facts(), ticks in 0..60_i64) {
        // The horizon is held where it is: it has a property of its own.
        let first = Cycle::of_second(facts.iter().map(|(_, second)| second).min().unwrap());
        let silence = Cycle::of_second(last_second(&facts)) + 1;
        let after = |ticks: i64| walk_from(&rules, &facts, first, instant((silence + ticks).start_second()), |_| {});
        let single = (0..ticks).fold(after(0), |points, _| rules.decay.after(points));
        prop_assert_eq!(after(ticks), single);
    }

    #[test]
    fn ticks_that_are_missed_repeated_or_late_change_nothing(
        rules in any_rules(),
        history in prop::collection::vec((any_history(), 0..40 * 86_400_i64), 1..5),
        looks in prop::collection::vec(any_second(900), 0..20),
        now in any_second(900),
    ) {
        // Each fact arrives so many seconds after it happened; a look takes away what is forgotten by then.
        let mut arrivals: Vec<_> = history
            .iter()
            .flat_map(|(facts, late)| facts.iter().map(move |(name, second)| (second + late, name, *second)))
            .filter(|(arrival, ..)| *arrival <= now)
            .collect();
        arrivals.sort();
        let mut looks: Vec<i64> = looks.into_iter().filter(|look| *look <= now).collect();
        looks.sort_unstable();
        let mut looks = looks.into_iter().peekable();
        let (mut pruned, mut whole) = (Facts::default(), Facts::default());
        for (arrival, name, second) in arrivals {
            while let Some(look) = looks.next_if(|look| *look < arrival) {
                forget(&mut pruned, instant(look));
            }
            pruned.add(name.clone(), second);
            whole.add(name.clone(), second);
        }
        looks.for_each(|look| forget(&mut pruned, instant(look)));
        let now = instant(now);
        prop_assert_eq!(evaluate(&rules, &product(), &pruned, now), evaluate(&rules, &product(), &whole, now));
    }

    #[test]
    fn what_is_forgotten_is_never_missed_again(
        rules in any_rules(),
        facts in any_facts(),
        now in any_second(900),
        later in any_second(900),
    ) {
        // Whole scores are equal: points, quarters, when and how they were reached. Before `now` they need not be.
        let mut pruned = facts.clone();
        forget(&mut pruned, instant(now));
        for at in [now, now + 1, now.max(later)].map(instant) {
            prop_assert_eq!(evaluate(&rules, &product(), &pruned, at), evaluate(&rules, &product(), &facts, at));
        }
    }

    #[test]
    fn time_alone_never_raises_a_score_and_adds_no_quarter_but_one_that_begins(
        rules in any_rules(),
        facts in any_facts(),
        instants in prop::collection::vec(any_second(400), 2..8),
    ) {
        // Some instants follow the last fact by days, some by a year.
        let mut instants: Vec<i64> = instants.iter().map(|at| last_second(&facts) + at - second(0.0)).collect();
        instants.retain(|at| *at >= last_second(&facts));
        instants.sort_unstable();
        for pair in instants.windows(2) {
            let (earlier, later) = (pair[0], pair[1]);
            prop_assert!(points(&rules, &facts, later) <= points(&rules, &facts, earlier));
            let before = quarters(&rules, &facts, earlier);
            for quarter in quarters(&rules, &facts, later).difference(&before) {
                prop_assert_eq!(rules.requalify, Requalify::OnRollover);
                prop_assert!(*quarter > rules.quarters.of(instant(earlier)), "{quarter} had begun");
            }
        }
    }

    #[test]
    fn cutting_whole_leading_cycles_never_raises_a_score(rules in any_rules(), facts in any_facts(), now in any_second(900)) {
        let mut more = i64::MAX;
        let earliest = Cycle::of_second(facts.iter().map(|(_, second)| second).min().unwrap());
        for cut in 0..70 {
            let points = walk_from(&rules, &facts, earliest + cut, instant(now), |_| {});
            prop_assert!(points <= more, "{points} after {more} with {cut} cycles cut");
            more = points;
        }
        prop_assert_eq!(more, 0, "beyond now nothing is seen");
    }

    #[test]
    fn every_score_reaches_zero_within_the_bound_that_the_playbook_implies(rules in any_rules(), facts in any_facts()) {
        let running = Cycle::of_second(last_second(&facts));
        let bound = (running + 1 + rules.decay.cycles_to_zero(rules.cap)).start_second();
        prop_assert_eq!(points(&rules, &facts, bound), 0);
        prop_assert_eq!(points(&rules, &facts, bound + 300 * CYCLE_SECONDS), 0);
    }

    #[test]
    fn a_score_is_not_zero_before_it_is_looked_at_again_and_no_quarter_has_begun_with_a_lead(
        rules in any_rules(),
        (facts, now) in any_past(),
    ) {
        let score = evaluate(&rules, &product(), &facts, instant(now));
        prop_assume!(score.points > 0);
        let look = look_again_at(&rules, &score, instant(now));
        prop_assert!(now < look);
        prop_assert!(points(&rules, &facts, look - 1) > 0, "it was zero before");
        if rules.requalify == Requalify::OnRollover {
            prop_assert_eq!(rules.quarters.of(instant(look - 1)), rules.quarters.of(instant(now)));
        }
    }

    #[test]
    fn a_score_that_is_zero_cooled_when_it_was_last_above(rules in any_rules(), (facts, now) in any_past()) {
        prop_assume!(points(&rules, &facts, now) == 0);
        let ends = |from: i64| (0..28).map(|back| (Cycle::of_second(now) + -back).start_second()).filter(move |end| *end > from);
        let Some(at) = cooled_at(&rules, &facts, instant(now)) else {
            prop_assert!(ends(i64::MIN).all(|end| points(&rules, &facts, end - 1) == 0));
            return Ok(());
        };
        prop_assert!(at <= now);
        // At once, but for a click that shows those before it to be a machine's: then within the cycle.
        // (A click in the very second in which the cycle ends belongs to the next, and may be shown to be a machine's there.)
        let by = now.min(Cycle::of_second(at).end_second());
        prop_assert!(points(&rules, &facts, by) == 0 || facts.iter().any(|(_, second)| second == by));
        // Of two facts in one second the second can take what the first gave.
        prop_assert!(points(&rules, &facts, at - 1) > 0 || facts.iter().any(|(_, second)| second == at));
        prop_assert!(ends(at).all(|end| points(&rules, &facts, end - 1) == 0), "it was above zero again");
    }

    #[test]
    fn decay_alone_takes_a_score_to_zero_when_predicted_or_one_cycle_later(
        rules in any_rules(),
        (facts, now) in any_past(),
    ) {
        let first = Cycle::of_second(facts.iter().map(|(_, second)| second).min().unwrap());
        let at = |second: i64| walk_from(&rules, &facts, first, instant(second), |_| {});
        prop_assume!(at(now) > 0 && rules.decay.cycles_to_zero(at(now)) < 28);
        let predicted = cools_at(&rules, at(now), instant(now));
        prop_assert!(at(predicted - 1) > 0, "zero before {predicted}");
        // One after, if the running cycle was engaged in: then it does not decay.
        prop_assert_eq!(at(predicted + CYCLE_SECONDS), 0);
    }
}
