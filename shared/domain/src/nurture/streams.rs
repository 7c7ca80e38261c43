//! Streams: what each is for, who is in it, and what holds it back.
//!
//! Owns entry, exit, transition and audience. Nothing of it is stored: whoever did what leads in, has begun, or comes over from
//! a stream that names this one, has entered; whoever did what leads out has left.
//!
//! Sources: cross-sell by product not owned and interest shown; upsell by seats used against bought; retention, onboarding,
//! save on non-usage or slow adoption early on; renewal from contract dates; advocacy. No cross-sell or upsell to an account at risk, in the first
//! six months, or while sales holds a lead for the product.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::spread::spread;
use super::story::{Progress, Story};
use super::{Kind, NurtureRules, Outside, Silence, Snapshot};
use crate::calendar::{days_after, later};
use crate::cycle;
use crate::ids::{ActionId, AssetId, ContactId, PieceId, ProductId, StreamId, TopicId};
use crate::interest::{DELIVERED, HORIZON_CYCLES};
use crate::profile::Health;
use crate::segment::{Expression, is_member};

/// What a machine may do as well as a person.
const OPEN: &str = "open";

/// Two dates of a contract's end, or of a purchase, that lie no further apart are one that was corrected: contracts run for a
/// month at least.
pub const CORRECTED_WITHIN: SignedDuration = SignedDuration::from_hours(15 * 24);

/// What a stream is for, and so who is in it. Days are days of 24 hours since the purchase, where nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A product that the account does not own, and interest in it.
    CrossSell,
    /// More of a product that the account owns.
    Upsell {
        /// So many of the seats in a hundred are in use, at least.
        seats_percent: i64,
    },
    /// The account has owned the product for at least so many days.
    Retention {
        /// Days since the purchase.
        after_days: i64,
    },
    /// The account has owned the product for fewer days.
    Onboarding {
        /// Days since the purchase.
        until_days: i64,
    },
    /// The account bought the product lately, and does not use it, or only little of it.
    Save {
        /// Days since it was last used, or bought if it never was.
        unused_days: i64,
        /// So many days after the purchase less than so many of the seats in a hundred are in use; 0 where it does not matter.
        adoption_percent: i64,
        /// Days since the purchase after which this is no longer an early sign.
        until_days: i64,
    },
    /// The contract for the product ends soon. A piece belongs to each mark; of marks that have passed together only the last
    /// one's is sent, and after the end none.
    Renewal {
        /// Days before the end of the contract, the earliest mark first: 120, 60, 30.
        days_before: Vec<i64>,
    },
    /// The account has owned the product for at least so many days, and is in good health: it may speak for it.
    Advocacy {
        /// Days since the purchase.
        after_days: i64,
    },
}

impl StreamKind {
    /// Whether it sells: the account's health, its first six months and sales' open leads hold it back then.
    pub fn promotes_product(&self) -> bool {
        matches!(self, Self::CrossSell | Self::Upsell { .. })
    }

    /// The name in the playbook.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CrossSell => "cross-sell",
            Self::Upsell { .. } => "upsell",
            Self::Retention { .. } => "retention",
            Self::Onboarding { .. } => "onboarding",
            Self::Save { .. } => "save",
            Self::Renewal { .. } => "renewal",
            Self::Advocacy { .. } => "advocacy",
        }
    }
}

/// Something that a person does with an asset, and that a stream listens for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// With which asset.
    pub asset: AssetId,
    /// What is done; `None` is anything that no machine does.
    pub action: Option<ActionId>,
}

/// A piece in its stream's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPiece {
    /// Which.
    pub id: PieceId,
    /// What it wants.
    pub kind: Kind,
    /// What it offers: whoever has taken that already does not get the piece.
    pub offers: Option<AssetId>,
    /// The pieces in whose place it stands: whoever received one of them has received this one.
    pub replaces: Vec<PieceId>,
}

/// A stream of pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Which.
    pub id: StreamId,
    /// What it is for.
    pub kind: StreamKind,
    /// About which product.
    pub product: ProductId,
    /// Its topic, which contacts may switch off.
    pub topic: Option<TopicId>,
    /// Whom it is for besides.
    pub audience: Expression,
    /// What leads in. Without it interest leads into a cross-sell stream, and nothing is asked for others; a stream that
    /// another one names in `then` is entered by that transition alone.
    pub enter_on: Vec<Trigger>,
    /// What leads out, until something leads in again.
    pub exit_on: Vec<Trigger>,
    /// Who is out while this holds.
    pub exit_when: Option<Expression>,
    /// The stream into which those go who began this one and left or exhausted it.
    pub then: Option<StreamId>,
    /// What makes the next piece due sooner, if it was done on the day of the last piece or since.
    pub accelerate_on: Vec<Trigger>,
    /// Days between two pieces of it, if not those of the rules.
    pub every_days: Option<i64>,
    /// So many of a hundred contacts get nothing of it, so that its effect can be measured.
    pub holdout_percent: u8,
    /// With what asset it is an engagement to receive, open or click its mail.
    pub mail_asset: Option<AssetId>,
    /// Its story, from awareness to conversion.
    pub pieces: Vec<StreamPiece>,
}

impl Stream {
    /// Whether a contact belongs to the group that gets nothing of it: the same ones always, others for each stream.
    pub fn holds_out(&self, contact: &ContactId) -> bool {
        spread(&[contact.as_str(), self.id.as_str()]) % 100 < u64::from(self.holdout_percent)
    }

    /// Under which name it is remembered what was received of it: a renewal for each contract by itself. A contract whose end
    /// was corrected by a few days keeps the name that it has.
    pub fn received_as(&self, snapshot: &Snapshot<'_>) -> StreamId {
        let (StreamKind::Renewal { .. }, Some(end)) = (&self.kind, self.ends_at(snapshot)) else {
            return self.id.clone();
        };
        let apart = |name: &StreamId| Some((end.duration_since(self.contract_named(name)?).abs(), name.clone()));
        let known = snapshot.progress.keys().filter_map(apart).filter(|(apart, _)| *apart < CORRECTED_WITHIN).min();
        let date = end.to_zoned(TimeZone::UTC).date();
        known.map_or_else(|| StreamId::new(format!("{}@{date}", self.id)), |(_, name)| name)
    }

    /// The end of the contract of which a name speaks.
    fn contract_named(&self, name: &StreamId) -> Option<Timestamp> {
        let date: Date = name.as_str().strip_prefix(self.id.as_str())?.strip_prefix('@')?.parse().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }

    pub(super) fn ends_at(&self, snapshot: &Snapshot<'_>) -> Option<Timestamp> {
        snapshot.person.account?.ends.get(&self.product).copied()
    }
}

/// What was done with an asset within the time that interest looks back, and when last.
pub(super) fn recent<'e>(
    engaged: &'e BTreeMap<(AssetId, ActionId), i64>,
    asset: &'e AssetId,
    now: Timestamp,
) -> impl Iterator<Item = (&'e ActionId, i64)> {
    let from = now.as_second().saturating_sub(HORIZON_CYCLES * cycle::CYCLE_SECONDS);
    let here = engaged.iter().filter(move |((of, _), _)| of == asset).map(|((_, action), second)| (action, *second));
    here.filter(move |(_, second)| (from..=now.as_second()).contains(second))
}

/// Whether an action is a person's: mail arrives, and is opened, by machines, too.
pub(super) fn is_active(action: &ActionId) -> bool {
    ![DELIVERED, OPEN].contains(&action.as_str())
}

impl Trigger {
    fn fits(&self, action: &ActionId) -> bool {
        self.action.as_ref().map_or_else(|| is_active(action), |wanted| wanted == action)
    }
}

/// When one of these was last done, in seconds since the Unix epoch.
pub(super) fn last_done(triggers: &[Trigger], snapshot: &Snapshot<'_>) -> Option<i64> {
    let done = |trigger: &Trigger| {
        let here = recent(snapshot.engaged, &trigger.asset, snapshot.person.now);
        here.filter(|(action, _)| trigger.fits(action)).map(|(_, second)| second).max()
    };
    triggers.iter().filter_map(done).max()
}

/// Why a stream is not for this person now; `None` if it is.
pub(super) fn outside(
    rules: &NurtureRules,
    stream: &Stream,
    snapshot: &Snapshot<'_>,
    progress: Option<&Progress>,
) -> Option<Outside> {
    let not_for = not_for(stream, snapshot);
    if not_for.is_some() {
        return not_for;
    }
    if !is_member(&stream.audience, &snapshot.person) {
        Some(Outside::NotInAudience)
    } else if has_left(stream, snapshot) {
        Some(Outside::Left)
    } else if !has_entered(rules, stream, snapshot, progress) {
        Some(Outside::NotEntered)
    } else {
        None
    }
}

/// What a stream's kind asks of the account.
fn not_for(stream: &Stream, snapshot: &Snapshot<'_>) -> Option<Outside> {
    let (account, now) = (snapshot.person.account, snapshot.person.now);
    // What will be owned from a later date on is not owned yet.
    let owned_since = account.and_then(|account| account.owns.get(&stream.product)).filter(|since| **since <= now);
    let Some(owned_since) = owned_since else {
        return (stream.kind != StreamKind::CrossSell).then_some(Outside::NotOwned);
    };
    let owned_for = |days: &i64| days_after(*owned_since, *days) <= now;
    let at_risk = account.is_some_and(|account| account.health == Health::AtRisk);
    match &stream.kind {
        StreamKind::CrossSell => Some(Outside::Owned),
        StreamKind::Upsell { seats_percent } => {
            (has_filled_seats(stream, snapshot, *seats_percent) != Some(true)).then_some(Outside::SeatsFree)
        }
        StreamKind::Retention { after_days } => (!owned_for(after_days)).then_some(Outside::OwnedTooShort),
        StreamKind::Onboarding { until_days } => owned_for(until_days).then_some(Outside::OwnedTooLong),
        StreamKind::Save { until_days, .. } if owned_for(until_days) => Some(Outside::OwnedTooLong),
        StreamKind::Save { unused_days, adoption_percent, .. } => {
            let used_at = account.and_then(|account| account.used.get(&stream.product));
            let last = used_at.filter(|used_at| **used_at <= now).unwrap_or(owned_since);
            let is_unused = days_after(*last, *unused_days) <= now;
            let is_slow =
                owned_for(unused_days) && !has_filled_seats(stream, snapshot, *adoption_percent).unwrap_or(true);
            (!is_unused && !is_slow).then_some(Outside::InUse)
        }
        StreamKind::Renewal { .. } => {
            stream.ends_at(snapshot).is_none_or(|end| end <= now).then_some(Outside::NoContractEnd)
        }
        StreamKind::Advocacy { after_days } if !owned_for(after_days) => Some(Outside::OwnedTooShort),
        StreamKind::Advocacy { .. } => at_risk.then_some(Outside::AtRisk),
    }
}

/// Whether so many of the seats in a hundred are in use; `None` if nobody has said how many there are.
fn has_filled_seats(stream: &Stream, snapshot: &Snapshot<'_>, percent: i64) -> Option<bool> {
    let account = snapshot.person.account?;
    let bought = account.seats.get(&stream.product).filter(|bought| **bought > 0)?;
    let used = account.seats_used.get(&stream.product)?;
    Some(i128::from(*used) * 100 >= i128::from(*bought) * i128::from(percent))
}

fn has_left(stream: &Stream, snapshot: &Snapshot<'_>) -> bool {
    if stream.exit_when.as_ref().is_some_and(|when| is_member(when, &snapshot.person)) {
        return true;
    }
    // What leads in again takes back what led out before it.
    let entered_at = last_done(&stream.enter_on, snapshot);
    last_done(&stream.exit_on, snapshot).is_some_and(|left_at| entered_at.is_none_or(|at| at <= left_at))
}

fn has_entered(rules: &NurtureRules, stream: &Stream, snapshot: &Snapshot<'_>, progress: Option<&Progress>) -> bool {
    let mut before = rules.streams.iter().filter(|other| other.then.as_ref() == Some(&stream.id)).peekable();
    let is_named = before.peek().is_some();
    let begun = progress.is_some_and(|progress| !progress.sent.is_empty());
    if begun || last_done(&stream.enter_on, snapshot).is_some() || before.any(|other| leads_on(rules, other, snapshot))
    {
        return true;
    }
    if !stream.enter_on.is_empty() || is_named {
        return false;
    }
    match stream.kind {
        StreamKind::CrossSell => snapshot.person.scores.get(&stream.product).is_some_and(|points| *points > 0),
        _ => true,
    }
}

/// Whether somebody who began a stream goes on to the next: it was left, or has nothing more to say.
fn leads_on(rules: &NurtureRules, stream: &Stream, snapshot: &Snapshot<'_>) -> bool {
    let begun = snapshot.progress.get(&stream.received_as(snapshot)).filter(|progress| !progress.sent.is_empty());
    begun.is_some_and(|progress| {
        has_left(stream, snapshot) || Story::new(rules, stream, snapshot, progress).left().is_err()
    })
}

/// What holds a stream back from somebody for whom it is.
pub(super) fn held_back(rules: &NurtureRules, stream: &Stream, snapshot: &Snapshot<'_>) -> Option<Silence> {
    let (account, now) = (snapshot.person.account, snapshot.person.now);
    let since = account.and_then(|account| account.customer_since);
    let sells = stream.kind.promotes_product();
    if stream.topic.as_ref().is_some_and(|topic| snapshot.wishes.topics_off.contains(topic)) {
        Some(Silence::TopicUnwanted)
    } else if sells && account.is_some_and(|account| account.health == Health::AtRisk) {
        Some(Silence::AtRisk)
    } else if sells && since.is_some_and(|since| days_after(since, rules.new_customer_days) > now) {
        Some(Silence::NewCustomer)
    } else if sells && snapshot.open_leads.contains(&stream.product) {
        Some(Silence::OpenLead)
    } else if snapshot.person.contact.is_some_and(|contact| stream.holds_out(&contact.id)) {
        Some(Silence::HeldOut)
    } else {
        None
    }
}

/// When each mark before the end of a contract is passed, in the order of the pieces.
pub(super) fn marks(days_before: &[i64], end: Timestamp) -> impl Iterator<Item = Timestamp> {
    let before = |days: &i64| SignedDuration::from_hours(-24 * days.clamp(&-MOST_DAYS, &MOST_DAYS));
    days_before.iter().map(move |days| later(end, before(days)))
}

/// A mark further from the end than a hundred years is none.
const MOST_DAYS: i64 = 36_500;
