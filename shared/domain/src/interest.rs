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

mod account;
mod cooling;
mod facts;
mod gate;
mod reaching;
mod walk;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::cycle::Cycle;
use crate::ids::{ActionId, AssetId, ProductId};
use crate::quarter::{Quarter, QuarterRule};

pub use account::{AccountInterest, of_account};
pub use cooling::{cooled_at, cools_at, first_look_at, forgotten_before, look_again_at};
pub use facts::{FactName, Facts};
pub use reaching::Reaching;
pub(crate) use walk::{Judged, Judging, Walk};
pub use walk::{walk, walk_from};

/// How many cycles a score looks back, the running one included: 392 days, within the ledger's 400.
pub const HORIZON_CYCLES: i64 = 28;

/// A set of times of one fact grows no further than this; so many of one kind are themselves the mark of a burst.
pub const MOST_TIMES_PER_FACT: usize = 128;

/// The action that the human-click gate judges.
pub const CLICK: &str = "click";
/// The action by which a sending is known; the gate measures a click's distance from it.
pub const DELIVERED: &str = "delivered";

/// A day of 24 hours.
pub const DAY_SECONDS: i64 = 24 * 60 * 60;

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

    /// Whether a fact of this name can reach a quarter.
    pub fn can_reach(&self, name: &FactName) -> bool {
        self.action(name).is_some_and(|rule| rule.points > 0 || rule.act_now)
    }

    /// What a fact of this name is worth if it counts; 0 if the playbook does not know it.
    pub fn points_of(&self, name: &FactName) -> i64 {
        self.action(name).map_or(0, |rule| rule.points)
    }

    /// Whether a fact of this name asks for a call at once.
    pub fn is_act_now(&self, name: &FactName) -> bool {
        self.action(name).is_some_and(|rule| rule.act_now)
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
    /// Each quarter with an Act Now: the second of its last one. One that scores nothing, because the same has counted in its cycle
    /// or day already, asks for a call all the same.
    pub act_nows: BTreeMap<Quarter, i64>,
}

/// The score of `facts` for `product` at `now`.
pub fn evaluate(rules: &InterestRules, product: &ProductId, facts: &Facts, now: Timestamp) -> Score {
    let mut score = Score::default();
    let mut reaching = Reaching::new(rules, product);
    score.points = walk(rules, facts, now, |step| {
        if let Some((quarter, second)) = reaching.act_now(&step) {
            score.act_nows.insert(quarter, second);
        }
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

/// The instant of a second since the Unix epoch, held within what time zones can express.
pub fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
