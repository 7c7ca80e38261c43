//! What an expression is made of.

use perennial_domain::segment::Expression;

/// An expression as it is written: the names of other segments still stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Each of these; at least two.
    All(Vec<Written>),
    /// One of these; at least two.
    Any(Vec<Written>),
    /// Not this.
    Not(Box<Written>),
    /// One condition.
    Condition(Expression),
    /// Whatever another segment asks for.
    Segment {
        /// Which.
        id: String,
        /// Where its id stands, in bytes from the beginning.
        offset: usize,
    },
}

impl Written {
    /// The conditions that stand in it, from left to right.
    pub(crate) fn conditions(&self) -> Vec<&Expression> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::conditions).collect(),
            Self::Not(part) => part.conditions(),
            Self::Condition(condition) => vec![condition],
            Self::Segment { .. } => Vec::new(),
        }
    }
}
