//! What must hold when things break: deliveries repeat, senders race, replies are lost, processes die.

mod alarms;
mod batch;
mod claims;
mod consent;
mod counted_once;
mod decay_run;
mod digests;
mod editions;
mod erased;
mod feedback;
mod identities;
mod late_facts;
mod line;
mod merges;
mod merges_meanwhile;
mod needs_help;
mod newer_format;
mod one_email;
mod one_mql;
mod preferences;
mod private;
mod refusals;
mod relay;
mod retarget;
mod slots;
mod webhook_secrets;
