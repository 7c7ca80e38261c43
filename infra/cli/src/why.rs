//! Why somebody got nothing: the slots of one person, what each became, and what every stream has to say now.
//!
//! What is sent now, or why not, is the sender's own decision, asked and not carried out; what lies behind was recorded when
//! it was decided. An address is in neither.

mod text;

use jiff::Timestamp;
use jiff::civil::Date;
use perennial_domain::ids::{ContactId, StreamId};
use perennial_domain::interest::instant;
use perennial_domain::nurture::{Decision, Silence, Verdict, exhausted_since};
use perennial_platform::address::AddressKey;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys;
use perennial_platform::nurture::NurtureSlot;
use perennial_platform::records::{Slot, SlotState};
use perennial_platform::store::Store;
use perennial_playbook::Playbook;
use serde::Serialize;

use crate::account::nurture_slot;

/// Everything that is to be said of a person's nurture mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyNoEmail {
    /// Who, by the id that stays.
    pub contact: String,
    /// At which instant.
    pub at: Timestamp,
    /// The slots so far, the newest first.
    pub slots: Vec<SlotLine>,
    /// What a slot at this instant would become.
    pub now: NowLine,
    /// What each stream has to say, in the playbook's order.
    pub streams: Vec<StreamLine>,
    /// Since when the person has read everything there is for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exhausted_since: Option<Date>,
    /// When the planner looks at the person again; never, until something changes, if there is no such time.
    pub next_slot_at: Option<Timestamp>,
}

/// One slot, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotLine {
    /// Which: the local date on which it was planned.
    pub slot: String,
    /// Whose it was then: another id, which was merged into this one since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// What became of it.
    pub state: SlotState,
    /// When that was decided.
    pub decided_at: Timestamp,
    /// The stream of the piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub piece: Option<String>,
    /// What the piece wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Why nothing was sent; of SES, its error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a state means that is neither a mail nor a plain reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<&'static str>,
}

/// What a slot would become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "lowercase")]
pub enum NowLine {
    /// This piece.
    Send {
        /// Of which stream.
        stream: String,
        /// Which piece.
        piece: String,
        /// What it wants.
        kind: &'static str,
    },
    /// Nothing, and then it is looked at again.
    Wait {
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: &'static str,
    },
    /// Nothing until something changes.
    Stop {
        /// Why.
        reason: &'static str,
    },
}

/// What one stream has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamLine {
    /// Which.
    pub stream: String,
    /// What it has to say.
    #[serde(flatten)]
    pub says: Says,
    /// The local date of its last piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sent_on: Option<Date>,
}

/// A stream's verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Says {
    /// This piece could go out.
    Ready {
        /// Which.
        piece: String,
        /// What it wants.
        kind: &'static str,
    },
    /// Nothing now.
    Silent {
        /// Why.
        reason: &'static str,
        /// When to look again.
        until: Timestamp,
    },
    /// It has nothing left.
    Exhausted {
        /// Since the local date of its last piece.
        since: Option<Date>,
    },
    /// It is not for this person.
    NotForThem {
        /// Why.
        reason: &'static str,
    },
}

/// Looks a person up and says why they got what they got; `None` if nothing is known of them, or they were erased. Slots are
/// those decided until `at`; what is known of the person is what is known now.
///
/// # Errors
/// [`Failure`] if the table cannot be read.
pub async fn why_no_email(
    store: &Store,
    addresses: &AddressKey,
    playbook: &Playbook,
    asked: &str,
    at: Timestamp,
) -> Result<Option<WhyNoEmail>, Failure> {
    let first = if perennial_playbook::is_address(asked) {
        keys::address_contact(&addresses.hash(asked))
    } else {
        ContactId::from(asked)
    };
    let contact = match identity::resolve(store, &first).await? {
        Resolved::Erased => return Ok(None),
        resolved => resolved.or(&first).unwrap_or(first),
    };
    let merged = store.contact(&contact).await?.merged;
    let mut stored = slots_of(store, &contact).await?;
    for id in &merged {
        stored.extend(slots_of(store, &ContactId::from(id.as_str())).await?);
    }
    stored.retain(|slot| slot.decided_at <= at.as_second());
    let today = playbook.calendar.date(at).to_string();
    let loaded = NurtureSlot::load(store, addresses, &contact, &slot_at(&stored, &contact, &today)).await?;
    if stored.is_empty() && loaded.rows.profile.is_none() && loaded.rows.cadence.is_none() {
        return Ok(None);
    }
    let mut slots: Vec<SlotLine> = stored.iter().filter_map(|slot| slot_line(slot, &contact, at)).collect();
    slots.sort_by(|one, other| (&other.slot, &other.of).cmp(&(&one.slot, &one.of)));
    let verdicts = loaded.reasons(playbook, at);
    let next_slot_at = loaded.rows.cadence.as_ref().and_then(|cadence| cadence.due_at).map(instant);
    Ok(Some(WhyNoEmail {
        contact: contact.to_string(),
        at,
        slots,
        now: now_line(loaded.decide(playbook, at)),
        exhausted_since: exhausted_since(&verdicts),
        streams: verdicts.into_iter().map(stream_line).collect(),
        next_slot_at,
    }))
}

async fn slots_of(store: &Store, contact: &ContactId) -> Result<Vec<Slot>, Failure> {
    let slots: Vec<Slot> = store.partition(&keys::contact(contact), Some(keys::SLOT)).await?;
    Ok(slots.into_iter().filter(|slot| nurture_slot(slot).is_some()).collect())
}

/// The slot that would be decided: today's if it may still be claimed. Of any other a reservation counts as a mail, also
/// today's own whose outcome is unknown.
fn slot_at(slots: &[Slot], contact: &ContactId, today: &str) -> String {
    let open = [SlotState::Retry, SlotState::Waiting];
    let key = keys::slot(contact, today);
    let todays = slots.iter().find(|slot| (&slot.pk, &slot.sk) == (&key.pk, &key.sk));
    if todays.is_some_and(|slot| open.contains(&slot.state)) { today.to_owned() } else { String::new() }
}

fn slot_line(slot: &Slot, contact: &ContactId, at: Timestamp) -> Option<SlotLine> {
    let (of, name) = nurture_slot(slot)?;
    let lost = slot.lease_until.is_some_and(|until| until <= at.as_second());
    let reason = match slot.state {
        SlotState::Silent | SlotState::Waiting => slot.reason.clone(),
        _ => slot.error.clone(),
    };
    // A slot that was claimed once and fell silent at the next try still names its piece.
    let claimed = !matches!(slot.state, SlotState::Silent | SlotState::Waiting);
    let piece = |of: &Option<String>| of.clone().filter(|_| claimed);
    Some(SlotLine {
        of: (of != contact.as_str()).then_some(of),
        slot: name,
        state: slot.state,
        decided_at: instant(slot.decided_at),
        stream: piece(&slot.stream),
        piece: piece(&slot.piece),
        kind: piece(&slot.kind),
        reason,
        explanation: explanation(slot.state, lost),
    })
}

/// What a state means that does not speak for itself.
fn explanation(state: SlotState, lost: bool) -> Option<&'static str> {
    match state {
        SlotState::Unknown => Some(
            "may have been sent: SES was asked, and no answer was recorded. Counts against the gap; never sent again by itself",
        ),
        SlotState::Sending if lost => Some(
            "may have been sent: its sender did not come back. Counts against the gap; unknown as soon as it is looked at again",
        ),
        SlotState::Sending => Some("a sender is at work on it"),
        SlotState::Retry => {
            Some("SES took nothing then; the same slot is tried again, and nothing was sent in it so far")
        }
        SlotState::Rejected => Some("SES refused this message; it was not sent, and does not count against the gap"),
        SlotState::Waiting => Some("to be decided again on the same day; if that did not come, this is why"),
        SlotState::Sent | SlotState::Silent => None,
    }
}

fn now_line(decision: Decision) -> NowLine {
    match decision {
        Decision::Send { stream, piece, kind, .. } => {
            NowLine::Send { stream: stream.to_string(), piece: piece.to_string(), kind: kind.as_str() }
        }
        Decision::Wait { until, reason } => NowLine::Wait { until, reason: reason.as_str() },
        Decision::Stop(reason) => NowLine::Stop { reason: reason.as_str() },
    }
}

fn stream_line((stream, verdict): (StreamId, Verdict)) -> StreamLine {
    let (says, last_sent_on) = match verdict {
        Verdict::Ready { piece, kind, last_sent_on } => {
            (Says::Ready { piece: piece.to_string(), kind: kind.as_str() }, last_sent_on)
        }
        Verdict::Silent { reason: Silence::Exhausted, since, .. } => (Says::Exhausted { since }, since),
        Verdict::Silent { reason, until, since } => (Says::Silent { reason: reason.as_str(), until }, since),
        Verdict::Outside(outside) => (Says::NotForThem { reason: outside.as_str() }, None),
    };
    StreamLine { stream: stream.to_string(), says, last_sent_on }
}
