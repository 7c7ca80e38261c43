//! The local world: everything that Perennial runs on AWS, in one process.
//!
//! [`Wiring`] is read from the SAM template, so that what triggers what is written down once. [`World`] runs it: an
//! embedded DynamoDB served on loopback, the few calls of SES, SQS, EventBridge and Secrets Manager that the functions make,
//! a virtual clock, and the deliveries between them. The functions themselves are handed in as [`Function`] values.
//!
//! What it promises, because AWS does:
//! - at least once: a message leaves the store only after the function that consumed it succeeded, also across kill -9;
//! - partial batches, bisection, finite retries, visibility, receive counts and dead-letter queues as configured;
//! - nothing is skipped silently: what the template asks for and this world does not implement is an error at start.
//!
//! What it deliberately is not: a test of permissions, quotas, throughput or latency. There is no concurrency between
//! deliveries either; races are the subject of tests that call the functions directly.
//!
//! Map: [`template`] (with `cloudformation`, `events`, `routes` and `mail_events`), [`pattern`], [`schedule`], [`clock`]; `store` keeps (and `waiting` remembers), `emulator`
//! (with `acceptance` and `loopback`) answers the SDKs, `delivery` and `invocation` deliver, `advance` moves the clock and `nominated` says which ticks matter,
//! `gateway` is HTTP, `serve` is real time; [`world`] is the handle.

mod acceptance;
mod advance;
pub mod clock;
mod cloudformation;
pub mod declared;
mod delivery;
mod emulator;
mod events;
pub mod faults;
mod gateway;
mod invocation;
mod loopback;
mod mail_events;
mod nominated;
pub mod pattern;
mod queues;
mod records;
mod routes;
pub mod schedule;
mod serve;
mod store;
pub mod template;
mod waiting;
pub mod world;

#[cfg(test)]
mod mail_event_tests;
#[cfg(test)]
mod nominated_tests;
#[cfg(test)]
mod restart_tests;
#[cfg(test)]
mod service_tests;
#[cfg(test)]
mod template_tests;
#[cfg(test)]
mod world_tests;

pub use clock::ClockHandle;
pub use cloudformation::read as read_template;
pub use faults::{Call, Fault, Faults};
pub use mail_events::MailEvents;
pub use nominated::Nominations;
pub use records::{BusEvent, Counts, DeadLetter, Mail, Tick};
pub use template::Wiring;
pub use world::{Endpoints, Function, FunctionError, Store, World, WorldError};

/// The region in ARNs and events of the local world; SDK clients may be configured with any.
pub const REGION: &str = "eu-central-1";

/// The account in ARNs and events of the local world.
pub const ACCOUNT: &str = "000000000000";
