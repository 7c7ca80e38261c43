//! The Lambda bootstrap of qualify-mql.

use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use qualify_mql::QualifyMql;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let store = Store::from_env(&lambda::config_in_lambda())?;
    let address_key = AddressKey::new(settings::key("ADDRESS_KEY")?);
    let qualification = QualifyMql { store, address_key, playbook: settings::playbook()?, clock: Clock::system() };
    lambda::serve(|trigger| qualification.handle(trigger)).await
}
