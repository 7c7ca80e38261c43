//! The `perennial` command: the local world with all functions in it, and the questions one asks of it.
//!
//! | module | owns |
//! |---|---|
//! | [`deployment`] | the functions, put together in the local world as the SAM template puts them together in AWS |
//! | [`tally`] | how many engagements were delivered, and what became of them |
//! | [`data`] | where a world is kept on this machine |
//! | [`import`] | another tool's history, played through the functions in virtual time |
//!
//! What it never does: decide anything that a function decides.

pub mod data;
pub mod deployment;
pub mod import;
pub mod tally;
