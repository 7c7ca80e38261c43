//! What an engagement costs, in DynamoDB's own units.
//!
//! On demand, a write unit is the whole price of an engagement. The functions are measured from outside: every call
//! that they make passes an interposer that asks DynamoDB for the units it consumed.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_domain::lead::Status;
use perennial_platform::ledger::{Entry, Put};
use perennial_tests::interpose::{After, Before, Interposer};
use perennial_tests::{
    at, clock, deploy_with, engagement, ingest_at, interest, introduce, playbook_with, settle, store_at, stream_event,
    tell, told,
};
use score_and_decay::ScoreAndDecay;
use serde_json::{Value, json};

/// One call and what it consumed.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    operation: String,
    table: String,
    /// Units on the table itself.
    units: f64,
    /// Units on its indexes.
    index_units: f64,
}

/// The sum of some calls.
#[derive(Clone, Debug, Default, PartialEq)]
struct Cost {
    ledger_writes: f64,
    state_writes: f64,
    index_writes: f64,
    reads: f64,
    /// Operations in their order.
    calls: Vec<String>,
}

type Calls = Arc<Mutex<Vec<Call>>>;

/// Functions whose calls are measured.
struct Measured {
    deployment: Deployment,
    ingest: ingest_engagement::Ingest,
    scoring: ScoreAndDecay,
    calls: Calls,
    sent: usize,
    _between: Interposer,
}

fn consumed(answer: &Value) -> Vec<&Value> {
    match &answer["ConsumedCapacity"] {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    }
}

fn calls_in(operation: &str, answer: &Value) -> Vec<Call> {
    let units = |detail: &Value| detail["CapacityUnits"].as_f64();
    let indexes = |capacity: &Value| -> f64 {
        let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"];
        let details = indexes.iter().filter_map(|kind| capacity[*kind].as_object()).flat_map(|kind| kind.values());
        details.filter_map(units).sum()
    };
    let call = |capacity: &Value| Call {
        operation: operation.to_owned(),
        table: capacity["TableName"].as_str().expect("the table is named").to_owned(),
        units: units(&capacity["Table"]).expect("the table's units are told"),
        index_units: indexes(capacity),
    };
    consumed(answer).into_iter().map(call).collect()
}

impl Measured {
    /// With an asset that two products share.
    async fn open() -> Self {
        let shared = "id = \"analytics-webinar\"\ntitle = \"Numbers that lead to decisions (webinar)\"\nproducts = [\"analytics\"]";
        let playbook = playbook_with(|text| {
            assert!(text.contains(shared));
            text.replace(shared, &shared.replace("[\"analytics\"]", "[\"analytics\", \"automation\"]"))
        });
        let clock_handle = perennial_local::ClockHandle::standing_at(at("2026-01-07T10:00:00Z"));
        let deployment = deploy_with(clock_handle, playbook.clone()).await;
        let calls = Calls::default();
        let before: Before = Arc::new(|_, mut request| {
            request["ReturnConsumedCapacity"] = json!("INDEXES");
            Box::pin(async { request })
        });
        let seen = Arc::clone(&calls);
        let after: After = Arc::new(move |operation, status, answer| {
            assert_eq!(status, 200, "{operation}: {answer}");
            seen.lock().unwrap_or_else(PoisonError::into_inner).extend(calls_in(operation, answer));
        });
        let between = Interposer::start(&deployment.world.endpoints().dynamodb, before, after).await;
        let ingest = ingest_at(&between.url, &deployment, playbook.clone()).await;
        let store = store_at(&between.url).await;
        let ledger = ingest.ledger.clone();
        let scoring = ScoreAndDecay { store, ledger, playbook, clock: clock(&deployment) };
        Self { deployment, ingest, scoring, calls, sent: 0, _between: between }
    }

    /// What these engagements cost, taken in one by one and scored as one batch.
    async fn cost_of(&mut self, contact: &str, engagements: &[(&str, &str, Timestamp)]) -> Cost {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let now = self.deployment.world.clock().now();
        let mut entries = Vec::new();
        for (asset, action, happened_at) in engagements {
            self.sent += 1;
            let (id, body) = (format!("msg-{}", self.sent), engagement(contact, asset, action, *happened_at));
            let accepted =
                self.ingest.accept("native", &id, told(&body), &body, now).await.expect("the ledger answers");
            assert_eq!((accepted.put, accepted.quarantined), (Put::New, None));
            entries.push(Entry::new("native", &id, told(&body), &body, now, None));
        }
        let batch = serde_json::from_value(stream_event(&entries)).expect("a stream's event");
        let answer = self.scoring.handle(batch).await.expect("a batch never fails");
        assert_eq!(answer.batch_item_failures, []);
        let mut cost = Cost::default();
        for call in self.calls.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            match (call.operation.as_str(), call.table.as_str()) {
                ("GetItem" | "Query" | "BatchGetItem" | "TransactGetItems" | "Scan", _) => cost.reads += call.units,
                (_, "LedgerTable") => cost.ledger_writes += call.units,
                (_, "StateTable") => cost.state_writes += call.units,
                (operation, table) => panic!("{operation} on {table}"),
            }
            cost.index_writes += call.index_units;
            cost.calls.push(call.operation);
        }
        cost
    }
}

fn print_heading() {
    println!("{:<56} {:>6} {:>6} {:>6} {:>6}  calls", "", "ledger", "state", "index", "reads");
}

fn print(what: &str, cost: &Cost) {
    let Cost { ledger_writes, state_writes, index_writes, reads, calls } = cost;
    let calls = perennial_tests::tally(calls.iter());
    println!("{what:<56} {ledger_writes:>6} {state_writes:>6} {index_writes:>6} {reads:>6}  {calls:?}");
}

#[tokio::test]
async fn an_engagement_costs_one_write_in_the_ledger_and_one_per_product_and_only_the_first_a_read() {
    let mut measured = Measured::open().await;
    let start = at("2026-01-06T08:00:00Z");
    let mut minute = 0;
    print_heading();
    // The first looks up what has become of the contact's id, and remembers that it was known.
    for (what, asset, action, ledger, state, index, reads) in [
        (
            "the first for a contact and product enters the index",
            "analytics-infographic",
            "download",
            1.0,
            2.0,
            1.0,
            1.0,
        ),
        ("another one", "analytics-checklist", "download", 1.0, 1.0, 0.0, 0.0),
        ("the same again, a minute later", "analytics-checklist", "download", 1.0, 1.0, 0.0, 0.0),
        ("one without points", "analytics-emails", "open", 1.0, 1.0, 0.0, 0.0),
        ("one of two products, the first of one", "analytics-webinar", "register", 1.0, 3.0, 1.0, 1.0),
        ("one of two products", "analytics-webinar", "register", 1.0, 2.0, 0.0, 0.0),
    ] {
        minute += 1;
        let happened_at = start + SignedDuration::from_mins(minute);
        let cost = measured.cost_of("cost-contact", &[(asset, action, happened_at)]).await;
        print(what, &cost);
        let seen = (cost.ledger_writes, cost.state_writes, cost.index_writes, cost.reads);
        assert_eq!(seen, (ledger, state, index, reads), "{what}: {:?}", cost.calls);
    }
}

#[tokio::test]
async fn a_batch_of_one_contact_and_product_is_one_update() {
    let mut measured = Measured::open().await;
    let start = at("2026-01-06T08:00:00Z");
    let twenty_five: Vec<_> = (0..25)
        .map(|minute| {
            let (asset, action) = [
                ("analytics-infographic", "download"),
                ("analytics-checklist", "download"),
                ("analytics-emails", "open"),
            ][minute % 3];
            (asset, action, start + SignedDuration::from_mins(i64::try_from(minute).expect("a small number")))
        })
        .collect();
    let first = measured.cost_of("batch-contact", &twenty_five).await;
    let again: Vec<_> = twenty_five
        .iter()
        .map(|(asset, action, happened_at)| (*asset, *action, *happened_at + SignedDuration::from_hours(1)))
        .collect();
    let second = measured.cost_of("batch-contact", &again).await;
    print_heading();
    print("25 engagements, the first of a contact and product", &first);
    print("25 more", &second);
    for (cost, state, index, reads) in [(first, 2.0, 1.0, 1.0), (second, 1.0, 0.0, 0.0)] {
        let seen = (cost.ledger_writes, cost.state_writes, cost.index_writes, cost.reads);
        assert_eq!(seen, (25.0, state, index, reads), "{:?}", cost.calls);
    }
    let stored = interest(&measured.deployment, "batch-contact", "analytics").await;
    assert_eq!(stored.facts.len(), 50);
}

#[tokio::test]
async fn once_there_is_a_lead_an_engagement_costs_what_it_did_before() {
    let mut measured = Measured::open().await;
    introduce(&measured.deployment, "lead-contact").await;
    let start = at("2026-01-06T08:00:00Z");
    let guide = engagement("lead-contact", "analytics-guide", "download", start);
    tell(&measured.deployment, "guide", &guide).await;
    settle(&measured.deployment).await;
    let rows = measured.deployment.store.contact(&ContactId::from("lead-contact")).await.expect("it can be read");
    assert_eq!(rows.leads.iter().map(|lead| lead.status()).collect::<Vec<_>>(), [Status::Mql]);
    let later = start + SignedDuration::from_mins(1);
    let cost = measured.cost_of("lead-contact", &[("analytics-case-study", "download", later)]).await;
    print_heading();
    print("an engagement of a contact with a lead", &cost);
    assert_eq!((cost.ledger_writes, cost.state_writes, cost.index_writes, cost.reads), (1.0, 1.0, 0.0, 0.0));
}
