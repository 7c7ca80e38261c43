//! Each rule in the checker's own words, and who broke it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::history::{History, Kind, Mail, Outcome, Purpose, Stream, What};
use super::life::Life;
use crate::tally;

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A planned slot has exactly one send or one reason, and the mailbox has exactly the mails that were sent.
    OneOutcome,
    /// Planned slots are sends and reasons, and sends are mails.
    Totals,
    /// Of the contacts who could have got mail, enough got some.
    Reached,
    /// Whoever can be written to has a slot again and again.
    Forgotten,
    /// So many days between two mails, the person's own wish included.
    Gap,
    /// So many mails in a period.
    Cap,
    /// Nobody sells to an account at risk, or asks it for a favour.
    AtRisk,
    /// Nobody sells to a new customer.
    NewCustomer,
    /// Nobody sells by mail what sales is selling.
    OpenLead,
    /// Nobody is offered what they own.
    Owned,
    /// A stream for owners reaches those it is for: seats filled for more seats, unused for a rescue, owned for so long.
    ForOwners,
    /// A renewal's piece comes at its own mark before the end of the contract.
    Mark,
    /// Nothing to whoever has opted out.
    OptedOut,
    /// Nothing to whoever was erased, and no slot either.
    Erased,
    /// Nothing to an id that another one stands for, and no slot either.
    Merged,
    /// Nothing to an address that bounced, or to somebody who has none of their own.
    NoAddress,
    /// Promotions are owed their educational pieces.
    Mix,
    /// Never two promotions in a row.
    TwoPromotions,
    /// No piece twice, under whichever id it was received; of a renewal, no piece twice for one contract.
    Twice,
    /// Only in the hours of the reader's day.
    Window,
    /// Only on working days of the reader's calendar.
    DayOff,
    /// Nothing of a topic that is not wanted.
    Topic,
    /// Nothing in a break.
    Pause,
    /// Nothing to whoever wants no email.
    EmailOff,
    /// Nothing of a stream to its control group, or to somebody for whom it is not.
    Audience,
}

/// A rule of one contact: how it was broken, each time.
pub type OfOne = fn(&Life<'_>) -> Vec<String>;

/// A rule of all: how it was broken, each time.
pub type OfAll = fn(&History) -> Vec<String>;

/// The rules that one contact's life can break.
pub const OF_ONE: [(Rule, OfOne); 22] = [
    (Rule::OneOutcome, outcomes),
    (Rule::Forgotten, forgotten),
    (Rule::Gap, gap),
    (Rule::Cap, cap),
    (Rule::AtRisk, |life| each(life, |life, stream, mail| asks(stream) && life.is_at_risk(mail.at))),
    (Rule::NewCustomer, |life| each(life, |life, stream, mail| sells(stream) && life.is_new_customer(mail.at))),
    (Rule::OpenLead, |life| {
        each(life, |life, stream, mail| sells(stream) && life.has_open_lead(&stream.product, mail.at))
    }),
    (Rule::Owned, |life| each(life, owned)),
    (Rule::ForOwners, |life| each(life, |life, stream, mail| !life.is_stream_for_owner(stream, mail.at))),
    (Rule::Mark, |life| each(life, off_mark)),
    (Rule::Erased, |life| after(life, life.erased_at())),
    (Rule::Merged, |life| after(life, life.merged_at())),
    (Rule::OptedOut, |life| each(life, |life, _, mail| life.has_opted_out(mail.at))),
    (Rule::NoAddress, |life| each(life, |life, _, mail| life.has_bounced(mail.at) || !life.person.has_own_address)),
    (Rule::Mix, mix),
    (Rule::TwoPromotions, two_promotions),
    (Rule::Twice, twice),
    (Rule::Window, |life| each(life, outside_hours)),
    (Rule::DayOff, |life| each(life, |life, _, mail| !life.promises.works_on(life.theirs(mail.at).date()))),
    (Rule::Topic, |life| each(life, unwanted)),
    (Rule::Pause, |life| each(life, |life, _, mail| life.is_paused(mail.at))),
    (Rule::EmailOff, |life| each(life, |life, _, mail| life.choice(mail.at).is_some_and(|choice| choice.email_off))),
];

/// The rules that only all of them together can break.
pub const OF_ALL: [(Rule, OfAll); 2] = [(Rule::Totals, totals), (Rule::Audience, audience)];

/// The mails of which this is so.
fn each(life: &Life<'_>, broken: impl Fn(&Life<'_>, &Stream, &Mail) -> bool) -> Vec<String> {
    let of_stream = life.mails.iter().filter_map(|mail| Some((life.stream(mail)?, *mail)));
    of_stream.filter(|(stream, mail)| broken(life, stream, mail)).map(|(_, mail)| named(mail)).collect()
}

fn named(mail: &Mail) -> String {
    format!("{} of {} at {}", mail.piece, mail.stream, mail.at)
}

fn sells(stream: &Stream) -> bool {
    matches!(stream.purpose, Purpose::CrossSell | Purpose::Upsell(_))
}

fn asks(stream: &Stream) -> bool {
    sells(stream) || matches!(stream.purpose, Purpose::Advocacy(_))
}

/// Mails at this instant and after it, and slots of later dates: of its own date there may have been one in the morning.
fn after(life: &Life<'_>, gone_at: Option<Timestamp>) -> Vec<String> {
    let Some(gone_at) = gone_at else { return Vec::new() };
    let mails = life.mails.iter().filter(|mail| mail.at >= gone_at).map(|mail| named(mail));
    let recorded = life.slots.iter().map(|slot| slot.date);
    let dates: BTreeSet<Date> = life.planned.iter().copied().chain(recorded).collect();
    let slots = dates.into_iter().filter(|date| *date > life.date(gone_at)).map(|date| format!("slot {date}"));
    mails.chain(slots).collect()
}

fn off_mark(life: &Life<'_>, stream: &Stream, mail: &Mail) -> bool {
    matches!(stream.purpose, Purpose::Renewal(_)) && life.piece_at_mark(stream, mail.at) != Some(mail.piece.as_str())
}

fn owned(life: &Life<'_>, stream: &Stream, mail: &Mail) -> bool {
    stream.purpose == Purpose::CrossSell && life.owned_days(&stream.product, mail.at).is_some()
}

fn outside_hours(life: &Life<'_>, _: &Stream, mail: &Mail) -> bool {
    let time = life.theirs(mail.at).time();
    time < life.promises.opens_at || time >= life.promises.closes_at
}

fn unwanted(life: &Life<'_>, stream: &Stream, mail: &Mail) -> bool {
    let off = life.choice(mail.at).map(|choice| &choice.topics_off);
    stream.topic.as_ref().is_some_and(|topic| off.is_some_and(|off| off.contains(topic)))
}

/// Planned slots, recorded slots and mails are the same, one for one.
fn outcomes(life: &Life<'_>) -> Vec<String> {
    let mut how = Vec::new();
    let recorded: BTreeSet<Date> = life.slots.iter().map(|slot| slot.date).collect();
    how.extend(life.planned.difference(&recorded).map(|date| format!("nothing is recorded of slot {date}")));
    how.extend(recorded.difference(&life.planned).map(|date| format!("slot {date} was never planned")));
    if recorded.len() != life.slots.len() {
        how.push("two records of one slot".to_owned());
    }
    for slot in &life.slots {
        let mails: Vec<&&Mail> = life.mails.iter().filter(|mail| mail.slot == slot.date).collect();
        match (&slot.outcome, &mails[..]) {
            (Outcome::Sent { stream, piece }, [mail]) if (&mail.stream, &mail.piece) == (stream, piece) => {}
            (Outcome::Silent(reason), []) if !reason.is_empty() => {}
            (outcome, mails) => how.push(format!("slot {}: {outcome:?}, and {} mails", slot.date, mails.len())),
        }
    }
    let slots = |mail: &&&Mail| !recorded.contains(&mail.slot);
    how.extend(life.mails.iter().filter(slots).map(|mail| format!("{} is of no slot", named(mail))));
    how
}

/// A weekend and a holiday beside it, and a day between the reader's date and the team's.
const DAYS_OFF: i64 = 4;

fn forgotten(life: &Life<'_>) -> Vec<String> {
    if !life.person.has_own_address {
        return Vec::new();
    }
    let until = life.gone_at().unwrap_or(life.until);
    let (first, last) = (life.date(life.person.known_at), life.date(until));
    // A slot of somebody who is gone is another rule's.
    let planned = life.planned.iter().copied().filter(|date| *date <= last);
    let dates: Vec<Date> = [first].into_iter().chain(planned).chain([last]).collect();
    let is_far = |from: Date, to: Date| i64::from((to - from).get_days()) > furthest(life, from, to);
    let excused = |from: Date, to: Date| {
        let mut facts = life.facts.iter().filter(|told| life.date(told.since) <= to);
        let is_out = facts.clone().rfind(|told| life.date(told.since) < from && is_opting(told.what));
        is_out.is_some_and(|told| matches!(told.what, What::OptedOut { .. }))
            || facts.any(|told| match told.what {
                What::OptedOut { .. } => life.date(told.since) >= from,
                What::Bounced { .. } => true,
                What::Chose { choice, .. } => choice.paused_until.is_some_and(|until| life.date(until) > from),
                _ => false,
            })
    };
    let far = dates.windows(2).filter(|pair| is_far(pair[0], pair[1]) && !excused(pair[0], pair[1]));
    far.map(|pair| format!("no slot from {} to {}", pair[0], pair[1])).collect()
}

/// How far apart two slots may lie: the gap, or the longer one that the person asks for; where other systems wrote, or another id of
/// theirs was written to, the cap's period. What single streams wait for keeps nobody waiting.
fn furthest(life: &Life<'_>, from: Date, to: Date) -> i64 {
    let (mut own, counts_from) = (0, from.saturating_sub(life.promises.cap_days.days()));
    let counts = |at: Timestamp| (counts_from..=to).contains(&life.date(at));
    let mut others_wrote = life.inherited.iter().any(|(since, _)| counts(*since));
    for told in life.facts.iter().filter(|told| life.date(told.since) <= to) {
        match told.what {
            What::Chose { choice, .. } if life.date(told.since) < from => own = choice.every_days,
            What::Chose { choice, .. } => own = own.max(choice.every_days),
            What::MailReported { .. } => others_wrote |= counts(told.since),
            _ => {}
        }
    }
    let cap = if others_wrote { life.promises.cap_days } else { 0 };
    life.promises.gap_days.max(own).max(cap) + DAYS_OFF
}

fn is_opting(what: &What) -> bool {
    matches!(what, What::OptedOut { .. } | What::Resubscribed { .. })
}

fn gap(life: &Life<'_>) -> Vec<String> {
    let mut how = Vec::new();
    for mail in &life.mails {
        let own = life.choice(mail.at).map_or(0, |choice| choice.every_days);
        let (today, gap) = (life.date(mail.at), life.promises.gap_days.max(own));
        let received = life.received_before(mail);
        let before = received.iter().map(|mail| life.date(mail.at)).chain(life.reported_before(mail.at)).max();
        if let Some(before) = before.filter(|before| i64::from((today - *before).get_days()) < gap) {
            how.push(format!("{} follows on mail of {before}, within {gap} days", named(mail)));
        }
    }
    how
}

fn cap(life: &Life<'_>) -> Vec<String> {
    let mut how = Vec::new();
    for mail in &life.mails {
        let today = life.date(mail.at);
        let first = today.saturating_sub((life.promises.cap_days - 1).days());
        let mut days = life.reported_before(mail.at);
        days.extend(life.received_before(mail).iter().map(|mail| life.date(mail.at)));
        let with_mail = days.range(first..).count();
        if with_mail >= life.promises.cap_mails {
            how.push(format!("{} comes after mail on {with_mail} days since {first}", named(mail)));
        }
    }
    how
}

/// The 4-1-1 of each stream, over what lay in the mailbox.
fn mix(life: &Life<'_>) -> Vec<String> {
    let mut how = Vec::new();
    for mail in &life.mails {
        let Some(kind) = life.kind(mail) else {
            how.push(format!("{} is no piece of the playbook", named(mail)));
            continue;
        };
        let before = life.received_before(mail);
        let seen =
            tally(before.iter().filter(|other| other.stream == mail.stream).filter_map(|other| life.kind(other)));
        let of = |kind: Kind| seen.get(&kind).copied().unwrap_or(0);
        let (educational, soft, hard) = (of(Kind::Educational), of(Kind::Soft), of(Kind::Hard));
        let allowed = match kind {
            Kind::Educational => true,
            Kind::Soft => 4 * soft < educational,
            Kind::Hard => life.promises.educational_before_hard * (hard + 1) <= educational,
        };
        if !allowed {
            how.push(format!("{} ({kind:?}) after {educational} educational, {soft} soft, {hard} hard", named(mail)));
        }
    }
    how
}

fn two_promotions(life: &Life<'_>) -> Vec<String> {
    let promotes = |mail: &Mail| life.kind(mail).is_some_and(|kind| kind != Kind::Educational);
    let promoting = life.mails.iter().filter(|mail| promotes(mail));
    let pairs = promoting.filter_map(|mail| Some((mail, life.received_before(mail).pop()?)));
    let pairs = pairs.filter(|(_, before)| promotes(before));
    pairs.map(|(mail, before)| format!("{} follows {}", named(mail), named(before))).collect()
}

/// Two ends of a contract that lie closer together are one, corrected: no contract is so short.
const SAME_CONTRACT_DAYS: i64 = 15;

fn twice(life: &Life<'_>) -> Vec<String> {
    let contract = |mail: &Mail| {
        let renewed = life.stream(mail).filter(|stream| matches!(stream.purpose, Purpose::Renewal(_)));
        renewed.and_then(|stream| life.contract_end(&stream.product, mail.at))
    };
    let is_same = |one: &Mail, other: &Mail| match (contract(one), contract(other)) {
        (Some(end), Some(other)) => end.duration_since(other).abs().as_hours() < 24 * SAME_CONTRACT_DAYS,
        (end, other) => end == other,
    };
    let is_again = |mail: &Mail| {
        life.received_before(mail).iter().any(|before| before.piece == mail.piece && is_same(before, mail))
    };
    life.mails.iter().filter(|mail| is_again(mail)).map(|mail| named(mail)).collect()
}

fn totals(history: &History) -> Vec<String> {
    let sends = history.slots.iter().filter(|slot| matches!(slot.outcome, Outcome::Sent { .. })).count();
    let reasons = history.slots.iter().filter(|slot| matches!(slot.outcome, Outcome::Silent(_))).count();
    let (planned, mails) = (history.planned.len(), history.mails.len());
    let equal = planned == sends + reasons && sends == mails;
    let how = || format!("{planned} slots planned, {sends} sends and {reasons} reasons, {mails} mails");
    if equal { Vec::new() } else { vec![how()] }
}

fn audience(history: &History) -> Vec<String> {
    let wrong = |mail: &&Mail| {
        let Some(stream) = history.promises.streams.get(&mail.stream) else { return true };
        let for_them = stream.audience.as_ref().is_none_or(|audience| audience.contains(&mail.contact));
        stream.held_out.contains(&mail.contact) || !for_them || !history.people.contains_key(&mail.contact)
    };
    history.mails.iter().filter(wrong).map(|mail| format!("{} to {}", named(mail), mail.contact)).collect()
}
