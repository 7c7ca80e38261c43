//! A batch's turn in the line of the account: its permits, its time, and what stops it.
//!
//! Each mail takes its permit when it is its turn, and not before: of permits taken in advance those would be late that a slow
//! mail, or one to sales, has kept waiting, and what is sent with late ones leaves in a burst.

use jiff::{SignedDuration, Timestamp};
use perennial_domain::sending::{Held, Line};
use perennial_platform::failure::Failure;
use perennial_platform::queue::{Message, NurtureDue};
use perennial_platform::sending::Permits;
use serde_json::Value;

use crate::nurture::Permit;
use crate::{Handled, SendNurtureEmail};

/// For so long a batch sends: within the function's two minutes, less one attempt and its settlement.
const TIME: SignedDuration = SignedDuration::from_secs(105);

/// Why nothing else of a batch is sent after a mail of which nobody knows whether SES took it.
const NO_ANSWER: &str = "SES does not answer";

/// The line is longer than the batch can wait.
const NO_PERMIT: &str = "no permit within the time of this call";

/// A batch's turn.
pub(crate) struct Turn {
    began_at: Timestamp,
    /// When the permits were taken that were not used.
    unused: Vec<Timestamp>,
    /// Why no contact is written to now, if it will last.
    held: Option<String>,
    /// Why there is no permit for a contact, if it may pass while the message is hidden.
    not_yet: Option<String>,
    /// Why no mail to sales is sent now.
    stopped: Option<String>,
}

/// What came of waiting for a permit.
enum Waited {
    /// It has come.
    Granted,
    /// None now, for this reason.
    Held(Held),
    /// None within the time of the batch.
    InVain,
}

impl Turn {
    pub(crate) fn begin(now: Timestamp) -> Self {
        Self { began_at: now, unused: Vec::new(), held: None, not_yet: None, stopped: None }
    }

    /// When a batch has to be done.
    fn deadline(&self) -> Timestamp {
        self.began_at.saturating_add(TIME).unwrap_or(Timestamp::MAX)
    }

    /// Nothing else of the batch is sent, to nobody.
    fn stop(&mut self, reason: &str) {
        (self.held, self.stopped) = (Some(reason.to_owned()), Some(reason.to_owned()));
    }

    /// Gives permits that were taken and not used back to the counts. That is a courtesy: sending goes on without it.
    pub(crate) async fn end(self, sender: &SendNurtureEmail) {
        // By the hour in which they were counted.
        for of_an_hour in self.unused.chunk_by(|one, next| hour_of(*one) == hour_of(*next)) {
            let (Some(taken_at), Ok(unused)) = (of_an_hour.first(), i64::try_from(of_an_hour.len())) else { continue };
            if let Err(failure) = sender.sending.unused(unused, *taken_at).await {
                tracing::warn!(%failure, unused, "permits not given back");
            }
        }
    }
}

impl SendNurtureEmail {
    /// Waits for a permit for one mail and sends what the slot is then decided to.
    pub(crate) async fn send_in_turn(&self, turn: &mut Turn, due: &NurtureDue) -> Result<Handled, Failure> {
        if let Some(held) = &turn.held {
            return self.nurture(due, Permit::Held(held)).await;
        }
        if let Some(not_yet) = &turn.not_yet {
            return Ok(Handled::NotNow(not_yet.clone()));
        }
        let taken_at = self.clock.now();
        match self.wait_for_permit(Line::Nurture, turn, taken_at).await {
            Ok(Waited::Granted) => {}
            Ok(Waited::Held(held)) => {
                if held == Held::Unapproved {
                    tracing::error!("mail to contacts waits for approval");
                }
                turn.held = Some(held.as_str().to_owned());
                return self.nurture(due, Permit::Held(held.as_str())).await;
            }
            Ok(Waited::InVain) => return Ok(turn.not_yet(NO_PERMIT.to_owned())),
            Err(failure) => return Ok(turn.not_yet(failure.to_string())),
        }
        let handled = self.nurture(due, Permit::Granted).await;
        if !was_asked(&handled) {
            turn.unused.push(taken_at);
        }
        turn.heed(&handled);
        handled
    }

    /// Sends to sales, unless nothing can be sent now.
    pub(crate) async fn send_to_sales_in_turn(
        &self,
        turn: &mut Turn,
        message: &Message<Value>,
    ) -> Result<Handled, Failure> {
        if let Some(why) = &turn.stopped {
            return Ok(Handled::PutOff(why.clone()));
        }
        let handled = self.sales_mail(message, turn).await;
        turn.heed(&handled);
        Ok(match handled? {
            Handled::AccountAtFault { reason, .. } => Handled::PutOff(reason),
            Handled::Unanswered { comes_back: true } => Handled::PutOff(NO_ANSWER.to_owned()),
            handled => handled,
        })
    }

    /// Waits for a permit for one mail to sales; why there is none, otherwise.
    pub(crate) async fn sales_permit(&self, turn: &Turn) -> Result<Option<Handled>, Failure> {
        Ok(match self.wait_for_permit(Line::Sales, turn, self.clock.now()).await? {
            Waited::Granted => None,
            Waited::Held(held) => Some(Handled::PutOff(held.as_str().to_owned())),
            Waited::InVain => Some(Handled::NotNow(NO_PERMIT.to_owned())),
        })
    }

    async fn wait_for_permit(&self, line: Line, turn: &Turn, now: Timestamp) -> Result<Waited, Failure> {
        let granted = match self.sending.permits(line, 1, now, turn.deadline()).await? {
            Permits::Granted(permits) => permits,
            Permits::Held(held) => return Ok(Waited::Held(held)),
            Permits::LineTooLong => return Ok(Waited::InVain),
        };
        for permit in granted {
            if self.clock.until(permit).await > turn.deadline() {
                return Ok(Waited::InVain);
            }
        }
        Ok(Waited::Granted)
    }
}

impl Turn {
    /// No other contact of the batch is asked for a permit again.
    fn not_yet(&mut self, why: String) -> Handled {
        self.not_yet = Some(why.clone());
        Handled::NotNow(why)
    }

    /// Stops the batch where what became of one mail would become of the others.
    fn heed(&mut self, handled: &Result<Handled, Failure>) {
        match handled {
            Ok(Handled::AccountAtFault { reason, .. }) => self.stop(reason),
            Ok(Handled::Unanswered { .. }) => self.stop(NO_ANSWER),
            _ => {}
        }
    }
}

/// Whether SES was asked and may have taken the mail, so that its permit was used. What was decided to a silence meanwhile counts
/// as well: that is rare.
fn was_asked(handled: &Result<Handled, Failure>) -> bool {
    matches!(handled, Ok(Handled::Done | Handled::Unanswered { .. } | Handled::Unsettled(_)))
}

/// Hours since the Unix epoch.
fn hour_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3_600)
}
