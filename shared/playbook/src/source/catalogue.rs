//! What is sold, and what people can engage with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{ID, PointsTable};
use super::{Number, Placed, Points, Text};
use crate::check::{LONGEST_LINE, MOST_CAP, MOST_LINES};
use crate::content::Stage;

/// A product.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Product {
    /// The name by which assets, pieces, streams and facts refer to it, such as "analytics".
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// Its name in front of people.
    #[schemars(length(min = 1))]
    pub name: Text,
    /// Points of interest that make a lead for this product. Default: the threshold of [interest].
    #[schemars(range(min = 1, max = MOST_CAP))]
    pub threshold: Option<Number>,
    /// What to say of it in a call: lines for whoever sells, in their mails and at their desk. At most 5 of 200 characters. Default:
    /// none.
    #[serde(default)]
    #[schemars(length(max = MOST_LINES), inner(length(min = 1, max = LONGEST_LINE)))]
    pub talk_track: Placed<Vec<Text>>,
}

/// Something people can engage with: a guide, a webinar, a page, a mail. It has actions, points or both.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["actions"]}, {"required": ["points"]}]))]
pub(crate) struct Asset {
    /// The name by which facts refer to it, such as "analytics-guide".
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// Its title in front of people.
    #[schemars(length(min = 1))]
    pub title: Text,
    /// The ids of the products it is about: an engagement raises the interest in each of them.
    #[schemars(length(min = 1))]
    pub products: Placed<Vec<Text>>,
    /// Where in the story it belongs. The later, the more its actions are worth.
    pub stage: Stage,
    /// What it asks of people. The more, the more its actions are worth.
    pub effort: Effort,
    /// What can be done with it, such as ["download"]: each is worth what [interest.points] says of its stage and effort;
    /// delivered and open are worth nothing. Default: none.
    #[serde(default)]
    pub actions: Vec<Text>,
    /// Points of single actions, instead of or besides those in actions, such as { register = 1, attend = 4 }. Below zero for a
    /// signal against buying. Default: none.
    #[serde(default)]
    #[schemars(with = "PointsTable")]
    pub points: Points,
    /// Actions that make a lead at once, whatever the score: sales hears of it immediately. Default: none.
    #[serde(default)]
    pub act_now: Vec<Text>,
    /// Actions worth a call when there is time. Default: none.
    #[serde(default)]
    pub call_now: Vec<Text>,
    /// A question for the call with whoever has just done something with it, such as "Which of the ten pages did you mark?", of at most
    /// 200 characters. Default: none.
    #[schemars(length(min = 1, max = LONGEST_LINE))]
    pub talk: Option<Text>,
    /// The ids of the personas for whom it counts in the coverage grid; nobody is left out because of it. Default: all.
    #[serde(default)]
    pub personas: Vec<Text>,
}

/// What an asset asks of people.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Effort {
    /// A minute: an infographic, a page.
    Low,
    /// Up to an hour: a demo, a webinar.
    Medium,
    /// More: a long guide, a trial.
    High,
}

impl Effort {
    /// The name in the playbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
