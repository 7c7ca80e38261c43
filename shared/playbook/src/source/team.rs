//! Who writes, when, who follows up, and what the year has to bring.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{ID, Weekday};
use super::{Number, Placed, Text};
use crate::check::MOST_HOURS;

/// Who the mail comes from. Anti-spam law asks for a real postal address.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Company {
    /// The name of the company, in front of people.
    #[schemars(length(min = 1))]
    pub name: Text,
    /// Who mail comes from: an address, or a name with an address such as "Fernhill <hello@fernhill.example.com>".
    #[schemars(length(min = 1))]
    pub sender: Text,
    /// The postal address that stands below every mail.
    #[schemars(length(min = 1))]
    pub postal_address: Text,
    /// The company's site, without a slash at the end, such as "https://www.example.com".
    #[schemars(regex(pattern = "^https?://"))]
    pub site: Text,
    /// The colour of name, links and buttons on the pages that mails lead to, by day: dark enough to be read on white. Default:
    /// "#1f6b52".
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub accent: Option<Text>,
    /// The same by night, when the pages are dark: light enough to be read there. Default: "#8fdcba".
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub accent_dark: Option<Text>,
}

/// When the team works: reminders and nurture mail go out on these days only.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Team {
    /// The time zone of the team, such as "Europe/Berlin".
    pub time_zone: Text,
    /// The days on which the team works, such as ["mon", "tue", "wed", "thu", "fri"].
    #[schemars(with = "Vec<Weekday>", length(min = 1))]
    pub working_days: Placed<Vec<Text>>,
    /// Days on which nobody works, such as ["2026-12-25"]. Default: none.
    #[serde(default)]
    pub holidays: Vec<Text>,
}

/// The promise sales makes: who is told when nobody has touched a lead.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sla {
    /// The time of day of the daily check in the team's zone, such as "08:00".
    pub check_at: Text,
    /// The address of the executive whom rungs may name. Default: none.
    pub executive: Option<Text>,
    /// The rungs of the ladder, the earliest first.
    #[serde(default)]
    pub rung: Vec<Rung>,
}

/// One reminder.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rung {
    /// Working hours after the lead was made, such as 24; more than on the rung before. Only the team's working days count, and of those all 24 hours.
    #[schemars(range(min = 1, max = MOST_HOURS))]
    pub after_hours: Number,
    /// Who is told.
    #[schemars(length(min = 1))]
    pub to: Placed<Vec<Recipient>>,
}

/// Who is told of an untouched lead.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Recipient {
    /// The rep who owns the account.
    Rep,
    /// The rep's manager.
    Manager,
    /// The executive of the section.
    Executive,
}

/// Who follows up, or the manager of somebody who does.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rep {
    /// The name by which an account names its owner.
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// What people call them.
    #[schemars(length(min = 1))]
    pub name: Text,
    /// Where mail reaches them.
    pub email: Text,
    /// The id of their manager. Default: none.
    pub manager: Option<Text>,
    /// When they are away, and who works for them then. Whoever has left stays in the playbook with an absence that has no end.
    /// Default: never.
    #[serde(default)]
    pub away: Vec<Placed<Absence>>,
    /// Whether they get the weekly mail "To help you sell". Default: true.
    #[serde(default = "wanted")]
    #[schemars(extend("default" = true))]
    pub weekly: bool,
}

fn wanted() -> bool {
    true
}

/// Days on which a rep does not work: mail about their leads goes to somebody else.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Absence {
    /// The first day in the team's zone, such as "2026-11-09".
    pub from: Text,
    /// The last day, such as "2026-11-13". Default: none, they do not come back.
    pub to: Option<Text>,
    /// The id of the rep who works for them.
    pub cover: Text,
}

/// Accounts of which nobody has said whose they are, or which belong to somebody whom the playbook does not know: the first
/// territory of the file that an account belongs to says whose it is.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Territory {
    /// Its name, in front of whoever reads the playbook.
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// Which accounts, in the language of segments, for example `region == "emea" and size == "enterprise"`; what is asked must
    /// be of an account, not of a person. Default: every account.
    #[serde(rename = "where")]
    pub when: Option<Text>,
    /// The ids of those who share them out evenly; an account always falls to the same one.
    #[schemars(length(min = 1))]
    pub reps: Placed<Vec<Text>>,
}

/// What the year has to bring; worked backwards, it says how many leads you need.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goals {
    /// The revenue to be won, in cents: 500_000_000 are five million.
    #[schemars(range(min = 1))]
    pub revenue_cents: Number,
    /// The average price of a sale, in cents: 2_500_000 are twenty-five thousand.
    #[schemars(range(min = 1))]
    pub average_price_cents: Number,
    /// Opportunities that are won, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub win_rate_percent: Number,
    /// Leads accepted by sales that become opportunities, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub opportunity_rate_percent: Number,
    /// Leads that sales accepts, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub sql_rate_percent: Number,
    /// The currency of all amounts, such as "USD".
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub currency: Text,
}
