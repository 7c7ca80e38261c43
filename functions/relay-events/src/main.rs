//! The Lambda bootstrap of relay-events.

use perennial_platform::bus::Bus;
use perennial_platform::clock::Clock;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use relay_events::RelayEvents;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let bus = Bus::new(&config, settings::required("EVENT_BUS")?);
    let relay = RelayEvents { store: Store::from_env(&config)?, bus, clock: Clock::system() };
    lambda::serve(|trigger| relay.handle(trigger)).await
}
