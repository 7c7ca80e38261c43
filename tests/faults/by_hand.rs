//! Mail to contacts stops when somebody says so, and in production does not begin before the sender was found in order.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use perennial_domain::sending::{Held, Line};
use perennial_platform::records::SlotState;
use perennial_platform::sending::approval::{domain_of, needed};
use perennial_platform::sending::{Approved, ByHand, Permits};
use perennial_tests::mailing::{due, mail_event, record, recorder, send, silent_sender};
use perennial_tests::{at, playbook};
use serde_json::json;

use crate::alarms::counted;
use crate::line::{NOW, SLOT, slot, world_with};
use crate::private::Logs;

fn by_hand() -> ByHand {
    ByHand { why: "the landing page is down".to_owned(), by: "anna".to_owned(), at: at(NOW) }
}

fn digest() -> serde_json::Value {
    json!({"detail-type": "DigestReady", "detail": {"owner": "rep-anna", "date": SLOT}})
}

#[tokio::test]
async fn a_pause_by_hand_holds_contacts_back_until_it_is_resumed_and_no_mail_to_sales() {
    let contacts = ["ada", "ben"].map(str::to_owned);
    let deployment = world_with(&contacts, playbook()).await;
    let (sender, line) = (silent_sender(&deployment).await, deployment.sending());
    assert!(line.pause(&by_hand()).await.expect("the store answers"));
    let again = ByHand { by: "ben".to_owned(), ..by_hand() };
    assert!(!line.pause(&again).await.expect("the store answers"), "it is paused already");
    let known = line.known().await.expect("the store answers");
    assert_eq!((known.by_hand, known.paused_for.as_deref()), (Some(by_hand()), Some("by hand")));

    let batch = [due("ada", SLOT), due("ben", SLOT), digest()];
    assert_eq!(send(&sender, &batch).await.len(), 0, "nothing goes back to the queue");
    for contact in &contacts {
        let waits = slot(&deployment, contact).await.expect("it was decided");
        assert_eq!((waits.state, waits.reason.as_deref()), (SlotState::Waiting, Some("sending is paused by hand")));
    }
    let until = at(NOW) + SignedDuration::from_mins(1);
    let sales = line.permits(Line::Sales, 1, at(NOW), until).await.expect("the store answers");
    assert!(matches!(sales, Permits::Granted(_)), "{sales:?}");

    // Neither time nor the verdict on bounces lifts it.
    deployment.world.clock().set(at(NOW) + SignedDuration::from_hours(30 * 24));
    assert_eq!(line.judge(deployment.world.clock().now()).await.expect("the store answers"), None);
    let nurture = line.permits(Line::Nurture, 1, deployment.world.clock().now(), at("2026-03-01T08:00:00Z")).await;
    assert_eq!(nurture.expect("the store answers"), Permits::Held(Held::PausedByHand));

    deployment.world.clock().set(at(NOW) + SignedDuration::from_hours(1));
    assert!(line.resume().await.expect("the store answers"));
    assert!(!line.resume().await.expect("the store answers"), "it goes on");
    assert_eq!(send(&sender, &batch[..2]).await.len(), 0);
    for contact in &contacts {
        assert_eq!(slot(&deployment, contact).await.map(|slot| slot.state), Some(SlotState::Sent));
    }
}

#[tokio::test]
async fn a_pause_by_hand_forgives_nothing_and_stands_beside_one_that_came_by_itself() {
    let deployment = world_with(&[], playbook()).await;
    let line = deployment.sending();
    let until = at(NOW) + SignedDuration::from_hours(1);
    let taken = line.permits(Line::Nurture, 200, at(NOW), until).await.expect("the store answers");
    assert!(matches!(taken, Permits::Granted(permits) if permits.len() == 200));
    assert!(line.pause(&by_hand()).await.expect("the store answers"));
    let bounce = |number: usize| mail_event("Bounce", &format!("gone-{number}"), SLOT, at(NOW));
    let bounces: Vec<_> = (0..8).map(bounce).collect();
    assert_eq!(record(&recorder(&deployment).await, &bounces).await.len(), 0);
    assert!(line.resume().await.expect("the store answers"));
    let known = line.known().await.expect("the store answers");
    assert_eq!(known.came_back(at(NOW)).bounces, 8, "nobody has looked for its cause yet");

    // What came back is judged with the next that comes back; then both stand there, and one word lifts them.
    assert!(line.judge(at(NOW)).await.expect("the store answers").is_some());
    assert!(line.pause(&by_hand()).await.expect("the store answers"));
    let known = line.known().await.expect("the store answers");
    assert_eq!((known.paused_for.as_deref(), known.by_hand), (Some("bounces"), Some(by_hand())));
    assert!(line.resume().await.expect("the store answers"));
    let known = line.known().await.expect("the store answers");
    assert_eq!(known.came_back(at(NOW)).bounces, 0);
    assert_eq!((known.paused_at, known.by_hand), (None, None));
}

#[tokio::test]
async fn production_writes_to_no_contact_before_an_identity_is_approved_that_its_sender_may_send_as() {
    let logs = Logs::capture();
    let deployment = world_with(&["ada".to_owned()], playbook()).await;
    let start = logs.len();
    let mut sender = silent_sender(&deployment).await;
    sender.sending.needs_approval = needed(true, &deployment.playbook.company.sender);
    let line = sender.sending.clone();
    let address = line.needs_approval.clone().expect("production needs one");
    let domain = domain_of(&address);
    let approve = async |identity: &str| {
        let approved = Approved { identity: identity.to_owned(), at: at(NOW), by: "anna".to_owned() };
        line.approve(&approved).await.expect("the store answers");
    };
    let until = at(NOW) + SignedDuration::from_mins(1);
    let permits = async || line.permits(Line::Nurture, 1, at(NOW), until).await.expect("the store answers");

    // The role of the sender would refuse it under each of these.
    let above = domain.split_once('.').expect("a domain below another").1;
    for identity in [above, &domain.to_uppercase(), &format!("another@{domain}"), "another.example.com"] {
        approve(identity).await;
        assert_eq!(permits().await, Permits::Held(Held::Unapproved), "{identity}");
    }
    assert_eq!(send(&sender, &[due("ada", SLOT), digest()]).await.len(), 0, "nothing goes back to the queue");
    let waits = slot(&deployment, "ada").await.expect("it was decided");
    let reason = Some("the sender's domain is not approved");
    assert_eq!((waits.state, waits.reason.as_deref()), (SlotState::Waiting, reason));
    let waiting = BTreeMap::from([("HeldForApproval".to_owned(), 1)]);
    assert_eq!(counted(&logs.of_this_test(start)), waiting, "somebody is told");
    let sales = line.permits(Line::Sales, 1, at(NOW), until).await.expect("the store answers");
    assert!(matches!(sales, Permits::Granted(_)), "{sales:?}");

    approve(&address).await;
    assert!(matches!(permits().await, Permits::Granted(_)), "the one address");
    approve(&domain).await;
    deployment.world.clock().set(at(NOW) + SignedDuration::from_hours(1));
    assert_eq!(send(&sender, &[due("ada", SLOT)]).await.len(), 0);
    assert_eq!(slot(&deployment, "ada").await.map(|slot| slot.state), Some(SlotState::Sent));
    assert_eq!(counted(&logs.of_this_test(start)), waiting, "of nothing else");
    assert!(line.disapprove().await.expect("the store answers"));
    assert_eq!(permits().await, Permits::Held(Held::Unapproved));
}
