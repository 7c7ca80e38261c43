//! The weekly mail that helps a rep to sell: which week it is about, and whose interest is heating up.
//!
//! Weeks begin on Monday in the team's zone. A brief looks back on the week that is over and ahead to the one that has begun, so
//! every lead is new in exactly one brief, whenever in its week the brief is made.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::calendar::{Calendar, later};
use crate::ids::{ContactId, ProductId};
use crate::interest::{FactName, Facts, InterestRules, Step, Verdict, evaluate, walk};

/// How far back interest is compared.
const A_WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The week that has begun, and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// The Monday on which it began: the brief's name.
    pub begins_on: Date,
    /// The first instant of the week before.
    pub last_began_at: Timestamp,
    /// Its own first instant.
    pub began_at: Timestamp,
    /// The first instant of the next one.
    pub ends_at: Timestamp,
}

impl Week {
    /// The week that holds an instant.
    pub fn of(calendar: &Calendar, at: Timestamp) -> Self {
        let date = calendar.date(at);
        let begins_on = date.saturating_sub(i32::from(date.weekday().to_monday_zero_offset()).days());
        Self {
            begins_on,
            last_began_at: calendar.start_of(begins_on.saturating_sub(7.days())),
            began_at: calendar.start_of(begins_on),
            ends_at: calendar.start_of(begins_on.saturating_add(7.days())),
        }
    }

    /// The dates of the week before, Monday first.
    pub fn last_dates(&self) -> impl Iterator<Item = Date> + use<> {
        let monday = self.begins_on.saturating_sub(7.days());
        (0..7).map(move |days| monday.saturating_add(days.days()))
    }

    /// Whether a second falls into the week before.
    pub fn was_last(&self, second: i64) -> bool {
        (self.last_began_at.as_second()..self.began_at.as_second()).contains(&second)
    }
}

/// An interest that is higher than it was a week ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heat {
    /// Points now.
    pub points: i64,
    /// Points a week ago.
    pub before: i64,
    /// What was done last that counted above zero.
    pub last: FactName,
    /// When, in seconds since the Unix epoch.
    pub last_second: i64,
}

impl Heat {
    /// By how much it rose.
    pub fn rise(&self) -> i64 {
        self.points - self.before
    }
}

/// How much an interest has heated up within the last seven days; nothing if it has not, or if its product and the running
/// quarter have had a lead, which is somebody's already or was given back.
pub fn heat(rules: &InterestRules, product: &ProductId, facts: &Facts, had_lead: bool, now: Timestamp) -> Option<Heat> {
    // Nothing rises without an engagement: most interests need no walk.
    let a_week_ago = later(now, -A_WEEK);
    let rises = |(_, seconds): (&FactName, &BTreeSet<i64>)| {
        seconds.range(a_week_ago.as_second()..).any(|second| *second <= now.as_second())
    };
    if had_lead || !facts.by_name().any(rises) {
        return None;
    }
    let mut last = None;
    let points = walk(rules, facts, now, |step| {
        if let Step::Fact { name, second, verdict: Verdict::Scored(rule), .. } = step
            && rule.points > 0
        {
            last = Some((name.clone(), second));
        }
    });
    let before = evaluate(rules, product, facts, a_week_ago).points;
    let (last, last_second) = last.filter(|_| points > before)?;
    Some(Heat { points, before, last, last_second })
}

/// Somebody whose interest is heating up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warming {
    /// Who.
    pub contact: ContactId,
    /// In what.
    pub product: ProductId,
    /// By how much.
    pub heat: Heat,
}

/// Those who are heating up most, and how many there are: however many are looked at, only so many are kept.
#[derive(Clone, Debug, Default)]
pub struct Warmest {
    most: usize,
    kept: Vec<Warming>,
    count: usize,
}

impl Warmest {
    /// Keeps so many.
    pub fn keeping(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// One more person, with all that they are heating up for: they are named once, for what rose most.
    pub fn add(&mut self, of_one: impl IntoIterator<Item = Warming>) {
        let Some(warming) = of_one.into_iter().min_by(|one, other| place(one).cmp(&place(other))) else { return };
        self.count += 1;
        self.kept.push(warming);
        // Sorted now and then, so that a great many cost no more than they must.
        if self.kept.len() > 2 * self.most.max(32) {
            self.cut();
        }
    }

    /// How many there are, and the first of them: who rose most, of equals who is higher now; then by id.
    pub fn finish(mut self) -> (usize, Vec<Warming>) {
        self.cut();
        (self.count, self.kept)
    }

    fn cut(&mut self) {
        self.kept.sort_by(|one, other| place(one).cmp(&place(other)));
        self.kept.truncate(self.most);
    }
}

fn place(warming: &Warming) -> (Reverse<i64>, Reverse<i64>, &ContactId, &ProductId) {
    (Reverse(warming.heat.rise()), Reverse(warming.heat.points), &warming.contact, &warming.product)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::interest::{ActionRule, AssetRule, Decay, Repeat, Requalify};
    use crate::quarter::QuarterRule;

    fn berlin() -> Calendar {
        Calendar {
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            working_days: BTreeSet::new(),
            holidays: BTreeSet::new(),
            check_at: "08:00".parse().unwrap(),
        }
    }

    #[test]
    fn a_week_begins_on_monday_in_the_teams_zone() {
        for (at, monday, last_began_at, ends_at) in [
            ("2026-10-19T05:00:00Z", "2026-10-19", "2026-10-11T22:00:00Z", "2026-10-25T23:00:00Z"),
            // A minute before, and the minute after, Monday has begun in Berlin.
            ("2026-10-18T21:59:00Z", "2026-10-12", "2026-10-04T22:00:00Z", "2026-10-18T22:00:00Z"),
            ("2026-10-18T22:00:00Z", "2026-10-19", "2026-10-11T22:00:00Z", "2026-10-25T23:00:00Z"),
            // Winter time began on Sunday the 25th: that week was an hour longer.
            ("2026-10-26T06:00:00Z", "2026-10-26", "2026-10-18T22:00:00Z", "2026-11-01T23:00:00Z"),
            ("2027-01-01T12:00:00Z", "2026-12-28", "2026-12-20T23:00:00Z", "2027-01-03T23:00:00Z"),
        ] {
            let week = Week::of(&berlin(), at.parse().unwrap());
            let said = [week.begins_on.to_string(), week.last_began_at.to_string(), week.ends_at.to_string()];
            assert_eq!(said, [monday, last_began_at, ends_at], "{at}");
            assert_eq!(week.last_dates().count(), 7);
            assert_eq!(week.last_dates().last().map(|date| date.tomorrow().unwrap()), Some(week.begins_on));
        }
    }

    #[test]
    fn every_second_is_of_the_last_week_of_exactly_one_week() {
        for second in ["2026-10-25T00:30:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z", "2026-03-29T01:00:00Z"] {
            let second: Timestamp = second.parse().unwrap();
            let weeks = (-3..=3).map(|weeks| Week::of(&berlin(), second + A_WEEK * weeks));
            let new_in: BTreeSet<Date> =
                weeks.filter(|week| week.was_last(second.as_second())).map(|week| week.begins_on).collect();
            assert_eq!(new_in.len(), 1, "{second}");
        }
    }

    fn rules() -> InterestRules {
        let action = |points| ActionRule { points, act_now: false, call_now: false };
        let actions = [("view", 1), ("download", 4), ("regret", -2), ("open", 0)];
        let asset = AssetRule {
            products: vec!["analytics".into()],
            title: "A guide".to_owned(),
            actions: actions.map(|(name, points)| (name.into(), action(points))).into(),
        };
        InterestRules {
            threshold: 5,
            product_thresholds: HashMap::new(),
            cap: 10,
            decay: Decay::Halve,
            repeat: Repeat::Event,
            gate: None,
            quarters: QuarterRule { first_month: 1, zone: TimeZone::UTC },
            requalify: Requalify::OnEngagement,
            assets: HashMap::from([("guide".into(), asset)]),
        }
    }

    /// The heat of these facts, each an action and an instant, on a Monday at seven.
    fn heat_of(facts: &[(&str, &str)], had_lead: bool) -> Option<String> {
        let now: Timestamp = "2026-10-19T07:00:00Z".parse().unwrap();
        let fact = |(action, at): &(&str, &str)| {
            let name = FactName { asset: "guide".into(), action: (*action).into(), email: None };
            (name, at.parse::<Timestamp>().unwrap().as_second())
        };
        let facts: Facts = facts.iter().map(fact).collect();
        let heat = heat(&rules(), &"analytics".into(), &facts, had_lead, now)?;
        let at = crate::interest::instant(heat.last_second);
        Some(format!("{} → {}, {} {at}", heat.before, heat.points, heat.last.action))
    }

    #[test]
    fn what_rose_within_seven_days_heats_up_and_nothing_else_does() {
        let check = |what: &str, facts: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(heat_of(facts, false).as_deref(), expected, "{what}");
            assert_eq!(heat_of(facts, true), None, "{what}, and there is a lead");
        };
        let (old, lately, newest) = ("2026-10-06T10:00:00Z", "2026-10-13T10:00:00Z", "2026-10-16T10:00:00Z");
        check("nothing", &[], None);
        check("only long ago", &[("download", old)], None);
        check("from nothing", &[("view", lately)], Some("0 → 1, view 2026-10-13T10:00:00Z"));
        check(
            "more than before",
            &[("download", old), ("view", lately), ("view", newest)],
            Some("4 → 6, view 2026-10-16T10:00:00Z"),
        );
        check("what counts for nothing does not heat", &[("download", old), ("open", lately)], None);
        check("nor does what speaks against", &[("download", old), ("regret", lately)], None);
        check("up and down again", &[("download", old), ("view", lately), ("regret", newest)], None);
        check(
            "the last that counted above zero is told, not the last of all",
            &[("download", lately), ("regret", "2026-10-14T10:00:00Z"), ("open", newest)],
            Some("0 → 2, download 2026-10-13T10:00:00Z"),
        );
        check("a second more than a week ago", &[("view", "2026-10-12T06:59:59Z")], None);
        check("to the second a week ago, it was there already", &[("view", "2026-10-12T07:00:00Z")], None);
        check("a second less", &[("view", "2026-10-12T07:00:01Z")], Some("0 → 1, view 2026-10-12T07:00:01Z"));
        check("what lies ahead is not seen", &[("view", "2026-10-19T07:00:01Z")], None);
        // Three at the cap, and one more: it cannot rise.
        let full = [("download", "2026-10-07T10:00:00Z"), ("download", old), ("download", "2026-10-08T10:00:00Z")];
        check("at the cap", &[full[0], full[1], full[2], ("download", lately)], None);
        // What has decayed and come back is no higher than it was.
        check(
            "decayed and made up for",
            &[("view", "2026-09-15T10:00:00Z"), ("view", "2026-09-16T10:00:00Z"), ("view", lately)],
            Some("1 → 2, view 2026-10-13T10:00:00Z"),
        );
    }

    fn warming(contact: &str, product: &str, before: i64, points: i64) -> Warming {
        let last = FactName { asset: "guide".into(), action: "view".into(), email: None };
        let heat = Heat { points, before, last, last_second: 0 };
        Warming { contact: contact.into(), product: product.into(), heat }
    }

    #[test]
    fn who_rose_most_comes_first_everybody_once_and_all_are_counted() {
        let mut warmest = Warmest::keeping(4);
        warmest.add([]);
        warmest.add([warming("one", "analytics", 0, 1), warming("one", "support", 1, 4)]);
        warmest.add([warming("high", "analytics", 6, 9)]);
        warmest.add([warming("b", "analytics", 0, 2)]);
        warmest.add([warming("a", "automation", 0, 2)]);
        warmest.add([warming("last", "analytics", 9, 10)]);
        let (count, first) = warmest.finish();
        let first: Vec<String> = first
            .iter()
            .map(|it| format!("{} {} {} → {}", it.contact, it.product, it.heat.before, it.heat.points))
            .collect();
        assert_eq!(count, 5);
        assert_eq!(first, ["high analytics 6 → 9", "one support 1 → 4", "a automation 0 → 2", "b analytics 0 → 2"]);
    }

    #[test]
    fn a_great_many_come_out_as_if_all_had_been_kept() {
        // In an order that is not theirs, and with many equals.
        let all: Vec<Warming> = (0..5_000_i64)
            .map(|n| warming(&format!("c-{:04}", n * 7 % 5_000), "analytics", 0, n * 31 % 97 + 1))
            .collect();
        let mut warmest = Warmest::keeping(10);
        all.iter().for_each(|one| warmest.add([one.clone()]));
        let (count, first) = warmest.finish();
        let mut sorted = all;
        sorted.sort_by(|one, other| place(one).cmp(&place(other)));
        sorted.truncate(10);
        assert_eq!((count, first), (5_000, sorted));
    }
}
