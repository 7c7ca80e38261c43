//! The editions of a piece: its translations and its variants, and which one a contact gets.
//!
//! Owns how an edition is named and how it is chosen. An edition is the same piece: whoever received one has received the
//! piece. Never looks at what an edition says.

use std::collections::BTreeSet;
use std::fmt;

use super::spread::spread;
use crate::ids::{ContactId, PieceId};

/// The letters of variants. The piece itself is the first.
const VARIANTS: std::ops::RangeInclusive<char> = 'b'..='d';
/// Sets this spread apart from that of the control groups.
const SALT: &str = "edition";

/// One of the forms in which a piece exists. The default is the piece itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edition {
    variant: Option<char>,
    language: Option<String>,
}

impl Edition {
    /// The edition of this name: a variant (`b`), a language (`de`, `pt-br`), or both (`b.de`). The piece itself has no name.
    pub fn named(name: &str) -> Option<Self> {
        let (variant, language) = match name.split_once('.') {
            Some((variant, language)) => (Some(variant), Some(language)),
            None if is_variant(name) => (Some(name), None),
            None => (None, Some(name)),
        };
        let sound = variant.is_none_or(is_variant) && language.is_none_or(is_language);
        let variant = variant.and_then(|variant| variant.chars().next());
        sound.then(|| Self { variant, language: language.map(str::to_owned) })
    }

    /// Whether it is the piece itself.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Which variant, if it is one.
    pub fn variant(&self) -> Option<char> {
        self.variant
    }

    /// Its language, if it is not that of the piece.
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// The same language without a variant.
    #[must_use]
    pub fn without_variant(&self) -> Self {
        Self { variant: None, language: self.language.clone() }
    }
}

/// The name; nothing for the piece itself.
impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.variant, &self.language) {
            (None, None) => Ok(()),
            (Some(variant), None) => write!(f, "{variant}"),
            (None, Some(language)) => f.write_str(language),
            (Some(variant), Some(language)) => write!(f, "{variant}.{language}"),
        }
    }
}

fn is_variant(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|letter| VARIANTS.contains(&letter)) && letters.next().is_none()
}

/// Whether a language is named as editions name it: two or three small letters, and perhaps a region of two.
pub fn is_language(name: &str) -> bool {
    let letters = |text: &str, few: usize, many: usize| {
        (few..=many).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let (language, region) = name.split_once('-').map_or((name, None), |(language, region)| (language, Some(region)));
    letters(language, 2, 3) && region.is_none_or(|region| letters(region, 2, 2))
}

/// A language and what it is a kind of, the nearest first: `de-at`, `de`.
pub fn nearest_first(language: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(language), |language| language.rsplit_once('-').map(|(wider, _)| wider))
}

/// The edition of a piece that a contact gets, of those that there are.
///
/// First the language: the nearest to `locale` (such as `de-AT`, after RFC 4647, lookup), where `of_the_piece` names that of the
/// piece itself. Then, among what there is in that language, the variant: the same contact always gets the same one, and
/// each goes to as many contacts.
pub fn choose<'a>(
    contact: &ContactId,
    piece: &PieceId,
    locale: Option<&str>,
    of_the_piece: Option<&str>,
    editions: impl IntoIterator<Item = &'a Edition>,
) -> Edition {
    let editions: BTreeSet<&Edition> = editions.into_iter().collect();
    let translation =
        locale.map_or_else(Edition::default, |locale| translation(&as_language(locale), of_the_piece, &editions));
    let variants: Vec<&Edition> = editions
        .into_iter()
        .filter(|edition| edition.variant.is_some() && edition.language == translation.language)
        .collect();
    let ways = u64::try_from(variants.len()).map_or(u64::MAX, |count| count.saturating_add(1));
    let way = usize::try_from(spread(&[contact.as_str(), piece.as_str(), SALT]) % ways).unwrap_or_default();
    match way.checked_sub(1).and_then(|index| variants.get(index)) {
        Some(variant) => (*variant).clone(),
        None => translation,
    }
}

fn translation(wanted: &str, of_the_piece: Option<&str>, editions: &BTreeSet<&Edition>) -> Edition {
    for language in nearest_first(wanted) {
        if of_the_piece == Some(language) {
            break;
        }
        let there = |edition: &&&Edition| edition.variant.is_none() && edition.language.as_deref() == Some(language);
        if let Some(translation) = editions.iter().find(there) {
            return (**translation).clone();
        }
    }
    Edition::default()
}

/// A locale as systems write it (`de-AT`, `de_AT`, `de_AT.UTF-8`), as editions name languages.
fn as_language(locale: &str) -> String {
    let tag = locale.trim().split(['.', '@']).next().unwrap_or_default();
    tag.replace('_', "-").to_ascii_lowercase()
}
