//! Streams and cadence, from what is written.

use std::collections::{BTreeMap, BTreeSet};

use perennial_domain::ids::{ActionId, AssetId, PieceId, ProductId, StreamId, TopicId};
use perennial_domain::nurture::{Cap, Kind, NurtureRules, Stream, StreamKind, StreamPiece, Trigger, Window};
use perennial_domain::segment::Expression;

use super::time;
use crate::bundle::BundledPiece;
use crate::segments;
use crate::source::{self, Source, Text};

/// Days after which a product is no longer new, where a stream does not say.
pub(crate) const DEFAULT_DAYS: i64 = 90;
/// Days without use that are too many, where a stream does not say.
pub(crate) const DEFAULT_UNUSED_DAYS: i64 = 30;
/// Percent of the seats in use that ask for more, where a stream does not say.
const DEFAULT_SEATS_PERCENT: i64 = 80;

pub(super) fn rules(source: &Source, pieces: &BTreeMap<String, BundledPiece>) -> Option<NurtureRules> {
    let nurture = &source.nurture;
    let written = source.streams.iter().flat_map(|stream| stream.audience.iter().chain(&stream.exit_when));
    let written: Vec<&str> = written.map(|when| when.get_ref().as_str()).collect();
    let (_, conditions) = segments::resolve_with(source, &written);
    let mut conditions = conditions.into_iter();
    let mut next = |when: &Option<Text>| match when {
        Some(_) => conditions.next()?.ok().map(Some),
        None => Some(None),
    };
    let mut streams = Vec::new();
    for stream in &source.streams {
        let (audience, exit_when) = (next(&stream.audience)?, next(&stream.exit_when)?);
        streams.push(self::stream(stream, audience, exit_when, pieces)?);
    }
    Some(NurtureRules {
        gap_days: *nurture.gap_days.get_ref(),
        cap: cap(nurture)?,
        window: window(nurture)?,
        stream_every_days: *nurture.stream_every_days.get_ref(),
        accelerated_days: *nurture.accelerated_days.get_ref(),
        educational_before_hard: usize::try_from(*nurture.educational_before_hard.get_ref()).ok()?,
        new_customer_days: *source.qualify.new_customer_days.get_ref(),
        streams,
    })
}

/// The cap as it is written, or four mails in four weeks.
fn cap(nurture: &source::Nurture) -> Option<Cap> {
    let Some(cap) = &nurture.cap else { return Some(Cap { mails: 4, days: 28 }) };
    let cap = cap.get_ref();
    Some(Cap { mails: usize::try_from(*cap.mails.get_ref()).ok()?, days: *cap.days.get_ref() })
}

/// The send window as it is written, or from eight to six.
fn window(nurture: &source::Nurture) -> Option<Window> {
    let written = nurture.window.as_ref().map(|window| window.get_ref());
    let (from, to) = written.map_or(("08:00", "18:00"), |window| (window.from.get_ref(), window.to.get_ref()));
    Some(Window { from: time(from)?, to: time(to)? })
}

/// An asset, and an action if there is a second word.
pub(crate) fn trigger(written: &str) -> Option<Trigger> {
    let mut words = written.split_whitespace();
    let (asset, action) = (AssetId::from(words.next()?), words.next().map(ActionId::from));
    words.next().is_none().then_some(Trigger { asset, action })
}

fn stream(
    stream: &source::Stream,
    audience: Option<Expression>,
    exit_when: Option<Expression>,
    pieces: &BTreeMap<String, BundledPiece>,
) -> Option<Stream> {
    let triggers = |written: &[Text]| written.iter().map(|text| trigger(text.get_ref())).collect::<Option<Vec<_>>>();
    let every_days = stream.every_days.as_ref().map(|days| *days.get_ref());
    Some(Stream {
        id: StreamId::from(stream.id.get_ref().as_str()),
        kind: kind(stream),
        product: ProductId::from(stream.product.get_ref().as_str()),
        topic: stream.topic.as_ref().map(|topic| TopicId::from(topic.get_ref().as_str())),
        audience: audience.unwrap_or_else(|| Expression::All(Vec::new())),
        enter_on: triggers(&stream.enter_on)?,
        exit_on: triggers(&stream.exit_on)?,
        exit_when,
        then: stream.then.as_ref().map(|then| StreamId::from(then.get_ref().as_str())),
        accelerate_on: triggers(&stream.accelerate_on)?,
        every_days,
        holdout_percent: u8::try_from(*stream.holdout_percent.get_ref()).ok()?,
        mail_asset: stream.mail_asset.as_ref().map(|asset| AssetId::from(asset.get_ref().as_str())),
        pieces: stream.pieces.get_ref().iter().map(|id| piece(id.get_ref(), pieces)).collect::<Option<_>>()?,
    })
}

fn kind(stream: &source::Stream) -> StreamKind {
    let own = |days: Option<&source::Number>, default: i64| days.map_or(default, |days| *days.get_ref());
    let days = own(stream.own_days(), DEFAULT_DAYS);
    match stream.kind {
        source::StreamKind::CrossSell => StreamKind::CrossSell,
        source::StreamKind::Upsell => {
            StreamKind::Upsell { seats_percent: own(stream.seats_percent.as_ref(), DEFAULT_SEATS_PERCENT) }
        }
        source::StreamKind::Retention => StreamKind::Retention { after_days: days },
        source::StreamKind::Onboarding => StreamKind::Onboarding { until_days: days },
        source::StreamKind::Save => StreamKind::Save {
            unused_days: own(stream.unused_days.as_ref(), DEFAULT_UNUSED_DAYS),
            adoption_percent: own(stream.adoption_percent.as_ref(), 0),
            until_days: days,
        },
        source::StreamKind::Renewal => StreamKind::Renewal { days_before: stream.marks() },
        source::StreamKind::Advocacy => StreamKind::Advocacy { after_days: days },
    }
}

/// An educational piece offers nothing: it teaches also those who have the asset that it leads to.
fn piece(id: &str, pieces: &BTreeMap<String, BundledPiece>) -> Option<StreamPiece> {
    let front = &pieces.get(id)?.front;
    let kind = Kind::from(front.kind);
    let offers = front.asset.as_deref().filter(|_| kind.is_promotion()).map(AssetId::from);
    Some(StreamPiece { id: PieceId::from(id), kind, offers, replaces: replaced(id, pieces) })
}

/// What a piece replaces, and what that replaced, as far as its file is still there.
fn replaced(id: &str, pieces: &BTreeMap<String, BundledPiece>) -> Vec<PieceId> {
    let (mut all, mut open) = (BTreeSet::new(), vec![id]);
    while let Some(next) = open.pop() {
        let replaces = pieces.get(next).map(|piece| piece.front.replaces.as_slice()).unwrap_or_default();
        open.extend(replaces.iter().map(String::as_str).filter(|older| *older != id && all.insert(*older)));
    }
    all.into_iter().map(PieceId::from).collect()
}
