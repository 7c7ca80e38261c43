//! What somebody typed into a form cannot break a mail: whatever a reader is called, each piece keeps its elements, its
//! attributes, its links, its lines, and one line of subject.

mod skeleton;

use std::path::{Path, PathBuf};

use perennial_domain::ids::PieceId;
use perennial_domain::nurture::Edition;
use perennial_playbook::{LONGEST_NAME, LONGEST_SUBJECT, Piece, Playbook, Reader, Rendered};
use proptest::prelude::*;

use skeleton::{Skeleton, skeleton};

fn folders() -> [PathBuf; 2] {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("tests/fixtures/minimal"), here.join("../../infra/playbook")]
}

/// Somebody of this name, at a company of that one.
fn reader(first_name: &str, company: &str) -> Reader {
    Reader {
        first_name: first_name.to_owned(),
        company: company.to_owned(),
        rep_name: "Anna Keller".to_owned(),
        product_name: "Fernhill Analytics".to_owned(),
        sender_name: "Fernhill Software".to_owned(),
        site: "https://www.fernhill.example.com".to_owned(),
        unsubscribe_url: "https://mail.example.com/u/abc".to_owned(),
        preferences_url: "https://mail.example.com/p/abc".to_owned(),
        postal_address: "12 Garden Lane".to_owned(),
    }
}

/// What nobody is called, and some who are called what surprises.
fn hostile() -> Vec<(&'static str, String)> {
    let named = |what, name: &str| (what, name.to_owned());
    vec![
        named("a script", "<script>alert(1)</script>"),
        named(
            "an end of everything",
            "</div></td></table></style></title></body>-->]]><![endif]--><img src=x onerror=alert(1)>",
        ),
        named("a header", "Ada\r\nBcc: everybody@example.com\r\n\r\nHello"),
        named("line breaks of every kind", "A\nd\ra\u{b}b\u{c}c\u{85}d\u{2028}e\u{2029}f"),
        named("control characters", "A\u{0}d\u{1}a\u{7f}\u{9f}\u{1b}[31m"),
        named("quotes", "O'Neill \"\" ' onmouseover=\"alert(1)\" x=\\\""),
        named("an entity", "&lt;b&gt; &amp; &#60;script&#62; &quot;"),
        named("a template", "{{ unsubscribe_url }} {% for x in company %}x{% endfor %} {# #}"),
        named("a link", "https://phishing.example.com/?a=1 <a href=\"https://phishing.example.com\">"),
        named("emoji", "👩‍👩‍👧‍👦 Ada 🎉"),
        named("a long row of emoji", &"👩‍👩‍👧‍👦".repeat(100)),
        named("from right to left", "عائشة بنت أحمد"),
        named("a turned direction", "\u{202e}nosirp\u{2066} Ada"),
        named("ten thousand letters", &"x".repeat(10_000)),
        named("ten thousand letters of four bytes", &"𝔸".repeat(10_000)),
        named("ten thousand words", &"word ".repeat(2_000)),
        named("nothing but white space", " \r\n\t "),
        named("nothing", ""),
    ]
}

/// Each piece of both playbooks with its translations and variants, as somebody gets it whose name surprises nobody.
fn pieces() -> Vec<(Playbook, Vec<Plain>)> {
    folders()
        .map(|folder| {
            let playbook = Playbook::load(&folder).unwrap();
            let editions = |piece: &Piece| -> Vec<(PieceId, Edition)> {
                let all = std::iter::once(&Edition::default()).chain(piece.editions()).cloned().collect::<Vec<_>>();
                all.into_iter().map(|edition| (piece.id.clone(), edition)).collect()
            };
            let all: Vec<(PieceId, Edition)> = playbook.pieces().flat_map(editions).collect();
            let pieces = all.into_iter().map(|(id, edition)| Plain::of(&playbook, id, edition)).collect();
            (playbook, pieces)
        })
        .into()
}

/// What stays the same of a piece, whoever gets it.
struct Plain {
    id: PieceId,
    edition: Edition,
    skeleton: Skeleton,
    text_lines: usize,
}

impl Plain {
    fn of(playbook: &Playbook, id: PieceId, edition: Edition) -> Self {
        let mail = playbook.render_edition(&id, &edition, &reader("Ada", "Acme")).unwrap();
        let skeleton = skeleton(&mail.html).unwrap_or_else(|fault| panic!("{id} {edition}: {fault}"));
        Self { id, edition, skeleton, text_lines: mail.text.lines().count() }
    }
}

/// How long a subject is as a header, base64 in encoded words of at most 75 characters (RFC 2047).
fn encoded_bytes(subject: &str) -> usize {
    const NAME: &str = "Subject: ";
    if subject.is_ascii() {
        return NAME.len() + subject.len();
    }
    // 45 bytes become 60 characters between `=?UTF-8?B?` and `?=`; a character is not divided, so at least 42 are used.
    let words = subject.len().div_ceil(42);
    NAME.len() + subject.len().div_ceil(3) * 4 + words * ("=?UTF-8?B?".len() + "?=".len() + 4 + "\r\n ".len())
}

/// What is wrong with a mail, compared with what anybody gets.
fn faults(mail: &Rendered, plain: &Plain) -> Vec<String> {
    let mut faults = Vec::new();
    match skeleton(&mail.html) {
        Err(fault) => faults.push(format!("the HTML cannot be read: {fault}")),
        Ok(found) if found != plain.skeleton => {
            faults.push(format!("the HTML is another: {}", found.difference(&plain.skeleton)))
        }
        Ok(_) => {}
    }
    if mail.text.lines().count() != plain.text_lines || mail.text.contains('\r') {
        faults.push(format!("{} lines of text and not {}", mail.text.lines().count(), plain.text_lines));
    }
    if mail.subject.chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)) {
        faults.push(format!("the subject is not one plain line: {:?}", mail.subject));
    }
    if mail.subject.chars().count() > LONGEST_SUBJECT || encoded_bytes(&mail.subject) > 998 {
        faults.push(format!("the subject takes {} bytes", encoded_bytes(&mail.subject)));
    }
    faults
}

#[test]
fn no_name_breaks_a_mail_or_adds_to_it() {
    let mut faulty = String::new();
    for (playbook, pieces) in pieces() {
        for (what, name) in hostile() {
            for reader in [reader(&name, "Acme"), reader("Ada", &name), reader(&name, &name)] {
                for plain in &pieces {
                    let Plain { id, edition, .. } = plain;
                    let mail = playbook.render_edition(id, edition, &reader).unwrap();
                    for fault in faults(&mail, plain) {
                        faulty.push_str(&format!("{id} {edition}, {what}: {fault}\n"));
                    }
                }
            }
        }
    }
    assert!(faulty.is_empty(), "{faulty}");
}

#[test]
fn names_are_shown_as_people_read_them() {
    let playbook = Playbook::load(&folders()[0]).unwrap();
    let check = |name: &str, expected: &str| {
        let mail = playbook.render(&PieceId::from("lesson-1"), &reader(name, "Acme")).unwrap();
        assert_eq!(mail.subject, format!("{expected}, one question first"), "{name:?}");
        assert!(mail.text.starts_with(&format!("Hello {expected} of Acme, here")), "{name:?}: {}", mail.text);
    };
    check("Ada", "Ada");
    check("  Ada \r\n Maria\t", "Ada Maria");
    check("عائشة", "عائشة");
    check("\u{202e}Ada\u{202c}", "Ada");
    check(&"x".repeat(LONGEST_NAME), &"x".repeat(LONGEST_NAME));
    check(&"x".repeat(LONGEST_NAME + 1), &format!("{}…", "x".repeat(LONGEST_NAME - 1)));
    check(&"word ".repeat(20), &format!("{}word…", "word ".repeat(10)));
    // A family of four is seven characters: it is cut between two of its members, and no joiner dangles.
    check(&"👩‍👩‍👧‍👦".repeat(9), &format!("{}👩‍👩…", "👩‍👩‍👧‍👦".repeat(8)));
}

#[test]
fn a_subject_stays_short_enough_to_be_a_header() {
    let folder = tempfile::tempdir().unwrap();
    copy(&folders()[0], folder.path());
    change(folder.path(), "content/prune.mjml", "Fewer reports", &"{{ first_name }} ".repeat(10));
    let playbook = Playbook::load(folder.path()).unwrap();
    let mail = playbook.render(&PieceId::from("prune"), &reader(&"𝔸".repeat(60), "Acme")).unwrap();
    let chars = mail.subject.chars().count();
    assert!(chars <= LONGEST_SUBJECT && mail.subject.ends_with('…'), "{chars}: {}", mail.subject);
    // The longest that can be, in the characters that take most.
    assert!(encoded_bytes(&"𝔸".repeat(LONGEST_SUBJECT)) <= 998);
}

#[test]
fn a_missing_variable_stops_the_build_whatever_part_it_is_missing_from() {
    let rows = [
        ("subject", "content/prune.mjml", "Fewer reports", "Fewer reports, {{ nickname }}", 2),
        ("preview", "content/prune.mjml", "For {{ company }}", "For {{ nickname }}", 3),
        ("body", "content/prune.mjml", "Hello {{ first_name }}", "Hello {{ nickname }}", 10),
        ("link", "content/prune.mjml", "{{ site }}/library", "{{ site }}/{{ nickname }}", 11),
        ("text", "content/prune.txt", "Hello {{ first_name }}", "Hello {{ nickname }}", 1),
        ("layout", "content/layout.mjml", "{{ postal_address }}", "{{ postal_address }} {{ nickname }}", 10),
        // What only some readers come by.
        ("branch", "content/prune.txt", "Hello", "{% if first_name == 'Zed' %}{{ nickname }}{% endif %}Hello", 1),
    ];
    for (part, file, from, to, line) in rows {
        let folder = tempfile::tempdir().unwrap();
        copy(&folders()[0], folder.path());
        change(folder.path(), file, from, to);
        let problems = Playbook::bundle(folder.path()).map(|_| ()).unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(said, [format!("{file}:{line}: error: \"nickname\" is not a variable of a piece")], "{part}");
    }
    // A text has no fields, so a field of one is missing too.
    let folder = tempfile::tempdir().unwrap();
    copy(&folders()[0], folder.path());
    change(
        folder.path(),
        "content/prune.txt",
        "Hello",
        "{% if first_name == 'Zed' %}{{ company.name }}{% endif %}Hello",
    );
    let problems = Playbook::bundle(folder.path()).map(|_| ()).unwrap_err();
    assert!(problems[0].to_string().contains("\"company.name\" is not a variable of a piece"), "{}", problems[0]);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to.join("content")).unwrap();
    std::fs::copy(from.join("playbook.toml"), to.join("playbook.toml")).unwrap();
    for entry in std::fs::read_dir(from.join("content")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join("content").join(path.file_name().unwrap())).unwrap();
    }
}

fn change(folder: &Path, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(from), "{file} does not hold {from}");
    std::fs::write(folder.join(file), text.replacen(from, to, 1)).unwrap();
}

/// Texts of what does harm somewhere, and anything else.
fn anything() -> impl Strategy<Value = String> {
    let morsels = prop::sample::select(vec![
        "<",
        ">",
        "\"",
        "'",
        "&",
        "-->",
        "<!--",
        "]]>",
        "</",
        "<a href=\"",
        "\r\n",
        "\n",
        "\u{0}",
        "\u{202e}",
        "{{",
        "%}",
        "👩‍👧",
        "https://a.example.com",
        " ",
    ]);
    let morsel =
        prop_oneof![2 => morsels.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from), 1 => "\\PC{0,40}"];
    prop::collection::vec(morsel, 0..40).prop_map(|morsels| morsels.concat())
}

#[test]
fn whatever_a_reader_is_called_the_mail_keeps_its_shape() {
    let playbooks = pieces();
    let (playbook, pieces) = &playbooks[1];
    let plain = &pieces[0];
    proptest!(ProptestConfig::with_cases(256), |(first_name in anything(), company in anything())| {
        let mail = playbook.render(&plain.id, &reader(&first_name, &company)).unwrap();
        prop_assert_eq!(faults(&mail, plain), Vec::<String>::new());
    });
}
