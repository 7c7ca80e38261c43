//! SES: one request per message, never repeated by the SDK.
//!
//! The SDK's default would send a mail three times when a reply is lost, and SES has no idempotency token; so its
//! retries are disabled, and every answer is sorted into what it proves.

pub mod events;
pub mod suppression_list;
pub mod tags;

use std::fmt;
use std::time::Duration;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag};
use perennial_playbook::Sending;

use crate::metrics;

/// How long one attempt may take: ten in a batch end within the function's two minutes.
const ATTEMPT: Duration = Duration::from_secs(10);

/// A message to one recipient.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The one recipient.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// HTML part.
    pub html: String,
    /// Text part.
    pub text: String,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Tags, by which events of this message are told apart.
    pub tags: Vec<(&'static str, String)>,
}

impl Mail {
    /// Whether its tags say that it is of a kind.
    fn is_of(&self, kind: &str) -> bool {
        self.tags.iter().any(|(name, value)| *name == tags::KIND && value == kind)
    }
}

/// The reason for silence towards somebody whom this stage may not write to.
pub const NOT_ALLOWED: &str = "not on the allow-list";

/// Whether a stage of this name writes to everybody.
pub fn is_production(stage: &str) -> bool {
    matches!(stage, "prod" | "production")
}

/// Who may be written to on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Anyone.
    Anyone,
    /// Whom the playbook's `sending.allow` names: whoever tries things out with real contacts writes to none of them.
    Listed,
}

impl Recipients {
    /// Of the stage of this name: `prod` and `production` write to anyone.
    pub fn of_stage(stage: &str) -> Self {
        if is_production(stage) { Self::Anyone } else { Self::Listed }
    }

    /// Whether an address is among them.
    pub fn include(self, sending: &Sending, address: &str) -> bool {
        self == Self::Anyone || sending.allows(address)
    }
}

/// What an answer of SES proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted.
    Accepted {
        /// SES's id.
        message_id: String,
    },
    /// Not accepted, and never will be: this message is at fault.
    Refused {
        /// SES's error code.
        code: String,
    },
    /// Not accepted: SES had no time for it, and may have some in a moment.
    NotNow {
        /// SES's error code.
        code: String,
    },
    /// Not accepted, and nothing that this account sends would be: it is paused, over its quota, not verified, not permitted. It may
    /// last until somebody mends it.
    AccountAtFault {
        /// SES's error code, or what is not verified.
        code: String,
        /// False if it holds for this recipient alone: an account in the sandbox may write to some.
        for_everybody: bool,
    },
    /// Nobody knows.
    Unknown {
        /// What was seen.
        code: String,
    },
}

impl Outcome {
    fn account_at_fault(code: impl Into<String>) -> Self {
        Self::AccountAtFault { code: code.into(), for_everybody: true }
    }
}

/// Sends as the company of the playbook. The client is built once, at init.
#[derive(Clone)]
pub struct Mailer {
    client: Client,
    from: String,
    configuration_set: Option<String>,
}

impl Mailer {
    /// A mailer from this sender.
    pub fn new(
        config: impl Into<aws_sdk_sesv2::config::Builder>,
        from: impl Into<String>,
        configuration_set: Option<String>,
    ) -> Self {
        let config = config
            .into()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build())
            .build();
        Self { client: Client::from_conf(config), from: from.into(), configuration_set }
    }

    /// Sends one message, once.
    pub async fn send(&self, mail: &Mail) -> Outcome {
        let content = match content(mail) {
            Ok(content) => content,
            Err(code) => return Outcome::Refused { code },
        };
        let tags = mail
            .tags
            .iter()
            .filter_map(|(name, value)| MessageTag::builder().name(*name).value(tag_value(value)).build().ok());
        let answer = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(&mail.to).build())
            .content(content)
            .set_configuration_set_name(self.configuration_set.clone())
            .set_email_tags(Some(tags.collect()))
            .send()
            .await;
        match answer {
            Ok(answer) => {
                // What somebody sends to themselves to see what it looks like is neither.
                if !mail.is_of(tags::TEST) {
                    metrics::mail_sent(mail.is_of(tags::NURTURE));
                }
                Outcome::Accepted { message_id: answer.message_id().unwrap_or_default().to_owned() }
            }
            Err(error) => sort(&error, &mail.to),
        }
    }
}

/// A value as SES takes it in a tag: letters, digits, dash and underscore.
pub fn tag_value(value: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    value.chars().map(plain).collect()
}

fn content(mail: &Mail) -> Result<EmailContent, String> {
    let part = |data: &str| Content::builder().data(data).charset("UTF-8").build().map_err(|_| "empty part".to_owned());
    let headers = mail.headers.iter().map(|(name, value)| {
        MessageHeader::builder().name(*name).value(value).build().map_err(|_| "empty header".to_owned())
    });
    let message = Message::builder()
        .subject(part(&mail.subject)?)
        .body(Body::builder().html(part(&mail.html)?).text(part(&mail.text)?).build())
        .set_headers(Some(headers.collect::<Result<_, _>>()?))
        .build();
    Ok(EmailContent::builder().simple(message).build())
}

/// What SES says with `MessageRejected` of an identity that is not verified, the sender's or, in the sandbox, the recipient's. The
/// code alone means invalid content. Source: Amazon SES Developer Guide, "Amazon SES email sending errors".
const NOT_VERIFIED: &str = "Email address is not verified";
/// What SES says of the quota with the code of throttling. Source: the same guide, "Errors related to the sending quotas".
const OVER_QUOTA: &str = "Daily message quota exceeded";

fn sort<E, R>(error: &SdkError<E, R>, to: &str) -> Outcome
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let answer = service.err();
            answered(answer.code().unwrap_or("unknown"), answer.message().unwrap_or_default(), to)
        }
        // It never left: no credentials, or no endpoint.
        SdkError::ConstructionFailure(_) => Outcome::account_at_fault("not sent"),
        // Nor did this: nobody could be connected to, so there was nothing to ask on.
        SdkError::DispatchFailure(_) if never_connected(error) => Outcome::account_at_fault("not reached"),
        SdkError::TimeoutError(_) => Outcome::Unknown { code: "timeout".to_owned() },
        _ => Outcome::Unknown { code: "no answer".to_owned() },
    }
}

/// Whether a connection could not be made, by the error of the HTTP client that is among the causes. If the SDK should come to use
/// another client, no such error is found, and what is not known stays unknown.
fn never_connected(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.filter_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>()).any(|error| error.is_connect())
}

/// What an error of SES proves. Its text names addresses: it is looked into and never repeated.
fn answered(code: &str, message: &str, to: &str) -> Outcome {
    match code {
        "MessageRejected" if message.contains(NOT_VERIFIED) => {
            if message.to_lowercase().contains(&to.to_lowercase()) {
                return Outcome::AccountAtFault { code: "recipient not verified".to_owned(), for_everybody: false };
            }
            Outcome::account_at_fault("sender not verified")
        }
        "MessageRejected" | "BadRequestException" | "InvalidParameterValue" => {
            Outcome::Refused { code: code.to_owned() }
        }
        "TooManyRequestsException" | "ThrottlingException" if message.contains(OVER_QUOTA) => {
            Outcome::account_at_fault("over the daily quota")
        }
        "TooManyRequestsException" | "ThrottlingException" => Outcome::NotNow { code: code.to_owned() },
        // Not the message's fault: a whole cast must not be burnt by it.
        "LimitExceededException"
        | "SendingPausedException"
        | "AccountSuspendedException"
        | "MailFromDomainNotVerifiedException"
        | "NotFoundException"
        | "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException" => Outcome::account_at_fault(code),
        _ => Outcome::Unknown { code: code.to_owned() },
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_of_ses_proves() {
        let refused = |code: &str| Outcome::Refused { code: code.to_owned() };
        let not_now = |code: &str| Outcome::NotNow { code: code.to_owned() };
        let unknown = |code: &str| Outcome::Unknown { code: code.to_owned() };
        let sandbox = Outcome::AccountAtFault { code: "recipient not verified".to_owned(), for_everybody: false };
        let unverified =
            "Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: ";
        for (code, message, expected) in [
            ("MessageRejected", "Email contains an attachment".to_owned(), refused("MessageRejected")),
            ("MessageRejected", String::new(), refused("MessageRejected")),
            (
                "MessageRejected",
                format!("{unverified}news@fernhill.example.com"),
                Outcome::account_at_fault("sender not verified"),
            ),
            // With so many identities that SES does not name them all.
            ("MessageRejected", format!("{unverified}..."), Outcome::account_at_fault("sender not verified")),
            ("MessageRejected", format!("{unverified}Ada@juniper.example.com"), sandbox),
            // The text is believed with this code only.
            ("BadRequestException", format!("{unverified}news@fernhill.example.com"), refused("BadRequestException")),
            (
                "TooManyRequestsException",
                "Maximum sending rate exceeded.".to_owned(),
                not_now("TooManyRequestsException"),
            ),
            ("ThrottlingException", String::new(), not_now("ThrottlingException")),
            (
                "TooManyRequestsException",
                "Daily message quota exceeded.".to_owned(),
                Outcome::account_at_fault("over the daily quota"),
            ),
            ("LimitExceededException", String::new(), Outcome::account_at_fault("LimitExceededException")),
            ("SendingPausedException", String::new(), Outcome::account_at_fault("SendingPausedException")),
            ("AccountSuspendedException", String::new(), Outcome::account_at_fault("AccountSuspendedException")),
            (
                "MailFromDomainNotVerifiedException",
                String::new(),
                Outcome::account_at_fault("MailFromDomainNotVerifiedException"),
            ),
            // The configuration set was deleted.
            ("NotFoundException", String::new(), Outcome::account_at_fault("NotFoundException")),
            ("AccessDeniedException", String::new(), Outcome::account_at_fault("AccessDeniedException")),
            ("InternalFailure", String::new(), unknown("InternalFailure")),
            ("SomethingNew", unverified.to_owned(), unknown("SomethingNew")),
        ] {
            assert_eq!(answered(code, &message, "ada@juniper.example.com"), expected, "{code}: {message}");
        }
    }
}
