//! Each fault at each step of the claim protocol, a thousand times each: crash, lost reply, hang and status 500 while loading, taking
//! a permit, claiming, sending and settling.
//!
//! Of no slot does SES take more than one mail; each ends as sent, refused or unknown; what is unknown says why, in both reports; and
//! what was provably not sent is sent in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use fastrand::Rng;
use jiff::civil::date;
use jiff::{SignedDuration, ToSpan};
use perennial::deployment::{Deployment, address_key};
use perennial::silences::silences;
use perennial::why::why_no_email;
use perennial_domain::ids::ContactId;
use perennial_local::ClockHandle;
use perennial_platform::keys;
use perennial_platform::lambda::time_limits;
use perennial_platform::mail::Mailer;
use perennial_platform::records::{Slot, SlotState};
use perennial_platform::sending::Sending;
use perennial_platform::store::{Item, Store};
use perennial_tests::mailing::{due, mail_event, record, recorder, send, silent_sender};
use perennial_tests::wire::{Goes, Which, Wire};
use perennial_tests::{address_of, at, deploy_with, engagement, introduce, playbook, seed, settle, tell};
use send_nurture_email::SendNurtureEmail;
use tokio::sync::mpsc::UnboundedReceiver;

const BEFORE: &str = "2026-01-06T08:00:00Z";
/// A Thursday at nine in Berlin.
const NOW: &str = "2026-01-08T08:00:00Z";
/// Of each fault at each step, unless `PERENNIAL_RUNS` says otherwise.
fn runs() -> usize {
    std::env::var("PERENNIAL_RUNS").map_or(1_000, |text| text.parse().expect("a number"))
}

const CONTACTS: usize = 20;

/// A step of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Load,
    Permit,
    Claim,
    Send,
    Settle,
}

/// What goes wrong at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// The process dies, before the call or after its effect.
    Crash,
    ReplyLost,
    /// Nobody answers, whether it took effect or not, until the time limit has passed.
    Hang,
    ServerError,
}

const FAULTS: [Fault; 4] = [Fault::Crash, Fault::ReplyLost, Fault::Hang, Fault::ServerError];

impl Fault {
    /// As it happens to a call that takes effect, or does not.
    fn goes(self, takes_effect: bool) -> Goes {
        match self {
            Self::Crash | Self::Hang if takes_effect => Goes::Unanswered,
            Self::Crash | Self::Hang => Goes::Unsent,
            Self::ReplyLost => Goes::ReplyLost,
            Self::ServerError => Goes::ServerError,
        }
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivered {
    Done,
    ComesBack,
    Died,
}

/// The calls of an undisturbed send of one mail, by number.
struct Calls {
    load: Vec<usize>,
    /// When the line is read; then a place in it is taken.
    line: usize,
    claim: usize,
    send: usize,
    settle: usize,
}

/// A world with a sender whose every call can go wrong, and slots without end: a contact's cadence is put back before each.
struct Stage {
    deployment: Deployment,
    sender: SendNurtureEmail,
    wire: Wire,
    stuck: UnboundedReceiver<()>,
    cadences: Vec<Item>,
    calls: Calls,
    /// What SES answers at the next delivery, if it does not take the mail.
    answer: Option<&'static str>,
    rounds: usize,
    /// The slots that are unknown, by their error.
    unknown: BTreeMap<String, usize>,
    done: BTreeMap<(Step, Fault), usize>,
}

fn contact(number: usize) -> String {
    format!("contact-{}", number % CONTACTS)
}

impl Stage {
    async fn open() -> Self {
        let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), playbook()).await;
        for number in 0..CONTACTS {
            introduce(&deployment, &contact(number)).await;
            let shown = engagement(&contact(number), "analytics-checklist", "download", at(BEFORE));
            tell(&deployment, &format!("shown-{number}"), &shown).await;
        }
        settle(&deployment).await;
        let mut cadences = Vec::new();
        for number in 0..CONTACTS {
            let key = keys::cadence(&ContactId::from(contact(number).as_str()));
            cadences.push(deployment.store.get_item(&key).await.expect("the store answers").expect("a cadence"));
        }
        let (wire, stuck) = Wire::to(&deployment.world.endpoints().dynamodb);
        let config = wire.config(time_limits()).await;
        let store = Store { client: aws_sdk_dynamodb::Client::new(&config), state: deployment.store.state.clone() };
        let sender = SendNurtureEmail {
            mailer: Mailer::new(&config, &deployment.playbook.company.sender, None),
            sending: Sending {
                store: store.clone(),
                rules: deployment.playbook.sending.rules.clone(),
                needs_approval: None,
            },
            store,
            ..silent_sender(&deployment).await
        };
        let calls = Calls { load: Vec::new(), line: 0, claim: 0, send: 0, settle: 0 };
        let (unknown, done) = (BTreeMap::new(), BTreeMap::new());
        let mut stage =
            Self { deployment, sender, wire, stuck, cadences, calls, answer: None, rounds: 0, unknown, done };
        stage.learn().await;
        stage
    }

    /// Sends one mail undisturbed, and so learns by which calls.
    async fn learn(&mut self) {
        let slot = self.next_slot().await;
        assert_eq!(self.deliver(&slot, None).await, Delivered::Done);
        let calls = self.wire.calls();
        let numbers = |name: &str| -> Vec<usize> {
            calls.iter().enumerate().filter(|(_, call)| *call == name).map(|(number, _)| number).collect()
        };
        let (permits, transactions) = (numbers("UpdateItem"), numbers("TransactWriteItems"));
        let [permit] = permits[..] else { panic!("one permit: {calls:?}") };
        let [claim, settle] = transactions[..] else { panic!("a claim and a settlement: {calls:?}") };
        // Before the permit the line is read.
        let load: Vec<usize> = (0..claim).filter(|number| ![permit, permit - 1].contains(number)).collect();
        assert!(load.len() >= 8 && load.iter().all(|number| ["GetItem", "Query"].contains(&calls[*number].as_str())));
        assert_eq!((numbers("SendEmail"), calls.len()), (vec![claim + 1], settle + 1), "{calls:?}");
        self.calls = Calls { load, line: permit - 1, claim, send: claim + 1, settle };
    }

    /// A slot that nobody has decided, of a contact whom nothing speaks against, and a line in which nobody stands.
    async fn next_slot(&mut self) -> (String, String) {
        let (number, day) = (self.rounds % CONTACTS, (self.rounds / CONTACTS) as i32);
        self.rounds += 1;
        self.deployment.world.clock().set(at(NOW));
        let store = &self.deployment.store;
        let cadence = Put::builder().table_name(&store.state).set_item(Some(self.cadences[number].clone()));
        let cadence = TransactWriteItem::builder().put(cadence.build().expect("an item")).build();
        let line = store.delete(&keys::sending()).expect("a key");
        store.commit("anew", vec![cadence, line]).await.expect("the store answers");
        (contact(number), date(2026, 1, 8).saturating_sub(day.days()).to_string())
    }

    /// Delivers a slot's message, with this going wrong.
    async fn deliver(&mut self, slot: &(String, String), wrong: Option<(Fault, &[Which], Goes)>) -> Delivered {
        let answer = self.answer.take().map(|code| (Which::Number(self.calls.send), Goes::Refused(code)));
        let planned: Vec<_> =
            wrong.iter().flat_map(|(_, which, goes)| which.iter().map(|which| (*which, *goes))).chain(answer).collect();
        self.wire.plan(planned.clone());
        let batch = [due(&slot.0, &slot.1)];
        let mut sending = std::pin::pin!(send(&self.sender, &batch));
        loop {
            tokio::select! {
                biased;
                failed = &mut sending => {
                    assert!(self.wire.broken() >= planned.len(), "{planned:?} has happened");
                    return if failed.is_empty() { Delivered::Done } else { Delivered::ComesBack };
                }
                came = self.stuck.recv() => {
                    assert_eq!(came, Some(()));
                    let hangs = wrong.is_some_and(|(fault, ..)| fault == Fault::Hang);
                    if !hangs {
                        return Delivered::Died;
                    }
                    let limit = self.wire.timers().pass().expect("each call has a time limit");
                    let of_ses = self.wire.calls().last().is_some_and(|call| call == "SendEmail");
                    assert_eq!(limit, Duration::from_secs(if of_ses { 10 } else { 3 }));
                    let clock = self.deployment.world.clock();
                    clock.set(clock.now() + SignedDuration::try_from(limit).expect("a few seconds"));
                }
            }
        }
    }

    /// Delivers it again as the queue does: after twelve minutes, until it is done.
    async fn redeliver(&mut self, slot: &(String, String)) {
        for _ in 0..4 {
            let clock = self.deployment.world.clock();
            clock.set(clock.now() + SignedDuration::from_mins(12));
            if self.deliver(slot, None).await == Delivered::Done {
                return;
            }
        }
        panic!("{slot:?} goes to the dead letters");
    }

    async fn slot(&self, (contact, slot): &(String, String)) -> Option<Slot> {
        let key = keys::slot(&ContactId::from(contact.as_str()), slot);
        self.deployment.store.get(&key).await.expect("the slot can be read")
    }

    fn mails(&self, (contact, slot): &(String, String)) -> usize {
        self.wire.taken(slot, &address_of(contact))
    }

    /// What a slot came to, once the queue has nothing more to deliver: its state, and how many mails SES took.
    async fn end(&mut self, slot: &(String, String)) -> (SlotState, usize) {
        let stored = self.slot(slot).await.expect("it was decided");
        if stored.state == SlotState::Unknown {
            *self.unknown.entry(stored.error.expect("an unknown one says why")).or_default() += 1;
        }
        (stored.state, self.mails(slot))
    }

    fn count(&mut self, step: Step, fault: Fault) {
        *self.done.entry((step, fault)).or_default() += 1;
    }

    /// Both reports list every unknown slot with its reason, and what SES tells of one settles it.
    async fn explained(&self, expected: &[&str]) {
        println!("{:?}\n{:?}", self.done, self.unknown);
        assert_eq!(self.unknown.keys().map(String::as_str).collect::<Vec<_>>(), expected);
        let counted = silences(&self.deployment.store, None, None, &mut |_, _, _| {}).await.expect("a report");
        let unknown = counted.by_reason.iter().filter(|line| line.outcome == "unknown");
        let unknown: BTreeMap<String, usize> = unknown.map(|line| (line.reason.clone(), line.slots)).collect();
        assert_eq!(unknown, self.unknown);
        let mut listed = BTreeMap::new();
        for number in 0..CONTACTS {
            let (deployment, now) = (&self.deployment, self.deployment.world.clock().now());
            let store = &deployment.store;
            let said = why_no_email(store, &address_key(), &deployment.playbook, &contact(number), now).await;
            let said = said.expect("the store answers").expect("somebody we know");
            for line in said.slots.into_iter().filter(|line| line.state == SlotState::Unknown) {
                assert!(line.explanation.is_some_and(|text| text.starts_with("may have been sent")), "{line:?}");
                *listed.entry(line.reason.expect("a reason")).or_default() += 1;
            }
        }
        assert_eq!(listed, self.unknown);
    }
}

#[tokio::test]
async fn whatever_breaks_before_the_claim_holds_the_mail_is_sent_in_the_end() {
    let mut random = Rng::with_seed(seed());
    let mut stage = Stage::open().await;
    let mut wrongs = Vec::new();
    for fault in FAULTS {
        wrongs.extend([(Step::Load, fault), (Step::Permit, fault)]);
        // A lost reply is one of a claim that holds.
        wrongs.extend((fault != Fault::ReplyLost).then_some((Step::Claim, fault)));
    }
    for _ in 0..runs() {
        let slot = stage.next_slot().await;
        random.shuffle(&mut wrongs);
        for (step, fault) in wrongs.clone() {
            let (which, takes_effect) = match step {
                Step::Load => (vec![Which::Number(stage.calls.load[random.usize(0..stage.calls.load.len())])], true),
                // It is taken, or the line is read before.
                Step::Permit if random.bool() => (vec![Which::Each("UpdateItem")], random.bool()),
                Step::Permit => (vec![Which::Number(stage.calls.line)], true),
                _ => (vec![Which::Number(stage.calls.claim)], false),
            };
            let delivered = stage.deliver(&slot, Some((fault, &which, fault.goes(takes_effect)))).await;
            let expected = if fault == Fault::Crash { Delivered::Died } else { Delivered::ComesBack };
            assert_eq!(delivered, expected, "{fault:?} at {step:?}");
            let found = stage.slot(&slot).await.map(|slot| slot.state);
            assert_eq!((found, stage.mails(&slot)), (None, 0), "{fault:?} at {step:?}");
            stage.count(step, fault);
        }
        stage.redeliver(&slot).await;
        assert_eq!(stage.end(&slot).await, (SlotState::Sent, 1));
    }
    assert!(stage.done.len() == 11 && stage.done.values().all(|count| *count == runs()), "{:?}", stage.done);
    stage.explained(&[]).await;
}

#[tokio::test]
async fn whatever_breaks_between_claim_and_answer_ses_takes_at_most_one_mail_and_what_is_unknown_says_why() {
    let mut random = Rng::with_seed(seed());
    let mut stage = Stage::open().await;
    let feedback = recorder(&stage.deployment).await;
    let claims = [Fault::Crash, Fault::ReplyLost, Fault::Hang].map(|fault| (Step::Claim, fault));
    let wrongs = claims.into_iter().chain(FAULTS.map(|fault| (Step::Send, fault)));
    let mut wrongs: Vec<_> = wrongs.collect();
    for run in 0..runs() {
        random.shuffle(&mut wrongs);
        for (step, fault) in wrongs.clone() {
            let slot = stage.next_slot().await;
            let takes_effect = step == Step::Claim || fault == Fault::ReplyLost || random.bool();
            let number = if step == Step::Claim { stage.calls.claim } else { stage.calls.send };
            stage.deliver(&slot, Some((fault, &[Which::Number(number)], fault.goes(takes_effect)))).await;
            stage.redeliver(&slot).await;
            // A claim that holds is sent for, whether its answer came or not, if whoever made it lives.
            let expected = match (step, fault) {
                (Step::Claim, Fault::Crash) => (SlotState::Unknown, 0),
                (Step::Claim, _) => (SlotState::Sent, 1),
                (_, Fault::ServerError) => (SlotState::Unknown, 0),
                _ => (SlotState::Unknown, usize::from(takes_effect)),
            };
            assert_eq!(stage.end(&slot).await, expected, "{fault:?} at {step:?}, taken: {takes_effect}");
            stage.count(step, fault);
            if run % 50 == 0 && expected == (SlotState::Unknown, 1) {
                // What SES tells of it settles it.
                let told = mail_event("Delivery", &slot.0, &slot.1, stage.deployment.world.clock().now());
                assert_eq!(record(&feedback, &[told]).await.len(), 0);
                let was = stage.slot(&slot).await.expect("it is there");
                assert_eq!((was.state, was.error), (SlotState::Sent, None));
                let why = if fault == Fault::Crash {
                    LEASE
                } else if fault == Fault::Hang {
                    "timeout"
                } else {
                    "no answer"
                };
                *stage.unknown.get_mut(why).expect("it was unknown") -= 1;
            }
        }
    }
    assert!(stage.done.len() == 7 && stage.done.values().all(|count| *count == runs()), "{:?}", stage.done);
    stage.explained(&["InternalServerError", "no answer", LEASE, "timeout"]).await;
}

/// The error of a slot whose sender did not come back.
const LEASE: &str = "no settlement within the lease";

#[tokio::test]
async fn whatever_breaks_at_the_settlement_the_mail_is_not_sent_again_unless_it_was_settled_so() {
    let mut random = Rng::with_seed(seed());
    let mut stage = Stage::open().await;
    let mut ends = BTreeMap::new();
    for _ in 0..runs() {
        for fault in FAULTS {
            let slot = stage.next_slot().await;
            let answers = [None, Some("MessageRejected"), Some("TooManyRequestsException")];
            let answer = answers[random.usize(0..answers.len())];
            let takes_effect = fault == Fault::ReplyLost || (fault != Fault::ServerError && random.bool());
            let settle = stage.calls.settle;
            stage.answer = answer;
            stage.deliver(&slot, Some((fault, &[Which::Number(settle)], fault.goes(takes_effect)))).await;
            stage.redeliver(&slot).await;
            let expected = match (takes_effect, answer) {
                (true, Some("MessageRejected")) => (SlotState::Rejected, 0),
                // It was settled to be tried again, and is.
                (true, _) => (SlotState::Sent, 1),
                (false, answer) => (SlotState::Unknown, usize::from(answer.is_none())),
            };
            let end = stage.end(&slot).await;
            assert_eq!(end, expected, "{fault:?} after {answer:?}, taken: {takes_effect}");
            *ends.entry((answer, end.0.as_str())).or_insert(0) += 1;
            stage.count(Step::Settle, fault);
        }
    }
    assert!(stage.done.len() == 4 && stage.done.values().all(|count| *count == runs()), "{:?}", stage.done);
    assert!(ends.len() == 6 && ends.values().all(|count| *count > runs() / 5), "{ends:?}");
    stage.explained(&[LEASE]).await;
}
