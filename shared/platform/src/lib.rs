//! The common crate of all functions: how decisions meet AWS.
//!
//! Every function loads a snapshot, lets `perennial-domain` decide, and commits conditionally; what they share of
//! loading and committing is here.
//!
//! | module | owns |
//! |---|---|
//! | [`clock`] | the only place that reads a clock |
//! | [`settings`] | what a function is told by its environment, read once at init |
//! | [`failure`] | errors by what to do about them: retryable, conflict, poison, bug |
//! | [`keys`] | every key of both tables |
//! | [`told`] | what a sender can tell us, and the native webhook body |
//! | [`ledger`] | the append-only table |
//! | [`store`] | the state table: reading items, committing transactions |
//! | [`contact`] | loading everything about a contact that a decision may need |
//! | [`interest`] | an interest item: facts as number sets |
//! | [`landing`] | facts that land, and what follows |
//! | [`identity`] | who an id stands for: merges, addresses, erasure |
//! | [`records`] | the other items of the state table |
//! | [`leads`] | what sales says of a lead, applied |
//! | [`desk`] | where the sales desk finds leads, and who belongs to whom |
//! | [`consent`] | opting out and suppression |
//! | [`feedback`] | what is remembered of mail that came back |
//! | [`cadence`] | a contact's place among those to be planned |
//! | [`outbox`] | events that leave in the same transaction as what they tell |
//! | [`sending`] | permits to send, the quota, the pause |
//! | [`bus`], [`queue`], [`mail`] | EventBridge, SQS and SES |
//! | [`webhook`], [`links`], [`address`] | signatures, signed links, keyed address hashes |
//! | [`key_secret`], [`signing_keys`] | the deployment's keys, read at init, and how one is changed |
//! | [`sessions`] | who is signed in at the sales desk |
//! | [`edge`] | which route a request is for, behind an API or a function URL |
//! | [`lambda`] | triggers, partial batches, HTTP answers, the bootstrap |
//! | [`metrics`] | the figures that alarms and the dashboard read |
//! | [`logged`] | how a log line and a metric are written in Lambda |
//!
//! What this crate never does: decide. There is no `if` on a score, a cadence or a priority here.

pub mod address;
pub mod bus;
pub mod cadence;
pub mod clock;
pub mod consent;
pub mod contact;
pub mod desk;
pub mod edge;
pub mod failure;
pub mod feedback;
pub mod held;
pub mod identity;
pub mod interest;
pub mod key_secret;
pub mod keys;
pub mod lambda;
pub mod landing;
pub mod leads;
pub mod ledger;
pub mod links;
pub mod logged;
pub mod mail;
pub mod metrics;
pub mod nurture;
pub mod outbox;
pub mod queue;
pub mod records;
pub mod sending;
pub mod sessions;
pub mod settings;
pub mod signing_keys;
pub mod store;
pub mod told;
pub mod webhook;
