//! Beyond the inbox: which offer the company's own site shows to somebody, and who belongs to an audience for ads.
//!
//! Owns who is left out of either, and why. Whoever is in a stream, what holds a stream back and what was taken is decided where
//! mail is decided, so that no channel says what another may not. Gap, cap, send window and the wish for no email are the inbox's
//! alone.
//!
//! Sources: retargeting in step with mail; an offer taken on one channel is not repeated on another; no cross-sell or upsell at
//! risk, in the first six months, or while sales holds a lead for the product; channels that a contact may switch off.

use std::cmp::Reverse;
use std::fmt;

use jiff::Timestamp;

use super::story::takes;
use super::streams::{self, Stream, StreamPiece};
use super::{Kind, NurtureRules, Outside, Silence, Snapshot};
use crate::calendar::days_after;
use crate::ids::{AssetId, PieceId, ProductId, StreamId};
use crate::profile::Health;
use crate::segment::{Expression, is_member};

/// Why somebody is shown no offer, or is in no audience. In the order in which one is preferred as the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// The id was merged into another, or its contact was erased.
    Gone,
    /// The contact has opted out.
    Unsubscribed,
    /// The address bounced or complained, or another id of the same address has opted out.
    Suppressed,
    /// The contact wants no ads.
    AdsOff,
    /// The contact takes a break.
    Paused,
    /// Nobody has said what the address is.
    NoAddress,
    /// Another contact stated the address first: what that one wants counts.
    SharedAddress,
    /// The contact does not want the stream's topic.
    TopicUnwanted,
    /// Nothing is sold to an account at risk.
    AtRisk,
    /// Nothing is sold in the first six months.
    NewCustomer,
    /// Sales holds a lead for the product.
    OpenLead,
    /// The contact belongs to the stream's control group, whatever the channel.
    HeldOut,
    /// The product is owned.
    Owned,
    /// What is offered was taken already.
    Taken,
    /// The stream offers nothing.
    NothingOffered,
    /// It is for others: another stream, another segment.
    NotMember,
}

impl LeftOut {
    /// All of them, the most telling first.
    pub const ALL: [Self; 16] = [
        Self::Gone,
        Self::Unsubscribed,
        Self::Suppressed,
        Self::AdsOff,
        Self::Paused,
        Self::NoAddress,
        Self::SharedAddress,
        Self::TopicUnwanted,
        Self::AtRisk,
        Self::NewCustomer,
        Self::OpenLead,
        Self::HeldOut,
        Self::Owned,
        Self::Taken,
        Self::NothingOffered,
        Self::NotMember,
    ];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "merged or erased",
            Self::Unsubscribed => Silence::Unsubscribed.as_str(),
            Self::Suppressed => Silence::Suppressed.as_str(),
            Self::AdsOff => "wants no ads",
            Self::Paused => Silence::Paused.as_str(),
            Self::NoAddress => Silence::NoAddress.as_str(),
            Self::SharedAddress => Silence::SharedAddress.as_str(),
            Self::TopicUnwanted => Silence::TopicUnwanted.as_str(),
            Self::AtRisk => "account at risk",
            Self::NewCustomer => "new customer",
            Self::OpenLead => "sales has an open lead",
            Self::HeldOut => Silence::HeldOut.as_str(),
            Self::Owned => "product owned",
            Self::Taken => "offer already taken",
            Self::NothingOffered => "stream offers nothing",
            Self::NotMember => "not in it",
        }
    }

    /// Whether this is what the contact wants, and not what we think of it: it may be said to the contact's own browser.
    pub fn is_wish(self) -> bool {
        self <= Self::Paused
    }

    fn held_back(silence: Silence) -> Self {
        match silence {
            Silence::TopicUnwanted => Self::TopicUnwanted,
            Silence::AtRisk => Self::AtRisk,
            Silence::NewCustomer => Self::NewCustomer,
            Silence::OpenLead => Self::OpenLead,
            Silence::HeldOut => Self::HeldOut,
            _ => Self::NotMember,
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a site shows to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Of which stream.
    pub stream: StreamId,
    /// The piece that makes the same offer by mail.
    pub piece: PieceId,
    /// What is offered.
    pub asset: AssetId,
    /// For which product.
    pub product: ProductId,
}

/// Whom an audience is made of.
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// Those who are in a stream, whether or not a mail of it is due.
    Stream(&'a Stream),
    /// Those who belong to a segment.
    Segment(&'a Expression),
}

/// Which offer the company's site shows to this person: of the streams they are in the one of whose product they are fondest, and
/// of its offers the first that was not taken. The reason if there is none.
///
/// # Errors
/// [`LeftOut`], of several reasons the most telling.
pub fn offer(rules: &NurtureRules, snapshot: &Snapshot<'_>, now: Timestamp) -> Result<Offer, LeftOut> {
    let snapshot = &super::at(snapshot, now);
    wanted(snapshot)?;
    sold_to(snapshot)?;
    let account = snapshot.person.account;
    let since = account.and_then(|account| account.customer_since);
    if since.is_some_and(|since| days_after(since, rules.new_customer_days) > now) {
        return Err(LeftOut::NewCustomer);
    }
    let (mut offered, mut left_out) = (Vec::new(), LeftOut::NotMember);
    for stream in &rules.streams {
        match offer_of(rules, stream, snapshot) {
            Ok(offer) => offered.push(offer),
            Err(why) => left_out = left_out.min(why),
        }
    }
    // Of equally many points the first in the playbook's order: the sort by key is stable.
    let points = |offer: &Offer| snapshot.person.scores.get(&offer.product).copied().unwrap_or(0);
    offered.into_iter().min_by_key(|offer| Reverse(points(offer))).ok_or(left_out)
}

/// Whether this person belongs to an audience for ads; the reason if not.
///
/// # Errors
/// [`LeftOut`]: [`LeftOut::NotMember`] of whoever it is not for, the person's own reasons of whoever it would be.
pub fn in_audience(
    rules: &NurtureRules,
    audience: Audience<'_>,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<(), LeftOut> {
    let snapshot = &super::at(snapshot, now);
    match audience {
        Audience::Segment(when) if !is_member(when, &snapshot.person) => return Err(LeftOut::NotMember),
        Audience::Stream(stream) if outside(rules, stream, snapshot).is_some() => return Err(LeftOut::NotMember),
        Audience::Segment(_) | Audience::Stream(_) => {}
    }
    wanted(snapshot)?;
    if snapshot.person.contact.is_none_or(|contact| contact.email.is_none()) {
        return Err(LeftOut::NoAddress);
    }
    if snapshot.address_of_another {
        return Err(LeftOut::SharedAddress);
    }
    let Audience::Stream(stream) = audience else { return sold_to(snapshot) };
    if let Some(silence) = streams::held_back(rules, stream, snapshot) {
        return Err(LeftOut::held_back(silence));
    }
    match left_to_offer(stream, snapshot) {
        // A stream that only teaches has nothing that could have been taken.
        Ok(_) | Err(LeftOut::NothingOffered) => Ok(()),
        Err(why) => Err(why),
    }
}

/// What the person wants of us outside the inbox.
fn wanted(snapshot: &Snapshot<'_>) -> Result<(), LeftOut> {
    if snapshot.unsubscribed {
        Err(LeftOut::Unsubscribed)
    } else if snapshot.suppressed {
        Err(LeftOut::Suppressed)
    } else if snapshot.wishes.ads_off {
        Err(LeftOut::AdsOff)
    } else if snapshot.wishes.paused_until.is_some_and(|until| until > snapshot.person.now) {
        Err(LeftOut::Paused)
    } else {
        Ok(())
    }
}

/// An ad sells, whatever the segment is about.
fn sold_to(snapshot: &Snapshot<'_>) -> Result<(), LeftOut> {
    let at_risk = snapshot.person.account.is_some_and(|account| account.health == Health::AtRisk);
    if at_risk { Err(LeftOut::AtRisk) } else { Ok(()) }
}

fn offer_of(rules: &NurtureRules, stream: &Stream, snapshot: &Snapshot<'_>) -> Result<Offer, LeftOut> {
    let (account, now) = (snapshot.person.account, snapshot.person.now);
    let owned_since = account.and_then(|account| account.owns.get(&stream.product));
    match outside(rules, stream, snapshot) {
        // Also of a stream for owners: what is theirs is not advertised to them.
        _ if owned_since.is_some_and(|since| *since <= now) => return Err(LeftOut::Owned),
        Some(_) => return Err(LeftOut::NotMember),
        None => {}
    }
    // Whatever the stream is for, the site sells.
    if snapshot.open_leads.contains(&stream.product) {
        return Err(LeftOut::OpenLead);
    }
    if let Some(silence) = streams::held_back(rules, stream, snapshot) {
        return Err(LeftOut::held_back(silence));
    }
    let (piece, asset) = left_to_offer(stream, snapshot)?;
    let (piece, asset) = (piece.id.clone(), asset.clone());
    Ok(Offer { stream: stream.id.clone(), piece, asset, product: stream.product.clone() })
}

fn outside(rules: &NurtureRules, stream: &Stream, snapshot: &Snapshot<'_>) -> Option<Outside> {
    streams::outside(rules, stream, snapshot, snapshot.progress.get(&stream.received_as(snapshot)))
}

/// The first of a stream's offers that was not taken. Whoever has taken what a hard piece offers has taken what the stream is for.
fn left_to_offer<'a>(stream: &'a Stream, snapshot: &Snapshot<'_>) -> Result<(&'a StreamPiece, &'a AssetId), LeftOut> {
    let taken = |asset: &AssetId| takes(snapshot.engaged, asset, snapshot.person.now);
    let offers = || stream.pieces.iter().filter_map(|piece| Some((piece, piece.offers.as_ref()?)));
    if offers().next().is_none() {
        return Err(LeftOut::NothingOffered);
    }
    if offers().any(|(piece, asset)| piece.kind == Kind::Hard && taken(asset)) {
        return Err(LeftOut::Taken);
    }
    offers().find(|(_, asset)| !taken(asset)).ok_or(LeftOut::Taken)
}
