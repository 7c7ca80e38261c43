//! Nurture: one decision per person and slot, across all of the person's streams.
//!
//! Owns who gets which piece and every reason for silence. Never sends: the sender claims the slot and checks the
//! conditions again in its transaction.
//!
//! | module | owns |
//! |---|---|
//! | [`streams`] | who is in which stream, and what holds it back |
//! | [`story`] | the next piece, and the mix of teaching and promoting |
//! | [`cadence`] | gap, cap, the break after a bounce, and send window |
//! | [`edition`] | which translation, and which variant of a piece |
//! | [`retarget`] | the same person on the company's site and in audiences for ads |
//! | [`wishes`] | what the contact wants |
//! | [`silence`] | the reasons, in words |

pub mod cadence;
pub mod edition;
pub mod retarget;
pub mod silence;
pub(crate) mod spread;
pub mod story;
pub mod streams;
pub mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::calendar::Calendar;
use crate::ids::{ActionId, AssetId, PieceId, ProductId, StreamId};
use crate::segment::Person;
use crate::sending::Trouble;

pub use cadence::{Cap, Window, gap_days};
pub use edition::Edition;
pub use silence::{Outside, Silence};
pub use story::{Progress, Received};
pub use streams::{Stream, StreamKind, StreamPiece, Trigger};
pub use wishes::{Frequency, Wishes};

use cadence::{Days, later};
use story::Story;

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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Educational, Self::Soft, Self::Hard];

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

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What the cadence depends on.
#[derive(Clone, Debug)]
pub struct NurtureRules {
    /// At most one nurture email per person in so many days.
    pub gap_days: i64,
    /// At most so many mails in a period, mail of other systems included.
    pub cap: Cap,
    /// The hours in which mail goes out, where the contact is.
    pub window: Window,
    /// A stream's own cadence in days.
    pub stream_every_days: i64,
    /// A stream's cadence in days, once something has made it more pressing.
    pub accelerated_days: i64,
    /// Educational pieces a stream owes before each hard one.
    pub educational_before_hard: usize,
    /// Days of usage before cross-sell and upsell mail.
    pub new_customer_days: i64,
    /// All streams, in order of precedence between streams that waited equally long.
    pub streams: Vec<Stream>,
}

/// The state a slot is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Who it is: the contact, its account, fit and scores. Its `now` is that of the decision, whatever stands here.
    pub person: Person<'a>,
    /// What the contact did, and the second at which each was last done. Clicks of machines are not among them.
    pub engaged: &'a BTreeMap<(AssetId, ActionId), i64>,
    /// What the contact wants.
    pub wishes: &'a Wishes,
    /// The contact's time zone, if it is known; the team's otherwise.
    pub zone: Option<&'a TimeZone>,
    /// Products of which sales holds an open lead.
    pub open_leads: &'a [ProductId],
    /// What was received, by [`Stream::received_as`].
    pub progress: &'a BTreeMap<StreamId, Progress>,
    /// The local date of the last nurture mail, or of mail that another system reported.
    pub last_mail_on: Option<Date>,
    /// The local dates of all such mail within the cap's period; older ones may be among them.
    pub mail_days: &'a BTreeSet<Date>,
    /// Whether the last nurture mail was a promotion.
    pub last_was_promotion: bool,
    /// Whether the contact has opted out.
    pub unsubscribed: bool,
    /// Whether the address bounced or complained.
    pub suppressed: bool,
    /// Whether the address is that of another contact, who stated it first.
    pub address_of_another: bool,
    /// That mail to the address bounced and may not bounce again, unless it was delivered since.
    pub trouble: Option<Trouble>,
}

/// What happens in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send this piece.
    Send {
        /// Of which stream.
        stream: StreamId,
        /// Under which name it is remembered: [`Stream::received_as`].
        received_as: StreamId,
        /// Which piece.
        piece: PieceId,
        /// What it wants.
        kind: Kind,
        /// Whether the stream sells its product: the claim checks the account's health then.
        promotes_product: bool,
    },
    /// Nothing now.
    Wait {
        /// When to look again; within the send window.
        until: Timestamp,
        /// Why nothing.
        reason: Silence,
    },
    /// Nothing, and no further slot until something changes.
    Stop(Silence),
}

/// What one stream has to say to a person, apart from what holds for the person as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This piece could go out.
    Ready {
        /// Which piece.
        piece: PieceId,
        /// What it wants.
        kind: Kind,
        /// The local date of the stream's last piece.
        last_sent_on: Option<Date>,
    },
    /// The stream is for this person, and says nothing now.
    Silent {
        /// Why.
        reason: Silence,
        /// When it may speak, as far as is known: [`decide`] looks again with the person's next slot, if that is sooner.
        until: Timestamp,
        /// The local date of the stream's last piece: of an exhausted one, since when it is.
        since: Option<Date>,
    },
    /// The stream is not for this person now.
    Outside(Outside),
}

/// What happens in this person's slot at `now`.
pub fn decide(rules: &NurtureRules, calendar: &Calendar, snapshot: &Snapshot<'_>, now: Timestamp) -> Decision {
    if let Some(reason) = stopped(snapshot) {
        return Decision::Stop(reason);
    }
    let snapshot = &at(snapshot, now);
    let days = Days::new(rules, calendar, snapshot.zone, now);
    if let Some((reason, until)) = waiting(&days, snapshot) {
        return Decision::Wait { until, reason };
    }
    let (mut ready, mut silences) = (Vec::new(), Vec::new());
    for stream in &rules.streams {
        match verdict(rules, &days, stream, snapshot) {
            Verdict::Ready { piece, kind, last_sent_on } => ready.push((last_sent_on, stream, piece, kind)),
            Verdict::Silent { reason, until, .. } => silences.push((reason, until)),
            Verdict::Outside(_) => {}
        }
    }
    // The stream that has waited longest; a stream never sent comes first, then the playbook's order (min_by_key is stable).
    let Some((_, stream, piece, kind)) = ready.into_iter().min_by_key(|(last, ..)| *last) else {
        // Also where no stream speaks for weeks: what happens meanwhile may make one due, or lead into another.
        let until = silences.iter().map(|(_, until)| *until).fold(days.next_slot, Timestamp::min);
        let reason = silences.iter().map(|(reason, _)| *reason).min().unwrap_or(Silence::NoStream);
        return Decision::Wait { until, reason };
    };
    let promotes_product = stream.kind.promotes_product();
    Decision::Send {
        stream: stream.id.clone(),
        received_as: stream.received_as(snapshot),
        piece,
        kind,
        promotes_product,
    }
}

/// What each stream has to say to this person at `now`, in the playbook's order: [`decide`] chooses among these.
pub fn reasons(
    rules: &NurtureRules,
    calendar: &Calendar,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Vec<(StreamId, Verdict)> {
    let snapshot = &at(snapshot, now);
    let days = Days::new(rules, calendar, snapshot.zone, now);
    rules.streams.iter().map(|stream| (stream.id.clone(), verdict(rules, &days, stream, snapshot))).collect()
}

/// Since when a person has read everything there is for them; `None` if something is left, or nothing was ever sent.
pub fn exhausted_since(verdicts: &[(StreamId, Verdict)]) -> Option<Date> {
    let mut last = None;
    for (_, verdict) in verdicts {
        match verdict {
            Verdict::Outside(_) => {}
            Verdict::Silent { reason: Silence::Exhausted, since, .. } => last = last.max(*since),
            _ => return None,
        }
    }
    last
}

fn at<'a>(snapshot: &Snapshot<'a>, now: Timestamp) -> Snapshot<'a> {
    Snapshot { person: Person { now, ..snapshot.person }, ..*snapshot }
}

/// What ends a person's slots until something changes.
fn stopped(snapshot: &Snapshot<'_>) -> Option<Silence> {
    if snapshot.unsubscribed {
        Some(Silence::Unsubscribed)
    } else if snapshot.suppressed {
        Some(Silence::Suppressed)
    } else if snapshot.person.contact.is_none_or(|contact| contact.email.is_none()) {
        Some(Silence::NoAddress)
    } else {
        None
    }
}

/// What holds for the person whatever the streams have to say.
fn waiting(days: &Days<'_>, snapshot: &Snapshot<'_>) -> Option<(Silence, Timestamp)> {
    if snapshot.address_of_another {
        // Not for ever: the other contact may move to another address, or turn out to be the same person.
        Some((Silence::SharedAddress, days.next_slot))
    } else if snapshot.wishes.email_off {
        Some((Silence::EmailOff, days.next_slot))
    } else if let Some(until) = snapshot.wishes.paused_until.filter(|until| *until > days.now) {
        Some((Silence::Paused, days.opening(until)))
    } else {
        // The streams are asked when something could go out: what happens until then may change the answer.
        days.full(snapshot).or_else(|| days.in_trouble(snapshot)).or_else(|| days.closed())
    }
}

fn verdict(rules: &NurtureRules, days: &Days<'_>, stream: &Stream, snapshot: &Snapshot<'_>) -> Verdict {
    let nothing = Progress::default();
    let received = snapshot.progress.get(&stream.received_as(snapshot));
    if let Some(outside) = streams::outside(rules, stream, snapshot, received) {
        return Verdict::Outside(outside);
    }
    let progress = received.unwrap_or(&nothing);
    let since = progress.last_sent_on;
    if let Some(reason) = streams::held_back(rules, stream, snapshot) {
        return Verdict::Silent { reason, until: days.next_slot, since };
    }
    let story = Story::new(rules, stream, snapshot, progress);
    let next = match &stream.kind {
        StreamKind::Renewal { days_before } => at_mark(days, stream, snapshot, days_before, &story),
        _ => in_turn(rules, days, stream, snapshot, &story),
    };
    match next {
        Ok(piece) => Verdict::Ready { piece: piece.id.clone(), kind: piece.kind, last_sent_on: since },
        Err((reason, until)) => Verdict::Silent { reason, until, since },
    }
}

/// The next piece of the story, if it is due.
fn in_turn<'a>(
    rules: &NurtureRules,
    days: &Days<'_>,
    stream: &'a Stream,
    snapshot: &Snapshot<'_>,
    story: &Story<'a>,
) -> Result<&'a StreamPiece, (Silence, Timestamp)> {
    let otherwise = |reason| (reason, days.next_slot);
    let left = story.left().map_err(otherwise)?;
    if let Some(last_sent_on) = story.last_sent_on() {
        let every = stream.every_days.unwrap_or(rules.stream_every_days);
        let done = streams::last_done(&stream.accelerate_on, snapshot);
        let pressing = done.is_some_and(|second| days.date(crate::interest::instant(second)) >= last_sent_on);
        let due = later(last_sent_on, if pressing { every.min(rules.accelerated_days) } else { every });
        if due > days.today {
            return Err((Silence::NotDue, days.on(due)));
        }
    }
    story.next(&left).map_err(otherwise)
}

/// The piece of the last mark before the contract's end that has passed.
fn at_mark<'a>(
    days: &Days<'_>,
    stream: &'a Stream,
    snapshot: &Snapshot<'_>,
    days_before: &[i64],
    story: &Story<'a>,
) -> Result<&'a StreamPiece, (Silence, Timestamp)> {
    let otherwise = |reason| (reason, days.next_slot);
    let marks: Vec<_> =
        stream.ends_at(snapshot).map_or_else(Vec::new, |end| streams::marks(days_before, end).collect());
    let passed = marks.iter().take_while(|mark| **mark <= days.now).count();
    let piece = passed.checked_sub(1).and_then(|last| stream.pieces.get(last));
    match piece.filter(|piece| !story.is_received(piece)) {
        Some(piece) if story.is_taken(piece) => Err(otherwise(Silence::TakenElsewhere)),
        Some(piece) => story.next(&[piece]).map_err(otherwise),
        None => match marks.get(passed).filter(|_| passed < stream.pieces.len()) {
            Some(mark) => Err((Silence::NotDue, days.opening(*mark))),
            None => Err(otherwise(Silence::Exhausted)),
        },
    }
}
