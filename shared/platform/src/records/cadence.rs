//! What a contact has received, as it is stored.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::ids::{PieceId, StreamId};
use perennial_domain::nurture::{Kind, Progress, Received};
use serde::{Deserialize, Serialize};

use super::date_of;

/// What a contact has received, and when the next slot is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cadence {
    /// When the planner looks again.
    #[serde(default)]
    pub due_at: Option<i64>,
    /// The local date of the last nurture mail, or of one that another system reported.
    #[serde(default)]
    pub last_mail_day: Option<i64>,
    /// Whether the last nurture mail was a promotion.
    #[serde(default)]
    pub last_promotion: bool,
    /// The slot whose mail is being sent, or whose outcome is unknown.
    #[serde(default)]
    pub reserved_by: Option<String>,
    /// The local date of that reservation.
    #[serde(default)]
    pub reserved_day: Option<i64>,
    /// What was received, by stream. Kept here and not in an item of its own, so that a slot costs one item less.
    #[serde(default)]
    pub streams: BTreeMap<String, StreamProgress>,
    /// What was received under ids that were merged into this one: stream, piece, day number and, where it is known, what the
    /// piece wanted, joined by line feeds. A set, so that a merge needs neither a read nor the sender's leave.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub received: BTreeSet<String>,
    /// The local dates of nurture mail and of mail that other systems reported, as far as the cap may ask for them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::number_set")]
    pub mail_days: BTreeSet<i64>,
}

/// What was received of a stream.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StreamProgress {
    /// The pieces, in the order of sending.
    pub sent: Vec<String>,
    /// The local date of the last one.
    pub last_day: i64,
    /// What each piece wanted when it was sent; pieces that were sent before this was remembered are missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, String>,
}

impl StreamProgress {
    fn kind(&self, piece: &str) -> Option<Kind> {
        self.kinds.get(piece).and_then(|kind| Kind::named(kind))
    }

    /// One more piece was received.
    pub fn receive(&mut self, piece: &str, kind: Kind, day: i64) {
        self.sent.push(piece.to_owned());
        self.kinds.insert(piece.to_owned(), kind.as_str().to_owned());
        self.last_day = day;
    }
}

impl Cadence {
    /// Progress as decisions read it.
    pub fn progress(&self) -> BTreeMap<StreamId, Progress> {
        let read = |progress: &StreamProgress| Progress {
            sent: progress
                .sent
                .iter()
                .map(|piece| Received { piece: PieceId::from(piece.as_str()), kind: progress.kind(piece) })
                .collect(),
            last_sent_on: Some(date_of(progress.last_day)),
        };
        let mut all: BTreeMap<StreamId, Progress> =
            self.streams.iter().map(|(stream, progress)| (StreamId::from(stream.as_str()), read(progress))).collect();
        for (stream, received, day) in self.received.iter().filter_map(|line| received(line)) {
            let progress = all.entry(stream).or_default();
            match progress.sent.iter_mut().find(|known| known.piece == received.piece) {
                Some(known) => known.kind = known.kind.or(received.kind),
                None => progress.sent.push(received),
            }
            progress.last_sent_on = progress.last_sent_on.max(Some(date_of(day)));
        }
        all
    }

    /// Everything that was received, as lines of [`Cadence::received`]: what another id takes over.
    pub fn lines(&self) -> BTreeSet<String> {
        let own = self.streams.iter().flat_map(|(stream, progress)| {
            let line = move |piece: &String| received_line(stream, piece, progress.last_day, progress.kind(piece));
            progress.sent.iter().map(line)
        });
        own.chain(self.received.iter().cloned()).collect()
    }
}

/// A line of [`Cadence::received`].
pub fn received_line(stream: &str, piece: &str, day: i64, kind: Option<Kind>) -> String {
    match kind {
        Some(kind) => format!("{stream}\n{piece}\n{day}\n{}", kind.as_str()),
        None => format!("{stream}\n{piece}\n{day}"),
    }
}

fn received(line: &str) -> Option<(StreamId, Received, i64)> {
    let mut parts = line.splitn(4, '\n');
    let (stream, piece, day) = (parts.next()?, parts.next()?, parts.next()?);
    let received = Received { piece: PieceId::from(piece), kind: parts.next().and_then(Kind::named) };
    Some((StreamId::from(stream), received, day.parse().ok()?))
}
