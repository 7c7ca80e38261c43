//! The pause by hand: somebody stops mail to contacts and says why. Nothing but [`Sending::resume`] lifts a pause, whoever made it.

use jiff::Timestamp;

use super::{PAUSED_AT, PAUSED_FOR, Sending, counters};
use crate::failure::Failure;
use crate::keys;
use crate::store::{Change, Item, integer, number, string, text};

/// The reason of a pause that nobody but a person has made.
pub(super) const BY_HAND: &str = "by hand";

const WHY: &str = "paused_why";
const BY: &str = "paused_by";
const BY_HAND_AT: &str = "paused_by_hand_at";

/// A pause by hand, on top of one that came by itself or alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// Why, in the words of whoever paused. It is shown to whoever asks, and stands in no mail and no log.
    pub why: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl ByHand {
    pub(super) fn read(item: &Item) -> Option<Self> {
        let at = integer(item, BY_HAND_AT).and_then(|at| Timestamp::from_second(at).ok())?;
        let said = |name| text(item, name).unwrap_or_default().to_owned();
        Some(Self { why: said(WHY), by: said(BY), at })
    }
}

impl Sending {
    /// Pauses mail to contacts, or says why of a pause that came by itself. False if somebody has paused already.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn pause(&self, pause: &ByHand) -> Result<bool, Failure> {
        let update = format!(
            "SET #{BY_HAND_AT} = :now, #{WHY} = :why, #{BY} = :by, #{PAUSED_AT} = if_not_exists(#{PAUSED_AT}, :now), \
             #{PAUSED_FOR} = if_not_exists(#{PAUSED_FOR}, :hand)"
        );
        let change = Change::of(keys::sending(), update)
            .only_if(format!("attribute_not_exists(#{BY_HAND_AT})"))
            .with(":now", number(pause.at.as_second()))
            .with(":why", string(&pause.why))
            .with(":by", string(&pause.by))
            .with(":hand", string(BY_HAND));
        self.store.apply("sending pause by hand", change).await
    }

    /// Lets sending go on. If it had paused by itself, what came back until now is forgiven: the next verdict is over what is
    /// sent from here on. False if sending was not paused.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn resume(&self) -> Result<bool, Failure> {
        let Some(item) = self.store.get_item(&keys::sending()).await? else { return Ok(false) };
        let by_itself = text(&item, PAUSED_FOR).is_some_and(|reason| reason != BY_HAND);
        let forgiven: String = match by_itself {
            true => counters::days(&item).map(|name| format!(", #{name}")).collect(),
            false => String::new(),
        };
        let update = format!("REMOVE #{PAUSED_AT}, #{PAUSED_FOR}, #{WHY}, #{BY}, #{BY_HAND_AT}{forgiven}");
        let resumed = Change::of(keys::sending(), update).only_if(format!("attribute_exists(#{PAUSED_AT})"));
        self.store.apply("sending resume", resumed).await
    }
}
