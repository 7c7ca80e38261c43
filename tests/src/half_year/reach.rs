//! Who could have been written to, and who was.
//!
//! *Reachable* at an instant is who has an address of their own that has not bounced, has not opted out, wants email and takes
//! no break. *Content is there* for them if a stream's topic is wanted, they are in its audience and not held out, and it fits:
//!
//! - cross-sell: the product is not owned, they have shown interest in it, their account is not at risk and no new customer,
//!   and sales holds no lead;
//! - retention and onboarding: the product is owned for as long as the stream asks;
//! - advocacy: so too, and the account is not at risk;
//! - renewal: a contract ends within the earliest mark.
//!
//! Upsell and save depend on seats and usage and are left out: whoever could have got only those is not counted.
//! *Eligible* is who was reachable with content there at noon of four Mondays in a row, whatever they had read already. They
//! are *reached* if one nurture mail lay in their mailbox.

use std::collections::BTreeSet;

use jiff::civil::{Time, Weekday};
use jiff::{Timestamp, ToSpan};

use super::history::{History, Purpose, Stream};
use super::life::Life;

/// So many Mondays in a row.
const MONDAYS: usize = 4;

/// Who could have been written to, and who was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Contacts that were eligible.
    pub eligible: BTreeSet<String>,
    /// Those of them that got mail.
    pub mailed: BTreeSet<String>,
}

impl Reach {
    /// Of a history.
    pub fn of(history: &History) -> Self {
        let mondays = mondays(history);
        let is_eligible = |contact: &&String| {
            let life = Life::of(history, contact);
            let there: Vec<bool> =
                mondays.iter().map(|at| is_reachable(&life, *at) && is_content_there(&life, *at)).collect();
            there.windows(MONDAYS).any(|row| row.iter().all(|there| *there))
        };
        let eligible: BTreeSet<String> = history.people.keys().filter(is_eligible).cloned().collect();
        let mailed =
            history.mails.iter().map(|mail| mail.contact.clone()).filter(|who| eligible.contains(who)).collect();
        Self { eligible, mailed }
    }

    /// Reached of a hundred eligible.
    pub fn percent(&self) -> usize {
        (self.mailed.len() * 100).checked_div(self.eligible.len()).unwrap_or(0)
    }
}

/// Noon of every Monday.
fn mondays(history: &History) -> Vec<Timestamp> {
    let zone = &history.promises.zone;
    let (first, last) = (history.from.to_zoned(zone.clone()).date(), history.until.to_zoned(zone.clone()).date());
    let dates = first.series(1.day()).take_while(|date| *date <= last);
    let noon = |date: jiff::civil::Date| date.to_datetime(Time::constant(12, 0, 0, 0)).to_zoned(zone.clone()).ok();
    dates.filter(|date| date.weekday() == Weekday::Monday).filter_map(noon).map(|zoned| zoned.timestamp()).collect()
}

fn is_reachable(life: &Life<'_>, at: Timestamp) -> bool {
    let wants = life.choice(at).is_none_or(|choice| !choice.email_off) && !life.is_paused(at);
    let known = life.person.has_own_address && life.person.known_at <= at;
    let is_gone = life.gone_at().is_some_and(|gone_at| gone_at <= at);
    known && wants && !is_gone && !life.has_opted_out(at) && !life.has_bounced(at)
}

fn is_content_there(life: &Life<'_>, at: Timestamp) -> bool {
    life.promises.streams.values().any(|stream| fits(life, stream, at))
}

fn fits(life: &Life<'_>, stream: &Stream, at: Timestamp) -> bool {
    let wanted = |topic: &String| life.choice(at).is_none_or(|choice| !choice.topics_off.contains(topic));
    let for_them = stream.audience.as_ref().is_none_or(|audience| audience.contains(life.contact));
    if !stream.topic.as_ref().is_none_or(wanted) || !for_them || stream.held_out.contains(life.contact) {
        return false;
    }
    let owned = life.owned_days(&stream.product, at);
    match stream.purpose {
        Purpose::CrossSell => {
            owned.is_none()
                && life.has_shown_interest(&stream.product, at)
                && !life.is_at_risk(at)
                && !life.is_new_customer(at)
                && !life.has_open_lead(&stream.product, at)
        }
        Purpose::Retention(after) => owned.is_some_and(|days| days >= after),
        Purpose::Onboarding(until) => owned.is_some_and(|days| days < until),
        Purpose::Advocacy(after) => owned.is_some_and(|days| days >= after) && !life.is_at_risk(at),
        Purpose::Renewal(within) => {
            let end = life.contract_end(&stream.product, at).filter(|end| *end > at);
            owned.is_some() && end.is_some_and(|end| end.duration_since(at).as_hours() <= within * 24)
        }
        Purpose::Upsell(_) | Purpose::Save { .. } => false,
    }
}
