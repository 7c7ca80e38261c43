//! Qualification: a threshold was reached; is this a product MQL, and how urgent?
//!
//! The quarter comes from when the engagement happened. That there is at most one lead per contact, product and quarter is
//! guarded where it is committed; this module decides what the lead is, or why it must wait.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::calendar::{days_after, later};
use crate::fit::{self, Fit, FitRules};
use crate::ids::{ProductId, RepId};
use crate::interest::{Reached, Score, instant};
use crate::lead::Priority;
use crate::profile::{Account, Contact, Health};
use crate::sorting::{self, SortingRules, SortingScore, Temperature};

/// What qualification depends on besides the score.
#[derive(Clone, Debug)]
pub struct QualifyRules {
    /// The sorting score.
    pub sorting: SortingRules,
    /// Days of usage before cross-sell starts; six months by the source of the practice.
    pub new_customer_days: i64,
    /// Fit.
    pub fit: FitRules,
}

/// The state a qualification is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// For which product.
    pub product: &'a ProductId,
    /// The threshold that holds for it.
    pub threshold: i64,
    /// The score at now.
    pub score: &'a Score,
    /// How the quarter in question was reached.
    pub reached: Reached,
    /// The contact, if identified.
    pub contact: Option<&'a Contact>,
    /// Its account, if known.
    pub account: Option<&'a Account>,
    /// What sales said of earlier leads for the product.
    pub given_back: GivenBack,
}

/// What sales said of a contact's earlier leads for a product: a recycled MQL must not come straight back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// Whether one was given back or lost in the quarter in question.
    pub this_quarter: bool,
    /// Until when nobody wants to hear of one.
    pub until: Option<Timestamp>,
}

/// Why a lead must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldReason {
    /// Nobody has said yet who this is.
    NotIdentified,
    /// The contact's account is not known, so nobody owns the lead.
    NoAccount,
    /// The account has no owner to hand it to.
    NoOwner,
    /// The account is at risk of churning.
    AtRisk,
    /// The account owns the product: an upsell, not a cross-sell.
    Owned,
    /// The account is a customer for less than six months.
    NewCustomer,
    /// Sales gave a lead for the product back, or lost it, in this quarter.
    RecycledThisQuarter,
    /// Sales gave a lead for the product back until a date that has not come.
    RecycledUntil,
}

impl HeldReason {
    /// The name in storage and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotIdentified => "not identified",
            Self::NoAccount => "account unknown",
            Self::NoOwner => "account without owner",
            Self::AtRisk => "account at risk",
            Self::Owned => "product owned",
            Self::NewCustomer => "new customer",
            Self::RecycledThisQuarter => "recycled this quarter",
            Self::RecycledUntil => "recycled until a date",
        }
    }
}

impl fmt::Display for HeldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything a rep needs to sort a lead by, frozen when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qualified {
    /// How soon.
    pub priority: Priority,
    /// Fit, line by line.
    pub fit: Fit,
    /// Engagement, 0..=100.
    pub engagement: i64,
    /// The one score that leads are sorted by, and its split.
    pub sorting: SortingScore,
    /// Whose lead it is.
    pub owner: RepId,
    /// Whether the account is new: an Act Now that went through all the same.
    pub new_customer: bool,
}

/// What becomes of a reached threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A lead, now.
    Qualified(Box<Qualified>),
    /// Not yet; ask again at this instant.
    Held {
        /// When to ask again.
        until: Timestamp,
        /// Why not now.
        reason: HeldReason,
    },
}

/// A held lead is asked again at the next day's run. Half a day, and not a whole one: a run a few seconds late, or the night
/// of the change to summer time, must not make it miss the next.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(12);

/// What becomes of a reached threshold at `now`.
pub fn decide(rules: &QualifyRules, snapshot: &Snapshot<'_>, now: Timestamp) -> Decision {
    let held = |reason| Decision::Held { until: later(now, ASK_AGAIN), reason };
    let act_now = snapshot.reached.act_now;
    let Some(contact) = snapshot.contact else { return held(HeldReason::NotIdentified) };
    let Some(account) = snapshot.account else { return held(HeldReason::NoAccount) };
    if account.health == Health::AtRisk {
        return held(HeldReason::AtRisk);
    }
    if account.owns.get(snapshot.product).is_some_and(|since| *since <= now) {
        return held(HeldReason::Owned);
    }
    // Also an Act Now: the quarter is used up.
    if snapshot.given_back.this_quarter {
        return held(HeldReason::RecycledThisQuarter);
    }
    if let Some(until) = snapshot.given_back.until.filter(|until| *until > now) {
        return Decision::Held { until, reason: HeldReason::RecycledUntil };
    }
    let matures = account.customer_since.map(|since| days_after(since, rules.new_customer_days));
    let new_customer = matures.is_some_and(|matures| matures > now);
    if new_customer && !act_now {
        return held(HeldReason::NewCustomer);
    }
    let Some(owner) = account.owner.clone() else { return held(HeldReason::NoOwner) };

    let fit = fit::evaluate(&rules.fit, Some(contact), Some(account));
    let engagement = sorting::engagement(snapshot.score.points, snapshot.threshold);
    let sorting = sorting::evaluate(&rules.sorting, fit.points, engagement);
    let recent_call_now =
        snapshot.score.last_call_now_second.is_some_and(|second| days_after(instant(second), 14) >= now);
    let priority = if act_now {
        Priority::ActNow
    } else if sorting.temperature == Temperature::Hot {
        Priority::Hot
    } else if recent_call_now {
        Priority::CallNow
    } else {
        Priority::Mql
    };
    Decision::Qualified(Box::new(Qualified { priority, fit, engagement, sorting, owner, new_customer }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ids::{AccountId, ContactId};
    use crate::profile::Fields;

    #[test]
    fn a_reached_threshold_becomes_a_lead_or_waits_with_a_reason() {
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let days_ago = |days: i64| now - SignedDuration::from_hours(24 * days);
        let rules = QualifyRules {
            sorting: SortingRules { fit_weight_percent: 50, hot: 60, warm: 30 },
            new_customer_days: 183,
            fit: FitRules { role: BTreeMap::from([("executive".to_owned(), 100)]), ..FitRules::default() },
        };
        let product = ProductId::from("analytics");
        let contact = Contact {
            id: ContactId::from("c"),
            account: Some(AccountId::from("a")),
            email: None,
            first_name: None,
            last_name: None,
            title: None,
            role: None,
        };
        let account = Account {
            owner: Some(RepId::from("r")),
            customer_since: Some(days_ago(400)),
            ..Account::from_fields(AccountId::from("a"), &Fields::default())
        };
        let executive = Contact { role: Some("executive".into()), ..contact.clone() };
        let at_risk = Account { health: Health::AtRisk, ..account.clone() };
        let owning = Account { owns: BTreeMap::from([(product.clone(), days_ago(10))]), ..account.clone() };
        let ordered = Account { owns: BTreeMap::from([(product.clone(), days_ago(-10))]), ..account.clone() };
        let new = Account { customer_since: Some(days_ago(182)), ..account.clone() };
        let just_old_enough = Account { customer_since: Some(days_ago(183)), ..account.clone() };
        let orphan = Account { owner: None, ..account.clone() };
        let of_the_far_future = Account { customer_since: Some(Timestamp::MAX), ..account.clone() };
        let check = |contact: Option<&Contact>,
                     account: Option<&Account>,
                     points,
                     act_now,
                     call_now_days: Option<i64>,
                     expected: &str| {
            let score = Score {
                points,
                last_call_now_second: call_now_days.map(|days| days_ago(days).as_second()),
                ..Score::default()
            };
            let reached = Reached { second: now.as_second(), points, act_now };
            let given_back = GivenBack::default();
            let snapshot =
                Snapshot { product: &product, threshold: 5, score: &score, reached, contact, account, given_back };
            let seen = match decide(&rules, &snapshot, now) {
                Decision::Held { until, reason } => {
                    // The next day's run must find it due, also if this one was late or the night is an hour short.
                    assert!(until > now && until < now + SignedDuration::from_hours(22), "{until}");
                    format!("held: {reason}")
                }
                Decision::Qualified(lead) => format!("{} {}", lead.priority, lead.sorting.points),
            };
            assert_eq!(seen, expected);
        };
        check(None, None, 5, false, None, "held: not identified");
        check(Some(&contact), None, 5, false, None, "held: account unknown");
        check(Some(&contact), Some(&at_risk), 5, true, None, "held: account at risk");
        check(Some(&contact), Some(&owning), 5, false, None, "held: product owned");
        check(Some(&contact), Some(&ordered), 5, false, None, "MQL 12");
        check(Some(&contact), Some(&new), 5, false, None, "held: new customer");
        check(Some(&contact), Some(&new), 0, true, None, "Act Now 0");
        check(Some(&contact), Some(&just_old_enough), 5, false, None, "MQL 12");
        check(Some(&contact), Some(&of_the_far_future), 5, false, None, "held: new customer");
        check(Some(&contact), Some(&orphan), 5, false, None, "held: account without owner");
        check(Some(&contact), Some(&account), 5, false, Some(14), "Call Now 12");
        check(Some(&contact), Some(&account), 5, false, Some(15), "MQL 12");
        check(Some(&executive), Some(&account), 5, false, None, "Hot 62");
        check(Some(&executive), Some(&account), 100, true, Some(0), "Act Now 100");
    }

    #[test]
    fn what_sales_gave_back_does_not_come_straight_back() {
        let now: Timestamp = "2026-04-03T10:00:00Z".parse().unwrap();
        let product = ProductId::from("analytics");
        let rules = QualifyRules {
            sorting: SortingRules { fit_weight_percent: 50, hot: 60, warm: 30 },
            new_customer_days: 183,
            fit: FitRules::default(),
        };
        let account =
            Account { owner: Some(RepId::from("r")), ..Account::from_fields(AccountId::from("a"), &Fields::default()) };
        let contact = Contact {
            id: ContactId::from("c"),
            account: Some(AccountId::from("a")),
            email: None,
            first_name: None,
            last_name: None,
            title: None,
            role: None,
        };
        let later_that_day = now + SignedDuration::from_hours(5);
        for (act_now, given_back, expected) in [
            (false, GivenBack::default(), None),
            (false, GivenBack { this_quarter: true, until: None }, Some("recycled this quarter")),
            (true, GivenBack { this_quarter: true, until: None }, Some("recycled this quarter")),
            (true, GivenBack { this_quarter: false, until: Some(later_that_day) }, Some("recycled until a date")),
            // On the day the reason ends it is a lead.
            (false, GivenBack { this_quarter: false, until: Some(now) }, None),
        ] {
            let score = Score { points: 5, ..Score::default() };
            let reached = Reached { second: now.as_second(), points: 5, act_now };
            let (contact, account) = (Some(&contact), Some(&account));
            let snapshot =
                Snapshot { product: &product, threshold: 5, score: &score, reached, contact, account, given_back };
            let (reason, until) = match decide(&rules, &snapshot, now) {
                Decision::Held { until, reason } => (Some(reason.as_str()), Some(until)),
                Decision::Qualified(_) => (None, None),
            };
            assert_eq!(reason, expected, "{given_back:?}");
            if let (Some(named), Some("recycled until a date")) = (given_back.until, reason) {
                assert_eq!(until, Some(named));
            }
        }
    }
}
