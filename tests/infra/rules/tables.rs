//! Tables: what is remembered must outlive mistakes.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use perennial_tests::root;
use serde_json::Value;

use super::Found;
use crate::sam::{Template, list, named};

/// Indexes that no function asks for, and who does.
const ASKED_BY_OPERATORS: [(&str, &str); 1] = [("LedgerTable/index/quarantine", "`perennial quarantine`")];

pub(crate) fn keep(template: &Template) -> Vec<String> {
    let mut found = Found::default();
    let tables: Vec<(&str, &Value)> = template.all("AWS::DynamoDB::Table").collect();
    found.must("LedgerTable", tables.len() == 2, "there are two tables");
    for (id, table) in tables {
        let resource = &template.resources[id];
        found.is(id, resource, "/DeletionPolicy", "Retain");
        found.is(id, resource, "/UpdateReplacePolicy", "Retain");
        found.is(id, table, "/DeletionProtectionEnabled", true);
        found.is(id, table, "/BillingMode", "PAY_PER_REQUEST");
        found.is(id, table, "/SSESpecification/SSEEnabled", true);
        found.is(id, table, "/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled", true);
        let days = named(&table["PointInTimeRecoverySpecification"]["RecoveryPeriodInDays"]);
        found.must(id, days == "RecoveryDays", "nobody says how far back it can be restored");
        found.is(id, table, "/StreamSpecification/StreamViewType", "NEW_IMAGE");
        check_keys(id, table, &mut found);
        check_key_of_its_own(template, id, table, &mut found);
    }
    let ledger = &template.resources.get("LedgerTable").cloned().unwrap_or_default()["Properties"];
    found.is("LedgerTable", ledger, "/TimeToLiveSpecification/Enabled", true);
    found.is("LedgerTable", ledger, "/TimeToLiveSpecification/AttributeName", "expires_at");
    check_indexes(template, &mut found);
    check_rows(template, &mut found);
    found.all()
}

/// With a key of the stack's own, tables are encrypted with that one.
fn check_key_of_its_own(template: &Template, id: &str, table: &Value, found: &mut Found) {
    if let Some((key, _)) = template.all("AWS::KMS::Key").next() {
        let with = named(&table["SSESpecification"]["KMSMasterKeyId"]);
        found.must(id, with == key, format_args!("it is not encrypted with {key}"));
        found.is(id, table, "/SSESpecification/SSEType", "KMS");
    }
}

/// Attributes are declared where they are keys, and nowhere else.
fn check_keys(id: &str, table: &Value, found: &mut Found) {
    let attributes = |of: &Value| {
        list(&of["KeySchema"])
            .iter()
            .filter_map(|key| key["AttributeName"].as_str())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    found.must(id, attributes(table) == ["PK", "SK"], "its keys are PK and SK");
    let schemas: Vec<&Value> =
        list(&table["GlobalSecondaryIndexes"]).into_iter().map(|index| &index["KeySchema"]).collect();
    let mut keys: BTreeSet<String> = attributes(table).into_iter().collect();
    for index in list(&table["GlobalSecondaryIndexes"]) {
        let name = index["IndexName"].as_str().unwrap_or("an index");
        let of_it = attributes(index);
        found.must(id, !of_it.is_empty(), format_args!("{name} has no key"));
        keys.extend(of_it);
        let projects = index["Projection"]["ProjectionType"].as_str();
        found.must(id, matches!(projects, Some("KEYS_ONLY" | "INCLUDE")), format_args!("{name} holds more than keys"));
    }
    let declared = list(&table["AttributeDefinitions"]);
    let typed = declared.iter().all(|it| matches!(it["AttributeType"].as_str(), Some("S" | "N")));
    let declared: BTreeSet<String> =
        declared.iter().filter_map(|it| it["AttributeName"].as_str()).map(str::to_owned).collect();
    found.must(id, typed && declared == keys, "what is declared is not what the keys are made of");
    for (schema, name) in [&table["KeySchema"]].into_iter().chain(schemas).zip(1..) {
        let kinds: Vec<&str> = list(schema).iter().filter_map(|key| key["KeyType"].as_str()).collect();
        let all = kinds.len() == list(schema).len();
        let whole = all && (kinds == ["HASH", "RANGE"] || (kinds == ["HASH"] && name > 1));
        found.must(id, whole, format_args!("the keys of number {name} are not a hash and a range"));
    }
}

/// The index that shows rows holds what a row shows, and nothing else.
fn check_rows(template: &Template, found: &mut Found) {
    let tables = template.all("AWS::DynamoDB::Table");
    let indexes =
        tables.flat_map(|(id, table)| list(&table["GlobalSecondaryIndexes"]).into_iter().map(move |it| (id, it)));
    for (id, index) in indexes.filter(|(_, index)| index["Projection"]["ProjectionType"] == "INCLUDE") {
        let text = |value: &&Value| value.as_str().map(str::to_owned);
        let keys: BTreeSet<String> =
            list(&index["KeySchema"]).iter().filter_map(|key| text(&&key["AttributeName"])).collect();
        let held: BTreeSet<String> = list(&index["Projection"]["NonKeyAttributes"]).iter().filter_map(text).collect();
        let shown: BTreeSet<String> = row().iter().filter(|name| !keys.contains(*name)).cloned().collect();
        let (more, less): (Vec<_>, Vec<_>) = (held.difference(&shown).collect(), shown.difference(&held).collect());
        let same = more.is_empty() && less.is_empty();
        found.must(id, same, format_args!("a row of the desk needs {less:?} of its index and does not show {more:?}"));
    }
}

/// The attributes of a row at the desk, but for the table's keys, as its reader declares them.
fn row() -> &'static BTreeSet<String> {
    static ROW: OnceLock<BTreeSet<String>> = OnceLock::new();
    ROW.get_or_init(|| {
        let source = std::fs::read_to_string(root().join("shared/platform/src/desk/reading.rs")).expect("the reader");
        let row = source.split("pub struct Row {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("a row");
        let fields = row.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'));
        fields.map(|(name, _)| name.to_owned()).filter(|name| name != "pk" && name != "sk").collect()
    })
}

/// Every index is asked for by somebody: a function's role or an operator.
fn check_indexes(template: &Template, found: &mut Found) {
    let asked: BTreeSet<String> = template
        .all("AWS::IAM::Role")
        .flat_map(|(_, role)| list(&role["Policies"]))
        .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]))
        .flat_map(|statement| list(&statement["Resource"]))
        .map(named)
        .filter(|resource| resource.contains("/index/"))
        .chain(ASKED_BY_OPERATORS.iter().map(|(index, _)| (*index).to_owned()))
        .collect();
    let there: BTreeSet<String> =
        template.partition_attributes().into_keys().filter(|name| name.contains("/index/")).collect();
    for index in there.difference(&asked) {
        // Without the desk nobody asks for what is on it.
        let of_the_desk = !template.resources.contains_key("SalesDesk") && index.ends_with("/desk");
        found.must(index, of_the_desk, "nobody asks for this index");
    }
    for index in asked.difference(&there) {
        found.say(index, "somebody asks for this index, and it is not there");
    }
}
