//! Who gets which piece in a slot, and every reason for silence.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_domain::calendar::{Calendar, Day};
use perennial_domain::fit::{self, FitRules};
use perennial_domain::nurture::{
    Cap, Decision, Kind, NurtureRules, Progress, Received, Snapshot, Stream, StreamKind, StreamPiece, Window, Wishes,
    decide,
};
use perennial_domain::profile::{Account, Contact, Fields, Health};
use perennial_domain::segment::{self, Expression};

const NOW: &str = "2026-03-02T08:00:00Z";

fn today() -> Date {
    "2026-03-02".parse().unwrap()
}

fn calendar() -> Calendar {
    Calendar {
        zone: TimeZone::UTC,
        working_days: BTreeSet::from([Day::from(Weekday::Monday)]),
        holidays: BTreeSet::new(),
        check_at: "08:00".parse().unwrap(),
    }
}

fn rules() -> NurtureRules {
    let stream = |id: &str, kind, product: &str, kinds: &[Kind]| Stream {
        id: id.into(),
        kind,
        product: product.into(),
        topic: None,
        audience: Expression::All(vec![]),
        enter_on: vec![],
        exit_on: vec![],
        exit_when: None,
        then: None,
        accelerate_on: vec![],
        every_days: None,
        holdout_percent: 0,
        mail_asset: None,
        pieces: kinds
            .iter()
            .enumerate()
            .map(|(index, kind)| StreamPiece {
                id: format!("{id}-{}", index + 1).as_str().into(),
                kind: *kind,
                offers: None,
                replaces: vec![],
            })
            .collect(),
    };
    use Kind::{Educational as E, Hard as H, Soft as S};
    NurtureRules {
        gap_days: 7,
        cap: Cap { mails: 4, days: 28 },
        window: Window { from: "08:00".parse().unwrap(), to: "18:00".parse().unwrap() },
        accelerated_days: 7,
        stream_every_days: 14,
        educational_before_hard: 4,
        new_customer_days: 183,
        streams: vec![
            stream("discover", StreamKind::CrossSell, "analytics", &[E, E, S, E, E, H]),
            stream("widen", StreamKind::CrossSell, "automation", &[E, E]),
            stream("keep", StreamKind::Retention { after_days: 90 }, "support", &[E]),
            stream("start", StreamKind::Onboarding { until_days: 90 }, "support", &[E]),
        ],
    }
}

/// A person whose slot has come; each row of a check changes what it is about.
struct Person {
    email: Option<String>,
    health: Health,
    customer_days: i64,
    owns: Vec<(&'static str, i64)>,
    interest: Vec<(&'static str, i64)>,
    open_leads: Vec<&'static str>,
    /// Stream, pieces received, days since the last.
    received: Vec<(&'static str, usize, i64)>,
    last_mail_days: Option<i64>,
    last_was_promotion: bool,
    unsubscribed: bool,
    suppressed: bool,
    address_of_another: bool,
}

fn person() -> Person {
    Person {
        email: Some("reader@acme.example.com".to_owned()),
        health: Health::Good,
        customer_days: 400,
        owns: vec![],
        interest: vec![("analytics", 1)],
        open_leads: vec![],
        received: vec![],
        last_mail_days: None,
        last_was_promotion: false,
        unsubscribed: false,
        suppressed: false,
        address_of_another: false,
    }
}

fn check(person: Person, expected: &str) {
    check_at(NOW, person, expected);
}

fn check_at(now: &str, person: Person, expected: &str) {
    let now: Timestamp = now.parse().unwrap();
    let days_ago = |days: i64| now - SignedDuration::from_hours(24 * days);
    let contact = Contact {
        id: "c".into(),
        account: Some("a".into()),
        email: person.email,
        first_name: None,
        last_name: None,
        title: None,
        role: None,
    };
    let account = Account {
        health: person.health,
        customer_since: Some(days_ago(person.customer_days)),
        owns: person.owns.iter().map(|(product, days)| ((*product).into(), days_ago(*days))).collect(),
        ..Account::from_fields("a".into(), &Fields::default())
    };
    let rules = rules();
    let progress: BTreeMap<_, _> = person
        .received
        .iter()
        .map(|(stream, pieces, days)| {
            let piece = |piece| Received { piece: format!("{stream}-{piece}").as_str().into(), kind: None };
            let sent = (1..=*pieces).map(piece).collect();
            ((*stream).into(), Progress { sent, last_sent_on: Some(today() - days.days()) })
        })
        .collect();
    let interest: BTreeMap<_, _> =
        person.interest.iter().map(|(product, points)| ((*product).into(), *points)).collect();
    let open_leads: Vec<_> = person.open_leads.iter().map(|product| (*product).into()).collect();
    let fit = fit::evaluate(&FitRules::default(), Some(&contact), Some(&account));
    let (engaged, wishes, mail_days) = (BTreeMap::new(), Wishes::default(), BTreeSet::new());
    let snapshot = Snapshot {
        person: segment::Person {
            contact: Some(&contact),
            account: Some(&account),
            fit: &fit,
            scores: &interest,
            last_engaged_at: None,
            now,
        },
        engaged: &engaged,
        wishes: &wishes,
        zone: None,
        mail_days: &mail_days,
        open_leads: &open_leads,
        progress: &progress,
        last_mail_on: person.last_mail_days.map(|days| today() - days.days()),
        last_was_promotion: person.last_was_promotion,
        unsubscribed: person.unsubscribed,
        suppressed: person.suppressed,
        address_of_another: person.address_of_another,
        trouble: None,
    };
    let seen = match decide(&rules, &calendar(), &snapshot, now) {
        Decision::Send { piece, .. } => format!("send {piece}"),
        Decision::Wait { until, reason } => {
            let until = until.to_zoned(TimeZone::UTC);
            assert_eq!(until.time(), "08:00".parse().unwrap(), "the next look is when the send window opens");
            format!("{reason}, until {}", until.date())
        }
        Decision::Stop(reason) => format!("{reason}, for good"),
    };
    assert_eq!(seen, expected);
}

#[test]
fn a_slot_has_one_piece_or_one_reason() {
    check(person(), "send discover-1");
    check(Person { unsubscribed: true, ..person() }, "unsubscribed, for good");
    check(Person { suppressed: true, ..person() }, "address suppressed, for good");
    check(Person { email: None, ..person() }, "no address, for good");
    check(Person { address_of_another: true, ..person() }, "address belongs to another contact, until 2026-03-09");
    check(Person { address_of_another: true, unsubscribed: true, ..person() }, "unsubscribed, for good");
    check(Person { last_mail_days: Some(6), ..person() }, "capped: mailed within the gap, until 2026-03-09");
    check(Person { last_mail_days: Some(7), ..person() }, "send discover-1");
    check(Person { interest: vec![], ..person() }, "no stream fits, until 2026-03-09");
    check(Person { interest: vec![("analytics", 0)], ..person() }, "no stream fits, until 2026-03-09");
    check(Person { owns: vec![("analytics", 10)], ..person() }, "no stream fits, until 2026-03-09");
    // What is owned from tomorrow on is not owned yet, and not begun with.
    check(Person { owns: vec![("analytics", -1)], ..person() }, "send discover-1");
    check(Person { owns: vec![("support", -1)], interest: vec![], ..person() }, "no stream fits, until 2026-03-09");
    check(Person { owns: vec![("support", 0)], interest: vec![], ..person() }, "send start-1");
    check(Person { health: Health::AtRisk, ..person() }, "account at risk: no cross-sell, until 2026-03-09");
    check(Person { customer_days: 182, ..person() }, "new customer: no cross-sell yet, until 2026-03-09");
    check(Person { customer_days: 183, ..person() }, "send discover-1");
    // A date of the far future is no reason to fall over.
    check(Person { customer_days: -2_900_000, ..person() }, "new customer: no cross-sell yet, until 2026-03-09");
    check(
        Person { open_leads: vec!["analytics"], ..person() },
        "sales has an open lead: stream paused, until 2026-03-09",
    );
    check(Person { open_leads: vec!["automation"], ..person() }, "send discover-1");
}

#[test]
fn nothing_goes_out_on_a_day_off() {
    // The calendar's only working day is Monday.
    check_at("2026-03-03T08:00:00Z", person(), "not a working day, until 2026-03-09");
    check_at("2026-03-03T08:00:00Z", Person { unsubscribed: true, ..person() }, "unsubscribed, for good");
}

#[test]
fn a_stream_goes_on_in_its_order_at_its_cadence() {
    check(Person { received: vec![("discover", 1, 14)], ..person() }, "send discover-2");
    check(Person { received: vec![("discover", 1, 8)], ..person() }, "next piece not due yet, until 2026-03-09");
    // Whoever has begun stays in, also when the interest has cooled.
    check(Person { received: vec![("discover", 1, 14)], interest: vec![], ..person() }, "send discover-2");
    check(Person { received: vec![("discover", 6, 14)], ..person() }, "stream exhausted, until 2026-03-09");
    // An account at risk, and one that owns: retention and onboarding go on.
    let keeping = || Person { owns: vec![("support", 90)], interest: vec![], ..person() };
    check(keeping(), "send keep-1");
    check(Person { health: Health::AtRisk, ..keeping() }, "send keep-1");
    check(Person { owns: vec![("support", 89)], interest: vec![], ..person() }, "send start-1");
}

#[test]
fn promotions_come_late_and_never_two_in_a_row() {
    check(Person { received: vec![("discover", 2, 14)], ..person() }, "send discover-3");
    // The soft one waits for another turn; the next educational one is sent instead.
    check(Person { received: vec![("discover", 2, 14)], last_was_promotion: true, ..person() }, "send discover-4");
    check(Person { received: vec![("discover", 5, 14)], ..person() }, "send discover-6");
    check(
        Person { received: vec![("discover", 5, 14)], last_was_promotion: true, ..person() },
        "4-1-1: a promotion would come too early, until 2026-03-09",
    );
}

#[test]
fn of_several_streams_the_one_that_waited_longest_speaks() {
    let both = || Person { interest: vec![("analytics", 3), ("automation", 3)], ..person() };
    check(both(), "send discover-1");
    check(Person { received: vec![("discover", 1, 14)], ..both() }, "send widen-1");
    check(Person { received: vec![("discover", 1, 28), ("widen", 1, 14)], ..both() }, "send discover-2");
    check(Person { received: vec![("discover", 1, 14), ("widen", 1, 28)], ..both() }, "send widen-2");
    // The most telling of several reasons.
    check(
        Person { received: vec![("widen", 2, 14)], open_leads: vec!["analytics"], ..both() },
        "sales has an open lead: stream paused, until 2026-03-09",
    );
}
