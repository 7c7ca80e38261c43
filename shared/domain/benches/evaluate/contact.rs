//! A contact as they are met: four months of engagements with one product's content.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use perennial_domain::interest::{
    ActionRule, AssetRule, ClickGate, Decay, FactName, Facts, InterestRules, Repeat, Requalify, instant,
};
use perennial_domain::quarter::QuarterRule;

/// The twelve names of the contact's facts, in the order in which they come round: asset, action, email, points.
const NAMES: [(&str, &str, Option<&str>, i64); 12] = [
    ("lesson", "delivered", Some("2026-02-lesson"), 0),
    ("lesson", "click", Some("2026-02-lesson"), 1),
    ("infographic", "download", None, 1),
    ("guide", "download", None, 10),
    ("customer-story", "delivered", Some("2026-03-story"), 0),
    ("customer-story", "click", Some("2026-03-story"), 2),
    ("webinar", "register", None, 2),
    ("webinar", "attend", None, 4),
    ("offer", "delivered", Some("2026-04-offer"), 0),
    ("offer", "click", Some("2026-04-offer"), 3),
    ("pricing", "visit", None, 3),
    ("support-escalation", "raised", None, -5),
];

/// Monday 2026-01-12T00:00:00Z, in seconds: the first of a cycle.
const START_SECOND: i64 = 1_768_176_000;
const FOUR_MONTHS_SECONDS: i64 = 120 * 24 * 60 * 60;

/// The rules of such a playbook, with every default.
pub fn rules() -> InterestRules {
    let mut assets: HashMap<_, AssetRule> = HashMap::new();
    for (asset, action, _, points) in NAMES {
        let rule = assets.entry(asset.into()).or_insert_with(|| AssetRule {
            products: vec!["analytics".into()],
            title: asset.to_owned(),
            actions: HashMap::new(),
        });
        rule.actions.insert(action.into(), ActionRule { points, act_now: false, call_now: action == "visit" });
    }
    InterestRules {
        threshold: 5,
        product_thresholds: HashMap::new(),
        cap: 100,
        decay: Decay::Halve,
        repeat: Repeat::Cycle,
        gate: Some(ClickGate { seconds_after_sending: 10, clicks_per_day: 5 }),
        quarters: QuarterRule { first_month: 1, zone: TimeZone::UTC },
        requalify: Requalify::OnEngagement,
        assets,
    }
}

/// So many facts, evenly over four months; the names come round one after another.
pub fn facts(count: usize) -> Facts {
    let apart = FOUR_MONTHS_SECONDS / count.max(1) as i64;
    let happened = (0_i64..).step_by(usize::try_from(apart).unwrap_or(1));
    let named = NAMES.iter().cycle().map(|(asset, action, email, _)| FactName {
        asset: (*asset).into(),
        action: (*action).into(),
        email: email.map(Into::into),
    });
    named.zip(happened).take(count).map(|(name, after)| (name, START_SECOND + after)).collect()
}

/// The end of the four months.
pub fn now() -> Timestamp {
    instant(START_SECOND + FOUR_MONTHS_SECONDS)
}
