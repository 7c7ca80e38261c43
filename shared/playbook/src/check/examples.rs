//! Example people: from what a playbook says of one to a person whom a segment can judge.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use perennial_domain::fit::{self, Fit, FitRules, Grade};
use perennial_domain::ids::{AccountId, ContactId, ProductId};
use perennial_domain::profile::{Account, Contact, Fields, OWNS, USED};
use perennial_domain::segment::{self, Attribute, Clause, Expression};

use crate::compile;
use crate::problem::quoted;
use crate::source::{Example, Number, Source, Text};

use super::{Check, MOST_CAP};

/// When examples live: any instant will do, as everything is said in days before it.
const NOW: Timestamp = Timestamp::constant(4_102_444_800, 0);
/// A hundred years.
const MOST_DAYS: i64 = 36_500;
/// For how long a product is owned where nothing is said.
const OWNED_DAYS: i64 = 365;

/// Makes example people.
pub(super) struct Examples {
    fit: FitRules,
    /// Whether the rules hold by which an example would be judged.
    rules_are_sound: bool,
}

/// An example person, as decisions see people.
pub(super) struct ExamplePerson {
    contact: Contact,
    account: Account,
    fit: Fit,
    scores: BTreeMap<ProductId, i64>,
    last_engaged_at: Option<Timestamp>,
}

impl ExamplePerson {
    /// Whether the expression holds, and why.
    pub(super) fn judge(&self, expression: &Expression) -> (bool, Vec<Clause>) {
        let person = segment::Person {
            contact: Some(&self.contact),
            account: Some(&self.account),
            fit: &self.fit,
            scores: &self.scores,
            last_engaged_at: self.last_engaged_at,
            now: NOW,
        };
        (segment::is_member(expression, &person), segment::explain(expression, &person))
    }
}

impl Examples {
    pub(super) fn new(source: &Source, rules_are_sound: bool) -> Self {
        Self { fit: compile::qualify(source).fit, rules_are_sound }
    }

    /// The person, unless something that is said of it is wrong; that is noted. `who` says whose example it is. Nobody as
    /// long as the rules are not sound: whoever must mend a value does not wonder yet whom it leaves out.
    pub(super) fn person(&self, check: &mut Check<'_>, who: &str, example: &Example) -> Option<ExamplePerson> {
        let sound = check.example_texts(who, example) & check.example_numbers(who, example);
        if !sound || !self.rules_are_sound {
            return None;
        }
        let contact = Contact::from_fields(ContactId::from("example"), &contact_fields(example));
        let account = Account::from_fields(AccountId::from("example"), &account_fields(example));
        let fit = self.fit_of(example, &contact, &account);
        if let Some((grade, points)) = example.grade.as_ref().zip(example.fit.as_ref())
            && fit.grade.to_string() != *grade.get_ref()
        {
            let reason =
                format!("{who}: a fit of {} is grade {}, not {}", points.get_ref(), fit.grade, grade.get_ref());
            check.error(grade, reason);
            return None;
        }
        let score = |(product, points): (&Text, &Number)| (product.get_ref().as_str().into(), *points.get_ref());
        Some(ExamplePerson {
            contact,
            account,
            fit,
            scores: example.score.iter().map(score).collect(),
            last_engaged_at: example.days_since_engagement.as_ref().map(|days| days_ago(*days.get_ref())),
        })
    }

    /// The fit that is stated; else the letter that is stated, with the least points of it; else what the tables give.
    fn fit_of(&self, example: &Example, contact: &Contact, account: &Account) -> Fit {
        let grades = &self.fit.grades;
        let cuts = [(Grade::A, grades.a), (Grade::B, grades.b), (Grade::C, grades.c), (Grade::D, 0)];
        let of_points =
            |points: i64| cuts.iter().find(|(_, least)| points >= *least).map_or(Grade::D, |(grade, _)| *grade);
        let of_letter = |letter: &Text| cuts.iter().find(|(grade, _)| grade.to_string() == *letter.get_ref());
        let stated = example.fit.as_ref().map(|points| (of_points(*points.get_ref()), *points.get_ref()));
        match stated.or_else(|| example.grade.as_ref().and_then(of_letter).copied()) {
            Some((grade, points)) => Fit { points, grade, lines: Vec::new() },
            None => fit::evaluate(&self.fit, Some(contact), Some(account)),
        }
    }
}

fn days_ago(days: i64) -> Timestamp {
    NOW - SignedDuration::from_hours(24 * days)
}

fn contact_fields(example: &Example) -> Fields {
    stated([("role", &example.role), ("title", &example.title)])
}

/// As a webhook would state them, so that they are read as everywhere else.
fn account_fields(example: &Example) -> Fields {
    let mut fields = stated([
        ("size", &example.size),
        ("region", &example.region),
        ("industry", &example.industry),
        ("maturity", &example.maturity),
        ("market", &example.market),
        ("health", &example.health),
    ]);
    let number = |name: &str, number: &Option<Number>| {
        number.as_ref().map(|number| (name.to_owned(), number.get_ref().to_string()))
    };
    let numbers = [number("revenue_cents", &example.revenue_cents), number("purchases", &example.purchases)];
    let customer_days = example.customer_days.as_ref().map(|days| *days.get_ref());
    let since = customer_days.map(|days| ("customer_since".to_owned(), days_ago(days).to_string()));
    let by_product = |prefix: &str, product: &Text, days: i64| {
        (format!("{prefix}{}", product.get_ref()), days_ago(days).to_string())
    };
    let owned = example.owns.products().into_iter().map(|(product, days)| {
        let days = days.map_or(customer_days.unwrap_or(OWNED_DAYS), |days| *days.get_ref());
        by_product(OWNS, product, days)
    });
    let used = example.used.iter().map(|(product, days)| by_product(USED, product, *days.get_ref()));
    fields.merge(numbers.into_iter().flatten().chain(since).chain(owned).chain(used), 0);
    fields
}

fn stated<const N: usize>(texts: [(&str, &Option<Text>); N]) -> Fields {
    let mut fields = Fields::default();
    let known = |(name, text): (&str, &Option<Text>)| Some((name.to_owned(), text.as_ref()?.get_ref().clone()));
    fields.merge(texts.into_iter().filter_map(known), 0);
    fields
}

impl Check<'_> {
    /// Notes values that an attribute can never have; says whether there are none.
    fn example_texts(&mut self, who: &str, example: &Example) -> bool {
        let mut sound = true;
        for (attribute, text) in [
            (Attribute::Role, &example.role),
            (Attribute::Size, &example.size),
            (Attribute::Maturity, &example.maturity),
            (Attribute::Market, &example.market),
            (Attribute::Health, &example.health),
            (Attribute::Grade, &example.grade),
        ] {
            let (Some(text), Some(values)) = (text, attribute.values()) else { continue };
            if !values.contains(&text.get_ref().as_str()) {
                let reason = format!("{who}: {} is never {}", attribute.as_str(), quoted(text.get_ref()));
                self.error(text, reason).did_you_mean(text.get_ref(), values.iter().copied());
                sound = false;
            }
        }
        sound
    }

    /// Notes numbers that nobody has and products that nobody sells; says whether there are none.
    fn example_numbers(&mut self, who: &str, example: &Example) -> bool {
        let mut numbers: Vec<(String, &Number, i64)> = Vec::new();
        for (name, number, most) in [
            ("fit", &example.fit, 100),
            ("revenue_cents", &example.revenue_cents, i64::MAX),
            ("purchases", &example.purchases, i64::MAX),
            ("customer_days", &example.customer_days, MOST_DAYS),
            ("days_since_engagement", &example.days_since_engagement, MOST_DAYS),
        ] {
            numbers.extend(number.as_ref().map(|number| (name.to_owned(), number, most)));
        }
        let score = example.score.iter().map(|(product, points)| ("score", product, Some(points), MOST_CAP));
        let owned = example.owns.products().into_iter().map(|(product, days)| ("owns", product, days, MOST_DAYS));
        let used = example.used.iter().map(|(product, days)| ("used", product, Some(days), MOST_DAYS));
        let known: BTreeSet<&str> = self.source.products.iter().map(|product| product.id.get_ref().as_str()).collect();
        let mut sound = true;
        for (name, product, number, most) in score.chain(owned).chain(used) {
            sound &= self.exists(who, "product", product, &known);
            numbers.extend(number.map(|number| (format!("{name} {}", quoted(product.get_ref())), number, most)));
        }
        for (name, number, most) in numbers {
            self.within(&format!("{who}: {name}"), number, 0, most);
            sound &= (0..=most).contains(number.get_ref());
        }
        sound
    }
}
