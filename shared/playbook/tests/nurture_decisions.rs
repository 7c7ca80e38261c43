//! The nurture decisions of `tests/fixtures/nurture/decisions.toml`, each compared with what is decided.
//!
//! The file is for marketers: this test adds nothing to what they state, and reports every difference at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use perennial_domain::fit;
use perennial_domain::ids::{ActionId, AssetId, ProductId, StreamId};
use perennial_domain::lead::Status;
use perennial_domain::nurture::{
    Decision, Frequency, Kind, Progress, Received, Silence, Snapshot, Verdict, Wishes, decide, reasons,
};
use perennial_domain::profile::{Account, Contact, Fields};
use perennial_domain::segment;
use perennial_domain::sending::Trouble;
use perennial_playbook::{Bundle, Playbook, Severity};
use serde::Deserialize;
use serde_json::json;
use toml::{Table, Value};

const PLAYBOOK: &str = include_str!("../../../tests/fixtures/nurture/playbook.toml");
const DECISIONS: &str = include_str!("../../../tests/fixtures/nurture/decisions.toml");
/// Nearly as many as there are: rows are not lost by a slip.
const AT_LEAST: usize = 130;

/// The file, under headings that are the rows of the practice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    pieces: BTreeMap<String, Table>,
    streams: Vec<Row>,
    story_arc: Vec<Row>,
    cadence: Vec<Row>,
    preferences: Vec<Row>,
    health: Vec<Row>,
    lifecycle: Vec<Row>,
    hand_off: Vec<Row>,
    channels: Vec<Row>,
    reach: Vec<Row>,
    editions: Vec<Row>,
}

/// One decision, as the head of the file explains.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    says: String,
    expect: String,
    #[serde(default)]
    streams: BTreeMap<String, String>,
    now: Option<String>,
    #[serde(default)]
    interest: BTreeMap<String, i64>,
    #[serde(default)]
    done: Vec<String>,
    #[serde(default)]
    owns: BTreeMap<String, String>,
    #[serde(default)]
    used: BTreeMap<String, String>,
    #[serde(default)]
    ends: BTreeMap<String, String>,
    #[serde(default)]
    seats: BTreeMap<String, String>,
    customer_since: Option<String>,
    health: Option<String>,
    role: Option<String>,
    title: Option<String>,
    locale: Option<String>,
    reader: Option<String>,
    maturity: Option<String>,
    #[serde(default)]
    leads: BTreeMap<String, String>,
    #[serde(default)]
    received: Vec<String>,
    #[serde(default)]
    reported: Vec<String>,
    #[serde(default)]
    topics_off: Vec<String>,
    frequency: Option<String>,
    #[serde(default)]
    email_off: bool,
    paused_until: Option<String>,
    time_zone: Option<String>,
    email: Option<String>,
    #[serde(default)]
    unsubscribed: bool,
    #[serde(default)]
    suppressed: bool,
    #[serde(default)]
    address_of_another: bool,
    #[serde(default)]
    bounced: Vec<String>,
    #[serde(default)]
    rules: Table,
}

impl File {
    fn rows(&self) -> Vec<(&'static str, &Row)> {
        let headings = [
            ("Streams", &self.streams),
            ("Story arc", &self.story_arc),
            ("Cadence", &self.cadence),
            ("Preferences", &self.preferences),
            ("Health", &self.health),
            ("Lifecycle", &self.lifecycle),
            ("Hand-off", &self.hand_off),
            ("Channels", &self.channels),
            ("Reach", &self.reach),
            ("Editions", &self.editions),
        ];
        headings.into_iter().flat_map(|(heading, rows)| rows.iter().map(move |row| (heading, row))).collect()
    }
}

impl Row {
    /// The piece that it expects.
    fn sends(&self) -> Option<&str> {
        self.expect.strip_prefix("send ")?.split(' ').next()
    }
}

/// The playbook with what a row changes: a stream by its id, anything else by its name.
fn playbook(pieces: &BTreeMap<String, Table>, changes: &Table) -> Playbook {
    let mut source: Table = toml::from_str(PLAYBOOK).expect("the playbook is TOML");
    for (section, change) in changes {
        let change = change.as_table().expect("a section is a table");
        if section == "stream" {
            let streams = source["stream"].as_array_mut().expect("streams are a list");
            for (id, fields) in change {
                let of_id = |stream: &&mut Value| stream["id"].as_str() == Some(id);
                let stream = streams.iter_mut().find(of_id).unwrap_or_else(|| panic!("no stream {id}"));
                stream.as_table_mut().unwrap().extend(fields.as_table().expect("fields").clone());
            }
        } else {
            source[section].as_table_mut().expect("a section").extend(change.clone());
        }
    }
    let piece = |(id, said): (&String, &Table)| {
        let mut front = serde_json::to_value(said).unwrap();
        let editions = front.as_object_mut().unwrap().remove("editions");
        front["subject"] = json!("Subject");
        front["preview"] = json!("Preview");
        front["stage"] = json!("early");
        front["product"] = json!("analytics");
        let body = "{{ unsubscribe_url }} {{ postal_address }}";
        let names =
            editions.iter().flat_map(|names| names.as_array().expect("a list")).filter_map(|name| name.as_str());
        let edition = json!({"front": {"subject": "Subject", "preview": "Preview"}, "html": body, "text": body});
        let editions: BTreeMap<&str, _> = names.map(|name| (name, &edition)).collect();
        (id.clone(), json!({"front": front, "html": body, "text": body, "editions": editions}))
    };
    let pieces: serde_json::Map<String, serde_json::Value> = pieces.iter().map(piece).collect();
    let bundle = json!({"playbook": toml::to_string(&source).unwrap(), "pieces": pieces});
    let bundle: Bundle = serde_json::from_value(bundle).expect("a bundle");
    Playbook::of(&bundle).unwrap_or_else(|problems| {
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        panic!("{}", errors.map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is not a date such as \"2026-03-04\""))
}

/// A day as webhooks state it: its first instant in UTC.
fn day(text: &str) -> Timestamp {
    date(text).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

fn in_berlin(at: Timestamp) -> String {
    at.to_zoned(berlin()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn account(row: &Row) -> Account {
    let by_product = |stated: &BTreeMap<String, String>| -> BTreeMap<ProductId, Timestamp> {
        stated.iter().map(|(product, on)| (product.as_str().into(), day(on))).collect()
    };
    let seats = |which: usize| -> BTreeMap<ProductId, i64> {
        let number = |text: &String| text.split(" of ").nth(which).and_then(|number| number.parse().ok());
        row.seats
            .iter()
            .map(|(product, seats)| (product.as_str().into(), number(seats).expect("seats such as \"9 of 10\"")))
            .collect()
    };
    let mut fields = Fields::default();
    let stated = [("health", &row.health), ("maturity", &row.maturity)];
    fields.merge(stated.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))), 0);
    Account {
        customer_since: Some(day(row.customer_since.as_deref().unwrap_or("2024-01-15"))),
        owns: by_product(&row.owns),
        used: by_product(&row.used),
        ends: by_product(&row.ends),
        seats: seats(1),
        seats_used: seats(0),
        ..Account::from_fields("juniper".into(), &fields)
    }
}

fn contact(row: &Row) -> Contact {
    let email = row.email.clone().unwrap_or_else(|| "ada@juniper.example.com".to_owned());
    let mut fields = Fields::default();
    let stated = [("email", Some(&email)), ("role", row.role.as_ref()), ("title", row.title.as_ref())];
    fields.merge(stated.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone()))), 0);
    Contact::from_fields(row.reader.as_deref().unwrap_or("ada").into(), &fields)
}

/// `2026-03-01: asset action`; at noon in UTC.
fn engaged(row: &Row) -> BTreeMap<(AssetId, ActionId), i64> {
    let read = |text: &String| {
        let (on, what) = text.split_once(": ")?;
        let (asset, action) = what.split_once(' ')?;
        let at = day(on) + SignedDuration::from_hours(12);
        Some(((asset.into(), action.into()), at.as_second()))
    };
    row.done.iter().map(|text| read(text).unwrap_or_else(|| panic!("{text:?} is not something done"))).collect()
}

/// `2026-02-18: stream piece [kind]`, with the date and whether it promoted.
fn received(row: &Row, playbook: &Playbook) -> Vec<(Date, StreamId, Received, bool)> {
    let read = |text: &String| {
        let (on, what) = text.split_once(": ")?;
        let words: Vec<&str> = what.split(' ').collect();
        let (stream, piece, kind) = match words[..] {
            [stream, piece] => (stream, piece, None),
            [stream, piece, kind] => (stream, piece, Some(Kind::named(kind)?)),
            _ => return None,
        };
        let known = kind.or_else(|| playbook.piece(&piece.into()).map(|piece| piece.kind));
        let promoted = known.unwrap_or_else(|| panic!("{text:?}: say what it wanted")).is_promotion();
        Some((date(on), stream.into(), Received { piece: piece.into(), kind }, promoted))
    };
    let mut all: Vec<_> =
        row.received.iter().map(|text| read(text).unwrap_or_else(|| panic!("{text:?} is not a mail"))).collect();
    all.sort_by_key(|(on, ..)| *on);
    all
}

fn wishes(row: &Row) -> Wishes {
    Wishes {
        topics_off: row.topics_off.iter().map(|topic| topic.as_str().into()).collect(),
        frequency: row
            .frequency
            .as_deref()
            .map_or(Frequency::AsOften, |name| Frequency::named(name).expect("a frequency")),
        email_off: row.email_off,
        ads_off: false,
        paused_until: row.paused_until.as_deref().map(day),
    }
}

/// That mail bounced on these days and may not bounce again; none was delivered since.
fn trouble(row: &Row) -> Option<Trouble> {
    Trouble::of(row.bounced.iter().map(|on| day(on).as_second()), None)
}

/// What is decided, and what each stream says.
fn answer(row: &Row, playbook: &Playbook) -> (String, BTreeMap<String, String>) {
    let now: DateTime = row.now.as_deref().unwrap_or("2026-03-04 10:00").parse().expect("an instant");
    let now = now.to_zoned(berlin()).unwrap().timestamp();
    let (contact, account, wishes, engaged) = (contact(row), account(row), wishes(row), engaged(row));
    let scores = row.interest.iter().map(|(product, points)| (product.as_str().into(), *points)).collect();
    let fit = fit::evaluate(&playbook.qualify.fit, Some(&contact), Some(&account));
    let received = received(row, playbook);
    let mut progress: BTreeMap<StreamId, Progress> = BTreeMap::new();
    for (on, stream, piece, _) in &received {
        let progress = progress.entry(stream.clone()).or_default();
        progress.sent.push(piece.clone());
        progress.last_sent_on = Some(*on);
    }
    let reported = row.reported.iter().map(|on| date(on));
    let mail_days: BTreeSet<Date> = received.iter().map(|(on, ..)| *on).chain(reported).collect();
    let zone = row.time_zone.as_deref().map(|zone| TimeZone::get(zone).expect("a time zone"));
    let is_open = |status: &String| Status::named(status).expect("how far a lead is").is_open();
    let open_leads = row.leads.iter().filter(|(_, status)| is_open(status));
    let open_leads: Vec<ProductId> = open_leads.map(|(product, _)| product.as_str().into()).collect();
    let snapshot = Snapshot {
        person: segment::Person {
            contact: Some(&contact),
            account: Some(&account),
            fit: &fit,
            scores: &scores,
            last_engaged_at: None,
            now,
        },
        engaged: &engaged,
        wishes: &wishes,
        zone: zone.as_ref(),
        open_leads: &open_leads,
        progress: &progress,
        last_mail_on: mail_days.last().copied(),
        mail_days: &mail_days,
        last_was_promotion: received.last().is_some_and(|(.., promoted)| *promoted),
        unsubscribed: row.unsubscribed,
        suppressed: row.suppressed,
        address_of_another: row.address_of_another,
        trouble: trouble(row),
    };
    let decision = match decide(&playbook.nurture, &playbook.calendar, &snapshot, now) {
        Decision::Send { piece, .. } => {
            let edition = playbook.edition(&piece, &contact.id, row.locale.as_deref());
            let edition = if edition.is_plain() { String::new() } else { format!(" as {edition}") };
            format!("send {piece}{edition}")
        }
        Decision::Wait { until, reason } => format!("{reason}, until {}", in_berlin(until)),
        Decision::Stop(reason) => format!("{reason}, for good"),
    };
    let verdicts = reasons(&playbook.nurture, &playbook.calendar, &snapshot, now).into_iter();
    (decision, verdicts.map(|(stream, verdict)| (stream.to_string(), in_words(&verdict))).collect())
}

fn in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Ready { piece, .. } => format!("ready: {piece}"),
        Verdict::Silent { reason: Silence::Exhausted, until, since: Some(since) } => {
            format!("{} since {since}, until {}", Silence::Exhausted, in_berlin(*until))
        }
        Verdict::Silent { reason, until, .. } => format!("{reason}, until {}", in_berlin(*until)),
        Verdict::Outside(outside) => format!("not for them: {outside}"),
    }
}

fn file() -> File {
    toml::from_str(DECISIONS).unwrap_or_else(|error| panic!("decisions.toml: {error}"))
}

#[test]
fn every_decision_is_as_stated() {
    let file = file();
    let mut differences = Vec::new();
    for (heading, row) in file.rows() {
        let (decision, streams) = answer(row, &playbook(&file.pieces, &row.rules));
        if decision != row.expect {
            differences.push(format!("{heading}: {}\n  expected: {}\n  decided:  {decision}", row.says, row.expect));
        }
        for (stream, expected) in &row.streams {
            let seen = streams.get(stream).map_or("no such stream", String::as_str);
            if seen != expected {
                differences
                    .push(format!("{heading}: {}\n  {stream}: expected {expected}\n  it says: {seen}", row.says));
            }
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn the_file_covers_every_reason_and_every_row_of_the_practice() {
    let file = file();
    let rows = file.rows();
    assert!(rows.len() >= AT_LEAST, "{} decisions", rows.len());
    let headings: BTreeSet<&str> = rows.iter().map(|(heading, _)| *heading).collect();
    assert_eq!(headings.len(), 10, "a heading has no decision: {headings:?}");
    let said: BTreeSet<&str> = rows.iter().map(|(_, row)| row.says.as_str()).collect();
    assert_eq!(said.len(), rows.len(), "two decisions say the same");
    for reason in Silence::ALL {
        let has = |row: &Row| row.expect.starts_with(&format!("{reason}, "));
        assert!(rows.iter().any(|(_, row)| has(row)), "no decision ends in: {reason}");
    }
    let sent: BTreeSet<&str> = rows.iter().filter_map(|(_, row)| row.sends()).collect();
    let unsent: Vec<&String> = file.pieces.keys().filter(|piece| !sent.contains(piece.as_str())).collect();
    assert!(unsent.is_empty(), "no decision sends {unsent:?}");
    let kinds: BTreeSet<&str> = playbook(&file.pieces, &Table::new())
        .nurture
        .streams
        .iter()
        .filter(|stream| stream.pieces.iter().any(|piece| sent.contains(piece.id.as_str())))
        .map(|stream| stream.kind.as_str())
        .collect();
    assert_eq!(kinds.len(), 7, "a kind of stream is never sent: {kinds:?}");
}

#[test]
fn a_field_that_is_none_is_refused() {
    let slip = DECISIONS.replacen("interest = { analytics = 1 }", "intrest = { analytics = 1 }", 1);
    let error = toml::from_str::<File>(&slip).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("unknown field `intrest`"), "{error}");
}
