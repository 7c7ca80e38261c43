//! At most one mail per slot, and none after an opt-out, a bounce, or a risk.

use aws_sdk_dynamodb::types::AttributeValue;
use fastrand::Rng;
use futures::FutureExt as _;
use http::Request;
use jiff::SignedDuration;
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_local::{Call, Fault};
use perennial_platform::keys;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::records::{Cadence, Slot, SlotState, date_of};
use perennial_platform::store::Change;
use perennial_tests::interpose::Interposer;
pub(crate) use perennial_tests::mailing::{due, send as handle, silent_sender as sender};
use perennial_tests::{PUBLIC_URL, address_of, at, body, deploy, engagement, introduce, seed, settle, store_at, tell};
use send_nurture_email::SendNurtureEmail;
use serde_json::json;

/// A Tuesday: contacts become known.
pub(crate) const BEFORE: &str = "2026-01-06T08:00:00Z";
/// A Thursday at nine in Berlin: their slot has come.
pub(crate) const NOW: &str = "2026-01-08T08:00:00Z";
pub(crate) const SLOT: &str = "2026-01-08";
/// The slot a week later, when the gap has passed.
const NEXT: (&str, &str) = ("2026-01-15T08:00:00Z", "2026-01-15");

/// The local world's own key: links made here are read there.
pub(crate) fn links() -> Links {
    Links::new("the local world's link key", PUBLIC_URL)
}

/// A sender whose calls to DynamoDB go to this endpoint.
pub(crate) async fn sender_at(endpoint: &str, deployment: &Deployment) -> SendNurtureEmail {
    SendNurtureEmail { store: store_at(endpoint).await, ..sender(deployment).await }
}

/// A world in which these contacts have shown interest in Analytics and their slot has come.
pub(crate) async fn world_with(contacts: &[&str]) -> Deployment {
    let deployment = deploy(at(BEFORE)).await;
    for contact in contacts {
        introduce(&deployment, contact).await;
        let shown = engagement(contact, "analytics-checklist", "download", at(BEFORE));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    settle(&deployment).await;
    deployment.world.clock().set(at(NOW));
    deployment
}

pub(crate) async fn slot(deployment: &Deployment, contact: &str, slot: &str) -> Option<Slot> {
    deployment.store.get(&keys::slot(&ContactId::from(contact), slot)).await.expect("the slot can be read")
}

async fn state(deployment: &Deployment, contact: &str) -> Option<SlotState> {
    slot(deployment, contact, SLOT).await.map(|slot| slot.state)
}

pub(crate) async fn cadence(deployment: &Deployment, contact: &str) -> Cadence {
    let rows = deployment.store.contact(&ContactId::from(contact)).await.expect("the contact can be read");
    rows.cadence.expect("an identified contact has a cadence")
}

/// How many mails the mail server accepted for a contact.
pub(crate) fn mails(deployment: &Deployment, contact: &str) -> usize {
    let all = deployment.world.mails().expect("the world remembers");
    all.iter().filter(|mail| mail.to.contains(&address_of(contact))).count()
}

#[tokio::test]
async fn whatever_ses_answers_a_slot_has_at_most_one_mail() {
    use SlotState::{Rejected, Sent, Unknown, Waiting};
    // Fault; state and accepted mails after it, whether the message comes back; state and mails after two redeliveries.
    for (what, fault, after, accepted, comes_back, in_the_end, in_all) in [
        ("it works", None, Sent, 1, false, Sent, 1),
        ("the reply is lost", Some(Fault::LoseReply), Unknown, 1, false, Unknown, 1),
        ("the request is lost", Some(Fault::LoseRequest), Unknown, 0, false, Unknown, 0),
        ("SES answers 500", Some(Fault::ServerError), Unknown, 0, false, Unknown, 0),
        ("SES throttles for a moment", Some(Fault::Throttle), Sent, 1, false, Sent, 1),
        ("the account is paused", Some(Fault::Refuse("SendingPausedException".into())), Waiting, 0, false, Sent, 1),
        (
            "SES is not ready",
            Some(Fault::Refuse("MailFromDomainNotVerifiedException".into())),
            Waiting,
            0,
            false,
            Sent,
            1,
        ),
        ("the message is refused", Some(Fault::Refuse("MessageRejected".into())), Rejected, 0, false, Rejected, 0),
        ("the message is bad", Some(Fault::Refuse("BadRequestException".into())), Rejected, 0, false, Rejected, 0),
    ] {
        let deployment = world_with(&["ada"]).await;
        let sender = sender(&deployment).await;
        if let Some(fault) = fault {
            deployment.world.faults().inject(Call::SendEmail, fault);
        }
        let failures = handle(&sender, &[due("ada", SLOT)]).await;
        assert_eq!(deployment.world.faults().pending(), 0, "{what}: the fault has happened");
        let seen = (state(&deployment, "ada").await, mails(&deployment, "ada"), failures.len() == 1);
        assert_eq!(seen, (Some(after), accepted, comes_back), "{what}");

        let held = cadence(&deployment, "ada").await;
        let reserved = (after == Unknown).then(|| SLOT.to_owned());
        assert_eq!(held.reserved_by, reserved, "{what}: a mail that is perhaps on its way keeps its place");
        let (last_mail, pieces) =
            (held.last_mail_day.map(date_of), held.streams.values().map(|it| it.sent.len()).sum());
        assert_eq!((last_mail.is_some(), pieces), (after == Sent, usize::from(after == Sent)), "{what}");

        for _ in 0..2 {
            assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0, "{what}: nothing is left to do");
        }
        assert_eq!((state(&deployment, "ada").await, mails(&deployment, "ada")), (Some(in_the_end), in_all), "{what}");
    }
}

#[tokio::test]
async fn a_sender_that_died_is_not_replaced_by_a_second_mail() {
    let deployment = world_with(&["ada"]).await;
    // The first is the claim.
    let (between, mut at_settlement) =
        Interposer::stuck_at(&deployment.world.endpoints().dynamodb, "TransactWriteItems", 2).await;
    let dying = sender_at(&between.url, &deployment).await;
    let batch = [due("ada", SLOT)];
    tokio::select! {
        failures = handle(&dying, &batch) => panic!("it cannot settle: {failures:?}"),
        reached = at_settlement.recv() => assert_eq!(reached, Some(())),
    }
    assert_eq!((state(&deployment, "ada").await, mails(&deployment, "ada")), (Some(SlotState::Sending), 1));

    let another = sender(&deployment).await;
    // The lease of five minutes outlasts a Lambda's 120 seconds, and is over when the queue delivers again, after 720.
    for (what, seconds, comes_back, expected) in [
        ("at once", 0, true, SlotState::Sending),
        ("while the other may still run", 120, true, SlotState::Sending),
        ("shortly before the lease ends", 299, true, SlotState::Sending),
        ("at the next delivery", 720, false, SlotState::Unknown),
        ("an hour later", 3_600, false, SlotState::Unknown),
    ] {
        deployment.world.clock().set(at(NOW) + SignedDuration::from_secs(seconds));
        assert_eq!(handle(&another, &[due("ada", SLOT)]).await.len() == 1, comes_back, "{what}");
        assert_eq!((state(&deployment, "ada").await, mails(&deployment, "ada")), (Some(expected), 1), "{what}");
    }
}

/// What can happen to a contact whose mail is being decided.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Happens {
    OptOut,
    /// Its first write alone, which is what the claim must see: the address is suppressed a moment later.
    OptOutBegun,
    Bounce,
    AtRisk,
    ForeignMail,
    AnotherSender,
}

impl Happens {
    async fn carry_out(self, deployment: &Deployment, contact: &str) {
        let now = deployment.world.clock().now();
        match self {
            Self::OptOut => return press_unsubscribe(deployment, contact).await,
            Self::OptOutBegun => {
                let opted_out = Change::of(keys::preferences(&ContactId::from(contact)), "SET #unsubscribed = :yes")
                    .with(":yes", AttributeValue::Bool(true));
                let written = deployment.store.apply("opt-out", opted_out).await.expect("the store answers");
                return assert!(written);
            }
            Self::AnotherSender => {
                let failures = handle(&sender(deployment).await, &[due(contact, SLOT)]).await;
                return assert_eq!(failures.len(), 0);
            }
            Self::Bounce => {
                let bounce = body("email.bounced", now, &json!({"contact": contact, "permanent": true}));
                tell(deployment, &format!("bounce-{contact}"), &bounce).await;
            }
            Self::AtRisk => {
                let account = json!({"account": format!("account-of-{contact}"), "health": "at-risk"});
                tell(deployment, &format!("risk-{contact}"), &body("account.updated", now, &account)).await;
            }
            Self::ForeignMail => {
                let reported = body("email.reported", now, &json!({"contact": contact}));
                tell(deployment, &format!("foreign-{contact}"), &reported).await;
            }
        }
        settle(deployment).await;
    }
}

/// The one click of RFC 8058.
pub(crate) async fn press_unsubscribe(deployment: &Deployment, contact: &str) {
    let purpose = Purpose::Unsubscribe { contact: contact.into(), slot: SLOT.to_owned() };
    let url = links().url(&purpose, deployment.world.clock().now());
    let path = url.strip_prefix(PUBLIC_URL).expect("our own link");
    let request = Request::post(path).body("List-Unsubscribe=One-Click".into()).expect("a request");
    let answer = deployment.world.http(request).await.expect("the world goes on");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn what_happens_before_the_claim_stops_the_mail() {
    for (happens, reason) in [
        (Happens::OptOut, "unsubscribed"),
        (Happens::OptOutBegun, "unsubscribed"),
        (Happens::Bounce, "suppressed"),
        (Happens::AtRisk, "at risk"),
        (Happens::ForeignMail, "gap"),
    ] {
        // Once before the decision, once between the decision and the claim that it makes.
        for between_decision_and_claim in [false, true] {
            let deployment = world_with(&["ada"]).await;
            let acting = deployment.clone();
            let gate =
                Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
                    let acting = acting.clone();
                    async move {
                        if between_decision_and_claim && number == 1 {
                            happens.carry_out(&acting, "ada").await;
                        }
                    }
                    .boxed()
                })
                .await;
            if !between_decision_and_claim {
                happens.carry_out(&deployment, "ada").await;
            }
            let sender = sender_at(&gate.url, &deployment).await;
            assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
            let what = format!("{happens:?}, between decision and claim: {between_decision_and_claim}");
            assert_eq!(mails(&deployment, "ada"), 0, "{what}");
            let silent = slot(&deployment, "ada", SLOT).await.expect("silence is recorded");
            assert_eq!(silent.state, SlotState::Silent, "{what}");
            let said = silent.reason.unwrap_or_default();
            assert!(said.contains(reason), "{what}: {said}");
        }
    }
}

#[tokio::test]
async fn of_two_senders_at_one_slot_one_sends() {
    let deployment = world_with(&["ada"]).await;
    let acting = deployment.clone();
    let gate = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
        let acting = acting.clone();
        async move {
            if number == 1 {
                Happens::AnotherSender.carry_out(&acting, "ada").await;
            }
        }
        .boxed()
    })
    .await;
    let slower = sender_at(&gate.url, &deployment).await;
    assert_eq!(handle(&slower, &[due("ada", SLOT)]).await.len(), 0);
    assert_eq!((state(&deployment, "ada").await, mails(&deployment, "ada")), (Some(SlotState::Sent), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_senders_at_once_send_one_mail() {
    let contacts = ["ada", "ben", "cleo", "dora", "emil"];
    let deployment = world_with(&contacts).await;
    for contact in contacts {
        let mut racing = Vec::new();
        for _ in 0..16 {
            let sender = sender(&deployment).await;
            racing.push(tokio::spawn(async move { handle(&sender, &[due(contact, SLOT)]).await }));
        }
        for raced in racing {
            raced.await.expect("no panic");
        }
        assert_eq!((state(&deployment, contact).await, mails(&deployment, contact)), (Some(SlotState::Sent), 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_opt_out_that_races_with_the_sender_is_the_last_word() {
    let mut random = Rng::with_seed(seed());
    let contacts: Vec<String> = (0..60).map(|number| format!("contact-{number}")).collect();
    let deployment = world_with(&contacts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut sent = 0;
    for contact in &contacts {
        let sender = sender(&deployment).await;
        let (pause_sender, pause_opt_out) = (random.u8(0..20), random.u8(0..20));
        let opting_out = {
            let (deployment, contact) = (deployment.clone(), contact.clone());
            tokio::spawn(async move {
                for _ in 0..pause_opt_out {
                    tokio::task::yield_now().await;
                }
                press_unsubscribe(&deployment, &contact).await;
            })
        };
        let due_now = due(contact, SLOT);
        let sending = tokio::spawn(async move {
            for _ in 0..pause_sender {
                tokio::task::yield_now().await;
            }
            handle(&sender, &[due_now]).await
        });
        opting_out.await.expect("no panic");
        assert_eq!(sending.await.expect("no panic").len(), 0);
        let (accepted, state) = (mails(&deployment, contact), state(&deployment, contact).await);
        let expected = if accepted == 1 { SlotState::Sent } else { SlotState::Silent };
        assert!(accepted <= 1, "{contact}: {accepted} mails");
        assert_eq!(state, Some(expected), "{contact}");
        sent += accepted;
    }
    println!("{sent} of {} mails left before the opt-out", contacts.len());

    deployment.world.clock().set(at(NEXT.0));
    let sender = sender(&deployment).await;
    for contact in &contacts {
        let before = mails(&deployment, contact);
        assert_eq!(handle(&sender, &[due(contact, NEXT.1)]).await.len(), 0);
        assert_eq!(mails(&deployment, contact), before, "{contact}: nothing after the opt-out");
        let silent = slot(&deployment, contact, NEXT.1).await.expect("silence is recorded");
        assert_eq!((silent.state, silent.reason.as_deref()), (SlotState::Silent, Some("unsubscribed")), "{contact}");
    }
}
