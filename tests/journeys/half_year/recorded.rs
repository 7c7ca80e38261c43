//! What a bystander could write down of a world: the slots that were planned, what became of them, and the mailbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use perennial::account::Rows;
use perennial::deployment::Deployment;
use perennial_domain::calendar::Day;
use perennial_domain::nurture::{self, StreamKind};
use perennial_domain::segment::Expression;
use perennial_platform::keys;
use perennial_platform::records::{self, SlotState};
use perennial_playbook::Playbook;
use perennial_tests::half_year::history::{
    Account, Fact, History, Kind, Mail, Outcome, Person, Promises, Purpose, Slot, Stream, What,
};
use serde_json::Value;

use super::plot::{self, Plot};
use super::telling::{Told, name_of};

/// Contact and slot.
pub type Planned = Arc<Mutex<BTreeSet<(String, Date)>>>;

/// Notes every slot that comes out of the mail queue, before the sender sees it.
pub fn watch(deployment: &Deployment) -> Planned {
    let planned = Planned::default();
    let (sender, notes) = (deployment.world.function("SendNurtureEmail").unwrap(), Arc::clone(&planned));
    let watched = move |event: Value| {
        let bodies = event["Records"].as_array().into_iter().flatten().filter_map(|record| record["body"].as_str());
        let messages = bodies.map(|body| serde_json::from_str::<Value>(body).unwrap());
        let due = messages.filter(|message| message["detail-type"] == "NurtureDue");
        let slot = |due: Value| {
            let text = |name: &str| due["detail"][name].as_str().unwrap().to_owned();
            (text("contact"), text("slot").parse().unwrap())
        };
        notes.lock().unwrap_or_else(PoisonError::into_inner).extend(due.map(slot));
        sender(event)
    };
    deployment.world.register("SendNurtureEmail", Arc::new(watched));
    planned
}

/// The history of a world that has lived through its plot.
pub async fn history(deployment: &Deployment, plot: &Plot, told: Told, planned: &Planned) -> History {
    let Told { mut facts, mut slots } = told;
    facts.extend(leads_qualified(deployment));
    slots.extend(Rows::read(deployment).await.unwrap().slots.iter().filter_map(slot));
    let merges = merges(&facts);
    let person = |person: &super::plot::Person| Person {
        account: person.account.clone(),
        zone: person.zone.map(|zone| TimeZone::get(zone).unwrap()),
        has_own_address: person.email.is_some() && !person.shares,
        known_at: person.known_at,
    };
    let account =
        |account: &super::plot::Account| Account { customer_since: account.customer_since, owns: account.owns.clone() };
    History {
        from: plot.start,
        until: deployment.world.clock().now(),
        promises: promises(&deployment.playbook, plot),
        accounts: plot.accounts.iter().map(|told| (told.id.clone(), account(told))).collect(),
        people: plot.people.iter().map(|told| (told.id.clone(), person(told))).collect(),
        planned: planned.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        slots,
        mails: mails(deployment, plot, &merges),
        facts,
    }
}

/// Leads as they were made known, under the id of then.
fn leads_qualified(deployment: &Deployment) -> Vec<Fact> {
    let opened = |event: &perennial_local::BusEvent| {
        let detail = &event.envelope["detail"];
        let text = |name: &str| detail[name].as_str().map(str::to_owned);
        let (contact, product) = (text("contact")?, text("product")?);
        let lead = name_of(&product, detail["quarter"].as_str()?);
        let opened = What::LeadOpened { contact, product, lead };
        (event.envelope["detail-type"] == "LeadQualified").then_some(Fact { at: event.at, what: opened })
    };
    deployment.world.bus_events().unwrap().iter().filter_map(opened).collect()
}

/// Which id stands for another one, and since when.
fn merges(facts: &[Fact]) -> BTreeMap<String, (Timestamp, String)> {
    let merged = |fact: &Fact| match &fact.what {
        What::Merged { from, into } => Some((from.clone(), (fact.at, into.clone()))),
        _ => None,
    };
    facts.iter().filter_map(merged).collect()
}

/// A nurture slot; those of sales mails have other names.
pub fn slot(slot: &records::Slot) -> Option<Slot> {
    let contact = keys::contact_of(&slot.pk)?.to_string();
    let date = slot.sk.strip_prefix(keys::SLOT)?.parse().ok()?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let outcome = match slot.state {
        SlotState::Sent => Outcome::Sent { stream: text(&slot.stream), piece: text(&slot.piece) },
        SlotState::Silent | SlotState::Waiting => Outcome::Silent(text(&slot.reason)),
        state => Outcome::Unsettled(format!("{state:?}")),
    };
    Some(Slot { contact, date, outcome })
}

/// By whose address it is, or whoever that one was merged into by then: what the sender calls a contact is not asked.
fn mails(deployment: &Deployment, plot: &Plot, merges: &BTreeMap<String, (Timestamp, String)>) -> Vec<Mail> {
    let people = plot.people.iter().filter(|person| !person.shares);
    let owners: BTreeMap<&str, &str> =
        people.filter_map(|person| Some((person.email.as_deref()?, person.id.as_str()))).collect();
    let whose = |mail: &perennial_local::Mail| {
        let owner = owners.get(mail.to[0].as_str()).copied().unwrap_or("nobody");
        let into = merges.get(owner).filter(|(merged_at, _)| *merged_at <= mail.at);
        into.map_or(owner, |(_, into)| into).to_owned()
    };
    let read = |mail: &perennial_local::Mail| {
        let tag = |wanted: &str| mail.tags.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        (tag("kind")? == "nurture").then(|| Mail {
            at: mail.at,
            contact: whose(mail),
            slot: tag("slot").unwrap().parse().unwrap(),
            stream: tag("stream").unwrap(),
            piece: tag("piece").unwrap(),
        })
    };
    deployment.world.mails().unwrap().iter().filter_map(read).collect()
}

fn promises(playbook: &Playbook, plot: &Plot) -> Promises {
    let (rules, calendar) = (&playbook.nurture, &playbook.calendar);
    let week = [0, 1, 2, 3, 4, 5, 6].map(|day| Weekday::from_monday_zero_offset(day).unwrap());
    Promises {
        gap_days: rules.gap_days,
        cap_mails: rules.cap.mails,
        cap_days: rules.cap.days,
        opens_at: rules.window.from,
        closes_at: rules.window.to,
        zone: calendar.zone.clone(),
        working_days: week
            .into_iter()
            .filter(|day| calendar.working_days.contains(&Day::from(*day)))
            .map(Weekday::to_monday_zero_offset)
            .collect(),
        holidays: calendar.holidays.clone(),
        educational_before_hard: rules.educational_before_hard,
        new_customer_days: rules.new_customer_days,
        streams: rules.streams.iter().map(|it| (it.id.to_string(), stream(it, plot))).collect(),
    }
}

fn stream(stream: &nurture::Stream, plot: &Plot) -> Stream {
    let kind = |piece: &nurture::StreamPiece| match piece.kind {
        nurture::Kind::Educational => Kind::Educational,
        nurture::Kind::Soft => Kind::Soft,
        nurture::Kind::Hard => Kind::Hard,
    };
    let audience = plot::audience(stream.id.as_str(), &plot.people);
    let is_for_all = stream.audience == Expression::All(Vec::new()) || plot::BY_USE.contains(&stream.id.as_str());
    assert_eq!(audience.is_none(), is_for_all, "the plot knows who the audience of {} is", stream.id);
    Stream {
        purpose: match &stream.kind {
            StreamKind::CrossSell => Purpose::CrossSell,
            StreamKind::Upsell { seats_percent } => Purpose::Upsell(*seats_percent),
            StreamKind::Retention { after_days } => Purpose::Retention(*after_days),
            StreamKind::Onboarding { until_days } => Purpose::Onboarding(*until_days),
            StreamKind::Save { unused_days, adoption_percent, until_days } => Purpose::Save {
                unused_days: *unused_days,
                adoption_percent: *adoption_percent,
                until_days: *until_days,
            },
            StreamKind::Renewal { days_before } => Purpose::Renewal(days_before.iter().copied().max().unwrap_or(0)),
            StreamKind::Advocacy { after_days } => Purpose::Advocacy(*after_days),
        },
        product: stream.product.to_string(),
        topic: stream.topic.as_ref().map(ToString::to_string),
        pieces: stream.pieces.iter().map(|piece| (piece.id.to_string(), kind(piece))).collect(),
        marks: marks(stream),
        audience,
        held_out: plot::held_out(stream.id.as_str(), &plot.people),
    }
}

/// A piece belongs to each mark, in this order.
fn marks(stream: &nurture::Stream) -> BTreeMap<String, i64> {
    let StreamKind::Renewal { days_before } = &stream.kind else { return BTreeMap::new() };
    stream.pieces.iter().map(|piece| piece.id.to_string()).zip(days_before.iter().copied()).collect()
}
