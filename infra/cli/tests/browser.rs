//! What a reader sees, read from the page as a browser shows it: each fault is found that was planted.
//!
//! Needs Chromium or Chrome, so `cargo test` leaves it out; .ci/run, which installs one, runs it (`cargo test --workspace --test
//! browser`), and then `perennial content shots --check`, which looks at every mail of the example.

use std::path::{Path, PathBuf};

use perennial::browser::{Browser, Scheme, View, find};
use perennial::gallery::{self, Letter};
use perennial_domain::nurture::Edition;
use perennial_playbook::Playbook;

/// The browser; without one nothing here was tested, and that is a failure.
fn installed() -> PathBuf {
    let found = find(None, std::env::var_os("CHROME").as_deref(), std::env::var_os("PATH").as_deref());
    found
        .ok()
        .flatten()
        .expect("this test shows pages in Chromium or Chrome: install one, for instance apt-get install chromium")
}

const PHONE: View = View { width: 375, scheme: Scheme::Light };
const PHONE_AT_NIGHT: View = View { width: 375, scheme: Scheme::Dark };

/// A mail that can be read, in which a test changes one thing.
const SOUND: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<style>
:root { color-scheme: light dark }
body { margin: 0; background: #ffffff; color: #22302a; font: 16px/1.5 sans-serif }
a.button { display: inline-block; background: #1f6b52; color: #ffffff }
@media (prefers-color-scheme: dark) { body { background: #121815; color: #e7eeea } }
/* planted style */
</style></head>
<body>
<div style="display:none;font-size:1px;color:#ffffff;background:#ffffff;width:2000px">A preview that nobody sees</div>
<h1>Two numbers</h1>
<p id="words">Some words.</p>
<p><a class="button" href="https://www.fernhill.example.com/">Read on</a></p>
<!-- planted -->
</body></html>"#;

#[test]
fn each_fault_that_is_planted_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(&installed()).unwrap();
    let mut look = |html: String, view: View| {
        let letter =
            Letter { id: "planted".to_owned(), subject: String::new(), html, text: String::new(), first: Vec::new() };
        let shot = gallery::take(&mut browser, &letter, view, folder.path().join("planted.png")).unwrap();
        let picture = std::fs::read(&shot.file).unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        // The width stands behind the signature and the head of the first chunk.
        assert_eq!(picture[16..20], view.width.to_be_bytes());
        shot.problems.join("\n")
    };
    assert_eq!(look(SOUND.to_owned(), PHONE), "");
    assert_eq!(look(SOUND.to_owned(), PHONE_AT_NIGHT), "");

    let style = "/* planted style */";
    let more = "<!-- planted -->";
    let rows: [(&str, &str, &str, View, &str); 11] = [
        (
            "a table wider than a phone",
            more,
            "<table width='500'><tr><td>Wide</td></tr></table>",
            PHONE,
            "the page is 500 px wide in a window of 375",
        ),
        (
            "the same table where there is room",
            more,
            "<table width='500'><tr><td>Wide</td></tr></table>",
            View { width: 600, ..PHONE },
            "",
        ),
        (
            "text that is cut at the edge",
            style,
            "body { overflow-x: hidden } #words { margin-left: -30px }",
            PHONE,
            "“Some words.” stands from -30 to ",
        ),
        ("no headline", "h1>", "b>", PHONE, "there is no headline"),
        ("a link that is no button", style, "a.button { display: inline }", PHONE, "there is no button"),
        ("a button far down", style, "#words { height: 700px }", PHONE, "the button “Read on” ends at "),
        ("a headline far down", style, "h1 { margin-top: 700px }", PHONE, "the headline “Two numbers” ends at "),
        (
            "faint by day",
            style,
            "#words { color: #999999 }",
            PHONE,
            "the contrast of “Some words.” is 2.84 to 1, and 4.5 is needed",
        ),
        (
            "faint by night only",
            style,
            "@media (prefers-color-scheme: dark) { #words { color: #1f6b52 } }",
            PHONE_AT_NIGHT,
            "the contrast of “Some words.” is 2.81 to 1, and 4.5 is needed",
        ),
        ("words that show through", style, "#words { opacity: .5 }", PHONE, "the contrast of “Some words.” is "),
        (
            "words on a picture",
            style,
            "#words { background-image: linear-gradient(#ffffff, #000000) }",
            PHONE,
            "the contrast of “Some words.” cannot be measured: a picture is behind it",
        ),
    ];
    for (what, from, to, view, expected) in rows {
        let problems = look(SOUND.replace(from, to), view);
        let found = problems.lines().any(|problem| problem.starts_with(expected)) || problems == expected;
        assert!(found, "{what}: {expected:?} is not in {problems:?}");
    }
}

#[test]
fn somebody_with_a_long_name_can_read_every_mail_too() {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook");
    let playbook = Playbook::load(&example).unwrap();
    let mut browser = Browser::start(&installed()).unwrap();
    for piece in playbook.pieces() {
        let reader =
            gallery::sample_reader(&playbook, (piece, &Edition::default()), &"x".repeat(10_000), &"W".repeat(10_000));
        let letter = gallery::letter(&playbook, piece, &Edition::default(), &reader).unwrap();
        let shot = gallery::take(&mut browser, &letter, PHONE, folder.path().join("long.png")).unwrap();
        let wide: Vec<&String> = shot.problems.iter().filter(|problem| problem.contains(" px ")).collect();
        assert!(wide.is_empty(), "{}: {wide:?}", piece.id);
    }
}

#[test]
fn every_letter_to_sales_says_in_its_first_screen_who_for_what_why_until_when_and_what_to_press() {
    let folder = tempfile::tempdir().unwrap();
    let playbook = Playbook::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbook")).unwrap();
    let letters = gallery::to_sales(&playbook).unwrap();
    assert!(letters.len() > 12, "{}", letters.len());
    let mut browser = Browser::start(&installed()).unwrap();
    let mut look = |letter: &Letter, width: u32| {
        let view = View { width, scheme: Scheme::Light };
        gallery::take(&mut browser, letter, view, folder.path().join("letter.png")).unwrap().problems
    };
    for letter in &letters {
        for what in ["name", "product", "reason", "deadline", "button"] {
            let said = letter.first.iter().find(|(kind, _)| *kind == what);
            assert!(said.is_some_and(|(_, words)| words.len() > 3), "{}: {what} is {said:?}", letter.id);
        }
        for width in [600, 375] {
            assert_eq!(look(letter, width), Vec::<String>::new(), "{} at {width}", letter.id);
        }
    }

    // Each that is taken away or pushed down is missed.
    let sound = letters.iter().find(|letter| letter.id == "sales-hand-off").unwrap();
    for (from, to, missed) in [
        ("Alex Sample wants", "Somebody wants", "the name “Alex Sample”"),
        ("· Fernhill Analytics ·", "·", ""),
        ("asked for “", "looked at “", "the reason “asked for "),
        ("Please answer by", "Answer by", "the deadline “Please answer by"),
        (">I am on it</a>", ">Mine</a>", "the button “I am on it”"),
        ("class=\"due\" style=\"", "class=\"due\" style=\"display:none;", "the deadline “Please answer by"),
        ("class=\"due\" style=\"", "class=\"due\" style=\"padding-top:400px!important;", "the button “I am on it”"),
        ("<h1 style=\"", "<h1 style=\"padding-top:600px;", "the name “Alex Sample”"),
    ] {
        assert!(sound.html.contains(from), "{from} is not in {}", sound.html);
        let planted = Letter { html: sound.html.replace(from, to), ..sound.clone() };
        let problems = look(&planted, 375);
        let found = problems.iter().any(|problem| problem.starts_with(missed) && problem.contains("first 600"));
        assert!(found || missed.is_empty() && problems.is_empty(), "{from} -> {to}: {problems:?}");
    }
}
