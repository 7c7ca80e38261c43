//! The Lambda bootstrap of apply-change.

use apply_change::ApplyChange;
use perennial_platform::clock::Clock;
use perennial_platform::key_secret::KeySecret;
use perennial_platform::ledger::Ledger;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let keys = KeySecret::read(&config, settings::required("KEY_SECRET_NAME")?, Clock::system()).await?;
    let changes = ApplyChange {
        store: Store::from_env(&config)?,
        ledger: Ledger::from_env(&config)?,
        address_key: keys.address_key(),
        playbook: settings::playbook()?,
        clock: Clock::system(),
    };
    lambda::serve(|batch| changes.handle(batch)).await
}
