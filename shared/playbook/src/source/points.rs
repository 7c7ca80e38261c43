//! What an action of an asset is worth: its own points, or the default of the asset's stage and effort.
//!
//! Source: points follow the asset's stage and the effort it asks for; an infographic is worth 1, a long guide 10. The
//! figures in between are ours.

use std::collections::BTreeMap;

use perennial_domain::interest::DELIVERED;
use serde::Deserialize;
use toml::Spanned;

use super::{Asset, Effort, Number, Text};
use crate::content::Stage;

/// All stages, in the order of the story.
pub(crate) const STAGES: [Stage; 3] = [Stage::Early, Stage::Middle, Stage::Late];
/// All efforts, the least first.
pub(crate) const EFFORTS: [Effort; 3] = [Effort::Low, Effort::Medium, Effort::High];
/// What machines do to mail as well as people: worth nothing unless `points` says otherwise.
const UNINTENDED: [&str; 2] = [DELIVERED, "open"];

/// Points of an action that `actions` names, by stage and effort.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DefaultPoints {
    pub early: ByEffort,
    pub middle: ByEffort,
    pub late: ByEffort,
}

/// Points by effort; what is left out keeps the default of its stage.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "points by effort such as { low = 1 }")]
pub(crate) struct ByEffort {
    pub low: Option<Number>,
    pub medium: Option<Number>,
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
        written.clone().unwrap_or_else(|| Spanned::new(0..0, ours))
    }
}

impl Asset {
    /// What each of its actions is worth. An action in both `points` and `actions` is the one in `points`.
    pub fn worth(&self, defaults: &DefaultPoints) -> BTreeMap<&Text, i64> {
        let mut worth: BTreeMap<&Text, i64> =
            self.points.iter().map(|(action, points)| (action, *points.get_ref())).collect();
        let default = *defaults.of(self.stage, self.effort).get_ref();
        for action in &self.actions {
            let points = if UNINTENDED.contains(&action.get_ref().as_str()) { 0 } else { default };
            worth.entry(action).or_insert(points);
        }
        worth
    }
}
