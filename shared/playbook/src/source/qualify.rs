//! How well somebody suits us, and who is called first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::PointsTable;
use super::{Number, Placed, Points, Text, number};
use crate::check::{LONGEST_REASON, MOST_DAYS, MOST_POINTS, MOST_REASONS};

/// How well a person and a company suit us, apart from what they do. All points add up, to 100 at most.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fit {
    /// Points by role: practitioner, user, decision-maker, executive. Such as { executive = 40, user = 10 }.
    #[schemars(with = "PointsTable")]
    pub role: Points,
    /// Points by a whole word of the title, in lower case, such as { vp = 20, director = 15 }; the best one counts.
    #[schemars(with = "PointsTable")]
    pub title: Points,
    /// Points by size of the company: small-medium, emerging, enterprise.
    #[schemars(with = "PointsTable")]
    pub size: Points,
    /// Points by region, as your accounts name it, such as { emea = 5 }.
    #[schemars(with = "PointsTable")]
    pub region: Points,
    /// Points by industry, as your accounts name it, such as { software = 10 }.
    #[schemars(with = "PointsTable")]
    pub industry: Points,
    /// Points by how far the company is with what it bought: novice, intermediate, advanced.
    #[schemars(with = "PointsTable")]
    pub maturity: Points,
    /// Points by market: b2b, consumer.
    #[schemars(with = "PointsTable")]
    pub market: Points,
    /// Points by the company's yearly revenue in cents; the highest band that is reached counts. Such as
    /// [{ at_least = 1_000_000_000, points = 10 }].
    pub revenue_cents: Vec<Band>,
    /// Points by previous purchases, or products owned if those are more; the highest band that is reached counts. Such as
    /// [{ at_least = 2, points = 5 }].
    pub purchases: Vec<Band>,
    /// Where the letters are cut. Default: A = 70, B = 45, C = 20; below C it is D.
    pub grades: Option<Placed<Grades>>,
}

/// Points from an amount on.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Band {
    /// The least amount of the band.
    #[schemars(range(min = 0))]
    pub at_least: Number,
    /// What it gives.
    #[schemars(range(min = -MOST_POINTS, max = MOST_POINTS))]
    pub points: Number,
}

/// The least points of fit for each letter, descending.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "UPPERCASE")]
pub(crate) struct Grades {
    /// The least points of an A.
    #[schemars(range(min = 0, max = 100))]
    pub a: i64,
    /// The least points of a B.
    #[schemars(range(min = 0, max = 100))]
    pub b: i64,
    /// The least points of a C.
    #[schemars(range(min = 0, max = 100))]
    pub c: i64,
}

/// Who is called first, and who is left in peace.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Qualify {
    /// The sorting score, up to 100, from which a lead is hot. Default: 60.
    #[serde(default = "number::<60>")]
    #[schemars(range(min = 1, max = 100))]
    pub hot: Number,
    /// The sorting score from which a lead is warm; below it is cold. Not above hot. Default: 30.
    #[serde(default = "number::<30>")]
    #[schemars(range(min = 0, max = 100))]
    pub warm: Number,
    /// How much of the sorting score is fit, in percent; the rest is engagement. Default: 50.
    #[serde(default = "number::<50>")]
    #[schemars(range(min = 0, max = 100))]
    pub fit_weight: Number,
    /// Days in which a new customer hears of no second product, unless they act now. Default: 183, six months.
    #[serde(default = "number::<183>")]
    #[schemars(range(min = 0, max = MOST_DAYS))]
    pub new_customer_days: Number,
    /// Why a lead can be "not a fit": what a rep chooses from. 1 to 12 of at most 80 characters. Default: a list of six.
    #[serde(default = "reasons")]
    #[schemars(length(min = 1, max = MOST_REASONS), inner(length(min = 1, max = LONGEST_REASON)))]
    pub reject_reasons: Placed<Vec<Text>>,
}

/// What is usually said of a lead that is none. The last one lets nobody choose a wrong one for want of a right one.
const REASONS: [&str; 6] = [
    "No need for it",
    "No budget",
    "Not the person who decides",
    "Has chosen something else",
    "Cannot be reached",
    "Another reason",
];

fn reasons() -> Placed<Vec<Text>> {
    Placed::default_of(REASONS.map(|reason| Placed::default_of(reason.to_owned())).into())
}
