//! Three weeks of the SLA ladder in virtual time: weekends, a holiday, the change of the clocks, touches a millisecond before and
//! after each check, and three days in which the check does not work.
//!
//! What must happen is worked out beside the product, from a list of working days and by adding up hours: see [`by_hand`].

mod by_hand;

use std::collections::BTreeMap;
use std::sync::Arc;

use escalate_sla::EscalateSla;
use jiff::{SignedDuration, Timestamp};
use perennial::deployment::Deployment;
use perennial_domain::interest::instant;
use perennial_local::{ClockHandle, Function, FunctionError, Mail};
use perennial_platform::keys;
use perennial_platform::lambda::Tick;
use perennial_platform::mail::tags;
use perennial_platform::records::Lead;
use perennial_playbook::Playbook;
use perennial_tests::{at, body, deploy_with, engagement, introduce, playbook_with, settle, tell};
use serde_json::json;

use by_hand::{Made, Seen, broken, checks_after, planned};

const START: &str = "2026-03-15T22:00:00Z";
const END: &str = "2026-04-04T22:00:00Z";
const A_MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

/// When leads are made, in UTC (Berlin is an hour ahead, two from 29 March on), and whether they are hot or an Act Now.
const MADE: [(&str, bool); 10] = [
    // Monday, 10:00, and Tuesday, 15:00.
    ("2026-03-16T09:00:00Z", false),
    ("2026-03-17T14:00:00Z", true),
    // Friday, 15:00.
    ("2026-03-20T14:00:00Z", false),
    // Saturday noon, and Sunday evening.
    ("2026-03-21T11:00:00Z", false),
    ("2026-03-22T17:00:00Z", true),
    // The evening before the holiday, and the holiday itself.
    ("2026-03-24T19:00:00Z", false),
    ("2026-03-25T11:00:00Z", true),
    // The Friday before the clocks change: a second before the check, at it, and a second after it.
    ("2026-03-27T06:59:59Z", false),
    ("2026-03-27T07:00:00Z", false),
    ("2026-03-27T07:00:01Z", false),
];

/// The days on which the check does not work.
const OUTAGE: [&str; 3] = ["2026-03-19", "2026-03-20", "2026-03-23"];

/// A world with something wrong in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// Every day is a working day: hours of the clock.
    NoDaysOff,
    /// The run of a day is followed by one that takes itself for the next day's.
    RunsAhead,
    /// A day's check is left out, and nobody knows.
    Forgets,
    /// What the rep says does not arrive.
    Deaf,
}

/// A week of work with a holiday in it.
fn playbook(planted: Planted) -> Arc<Playbook> {
    playbook_with(|text| {
        let text = text.replace("holidays = [", "holidays = [\"2026-03-25\", ");
        let all = r#""mon", "tue", "wed", "thu", "fri", "sat", "sun""#;
        let text = if planted == Planted::NoDaysOff {
            text.replace(r#""mon", "tue", "wed", "thu", "fri""#, all).replace("\"2026-03-25\", ", "")
        } else {
            text
        };
        // As fast as can be: mail of one check leaves within some milliseconds of it.
        text.replace("rate_per_second = 14", "rate_per_second = 10000")
    })
}

/// The check as it works, but for outages and what is planted.
fn check(deployment: &Deployment, outage: &[&'static str], planted: Planted) -> Function {
    let escalation = Arc::new(EscalateSla { store: deployment.store.clone(), playbook: deployment.playbook.clone() });
    let (clock, outage) = (deployment.world.clock().clone(), outage.to_vec());
    Arc::new(move |event| {
        let (escalation, clock, outage) = (Arc::clone(&escalation), clock.clone(), outage.clone());
        Box::pin(async move {
            let today = escalation.playbook.calendar.date(clock.now()).to_string();
            if outage.contains(&today.as_str()) {
                return Err(FunctionError::new("out of order"));
            }
            let tick: Tick = serde_json::from_value(event).map_err(FunctionError::new)?;
            if planted == Planted::Forgets && today == "2026-03-24" {
                return Ok(json!(null));
            }
            let next = Tick { scheduled_at: tick.scheduled_at + SignedDuration::from_hours(24), ..tick.clone() };
            escalation.handle(tick).await.map_err(FunctionError::new)?;
            if planted == Planted::RunsAhead {
                escalation.handle(next).await.map_err(FunctionError::new)?;
            }
            Ok(json!(null))
        })
    })
}

/// Each of these leads, untouched and with a touch a millisecond before and after each of the checks that it meets first.
fn leads(made: &[(&str, bool)]) -> Vec<Made> {
    let mut leads = Vec::new();
    for (number, (made_at, hot)) in made.iter().enumerate() {
        let checks = checks_after(at(made_at), 4);
        let around = checks.iter().flat_map(|check| [*check - A_MILLISECOND, *check + A_MILLISECOND]);
        for touched_at in [None].into_iter().chain(around.filter(|touched| *touched > at(made_at)).map(Some)) {
            let contact = format!("lead-{number}-{}", leads.len());
            leads.push(Made { contact, made_at: at(made_at), hot: *hot, touched_at });
        }
    }
    leads
}

/// Plays the three weeks.
async fn play(leads: &[Made], outage: &[&'static str], planted: Planted) -> Vec<Seen> {
    let deployment = deploy_with(ClockHandle::standing_at(at(START)), playbook(planted)).await;
    deployment.world.register("EscalateSla", check(&deployment, outage, planted));
    for lead in leads {
        introduce(&deployment, &lead.contact).await;
    }
    let mut happens: Vec<(Timestamp, bool, &Made)> = leads.iter().map(|lead| (lead.made_at, false, lead)).collect();
    let touches = leads.iter().filter(|_| planted != Planted::Deaf);
    happens.extend(touches.filter_map(|lead| Some((lead.touched_at?, true, lead))));
    happens.sort_by_key(|(at, _, _)| *at);
    // What happens at one instant is told before anything follows from it: mail that leaves takes time.
    for together in happens.chunk_by(|one, next| one.0 == next.0) {
        let now = together[0].0;
        deployment.world.advance_to(now, |_| {}).await.expect("the world goes on");
        for (_, is_touch, lead) in together {
            let (id, told) = told(lead, *is_touch, now);
            tell(&deployment, &id, &told).await;
        }
        settle(&deployment).await;
    }
    deployment.world.advance_to(at(END), |_| {}).await.expect("the world goes on");
    let mails = deployment.world.mails().expect("the world remembers");
    let mut seen = Vec::new();
    for lead in leads {
        let key = keys::lead(&lead.contact.as_str().into(), &"analytics".into(), "2026-Q1".parse().expect("a quarter"));
        let stored: Lead = deployment.store.get(&key).await.expect("the store answers").expect("a lead");
        assert_eq!(stored.priority, if lead.hot { "hot" } else { "act-now" }, "{}", lead.contact);
        seen.push(seen_of(&stored, &mails));
    }
    seen
}

/// What is told of a lead: what makes it, or that its rep is on it.
fn told(lead: &Made, is_touch: bool, now: Timestamp) -> (String, String) {
    let contact = lead.contact.as_str();
    match (is_touch, lead.hot) {
        (true, _) => {
            let said = json!({"contact": contact, "product": "analytics", "by": "rep-anna"});
            (format!("touched-{contact}"), body("lead.touched", now, &said))
        }
        (false, true) => (format!("made-{contact}"), engagement(contact, "analytics-guide", "download", now)),
        (false, false) => (format!("made-{contact}"), engagement(contact, "analytics-pricing", "request", now)),
    }
}

fn seen_of(lead: &Lead, mails: &[Mail]) -> Seen {
    let tag = |mail: &Mail, name: &str| mail.tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.clone());
    let about = |mail: &&Mail| {
        tag(mail, tags::CONTACT).and_then(|token| tags::read_token(&token)).as_deref() == Some(&lead.contact)
    };
    let mut reminders = BTreeMap::new();
    let mut handed_over = Vec::new();
    for mail in mails.iter().filter(about) {
        // To the second: those of one check follow each other.
        let sent_at = instant(mail.at.as_second());
        match tag(mail, "kind").as_deref() {
            Some("escalation") => *reminders.entry((sent_at, mail.to.join(", "))).or_insert(0) += 1,
            Some("hand-off") => handed_over.push(sent_at),
            _ => {}
        }
    }
    Seen {
        digest_at: lead.handed_off_at.map(instant),
        rungs: lead.rungs.iter().map(|rung| (rung.rung, instant(rung.due_at), instant(rung.fired_at))).collect(),
        reminders,
        handed_over,
    }
}

fn all_broken(leads: &[Made], seen: &[Seen], outage: &[&str]) -> Vec<String> {
    let of = |(lead, seen): (&Made, &Seen)| -> Vec<String> {
        broken(lead, seen, outage).into_iter().map(|what| format!("{lead:?}: {what}")).collect()
    };
    leads.iter().zip(seen).flat_map(of).collect()
}

#[tokio::test]
async fn for_three_weeks_no_rung_is_early_none_comes_after_the_touch_and_none_twice() {
    // What is made at the second of a check is made in a world in which nobody else is written to then, which takes time.
    for made in [&MADE[..7], &MADE[7..]] {
        let leads = leads(made);
        assert_eq!(leads.len(), made.len() * 9);
        let seen = play(&leads, &[], Planted::Nothing).await;
        assert_eq!(all_broken(&leads, &seen, &[]), Vec::<String>::new());
        let fired: Vec<usize> = seen.iter().map(|seen| seen.rungs.len()).collect();
        // Nobody; then before and after each of four checks: two milliseconds make the difference of a rung.
        for of_lead in fired.chunks(9) {
            let rungs = of_lead[1..].chunks(2).filter(|around| around[1] == around[0] + 1).count();
            assert_eq!((of_lead[0], rungs), (3, 3), "{of_lead:?}");
        }
    }
}

#[tokio::test]
async fn three_days_without_a_check_are_caught_up_by_one_rung_a_day() {
    let leads = leads(&MADE[..7]);
    let seen = play(&leads, &OUTAGE, Planted::Nothing).await;
    assert_eq!(all_broken(&leads, &seen, &OUTAGE), Vec::<String>::new());
    // Monday's Act Now was due on Wednesday, Thursday and Friday.
    let fired: Vec<String> = seen[0].rungs.iter().map(|(_, _, fired_at)| fired_at.to_string()).collect();
    assert_eq!(fired, ["2026-03-18T07:00:00Z", "2026-03-24T07:00:00Z", "2026-03-26T07:00:00Z"]);
}

#[tokio::test]
async fn what_is_planted_is_found() {
    let leads: Vec<Made> = leads(&MADE[..4]);
    for planted in [Planted::NoDaysOff, Planted::RunsAhead, Planted::Forgets, Planted::Deaf] {
        let seen = play(&leads, &[], planted).await;
        let found = all_broken(&leads, &seen, &[]);
        println!("{planted:?}: {} faults, such as {}", found.len(), found.first().map_or("none", String::as_str));
        assert!(!found.is_empty(), "{planted:?} is not found");
    }
}

/// The list by which the others are judged, against dates that anybody can look up in a calendar of March 2026.
#[test]
fn what_is_worked_out_is_what_a_calendar_says() {
    for (made_at, hot, touched_at, outage, expected) in [
        // Monday 10:00: due on Tuesday, Wednesday and Thursday at 10:00, so the checks of the days after.
        ("2026-03-16T09:00:00Z", false, None, &[][..], "rung 1 03-18, rung 2 03-19, rung 3 03-20"),
        ("2026-03-16T09:00:00Z", false, Some("2026-03-19T06:59:59.999Z"), &[], "rung 1 03-18"),
        ("2026-03-16T09:00:00Z", false, Some("2026-03-19T07:00:00.001Z"), &[], "rung 1 03-18, rung 2 03-19"),
        // Friday 15:00: due on Monday 15:00. The 25th is a holiday.
        ("2026-03-20T14:00:00Z", false, None, &[], "rung 1 03-24, rung 2 03-26, rung 3 03-27"),
        // Saturday counts from Monday 00:00 and is due when Monday is over.
        ("2026-03-21T11:00:00Z", false, None, &[], "rung 1 03-24, rung 2 03-26, rung 3 03-27"),
        // Hot on a Sunday: in Monday's digest.
        ("2026-03-22T17:00:00Z", true, None, &[], "digest 03-23, rung 1 03-24, rung 2 03-26, rung 3 03-27"),
        // A second before the check of the Friday before the clocks change, and a second after it.
        ("2026-03-27T06:59:59Z", false, None, &[], "rung 1 03-30, rung 2 03-31, rung 3 04-01"),
        ("2026-03-27T07:00:00Z", false, None, &[], "rung 1 03-30, rung 2 03-31, rung 3 04-01"),
        ("2026-03-27T07:00:01Z", false, None, &[], "rung 1 03-31, rung 2 04-01, rung 3 04-02"),
        ("2026-03-16T09:00:00Z", false, None, &OUTAGE[..], "rung 1 03-18, rung 2 03-24, rung 3 03-26"),
    ] {
        let touched_at = touched_at.map(at);
        let lead = Made { contact: String::new(), made_at: at(made_at), hot, touched_at };
        let steps = planned(&lead, outage).into_iter();
        let steps: Vec<String> = steps.map(|(what, at)| format!("{what} {}", &at.to_string()[5..10])).collect();
        assert_eq!(steps.join(", "), expected, "{made_at} {touched_at:?}");
    }
}
