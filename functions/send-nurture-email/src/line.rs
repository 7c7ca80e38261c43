//! A batch's turn in the line of the account: its permits, its time, and what stops it.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use perennial_domain::sending::Line;
use perennial_platform::failure::Failure;
use perennial_platform::queue::{Message, NurtureDue};
use perennial_platform::sending::Permits;
use serde_json::Value;

use crate::nurture::Permit;
use crate::{Handled, SendNurtureEmail};

/// For so long a batch sends: within the function's two minutes, less one attempt and its settlement.
const TIME: SignedDuration = SignedDuration::from_secs(105);

/// The line is longer than the batch can wait.
const NO_PERMIT: &str = "no permit within the time of this call";

/// A batch's turn.
pub(crate) struct Turn {
    began_at: Timestamp,
    permits: VecDeque<Timestamp>,
    unused: i64,
    /// Why no contact is written to now, if it will last.
    held: Option<String>,
    /// Why there is no permit for the rest of the batch, if it may pass while the message is hidden.
    not_yet: String,
    /// Why no mail to sales is sent now.
    stopped: Option<String>,
}

impl Turn {
    pub(crate) fn begin(now: Timestamp) -> Self {
        Self {
            began_at: now,
            permits: VecDeque::new(),
            unused: 0,
            held: None,
            not_yet: NO_PERMIT.to_owned(),
            stopped: None,
        }
    }

    /// When a batch has to be done.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.began_at.saturating_add(TIME).unwrap_or(Timestamp::MAX)
    }

    /// Takes the permits of a batch for contacts, in one write. What gets none comes back later.
    pub(crate) async fn take_permits(&mut self, sender: &SendNurtureEmail, wanted: usize) {
        let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
        if wanted == 0 {
            return;
        }
        self.unused += i64::try_from(std::mem::take(&mut self.permits).len()).unwrap_or(0);
        let taken = sender.sending.permits(Line::Nurture, wanted, sender.clock.now(), self.deadline()).await;
        match taken {
            Ok(Permits::Granted(permits)) => self.permits = permits.into(),
            Ok(Permits::Held(held)) => self.held = Some(held.as_str().to_owned()),
            Ok(Permits::LineTooLong) => {}
            Err(failure) => self.not_yet = failure.to_string(),
        }
    }

    /// Nothing else of the batch is sent, to nobody.
    fn stop(&mut self, reason: &str) {
        self.unused += i64::try_from(std::mem::take(&mut self.permits).len()).unwrap_or(0);
        (self.held, self.stopped) = (Some(reason.to_owned()), Some(reason.to_owned()));
    }

    /// Gives permits that were taken and not used back to the counts. That is a courtesy: sending goes on without it.
    pub(crate) async fn end(self, sender: &SendNurtureEmail) {
        let unused = self.unused + i64::try_from(self.permits.len()).unwrap_or(0);
        if unused > 0
            && let Err(failure) = sender.sending.unused(unused, self.began_at).await
        {
            tracing::warn!(%failure, unused, "permits not given back");
        }
    }
}

impl SendNurtureEmail {
    /// Waits for the next permit of the batch and sends what the slot is then decided to.
    pub(crate) async fn send_in_turn(&self, turn: &mut Turn, due: &NurtureDue) -> Result<Handled, Failure> {
        if turn.permits.is_empty() && turn.held.is_none() {
            // Fewer were granted than asked for: it says why.
            turn.take_permits(self, 1).await;
        }
        let Some(permit) = turn.permits.pop_front() else {
            return match &turn.held {
                Some(held) => self.nurture(due, Permit::Held(held)).await,
                None => Ok(Handled::NotNow(turn.not_yet.clone())),
            };
        };
        if self.clock.until(permit).await > turn.deadline() {
            turn.unused += 1;
            return Ok(Handled::NotNow("out of time".to_owned()));
        }
        let handled = self.nurture(due, Permit::Granted).await;
        match &handled {
            Ok(Handled::Done) => {}
            Ok(Handled::AccountAtFault { reason, .. }) => {
                turn.stop(reason);
                turn.unused += 1;
            }
            Ok(Handled::NotNow(_) | Handled::Throttled(_) | Handled::Busy | Handled::Wants) | Err(_) => {
                turn.unused += 1;
            }
        }
        handled
    }

    /// Sends to sales, unless nothing can be sent now.
    pub(crate) async fn send_to_sales_in_turn(
        &self,
        turn: &mut Turn,
        message: &Message<Value>,
    ) -> Result<Handled, Failure> {
        if let Some(code) = &turn.stopped {
            return Ok(Handled::NotNow(code.clone()));
        }
        let handled = self.sales_mail(message, turn).await;
        match &handled {
            Ok(Handled::AccountAtFault { reason, .. }) => turn.stop(reason),
            Ok(Handled::NotNow(code)) => turn.stopped = Some(code.clone()),
            _ => {}
        }
        handled
    }

    /// Waits for a permit for one mail to sales; why there is none, otherwise. Such mail is rare: each takes its own.
    pub(crate) async fn sales_permit(&self, turn: &Turn) -> Result<Option<Handled>, Failure> {
        let not_now = |code: &str| Ok(Some(Handled::NotNow(code.to_owned())));
        let permits = self.sending.permits(Line::Sales, 1, self.clock.now(), turn.deadline()).await?;
        let permit = match permits {
            Permits::Granted(permits) => permits.first().copied(),
            Permits::Held(held) => return not_now(held.as_str()),
            Permits::LineTooLong => None,
        };
        match permit {
            Some(permit) if self.clock.until(permit).await <= turn.deadline() => Ok(None),
            _ => not_now(NO_PERMIT),
        }
    }
}
