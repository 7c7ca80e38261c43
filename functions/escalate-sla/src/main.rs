//! The Lambda bootstrap of escalate-sla.

use escalate_sla::EscalateSla;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let store = Store::from_env(&lambda::config_in_lambda())?;
    let escalation = EscalateSla { store, playbook: settings::playbook()? };
    lambda::serve(|tick| escalation.handle(tick)).await
}
