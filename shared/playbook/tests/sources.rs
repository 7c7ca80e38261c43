//! What webhook sources become: whom to believe, and what events mean.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;

use expect_test::{Expect, expect, expect_file};
use perennial_playbook::sources::native::{BY_PRODUCT, DATES, FLAGS, NUMBERS, NativeType, TYPES};
use perennial_playbook::sources::{Field, Format, Origin, Otherwise, Source, Take, Verify};
use perennial_playbook::{Bundle, Playbook};
use proptest::prelude::*;

fn minimal() -> Bundle {
    Playbook::bundle(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/minimal"))).unwrap()
}

fn example() -> Playbook {
    Playbook::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"))).unwrap()
}

/// The example playbook, which is read once.
fn shipped() -> Bundle {
    static SHIPPED: OnceLock<Bundle> = OnceLock::new();
    let read = || Playbook::bundle(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"))).unwrap();
    SHIPPED.get_or_init(read).clone()
}

/// The compiled form of a source in the minimal playbook.
fn compiled(id: &str, text: &str) -> Source {
    let mut bundle = minimal();
    bundle.sources = [(id.to_owned(), text.to_owned())].into();
    let playbook = Playbook::of(&bundle);
    playbook.unwrap_or_else(|problems| panic!("{problems:?}")).sources.remove(id).unwrap()
}

fn text(take: &Take) -> String {
    let from = take.from.iter().map(|origin| match origin {
        Origin::Text(text) => format!("\"{text}\""),
        Origin::Event(pointer) => pointer.clone(),
        Origin::Element(pointer) => format!(".{pointer}"),
    });
    let mut text = from.collect::<Vec<_>>().join(" or ");
    if !take.is.is_empty() {
        let meanings: Vec<String> = take.is.iter().map(|(theirs, ours)| format!("{theirs} = {ours}")).collect();
        write!(text, " ({})", meanings.join(", ")).unwrap();
    }
    for more in [
        take.otherwise.as_ref().map(|otherwise| format!(" else \"{otherwise}\"")),
        take.unit.map(|unit| format!(" in {unit:?}").to_lowercase()),
        take.times.map(|times| format!(" times {times}")),
    ] {
        text.push_str(&more.unwrap_or_default());
    }
    text
}

/// A source, so that a person can read what it believes and understands.
fn shown(source: &Source) -> String {
    let mut text_of = format!("{} ({:?}, otherwise {:?})\n", source.id, source.format, source.otherwise);
    for way in &source.verify {
        writeln!(text_of, "  believes {way:?}").unwrap();
    }
    let envelope = &source.envelope;
    let at = envelope.at.as_ref().map(text);
    writeln!(
        text_of,
        "  each {:?}, id {:?}, kind {:?}, at {at:?}, varies {:?}",
        envelope.each, envelope.id, envelope.kind, envelope.varies
    )
    .unwrap();
    for rule in &source.rules {
        let becomes = rule.becomes.as_deref().unwrap_or("ignored");
        writeln!(text_of, "  {}: {:?} {:?} {:?} -> {becomes}", rule.line, rule.kinds, rule.when, rule.for_each)
            .unwrap();
        for (name, field) in &rule.fields {
            let value = match field {
                Field::One(take) => text(take),
                Field::ByProduct { product, value } => format!("[{}] {}", text(product), text(value)),
            };
            writeln!(text_of, "    {name}: {value}").unwrap();
        }
    }
    text_of
}

#[test]
fn the_shipped_sources_become_this() {
    let playbook = example();
    let all: String = playbook.sources.values().map(shown).collect();
    expect_file!["example-sources.txt"].assert_eq(&all);
}

#[test]
fn every_rule_of_a_shipped_source_stands_where_it_says() {
    let (bundle, playbook) = (shipped(), example());
    for source in playbook.sources.values().filter(|source| !source.rules.is_empty()) {
        let lines: Vec<&str> = bundle.sources[&source.id].lines().collect();
        for rule in &source.rules {
            assert_eq!(lines[rule.line - 1], "[[rule]]", "{}:{}", source.id, rule.line);
        }
    }
    for text in bundle.sources.values() {
        assert!(text.starts_with("#:schema ../sources.schema.json\n"));
    }
}

#[test]
fn a_playbook_without_sources_takes_native_ones() {
    let bundle = minimal();
    assert!(!serde_json::to_string(&bundle).unwrap().contains("sources"));
    let playbook = Playbook::of(&bundle).unwrap();
    assert_eq!(playbook.sources, BTreeMap::from([("native".to_owned(), Source::native())]));
    // Whoever writes it down gets the same.
    assert_eq!(compiled("native", "format = \"native\""), Source::native());
    let own = compiled("shop", "format = \"native\"");
    assert_eq!(own, Source { id: "shop".to_owned(), ..Source::native() });
}

#[test]
fn sources_belong_to_the_version_of_a_playbook() {
    let (plain, mut with) = (minimal(), minimal());
    with.sources.insert("shop".to_owned(), "format = \"native\"\n".to_owned());
    let mut other = with.clone();
    other.sources.insert("shop".to_owned(), "format = \"native\" # ours\n".to_owned());
    let versions = [&plain, &with, &other].map(|bundle| bundle.version().unwrap());
    assert!(versions[0] != versions[1] && versions[1] != versions[2], "{versions:?}");
}

#[test]
fn a_bundle_is_no_way_around_the_checks() {
    let mut bundle = minimal();
    bundle.sources.insert("../shop".to_owned(), "format = \"zom\"\n".to_owned());
    let problems = Playbook::of(&bundle).unwrap_err();
    expect![[r#"
        sources/../shop.toml: error: the file's name is the source's id, and "../shop" is not 1 to 64 of a-z, 0-9 and '-', beginning with a letter or digit
        sources/../shop.toml:1: error: unknown value "zom", expected one of "native", "segment", "zoom", "mapped" (did you mean "zoom"?)"#]].assert_eq(&problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn settings_have_defaults() {
    let check = |text: &str, expected: Expect| expected.assert_eq(&shown(&compiled("crm", text)));
    check(
        r#"
format = "mapped"
otherwise = "ignore"
[[verify]]
scheme = "hmac"
header = { name = "X-Signature", entry = "v1" }
signed = "v1:{timestamp}:{body}"
timestamp = { header = "X-Timestamp" }
[envelope]
each = "/events"
id = ["/a", "/b"]
at = "/at"
"#,
        expect![[r#"
            crm (Mapped, otherwise Ignore)
              believes Hmac(Hmac { algorithm: Sha256, encoding: Hex, signature: HeaderPart { header: "x-signature", entry: Some("v1") }, prefix: "", signed: [Text("v1:"), Timestamp, Text(":"), Body], timestamp: Some(SignedAt { at: HeaderPart { header: "x-timestamp", entry: None }, unit: Seconds, tolerance_seconds: 300 }), only_where_sent: false })
              each Some("/events"), id ["/a", "/b"], kind None, at Some("/at"), varies []
        "#]],
    );
    check(
        r#"
format = "mapped"
[[verify]]
scheme = "hmac"
algorithm = "sha1"
encoding = "base64"
header = "x-signature"
prefix = "sha1="
signed = "{body}"
[[verify]]
scheme = "standard-webhooks"
[envelope]
[[rule]]
for_each = "/items"
becomes = "lead.rejected"
contact = "."
product = "analytics"
reason = { take = "./why", else = "" }
"#,
        expect![[r#"
            crm (Mapped, otherwise Quarantine)
              believes Hmac(Hmac { algorithm: Sha1, encoding: Base64, signature: HeaderPart { header: "x-signature", entry: None }, prefix: "sha1=", signed: [Body], timestamp: None, only_where_sent: false })
              believes StandardWebhooks
              each None, id [], kind None, at None, varies []
              13: [] [] Some("/items") -> lead.rejected
                contact: .
                product: "analytics"
                reason: ./why else ""
        "#]],
    );
}

#[test]
fn zoom_has_an_envelope_of_its_own_unless_another_is_written() {
    let zoom = compiled("zoom", "format = \"zoom\"\n[[rule]]\nbecomes = \"ignored\"\n");
    assert_eq!((zoom.format, zoom.otherwise), (Format::Zoom, Otherwise::Quarantine));
    assert_eq!((zoom.envelope.kind.as_deref(), zoom.envelope.id.len()), (Some("/event"), 0));
    assert!(matches!(&zoom.verify[..], [Verify::Hmac(hmac)] if hmac.signature.header == "x-zm-signature"));
    let other = compiled("zoom", "format = \"zoom\"\n[envelope]\ntype = \"/kind\"\n[[rule]]\nbecomes = \"ignored\"\n");
    assert_eq!((other.envelope.kind.as_deref(), other.envelope.at), (Some("/kind"), None));
}

#[test]
fn the_table_of_native_types_is_sound() {
    let fields: Vec<&str> = TYPES.iter().flat_map(NativeType::fields).collect();
    for native in TYPES {
        assert_eq!(NativeType::of(native.name), Some(&native));
        let own: Vec<&str> = native.fields().collect();
        assert!(own.iter().all(|name| own.iter().filter(|other| other == &name).count() == 1), "{}", native.name);
    }
    for name in BY_PRODUCT.iter().chain(&DATES).chain(&NUMBERS).chain(&FLAGS) {
        assert!(fields.contains(name), "{name}");
    }
    // Names that a rule has for itself.
    assert!(["type", "when", "for_each", "becomes"].iter().all(|name| !fields.contains(name)));
}

#[test]
fn the_readme_names_every_native_type_with_its_fields_and_no_other() {
    let readme = include_str!("../../../README.md");
    // The second cell of a type's row: what stands in backticks there, before any example of a value.
    let row = |name: &str| -> Vec<&str> {
        let row = readme.lines().find_map(|line| line.strip_prefix(&format!("| `{name}` | "))).unwrap();
        let cell = row.split(" |").next().unwrap();
        cell.split('`').skip(1).step_by(2).flat_map(|names| names.split(", ")).collect()
    };
    let base = row("lead.touched");
    for native in TYPES {
        let mut named: Vec<&str> = row(native.name)
            .into_iter()
            .flat_map(|name| if name == "lead.touched" { base.clone() } else { vec![name] })
            .collect();
        let mut fields: Vec<&str> = native.fields().collect();
        named.sort_unstable();
        fields.sort_unstable();
        assert_eq!(named, fields, "{}", native.name);
    }
}

/// What may happen to a file.
#[derive(Clone, Debug)]
enum Slip {
    /// A paragraph is lost.
    Lost(prop::sample::Index),
    /// Something else stands in place of so many characters.
    Replaced(prop::sample::Index, usize, String),
}

impl Slip {
    fn made_in(&self, text: &str) -> String {
        match self {
            Self::Lost(which) => {
                let mut paragraphs: Vec<&str> = text.split("\n\n").collect();
                paragraphs.remove(which.index(paragraphs.len()));
                paragraphs.join("\n\n")
            }
            Self::Replaced(from, length, put) => {
                let chars: Vec<char> = text.chars().collect();
                let from = from.index(chars.len());
                let rest = &chars[(from + length).min(chars.len())..];
                chars[..from].iter().copied().chain(put.chars()).chain(rest.iter().copied()).collect()
            }
        }
    }
}

fn slips() -> impl Strategy<Value = Slip> {
    let words = ["[[rule]]\n", "[[verify]]\n", "only_where_sent = true\n", "0", "true", "\"\"", "{}"];
    let put =
        prop_oneof!["[a-z/.{}\\[\\]=\" \\n]{0,12}", prop::sample::select(words.to_vec()).prop_map(str::to_owned),];
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Slip::Lost),
        (any::<prop::sample::Index>(), 0_usize..40, put)
            .prop_map(|(from, length, put)| Slip::Replaced(from, length, put)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is written, a source is refused with a reason, or believes nobody without proof.
    #[test]
    fn a_source_is_refused_with_a_reason_or_asks_for_proof(
        id in prop::sample::select(vec!["hubspot", "salesforce", "segment", "stripe", "zoom"]),
        slip in slips(),
    ) {
        let mut bundle = shipped();
        let broken = slip.made_in(&bundle.sources[id]);
        bundle.sources = [(id.to_owned(), broken)].into();
        match Playbook::of(&bundle) {
            Ok(playbook) => prop_assert!(!playbook.sources[id].verify.is_empty()),
            Err(problems) => {
                let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                prop_assert!(said.contains("sources/") && !said.contains("please report this"), "{said}");
            }
        }
    }
}
