//! The slot of a mail: what an event proves of it.

use jiff::Timestamp;
use perennial_domain::interest::instant;
use perennial_domain::nurture::Kind;
use perennial_platform::failure::Failure;
use perennial_platform::feedback::{TakenAfterAll, released};
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys::{self, Key};
use perennial_platform::mail::events::{Happened, MailEvent};
use perennial_platform::records::{Cadence, Slot, SlotState, day_number};
use perennial_platform::store::{ATTEMPTS, Change, Commit, back_off, number, string};

use crate::RecordEmailFeedback;

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It says what is known.
    Done,
    /// Its sender may still be at work on it.
    Later,
}

/// What an event proves of the mail of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// SES took it.
    Taken,
    /// SES did not send it, and never will.
    Refused(&'static str),
}

/// What is to be done with a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Later,
    /// It becomes `SENT`, and its mail counts.
    Sent,
    /// It becomes `REJECTED`, and its reservation is released.
    Rejected(&'static str),
}

fn proof(happened: Happened) -> Proof {
    match happened {
        Happened::Rejected => Proof::Refused("rejected by SES after all"),
        Happened::NotRendered => Proof::Refused("not rendered by SES"),
        _ => Proof::Taken,
    }
}

/// What follows for a slot in this state. The sender's own word is waited for as long as it may come.
fn step(state: SlotState, lease_over: bool, proof: Proof) -> Step {
    match (state, proof) {
        (SlotState::Sending, _) if !lease_over => Step::Later,
        (SlotState::Sending | SlotState::Unknown, Proof::Taken) => Step::Sent,
        // SES looks into a message only after it has taken it. What was counted then stays counted: the piece is at fault, and would
        // be rejected again.
        (SlotState::Sending | SlotState::Unknown | SlotState::Sent, Proof::Refused(why)) => Step::Rejected(why),
        _ => Step::Nothing,
    }
}

impl RecordEmailFeedback {
    /// Settles the slot that the mail was claimed for, if its tags tell and it is still there.
    pub(crate) async fn settle(&self, event: &MailEvent) -> Result<Settled, Failure> {
        let Some((key, name)) = event.about.slot.as_ref().and_then(|key| Some((key, keys::slot_name(key)?))) else {
            return Ok(Settled::Done);
        };
        for attempt in 0..ATTEMPTS {
            let now = self.clock.now();
            // Erased, or of a contact of whom nothing is left.
            let Some(slot) = self.store.get::<Slot>(key).await? else { return Ok(Settled::Done) };
            let lease_over = slot.lease_until.is_none_or(|until| until <= now.as_second());
            let step = step(slot.state, lease_over, proof(event.happened));
            match step {
                Step::Nothing => return Ok(Settled::Done),
                Step::Later => return Ok(Settled::Later),
                Step::Sent | Step::Rejected(_) => {}
            }
            if self.commit(key, name, &slot, step, event, now).await? == Commit::Done {
                let (was, becomes, slot) = (slot.state, step, name);
                match was {
                    // Counted against those that somebody called unknown.
                    SlotState::Unknown => tracing::info!(?becomes, slot, "unknown send settled by feedback"),
                    _ => tracing::info!(?was, ?becomes, slot, "slot settled by feedback"),
                }
                return Ok(Settled::Done);
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "slot settle" })
    }

    async fn commit(
        &self,
        key: &Key,
        name: &str,
        slot: &Slot,
        step: Step,
        event: &MailEvent,
        now: Timestamp,
    ) -> Result<Commit, Failure> {
        let store = &self.store;
        let change = Change::none(key.clone())
            .only_if("#state = :was")
            .with(":was", string(slot.state.as_str()))
            .with(":now", number(now.as_second()))
            .with(":message_id", string(&event.message_id));
        let set = "SET #state = :state, #settled_at = :now, #message_id = :message_id";
        let change = match step {
            Step::Rejected(why) => change
                .with(":state", string(SlotState::Rejected.as_str()))
                .with(":error", string(why))
                .updating(format!("{set}, #error = :error REMOVE #lease_until")),
            _ => change
                .with(":state", string(SlotState::Sent.as_str()))
                .updating(format!("{set} REMOVE #lease_until, #error")),
        };
        let mut actions = vec![store.change(change)?];
        if let Some(contact) = event.about.contact.as_ref().filter(|_| event.about.nurture) {
            // What a merged contact was perhaps sent was taken over with the merge.
            let known: Option<Cadence> = match identity::resolve(store, contact).await? {
                Resolved::Same => store.get(&keys::cadence(contact)).await?,
                Resolved::Into(_) | Resolved::Erased => None,
            };
            actions.extend(match (step, slot.received_as.as_ref().or(slot.stream.as_ref()), &slot.piece) {
                (Step::Sent, Some(stream), Some(piece)) => {
                    let kind = slot.kind.as_deref().and_then(Kind::named);
                    let day = day_number(self.playbook.calendar.date(instant(slot.decided_at)));
                    TakenAfterAll { contact, slot: name, stream, piece, kind, day }.counted(store, known.as_ref())?
                }
                _ => released(store, contact, name, known.as_ref())?,
            });
        }
        store.commit("slot settle", actions).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_for_a_slot() {
        use SlotState::{Rejected, Retry, Sending, Sent, Silent, Unknown, Waiting};
        let refused = Proof::Refused("why");
        for (what, state, lease_over, proof, expected) in [
            ("its sender may still settle it", Sending, false, Proof::Taken, Step::Later),
            ("also what is refused", Sending, false, refused, Step::Later),
            ("its sender died", Sending, true, Proof::Taken, Step::Sent),
            ("it died, and SES refuses", Sending, true, refused, Step::Rejected("why")),
            ("nobody knew", Unknown, true, Proof::Taken, Step::Sent),
            ("nobody knew, and SES refuses", Unknown, true, refused, Step::Rejected("why")),
            ("as expected", Sent, true, Proof::Taken, Step::Nothing),
            ("SES looked into it", Sent, true, refused, Step::Rejected("why")),
            ("told again", Rejected, true, refused, Step::Nothing),
            ("told in another order", Rejected, true, Proof::Taken, Step::Nothing),
            ("the reply proved that it was not sent", Retry, true, Proof::Taken, Step::Nothing),
            ("it waits for the send window", Waiting, true, Proof::Taken, Step::Nothing),
            ("nothing was sent", Silent, true, Proof::Taken, Step::Nothing),
        ] {
            assert_eq!(step(state, lease_over, proof), expected, "{what}");
        }
    }

    #[test]
    fn whatever_ses_tells_but_a_refusal_proves_that_it_took_the_mail() {
        for happened in [
            Happened::Sent,
            Happened::Delivered,
            Happened::Bounced { listed: false },
            Happened::Bounced { listed: true },
            Happened::BouncedSoftly,
            Happened::Complained { listed: false },
            Happened::CalledNoSpam,
            Happened::Opened,
            Happened::Clicked,
            Happened::Delayed,
            Happened::Subscribed,
        ] {
            assert_eq!(proof(happened), Proof::Taken, "{happened:?}");
        }
        for happened in [Happened::Rejected, Happened::NotRendered] {
            assert!(matches!(proof(happened), Proof::Refused(_)), "{happened:?}");
        }
    }
}
