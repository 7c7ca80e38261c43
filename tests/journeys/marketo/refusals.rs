//! What an import refuses, and how it says so: the place and the reason, never a value.

use jiff::Timestamp;
use perennial::import::{Import, ImportError};

/// A mapping that can be used.
const MAPPING: &str = r#"format = 1
source = "tool"
time_zone = "Europe/Berlin"
time_format = "%Y-%m-%d %H:%M:%S"
[[file]]
name = "people.csv"
event = "contact.identified"
id = ["id", "at"]
at = "at"
data.contact = "id"
data.email = "email"
data.role = { column = "role", map = "roles" }
[maps.roles]
boss = "executive"
"" = "user"
"#;

/// Rows that can be used.
const PEOPLE: &str = "id,at,email,role\n7,2020-05-01 12:00:00,ada@example.com,boss\n";

fn read(mapping: &str, files: &[(&str, &[u8])]) -> Result<Import, Vec<ImportError>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let mapping_file = folder.path().join("tool.toml");
    std::fs::write(&mapping_file, mapping).unwrap();
    Import::read(folder.path(), &mapping_file)
}

#[test]
fn times_without_an_offset_are_the_mapping_s_and_others_their_own() {
    let check = |format: &str, cell: &str, expected: &str| {
        let mapping = MAPPING.replace("%Y-%m-%d %H:%M:%S", format);
        let people = PEOPLE.replace("2020-05-01 12:00:00", cell);
        let import = read(&mapping, &[("people.csv", people.as_bytes())]).unwrap();
        assert_eq!(import.starts_at(), Some(expected.parse::<Timestamp>().unwrap()), "{format}");
    };
    check("%Y-%m-%d %H:%M:%S", "2020-05-01 12:00:00", "2020-05-01T10:00:00Z");
    check("%Y-%m-%d %H:%M:%S", "2020-01-01 12:00:00", "2020-01-01T11:00:00Z");
    check("%Y-%m-%d %H:%M:%S%.f", "2020-05-01 12:00:00.250", "2020-05-01T10:00:00.25Z");
    check("%Y-%m-%dT%H:%M:%S%:z", "2020-05-01T12:00:00-04:00", "2020-05-01T16:00:00Z");
    check("%s", "1588327200", "2020-05-01T10:00:00Z");
}

#[test]
fn debug_output_holds_nobody() {
    let import = read(MAPPING, &[("people.csv", PEOPLE.as_bytes())]).unwrap();
    assert_eq!((import.len(), import.is_empty()), (1, false));
    assert_eq!(format!("{import:?}"), r#"Import { source: "import.tool", rows: 1, .. }"#);
}

/// What is said of a mapping in which something was replaced.
fn check_mapping(from: &str, to: &str, expected: &[&str]) {
    assert!(MAPPING.contains(from), "{from}");
    let errors = read(&MAPPING.replacen(from, to, 1), &[("people.csv", PEOPLE.as_bytes())]).unwrap_err();
    assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{from} → {to}");
}

#[test]
fn a_mapping_that_contradicts_itself_is_refused() {
    check_mapping("format = 1", "format = 2", &["tool.toml: format is not 1"]);
    check_mapping("format = 1", "format = \"ada@example.com\"", &["tool.toml:1: has a value that is not i64"]);
    check_mapping("\"tool\"", "\"a#b\"", &["tool.toml: source is not a name of a-z, 0-9 and -"]);
    check_mapping("\"tool\"", "\"native\"", &["tool.toml: source is native, the name under which webhooks are kept"]);
    check_mapping(
        "Europe/Berlin",
        "Europe/Fernhill",
        &["tool.toml: time_zone is not a time zone such as UTC or Europe/Berlin"],
    );
    for format in ["%Y-%m-%d", "%Q", ""] {
        let expected = "tool.toml: time_format does not tell an instant, as %Y-%m-%d %H:%M:%S%.f does";
        check_mapping("%Y-%m-%d %H:%M:%S", format, &[expected]);
    }
    check_mapping(
        "event = \"contact.identified\"",
        "",
        &["tool.toml:5: event is missing; a file that tells nothing has skip = \"the reason\""],
    );
    check_mapping(
        "event = \"contact.identified\"",
        "event = \"contact.identified\"\nskip = \"later\"",
        &["tool.toml:5: skip stands beside event: which one is meant?"],
    );
    check_mapping(
        "event = \"contact.identified\"",
        "skip = \" \"",
        &[
            "tool.toml:5: skip stands beside id, at or data, which a skipped row does not need",
            "tool.toml:5: skip gives no reason",
        ],
    );
    check_mapping(
        "contact.identified",
        "contact.seen",
        &["tool.toml:5: event is none of engagement.recorded, contact.identified, account.updated, lead.touched, \
           lead.accepted, lead.opportunity, lead.later, lead.won, lead.lost, lead.rejected, email.reported, email.bounced, \
           email.unsubscribed, contact.merged, contact.erased"],
    );
    check_mapping(
        "id = [\"id\", \"at\"]",
        "id = []",
        &["tool.toml:5: id is missing, or is not the name of a column or a list of them"],
    );
    check_mapping(
        "at = \"at\"\n",
        "at = \"at\"\neach = \"role\"\ndata.title = \"role\"\n",
        &["people.csv:2: role is not a list such as [17, 18]"],
    );
    check_mapping(
        "at = \"at\"\n",
        "at = \"at\"\neach = \"kind\"\n",
        &["tool.toml:5: each is a column that no field of data is read from: all its events would be the same"],
    );
    check_mapping("at = \"at\"\n", "\n", &["tool.toml:5: at is missing: the column with the time"]);
    check_mapping(
        "data.email",
        "data.mail",
        &["tool.toml:5: data.mail is no field of contact.identified; it has contact, account, email, first_name, \
           last_name, title, role, time_zone, locale"],
    );
    check_mapping(
        "map = \"roles\"",
        "map = \"jobs\"",
        &["tool.toml:5: data.role goes through a map that is not in [maps]"],
    );
    for source in ["{ column = \"role\" }", "{ text = 1 }", "7", "{ text = \"a\", map = \"roles\" }"] {
        let expected = "tool.toml:5: data.role is not a column, { column, map }, { text }, true or false";
        check_mapping("{ column = \"role\", map = \"roles\" }", source, &[expected]);
    }
    check_mapping("\"executive\"", "7", &["tool.toml: maps.roles has a value that is no text, true or false"]);
    check_mapping(
        "[maps.roles]",
        "[[file]]\nname = \"people.csv\"\nskip = \"later\"\n[maps.roles]",
        &["tool.toml:13: name was seen before, without when: no row comes here"],
    );
    check_mapping(
        "[maps.roles]",
        "[[file]]\nname = \"others.csv\"\nskip = \"later\"\n[maps.roles]",
        &["others.csv: is in the mapping and not in the folder"],
    );
    check_mapping(
        "name = \"people.csv\"",
        "name = \"people.csv\"\nwhen = { kind = [\"a\"] }",
        &["people.csv:1: kind is not a column of this file"],
    );
    check_mapping(
        "name = \"people.csv\"",
        "name = \"people.csv\"\nwhen = { id = [\"8\"] }",
        &["people.csv:2: fits no [[file]] section of the mapping"],
    );
}

/// What is said of rows, the second line of which can be used.
fn check_rows(rows: &[u8], expected: &[&str]) {
    let content = [PEOPLE.as_bytes(), rows].concat();
    let errors = read(MAPPING, &[("people.csv", &content)]).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected, "{}", String::from_utf8_lossy(rows));
}

#[test]
fn a_row_that_cannot_be_used_is_named_and_not_shown() {
    let row = |id: &str, at: &str, email: &str, role: &str| format!("{id},{at},{email},{role}\n").into_bytes();
    let noon = "2020-05-01 12:00:00";
    check_rows(&row("", noon, "ada@example.com", ""), &["people.csv:3: id is missing"]);
    check_rows(&row("8", "ada@example.com", "", ""), &["people.csv:3: at is not a time as time_format says"]);
    check_rows(
        &row("8", noon, "ada at example.com", ""),
        &["people.csv:3: email is not a plain address: one name, an @, one domain"],
    );
    check_rows(
        &row("8", noon, "", "ada@example.com"),
        &["people.csv:3: role is not in [maps.roles], which has no default"],
    );
    check_rows(b"8,2020-05-01 12:00:00\n", &["people.csv:3: has 2 cells where the first line has 4"]);
    check_rows(b"8,2020-05-01 12:00:00,\xff,\n", &["people.csv:3: is not UTF-8"]);
    check_rows(
        &[row("8", "today", "", ""), row("9", noon, "", ""), row("10", "today", "", "")].concat(),
        &["people.csv:3: at is not a time as time_format says", "people.csv:5: at is not a time as time_format says"],
    );
}

#[test]
fn of_many_errors_the_first_are_enough() {
    let rows = "8,today,,\n".repeat(1_000);
    let errors = read(MAPPING, &[("people.csv", format!("{PEOPLE}{rows}").as_bytes())]).unwrap_err();
    assert_eq!(errors.len(), 21);
    assert_eq!(errors[20].to_string(), "people.csv: has more errors; mend these first");
}

#[test]
fn a_file_that_the_mapping_does_not_name_is_refused() {
    let errors = read(MAPPING, &[("people.csv", PEOPLE.as_bytes()), ("clicks.CSV", b"id\n1\n")]).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["clicks.CSV: is not in the mapping; name it there, if only to skip it"]);
}

#[test]
fn a_column_that_stands_twice_is_refused_if_it_is_meant() {
    let twice = PEOPLE.replacen("role\n", "email\n", 1);
    let errors = read(MAPPING, &[("people.csv", twice.as_bytes())]).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let expected =
        ["people.csv:1: email is the name of several columns", "people.csv:1: role is not a column of this file"];
    assert_eq!(said, expected);
}

const MERGES: &str = r#"
format = 1
source = "tool"
time_zone = "UTC"
time_format = "%Y-%m-%d %H:%M:%S"
[[file]]
name = "merges.csv"
event = "contact.merged"
id = "id"
at = "at"
each = "others"
data.from = "others"
data.contact = "stays"
"#;

#[tokio::test]
async fn a_row_with_a_list_tells_of_each_of_its_elements_and_counts_once() {
    let at = "2020-05-01 12:00:00";
    let rows =
        format!("id,at,others,stays\n1,{at},\"[7, \"\"8\"\"]\",ada\n2,{at},,ada\n3,{at},17,ada\n4,{at},[],ada\n");
    let import = read(MERGES, &[("merges.csv", rows.as_bytes())]).unwrap();
    assert_eq!(import.len(), 4);
    let deployment = crate::open_world(import.starts_at().unwrap()).await;
    let outcome = import.play(&deployment, |_| {}).await.unwrap();
    let outcomes: Vec<_> = outcome.outcomes.iter().map(|(outcome, rows)| (outcome.as_str(), *rows)).collect();
    assert_eq!((outcome.rows, outcomes), (4, vec![("accepted", 2), ("skipped: others is empty", 2)]));
    let merged = perennial_tests::merged_into(&deployment, "ada").await;
    assert_eq!(merged.iter().map(String::as_str).collect::<Vec<_>>(), ["17", "7", "8"]);
}
