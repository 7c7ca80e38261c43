//! What is said of an expression that cannot be read.

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where, in bytes from the beginning of the expression.
    pub offset: usize,
    /// What.
    pub reason: String,
    /// The word that is not known, and those that are.
    pub unknown: Option<(String, Vec<String>)>,
}

impl Fault {
    pub(crate) fn new(offset: usize, reason: impl Into<String>) -> Self {
        Self { offset, reason: reason.into(), unknown: None }
    }

    pub(crate) fn unknown<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known = known.into_iter().map(str::to_owned).collect();
        Self { unknown: Some((word.to_owned(), known)), ..self }
    }
}
