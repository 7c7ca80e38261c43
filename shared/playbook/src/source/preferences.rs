//! What people can choose in the preference centre.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::ID;
use super::{Number, Placed, Text};
use crate::check::MOST_DAYS;

/// Something that people can want mail about, or not. Streams name one.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topic {
    /// The name by which streams refer to it; changing it forgets who did not want it.
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// Its name in front of people, such as "Numbers and reports".
    #[schemars(length(min = 1))]
    pub name: Text,
    /// What one gets, in a sentence.
    #[schemars(length(min = 1))]
    pub description: Text,
}

/// What the preference centre offers besides topics.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Preferences {
    /// The breaks that can be taken, in days. Default: [30, 90].
    #[schemars(inner(range(min = 1, max = MOST_DAYS)))]
    pub pause_days: Vec<Number>,
    /// How rarely mail can be wanted, besides as often as there is some. Default: both.
    pub frequencies: Vec<Frequency>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            pause_days: [30, 90].map(Placed::default_of).into(),
            frequencies: vec![Frequency::Fortnightly, Frequency::Monthly],
        }
    }
}

/// How often somebody wants mail, at most.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Frequency {
    /// Once in two weeks.
    Fortnightly,
    /// Once in four weeks.
    Monthly,
}
