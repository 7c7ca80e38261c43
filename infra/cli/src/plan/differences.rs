//! Which rules two playbooks differ in, in the words of the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use perennial_domain::fit::{Band, FitRules};
use perennial_domain::ids::{ActionId, AssetId, ProductId};
use perennial_domain::interest::{ActionRule, AssetRule, ClickGate, InterestRules};
use perennial_domain::nurture::{Stream, StreamKind, Trigger};
use perennial_domain::segment::Expression;
use perennial_playbook::{Place, Places, Playbook, Setting};
use serde::Serialize;

use crate::written;

mod people;

/// One rule that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The rule, as the playbook names it.
    pub rule: String,
    /// What it was; none if there was none.
    pub old: Option<String>,
    /// What it is; none if there is none.
    pub new: Option<String>,
    /// Where it stands in the new playbook; none if it is a default, or gone.
    pub place: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{} {old} → {new}", self.rule),
            (None, Some(new)) => write!(f, "{} is new: {new}", self.rule),
            (Some(old), None) => write!(f, "{} is gone: {old}", self.rule),
            (None, None) => f.write_str(&self.rule),
        }?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

/// The rules that differ, in the order of the file.
pub fn rules(old: &Playbook, new: &Playbook) -> Vec<Difference> {
    let mut found = Found::of(new);
    found.team(&old.calendar, &new.calendar);
    found.interest(&old.interest, &new.interest);
    let products = |playbook: &Playbook| -> BTreeMap<String, String> {
        playbook.products.iter().map(|product| (product.id.to_string(), product.name.clone())).collect()
    };
    found.sections("product", &products(old), &products(new));
    found.thresholds(old, new);
    found.assets(&old.interest.assets, &new.interest.assets);
    found.fit(&old.qualify.fit, &new.qualify.fit);
    found.qualify(old, new);
    found.nurture(old, new);
    found.people(old, new);
    found.sla(old, new);
    found.goals(old, new);
    found.list
}

/// The assets that both know and tag with other products: their stored facts keep the old tags until a rebuild.
pub fn tags(old: &Playbook, new: &Playbook) -> Vec<Difference> {
    let mut found = Found::of(new);
    let new = &new.interest.assets;
    let mut both: Vec<(&AssetId, &AssetRule, &AssetRule)> =
        old.interest.assets.iter().filter_map(|(id, asset)| Some((id, asset, new.get(id)?))).collect();
    both.sort_unstable_by_key(|(id, ..)| *id);
    for (id, before, after) in both.into_iter().filter(|(_, before, after)| products(before) != products(after)) {
        let shown = |asset| products(asset).iter().map(|product| product.as_str()).collect::<Vec<_>>().join(", ");
        let place = found.places.asset(id);
        found.note(format!("asset {id}: products"), Some(shown(before)), Some(shown(after)), place);
    }
    found.list
}

/// Whether both tag every asset with the same products.
pub fn same_tags(old: &Playbook, new: &Playbook) -> bool {
    let (old, new) = (&old.interest.assets, &new.interest.assets);
    old.len() == new.len()
        && old.iter().all(|(id, before)| new.get(id).is_some_and(|after| products(before) == products(after)))
}

fn products(asset: &AssetRule) -> BTreeSet<&ProductId> {
    asset.products.iter().collect()
}

struct Found<'a> {
    places: &'a Places,
    list: Vec<Difference>,
}

impl<'a> Found<'a> {
    fn of(new: &'a Playbook) -> Self {
        Self { places: &new.places, list: Vec::new() }
    }

    fn note(&mut self, rule: String, old: Option<String>, new: Option<String>, place: Option<Place>) {
        self.list.push(Difference { rule, old, new, place: place.map(|place| place.to_string()) });
    }

    /// A rule that both have and of which nobody knows where it stands.
    fn rule<T: PartialEq>(&mut self, rule: &str, old: T, new: T, shown: impl Fn(&T) -> String) {
        if old != new {
            self.note(rule.to_owned(), Some(shown(&old)), Some(shown(&new)), None);
        }
    }

    fn number<T: PartialEq + Display>(&mut self, rule: &str, old: T, new: T) {
        self.rule(rule, old, new, T::to_string);
    }

    /// A rule that both have, with its place.
    fn setting<T: PartialEq + Display>(&mut self, setting: Setting, old: T, new: T) {
        self.part(setting, &setting.to_string(), old, new);
    }

    /// A part of a setting, which stands where the setting does.
    fn part<T: PartialEq + Display>(&mut self, setting: Setting, rule: &str, old: T, new: T) {
        if old != new {
            let place = self.places.setting(setting);
            self.note(rule.to_owned(), Some(old.to_string()), Some(new.to_string()), place);
        }
    }

    /// Rules by a key that one of them may not have.
    fn by_key<T: PartialEq + Display>(
        &mut self,
        rule: &str,
        old: &BTreeMap<String, T>,
        new: &BTreeMap<String, T>,
        place: impl Fn(&Places, &str) -> Option<Place>,
    ) {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys.into_iter().filter(|key| old.get(*key) != new.get(*key)) {
            let shown = |side: &BTreeMap<String, T>| side.get(key).map(ToString::to_string);
            self.note(format!("{rule} {key}"), shown(old), shown(new), place(self.places, key));
        }
    }

    /// Entries of a list such as `[[stream]]`.
    fn sections<T: PartialEq + Display>(&mut self, kind: &str, old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) {
        self.by_key(kind, old, new, |places, id| places.section(kind, id));
    }

    fn interest(&mut self, old: &InterestRules, new: &InterestRules) {
        let zone = |rules: &InterestRules| rules.quarters.zone.iana_name().unwrap_or("UTC").to_owned();
        self.number("quarter.first_month", old.quarters.first_month, new.quarters.first_month);
        self.number("quarter.time_zone", zone(old), zone(new));
        let requalify = |rules: &InterestRules| written::requalify(rules.requalify);
        self.setting(Setting::Requalify, requalify(old), requalify(new));
        if old.threshold != new.threshold {
            // The place of a product that has none of its own.
            let place = self.places.threshold(&ProductId::from(""));
            let shown = |rules: &InterestRules| Some(rules.threshold.to_string());
            self.note("interest.threshold".to_owned(), shown(old), shown(new), place);
        }
        self.setting(Setting::Cap, old.cap, new.cap);
        self.setting(Setting::Decay, written::decay(old.decay), written::decay(new.decay));
        self.setting(Setting::Repeat, written::repeat(old.repeat), written::repeat(new.repeat));
        match (old.gate, new.gate) {
            (Some(old), Some(new)) => {
                let seconds = |gate: ClickGate| gate.seconds_after_sending;
                self.setting(Setting::SecondsAfterSending, seconds(old), seconds(new));
                self.setting(Setting::ClicksPerDay, old.clicks_per_day, new.clicks_per_day);
            }
            (old, new) => self
                .rule("interest.gate", old.is_some(), new.is_some(), |on| (if *on { "on" } else { "off" }).to_owned()),
        }
    }

    /// Thresholds of single products, where they do not simply follow the one for all.
    fn thresholds(&mut self, old: &Playbook, new: &Playbook) {
        let own = |playbook: &Playbook, product: &ProductId| playbook.interest.product_thresholds.contains_key(product);
        for product in new.products.iter().filter(|product| old.products.iter().any(|other| other.id == product.id)) {
            let (before, after) = (old.interest.threshold(&product.id), new.interest.threshold(&product.id));
            if before != after && (own(old, &product.id) || own(new, &product.id)) {
                let (rule, place) = (format!("product {}: threshold", product.id), self.places.threshold(&product.id));
                self.note(rule, Some(before.to_string()), Some(after.to_string()), place);
            }
        }
    }

    fn assets(&mut self, old: &HashMap<AssetId, AssetRule>, new: &HashMap<AssetId, AssetRule>) {
        let ids: BTreeSet<&AssetId> = old.keys().chain(new.keys()).collect();
        for id in ids {
            let actions = |assets: &HashMap<AssetId, AssetRule>| -> BTreeMap<String, String> {
                let actions = assets.get(id).into_iter().flat_map(|asset| &asset.actions);
                actions.map(|(action, rule)| (action.to_string(), shown(*rule))).collect()
            };
            self.by_key(&format!("asset {id}:"), &actions(old), &actions(new), |places, action| {
                places.action(id, &ActionId::from(action))
            });
        }
    }

    fn fit(&mut self, old: &FitRules, new: &FitRules) {
        let tables = |fit: &FitRules| {
            let FitRules { role, title, size, region, industry, maturity, market, .. } = fit.clone();
            [role, title, size, region, industry, maturity, market]
        };
        let names = ["role", "title", "size", "region", "industry", "maturity", "market"];
        for (name, (old, new)) in names.iter().zip(tables(old).iter().zip(&tables(new))) {
            self.by_key(&format!("fit.{name}"), old, new, |places, value| places.fit(name, value));
        }
        let bands = |bands: &&Vec<Band>| {
            let bands: Vec<String> =
                bands.iter().map(|band| format!("{} from {}", band.points, band.at_least)).collect();
            if bands.is_empty() { "none".to_owned() } else { bands.join(", ") }
        };
        self.rule("fit.revenue_cents", &old.revenue_cents, &new.revenue_cents, bands);
        self.rule("fit.purchases", &old.purchases, &new.purchases, bands);
        for (grade, old, new) in
            [("A", old.grades.a, new.grades.a), ("B", old.grades.b, new.grades.b), ("C", old.grades.c, new.grades.c)]
        {
            self.part(Setting::Grades, &format!("{}.{grade}", Setting::Grades), old, new);
        }
    }

    fn qualify(&mut self, old: &Playbook, new: &Playbook) {
        let (old, new) = (&old.qualify, &new.qualify);
        self.setting(Setting::Hot, old.sorting.hot, new.sorting.hot);
        self.setting(Setting::Warm, old.sorting.warm, new.sorting.warm);
        self.setting(Setting::FitWeight, old.sorting.fit_weight_percent, new.sorting.fit_weight_percent);
        self.setting(Setting::NewCustomerDays, old.new_customer_days, new.new_customer_days);
    }

    fn nurture(&mut self, old: &Playbook, new: &Playbook) {
        let (old, new) = (&old.nurture, &new.nurture);
        self.number("nurture.gap_days", old.gap_days, new.gap_days);
        self.number("nurture.stream_every_days", old.stream_every_days, new.stream_every_days);
        self.number("nurture.accelerated_days", old.accelerated_days, new.accelerated_days);
        self.number("nurture.educational_before_hard", old.educational_before_hard, new.educational_before_hard);
        self.rule("nurture.cap", old.cap, new.cap, |cap| format!("{} mails in {} days", cap.mails, cap.days));
        self.rule("nurture.window", old.window, new.window, |window| {
            format!("{} to {}", window.from.strftime("%H:%M"), window.to.strftime("%H:%M"))
        });
        let streams = |streams: &[Stream]| -> BTreeMap<String, String> {
            streams.iter().map(|stream| (stream.id.to_string(), stream_in_words(stream))).collect()
        };
        self.sections("stream", &streams(&old.streams), &streams(&new.streams));
        let order =
            |streams: &[Stream]| -> Vec<String> { streams.iter().map(|stream| stream.id.to_string()).collect() };
        let (before, after) = (order(&old.streams), order(&new.streams));
        let same_set = before.iter().collect::<BTreeSet<_>>() == after.iter().collect::<BTreeSet<_>>();
        if same_set {
            self.rule("streams in the order", before, after, |order| order.join(", "));
        }
    }
}

/// What an action is worth: `3`, `10 act-now`.
fn shown(rule: ActionRule) -> String {
    let marks = [(rule.act_now, " act-now"), (rule.call_now, " call-now")];
    let marks = marks.iter().filter(|(on, _)| *on).map(|(_, mark)| *mark);
    format!("{}{}", rule.points, marks.collect::<String>())
}

fn stream_in_words(stream: &Stream) -> String {
    let kind = match &stream.kind {
        StreamKind::CrossSell => "cross-sell".to_owned(),
        StreamKind::Upsell { seats_percent } => format!("upsell from {seats_percent}% of the seats"),
        StreamKind::Retention { after_days } => format!("retention after {after_days} days"),
        StreamKind::Onboarding { until_days } => format!("onboarding until {until_days} days"),
        StreamKind::Save { unused_days, adoption_percent: 0, until_days } => {
            format!("save after {unused_days} days without use, until {until_days} days")
        }
        StreamKind::Save { unused_days, adoption_percent, until_days } => format!(
            "save after {unused_days} days without use or with less than {adoption_percent}% of the seats in use, until \
             {until_days} days"
        ),
        StreamKind::Renewal { days_before } => {
            let days: Vec<String> = days_before.iter().map(ToString::to_string).collect();
            format!("renewal {} days before the end", days.join(", "))
        }
        StreamKind::Advocacy { after_days } => format!("advocacy after {after_days} days"),
    };
    let pieces: Vec<String> =
        stream.pieces.iter().map(|piece| format!("{} ({})", piece.id, piece.kind.as_str())).collect();
    format!("{kind} of {}{}: {}", stream.product, ways_in_words(stream), pieces.join(", "))
}

/// What a stream has besides its kind, its product and its pieces.
fn ways_in_words(stream: &Stream) -> String {
    let triggers = |triggers: &[Trigger]| {
        let trigger = |trigger: &Trigger| match &trigger.action {
            Some(action) => format!("{} {action}", trigger.asset),
            None => trigger.asset.to_string(),
        };
        let triggers: Vec<String> = triggers.iter().map(trigger).collect();
        (!triggers.is_empty()).then(|| triggers.join(" or "))
    };
    let everybody = Expression::All(Vec::new());
    let ways = [
        ("topic", stream.topic.as_ref().map(ToString::to_string)),
        ("for", Some(&stream.audience).filter(|audience| **audience != everybody).map(ToString::to_string)),
        ("entered on", triggers(&stream.enter_on)),
        ("left on", triggers(&stream.exit_on)),
        ("left when", stream.exit_when.as_ref().map(ToString::to_string)),
        ("then", stream.then.as_ref().map(ToString::to_string)),
        ("sooner on", triggers(&stream.accelerate_on)),
        ("every", stream.every_days.map(|days| format!("{days} days"))),
        ("held out", Some(stream.holdout_percent).filter(|percent| *percent > 0).map(|percent| format!("{percent}%"))),
        ("mail is", stream.mail_asset.as_ref().map(ToString::to_string)),
    ];
    ways.into_iter().filter_map(|(name, said)| Some(format!(", {name} {}", said?))).collect()
}
