//! Fit: what attributes are worth, and where the letters are cut.

use std::collections::BTreeSet;

use crate::problem::quoted;
use crate::source::{Band, Grades};

use super::{Check, MOST_POINTS};

/// The values that a contact or an account can have, where they are a closed set.
const ROLES: [&str; 4] = ["practitioner", "user", "decision-maker", "executive"];
const SIZES: [&str; 3] = ["small-medium", "emerging", "enterprise"];
const MATURITIES: [&str; 3] = ["novice", "intermediate", "advanced"];
const MARKETS: [&str; 2] = ["b2b", "consumer"];

impl Check<'_> {
    pub(super) fn fit(&mut self) {
        let fit = &self.source.fit;
        for (name, points, known) in [
            ("role", &fit.role, &ROLES[..]),
            ("title", &fit.title, &[]),
            ("size", &fit.size, &SIZES[..]),
            ("region", &fit.region, &[]),
            ("industry", &fit.industry, &[]),
            ("maturity", &fit.maturity, &MATURITIES[..]),
            ("market", &fit.market, &MARKETS[..]),
        ] {
            self.points(name, points);
            let open = known.is_empty();
            for key in points.keys().filter(|key| !open && !known.contains(&key.get_ref().as_str())) {
                let reason = format!("{} is not a {name}: it never gives points", quoted(key.get_ref()));
                self.warn(key, reason).did_you_mean(key.get_ref(), known.iter().copied());
            }
        }
        self.bands("revenue_cents", &fit.revenue_cents);
        self.bands("purchases", &fit.purchases);
        self.titles();
        if let Some(grades) = &fit.grades {
            let Grades { a, b, c } = *grades.get_ref();
            if !(100 >= a && a > b && b > c && c >= 0) {
                self.error(
                    grades,
                    format!("the grades A = {a}, B = {b}, C = {c} do not descend from at most 100 to at least 0"),
                );
            }
        }
    }

    fn titles(&mut self) {
        for word in self.source.fit.title.keys() {
            if word.get_ref().is_empty() || word.get_ref().chars().any(|c| !c.is_alphanumeric() || c.is_uppercase()) {
                let reason = format!(
                    "title {} matches nothing: titles are matched by one word in lower case",
                    quoted(word.get_ref())
                );
                self.error(word, reason);
            }
        }
    }

    fn bands(&mut self, name: &str, bands: &[Band]) {
        let mut seen = BTreeSet::new();
        for band in bands {
            let least = *band.at_least.get_ref();
            if least < 0 {
                self.error(&band.at_least, format!("{name}: at_least is {least}, and must not be below zero"));
            } else if !seen.insert(least) {
                self.error(&band.at_least, format!("{name} has two bands from {least} on: only one of them can count"));
            }
            self.within(&format!("{name} from {least} on"), &band.points, -MOST_POINTS, MOST_POINTS);
        }
    }
}
