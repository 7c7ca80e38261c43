//! Fit: what attributes are worth, and where the letters are cut.

use std::collections::BTreeSet;

use perennial_domain::segment::Attribute;

use crate::problem::quoted;
use crate::source::{Band, Grades};
use crate::title;

use super::{Check, MOST_POINTS};

impl Check<'_> {
    pub(super) fn fit(&mut self) {
        let fit = &self.source.fit;
        for (attribute, points) in [
            (Attribute::Role, &fit.role),
            (Attribute::Size, &fit.size),
            (Attribute::Region, &fit.region),
            (Attribute::Industry, &fit.industry),
            (Attribute::Maturity, &fit.maturity),
            (Attribute::Market, &fit.market),
        ] {
            let name = attribute.as_str();
            self.points(name, points);
            let Some(known) = attribute.values() else { continue };
            for key in points.keys().filter(|key| !known.contains(&key.get_ref().as_str())) {
                let reason = format!("{} is not a {name}: it never gives points", quoted(key.get_ref()));
                self.warn(key, reason).did_you_mean(key.get_ref(), known.iter().copied());
            }
        }
        self.points("title", &fit.title);
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
            if let Err(slip) = title::check(word.get_ref()) {
                self.error(word, slip.reason).did_you_mean(word.get_ref(), slip.meant.as_deref());
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
