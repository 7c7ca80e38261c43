//! The Lambda bootstrap of signed-pages.

use perennial_platform::clock::Clock;
use perennial_platform::key_secret::KeySecret;
use perennial_platform::ledger::Ledger;
use perennial_platform::links::Links;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use signed_pages::SignedPages;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let keys = KeySecret::read(&config, settings::required("KEY_SECRET_NAME")?, Clock::system()).await?;
    let pages = SignedPages {
        ledger: Ledger::from_env(&config)?,
        store: Store::from_env(&config)?,
        links: Links::signed_with(keys.link_keys(), ""),
        address_key: keys.address_key(),
        playbook: settings::playbook()?,
        clock: Clock::system(),
    };
    let (keys, pages) = (&keys, &pages);
    lambda::serve(|request| async move {
        keys.renew().await;
        pages.handle(request).await
    })
    .await
}
