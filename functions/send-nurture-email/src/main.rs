//! The Lambda bootstrap of send-nurture-email.

use perennial_domain::sending::senders_at_most;
use perennial_platform::clock::Clock;
use perennial_platform::key_secret::KeySecret;
use perennial_platform::links::Links;
use perennial_platform::mail::{Mailer, Recipients, is_production};
use perennial_platform::queue::Queue;
use perennial_platform::sending::{Sending, approval};
use perennial_platform::store::Store;
use perennial_platform::{lambda, settings};
use send_nurture_email::SendNurtureEmail;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::log_json();
    let config = lambda::config_in_lambda();
    let keys = KeySecret::read(&config, settings::required("KEY_SECRET_NAME")?, Clock::system()).await?;
    let playbook = settings::playbook()?;
    let mailer = Mailer::new(&config, &playbook.company.sender, std::env::var("CONFIGURATION_SET").ok());
    let store = Store::from_env(&config)?;
    let stage = settings::required("STAGE")?;
    let needs_approval = approval::needed(is_production(&stage), &playbook.company.sender);
    let sender = SendNurtureEmail {
        sending: Sending { store: store.clone(), rules: playbook.sending.rules.clone(), needs_approval },
        desk_url: std::env::var("DESK_URL").ok().filter(|url| !url.is_empty()),
        recipients: Recipients::of_stage(&stage),
        store,
        queue: Queue::new(&config, settings::required("MAIL_QUEUE_URL")?),
        mailer,
        links: Links::signed_with(keys.link_keys(), settings::required("PUBLIC_URL")?),
        address_key: keys.address_key(),
        playbook,
        clock: Clock::system(),
    };
    warn_of_too_many(&sender);
    let (keys, sender) = (&keys, &sender);
    lambda::serve(|batch| async move {
        keys.renew().await;
        sender.handle(batch).await
    })
    .await
}

/// More senders at work than the line has room for send no faster, and their mail goes back to the queue for nothing.
fn warn_of_too_many(sender: &SendNurtureEmail) {
    let at_most = senders_at_most(sender.sending.rules.rate_per_second);
    let at_work = std::env::var("MAIL_CONCURRENCY").ok().and_then(|number| number.parse::<i64>().ok());
    if let Some(at_work) = at_work.filter(|at_work| *at_work > at_most) {
        tracing::error!(at_work, at_most, "MailConcurrency is too high for sending.rate_per_second of the playbook");
    }
}
