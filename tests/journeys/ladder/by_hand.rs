//! What the ladder must do, worked out from a list of days: nothing here asks the product, its calendar or a time zone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use perennial_tests::at;

/// The working days of the three weeks from 16 March 2026 in Berlin, without the holiday on the 25th: the first second of each, in
/// UTC. Summer time begins on Sunday the 29th, so all of them have 24 hours, and the check of 08:00 is eight hours after it.
const DAYS: [&str; 14] = [
    "2026-03-15T23:00:00Z",
    "2026-03-16T23:00:00Z",
    "2026-03-17T23:00:00Z",
    "2026-03-18T23:00:00Z",
    "2026-03-19T23:00:00Z",
    "2026-03-22T23:00:00Z",
    "2026-03-23T23:00:00Z",
    "2026-03-25T23:00:00Z",
    "2026-03-26T23:00:00Z",
    "2026-03-29T22:00:00Z",
    "2026-03-30T22:00:00Z",
    "2026-03-31T22:00:00Z",
    "2026-04-01T22:00:00Z",
    "2026-04-02T22:00:00Z",
];

/// Who hears of the rungs.
const REP: &str = "anna.keller@fernhill.example.com";
const MANAGER: &str = "elif.aydin@fernhill.example.com";
const EXECUTIVE: &str = "sales.director@fernhill.example.com";

/// A lead, and what its rep did.
#[derive(Clone, Debug)]
pub struct Made {
    pub contact: String,
    pub made_at: Timestamp,
    /// Otherwise it is an Act Now.
    pub hot: bool,
    pub touched_at: Option<Timestamp>,
}

/// What was seen of it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub digest_at: Option<Timestamp>,
    /// Which rung from 0, when it was due, and when it fired.
    pub rungs: Vec<(usize, Timestamp, Timestamp)>,
    /// How many reminders went to whom, by the second.
    pub reminders: BTreeMap<(Timestamp, String), usize>,
    /// When its owner was told at once.
    pub handed_over: Vec<Timestamp>,
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn checks() -> impl Iterator<Item = Timestamp> {
    DAYS.iter().map(|day| at(day) + hours(8))
}

/// The first checks after an instant.
pub fn checks_after(from: Timestamp, how_many: usize) -> Vec<Timestamp> {
    checks().filter(|check| *check > from).take(how_many).collect()
}

/// How long was worked between two instants.
fn worked(from: Timestamp, to: Timestamp) -> SignedDuration {
    let on = |day: &&str| (at(day) + hours(24)).min(to).duration_since(at(day).max(from)).max(SignedDuration::ZERO);
    DAYS.iter().map(on).fold(SignedDuration::ZERO, |sum, on| sum + on)
}

/// What happens to a lead at which check.
pub fn planned(lead: &Made, outage: &[&str]) -> Vec<(String, Timestamp)> {
    let mut steps = Vec::new();
    let (mut handed_over, mut rungs) = (!lead.hot, 0);
    for check in checks() {
        let is_out = outage.contains(&&check.to_string()[..10]);
        if check < lead.made_at || is_out || lead.touched_at.is_some_and(|touched| touched < check) {
            continue;
        }
        if !handed_over {
            handed_over = true;
            steps.push(("digest".to_owned(), check));
        } else if rungs < 3 && worked(lead.made_at, check) >= hours(24 * (rungs + 1)) {
            rungs += 1;
            steps.push((format!("rung {rungs}"), check));
        }
    }
    steps
}

/// Everything that is not as it must be.
pub fn broken(lead: &Made, seen: &Seen, outage: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let planned = planned(lead, outage);
    let digest = seen.digest_at.iter().map(|at| ("digest".to_owned(), *at));
    let happened: Vec<_> =
        digest.chain(seen.rungs.iter().map(|(rung, _, fired)| (format!("rung {}", rung + 1), *fired))).collect();
    if happened != planned {
        faults.push(format!("{happened:?} instead of {planned:?}"));
    }
    for (rung, due_at, fired_at) in &seen.rungs {
        // It was due in the first second in which so many hours were worked.
        let long = hours(24 * (i64::try_from(*rung).expect("few") + 1));
        let (until, before) =
            (worked(lead.made_at, *due_at), worked(lead.made_at, *due_at - SignedDuration::from_secs(1)));
        if until < long || before >= long || fired_at < due_at {
            faults.push(format!("rung {} due at {due_at}, fired at {fired_at}", rung + 1));
        }
    }
    let mut reminders = BTreeMap::new();
    for (what, at) in planned.iter().filter(|(what, _)| what != "digest") {
        let to = match what.as_str() {
            "rung 1" => &[REP][..],
            "rung 2" => &[REP, MANAGER],
            _ => &[REP, MANAGER, EXECUTIVE],
        };
        reminders.extend(to.iter().map(|to| ((*at, (*to).to_owned()), 1)));
    }
    if seen.reminders != reminders {
        faults.push(format!("reminders {:?} instead of {reminders:?}", seen.reminders));
    }
    let days: BTreeSet<String> = seen.rungs.iter().map(|(_, _, fired)| fired.to_string()[..10].to_owned()).collect();
    if days.len() != seen.rungs.len() {
        faults.push(format!("a burst: {:?}", seen.rungs));
    }
    if seen.handed_over != if lead.hot { vec![] } else { vec![lead.made_at] } {
        faults.push(format!("handed over at {:?}", seen.handed_over));
    }
    faults
}
