//! Rules, histories and instants to try a property on.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use perennial_domain::cycle::CYCLE_SECONDS;
use perennial_domain::interest::{
    ActionRule, ClickGate, Decay, FactName, Facts, InterestRules, Repeat, Requalify, instant,
};
use perennial_domain::quarter::QuarterRule;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{name, rules, second};

/// Histories last longer than the horizon of 392 days, so that its end is always somewhere in them.
const DAYS: i64 = 500;

/// What can happen. Several emails carry the same asset, and one asset takes several actions.
const NAMES: [&str; 12] = [
    "infographic/download",
    "guide/download",
    "webinar/attend",
    "mail/click",
    "mail/click@a",
    "mail/click@b",
    "mail/open@a",
    "mail/delivered@a",
    "guide/click@b",
    "pricing/request",
    "escalation/raised",
    "gone/download",
];

/// Zones whose midnights differ by a whole day, by three quarters of an hour and by summer time.
const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati", "Australia/Lord_Howe"];

/// Any rules that a playbook can state, and any points.
pub fn any_rules() -> impl Strategy<Value = InterestRules> {
    let decay =
        prop_oneof![Just(Decay::Halve), (1..=30_i64).prop_map(Decay::Points), (1..=100_i64).prop_map(Decay::Percent)];
    let repeat = select(vec![Repeat::Cycle, Repeat::Day, Repeat::Event]);
    let requalify = select(vec![Requalify::OnEngagement, Requalify::OnRollover]);
    let gate = (0..=3600_i64, 2..=8_usize)
        .prop_map(|(seconds_after_sending, clicks_per_day)| ClickGate { seconds_after_sending, clicks_per_day });
    let gate = prop::option::weighted(0.8, gate);
    let points = prop::collection::vec((-8..=12_i64, prop::bool::weighted(0.1)), NAMES.len());
    (decay, repeat, requalify, gate, 1..=200_i64, 1..=30_i64, any_quarters(), points).prop_map(
        |(decay, repeat, requalify, gate, cap, threshold, quarters, points)| {
            let mut rules = InterestRules { decay, repeat, requalify, gate, cap, threshold, quarters, ..rules() };
            rules.product_thresholds = HashMap::new();
            give(&mut rules, &points);
            rules
        },
    )
}

/// Other points for what the rules know.
fn give(rules: &mut InterestRules, points: &[(i64, bool)]) {
    for (text, (points, act_now)) in NAMES.iter().zip(points) {
        let FactName { asset, action, .. } = name(text);
        if let Some(asset) = rules.assets.get_mut(&asset) {
            asset.actions.insert(action, ActionRule { points: *points, act_now: *act_now, call_now: !act_now });
        }
    }
}

fn any_quarters() -> impl Strategy<Value = QuarterRule> {
    (1..=12_i8, select(&ZONES[..]))
        .prop_map(|(first_month, zone)| QuarterRule { first_month, zone: TimeZone::get(zone).unwrap() })
}

/// A second within so many days of day 0; often the first of a cycle or quarter, or a neighbour of it.
pub fn any_second(days: i64) -> impl Strategy<Value = i64> {
    let anywhere = (0..days * 86_400).prop_map(|after| second(0.0) + after);
    let at_a_cycle =
        (0..days / 14, -1..=1_i64).prop_map(|(cycle, beside)| second(0.0) + cycle * CYCLE_SECONDS + beside);
    let at_a_quarter = (0..days, any_quarters(), -1..=1_i64)
        .prop_map(|(day, quarters, beside)| quarters.next_start(instant(second(day as f64))).as_second() + beside);
    prop_oneof![4 => anywhere, 1 => at_a_cycle, 1 => at_a_quarter]
}

fn any_name() -> impl Strategy<Value = FactName> {
    select(&NAMES[..]).prop_map(name)
}

/// What happens at once: one engagement, an email with a click around its arrival, or a burst of clicks.
fn any_visit() -> impl Strategy<Value = Vec<(FactName, i64)>> {
    let one = (any_name(), any_second(DAYS)).prop_map(|fact| vec![fact]);
    let mail = (any_second(DAYS), -5..=4000_i64)
        .prop_map(|(sent, after)| vec![(name("mail/delivered@a"), sent), (name("mail/click@a"), sent + after)]);
    let burst =
        (select(vec!["mail/click@a", "mail/click@b", "guide/click@b"]), any_second(DAYS), 2..12_i64, 1..9000_i64)
            .prop_map(|(text, start, clicks, apart)| (0..clicks).map(|i| (name(text), start + i * apart)).collect());
    prop_oneof![6 => one, 2 => mail, 1 => burst]
}

/// A year and a half of facts, in the order in which they were thought of. At least one.
pub fn any_history() -> impl Strategy<Value = Vec<(FactName, i64)>> {
    prop::collection::vec(any_visit(), 1..50).prop_map(|visits| visits.into_iter().flatten().collect())
}

/// The same, as a set.
pub fn any_facts() -> impl Strategy<Value = Facts> {
    any_history().prop_map(Facts::from_iter)
}

/// The second of the last fact.
pub fn last_second(facts: &Facts) -> i64 {
    facts.iter().map(|(_, second)| second).max().unwrap_or_default()
}
