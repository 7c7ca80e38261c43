//! Errors by what to do about them.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Why something could not be done, and so what to do next. Carries codes and names of operations, never a payload.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// AWS was busy, slow or unreachable: the same attempt may succeed later.
    #[error("{operation} failed for now: {code}")]
    Retryable {
        /// What was attempted.
        operation: &'static str,
        /// AWS's error code.
        code: String,
    },
    /// Somebody else wrote first, again and again: load and decide anew.
    #[error("{operation} lost every race")]
    Conflict {
        /// What was attempted.
        operation: &'static str,
    },
    /// The input will never be understood; it belongs into the dead-letter queue.
    #[error("input cannot be understood: {reason}")]
    Poison {
        /// Why, without the input.
        reason: String,
    },
    /// AWS refused what we asked: our mistake, or the deployment's.
    #[error("{operation} was refused: {code}")]
    Bug {
        /// What was attempted.
        operation: &'static str,
        /// AWS's error code.
        code: String,
    },
}

impl Failure {
    /// Sorts an SDK error. The message of the service is left out on purpose: it may quote the request.
    pub fn from_sdk<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let code = match error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown").to_owned(),
            SdkError::TimeoutError(_) => "timeout".to_owned(),
            SdkError::DispatchFailure(_) => "not reached".to_owned(),
            SdkError::ResponseError(_) => "unreadable answer".to_owned(),
            _ => "not sent".to_owned(),
        };
        let refused = matches!(
            code.as_str(),
            "ValidationException"
                | "ResourceNotFoundException"
                | "AccessDeniedException"
                | "UnrecognizedClientException"
                | "SerializationException"
                | "ItemCollectionSizeLimitExceededException"
                | "ConditionalCheckFailedException"
                | "not sent"
        );
        match code.as_str() {
            "TransactionConflictException" => Self::Conflict { operation },
            _ if refused => Self::Bug { operation, code },
            _ => Self::Retryable { operation, code },
        }
    }

    /// An item or message that does not have the shape we give it. The reason is fixed text: a parser's own words may
    /// quote what it read.
    pub fn shape(what: &'static str, reason: &'static str) -> Self {
        Self::Poison { reason: format!("{what}: {reason}") }
    }
}

impl From<Failure> for lambda_runtime::Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match failure {
            Failure::Retryable { .. } => "Retryable",
            Failure::Conflict { .. } => "Conflict",
            Failure::Poison { .. } => "Poison",
            Failure::Bug { .. } => "Bug",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}
