//! The Lambda bootstrap of score-and-decay.

use perennial_platform::clock::Clock;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use score_and_decay::ScoreAndDecay;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let store = Store::from_env(&lambda::config().await)?;
    let scoring = ScoreAndDecay { store, playbook: settings::playbook()?, clock: Clock::system() };
    lambda::serve(|trigger| scoring.handle(trigger)).await
}
