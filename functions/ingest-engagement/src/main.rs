//! The Lambda bootstrap of ingest-engagement.

use ingest_engagement::Ingest;
use perennial_platform::clock::Clock;
use perennial_platform::key_secret::KeySecret;
use perennial_platform::ledger::Ledger;
use perennial_platform::webhook::secrets::SourceSecrets;
use perennial_platform::{lambda, settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let ledger = Ledger::from_env(&config)?;
    let secrets = SourceSecrets::manager(&config, settings::required("WEBHOOK_SECRET_NAME")?);
    let keys = KeySecret::read(&config, settings::required("KEY_SECRET_NAME")?, Clock::system()).await?;
    let addresses = keys.address_key();
    let ingest = Ingest { ledger, secrets, addresses, playbook: settings::playbook()?, clock: Clock::system() };
    lambda::serve(|request| ingest.handle(request)).await
}
