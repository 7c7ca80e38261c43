//! Once a day: whom SES itself does not write to is not written to here either. Nobody is taken off a list.

use jiff::{SignedDuration, Timestamp};
use perennial_domain::sending::PauseReason;
use perennial_platform::failure::Failure;
use perennial_platform::feedback;

use crate::RecordEmailFeedback;

/// Looked at again: what came onto the list while the last run was reading it.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

impl RecordEmailFeedback {
    /// Takes over what has come onto the account's list since the last run that finished; all of it the first time.
    pub(crate) async fn reconcile(&self, now: Timestamp) -> Result<(), Failure> {
        let since = self.sending.reconciled_at().await?;
        let since = since.map(|since| since.saturating_sub(OVERLAP).unwrap_or(Timestamp::UNIX_EPOCH));
        let (mut token, mut taken) = (None, 0_u64);
        loop {
            let (listed, next) = self.suppression_list.page(since, token).await?;
            for entry in &listed {
                let kind = if entry.complained { PauseReason::Complaints } else { PauseReason::Bounces };
                let hash = self.address_key.hash(entry.recipient.address());
                feedback::suppress(&self.store, &hash, kind, entry.at).await?;
                taken += 1;
            }
            token = match next {
                Some(next) => Some(next),
                None => break,
            };
        }
        if taken > 0 {
            // Where nothing is new, the next run asks for as long a time as this one.
            self.sending.set_reconciled(now).await?;
        }
        tracing::info!(taken, "reconciled with the suppression list of SES");
        Ok(())
    }
}
