//! Slips in webhook sources: each row breaks a sound source in one place and names everything that is then said.

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
            ("[[rule]]\ntype = \"seen\"", "[rule.x]\ntype = \"seen\""),
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

            "[[rule]]\ntype = \"seen\"" -> "[rule.x]\ntype = \"seen\""
            30: error: unknown field "type", expected one of "take", "is", "else", "unit", "times", "product", "value" (did you mean "take"?)
            31: error: unknown field "becomes", expected one of "take", "is", "else", "unit", "times", "product", "value"

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

#[test]
fn a_proof_that_proves_nothing_is_refused() {
    let signed = "signed = \"{method}{url}{timestamp}.{body}\"";
    let timestamp = "timestamp = { header = \"x-timestamp\", tolerance_seconds = 300 }";
    let scheme = "scheme = \"hmac\"\nheader = \"x-signature\"\n";
    check(
        &[
            (signed, "signed = \"{url}{timestamp}\""),
            (signed, "signed = \"{url}{body}\""),
            (signed, "signed = \"{url}{timestamp}.{boddy}\""),
            (signed, "signed = \"{url}{timestamp}.{body\""),
            (signed, "signed = \"{timestamp}.{body}\""),
            (signed, ""),
            (timestamp, ""),
            ("tolerance_seconds = 300", "tolerance_seconds = 0"),
            ("tolerance_seconds = 300", "tolerance_seconds = 3601"),
            (timestamp, "timestamp = { header = \"x-timestamp\" }\nonly_where_sent = true"),
            ("{body}", "{first_event}"),
            ("header = \"x-signature\"", "header = \"x signature\""),
            ("header = \"x-signature\"", "header = { name = \"x-signature\", entry = \"v1=\" }"),
            ("header = \"x-signature\"\n", ""),
            ("header = \"x-signature\"", "header = \"x-signature\"\nprefix = \"a\\n\""),
            (scheme, "scheme = \"token\"\nheader = { name = \"x-key\", entry = \"k\" }\n"),
            (scheme, "scheme = \"stripe\"\nheader = \"x-signature\"\n"),
            ("https://hooks.example.com/v1/webhooks/crm", "hooks.example.com"),
        ],
        expect![[r#"
            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{url}{timestamp}\""
            6: error: signed leaves out {body}: anybody could send another one under the signature

            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{url}{body}\""
            7: error: the timestamp is not signed: anybody could change it. Add {timestamp} to signed

            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{url}{timestamp}.{boddy}\""
            6: error: signed names "{boddy}", which is not known (did you mean "body"?)

            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{url}{timestamp}.{body\""
            6: error: signed has a { without its }

            "signed = \"{method}{url}{timestamp}.{body}\"" -> "signed = \"{timestamp}.{body}\""
            2: warning: the url is not used: no [[verify]] signs {url}

            "signed = \"{method}{url}{timestamp}.{body}\"" -> ""
            4: error: hmac needs signed

            "timestamp = { header = \"x-timestamp\", tolerance_seconds = 300 }" -> ""
            6: error: signed holds {timestamp}, and timestamp does not say in which header it stands

            "tolerance_seconds = 300" -> "tolerance_seconds = 0"
            7: error: tolerance_seconds is 0, and must be within 1 and 3600

            "tolerance_seconds = 300" -> "tolerance_seconds = 3601"
            7: error: tolerance_seconds is 3601, and must be within 1 and 3600

            "timestamp = { header = \"x-timestamp\", tolerance_seconds = 300 }" -> "timestamp = { header = \"x-timestamp\" }\nonly_where_sent = true"
            3: error: no [[verify]] proves every delivery in whole: only_where_sent and {first_event} leave a gap that anybody could use

            "{body}" -> "{first_event}"
            3: error: no [[verify]] proves every delivery in whole: only_where_sent and {first_event} leave a gap that anybody could use

            "header = \"x-signature\"" -> "header = \"x signature\""
            5: error: "x signature" is not the name of a header

            "header = \"x-signature\"" -> "header = { name = \"x-signature\", entry = \"v1=\" }"
            5: error: the entry is not a name such as v1

            "header = \"x-signature\"\n" -> ""
            4: error: hmac needs header

            "header = \"x-signature\"" -> "header = \"x-signature\"\nprefix = \"a\\n\""
            6: error: the prefix holds a line break or another control character

            "scheme = \"hmac\"\nheader = \"x-signature\"\n" -> "scheme = \"token\"\nheader = { name = \"x-key\", entry = \"k\" }\n"
            2: warning: the url is not used: no [[verify]] signs {url}
            5: error: a token is the whole header: write header = "…"
            6: error: signed is for hmac: a token signs nothing
            7: error: timestamp is for hmac: a token signs nothing

            "scheme = \"hmac\"\nheader = \"x-signature\"\n" -> "scheme = \"stripe\"\nheader = \"x-signature\"\n"
            2: warning: the url is not used: no [[verify]] signs {url}
            5: error: stripe knows its own header: leave it out, or write scheme = "hmac" with all of them
            6: error: stripe knows its own signed: leave it out, or write scheme = "hmac" with all of them
            7: error: stripe knows its own timestamp: leave it out, or write scheme = "hmac" with all of them

            "https://hooks.example.com/v1/webhooks/crm" -> "hooks.example.com"
            2: error: the url is not an address such as https://hooks.example.com/v1/webhooks/hubspot

        "#]],
    );
}

#[test]
fn a_place_is_a_place() {
    check(
        &[
            ("each = \"/events\"", "each = \"events\""),
            ("id = \"/id\"", "id = [\"/id\", \"./at\"]"),
            ("type = \"/kind\"", "type = \"/a~b\""),
            ("at = { take = \"/at\", unit = \"seconds\" }", "at = { take = \"now\", is = { a = \"b\" }, times = 2 }"),
            ("\"/ok\" = true", "ok = true"),
            ("[1, \"2\"]", "[]"),
            ("for_each = \"/items\"", "for_each = \"items\""),
            ("for_each = \"/items\"\n", ""),
            ("contact = \"/who\"", "contact = \"who\""),
            ("contact = \"/who\"", "contact = \"/who~2\""),
            ("take = [\"/account\", \"/customer\"]", "take = []"),
        ],
        expect![[r#"
            "each = \"/events\"" -> "each = \"events\""
            9: error: each of the envelope is "events", and a place in the event begins with / (did you mean "/events"?)

            "id = \"/id\"" -> "id = [\"/id\", \"./at\"]"
            10: error: id of the envelope is "./at", and a place in the event begins with / (did you mean "/at"?)

            "type = \"/kind\"" -> "type = \"/a~b\""
            11: error: type of the envelope: in a place, ~ is written ~0 (and a / within a name ~1)

            "at = { take = \"/at\", unit = \"seconds\" }" -> "at = { take = \"now\", is = { a = \"b\" }, times = 2 }"
            12: error: at of the envelope is "now", and a place in the event begins with / (did you mean "/now"?)
            12: error: a time has no meanings: at knows take, else and unit
            12: error: a time is not multiplied: say its unit

            "\"/ok\" = true" -> "ok = true"
            17: error: when is "ok", and a place in the event begins with / (did you mean "/ok"?)

            "[1, \"2\"]" -> "[]"
            17: error: no value in the list: the rule would never apply

            "for_each = \"/items\"" -> "for_each = \"items\""
            24: error: for_each is "items", and a place in the event begins with / (did you mean "/items"?)

            "for_each = \"/items\"\n" -> ""
            26: error: revenue_cents is a place in an element (./amount), and the rule has no for_each
            27: error: product is a place in an element (./sku), and the rule has no for_each

            "contact = \"/who\"" -> "contact = \"who\""
            19: error: contact would be the same for every event: a place in the event begins with / (did you mean "/who"?)

            "contact = \"/who\"" -> "contact = \"/who~2\""
            19: error: contact: in a place, ~ is written ~0 (and a / within a name ~1)

            "take = [\"/account\", \"/customer\"]" -> "take = []"
            26: error: account takes its value from nowhere: the list is empty

        "#]],
    );
}

#[test]
fn a_rule_becomes_something_with_its_fields() {
    check(
        &[
            ("becomes = \"engagement.recorded\"", "becomes = \"engagement.record\""),
            ("becomes = \"engagement.recorded\"\n", ""),
            ("action = \"download\"\n", ""),
            ("asset = {", "aset = {"),
            ("type = [\"bought\"]", "type = []"),
            ("becomes = \"ignored\"", "becomes = \"ignored\"\nfor_each = \"/x\"\ncontact = \"/who\""),
            (
                "revenue_cents = { take = \"./amount\", times = 100 }",
                "revenue_cents = { take = \"./amount\", times = 0, unit = \"seconds\" }",
            ),
            ("revenue_cents = { take = \"./amount\", times = 100 }", "name = { take = \"./name\", times = 100 }"),
            ("revenue_cents = { take", "revenue_cents = { product = \"analytics\", value"),
            ("owns = { product", "seats = \"./seats\"\nowns = { produkt"),
            (", value = { take = \"/at\", unit = \"seconds\" } }", "}"),
            (", value = { take = \"/at\"", ", take = \"/at\", value = { take = \"/at\""),
            ("revenue_cents = { take = \"./amount\", times = 100 }", "revenue_cents = { else = 5 }"),
        ],
        expect![[r#"
            "becomes = \"engagement.recorded\"" -> "becomes = \"engagement.record\""
            18: error: "engagement.record" is nothing that an event can become (did you mean "engagement.recorded"?)

            "becomes = \"engagement.recorded\"\n" -> ""
            15: error: the rule does not say what such an event becomes

            "action = \"download\"\n" -> ""
            15: error: engagement.recorded needs action

            "asset = {" -> "aset = {"
            20: error: engagement.recorded has no field "aset": it has contact, asset, action, email (did you mean "asset"?)

            "type = [\"bought\"]" -> "type = []"
            23: error: no type in the list: the rule would never apply. Leave type out for every type

            "becomes = \"ignored\"" -> "becomes = \"ignored\"\nfor_each = \"/x\"\ncontact = \"/who\""
            32: error: events are ignored as a whole: leave for_each out
            33: error: "contact" stands in a rule whose events are ignored

            "revenue_cents = { take = \"./amount\", times = 100 }" -> "revenue_cents = { take = \"./amount\", times = 0, unit = \"seconds\" }"
            27: error: unit is for times, and revenue_cents is none
            27: error: times is 0, and must be within 1 and 1000000

            "revenue_cents = { take = \"./amount\", times = 100 }" -> "name = { take = \"./name\", times = 100 }"
            27: error: times is for numbers, and name is none

            "revenue_cents = { take" -> "revenue_cents = { product = \"analytics\", value"
            27: error: revenue_cents has product and value, and what belongs to either stands within it

            "owns = { product" -> "seats = \"./seats\"\nowns = { produkt"
            29: error: unknown field "produkt", expected one of "take", "is", "else", "unit", "times", "product", "value" (did you mean "product"?)

            ", value = { take = \"/at\", unit = \"seconds\" } }" -> "}"
            28: error: owns needs both product and value

            ", value = { take = \"/at\"" -> ", take = \"/at\", value = { take = \"/at\""
            28: error: owns has product and value, and what belongs to either stands within it

            "revenue_cents = { take = \"./amount\", times = 100 }" -> "revenue_cents = { else = 5 }"
            27: error: revenue_cents says nothing of where the value comes from: take is missing

        "#]],
    );
}

#[test]
fn what_is_named_exists() {
    check(
        &[
            ("\"The guide\" = \"guide\"", "\"The guide\" = \"giude\""),
            ("\"The guide\" = \"guide\"", "\"The guide\" = \"guide\"\n\"The video\" = \"video\""),
            ("is = \"things\"", "is = \"thing\""),
            ("is = \"things\"", "is = { a = \"guide\" }"),
            ("is = \"things\"", "is = {}"),
            ("\"The guide\" = \"guide\"", ""),
            ("action = \"download\"", "action = \"downlaod\""),
            ("A-1 = \"analytics\"", "A-1 = \"analitics\""),
            ("else = false", "else = \"no\""),
        ],
        expect![[r#"
            "\"The guide\" = \"guide\"" -> "\"The guide\" = \"giude\""
            14: error: asset "giude" does not exist (did you mean "guide"?)

            "\"The guide\" = \"guide\"" -> "\"The guide\" = \"guide\"\n\"The video\" = \"video\""
            22: error: asset "video" has no action "download"

            "is = \"things\"" -> "is = \"thing\""
            13: warning: no rule uses the names "things"
            20: error: no names "thing": write them under [names.…] (did you mean "things"?)

            "is = \"things\"" -> "is = { a = \"guide\" }"
            13: warning: no rule uses the names "things"

            "is = \"things\"" -> "is = {}"
            13: warning: no rule uses the names "things"
            20: error: is lists nothing: no value would count as there

            "\"The guide\" = \"guide\"" -> ""
            20: error: the names "things" are empty: no value would count as there

            "action = \"download\"" -> "action = \"downlaod\""
            21: error: action "downlaod" does not exist (did you mean "download"?)
            21: error: asset "guide" has no action "downlaod" (did you mean "download"?)

            "A-1 = \"analytics\"" -> "A-1 = \"analitics\""
            28: error: product "analitics" does not exist (did you mean "analytics"?)

            "else = false" -> "else = \"no\""
            35: error: permanent is neither true nor false

        "#]],
    );
}
