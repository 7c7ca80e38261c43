//! The Lambda bootstrap of send-nurture-email.

use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::links::Links;
use perennial_platform::mail::{Mailer, Recipients};
use perennial_platform::sending::Sending;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use send_nurture_email::SendNurtureEmail;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config().await;
    let playbook = settings::playbook()?;
    let mailer = Mailer::new(&config, &playbook.company.sender, std::env::var("CONFIGURATION_SET").ok());
    let store = Store::from_env(&config)?;
    let sender = SendNurtureEmail {
        sending: Sending { store: store.clone(), rules: playbook.sending.rules.clone() },
        recipients: Recipients::of_stage(&settings::required("STAGE")?),
        store,
        mailer,
        links: Links::new(settings::key("LINK_KEY")?, settings::required("PUBLIC_URL")?),
        address_key: AddressKey::new(settings::key("ADDRESS_KEY")?),
        playbook,
        clock: Clock::system(),
    };
    lambda::serve(|batch| sender.handle(batch)).await
}
