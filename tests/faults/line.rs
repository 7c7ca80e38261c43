//! The account's rate and quota hold, however many send at once: counted where SES takes the requests, on the virtual clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_domain::sending::{Line, spacing_us};
use perennial_local::ClockHandle;
use perennial_platform::clock::Clock;
use perennial_platform::keys;
use perennial_platform::mail::{Mailer, NOT_ALLOWED, Recipients};
use perennial_platform::records::{Slot, SlotState};
use perennial_platform::sending::{Permits, Sending};
use perennial_playbook::Playbook;
use perennial_tests::mailing::{due, send, silent_sender};
use perennial_tests::{
    at, body, deploy_with, engagement, introduce, playbook, playbook_with, sdk_config, seed, settle, tally, tell,
};
use send_nurture_email::SendNurtureEmail;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A Tuesday: contacts become known.
const BEFORE: &str = "2026-01-06T08:00:00Z";
/// A Thursday at nine in Berlin: their slot has come.
pub(crate) const NOW: &str = "2026-01-08T08:00:00Z";
pub(crate) const SLOT: &str = "2026-01-08";

/// A clock that moves only while everybody waits for it, and then to whoever waits for the earliest time: whatever they do
/// between two waits takes no time.
#[derive(Clone)]
pub(crate) struct VirtualTime {
    shown: ClockHandle,
    state: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    busy: usize,
    number: u64,
    parked: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
}

impl VirtualTime {
    pub(crate) fn new(shown: ClockHandle) -> Self {
        Self { shown, state: Arc::default() }
    }

    pub(crate) fn begin(&self) {
        self.state.lock().unwrap().busy += 1;
    }

    pub(crate) fn end(&self) {
        self.leave(|_| {});
    }

    fn leave(&self, park: impl FnOnce(&mut Waiting)) {
        let mut state = self.state.lock().unwrap();
        state.busy -= 1;
        park(&mut state);
        if state.busy == 0
            && let Some(((next, _), waiting)) = state.parked.pop_first()
        {
            self.shown.forward(next);
            state.busy = 1;
            waiting.send(()).expect("it waits");
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        let (shown, time) = (self.shown.clone(), self.clone());
        Clock::with_wait(
            move || shown.now(),
            move |until| {
                let time = time.clone();
                Box::pin(async move {
                    let (wake, woken) = oneshot::channel();
                    time.leave(|state| {
                        state.number += 1;
                        state.parked.insert((until, state.number), wake);
                    });
                    woken.await.expect("it is woken");
                })
            },
        )
    }
}

/// SES, counted: when each request came on the virtual clock, for whom, and whether it was taken.
#[derive(Clone)]
pub(crate) struct Counted {
    time: VirtualTime,
    random: Arc<Mutex<Rng>>,
    throttled_percent: u8,
    pub(crate) requests: Arc<Mutex<Vec<(Timestamp, String, bool)>>>,
    /// How long the next answers take; no time where nothing is said.
    pub(crate) slow: Arc<Mutex<VecDeque<SignedDuration>>>,
}

async fn take(State(ses): State<Counted>, Json(request): Json<Value>) -> Response {
    let to = request["Destination"]["ToAddresses"][0].as_str().unwrap_or_default().to_owned();
    let throttled = ses.random.lock().unwrap().u8(0..100) < ses.throttled_percent;
    let now = ses.time.shown.now();
    ses.requests.lock().unwrap().push((now, to, !throttled));
    let takes = ses.slow.lock().unwrap().pop_front().unwrap_or_default();
    // Whoever waits for the answer waits with it.
    ses.time.clock().until(now + takes).await;
    if throttled {
        let error = [("x-amzn-errortype", "TooManyRequestsException")];
        return (StatusCode::TOO_MANY_REQUESTS, error, Json(json!({"message": "slower"}))).into_response();
    }
    Json(json!({"MessageId": "taken"})).into_response()
}

pub(crate) async fn ses(time: &VirtualTime, throttled_percent: u8) -> (String, Counted) {
    let (time, random) = (time.clone(), Arc::new(Mutex::new(Rng::with_seed(seed()))));
    let counted = Counted { time, random, throttled_percent, requests: Arc::default(), slow: Arc::default() };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let router = Router::new().route("/v2/email/outbound-emails", post(take)).with_state(counted.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.expect("it goes on") });
    (url, counted)
}

/// Contacts who have shown interest in Analytics and whose slot has come. All from one account: only who they are differs.
pub(crate) async fn world_with(contacts: &[String], playbook: Arc<Playbook>) -> Deployment {
    let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), playbook).await;
    introduce(&deployment, "first").await;
    for contact in contacts {
        let data = json!({"contact": contact, "account": "account-of-first", "email": format!("{contact}@juniper.example.com"),
                          "first_name": "Ada", "role": "executive"});
        tell(&deployment, &format!("identified-{contact}"), &body("contact.identified", at(BEFORE), &data)).await;
        let shown = engagement(contact, "analytics-checklist", "download", at(BEFORE));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    settle(&deployment).await;
    deployment.world.clock().set(at(NOW));
    deployment
}

pub(crate) async fn sender(deployment: &Deployment, ses: &str, clock: Clock) -> SendNurtureEmail {
    let mailer = Mailer::new(&sdk_config(ses).await, &deployment.playbook.company.sender, None);
    SendNurtureEmail { mailer, clock, ..silent_sender(deployment).await }
}

pub(crate) async fn slot(deployment: &Deployment, contact: &str) -> Option<Slot> {
    deployment.store.get(&keys::slot(&ContactId::from(contact), SLOT)).await.expect("the slot can be read")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_senders_of_which_a_third_is_throttled_keep_to_nine_tenths_of_the_rate_and_lose_nothing() {
    const SENDERS: usize = 50;
    let contacts: Vec<String> = (0..SENDERS * 5).map(|number| format!("contact-{number}")).collect();
    let deployment = world_with(&contacts, playbook()).await;
    let time = VirtualTime::new(deployment.world.clock().clone());
    let (url, counted) = ses(&time, 30).await;
    let mut senders = Vec::new();
    for batch in contacts.chunks(contacts.len() / SENDERS) {
        let (sender, time) = (sender(&deployment, &url, time.clock()).await, time.clone());
        let batch: Vec<Value> = batch.iter().map(|contact| due(contact, SLOT)).collect();
        time.begin();
        senders.push(tokio::spawn(async move {
            // As the queue does it: what failed is hidden for twelve minutes, and received five times in all.
            let mut left = batch;
            for _ in 0..5 {
                let failed: BTreeSet<usize> =
                    send(&sender, &left).await.iter().map(|position| position.parse().expect("a position")).collect();
                left = left.into_iter().enumerate().filter(|(at, _)| failed.contains(at)).map(|(_, it)| it).collect();
                if left.is_empty() {
                    break;
                }
                sender.clock.until(sender.clock.now() + SignedDuration::from_mins(12)).await;
            }
            time.end();
            left.len()
        }));
    }
    let mut lost = 0;
    for sender in senders {
        lost += sender.await.expect("no panic");
    }
    let requests = counted.requests.lock().unwrap().clone();
    assert_eq!(lost, 0, "nothing is given up");
    let taken = tally(requests.iter().filter(|(_, _, taken)| *taken).map(|(_, to, _)| to.clone()));
    assert_eq!((taken.len(), taken.values().sum::<usize>()), (contacts.len(), contacts.len()), "each once");
    let refused = requests.len() - contacts.len();
    assert!(refused > contacts.len() / 5, "{refused} were throttled");

    // Evenly spaced, counted where the request arrives.
    let spacing = spacing_us(14);
    let mut times: Vec<i64> = requests.iter().map(|(at, _, _)| at.as_microsecond()).collect();
    times.sort_unstable();
    let closest = times.windows(2).map(|two| two[1] - two[0]).min().unwrap_or_default();
    assert!(closest >= spacing, "two requests within {closest} µs");
    for start in &times {
        let within_a_second = times.iter().filter(|at| (*start..start + 1_000_000).contains(at)).count();
        assert!(within_a_second <= 13, "{within_a_second} within a second");
    }
    // The first round goes without a gap: nine tenths are used, not less.
    let first: Vec<i64> = times.iter().take(contacts.len() / 2).copied().collect();
    let seconds = (first[first.len() - 1] - first[0]) as f64 / 1e6;
    let rate = (first.len() - 1) as f64 / seconds;
    assert!((12.0..=12.6).contains(&rate), "{rate} a second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn permits_taken_at_once_are_never_the_same() {
    let deployment = world_with(&[], playbook()).await;
    let mut random = Rng::with_seed(seed());
    let mut asking = Vec::new();
    for _ in 0..50 {
        let (line, wanted) = (deployment.sending(), random.i64(1..=10));
        asking.push(tokio::spawn(async move {
            let until = at(NOW) + SignedDuration::from_mins(10);
            match line.permits(Line::Nurture, wanted, at(NOW), until).await.expect("the store answers") {
                Permits::Granted(permits) => permits,
                held => panic!("{held:?}"),
            }
        }));
    }
    let mut all = Vec::new();
    for asked in asking {
        all.extend(asked.await.expect("no panic"));
    }
    all.sort_unstable();
    assert_eq!(all[0], at(NOW));
    assert!(all.windows(2).all(|two| two[1].as_microsecond() - two[0].as_microsecond() == spacing_us(14)));
    let known = deployment.sending().known().await.expect("the store answers");
    assert_eq!(known.sent(at(NOW)).within_a_day, all.len() as i64);
}

#[tokio::test]
async fn the_quota_is_that_of_a_rolling_day_and_a_tenth_of_it_is_kept_for_sales() {
    let small = playbook_with(|text| text.replace("daily_quota = 50_000", "daily_quota = 100"));
    let deployment = world_with(&[], small).await;
    let line = deployment.sending();
    let hours = |hours: i64| at(NOW) + SignedDuration::from_hours(hours);
    let ask = async |line_of: Line, wanted: i64, now: Timestamp| match line
        .permits(line_of, wanted, now, now + SignedDuration::from_mins(10))
        .await
        .expect("the store answers")
    {
        Permits::Granted(permits) => permits.len(),
        Permits::Held(_) | Permits::LineTooLong => 0,
    };
    assert_eq!(ask(Line::Nurture, 60, hours(0)).await, 60);
    assert_eq!(ask(Line::Nurture, 60, hours(3)).await, 30, "what is left");
    assert_eq!(ask(Line::Nurture, 1, hours(4)).await, 0);
    assert_eq!(ask(Line::Sales, 20, hours(4)).await, 10, "kept for sales");
    assert_eq!(ask(Line::Sales, 1, hours(4)).await, 0);
    // The 60 leave with their hour; the 40 are still there.
    assert_eq!(ask(Line::Nurture, 60, hours(24)).await, 0, "the hour lies in the day still");
    assert_eq!(ask(Line::Nurture, 60, hours(25)).await, 50);
    // What was not used is given back.
    line.unused(20, hours(25)).await.expect("the store answers");
    assert_eq!(ask(Line::Nurture, 60, hours(25)).await, 20);
    let item = deployment.store.get_item(&keys::sending()).await.expect("the store answers").expect("the line");
    assert!(ask(Line::Nurture, 1, hours(24 * 40)).await == 1);
    let later = deployment.store.get_item(&keys::sending()).await.expect("the store answers").expect("the line");
    assert!(later.len() < item.len(), "what nothing asks for any more is forgotten");
}

#[tokio::test]
async fn a_permit_beyond_the_time_of_the_call_is_not_taken() {
    let deployment = world_with(&[], playbook()).await;
    let line = deployment.sending();
    let until = |seconds: i64| at(NOW) + SignedDuration::from_secs(seconds);
    let ask = async |wanted: i64, seconds: i64| {
        line.permits(Line::Nurture, wanted, at(NOW), until(seconds)).await.expect("the store answers")
    };
    let Permits::Granted(permits) = ask(1_000, 1).await else { panic!("some are free") };
    assert_eq!(permits.len(), 13, "those within a second");
    assert_eq!(ask(1, 1).await, Permits::LineTooLong);
    let Permits::Granted(next) = ask(1, 2).await else { panic!("one is free") };
    assert_eq!(next[0].as_microsecond() - permits[12].as_microsecond(), spacing_us(14), "nothing was lost");
}

#[tokio::test]
async fn mail_over_the_quota_waits_with_its_reason_and_is_lost_to_no_queue() {
    let small = playbook_with(|text| text.replace("daily_quota = 50_000", "daily_quota = 3"));
    let contacts = ["ada", "ben", "cleo", "dora"].map(str::to_owned);
    let deployment = world_with(&contacts, small).await;
    let sender = silent_sender(&deployment).await;
    let batch: Vec<Value> = contacts.iter().map(|contact| due(contact, SLOT)).collect();
    assert_eq!(send(&sender, &batch).await.len(), 0, "nothing goes back to the queue");
    let states = async || {
        let mut states = Vec::new();
        for contact in &contacts {
            let slot = slot(&deployment, contact).await.expect("it was decided");
            states.push((slot.state, slot.reason));
        }
        states
    };
    let (sent, waits) = ((SlotState::Sent, None), (SlotState::Waiting, Some("over the day's quota".to_owned())));
    assert_eq!(states().await, [sent.clone(), sent.clone(), waits.clone(), waits], "one is kept for sales");
    let rows = deployment.store.contact(&ContactId::from("dora")).await.expect("the contact can be read");
    let due_at = rows.cadence.and_then(|cadence| cadence.due_at);
    assert_eq!(due_at, Some(at("2026-01-08T09:00:00Z").as_second()), "the planner comes again in an hour");
    deployment.world.clock().set(at(NOW) + SignedDuration::from_hours(26));
    assert_eq!(send(&sender, &batch).await.len(), 0);
    let states: Vec<SlotState> = states().await.into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [SlotState::Sent; 4], "the next day they are sent");
}

#[tokio::test]
async fn off_production_only_the_list_is_written_to() {
    for (allow, expected) in [
        ("[\"@fernhill.example.com\"]", (SlotState::Silent, 0)),
        ("[]", (SlotState::Silent, 0)),
        ("[\"@juniper.example.com\"]", (SlotState::Sent, 1)),
        ("[\"Ada@juniper.example.com\"]", (SlotState::Sent, 1)),
        ("[\"ben@juniper.example.com\"]", (SlotState::Silent, 0)),
    ] {
        let listed =
            playbook_with(|text| text.replace("allow = [\"@fernhill.example.com\"]", &format!("allow = {allow}")));
        let deployment = world_with(&["ada".to_owned()], listed).await;
        let mut sender = silent_sender(&deployment).await;
        sender.recipients = Recipients::of_stage("dev");
        assert_eq!(send(&sender, &[due("ada", SLOT)]).await.len(), 0);
        let decided = slot(&deployment, "ada").await.expect("it was decided");
        let mails = deployment.world.mails().expect("the world remembers").len();
        assert_eq!((decided.state, mails), expected, "{allow}");
        let reason = (decided.state == SlotState::Silent).then(|| NOT_ALLOWED.to_owned());
        assert_eq!(decided.reason, reason, "{allow}");
        let rows = deployment.store.contact(&ContactId::from("ada")).await.expect("the contact can be read");
        assert!(rows.cadence.expect("a cadence").due_at.is_some(), "the planner comes again");
    }
}

#[tokio::test]
async fn a_ramp_lets_a_new_sender_grow() {
    let rules = playbook_with(|text| {
        text.replace("daily_quota = 50_000", "daily_quota = 50_000\nramp = { start = 20, double_every_days = 3 }")
    });
    let deployment = world_with(&[], rules).await;
    let line: Sending = deployment.sending();
    // Mail to sales does not begin it: a team hears of its leads weeks before the first contact is written to.
    let before = at(NOW) - SignedDuration::from_hours(24 * 20);
    let to_sales = line.permits(Line::Sales, 1, before, before + SignedDuration::from_mins(10)).await;
    assert!(matches!(to_sales.expect("the store answers"), Permits::Granted(_)));
    for (day, expected) in [(0, 18), (2, 18), (4, 36), (7, 72)] {
        let now = at(NOW) + SignedDuration::from_hours(24 * day + 2 * day);
        let until = now + SignedDuration::from_mins(10);
        let Permits::Granted(permits) =
            line.permits(Line::Nurture, 1_000, now, until).await.expect("the store answers")
        else {
            panic!("day {day}")
        };
        assert_eq!(permits.len(), expected, "day {day}");
    }
}
