//! Expressions in words: the canonical form, and what is known in the matter of a condition.

use std::fmt;

use super::{Attribute, Expression, Knowable, Person, Quantity, is_member};
use crate::ids::ProductId;

impl Person<'_> {
    /// What is known in the matter of one condition, in words.
    pub(super) fn seen(&self, condition: &Expression) -> String {
        let text = |name: &str, known: Option<String>| match known {
            Some(known) => format!("{name} is {}", Quoted(&known)),
            None => format!("{name} is not known"),
        };
        let number = |quantity: &Quantity| match self.number(quantity) {
            Some(known) => format!("{quantity} is {known}"),
            None => format!("{quantity} is not known"),
        };
        match condition {
            Expression::OneOf { attribute, .. }
            | Expression::NoneOf { attribute, .. }
            | Expression::Known(Knowable::Text(attribute)) => text(attribute.as_str(), self.text(*attribute)),
            Expression::Title(_) | Expression::Known(Knowable::Title) => text("title", self.title().map(str::to_owned)),
            Expression::Compare { quantity, .. } | Expression::Known(Knowable::Number(quantity)) => number(quantity),
            Expression::Owns(product) if self.owned_at(product).is_some() => format!("{product} is owned"),
            Expression::Owns(product) => format!("{product} is not owned"),
            Expression::OwnsAny if is_member(condition, self) => "something is owned".to_owned(),
            Expression::OwnsAny => "nothing is owned".to_owned(),
            Expression::All(_) | Expression::Any(_) | Expression::Not(_) => String::new(),
        }
    }
}

impl Attribute {
    /// The only values that it can have, as a sentence names them: `novice, intermediate or advanced`.
    pub fn values_in_words(self) -> String {
        match self.values().and_then(<[_]>::split_last) {
            None => "any text".to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
        }
    }
}

/// A text in the quotes that it does not hold itself: expressions know no escapes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.0.contains('"') { '\'' } else { '"' };
        write!(f, "{mark}{}{mark}", self.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |f: &mut fmt::Formatter<'_>, name: &str, product: &ProductId| {
            write!(f, "{name}({})", Quoted(product.as_str()))
        };
        match self {
            Self::Fit => f.write_str("fit"),
            Self::Score(product) => of(f, "score", product),
            Self::HighestScore => f.write_str("score"),
            Self::RevenueCents => f.write_str("revenue_cents"),
            Self::Purchases => f.write_str("purchases"),
            Self::CustomerDays => f.write_str("customer_days"),
            Self::DaysSinceEngagement => f.write_str("days_since_engagement"),
            Self::OwnedDays(product) => of(f, "owned_days", product),
            Self::DaysUnused(product) => of(f, "days_unused", product),
        }
    }
}

impl Expression {
    fn is_compound(&self) -> bool {
        matches!(self, Self::All(_) | Self::Any(_))
    }
}

/// The canonical form: what an expression looks like if it is written again.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(part) if part.is_compound() => write!(f, "not ({part})"),
            Self::Not(part) => write!(f, "not {part}"),
            Self::OneOf { attribute, values } => one_of(f, *attribute, values, ["==", "in"]),
            Self::NoneOf { attribute, values } => one_of(f, *attribute, values, ["!=", "not in"]),
            Self::Title(word) => write!(f, "title has {}", Quoted(word)),
            Self::Compare { quantity, comparison, value } => write!(f, "{quantity} {} {value}", comparison.as_str()),
            Self::Owns(product) => write!(f, "owns({})", Quoted(product.as_str())),
            Self::OwnsAny => f.write_str("owns_any"),
            Self::Known(Knowable::Text(attribute)) => write!(f, "known({})", attribute.as_str()),
            Self::Known(Knowable::Title) => f.write_str("known(title)"),
            Self::Known(Knowable::Number(quantity)) => write!(f, "known({quantity})"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expression], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        let before = if index == 0 { "" } else { word };
        if part.is_compound() {
            write!(f, "{before}({part})")?;
        } else {
            write!(f, "{before}{part}")?;
        }
    }
    Ok(())
}

fn one_of(f: &mut fmt::Formatter<'_>, attribute: Attribute, values: &[String], words: [&str; 2]) -> fmt::Result {
    let name = attribute.as_str();
    match values {
        [value] => write!(f, "{name} {} {}", words[0], Quoted(value)),
        _ => {
            let values: Vec<String> = values.iter().map(|value| Quoted(value).to_string()).collect();
            write!(f, "{name} {} [{}]", words[1], values.join(", "))
        }
    }
}
