use expect_test::expect;
use perennial_platform::metrics;
use perennial_platform::sending::{Approved, ByHand, Known};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn well() -> Facts {
    let now = at("2026-02-02T10:00:00Z");
    Facts {
        now,
        stack: Some("UPDATE_COMPLETE".to_owned()),
        playbook: Some("7".to_owned()),
        alarms: Some(Ok(Vec::new())),
        subscriptions: Some(Ok(Subscriptions { confirmed: 1, pending: 0 })),
        queues: Ok(vec![
            QueueSeen { queue: "MailQueue".to_owned(), waiting: 3, oldest_seconds: Ok(Some(120)) },
            QueueSeen { queue: "MailDeadLetterQueue".to_owned(), waiting: 0, oldest_seconds: Ok(None) },
        ]),
        outbox: Ok((1, Some(at("2026-02-02T09:59:58Z")))),
        unknown_sends: Ok((2, 0)),
        quarantined: Ok(0),
        sending: Ok(Known::default()),
        needs_approval: None,
        tables: vec![("LedgerTable".to_owned(), Ok(TableSeen { protected: true, recoverable: true }))],
        secrets: vec![("KeySecretName".to_owned(), Ok(true))],
        jobs: metrics::JOBS.map(|job| (job.to_owned(), Ok(Some(at("2026-02-02T09:50:00Z"))))).into(),
    }
}

#[test]
fn a_deployment_that_is_well_fits_on_one_screen() {
    let screen = Screen::of(&well());
    assert!(!screen.needs_a_human && screen.lines.len() < 24, "{screen}");
    expect![[r#"
        ok    stack                        UPDATE_COMPLETE
        ok    playbook                     version 7 of the layer
        ok    alarms                       all of them are OK
        ok    who is told of alarms        1 subscribed
        ok    mail to contacts             0 within a day; of 0, 0 bounced, 0 complained about
        ok    MailQueue                    3 waiting, the oldest for 2 min
        ok    MailDeadLetterQueue          0 waiting
        ok    outbox                       1 waiting, the oldest since 2026-02-02T09:59:58Z
        ok    unknown sends of a day       2, of which 0 are unknown still
        ok    quarantine                   0 waiting
        ok    LedgerTable                  protected, recoverable
        ok    KeySecretName                there
        ok    job decay                    ended well at 2026-02-02T09:50:00Z
        ok    job held                     ended well at 2026-02-02T09:50:00Z
        ok    job plan                     ended well at 2026-02-02T09:50:00Z
        ok    job reconcile                ended well at 2026-02-02T09:50:00Z
        ok    job sla                      ended well at 2026-02-02T09:50:00Z
        ok    job brief                    ended well at 2026-02-02T09:50:00Z
        ok    job sweep                    ended well at 2026-02-02T09:50:00Z

        all is well (2026-02-02T10:00:00Z)
    "#]]
    .assert_eq(&screen.to_string());
}

#[test]
fn every_job_has_an_age_at_which_somebody_should_look() {
    assert_eq!(metrics::JOBS.iter().find(|job| !JOBS.iter().any(|(known, _)| known == *job)), None);
}

fn alarm(trouble: Trouble) -> AlarmSeen {
    AlarmSeen { alarm: "MailAgeAlarm".to_owned(), name: "perennial-MailAgeAlarm-1A2B".to_owned(), trouble }
}

/// What is changed in a deployment that is well.
type Change = fn(&mut Facts);

#[test]
fn each_trouble_is_one_line_that_says_what_to_do() {
    let rows: Vec<(&str, State, Change)> = vec![
        ("stack", State::Wrong, |facts| facts.stack = Some("UPDATE_ROLLBACK_COMPLETE".into())),
        ("stack", State::Wrong, |facts| facts.stack = Some("UPDATE_IN_PROGRESS".into())),
        ("MailAgeAlarm", State::Wrong, |facts| facts.alarms = Some(Ok(vec![alarm(Trouble::Raised)]))),
        ("MailAgeAlarm", State::Wrong, |facts| facts.alarms = Some(Ok(vec![alarm(Trouble::Silenced)]))),
        ("MailAgeAlarm", State::Wrong, |facts| facts.alarms = Some(Ok(vec![alarm(Trouble::Gone)]))),
        ("who is told of alarms", State::Wrong, |facts| facts.subscriptions = Some(Ok(Subscriptions::default()))),
        ("who is told of alarms", State::Wrong, |facts| {
            facts.subscriptions = Some(Ok(Subscriptions { confirmed: 0, pending: 1 }));
        }),
        ("who is told of alarms", State::Wrong, |facts| {
            facts.subscriptions = Some(Ok(Subscriptions { confirmed: 1, pending: 1 }));
        }),
        ("who is told of alarms", State::Unknown, |facts| facts.subscriptions = Some(Err("AuthorizationError".into()))),
        ("alarms", State::Unknown, |facts| facts.alarms = Some(Err("AccessDenied".into()))),
        ("mail to contacts", State::Wrong, |facts| facts.needs_approval = Some("hello@example.com".into())),
        ("mail to contacts", State::Wrong, |facts| {
            let paused_at = Some(at("2026-02-01T10:00:00Z"));
            facts.sending = Ok(Known { paused_at, paused_for: Some("bounces".into()), ..Known::default() });
        }),
        ("mail to contacts", State::Unknown, |facts| facts.sending = Err("AccessDenied".into())),
        ("MailDeadLetterQueue", State::Wrong, |facts| facts.queues.as_mut().unwrap()[1].waiting = 1),
        ("MailQueue", State::Wrong, |facts| facts.queues.as_mut().unwrap()[0].oldest_seconds = Ok(Some(15_000))),
        ("MailQueue", State::Unknown, |facts| {
            facts.queues.as_mut().unwrap()[0].oldest_seconds = Err("AccessDenied".into());
        }),
        ("queues", State::Unknown, |facts| facts.queues = Err("AccessDenied".into())),
        ("outbox", State::Wrong, |facts| facts.outbox = Ok((1, Some(at("2026-02-02T09:40:00Z"))))),
        ("unknown sends of a day", State::Wrong, |facts| facts.unknown_sends = Ok((2, 1))),
        ("quarantine", State::Wrong, |facts| facts.quarantined = Ok(1)),
        ("LedgerTable", State::Wrong, |facts| {
            facts.tables[0].1 = Ok(TableSeen { protected: true, recoverable: false });
        }),
        ("KeySecretName", State::Wrong, |facts| facts.secrets[0].1 = Ok(false)),
        ("job decay", State::Wrong, |facts| facts.jobs[0].1 = Ok(Some(at("2026-02-01T01:00:00Z")))),
        ("job decay", State::Wrong, |facts| facts.jobs[0].1 = Ok(None)),
        ("job decay", State::Unknown, |facts| facts.jobs[0].1 = Err("AccessDenied".into())),
    ];
    for (about, state, change) in rows {
        let mut facts = well();
        change(&mut facts);
        let screen = Screen::of(&facts);
        assert!(screen.needs_a_human, "{screen}");
        let not_ok: Vec<&Line> = screen.lines.iter().filter(|line| line.state != State::Ok).collect();
        assert_eq!(not_ok.iter().map(|line| (line.about.as_str(), line.state)).collect::<Vec<_>>(), [(about, state)]);
        assert!(state == State::Unknown || !not_ok[0].mend.is_empty(), "{about}");
    }
}

#[test]
fn an_approved_sender_and_a_pause_by_hand_are_known() {
    let mut facts = well();
    facts.needs_approval = Some("hello@example.com".to_owned());
    let approved = Approved { identity: "example.com".to_owned(), at: facts.now, by: "anna".to_owned() };
    let by_hand = ByHand { why: "why".to_owned(), by: "anna".to_owned(), at: facts.now };
    let known = Known { approved: Some(approved), ..Known::default() };
    facts.sending = Ok(known.clone());
    assert!(!Screen::of(&facts).needs_a_human);
    let paused =
        Known { by_hand: Some(by_hand), paused_at: Some(facts.now), paused_for: Some("by hand".into()), ..known };
    facts.sending = Ok(paused);
    assert!(Screen::of(&facts).to_string().contains("paused since 2026-02-02T10:00:00Z: by hand"));
}
