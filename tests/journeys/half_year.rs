//! Half a year of nurture mail in virtual time, through all functions, and a checker that shares nothing with them.
//!
//! The world is made from a seed; what happens in it is told by signed webhooks and pressed on the signed pages, and written
//! down as plain facts. In the end the facts, the mailbox and the slots are all that the checker of
//! `perennial_tests::half_year` sees. `planted` shows that it catches a violation of each rule.

mod planted;
mod plot;
mod recorded;
mod telling;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use perennial_local::ClockHandle;
use perennial_tests::bus::assert_events_keep_to_their_schemas;
use perennial_tests::half_year::check;
use perennial_tests::half_year::history::{Fact, History, Kind, Mail, Outcome, What};
use perennial_tests::half_year::reach::Reach;
use perennial_tests::{deploy_with, seed, tally, whole_playbook};

use plot::Plot;

/// A Monday. Both changes of the clocks and both holidays of the playbook lie ahead.
const START: &str = "2026-10-05T00:00:00Z";
/// Half a year.
const WEEKS: i64 = 26;
/// So many that a run ends within a minute as it is built for tests.
const CONTACTS: usize = 75;

#[tokio::test]
async fn half_a_year_of_mail_keeps_every_promise() {
    let start: Timestamp = START.parse().unwrap();
    let playbook = whole_playbook();
    let plot = Plot::new(seed(), CONTACTS, start, WEEKS, &playbook);
    let deployment = deploy_with(ClockHandle::standing_at(start), playbook).await;
    let planned = recorded::watch(&deployment);
    let told = telling::tell_all(&deployment, &plot).await;
    deployment.world.advance_to(start + SignedDuration::from_hours(24 * 7 * WEEKS), |_| {}).await.unwrap();
    let history = recorded::history(&deployment, &plot, told, &planned).await;

    let violations: Vec<String> = check(&history).iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
    let reach = Reach::of(&history);
    println!("{}", summary(&history, &reach));
    assert!(deployment.world.dead_letters().unwrap().is_empty());
    assert_events_keep_to_their_schemas(&deployment);
    something_of_everything_happened(&history, &reach);
}

/// A rule of which nothing was ever near proves nothing.
fn something_of_everything_happened(history: &History, reach: &Reach) {
    let streams: BTreeSet<&str> = history.mails.iter().map(|mail| mail.stream.as_str()).collect();
    let silent: Vec<&String> = history.promises.streams.keys().filter(|id| !streams.contains(id.as_str())).collect();
    assert!(silent.is_empty(), "streams that never sent anything: {silent:?}");
    let kind = |mail: &Mail| history.promises.streams[&mail.stream].pieces[&mail.piece];
    for wanted in [Kind::Educational, Kind::Soft, Kind::Hard] {
        assert!(history.mails.iter().any(|mail| kind(mail) == wanted), "no {wanted:?} mail was sent");
    }
    let reasons = reasons(history);
    for reason in [
        "address suppressed",
        "no address",
        "address belongs to another contact",
        "wants no email",
        "takes a break",
        "capped: mailed within the gap",
        "capped: as many mails as the cap allows",
        "not a working day",
        "outside the send window",
        "topic not wanted",
        "account at risk: no cross-sell",
        "new customer: no cross-sell yet",
        "sales has an open lead: stream paused",
        "held out: in the control group",
        "stream exhausted",
        "no stream fits",
    ] {
        assert!(reasons.contains_key(reason), "nobody got nothing because of \"{reason}\": {reasons:#?}");
    }
    let had_mail = |contact: &str, when: &dyn Fn(Timestamp) -> bool| {
        history.mails.iter().filter(|mail| mail.contact == contact && when(mail.at)).map(|mail| &mail.stream).collect()
    };
    let happened = |near: &dyn Fn(&Fact) -> bool| history.facts.iter().filter(|fact| near(fact)).count();
    let merged_in_mid_stream = happened(&|fact| {
        let What::Merged { from, into } = &fact.what else { return false };
        let before = |id: &str| -> BTreeSet<&String> { had_mail(id, &|at| at < fact.at) };
        let after: BTreeSet<&String> = had_mail(into, &|at| at > fact.at);
        let both: BTreeSet<&String> = before(from).intersection(&before(into)).copied().collect();
        !both.is_disjoint(&after)
    });
    let erased_after_mail = happened(&|fact| {
        let What::Erased { contact } = &fact.what else { return false };
        !had_mail(contact, &|at| at < fact.at).is_empty()
    });
    let mailed_again = happened(&|fact| {
        let What::Resubscribed { contact } = &fact.what else { return false };
        !had_mail(contact, &|at| at > fact.at).is_empty()
    });
    let near = (merged_in_mid_stream, erased_after_mail, mailed_again);
    assert!(near.0 > 0 && near.1 > 0 && near.2 > 0, "merged in mid-stream, erased, mailed again: {near:?}");
    println!("merged in mid-stream, erased after mail, mailed after the way back: {near:?}");
    assert!(reach.eligible.len() * 2 > history.people.len(), "{} eligible", reach.eligible.len());
}

fn reasons(history: &History) -> BTreeMap<&str, usize> {
    tally(history.slots.iter().filter_map(|slot| match &slot.outcome {
        Outcome::Silent(reason) => Some(reason.as_str()),
        _ => None,
    }))
}

fn summary(history: &History, reach: &Reach) -> String {
    let reasons = reasons(history).into_iter().map(|(reason, slots)| format!("{slots:>7}  {reason}\n"));
    let streams = tally(history.mails.iter().map(|mail| mail.stream.as_str()));
    let streams = streams.into_iter().map(|(stream, mails)| format!("{mails:>7}  {stream}\n"));
    format!(
        "{} contacts, {WEEKS} weeks: {} slots = {} mails + {} reasons; {} of {} who could have got mail did ({} %)\n{}{}",
        history.people.len(),
        history.slots.len(),
        history.mails.len(),
        history.slots.len() - history.mails.len(),
        reach.mailed.len(),
        reach.eligible.len(),
        reach.percent(),
        streams.collect::<String>(),
        reasons.collect::<String>(),
    )
}
