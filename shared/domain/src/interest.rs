//! Interest: how much a contact wants one product, computed from facts whenever it is asked.
//!
//! Owns the score, its decay, the human-click gate and the quarters in which a threshold was reached. Never stores
//! points: a change of points, threshold or decay in the playbook rewrites nothing.
//!
//! The rules, in the order in which they apply:
//! 1. Facts older than [`HORIZON_CYCLES`] cycles are not seen.
//! 2. Facts are taken in the order of (time, name). A click that the gate recognises as a machine's scores nothing.
//! 3. The same asset and action count once per cycle, day (UTC) or every time: [`Repeat`].
//! 4. After each fact the sum is clamped to 0..=cap.
//! 5. A completed cycle in which nothing scored above zero decays once, at its end. The running cycle never does.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::cycle::Cycle;
use crate::ids::{ActionId, AssetId, EmailId, ProductId};
use crate::quarter::{Quarter, QuarterRule};

/// How many cycles a score looks back, the running one included: 392 days, within the ledger's 400.
pub const HORIZON_CYCLES: i64 = 28;

/// A set of times of one fact grows no further than this; so many of one kind are themselves the mark of a burst.
pub const MOST_TIMES_PER_FACT: usize = 128;

/// The action that the human-click gate judges.
pub const CLICK: &str = "click";
/// The action by which a sending is known; the gate measures a click's distance from it.
pub const DELIVERED: &str = "delivered";

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What happened, without when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactName {
    /// The asset that was engaged with.
    pub asset: AssetId,
    /// What was done with it.
    pub action: ActionId,
    /// The email that was clicked, opened or delivered, if it was one.
    pub email: Option<EmailId>,
}

/// All that is known of one contact's interest in one product: for each fact the seconds at which it happened.
///
/// A set of sets: redelivery, duplicates and any order of arrival make the same value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<FactName, BTreeSet<i64>>);

impl Facts {
    /// Adds a fact at a second since the Unix epoch; false if it was there.
    pub fn add(&mut self, name: FactName, second: i64) -> bool {
        self.0.entry(name).or_default().insert(second)
    }

    /// How many facts there are.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The facts, by name and then by time.
    pub fn iter(&self) -> impl Iterator<Item = (&FactName, i64)> {
        self.0.iter().flat_map(|(name, seconds)| seconds.iter().map(move |second| (name, *second)))
    }
}

impl FromIterator<(FactName, i64)> for Facts {
    fn from_iter<I: IntoIterator<Item = (FactName, i64)>>(facts: I) -> Self {
        let mut set = Self::default();
        for (name, second) in facts {
            set.add(name, second);
        }
        set
    }
}

/// How much a completed cycle without engagement takes away. Always rounded down, so that a score reaches zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// Half is left.
    Halve,
    /// So many points go; at least 1.
    Points(i64),
    /// So many percent go; 1–100.
    Percent(i64),
}

impl Decay {
    /// What is left of a score after one cycle.
    pub fn after(self, points: i64) -> i64 {
        match self {
            Self::Halve => points / 2,
            Self::Points(n) => (points - n).max(0),
            Self::Percent(n) => points * (100 - n) / 100,
        }
    }
}

/// How often one asset and action count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once per two-week cycle.
    Cycle,
    /// Once per day (UTC).
    Day,
    /// Every time.
    Event,
}

/// When a click is a machine's and not a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClickGate {
    /// A click within so many seconds after its email was sent.
    pub seconds_after_sending: i64,
    /// So many clicks on one email within 24 hours, and more.
    pub clicks_per_day: usize,
}

/// What one action on one asset means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionRule {
    /// Points; negative for signals against.
    pub points: i64,
    /// High buying intent: makes a lead at once, whatever the score.
    pub act_now: bool,
    /// Mid- to late-stage engagement: follow-up recommended.
    pub call_now: bool,
}

/// What the playbook says of an asset.
#[derive(Clone, Debug)]
pub struct AssetRule {
    /// The products it is tagged with.
    pub products: Vec<ProductId>,
    /// What it is called in front of people.
    pub title: String,
    /// The actions it knows.
    pub actions: HashMap<ActionId, ActionRule>,
}

/// Everything a score depends on besides facts and now.
#[derive(Clone, Debug)]
pub struct InterestRules {
    /// The points at which a contact becomes a product MQL, for products without their own.
    pub threshold: i64,
    /// Thresholds of single products.
    pub product_thresholds: HashMap<ProductId, i64>,
    /// No score is above this.
    pub cap: i64,
    /// What a silent cycle takes away.
    pub decay: Decay,
    /// How often the same engagement counts.
    pub repeat: Repeat,
    /// The human-click gate; `None` when it is switched off.
    pub gate: Option<ClickGate>,
    /// How quarters are cut.
    pub quarters: QuarterRule,
    /// Assets by id.
    pub assets: HashMap<AssetId, AssetRule>,
}

impl InterestRules {
    /// The points at which a contact becomes an MQL for this product.
    pub fn threshold(&self, product: &ProductId) -> i64 {
        self.product_thresholds.get(product).copied().unwrap_or(self.threshold)
    }

    fn action(&self, name: &FactName) -> Option<ActionRule> {
        self.assets.get(&name.asset)?.actions.get(&name.action).copied()
    }
}

/// Which rule of the gate recognised a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gated {
    /// The click came within seconds of the sending.
    SecondsAfterSending,
    /// So many clicks on one email within 24 hours.
    ClicksPerDay,
}

/// What became of one fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counted, with the rule it counted by.
    Scored(ActionRule),
    /// The playbook gives it no points.
    Worthless,
    /// The same asset and action had counted already in this cycle or day.
    Repeated,
    /// A machine clicked.
    Gated(Gated),
    /// The playbook does not know this asset or action any more.
    Unknown,
}

/// One step in the story of a score.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A fact, and the score before and after it.
    Fact {
        /// What happened.
        name: &'a FactName,
        /// When, in seconds since the Unix epoch.
        second: i64,
        /// What it was worth, and why.
        verdict: Verdict,
        /// The score before.
        before: i64,
        /// The score after.
        after: i64,
    },
    /// A completed cycle without engagement.
    Decay {
        /// The cycle.
        cycle: Cycle,
        /// The score before.
        before: i64,
        /// The score after.
        after: i64,
    },
}

/// How a quarter was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The second of the first fact that reached it.
    pub second: i64,
    /// The score after that fact.
    pub points: i64,
    /// Whether an Act Now fact fell into the quarter.
    pub act_now: bool,
}

/// A score, and the quarters in which it made a lead due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Points now, 0..=cap.
    pub points: i64,
    /// Each quarter in which a scoring fact left the score at or above the threshold, or was an Act Now.
    pub reached: BTreeMap<Quarter, Reached>,
    /// The second of the last fact that scored above zero.
    pub last_scored_second: Option<i64>,
    /// The second of the last Call Now fact.
    pub last_call_now_second: Option<i64>,
}

/// The score of `facts` for `product` at `now`.
pub fn evaluate(rules: &InterestRules, product: &ProductId, facts: &Facts, now: Timestamp) -> Score {
    let threshold = rules.threshold(product);
    let mut score = Score::default();
    score.points = walk(rules, facts, now, |step| {
        let Step::Fact { second, verdict: Verdict::Scored(rule), after, .. } = step else { return };
        if rule.points > 0 {
            score.last_scored_second = Some(second);
        }
        if rule.call_now {
            score.last_call_now_second = Some(second);
        }
        if rule.act_now || (rule.points > 0 && after >= threshold) {
            let quarter = rules.quarters.of(instant(second));
            score.reached.entry(quarter).and_modify(|reached| reached.act_now |= rule.act_now).or_insert(Reached {
                second,
                points: after,
                act_now: rule.act_now,
            });
        }
    });
    score
}

/// Tells the story of a score step by step, and returns the points at `now`.
///
/// [`evaluate`] and every explanation are made from this one walk, so they cannot disagree.
pub fn walk<'a>(rules: &InterestRules, facts: &'a Facts, now: Timestamp, mut visit: impl FnMut(Step<'a>)) -> i64 {
    let now_second = now.as_second();
    let running = Cycle::of_second(now_second);
    let horizon = (running + (1 - HORIZON_CYCLES)).start_second();
    let mut ordered: Vec<(i64, &FactName)> = facts
        .iter()
        .filter(|(_, second)| (horizon..=now_second).contains(second))
        .map(|(name, second)| (second, name))
        .collect();
    ordered.sort_unstable();
    let gate = Gate::new(rules, facts);

    let mut points = 0;
    let mut cycle = ordered.first().map_or(running, |(second, _)| Cycle::of_second(*second));
    let mut scored_in_cycle = false;
    let mut counted: HashMap<(&AssetId, &ActionId), i64> = HashMap::new();
    let mut complete_until = |until: Cycle, points: &mut i64, scored: &mut bool, visit: &mut dyn FnMut(Step<'a>)| {
        while cycle < until {
            let before = *points;
            if !*scored && before > 0 {
                *points = rules.decay.after(before);
                visit(Step::Decay { cycle, before, after: *points });
            }
            *scored = false;
            cycle = cycle + 1;
        }
    };

    for (second, name) in ordered {
        complete_until(Cycle::of_second(second), &mut points, &mut scored_in_cycle, &mut visit);
        let before = points;
        let verdict = match rules.action(name) {
            None => Verdict::Unknown,
            Some(rule) => match gate.judge(name, second) {
                Some(gated) => Verdict::Gated(gated),
                None if rule.points == 0 && !rule.act_now && !rule.call_now => Verdict::Worthless,
                None => {
                    let period = match rules.repeat {
                        Repeat::Cycle => Cycle::of_second(second).number(),
                        Repeat::Day => second.div_euclid(DAY_SECONDS),
                        Repeat::Event => i64::MIN,
                    };
                    let last = counted.insert((&name.asset, &name.action), period);
                    if rules.repeat != Repeat::Event && last == Some(period) {
                        Verdict::Repeated
                    } else {
                        Verdict::Scored(rule)
                    }
                }
            },
        };
        if let Verdict::Scored(rule) = verdict {
            points = points.saturating_add(rule.points).clamp(0, rules.cap);
            scored_in_cycle |= rule.points > 0;
        }
        visit(Step::Fact { name, second, verdict, before, after: points });
    }
    complete_until(running, &mut points, &mut scored_in_cycle, &mut visit);
    points
}

/// When a score of `points` will be zero if nothing more happens: the end of a cycle, in seconds; now if it is zero.
pub fn cools_at(rules: &InterestRules, points: i64, now: Timestamp) -> i64 {
    let mut left = points;
    let mut cycle = Cycle::of(now);
    let last = cycle + HORIZON_CYCLES;
    if left <= 0 {
        return now.as_second();
    }
    // The running cycle may hold the engagement that made the score; then it does not decay. The prediction is the
    // earliest possible end, and whoever acts on it evaluates again.
    while left > 0 && cycle < last {
        left = rules.decay.after(left);
        cycle = cycle + 1;
    }
    cycle.start_second()
}

/// The instant of a second since the Unix epoch, held within what time zones can express.
pub fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The human-click gate over one set of facts: a property of the set, so a late fact moves a verdict as an early one.
struct Gate<'a> {
    rule: Option<ClickGate>,
    clicks: HashMap<&'a EmailId, Vec<i64>>,
    sent: HashMap<&'a EmailId, Vec<i64>>,
}

impl<'a> Gate<'a> {
    fn new(rules: &InterestRules, facts: &'a Facts) -> Self {
        let mut gate = Self { rule: rules.gate, clicks: HashMap::new(), sent: HashMap::new() };
        if gate.rule.is_none() {
            return gate;
        }
        for (name, seconds) in &facts.0 {
            let Some(email) = &name.email else { continue };
            match name.action.as_str() {
                CLICK => gate.clicks.entry(email).or_default().extend(seconds),
                DELIVERED => gate.sent.entry(email).or_default().extend(seconds),
                _ => {}
            }
        }
        for seconds in gate.clicks.values_mut() {
            seconds.sort_unstable();
        }
        gate
    }

    fn judge(&self, name: &FactName, second: i64) -> Option<Gated> {
        let rule = self.rule?;
        let email = name.email.as_ref().filter(|_| name.action.as_str() == CLICK)?;
        let soon = |sent: &i64| (0..=rule.seconds_after_sending).contains(&(second - sent));
        if self.sent.get(email).is_some_and(|sent| sent.iter().any(soon)) {
            return Some(Gated::SecondsAfterSending);
        }
        let clicks = self.clicks.get(email)?;
        // Some stretch of 24 hours that holds this click holds too many: look at each that starts with a click.
        let first = clicks.partition_point(|click| *click <= second - DAY_SECONDS);
        let here = clicks.partition_point(|click| *click <= second);
        (first..here)
            .any(|start| {
                let end = clicks.partition_point(|click| *click < clicks[start] + DAY_SECONDS);
                end - start >= rule.clicks_per_day
            })
            .then_some(Gated::ClicksPerDay)
    }
}
