//! Which edition of a piece a contact gets.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::ids::{ContactId, PieceId};
use perennial_domain::nurture::Edition;
use perennial_domain::nurture::edition::choose;
use proptest::prelude::*;

fn edition(name: &str) -> Edition {
    if name.is_empty() { Edition::default() } else { Edition::named(name).unwrap() }
}

fn editions(names: &[&str]) -> BTreeSet<Edition> {
    names.iter().map(|name| edition(name)).collect()
}

#[test]
fn an_edition_has_one_name_and_nothing_else_is_one() {
    for name in ["b", "c", "d", "de", "fil", "pt-br", "b.de", "d.fil", "c.pt-br"] {
        let edition = Edition::named(name).unwrap();
        assert_eq!((edition.to_string().as_str(), edition.is_plain()), (name, false));
    }
    assert_eq!((Edition::default().to_string().as_str(), Edition::default().is_plain()), ("", true));
    for name in [
        "",
        ".",
        "a",
        "e",
        "B",
        "bb.de",
        "b.",
        ".de",
        "b.b",
        "de.b",
        "de.at",
        "b.de.at",
        "b.de.",
        "DE",
        "pt-BR",
        "pt_br",
        "pt-",
        "pt-bra",
        "-br",
        "p-br",
        "zh-hant",
        "germ",
        "dé",
        "d1",
        "../de",
        "de/",
        "de\0",
        "b\u{1f}de",
        " de",
        "de ",
    ] {
        assert_eq!(Edition::named(name), None, "{name:?}");
    }
}

#[test]
fn a_contact_gets_the_language_that_is_nearest_to_its_locale() {
    // The locale, the language of the piece itself, what there is, what the contact gets.
    for (locale, own, there, expected) in [
        (None, None, &["de"][..], ""),
        (Some("de"), None, &[], ""),
        (Some("de"), None, &["de", "fr"], "de"),
        (Some("de-AT"), None, &["de"], "de"),
        (Some("de-AT"), None, &["de", "de-at"], "de-at"),
        (Some("de"), None, &["de-at"], ""),
        (Some("de_AT"), None, &["de-at"], "de-at"),
        (Some("de_AT.UTF-8@euro"), None, &["de-at"], "de-at"),
        (Some(" DE "), None, &["de"], "de"),
        (Some("zh-Hant-TW"), None, &["zh", "zh-tw"], "zh"),
        (Some("pt-PT"), Some("pt-br"), &["pt"], "pt"),
        (Some("pt-BR"), Some("pt-br"), &["pt"], ""),
        (Some("en-GB"), Some("en"), &["de"], ""),
        (Some("den"), None, &["de"], ""),
        (Some(""), None, &["de"], ""),
        (Some("-"), None, &["de"], ""),
        (Some("-de"), None, &["de"], ""),
        (Some("*"), None, &["de"], ""),
        (Some("../de"), None, &["de"], ""),
        (Some("de\u{1f}x"), None, &["de"], ""),
        (Some("日本語"), None, &["de"], ""),
        // A variant in a language in which the piece itself is not.
        (Some("de"), None, &["b.de"], ""),
    ] {
        let chosen = choose(&"ada".into(), &"first".into(), locale, own, &editions(there));
        assert_eq!(chosen, edition(expected), "{locale:?} of {there:?}");
    }
    let endless = "de-".repeat(100_000);
    assert_eq!(choose(&"ada".into(), &"first".into(), Some(&endless), None, &editions(&["de"])), edition("de"));
}

/// How many of these contacts get each edition.
fn shares(prefix: &str, contacts: u32, locale: Option<&str>, there: &BTreeSet<Edition>) -> BTreeMap<Edition, u32> {
    let mut shares = BTreeMap::new();
    for number in 0..contacts {
        let contact = ContactId::from(format!("{prefix}{number}").as_str());
        *shares.entry(choose(&contact, &"first".into(), locale, None, there)).or_default() += 1;
    }
    shares
}

#[test]
fn variants_are_those_of_the_language() {
    let there = editions(&["b", "c", "de", "b.de", "fr"]);
    for (locale, expected) in [(None, &["", "b", "c"][..]), (Some("de-CH"), &["de", "b.de"]), (Some("fr"), &["fr"])] {
        let got: BTreeSet<Edition> = shares("contact-", 1000, locale, &there).into_keys().collect();
        assert_eq!(got, editions(expected), "{locale:?}");
    }
}

#[test]
fn variants_are_spread_apart_from_other_pieces() {
    let there = editions(&["b"]);
    let both = (0..1000).filter(|number| {
        let contact = ContactId::from(format!("contact-{number}").as_str());
        let of = |piece: &str| choose(&contact, &PieceId::from(piece), None, None, &there);
        of("first") == of("second")
    });
    let both = both.count();
    assert!((450..550).contains(&both), "{both} of 1000 get the same variant of two pieces");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Of 10,000 contacts, whatever they are called, each variant gets its share, within five in a hundred of them.
    #[test]
    fn variants_are_spread_evenly(prefix in "[a-z/@.-]{0,12}", more in 1_usize..=3) {
        let there = editions(&["b", "c", "d"][..more]);
        let shares = shares(&prefix, 10_000, None, &there);
        let share = 10_000 / u32::try_from(more + 1).unwrap();
        prop_assert_eq!(shares.len(), more + 1);
        for (edition, got) in shares {
            prop_assert!(got.abs_diff(share) <= 500, "{:?}: {} instead of {}", edition, got, share);
        }
    }

    /// Whatever a locale says, what is chosen is there; and it is the same the next time.
    #[test]
    fn what_is_chosen_is_there(contact in ".{0,20}", locale in proptest::option::of(".{0,20}"), picked in proptest::sample::subsequence(vec!["b", "c", "de", "b.de", "pt", "pt-br", "d.pt-br"], 0..=7)) {
        let there = editions(&picked);
        let choose = || choose(&contact.as_str().into(), &"first".into(), locale.as_deref(), Some("en"), &there);
        let chosen = choose();
        prop_assert!(chosen.is_plain() || there.contains(&chosen));
        prop_assert_eq!(chosen, choose());
    }
}
