//! The words and signs of an expression.

use std::fmt;

use perennial_domain::segment::Comparison;

use super::Fault;
use crate::problem::quoted;

/// Words that join or negate; none of them begins a condition.
pub(super) const KEYWORDS: [&str; 5] = ["and", "or", "not", "in", "has"];

/// A word or sign, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub kind: TokenKind<'t>,
    /// In bytes from the beginning.
    pub offset: usize,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind<'t> {
    /// A word without quotes.
    Word(&'t str),
    /// A text, without its quotes.
    Text(&'t str),
    /// A whole number.
    Number(i64),
    /// A bracket or a comma.
    Sign(&'t str),
    /// Between a number or text and its value.
    Comparison(Comparison),
}

/// As a problem shows it.
impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TokenKind::Word(word) | TokenKind::Sign(word) => f.write_str(&quoted(word)),
            TokenKind::Text(text) => write!(f, "the text {}", quoted(text)),
            TokenKind::Number(number) => write!(f, "the number {number}"),
            TokenKind::Comparison(comparison) => f.write_str(&quoted(comparison.as_str())),
        }
    }
}

/// The tokens of a text.
pub(super) fn read(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut offset = 0;
    while let Some(first) = text[offset..].chars().next() {
        if first.is_whitespace() {
            offset += first.len_utf8();
            continue;
        }
        let (kind, length) = read_one(&text[offset..], first, offset)?;
        tokens.push(Token { kind, offset });
        offset += length;
    }
    Ok(tokens)
}

/// The first token of `rest`, and its length in bytes.
fn read_one(rest: &str, first: char, offset: usize) -> Result<(TokenKind<'_>, usize), Fault> {
    if let Some((comparison, length)) = comparison(rest) {
        return Ok((TokenKind::Comparison(comparison), length));
    }
    match first {
        '(' | ')' | '[' | ']' | ',' => Ok((TokenKind::Sign(&rest[..1]), 1)),
        '"' | '\'' => {
            let inner = rest[1..].split(first).next().filter(|inner| inner.len() + 1 < rest.len());
            let inner = inner.ok_or_else(|| Fault::new(offset, "a text that is not closed by its quote"))?;
            Ok((TokenKind::Text(inner), inner.len() + 2))
        }
        '0'..='9' => {
            let digits = run(rest, |c| c.is_ascii_alphanumeric() || "_.".contains(c));
            let number = digits.replace('_', "").parse().map_err(|_| {
                let reason = format!("{} is not a whole number that can be compared with", quoted(digits));
                Fault::new(offset, reason)
            })?;
            Ok((TokenKind::Number(number), digits.len()))
        }
        'a'..='z' | 'A'..='Z' | '_' => {
            let word = run(rest, |c| c.is_ascii_alphanumeric() || c == '_');
            Ok((TokenKind::Word(word), word.len()))
        }
        other => Err(Fault::new(offset, strange(other))),
    }
}

fn comparison(rest: &str) -> Option<(Comparison, usize)> {
    let signs = [
        Comparison::Equal,
        Comparison::Different,
        Comparison::AtMost,
        Comparison::AtLeast,
        // The short ones last: they begin the long ones.
        Comparison::Less,
        Comparison::More,
    ];
    let found = signs.into_iter().find(|comparison| rest.starts_with(comparison.as_str()))?;
    Some((found, found.as_str().len()))
}

fn run(rest: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    &rest[..end]
}

fn strange(sign: char) -> String {
    let instead = match sign {
        '=' => "write == to compare",
        '&' => "write and",
        '|' => "write or",
        '!' => "write not, or != to compare",
        '“' | '”' | '„' | '‘' | '’' => "write straight quotes",
        '-' => "no number here is below zero",
        _ => return format!("{sign:?} means nothing in an expression"),
    };
    format!("{sign:?} means nothing in an expression: {instead}")
}
