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
//! 6. A quarter is reached by a scoring fact that leaves the score at or above the threshold, by an Act Now, or, if the
//!    playbook says so, by beginning at or above it: [`Requalify`].

mod gate;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::cycle::Cycle;
use crate::ids::{ActionId, AssetId, ContactId, EmailId, ProductId};
use crate::quarter::{Quarter, QuarterRule};
use gate::{Clicked, Gate};

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

    /// Takes a fact away; false if it was not there.
    pub fn remove(&mut self, name: &FactName, second: i64) -> bool {
        let Some(seconds) = self.0.get_mut(name) else { return false };
        let was_there = seconds.remove(&second);
        if seconds.is_empty() {
            self.0.remove(name);
        }
        was_there
    }

    /// Whether a fact is among them.
    pub fn contains(&self, name: &FactName, second: i64) -> bool {
        self.0.get(name).is_some_and(|seconds| seconds.contains(&second))
    }

    /// How often a fact happened.
    pub fn times_of(&self, name: &FactName) -> usize {
        self.0.get(name).map_or(0, BTreeSet::len)
    }

    /// The facts before a second.
    pub fn before(&self, second: i64) -> Vec<(FactName, i64)> {
        let old = self.0.iter().flat_map(|(name, seconds)| seconds.range(..second).map(move |at| (name.clone(), *at)));
        old.collect()
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

    /// How many silent cycles take so many points to zero; never more than a score looks back.
    pub fn cycles_to_zero(self, points: i64) -> i64 {
        let mut left = points;
        let mut cycles = 0;
        while left > 0 && cycles < HORIZON_CYCLES {
            left = self.after(left);
            cycles += 1;
        }
        cycles
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

impl Repeat {
    /// The period in which the same engagement counts once; none if it counts every time.
    fn period(self, second: i64) -> Option<i64> {
        match self {
            Self::Cycle => Some(Cycle::of_second(second).number()),
            Self::Day => Some(second.div_euclid(DAY_SECONDS)),
            Self::Event => None,
        }
    }
}

/// Whether a high score alone makes a new lead when a quarter begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requalify {
    /// No: a quarter is reached by an engagement in it.
    #[default]
    OnEngagement,
    /// Yes: a quarter that begins at or above the threshold is reached by its first second.
    OnRollover,
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
    /// What reaches a quarter besides engagements.
    pub requalify: Requalify,
    /// Assets by id.
    pub assets: HashMap<AssetId, AssetRule>,
}

impl InterestRules {
    /// The points at which a contact becomes an MQL for this product.
    pub fn threshold(&self, product: &ProductId) -> i64 {
        self.product_thresholds.get(product).copied().unwrap_or(self.threshold)
    }

    /// What a fact of this name is worth if it counts; 0 if the playbook does not know it.
    pub fn points_of(&self, name: &FactName) -> i64 {
        self.action(name).map_or(0, |rule| rule.points)
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
    /// A quarter begins; only told of under [`Requalify::OnRollover`].
    QuarterBegins {
        /// Its first second since the Unix epoch.
        second: i64,
        /// The score at that second.
        points: i64,
    },
}

/// How a quarter was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The second of the first fact that reached it; its own first second if it began so high.
    pub second: i64,
    /// The score then.
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
    /// The second of the first fact that it saw scoring above zero.
    pub first_scored_second: Option<i64>,
    /// The second of the last fact that scored above zero.
    pub last_scored_second: Option<i64>,
    /// The second of the last Call Now fact.
    pub last_call_now_second: Option<i64>,
}

/// The score of `facts` for `product` at `now`.
pub fn evaluate(rules: &InterestRules, product: &ProductId, facts: &Facts, now: Timestamp) -> Score {
    let mut score = Score::default();
    let mut reaching = Reaching::new(rules, product);
    score.points = walk(rules, facts, now, |step| {
        if let Step::Fact { second, verdict: Verdict::Scored(rule), .. } = step {
            if rule.points > 0 {
                score.first_scored_second = score.first_scored_second.or(Some(second));
                score.last_scored_second = Some(second);
            }
            if rule.call_now {
                score.last_call_now_second = Some(second);
            }
        }
        let Some((quarter, reached)) = reaching.by(&step) else { return };
        let known = score.reached.entry(quarter).or_insert(reached);
        known.act_now |= reached.act_now;
    });
    score
}

/// Which quarter a step reaches: the one place that says what makes a lead due.
#[derive(Debug)]
pub struct Reaching<'a> {
    rules: &'a InterestRules,
    threshold: i64,
    /// The quarter last asked for and the seconds it holds: steps come in order, and calendars are slow.
    quarter: Option<(Quarter, std::ops::Range<i64>)>,
}

impl<'a> Reaching<'a> {
    /// For one product.
    pub fn new(rules: &'a InterestRules, product: &ProductId) -> Self {
        Self { rules, threshold: rules.threshold(product), quarter: None }
    }

    /// The quarter that this step reaches, if it reaches one.
    pub fn by(&mut self, step: &Step<'_>) -> Option<(Quarter, Reached)> {
        let reached = match *step {
            Step::Fact { second, verdict: Verdict::Scored(rule), after, .. } => {
                let due = rule.act_now || (rule.points > 0 && after >= self.threshold);
                due.then_some(Reached { second, points: after, act_now: rule.act_now })
            }
            Step::QuarterBegins { second, points } => {
                (points >= self.threshold).then_some(Reached { second, points, act_now: false })
            }
            Step::Fact { .. } | Step::Decay { .. } => None,
        }?;
        Some((self.quarter_of(reached.second), reached))
    }

    fn quarter_of(&mut self, second: i64) -> Quarter {
        match &self.quarter {
            Some((quarter, seconds)) if seconds.contains(&second) => *quarter,
            _ => {
                let at = instant(second);
                let quarter = self.rules.quarters.of(at);
                self.quarter = Some((quarter, second..self.rules.quarters.next_start(at).as_second()));
                quarter
            }
        }
    }
}

/// Tells the story of a score step by step, and returns the points at `now`.
///
/// [`evaluate`] and every explanation are made from this one walk, so they cannot disagree.
pub fn walk<'a>(rules: &InterestRules, facts: &'a Facts, now: Timestamp, visit: impl FnMut(Step<'a>)) -> i64 {
    walk_from(rules, facts, Cycle::of(now) + (1 - HORIZON_CYCLES), now, visit)
}

/// As [`walk`], but blind to what happened before a cycle: the horizon of a score, moved.
///
/// The gate still sees the cycle before: whether a click is a machine's does not depend on where one begins to count.
pub fn walk_from<'a>(
    rules: &InterestRules,
    facts: &'a Facts,
    first: Cycle,
    now: Timestamp,
    mut visit: impl FnMut(Step<'a>),
) -> i64 {
    // Nothing is seen from a cycle that has not begun.
    let seen = first.start_second()..now.as_second().saturating_add(1).max(first.start_second());
    let gate = Gate::new(rules, facts, now.as_second());
    // What is the same for all times of a fact is looked up once. Names are in order, so those that differ in the email
    // only are neighbours and share the count of their repetitions.
    let mut kinds: Vec<FactKind<'_>> = Vec::with_capacity(facts.0.len());
    let mut ordered: Vec<(i64, usize)> = Vec::with_capacity(facts.len());
    let mut counted_in: Vec<Option<i64>> = Vec::with_capacity(facts.0.len());
    for (name, seconds) in &facts.0 {
        let alike = kinds.last().filter(|last| (&last.name.asset, &last.name.action) == (&name.asset, &name.action));
        let rule = alike.map_or_else(|| rules.action(name), |alike| alike.rule);
        if alike.is_none() {
            counted_in.push(None);
        }
        ordered.extend(seconds.range(seen.clone()).map(|second| (*second, kinds.len())));
        kinds.push(FactKind { name, rule, clicked: gate.clicked(name), repetition: counted_in.len() - 1 });
    }
    ordered.sort_unstable();

    let mut walk = Walk::starting(rules, ordered.first().map_or(now.as_second(), |(second, _)| *second));
    for (second, kind) in ordered {
        let FactKind { name, rule, clicked, repetition } = kinds[kind];
        walk.pass_time(second, &mut visit);
        let before = walk.points;
        let verdict = match rule {
            None => Verdict::Unknown,
            Some(rule) => match gate.judge(clicked, second) {
                Some(gated) => Verdict::Gated(gated),
                None if rule.points == 0 && !rule.act_now && !rule.call_now => Verdict::Worthless,
                None => {
                    let period = rules.repeat.period(second);
                    if period.is_some() && counted_in[repetition] == period {
                        Verdict::Repeated
                    } else {
                        counted_in[repetition] = period;
                        Verdict::Scored(rule)
                    }
                }
            },
        };
        if let Verdict::Scored(rule) = verdict {
            walk.score(rule.points);
        }
        visit(Step::Fact { name, second, verdict, before, after: walk.points });
    }
    walk.pass_time(now.as_second(), &mut visit);
    walk.points
}

/// What all times of one fact have in common.
#[derive(Clone, Copy)]
struct FactKind<'a> {
    name: &'a FactName,
    rule: Option<ActionRule>,
    /// The email that it is a click on, if the gate judges it.
    clicked: Option<Clicked>,
    /// Which count of repetitions it shares.
    repetition: usize,
}

/// A score on its way through time.
struct Walk<'r> {
    rules: &'r InterestRules,
    points: i64,
    /// The cycle that is not complete yet.
    cycle: Cycle,
    scored_in_cycle: bool,
    /// The first second of the next quarter, if its beginning matters.
    next_quarter: Option<i64>,
}

impl<'r> Walk<'r> {
    fn starting(rules: &'r InterestRules, second: i64) -> Self {
        let next_quarter = match rules.requalify {
            Requalify::OnEngagement => None,
            Requalify::OnRollover => Some(rules.quarters.next_start(instant(second)).as_second()),
        };
        Self { rules, points: 0, cycle: Cycle::of_second(second), scored_in_cycle: false, next_quarter }
    }

    fn score(&mut self, points: i64) {
        self.points = self.points.saturating_add(points).clamp(0, self.rules.cap);
        self.scored_in_cycle |= points > 0;
    }

    /// Whatever happens by itself until a second: cycles complete, quarters begin.
    fn pass_time<'a>(&mut self, until: i64, visit: &mut impl FnMut(Step<'a>)) {
        while let Some(second) = self.next_quarter.filter(|second| *second <= until) {
            self.complete_cycles(Cycle::of_second(second), visit);
            visit(Step::QuarterBegins { second, points: self.points });
            let next = self.rules.quarters.next_start(instant(second)).as_second();
            self.next_quarter = (next > second).then_some(next);
        }
        self.complete_cycles(Cycle::of_second(until), visit);
    }

    fn complete_cycles<'a>(&mut self, until: Cycle, visit: &mut impl FnMut(Step<'a>)) {
        while self.cycle < until {
            let before = self.points;
            if !self.scored_in_cycle && before > 0 {
                self.points = self.rules.decay.after(before);
                visit(Step::Decay { cycle: self.cycle, before, after: self.points });
            } else if before == 0 && !self.scored_in_cycle {
                // Nothing is left to decay: the rest of the silence changes nothing.
                self.cycle = until;
                return;
            }
            self.scored_in_cycle = false;
            self.cycle = self.cycle + 1;
        }
    }
}

/// When a score of `points` will be zero if nothing more happens: the end of a cycle, in seconds; now if it is zero.
///
/// The running cycle may hold the engagement that made the score; then it does not decay. The prediction is the earliest
/// possible end, and whoever acts on it evaluates again.
pub fn cools_at(rules: &InterestRules, points: i64, now: Timestamp) -> i64 {
    if points <= 0 {
        return now.as_second();
    }
    (Cycle::of(now) + rules.decay.cycles_to_zero(points)).start_second()
}

/// When the decay run looks at an interest again: when it may be cold, and at the latest when a quarter begins.
///
/// It may be cold when decay has taken the score, or when the horizon passes the first fact that made it: whichever is
/// sooner. Until then nothing but a fact can make it zero.
pub fn look_again_at(rules: &InterestRules, score: &Score, now: Timestamp) -> i64 {
    let cut = score.first_scored_second.map(|second| (Cycle::of_second(second) + HORIZON_CYCLES).start_second());
    let cold = cools_at(rules, score.points, now);
    cut.map_or(cold, |cut| cold.min(cut)).min(rules.quarters.next_start(now).as_second())
}

/// When the decay run first looks at an interest that a fact has made live: when the running cycle has completed, and at
/// the latest when a quarter begins. Needs no score, so that an engagement costs no read.
pub fn first_look_at(rules: &InterestRules, now: Timestamp) -> i64 {
    Cycle::of(now).end_second().min(rules.quarters.next_start(now).as_second())
}

/// Facts before this second are never seen again, at `now` or later: one cycle behind the horizon, which the gate may
/// still look at.
pub fn forgotten_before(now: Timestamp) -> i64 {
    (Cycle::of(now) + -HORIZON_CYCLES).start_second()
}

/// The interest of all contacts of an account in one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountInterest {
    /// The sum of its contacts' points, at most the cap.
    pub points: i64,
    /// How many of them have any.
    pub interested: usize,
    /// Who has most; the first by id among equals.
    pub strongest: Option<ContactId>,
}

/// The interest of an account, from its contacts' points in one product.
pub fn of_account<'a>(
    rules: &InterestRules,
    contacts: impl IntoIterator<Item = (&'a ContactId, i64)>,
) -> AccountInterest {
    let warm: BTreeMap<&ContactId, i64> = contacts.into_iter().filter(|(_, points)| *points > 0).collect();
    let sum = warm.values().fold(0_i64, |sum, points| sum.saturating_add(*points));
    let strongest = warm.iter().max_by(|(a, more), (b, points)| more.cmp(points).then(b.cmp(a)));
    AccountInterest {
        points: sum.min(rules.cap),
        interested: warm.len(),
        strongest: strongest.map(|(contact, _)| (*contact).clone()),
    }
}

/// The instant of a second since the Unix epoch, held within what time zones can express.
pub fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
