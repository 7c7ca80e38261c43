//! Facts are a set: the order, the batches and the number of their arrivals change nothing.

use std::collections::BTreeSet;

use perennial_domain::interest::{
    Decay, FactName, Facts, Gated, InterestRules, Repeat, Requalify, Score, Step, Verdict, evaluate, instant, walk,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::worlds::{any_facts, any_rules, any_second};
use crate::{name, product, rules, second};

/// Two hundred facts over fourteen months: ordinary ones, signals against, mail with clicks seconds after it, bursts.
fn two_hundred() -> Vec<(FactName, i64)> {
    let mut facts = Vec::new();
    for week in 0..60_i64 {
        let texts = ["infographic/download", "webinar/attend", "mail/open@a", "guide/download", "escalation/raised"];
        let text = if week % 13 == 12 { "pricing/request" } else { texts[week as usize % texts.len()] };
        facts.push((name(text), second(week as f64 * 7.0) + week * 3_607));
    }
    for mail in 0..20_i64 {
        let (sent, email) = (second(mail as f64 * 20.0), mail % 4);
        facts.push((name(&format!("mail/delivered@{email}")), sent));
        facts.push((name(&format!("mail/click@{email}")), sent + mail * 2));
        facts.push((name(&format!("mail/click@{email}")), sent + 90_000 * (mail + 1)));
    }
    for burst in 0..10_i64 {
        let start = second(30.0 + burst as f64 * 40.0);
        facts.extend((0..8).map(|i| (name(&format!("mail/click@burst-{burst}")), start + i * 41)));
    }
    facts
}

/// Rules that differ in all that a permutation could touch.
fn several_rules() -> Vec<InterestRules> {
    let of = |decay, repeat, requalify| InterestRules { decay, repeat, requalify, ..rules() };
    vec![
        of(Decay::Halve, Repeat::Cycle, Requalify::OnEngagement),
        of(Decay::Points(3), Repeat::Day, Requalify::OnRollover),
        of(Decay::Percent(30), Repeat::Event, Requalify::OnRollover),
        InterestRules { gate: None, cap: 12, ..of(Decay::Points(1), Repeat::Cycle, Requalify::OnRollover) },
    ]
}

/// Adds facts as the functions do: in batches of up to ten, some of which come again.
fn arrive(order: &[usize], facts: &[(FactName, i64)], sizes: &[usize]) -> Facts {
    let mut known = Facts::default();
    let mut left = order;
    for (turn, size) in sizes.iter().enumerate() {
        let (batch, rest) = left.split_at(left.len().min(*size));
        let times = if turn % 3 == 0 { 2 } else { 1 };
        for index in std::iter::repeat_n(batch, times).flatten() {
            let (name, second) = &facts[*index];
            known.add(name.clone(), *second);
        }
        left = rest;
    }
    assert!(left.is_empty());
    known
}

#[test]
fn a_thousand_orders_of_arrival_of_two_hundred_facts_give_one_score_and_one_set_of_quarters() {
    let facts = two_hundred();
    let all: Facts = facts.iter().cloned().collect();
    assert_eq!(all.len(), 200);
    let (now, rules) = (instant(second(425.0)), several_rules());
    let scores = |facts: &Facts| -> Vec<Score> { rules.iter().map(|r| evaluate(r, &product(), facts, now)).collect() };
    let expected = scores(&all);
    for score in &expected {
        assert!(score.points > 0 && score.reached.len() >= 3, "{score:?}");
    }
    let mut runner = TestRunner::deterministic();
    let orders = Just((0..facts.len()).collect::<Vec<_>>()).prop_shuffle();
    let arrivals = (orders, prop::collection::vec(1..=10_usize, facts.len()));
    let mut seen = BTreeSet::new();
    for _ in 0..1_000 {
        let (order, sizes) = arrivals.new_tree(&mut runner).unwrap().current();
        assert_eq!(scores(&arrive(&order, &facts, &sizes)), expected, "{order:?}");
        seen.insert(order);
    }
    assert_eq!(seen.len(), 1_000, "every order is another one");
}

#[test]
fn the_two_hundred_facts_meet_every_verdict() {
    let facts: Facts = two_hundred().into_iter().chain([(name("gone/download"), second(100.0))]).collect();
    let mut counts = [0; 7];
    walk(&rules(), &facts, instant(second(425.0)), |step| {
        let Step::Fact { verdict, .. } = step else { return };
        counts[match verdict {
            Verdict::Scored(rule) if rule.points < 0 => 0,
            Verdict::Scored(_) => 1,
            Verdict::Worthless => 2,
            Verdict::Repeated => 3,
            Verdict::Gated(Gated::SecondsAfterSending) => 4,
            Verdict::Gated(Gated::ClicksPerDay) => 5,
            Verdict::Unknown => 6,
        }] += 1;
    });
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

proptest! {
    #[test]
    fn a_fact_that_comes_again_changes_nothing(rules in any_rules(), facts in any_facts(), now in any_second(900)) {
        let mut again = facts.clone();
        for (name, second) in facts.iter() {
            prop_assert!(!again.add(name.clone(), second), "it was there");
        }
        prop_assert_eq!((again.len(), &again), (facts.len(), &facts));
        let now = instant(now);
        prop_assert_eq!(evaluate(&rules, &product(), &again, now), evaluate(&rules, &product(), &facts, now));
    }

    #[test]
    fn a_fact_that_is_taken_away_was_never_there(rules in any_rules(), facts in any_facts(), second in any_second(500)) {
        let mut changed = facts.clone();
        let other = name("guide/download@taken-away");
        prop_assert!(!changed.remove(&other, second));
        prop_assert!(changed.add(other.clone(), second));
        prop_assert!(changed.remove(&other, second));
        let now = instant(second);
        prop_assert_eq!(evaluate(&rules, &product(), &changed, now), evaluate(&rules, &product(), &facts, now));
        prop_assert_eq!(changed, facts);
    }
}
