//! Editions: translations and variants of pieces, and what is missing among them.

use std::collections::BTreeSet;

use perennial_domain::nurture::Edition;
use perennial_domain::nurture::edition::{is_language, nearest_first};

use crate::content::Draft;
use crate::problem::{Place, quoted};
use crate::source::{Stream, Text};
use crate::unknown::has_words;

use super::Check;

impl Check<'_> {
    pub(super) fn editions(&mut self) {
        let (source, drafts) = (self.source, self.drafts);
        if let Some(language) = source.nurture.language.as_ref().filter(|language| !is_language(language.get_ref())) {
            let reason = format!("{} is not a language such as \"en\" or \"pt-br\"", quoted(language.get_ref()));
            self.error(language, reason);
        }
        self.unknown();
        for (id, draft) in drafts {
            if id.contains('.') {
                let reason =
                    format!("piece id {} holds a dot, after which a language or a variant is named", quoted(id));
                self.findings.error(Place::file(&draft.file), reason);
            }
            self.editions_of(id, draft);
        }
        let languages: BTreeSet<&str> = drafts.values().flat_map(languages).collect();
        for stream in &source.streams {
            for language in &languages {
                self.translations_of(stream, language);
            }
        }
    }

    /// Whoever's name or company nobody has stated is called something, in the language of the mail.
    fn unknown(&mut self) {
        let (nurture, drafts) = (&self.source.nurture, self.drafts);
        for (language, words) in &nurture.unknown {
            if !is_language(language.get_ref()) {
                let reason = format!("{} is not a language such as \"en\" or \"pt-br\"", quoted(language.get_ref()));
                self.error(language, reason);
            }
            if words.first_name.get_ref().chars().any(char::is_control) {
                self.error(
                    &words.first_name,
                    "the word for a first name holds a line break or another control character",
                );
            }
            self.filled("the word for a company", &words.company);
        }
        let has = |language: &str| has_words(language, nurture.unknown.keys().map(|known| known.get_ref().as_str()));
        let lacks = |language: &str| {
            format!(
                "whoever's name nobody has stated would be called by English words: write what they are called in {}, such as \
                 unknown = {{ {language} = {{ first_name = \"\", company = \"…\" }} }} in [nurture]",
                quoted(language)
            )
        };
        if let Some(own) = nurture.language.as_ref().filter(|own| is_language(own.get_ref()) && !has(own.get_ref())) {
            self.error(own, lacks(own.get_ref()));
        }
        let mut said = BTreeSet::new();
        for (edition, own) in drafts.values().flat_map(|draft| &draft.editions) {
            let lacking = edition.language().filter(|language| !has(language) && said.insert(*language));
            if let Some(language) = lacking {
                self.findings.error(Place::file(&own.file), lacks(language));
            }
        }
    }

    fn own_language(&self) -> Option<&str> {
        self.source.nurture.language.as_ref().map(|language| language.get_ref().as_str())
    }

    fn editions_of(&mut self, id: &str, draft: &Draft) {
        for (edition, file) in draft.editions.iter().map(|(edition, own)| (edition, &own.file)) {
            let Some(language) = edition.language() else { continue };
            if self.own_language() == Some(language) {
                let reason =
                    format!("piece {} is in {} itself: see language in [nurture]", quoted(id), quoted(language));
                self.findings.error(Place::file(file), reason);
            }
            if edition.variant().is_some() && !draft.editions.contains_key(&edition.without_variant()) {
                let reason = format!("a variant of a translation that is missing: {id}.{language}.mjml");
                self.findings.error(Place::file(file), reason);
            }
        }
        let variants = draft.editions.iter().filter(|(edition, _)| edition.language().is_none());
        for (variant, own) in variants {
            for language in languages(draft) {
                let both = Edition::named(&format!("{variant}.{language}"));
                if both.is_some_and(|both| !draft.editions.contains_key(&both)) {
                    let reason = format!(
                        "variant {} of piece {} is not translated: readers in {} all receive {id}.{language}",
                        quoted(&variant.to_string()),
                        quoted(id),
                        quoted(language)
                    );
                    self.findings.warn(Place::file(&own.file), reason);
                }
            }
        }
    }

    /// A story that changes its language halfway. One warning: whoever translates a stream begins with one piece.
    fn translations_of(&mut self, stream: &Stream, language: &str) {
        let own = self.own_language();
        let in_language = |piece: &&Text| {
            let draft = self.drafts.get(piece.get_ref());
            nearest_first(language).any(|language| {
                own == Some(language) || draft.is_some_and(|draft| languages(draft).any(|there| there == language))
            })
        };
        let (translated, missing): (Vec<&Text>, Vec<&Text>) = stream.pieces.get_ref().iter().partition(in_language);
        let (Some(_), Some((first, others))) = (translated.first(), missing.split_first()) else { return };
        let and = match others.len() {
            0 => String::new(),
            1 => " and one other".to_owned(),
            more => format!(" and {more} others"),
        };
        let reason = format!(
            "stream {} has pieces in {}, and {}{and} are not translated: whoever reads {} receives them as they are",
            quoted(stream.id.get_ref()),
            quoted(language),
            quoted(first.get_ref()),
            quoted(language)
        );
        self.warn(*first, reason);
    }
}

/// The languages that a piece is translated into.
fn languages(draft: &Draft) -> impl Iterator<Item = &str> {
    draft.editions.keys().filter(|edition| edition.variant().is_none()).filter_map(Edition::language)
}
