//! The claim protocol: a slot is claimed in a transaction before SES is asked, and settled after.
//!
//! ```text
//! (none) ──claim──▶ SENDING ──accepted──▶ SENT
//!    ▲                ││├────refused────▶ REJECTED      this message is at fault; the reservation is released
//!    ├── RETRY ◀──────┘││ throttled: the same slot may be claimed again, by the message that comes back
//!    └── WAITING ◀─────┘│ account at fault: it waits for the planner with its reason; the reservation is released
//!                       └────no answer──▶ UNKNOWN       never sent again by itself
//! ```
//! A crash leaves SENDING behind; past its lease it is UNKNOWN. A slot that may still become a mail on its day is WAITING with
//! its reason (the send window opens later, the quota is used up for an hour, a mark is passed at noon), and may be claimed as
//! RETRY may. Mail to sales has no planner: where the account is at fault its message is put off.

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::{SignedDuration, Timestamp};
use perennial_domain::ids::{PieceId, RepId, StreamId};
use perennial_domain::nurture::{Edition, Kind};
use perennial_platform::failure::Failure;
use perennial_platform::keys::Key;
use perennial_platform::mail::Outcome;
use perennial_platform::records::{Slot, SlotState};
use perennial_platform::store::{Change, Commit, Store, nonce, number, string, text};

use crate::Handled;

/// Longer than a Lambda may run: whoever holds a lease that has passed is dead.
const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// The reason of a slot that waits because SES takes nothing from the account; its code follows.
const AT_FAULT: &str = "SES takes nothing from the account";

/// A slot may be claimed if it is new, or was left for another try.
const CLAIMABLE: &str = "attribute_not_exists(PK) OR #state = :retry OR #state = :waiting";

/// Which claim a slot is under.
const CLAIM: &str = "claim";

/// To whom a mail to sales goes, by id.
const SENT_TO: &str = "sent_to";

/// What a slot is claimed for.
pub(crate) struct ClaimedPiece<'a> {
    pub stream: &'a StreamId,
    pub piece: &'a PieceId,
    pub kind: Kind,
    pub edition: &'a Edition,
    /// Under which name it will be remembered.
    pub received_as: &'a StreamId,
}

/// Names one claim, so that who has made it knows it again.
pub(crate) struct ClaimId(String);

impl ClaimId {
    /// One that no other claim has.
    pub(crate) fn new() -> Self {
        Self(nonce())
    }
}

/// Commits a claim. Where the answer is lost the slot is read: a claim that was written is as good as one that was answered, and
/// nobody else may send for it.
pub(crate) async fn commit_claim(
    store: &Store,
    operation: &'static str,
    (key, id): (&Key, &ClaimId),
    actions: Vec<TransactWriteItem>,
) -> Result<Commit, Failure> {
    let failure = match store.commit(operation, actions).await {
        Err(failure @ Failure::Retryable { .. }) => failure,
        known => return known,
    };
    let slot = store.get_item(key).await?;
    let written = slot.is_some_and(|slot| text(&slot, CLAIM) == Some(id.0.as_str()));
    if written { Ok(Commit::Done) } else { Err(failure) }
}

/// Whether a slot can be claimed; `None` means it can.
pub(crate) async fn settled(store: &Store, key: &Key, now: Timestamp) -> Result<Option<Handled>, Failure> {
    let Some(slot) = store.get::<Slot>(key).await? else { return Ok(None) };
    match slot.state {
        SlotState::Retry | SlotState::Waiting => Ok(None),
        SlotState::Sending if slot.lease_until.is_some_and(|until| until > now.as_second()) => Ok(Some(Handled::Busy)),
        SlotState::Sending => {
            tracing::error!("a send was claimed and never settled: unknown");
            let unknown = settle_change(key, SlotState::Unknown, Some("no settlement within the lease"), None, now);
            store.apply("slot settle", unknown).await?;
            Ok(Some(Handled::Done))
        }
        _ => Ok(Some(Handled::Done)),
    }
}

/// The action that claims a slot of mail to sales, which goes to somebody.
pub(crate) fn claim_to(
    store: &Store,
    (key, id): (&Key, &ClaimId),
    to: &RepId,
    now: Timestamp,
) -> Result<TransactWriteItem, Failure> {
    let (update, change) = claiming(key, id, now);
    let update = format!("{update}, #{SENT_TO} = :{SENT_TO} REMOVE #reason, #error");
    store.change(change.with(format!(":{SENT_TO}"), string(to.as_str())).updating(update))
}

/// Whether a mail to sales went out to this one; another may have worked in their place when it did.
pub(crate) async fn went_to(store: &Store, key: &Key, to: &RepId) -> Result<bool, Failure> {
    let Some(slot) = store.get_item(key).await? else { return Ok(false) };
    let sent = text(&slot, "state") == Some(SlotState::Sent.as_str());
    Ok(sent && text(&slot, SENT_TO) == Some(to.as_str()))
}

/// What all claims have in common.
fn claiming(key: &Key, id: &ClaimId, now: Timestamp) -> (String, Change) {
    let update = format!("SET #state = :sending, #decided_at = :now, #lease_until = :lease, #{CLAIM} = :{CLAIM}");
    let change = Change::none(key.clone())
        .with(format!(":{CLAIM}"), string(&id.0))
        .only_if(CLAIMABLE)
        .with(":retry", string("RETRY"))
        .with(":waiting", string("WAITING"))
        .with(":sending", string("SENDING"))
        .with(":now", number(now.as_second()))
        .with(":lease", number((now + LEASE).as_second()));
    (update, change)
}

/// The action that claims a slot of nurture mail.
pub(crate) fn claim(
    store: &Store,
    key: &Key,
    id: &ClaimId,
    claimed: &ClaimedPiece<'_>,
    now: Timestamp,
) -> Result<TransactWriteItem, Failure> {
    let (mut update, mut change) = claiming(key, id, now);
    let ClaimedPiece { stream, piece, kind, edition, received_as } = claimed;
    update.push_str(", #stream = :stream, #piece = :piece, #kind = :kind");
    change = change.with(":stream", string(stream.as_str())).with(":piece", string(piece.as_str()));
    change = change.with(":kind", string(kind.as_str()));
    if received_as != stream {
        update.push_str(", #received_as = :received_as");
        change = change.with(":received_as", string(received_as.as_str()));
    }
    if !edition.is_plain() {
        update.push_str(", #edition = :edition");
        change = change.with(":edition", string(edition.to_string()));
    }
    // The reason for which it waited is one no longer, nor is what SES said of an earlier try.
    update.push_str(" REMOVE #reason, #error");
    // Of an earlier try, if the playbook, the contact's language or what is chosen has changed since.
    if edition.is_plain() {
        update.push_str(", #edition");
    }
    if received_as == stream {
        update.push_str(", #received_as");
    }
    store.change(change.updating(update))
}

/// The action that records a silence; of one that `waits` it may still become a mail on the same day.
pub(crate) fn silence(
    store: &Store,
    key: &Key,
    reason: &str,
    waits: bool,
    now: Timestamp,
) -> Result<TransactWriteItem, Failure> {
    // Nothing of what an earlier try was claimed for went out.
    let update = "SET #state = :silent, #decided_at = :now, #reason = :reason \
                  REMOVE #error, #stream, #piece, #kind, #received_as, #edition";
    let change = Change::of(key.clone(), update)
        .only_if(CLAIMABLE)
        .with(":retry", string("RETRY"))
        .with(":waiting", string("WAITING"))
        .with(":silent", string(if waits { "WAITING" } else { "SILENT" }))
        .with(":now", number(now.as_second()))
        .with(":reason", string(reason));
    store.change(change)
}

/// The state that an answer of SES leaves a slot in, if no planner comes again for it.
pub(crate) fn state_after(outcome: &Outcome) -> SlotState {
    match outcome {
        Outcome::Accepted { .. } => SlotState::Sent,
        Outcome::Refused { .. } => SlotState::Rejected,
        Outcome::NotNow { .. } | Outcome::AccountAtFault { .. } => SlotState::Retry,
        Outcome::Unknown { .. } => SlotState::Unknown,
    }
}

/// Settles a claimed slot together with what follows from it, and says what becomes of the message.
pub(crate) async fn settle(
    store: &Store,
    key: &Key,
    answered: (&Outcome, SlotState),
    with: Vec<TransactWriteItem>,
    now: Timestamp,
) -> Handled {
    match try_to_settle(store, key, answered, with, now).await {
        Ok(handled) => handled,
        Err(failure) => Handled::Unsettled(failure.to_string()),
    }
}

async fn try_to_settle(
    store: &Store,
    key: &Key,
    (outcome, state): (&Outcome, SlotState),
    with: Vec<TransactWriteItem>,
    now: Timestamp,
) -> Result<Handled, Failure> {
    let (error, message_id) = match outcome {
        Outcome::Accepted { message_id } => (None, Some(message_id.as_str())),
        Outcome::Refused { code } | Outcome::NotNow { code } | Outcome::Unknown { code } => (Some(code.clone()), None),
        Outcome::AccountAtFault { code, .. } => (Some(format!("{AT_FAULT}: {code}")), None),
    };
    let settled = || store.change(settle_change(key, state, error.as_deref(), message_id, now));
    let mut actions = vec![settled()?];
    actions.extend(with);
    let mut committed = store.commit("slot settle", actions).await?;
    if matches!(&committed, Commit::Refused(failed) if failed.first() == Some(&false)) {
        // The contact was merged while the mail was under way: what it received was taken over with the claim.
        committed = store.commit("slot settle", vec![settled()?]).await?;
    }
    if let Commit::Refused(_) = committed {
        // Past the lease somebody has called it unknown; that stands.
        tracing::error!("a slot was settled by somebody else");
    }
    match outcome {
        Outcome::NotNow { code } => Ok(Handled::Throttled(code.clone())),
        Outcome::AccountAtFault { code, for_everybody } => {
            tracing::error!(code, "SES takes nothing from the account");
            let waits = state != SlotState::Retry;
            Ok(match (for_everybody, waits) {
                (true, _) => Handled::AccountAtFault { reason: error.unwrap_or_default(), waits },
                (false, true) => Handled::Done,
                // Of one recipient, and mail to sales has no planner.
                (false, false) => Handled::PutOff(code.clone()),
            })
        }
        Outcome::Unknown { code } => {
            tracing::error!(code, "no answer from SES: unknown");
            Ok(Handled::Unanswered { comes_back: false })
        }
        Outcome::Refused { code } => {
            tracing::error!(code, "SES refused a message");
            Ok(Handled::Done)
        }
        Outcome::Accepted { .. } => Ok(Handled::Done),
    }
}

fn settle_change(key: &Key, state: SlotState, error: Option<&str>, message_id: Option<&str>, now: Timestamp) -> Change {
    let held = matches!(state, SlotState::Waiting | SlotState::Silent);
    let mut update = "SET #state = :state, #settled_at = :now".to_owned();
    let mut change = Change::none(key.clone())
        .only_if("#state = :sending")
        .with(":sending", string("SENDING"))
        .with(":state", string(state.as_str()))
        .with(":now", number(now.as_second()));
    if let Some(error) = error {
        update.push_str(if held { ", #reason = :error" } else { ", #error = :error" });
        change = change.with(":error", string(error));
    }
    if let Some(message_id) = message_id {
        update.push_str(", #message_id = :message_id");
        change = change.with(":message_id", string(message_id));
    }
    update.push_str(&format!(" REMOVE #lease_until, #{CLAIM}"));
    if held {
        // Nothing of what it was claimed for went out, and another piece may be due when it is decided again.
        update.push_str(", #stream, #piece, #kind, #received_as, #edition");
    }
    change.updating(update)
}
