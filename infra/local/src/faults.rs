//! Faults on request, at the edge of the emulated services.
//!
//! Owns what goes wrong next with the calls that are emulated here, such as a mail that is taken and whose reply is lost. DynamoDB is
//! not among them: whoever wants its calls to go wrong puts a server of their own before it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// An emulated call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// SES `SendEmail`.
    SendEmail,
    /// SQS `SendMessage`.
    SendMessage,
    /// SQS `SendMessageBatch`.
    SendMessageBatch,
    /// EventBridge `PutEvents`.
    PutEvents,
    /// Secrets Manager `GetSecretValue`.
    GetSecretValue,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It takes effect, and the connection closes without a reply.
    LoseReply,
    /// The connection closes and nothing took effect.
    LoseRequest,
    /// It takes effect, and no reply ever comes; the connection stays open.
    Hang,
    /// Status 500, nothing took effect.
    ServerError,
    /// The service's throttling error (`TooManyRequestsException` for SES), nothing took effect.
    Throttle,
    /// An error of the service by its name, such as `MessageRejected` or `SendingPausedException`, with status 400.
    Refuse(String),
    /// As [`Fault::Refuse`], with this text: the name, then what it says.
    RefuseSaying(String, String),
    /// These entries of a batch fail with `InternalFailure`, the others take effect. For calls without entries the
    /// same as [`Fault::ServerError`].
    FailEntries(Vec<usize>),
}

/// The faults to come; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<BTreeMap<Call, Plan>>>);

#[derive(Debug, Default)]
struct Plan {
    next: VecDeque<Option<Fault>>,
    always: Option<Fault>,
}

impl Faults {
    /// Lets the next call that has no fault yet go wrong.
    pub fn inject(&self, call: Call, fault: Fault) {
        self.plans().entry(call).or_default().next.push_back(Some(fault));
    }

    /// Lets the next call that has no plan yet succeed, so that a fault injected after it hits a later one.
    pub fn pass(&self, call: Call) {
        self.plans().entry(call).or_default().next.push_back(None);
    }

    /// Lets every call go wrong after those already planned, until [`Faults::clear`].
    pub fn inject_always(&self, call: Call, fault: Fault) {
        self.plans().entry(call).or_default().always = Some(fault);
    }

    /// Forgets all faults that have not happened.
    pub fn clear(&self) {
        self.plans().clear();
    }

    /// How many single faults have not happened yet; a test that leaves one has not exercised what it meant to.
    pub fn pending(&self) -> usize {
        self.plans().values().flat_map(|plan| &plan.next).flatten().count()
    }

    pub(crate) fn take(&self, call: Call) -> Option<Fault> {
        let mut plans = self.plans();
        let plan = plans.get_mut(&call)?;
        match plan.next.pop_front() {
            Some(fault) => fault,
            None => plan.always.clone(),
        }
    }

    fn plans(&self) -> std::sync::MutexGuard<'_, BTreeMap<Call, Plan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
