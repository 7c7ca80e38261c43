//! What becomes of interest, as `tests/fixtures/sales/qualification.toml` states it for whoever wants to check it by hand: every row is
//! told over the webhook to a world of its own, and what is stored in the end is compared with what the file says.

use std::sync::Arc;

use http::Request;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use perennial::deployment::{Deployment, address_key};
use perennial_domain::interest::instant;
use perennial_local::ClockHandle;
use perennial_platform::lambda::Tick;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::records::{Held, Lead};
use perennial_playbook::Playbook;
use perennial_tests::{PUBLIC_URL, at, body, clock, deploy_with, engagement, playbook, playbook_with, settle, tell};
use qualify_mql::{QualifyMql, Trigger};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const ROWS: &str = include_str!("../fixtures/sales/qualification.toml");
/// Nearly as many as there are: rows are not lost by a slip.
const AT_LEAST: usize = 60;
/// When everything is told that the file does not speak of.
const BEFORE: &str = "2026-01-02T10:00:00Z";
/// What the centre sends of somebody who wants everything, but for calls.
const ALL_BUT_CALLS: &str =
    "shown=numbers&topic=numbers&frequency=as-often&channel=email&channel=ads&pause=none&do=save";

/// The file, under its headings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    threshold: Vec<Row>,
    once: Vec<Row>,
    priority: Vec<Row>,
    owned: Vec<Row>,
    health: Vec<Row>,
    new_customer: Vec<Row>,
    recycled: Vec<Row>,
    consent: Vec<Row>,
    known: Vec<Row>,
    quarters: Vec<Row>,
}

/// One row, as the head of the file explains.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    says: String,
    told: Vec<String>,
    expect: Vec<String>,
    #[serde(default)]
    ada: Map<String, Value>,
    #[serde(default)]
    juniper: Map<String, Value>,
    #[serde(default)]
    not_said: Vec<String>,
    quarter: Option<QuarterRow>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuarterRow {
    first_month: i8,
    time_zone: String,
}

fn rows() -> Vec<Row> {
    let File { threshold, once, priority, owned, health, new_customer, recycled, consent, known, quarters } =
        toml::from_str(ROWS).expect("the file is as its head says");
    [threshold, once, priority, owned, health, new_customer, recycled, consent, known, quarters].concat()
}

/// `2026-03-02 09:00`, with seconds and their parts or without.
fn time(text: &str) -> Timestamp {
    let (date, time) = text.split_once(' ').expect("a date and a time");
    let seconds = if time.len() == 5 { ":00" } else { "" };
    at(&format!("{date}T{time}{seconds}Z"))
}

impl Row {
    fn playbook(&self) -> Arc<Playbook> {
        let Some(QuarterRow { first_month, time_zone }) = &self.quarter else { return playbook() };
        let calendar = "first_month = 1\ntime_zone = \"UTC\"";
        playbook_with(|text| {
            assert!(text.contains(calendar), "the example's quarters are calendar ones");
            text.replace(calendar, &format!("first_month = {first_month}\ntime_zone = \"{time_zone}\""))
        })
    }

    /// Fields of one with this id as they are told: those of everybody, those of the row, and without what nobody has said.
    fn fields(&self, (of, id): (&str, &str), usual: Value, of_row: &Map<String, Value>) -> Value {
        let Value::Object(mut fields) = usual else { panic!("fields") };
        fields.extend(of_row.clone());
        fields.retain(|name, _| !self.not_said.contains(name));
        fields.insert(of.to_owned(), json!(id));
        fields.into()
    }

    async fn open(&self) -> Deployment {
        let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), self.playbook()).await;
        let usual = json!({
            "health": "good", "owner": "rep-anna", "customer_since": "2024-01-15",
            "owns": {"integrations": "2024-01-15"},
        });
        let juniper = body("account.updated", at(BEFORE), &self.fields(("account", "juniper"), usual, &self.juniper));
        tell(&deployment, "juniper", &juniper).await;
        if !self.ada.contains_key("unknown") {
            let usual = json!({"account": "juniper", "email": "ada@example.com", "role": "user"});
            let ada = self.fields(("contact", "ada"), usual, &self.ada);
            tell(&deployment, "ada", &body("contact.identified", at(BEFORE), &ada)).await;
        }
        settle(&deployment).await;
        deployment
    }

    /// What is stored after everything was told, as the file writes it.
    async fn seen(&self) -> Vec<String> {
        let deployment = self.open().await;
        for (number, line) in self.told.iter().enumerate() {
            let (when, what) = line.split_at(16);
            deployment.world.clock().set(time(when));
            happens(&deployment, &format!("line-{number}"), what.trim()).await;
            settle(&deployment).await;
        }
        let rows = deployment.store.contact(&"ada".into()).await.expect("the contact can be read");
        assert!(deployment.world.dead_letters().expect("the world remembers").is_empty(), "{}", self.says);
        let mut seen: Vec<String> = rows.leads.iter().map(lead).chain(rows.held.iter().map(held)).collect();
        seen.sort();
        seen
    }
}

fn lead(lead: &Lead) -> String {
    let (name, priority, kind) = (format!("{} {}", lead.product, lead.quarter), lead.priority(), lead.kind());
    let made = instant(lead.qualified_at).to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string();
    let new = if lead.new_customer { ", new customer" } else { "" };
    let to = if lead.owner == "rep-anna" { String::new() } else { format!(", to {}", lead.owner) };
    format!("{name}: lead, {priority}, {kind}, {made}{new}{to}")
}

fn held(held: &Held) -> String {
    format!("{} {}: held, {}", held.product, held.quarter, held.reason)
}

/// One line of `told`.
async fn happens(deployment: &Deployment, id: &str, what: &str) {
    let now = deployment.world.clock().now();
    let words: Vec<&str> = what.split_whitespace().collect();
    match words[..] {
        ["run"] => run(deployment).await,
        ["wants", "no", "calls"] => press(deployment, &centre(), ALL_BUT_CALLS).await,
        ["wants", "all"] => press(deployment, &centre(), &format!("{ALL_BUT_CALLS}&channel=phone")).await,
        ["opts", "out"] => press(deployment, &opt_out(), "").await,
        ["juniper", field] => {
            tell(deployment, id, &body("account.updated", now, &stated("account", "juniper", field))).await;
        }
        ["ada", field] => {
            tell(deployment, id, &body("contact.identified", now, &stated("contact", "ada", field))).await;
        }
        ["sales", word, product] => say(deployment, id, word, json!({"product": product})).await,
        ["sales", word, product, "until", date] => {
            say(deployment, id, word, json!({"product": product, "until": date})).await;
        }
        [action, asset] => tell(deployment, id, &engagement("ada", asset, action, now)).await,
        [action, asset, "of", date, clock] => {
            tell(deployment, id, &engagement("ada", asset, action, time(&format!("{date} {clock}")))).await;
        }
        _ => panic!("{what}: no such line"),
    }
}

/// `health=good`, of the one with this id; `owns.analytics=2026-03-01`.
fn stated(of: &str, id: &str, field: &str) -> Value {
    let (name, value) = field.split_once('=').expect("a field and its value");
    match name.split_once('.') {
        Some((name, product)) => json!({of: id, name: {product: value}}),
        None => json!({of: id, name: value}),
    }
}

async fn say(deployment: &Deployment, id: &str, word: &str, mut data: Value) {
    data["contact"] = json!("ada");
    tell(deployment, id, &body(&format!("lead.{word}"), deployment.world.clock().now(), &data)).await;
}

/// The daily run, for now.
async fn run(deployment: &Deployment) {
    let qualify_mql = QualifyMql {
        store: deployment.store.clone(),
        address_key: address_key(),
        playbook: Arc::clone(&deployment.playbook),
        clock: clock(deployment),
    };
    let tick: Tick =
        serde_json::from_value(json!({"job": "held", "scheduled_at": deployment.world.clock().now().to_string()}))
            .expect("a tick");
    qualify_mql.handle(Trigger::Tick(tick)).await.expect("it is decided again");
}

fn centre() -> Purpose {
    Purpose::Preferences { contact: "ada".into(), slot: "2026-01-08".to_owned() }
}

fn opt_out() -> Purpose {
    Purpose::Unsubscribe { contact: "ada".into(), slot: "2026-01-08".to_owned() }
}

async fn press(deployment: &Deployment, purpose: &Purpose, form: &str) {
    let links = Links::new("the local world's link key", PUBLIC_URL);
    let url = links.url(purpose, deployment.world.clock().now());
    let path = url.strip_prefix(PUBLIC_URL).expect("our own link");
    let request = Request::post(path).body(form.as_bytes().to_vec().into()).expect("a request");
    let answer = deployment.world.http(request).await.expect("the world goes on");
    assert_eq!(answer.status(), 200, "{form}");
}

#[tokio::test]
async fn every_row_of_the_file_becomes_what_it_says() {
    let rows = rows();
    assert!(rows.len() >= AT_LEAST, "{} rows", rows.len());
    let mut differences = Vec::new();
    for row in &rows {
        let seen = row.seen().await;
        if seen != row.expect {
            differences.push(format!("{}\n    expected {:?}\n    seen     {seen:?}", row.says, row.expect));
        }
    }
    assert!(differences.is_empty(), "{} of {} rows\n{}", differences.len(), rows.len(), differences.join("\n"));
}
