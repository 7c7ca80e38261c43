//! The file of worked examples as it is written. What cannot be understood is refused, with the example's own words.

use std::collections::BTreeMap;

use perennial_domain::ids::ProductId;
use perennial_domain::interest::FactName;
use serde::Deserialize;
use toml::Table;

/// Monday 2026-01-12T00:00:00Z, in seconds: day 0.
const DAY_0_SECOND: i64 = 1_768_176_000;
const DAY_SECONDS: i64 = 86_400;
/// The product that is meant where none is named.
const USUAL_PRODUCT: &str = "analytics";

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    pub example: Vec<Example>,
}

/// One example, as its header in the file explains.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub says: String,
    #[serde(default)]
    pub rules: Table,
    #[serde(default)]
    pub engagements: Vec<String>,
    #[serde(default)]
    pub left_the_playbook: Vec<String>,
    #[serde(default)]
    pub score: BTreeMap<String, i64>,
    #[serde(default)]
    pub mql: Vec<String>,
    #[serde(default)]
    pub contact: BTreeMap<String, String>,
    #[serde(default)]
    pub account: BTreeMap<String, String>,
    pub fit: Option<String>,
    #[serde(default)]
    pub lead: BTreeMap<String, String>,
}

/// Something that happened, and when it was told.
#[derive(Debug)]
pub struct Engagement {
    pub name: FactName,
    pub second: i64,
    pub told_second: i64,
}

/// Reads the file.
pub fn examples(text: &str) -> Result<Vec<Example>, String> {
    let Examples { example } = toml::from_str(text).map_err(|error| error.to_string())?;
    for example in &example {
        if example.score.is_empty() && example.fit.is_none() && example.lead.is_empty() {
            return Err(format!("{:?} states no score, fit or lead", example.says));
        }
    }
    Ok(example)
}

/// `day 2 09:00[:05][, told day 30 08:00]: asset action[ in email]`.
pub fn engagement(text: &str) -> Result<Engagement, String> {
    let unreadable = || format!("{text:?} is not an engagement such as \"day 2 09:00: guide download\"");
    let (when, what) = text.split_once(": ").ok_or_else(unreadable)?;
    let (happened, told) = when.split_once(", told ").unwrap_or((when, when));
    let (second, told_second) = (to_the_second(happened)?, to_the_second(told)?);
    if told_second < second {
        return Err(format!("{text:?} was told before it happened"));
    }
    let name = match what.split(' ').collect::<Vec<_>>()[..] {
        [asset, action] => FactName { asset: asset.into(), action: action.into(), email: None },
        [asset, action, "in", email] => {
            FactName { asset: asset.into(), action: action.into(), email: Some(email.into()) }
        }
        _ => return Err(unreadable()),
    };
    Ok(Engagement { name, second, told_second })
}

/// `day 28[ 09:00[:05]][ product]`: the second, and the product whose score is meant.
pub fn score_at(text: &str) -> Result<(i64, ProductId), String> {
    let (when, product) = match text.rsplit_once(' ') {
        Some((when, last)) if last.starts_with(char::is_alphabetic) => (when, last),
        _ => (text, USUAL_PRODUCT),
    };
    Ok((instant(when)?, product.into()))
}

/// `[product ]2026-Q1`.
pub fn product_and_quarter(text: &str) -> (ProductId, &str) {
    let (product, quarter) = text.split_once(' ').unwrap_or((USUAL_PRODUCT, text));
    (product.into(), quarter)
}

/// `day 28` is the last second of the day, `day 28 09:00` that instant.
pub fn instant(text: &str) -> Result<i64, String> {
    match text.strip_prefix("day ").and_then(|day| day.parse::<i64>().ok()) {
        Some(day) => Ok(DAY_0_SECOND + (day + 1) * DAY_SECONDS - 1),
        None => to_the_second(text),
    }
}

fn to_the_second(text: &str) -> Result<i64, String> {
    let parse = || {
        let (day, time) = text.strip_prefix("day ")?.split_once(' ')?;
        let time: jiff::civil::Time = time.parse().ok()?;
        let midnight = jiff::civil::Time::midnight();
        Some(DAY_0_SECOND + day.parse::<i64>().ok()? * DAY_SECONDS + time.duration_since(midnight).as_secs())
    };
    parse().ok_or_else(|| format!("{text:?} is not an instant such as \"day 2 09:00\""))
}
