//! The checker catches what it is there to catch: a small history that keeps every promise, and violations planted in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, date, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use perennial_tests::half_year::check;
use perennial_tests::half_year::history::{
    Account, Choice, Fact, History, Kind, Mail, Outcome, Person, Promises, Purpose, Slot, Stream, What,
};
use perennial_tests::half_year::reach::Reach;
use perennial_tests::half_year::rules::{OF_ALL, OF_ONE, Rule};

use Kind::{Educational, Hard, Soft};

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn at(date: Date, time: Time) -> Timestamp {
    date.to_datetime(time).to_zoned(berlin()).unwrap().timestamp()
}

fn day(month: i8, day: i8) -> Date {
    date(2026, month, day)
}

fn stream(purpose: Purpose, product: &str, topic: &str, pieces: &[(&str, Kind)]) -> Stream {
    let pieces = pieces.iter().map(|(piece, kind)| ((*piece).to_owned(), *kind)).collect();
    let (product, topic) = (product.to_owned(), Some(topic.to_owned()));
    Stream { purpose, product, topic, pieces, marks: BTreeMap::new(), audience: None, held_out: BTreeSet::new() }
}

fn promises() -> Promises {
    let sell = [
        ("s1", Educational),
        ("s2", Educational),
        ("s3", Educational),
        ("s4", Educational),
        ("soft", Soft),
        ("soft-again", Soft),
        ("hard", Hard),
    ];
    let care = [("c1", Educational), ("c2", Educational), ("c3", Educational)];
    let renew = [("r1", Educational), ("r2", Educational)];
    let marks = BTreeMap::from([("r1".to_owned(), 120), ("r2".to_owned(), 60)]);
    let rescue = Purpose::Save { unused_days: 42, adoption_percent: 30, until_days: 1_000 };
    let streams = [
        ("sell", stream(Purpose::CrossSell, "automation", "automation", &sell)),
        ("care", stream(Purpose::Retention(90), "analytics", "owners", &care)),
        ("renew", Stream { marks, ..stream(Purpose::Renewal(120), "analytics", "owners", &renew) }),
        ("more", stream(Purpose::Upsell(80), "analytics", "owners", &[("m1", Educational)])),
        ("rescue", stream(rescue, "analytics", "owners", &[("v1", Educational)])),
    ];
    Promises {
        gap_days: 7,
        cap_mails: 4,
        cap_days: 28,
        opens_at: time(9, 0, 0, 0),
        closes_at: time(18, 0, 0, 0),
        zone: berlin(),
        working_days: Promises::week(),
        holidays: BTreeSet::from([day(5, 1)]),
        educational_before_hard: 4,
        new_customer_days: 183,
        streams: streams.into_iter().map(|(id, stream)| (id.to_owned(), stream)).collect(),
    }
}

/// What Ada got: all that one may get.
const ADA: [(i8, i8, &str, &str); 12] = [
    (3, 3, "sell", "s1"),
    (3, 10, "care", "c1"),
    (3, 17, "sell", "s2"),
    (3, 24, "sell", "s3"),
    (3, 31, "sell", "s4"),
    (4, 7, "sell", "soft"),
    (4, 14, "care", "c2"),
    (4, 21, "sell", "hard"),
    (5, 5, "renew", "r1"),
    (5, 26, "more", "m1"),
    (6, 9, "rescue", "v1"),
    // For the next contract, which begins anew.
    (6, 30, "renew", "r1"),
];
const OTHERS: [&str; 4] = ["bob", "cem", "dana", "eve"];

/// Five people at one company, a slot each on every Tuesday of half a year, and no promise broken.
fn kept() -> History {
    let acme = Account {
        customer_since: at(date(2024, 1, 1), Time::midnight()),
        owns: BTreeMap::from([("analytics".to_owned(), at(date(2024, 1, 1), Time::midnight()))]),
    };
    let from = at(day(3, 2), Time::midnight());
    let person = Person { account: "acme".to_owned(), zone: None, has_own_address: true, known_at: from };
    let people = ["ada"].into_iter().chain(OTHERS).map(|name| (name.to_owned(), person.clone()));
    let mut history = History {
        from,
        until: at(day(8, 31), Time::midnight()),
        promises: promises(),
        accounts: BTreeMap::from([("acme".to_owned(), acme)]),
        people: people.collect(),
        facts: Vec::new(),
        planned: BTreeSet::new(),
        slots: Vec::new(),
        mails: Vec::new(),
    };
    let people: Vec<String> = history.people.keys().cloned().collect();
    for contact in people {
        for date in day(3, 3).series(7.days()).take_while(|date| *date < day(8, 31)) {
            history.planned.insert((contact.clone(), date));
            let outcome = Outcome::Silent("next piece not due yet".to_owned());
            history.slots.push(Slot { contact: contact.clone(), date, outcome });
        }
    }
    for (month, on, stream, piece) in ADA {
        send(&mut history, "ada", day(month, on), stream, piece);
    }
    OTHERS.iter().for_each(|name| send(&mut history, name, day(3, 10), "care", "c1"));
    tell(&mut history, day(3, 2), What::Engaged { contact: "ada".to_owned(), product: "automation".to_owned() });
    tell(&mut history, day(3, 2), ends(day(8, 1)));
    tell(&mut history, day(3, 2), seats(20));
    tell(&mut history, day(3, 2), used(day(2, 1)));
    tell(&mut history, day(6, 20), ends(day(10, 10)));
    history
}

/// A mail at ten, in the slot of that date, in the place of its reason.
fn send(history: &mut History, contact: &str, date: Date, stream: &str, piece: &str) {
    let (stream, piece, contact) = (stream.to_owned(), piece.to_owned(), contact.to_owned());
    history.planned.insert((contact.clone(), date));
    history.slots.retain(|slot| (&slot.contact, slot.date) != (&contact, date));
    let outcome = Outcome::Sent { stream: stream.clone(), piece: piece.clone() };
    history.slots.push(Slot { contact: contact.clone(), date, outcome });
    let at = at(date, time(10, 0, 0, 0));
    history.mails.push(Mail { at, contact, slot: date, stream, piece });
}

/// At four in the morning.
fn tell(history: &mut History, date: Date, what: What) {
    history.facts.push(Fact { at: at(date, time(4, 0, 0, 0)), what });
}

fn ends(on: Date) -> What {
    let end = at(on, Time::midnight());
    What::ContractEnds { account: "acme".to_owned(), product: "analytics".to_owned(), end }
}

/// So many of 25 seats are in use.
fn seats(used: i64) -> What {
    What::Seats { account: "acme".to_owned(), product: "analytics".to_owned(), bought: 25, used }
}

fn used(on: Date) -> What {
    What::Used { account: "acme".to_owned(), product: "analytics".to_owned(), used_at: at(on, Time::midnight()) }
}

fn health(history: &mut History, on: Date, at_risk: bool) {
    tell(history, on, What::Health { account: "acme".to_owned(), at_risk });
}

fn opt_out(history: &mut History, contact: &str, on: Date) {
    tell(history, on, What::OptedOut { contact: contact.to_owned() });
}

/// Bob turns out to be Ada; slots of his after that are taken out of the history.
fn merge_bob(history: &mut History, on: Date) {
    let remains = |contact: &str, date: Date| contact != "bob" || date <= on;
    history.planned.retain(|(contact, date)| remains(contact, *date));
    history.slots.retain(|slot| remains(&slot.contact, slot.date));
    tell(history, on, What::Merged { from: "bob".to_owned(), into: ada() });
}

fn stream_of<'a>(history: &'a mut History, id: &str) -> &'a mut Stream {
    history.promises.streams.get_mut(id).unwrap()
}

fn ada() -> String {
    "ada".to_owned()
}

fn choose(history: &mut History, on: Date, choice: Choice) {
    tell(history, on, What::Chose { contact: ada(), choice });
}

fn mail_on(history: &mut History, date: Date) -> &mut Mail {
    history.mails.iter_mut().find(|mail| mail.contact == "ada" && mail.slot == date).unwrap()
}

fn slot_on(history: &mut History, date: Date) -> &mut Slot {
    history.slots.iter_mut().find(|slot| slot.contact == "ada" && slot.date == date).unwrap()
}

/// Takes a mail back, as if it had never been decided.
fn unsend(history: &mut History, contact: &str, date: Date) {
    history.mails.retain(|mail| (mail.contact.as_str(), mail.slot) != (contact, date));
    let here = history.slots.iter_mut().find(|slot| slot.contact == contact && slot.date == date);
    here.unwrap().outcome = Outcome::Silent("next piece not due yet".to_owned());
}

fn resend(history: &mut History, date: Date, stream: &str, piece: &str) {
    unsend(history, "ada", date);
    send(history, "ada", date, stream, piece);
}

type Plant = fn(&mut History);

/// What is done to the history, in words; what exactly that breaks; and how it is done.
const PLANTED: [(&str, &[Rule], Plant); 64] = [
    ("nothing is recorded of a slot", &[Rule::OneOutcome, Rule::Totals], |it| {
        it.slots.retain(|slot| slot.contact != "ada" || slot.date != day(5, 12));
    }),
    ("a slot that nobody planned", &[Rule::OneOutcome, Rule::Totals, Rule::Forgotten], |it| {
        it.planned.remove(&(ada(), day(5, 12)));
    }),
    ("a slot is recorded twice", &[Rule::OneOutcome, Rule::Totals], |it| {
        let again = slot_on(it, day(5, 12)).clone();
        it.slots.push(again);
    }),
    ("a send that is in no mailbox", &[Rule::OneOutcome, Rule::Totals], |it| {
        it.mails.retain(|mail| mail.contact != "ada" || mail.slot != day(5, 5));
    }),
    ("a reason, and a mail all the same", &[Rule::OneOutcome, Rule::Totals], |it| {
        slot_on(it, day(5, 5)).outcome = Outcome::Silent("next piece not due yet".to_owned());
    }),
    ("another piece in the mailbox than in the slot", &[Rule::OneOutcome], |it| {
        mail_on(it, day(4, 14)).piece = "c3".to_owned();
    }),
    ("a slot that was never settled", &[Rule::OneOutcome, Rule::Totals], |it| {
        slot_on(it, day(5, 12)).outcome = Outcome::Unsettled("Sending".to_owned());
    }),
    ("a reason that says nothing", &[Rule::OneOutcome], |it| {
        slot_on(it, day(5, 12)).outcome = Outcome::Silent(String::new());
    }),
    ("a slot of nobody was planned", &[Rule::Totals], |it| {
        it.planned.insert(("nobody".to_owned(), day(5, 12)));
    }),
    ("three of five get nothing, though there is content", &[Rule::Reached], |it| {
        OTHERS[..3].iter().for_each(|name| unsend(it, name, day(3, 10)));
    }),
    ("no slot for eight weeks", &[Rule::Forgotten], |it| {
        let lost = |date: Date| date > day(7, 1);
        it.planned.retain(|(contact, date)| contact != "ada" || !lost(*date));
        it.slots.retain(|slot| slot.contact != "ada" || !lost(slot.date));
    }),
    ("no slot for two weeks", &[Rule::Forgotten], |it| {
        it.planned.remove(&(ada(), day(7, 14)));
        it.slots.retain(|slot| slot.contact != "ada" || slot.date != day(7, 14));
    }),
    ("no slot for five weeks, to somebody who wants one mail a month", &[Rule::Forgotten], |it| {
        choose(it, day(7, 4), Choice { every_days: 28, ..Choice::default() });
        let lost = |date: Date| date > day(7, 7) && date < day(8, 11);
        it.planned.retain(|(contact, date)| contact != "ada" || !lost(*date));
        it.slots.retain(|slot| slot.contact != "ada" || !lost(slot.date));
    }),
    ("two days after the last mail", &[Rule::Gap], |it| send(it, "ada", day(5, 7), "care", "c3")),
    ("six days after the last mail", &[Rule::Gap], |it| send(it, "ada", day(5, 11), "care", "c3")),
    ("two weeks after, to somebody who wants one a month", &[Rule::Gap], |it| {
        choose(it, day(4, 30), Choice { every_days: 28, ..Choice::default() });
    }),
    ("two days after another system's mail", &[Rule::Gap], |it| {
        tell(it, day(5, 3), What::MailReported { contact: ada() });
    }),
    ("a fifth mail in four weeks, with those of other systems", &[Rule::Cap], |it| {
        tell(it, day(4, 24), What::MailReported { contact: ada() });
        tell(it, day(4, 25), What::MailReported { contact: ada() });
    }),
    ("a fifth mail in four weeks, where the gap is shorter", &[Rule::Cap], |it| {
        it.promises.gap_days = 3;
        send(it, "ada", day(4, 17), "care", "c3");
    }),
    ("cross-sell to an account at risk", &[Rule::AtRisk], |it| {
        tell(it, day(3, 31), What::Health { account: "acme".to_owned(), at_risk: true });
        tell(it, day(4, 1), What::Health { account: "acme".to_owned(), at_risk: false });
    }),
    ("upsell to an account at risk", &[Rule::AtRisk], |it| {
        health(it, day(5, 25), true);
        health(it, day(5, 27), false);
    }),
    ("a favour is asked of an account at risk", &[Rule::AtRisk], |it| {
        stream_of(it, "care").purpose = Purpose::Advocacy(90);
        health(it, day(3, 9), true);
        health(it, day(3, 12), false);
    }),
    ("more seats, where seats are free", &[Rule::ForOwners], |it| tell(it, day(5, 20), seats(19))),
    ("more seats, of what is not owned", &[Rule::ForOwners], |it| {
        stream_of(it, "more").product = "automation".to_owned();
    }),
    ("a rescue of what is in use", &[Rule::ForOwners], |it| tell(it, day(6, 1), used(day(6, 1)))),
    ("a rescue long after the purchase", &[Rule::ForOwners], |it| {
        stream_of(it, "rescue").purpose = Purpose::Save { unused_days: 42, adoption_percent: 30, until_days: 800 };
    }),
    ("a habit, before it is owned for so long", &[Rule::ForOwners], |it| {
        stream_of(it, "care").purpose = Purpose::Retention(1_000);
    }),
    ("first steps, to an old owner", &[Rule::ForOwners], |it| {
        stream_of(it, "care").purpose = Purpose::Onboarding(90);
    }),
    ("a renewal's piece before its mark", &[Rule::Mark], |it| {
        stream_of(it, "renew").marks.insert("r1".to_owned(), 80);
    }),
    ("a renewal's first piece after its second mark", &[Rule::Mark], |it| {
        stream_of(it, "renew").marks.insert("r2".to_owned(), 100);
    }),
    ("a renewal's second piece at its first mark", &[Rule::Mark], |it| resend(it, day(5, 5), "renew", "r2")),
    ("a renewal of a contract that has ended", &[Rule::ForOwners, Rule::Mark], |it| {
        tell(it, day(4, 30), ends(day(5, 1)));
    }),
    ("to whoever was erased", &[Rule::Erased], |it| tell(it, day(6, 30), What::Erased { contact: ada() })),
    ("a slot of whoever was erased", &[Rule::Erased], |it| tell(it, day(8, 20), What::Erased { contact: ada() })),
    ("to an id that was merged into another", &[Rule::Merged], |it| {
        merge_bob(it, day(6, 20));
        send(it, "bob", day(7, 7), "care", "c2");
    }),
    ("a slot of an id that was merged into another", &[Rule::Merged], |it| {
        tell(it, day(6, 20), What::Merged { from: "bob".to_owned(), into: ada() });
    }),
    ("a piece that was received under the other id", &[Rule::Twice], |it| {
        send(it, "bob", day(3, 17), "care", "c3");
        merge_bob(it, day(5, 10));
        send(it, "ada", day(5, 19), "care", "c3");
    }),
    ("four days after mail to the other id", &[Rule::Gap], |it| {
        send(it, "bob", day(5, 22), "care", "c3");
        merge_bob(it, day(5, 24));
    }),
    ("after an opt-out under the other id", &[Rule::OptedOut], |it| {
        opt_out(it, "bob", day(5, 22));
        merge_bob(it, day(5, 24));
    }),
    ("between an opt-out and the way back", &[Rule::OptedOut], |it| {
        opt_out(it, "ada", day(5, 25));
        tell(it, day(5, 27), What::Resubscribed { contact: ada() });
    }),
    ("no slot for eight weeks after the way back", &[Rule::Forgotten], |it| {
        opt_out(it, "ada", day(6, 10));
        tell(it, day(6, 15), What::Resubscribed { contact: ada() });
        let lost = |date: Date| date > day(7, 1);
        it.planned.retain(|(contact, date)| contact != "ada" || !lost(*date));
        it.slots.retain(|slot| slot.contact != "ada" || !lost(slot.date));
    }),
    ("cross-sell to a new customer", &[Rule::NewCustomer], |it| {
        it.accounts.get_mut("acme").unwrap().customer_since = at(date(2025, 10, 1), Time::midnight());
    }),
    ("cross-sell while sales holds a lead", &[Rule::OpenLead], |it| {
        let (product, lead) = ("automation".to_owned(), "lead".to_owned());
        tell(it, day(4, 7), What::LeadOpened { contact: ada(), product, lead: lead.clone() });
        tell(it, day(4, 8), What::LeadClosed { contact: ada(), lead });
    }),
    ("cross-sell of what is owned", &[Rule::Owned], |it| {
        let bought = at(day(4, 15), Time::midnight());
        it.accounts.get_mut("acme").unwrap().owns.insert("automation".to_owned(), bought);
    }),
    ("six hours after the opt-out", &[Rule::OptedOut], |it| {
        tell(it, day(6, 30), What::OptedOut { contact: ada() });
    }),
    ("at the very second of the opt-out", &[Rule::OptedOut], |it| {
        it.facts.push(Fact { at: at(day(6, 30), time(10, 0, 0, 0)), what: What::OptedOut { contact: ada() } });
    }),
    ("to an address that bounced", &[Rule::NoAddress], |it| {
        tell(it, day(6, 30), What::Bounced { contact: ada() });
    }),
    ("to somebody without an address of their own", &[Rule::NoAddress], |it| {
        it.people.get_mut("ada").unwrap().has_own_address = false;
    }),
    ("a hard piece after one educational", &[Rule::Mix], |it| {
        resend(it, day(3, 17), "sell", "hard");
        resend(it, day(4, 21), "sell", "s2");
    }),
    ("a second soft piece after four educational", &[Rule::Mix], |it| {
        send(it, "ada", day(5, 19), "sell", "soft-again");
    }),
    ("a piece that no stream has", &[Rule::Mix], |it| resend(it, day(4, 14), "care", "c9")),
    ("two promotions in a row", &[Rule::TwoPromotions], |it| unsend(it, "ada", day(4, 14))),
    ("a piece twice", &[Rule::Twice], |it| send(it, "ada", day(5, 19), "care", "c1")),
    ("a renewal's piece twice for one contract", &[Rule::Twice], |it| send(it, "ada", day(5, 19), "renew", "r1")),
    ("a renewal's piece again, since the contract's end was corrected", &[Rule::Twice], |it| {
        let (account, product) = ("acme".to_owned(), "analytics".to_owned());
        let end = at(date(2026, 8, 4), Time::midnight());
        tell(it, day(5, 10), What::ContractEnds { account, product, end });
        send(it, "ada", day(5, 19), "renew", "r1");
    }),
    ("as the day ends", &[Rule::Window], |it| mail_on(it, day(5, 5)).at = at(day(5, 5), time(18, 0, 0, 0))),
    ("a minute before the day begins", &[Rule::Window], |it| {
        mail_on(it, day(5, 5)).at = at(day(5, 5), time(8, 59, 0, 0));
    }),
    ("at four in the morning where the reader is", &[Rule::Window], |it| {
        it.people.get_mut("ada").unwrap().zone = Some(TimeZone::get("America/New_York").unwrap());
    }),
    ("on a holiday", &[Rule::DayOff], |it| it.promises.holidays.extend([day(5, 5)])),
    ("on a Saturday", &[Rule::DayOff], |it| mail_on(it, day(5, 5)).at = at(day(5, 9), time(10, 0, 0, 0))),
    ("of a topic that is not wanted", &[Rule::Topic], |it| {
        choose(it, day(3, 20), Choice { topics_off: BTreeSet::from(["owners".to_owned()]), ..Choice::default() });
    }),
    ("in a break", &[Rule::Pause], |it| {
        let paused_until = Some(at(day(5, 6), Time::midnight()));
        choose(it, day(4, 30), Choice { paused_until, ..Choice::default() });
    }),
    ("to somebody who wants no email", &[Rule::EmailOff], |it| {
        choose(it, day(4, 30), Choice { email_off: true, ..Choice::default() });
    }),
    ("to the control group, and to somebody for whom it is not", &[Rule::Audience], |it| {
        it.promises.streams.get_mut("sell").unwrap().held_out.insert(ada());
        it.promises.streams.get_mut("renew").unwrap().audience = Some(BTreeSet::from(["bob".to_owned()]));
    }),
];

#[test]
fn a_history_that_keeps_every_promise_breaks_no_rule() {
    assert_eq!(check(&kept()), []);
    let reach = Reach::of(&kept());
    assert_eq!((reach.eligible.len(), reach.mailed.len(), reach.percent()), (5, 5, 100));
}

#[test]
fn each_planted_violation_is_caught_as_what_it_is() {
    for (planted, expected, plant) in PLANTED {
        let mut history = kept();
        plant(&mut history);
        let found = check(&history);
        let rules: BTreeSet<Rule> = found.iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, expected.iter().copied().collect(), "{planted}: {found:#?}");
    }
}

#[test]
fn no_rule_is_without_a_planted_violation() {
    let planted: BTreeSet<Rule> = PLANTED.iter().flat_map(|(_, rules, _)| rules.iter().copied()).collect();
    let of_all = OF_ALL.iter().map(|(rule, _)| *rule).chain([Rule::Reached]);
    let rules: BTreeSet<Rule> = OF_ONE.iter().map(|(rule, _)| *rule).chain(of_all).collect();
    assert_eq!(planted, rules);
}
