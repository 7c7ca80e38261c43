//! The Lambda bootstrap of score-and-decay.

use perennial_platform::clock::Clock;
use perennial_platform::ledger::Ledger;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use score_and_decay::ScoreAndDecay;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let scoring = ScoreAndDecay {
        store: Store::from_env(&config)?,
        ledger: Ledger::from_env(&config)?,
        playbook: settings::playbook()?,
        clock: Clock::system(),
    };
    lambda::serve(|trigger| scoring.handle(trigger)).await
}
