//! The Lambda bootstrap of qualify-mql.

use perennial_platform::clock::Clock;
use perennial_platform::key_secret::KeySecret;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use qualify_mql::QualifyMql;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let store = Store::from_env(&config)?;
    let keys = KeySecret::read(&config, settings::required("KEY_SECRET_NAME")?, Clock::system()).await?;
    let address_key = keys.address_key();
    let qualification = QualifyMql { store, address_key, playbook: settings::playbook()?, clock: Clock::system() };
    lambda::serve(|trigger| qualification.handle(trigger)).await
}
