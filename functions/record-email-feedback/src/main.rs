//! The Lambda bootstrap of record-email-feedback.

use perennial_platform::clock::Clock;
use perennial_platform::key_secret::KeySecret;
use perennial_platform::ledger::Ledger;
use perennial_platform::mail::suppression_list::SuppressionList;
use perennial_platform::sending::Sending;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use record_email_feedback::RecordEmailFeedback;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let keys = KeySecret::read(&config, settings::required("KEY_SECRET_NAME")?, Clock::system()).await?;
    let (store, playbook) = (Store::from_env(&config)?, settings::playbook()?);
    let feedback = RecordEmailFeedback {
        // It pauses, and takes no permit.
        sending: Sending { store: store.clone(), rules: playbook.sending.rules.clone(), needs_approval: None },
        store,
        ledger: Ledger::from_env(&config)?,
        suppression_list: SuppressionList::new(&config),
        address_key: keys.address_key(),
        playbook,
        clock: Clock::system(),
    };
    lambda::serve(|trigger| feedback.handle(trigger)).await
}
