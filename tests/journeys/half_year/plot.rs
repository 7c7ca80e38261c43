//! The story of a generated world: who is there, and what happens to them when. Nothing here knows what should come of it.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp, ToSpan};
use perennial_playbook::Playbook;
use perennial_tests::half_year::history::Choice;
use serde_json::{Value, json};

const PRODUCTS: [&str; 4] = ["analytics", "automation", "integrations", "support-plus"];
/// What somebody does who is interested; each is worth at least a point.
const ENGAGEMENTS: [(&str, &str); 8] = [
    ("infographic", "download"),
    ("checklist", "download"),
    ("case-study", "download"),
    ("demo", "watch"),
    ("webinar", "attend"),
    ("pricing", "view"),
    ("guide", "download"),
    ("pricing", "request"),
];
const PEOPLE: [(&str, &str); 8] = [
    ("executive", "COO"),
    ("executive", "CFO"),
    ("decision-maker", "VP Operations"),
    ("decision-maker", "Head of IT"),
    ("decision-maker", "Head of Service"),
    ("practitioner", "Marketing Manager"),
    ("user", "Data Analyst"),
    ("user", "Data Engineer"),
];
/// For whom a stream is that is not for everybody, by their titles.
const AUDIENCES: [(&str, &[&str]); 2] = [
    (
        "more-analytics-seats",
        &["COO", "VP Operations", "Head of IT", "Head of Service", "Marketing Manager", "Data Engineer"],
    ),
    ("renew-analytics", &["COO", "CFO", "VP Operations", "Head of Service", "Marketing Manager"]),
];
/// Streams whose audience is a matter of what is used, not of who somebody is: no rule here judges it.
pub const BY_USE: [&str; 1] = ["keep-analytics"];
/// Of the first 500 contacts, the numbers of those who get nothing of more-analytics-seats: ten of a hundred.
const CONTROL_GROUP: [u16; 41] = [
    6, 7, 20, 49, 50, 63, 112, 113, 139, 144, 206, 213, 229, 243, 252, 260, 261, 273, 276, 277, 284, 297, 304, 319,
    331, 332, 347, 348, 364, 368, 394, 408, 414, 416, 423, 447, 449, 451, 461, 472, 476,
];
const ZONES: [Option<&str>; 9] = [
    None,
    None,
    Some("Europe/Berlin"),
    Some("Europe/Lisbon"),
    Some("America/New_York"),
    Some("America/Los_Angeles"),
    Some("Asia/Tokyo"),
    Some("Asia/Kolkata"),
    Some("Australia/Sydney"),
];
const OWNERS: [&str; 4] = ["rep-anna", "rep-bilal", "rep-chen", "rep-dora"];
/// Things are told twice a day, at minutes at which no schedule runs.
const HOURS: [(i64, i64); 2] = [(5, 23), (12, 41)];

/// So many are bought of every product.
pub const SEATS: i64 = 25;

/// A generated world and its story.
pub struct Plot {
    pub start: Timestamp,
    pub days: i64,
    pub accounts: Vec<Account>,
    pub people: Vec<Person>,
    /// What happens, in order.
    pub events: BTreeMap<Timestamp, Vec<Event>>,
}

pub struct Account {
    pub id: String,
    pub customer_since: Timestamp,
    pub owns: BTreeMap<String, Timestamp>,
    pub ends: BTreeMap<String, Timestamp>,
    pub at_risk: bool,
    /// Seats in use, of [`SEATS`] each.
    pub seats_used: BTreeMap<String, i64>,
    /// When products were used last.
    pub used: BTreeMap<String, Timestamp>,
    /// What is told besides: nothing that a rule of the checker asks for.
    pub more: Value,
}

pub struct Person {
    pub id: String,
    pub account: String,
    pub email: Option<String>,
    /// Whether somebody else has that address already.
    pub shares: bool,
    pub role: &'static str,
    pub title: &'static str,
    pub zone: Option<&'static str>,
    pub known_at: Timestamp,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Event {
    Known(usize),
    Engaged {
        contact: String,
        product: &'static str,
        asset: String,
        action: &'static str,
    },
    Health {
        account: String,
        at_risk: bool,
    },
    /// Or corrected.
    Prolonged {
        account: String,
        product: String,
        end: Timestamp,
    },
    OptedOut {
        contact: String,
        on_page: bool,
    },
    Resubscribed {
        contact: String,
    },
    Bounced {
        contact: String,
    },
    /// Two ids turn out to be one person.
    Merged {
        from: String,
        into: String,
    },
    Erased {
        contact: String,
    },
    /// A product is used again.
    Used {
        account: String,
        product: String,
    },
    /// Of the seats that are bought, so many are in use now.
    SeatsFilled {
        account: String,
        product: String,
        used: i64,
    },
    Reported {
        contact: String,
    },
    Chose {
        contact: String,
        choice: Choice,
        pause_days: Option<i64>,
    },
    /// Sales gives back about half of the leads that it holds.
    LeadsGivenBack,
}

impl Plot {
    pub fn new(seed: u64, contacts: usize, start: Timestamp, weeks: i64, playbook: &Playbook) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut plot =
            Self { start, days: 7 * weeks, accounts: Vec::new(), people: Vec::new(), events: BTreeMap::new() };
        for number in 0..contacts.div_ceil(5) {
            let account = plot.account(&mut rng, number);
            plot.prolong(&mut rng, &account);
            plot.accounts.push(account);
        }
        for number in 0..contacts {
            plot.person(&mut rng, number);
            plot.interests(&mut rng, number);
            plot.wishes(&mut rng, number, playbook);
        }
        for fortnight in 1..weeks / 2 {
            plot.happens(14 * fortnight, HOURS[0], Event::LeadsGivenBack);
        }
        plot
    }

    fn day(&self, day: i64) -> Timestamp {
        self.start + SignedDuration::from_hours(24 * day)
    }

    fn happens(&mut self, day: i64, (hour, minute): (i64, i64), event: Event) {
        let at = self.day(day) + SignedDuration::from_mins(60 * hour + minute);
        self.events.entry(at).or_default().push(event);
    }

    /// On a day of these, in the morning or after noon.
    fn happens_within(&mut self, rng: &mut Rng, days: std::ops::Range<i64>, event: Event) {
        let (day, hour) = (rng.i64(days), HOURS[rng.usize(..HOURS.len())]);
        self.happens(day, hour, event);
    }

    fn account(&mut self, rng: &mut Rng, number: usize) -> Account {
        let id = format!("account-{number:03}");
        // Every sixth is a customer of a few weeks only; the others have been there for a while.
        let since = if number % 6 == 5 { -rng.i64(5..60) } else { -rng.i64(60..1_500) };
        let mut products = PRODUCTS.to_vec();
        rng.shuffle(&mut products);
        let owned = &products[..rng.usize(1..3)];
        let owns: BTreeMap<String, i64> =
            owned.iter().map(|product| ((*product).to_owned(), rng.i64(since..=-1))).collect();
        let mut ends = BTreeMap::new();
        let (mut seats_used, mut used) = (BTreeMap::new(), BTreeMap::new());
        for product in owns.keys() {
            if rng.u8(..3) > 0 {
                ends.insert(product.clone(), self.day(rng.i64(15..300)));
            }
            seats_used.insert(product.clone(), rng.i64(5..=SEATS));
            if rng.u8(..3) > 0 {
                used.insert(product.clone(), self.day(-rng.i64(0..90)));
            }
            let (account, product) = (id.clone(), product.clone());
            match rng.u8(..4) {
                0 => self.happens_within(rng, 10..150, Event::Used { account, product }),
                1 => {
                    let used = rng.i64(5..=SEATS);
                    self.happens_within(rng, 10..150, Event::SeatsFilled { account, product, used });
                }
                _ => {}
            }
        }
        let at_risk = number % 10 == 7;
        if rng.u8(..5) == 0 || at_risk {
            let turns = Event::Health { account: id.clone(), at_risk: !at_risk };
            self.happens_within(rng, 20..150, turns);
        }
        let owner = OWNERS[number % OWNERS.len()];
        let more = json!({
            "name": format!("Company {number}"), "owner": owner, "size": "enterprise", "region": "emea",
            "industry": "software",
        });
        let owns = owns.into_iter().map(|(product, day)| (product, self.day(day))).collect();
        Account { id, customer_since: self.day(since), owns, ends, at_risk, seats_used, used, more }
    }

    /// The end of every contract is corrected by some days after its second mark. Most are prolonged by a year, some days before
    /// they end.
    fn prolong(&mut self, rng: &mut Rng, account: &Account) {
        for (product, end) in &account.ends {
            let ends_on = end.duration_since(self.start).as_hours() / 24;
            let corrected = *end + SignedDuration::from_hours(24 * 3);
            if (1..self.days).contains(&(ends_on - 50)) {
                let (account, product) = (account.id.clone(), product.clone());
                self.happens(ends_on - 50, HOURS[1], Event::Prolonged { account, product, end: corrected });
            }
            let day = ends_on - rng.i64(1..12);
            if day < self.days && rng.u8(..4) > 0 {
                let end = *end + SignedDuration::from_hours(24 * 365);
                let prolonged = Event::Prolonged { account: account.id.clone(), product: product.clone(), end };
                self.happens(day, HOURS[0], prolonged);
            }
        }
    }

    fn person(&mut self, rng: &mut Rng, number: usize) {
        let account = format!("account-{:03}", number / 5);
        let (role, title) = PEOPLE[rng.usize(..PEOPLE.len())];
        let own = format!("contact-{number:04}@{account}.example.com");
        let (email, shares) = match number % 40 {
            11 => (None, false),
            // The address of the colleague before, who has stated it first.
            23 => (Some(format!("contact-{:04}@{account}.example.com", number - 1)), true),
            _ => (Some(own), false),
        };
        let day = if shares {
            3
        } else if number % 10 == 9 {
            rng.i64(5..90)
        } else {
            0
        };
        let known_at = self.day(day) + SignedDuration::from_mins(60 * HOURS[0].0 + HOURS[0].1);
        self.happens(day, HOURS[0], Event::Known(number));
        let id = format!("contact-{number:04}");
        let zone = ZONES[rng.usize(..ZONES.len())];
        // Who is one person is one person.
        let (role, title, zone) = match self.people.last().filter(|_| is_second_id(number)) {
            Some(first) => (first.role, first.title, first.zone),
            None => (role, title, zone),
        };
        self.people.push(Person { id, account, email, shares, role, title, zone, known_at });
    }

    fn interests(&mut self, rng: &mut Rng, number: usize) {
        let of_their_own = PRODUCTS[rng.usize(..PRODUCTS.len())];
        // Two ids of one person are in one stream, and both in the middle of it when they are merged.
        let one_person = [number, number + 1].into_iter().any(is_second_id);
        let favourite = if one_person { PRODUCTS[number / 10 % PRODUCTS.len()] } else { of_their_own };
        let first = self.people[number].known_at.duration_since(self.start).as_hours() / 24 + 1;
        if one_person {
            let contact = self.people[number].id.clone();
            let asset = format!("{favourite}-case-study");
            self.happens(first, HOURS[0], Event::Engaged { contact, product: favourite, asset, action: "download" });
        }
        for _ in 0..rng.usize(0..9) {
            let product = if rng.u8(..4) == 0 { PRODUCTS[rng.usize(..PRODUCTS.len())] } else { favourite };
            // Requests for a price are rare.
            let rare = if rng.u8(..3) == 0 { 0 } else { 2 };
            let (asset, action) = ENGAGEMENTS[rng.usize(..ENGAGEMENTS.len() - rare)];
            let contact = self.people[number].id.clone();
            let engaged = Event::Engaged { contact, product, asset: format!("{product}-{asset}"), action };
            self.happens_within(rng, first..self.days, engaged);
        }
    }

    fn wishes(&mut self, rng: &mut Rng, number: usize, playbook: &Playbook) {
        let contact = self.people[number].id.clone();
        let first = self.people[number].known_at.duration_since(self.start).as_hours() / 24 + 4;
        match number % 20 {
            1 => {
                let on_page = rng.bool();
                self.happens_within(rng, first..self.days, Event::OptedOut { contact, on_page });
            }
            // Changes their mind.
            0 | 11 => {
                let (day, on_page) = (rng.i64(first..self.days - 70), rng.bool());
                self.happens(day, HOURS[0], Event::OptedOut { contact: contact.clone(), on_page });
                self.happens(day + rng.i64(3..60), HOURS[1], Event::Resubscribed { contact });
            }
            6 | 16 => {
                let into = self.people[number - 1].id.clone();
                let day = rng.i64(first + 20..self.days - 60);
                self.happens(day, HOURS[rng.usize(..HOURS.len())], Event::Merged { from: contact.clone(), into });
                if number % 60 == 16 {
                    // Of one person the stricter word holds.
                    self.happens(day - 2, HOURS[1], Event::OptedOut { contact, on_page: true });
                } else if number % 60 == 36 {
                    let contact = self.people[number - 1].id.clone();
                    self.happens(day + rng.i64(10..40), HOURS[1], Event::Erased { contact });
                }
            }
            10 => self.happens_within(rng, first + 20..self.days - 20, Event::Erased { contact }),
            2 if rng.bool() => self.happens_within(rng, first..self.days, Event::Bounced { contact }),
            // A campaign of another system: a mail every few days, three weeks long.
            4 | 14 => {
                let begin = rng.i64(first..self.days - 24);
                for day in (0..21).step_by(4) {
                    self.happens(begin + day, HOURS[1], Event::Reported { contact: contact.clone() });
                }
            }
            7 | 8 | 12 | 17 | 18 => {
                for _ in 0..rng.usize(1..6) {
                    let (choice, pause_days) = choice(rng, playbook);
                    let chose = Event::Chose { contact: contact.clone(), choice, pause_days };
                    self.happens_within(rng, first..self.days, chose);
                }
            }
            _ => {}
        }
    }
}

/// Whether a contact is the one before it under another id.
fn is_second_id(number: usize) -> bool {
    number % 10 == 6
}

/// What somebody might choose; a break is counted from the day on which it is chosen.
fn choice(rng: &mut Rng, playbook: &Playbook) -> (Choice, Option<i64>) {
    let topics: Vec<String> = playbook.topics().iter().map(|topic| topic.id.to_string()).collect();
    let mut choice = Choice::default();
    let mut pause_days = None;
    match rng.u8(..5) {
        0 => choice.topics_off = topics.into_iter().filter(|_| rng.bool()).collect::<BTreeSet<_>>(),
        1 => choice.every_days = if rng.bool() { 14 } else { 28 },
        2 => choice.email_off = true,
        3 => pause_days = Some(if rng.bool() { 30 } else { 90 }),
        _ => {}
    }
    (choice, pause_days)
}

/// The instant at which a break ends that is taken now: a day of the team's begins.
pub fn pause_ends(playbook: &Playbook, now: Timestamp, days: i64) -> Timestamp {
    let zone = playbook.calendar.zone.clone();
    let date = now.to_zoned(zone.clone()).date().saturating_add(days.days());
    date.to_zoned(zone).unwrap().timestamp()
}

/// Who belongs to the audience of a stream, by what the plot itself says of them; `None` if it is for everybody.
pub fn audience(stream: &str, people: &[Person]) -> Option<BTreeSet<String>> {
    let (_, titles) = AUDIENCES.iter().find(|(id, _)| *id == stream)?;
    Some(people.iter().filter(|person| titles.contains(&person.title)).map(|person| person.id.clone()).collect())
}

/// Who gets nothing of a stream, so that its effect can be measured: worked out once, and never to change.
pub fn held_out(stream: &str, people: &[Person]) -> BTreeSet<String> {
    assert!(people.len() <= 500, "the control group is known of so many people");
    let numbers: &[u16] = if stream == "more-analytics-seats" { &CONTROL_GROUP } else { &[] };
    let ids: BTreeSet<String> = numbers.iter().map(|number| format!("contact-{number:04}")).collect();
    people.iter().filter(|person| ids.contains(&person.id)).map(|person| person.id.clone()).collect()
}
