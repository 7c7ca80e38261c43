//! Slots that wait for the reader's morning, and what a claim asks again: cap, and health of whatever sells.

use futures::FutureExt as _;
use jiff::Timestamp;
use perennial::deployment::Deployment;
use perennial_domain::ids::ContactId;
use perennial_local::{Call, ClockHandle, Fault};
use perennial_platform::keys;
use perennial_platform::records::{SlotState, date_of};
use perennial_platform::store::Change;
use perennial_tests::interpose::Interposer;
use perennial_tests::{at, body, deploy_with, engagement, introduce, playbook_with, settle, tell};
use send_nurture_email::SendNurtureEmail;
use serde_json::json;

use crate::one_email::{
    BEFORE, NOW, SLOT, cadence, due, handle, mails, press_unsubscribe, sender, sender_at, slot, world_with,
};

/// Nine in the morning in New York, when it is three in the afternoon in Berlin.
const NEW_YORK_OPENS: &str = "2026-01-08T14:00:00Z";

/// Ada is in New York.
async fn ada_in_new_york() -> Deployment {
    let deployment = world_with(&["ada"]).await;
    let moved = body("contact.identified", at(NOW), &json!({"contact": "ada", "time_zone": "America/New_York"}));
    tell(&deployment, "moved", &moved).await;
    settle(&deployment).await;
    deployment
}

/// State and reason of Ada's slot.
async fn standing(deployment: &Deployment) -> (SlotState, String) {
    let slot = slot(deployment, "ada", SLOT).await.expect("it was decided");
    (slot.state, slot.reason.unwrap_or_default())
}

#[tokio::test]
async fn a_slot_before_the_readers_morning_waits_and_becomes_one_mail() {
    let deployment = ada_in_new_york().await;
    let sender = sender(&deployment).await;
    let waiting = (SlotState::Waiting, "outside the send window".to_owned());
    for what in ["at once", "delivered twice"] {
        assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0, "{what}");
        assert_eq!((standing(&deployment).await, mails(&deployment, "ada")), (waiting.clone(), 0), "{what}");
    }
    let due_at = cadence(&deployment, "ada").await.due_at;
    assert_eq!(due_at, Some(at(NEW_YORK_OPENS).as_second()), "the planner comes back when the window opens");

    deployment.world.clock().set(at(NEW_YORK_OPENS));
    for what in ["at once", "delivered twice"] {
        assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0, "{what}");
        let sent = (SlotState::Sent, String::new());
        assert_eq!((standing(&deployment).await, mails(&deployment, "ada")), (sent, 1), "{what}");
    }
}

#[tokio::test]
async fn a_slot_that_waits_may_end_in_another_silence() {
    let deployment = ada_in_new_york().await;
    let sender = sender(&deployment).await;
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
    press_unsubscribe(&deployment, "ada").await;
    deployment.world.clock().set(at(NEW_YORK_OPENS));
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
    let silent = (SlotState::Silent, "unsubscribed".to_owned());
    assert_eq!((standing(&deployment).await, mails(&deployment, "ada")), (silent, 0));
}

#[tokio::test]
async fn planned_every_hour_mail_arrives_in_everybodys_own_morning() {
    let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), perennial_tests::playbook()).await;
    for (contact, zone) in [("ada", "America/New_York"), ("ben", "Europe/Berlin"), ("cleo", "Asia/Kolkata")] {
        introduce(&deployment, contact).await;
        let zone = json!({"contact": contact, "time_zone": zone});
        tell(&deployment, &format!("zone-{contact}"), &body("contact.identified", at(BEFORE), &zone)).await;
        let shown = perennial_tests::engagement(contact, "analytics-checklist", "download", at(BEFORE));
        tell(&deployment, &format!("shown-{contact}"), &shown).await;
    }
    deployment.world.advance_to(at("2026-01-06T23:00:00Z"), |_| {}).await.expect("the world goes on");
    let sent_at = |contact: &str| -> Vec<Timestamp> {
        let all = deployment.world.mails().expect("the world remembers");
        let theirs = all.iter().filter(|mail| mail.to.contains(&perennial_tests::address_of(contact)));
        // A mail waits for its permit for some milliseconds.
        theirs.map(|mail| mail.at.round(jiff::Unit::Second).expect("in range")).collect()
    };
    // Planning comes on the hour; in Kolkata it is half past then. Its working day ends at half past twelve.
    assert_eq!(sent_at("ada"), [at("2026-01-06T14:00:00Z")]);
    assert_eq!(sent_at("ben"), [at("2026-01-06T09:00:00Z")]);
    assert_eq!(sent_at("cleo"), [at("2026-01-06T09:00:00Z")]);
    assert_eq!(slot(&deployment, "ada", "2026-01-06").await.map(|slot| slot.state), Some(SlotState::Sent));
}

#[tokio::test]
async fn what_was_sent_is_remembered_with_what_it_wanted() {
    let deployment = world_with(&["ada"]).await;
    assert_eq!(handle(&sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0);
    let sent = slot(&deployment, "ada", SLOT).await.expect("it was sent");
    assert_eq!((sent.state, sent.kind.as_deref()), (SlotState::Sent, Some("educational")));
    let held = cadence(&deployment, "ada").await;
    let progress = &held.streams["discover-analytics"];
    assert_eq!(progress.kinds[&progress.sent[0]], "educational");
    assert_eq!(held.mail_days.into_iter().map(|day| date_of(day).to_string()).collect::<Vec<_>>(), [SLOT]);
}

/// Another system mailed Ada on this day.
async fn report(deployment: &Deployment, day: &str) {
    let reported = body("email.reported", at(&format!("{day}T09:00:00Z")), &json!({"contact": "ada"}));
    tell(deployment, &format!("report-{day}"), &reported).await;
    settle(deployment).await;
}

#[tokio::test]
async fn a_report_that_fills_the_cap_before_the_claim_stops_the_mail() {
    for between_decision_and_claim in [false, true] {
        let deployment = world_with(&["ada"]).await;
        for day in ["2025-12-18", "2025-12-22", "2025-12-29"] {
            report(&deployment, day).await;
        }
        let acting = deployment.clone();
        let gate = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
            let acting = acting.clone();
            async move {
                // Of an earlier day than the last: the gap does not see it.
                if between_decision_and_claim && number == 1 {
                    report(&acting, "2025-12-15").await;
                }
            }
            .boxed()
        })
        .await;
        if !between_decision_and_claim {
            report(&deployment, "2025-12-15").await;
        }
        assert_eq!(handle(&sender_at(&gate.url, &deployment).await, &[due("ada", SLOT)]).await.len(), 0);
        let silent = (SlotState::Silent, "capped: as many mails as the cap allows".to_owned());
        let what = format!("between decision and claim: {between_decision_and_claim}");
        assert_eq!((standing(&deployment).await, mails(&deployment, "ada")), (silent, 0), "{what}");
        // On the day on which the first of the four is 28 days old.
        let due_at = cadence(&deployment, "ada").await.due_at;
        assert_eq!(due_at, Some(at("2026-01-12T08:00:00Z").as_second()), "{what}");
    }
}

/// Ada's account owns Integrations; the playbook has one more stream for it.
async fn world_with_stream(stream: &str, account: &serde_json::Value) -> (Deployment, SendNurtureEmail) {
    let stream = format!("\n[[stream]]\nid = \"more\"\nproduct = \"integrations\"\n{stream}\n");
    let playbook = playbook_with(|text| text.to_owned() + &stream);
    let deployment = deploy_with(ClockHandle::standing_at(at(BEFORE)), playbook).await;
    introduce(&deployment, "ada").await;
    let mut said = account.clone();
    said["account"] = json!("account-of-ada");
    tell(&deployment, "account", &body("account.updated", at(BEFORE), &said)).await;
    settle(&deployment).await;
    deployment.world.clock().set(at(NOW));
    let sender = sender(&deployment).await;
    (deployment, sender)
}

#[tokio::test]
async fn an_account_that_comes_to_be_at_risk_is_not_asked_to_buy_more_either() {
    let account = json!({"seats": {"integrations": 10}, "seats_used": {"integrations": 9}});
    let upsell = "kind = \"upsell\"\npieces = [\"integrations-map\"]";
    let (deployment, sender) = world_with_stream(upsell, &account).await;
    let acting = deployment.clone();
    let gate = Interposer::before(&deployment.world.endpoints().dynamodb, "TransactWriteItems", move |number| {
        let acting = acting.clone();
        async move {
            if number == 1 {
                let risk = json!({"account": "account-of-ada", "health": "at-risk"});
                tell(&acting, "risk", &body("account.updated", at(NOW), &risk)).await;
                settle(&acting).await;
            }
        }
        .boxed()
    })
    .await;
    assert_eq!(handle(&sender_at(&gate.url, &deployment).await, &[due("ada", SLOT)]).await.len(), 0);
    let silent = (SlotState::Silent, "account at risk: no cross-sell".to_owned());
    assert_eq!((standing(&deployment).await, mails(&deployment, "ada")), (silent, 0));

    let good = json!({"account": "account-of-ada", "health": "good"});
    deployment.world.clock().set(at("2026-01-15T08:00:00Z"));
    tell(&deployment, "good", &body("account.updated", at("2026-01-15T08:00:00Z"), &good)).await;
    settle(&deployment).await;
    assert_eq!(handle(&sender, &[due("ada", "2026-01-15")]).await.len(), 0);
    assert_eq!(mails(&deployment, "ada"), 1, "in good health it is");
}

#[tokio::test]
async fn a_stream_that_is_not_due_for_weeks_keeps_nobody_from_the_next_slot() {
    // Every four weeks; a webinar makes the next piece due after one.
    let stream = "kind = \"retention\"\nafter_days = 30\nevery_days = 28\naccelerate_on = [\"integrations-webinar attend\"]\n\
                  pieces = [\"integrations-map\", \"integrations-one-way-or-two\", \"integrations-failures\"]";
    let (deployment, _) = world_with_stream(stream, &json!({})).await;
    // The first mail goes out with the first planning, on Thursday 8 January, and the slot of the 15th is too early.
    deployment.world.advance_to(at("2026-01-16T10:00:00Z"), |_| {}).await.expect("the world goes on");
    assert_eq!(mails(&deployment, "ada"), 1);
    assert_eq!(slot(&deployment, "ada", "2026-01-15").await.map(|slot| slot.state), Some(SlotState::Silent));
    let attended = engagement("ada", "integrations-webinar", "attend", at("2026-01-16T10:00:00Z"));
    tell(&deployment, "attended", &attended).await;
    deployment.world.advance_to(at("2026-01-23T10:00:00Z"), |_| {}).await.expect("the world goes on");
    let next = slot(&deployment, "ada", "2026-01-22").await.expect("there is a slot a week later");
    assert_eq!((next.state, mails(&deployment, "ada")), (SlotState::Sent, 2));
}

#[tokio::test]
async fn whoever_may_be_written_to_again_is_planned_again() {
    let deployment = world_with(&["ada"]).await;
    let key = keys::cadence(&ContactId::from("ada"));
    // As a stop leaves it; the slot was planned before.
    let stopped = Change::of(key.clone(), "REMOVE #due_shard, #due_at");
    assert!(deployment.store.apply("stopped", stopped).await.expect("the store answers"));
    let reported = body("email.reported", at("2026-01-07T09:00:00Z"), &json!({"contact": "ada"}));
    tell(&deployment, "reported", &reported).await;
    settle(&deployment).await;
    assert_eq!(handle(&sender(&deployment).await, &[due("ada", SLOT)]).await.len(), 0);
    let planned = deployment.store.get_item(&key).await.expect("the store answers").expect("a cadence");
    assert!(planned.contains_key("due_at") && planned.contains_key("due_shard"), "{:?}", planned.keys());
}

#[tokio::test]
async fn a_contract_whose_end_was_corrected_is_renewed_once() {
    let renewal = "kind = \"renewal\"\npieces = [\"integrations-map\"]\ndays_before = [60]";
    let (deployment, sender) = world_with_stream(renewal, &json!({"ends": {"integrations": "2026-03-01"}})).await;
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
    deployment.world.clock().set(at("2026-01-15T08:00:00Z"));
    for (what, slot, end, in_all) in [
        ("corrected", "2026-01-15", "2026-02-28", 1),
        ("another contract, a month later", "2026-01-16", "2026-03-16", 2),
    ] {
        let account = json!({"account": "account-of-ada", "ends": {"integrations": end}});
        let now = deployment.world.clock().now();
        tell(&deployment, end, &body("account.updated", now, &account)).await;
        settle(&deployment).await;
        assert_eq!(handle(&sender, &[due("ada", slot)]).await.len(), 0, "{what}");
        assert_eq!(mails(&deployment, "ada"), in_all, "{what}");
    }
}

#[tokio::test]
async fn a_renewal_is_remembered_by_its_contract() {
    let renewal = "kind = \"renewal\"\npieces = [\"integrations-map\"]\ndays_before = [60]";
    let (deployment, sender) = world_with_stream(renewal, &json!({"ends": {"integrations": "2026-03-01"}})).await;
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
    assert_eq!(mails(&deployment, "ada"), 1);
    let sent = slot(&deployment, "ada", SLOT).await.expect("it was sent");
    let names = (sent.stream.as_deref(), sent.received_as.as_deref());
    assert_eq!(names, (Some("more"), Some("more@2026-03-01")), "the report knows the stream, the cadence the contract");
    let rows = deployment.store.contact(&ContactId::from("ada")).await.expect("the contact can be read");
    let streams = rows.cadence.expect("a cadence").streams;
    assert_eq!(streams.keys().collect::<Vec<_>>(), ["more@2026-03-01"]);
}

#[tokio::test]
async fn a_throttled_mail_that_falls_silent_costs_no_gap() {
    let deployment = world_with(&["ada"]).await;
    let sender = sender(&deployment).await;
    // A quarter of an hour before the window closes SES has no time, and when the message comes back it has closed.
    deployment.world.clock().set(at("2026-01-08T16:50:00Z"));
    deployment.world.faults().inject_always(Call::SendEmail, Fault::Throttle);
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await, ["0"]);
    assert_eq!(standing(&deployment).await.0, SlotState::Retry);
    assert_eq!(cadence(&deployment, "ada").await.reserved_by.as_deref(), Some(SLOT), "it may be sent yet");
    deployment.world.faults().clear();
    deployment.world.clock().set(at("2026-01-08T17:05:00Z"));
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
    let silent = (SlotState::Silent, "outside the send window".to_owned());
    assert_eq!((standing(&deployment).await, mails(&deployment, "ada")), (silent, 0));
    let held = cadence(&deployment, "ada").await;
    assert_eq!((held.reserved_by, held.reserved_day), (None, None), "nothing was sent");

    let next = "2026-01-09";
    assert_eq!(held.due_at, Some(at(&format!("{next}T08:00:00Z")).as_second()));
    deployment.world.clock().set(at(&format!("{next}T08:00:00Z")));
    assert_eq!(handle(&sender, &[due("ada", next)]).await.len(), 0);
    let sent = slot(&deployment, "ada", next).await.expect("it was decided");
    assert_eq!((sent.state, sent.reason, mails(&deployment, "ada")), (SlotState::Sent, None, 1));
}

#[tokio::test]
async fn a_slot_that_is_tried_again_says_nothing_of_the_try_before() {
    let renewal = "kind = \"renewal\"\npieces = [\"integrations-map\"]\ndays_before = [60]";
    let (deployment, sender) = world_with_stream(renewal, &json!({"ends": {"integrations": "2026-03-01"}})).await;
    deployment.world.faults().inject_always(Call::SendEmail, Fault::Throttle);
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await, ["0"]);
    deployment.world.faults().clear();
    let tried = slot(&deployment, "ada", SLOT).await.expect("it was tried");
    let names = (tried.stream.as_deref(), tried.received_as.as_deref(), tried.error.as_deref());
    assert_eq!(names, (Some("more"), Some("more@2026-03-01"), Some("TooManyRequestsException")));

    // Before it comes back the contact has done something that leads into a stream that goes first.
    let shown = perennial_tests::engagement("ada", "analytics-checklist", "download", at(NOW));
    tell(&deployment, "shown", &shown).await;
    settle(&deployment).await;
    assert_eq!(handle(&sender, &[due("ada", SLOT)]).await.len(), 0);
    let sent = slot(&deployment, "ada", SLOT).await.expect("it was sent");
    let names = (sent.state, sent.stream.as_deref(), sent.received_as, sent.error);
    assert_eq!(names, (SlotState::Sent, Some("discover-analytics"), None, None));
}
