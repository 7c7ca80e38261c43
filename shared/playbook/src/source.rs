//! `playbook.toml` as it is written: the structure, its defaults, and where each value stands.
//!
//! Owns the names of sections, fields and choices. Never judges a value beyond its type: that is [`crate::check`].
//!
//! What is said here of a field is what an editor shows of it: the [`schema`] is made of these comments. They say the unit,
//! the default and an example, in the words of whoever writes a playbook.

mod cadence;
mod catalogue;
mod people;
mod placed;
mod points;
mod preferences;
mod qualify;
mod reading;
pub(crate) mod schema;
mod sending;
mod slips;
mod team;
mod wording;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use cadence::{Nurture, Stream, StreamKind, Unknown};
pub(crate) use catalogue::{Asset, Effort, Product};
pub(crate) use people::{Example, Persona, Segment};
pub(crate) use placed::Placed;
pub(crate) use points::{Decay, DefaultPoints, EFFORTS, Interest, Quarter, Repeat, Requalify};
pub(crate) use preferences::{Frequency, Preferences, Topic};
pub(crate) use qualify::{Band, Fit, Grades, Qualify};
pub(crate) use reading::{Reading, Sections, read};
pub(crate) use sending::{Ramp, Sending};
pub(crate) use team::{Absence, Company, Goals, Recipient, Rep, Rung, Sla, Team, Territory};
pub(crate) use wording::note;

/// A text and where it stands.
pub(crate) type Text = Placed<String>;
/// An integer and where it stands.
pub(crate) type Number = Placed<i64>;
/// Points by name.
pub(crate) type Points = BTreeMap<Text, Number>;

/// The playbook: what a team sells, what engagement with it is worth, who gets which mail, and who follows up.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Perennial playbook", transform = schema::root)]
pub(crate) struct Source {
    pub company: Company,
    pub team: Team,
    pub quarter: Quarter,
    pub interest: Interest,
    /// What is sold; interest is scored for each product on its own. At least one.
    #[schemars(rename = "product", length(min = 1))]
    pub products: Vec<Product>,
    /// What people can engage with.
    #[schemars(rename = "asset")]
    pub assets: Vec<Asset>,
    pub fit: Fit,
    pub qualify: Qualify,
    pub nurture: Nurture,
    pub sending: Sending,
    /// The series of mail.
    #[schemars(rename = "stream")]
    pub streams: Vec<Stream>,
    /// What people can want mail about.
    #[schemars(rename = "topic")]
    pub topics: Vec<Topic>,
    pub preferences: Preferences,
    pub sla: Sla,
    /// Who follows up, and their managers.
    #[schemars(rename = "rep")]
    pub reps: Vec<Rep>,
    /// Whose accounts are that have no owner.
    #[schemars(rename = "territory")]
    pub territories: Vec<Territory>,
    pub goals: Goals,
    /// Groups of people who have something in common.
    #[schemars(rename = "segment")]
    pub segments: Vec<Segment>,
    /// The kinds of people one writes for, the most particular first.
    #[schemars(rename = "persona")]
    pub personas: Vec<Persona>,
}

/// A default stands nowhere in the file; a default alone is never wrong.
fn number<const N: i64>() -> Number {
    Placed::default_of(N)
}
