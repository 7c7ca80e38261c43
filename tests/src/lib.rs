//! What the tests have in common: a deployment in memory, senders, and a place between the functions and DynamoDB.
//!
//! The tests themselves are in `contracts/` (what others may rely on) and `faults/` (what must hold when things break).
//! Nothing here asserts anything about the product, and nothing sleeps: what must happen in between is made to happen
//! by [`interpose`].

pub mod bus;
pub mod desk;
pub mod half_year;
pub mod interpose;
pub mod mailing;
pub mod senders;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_sdk_dynamodb::config::Credentials;
use ingest_engagement::Ingest;
use jiff::Timestamp;
use perennial::deployment::{Deployment, LOCAL_WEBHOOK_SECRET, Options};
use perennial::tally::Tally;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_local::ClockHandle;
use perennial_platform::clock::Clock;
use perennial_platform::identity;
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{PK, SK};
use perennial_platform::ledger::{Entry, Ledger};
use perennial_platform::store::{Item, Store, text};
use perennial_platform::told::Told;
use perennial_platform::webhook::secrets::SourceSecrets;
use perennial_playbook::{Bundle, Playbook};
use serde_json::{Value, json};

/// Where the links of the tests' mails lead.
pub const PUBLIC_URL: &str = "https://mail.fernhill.example.com";

/// An instant.
///
/// # Panics
/// If the text is none.
pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The repository's root.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the package lies in the repository").to_path_buf()
}

/// The seed of this run, printed so that a failure can be repeated with `PERENNIAL_SEED`.
///
/// # Panics
/// If the variable is not a number.
pub fn seed() -> u64 {
    let seed = std::env::var("PERENNIAL_SEED").map_or(20_260_105, |text| text.parse().expect("a number"));
    println!("PERENNIAL_SEED={seed}");
    seed
}

/// The example playbook as it ships.
///
/// # Panics
/// If it has errors.
pub fn bundle() -> &'static Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        Playbook::bundle(&root().join("infra/playbook")).unwrap_or_else(|problems| panic!("{problems:#?}"))
    })
}

/// The example's streams for people who own something, added after what the tests work out by hand.
const FOR_OWNERS: [&str; 6] = [
    "more-analytics-seats",
    "save-analytics",
    "renew-analytics",
    "advocate-automation",
    "start-integrations",
    "keep-integrations",
];

/// `playbook.toml` without those streams: what a test works out by hand must not change whenever there is more to say to owners.
/// What they do is for `nurture_decisions` and the half year.
fn without_owners(text: &str) -> String {
    let is_theirs = |block: &str| FOR_OWNERS.iter().any(|id| block.contains(&format!("[[stream]]\nid = \"{id}\"\n")));
    text.split_inclusive("\n\n").filter(|block| !is_theirs(block)).collect()
}

/// The whole example playbook.
///
/// # Panics
/// If it has errors.
pub fn whole_playbook() -> Arc<Playbook> {
    Arc::new(Playbook::of(bundle()).unwrap_or_else(|problems| panic!("{problems:#?}")))
}

/// The example playbook, without most of its streams for owners.
///
/// # Panics
/// If it has errors.
pub fn playbook() -> Arc<Playbook> {
    static PLAYBOOK: OnceLock<Arc<Playbook>> = OnceLock::new();
    Arc::clone(PLAYBOOK.get_or_init(|| playbook_with(str::to_owned)))
}

/// The example playbook with a change to the text of `playbook.toml`.
///
/// # Panics
/// If it has errors then.
pub fn playbook_with(change: impl FnOnce(&str) -> String) -> Arc<Playbook> {
    let mut bundle = bundle().clone();
    bundle.playbook = change(&without_owners(&bundle.playbook));
    Arc::new(Playbook::of(&bundle).unwrap_or_else(|problems| panic!("{problems:#?}")))
}

/// All functions in a world in memory, whose clock stands.
pub async fn deploy(now: Timestamp) -> Deployment {
    deploy_with(ClockHandle::standing_at(now), playbook()).await
}

/// All functions in a world in memory, with this clock and playbook.
///
/// # Panics
/// If the world cannot be opened.
pub async fn deploy_with(clock: ClockHandle, playbook: Arc<Playbook>) -> Deployment {
    deploy_in(perennial_local::Store::Memory, clock, playbook).await
}

/// All functions in a world that is kept there, with this clock and playbook.
///
/// # Panics
/// If the world cannot be opened.
pub async fn deploy_in(store: perennial_local::Store, clock: ClockHandle, playbook: Arc<Playbook>) -> Deployment {
    let options = Options {
        playbook,
        store,
        clock,
        webhook_secrets: LOCAL_WEBHOOK_SECRET.into(),
        public_url: PUBLIC_URL.to_owned(),
        tally: Tally::default(),
    };
    Deployment::open(options).await.expect("the deployment opens")
}

/// SDK configuration for an endpoint on this machine; the SDK does not try again by itself.
pub async fn sdk_config(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(perennial_local::REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

/// The world's clock as functions take it.
pub fn clock(deployment: &Deployment) -> Clock {
    let handle = deployment.world.clock().clone();
    Clock::from_fn(move || handle.now())
}

/// Ingestion of its own, with the ledger at this endpoint and the local world's secrets.
pub async fn ingest_at(endpoint: &str, deployment: &Deployment, playbook: Arc<Playbook>) -> Ingest {
    let secret = |source| vec![perennial::deployment::local_secret(source)];
    let secrets = playbook.sources.iter().map(|(id, source)| (id.clone(), secret(source))).collect();
    Ingest {
        ledger: Ledger::new(&sdk_config(endpoint).await, &deployment.ledger_table),
        secrets: SourceSecrets::fixed(secrets),
        addresses: perennial::deployment::address_key(),
        playbook,
        clock: clock(deployment),
    }
}

/// The state table at this endpoint.
pub async fn store_at(endpoint: &str) -> Store {
    Store { client: aws_sdk_dynamodb::Client::new(&sdk_config(endpoint).await), state: "StateTable".to_owned() }
}

/// A native body.
pub fn body(kind: &str, at: Timestamp, data: &Value) -> String {
    json!({"type": kind, "timestamp": at.to_string(), "data": data}).to_string()
}

/// The native body of an engagement.
pub fn engagement(contact: &str, asset: &str, action: &str, at: Timestamp) -> String {
    body("engagement.recorded", at, &json!({"contact": contact, "asset": asset, "action": action}))
}

/// The ids that were merged into a contact.
///
/// # Panics
/// If the state cannot be read.
pub async fn merged_into(deployment: &Deployment, contact: &str) -> BTreeSet<String> {
    let (store, contact) = (&deployment.store, contact.into());
    let rows = store.contact(&contact).await.expect("the contact can be read");
    let merged = identity::merged_into(store, &contact, &rows).await.expect("the contact can be read");
    merged.into_keys().map(|id| id.to_string()).collect()
}

/// What a native body tells.
///
/// # Panics
/// If it is none.
pub fn told(body: &str) -> Told {
    Told::from_native(body).expect("a native body")
}

/// Delivers a body that must be accepted. What follows from it is delivered by the next settle.
///
/// # Panics
/// If it is not accepted.
pub async fn tell(deployment: &Deployment, id: &str, body: &str) {
    let (status, answer) = deployment.post(id, body).await.expect("the world goes on");
    assert_eq!(status, 202, "{id}: {answer}");
}

/// Delivers everything that waits.
///
/// # Panics
/// If the world cannot go on.
pub async fn settle(deployment: &Deployment) {
    deployment.world.settle().await.expect("the world settles");
}

/// Makes a contact known whom nothing speaks against: an old customer in good health with an owner, who owns only
/// Integrations.
///
/// # Panics
/// If the world cannot go on.
pub async fn introduce(deployment: &Deployment, contact: &str) {
    let now = deployment.world.clock().now();
    let account = format!("account-of-{contact}");
    let data = json!({
        "account": account, "name": "Juniper Tools", "health": "good", "owner": "rep-anna", "size": "enterprise",
        "region": "emea", "industry": "software", "customer_since": "2024-01-15",
        "owns": {"integrations": "2024-01-15"},
    });
    tell(deployment, &format!("account-of-{contact}"), &body("account.updated", now, &data)).await;
    let data = json!({
        "contact": contact, "account": account, "email": address_of(contact), "first_name": "Wilhelmina",
        "last_name": "Quarterstaff", "title": "VP Marketing", "role": "executive",
    });
    tell(deployment, &format!("identified-{contact}"), &body("contact.identified", now, &data)).await;
    settle(deployment).await;
}

/// The address under which [`introduce`] introduces a contact.
pub fn address_of(contact: &str) -> String {
    format!("{contact}@juniper.example.com")
}

/// Every row of the ledger, in no order.
///
/// # Panics
/// If one is not an entry.
pub async fn ledger_rows(deployment: &Deployment) -> Vec<Entry> {
    let rows = scan(deployment, &deployment.ledger_table).await;
    rows.into_iter().map(|row| serde_dynamo::from_item(row).expect("an entry")).collect()
}

/// Every item of the state table, in no order.
pub async fn state_items(deployment: &Deployment) -> Vec<Item> {
    scan(deployment, &deployment.store.state).await
}

/// Everything in a table: a test may do what no function may.
async fn scan(deployment: &Deployment, table: &str) -> Vec<Item> {
    let pages = deployment.store.client.scan().table_name(table).consistent_read(true).into_paginator().items();
    pages.send().collect::<Result<Vec<Item>, _>>().await.expect("the table can be read")
}

/// Every item of the state table by its key, for comparing two moments of a world.
///
/// # Panics
/// If an item has no key.
pub async fn state_by_key(deployment: &Deployment) -> BTreeMap<(String, String), Item> {
    let key = |item: &Item, name: &str| text(item, name).expect("a key").to_owned();
    let items = state_items(deployment).await;
    items.into_iter().map(|item| ((key(&item, PK), key(&item, SK)), item)).collect()
}

/// A contact's interest in a product as it is stored; empty if there is none.
///
/// # Panics
/// If it cannot be read.
pub async fn interest(deployment: &Deployment, contact: &str, product: &str) -> InterestItem {
    let rows = deployment.store.contact(&ContactId::from(contact)).await.expect("the contact can be read");
    rows.interests.get(&ProductId::from(product)).cloned().unwrap_or_default()
}

/// What Lambda gets when these rows were put into the ledger.
///
/// # Panics
/// If an entry cannot be an item.
pub fn stream_event(entries: &[Entry]) -> Value {
    let record = |(index, entry): (usize, &Entry)| {
        let image = serde_dynamo::Item::from(entry.item().expect("an item"));
        json!({
            "eventID": index.to_string(),
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": perennial_local::REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": 0,
                "Keys": {"PK": {"S": entry.pk}, "SK": {"S": entry.sk}},
                "NewImage": image,
                "SequenceNumber": (index + 1).to_string(),
                "SizeBytes": 1,
                "StreamViewType": "NEW_IMAGE",
            },
        })
    };
    json!({"Records": entries.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// What Lambda gets when these messages wait in the mail queue; each is named by its position.
pub fn queue_event(messages: &[Value]) -> Value {
    let record = |(index, message): (usize, &Value)| {
        json!({
            "messageId": index.to_string(),
            "receiptHandle": "handle",
            "body": message.to_string(),
            "attributes": {},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:MailQueue",
            "awsRegion": perennial_local::REGION,
        })
    };
    json!({"Records": messages.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// What Lambda gets from the HTTP API for a signed native webhook: the recorded event with this delivery in it.
///
/// # Panics
/// If the recorded event is not JSON.
pub fn webhook_event(deployment: &Deployment, id: &str, body: &str) -> Value {
    let now = deployment.world.clock().now();
    let mut event: Value =
        serde_json::from_str(include_str!("../fixtures/lambda/http-api-webhook.json")).expect("recorded JSON");
    event["headers"]["webhook-id"] = json!(id);
    event["headers"]["webhook-timestamp"] = json!(now.as_second().to_string());
    event["headers"]["webhook-signature"] = json!(deployment.sign(id, now, body).expect("a signature"));
    event["body"] = json!(body);
    event
}

/// [`webhook_event`] as the function takes it.
///
/// # Panics
/// If the recorded event has an unknown shape.
pub fn webhook_request(deployment: &Deployment, id: &str, body: &str) -> ApiGatewayV2httpRequest {
    serde_json::from_value(webhook_event(deployment, id, body)).expect("an event of the HTTP API")
}

/// How many there are of each.
pub fn tally<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}
