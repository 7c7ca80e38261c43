//! One event: the address first, then the slot, then the contact and the ledger.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use perennial_domain::ids::ContactId;
use perennial_domain::interest::{CLICK, DELIVERED};
use perennial_domain::sending::PauseReason;
use perennial_platform::failure::Failure;
use perennial_platform::identity;
use perennial_platform::ledger::Entry;
use perennial_platform::mail::events::{Happened, MailEvent};
use perennial_platform::store::{ATTEMPTS, back_off};
use perennial_platform::told::{Told, What};
use perennial_platform::{consent, feedback};

use crate::RecordEmailFeedback;
use crate::settle::Settled;

/// The ledger's source of what SES tells.
const SOURCE: &str = "ses";
/// The action of an open; the gate judges none.
const OPEN: &str = "open";

/// So long the word of a sender that may be at work is waited for, before the event goes back to its queue.
const A_MOMENT: SignedDuration = SignedDuration::from_secs(1);

impl RecordEmailFeedback {
    /// Says whether the slot is settled: its sender may still be at work on it.
    pub(crate) async fn apply(&self, event: &MailEvent) -> Result<Settled, Failure> {
        let mut given_up = BTreeSet::new();
        for recipient in &event.recipients {
            let hash = self.address_key.hash(recipient.address());
            if self.apply_to_address(event, &hash).await? {
                given_up.insert(hash);
            }
        }
        let settled = self.settle(event).await?;
        if let Some(contact) = event.about.contact.as_ref().filter(|_| event.about.nurture) {
            self.apply_to_contact(event, contact, &given_up).await?;
        } else if !given_up.is_empty() {
            tracing::warn!(happened = event.happened.as_str(), "mail to sales came back");
        }
        match settled {
            Settled::Done => Ok(Settled::Done),
            // SES is often quicker than the sender's own write.
            Settled::Later => {
                self.clock.until(self.clock.now().saturating_add(A_MOMENT).unwrap_or(Timestamp::MAX)).await;
                self.settle(event).await
            }
        }
    }

    /// What an event means for an address, whoever has it; true if it is given up.
    async fn apply_to_address(&self, event: &MailEvent, hash: &str) -> Result<bool, Failure> {
        let (store, at, now) = (&self.store, event.at, self.clock.now());
        let came_back = match event.happened {
            Happened::Bounced { listed } => (PauseReason::Bounces, !listed),
            Happened::Complained { listed } => (PauseReason::Complaints, !listed),
            Happened::BouncedSoftly if feedback::bounced_softly(store, hash, at).await? => {
                (PauseReason::Bounces, false)
            }
            Happened::Delivered => {
                feedback::delivered(store, hash, at).await?;
                return Ok(false);
            }
            _ => return Ok(false),
        };
        match came_back {
            (kind, false) => feedback::suppress(store, hash, kind, at).await?,
            (kind, true) => {
                feedback::suppress_and_count(store, hash, kind, &event.identity(hash), at, now).await?;
                self.sending.judge(now).await?;
            }
        }
        Ok(true)
    }

    /// What it means for the contact to whom the mail was written, and then its record in the ledger. That an address was given
    /// up, by its keyed hash, means nothing for whoever has another one by now.
    async fn apply_to_contact(
        &self,
        event: &MailEvent,
        contact: &ContactId,
        given_up: &BTreeSet<String>,
    ) -> Result<(), Failure> {
        let Some(what) = self.told(event, contact) else { return Ok(()) };
        for attempt in 0..ATTEMPTS {
            let Some(now_of) = identity::resolve(&self.store, contact).await?.or(contact) else { return Ok(()) };
            let (store, key) = (&self.store, &self.address_key);
            let applied = match event.happened {
                Happened::Complained { .. } => {
                    let complained = consent::unsubscribe(store, key, &now_of, consent::COMPLAINT, event.at).await?;
                    complained.then_some(true)
                }
                _ if given_up.is_empty() => Some(true),
                _ => consent::bounce_of(store, key, &now_of, given_up, event.at).await?,
            };
            match applied {
                Some(true) => return self.tell(event, what).await,
                Some(false) => return Ok(()),
                None => back_off(attempt).await,
            }
        }
        Err(Failure::Conflict { operation: "feedback" })
    }

    /// What the ledger is told of an event; nothing of one that nothing follows from.
    fn told(&self, event: &MailEvent, contact: &ContactId) -> Option<What> {
        let contact = contact.to_string();
        let engagement = |action: &str| {
            let piece = event.about.piece.as_ref()?;
            let asset = self.playbook.mail_asset(event.about.stream.as_ref(), piece)?;
            // A piece is received once: our own links name the mail by it, too.
            let email = Some(piece.to_string());
            let (asset, action) = (asset.to_string(), action.to_owned());
            Some(What::Engagement { contact: contact.clone(), asset, action, email })
        };
        match event.happened {
            Happened::Delivered => engagement(DELIVERED),
            Happened::Opened => engagement(OPEN),
            Happened::Clicked => engagement(CLICK),
            Happened::Bounced { .. } => Some(What::MailBounced { contact, permanent: true }),
            Happened::BouncedSoftly => Some(What::MailBounced { contact, permanent: false }),
            Happened::Complained { .. } => Some(What::Unsubscribed { contact, wording: None }),
            _ => None,
        }
    }

    async fn tell(&self, event: &MailEvent, what: What) -> Result<(), Failure> {
        let now: Timestamp = self.clock.now();
        let body =
            serde_json::to_string(&what).map_err(|_| Failure::shape("feedback", "not of the shape we give it"))?;
        let recipient = event.recipients.first().map(|recipient| self.address_key.hash(recipient.address()));
        let id = event.identity(&recipient.unwrap_or_default());
        let entry = Entry::new(SOURCE, &id, Told { at: event.at, what }, &body, now, None);
        self.ledger.put(&entry).await.map(drop)
    }
}
