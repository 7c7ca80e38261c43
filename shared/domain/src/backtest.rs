//! Backtest: what a playbook would have made of a contact's history.
//!
//! Owns the replay of known facts under rules that may never have been deployed: the MQLs, what would have become of
//! each, and (in [`mail`]) the nurture mail; [`accuracy`] holds MQLs against won deals. Never says what did happen:
//! that is in the ledger.
//!
//! What a replay cannot know, it takes so:
//! - The profile is the one known now, not the one of the day; but what an account bought later it does not own yet:
//!   [`Account::as_of`].
//! - All facts are known: an engagement that came late, or a click that later proved a machine's, is judged as such from
//!   the start. A lead that a late fact undid is none.
//! - An MQL that is held stays held: it is decided once, at its instant.
//! - Who wants no calls now has never wanted any.

pub mod accuracy;
pub mod mail;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::backtest::mail::Slots;
use crate::calendar::Calendar;
use crate::cycle::Cycle;
use crate::ids::{ContactId, ProductId, RepId};
use crate::interest::{
    Facts, HORIZON_CYCLES, InterestRules, Judged, Judging, Reached, Reaching, Score, Step, Verdict, Walk, instant,
};
use crate::lead::Priority;
use crate::nurture::NurtureRules;
use crate::owner::{self, OwnerRules};
use crate::profile::{Account, Contact};
use crate::qualify::{self, Decision, GivenBack, HeldReason, QualifyRules, Snapshot};
use crate::quarter::Quarter;

/// Everything of a playbook that a replay depends on.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// What interest is worth.
    pub interest: &'a InterestRules,
    /// What makes a lead.
    pub qualify: &'a QualifyRules,
    /// Streams and cadence.
    pub nurture: &'a NurtureRules,
    /// When the team works.
    pub calendar: &'a Calendar,
    /// The calendar's slots over the time that is replayed.
    pub slots: &'a Slots,
    /// Whose accounts are, also those whose owner it does not know.
    pub owners: &'a OwnerRules,
}

/// A contact with its history.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub id: ContactId,
    /// What is known of it, if it was ever identified.
    pub contact: Option<Contact>,
    /// All of its facts, whatever they are tagged with.
    pub facts: Facts,
    /// Whether it has opted out of mail.
    pub unsubscribed: bool,
    /// Whether it has chosen to get no calls.
    pub wants_no_calls: bool,
}

/// An MQL that the rules would have made, and what would have become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mql {
    /// For which product.
    pub product: ProductId,
    /// In which quarter: contact, product and quarter name an MQL.
    pub quarter: Quarter,
    /// How it was reached; Act Now if a fact of that second was one.
    pub reached: Reached,
    /// Who owns the contact's account, if it is known and the playbook knows them; of a held one too.
    pub owner: Option<RepId>,
    /// What would have become of it.
    pub hand_off: HandOff,
}

/// What becomes of an MQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HandOff {
    /// A lead, handed to sales.
    Lead {
        /// How soon.
        priority: Priority,
        /// Whose.
        owner: RepId,
    },
    /// Held, and why.
    Held(HeldReason),
}

impl From<Decision> for HandOff {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Qualified(lead) => Self::Lead { priority: lead.priority, owner: lead.owner },
            Decision::Held { reason, .. } => Self::Held(reason),
        }
    }
}

/// What the rules would have made of one contact's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// MQLs by product and quarter.
    pub mqls: Vec<Mql>,
    /// Nurture mails.
    pub emails: usize,
}

/// A contact's facts by product, as these rules tag them: the gate of one product never sees the mail of another.
pub fn tagged(rules: &InterestRules, facts: &Facts) -> BTreeMap<ProductId, Facts> {
    let mut by_product: BTreeMap<ProductId, Facts> = BTreeMap::new();
    for (name, second) in facts.iter() {
        for product in rules.assets.get(&name.asset).into_iter().flat_map(|asset| &asset.products) {
            match by_product.get_mut(product) {
                Some(facts) => facts.add(name.clone(), second),
                None => by_product.entry(product.clone()).or_default().add(name.clone(), second),
            };
        }
    }
    by_product
}

/// What the rules would have made of a contact's history, until an instant. `tagged` are its facts as [`tagged`] by the
/// same rules.
pub fn replay(
    rules: &Rules<'_>,
    person: &Person,
    account: Option<&Account>,
    tagged: &BTreeMap<ProductId, Facts>,
    until: Timestamp,
) -> Replay {
    let interests: Vec<Interest> =
        tagged.iter().map(|(product, facts)| Interest::of(rules.interest, product, facts, until)).collect();
    let mut mqls = Vec::new();
    for interest in &interests {
        for (quarter, reached, score) in &interest.reached {
            let at = instant(reached.second);
            let account = account.map(|account| with_owner(rules, account.as_of(at), at));
            let snapshot = Snapshot {
                product: interest.product,
                threshold: rules.interest.threshold(interest.product),
                score,
                reached: *reached,
                contact: person.contact.as_ref(),
                account: account.as_deref(),
                // A plan assumes that leads stay open.
                given_back: GivenBack::default(),
                wants_no_calls: person.wants_no_calls,
            };
            let hand_off = qualify::decide(rules.qualify, rules.calendar, &snapshot, at).into();
            mqls.push(Mql {
                product: interest.product.clone(),
                quarter: *quarter,
                reached: *reached,
                owner: account.as_ref().and_then(|account| account.owner.clone()),
                hand_off,
            });
        }
    }
    let emails = mail::count(rules, person, account, &interests, &mqls, until);
    Replay { mqls, emails }
}

/// The account as qualification sees it: whose it is.
fn with_owner<'a>(rules: &Rules<'_>, account: Cow<'a, Account>, at: Timestamp) -> Cow<'a, Account> {
    let owner = owner::of(rules.owners, &account, at);
    if owner == account.owner { account } else { Cow::Owned(Account { owner, ..account.into_owned() }) }
}

/// One product's interest through time.
#[derive(Clone, Debug)]
pub struct Interest<'a> {
    product: &'a ProductId,
    /// The score from each second on, in the order of time.
    points: Vec<(i64, i64)>,
    /// The quarters reached, with the score at the end of the second that reached them.
    reached: Vec<(Quarter, Reached, Score)>,
    last_call_now_second: Option<i64>,
}

impl<'a> Interest<'a> {
    /// The story of a score, as the functions would have computed it from day to day.
    ///
    /// A score sees [`HORIZON_CYCLES`]; in a longer history it is made anew from what is left whenever a cycle of its oldest
    /// facts passes out of sight. The time that this takes follows the facts and not the years between them.
    pub fn of(rules: &InterestRules, product: &'a ProductId, facts: &Facts, until: Timestamp) -> Self {
        let mut interest = Self { product, points: Vec::new(), reached: Vec::new(), last_call_now_second: None };
        let until = until.as_second();
        let judged: Vec<Judged<'_>> = Judging::new(rules, facts, i64::MIN..until.saturating_add(1)).collect();
        let Some(first) = judged.first() else { return interest };
        let (mut walk, mut reaching) = (Walk::starting(rules, first.second), Reaching::new(rules, product));
        let mut in_sight = 0;
        for (index, fact) in judged.iter().enumerate() {
            in_sight += interest.forget(&mut walk, &mut reaching, &judged[in_sight..index], fact.second);
            walk.take(*fact, &mut |step| interest.take(&mut reaching, &step));
        }
        interest.forget(&mut walk, &mut reaching, &judged[in_sight..], until);
        // A score of zero stays one, and reaches nothing.
        if walk.points > 0 {
            walk.pass_time(until, &mut |step| interest.take(&mut reaching, &step));
        }
        interest
    }

    /// Lets pass out of sight what does so by this second, cycle by cycle, and says how many of these facts did.
    fn forget(
        &mut self,
        walk: &mut Walk<'_>,
        reaching: &mut Reaching<'_>,
        in_sight: &[Judged<'_>],
        until: i64,
    ) -> usize {
        let mut forgotten = 0;
        while let Some(oldest) = in_sight.get(forgotten) {
            let next = Cycle::of_second(oldest.second) + 1;
            let gone_at = (next + (HORIZON_CYCLES - 1)).start_second();
            if gone_at > until {
                break;
            }
            forgotten += in_sight[forgotten..].partition_point(|fact| fact.second < next.start_second());
            // Without its beginning a score is never higher: of zero there is nothing to take along.
            if walk.points > 0 {
                walk.pass_time(gone_at - 1, &mut |step| self.take(reaching, &step));
                walk.begin_anew(&in_sight[forgotten..], gone_at - 1);
                self.points.push((gone_at, walk.points));
            }
        }
        forgotten
    }

    fn take(&mut self, reaching: &mut Reaching<'_>, step: &Step<'_>) {
        let (second, points) = at(step);
        self.points.push((second, points));
        if let Step::Fact { verdict: Verdict::Scored(rule), .. } = step
            && rule.call_now
        {
            self.last_call_now_second = Some(second);
        }
        let reached = reaching.by(step);
        if let Some((quarter, reached)) = reached
            && self.reached.last().is_none_or(|(last, ..)| *last < quarter)
        {
            self.reached.push((quarter, reached, Score::default()));
        }
        let last_call_now_second = self.last_call_now_second;
        // The lead is made of all that is known at the end of the second.
        if let Some((quarter, known, score)) = self.reached.last_mut().filter(|(_, known, _)| known.second == second) {
            known.act_now |= reached.is_some_and(|(of, reached)| of == *quarter && reached.act_now);
            *score = Score { points, last_call_now_second, ..Score::default() };
        }
    }
}

/// When a step happens, and the score after it.
fn at(step: &Step<'_>) -> (i64, i64) {
    match *step {
        Step::Fact { second, after, .. } => (second, after),
        Step::Decay { cycle, after, .. } => (cycle.end_second(), after),
        Step::QuarterBegins { second, points } => (second, points),
    }
}
