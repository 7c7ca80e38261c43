//! Where each rule stands in `playbook.toml`, so that whoever explains a score can say where to change it.
//!
//! Owns lines, never values. What is left to its default stands nowhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use perennial_domain::ids::{ActionId, AssetId, ProductId};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::PLAYBOOK;
use crate::problem::Place;
use crate::source::{Asset, Source, Text};

/// A rule that a playbook has once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Setting {
    /// No score is above this.
    Cap,
    /// What a silent cycle takes away.
    Decay,
    /// How often the same engagement counts.
    Repeat,
    /// A click so soon after the sending is a machine's.
    SecondsAfterSending,
    /// So many clicks on one email in a day are a machine's.
    ClicksPerDay,
    /// What reaches a quarter besides engagements.
    Requalify,
    /// Where the letters of fit are cut.
    Grades,
    /// The mark for hot.
    Hot,
    /// The mark for warm.
    Warm,
    /// Percent of the sorting score that is fit.
    FitWeight,
    /// Days in which a customer is new.
    NewCustomerDays,
    /// Days between two mails to one person.
    GapDays,
    /// The most mail that one person gets in a period.
    MailCap,
    /// The hours in which mail goes out.
    SendWindow,
    /// Days between two pieces of a stream.
    StreamEveryDays,
    /// Days between two pieces of a stream that has become more pressing.
    AcceleratedDays,
    /// Educational pieces before each hard one.
    EducationalBeforeHard,
}

/// As it is written: `interest.gate.clicks_per_day`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cap => "interest.cap",
            Self::Decay => "interest.decay",
            Self::Repeat => "interest.repeat",
            Self::SecondsAfterSending => "interest.gate.seconds_after_sending",
            Self::ClicksPerDay => "interest.gate.clicks_per_day",
            Self::Requalify => "quarter.requalify",
            Self::Grades => "fit.grades",
            Self::Hot => "qualify.hot",
            Self::Warm => "qualify.warm",
            Self::FitWeight => "qualify.fit_weight",
            Self::NewCustomerDays => "qualify.new_customer_days",
            Self::GapDays => "nurture.gap_days",
            Self::MailCap => "nurture.cap",
            Self::SendWindow => "nurture.window",
            Self::StreamEveryDays => "nurture.stream_every_days",
            Self::AcceleratedDays => "nurture.accelerated_days",
            Self::EducationalBeforeHard => "nurture.educational_before_hard",
        })
    }
}

/// What stands somewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
enum Rule {
    Setting(Setting),
    Threshold,
    ThresholdOf(String),
    Section(String, String),
    Action(String, String),
    DefaultPoints(String),
    Fit(String, String),
}

/// On which line of `playbook.toml` each rule stands. Every answer is `None` where nothing is written and the default
/// holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Vec<(Rule, usize)>", into = "Vec<(Rule, usize)>")]
pub struct Places(BTreeMap<Rule, usize>);

/// As it is compiled: a rule is no text, and so no key of an object.
impl From<Places> for Vec<(Rule, usize)> {
    fn from(places: Places) -> Self {
        places.0.into_iter().collect()
    }
}

impl From<Vec<(Rule, usize)>> for Places {
    fn from(places: Vec<(Rule, usize)>) -> Self {
        Self(places.into_iter().collect())
    }
}

impl Places {
    /// Where a rule stands that the playbook has once.
    pub fn setting(&self, setting: Setting) -> Option<Place> {
        self.at(&Rule::Setting(setting))
    }

    /// Where the threshold of a product stands: its own, or else the one for all.
    pub fn threshold(&self, product: &ProductId) -> Option<Place> {
        self.at(&Rule::ThresholdOf(product.as_str().to_owned())).or_else(|| self.at(&Rule::Threshold))
    }

    /// Where an entry of a list stands, such as `[[stream]]` of this id.
    pub fn section(&self, kind: &str, id: &str) -> Option<Place> {
        self.at(&Rule::Section(kind.to_owned(), id.to_owned()))
    }

    /// Where an asset stands.
    pub fn asset(&self, asset: &AssetId) -> Option<Place> {
        self.section("asset", asset.as_str())
    }

    /// Where it stands what an action of an asset is worth: in the asset's `points`, or else in the default for its stage
    /// and effort. Where that is not written, and for what machines do as well as people, which has no default: in the
    /// asset's `actions`.
    pub fn action(&self, asset: &AssetId, action: &ActionId) -> Option<Place> {
        self.at(&Rule::Action(asset.as_str().to_owned(), action.as_str().to_owned()))
    }

    /// Where the default for the stage and effort of an asset stands: what an action is worth that stands in its
    /// `actions` only.
    pub fn default_points(&self, asset: &AssetId) -> Option<Place> {
        self.at(&Rule::DefaultPoints(asset.as_str().to_owned()))
    }

    /// Where the points of an attribute's value stand, both as a [`perennial_domain::fit::FitLine`] names them.
    pub fn fit(&self, attribute: &str, value: &str) -> Option<Place> {
        self.at(&Rule::Fit(attribute.to_owned(), value.to_owned()))
    }

    fn at(&self, rule: &Rule) -> Option<Place> {
        self.0.get(rule).map(|line| Place::line(Path::new(PLAYBOOK), *line))
    }

    /// The places of what was read from this text.
    pub(crate) fn read(source: &Source, text: &str) -> Self {
        let newlines = text.match_indices('\n').map(|(offset, _)| offset).collect();
        let mut reader = Reader { newlines, places: Self::default() };
        reader.settings(source);
        reader.fit(source);
        reader.sections("product", source.products.iter().map(|product| &product.id));
        reader.sections("asset", source.assets.iter().map(|asset| &asset.id));
        reader.sections("stream", source.streams.iter().map(|stream| &stream.id));
        reader.sections("topic", source.topics.iter().map(|topic| &topic.id));
        reader.sections("segment", source.segments.iter().map(|segment| &segment.id));
        reader.sections("persona", source.personas.iter().map(|persona| &persona.id));
        reader.sections("rep", source.reps.iter().map(|rep| &rep.id));
        reader.sections("territory", source.territories.iter().map(|territory| &territory.id));
        for asset in &source.assets {
            reader.asset(source, asset);
        }
        reader.places
    }
}

const ATTRIBUTES: [&str; 9] =
    ["role", "title", "size", "region", "industry", "maturity", "market", "revenue_cents", "purchases"];

struct Reader {
    newlines: Vec<usize>,
    places: Places,
}

impl Reader {
    /// A default has an empty span.
    fn note<T>(&mut self, rule: Rule, at: &Spanned<T>) {
        let span = at.span();
        if !span.is_empty() {
            let line = 1 + self.newlines.partition_point(|newline| *newline < span.start);
            self.places.0.insert(rule, line);
        }
    }

    fn settings(&mut self, source: &Source) {
        let Source { interest, quarter, qualify, nurture, .. } = source;
        self.note(Rule::Threshold, &interest.threshold);
        for product in &source.products {
            if let Some(threshold) = &product.threshold {
                self.note(Rule::ThresholdOf(product.id.get_ref().clone()), threshold);
            }
        }
        for (setting, number) in [
            (Setting::Cap, &interest.cap),
            (Setting::SecondsAfterSending, &interest.gate.seconds_after_sending),
            (Setting::ClicksPerDay, &interest.gate.clicks_per_day),
            (Setting::Hot, &qualify.hot),
            (Setting::Warm, &qualify.warm),
            (Setting::FitWeight, &qualify.fit_weight),
            (Setting::NewCustomerDays, &qualify.new_customer_days),
            (Setting::GapDays, &nurture.gap_days),
            (Setting::StreamEveryDays, &nurture.stream_every_days),
            (Setting::AcceleratedDays, &nurture.accelerated_days),
            (Setting::EducationalBeforeHard, &nurture.educational_before_hard),
        ] {
            self.note(Rule::Setting(setting), number);
        }
        self.note(Rule::Setting(Setting::Decay), &interest.decay);
        if let Some(repeat) = &interest.repeat {
            self.note(Rule::Setting(Setting::Repeat), repeat);
        }
        if let Some(requalify) = &quarter.requalify {
            self.note(Rule::Setting(Setting::Requalify), requalify);
        }
        if let Some(cap) = &nurture.cap {
            self.note(Rule::Setting(Setting::MailCap), cap);
        }
        if let Some(window) = &nurture.window {
            self.note(Rule::Setting(Setting::SendWindow), window);
        }
        if let Some(grades) = &source.fit.grades {
            self.note(Rule::Setting(Setting::Grades), grades);
        }
    }

    fn fit(&mut self, source: &Source) {
        let fit = &source.fit;
        let tables = [&fit.role, &fit.title, &fit.size, &fit.region, &fit.industry, &fit.maturity, &fit.market];
        for (attribute, points) in ATTRIBUTES.into_iter().zip(tables) {
            for (value, points) in points {
                self.note(Rule::Fit(attribute.to_owned(), value.get_ref().clone()), points);
            }
        }
        for (attribute, bands) in [("revenue_cents", &fit.revenue_cents), ("purchases", &fit.purchases)] {
            for band in bands {
                let value = format!("{} or more", band.at_least.get_ref());
                self.note(Rule::Fit(attribute.to_owned(), value), &band.points);
            }
        }
    }

    fn sections<'t>(&mut self, kind: &str, ids: impl Iterator<Item = &'t Text>) {
        for id in ids {
            self.note(Rule::Section(kind.to_owned(), id.get_ref().clone()), id);
        }
    }

    fn asset(&mut self, source: &Source, asset: &Asset) {
        let defaults = &source.interest.points;
        let default = defaults.of(asset.stage, asset.effort);
        for action in asset.worth(defaults).keys() {
            let rule = Rule::Action(asset.id.get_ref().clone(), action.get_ref().clone());
            self.note(rule.clone(), action);
            if asset.has_default_points(action) {
                // It decides, if it is written: then this place takes the other's.
                self.note(rule, &default);
            }
        }
        self.note(Rule::DefaultPoints(asset.id.get_ref().clone()), &default);
    }
}
