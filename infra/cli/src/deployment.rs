//! The functions in the local world, put together as the SAM template puts them together in AWS.
//!
//! What triggers what is read from the template; this module only gives each function of the template its use case and
//! the clients it needs.

mod through;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use apply_change::ApplyChange;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_sdk_dynamodb::config::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use brief_sales::BriefSales;
use escalate_sla::EscalateSla;
use http::{HeaderMap, Request};
use ingest_engagement::{Accepted, Ingest};
use jiff::Timestamp;
use perennial_local::{ClockHandle, Function, FunctionError, Nominations, REGION, Wiring, World, WorldError};
use perennial_platform::address::AddressKey;
use perennial_platform::bus::Bus;
use perennial_platform::clock::{Clock, between};
use perennial_platform::failure::Failure;
use perennial_platform::keys::{DUE_AT, DUE_INDEX, DUE_SHARD, Job, SHARDS};
use perennial_platform::ledger::Ledger;
use perennial_platform::links::Links;
use perennial_platform::mail::suppression_list::SuppressionList;
use perennial_platform::mail::{Mailer, Recipients};
use perennial_platform::queue::Queue;
use perennial_platform::sending::Sending;
use perennial_platform::sessions::Sessions;
use perennial_platform::store::Store;
use perennial_platform::told::Told;
use perennial_platform::webhook::Delivery;
use perennial_platform::webhook::secrets::{NotASecret, SourceSecrets, native_secrets};
use perennial_platform::webhook::sign::sign;
use perennial_playbook::Playbook;
use perennial_playbook::sources::{Source, Verify};
use plan_nurture::PlanNurture;
use qualify_mql::QualifyMql;
use record_email_feedback::RecordEmailFeedback;
use relay_events::RelayEvents;
use sales_desk::{SalesDesk, SignIn};
use score_and_decay::ScoreAndDecay;
use send_nurture_email::SendNurtureEmail;
use serde::Serialize;
use serde::de::DeserializeOwned;
use signed_pages::SignedPages;

use crate::data::Snapshot;
use crate::secret::Secret;
use crate::tally::{Tally, TallyError};

/// The template that is deployed is the template that runs here.
pub(crate) const TEMPLATE: &str = include_str!("../../sam/template.yaml");

/// The configuration set of the template: what is sent with it makes events.
pub const CONFIGURATION_SET: &str = "MailConfigurationSet";

/// The secret that the local world believes when none is given. Not a secret: it is printed in the README.
pub const LOCAL_WEBHOOK_SECRET: &str = "whsec_cGVyZW5uaWFsLWxvY2FsLXdlYmhvb2stc2VjcmV0";

/// What signs links and sessions here. Not a secret: whoever reads this knows it.
const LINK_KEY: &str = "the local world's link key";

/// The parameters without which the template has no sales desk. Here nobody is asked for a token that a pool has made.
fn here() -> BTreeMap<String, String> {
    let parameters = ["DeskIssuer", "DeskClientId", "DeskSignInPages"];
    parameters.map(|name| (name.to_owned(), "the local world".to_owned())).into()
}

/// What a deployment is made of.
#[derive(Debug)]
pub struct Options {
    /// The playbook.
    pub playbook: Arc<Playbook>,
    /// Where state is kept.
    pub store: perennial_local::Store,
    /// What time it is, unless the state knows.
    pub clock: ClockHandle,
    /// `whsec_…` secrets, separated by white space.
    pub webhook_secrets: Secret,
    /// The address that links in mails begin with.
    pub public_url: String,
    /// Where deliveries are counted.
    pub tally: Tally,
}

/// Why there is no deployment, or why it cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// The template that was built in cannot be read.
    #[error("template: {0}")]
    Template(String),
    /// The local world cannot go on.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The webhook secret is none.
    #[error("--webhook-secret: {0}")]
    Secret(#[from] NotASecret),
    /// A function or a table refused.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// Deliveries could not be counted.
    #[error(transparent)]
    Tally(#[from] TallyError),
    /// A request could not be put together.
    #[error("request: {0}")]
    Request(String),
}

/// Where plan-nurture finds whose slot has come.
fn nurture_slots() -> Nominations {
    Nominations {
        table: "StateTable".to_owned(),
        index: DUE_INDEX.to_owned(),
        shard_attribute: DUE_SHARD.to_owned(),
        at_attribute: DUE_AT.to_owned(),
        shards: (0..SHARDS).map(|shard| Job::Nurture.shard(shard)).collect(),
    }
}

/// All functions, in the local world.
#[derive(Clone)]
pub struct Deployment {
    /// The world.
    pub world: World,
    /// The playbook they all know.
    pub playbook: Arc<Playbook>,
    /// The state table.
    pub store: Store,
    /// The ledger's name; the functions may only put, reports may read.
    pub ledger_table: String,
    /// Ingestion, for what does not come by webhook.
    pub ingest: Arc<Ingest>,
    /// What was delivered.
    pub tally: Tally,
    /// What sends mail, into the world's mailbox.
    pub mailer: Mailer,
    secrets: BTreeMap<String, Vec<String>>,
}

impl Deployment {
    /// Opens the world and puts the functions into it.
    ///
    /// # Errors
    /// [`DeploymentError`] if state cannot be opened or something does not fit together.
    pub async fn open(options: Options) -> Result<Self, DeploymentError> {
        let wiring =
            Wiring::parse_with(TEMPLATE, &here()).map_err(|error| DeploymentError::Template(error.to_string()))?;
        let secrets = local_secrets(&options.playbook, native_secrets(options.webhook_secrets.reveal())?);
        let world = World::open(wiring, options.store, options.clock).await?;
        let tables = sdk_config(&world.endpoints().dynamodb).await;
        let services = sdk_config(&world.endpoints().aws).await;
        let clock = clock_of(&world);
        let store = Store { client: aws_sdk_dynamodb::Client::new(&tables), state: "StateTable".to_owned() };
        let ledger = Ledger::new(&tables, "LedgerTable");
        let playbook = options.playbook;
        let mailer = Mailer::new(&services, &playbook.company.sender, Some(CONFIGURATION_SET.to_owned()));
        let ingest = Arc::new(Ingest {
            ledger: ledger.clone(),
            secrets: SourceSecrets::fixed(secrets.clone()),
            addresses: address_key(),
            playbook: Arc::clone(&playbook),
            clock: clock.clone(),
        });
        let deployment = Self {
            world,
            playbook,
            store,
            ledger_table: "LedgerTable".to_owned(),
            ingest,
            tally: options.tally,
            mailer,
            secrets,
        };
        deployment.register(&services, &ledger, &clock, &options.public_url);
        deployment.world.ready()?;
        Ok(deployment)
    }

    /// Opens a copy of a world, to ask something of it: whoever serves the world is not disturbed, and nothing that happens in
    /// the copy is kept.
    ///
    /// # Errors
    /// As [`Deployment::open`].
    pub async fn open_copy(playbook: Arc<Playbook>, copy: &Snapshot) -> Result<Self, DeploymentError> {
        let options = Options {
            playbook,
            store: perennial_local::Store::File(copy.database.clone()),
            // Of no account: the state knows what time it is.
            clock: ClockHandle::standing_at(Timestamp::UNIX_EPOCH),
            webhook_secrets: LOCAL_WEBHOOK_SECRET.into(),
            public_url: String::new(),
            tally: Tally::default(),
        };
        Self::open(options).await
    }

    fn register(&self, services: &SdkConfig, ledger: &Ledger, clock: &Clock, public_url: &str) {
        let world = &self.world;
        let (store, playbook, clock) = (|| self.store.clone(), || Arc::clone(&self.playbook), || clock.clone());
        let address_key = address_key();
        let links = local_links(public_url);
        let (ingest, tally) = (Arc::clone(&self.ingest), self.tally.clone());
        let counted = move |_: Arc<()>, request: ApiGatewayV2httpRequest| {
            let (ingest, tally) = (Arc::clone(&ingest), tally.clone());
            async move {
                let (answer, taken) = ingest.take_in(&request).await;
                tally.count(&taken);
                Ok(answer)
            }
        };
        world.register("IngestEngagement", function((), counted));
        let scoring = ScoreAndDecay { store: store(), ledger: ledger.clone(), playbook: playbook(), clock: clock() };
        world.register("ScoreAndDecay", function(scoring, |it, event| async move { it.handle(event).await }));
        let changes = ApplyChange {
            store: store(),
            ledger: ledger.clone(),
            address_key: address_key.clone(),
            playbook: playbook(),
            clock: clock(),
        };
        world.register("ApplyChange", function(changes, |it, event| async move { it.handle(event).await }));
        let qualification =
            QualifyMql { store: store(), address_key: address_key.clone(), playbook: playbook(), clock: clock() };
        world.register("QualifyMql", function(qualification, |it, event| async move { it.handle(event).await }));
        let queue = Queue::new(services, world.queue_url("MailQueue"));
        let planning = PlanNurture { store: store(), queue: queue.clone(), playbook: playbook() };
        world.register("PlanNurture", function(planning, |it, event| async move { it.handle(event).await }));
        // Of the hours of a year it has something to do in few: it does nothing but what the index nominates.
        world.set_nominations("PlanNurture", Some(nurture_slots()));
        let sending = SendNurtureEmail {
            store: store(),
            queue,
            mailer: self.mailer.clone(),
            links: links.clone(),
            address_key: address_key.clone(),
            sending: self.sending(),
            // No mail leaves the machine.
            recipients: Recipients::Anyone,
            desk_url: Some(format!("{public_url}/desk")),
            playbook: playbook(),
            clock: clock(),
        };
        world.register("SendNurtureEmail", function(sending, |it, event| async move { it.handle(event).await }));
        let feedback = RecordEmailFeedback {
            store: store(),
            ledger: ledger.clone(),
            sending: self.sending(),
            suppression_list: SuppressionList::new(services),
            address_key: address_key.clone(),
            playbook: playbook(),
            clock: clock(),
        };
        world.register("RecordEmailFeedback", function(feedback, |it, event| async move { it.handle(event).await }));
        let escalation = EscalateSla { store: store(), playbook: playbook() };
        world.register("EscalateSla", function(escalation, |it, event| async move { it.handle(event).await }));
        let briefs = BriefSales { store: store(), playbook: playbook() };
        world.register("BriefSales", function(briefs, |it, event| async move { it.handle(event).await }));
        let relay = RelayEvents { store: store(), bus: Bus::new(services, "EventBus"), clock: clock() };
        world.register("RelayEvents", function(relay, |it, event| async move { it.handle(event).await }));
        let desk = SalesDesk {
            store: store(),
            ledger: ledger.clone(),
            address_key: address_key.clone(),
            sessions: Sessions::new(LINK_KEY),
            sign_in: SignIn::Anybody,
            playbook: playbook(),
            clock: clock(),
        };
        world.register("SalesDesk", function(desk, |it, event| async move { it.handle(event).await }));
        let ledger = ledger.clone();
        let pages = SignedPages { ledger, store: store(), links, address_key, playbook: playbook(), clock: clock() };
        world.register("SignedPages", function(pages, |it, event| async move { it.handle(event).await }));
    }

    /// The line in which all mail waits for its turn.
    pub fn sending(&self) -> Sending {
        Sending { store: self.store.clone(), rules: self.playbook.sending.rules.clone(), needs_approval: None }
    }

    /// Delivers a native webhook as a sender would, signed at the world's time, and returns the status and the answer.
    ///
    /// # Errors
    /// As [`Deployment::post_to`].
    pub async fn post(&self, id: &str, body: &str) -> Result<(u16, String), DeploymentError> {
        self.post_to("native", id, body).await
    }

    /// Delivers a webhook to a source of the playbook as its sender would, signed at the world's time. The id is that of the
    /// delivery, where the source has such.
    ///
    /// # Errors
    /// [`DeploymentError`] if the world cannot go on, or the delivery cannot be signed; a refusal is a status.
    pub async fn post_to(&self, source: &str, id: &str, body: &str) -> Result<(u16, String), DeploymentError> {
        let headers = self.signed(source, id, self.world.clock().now(), body.as_bytes())?;
        let mut request = Request::post(format!("/v1/webhooks/{source}"))
            .header("content-type", "application/json")
            .body(body.to_owned().into_bytes().into())
            .map_err(|error| DeploymentError::Request(error.to_string()))?;
        request.headers_mut().extend(headers);
        let answer = self.world.http(request).await?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
    }

    /// The signature of a native delivery.
    ///
    /// # Errors
    /// [`DeploymentError::Request`] if the id cannot be sent in a header; the secret was read at the start.
    pub fn sign(&self, id: &str, at: Timestamp, body: impl AsRef<[u8]>) -> Result<String, DeploymentError> {
        let headers = self.signed("native", id, at, body.as_ref())?;
        let signature = headers.get("webhook-signature").and_then(|value| value.to_str().ok());
        signature.map(str::to_owned).ok_or_else(|| DeploymentError::Request("no signature".to_owned()))
    }

    /// A secret that the local world believes of a source: the first it was given for native, the public one for any other.
    pub fn secret_of(&self, source: &str) -> Option<&str> {
        self.secrets.get(source).and_then(|secrets| secrets.first()).map(String::as_str)
    }

    fn signed(&self, source: &str, id: &str, at: Timestamp, body: &[u8]) -> Result<HeaderMap, DeploymentError> {
        let request = |reason: String| DeploymentError::Request(reason);
        let unknown = || request(format!("the playbook has no source \"{source}\""));
        let (found, secret) = self.playbook.sources.get(source).zip(self.secret_of(source)).ok_or_else(unknown)?;
        let url = format!("https://localhost/v1/webhooks/{source}");
        let delivery = Delivery { method: "POST", url: &url, headers: &HeaderMap::new(), body };
        sign(found, secret, id, &delivery, at).map_err(|error| request(error.to_string()))
    }

    /// Takes in an event that did not come by webhook: an import.
    ///
    /// # Errors
    /// [`DeploymentError::Failure`] if the ledger refused.
    pub async fn take_in(&self, source: &str, id: &str, body: &str, told: Told) -> Result<Accepted, DeploymentError> {
        let engagement = Tally::is_engagement(Some(body));
        let now = self.world.clock().now();
        let told = told.concealed(&self.ingest.addresses);
        let accepted = self.ingest.accept(source, id, told, body, now).await?;
        if engagement {
            self.tally.count_accepted(&accepted);
        }
        Ok(accepted)
    }
}

/// The world's clock. Whoever waits for it while it stands moves it; while it follows the system's, one waits.
pub fn clock_of(world: &World) -> Clock {
    let (shown, waited) = (world.clock().clone(), world.clock().clone());
    Clock::with_wait(
        move || shown.now(),
        move |until| {
            let clock = waited.clone();
            Box::pin(async move {
                if clock.follows_system() {
                    tokio::time::sleep(between(clock.now(), until)).await;
                } else {
                    clock.forward(until);
                }
            })
        },
    )
}

/// The secrets of the local world: those given for native, and for every other source of the playbook the public one.
fn local_secrets(playbook: &Playbook, native: Vec<String>) -> BTreeMap<String, Vec<String>> {
    let others = playbook.sources.iter().map(|(id, source)| (id.clone(), vec![local_secret(source)]));
    let mut secrets: BTreeMap<String, Vec<String>> = others.collect();
    secrets.insert("native".to_owned(), native);
    secrets
}

/// The secret that the local world believes of a source when none is given. Not a secret: whoever reads this knows it.
pub fn local_secret(source: &Source) -> String {
    if source.id == "native" {
        return LOCAL_WEBHOOK_SECRET.to_owned();
    }
    let text = format!("local-secret-of-{}-0123456789", source.id);
    if source.verify.contains(&Verify::StandardWebhooks) { format!("whsec_{}", BASE64.encode(text)) } else { text }
}

/// The links of the local world, which begin with this address.
pub fn local_links(public_url: &str) -> Links {
    Links::new(LINK_KEY, public_url)
}

/// The key under which the local world hashes addresses.
pub fn address_key() -> AddressKey {
    AddressKey::new("the local world's address key")
}

/// A function of the template: JSON in, JSON out, as the Lambda runtime does it.
pub fn function<S, E, A, F, Fut>(service: S, handle: F) -> Function
where
    S: Send + Sync + 'static,
    E: DeserializeOwned + Send + 'static,
    A: Serialize,
    F: Fn(Arc<S>, E) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Failure>> + Send + 'static,
{
    let service = Arc::new(service);
    let handle = Arc::new(handle);
    Arc::new(move |event| {
        let (service, handle) = (Arc::clone(&service), Arc::clone(&handle));
        Box::pin(async move {
            let event: E =
                serde_json::from_value(event).map_err(|_| FunctionError::new("event of an unknown shape"))?;
            let answer = handle(service, event).await.map_err(FunctionError::new)?;
            serde_json::to_value(answer).map_err(FunctionError::new)
        })
    })
}

/// SDK configuration for an endpoint of the local world: never a real credential, never a real region's endpoint.
async fn sdk_config(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "local world"))
        .endpoint_url(endpoint)
        .load()
        .await
}
