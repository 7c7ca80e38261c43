//! The first story through all functions, against an expectation that was worked out by hand before the code: see
//! `first_light/README.md` for the arithmetic.

use std::path::Path;

use jiff::Timestamp;
use perennial::account::{Account, Rows};
use perennial::example::Story;
use perennial_domain::interest::{evaluate, instant};
use perennial_local::World;
use serde_json::{Value, json};

use crate::open_world;

const START: &str = "2026-01-12T00:00:00Z";
const END: &str = "2026-03-23T12:00:00Z";

#[tokio::test]
async fn first_light_goes_as_worked_out_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("journeys");
    let start: Timestamp = START.parse().unwrap();
    let deployment = open_world(start).await;
    let story = Story::read(&folder.join("first_light")).unwrap();
    story.play(&deployment, start, |_| {}).await.unwrap();
    deployment.world.advance_to(END.parse().unwrap(), |_| {}).await.unwrap();

    let kinds = perennial_tests::bus::assert_events_keep_to_their_schemas(&deployment);
    assert!(kinds.len() >= 6, "{kinds:?}");
    let rows = Rows::read(&deployment).await.unwrap();
    let account = Account::from_rows(&deployment, &rows).unwrap();
    assert_eq!((account.dead_letters, account.unsettled.len()), (0, 0), "nothing is left behind");
    let mut seen = serde_json::to_value(&account).unwrap();
    let reader = &rows.interests[&("acme-reader".into(), "analytics".into())];
    let on = |date: &str| {
        let at = format!("{date}T23:00:00Z").parse().unwrap();
        evaluate(&deployment.playbook.interest, &"analytics".into(), &reader.facts, at).points
    };
    let expected = std::fs::read_to_string(folder.join("first_light.expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let dates = expected["acme_reader_analytics_on"].as_object().unwrap().keys();
    seen["acme_reader_analytics_on"] = dates.map(|date| (date.clone(), json!(on(date)))).collect::<Value>();
    seen["cooled"] = cooled(&deployment.world);
    seen["sales_mails"] = sales_mails(&deployment.world);

    for (section, expected) in expected.as_object().unwrap() {
        assert_eq!(pretty(&only_named(&seen[section], expected)), pretty(expected), "{section}");
    }
}

/// The fields that the expectation names; a report may have more.
fn only_named(seen: &Value, expected: &Value) -> Value {
    match (seen, expected) {
        (Value::Array(seen), Value::Array(expected)) => {
            let first = expected.first().unwrap_or(&Value::Null);
            seen.iter().map(|seen| only_named(seen, first)).collect()
        }
        (Value::Object(seen), Value::Object(expected)) => {
            expected.keys().map(|name| (name.clone(), seen.get(name).cloned().unwrap_or_default())).collect()
        }
        _ => seen.clone(),
    }
}

fn cooled(world: &World) -> Value {
    let mut cooled: Vec<Value> = world
        .bus_events()
        .unwrap()
        .iter()
        .filter(|event| event.envelope["detail-type"] == "InterestCooled")
        .map(|event| {
            let detail = &event.envelope["detail"];
            json!({"contact": detail["contact"], "product": detail["product"], "at": event.at.to_string()})
        })
        .collect();
    cooled.sort_by_key(|event| format!("{} {}", event["contact"], event["product"]));
    cooled.into()
}

fn sales_mails(world: &World) -> Value {
    let kind = |mail: &perennial_local::Mail| {
        mail.tags.iter().find(|(name, _)| name == "kind").map(|(_, kind)| kind.clone()).unwrap_or_default()
    };
    world
        .mails()
        .unwrap()
        .iter()
        // The weekly mail is not worked out by hand: it follows from the interest of everybody at once. See `faults/briefs.rs`.
        .filter(|mail| !["nurture", "brief"].contains(&kind(mail).as_str()))
        // Mails that leave at once follow each other by the rate of the account: within the second that is worked out.
        .map(|mail| json!({"kind": kind(mail), "to": mail.to.join(", "), "at": instant(mail.at.as_second()).to_string()}))
        .collect()
}

fn pretty(value: &Value) -> String {
    let lines = match value {
        Value::Array(lines) => lines.iter().map(ToString::to_string).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
        other => vec![other.to_string()],
    };
    lines.join("\n")
}
