//! The local world's handle.
//!
//! Owns opening, registering, and looking. Time is moved in `advance`, deliveries are made in `delivery` and `invocation`,
//! HTTP is in `gateway`, real time in `serve`.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::clock::ClockHandle;
use crate::emulator;
use crate::faults::Faults;
use crate::gateway::Route;
use crate::invocation::ScheduleTrigger;
use crate::loopback::{HangUp, Loopback};
use crate::nominated::Nominations;
use crate::pattern::{Pattern, PatternError};
use crate::records::{BusEvent, Counts, DeadLetter, Mail};
use crate::schedule::ScheduleError;
use crate::store::{self, LocalStore, StoreError, Write, invocation_partition, queue_partition};
use crate::template::{Rule, StreamTrigger, Trigger, Wiring};

/// A function as Lambda runs it: the event's JSON in, the answer's JSON out.
pub type Function = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value, FunctionError>> + Send + Sync>;

/// A function's failure. The message ends in dead letters and logs, so it must not hold addresses or payloads.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct FunctionError {
    /// What happened.
    pub message: String,
}

impl FunctionError {
    /// A failure with a message.
    pub fn new(message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string() }
    }
}

/// Where the world keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// In memory: gone when the world is dropped.
    Memory,
    /// In a file, made if absent; it survives kill -9.
    File(PathBuf),
}

/// Base URLs for SDK clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// DynamoDB.
    pub dynamodb: String,
    /// SES, SQS, EventBridge and Secrets Manager.
    pub aws: String,
}

/// Why the local world could not go on.
#[derive(Debug, Error)]
pub enum WorldError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A listener could not be had.
    #[error("listener: {0}")]
    Listener(#[from] std::io::Error),
    /// A pattern in a wiring that was not made by [`Wiring::parse`].
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A schedule in a wiring that was not made by [`Wiring::parse`].
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Functions of the template that have no implementation.
    #[error("no implementation for {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Implementations that the template does not name.
    #[error("the template has no function {}", .0.join(", "))]
    Unknown(Vec<String>),
    /// Deliveries without an end: the functions feed each other.
    #[error("still busy after {0} deliveries: functions feed each other")]
    Restless(u64),
    /// An instant before the clock.
    #[error("the clock is at {clock}; it cannot go back to {instant}")]
    Backwards {
        /// Where the clock stands.
        clock: Timestamp,
        /// Where it was told to go.
        instant: Timestamp,
    },
    /// A listener that others could reach.
    #[error("{0} is not a loopback address")]
    NotLoopback(std::net::SocketAddr),
}

/// What the emulated services and the deliveries share.
pub(crate) struct Core {
    pub(crate) wiring: Wiring,
    pub(crate) rules: Vec<(Rule, Pattern)>,
    pub(crate) store: LocalStore,
    pub(crate) clock: ClockHandle,
    pub(crate) faults: Faults,
    pub(crate) arrivals: Notify,
    changes: watch::Sender<u64>,
    secrets: Mutex<BTreeMap<String, String>>,
    suppressed: Mutex<Suppressed>,
}

/// By address, the reason (`BOUNCE` or `COMPLAINT`) and since when.
pub(crate) type Suppressed = BTreeMap<String, (String, Timestamp)>;

impl Core {
    /// Something came in that may have to be delivered.
    pub(crate) fn arrived(&self) {
        self.changed();
        self.arrivals.notify_one();
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// What Secrets Manager holds, by name.
    pub(crate) fn secrets(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom SES does not write to.
    pub(crate) fn suppressed(&self) -> std::sync::MutexGuard<'_, Suppressed> {
        self.suppressed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct StreamReader {
    pub(crate) function: String,
    pub(crate) trigger: StreamTrigger,
    pub(crate) filters: Vec<Pattern>,
}

pub(crate) struct QueueReader {
    pub(crate) function: String,
    pub(crate) queue: String,
    pub(crate) batch_size: usize,
    pub(crate) report_item_failures: bool,
}

pub(crate) struct Inner {
    pub(crate) core: Arc<Core>,
    pub(crate) streams: Vec<StreamReader>,
    pub(crate) queues: Vec<QueueReader>,
    pub(crate) schedules: Vec<ScheduleTrigger>,
    pub(crate) routes: Vec<Route>,
    pub(crate) functions: RwLock<HashMap<String, Function>>,
    pub(crate) nominations: RwLock<BTreeMap<String, Nominations>>,
    pub(crate) activity: Mutex<BTreeMap<String, (u64, u64)>>,
    /// Held while delivering, so that one delivery follows the other; the instant up to which schedules have fired.
    pub(crate) delivering: tokio::sync::Mutex<Timestamp>,
    endpoints: Endpoints,
    servers: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.servers.iter().for_each(AbortHandle::abort);
    }
}

/// The local world; clones are the same world. Its servers stop when the last clone is dropped.
#[derive(Clone)]
pub struct World {
    pub(crate) inner: Arc<Inner>,
}

impl World {
    /// Opens the store, makes missing tables, restores the clock (a stored one wins over `clock`'s time), and starts the
    /// emulated services on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// A store that cannot be opened or is in use, no port, or a wiring that was not made by [`Wiring::parse`].
    pub async fn open(wiring: Wiring, store: Store, clock: ClockHandle) -> Result<Self, WorldError> {
        let store = LocalStore::open(&store, &clock, &wiring.tables)?;
        match store.clock()? {
            Some(stored) if clock.follows_system() => {
                clock.set(stored);
                clock.follow_system();
            }
            Some(stored) => clock.set(stored),
            None => store.write(&[Write::clock(clock.now())])?,
        }
        let rules = wiring.rules.iter().map(|rule| Ok((rule.clone(), Pattern::parse(&rule.pattern)?)));
        let rules = rules.collect::<Result<Vec<_>, PatternError>>()?;
        let (mut streams, mut queues, mut schedules, mut routes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for function in &wiring.functions {
            let name = &function.logical_id;
            for trigger in &function.triggers {
                match trigger {
                    Trigger::Http { method, path, authorizer } => {
                        routes.push(Route::new(name, method, path, authorizer.is_some()));
                    }
                    Trigger::Stream(trigger) => {
                        let filters = trigger.filters.iter().map(Pattern::parse).collect::<Result<_, _>>()?;
                        streams.push(StreamReader { function: name.clone(), trigger: trigger.clone(), filters });
                    }
                    Trigger::Queue { queue, batch_size, report_item_failures } => queues.push(QueueReader {
                        function: name.clone(),
                        queue: queue.clone(),
                        batch_size: *batch_size,
                        report_item_failures: *report_item_failures,
                    }),
                    Trigger::Schedule { name: schedule, expression, time_zone, input } => {
                        schedules.push(ScheduleTrigger::new(name, schedule, expression, time_zone, input)?);
                    }
                    Trigger::Url | Trigger::Rule { .. } => {}
                }
            }
        }
        let stored = store.clock()?.unwrap_or(clock.now());
        let core = Arc::new(Core {
            wiring,
            rules,
            store,
            clock,
            faults: Faults::default(),
            arrivals: Notify::new(),
            changes: watch::channel(0).0,
            secrets: Mutex::default(),
            suppressed: Mutex::default(),
        });
        let (endpoints, servers) = start_servers(&core).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                core,
                streams,
                queues,
                schedules,
                routes,
                functions: RwLock::default(),
                nominations: RwLock::default(),
                activity: Mutex::default(),
                delivering: tokio::sync::Mutex::new(stored),
                endpoints,
                servers,
            }),
        })
    }

    /// Where SDK clients connect.
    pub fn endpoints(&self) -> &Endpoints {
        &self.inner.endpoints
    }

    /// The URL of a queue, as functions get it in their environment.
    pub fn queue_url(&self, logical_id: &str) -> String {
        format!("{}/{}/{logical_id}", self.inner.endpoints.aws, crate::ACCOUNT)
    }

    /// The wiring it was opened with.
    pub fn wiring(&self) -> &Wiring {
        &self.inner.core.wiring
    }

    /// The clock.
    pub fn clock(&self) -> &ClockHandle {
        &self.inner.core.clock
    }

    /// What goes wrong next.
    pub fn faults(&self) -> &Faults {
        &self.inner.core.faults
    }

    /// Puts a secret into Secrets Manager, or another value into it. It is kept in memory, as long as this world is open.
    pub fn set_secret(&self, name: &str, value: &str) {
        self.inner.core.secrets().insert(name.to_owned(), value.to_owned());
    }

    /// Puts an address onto the suppression list of SES, for `BOUNCE` or `COMPLAINT`. Kept in memory; SES here writes to it all the
    /// same.
    pub fn set_suppressed(&self, address: &str, reason: &str) {
        let listed = (reason.to_owned(), self.inner.core.clock.now());
        self.inner.core.suppressed().insert(address.to_owned(), listed);
    }

    /// Gives a function of the template its implementation; a second one replaces the first.
    pub fn register(&self, logical_id: &str, function: Function) {
        let mut functions = self.inner.functions.write().unwrap_or_else(PoisonError::into_inner);
        functions.insert(logical_id.to_owned(), function);
    }

    /// The implementation of a function of the template, for whoever watches what it is given.
    pub fn function(&self, logical_id: &str) -> Option<Function> {
        let functions = self.inner.functions.read().unwrap_or_else(PoisonError::into_inner);
        functions.get(logical_id).cloned()
    }

    /// Whether the template's functions and the implementations are the same set.
    ///
    /// # Errors
    /// [`WorldError::Missing`] or [`WorldError::Unknown`].
    pub fn ready(&self) -> Result<(), WorldError> {
        let functions = self.inner.functions.read().unwrap_or_else(PoisonError::into_inner);
        let declared = || self.wiring().functions.iter().map(|function| &function.logical_id);
        let missing: Vec<String> = declared().filter(|id| !functions.contains_key(*id)).cloned().collect();
        if !missing.is_empty() {
            return Err(WorldError::Missing(missing));
        }
        let mut unknown: Vec<String> =
            functions.keys().filter(|id| !declared().any(|declared| declared == *id)).cloned().collect();
        unknown.sort();
        if unknown.is_empty() { Ok(()) } else { Err(WorldError::Unknown(unknown)) }
    }

    /// Delivers until nothing moves, and says how many calls that took. What failed and waits for its retry on the
    /// virtual clock is not waited for.
    ///
    /// # Errors
    /// A failing store, a function without implementation, or functions that feed each other without end.
    pub async fn settle(&self) -> Result<u64, WorldError> {
        let _delivering = self.inner.delivering.lock().await;
        self.deliver_all().await
    }

    /// Ticks whenever anything changed, for pages that follow along.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.core.changes.subscribe()
    }

    /// Every mail that SES accepted, oldest first.
    ///
    /// # Errors
    /// A failing store.
    pub fn mails(&self) -> Result<Vec<Mail>, WorldError> {
        Ok(self.inner.core.store.list(store::MAILS)?)
    }

    /// Takes away the mails of which a recipient or a part is one of these texts, as an inbox would be emptied; says how many
    /// there were.
    ///
    /// # Errors
    /// A failing store.
    pub fn forget_mails(&self, these: impl Fn(&str) -> bool) -> Result<usize, WorldError> {
        let store = &self.inner.core.store;
        let mails: Vec<(String, Mail)> = store.list_with_keys(store::MAILS)?;
        let is_theirs = |mail: &Mail| mail.to.iter().chain(&mail.html).chain(&mail.text).any(|text| these(text));
        let theirs = mails.iter().filter(|(_, mail)| is_theirs(mail));
        let forget = |key: &String| Write::Delete { partition: store::MAILS.to_owned(), key: key.clone() };
        let gone: Vec<Write> = theirs.map(|(key, _)| forget(key)).collect();
        store.write(&gone)?;
        Ok(gone.len())
    }

    /// Every event that EventBridge accepted, oldest first.
    ///
    /// # Errors
    /// A failing store.
    pub fn bus_events(&self) -> Result<Vec<BusEvent>, WorldError> {
        Ok(self.inner.core.store.list(store::BUS)?)
    }

    /// Everything that was given up, oldest first.
    ///
    /// # Errors
    /// A failing store.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, WorldError> {
        Ok(self.inner.core.store.list(store::DEAD)?)
    }

    /// Numbers for a status line.
    ///
    /// # Errors
    /// A failing store.
    pub fn counts(&self) -> Result<Counts, WorldError> {
        let store = &self.inner.core.store;
        let mut counts = Counts {
            mails: store.count(store::MAILS)?,
            bus_events: store.count(store::BUS)?,
            dead_letters: store.count(store::DEAD)?,
            ..Counts::default()
        };
        for queue in &self.wiring().queues {
            counts.queued.insert(queue.logical_id.clone(), store.count(&queue_partition(&queue.logical_id))?);
        }
        for function in &self.wiring().functions {
            counts.waiting_invocations += store.count(&invocation_partition(&function.logical_id))?;
        }
        for (function, (calls, failures)) in &*self.activity() {
            counts.invocations.insert(function.clone(), *calls);
            counts.failures.insert(function.clone(), *failures);
        }
        Ok(counts)
    }

    pub(crate) fn activity(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (u64, u64)>> {
        self.inner.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn start_servers(core: &Arc<Core>) -> Result<(Endpoints, Vec<AbortHandle>), WorldError> {
    let dynamodb = Loopback::bind().await?;
    let aws = Loopback::bind().await?;
    let endpoints = Endpoints { dynamodb: dynamodb.url()?, aws: aws.url()? };
    let database = core.store.database.clone();
    let dynamodb = tokio::spawn(dynoxide::server::serve_on(dynamodb.into_plain(), database));
    let service = emulator::router(core.clone()).into_make_service_with_connect_info::<HangUp>();
    let aws = tokio::spawn(async move {
        if let Err(error) = axum::serve(aws, service).await {
            tracing::error!(%error, "the emulated services stopped");
        }
    });
    Ok((endpoints, vec![dynamodb.abort_handle(), aws.abort_handle()]))
}
