//! What things consume is measured anew and compared with what `perennial cost` computes with.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use jiff::{SignedDuration, Timestamp};
use perennial::cost::bill::{Question, bill, fixed};
use perennial::cost::fixed::Profile;
use perennial::cost::measured::{Measured, Trigger, Units};
use perennial::cost::prices::Micros;
use perennial::deployment::Deployment;
use perennial_local::Function;
use perennial_platform::ledger::size;
use perennial_platform::logged::Lines;
use perennial_tests::interpose::{After, Before, Interposer};
use perennial_tests::{
    PUBLIC_URL, at, body, clock, deploy, engagement, introduce, ledger_rows, root, settle, state_items, tell,
};
use serde_json::{Value, json};

/// A Tuesday at midnight in Berlin.
const START: &str = "2026-10-05T22:00:00Z";

/// Sizes may differ by so many percent from what is committed before somebody has to measure anew.
const BYTES_WITHIN_PERCENT: i64 = 10;

/// A deployment of which everything that is charged is counted.
struct Meter {
    deployment: Deployment,
    counted: Arc<Mutex<Units>>,
    _between: Interposer,
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts what is written to it by one thread: the other tests of this process log as well.
#[derive(Clone)]
struct Log {
    of: ThreadId,
    counted: Arc<Mutex<Units>>,
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::thread::current().id() != self.of {
            return Ok(bytes.len());
        }
        let mut units = locked(&self.counted);
        units.log_bytes += bytes.len() as i64;
        units.log_lines += bytes.iter().filter(|byte| **byte == b'\n').count() as i64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds what a call of DynamoDB consumed.
fn add(units: &mut Units, operation: &str, status: u16, answer: &Value) {
    units.service_calls += 1;
    let consumed = match &answer["ConsumedCapacity"] {
        Value::Array(several) => several.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if status != 200 {
        // A refused condition is charged as a write.
        assert_eq!(
            answer["__type"].as_str().map(|kind| kind.contains("Condition")),
            Some(true),
            "{operation}: {answer}"
        );
        units.state_write_units += 1;
    }
    for capacity in consumed {
        let thousandths = (capacity["CapacityUnits"].as_f64().expect("units are told") * 1_000.0) as i64;
        match (operation, capacity["TableName"].as_str()) {
            ("GetItem" | "Query" | "BatchGetItem" | "TransactGetItems", _) => {
                units.read_units_thousandths += thousandths;
            }
            (_, Some("LedgerTable")) => units.ledger_write_units += thousandths / 1_000,
            (_, Some("StateTable")) => units.state_write_units += thousandths / 1_000,
            (operation, table) => panic!("{operation} on {table:?}"),
        }
    }
}

fn trigger_of(event: &Value) -> (Trigger, i64) {
    let records = event["Records"].as_array().map_or(0, Vec::len) as i64;
    match event["Records"][0]["eventSource"].as_str() {
        Some("aws:dynamodb") => (Trigger::Stream, records),
        Some("aws:sqs") => (Trigger::Queue, records),
        _ if event["requestContext"].is_object() => (Trigger::Http, 1),
        _ if event["detail-type"].is_string() => (Trigger::Rule, 1),
        _ if event["job"].is_string() => (Trigger::Schedule, 1),
        _ => panic!("who calls with this? {event}"),
    }
}

impl Meter {
    async fn open() -> Self {
        let counted: Arc<Mutex<Units>> = Arc::default();
        let deployment = deploy(at(START)).await;
        let before: Before = Arc::new(|_, mut request| {
            request["ReturnConsumedCapacity"] = json!("TOTAL");
            Box::pin(async { request })
        });
        let sum = Arc::clone(&counted);
        let after: After = Arc::new(move |operation, status, answer| add(&mut locked(&sum), operation, status, answer));
        let endpoints = deployment.world.endpoints().clone();
        let between = Interposer::start(&endpoints.dynamodb, before, after).await;
        // What reads the tables in a test does not pass.
        drop(deployment.through(&between.url, &endpoints.aws, PUBLIC_URL).await);
        let meter = Self { deployment, counted, _between: between };
        meter.count_calls();
        // Lambda is called every hour, whoever is due.
        meter.deployment.world.set_nominations("PlanNurture", None);
        meter
    }

    /// Each record and each message as a call of its own.
    fn count_calls(&self) {
        let world = &self.deployment.world;
        for function in &world.wiring().functions {
            let name = function.logical_id.clone();
            let handle = world.function(&name).expect("it is registered");
            let counted = Arc::clone(&self.counted);
            let counting: Function = Arc::new(move |event| {
                let (trigger, calls) = trigger_of(&event);
                let mut units = locked(&counted);
                *units.invocations.entry(trigger).or_default().entry(name.clone()).or_default() += calls;
                if trigger == Trigger::Queue {
                    units.queue_messages += calls;
                    units.mail_events += if name == "RecordEmailFeedback" { calls } else { 0 };
                }
                drop(units);
                handle(event)
            });
            world.register(&function.logical_id, counting);
        }
    }

    /// What has been consumed by now.
    async fn read(&self) -> Units {
        let deployment = &self.deployment;
        let mails = deployment.world.mails().expect("the world answers");
        let text = |mail: &perennial_local::Mail| {
            mail.subject.len() + mail.html.as_ref().map_or(0, String::len) + mail.text.as_ref().map_or(0, String::len)
        };
        let bus_events = deployment.world.bus_events().expect("the world answers").len() as i64;
        let of_ledger =
            ledger_rows(deployment).await.iter().map(|row| size(&row.item().expect("an item")) as i64).sum();
        let of_state = state_items(deployment).await.iter().map(|item| size(item) as i64).sum();
        let mut units = locked(&self.counted).clone();
        units.bus_events = bus_events;
        units.mails = mails.len() as i64;
        units.mail_bytes = mails.iter().map(|mail| text(mail) as i64).sum();
        (units.ledger_bytes, units.state_bytes) = (of_ledger, of_state);
        // Those that do not pass: mails, messages that functions send, events.
        units.service_calls += units.mails + units.queue_messages - units.mail_events + units.bus_events;
        units
    }

    /// What these consume together.
    async fn of(&self, told: &[(&str, String)]) -> Units {
        let before = self.read().await;
        for (id, body) in told {
            tell(&self.deployment, id, body).await;
        }
        settle(&self.deployment).await;
        self.read().await.since(&before)
    }

    /// The next 24 hours, one by one.
    async fn hours(&self) -> Vec<Units> {
        let mut hours = Vec::new();
        for _ in 0..24 {
            hours.push(self.next_hour().await);
        }
        hours
    }

    async fn next_hour(&self) -> Units {
        let before = self.read().await;
        let next = self.now() + SignedDuration::from_hours(1);
        self.deployment.world.advance_to(next, |_| {}).await.expect("the world goes on");
        self.read().await.since(&before)
    }

    fn now(&self) -> Timestamp {
        self.deployment.world.clock().now()
    }
}

async fn measure() -> Measured {
    let meter = Meter::open().await;
    let log = Log { of: std::thread::current().id(), counted: Arc::clone(&meter.counted) };
    // As functions log in Lambda, without the request's id.
    let lines = Lines { stage: Some("dev".to_owned()), clock: clock(&meter.deployment) };
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).event_format(lines);
    let subscriber = subscriber.with_writer(Mutex::new(log)).finish();
    // For all threads: tracing remembers of each place whether anybody listens, and another test's thread could be asked first.
    tracing::subscriber::set_global_default(subscriber).expect("the only one of this process");

    let idle = meter.hours().await;
    let idle_day = idle.iter().fold(Units::default(), |sum, hour| sum.since(&Units::default().since(hour)));
    introduce(&meter.deployment, "first").await;
    let now = meter.now();
    let known = json!({"contact": "second", "account": "account-of-first", "email": "second@juniper.example.com",
                        "first_name": "Wilhelmina", "last_name": "Quarterstaff", "title": "VP Marketing"});
    let contact = meter.of(&[("known", body("contact.identified", now, &known))]).await;
    let told = |contact: &str, asset: &str| engagement(contact, asset, "download", now);
    let first_engagement = meter.of(&[("first", told("second", "analytics-checklist"))]).await;
    let engagement = meter.of(&[("later", told("second", "analytics-infographic"))]).await;
    let lead = meter.of(&[("lead", told("first", "analytics-guide"))]).await;
    let mut hours = 0;
    let mail = loop {
        hours += 1;
        assert!(hours < 14 * 24, "nobody was written to within two weeks");
        let hour_of_day = ((meter.now() - at(START)).get_hours() % 24) as usize;
        let hour = meter.next_hour().await;
        let nurture = hour.invocations.get(&Trigger::Queue).is_some_and(|of| of.contains_key("RecordEmailFeedback"));
        if nurture && hour.mails == 1 {
            break hour.since(&idle[hour_of_day]);
        }
    };
    let committed = Measured::built_in().expect("the committed measurements");
    Measured { contact, first_engagement, engagement, lead, mail, idle_day, ..committed }
}

#[tokio::test]
async fn what_things_consume_is_as_committed() {
    let (measured, committed) = (measure().await, Measured::built_in().expect("the committed measurements"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        write(&measured);
        return;
    }
    let kinds = |all: &Measured| {
        let Measured { contact, first_engagement, engagement, lead, mail, idle_day, .. } = all.clone();
        [
            ("contact", contact),
            ("first_engagement", first_engagement),
            ("engagement", engagement),
            ("lead", lead),
            ("mail", mail),
            ("idle_day", idle_day),
        ]
    };
    let how = "measure anew with UPDATE_EXPECT=1";
    for ((kind, now), (_, then)) in kinds(&measured).into_iter().zip(kinds(&committed)) {
        assert_eq!(now.without_bytes(), then.without_bytes(), "{kind}: {how}");
        for ((name, now), (_, then)) in now.bytes().into_iter().zip(then.bytes()) {
            let off = (now - then).abs() * 100;
            assert!(off <= then.abs() * BYTES_WITHIN_PERCENT, "{name} of {kind}: {now}, committed {then}: {how}");
        }
    }
}

/// The head of the file stays, the measurements are replaced.
fn write(measured: &Measured) {
    let file = root().join("infra/cli/src/cost/measured.toml");
    let text = std::fs::read_to_string(&file).expect("it is there");
    let head: String = text.lines().take_while(|line| !line.starts_with('[')).map(|line| format!("{line}\n")).collect();
    let assumed: String = text
        .lines()
        .skip_while(|line| !line.starts_with("[assumed]"))
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut all: toml::Table = toml::from_str(&toml::to_string(measured).expect("it can be written")).expect("a table");
    all.remove("assumed");
    all.remove("measured_on");
    let rest = toml::to_string(&all).expect("it can be written");
    std::fs::write(file, format!("{head}[assumed]\n{assumed}{rest}")).expect("it can be written");
}

/// What a month of so many events costs on top of the fixed charge, in cents.
fn on_top(events: i64) -> i64 {
    let bill = bill(&Question::built_in().expect("it is built in"), events).expect("every price is known");
    (bill.total.0 - bill.fixed.0) / 10_000
}

#[test]
fn the_minimal_profile_costs_less_than_five_dollars_a_month_and_never_more_than_the_standard_one() {
    let asked = Question::built_in().expect("it is built in");
    for region in asked.prices.regions() {
        let asked = Question { region: region.to_owned(), ..asked.clone() };
        let of = |profile| -> Micros { fixed(&asked, profile).expect("prices").iter().map(|charge| charge.cost).sum() };
        let (minimal, standard) = (of(Profile::Minimal), of(Profile::Standard));
        assert!(minimal > Micros(800_000) && minimal < Micros(5_000_000), "{region}: {minimal}");
        assert!(standard > minimal, "{region}: {standard}");
    }
}

#[test]
fn more_events_cost_more_and_together_they_cost_less() {
    let months = [0, 1, 1_000, 10_000, 1_000_000, 100_000_000].map(on_top);
    assert!(months.is_sorted(), "{months:?}");
    let asked = Question::built_in().expect("it is built in");
    let alone = bill(&asked, 1_000_000).expect("prices").total;
    let mut together = asked.clone();
    (together.shape.events_per_request, together.shape.records_per_call) = (10, 10);
    let together = bill(&together, 1_000_000).expect("prices").total;
    assert!(together < alone, "{together} {alone}");
}

#[test]
fn a_bill_is_the_sum_of_its_lines() {
    for events in [0, 10_000, 1_000_000, 100_000_000] {
        let bill = bill(&Question::built_in().expect("it is built in"), events).expect("every price is known");
        assert_eq!(bill.total, bill.lines.iter().map(|line| line.cost).chain([bill.fixed]).sum());
        let line = |item: &str| bill.lines.iter().find(|line| line.item == item).expect("it is there");
        assert_eq!(line("mails").thousandths, bill.month.mails * 1_000);
        assert_eq!(line("stream-reads").cost, Micros(0));
    }
}
