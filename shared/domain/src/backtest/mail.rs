//! The nurture mail that a playbook would have sent to one contact, slot by slot.
//!
//! What is assumed: slots begin with the contact's first engagement and come when the send window opens in the team's zone;
//! a lead, once made, stays open; no other system sent mail; nothing bounced; nobody asked for less; a click was a person's;
//! fit is the one known now. Slots end when nothing can be sent any more, however far the history of others goes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::{HandOff, Interest, Mql, Person, Rules};
use crate::calendar::{Calendar, days_after};
use crate::fit::{self, Fit};
use crate::ids::{ActionId, AssetId, ProductId, StreamId};
use crate::interest::{DELIVERED, FactName, instant};
use crate::nurture::{self, Decision, NurtureRules, Progress, Received, Snapshot, StreamKind, Window, Wishes};
use crate::profile::Account;
use crate::segment;

/// The slots that a calendar has over some time, looked up once for all contacts.
#[derive(Clone, Debug)]
pub struct Slots {
    first: Date,
    /// Of each date from the first on: the first opening of the send window on or after it, and its date.
    checks: Vec<(Timestamp, Date)>,
}

impl Slots {
    /// The slots from an instant until another.
    pub fn new(calendar: &Calendar, window: &Window, from: Timestamp, until: Timestamp) -> Self {
        let (first, last) = (calendar.date(from), calendar.date(until));
        let mut checks = Vec::new();
        let mut date = first;
        while date <= last {
            let check = window.opening(calendar, &calendar.zone, calendar.start_of(date));
            checks.push((check, calendar.date(check)));
            match date.tomorrow() {
                Ok(tomorrow) => date = tomorrow,
                Err(_) => break,
            }
        }
        Self { first, checks }
    }

    /// The first slot on a date or after it.
    fn on(&self, date: Date) -> Option<(Timestamp, Date)> {
        let days = usize::try_from(self.first.duration_until(date).as_secs() / DAY_SECONDS).ok()?;
        self.checks.get(days).copied()
    }

    /// The first slot at an instant or after it.
    fn after(&self, calendar: &Calendar, at: Timestamp) -> Option<(Timestamp, Date)> {
        let date = calendar.date(at);
        self.on(date).filter(|(check, _)| *check >= at).or_else(|| self.on(date.tomorrow().ok()?))
    }
}

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// How many nurture mails a contact would have got until an instant.
pub fn count(
    rules: &Rules<'_>,
    person: &Person,
    account: Option<&Account>,
    interests: &[Interest<'_>],
    mqls: &[Mql],
    until: Timestamp,
) -> usize {
    let Some(first) = person.facts.iter().map(|(_, second)| second).min() else { return 0 };
    let last_fact = person.facts.iter().map(|(_, second)| second).max();
    let settled_at = settled_at(rules.nurture, account, interests).max(last_fact.map_or(Timestamp::MIN, instant));
    let mut mailbox = Mailbox::new(rules, person, account, interests, mqls);
    let mut slot = rules.slots.after(rules.calendar, instant(first));
    let mut sent = 0;
    while let Some((now, today)) = slot.filter(|(now, _)| *now <= until) {
        mailbox.advance(now.as_second());
        let account = account.map(|account| account.as_of(now));
        let snapshot = mailbox.snapshot(person, account.as_deref(), now);
        let decision = nurture::decide(rules.nurture, rules.calendar, &snapshot, now);
        let next = match decision {
            Decision::Stop(_) => break,
            Decision::Wait { .. } if now >= settled_at && mailbox.is_rested(rules.nurture, today) => break,
            Decision::Wait { until, .. } => rules.calendar.date(until),
            Decision::Send { received_as, piece, kind, .. } => {
                sent += 1;
                let progress = mailbox.progress.entry(received_as).or_default();
                progress.sent.push(Received { piece, kind: Some(kind) });
                progress.last_sent_on = Some(today);
                mailbox.last_mail_on = Some(today);
                mailbox.mail_days.insert(today);
                mailbox.last_was_promotion = kind.is_promotion();
                today.saturating_add(rules.nurture.gap_days.max(1).days())
            }
        };
        slot = rules.slots.on(next).filter(|_| next > today);
    }
    sent
}

/// From when on nothing of a contact changes but by mail: its scores have come to rest, and every date that a stream counts
/// days from lies so many days back. Never, where a stream asks for days in words of its own.
fn settled_at(rules: &NurtureRules, account: Option<&Account>, interests: &[Interest<'_>]) -> Timestamp {
    if rules.streams.iter().any(|stream| stream.audience.counts_days() || counts_days(stream.exit_when.as_ref())) {
        return Timestamp::MAX;
    }
    let last_points = interests.iter().filter_map(|interest| interest.points.last()).map(|(second, _)| *second).max();
    let days = rules.streams.iter().map(|stream| match &stream.kind {
        StreamKind::CrossSell | StreamKind::Upsell { .. } => rules.new_customer_days,
        StreamKind::Retention { after_days } | StreamKind::Advocacy { after_days } => *after_days,
        StreamKind::Onboarding { until_days } => *until_days,
        StreamKind::Save { unused_days, until_days, .. } => (*unused_days).max(*until_days),
        StreamKind::Renewal { .. } => 0,
    });
    let days = days.max().unwrap_or(0);
    let dates = account.into_iter().flat_map(|account| {
        let dates = account.owns.values().chain(&account.customer_since);
        dates.chain(account.used.values()).chain(account.ends.values())
    });
    let last_date = dates.max().map(|date| days_after(*date, days));
    last_points.map(instant).max(last_date).unwrap_or(Timestamp::MIN)
}

fn counts_days(when: Option<&segment::Expression>) -> bool {
    when.is_some_and(segment::Expression::counts_days)
}

/// What a slot is decided on, moved on from slot to slot.
struct Mailbox<'a> {
    interests: &'a [Interest<'a>],
    /// How many points of each interest have passed.
    passed: Vec<usize>,
    points: BTreeMap<ProductId, i64>,
    /// Leads by when they are made, and how many have been.
    leads: Vec<(i64, &'a ProductId)>,
    made: usize,
    open_leads: Vec<ProductId>,
    /// What the contact did, in the order of time, and how much of it has passed.
    done: Vec<(i64, &'a FactName)>,
    done_before: usize,
    /// The assets that a stream asks about.
    asked: BTreeSet<&'a AssetId>,
    engaged: BTreeMap<(AssetId, ActionId), i64>,
    last_engaged_at: Option<Timestamp>,
    fit: Fit,
    wishes: Wishes,
    progress: BTreeMap<StreamId, Progress>,
    last_mail_on: Option<Date>,
    mail_days: BTreeSet<Date>,
    last_was_promotion: bool,
}

impl<'a> Mailbox<'a> {
    fn new(
        rules: &Rules<'a>,
        person: &'a Person,
        account: Option<&Account>,
        interests: &'a [Interest<'a>],
        mqls: &'a [Mql],
    ) -> Self {
        let lead =
            |mql: &'a Mql| matches!(mql.hand_off, HandOff::Lead { .. }).then_some((mql.reached.second, &mql.product));
        let mut leads: Vec<_> = mqls.iter().filter_map(lead).collect();
        leads.sort_unstable();
        let done = person.facts.iter().filter(|(name, _)| name.action.as_str() != DELIVERED);
        let mut done: Vec<_> = done.map(|(name, second)| (second, name)).collect();
        done.sort_unstable();
        Self {
            done,
            done_before: 0,
            asked: asked(rules.nurture),
            engaged: BTreeMap::new(),
            last_engaged_at: None,
            fit: fit::evaluate(&rules.qualify.fit, person.contact.as_ref(), account),
            wishes: Wishes::default(),
            mail_days: BTreeSet::new(),
            interests,
            passed: vec![0; interests.len()],
            points: interests.iter().map(|interest| (interest.product.clone(), 0)).collect(),
            leads,
            made: 0,
            open_leads: Vec::new(),
            progress: BTreeMap::new(),
            last_mail_on: None,
            last_was_promotion: false,
        }
    }

    /// Goes to the end of a second.
    fn advance(&mut self, second: i64) {
        for (interest, passed) in self.interests.iter().zip(&mut self.passed) {
            let before = *passed;
            while interest.points.get(*passed).is_some_and(|(at, _)| *at <= second) {
                *passed += 1;
            }
            if *passed > before
                && let Some(points) = self.points.get_mut(interest.product)
            {
                *points = interest.points[*passed - 1].1;
            }
        }
        while let Some((at, name)) = self.done.get(self.done_before).filter(|(at, _)| *at <= second) {
            self.done_before += 1;
            self.last_engaged_at = Some(instant(*at));
            if self.asked.contains(&name.asset) {
                self.engaged.insert((name.asset.clone(), name.action.clone()), *at);
            }
        }
        while let Some((_, product)) = self.leads.get(self.made).filter(|(at, _)| *at <= second) {
            self.made += 1;
            if !self.open_leads.contains(product) {
                self.open_leads.push((*product).clone());
            }
        }
    }

    /// Whether no stream waits for its next piece to be due: one more slot without mail decides as this one did.
    fn is_rested(&self, rules: &NurtureRules, today: Date) -> bool {
        let every_days = rules.streams.iter().filter_map(|stream| stream.every_days).max();
        let days = rules.gap_days.max(rules.stream_every_days).max(rules.cap.days).max(every_days.unwrap_or(0));
        self.last_mail_on.is_none_or(|date| date.saturating_add(days.days()) <= today)
    }

    fn snapshot<'s>(&'s self, person: &'s Person, account: Option<&'s Account>, now: Timestamp) -> Snapshot<'s> {
        Snapshot {
            person: segment::Person {
                contact: person.contact.as_ref(),
                account,
                fit: &self.fit,
                scores: &self.points,
                last_engaged_at: self.last_engaged_at,
                now,
            },
            engaged: &self.engaged,
            wishes: &self.wishes,
            zone: None,
            open_leads: &self.open_leads,
            progress: &self.progress,
            last_mail_on: self.last_mail_on,
            mail_days: &self.mail_days,
            last_was_promotion: self.last_was_promotion,
            unsubscribed: person.unsubscribed,
            suppressed: false,
            address_of_another: false,
            trouble: None,
        }
    }
}

fn asked(rules: &NurtureRules) -> BTreeSet<&AssetId> {
    let triggers = rules.streams.iter().flat_map(|stream| {
        stream.enter_on.iter().chain(&stream.exit_on).chain(&stream.accelerate_on).map(|trigger| &trigger.asset)
    });
    let pieces = rules.streams.iter().flat_map(|stream| &stream.pieces);
    triggers.chain(pieces.filter_map(|piece| piece.offers.as_ref())).collect()
}
