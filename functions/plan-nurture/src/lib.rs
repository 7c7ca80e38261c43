//! Every hour: whose slot has come? Each goes to the mail queue, and only then does its next slot move on.
//!
//! A crash between the two enqueues again; the slot decides that nothing is sent twice. What a person gets is decided when
//! the message is handled, not here.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use perennial_domain::ids::ContactId;
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, DUE_INDEX, Job, SHARDS};
use perennial_platform::lambda::Tick;
use perennial_platform::queue::{MOST_PER_CALL, Message, NurtureDue, Queue};
use perennial_platform::store::{Change, Store, number};
use perennial_playbook::Playbook;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct PlanNurture {
    /// The state table.
    pub store: Store,
    /// Where mail is asked for.
    pub queue: Queue,
    /// The cadence.
    pub playbook: Arc<Playbook>,
}

impl PlanNurture {
    /// Plans the slots that have come.
    ///
    /// # Errors
    /// [`Failure`] if it could not finish: the same tick again goes on where it was.
    pub async fn handle(&self, tick: Tick) -> Result<(), Failure> {
        tick.finish(self.plan(tick.scheduled_at)).await
    }

    async fn plan(&self, now: Timestamp) -> Result<(), Failure> {
        let slot = self.playbook.calendar.date(now).to_string();
        for shard in 0..SHARDS {
            let due = self.store.nominated(DUE_INDEX, &Job::Nurture.shard(shard), now).await?;
            let contacts: Vec<ContactId> = due.iter().filter_map(|key| keys::contact_of(&key.pk)).collect();
            for contacts in contacts.chunks(MOST_PER_CALL) {
                self.enqueue(contacts, &slot, now).await?;
            }
        }
        Ok(())
    }

    async fn enqueue(&self, contacts: &[ContactId], slot: &str, now: Timestamp) -> Result<(), Failure> {
        let message = |contact: &ContactId| Message {
            detail_type: "NurtureDue".to_owned(),
            detail: NurtureDue { contact: contact.to_string(), slot: slot.to_owned() },
        };
        let messages: Vec<_> = contacts.iter().map(message).collect();
        let taken = self.queue.send(&messages).await?;
        for (contact, taken) in contacts.iter().zip(&taken) {
            if *taken {
                self.advance(contact, now).await?;
            }
        }
        if taken.contains(&false) {
            return Err(Failure::Retryable { operation: "SendMessageBatch", code: "partly refused".to_owned() });
        }
        Ok(())
    }

    /// The next slot is a gap away, unless the decision on this one says otherwise.
    async fn advance(&self, contact: &ContactId, now: Timestamp) -> Result<(), Failure> {
        let (calendar, nurture) = (&self.playbook.calendar, &self.playbook.nurture);
        let next = calendar.start_of(calendar.date(now).saturating_add(nurture.gap_days.days()));
        // Where the contact is, the window may open at another hour: the slot waits for it then.
        let next = nurture.window.opening(calendar, &calendar.zone, next);
        let change = Change::of(keys::cadence(contact), "SET #due_at = :next")
            .only_if("attribute_exists(#due_shard) AND #due_at <= :now")
            .with(":next", number(next.as_second()))
            .with(":now", number(now.as_second()));
        self.store.apply("slot advance", change).await.map(drop)
    }
}
