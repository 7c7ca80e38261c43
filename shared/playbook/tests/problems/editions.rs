//! Slips in the files of editions.

use std::fs;

use super::copy_sound;

const WORDS: &str = "+++\nsubject = \"Weniger Berichte\"\npreview = \"Für {{ company }}\"\n+++\n";
const BODY: &str = "<mj-section><mj-column><mj-text><p>Hallo {{ first_name }}</p></mj-text></mj-column></mj-section>\n";
const UNKNOWN: &str = "\n[nurture.unknown.de]\nfirst_name = \"\"\ncompany = \"Ihr Unternehmen\"\n\
                       [nurture.unknown.pt]\nfirst_name = \"\"\ncompany = \"sua empresa\"\n";
const TEXT: &str = "Hallo\n{{ postal_address }} {{ preferences_url }} {{ unsubscribe_url }}\n";

/// What is said when these editions are added to the sound playbook, each by its stem and its front matter.
fn said_with(editions: &[(&str, &str)], language: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    copy_sound(folder.path());
    let playbook = folder.path().join("playbook.toml");
    let nurture = format!("[nurture]\n{language}");
    let sound = fs::read_to_string(&playbook).unwrap().replacen("[nurture]\n", &nurture, 1);
    fs::write(&playbook, sound + UNKNOWN).unwrap();
    for (stem, words) in editions {
        fs::write(folder.path().join(format!("content/{stem}.mjml")), format!("{words}{BODY}")).unwrap();
        fs::write(folder.path().join(format!("content/{stem}.txt")), TEXT).unwrap();
    }
    let (_, problems) = perennial_playbook::check(folder.path());
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_slip_in_an_edition_is_named() {
    let not_an_edition = |file: &str, name: &str| {
        format!(
            "content/{file}.mjml: error: \"{name}\" is neither a variant (b, c or d) nor a language such as \"de\" or \"pt-br\", nor both such as \"b.de\""
        )
    };
    let mut different = String::new();
    let with = |line: &str| WORDS.replace("\n+++\n", &format!("\n{line}\n+++\n"));
    for (editions, expected) in [
        (&[("prune.de", WORDS.to_owned())][..], String::new()),
        (&[("prune.b", WORDS.to_owned())], String::new()),
        (&[("prune.b", WORDS.to_owned()), ("prune.pt-br", WORDS.to_owned()), ("prune.b.pt-br", WORDS.to_owned())], String::new()),
        (&[("prune.a", WORDS.to_owned())], not_an_edition("prune.a", "a")),
        (&[("prune.e", WORDS.to_owned())], not_an_edition("prune.e", "e")),
        (&[("prune.DE", WORDS.to_owned())], not_an_edition("prune.DE", "DE")),
        (&[("prune.de.b", WORDS.to_owned())], not_an_edition("prune.de.b", "de.b")),
        (&[("prune.b.de.at", WORDS.to_owned())], not_an_edition("prune.b.de.at", "b.de.at")),
        (&[("prune.", WORDS.to_owned())], not_an_edition("prune.", "")),
        (
            &[("prunes.de", WORDS.to_owned())],
            "content/prunes.de.mjml: error: an edition without its piece: prunes.mjml is missing".to_owned(),
        ),
        (
            &[("prune.de", with("kind = \"hard\""))],
            "content/prune.de.mjml:4: error: \"kind\" cannot be said of a translation or a variant: it is the same piece, with a subject and a preview of its own".to_owned(),
        ),
        (
            &[("prune.b", with("personas = []\nfoo = 1"))],
            "content/prune.b.mjml:4: error: \"personas\" cannot be said of a translation or a variant: it is the same piece, with a subject and a preview of its own\n\
             content/prune.b.mjml:5: error: \"foo\" cannot be said of a translation or a variant: it is the same piece, with a subject and a preview of its own".to_owned(),
        ),
        (
            &[("prune.de", WORDS.replace("{{ company }}", "{{ firma }}"))],
            "content/prune.de.mjml:3: error: \"firma\" is not a variable of a piece".to_owned(),
        ),
        (
            &[("prune.de", WORDS.replace("Weniger Berichte", " "))],
            "content/prune.de.mjml:2: error: the subject is empty".to_owned(),
        ),
        (
            &[("prune.b.de", WORDS.to_owned())],
            "content/prune.b.de.mjml: error: a variant of a translation that is missing: prune.de.mjml".to_owned(),
        ),
        (
            &[("prune.b", WORDS.to_owned()), ("prune.de", WORDS.to_owned())],
            "content/prune.b.mjml: warning: variant \"b\" of piece \"prune\" is not translated: readers in \"de\" all receive prune.de".to_owned(),
        ),
        (
            &[("lesson-1.de", WORDS.to_owned()), ("offer.de", WORDS.to_owned())],
            "playbook.toml:72: warning: stream \"discover-analytics\" has pieces in \"de\", and \"lesson-2\" and one other are not translated: whoever reads \"de\" receives them as they are".to_owned(),
        ),
        (
            &[("prune.en", WORDS.to_owned())],
            "content/prune.en.mjml: error: piece \"prune\" is in \"en\" itself: see language in [nurture]".to_owned(),
        ),
        (
            &[("layout.b", String::new())],
            "content/layout.b.mjml: error: \"b\" is not a language such as \"de\" or \"pt-br\"".to_owned(),
        ),
    ] {
        let editions: Vec<(&str, &str)> = editions.iter().map(|(stem, words)| (*stem, words.as_str())).collect();
        let said = said_with(&editions, "language = \"en\"\n");
        if said != expected {
            different.push_str(&format!("\n{editions:?}\n--- expected\n{expected}\n--- said\n{said}\n"));
        }
    }
    assert!(different.is_empty(), "{different}");
    assert_eq!(
        said_with(&[], "language = \"English\"\n"),
        "playbook.toml:64: error: \"English\" is not a language such as \"en\" or \"pt-br\""
    );
    assert_eq!(said_with(&[("prune.en", WORDS)], ""), "");
}

/// Nobody is called "there" in a German mail.
#[test]
fn a_language_has_words_for_whoever_nobody_has_named() {
    let lacks = |place: &str, language: &str| {
        format!(
            "{place}: error: whoever's name nobody has stated would be called by English words: write what they are called in \
             \"{language}\", such as unknown = {{ {language} = {{ first_name = \"\", company = \"…\" }} }} in [nurture]"
        )
    };
    for (editions, language, expected) in [
        (&[("prune.fr", WORDS), ("lesson-1.fr", WORDS)][..], "", lacks("content/lesson-1.fr.mjml", "fr")),
        (&[], "language = \"fr-ca\"\n", lacks("playbook.toml:64", "fr-ca")),
        (&[], "language = \"de-at\"\n", String::new()),
        (&[], "language = \"en-gb\"\n", String::new()),
        (
            &[],
            "unknown.FR = { first_name = \"\\n\", company = \" \" }\n",
            "playbook.toml:64: error: \"FR\" is not a language such as \"en\" or \"pt-br\"\n\
             playbook.toml:64: error: the word for a first name holds a line break or another control character\n\
             playbook.toml:64: error: the word for a company is empty"
                .to_owned(),
        ),
    ] {
        let said = said_with(editions, language);
        let errors: Vec<&str> = said.lines().filter(|line| line.contains(": error: ")).collect();
        assert_eq!(errors.join("\n"), expected, "{language}");
    }
}

#[test]
fn an_edition_has_a_text_part() {
    let folder = tempfile::tempdir().unwrap();
    copy_sound(folder.path());
    let said = || {
        let (_, problems) = perennial_playbook::check(folder.path());
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let playbook = folder.path().join("playbook.toml");
    fs::write(&playbook, fs::read_to_string(&playbook).unwrap() + UNKNOWN).unwrap();
    fs::write(folder.path().join("content/prune.de.mjml"), format!("{WORDS}{BODY}")).unwrap();
    assert_eq!(said(), "content/prune.de.txt: error: is missing");
    fs::remove_file(folder.path().join("content/prune.de.mjml")).unwrap();
    fs::write(folder.path().join("content/prune.de.txt"), TEXT).unwrap();
    assert_eq!(said(), "content/prune.de.txt: error: a text part without its piece: prune.de.mjml is missing");
}
