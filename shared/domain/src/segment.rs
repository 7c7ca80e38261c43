//! Segments and personas: who somebody is, by attributes and by behaviour.
//!
//! Owns the meaning of an expression, and the words in which it is said again. Never parses one: the playbook writes them.
//!
//! Source: segments by role, size, region, industry, maturity, products owned, use and disuse, last engagement and score;
//! four to six personas over them. What is not known is never equal to anything, and never different from anything:
//! a comparison with it does not hold, and `known` asks whether it is there.

mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::fit::Fit;
use crate::ids::{PersonaId, ProductId, SegmentId};
use crate::profile::{Account, Contact, Health};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// People who have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which.
    pub id: SegmentId,
    /// Who belongs to it.
    pub when: Expression,
}

/// A kind of person one writes for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persona {
    /// Which.
    pub id: PersonaId,
    /// Its name in front of people.
    pub name: String,
    /// Who belongs to it: the expression of its segment.
    pub when: Expression,
}

/// What has to be so of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Each of these holds; of none, that is so.
    All(Vec<Expression>),
    /// One of these holds; of none, that is not so.
    Any(Vec<Expression>),
    /// This does not hold.
    Not(Box<Expression>),
    /// The attribute is known and has one of these values.
    OneOf {
        /// Which attribute.
        attribute: Attribute,
        /// The values, compared letter by letter.
        values: Vec<String>,
    },
    /// The attribute is known and has none of these values.
    NoneOf {
        /// Which attribute.
        attribute: Attribute,
        /// The values, compared letter by letter.
        values: Vec<String>,
    },
    /// The lower-cased title holds this whole word.
    Title(String),
    /// The number is known and compares as this.
    Compare {
        /// Which number.
        quantity: Quantity,
        /// How.
        comparison: Comparison,
        /// With what.
        value: i64,
    },
    /// The account owns this product.
    Owns(ProductId),
    /// The account owns a product.
    OwnsAny,
    /// This is known.
    Known(Knowable),
}

/// An attribute whose value is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The contact's role.
    Role,
    /// The account's size.
    Size,
    /// The account's region.
    Region,
    /// The account's industry.
    Industry,
    /// How far the account is with what it bought.
    Maturity,
    /// The account's market.
    Market,
    /// Whether the account may leave.
    Health,
    /// The letter of the fit.
    Grade,
}

impl Attribute {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Role, Self::Size, Self::Region, Self::Industry, Self::Maturity, Self::Market, Self::Health, Self::Grade];

    /// Its word in an expression.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Size => "size",
            Self::Region => "region",
            Self::Industry => "industry",
            Self::Maturity => "maturity",
            Self::Market => "market",
            Self::Health => "health",
            Self::Grade => "grade",
        }
    }

    /// The only values that it can have; `None` if any text is one.
    pub fn values(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Role => Some(&["practitioner", "user", "decision-maker", "executive"]),
            Self::Size => Some(&["small-medium", "emerging", "enterprise"]),
            Self::Maturity => Some(&["novice", "intermediate", "advanced"]),
            Self::Market => Some(&["b2b", "consumer"]),
            Self::Health => Some(&["good", "at-risk"]),
            Self::Grade => Some(&["A", "B", "C", "D"]),
            Self::Region | Self::Industry => None,
        }
    }
}

/// A number that is known of a person. Days are whole days of 24 hours that have passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The points of fit, 0..=100.
    Fit,
    /// The points of interest in one product.
    Score(ProductId),
    /// The points of the product of most interest.
    HighestScore,
    /// What the account earns in a year, in minor units.
    RevenueCents,
    /// How often the account has bought; products owned if those are more.
    Purchases,
    /// Days since the account became a customer.
    CustomerDays,
    /// Days since the person last did anything with an asset.
    DaysSinceEngagement,
    /// Days since the account bought the product; not known if it does not own it.
    OwnedDays(ProductId),
    /// Days since the account last used the product it owns, or bought it if it never did; not known if it does not own it.
    DaysUnused(ProductId),
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Different,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Comparison {
    fn holds(self, known: i64, value: i64) -> bool {
        match self {
            Self::Equal => known == value,
            Self::Different => known != value,
            Self::Less => known < value,
            Self::AtMost => known <= value,
            Self::More => known > value,
            Self::AtLeast => known >= value,
        }
    }

    /// Its sign in an expression.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Different => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// What may or may not be known of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knowable {
    /// A text.
    Text(Attribute),
    /// The title.
    Title,
    /// A number.
    Number(Quantity),
}

/// A person as expressions see them, at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// Who, if anything is known of them.
    pub contact: Option<&'a Contact>,
    /// Where they work, if anything is known of it.
    pub account: Option<&'a Account>,
    /// How well both fit.
    pub fit: &'a Fit,
    /// The points of interest by product, now; a product that is missing has none.
    pub scores: &'a BTreeMap<ProductId, i64>,
    /// When they last did anything with an asset.
    pub last_engaged_at: Option<Timestamp>,
    /// When one asks.
    pub now: Timestamp,
}

impl Expression {
    /// Whether it asks for days that have passed: then it may change its answer though nothing happens.
    pub fn counts_days(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::counts_days),
            Self::Not(part) => part.counts_days(),
            Self::Compare { quantity, .. } => matches!(
                quantity,
                Quantity::CustomerDays
                    | Quantity::DaysSinceEngagement
                    | Quantity::OwnedDays(_)
                    | Quantity::DaysUnused(_)
            ),
            _ => false,
        }
    }

    /// The first condition in it that asks of a person: what all of an account have in common does not answer it.
    pub fn of_a_person(&self) -> Option<&Self> {
        let of_a_person = |quantity: &Quantity| {
            matches!(
                quantity,
                Quantity::Fit | Quantity::Score(_) | Quantity::HighestScore | Quantity::DaysSinceEngagement
            )
        };
        let is = match self {
            Self::All(parts) | Self::Any(parts) => return parts.iter().find_map(Self::of_a_person),
            Self::Not(part) => return part.of_a_person(),
            Self::OneOf { attribute, .. } | Self::NoneOf { attribute, .. } | Self::Known(Knowable::Text(attribute)) => {
                matches!(attribute, Attribute::Role | Attribute::Grade)
            }
            Self::Title(_) | Self::Known(Knowable::Title) => true,
            Self::Compare { quantity, .. } | Self::Known(Knowable::Number(quantity)) => of_a_person(quantity),
            Self::Owns(_) | Self::OwnsAny => false,
        };
        is.then_some(self)
    }
}

/// Whether an expression holds for a person.
pub fn is_member(expression: &Expression, person: &Person<'_>) -> bool {
    match expression {
        Expression::All(parts) => parts.iter().all(|part| is_member(part, person)),
        Expression::Any(parts) => parts.iter().any(|part| is_member(part, person)),
        Expression::Not(part) => !is_member(part, person),
        Expression::OneOf { attribute, values } => person.text(*attribute).is_some_and(|known| values.contains(&known)),
        Expression::NoneOf { attribute, values } => {
            person.text(*attribute).is_some_and(|known| !values.contains(&known))
        }
        Expression::Title(word) => person.title().is_some_and(|title| has_word(title, word)),
        Expression::Compare { quantity, comparison, value } => {
            person.number(quantity).is_some_and(|known| comparison.holds(known, *value))
        }
        Expression::Owns(product) => person.owned_at(product).is_some(),
        Expression::OwnsAny => person.account.is_some_and(|account| !account.owns.is_empty()),
        Expression::Known(Knowable::Text(attribute)) => person.text(*attribute).is_some(),
        Expression::Known(Knowable::Title) => person.title().is_some(),
        Expression::Known(Knowable::Number(quantity)) => person.number(quantity).is_some(),
    }
}

/// The persona of a person: the first that fits.
pub fn persona_of<'p>(personas: &'p [Persona], person: &Person<'_>) -> Option<&'p Persona> {
    personas.iter().find(|persona| is_member(&persona.when, person))
}

/// One condition of an expression, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The condition, as an expression is written, with the `not` that is around it.
    pub text: String,
    /// Whether it holds, that `not` included.
    pub holds: bool,
    /// Whether the whole expression came out as it did because of this one, alone or with others.
    pub decides: bool,
    /// What is known of the person in this matter.
    pub seen: String,
}

/// Every condition of an expression in the order of writing, and which of them decided.
pub fn explain(expression: &Expression, person: &Person<'_>) -> Vec<Clause> {
    let mut clauses = Vec::new();
    explain_into(expression, person, Around { decides: true, negated: false }, &mut clauses);
    clauses
}

/// What stands around a condition.
#[derive(Clone, Copy)]
struct Around {
    decides: bool,
    negated: bool,
}

fn explain_into(expression: &Expression, person: &Person<'_>, around: Around, clauses: &mut Vec<Clause>) {
    let holds = is_member(expression, person);
    match expression {
        // All came true because of every part, and false because of those that are false; any, the other way round.
        Expression::All(parts) | Expression::Any(parts) => {
            let each = holds == matches!(expression, Expression::All(_));
            for part in parts {
                let decides = around.decides && (each || is_member(part, person) == holds);
                explain_into(part, person, Around { decides, ..around }, clauses);
            }
        }
        Expression::Not(part) => explain_into(part, person, Around { negated: !around.negated, ..around }, clauses),
        condition => {
            let text = if around.negated { format!("not {condition}") } else { condition.to_string() };
            let holds = holds != around.negated;
            clauses.push(Clause { text, holds, decides: around.decides, seen: person.seen(condition) });
        }
    }
}

/// Titles are matched as fit matches them.
fn has_word(title: &str, word: &str) -> bool {
    title.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|part| part == word)
}

impl Person<'_> {
    fn title(&self) -> Option<&str> {
        self.contact?.title.as_deref()
    }

    fn text(&self, attribute: Attribute) -> Option<String> {
        let text = match attribute {
            Attribute::Role => self.contact?.role.as_deref(),
            Attribute::Size => self.account?.size.as_deref(),
            Attribute::Region => self.account?.region.as_deref(),
            Attribute::Industry => self.account?.industry.as_deref(),
            Attribute::Maturity => self.account?.maturity.as_deref(),
            Attribute::Market => self.account?.market.as_deref(),
            Attribute::Health => Some(match self.account?.health {
                Health::Good => "good",
                Health::AtRisk => "at-risk",
            }),
            Attribute::Grade => return Some(self.fit.grade.to_string()),
        };
        text.map(str::to_owned)
    }

    fn number(&self, quantity: &Quantity) -> Option<i64> {
        match quantity {
            Quantity::Fit => Some(self.fit.points),
            Quantity::Score(product) => Some(self.scores.get(product).copied().unwrap_or(0)),
            Quantity::HighestScore => Some(self.scores.values().copied().max().unwrap_or(0)),
            Quantity::RevenueCents => self.account?.revenue_cents,
            Quantity::Purchases => self.account?.purchases(),
            Quantity::CustomerDays => self.account?.customer_since.map(|since| self.days_since(since)),
            Quantity::DaysSinceEngagement => self.last_engaged_at.map(|at| self.days_since(at)),
            Quantity::OwnedDays(product) => self.owned_at(product).map(|at| self.days_since(at)),
            Quantity::DaysUnused(product) => {
                let bought_at = self.owned_at(product)?;
                let used_at = self.account?.used.get(product).copied();
                Some(self.days_since(used_at.unwrap_or(bought_at)))
            }
        }
    }

    fn owned_at(&self, product: &ProductId) -> Option<Timestamp> {
        self.account?.owns.get(product).copied()
    }

    fn days_since(&self, at: Timestamp) -> i64 {
        (self.now.as_second() - at.as_second()).div_euclid(DAY_SECONDS)
    }
}

#[cfg(test)]
mod tests;
