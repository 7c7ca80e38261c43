//! What editions of pieces become: mail in the reader's language, and links of their own.

use std::fs;
use std::path::Path;

use perennial_domain::ids::PieceId;
use perennial_domain::nurture::Edition;
use perennial_playbook::{Bundle, Playbook, Reader};

const BODY: &str = "<mj-section><mj-column><mj-text><a href=\"{{ site }}/de\">Weiter</a> <a href=\"{{ site }}/library?from=mail\">Bibliothek</a></mj-text></mj-column></mj-section>\n";
const UNKNOWN: &str = "\n[nurture.unknown.de]\nfirst_name = \"\"\ncompany = \"Ihr Unternehmen\"\n";
const TEXT: &str = "Hallo {{ first_name }}\n{{ postal_address }} {{ preferences_url }} {{ unsubscribe_url }}\n";

/// The sound playbook with two editions of one piece, and a layout for one of them.
fn bundle(language: &str) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    let minimal = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/minimal"));
    fs::create_dir(folder.path().join("content")).unwrap();
    let playbook = fs::read_to_string(minimal.join("playbook.toml")).unwrap();
    let playbook = playbook.replacen("[nurture]\n", &format!("[nurture]\n{language}"), 1) + UNKNOWN;
    fs::write(folder.path().join("playbook.toml"), playbook).unwrap();
    for entry in fs::read_dir(minimal.join("content")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join("content").join(entry.file_name())).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(folder.path().join("content").join(name), text).unwrap();
    for (name, subject) in [("b", "Fewer, better reports"), ("de", "Weniger Berichte"), ("b.de", "Weniger ist mehr")] {
        write(&format!("prune.{name}.mjml"), &format!("+++\nsubject = \"{subject}\"\npreview = \"x\"\n+++\n{BODY}"));
        write(&format!("prune.{name}.txt"), TEXT);
    }
    let layout = fs::read_to_string(minimal.join("content/layout.mjml")).unwrap();
    write("layout.de.mjml", &layout.replace("Unsubscribe", "Abmelden"));
    Playbook::bundle(folder.path()).unwrap()
}

fn reader() -> Reader {
    let text = |text: &str| text.to_owned();
    Reader {
        first_name: text("Ada"),
        company: text("Acme"),
        rep_name: text("Anna Keller"),
        product_name: text("Fernhill Analytics"),
        sender_name: text("Fernhill Software"),
        site: text("https://www.fernhill.example.com"),
        unsubscribe_url: text("https://mail.example.com/u"),
        preferences_url: text("https://mail.example.com/p"),
        postal_address: text("12 Garden Lane"),
    }
}

fn shipped(bundle: &Bundle) -> Playbook {
    Playbook::of(bundle).unwrap()
}

#[test]
fn an_edition_ships_and_is_mail_in_its_language() {
    let playbook = shipped(&bundle("language = \"en-gb\"\n"));
    let prune = PieceId::from("prune");
    let names: Vec<String> = playbook.piece(&prune).unwrap().editions().map(ToString::to_string).collect();
    assert_eq!(names, ["de", "b", "b.de"]);
    for (name, subject, language, opt_out) in [
        ("", "Fewer reports", "en-gb", "Unsubscribe"),
        ("b", "Fewer, better reports", "en-gb", "Unsubscribe"),
        ("de", "Weniger Berichte", "de", "Abmelden"),
        ("b.de", "Weniger ist mehr", "de", "Abmelden"),
    ] {
        let edition = Edition::named(name).unwrap_or_default();
        let mail = playbook.render_edition(&prune, &edition, &reader()).unwrap();
        assert_eq!(mail.subject, subject);
        assert!(mail.html.contains(&format!("<html lang=\"{language}\"")), "{name}: {}", &mail.html[..200]);
        assert_eq!(mail.html.matches(&format!(" lang=\"{language}\"")).count(), 2, "{name}: document and body");
        assert!(mail.html.contains(opt_out), "{name}");
        assert_eq!(mail.text.starts_with("Hello Ada"), edition.is_plain(), "{name}");
    }
    let unsaid = shipped(&bundle("")).render(&prune, &reader()).unwrap();
    assert!(unsaid.html.contains("<html lang=\"en\""), "the layout's own");
}

#[test]
fn links_are_numbered_by_edition_and_outlive_it() {
    let playbook = shipped(&bundle(""));
    let links = |name: &str| playbook.piece(&"prune".into()).unwrap().links_of(&Edition::named(name).unwrap()).to_vec();
    let site = "https://www.fernhill.example.com";
    let library = format!("{site}/library?from=mail");
    assert_eq!(links("de"), [format!("{site}/de"), library.clone()]);
    assert_eq!(links("c"), [library], "of an edition that is gone, those of the piece");
}

#[test]
fn an_edition_that_is_none_does_not_get_in_by_a_bundle() {
    let sound = bundle("");
    for (name, reason) in [
        ("a", "\"a\" is neither a variant"),
        ("de/../x", "is neither a variant"),
        ("", "is neither a variant"),
        ("b.fr", "a variant of a translation that is missing: prune.fr.mjml"),
    ] {
        let mut wrong = sound.clone();
        let piece = wrong.pieces.get_mut("prune").unwrap();
        let edition = piece.editions["de"].clone();
        piece.editions.insert(name.to_owned(), edition);
        let problems = Playbook::of(&wrong).unwrap_err();
        assert!(problems.iter().any(|problem| problem.reason.contains(reason)), "{name}: {problems:?}");
    }
    let mut dotted = sound.clone();
    let piece = dotted.pieces["prune"].clone();
    dotted.pieces.insert("prune.de".to_owned(), piece);
    let problems = Playbook::of(&dotted).unwrap_err();
    assert!(problems.iter().any(|problem| problem.reason.contains("holds a dot")), "{problems:?}");
}

#[test]
fn whoever_nobody_has_named_is_called_something_in_the_language_of_the_mail() {
    let playbook = shipped(&bundle("language = \"en-gb\"\n"));
    for (edition, expected) in [("", "there, your company"), ("b", "there, your company"), ("de", ", Ihr Unternehmen")]
    {
        let edition = Edition::named(edition).filter(|_| !edition.is_empty()).unwrap_or_default();
        let unknown = playbook.unknown(&edition);
        assert_eq!(format!("{}, {}", unknown.first_name, unknown.company), expected, "{edition}");
    }
    // A region takes the words of its language, and where no language is known English ones are taken.
    let austrian = shipped(&bundle("language = \"de-at\"\n"));
    assert_eq!(austrian.unknown(&Edition::default()).company, "Ihr Unternehmen");
    assert_eq!(shipped(&bundle("")).unknown(&Edition::default()).first_name, "there");
}
