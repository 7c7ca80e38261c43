//! How fast mail goes out, when sending stops by itself, and who is written to while one is trying things out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Number, Text, number};
use crate::check::{MOST_DAYS, MOST_MESSAGES, MOST_RATE};

/// How fast mail goes out, when sending stops by itself, and who is written to while one is trying things out.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sending {
    /// Messages a second that your Amazon SES account may send; nine tenths of it are used. Default: 14, what a new account has.
    #[serde(default = "number::<14>")]
    #[schemars(range(min = 1, max = MOST_RATE))]
    pub rate_per_second: Number,
    /// Messages within 24 hours that your Amazon SES account may send; a tenth of it is kept for mail to your own sales team.
    /// Default: 50_000, what a new account has.
    #[serde(default = "number::<50_000>")]
    #[schemars(range(min = 1, max = MOST_MESSAGES))]
    pub daily_quota: Number,
    /// How a new sender begins, so that mail providers get to know it. Default: with the whole quota.
    pub ramp: Option<Ramp>,
    /// Sending to contacts pauses when so many percent of the mails of the last 14 days bounced for good. Default: 4.
    #[serde(default = "number::<4>")]
    #[schemars(range(min = 1, max = 100))]
    pub pause_at_bounce_percent: Number,
    /// Sending to contacts pauses when so many of 10,000 mails of the last 14 days were complained about: 8 are 0.08 percent.
    /// Default: 8.
    #[serde(default = "number::<8>")]
    #[schemars(range(min = 1, max = 10_000))]
    pub pause_at_complaint_basis_points: Number,
    /// Of fewer mails than this within 14 days nothing is concluded. Default: 200.
    #[serde(default = "number::<200>")]
    #[schemars(range(min = 1, max = MOST_MESSAGES))]
    pub over_sends: Number,
    /// On any stage but production, only these are written to: addresses, or all of a domain as "@example.com". Default: nobody.
    #[serde(default)]
    pub allow: Vec<Text>,
}

/// How a new sender begins.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ramp {
    /// Messages within 24 hours in the beginning, such as 200.
    #[schemars(range(min = 1, max = MOST_MESSAGES))]
    pub start: Number,
    /// After so many days, each time, twice as many, such as 3.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub double_every_days: Number,
}
