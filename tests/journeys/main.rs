//! Journeys: whole stories in virtual time, through all functions.

mod act_now;
mod explained;
mod first_light;
mod half_year;
mod held;
mod idle_hours;
mod ladder;
mod marketo;
mod new_playbook;
mod plan_world;
mod plan_year;
mod quarantine;
mod rebuild;
mod rebuild_meanwhile;
mod why_no_email;

use jiff::Timestamp;
use perennial::deployment::{Deployment, LOCAL_WEBHOOK_SECRET, Options};
use perennial::tally::Tally;
use perennial_local::{ClockHandle, Store};

/// All functions under the tests' example playbook, in memory, with the clock standing at this instant.
async fn open_world(now: Timestamp) -> Deployment {
    let options = Options {
        playbook: perennial_tests::playbook(),
        store: Store::Memory,
        clock: ClockHandle::standing_at(now),
        webhook_secrets: LOCAL_WEBHOOK_SECRET.into(),
        public_url: "http://127.0.0.1:7878".to_owned(),
        tally: Tally::default(),
    };
    Deployment::open(options).await.unwrap()
}
