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

/// The reason for silence towards somebody whom this stage may not write to.
pub const NOT_ALLOWED: &str = "not on the allow-list";

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
        if matches!(stage, "prod" | "production") { Self::Anyone } else { Self::Listed }
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
    /// Not accepted, for a reason that is not the message's: throttling, a paused or unverified account, no permission.
    NotNow {
        /// SES's error code.
        code: String,
    },
    /// Nobody knows.
    Unknown {
        /// What was seen.
        code: String,
    },
}

impl Outcome {
    /// Whether SES had no time for it, and may have some in a moment.
    pub fn is_throttled(&self) -> bool {
        matches!(self, Self::NotNow { code } if matches!(code.as_str(), "TooManyRequestsException" | "ThrottlingException"))
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
    pub fn new(config: &aws_config::SdkConfig, from: impl Into<String>, configuration_set: Option<String>) -> Self {
        let config = aws_sdk_sesv2::config::Builder::from(config)
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
            Ok(answer) => Outcome::Accepted { message_id: answer.message_id().unwrap_or_default().to_owned() },
            Err(error) => sort(&error),
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

fn sort<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Outcome {
    let SdkError::ServiceError(service) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Outcome::NotNow { code: "not sent".to_owned() },
            SdkError::TimeoutError(_) => Outcome::Unknown { code: "timeout".to_owned() },
            _ => Outcome::Unknown { code: "no answer".to_owned() },
        };
    };
    let code = service.err().code().unwrap_or("unknown").to_owned();
    match code.as_str() {
        "MessageRejected" | "BadRequestException" | "InvalidParameterValue" => Outcome::Refused { code },
        // The account's fault, not the message's: a whole cast must not be burnt by it.
        "TooManyRequestsException"
        | "LimitExceededException"
        | "ThrottlingException"
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
        | "ExpiredTokenException" => Outcome::NotNow { code },
        _ => Outcome::Unknown { code },
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailer")
    }
}
