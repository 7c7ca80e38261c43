//! What others may rely on: the webhook, what an engagement costs, the Lambda Runtime API, and which crate may know which.

mod arrows;
mod capacity;
mod runtime_api;
mod webhook;
