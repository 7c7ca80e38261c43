//! The Lambda bootstrap of plan-nurture.

use perennial_platform::queue::Queue;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use plan_nurture::PlanNurture;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let queue = Queue::new(&config, settings::required("MAIL_QUEUE_URL")?);
    let planning = PlanNurture { store: Store::from_env(&config)?, queue, playbook: settings::playbook()? };
    lambda::serve(|tick| planning.handle(tick)).await
}
