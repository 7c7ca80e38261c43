//! The words by which titles are matched: a "vp" in "VP, Operations".
//!
//! Owns the rule that such a word keeps, in fit and in segments alike. Never matches: that is the domain's.

use crate::problem::quoted;

/// A word that matches no title.
pub(crate) struct Slip {
    /// Why.
    pub reason: String,
    /// The word that may have been meant.
    pub meant: Option<String>,
}

/// Titles are put into lower case and matched word by word.
///
/// # Errors
/// What is wrong with a word that matches nothing.
pub(crate) fn check(word: &str) -> Result<(), Slip> {
    let is_one_word = !word.is_empty() && word.chars().all(char::is_alphanumeric);
    if is_one_word && !word.chars().any(char::is_uppercase) {
        return Ok(());
    }
    Err(Slip {
        reason: format!("title {} matches nothing: titles are matched by one word in lower case", quoted(word)),
        meant: is_one_word.then(|| word.to_lowercase()),
    })
}
