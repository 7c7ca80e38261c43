//! Slips in streams, and in the pieces they are made of.

use std::fs;

use super::{PLAYBOOK, check, copy_sound};

#[test]
fn a_slip_in_streams_is_named() {
    check(&[
        (
            PLAYBOOK,
            r#""lesson-1", "offer""#,
            r#""lesson-l", "offer""#,
            "playbook.toml:71: error: stream \"discover-analytics\" names piece \"lesson-l\", which does not exist (did you mean \"lesson-1\"?)\n\
             content/lesson-1.mjml: warning: piece \"lesson-1\" is in no stream: nobody will receive it",
        ),
        (
            PLAYBOOK,
            r#""lesson-1", "offer""#,
            r#""lesson-1", "lesson-1", "offer""#,
            r#"playbook.toml:71: error: stream "discover-analytics" has piece "lesson-1" twice"#,
        ),
        (
            PLAYBOOK,
            r#""lesson-1", "offer", "lesson-2", "ask""#,
            r#""lesson-1", "ask", "lesson-2", "offer""#,
            r#"playbook.toml:71: error: stream "discover-analytics" has hard piece "ask" with 1 educational before it, and 2 must come first"#,
        ),
        (
            PLAYBOOK,
            r#""lesson-1", "offer", "lesson-2", "ask""#,
            r#""lesson-1", "lesson-2", "offer", "ask""#,
            r#"playbook.toml:71: error: stream "discover-analytics" has two promotions in a row: "ask" follows another"#,
        ),
        (
            PLAYBOOK,
            "educational_before_hard = 2",
            "educational_before_hard = 3",
            r#"playbook.toml:71: error: stream "discover-analytics" has hard piece "ask" with 2 educational before it, and 3 must come first"#,
        ),
        (
            PLAYBOOK,
            r#"pieces = ["robots"]"#,
            "pieces = []",
            "playbook.toml:77: error: stream \"discover-automation\" has no pieces\n\
             content/robots.mjml: warning: piece \"robots\" is in no stream: nobody will receive it",
        ),
        (
            PLAYBOOK,
            r#"pieces = ["robots"]"#,
            r#"pieces = ["robots", "prune"]"#,
            "playbook.toml:77: warning: stream \"discover-automation\" is about \"automation\", its piece \"prune\" about \"analytics\"\n\
             content/prune.mjml: warning: piece \"prune\" is in streams \"discover-automation\" and \"keep-analytics\": who is in both receives it once, in whichever comes first",
        ),
        (
            PLAYBOOK,
            r#"pieces = ["prune"]"#,
            r#"pieces = ["offer"]"#,
            "playbook.toml:84: error: stream \"keep-analytics\" has 1 soft to 0 educational: 4-1-1 allows one soft piece for every four educational ones, here 0\n\
             content/offer.mjml: warning: piece \"offer\" is in streams \"discover-analytics\" and \"keep-analytics\": who is in both receives it once, in whichever comes first\n\
             content/prune.mjml: warning: piece \"prune\" is in no stream: nobody will receive it",
        ),
        (
            PLAYBOOK,
            "kind = \"cross-sell\"\nproduct = \"automation\"",
            "kind = \"onboarding\"\nproduct = \"automation\"",
            r#"playbook.toml:31: warning: product "automation" has no cross-sell stream: whoever shows interest hears nothing"#,
        ),
        (
            PLAYBOOK,
            r#"kind = "retention""#,
            r#"kind = "cross-sell""#,
            r#"playbook.toml:83: error: stream "keep-analytics": a cross-sell stream has no days"#,
        ),
        (
            PLAYBOOK,
            "product = \"automation\"\npieces",
            "product = \"automations\"\npieces",
            "playbook.toml:31: warning: product \"automation\" has no cross-sell stream: whoever shows interest hears nothing\n\
             playbook.toml:76: error: stream \"discover-automation\" names product \"automations\", which does not exist (did you mean \"automation\"?)",
        ),
        (
            PLAYBOOK,
            r#"id = "keep-analytics""#,
            r#"id = "discover-analytics""#,
            r#"playbook.toml:80: error: stream "discover-analytics" is there already, on line 68"#,
        ),
        (
            "content/prune.mjml",
            r#"kind = "educational""#,
            r#"kind = "hard""#,
            "playbook.toml:84: error: stream \"keep-analytics\" has hard piece \"prune\" with 0 educational before it, and 2 must come first\n\
             playbook.toml:84: error: stream \"keep-analytics\" has 1 hard to 0 educational: 4-1-1 allows one hard piece for every four educational ones, here 0",
        ),
    ]);
}

#[test]
fn a_slip_in_content_is_named() {
    check(&[
        (
            "content/layout.mjml",
            "<!-- piece -->\n",
            "",
            "content/layout.mjml:1: error: the line <!-- piece --> is missing: there is no place for a piece",
        ),
        (
            "content/layout.mjml",
            "<!-- piece -->",
            "<!-- piece -->\n<!-- piece -->",
            "content/layout.mjml:8: error: <!-- piece --> stands here a second time",
        ),
        (
            "content/layout.mjml",
            r#"<a href="{{ unsubscribe_url }}">Unsubscribe</a>"#,
            "{{ unsubscribe_url }}",
            "content/layout.mjml:1: error: no link leads to {{ unsubscribe_url }}",
        ),
        (
            "content/layout.mjml",
            r#"<a href="{{ preferences_url }}">Choose</a>"#,
            "",
            "content/layout.mjml:1: error: no link leads to {{ preferences_url }}",
        ),
        (
            "content/layout.mjml",
            ", {{ postal_address }}",
            "",
            "content/layout.mjml:1: error: {{ postal_address }} is missing",
        ),
        (
            "content/layout.mjml",
            "<mj-preview>{{ preview }}</mj-preview>",
            "",
            "content/layout.mjml:1: warning: {{ preview }} is missing: no inbox will show the preview of a piece",
        ),
        ("content/layout.mjml", "</mj-column>", "", "content/layout.mjml:9: error: <mj-column> is not closed"),
        (
            "content/layout.mjml",
            "{{ subject }}",
            "{{ subjekt }}",
            r#"content/layout.mjml:3: error: "subjekt" is not a variable of a piece (did you mean "subject"?)"#,
        ),
        (
            "content/prune.mjml",
            "+++\nsubject",
            "subject",
            "content/prune.mjml:1: error: a piece begins with its front matter between two lines of +++",
        ),
        (
            "content/prune.mjml",
            "preview = ",
            "previw = ",
            r#"content/prune.mjml:3: error: unknown field "previw", expected one of "subject", "preview", "kind", "product", "stage", "asset", "personas", "replaces" (did you mean "preview"?)"#,
        ),
        ("content/prune.mjml", "kind = \"educational\"\n", "", r#"content/prune.mjml:2: error: missing field "kind""#),
        (
            "content/prune.mjml",
            r#"kind = "educational""#,
            r#"kind = "educationl""#,
            r#"content/prune.mjml:4: error: unknown value "educationl", expected one of "educational", "soft", "hard" (did you mean "educational"?)"#,
        ),
        (
            "content/prune.mjml",
            r#"product = "analytics""#,
            r#"product = "analitics""#,
            r#"content/prune.mjml:5: error: piece "prune" names product "analitics", which does not exist (did you mean "analytics"?)"#,
        ),
        (
            "content/lesson-1.mjml",
            r#"asset = "guide""#,
            r#"asset = "guid""#,
            r#"content/lesson-1.mjml:7: error: piece "lesson-1" names asset "guid", which does not exist (did you mean "guide"?)"#,
        ),
        (
            "content/lesson-1.mjml",
            r#"subject = "{{ first_name }}"#,
            r#"subject = "{{ firstname }}"#,
            r#"content/lesson-1.mjml:2: error: "firstname" is not a variable of a piece (did you mean "first_name"?)"#,
        ),
        (
            "content/prune.mjml",
            "of {{ company }}",
            "of {{ companie }} and {{ person }}",
            "content/prune.mjml:10: error: \"companie\" is not a variable of a piece (did you mean \"company\"?)\n\
             content/prune.mjml:10: error: \"person\" is not a variable of a piece",
        ),
        (
            "content/prune.mjml",
            "of {{ company }}",
            r#"of <a href="www.example.com/x">{{ company }}</a>"#,
            r#"content/prune.mjml:10: error: the link "www.example.com/x" leads nowhere: write https:// and a host (or {{ site }}), mailto: or tel:"#,
        ),
        (
            "content/prune.mjml",
            "of {{ company }}",
            r#"of <a href="javascript:alert(1)">{{ company }}</a>"#,
            r#"content/prune.mjml:10: error: the link "javascript:alert(1)" leads nowhere: write https:// and a host (or {{ site }}), mailto: or tel:"#,
        ),
        (
            "content/prune.mjml",
            "of {{ company }}",
            r#"of <a href="">{{ company }}</a>"#,
            r#"content/prune.mjml:10: error: the link "" leads nowhere: write https:// and a host (or {{ site }}), mailto: or tel:"#,
        ),
        (
            "content/prune.mjml",
            "of {{ company }}",
            "of {{ company | shout }}",
            "content/prune.mjml:10: error: the template is wrong: filter shout is unknown",
        ),
        (
            "content/prune.mjml",
            "of {{ company }}",
            "of {{ company",
            "content/prune.mjml:10: error: the template is wrong: unexpected `,`, expected end of variable block",
        ),
        (
            "content/prune.mjml",
            "of {{ company }}",
            "{% if company %}",
            "content/prune.mjml:11: error: the template is wrong: unexpected end of input, expected end of block",
        ),
        ("content/prune.mjml", "</mj-text>", "", "content/prune.mjml:10: error: <mj-text> is not closed"),
        (
            "content/prune.mjml",
            "</mj-section>",
            "</mj-sektion>",
            "content/prune.mjml:8: error: <mj-section> is not closed",
        ),
        (
            "content/prune.mjml",
            "mj-button",
            "mj-buton",
            "content/prune.mjml:11: error: <mj-buton> is not an MJML element (did you mean \"mj-button\"?)\n\
             content/prune.mjml:11: error: </mj-button> closes what was never opened",
        ),
        (
            "content/prune.mjml",
            "<mj-section>\n  <mj-column>",
            "<mj-column>\n  <mj-column>",
            "content/prune.mjml:8: error: <mj-column> cannot stand at the top: <mj-section> goes around it\n\
             content/prune.mjml:8: error: <mj-column> is not closed\n\
             content/prune.mjml:13: error: </mj-section> closes what was never opened",
        ),
        (
            "content/layout.mjml",
            "<mj-section>",
            r#"<mj-include path="footer.mjml" /><mj-section>"#,
            "content/layout.mjml:8: error: <mj-include> is not an MJML element",
        ),
        (
            "content/prune.mjml",
            "<mj-column>",
            "<p>A</p><mj-column>",
            "content/prune.mjml:9: error: <p> cannot stand directly in <mj-section>: put it into <mj-text>",
        ),
        (
            "content/prune.mjml",
            r#"href="{{ site }}"#,
            "href={{ site }}",
            "content/prune.mjml:11: error: <mj-button> has an attribute whose value is not in quotes",
        ),
        (
            "content/prune.txt",
            "{{ postal_address }}",
            "",
            "content/prune.txt:1: error: {{ postal_address }} is missing from the text part",
        ),
        (
            "content/prune.txt",
            "{{ unsubscribe_url }}",
            "https://www.fernhill.example.com",
            "content/prune.txt:1: error: {{ unsubscribe_url }} is missing from the text part",
        ),
        (
            "content/prune.txt",
            "{{ preferences_url }}",
            "https://www.fernhill.example.com",
            "content/prune.txt:1: error: {{ preferences_url }} is missing from the text part",
        ),
        (
            "content/prune.txt",
            "{{ first_name }}",
            "{{ first_nam }}",
            r#"content/prune.txt:1: error: "first_nam" is not a variable of a piece (did you mean "first_name"?)"#,
        ),
    ]);
}

/// A click counts where everybody's links are known.
#[test]
fn a_link_that_only_some_readers_get_is_named() {
    let said = |from: &str, to: &str| {
        let folder = tempfile::tempdir().unwrap();
        copy_sound(folder.path());
        for ending in ["mjml", "txt"] {
            let file = folder.path().join(format!("content/prune.{ending}"));
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text.replacen(from, to, 1)).unwrap();
        }
        let (_, problems) = perennial_playbook::check(folder.path());
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let names = |place: &str, link: &str| {
        format!(
            "content/prune.{place}: warning: the link \"{link}\" stands under a condition, and not everybody gets it: a click on it \
             is neither tracked nor counted. Put the condition around the words, and the link outside"
        )
    };
    assert_eq!(said("</p>", " {% if first_name %}<a href=\"{{ site }}/a\">A</a>{% endif %}</p>"), "");
    let untaken = "{% if company == \"Acme\" %}<a href=\"{{ site }}/acme\">A</a>{% else %}<a href=\"{{ site }}/all\">A</a>{%- endif %}</p>";
    assert_eq!(said("</p>", untaken), names("mjml:10", "{{ site }}/acme"));
    let in_text = "{{ postal_address }}{% if company == \"Acme\" %} https://acme.example.com/x {% endif %}";
    assert_eq!(said("{{ postal_address }}", in_text), names("txt:6", "https://acme.example.com/x"));
    // What a loop makes is made for everybody.
    let looped = "{% for x in [1] %}{% if x %}<a href=\"{{ site }}/{{ x }}\">A</a>{% endif %}{% endfor %}</p>";
    assert_eq!(said("</p>", looped), "");
}
