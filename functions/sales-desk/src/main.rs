//! The Lambda bootstrap of sales-desk.

use perennial_platform::clock::Clock;
use perennial_platform::key_secret::KeySecret;
use perennial_platform::ledger::Ledger;
use perennial_platform::sessions::Sessions;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use sales_desk::{SalesDesk, SignIn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let keys = KeySecret::read(&config, settings::required("KEY_SECRET_NAME")?, Clock::system()).await?;
    let desk = SalesDesk {
        ledger: Ledger::from_env(&config)?,
        store: Store::from_env(&config)?,
        address_key: keys.address_key(),
        sessions: Sessions::signed_with(keys.link_keys()),
        sign_in: SignIn::Pool {
            pages: settings::required("DESK_SIGN_IN_PAGES")?,
            client: settings::required("DESK_CLIENT_ID")?,
        },
        playbook: settings::playbook()?,
        clock: Clock::system(),
    };
    let (keys, desk) = (&keys, &desk);
    lambda::serve(|request| async move {
        keys.renew().await;
        desk.handle(request).await
    })
    .await
}
