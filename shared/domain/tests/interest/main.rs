//! The score: worked examples row by row, and what must hold for all facts, rules and instants.

mod examples;
mod permutations;
mod properties;
mod time;
mod worlds;

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use perennial_domain::ids::ProductId;
use perennial_domain::interest::{
    ActionRule, AssetRule, ClickGate, Decay, FactName, Facts, InterestRules, Repeat, Requalify,
};
use perennial_domain::quarter::QuarterRule;

/// Monday, the first day of a cycle; the quarter ends 79 days later.
const DAY_0: &str = "2026-01-12T00:00:00Z";

fn second(day: f64) -> i64 {
    DAY_0.parse::<Timestamp>().unwrap().as_second() + (day * 86_400.0) as i64
}

fn rules() -> InterestRules {
    let actions = [
        ("infographic", "download", 1, false),
        ("guide", "download", 10, false),
        ("webinar", "attend", 4, false),
        ("mail", "click", 1, false),
        ("mail", "open", 0, false),
        ("mail", "delivered", 0, false),
        ("pricing", "request", 10, true),
        ("escalation", "raised", -5, false),
    ];
    let mut assets: HashMap<_, AssetRule> = HashMap::new();
    for (asset, action, points, act_now) in actions {
        let rule = assets.entry(asset.into()).or_insert_with(|| AssetRule {
            products: vec!["analytics".into()],
            title: asset.to_owned(),
            actions: HashMap::new(),
        });
        rule.actions.insert(action.into(), ActionRule { points, act_now, call_now: false });
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

/// `asset/action` or `asset/action@email`.
fn name(text: &str) -> FactName {
    let (asset, rest) = text.split_once('/').unwrap();
    let (action, email) = rest.split_once('@').map_or((rest, None), |(action, email)| (action, Some(email)));
    FactName { asset: asset.into(), action: action.into(), email: email.map(Into::into) }
}

fn facts(list: &[(&str, f64)]) -> Facts {
    list.iter().map(|(text, day)| (name(text), second(*day))).collect()
}

fn product() -> ProductId {
    "analytics".into()
}
