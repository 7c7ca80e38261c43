//! Which mail there is, and how often it goes out.

use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::ID;
use super::{Number, Placed, Text, number};
use crate::check::MOST_DAYS;

/// How often people are written to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nurture {
    /// Days between two mails to one person, whatever the streams. Default: 7.
    #[serde(default = "number::<7>")]
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub gap_days: Number,
    /// Days between two pieces of one stream. Default: 14.
    #[serde(default = "number::<14>")]
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub stream_every_days: Number,
    /// Educational pieces of a stream that come before its first hard one. Default: 4.
    #[serde(default = "number::<4>")]
    #[schemars(range(min = 0, max = 100))]
    pub educational_before_hard: Number,
}

/// A series of mail about one product, from awareness to conversion.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    /// The name of the stream in reports; changing it starts the stream anew for everybody.
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// Whom it is for.
    pub kind: StreamKind,
    /// The id of the product it is about.
    pub product: Text,
    /// Its pieces in order, each the name of a file in content/ without its ending.
    #[schemars(length(min = 1))]
    pub pieces: Placed<Vec<Text>>,
    /// Days since the purchase: a retention stream begins after them, an onboarding stream ends with them. Default: 90. Not
    /// for cross-sell.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub days: Option<Number>,
}

/// Whom a stream is for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StreamKind {
    /// People who showed interest in a product that their company does not own.
    CrossSell,
    /// People at companies that have owned the product for a while.
    Retention,
    /// People at companies that have just bought the product.
    Onboarding,
}
