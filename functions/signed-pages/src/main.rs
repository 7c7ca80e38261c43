//! The Lambda bootstrap of signed-pages.

use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::ledger::Ledger;
use perennial_platform::links::Links;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use signed_pages::SignedPages;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let pages = SignedPages {
        ledger: Ledger::from_env(&config)?,
        store: Store::from_env(&config)?,
        links: Links::with_keys(settings::keys("LINK_KEY")?, ""),
        address_key: AddressKey::new(settings::key("ADDRESS_KEY")?),
        playbook: settings::playbook()?,
        clock: Clock::system(),
    };
    lambda::serve(|request| pages.handle(request)).await
}
