//! What a reader is called of whom no name or company was stated.
//!
//! Owns the words by language and which of them an edition takes. Never a reader's own name.

use std::collections::BTreeMap;

use perennial_domain::nurture::edition::nearest_first;

use crate::source;

/// The language whose words need not be written.
const ENGLISH: &str = "en";

/// What somebody is called of whom nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// In the place of the first name; nothing where a language has no such word.
    pub first_name: String,
    /// In the place of the company's name.
    pub company: String,
}

impl Default for Unknown {
    fn default() -> Self {
        Self { first_name: "there".to_owned(), company: "your company".to_owned() }
    }
}

/// Words by language.
pub(crate) type ByLanguage = BTreeMap<String, Unknown>;

pub(crate) fn compile(written: &source::Nurture) -> ByLanguage {
    let words = |words: &source::Unknown| Unknown {
        first_name: words.first_name.get_ref().clone(),
        company: words.company.get_ref().clone(),
    };
    written.unknown.iter().map(|(language, own)| (language.get_ref().clone(), words(own))).collect()
}

/// Whether a language has words, of its own or those of the language that it is a kind of.
pub(crate) fn has_words<'a>(language: &str, mut written: impl Iterator<Item = &'a str>) -> bool {
    is_english(language) || written.any(|known| nearest_first(language).any(|near| near == known))
}

/// The words of the nearest language; English ones where there is none, or no language is known.
pub(crate) fn nearest(words: &ByLanguage, language: Option<&str>) -> Unknown {
    let near = nearest_first(language.unwrap_or(ENGLISH)).find_map(|near| words.get(near));
    near.cloned().unwrap_or_default()
}

fn is_english(language: &str) -> bool {
    nearest_first(language).any(|near| near == ENGLISH)
}
