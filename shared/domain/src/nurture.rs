//! Nurture: one decision per person and slot, across all of the person's streams.
//!
//! Owns who gets which piece and every reason for silence. Never sends: the sender claims the slot and checks the
//! conditions again in its transaction.
//!
//! Cadence is counted in local days of the team's zone, not in seconds, so that a mail sent at 09:00:07 does not push
//! the next one to the day after.

pub mod wishes;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::calendar::{Calendar, days_after};
use crate::ids::{PieceId, ProductId, StreamId};
use crate::profile::{Account, Contact, Health};

/// What a piece wants from its reader. Source: content mix 4-1-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Teaches.
    Educational,
    /// Offers something light.
    Soft,
    /// Asks for the sale.
    Hard,
}

impl Kind {
    /// Whether it promotes.
    pub fn is_promotion(self) -> bool {
        self != Self::Educational
    }

    /// The name in the playbook and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Educational => "educational",
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}

/// What a stream is for, and so who is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Interest in a product that the account does not own.
    CrossSell,
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
}

/// A piece in its stream's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPiece {
    /// Which.
    pub id: PieceId,
    /// What it wants.
    pub kind: Kind,
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
    /// Its story, from awareness to conversion.
    pub pieces: Vec<StreamPiece>,
}

/// What the cadence depends on.
#[derive(Clone, Debug)]
pub struct NurtureRules {
    /// At most one nurture email per person in so many days.
    pub gap_days: i64,
    /// A stream's own cadence in days.
    pub stream_every_days: i64,
    /// Educational pieces a stream owes before its first hard one.
    pub educational_before_hard: usize,
    /// Days of usage before cross-sell mail.
    pub new_customer_days: i64,
    /// All streams, in order of precedence between streams that waited equally long.
    pub streams: Vec<Stream>,
}

/// What a person has received of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The pieces received.
    pub sent: Vec<PieceId>,
    /// The local date of the last one.
    pub last_sent_on: Option<Date>,
}

/// The state a slot is decided on.
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    /// The contact, if identified.
    pub contact: Option<&'a Contact>,
    /// Its account, if known.
    pub account: Option<&'a Account>,
    /// Points by product, at now.
    pub interest: &'a BTreeMap<ProductId, i64>,
    /// Products of which sales holds an open lead.
    pub open_leads: &'a [ProductId],
    /// What was received, by stream.
    pub progress: &'a BTreeMap<StreamId, Progress>,
    /// The local date of the last nurture mail, or of mail that another system reported.
    pub last_mail_on: Option<Date>,
    /// Whether the last nurture mail was a promotion.
    pub last_was_promotion: bool,
    /// Whether the contact has opted out.
    pub unsubscribed: bool,
    /// Whether the address bounced or complained.
    pub suppressed: bool,
    /// Whether the address is that of another contact, who stated it first.
    pub address_of_another: bool,
}

/// Why somebody gets nothing. In the order in which one is preferred as the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// The contact has opted out.
    Unsubscribed,
    /// The address bounced or complained.
    Suppressed,
    /// Nobody has said who this is or where to write to.
    NoAddress,
    /// Another contact stated the address first: two ids must not both write to one inbox.
    SharedAddress,
    /// The team does not work today.
    DayOff,
    /// The person had a mail within the gap.
    Capped,
    /// No cross-sell mail to an account at risk.
    AtRisk,
    /// No cross-sell mail in the first six months.
    NewCustomer,
    /// Sales holds a lead for the product: its stream pauses.
    OpenLead,
    /// No two promotions in a row, and no hard one before four educational.
    MixOwed,
    /// The stream's next piece is not due yet.
    NotDue,
    /// The stream has nothing left to say.
    Exhausted,
    /// No stream is for this person now.
    NoStream,
}

impl Silence {
    /// The name in storage and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "address suppressed",
            Self::NoAddress => "no address",
            Self::SharedAddress => "address belongs to another contact",
            Self::DayOff => "not a working day",
            Self::Capped => "capped: mailed within the gap",
            Self::AtRisk => "account at risk: no cross-sell",
            Self::NewCustomer => "new customer: no cross-sell yet",
            Self::OpenLead => "sales has an open lead: stream paused",
            Self::MixOwed => "4-1-1: a promotion would come too early",
            Self::NotDue => "next piece not due yet",
            Self::Exhausted => "stream exhausted",
            Self::NoStream => "no stream fits",
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send this piece.
    Send {
        /// Of which stream.
        stream: StreamId,
        /// Which piece.
        piece: PieceId,
        /// What it wants.
        kind: Kind,
        /// Whether the stream is cross-sell: the claim checks the account's health then.
        cross_sell: bool,
    },
    /// Nothing now; the next slot is on this date.
    Wait {
        /// The next slot.
        until: Date,
        /// Why nothing.
        reason: Silence,
    },
    /// Nothing, and no further slot until something changes.
    Stop(Silence),
}

/// What happens in this person's slot at `now`.
pub fn decide(rules: &NurtureRules, calendar: &Calendar, snapshot: &Snapshot<'_>, now: Timestamp) -> Decision {
    let today = calendar.date(now);
    let later = |date: Date, days: i64| date.saturating_add(days.days());
    if snapshot.unsubscribed {
        return Decision::Stop(Silence::Unsubscribed);
    }
    if snapshot.suppressed {
        return Decision::Stop(Silence::Suppressed);
    }
    if snapshot.contact.is_none_or(|contact| contact.email.is_none()) {
        return Decision::Stop(Silence::NoAddress);
    }
    // Not for ever: the other contact may move to another address, or turn out to be the same person.
    if snapshot.address_of_another {
        return Decision::Wait { until: later(today, rules.gap_days.max(1)), reason: Silence::SharedAddress };
    }
    if let Some(free) = snapshot.last_mail_on.map(|date| later(date, rules.gap_days)).filter(|free| *free > today) {
        return Decision::Wait { until: free, reason: Silence::Capped };
    }

    if !calendar.works_on(today) {
        let next = calendar.date(calendar.next_check(calendar.start_of(later(today, 1))));
        return Decision::Wait { until: next, reason: Silence::DayOff };
    }

    let mut sendable: Vec<(Option<Date>, &Stream, &StreamPiece)> = Vec::new();
    let mut silences: Vec<(Silence, Date)> = Vec::new();
    let next_slot = later(today, rules.gap_days.max(1));
    for stream in rules.streams.iter().filter(|stream| is_for(stream, snapshot, now)) {
        let progress = snapshot.progress.get(&stream.id);
        let last_sent_on = progress.and_then(|progress| progress.last_sent_on);
        let due = last_sent_on.map_or(today, |date| later(date, rules.stream_every_days));
        match blocked(rules, stream, snapshot, now) {
            Some(reason) => silences.push((reason, next_slot)),
            None if due > today => silences.push((Silence::NotDue, due)),
            None => match next_piece(rules, stream, progress, snapshot.last_was_promotion) {
                Ok(piece) => sendable.push((last_sent_on, stream, piece)),
                Err(reason) => silences.push((reason, next_slot)),
            },
        }
    }
    // The stream that has waited longest; a stream never sent comes first, then the playbook's order (min_by_key is stable).
    if let Some((_, stream, piece)) = sendable.into_iter().min_by_key(|(last, ..)| *last) {
        return Decision::Send {
            stream: stream.id.clone(),
            piece: piece.id.clone(),
            kind: piece.kind,
            cross_sell: stream.kind == StreamKind::CrossSell,
        };
    }
    let until = silences.iter().map(|(_, until)| *until).min().unwrap_or(next_slot);
    let reason = silences.iter().map(|(reason, _)| *reason).min().unwrap_or(Silence::NoStream);
    Decision::Wait { until, reason }
}

fn is_for(stream: &Stream, snapshot: &Snapshot<'_>, now: Timestamp) -> bool {
    // What will be owned from a later date on is not owned yet.
    let owned_since =
        snapshot.account.and_then(|account| account.owns.get(&stream.product)).filter(|since| **since <= now);
    let owned_for = |days: i64| owned_since.map(|since| days_after(*since, days) <= now);
    match stream.kind {
        // Entry by shown interest; whoever has begun stays in until the product is bought.
        StreamKind::CrossSell => {
            owned_since.is_none()
                && (snapshot.interest.get(&stream.product).is_some_and(|points| *points > 0)
                    || snapshot.progress.contains_key(&stream.id))
        }
        StreamKind::Retention { after_days } => owned_for(after_days) == Some(true),
        StreamKind::Onboarding { until_days } => owned_for(until_days) == Some(false),
    }
}

fn blocked(rules: &NurtureRules, stream: &Stream, snapshot: &Snapshot<'_>, now: Timestamp) -> Option<Silence> {
    if stream.kind != StreamKind::CrossSell {
        return None;
    }
    let account = snapshot.account;
    let since = account.and_then(|account| account.customer_since);
    if account.is_some_and(|account| account.health == Health::AtRisk) {
        Some(Silence::AtRisk)
    } else if since.is_some_and(|since| days_after(since, rules.new_customer_days) > now) {
        Some(Silence::NewCustomer)
    } else if snapshot.open_leads.contains(&stream.product) {
        Some(Silence::OpenLead)
    } else {
        None
    }
}

/// The first piece not yet received that the mix allows.
fn next_piece<'a>(
    rules: &NurtureRules,
    stream: &'a Stream,
    progress: Option<&Progress>,
    last_was_promotion: bool,
) -> Result<&'a StreamPiece, Silence> {
    let received = |piece: &StreamPiece| progress.is_some_and(|progress| progress.sent.contains(&piece.id));
    let educated = stream.pieces.iter().filter(|piece| piece.kind == Kind::Educational && received(piece)).count();
    let mut left = stream.pieces.iter().filter(|piece| !received(piece)).peekable();
    if left.peek().is_none() {
        return Err(Silence::Exhausted);
    }
    left.find(|piece| match piece.kind {
        Kind::Educational => true,
        Kind::Soft => !last_was_promotion,
        Kind::Hard => !last_was_promotion && educated >= rules.educational_before_hard,
    })
    .ok_or(Silence::MixOwed)
}
