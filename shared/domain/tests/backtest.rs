//! Backtest: what rules would have made of a history, row by row, and that it is what the functions would have computed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use perennial_domain::backtest::mail::Slots;
use perennial_domain::backtest::{HandOff, Person, Replay, Rules, replay, tagged};
use perennial_domain::calendar::{Calendar, Day};
use perennial_domain::fit::FitRules;
use perennial_domain::ids::{AccountId, ContactId, RepId};
use perennial_domain::interest::{
    ActionRule, AssetRule, ClickGate, Decay, FactName, Facts, InterestRules, Repeat, Requalify, evaluate, instant,
};
use perennial_domain::nurture::{Cap, Kind, NurtureRules, Stream, StreamKind, StreamPiece, Window};
use perennial_domain::owner::{Member, OwnerRules, Territory};
use perennial_domain::profile::{Account, Contact, Fields};
use perennial_domain::qualify::QualifyRules;
use perennial_domain::quarter::QuarterRule;
use perennial_domain::segment::{Comparison, Expression, Quantity};
use perennial_domain::sorting::SortingRules;
use proptest::prelude::*;

/// Monday, the first day of a cycle; the quarter ends 79 days later.
const DAY_0: &str = "2026-01-12T00:00:00Z";

fn second(day: i64) -> i64 {
    DAY_0.parse::<Timestamp>().unwrap().as_second() + day * 86_400
}

fn interest() -> InterestRules {
    let mut assets: HashMap<_, AssetRule> = HashMap::new();
    for (asset, products, action, points) in [
        ("infographic", vec!["analytics"], "download", 1),
        ("guide", vec!["analytics"], "download", 10),
        ("webinar", vec!["analytics", "automation"], "attend", 4),
        ("pricing", vec!["automation"], "request", 2),
        ("demo", vec!["automation"], "watch", 6),
        ("mail", vec!["analytics"], "click", 1),
        ("mail", vec!["analytics"], "delivered", 0),
        ("mail-2", vec!["automation"], "delivered", 0),
    ] {
        let rule = assets.entry(asset.into()).or_insert_with(|| AssetRule {
            products: products.into_iter().map(Into::into).collect(),
            title: asset.to_owned(),
            actions: HashMap::new(),
        });
        let rule_of = ActionRule { points, act_now: action == "request", call_now: action == "watch" };
        rule.actions.insert(action.into(), rule_of);
    }
    InterestRules {
        threshold: 5,
        product_thresholds: HashMap::new(),
        cap: 100,
        decay: Decay::Halve,
        repeat: Repeat::Cycle,
        gate: Some(ClickGate { seconds_after_sending: 10, clicks_per_day: 5 }),
        quarters: QuarterRule { first_month: 1, zone: TimeZone::UTC },
        requalify: Requalify::OnEngagement,
        assets,
    }
}

fn qualify() -> QualifyRules {
    QualifyRules {
        sorting: SortingRules { fit_weight_percent: 50, hot: 60, warm: 30 },
        new_customer_days: 183,
        fit: FitRules::default(),
    }
}

fn nurture() -> NurtureRules {
    let piece = |id: &str, kind| StreamPiece { id: id.into(), kind, offers: None, replaces: vec![] };
    let stream = |id: &str, kind, product: &str| Stream {
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
        pieces: vec![
            piece(&format!("{id}-1"), Kind::Educational),
            piece(&format!("{id}-2"), Kind::Soft),
            piece(&format!("{id}-3"), Kind::Educational),
        ],
    };
    NurtureRules {
        gap_days: 7,
        cap: Cap { mails: 4, days: 28 },
        window: Window { from: "08:00".parse().unwrap(), to: "18:00".parse().unwrap() },
        accelerated_days: 7,
        stream_every_days: 14,
        educational_before_hard: 4,
        new_customer_days: 183,
        streams: vec![
            stream("cross-analytics", StreamKind::CrossSell, "analytics"),
            stream("keep-support", StreamKind::Retention { after_days: 90 }, "support"),
        ],
    }
}

fn calendar() -> Calendar {
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    Calendar {
        zone: TimeZone::UTC,
        working_days: days.map(Day::from).into(),
        holidays: BTreeSet::new(),
        check_at: "08:00".parse().unwrap(),
    }
}

/// `asset/action` or `asset/action@email`.
fn name(text: &str) -> FactName {
    let (asset, rest) = text.split_once('/').unwrap();
    let (action, email) = rest.split_once('@').map_or((rest, None), |(action, email)| (action, Some(email)));
    FactName { asset: asset.into(), action: action.into(), email: email.map(Into::into) }
}

fn person(facts: &[(&str, i64)]) -> Person {
    let contact = Contact {
        id: ContactId::from("anna"),
        account: Some(AccountId::from("acme")),
        email: Some("anna@example.com".to_owned()),
        first_name: None,
        last_name: None,
        title: None,
        role: None,
    };
    let facts = facts.iter().map(|(fact, second)| (name(fact), *second)).collect();
    Person { id: ContactId::from("anna"), contact: Some(contact), facts, unsubscribed: false, wants_no_calls: false }
}

fn account() -> Account {
    Account { owner: Some(RepId::from("rita")), ..Account::from_fields(AccountId::from("acme"), &Fields::default()) }
}

fn owners() -> OwnerRules {
    OwnerRules { territories: Vec::new(), team: BTreeMap::from([(RepId::from("rita"), Member::default())]) }
}

fn replayed(interest: &InterestRules, person: &Person, account: Option<&Account>, until: i64) -> Replay {
    let (qualify, nurture, calendar, owners) = (qualify(), nurture(), calendar(), owners());
    let slots = Slots::new(&calendar, &nurture.window, instant(second(-400)), instant(until));
    let rules =
        Rules { interest, qualify: &qualify, nurture: &nurture, calendar: &calendar, slots: &slots, owners: &owners };
    replay(&rules, person, account, &tagged(interest, &person.facts), instant(until))
}

#[test]
fn an_account_that_is_nobodys_falls_to_its_territory_as_it_would_have() {
    let (interest, qualify, nurture, calendar) = (interest(), qualify(), nurture(), calendar());
    let slots = Slots::new(&calendar, &nurture.window, instant(second(0)), instant(second(30)));
    // Of everybody who has been a customer for ten days.
    let when = Expression::Compare { quantity: Quantity::CustomerDays, comparison: Comparison::AtLeast, value: 10 };
    let territory = Territory { id: "ours".into(), when, reps: vec![RepId::from("rita")] };
    let owners = OwnerRules { territories: vec![territory], ..owners() };
    let rules = Rules {
        interest: &interest,
        qualify: &QualifyRules { new_customer_days: 0, ..qualify },
        nurture: &nurture,
        calendar: &calendar,
        slots: &slots,
        owners: &owners,
    };
    let nobodys = Account { owner: None, customer_since: Some(instant(second(-5))), ..account() };
    for (day, expected) in [(4, "held: account without owner"), (5, "MQL to rita")] {
        let person = person(&[("guide/download", second(day))]);
        let replayed = replay(&rules, &person, Some(&nobodys), &tagged(&interest, &person.facts), instant(second(30)));
        let said = in_words(&replayed);
        assert!(said.contains(expected), "{day}: {said}");
        assert_eq!(replayed.mqls[0].owner.is_some(), day == 5);
    }
}

fn in_words(replay: &Replay) -> String {
    let mqls = replay.mqls.iter().map(|mql| {
        let day = (mql.reached.second - second(0)).div_euclid(86_400);
        let hand_off = match &mql.hand_off {
            HandOff::Lead { priority, owner } => format!("{priority} to {owner}"),
            HandOff::Held(reason) => format!("held: {reason}"),
        };
        format!("{} {} day {day} at {}, {hand_off}", mql.product, mql.quarter, mql.reached.points)
    });
    mqls.collect::<Vec<_>>().join("; ")
}

#[test]
fn a_history_becomes_mqls_and_what_becomes_of_them() {
    let check = |facts: &[(&str, i64)], account: Option<&Account>, expected: &str| {
        let facts: Vec<(&str, i64)> = facts.iter().map(|(fact, day)| (*fact, second(*day))).collect();
        assert_eq!(in_words(&replayed(&interest(), &person(&facts), account, second(200))), expected, "{facts:?}");
    };
    let known = account();
    check(&[], Some(&known), "");
    check(&[("infographic/download", 0)], Some(&known), "");
    check(&[("guide/download", 0)], Some(&known), "analytics 2026-Q1 day 0 at 10, MQL to rita");
    // Once a quarter, and again in the next.
    let twice = [("guide/download", 0), ("guide/download", 20), ("guide/download", 80)];
    let both = "analytics 2026-Q1 day 0 at 10, MQL to rita; analytics 2026-Q2 day 80 at 12, MQL to rita";
    check(&twice, Some(&known), both);
    // An asset tagged with two products counts for each; two assets make the second.
    let shared = [("webinar/attend", 0), ("demo/watch", 1), ("infographic/download", 2)];
    let of_both = "analytics 2026-Q1 day 2 at 5, MQL to rita; automation 2026-Q1 day 1 at 10, Call Now to rita";
    check(&shared, Some(&known), of_both);
    // An Act Now needs no threshold, and is one however the facts of its second are named.
    check(&[("pricing/request", 0)], Some(&known), "automation 2026-Q1 day 0 at 2, Act Now to rita");
    check(&[("demo/watch", 0), ("pricing/request", 0)], Some(&known), "automation 2026-Q1 day 0 at 6, Act Now to rita");
    // For somebody who wants no calls too; mere interest waits.
    let uncalled = |facts: &[(&str, i64)]| {
        let facts: Vec<(&str, i64)> = facts.iter().map(|(fact, day)| (*fact, second(*day))).collect();
        let person = Person { wants_no_calls: true, ..person(&facts) };
        in_words(&replayed(&interest(), &person, Some(&known), second(100)))
    };
    assert_eq!(uncalled(&[("pricing/request", 0)]), "automation 2026-Q1 day 0 at 2, Act Now to rita");
    let waits = "analytics 2026-Q1 day 0 at 10, held: no consent to be called";
    assert_eq!(uncalled(&[("guide/download", 0)]), waits);
    // Held, with the reason; an owner whom the playbook does not know is none.
    check(&[("guide/download", 0)], None, "analytics 2026-Q1 day 0 at 10, held: account unknown");
    let stranger = Account { owner: Some(RepId::from("nobody")), ..known.clone() };
    check(&[("guide/download", 0)], Some(&stranger), "analytics 2026-Q1 day 0 at 10, held: account without owner");
    // New when it was reached, not when it is replayed.
    let new = Account { customer_since: Some(instant(second(-182))), ..known.clone() };
    check(&[("guide/download", 0)], Some(&new), "analytics 2026-Q1 day 0 at 10, held: new customer");
    check(&[("guide/download", 1)], Some(&new), "analytics 2026-Q1 day 1 at 10, MQL to rita");
}

#[test]
fn what_an_account_buys_later_it_does_not_own_yet() {
    let mqls = |facts: &[(&str, i64)], account: &Account| {
        let facts: Vec<(&str, i64)> = facts.iter().map(|(fact, day)| (*fact, second(*day))).collect();
        in_words(&replayed(&interest(), &person(&facts), Some(account), second(200)))
    };
    let mut buyer = account();
    buyer.owns.insert("analytics".into(), instant(second(80)));
    buyer.customer_since = Some(instant(second(80)));
    let around = [("guide/download", 0), ("guide/download", 80), ("guide/download", 170)];
    let expected = "analytics 2026-Q1 day 0 at 10, MQL to rita; \
                    analytics 2026-Q2 day 80 at 10, held: product owned; \
                    analytics 2026-Q3 day 170 at 10, held: product owned";
    assert_eq!(mqls(&around, &buyer), expected);
    // Nobody is a new customer before being one.
    let other = [("webinar/attend", 0), ("demo/watch", 1), ("demo/watch", 81)];
    let expected =
        "automation 2026-Q1 day 1 at 10, Call Now to rita; automation 2026-Q2 day 81 at 6, held: new customer";
    assert_eq!(mqls(&other, &buyer), expected);
}

#[test]
fn the_gate_of_a_product_does_not_see_the_mail_of_another() {
    // A click is gated by a delivery of its own product's mail; the same mail id under another product is another mail.
    let mqls = |delivery: &str| {
        let facts = [("mail/click@m1", second(30) + 5), (delivery, second(30))];
        let rules = InterestRules { threshold: 1, ..interest() };
        replayed(&rules, &person(&facts), Some(&account()), second(70)).mqls.len()
    };
    assert_eq!(mqls("mail/delivered@m1"), 0);
    assert_eq!(mqls("mail-2/delivered@m1"), 1);
}

#[test]
fn nurture_mail_is_counted_slot_by_slot() {
    let owner_of_support = || {
        let mut account = account();
        account.owns.insert("support".into(), instant(second(-400)));
        account
    };
    let check = |facts: &[(&str, i64)], change: fn(&mut Person), account: &Account, days: i64, expected: usize| {
        let facts: Vec<(&str, i64)> = facts.iter().map(|(fact, day)| (*fact, second(*day))).collect();
        let mut person = person(&facts);
        change(&mut person);
        let seen = replayed(&interest(), &person, Some(account), second(days)).emails;
        assert_eq!(seen, expected, "{facts:?} until day {days}");
    };
    let same: fn(&mut Person) = |_| {};
    let one = [("infographic/download", 0)];
    check(&[], same, &account(), 100, 0);
    // The first slot is the first working morning: day 0, then one every 14 days, until the stream has no more.
    check(&one, same, &account(), 0, 0);
    check(&one, same, &account(), 1, 1);
    check(&one, same, &account(), 14, 1);
    check(&one, same, &account(), 15, 2);
    check(&one, same, &account(), 29, 3);
    check(&one, same, &account(), 200, 3);
    check(&one, |person| person.unsubscribed = true, &account(), 200, 0);
    check(&one, |person| person.contact = None, &account(), 200, 0);
    check(&one, |person| person.contact.as_mut().unwrap().email = None, &account(), 200, 0);
    // A weekend's slot is Monday's.
    check(&[("infographic/download", 5)], same, &account(), 7, 0);
    check(&[("infographic/download", 5)], same, &account(), 8, 1);
    // A lead pauses its product's stream for good; a held one does not.
    check(&[("infographic/download", 0), ("guide/download", 3)], same, &account(), 200, 1);
    let nobodys = Account { owner: None, ..account() };
    check(&[("infographic/download", 0), ("guide/download", 3)], same, &nobodys, 200, 3);
    // Two streams share a person's cap of one mail in seven days.
    check(&one, same, &owner_of_support(), 8, 2);
    check(&one, same, &owner_of_support(), 200, 6);
    // What is bought later: the product's stream until then, and what an owner gets from then on.
    let buyer = |product: &str, day: i64| {
        let mut account = account();
        account.owns.insert(product.into(), instant(second(day)));
        account
    };
    check(&one, same, &buyer("analytics", 10), 200, 1);
    check(&[("poster/seen", 0)], same, &buyer("support", 20), 108, 0);
    check(&[("poster/seen", 0)], same, &buyer("support", 20), 200, 3);
    check(&[("poster/seen", 0)], same, &buyer("support", 900), 1_100, 3);
    // Any engagement begins the slots, also one that is worth nothing to a stream.
    check(&[("poster/seen", 0)], same, &owner_of_support(), 200, 3);
}

#[test]
fn how_far_the_history_of_others_goes_takes_no_more_work() {
    let facts: Vec<(&str, i64)> = (0..40).map(|week| ("guide/download", second(7 * week))).collect();
    let person = person(&facts);
    let (qualify, nurture, calendar, owners) = (qualify(), nurture(), calendar(), owners());
    let slots = Slots::new(&calendar, &nurture.window, instant(second(0)), instant(second(20_000)));
    for requalify in [Requalify::OnEngagement, Requalify::OnRollover] {
        let interest = InterestRules { requalify, ..interest() };
        let rules = Rules {
            interest: &interest,
            qualify: &qualify,
            nurture: &nurture,
            calendar: &calendar,
            slots: &slots,
            owners: &owners,
        };
        let (account, tagged) = (account(), tagged(&interest, &person.facts));
        let work = |days: i64| {
            let mut seen = Replay::default();
            let until = instant(second(days));
            let taken = allocation_counter::measure(|| seen = replay(&rules, &person, Some(&account), &tagged, until));
            (taken.count_total, seen)
        };
        assert_eq!(work(20_000), work(1_000), "{requalify:?}");
    }
}

proptest! {
    /// As the functions would have seen it from day to day: also when a history is longer than a score looks back.
    #[test]
    fn mqls_are_reached_when_the_score_of_the_day_says_so(
        days in prop::collection::btree_set(0_i64..1_500, 1..40),
        which in prop::collection::vec(0_usize..3, 40),
        decay in prop_oneof![Just(Decay::Halve), Just(Decay::Points(1)), Just(Decay::Percent(5))],
        requalify in prop_oneof![Just(Requalify::OnEngagement), Just(Requalify::OnRollover)],
        threshold in 5_i64..30,
    ) {
        let names = ["infographic/download", "guide/download", "webinar/attend"];
        // Without the gate: with it, a replay knows of clicks that came later.
        let rules = InterestRules { gate: None, decay, requalify, threshold, ..interest() };
        let facts: Vec<(&str, i64)> = days.iter().zip(&which).map(|(day, which)| (names[*which], second(*day))).collect();
        let last = facts.last().unwrap().1;
        let person = person(&facts);
        let analytics = tagged(&rules, &person.facts).remove("analytics").unwrap_or_default();
        let seen: BTreeMap<_, _> = replayed(&rules, &person, Some(&account()), last)
            .mqls
            .into_iter()
            .filter(|mql| mql.product.as_str() == "analytics")
            .map(|mql| (mql.quarter, mql.reached))
            .collect();
        let mut expected = BTreeMap::new();
        let mut moments: BTreeSet<i64> = facts.iter().map(|(_, second)| *second).collect();
        if requalify == Requalify::OnRollover {
            let mut start = rules.quarters.next_start(instant(facts[0].1));
            while start.as_second() <= last {
                moments.insert(start.as_second());
                start = rules.quarters.next_start(start);
            }
        }
        for moment in moments {
            let now = instant(moment);
            let quarter = rules.quarters.of(now);
            if let Some(reached) = evaluate(&rules, &"analytics".into(), &analytics, now).reached.get(&quarter) {
                expected.entry(quarter).or_insert(*reached);
            }
        }
        prop_assert_eq!(seen, expected);
    }

    /// What is tagged anew is what is there: every fact goes to each product of its asset, and nowhere else.
    #[test]
    fn every_fact_goes_to_each_product_of_its_asset(which in prop::collection::vec((0_usize..4, 0_i64..100), 0..40)) {
        let names = ["infographic/download", "webinar/attend", "pricing/request", "poster/seen"];
        let facts: Facts = which.iter().map(|(which, day)| (name(names[*which]), second(*day))).collect();
        let count = |wanted: &[&str]| {
            facts.iter().filter(|(name, _)| wanted.contains(&name.asset.as_str())).count()
        };
        let by_product = tagged(&interest(), &facts);
        let len = |product: &str| by_product.get(product).map_or(0, Facts::len);
        prop_assert_eq!(len("analytics"), count(&["infographic", "webinar"]));
        prop_assert_eq!(len("automation"), count(&["webinar", "pricing"]));
    }
}
