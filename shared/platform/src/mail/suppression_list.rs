//! The suppression list of the account at SES: whom SES would not send to.
//!
//! Read only. What is on it is taken over into our own table; nobody is taken off either list here.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::primitives::DateTime;
use aws_sdk_sesv2::types::SuppressionListReason;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::mail::ATTEMPT;
use crate::mail::events::Recipient;

/// So many addresses a call.
const PAGE: i32 = 1_000;

/// The list. The client is built once, at init.
#[derive(Clone, Debug)]
pub struct SuppressionList {
    client: Client,
}

/// An address on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub recipient: Recipient,
    /// Whether it complained; otherwise mail to it bounced.
    pub complained: bool,
    /// Since when.
    pub at: Timestamp,
}

/// A part of the list, and how to ask for the next one.
pub type Page = (Vec<Listed>, Option<String>);

impl SuppressionList {
    /// The list of the account.
    pub fn new(config: impl Into<aws_sdk_sesv2::config::Builder>) -> Self {
        let timeout = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
        let config = config.into().timeout_config(timeout).build();
        Self { client: Client::from_conf(config) }
    }

    /// A page of what has come onto the list since then, or of all of it.
    ///
    /// # Errors
    /// [`Failure`] if SES did not answer.
    pub async fn page(&self, since: Option<Timestamp>, token: Option<String>) -> Result<Page, Failure> {
        let answer = self
            .client
            .list_suppressed_destinations()
            .set_start_date(since.map(|since| DateTime::from_secs(since.as_second())))
            .set_next_token(token)
            .page_size(PAGE)
            .send()
            .await
            .map_err(|error| Failure::from_sdk("ListSuppressedDestinations", &error))?;
        let listed = answer.suppressed_destination_summaries().iter().filter_map(|summary| {
            Some(Listed {
                recipient: Recipient::new(summary.email_address())?,
                complained: *summary.reason() == SuppressionListReason::Complaint,
                at: Timestamp::from_second(summary.last_update_time().secs()).ok()?,
            })
        });
        Ok((listed.collect(), answer.next_token().map(str::to_owned)))
    }
}
