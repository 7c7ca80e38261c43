//! "Why did this person get nothing?": one person's slots and streams as `perennial why-no-email` says them, and all slots as
//! `perennial report silence` counts them.

use expect_test::{Expect, expect};
use http::Request;
use perennial::deployment::{Deployment, address_key};
use perennial::silences::silences;
use perennial::why::why_no_email;
use perennial_domain::ids::ContactId;
use perennial_platform::keys;
use perennial_platform::links::{Links, Purpose};
use perennial_platform::records::Slot;
use perennial_platform::store::{Change, number, string};
use perennial_tests::{PUBLIC_URL, address_of, at, body, deploy, engagement, introduce, settle, tell};
use serde_json::json;

/// A Monday.
const START: &str = "2026-10-05T05:00:00Z";

async fn advance(deployment: &Deployment, to: &str) {
    deployment.world.advance_to(at(to), |_| {}).await.unwrap();
}

async fn interested(deployment: &Deployment, contact: &str, product: &str) {
    let now = deployment.world.clock().now();
    let body = engagement(contact, &format!("{product}-checklist"), "download", now);
    tell(deployment, &format!("{product}-{contact}-{}", now.as_second()), &body).await;
    settle(deployment).await;
}

/// What the command prints of a contact now.
async fn check(deployment: &Deployment, asked: &str, expected: Expect) {
    let now = deployment.world.clock().now();
    let why = why_no_email(&deployment.store, &address_key(), &deployment.playbook, asked, now).await.unwrap();
    let why = why.expect("the contact is known");
    let json = serde_json::to_string(&why).unwrap();
    assert!(!json.contains("example.com") && !why.to_string().contains("example.com"), "an address in {json}");
    expected.assert_eq(&why.to_string());
}

/// A world of five weeks: Ada reads on, Bob opts out, Cem takes a break, and SES never answered for Dana.
async fn five_weeks() -> Deployment {
    let deployment = deploy(at(START)).await;
    for contact in ["ada", "bob", "cem", "dana"] {
        introduce(&deployment, contact).await;
        interested(&deployment, contact, "analytics").await;
    }
    interested(&deployment, "ada", "automation").await;
    advance(&deployment, "2026-10-15T05:00:00Z").await;
    let now = deployment.world.clock().now();
    tell(&deployment, "opt-out", &body("email.unsubscribed", now, &json!({"contact": "bob"}))).await;
    let purpose = Purpose::Preferences { contact: "cem".into(), slot: "2026-10-05".to_owned() };
    let url = Links::new("the local world's link key", PUBLIC_URL).url(&purpose, now);
    let form = "frequency=as-often&channel=email&pause=30&do=save".as_bytes().to_vec();
    let request = Request::post(url.strip_prefix(PUBLIC_URL).unwrap()).body(form.into()).unwrap();
    assert_eq!(deployment.world.http(request).await.unwrap().status(), 200);
    advance(&deployment, "2026-11-09T05:00:00Z").await;
    lose_the_answer(&deployment, "dana").await;
    deployment
}

/// The contact's last mail, as if SES had not answered.
async fn lose_the_answer(deployment: &Deployment, contact: &str) {
    let contact = ContactId::from(contact);
    let slots: Vec<Slot> = deployment.store.partition(&keys::contact(&contact), Some(keys::SLOT)).await.unwrap();
    let sent = slots.iter().rfind(|slot| slot.message_id.is_some()).expect("a mail was sent");
    let change = Change::of(
        keys::slot(&contact, sent.sk.strip_prefix(keys::SLOT).unwrap()),
        "SET #state = :state, #error = :error",
    );
    let change = change.with(":state", string("UNKNOWN")).with(":error", string("timeout"));
    deployment.store.apply("slot of a test", change).await.unwrap();
    let day = deployment.playbook.calendar.date(at("2026-11-09T05:00:00Z"));
    let change = Change::of(keys::cadence(&contact), "SET #reserved_by = :slot, #reserved_day = :day");
    let change =
        change.with(":slot", string("another")).with(":day", number(perennial_platform::records::day_number(day)));
    deployment.store.apply("cadence of a test", change).await.unwrap();
}

#[tokio::test]
async fn each_slot_has_its_mail_or_its_reason_and_each_stream_its_word() {
    let deployment = five_weeks().await;
    check(&deployment, "ada", expect![[r#"
        ada: 5 slots until 2026-11-09 05:00 UTC, 5 emails sent
          2026-11-02  sent      analytics-decision-sheet (soft) of discover-analytics at 2026-11-02 08:00 UTC
          2026-10-26  sent      automation-exceptions (educational) of discover-automation at 2026-10-26 08:00 UTC
          2026-10-19  sent      analytics-definitions (educational) of discover-analytics at 2026-10-19 07:00 UTC
          2026-10-12  sent      automation-before-you-automate (educational) of discover-automation at 2026-10-12 07:00 UTC
          2026-10-05  sent      analytics-question-first (educational) of discover-analytics at 2026-10-05 07:00 UTC
        now: nothing until 2026-11-09 08:00 UTC: outside the send window
          discover-analytics     next piece not due yet, until 2026-11-16 08:00 UTC; last piece on 2026-11-02
          discover-automation    ready: automation-undo (educational); last piece on 2026-10-26
          discover-integrations  not for them: product owned
          discover-support-plus  not for them: not entered
          keep-analytics         not for them: product not owned
          start-automation       not for them: product not owned
        next slot: 2026-11-09 08:00 UTC
    "#]]).await;
    check(
        &deployment,
        &address_of("bob"),
        expect![[r#"
        bob: 2 slots until 2026-11-09 05:00 UTC, 1 email sent
          2026-10-12  nothing   next piece not due yet
          2026-10-05  sent      analytics-question-first (educational) of discover-analytics at 2026-10-05 07:00 UTC
        now: nothing: unsubscribed
          discover-analytics     ready: analytics-definitions (educational); last piece on 2026-10-05
          discover-automation    not for them: not entered
          discover-integrations  not for them: product owned
          discover-support-plus  not for them: not entered
          keep-analytics         not for them: product not owned
          start-automation       not for them: product not owned
        no further slot until something changes
    "#]],
    )
    .await;
    check(
        &deployment,
        "cem",
        expect![[r#"
        cem: 3 slots until 2026-11-09 05:00 UTC, 1 email sent
          2026-10-19  nothing   takes a break
          2026-10-12  nothing   next piece not due yet
          2026-10-05  sent      analytics-question-first (educational) of discover-analytics at 2026-10-05 07:00 UTC
        now: nothing until 2026-11-16 08:00 UTC: takes a break
          discover-analytics     ready: analytics-definitions (educational); last piece on 2026-10-05
          discover-automation    not for them: not entered
          discover-integrations  not for them: product owned
          discover-support-plus  not for them: not entered
          keep-analytics         not for them: product not owned
          start-automation       not for them: product not owned
        next slot: 2026-11-16 08:00 UTC
    "#]],
    )
    .await;
    check(&deployment, "dana", expect![[r#"
        dana: 5 slots until 2026-11-09 05:00 UTC, 2 emails sent
          2026-11-02  unknown   analytics-decision-sheet (soft) of discover-analytics at 2026-11-02 08:00 UTC: timeout
                      may have been sent: SES was asked, and no answer was recorded. Counts against the gap; never sent again by itself
          2026-10-26  nothing   next piece not due yet
          2026-10-19  sent      analytics-definitions (educational) of discover-analytics at 2026-10-19 07:00 UTC
          2026-10-12  nothing   next piece not due yet
          2026-10-05  sent      analytics-question-first (educational) of discover-analytics at 2026-10-05 07:00 UTC
        now: nothing until 2026-11-16 08:00 UTC: capped: mailed within the gap
          discover-analytics     next piece not due yet, until 2026-11-16 08:00 UTC; last piece on 2026-11-02
          discover-automation    not for them: not entered
          discover-integrations  not for them: product owned
          discover-support-plus  not for them: not entered
          keep-analytics         not for them: product not owned
          start-automation       not for them: product not owned
        next slot: 2026-11-09 08:00 UTC
    "#]]).await;
    let nobody = why_no_email(&deployment.store, &address_key(), &deployment.playbook, "nobody", at(START)).await;
    assert_eq!(nobody.unwrap(), None);
}

#[tokio::test]
async fn all_slots_are_sends_and_reasons_whichever_dates_are_asked_for() {
    let deployment = five_weeks().await;
    let (from, to) = ("2026-10-12".parse().unwrap(), "2026-10-31".parse().unwrap());
    for (from, to) in [(None, None), (Some(from), None), (None, Some(to)), (Some(from), Some(to))] {
        let counted = silences(&deployment.store, from, to, &mut |_, _, _| {}).await.unwrap();
        let sums = (
            counted.by_stream.iter().map(|line| line.sends).sum::<usize>(),
            counted.by_reason.iter().map(|line| line.slots).sum::<usize>(),
        );
        assert_eq!((sums, counted.slots), ((counted.sends, counted.reasons), counted.sends + counted.reasons));
        if from.is_none() && to.is_none() {
            expect![[r#"
                15 slots of 4 contacts = 9 sends + 6 reasons
                      7  sent      discover-analytics
                      2  sent      discover-automation
                      4  nothing   next piece not due yet
                      1  nothing   takes a break
                      1  unknown   timeout (discover-analytics)
            "#]]
            .assert_eq(&counted.to_string());
        } else {
            assert!(counted.slots > 0, "{counted}");
        }
    }
}
