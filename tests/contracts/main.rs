//! What others may rely on: the webhook, what an engagement costs, the Lambda Runtime API, what becomes of interest and of a lead, which crate may
//! know which, and which function may do what.

mod arrows;
mod bad_bodies;
mod batch_cost;
mod believed;
mod brief_calls;
mod bus_events;
mod capacity;
mod corpus;
mod cost;
mod covers;
mod desk;
mod desk_calls;
mod digest_calls;
mod edges;
mod lead_made;
mod letters;
mod lifecycle;
mod limits;
mod mail_events;
mod operations;
mod qualification;
mod recorded;
mod runbook;
mod runtime_api;
mod shipped;
mod webhook;
