//! The Lambda bootstrap of sales-desk.

use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::ledger::Ledger;
use perennial_platform::sessions::Sessions;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use sales_desk::{SalesDesk, SignIn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let desk = SalesDesk {
        ledger: Ledger::from_env(&config)?,
        store: Store::from_env(&config)?,
        address_key: AddressKey::new(settings::key("ADDRESS_KEY")?),
        // Sessions last for hours: those that an older key has signed end with it.
        sessions: Sessions::new(settings::keys("LINK_KEY")?.into_iter().next().unwrap_or_default()),
        sign_in: SignIn::Pool {
            pages: settings::required("DESK_SIGN_IN_PAGES")?,
            client: settings::required("DESK_CLIENT_ID")?,
        },
        playbook: settings::playbook()?,
        clock: Clock::system(),
    };
    lambda::serve(|request| desk.handle(request)).await
}
