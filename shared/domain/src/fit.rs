//! Fit: how well a contact and its account match the people who buy. Separate from interest.
//!
//! Source: demographics (a VP above a coordinator), role, company size, region, industry, B2B or consumer, revenue and
//! previous purchases; maturity is a default of ours. Each is worth points in the playbook; letters are cut from the sum.

use std::collections::BTreeMap;
use std::fmt;

use crate::profile::{Account, Contact};

/// What an attribute's values are worth.
#[derive(Clone, Debug, Default)]
pub struct FitRules {
    /// By role: practitioner, user, decision-maker, executive.
    pub role: BTreeMap<String, i64>,
    /// By a whole word of the lower-cased title; the best one counts.
    pub title: BTreeMap<String, i64>,
    /// By company size.
    pub size: BTreeMap<String, i64>,
    /// By region.
    pub region: BTreeMap<String, i64>,
    /// By industry.
    pub industry: BTreeMap<String, i64>,
    /// By maturity: novice, intermediate, advanced.
    pub maturity: BTreeMap<String, i64>,
    /// By market: b2b or consumer.
    pub market: BTreeMap<String, i64>,
    /// By yearly revenue in minor units; the highest band that is reached counts.
    pub revenue_cents: Vec<Band>,
    /// By previous purchases, or products owned if those are more.
    pub purchases: Vec<Band>,
    /// Points at or above which the grade is A, B or C; below the last it is D.
    pub grades: Grades,
}

/// Points from an amount on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// The least amount.
    pub at_least: i64,
    /// What it gives.
    pub points: i64,
}

/// Where the letters are cut.
#[derive(Clone, Copy, Debug)]
pub struct Grades {
    /// A at or above.
    pub a: i64,
    /// B at or above.
    pub b: i64,
    /// C at or above.
    pub c: i64,
}

impl Default for Grades {
    fn default() -> Self {
        Self { a: 70, b: 45, c: 20 }
    }
}

/// A letter for fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// The best.
    A,
    /// Good.
    B,
    /// Fair.
    C,
    /// Poor, or nothing known.
    D,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        })
    }
}

/// One attribute that gave points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitLine {
    /// The attribute.
    pub attribute: &'static str,
    /// Its value, as the playbook names it.
    pub value: String,
    /// What it gave.
    pub points: i64,
}

/// Fit, explained line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The sum, within 0..=100.
    pub points: i64,
    /// The letter.
    pub grade: Grade,
    /// What gave it.
    pub lines: Vec<FitLine>,
}

/// The fit of a contact at an account.
pub fn evaluate(rules: &FitRules, contact: Option<&Contact>, account: Option<&Account>) -> Fit {
    let by_value = |attribute, table: &BTreeMap<String, i64>, value: Option<&str>| {
        let (value, points) = table.get_key_value(value?)?;
        Some(FitLine { attribute, value: value.clone(), points: *points })
    };
    let by_band = |attribute, bands: &[Band], amount: Option<i64>| {
        let reached = bands.iter().filter(|band| amount.is_some_and(|amount| amount >= band.at_least));
        let band = reached.max_by_key(|band| band.at_least)?;
        Some(FitLine { attribute, value: format!("{} or more", band.at_least), points: band.points })
    };
    let title = contact.and_then(|contact| contact.title.as_deref()).map(str::to_lowercase);
    let by_title = title.as_deref().and_then(|title| {
        let words = title.split(|c: char| !c.is_alphanumeric());
        let (word, points) =
            words.filter_map(|word| rules.title.get_key_value(word)).max_by_key(|(_, points)| **points)?;
        Some(FitLine { attribute: "title", value: word.clone(), points: *points })
    });
    let lines: Vec<FitLine> = [
        by_value("role", &rules.role, contact.and_then(|contact| contact.role.as_deref())),
        by_title,
        by_value("size", &rules.size, account.and_then(|account| account.size.as_deref())),
        by_value("region", &rules.region, account.and_then(|account| account.region.as_deref())),
        by_value("industry", &rules.industry, account.and_then(|account| account.industry.as_deref())),
        by_value("maturity", &rules.maturity, account.and_then(|account| account.maturity.as_deref())),
        by_value("market", &rules.market, account.and_then(|account| account.market.as_deref())),
        by_band("revenue_cents", &rules.revenue_cents, account.and_then(|account| account.revenue_cents)),
        by_band("purchases", &rules.purchases, account.and_then(Account::purchases)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let points = lines.iter().map(|line| line.points).fold(0, i64::saturating_add).clamp(0, 100);
    let grade = match points {
        p if p >= rules.grades.a => Grade::A,
        p if p >= rules.grades.b => Grade::B,
        p if p >= rules.grades.c => Grade::C,
        _ => Grade::D,
    };
    Fit { points, grade, lines }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AccountId, ContactId};
    use crate::profile::Fields;

    #[test]
    fn a_vp_fits_better_than_a_coordinator() {
        let rules = FitRules {
            title: BTreeMap::from([("vp".to_owned(), 20), ("coordinator".to_owned(), 2), ("marketing".to_owned(), 1)]),
            grades: Grades { a: 20, b: 10, c: 2 },
            ..FitRules::default()
        };
        let check = |title: &str, points: i64, grade: Grade| {
            let contact = Contact {
                id: ContactId::from("c"),
                account: None,
                email: None,
                first_name: None,
                last_name: None,
                title: Some(title.to_owned()),
                role: None,
            };
            let fit = evaluate(&rules, Some(&contact), None);
            assert_eq!((fit.points, fit.grade), (points, grade), "{title}");
        };
        check("VP Marketing", 20, Grade::A);
        check("Vp, Operations", 20, Grade::A);
        check("Marketing Coordinator", 2, Grade::C);
        check("SVPX", 0, Grade::D);
        assert_eq!(evaluate(&rules, None, None).grade, Grade::D);
    }

    #[test]
    fn no_points_are_too_many_to_add() {
        let check = |role: i64, size: i64, points: i64| {
            let rules = FitRules {
                role: BTreeMap::from([("executive".to_owned(), role)]),
                size: BTreeMap::from([("enterprise".to_owned(), size)]),
                ..FitRules::default()
            };
            let mut fields = Fields::default();
            let stated = [("role", "executive"), ("size", "enterprise")];
            fields.merge(stated.map(|(field, value)| (field.to_owned(), value.to_owned())), 0);
            let contact = Contact::from_fields(ContactId::from("c"), &fields);
            let account = Account::from_fields(AccountId::from("a"), &fields);
            assert_eq!(evaluate(&rules, Some(&contact), Some(&account)).points, points, "{role} and {size}");
        };
        check(i64::MAX, i64::MAX, 100);
        check(i64::MIN, i64::MIN, 0);
        check(99, i64::MIN, 0);
        check(99, 2, 100);
    }
}
