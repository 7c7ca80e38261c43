//! The small language of segments: `role == "executive" and not owns("analytics")`.
//!
//! Owns the grammar and what is said of a slip: the column, the reason, the word that may have been meant. Never decides
//! who belongs to a segment: that is the domain's. Reads any text without a panic, however deep or long it is.
//!
//! ```text
//! either    := both ("or" both)*
//! both      := single ("and" single)*
//! single    := "not" single | "(" either ")" | condition
//! condition := text ("==" | "!=") "value"  |  text ["not"] "in" "[" "value", … "]"  |  "title" "has" "word"
//!            | number ("==" | "!=" | "<" | "<=" | ">" | ">=") 5
//!            | owns("product") | owns_any | in_segment("id") | known(text | title | number)
//! ```

mod fault;
mod tokens;
mod tree;

use std::collections::BTreeSet;

use perennial_domain::segment::{Attribute, Comparison, Expression, Knowable, Quantity};

use crate::problem::quoted;
use crate::title;
pub(crate) use fault::Fault;
use tokens::{Token, TokenKind};
pub(crate) use tree::Written;

/// How deep brackets, `not`s and segments within segments may nest.
pub(crate) const MOST_DEEP: usize = 64;

/// Every word that can begin a condition.
const WORDS: [&str; 21] = [
    "role",
    "title",
    "size",
    "region",
    "industry",
    "maturity",
    "market",
    "health",
    "grade",
    "fit",
    "score",
    "revenue_cents",
    "purchases",
    "customer_days",
    "days_since_engagement",
    "owned_days",
    "days_unused",
    "owns",
    "owns_any",
    "in_segment",
    "known",
];

/// Reads an expression; `products` are those that there are.
///
/// # Errors
/// The first [`Fault`] from the left.
pub(crate) fn parse(text: &str, products: &BTreeSet<&str>) -> Result<Written, Fault> {
    let tokens = tokens::read(text)?;
    if tokens.is_empty() {
        return Err(Fault::new(0, "the expression is empty: it would hold for everybody or for nobody"));
    }
    let mut parser = Parser { tokens: &tokens, next: 0, end: text.len(), products };
    let written = parser.either(0)?;
    match parser.peek() {
        None => Ok(written),
        Some(_) => Err(parser.expected_word("\"and\", \"or\" or the end", &["and", "or"])),
    }
}

struct Parser<'t> {
    tokens: &'t [Token<'t>],
    next: usize,
    /// Where the text ends.
    end: usize,
    products: &'t BTreeSet<&'t str>,
}

type Parsed<T> = Result<T, Fault>;

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<&'t Token<'t>> {
        let token = self.tokens.get(self.next);
        self.next += usize::from(token.is_some());
        token
    }

    /// Takes the next token if it is this one.
    fn took(&mut self, kind: TokenKind<'_>) -> bool {
        let is_it = self.peek().is_some_and(|token| token.kind == kind);
        self.next += usize::from(is_it);
        is_it
    }

    fn expected(&self, what: &str) -> Fault {
        match self.peek() {
            Some(found) => Fault::new(found.offset, format!("expected {what}, found {found}")),
            None => Fault::new(self.end, format!("expected {what}, and the expression ends")),
        }
    }

    /// As [`Self::expected`], where one of these words may be meant.
    fn expected_word(&self, what: &str, known: &[&str]) -> Fault {
        let fault = self.expected(what);
        match self.peek().map(|token| token.kind) {
            Some(TokenKind::Word(word)) => fault.unknown(word, known.iter().copied()),
            _ => fault,
        }
    }

    fn require(&mut self, kind: TokenKind<'_>, what: &str) -> Parsed<()> {
        if self.took(kind) { Ok(()) } else { Err(self.expected(what)) }
    }

    fn either(&mut self, depth: usize) -> Parsed<Written> {
        let mut parts = vec![self.both(depth)?];
        while self.took(TokenKind::Word("or")) {
            parts.push(self.both(depth)?);
        }
        Ok(one_or(parts, Written::Any))
    }

    fn both(&mut self, depth: usize) -> Parsed<Written> {
        let mut parts = vec![self.single(depth)?];
        while self.took(TokenKind::Word("and")) {
            parts.push(self.single(depth)?);
        }
        Ok(one_or(parts, Written::All))
    }

    fn single(&mut self, depth: usize) -> Parsed<Written> {
        if depth == MOST_DEEP {
            let offset = self.peek().map_or(self.end, |token| token.offset);
            return Err(Fault::new(offset, format!("nests deeper than {MOST_DEEP}")));
        }
        if self.took(TokenKind::Word("not")) {
            return Ok(Written::Not(Box::new(self.single(depth + 1)?)));
        }
        if self.took(TokenKind::Sign("(")) {
            let inner = self.either(depth + 1)?;
            self.require(TokenKind::Sign(")"), "\")\"")?;
            return Ok(inner);
        }
        self.condition()
    }

    fn condition(&mut self) -> Parsed<Written> {
        let Some(Token { kind: TokenKind::Word(word), offset }) = self.peek() else {
            return Err(self.expected("a condition"));
        };
        if tokens::KEYWORDS.contains(word) {
            return Err(self.expected("a condition"));
        }
        self.next += 1;
        let condition = match *word {
            "in_segment" => {
                let (id, offset) = self.argument("in_segment")?;
                return Ok(Written::Segment { id: id.to_owned(), offset });
            }
            "owns" => Expression::Owns(self.product("owns")?.into()),
            "owns_any" => Expression::OwnsAny,
            "known" => Expression::Known(self.knowable()?),
            "title" => self.title()?,
            word => match self.subject(word, *offset)? {
                Knowable::Text(attribute) => self.text(attribute)?,
                Knowable::Number(quantity) => self.comparison(quantity)?,
                Knowable::Title => return Err(self.expected("a condition")),
            },
        };
        Ok(Written::Condition(condition))
    }

    /// A word that has a value, with its product if it needs one.
    fn subject(&mut self, word: &str, offset: usize) -> Parsed<Knowable> {
        if let Some(attribute) = Attribute::ALL.into_iter().find(|attribute| attribute.as_str() == word) {
            return Ok(Knowable::Text(attribute));
        }
        let quantity = match word {
            "title" => return Ok(Knowable::Title),
            "fit" => Quantity::Fit,
            "score" if self.peek().is_none_or(|token| token.kind != TokenKind::Sign("(")) => Quantity::HighestScore,
            "score" => Quantity::Score(self.product("score")?.into()),
            "revenue_cents" => Quantity::RevenueCents,
            "purchases" => Quantity::Purchases,
            "customer_days" => Quantity::CustomerDays,
            "days_since_engagement" => Quantity::DaysSinceEngagement,
            "owned_days" => Quantity::OwnedDays(self.product("owned_days")?.into()),
            "days_unused" => Quantity::DaysUnused(self.product("days_unused")?.into()),
            _ => {
                let reason = format!("{} is not known of anybody", quoted(word));
                return Err(Fault::new(offset, reason).unknown(word, WORDS.into_iter().chain(["not"])));
            }
        };
        Ok(Knowable::Number(quantity))
    }

    fn knowable(&mut self) -> Parsed<Knowable> {
        self.require(TokenKind::Sign("("), "\"(\" and a word, as in known(region)")?;
        let Some(Token { kind: TokenKind::Word(word), offset }) = self.peek() else {
            return Err(self.expected("a word, as in known(region)"));
        };
        if ["owns", "owns_any", "in_segment", "known"].contains(word) {
            return Err(Fault::new(*offset, format!("{word} is always known: it holds or it does not")));
        }
        self.next += 1;
        let subject = self.subject(word, *offset)?;
        self.require(TokenKind::Sign(")"), "\")\"")?;
        Ok(subject)
    }

    /// `("…")` after a word.
    fn argument(&mut self, word: &str) -> Parsed<(&'t str, usize)> {
        self.require(TokenKind::Sign("("), &format!("\"(\", as in {word}(\"…\")"))?;
        let Some(Token { kind: TokenKind::Text(id), offset }) = self.peek() else {
            return Err(self.expected(&format!("an id in quotes, as in {word}(\"…\")")));
        };
        self.next += 1;
        self.require(TokenKind::Sign(")"), "\")\"")?;
        Ok((id, *offset))
    }

    fn product(&mut self, word: &str) -> Parsed<&'t str> {
        let (id, offset) = self.argument(word)?;
        if self.products.contains(id) {
            return Ok(id);
        }
        let reason = format!("product {} does not exist", quoted(id));
        Err(Fault::new(offset, reason).unknown(id, self.products.iter().copied()))
    }

    fn title(&mut self) -> Parsed<Expression> {
        if !self.took(TokenKind::Word("has")) {
            return Err(self.title_without_has());
        }
        let Some(Token { kind: TokenKind::Text(word), offset }) = self.peek() else {
            return Err(self.expected("a word in quotes, as in title has \"vp\""));
        };
        self.next += 1;
        if let Err(slip) = title::check(word) {
            return Err(Fault::new(*offset, slip.reason).unknown(word, slip.meant.as_deref()));
        }
        Ok(Expression::Title((*word).to_owned()))
    }

    /// `contains`, `is` or whatever stands in the place of `has`: there is no other word for titles.
    fn title_without_has(&self) -> Fault {
        let word = match self.tokens.get(self.next + 1).map(|token| token.kind) {
            Some(TokenKind::Text(word)) if title::check(word).is_ok() => word,
            _ => "vp",
        };
        let fault = self.expected(&format!("\"has\" and a word, as in title has \"{word}\""));
        match self.peek().map(|token| token.kind) {
            Some(TokenKind::Word(_)) => fault.unknown("has", ["has"]),
            _ => fault,
        }
    }

    fn text(&mut self, attribute: Attribute) -> Parsed<Expression> {
        let name = attribute.as_str();
        let how = format!("\"==\", \"!=\", \"in\" or \"not in\" after {name}");
        let Some(token) = self.peek() else { return Err(self.expected(&how)) };
        let (negated, several) = match token.kind {
            TokenKind::Comparison(Comparison::Equal) => (false, false),
            TokenKind::Comparison(Comparison::Different) => (true, false),
            TokenKind::Comparison(comparison) => {
                let sign = comparison.as_str();
                return Err(Fault::new(
                    token.offset,
                    format!("{name} is a text, and texts have no order: {sign} is for numbers"),
                ));
            }
            TokenKind::Word("in") => (false, true),
            TokenKind::Word("not") => {
                self.next += 1;
                if self.peek().is_none_or(|token| token.kind != TokenKind::Word("in")) {
                    return Err(self.expected("\"in\" after \"not\""));
                }
                (true, true)
            }
            TokenKind::Word("has") => {
                return Err(Fault::new(token.offset, format!("\"has\" is for title; {name} has one value: write ==")));
            }
            _ => return Err(self.expected_word(&how, &["in", "not"])),
        };
        self.next += 1;
        let values = if several { self.values(attribute)? } else { vec![self.value(attribute)?] };
        Ok(if negated { Expression::NoneOf { attribute, values } } else { Expression::OneOf { attribute, values } })
    }

    fn values(&mut self, attribute: Attribute) -> Parsed<Vec<String>> {
        self.require(TokenKind::Sign("["), "\"[\" and a list of values")?;
        let mut values = vec![self.value(attribute)?];
        while self.took(TokenKind::Sign(",")) {
            if self.peek().is_some_and(|token| token.kind == TokenKind::Sign("]")) {
                break;
            }
            values.push(self.value(attribute)?);
        }
        self.require(TokenKind::Sign("]"), "\",\" or \"]\"")?;
        Ok(values)
    }

    fn value(&mut self, attribute: Attribute) -> Parsed<String> {
        let name = attribute.as_str();
        let offset = self.peek().map_or(self.end, |token| token.offset);
        match self.take().map(|token| token.kind) {
            Some(TokenKind::Text(value)) => match attribute.values() {
                Some(known) if !known.contains(&value) => {
                    let reason = format!("{name} is never {}", quoted(value));
                    Err(Fault::new(offset, reason).unknown(value, known.iter().copied()))
                }
                _ if value.trim().is_empty() => {
                    Err(Fault::new(offset, format!("{name} is never empty: write not known({name})")))
                }
                _ => Ok(value.to_owned()),
            },
            Some(TokenKind::Number(_)) => {
                Err(Fault::new(offset, format!("{name} is a text and is compared with a number: write it in quotes")))
            }
            found => {
                self.next -= usize::from(found.is_some());
                Err(self.expected("a value in quotes"))
            }
        }
    }

    fn comparison(&mut self, quantity: Quantity) -> Parsed<Expression> {
        let how = format!("a comparison such as \">=\" after {quantity}");
        let comparison = match self.peek().map(|token| token.kind) {
            Some(TokenKind::Comparison(comparison)) => comparison,
            Some(TokenKind::Word("in" | "not" | "has")) => {
                let reason = format!("{quantity} is a number: compare it with ==, !=, <, <=, > or >=");
                return Err(Fault::new(self.peek().map_or(self.end, |token| token.offset), reason));
            }
            _ => return Err(self.expected(&how)),
        };
        self.next += 1;
        let offset = self.peek().map_or(self.end, |token| token.offset);
        match self.take().map(|token| token.kind) {
            Some(TokenKind::Number(value)) => Ok(Expression::Compare { quantity, comparison, value }),
            Some(TokenKind::Text(_)) => Err(Fault::new(
                offset,
                format!("{quantity} is a number and is compared with a text: leave out the quotes"),
            )),
            found => {
                self.next -= usize::from(found.is_some());
                Err(self.expected("a whole number"))
            }
        }
    }
}

/// What holds of one part holds of its list.
fn one_or(mut parts: Vec<Written>, several: fn(Vec<Written>) -> Written) -> Written {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            several(parts)
        }
    }
}

#[cfg(test)]
mod tests;
