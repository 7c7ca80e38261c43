//! Slips in webhook sources: each row breaks a sound source in one place and names everything that is then said.

mod proofs;
mod rules;

use std::fs;

use expect_test::{Expect, expect};

use super::copy_sound;

/// Sound: a sender who signs, and whose events become everything that needs care.
const SOUND: &str = r#"format = "mapped"
url = "https://hooks.example.com/v1/webhooks/crm"
[[verify]]
scheme = "hmac"
header = "x-signature"
signed = "{method}{url}{timestamp}.{body}"
timestamp = { header = "x-timestamp", tolerance_seconds = 300 }
[envelope]
each = "/events"
id = "/id"
type = "/kind"
at = { take = "/at", unit = "seconds" }
[names.things]
"The guide" = "guide"
[[rule]]
type = "download"
when = { "/ok" = true, "/size" = [1, "2"] }
becomes = "engagement.recorded"
contact = "/who"
asset = { take = "/what", is = "things" }
action = "download"
[[rule]]
type = ["bought"]
for_each = "/items"
becomes = "account.updated"
account = { take = ["/account", "/customer"] }
revenue_cents = { take = "./amount", times = 100 }
owns = { product = { take = "./sku", is = { A-1 = "analytics" } }, value = { take = "/at", unit = "seconds" } }
[[rule]]
type = "seen"
becomes = "ignored"
[[rule]]
becomes = "email.bounced"
contact = "/who"
permanent = { take = "/kind", is = { hard = true }, else = false }
"#;

/// All problems of a playbook whose only source is this file.
fn said_of(name: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    copy_sound(folder.path());
    fs::create_dir(folder.path().join("sources")).unwrap();
    fs::write(folder.path().join("sources").join(name), text).unwrap();
    let (playbook, problems) = perennial_playbook::check(folder.path());
    let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(playbook.is_none(), said.contains(": error: "), "{said}");
    said
}

/// What is said when, in the sound source, the first of each row stands as the second.
fn check(rows: &[(&str, &str)], expected: Expect) {
    let mut all = String::new();
    for (from, to) in rows {
        assert!(SOUND.contains(from), "the sound source does not hold {from}");
        let said = said_of("crm.toml", &SOUND.replacen(from, to, 1)).replace("sources/crm.toml:", "");
        all.push_str(&format!("{from:?} -> {to:?}\n{said}\n\n"));
    }
    expected.assert_eq(&all);
}

/// What is said of each (file, its text).
fn check_whole(rows: &[(&str, &str)], expected: Expect) {
    let said = rows.iter().map(|(name, text)| format!("{name}: {}\n{}\n\n", text.escape_debug(), said_of(name, text)));
    expected.assert_eq(&said.collect::<String>());
}

#[test]
fn a_sound_source_has_no_problems() {
    assert_eq!(said_of("crm.toml", SOUND), "");
}

#[test]
fn a_slip_in_the_structure_is_named() {
    check(
        &[
            ("format = \"mapped\"", "format = \"maped\""),
            ("format = \"mapped\"", "otherwise = \"ignor\""),
            ("[names.things]", "[name.things]"),
            ("scheme = \"hmac\"", "scheme = \"hmack\""),
            ("scheme = \"hmac\"", "scheme = \"hmac\"\nheadr = \"x\"\nalgorithm = \"sha265\""),
            ("scheme = \"hmac\"\n", ""),
            ("header = \"x-signature\"", "header = { name = \"x-signature\" }"),
            ("header = \"x-signature\"", "header = [\"x-signature\"]"),
            ("unit = \"seconds\"", "unit = \"minutes\""),
            ("action = \"download\"", "action = { take = \"/a\", els = \"download\" }"),
            ("action = \"download\"", "action = 1.5"),
            ("becomes = \"ignored\"", "becomes = 3"),
        ],
        expect![[r#"
            "format = \"mapped\"" -> "format = \"maped\""
            1: error: unknown value "maped", expected one of "native", "segment", "zoom", "mapped" (did you mean "mapped"?)

            "format = \"mapped\"" -> "otherwise = \"ignor\""
            1: error: "format" is missing
            1: error: unknown value "ignor", expected "quarantine" or "ignore" (did you mean "ignore"?)

            "[names.things]" -> "[name.things]"
            13: error: "name" is not a section of a webhook source (did you mean "names"?)
            20: error: no names "things": write them under [names.…]

            "scheme = \"hmac\"" -> "scheme = \"hmack\""
            4: error: unknown value "hmack", expected one of "token", "hmac", "standard-webhooks", "hubspot-v3", "stripe", "zoom", "segment-signature" (did you mean "hmac"?)

            "scheme = \"hmac\"" -> "scheme = \"hmac\"\nheadr = \"x\"\nalgorithm = \"sha265\""
            5: error: unknown field "headr", expected one of "scheme", "header", "prefix", "algorithm", "encoding", "signed", "timestamp", "only_where_sent" (did you mean "header"?)
            6: error: unknown value "sha265", expected "sha1" or "sha256" (did you mean "sha256"?)

            "scheme = \"hmac\"\n" -> ""
            3: error: [[verify]] number 1: missing field "scheme"

            "header = \"x-signature\"" -> "header = { name = \"x-signature\" }"
            5: error: missing field "entry"

            "header = \"x-signature\"" -> "header = [\"x-signature\"]"
            5: error: invalid type: list, expected the name of a header, or { name = "x-signature", entry = "v1" }

            "unit = \"seconds\"" -> "unit = \"minutes\""
            12: error: unknown value "minutes", expected "seconds" or "milliseconds"

            "action = \"download\"" -> "action = { take = \"/a\", els = \"download\" }"
            21: error: unknown field "els", expected one of "take", "is", "else", "unit", "times", "product", "value" (did you mean "else"?)

            "action = \"download\"" -> "action = 1.5"
            21: error: invalid type: fraction "1.5", expected a place such as "/payload/id", a value, or { take = … }

            "becomes = \"ignored\"" -> "becomes = 3"
            31: error: invalid type: integer "3", expected a string

        "#]],
    );
}

#[test]
fn a_file_is_named_after_its_source() {
    check_whole(
        &[
            ("CRM.toml", "format = \"native\""),
            ("crm_2.toml", "format = \"native\""),
            ("crm.toml", "format = "),
            ("notes.txt", "whatever"),
            ("native.toml", "format = \"native\""),
            ("native.toml", ""),
            ("native.toml", "format = \"segment\""),
            ("page.toml", "format = \"native\""),
        ],
        expect![[r#"
            CRM.toml: format = \"native\"
            sources/CRM.toml: error: the file's name is the source's id, and "CRM" is not 1 to 64 of a-z, 0-9 and '-', beginning with a letter or digit

            crm_2.toml: format = \"native\"
            sources/crm_2.toml: error: the file's name is the source's id, and "crm_2" is not 1 to 64 of a-z, 0-9 and '-', beginning with a letter or digit

            crm.toml: format = 
            sources/crm.toml:1: error: nothing stands behind the =: write a value, or leave the line out

            notes.txt: whatever


            native.toml: format = \"native\"


            native.toml: 
            sources/native.toml:1: error: "format" is missing

            native.toml: format = \"segment\"
            sources/native.toml:1: error: the source "native" is of the format native: give this one another name
            sources/native.toml:1: error: no [[verify]]: anybody could send

            page.toml: format = \"native\"
            sources/page.toml: error: "page" is a name under which the ledger keeps what we say ourselves: choose another

        "#]],
    );
}

#[test]
fn a_format_has_what_belongs_to_it_and_nothing_else() {
    let token = "[[verify]]\nscheme = \"token\"\nheader = \"x-key\"\n";
    check_whole(
        &[
            (
                "own.toml",
                "format = \"native\"\notherwise = \"ignore\"\n[envelope]\nid = \"/id\"\n[[rule]]\nbecomes = \"ignored\"\n",
            ),
            ("segment.toml", "format = \"segment\"\n"),
            ("segment.toml", &format!("format = \"segment\"\n{token}[envelope]\nid = \"/id\"\n")),
            ("segment.toml", &format!("format = \"segment\"\n{token}[[verify]]\nscheme = \"standard-webhooks\"\n")),
            (
                "segment.toml",
                &format!(
                    "format = \"segment\"\n{token}[[rule]]\ntype = [\"tracks\", \"Signed Up\"]\nbecomes = \"ignored\"\n"
                ),
            ),
            ("zoom.toml", "format = \"zoom\"\n"),
            ("zoom.toml", "format = \"zoom\"\n[[rule]]\ntype = \"webinar.ended\"\nbecomes = \"ignored\"\n"),
            ("crm.toml", &format!("format = \"mapped\"\n{token}")),
            (
                "crm.toml",
                &format!("format = \"mapped\"\n{token}[envelope]\n[[rule]]\ntype = \"a\"\nbecomes = \"ignored\"\n"),
            ),
            ("crm.toml", &format!("format = \"mapped\"\n{token}[envelope]\n[[rule]]\nbecomes = \"ignored\"\n")),
        ],
        expect![[r#"
            own.toml: format = \"native\"\notherwise = \"ignore\"\n[envelope]\nid = \"/id\"\n[[rule]]\nbecomes = \"ignored\"\n
            sources/own.toml:2: error: a native source has no otherwise: what cannot be read is refused
            sources/own.toml:3: error: the envelope of native messages is known: leave it out
            sources/own.toml:5: error: a native source has no rules: its messages say what they mean

            segment.toml: format = \"segment\"\n
            sources/segment.toml:1: error: no [[verify]]: anybody could send

            segment.toml: format = \"segment\"\n[[verify]]\nscheme = \"token\"\nheader = \"x-key\"\n[envelope]\nid = \"/id\"\n
            sources/segment.toml:5: error: the envelope of segment messages is known: leave it out

            segment.toml: format = \"segment\"\n[[verify]]\nscheme = \"token\"\nheader = \"x-key\"\n[[verify]]\nscheme = \"standard-webhooks\"\n
            sources/segment.toml:6: warning: this sender does not sign by Standard Webhooks: its deliveries will be refused

            segment.toml: format = \"segment\"\n[[verify]]\nscheme = \"token\"\nheader = \"x-key\"\n[[rule]]\ntype = [\"tracks\", \"Signed Up\"]\nbecomes = \"ignored\"\n
            sources/segment.toml:6: warning: "tracks" is no call of Segment's: a tracked event is asked for by when = { "/event" = … } (did you mean "track"?)
            sources/segment.toml:6: warning: "Signed Up" is no call of Segment's: a tracked event is asked for by when = { "/event" = … }

            zoom.toml: format = \"zoom\"\n
            sources/zoom.toml:1: warning: no [[rule]]: nothing that is sent will mean anything

            zoom.toml: format = \"zoom\"\n[[rule]]\ntype = \"webinar.ended\"\nbecomes = \"ignored\"\n


            crm.toml: format = \"mapped\"\n[[verify]]\nscheme = \"token\"\nheader = \"x-key\"\n
            sources/crm.toml:1: error: a mapped source needs an [envelope]: where an event says what it is and when
            sources/crm.toml:1: warning: no [[rule]]: nothing that is sent will mean anything

            crm.toml: format = \"mapped\"\n[[verify]]\nscheme = \"token\"\nheader = \"x-key\"\n[envelope]\n[[rule]]\ntype = \"a\"\nbecomes = \"ignored\"\n
            sources/crm.toml:7: error: a rule names a type, and type of the envelope does not say where it stands

            crm.toml: format = \"mapped\"\n[[verify]]\nscheme = \"token\"\nheader = \"x-key\"\n[envelope]\n[[rule]]\nbecomes = \"ignored\"\n


        "#]],
    );
}
