//! Once a day: whom SES itself does not write to is not written to here either. Nobody is taken off a list.
//!
//! A list may be longer than one call has time for. Where a run got to is remembered after each page, and the next run goes on
//! there: it is repeated by its trigger, or comes tomorrow.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use perennial_domain::sending::PauseReason;
use perennial_platform::failure::Failure;
use perennial_platform::feedback;
use perennial_platform::mail::suppression_list::Listed;
use perennial_platform::sending::Run;

use crate::RecordEmailFeedback;

/// Looked at again: what came onto the list while the last run was reading it.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// So many addresses are written at once.
const AT_ONCE: usize = 16;

impl RecordEmailFeedback {
    /// Takes over what has come onto the account's list since the last run that finished; all of it the first time.
    pub(crate) async fn reconcile(&self, now: Timestamp) -> Result<(), Failure> {
        let broken_off = self.sending.broken_off().await?;
        let goes_on = broken_off.is_some();
        let mut run = match broken_off {
            Some(run) => run,
            None => self.begun(now).await?,
        };
        let mut taken = 0;
        loop {
            taken += self.take_page(&mut run).await?;
            if run.token.is_none() {
                break;
            }
            self.sending.set_under_way(&run).await?;
        }
        if taken > 0 || goes_on {
            // Where nothing is new, the next run asks for as long a time as this one.
            self.sending.set_reconciled(run.began_at).await?;
        }
        self.sending.set_under_way(&run).await?;
        tracing::info!(taken, goes_on, "reconciled with the suppression list of SES");
        Ok(())
    }

    async fn begun(&self, now: Timestamp) -> Result<Run, Failure> {
        let last = self.sending.reconciled_at().await?;
        let from = last.map(|last| last.saturating_sub(OVERLAP).unwrap_or(Timestamp::UNIX_EPOCH));
        Ok(Run { began_at: now, from, token: None })
    }

    /// Takes over one page, and says how many addresses it held. The run goes on behind it.
    async fn take_page(&self, run: &mut Run) -> Result<usize, Failure> {
        let asked = self.suppression_list.page(run.from, run.token.clone()).await;
        if asked.as_ref().is_err_and(is_forgotten) {
            // A token does not live for ever: called again, the run begins anew.
            run.token = None;
            self.sending.set_under_way(run).await?;
        }
        let (listed, next) = asked?;
        let count = listed.len();
        let taken_over = |entry: Listed| async move { self.take_over(&entry).await };
        stream::iter(listed).map(taken_over).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        run.token = next;
        Ok(count)
    }

    async fn take_over(&self, entry: &Listed) -> Result<(), Failure> {
        let kind = if entry.complained { PauseReason::Complaints } else { PauseReason::Bounces };
        let hash = self.address_key.hash(entry.recipient.address());
        feedback::suppress(&self.store, &hash, kind, entry.at).await
    }
}

fn is_forgotten(failure: &Failure) -> bool {
    matches!(failure, Failure::Retryable { code, .. } | Failure::Bug { code, .. } if code == "InvalidNextTokenException")
}
