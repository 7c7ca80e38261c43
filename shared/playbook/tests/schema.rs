//! The JSON Schema that editors read: it is this version's, it knows the example, and it sees the slips that a schema can
//! see.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect, expect_file};
use perennial_playbook::Playbook;
use serde_json::{Value, json};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_committed_schema_is_the_one_of_this_version() {
    let json = serde_json::to_string_pretty(&Playbook::schema()).unwrap() + "\n";
    expect_file!["../../../infra/playbook/playbook.schema.json"].assert_eq(&json);
}

#[test]
fn a_sound_playbook_keeps_to_it() {
    for path in ["../../infra/playbook", "tests/fixtures/minimal"] {
        let text = fs::read_to_string(folder(path).join("playbook.toml")).unwrap();
        assert_eq!(faults(&text), Vec::<String>::new(), "{path}");
    }
    let example = fs::read_to_string(folder("../../infra/playbook/playbook.toml")).unwrap();
    assert!(example.starts_with("#:schema ./playbook.schema.json\n"));
}

#[test]
fn the_committed_schema_of_sources_is_the_one_of_this_version() {
    let json = serde_json::to_string_pretty(&Playbook::sources_schema()).unwrap() + "\n";
    expect_file!["../../../infra/playbook/sources.schema.json"].assert_eq(&json);
}

#[test]
fn the_shipped_sources_keep_to_theirs() {
    for (id, text) in &Playbook::bundle(&folder("../../infra/playbook")).unwrap().sources {
        assert_eq!(faults_by(&Playbook::sources_schema(), text), Vec::<String>::new(), "{id}");
    }
}

#[test]
fn a_slip_in_a_source_that_a_schema_can_see_is_refused_by_both() {
    let bundle = Playbook::bundle(&folder("../../infra/playbook")).unwrap();
    let check = |id: &str, from: &str, to: &str, expected: Expect| {
        let mut broken = bundle.clone();
        let text = broken.sources.get_mut(id).unwrap();
        assert!(text.contains(from), "the sound source does not hold {from}");
        *text = text.replacen(from, to, 1);
        expected.assert_eq(&faults_by(&Playbook::sources_schema(), text).join("; "));
        assert!(Playbook::of(&broken).is_err(), "{from} -> {to}");
    };
    check("zoom", "format = \"zoom\"", "format = \"zom\"", expect!["/format: oneOf"]);
    check("zoom", "format = \"zoom\"", "", expect!["/format is missing"]);
    check("segment", "[[verify]]", "[[verfy]]", expect!["/verfy is unknown"]);
    check("segment", "scheme = \"token\"", "scheme = \"tokken\"", expect!["/verify/0/scheme: oneOf"]);
    check("segment", "scheme = \"token\"", "scheme = \"token\"\nheadr = \"x\"", expect!["/verify/0/headr is unknown"]);
    check("hubspot", "becomes = \"lead.touched\"", "becomes = \"lead.touch\"", expect!["/rule/0/becomes: enum"]);
    check("hubspot", "becomes = \"lead.touched\"\n", "", expect!["/rule/0/becomes is missing"]);
    check("hubspot", "product = \"analytics\"", "prodcut = \"analytics\"", expect!["/rule/0/prodcut is unknown"]);
    check("hubspot", "unit = \"milliseconds\"", "unit = \"millis\"", expect!["/envelope/at: anyOf"]);
    check("stripe", "value = { take", "value = { tak", expect!["/rule/0/owns: anyOf"]);
    check("stripe", "else = 1", "else = 1.5", expect!["/rule/0/seats: anyOf"]);
}

#[test]
fn a_slip_that_a_schema_can_see_is_refused_by_both() {
    let bundle = Playbook::bundle(&folder("tests/fixtures/minimal")).unwrap();
    let check = |from: &str, to: &str, expected: &str| {
        let mut broken = bundle.clone();
        assert!(broken.playbook.contains(from), "the sound playbook does not hold {from}");
        broken.playbook = broken.playbook.replacen(from, to, 1);
        assert_eq!(faults(&broken.playbook).join("; "), expected, "{from} -> {to}");
        assert!(Playbook::of(&broken).is_err(), "{from} -> {to}");
    };
    check("format = 1", "format = 2", "/format: const");
    check("[goals]", "[gaols]", "/gaols is unknown; /goals is missing");
    check("site = ", "sitee = ", "/company/sitee is unknown; /company/site is missing");
    check("name = \"Fernhill Software\"\n", "", "/company/name is missing");
    check("\"thu\", \"fri\"", "\"thu\", \"fry\"", "/team/working_days/4: enum");
    check("first_month = 1", "first_month = 13", "/quarter/first_month: maximum");
    check("first_month = 1", "first_month = 1\nrequalify = \"on-rolover\"", "/quarter/requalify: oneOf");
    check("threshold = 5", "threshold = 0", "/interest/threshold: minimum");
    check("threshold = 5", "threshold = \"five\"", "/interest/threshold: type");
    check("decay = \"halve\"", "decay = \"half\"", "/interest/decay: oneOf");
    check("decay = \"halve\"", "decay = { percent = 101 }", "/interest/decay: oneOf");
    check("seconds_after_sending = 10", "clicks_per_day = 1", "/interest/gate/clicks_per_day: minimum");
    check("id = \"guide\"", "id = \"The Guide\"", "/asset/0/id: pattern");
    check("stage = \"late\"", "stage = \"last\"", "/asset/0/stage: oneOf");
    check("download = 4", "download = 1001", "/asset/0/points/download: maximum");
    check("points = { watch = 3, unsubscribe = -5 }\n", "", "/asset/1: anyOf");
    check(
        "[interest.gate]",
        "[interest.points]\nlate = { hihg = 9 }\n[interest.gate]",
        "/interest/points/late/hihg is unknown",
    );
    check(
        "size = {",
        "revenue_cents = [{ at_least = -1, points = 5 }]\nsize = {",
        "/fit/revenue_cents/0/at_least: minimum",
    );
    check("fit_weight = 50", "fit_weight = 150", "/qualify/fit_weight: maximum");
    check("kind = \"retention\"", "kind = \"retantion\"", "/stream/2/kind: oneOf");
    check("pieces = [\"robots\"]", "pieces = []", "/stream/1/pieces: minItems");
    check("to = [\"rep\"]", "to = [\"reps\"]", "/sla/rung/0/to/0: oneOf");
    check("\"USD\"", "\"dollars\"", "/goals/currency: pattern");
    check("https://www.fernhill.example.com", "www.fernhill.example.com", "/company/site: pattern");
    check(
        "[[rep]]\nid = \"anna\"",
        "[[persona]]\nid = \"anyone\"\nsegment = \"all\"\n[[rep]]\nid = \"anna\"",
        "/persona/0/name is missing",
    );
}

/// What the schema says of a playbook.
fn faults(playbook: &str) -> Vec<String> {
    faults_by(&Playbook::schema(), playbook)
}

/// What a schema says of a file.
fn faults_by(schema: &Value, file: &str) -> Vec<String> {
    let value: Value = toml::from_str(file).unwrap();
    let mut faults = Vec::new();
    judge(schema, schema, &value, "", &mut faults);
    faults
}

/// Judges a value by the keywords that the schema uses, and fails at any other: none is passed over.
fn judge(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if *schema == json!(false) {
        return faults.push(format!("{at} is unknown"));
    }
    let object = schema.as_object().unwrap();
    let sound = |branch: &&Value| {
        let mut faults = Vec::new();
        judge(root, branch, value, at, &mut faults);
        faults.is_empty()
    };
    for (keyword, rule) in object {
        let least = |amount: Option<usize>| amount.is_none_or(|amount| amount as u64 >= rule.as_u64().unwrap());
        let most = |amount: Option<usize>| amount.is_none_or(|amount| amount as u64 <= rule.as_u64().unwrap());
        let integer = value.as_i64();
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => true,
            "$ref" => {
                let definition = root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap();
                judge(root, definition, value, at, faults);
                true
            }
            "type" => is_a(value, rule.as_str().unwrap()),
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => integer.is_none_or(|integer| integer >= rule.as_i64().unwrap()),
            "maximum" => integer.is_none_or(|integer| integer <= rule.as_i64().unwrap()),
            "minLength" => least(value.as_str().map(|text| text.chars().count())),
            "maxLength" => most(value.as_str().map(|text| text.chars().count())),
            "maxItems" => most(value.as_array().map(Vec::len)),
            "minItems" => least(value.as_array().map(Vec::len)),
            "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            "anyOf" => rule.as_array().unwrap().iter().any(|branch| sound(&branch)),
            "oneOf" => rule.as_array().unwrap().iter().filter(sound).count() == 1,
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    judge(root, rule, item, &format!("{at}/{index}"), faults);
                }
                true
            }
            "required" => {
                for name in rule.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        faults.push(format!("{at}/{name} is missing"));
                    }
                }
                true
            }
            "properties" | "additionalProperties" => {
                let known = object.get("properties").and_then(Value::as_object);
                for (name, field) in value.as_object().into_iter().flatten() {
                    let own = known.and_then(|known| known.get(name));
                    let rule = if keyword == "properties" { own } else { own.is_none().then_some(rule) };
                    if let Some(rule) = rule {
                        judge(root, rule, field, &format!("{at}/{name}"), faults);
                    }
                }
                true
            }
            other => panic!("{other} is not judged here"),
        };
        if !holds {
            faults.push(format!("{at}: {keyword}"));
        }
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("{other} is not a type here"),
    }
}

/// The patterns of the schema, by hand.
fn matches(pattern: &str, text: &str) -> bool {
    let id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    match pattern {
        "^[a-z0-9][a-z0-9._-]{0,63}$" => {
            text.starts_with(id) && text.chars().all(|c| id(c) || "._-".contains(c)) && text.len() <= 64
        }
        "^[A-Z]{3}$" => text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()),
        "^https?://" => text.starts_with("https://") || text.starts_with("http://"),
        other => panic!("{other} is not judged here"),
    }
}
