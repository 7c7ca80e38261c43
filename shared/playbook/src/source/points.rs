//! How interest is counted, and what an action of an asset is worth: its own points, or the default of the asset's stage
//! and effort.
//!
//! Source: points follow the asset's stage and the effort it asks for; an infographic is worth 1, a long guide 10. The
//! figures in between are ours.

use std::collections::BTreeMap;
use std::fmt;

use perennial_domain::interest::DELIVERED;
use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Asset, Effort, Number, Placed, Text, number};
use crate::check::{MOST_CAP, MOST_CLICKS, MOST_POINTS, MOST_SECONDS};
use crate::content::Stage;

/// All efforts, the least first.
pub(crate) const EFFORTS: [Effort; 3] = [Effort::Low, Effort::Medium, Effort::High];
/// What machines do to mail as well as people: worth nothing unless `points` says otherwise.
const UNINTENDED: [&str; 2] = [DELIVERED, "open"];

/// How the year is cut: a contact becomes a lead at most once per product and quarter.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quarter {
    /// The first month of your fiscal year, 1 to 12; 4 is April. Default: 1, calendar quarters.
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 1, max = 12))]
    pub first_month: Number,
    /// The time zone in which a quarter begins at midnight, such as "Europe/Berlin". Default: "UTC".
    #[serde(default = "utc")]
    pub time_zone: Text,
    /// What makes a lead in a new quarter. Default: "on-engagement".
    pub requalify: Option<Placed<Requalify>>,
}

/// What makes a lead in a new quarter.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Requalify {
    /// An engagement in that quarter.
    OnEngagement,
    /// A score that is still at the threshold when the quarter begins, too.
    OnRollover,
}

/// How interest is counted.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interest {
    /// Points of interest in one product that make a lead. Default: 5.
    #[serde(default = "number::<5>")]
    #[schemars(range(min = 1, max = MOST_CAP))]
    pub threshold: Number,
    /// No score rises above this. Default: 100.
    #[serde(default = "number::<100>")]
    #[schemars(range(min = 1, max = MOST_CAP))]
    pub cap: Number,
    /// What a quiet cycle of two weeks takes away: "halve", { points = 2 } or { percent = 30 }. Default: "halve".
    #[serde(default = "halve")]
    pub decay: Placed<Decay>,
    /// How often the same action on the same asset counts. Default: "cycle".
    pub repeat: Option<Placed<Repeat>>,
    /// Clicks that security software makes are kept on record and score nothing.
    #[serde(default)]
    pub gate: Gate,
    /// What an action is worth that an asset names in its actions.
    #[serde(default)]
    pub points: DefaultPoints,
}

/// What a quiet cycle of two weeks takes away, rounded so that a score reaches zero.
#[derive(Debug, Default, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Decay {
    /// Half of the score.
    #[default]
    Halve,
    /// So many points.
    Points(#[schemars(range(min = 1, max = MOST_CAP))] Number),
    /// So many percent of the score.
    Percent(#[schemars(range(min = 1, max = 100))] Number),
}

/// How a decay is written; by hand, because serde speaks of variants and elements where a word or a number is wrong.
impl<'de> Deserialize<'de> for Decay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecayVisitor)
    }
}

const DECAYS: &str = "\"halve\", { points = 1 } or { percent = 10 }";

struct DecayVisitor;

impl<'de> Visitor<'de> for DecayVisitor {
    type Value = Decay;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DECAYS)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Decay, E> {
        match word {
            "halve" => Ok(Decay::Halve),
            "points" | "percent" => Err(E::custom(format!("\"{word}\" needs its number: expected {DECAYS}"))),
            _ => Err(E::custom(format!(
                "unknown variant `{word}`, expected `halve`, {{ points = 1 }} or {{ percent = 10 }}"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Decay, A::Error> {
        let one = || A::Error::custom(format!("a decay is one of the three: {DECAYS}"));
        let decay = match table.next_key::<String>()?.ok_or_else(one)?.as_str() {
            "points" => Decay::Points(table.next_value()?),
            "percent" => Decay::Percent(table.next_value()?),
            "halve" => return Err(one()),
            other => return Err(A::Error::unknown_field(other, &["points", "percent"])),
        };
        if table.next_key::<String>()?.is_some() { Err(one()) } else { Ok(decay) }
    }
}

/// How often the same action on the same asset counts.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Repeat {
    /// Once per cycle of two weeks.
    Cycle,
    /// Once per day (UTC).
    Day,
    /// Every time.
    Event,
}

/// How a machine's clicks are told from a person's.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gate {
    /// Whether clicks are judged at all. Default: true.
    pub enabled: bool,
    /// A click within so many seconds of the sending is a machine's. Default: 10.
    #[schemars(range(min = 0, max = MOST_SECONDS))]
    pub seconds_after_sending: Number,
    /// So many clicks on one mail within 24 hours are a machine's. Default: 5.
    #[schemars(range(min = 2, max = MOST_CLICKS))]
    pub clicks_per_day: Number,
}

impl Default for Gate {
    fn default() -> Self {
        Self { enabled: true, seconds_after_sending: number::<10>(), clicks_per_day: number::<5>() }
    }
}

fn utc() -> Text {
    Placed::default_of("UTC".to_owned())
}

fn halve() -> Placed<Decay> {
    Placed::default_of(Decay::Halve)
}

/// What an action is worth that an asset names in its actions, by the asset's stage and effort.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DefaultPoints {
    /// Default: { low = 1, medium = 2, high = 5 }.
    pub early: ByEffort,
    /// Default: { low = 2, medium = 3, high = 6 }.
    pub middle: ByEffort,
    /// Default: { low = 3, medium = 5, high = 10 }.
    pub late: ByEffort,
}

/// Points by effort; what is left out keeps the default of its stage.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "points by effort such as { low = 1 }")]
pub(crate) struct ByEffort {
    /// A minute: an infographic, a page.
    #[schemars(range(min = 0, max = MOST_POINTS))]
    pub low: Option<Number>,
    /// Up to an hour: a demo, a webinar.
    #[schemars(range(min = 0, max = MOST_POINTS))]
    pub medium: Option<Number>,
    /// More: a long guide, a trial.
    #[schemars(range(min = 0, max = MOST_POINTS))]
    pub high: Option<Number>,
}

impl DefaultPoints {
    /// The points of a stage and effort: as written, or ours.
    pub fn of(&self, stage: Stage, effort: Effort) -> Number {
        let (written, [low, medium, high]) = match stage {
            Stage::Early => (&self.early, [1, 2, 5]),
            Stage::Middle => (&self.middle, [2, 3, 6]),
            Stage::Late => (&self.late, [3, 5, 10]),
        };
        let (written, ours) = match effort {
            Effort::Low => (&written.low, low),
            Effort::Medium => (&written.medium, medium),
            Effort::High => (&written.high, high),
        };
        written.clone().unwrap_or_else(|| Placed::default_of(ours))
    }
}

impl Asset {
    /// What each of its actions is worth. An action in both `points` and `actions` is the one in `points`.
    pub fn worth(&self, defaults: &DefaultPoints) -> BTreeMap<&Text, i64> {
        let mut worth: BTreeMap<&Text, i64> =
            self.points.iter().map(|(action, points)| (action, *points.get_ref())).collect();
        let default = *defaults.of(self.stage, self.effort).get_ref();
        for action in &self.actions {
            let points = if self.has_default_points(action) { default } else { 0 };
            worth.entry(action).or_insert(points);
        }
        worth
    }

    /// Whether one of its actions is worth the default of its stage and effort.
    pub fn has_default_points(&self, action: &Text) -> bool {
        !self.points.contains_key(action) && !UNINTENDED.contains(&action.get_ref().as_str())
    }
}
