//! What a stream says next: its story, and the mix of teaching and promoting.
//!
//! Owns the order of pieces and 4-1-1, both over what was really received. Never looks at the calendar.
//!
//! Sources: content leads from awareness to conversion; for every four educational pieces one soft and one hard promotion; no
//! hard piece before four educational ones of the stream, never two promotions in a row for one person; an offer that was taken
//! is not repeated on another channel.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::streams::{Stream, StreamKind, StreamPiece, is_active, recent};
use super::{Kind, NurtureRules, Silence, Snapshot};
use crate::ids::{ActionId, AssetId, PieceId};
use crate::interest::CLICK;

/// For so many educational pieces one soft promotion.
const EDUCATIONAL_PER_SOFT: usize = 4;

/// Looking at something takes nothing.
const VIEW: &str = "view";

/// One piece that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Which.
    pub piece: PieceId,
    /// What it wanted when it was sent; `None` where that was not remembered: then what the playbook says of it now.
    pub kind: Option<Kind>,
}

/// What a person has received of a stream; of a renewal stream, for one contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The pieces received.
    pub sent: Vec<Received>,
    /// The local date of the last one.
    pub last_sent_on: Option<Date>,
}

impl Progress {
    pub(super) fn has(&self, piece: &PieceId) -> bool {
        self.sent.iter().any(|received| received.piece == *piece)
    }
}

/// What was received of a stream, by what it wanted. A piece that has left the playbook counts by what it was sent as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mix {
    educational: usize,
    soft: usize,
    hard: usize,
}

impl Mix {
    fn of(stream: &Stream, progress: &Progress) -> Self {
        let mut mix = Self::default();
        for received in &progress.sent {
            let now = || stream.pieces.iter().find(|piece| piece.id == received.piece).map(|piece| piece.kind);
            match received.kind.or_else(now) {
                Some(Kind::Educational) => mix.educational += 1,
                Some(Kind::Soft) => mix.soft += 1,
                Some(Kind::Hard) => mix.hard += 1,
                None => {}
            }
        }
        mix
    }

    /// Whether a piece of this kind may be the next.
    fn allows(self, kind: Kind, rules: &NurtureRules, last_was_promotion: bool) -> bool {
        match kind {
            Kind::Educational => true,
            Kind::Soft => !last_was_promotion && EDUCATIONAL_PER_SOFT * self.soft < self.educational,
            Kind::Hard => {
                let owed = rules.educational_before_hard.saturating_mul(self.hard + 1);
                !last_was_promotion && owed <= self.educational
            }
        }
    }
}

/// The stream's story as one person has read it.
pub(super) struct Story<'a> {
    rules: &'a NurtureRules,
    stream: &'a Stream,
    snapshot: &'a Snapshot<'a>,
    progress: &'a Progress,
}

impl<'a> Story<'a> {
    pub fn new(
        rules: &'a NurtureRules,
        stream: &'a Stream,
        snapshot: &'a Snapshot<'a>,
        progress: &'a Progress,
    ) -> Self {
        Self { rules, stream, snapshot, progress }
    }

    /// The local date of the last piece.
    pub fn last_sent_on(&self) -> Option<Date> {
        self.progress.last_sent_on
    }

    /// The pieces that are still new to this person; the reason if none is.
    pub fn left(&self) -> Result<Vec<&'a StreamPiece>, Silence> {
        let pieces = self.stream.pieces.iter().enumerate();
        let mut left: Vec<_> = pieces.filter(|(index, _)| !self.has_passed(*index)).map(|(_, piece)| piece).collect();
        if left.is_empty() {
            return Err(Silence::Exhausted);
        }
        left.retain(|piece| !self.is_taken(piece));
        if left.is_empty() { Err(Silence::TakenElsewhere) } else { Ok(left) }
    }

    /// The first of these that the mix allows. A promotion that has to wait lets the next educational piece go first.
    pub fn next(&self, left: &[&'a StreamPiece]) -> Result<&'a StreamPiece, Silence> {
        let mix = Mix::of(self.stream, self.progress);
        let allowed = |piece: &&&StreamPiece| mix.allows(piece.kind, self.rules, self.snapshot.last_was_promotion);
        left.iter().find(allowed).copied().ok_or(Silence::MixOwed)
    }

    /// A later piece of the same kind closes the door behind it: who has read on does not go back.
    fn has_passed(&self, index: usize) -> bool {
        let Some((piece, later)) = self.stream.pieces[index..].split_first() else { return true };
        let here = |id: &PieceId| self.progress.has(id);
        self.is_received(piece) || later.iter().any(|later| later.kind == piece.kind && self.had(later, here))
    }

    /// A piece that stands in two streams is received once; a renewal is told of anew for every contract.
    pub fn is_received(&self, piece: &StreamPiece) -> bool {
        if matches!(self.stream.kind, StreamKind::Renewal { .. }) {
            return self.had(piece, |id| self.progress.has(id));
        }
        self.had(piece, |id| self.snapshot.progress.values().any(|progress| progress.has(id)))
    }

    /// Whether a piece was received, as itself, as one that it replaces, or as one that replaces it.
    fn had(&self, piece: &StreamPiece, received: impl Fn(&PieceId) -> bool) -> bool {
        let replaced_by = |other: &&StreamPiece| other.replaces.contains(&piece.id);
        received(&piece.id)
            || piece.replaces.iter().any(&received)
            || self.stream.pieces.iter().filter(replaced_by).any(|other| received(&other.id))
    }

    /// Whether what it offers was taken already, on whatever channel.
    pub fn is_taken(&self, piece: &StreamPiece) -> bool {
        let now = self.snapshot.person.now;
        piece.offers.as_ref().is_some_and(|asset| takes(self.snapshot.engaged, asset, now))
    }
}

/// Whether an asset was taken: something was done with it beyond receiving, opening, clicking or looking.
pub(super) fn takes(engaged: &BTreeMap<(AssetId, ActionId), i64>, asset: &AssetId, now: jiff::Timestamp) -> bool {
    let takes = |action: &ActionId| is_active(action) && ![CLICK, VIEW].contains(&action.as_str());
    recent(engaged, asset, now).any(|(action, _)| takes(action))
}
