//! The Lambda bootstrap of brief-sales.

use brief_sales::BriefSales;
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let store = Store::from_env(&lambda::config_in_lambda())?;
    let briefs = BriefSales { store, playbook: settings::playbook()? };
    lambda::serve(|tick| briefs.handle(tick)).await
}
