//! The `perennial` command: the local world with all functions in it, and the questions one asks of it.
//!
//! | module | owns |
//! |---|---|
//! | [`deployment`] | the functions, put together in the local world as the SAM template puts them together in AWS |
//! | [`secret`] | a secret from a command line |
//! | [`stack`] | a stack in AWS, by its name |
//! | [`tally`] | how many engagements were delivered, and what became of them |
//! | [`gallery`] | every mail as a picture |
//! | [`looks`] | whether a mail can be read where it is opened |
//! | [`browser`] | a headless Chromium that shows one page after another |
//! | [`data`] | where a world is kept on this machine |
//! | [`cost`] | what a deployment costs, from measured units and a list of prices |
//! | [`contact`] | everything held about a person, shown or erased |
//! | [`doctor`] | whether a deployment needs a human |
//! | [`example`] | a world and its story, played through the webhook |
//! | [`audience`] | audiences for ads, hashed, and who is left out |
//! | [`account`] | everything that happened, read back from both tables |
//! | [`explain`] | one score, step by step |
//! | [`highlights`] | what a world did, in at most 25 lines |
//! | [`history`] | what is known of the past, for a playbook to be tried on |
//! | [`identities`] | who every id stands for |
//! | [`plan`] | what a change of the playbook would have done |
//! | [`page`] | the landing page and its API |
//! | [`quarantine`] | what was not understood, tried again |
//! | [`rebuild`] | facts made anew from the ledger, and compared |
//! | [`redrive`] | dead letters, brought back to life |
//! | [`scan`] | a table, read whole |
//! | [`sending`] | the quota, what came back, and the pause |
//! | [`ses`] | what SES and DNS say of the sender |
//! | [`silences`] | what became of all slots, by outcome and reason |
//! | [`webhook`] | a delivery by hand: signed, printed for curl, sent |
//! | [`why`] | why somebody got nothing: slot by slot, and stream by stream |
//! | [`written`] | rules as the playbook writes them |
//! | [`import`] | another tool's history, played through the functions in virtual time |
//!
//! What it never does: decide anything that a function decides.

pub mod account;
pub mod audience;
pub mod browser;
pub mod contact;
pub mod cost;
pub mod data;
pub mod deployment;
pub mod doctor;
pub mod example;
pub mod explain;
pub mod gallery;
pub mod highlights;
pub mod history;
pub mod identities;
pub mod import;
pub mod looks;
pub mod page;
pub mod plan;
pub mod quarantine;
pub mod rebuild;
pub mod redrive;
pub mod scan;
pub mod secret;
pub mod sending;
pub mod ses;
pub mod silences;
pub mod stack;
pub mod tally;
pub mod webhook;
pub mod why;
pub mod written;
