//! The ways in which mail is lost though each step is right: each has its own test, and no mail is lost.

use jiff::SignedDuration;
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_local::{Call, ClockHandle, Fault};
use perennial_platform::keys;
use perennial_platform::lambda::Tick;
use perennial_platform::queue::Queue;
use perennial_platform::records::{Slot, SlotState, date_of};
use perennial_tests::interpose::Interposer;
use perennial_tests::mailing::{due, mail_event, record, recorder, send, silent_sender};
use perennial_tests::{
    address_of, at, deploy_with, engagement, introduce, playbook, sdk_config, settle, store_at, tell,
};
use plan_nurture::PlanNurture;
use serde_json::{Value, json};

use crate::alarms::counted;
use crate::private::Logs;

/// A Tuesday, before the day's first planning: contacts become known.
const BEFORE: &str = "2026-01-06T08:00:00Z";
/// Their slot has come.
const PLANNED: &str = "2026-01-06T09:00:00Z";
const SLOT: &str = "2026-01-06";
const NOON: &str = "2026-01-06T12:00:00Z";
const TEXT: &str = "Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: ";

async fn world_with(contacts: &[String]) -> Deployment {
    let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), playbook()).await;
    for contact in contacts {
        introduce(&deployment, contact).await;
        let shown = engagement(contact, "analytics-checklist", "download", at(BEFORE));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    settle(&deployment).await;
    deployment
}

fn contacts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("contact-{number}")).collect()
}

async fn slot(deployment: &Deployment, contact: &str, slot: &str) -> Option<Slot> {
    deployment.store.get(&keys::slot(&ContactId::from(contact), slot)).await.expect("the slot can be read")
}

/// State and reason of a contact's slot of the day.
async fn standing(deployment: &Deployment, contact: &str) -> (SlotState, String) {
    let slot = slot(deployment, contact, SLOT).await.expect("it was decided");
    (slot.state, slot.reason.or(slot.error).unwrap_or_default())
}

/// How many mails SES took for each of them.
fn mails(deployment: &Deployment, contacts: &[String]) -> Vec<usize> {
    let all = deployment.world.mails().expect("the world remembers");
    let to = |contact: &String| all.iter().filter(|mail| mail.to.contains(&address_of(contact))).count();
    contacts.iter().map(to).collect()
}

async fn advance(deployment: &Deployment, to: &str) {
    deployment.world.advance_to(at(to), |_| {}).await.expect("the world goes on");
}

fn nothing_is_given_up(deployment: &Deployment) {
    assert_eq!(deployment.world.dead_letters().expect("the world remembers"), []);
}

#[tokio::test]
async fn a_planner_that_dies_between_planning_and_queueing_loses_nobody_and_writes_to_nobody_twice() {
    // More than one call of the queue takes. The planner dies before the queue has them, when it has, and as it moves the first,
    // the fifth and the last of them on.
    for dies_at in [None, Some(0), Some(1), Some(5), Some(12)] {
        let contacts = contacts(12);
        let deployment = world_with(&contacts).await;
        deployment.world.clock().set(at(PLANNED));
        let (aws, dynamodb) = (&deployment.world.endpoints().aws, &deployment.world.endpoints().dynamodb);
        let (between, mut stuck) = Interposer::stuck_at(dynamodb, "UpdateItem", dies_at.unwrap_or_default()).await;
        match dies_at {
            None => deployment.world.faults().inject(Call::SendMessageBatch, Fault::LoseRequest),
            Some(0) => deployment.world.faults().inject(Call::SendMessageBatch, Fault::Hang),
            Some(_) => {}
        }
        let planner = PlanNurture {
            store: store_at(&between.url).await,
            queue: Queue::new(&sdk_config(aws).await, deployment.world.queue_url("MailQueue")),
            playbook: deployment.playbook.clone(),
        };
        let tick = Tick { job: "nurture".to_owned(), scheduled_at: at(PLANNED) };
        let mut changes = deployment.world.changes();
        changes.mark_unchanged();
        tokio::select! {
            planned = planner.handle(tick) => assert!(planned.is_err() && dies_at.is_none(), "{dies_at:?}"),
            reached = stuck.recv() => assert!(reached.is_some() && dies_at.is_some_and(|call| call > 0)),
            changed = changes.changed(), if dies_at == Some(0) => changed.expect("the world goes on"),
        }
        // The next planning comes an hour later.
        advance(&deployment, NOON).await;
        assert_eq!(mails(&deployment, &contacts), vec![1; contacts.len()], "dies at {dies_at:?}");
        for contact in &contacts {
            assert_eq!(standing(&deployment, contact).await.0, SlotState::Sent, "dies at {dies_at:?}");
        }
        nothing_is_given_up(&deployment);
    }
}

#[tokio::test]
async fn a_throttled_mail_is_not_stopped_by_the_gap_that_it_has_reserved_itself() {
    let contacts = contacts(1);
    let deployment = world_with(&contacts).await;
    // Each round of the first two deliveries; the queue delivers again after twelve minutes.
    for _ in 0..8 {
        deployment.world.faults().inject(Call::SendEmail, Fault::Throttle);
    }
    let cadence = async || {
        let rows = deployment.store.contact(&ContactId::from(contacts[0].as_str())).await.expect("the store answers");
        rows.cadence.expect("a cadence")
    };
    for until in ["2026-01-06T09:05:00Z", "2026-01-06T09:20:00Z"] {
        advance(&deployment, until).await;
        let throttled = (SlotState::Retry, "TooManyRequestsException".to_owned());
        assert_eq!((standing(&deployment, &contacts[0]).await, mails(&deployment, &contacts)), (throttled, vec![0]));
        assert_eq!(cadence().await.reserved_by.as_deref(), Some(SLOT), "no other slot comes between");
    }
    advance(&deployment, "2026-01-06T09:30:00Z").await;
    assert_eq!(deployment.world.faults().pending(), 0);
    assert_eq!(
        (standing(&deployment, &contacts[0]).await.0, mails(&deployment, &contacts)),
        (SlotState::Sent, vec![1])
    );
    let known = cadence().await;
    assert_eq!(
        (known.reserved_by, known.last_mail_day.map(|day| date_of(day).to_string()).as_deref()),
        (None, Some(SLOT))
    );
    nothing_is_given_up(&deployment);
}

#[tokio::test]
async fn a_fault_of_the_account_in_mid_cast_costs_nobody_a_mail() {
    let refuse = |code: &str| Fault::Refuse(code.to_owned());
    let say = |code: &str, text: &str| Fault::RefuseSaying(code.to_owned(), text.to_owned());
    for (fault, code) in [
        (refuse("SendingPausedException"), "SendingPausedException"),
        (refuse("AccountSuspendedException"), "AccountSuspendedException"),
        (refuse("MailFromDomainNotVerifiedException"), "MailFromDomainNotVerifiedException"),
        (refuse("LimitExceededException"), "LimitExceededException"),
        (refuse("AccessDeniedException"), "AccessDeniedException"),
        (say("MessageRejected", &format!("{TEXT}hello@fernhill.example.com")), "sender not verified"),
        (say("TooManyRequestsException", "Daily message quota exceeded."), "over the daily quota"),
    ] {
        let contacts = contacts(5);
        let deployment = world_with(&contacts).await;
        let (logs, faults) = (Logs::capture(), deployment.world.faults());
        let start = logs.len();
        faults.pass(Call::SendEmail);
        faults.pass(Call::SendEmail);
        faults.inject_always(Call::SendEmail, fault);
        // Longer than the queue would deliver it again.
        for until in ["2026-01-06T09:10:00Z", "2026-01-06T14:10:00Z"] {
            advance(&deployment, until).await;
            let mut states = Vec::new();
            for contact in &contacts {
                states.push(standing(&deployment, contact).await);
            }
            let waits = (SlotState::Waiting, format!("SES takes nothing from the account: {code}"));
            assert_eq!(states.iter().filter(|state| **state == waits).count(), 3, "{code}: {states:?}");
            assert_eq!(mails(&deployment, &contacts).iter().sum::<usize>(), 2, "{code}");
        }
        // Each planning asks SES once, and raises the alarm.
        assert_eq!(counted(&logs.of_this_test(start)), [("AccountFaults".to_owned(), 6)].into(), "{code}");
        faults.clear();
        advance(&deployment, "2026-01-06T15:10:00Z").await;
        assert_eq!(mails(&deployment, &contacts), [1; 5], "{code}: mended, and sent within the hour");
        for contact in &contacts {
            assert_eq!(standing(&deployment, contact).await, (SlotState::Sent, String::new()), "{code}");
        }
        nothing_is_given_up(&deployment);
    }
}

#[tokio::test]
async fn a_fault_of_the_account_that_outlasts_the_day_is_a_reason_and_the_mail_goes_out_on_the_next() {
    let contacts = contacts(3);
    let deployment = world_with(&contacts).await;
    deployment.world.faults().inject_always(Call::SendEmail, Fault::Refuse("AccountSuspendedException".into()));
    advance(&deployment, "2026-01-07T08:30:00Z").await;
    for contact in &contacts {
        let (state, reason) = standing(&deployment, contact).await;
        assert!(state != SlotState::Sent && !reason.is_empty(), "{contact}: {state:?}, {reason}");
    }
    deployment.world.faults().clear();
    advance(&deployment, "2026-01-07T09:30:00Z").await;
    // What a slot reserved for which nothing was sent is in nobody's way.
    for contact in &contacts {
        let next = slot(&deployment, contact, "2026-01-07").await.expect("it was decided");
        assert_eq!(next.state, SlotState::Sent, "{contact}: {:?}", next.reason);
    }
    assert_eq!(mails(&deployment, &contacts), [1; 3]);
    nothing_is_given_up(&deployment);
}

#[tokio::test]
async fn in_the_sandbox_only_whom_ses_does_not_know_waits() {
    let contacts = contacts(3);
    let deployment = world_with(&contacts).await;
    deployment.world.clock().set(at(PLANNED));
    let unknown = Fault::RefuseSaying("MessageRejected".into(), format!("{TEXT}{}", address_of(&contacts[0])));
    deployment.world.faults().inject(Call::SendEmail, unknown);
    let batch: Vec<Value> = contacts.iter().map(|contact| due(contact, SLOT)).collect();
    assert_eq!(send(&silent_sender(&deployment).await, &batch).await.len(), 0);
    assert_eq!(mails(&deployment, &contacts), [0, 1, 1]);
    let waits = (SlotState::Waiting, "SES takes nothing from the account: recipient not verified".to_owned());
    assert_eq!(standing(&deployment, &contacts[0]).await, waits);
}

#[tokio::test]
async fn where_a_mail_to_sales_meets_the_fault_it_is_put_off_and_contacts_wait() {
    let contacts = contacts(2);
    let deployment = world_with(&contacts).await;
    deployment.world.clock().set(at(PLANNED));
    let help = json!({"account": "account-of-contact-0", "product": "analytics", "bought_at": 1, "owner": "rep-anna"});
    let help = json!({"detail-type": "AccountNeedsHelp", "detail": help});
    let batch = [due(&contacts[0], SLOT), help.clone(), due(&contacts[1], SLOT), help];
    let sender = silent_sender(&deployment).await;
    deployment.world.faults().pass(Call::SendEmail);
    deployment.world.faults().inject(Call::SendEmail, Fault::Refuse("SendingPausedException".into()));
    assert_eq!(send(&sender, &batch).await.len(), 0, "nothing uses up the receives of the queue");
    assert_eq!(mails(&deployment, &contacts), [1, 0]);
    assert_eq!(standing(&deployment, &contacts[1]).await.0, SlotState::Waiting);
    // The planner comes again for the contact, the queue delivers what was put off.
    advance(&deployment, NOON).await;
    assert_eq!(mails(&deployment, &contacts), [1, 1]);
    assert_eq!(deployment.world.mails().expect("the world remembers").len(), 3, "one of them to sales");
    nothing_is_given_up(&deployment);
}

#[tokio::test]
async fn a_sender_that_dies_in_sending_leaves_one_slot_unknown_and_the_rest_of_its_batch_is_sent() {
    // The second of three: SES has taken it, or was never asked.
    for taken in [true, false] {
        let contacts = contacts(3);
        let deployment = world_with(&contacts).await;
        deployment.world.clock().set(at(PLANNED));
        // Claim and settlement of the first, claim and settlement of the second.
        let call = if taken { 4 } else { 3 };
        let endpoint = &deployment.world.endpoints().dynamodb;
        let batch: Vec<Value> = contacts.iter().map(|contact| due(contact, SLOT)).collect();
        let (between, mut stuck) = Interposer::stuck_at(endpoint, "TransactWriteItems", call).await;
        let mut dying = silent_sender(&deployment).await;
        dying.store = store_at(&between.url).await;
        tokio::select! {
            failed = send(&dying, &batch) => panic!("it dies: {failed:?}"),
            reached = stuck.recv() => assert_eq!(reached, Some(())),
        }
        assert_eq!(mails(&deployment, &contacts), [1, usize::from(taken), 0]);
        let sender = silent_sender(&deployment).await;
        if taken {
            assert_eq!(send(&sender, &batch).await, ["1"], "its lease has not passed");
        }
        deployment.world.clock().set(at(PLANNED) + SignedDuration::from_mins(12));
        assert_eq!(send(&sender, &batch).await.len(), 0);
        assert_eq!(mails(&deployment, &contacts), [1; 3]);
        let second = standing(&deployment, &contacts[1]).await;
        let unknown = (SlotState::Unknown, "no settlement within the lease".to_owned());
        assert_eq!(second, if taken { unknown } else { (SlotState::Sent, String::new()) });
        if taken {
            let told = mail_event("Delivery", &contacts[1], SLOT, deployment.world.clock().now());
            assert_eq!(record(&recorder(&deployment).await, &[told]).await.len(), 0);
            assert_eq!(standing(&deployment, &contacts[1]).await.0, SlotState::Sent);
        }
    }
}
