//! Which mail there is, and how often it goes out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::ID;
use super::{Number, Placed, Text, number};
use crate::check::MOST_DAYS;

/// How often people are written to.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
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
    /// Days between two pieces of a stream after something in its accelerate_on. Default: 7.
    #[serde(default = "number::<7>")]
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub accelerated_days: Number,
    /// Educational pieces of a stream that come before each of its hard ones. Default: 4.
    #[serde(default = "number::<4>")]
    #[schemars(range(min = 0, max = 100))]
    pub educational_before_hard: Number,
    /// The most mail that one person gets in a period, mail of other systems included, such as { mails = 4, days = 28 }.
    /// Default: just that.
    pub cap: Option<Placed<Cap>>,
    /// The hours in which mail goes out, in the time zone of whoever receives it, such as { from = "08:00", to = "18:00" }.
    /// Only on working days of the team. Default: just that.
    pub window: Option<Placed<Window>>,
    /// The language of pieces that are not translations, such as "en" or "pt-br". Default: that of the layout.
    pub language: Option<Text>,
    /// What a reader is called of whom no name or company was stated, by language, such as { de = { first_name = "", company =
    /// "Ihr Unternehmen" } }. Every language of pieces and translations needs its words. Default for English: "there" and "your
    /// company".
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Unknown>")]
    pub unknown: BTreeMap<Text, Unknown>,
}

/// What a reader is called of whom nothing was stated.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unknown {
    /// In the place of the first name; "" where no word fits, and pieces then ask {% if first_name %}.
    pub first_name: Text,
    /// In the place of the company's name; in the middle of a sentence.
    #[schemars(length(min = 1))]
    pub company: Text,
}

/// At most so many days with mail in so many days.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cap {
    /// Days with mail; several mails on one day count once.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub mails: Number,
    /// In so many days, the last one included.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub days: Number,
}

/// From when until when.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// From then on, such as "08:00".
    pub from: Text,
    /// Until then, such as "18:00".
    pub to: Text,
}

/// A series of mail about one product, from awareness to conversion.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    /// The name of the stream in reports; changing it starts the stream anew for everybody.
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// Whom it is for.
    pub kind: StreamKind,
    /// The id of the product it is about.
    pub product: Text,
    /// The id of its topic, which people may switch off. Default: none, and it cannot be switched off alone.
    pub topic: Option<Text>,
    /// Its pieces in order, each the name of a file in content/ without its ending.
    #[schemars(length(min = 1))]
    pub pieces: Placed<Vec<Text>>,
    /// Of a retention stream as after_days, of an onboarding stream as until_days.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub days: Option<Number>,
    /// Of a retention or advocacy stream: days since the purchase after which it begins. Default: 90.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub after_days: Option<Number>,
    /// Of an onboarding or save stream: days since the purchase with which it ends. Default: 90.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub until_days: Option<Number>,
    /// Of a save stream: days without use after which it begins; counted from the purchase if the product was never used.
    /// Default: 30.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub unused_days: Option<Number>,
    /// Of a save stream: percent of the seats. Whoever uses fewer of them, unused_days after the purchase, is slow to begin, and gets
    /// it too, as far as seats are told. Default: none, and only disuse counts.
    #[schemars(range(min = 1, max = 100))]
    pub adoption_percent: Option<Number>,
    /// Of an upsell stream: percent of the seats that have to be in use. Default: 80.
    #[schemars(range(min = 1, max = 1000))]
    pub seats_percent: Option<Number>,
    /// Of a renewal stream: days before the end of the contract, one for each piece, the earliest first. Default:
    /// [120, 60, 30].
    #[schemars(length(min = 1))]
    pub days_before: Option<Placed<Vec<Number>>>,
    /// Whom it is for besides, written like the condition of a segment, such as 'maturity == "novice"'. Default: everybody.
    #[schemars(length(min = 1))]
    pub audience: Option<Text>,
    /// What leads into it: an asset and an action, such as ["analytics-pricing view"], or an asset alone for whatever people
    /// do with it. Default: any interest leads into a cross-sell stream, nothing needs to for others; a stream that another
    /// one names in then is entered from there alone.
    #[serde(default)]
    pub enter_on: Vec<Text>,
    /// What leads out of it, written as in enter_on, until something leads in again. Default: nothing.
    #[serde(default)]
    pub exit_on: Vec<Text>,
    /// Who is out as long as this holds, written like the condition of a segment. Default: nobody.
    #[schemars(length(min = 1))]
    pub exit_when: Option<Text>,
    /// The id of the stream in which those go on who have begun this one, and left it or read all of it. Default: none.
    pub then: Option<Text>,
    /// What makes its next piece due after accelerated_days, written as in enter_on. Default: nothing.
    #[serde(default)]
    pub accelerate_on: Vec<Text>,
    /// Days between two of its pieces. Default: stream_every_days of [nurture]. Not for renewal, which has days_before.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    pub every_days: Option<Number>,
    /// Percent of people who get nothing of it, so that its effect can be measured. Default: 0.
    #[serde(default = "number::<0>")]
    #[schemars(range(min = 0, max = 100))]
    pub holdout_percent: Number,
    /// The id of the asset that its mail is: to open or click one is an engagement with that. Default: the asset of the piece.
    pub mail_asset: Option<Text>,
}

/// Whom a stream is for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StreamKind {
    /// People who showed interest in a product that their company does not own.
    CrossSell,
    /// People at companies that use nearly all the seats they have bought of the product.
    Upsell,
    /// People at companies that have owned the product for a while.
    Retention,
    /// People at companies that have just bought the product.
    Onboarding,
    /// People at companies that bought the product lately and do not use it, or only little of it.
    Save,
    /// People at companies whose contract for the product ends soon.
    Renewal,
    /// People at companies that have owned the product for a while and are in good health.
    Advocacy,
}

impl StreamKind {
    /// The name in the playbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CrossSell => "cross-sell",
            Self::Upsell => "upsell",
            Self::Retention => "retention",
            Self::Onboarding => "onboarding",
            Self::Save => "save",
            Self::Renewal => "renewal",
            Self::Advocacy => "advocacy",
        }
    }

    /// Of the fields that only some kinds take, those that this one takes.
    pub fn takes(self) -> &'static [&'static str] {
        match self {
            Self::CrossSell => &["every_days"],
            Self::Upsell => &["every_days", "seats_percent"],
            Self::Retention => &["every_days", "days", "after_days"],
            Self::Onboarding => &["every_days", "days", "until_days"],
            Self::Save => &["every_days", "until_days", "unused_days", "adoption_percent"],
            Self::Renewal => &["days_before"],
            Self::Advocacy => &["every_days", "after_days"],
        }
    }
}

/// The marks of a renewal stream, where it does not say.
pub(crate) const DEFAULT_DAYS_BEFORE: [i64; 3] = [120, 60, 30];

impl Stream {
    /// The number of days that its kind counts, if one is written.
    pub fn own_days(&self) -> Option<&Number> {
        let named = match self.kind {
            StreamKind::Onboarding | StreamKind::Save => self.until_days.as_ref(),
            _ => self.after_days.as_ref(),
        };
        named.or(self.days.as_ref())
    }

    /// Its marks before the end of a contract.
    pub fn marks(&self) -> Vec<i64> {
        let written = |days: &Placed<Vec<Number>>| days.get_ref().iter().map(|days| *days.get_ref()).collect();
        self.days_before.as_ref().map_or_else(|| DEFAULT_DAYS_BEFORE.to_vec(), written)
    }
}
