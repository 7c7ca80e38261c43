//! What somebody reads of whom neither name nor company was stated.

use std::path::Path;

use perennial::gallery::{self, Letter};
use perennial_domain::nurture::Edition;
use perennial_playbook::Playbook;

fn example() -> Playbook {
    Playbook::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")).unwrap()
}

/// Where a sentence begins with these words, with what stands before.
fn beginning_with<'a>(words: &str, text: &'a str) -> Vec<&'a str> {
    let begins = |at: usize| {
        let before = text[..at].trim_end_matches([' ', '\n', '>', '"', '“']);
        // A paragraph begins behind an empty line or a tag; a sentence behind the end of another.
        text[..at].ends_with("\n\n") || text[..at].ends_with('>') || before.ends_with(['.', '!', '?', ':'])
    };
    let at = text.match_indices(words).map(|(at, _)| at).filter(|at| *at == 0 || begins(*at));
    at.map(|at| &text[..at + words.len()]).collect()
}

#[test]
fn no_sentence_begins_with_a_small_letter_where_a_name_is_not_known() {
    assert_eq!(beginning_with("your", "your x. your y, your z\nyour\n\nyour <p>your").len(), 4);
    let playbook = example();
    let mut lowercase = Vec::new();
    for piece in playbook.pieces() {
        for edition in std::iter::once(&Edition::default()).chain(piece.editions()) {
            let reader = gallery::sample_reader(&playbook, (piece, edition), "", "");
            let Letter { id, subject, html, text, .. } = gallery::letter(&playbook, piece, edition, &reader).unwrap();
            for words in [&reader.first_name, &reader.company] {
                let small = words.starts_with(char::is_lowercase);
                if small && [&subject, &html, &text].iter().any(|part| !beginning_with(words, part).is_empty()) {
                    lowercase.push(format!("{id}: {words}"));
                }
            }
        }
    }
    assert_eq!(lowercase, Vec::<String>::new());
}

#[test]
fn in_each_language_the_gallery_shows_what_somebody_unknown_reads() {
    let letters = gallery::letters(&example(), "Alex", "Sample Company").unwrap();
    let unknown: Vec<&Letter> = letters.iter().filter(|letter| letter.id.ends_with("-unknown-reader")).collect();
    let [english, german] = unknown[..] else { panic!("{unknown:?}") };
    assert!(english.text.contains("Hello there,") && english.text.contains("because your company is a customer"));
    assert_eq!(german.id, "analytics-question-first.de-unknown-reader");
    for part in [&german.html, &german.text] {
        assert!(part.contains("Guten Tag,") && part.contains("weil Ihr Unternehmen Kunde"), "{part}");
        assert!(!part.contains("your company") && !part.contains(" there"), "{part}");
    }
}
