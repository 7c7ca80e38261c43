//! What holds of every nurture decision, whatever the streams and whoever the person.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_domain::calendar::{Calendar, Day};
use perennial_domain::fit::{self, FitRules};
use perennial_domain::ids::{ActionId, AssetId, ProductId, StreamId};
use perennial_domain::nurture::{
    Cap, Decision, Frequency, Kind, NurtureRules, Progress, Received, Silence, Snapshot, Stream, StreamKind,
    StreamPiece, Trigger, Verdict, Window, Wishes, decide, gap_days, reasons,
};
use perennial_domain::profile::{Account, Contact, Fields, Health};
use perennial_domain::segment::{self, Expression};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const PRODUCTS: [&str; 3] = ["analytics", "automation", "support"];
const ASSETS: [&str; 3] = ["guide", "pricing", "webinar"];
const START: &str = "2026-01-05T00:00:00Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn calendar() -> Calendar {
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    Calendar {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        working_days: days.map(Day::from).into(),
        holidays: BTreeSet::from(["2026-04-03".parse().unwrap(), "2026-04-06".parse().unwrap()]),
        check_at: "08:00".parse().unwrap(),
    }
}

/// Everything about a person that does not change with mail.
#[derive(Clone, Debug)]
struct Person {
    health: Health,
    /// Days before the start at which it became a customer.
    customer_days: i64,
    /// By product: owned for how many days at the start, used how many days ago, contract ends in how many days, seats used of 10.
    owns: BTreeMap<&'static str, (i64, i64, i64, i64)>,
    interest: BTreeMap<&'static str, i64>,
    open_leads: Vec<&'static str>,
    /// Days after the start on which each asset was engaged with.
    engaged: BTreeMap<(&'static str, &'static str), i64>,
    wishes: Wishes,
    zone: Option<&'static str>,
    /// Days after the start on which other systems mailed.
    reported: BTreeSet<i64>,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![4 => Just(Kind::Educational), 1 => Just(Kind::Soft), 1 => Just(Kind::Hard)]
}

fn stream_kind() -> impl Strategy<Value = StreamKind> {
    prop_oneof![
        3 => Just(StreamKind::CrossSell),
        1 => Just(StreamKind::Upsell { seats_percent: 80 }),
        1 => Just(StreamKind::Retention { after_days: 90 }),
        1 => Just(StreamKind::Onboarding { until_days: 90 }),
        1 => Just(StreamKind::Save { unused_days: 30, adoption_percent: 40, until_days: 120 }),
        1 => Just(StreamKind::Renewal { days_before: vec![120, 60, 30] }),
        1 => Just(StreamKind::Advocacy { after_days: 180 }),
    ]
}

fn triggers() -> impl Strategy<Value = Vec<Trigger>> {
    let action = prop_oneof![Just(None), Just(Some(ActionId::from("view")))];
    let trigger =
        (prop::sample::select(&ASSETS[..]), action).prop_map(|(asset, action)| Trigger { asset: asset.into(), action });
    prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(trigger, 1..3)]
}

prop_compose! {
    fn stream(index: usize)(
        kind in stream_kind(),
        product in prop::sample::select(&PRODUCTS[..]),
        kinds in prop::collection::vec(kind(), 1..8),
        offers in prop::option::of(prop::sample::select(&ASSETS[..])),
        enter_on in triggers(),
        exit_on in triggers(),
        accelerate_on in triggers(),
        then in prop::option::weighted(0.3, 0_usize..4),
        every_days in prop::option::weighted(0.3, 1_i64..40),
        topic in prop::option::weighted(0.3, Just("news")),
        holdout_percent in prop_oneof![4 => Just(0_u8), 1 => 0_u8..=100],
    ) -> Stream {
        let piece = |(at, kind): (usize, &Kind)| StreamPiece {
            id: format!("s{index}-{at}").as_str().into(),
            kind: *kind,
            offers: offers.filter(|_| kind.is_promotion()).map(AssetId::from),
            replaces: vec![],
        };
        Stream {
            id: format!("s{index}").as_str().into(),
            kind,
            product: product.into(),
            topic: topic.map(Into::into),
            audience: Expression::All(vec![]),
            enter_on,
            exit_on,
            exit_when: None,
            then: then.filter(|then| *then != index).map(|then| format!("s{then}").as_str().into()),
            accelerate_on,
            every_days,
            holdout_percent,
            mail_asset: None,
            pieces: kinds.iter().enumerate().map(piece).collect(),
        }
    }
}

fn rules() -> impl Strategy<Value = NurtureRules> {
    let streams = (stream(0), stream(1), stream(2), stream(3));
    let figures = (1_i64..15, 1_usize..6, 1_i64..40, 1_i64..30, 0_usize..6, 0_i64..200);
    (streams, figures).prop_map(|((a, b, c, d), (gap_days, mails, days, every, owed, new_customer_days))| {
        NurtureRules {
            gap_days,
            cap: Cap { mails, days },
            window: Window { from: "08:30".parse().unwrap(), to: "17:00".parse().unwrap() },
            stream_every_days: every,
            accelerated_days: 7,
            educational_before_hard: owed,
            new_customer_days,
            streams: vec![a, b, c, d],
        }
    })
}

fn person() -> impl Strategy<Value = Person> {
    let owned = (-100_i64..400, 0_i64..100, -20_i64..300, 0_i64..13);
    let frequency =
        prop_oneof![3 => Just(Frequency::AsOften), 1 => Just(Frequency::Fortnightly), 1 => Just(Frequency::Monthly)];
    let wishes = (frequency, prop::bool::weighted(0.2), prop::option::weighted(0.3, 0_i64..120));
    let zones = prop::sample::select(&["America/New_York", "Pacific/Auckland", "Asia/Kolkata"][..]);
    let done = (prop::sample::select(&ASSETS[..]), prop::sample::select(&["view", "download", "open"][..]));
    (
        prop_oneof![4 => Just(Health::Good), 1 => Just(Health::AtRisk)],
        0_i64..400,
        prop::collection::btree_map(prop::sample::select(&PRODUCTS[..]), owned, 0..3),
        prop::collection::btree_map(prop::sample::select(&PRODUCTS[..]), 0_i64..9, 0..4),
        prop::collection::vec(prop::sample::select(&PRODUCTS[..]), 0..2),
        prop::collection::btree_map(done, -400_i64..150, 0..5),
        wishes,
        prop::option::weighted(0.5, zones),
        prop::collection::btree_set(0_i64..150, 0..10),
    )
        .prop_map(|(health, customer_days, owns, interest, open_leads, engaged, wishes, zone, reported)| {
            let (frequency, no_news, paused) = wishes;
            let paused_until = paused.map(|days| start() + SignedDuration::from_hours(24 * days));
            let topics_off = if no_news { BTreeSet::from(["news".into()]) } else { BTreeSet::new() };
            let wishes = Wishes { topics_off, frequency, email_off: false, ads_off: false, paused_until };
            Person { health, customer_days, owns, interest, open_leads, engaged, wishes, zone, reported }
        })
}

/// One person's mailbox, moved from slot to slot.
struct Walk<'a> {
    rules: &'a NurtureRules,
    person: &'a Person,
    calendar: Calendar,
    account: Account,
    contact: Contact,
    progress: BTreeMap<StreamId, Progress>,
    mail_days: BTreeSet<Date>,
    last_was_promotion: bool,
}

#[derive(Clone, Debug)]
struct Sent {
    at: Timestamp,
    on: Date,
    stream: StreamId,
    received_as: StreamId,
    piece: String,
    kind: Kind,
    promotes_product: bool,
}

impl<'a> Walk<'a> {
    fn new(rules: &'a NurtureRules, person: &'a Person) -> Self {
        let days = |days: i64| start() + SignedDuration::from_hours(24 * days);
        let by = |of: fn(&(i64, i64, i64, i64)) -> i64| -> BTreeMap<ProductId, i64> {
            person.owns.iter().map(|(product, facts)| ((*product).into(), of(facts))).collect()
        };
        let dates = |numbers: BTreeMap<ProductId, i64>| -> BTreeMap<ProductId, Timestamp> {
            numbers.into_iter().map(|(product, number)| (product, days(number))).collect()
        };
        let account = Account {
            health: person.health,
            customer_since: Some(days(-person.customer_days)),
            owns: dates(by(|facts| -facts.0)),
            used: dates(by(|facts| -facts.1)),
            ends: dates(by(|facts| facts.2)),
            seats: by(|_| 10),
            seats_used: by(|facts| facts.3),
            ..Account::from_fields("a".into(), &Fields::default())
        };
        let mut fields = Fields::default();
        fields.merge([("email".to_owned(), "reader@example.com".to_owned())], 0);
        let contact = Contact::from_fields("reader".into(), &fields);
        let (progress, mail_days, last_was_promotion) = (BTreeMap::new(), BTreeSet::new(), false);
        Self { rules, person, calendar: calendar(), account, contact, progress, mail_days, last_was_promotion }
    }

    /// What is decided, under these rules, and what each stream has to say.
    fn look(&self, rules: &NurtureRules, now: Timestamp) -> (Decision, Vec<(StreamId, Verdict)>, i64) {
        let person = self.person;
        let scores = person.interest.iter().map(|(product, points)| ((*product).into(), *points)).collect();
        let engaged = person.engaged.iter().map(|((asset, action), day)| {
            ((AssetId::from(*asset), ActionId::from(*action)), start().as_second() + day * 86_400)
        });
        let engaged = engaged.collect();
        let open_leads: Vec<ProductId> = person.open_leads.iter().map(|product| (*product).into()).collect();
        let fit = fit::evaluate(&FitRules::default(), Some(&self.contact), Some(&self.account));
        let zone = person.zone.map(|zone| TimeZone::get(zone).unwrap());
        let today = self.calendar.date(now);
        let mut mail_days = self.mail_days.clone();
        let first = self.calendar.date(start());
        mail_days.extend(person.reported.iter().map(|day| first + day.days()).filter(|date| *date <= today));
        let snapshot = Snapshot {
            person: segment::Person {
                contact: Some(&self.contact),
                account: Some(&self.account),
                fit: &fit,
                scores: &scores,
                last_engaged_at: None,
                now,
            },
            engaged: &engaged,
            wishes: &person.wishes,
            zone: zone.as_ref(),
            open_leads: &open_leads,
            progress: &self.progress,
            last_mail_on: mail_days.last().copied(),
            mail_days: &mail_days,
            last_was_promotion: self.last_was_promotion,
            unsubscribed: false,
            suppressed: false,
            address_of_another: false,
            trouble: None,
        };
        let decision = decide(rules, &self.calendar, &snapshot, now);
        (decision, reasons(rules, &self.calendar, &snapshot, now), gap_days(rules, &snapshot))
    }

    /// Half a year, hour by hour of what the decisions ask for.
    fn half_a_year(&mut self) -> (Vec<Sent>, Vec<(Timestamp, Silence)>) {
        let (mut now, end) = (start(), start() + SignedDuration::from_hours(24 * 183));
        let (mut sent, mut silences) = (Vec::new(), Vec::new());
        while now < end {
            match self.look(self.rules, now).0 {
                Decision::Stop(reason) => panic!("nothing stops this person: {reason}"),
                Decision::Wait { until, reason } => {
                    assert!(until > now, "{reason} until {until} at {now}");
                    silences.push((now, reason));
                    now = until;
                }
                Decision::Send { stream, received_as, piece, kind, promotes_product } => {
                    let on = self.calendar.date(now);
                    let progress = self.progress.entry(received_as.clone()).or_default();
                    progress.sent.push(Received { piece: piece.clone(), kind: Some(kind) });
                    progress.last_sent_on = Some(on);
                    self.mail_days.insert(on);
                    self.last_was_promotion = kind.is_promotion();
                    let piece = piece.to_string();
                    sent.push(Sent { at: now, on, stream, received_as, piece, kind, promotes_product });
                    now += SignedDuration::from_hours(5);
                }
            }
        }
        (sent, silences)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn half_a_year_keeps_every_promise(rules in rules(), person in person()) {
        let mut walk = Walk::new(&rules, &person);
        let (sent, _) = walk.half_a_year();
        let zone = person.zone.map_or_else(|| calendar().zone, |zone| TimeZone::get(zone).unwrap());
        let first = calendar().date(start());
        let reported: Vec<Date> = person.reported.iter().map(|day| first + day.days()).collect();
        let gap = rules.gap_days.max(person.wishes.frequency.gap_days());
        let days_between = |from: Date, to: Date| i64::from((to - from).get_days());

        let mut pieces = BTreeSet::new();
        for (index, mail) in sent.iter().enumerate() {
            prop_assert!(pieces.insert((mail.received_as.clone(), mail.piece.clone())), "twice: {mail:?}");
            let before: Vec<Date> = sent[..index].iter().map(|mail| mail.on)
                .chain(reported.iter().copied().filter(|date| *date <= mail.on)).collect();
            for date in &before {
                prop_assert!(days_between(*date, mail.on) >= gap, "under the gap of {gap}: {mail:?} after {date}");
            }
            let counted: BTreeSet<Date> =
                before.iter().copied().filter(|date| days_between(*date, mail.on) < rules.cap.days).collect();
            prop_assert!(counted.len() < rules.cap.mails, "over the cap: {mail:?} after {counted:?}");
            let previous = index.checked_sub(1).map(|previous| &sent[previous]);
            let in_a_row = mail.kind.is_promotion() && previous.is_some_and(|previous| previous.kind.is_promotion());
            prop_assert!(!in_a_row, "two promotions in a row: {mail:?}");

            let stream = rules.streams.iter().find(|stream| stream.id == mail.stream).unwrap();
            prop_assert_eq!(mail.promotes_product, matches!(stream.kind, StreamKind::CrossSell | StreamKind::Upsell { .. }));
            prop_assert!(!(mail.promotes_product && person.health == Health::AtRisk), "sold at risk: {mail:?}");
            prop_assert!(!(mail.promotes_product && person.open_leads.contains(&stream.product.as_str())));
            prop_assert!(stream.topic.is_none() || person.wishes.topics_off.is_empty(), "topic not wanted: {mail:?}");
            prop_assert!(!stream.holds_out(&"reader".into()), "held out: {mail:?}");
            prop_assert!(person.wishes.paused_until.is_none_or(|until| until <= mail.at), "paused: {mail:?}");

            let of_stream: Vec<Kind> = sent[..index].iter()
                .filter(|other| other.received_as == mail.received_as).map(|other| other.kind).collect();
            let count = |kind| of_stream.iter().filter(|other| **other == kind).count();
            match mail.kind {
                Kind::Educational => {}
                Kind::Soft => prop_assert!(4 * count(Kind::Soft) < count(Kind::Educational), "{mail:?}"),
                Kind::Hard => {
                    let owed = rules.educational_before_hard * (count(Kind::Hard) + 1);
                    prop_assert!(owed <= count(Kind::Educational), "{mail:?}");
                }
            }

            let local = mail.at.to_zoned(zone.clone());
            prop_assert!(calendar().works_on(local.date()), "not a working day: {mail:?}");
            prop_assert!(local.time() >= rules.window.from && local.time() < rules.window.to, "at {local}");
        }
    }

    #[test]
    fn the_decision_and_its_reasons_are_one(rules in rules(), person in person(), hours in 0_i64..24 * 150) {
        let walk = Walk::new(&rules, &person);
        let now = start() + SignedDuration::from_hours(hours);
        let (decision, verdicts, _) = walk.look(&rules, now);
        let ready: Vec<_> = verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Ready { .. })).collect();
        match decision {
            Decision::Send { stream, piece, .. } => {
                let said = ready.iter().any(|(id, verdict)| {
                    *id == stream && matches!(verdict, Verdict::Ready { piece: ready, .. } if *ready == piece)
                });
                prop_assert!(said, "{stream} {piece}: {verdicts:?}");
            }
            Decision::Wait { reason: Silence::NoStream, .. } => {
                prop_assert!(verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Outside(_))), "{verdicts:?}");
            }
            Decision::Wait { reason, .. } if reason <= Silence::SendWindow => {}
            Decision::Wait { reason, .. } => {
                prop_assert!(ready.is_empty(), "{reason}: {verdicts:?}");
                let said = verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::Silent { reason: of, .. } if *of == reason));
                prop_assert!(said, "{reason}: {verdicts:?}");
            }
            Decision::Stop(reason) => prop_assert!(false, "stopped: {reason}"),
        }
    }

    /// Only where two streams have waited equally long does their order in the playbook decide.
    #[test]
    fn the_order_of_streams_decides_ties_alone(rules in rules(), person in person(), hours in 0_i64..24 * 150) {
        let mut walk = Walk::new(&rules, &person);
        walk.half_a_year();
        let now = start() + SignedDuration::from_hours(24 * 183 + hours);
        let turned = NurtureRules { streams: rules.streams.iter().rev().cloned().collect(), ..rules.clone() };
        let ((one, verdicts, _), (other, mut turned_verdicts, _)) = (walk.look(&rules, now), walk.look(&turned, now));
        turned_verdicts.reverse();
        prop_assert_eq!(&verdicts, &turned_verdicts);
        let waited = |decision: &Decision| match decision {
            Decision::Send { received_as, .. } => Some(walk.progress.get(received_as).and_then(|progress| progress.last_sent_on)),
            _ => None,
        };
        match (waited(&one), waited(&other)) {
            (Some(one), Some(other)) => prop_assert_eq!(one, other),
            _ => prop_assert_eq!(&one, &other),
        }
    }
}

#[test]
fn a_tenth_is_a_tenth_and_another_for_each_stream() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let of = |id: &str, runner: &mut proptest::test_runner::TestRunner| {
        let stream = stream(0).new_tree(runner).unwrap().current();
        Stream { id: id.into(), holdout_percent: 10, ..stream }
    };
    let (one, other) = (of("one", &mut runner), of("other", &mut runner));
    let held = |stream: &Stream| -> BTreeSet<usize> {
        (0..10_000).filter(|contact| stream.holds_out(&format!("contact-{contact}").as_str().into())).collect()
    };
    let (one, other) = (held(&one), held(&other));
    for group in [&one, &other] {
        assert!((900..1_100).contains(&group.len()), "{}", group.len());
    }
    let both = one.intersection(&other).count();
    assert!((60..150).contains(&both), "{both} of ten thousand are in both");
}
