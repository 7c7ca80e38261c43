//! Whose account it is, and who works for a rep who is away.
//!
//! | question | function |
//! |---|---|
//! | who owns this account? | [`of`] |
//! | who works for this rep on this day? | [`on_duty`] |
//! | for whom does this rep work on this day? | [`covered_by`] |
//!
//! Owns that an account has one owner, the same whoever asks and whenever: its own, or the one that its territory gives it. Owns
//! that a cover is asked for and never stored: a lead stays its owner's, and who works for them follows from the playbook and the
//! day. Knows no names and no addresses.
//!
//! Source: hand-off by territory, account owner or round robin, with vacation cover.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::fit::{self, FitRules};
use crate::ids::{AccountId, RepId, TerritoryId};
use crate::nurture::spread::spread;
use crate::profile::Account;
use crate::segment::{Expression, Person, is_member};

/// Who follows up, and which accounts are whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnerRules {
    /// In the order in which they are tried.
    pub territories: Vec<Territory>,
    /// Every rep and manager that there is.
    pub team: BTreeMap<RepId, Member>,
}

/// Accounts that have something in common, and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Territory {
    /// Which.
    pub id: TerritoryId,
    /// Which accounts; it asks of accounts alone, or the colleagues of an account could have two owners.
    pub when: Expression,
    /// Who shares them out.
    pub reps: Vec<RepId>,
}

/// Somebody of the team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// To whom they report.
    pub manager: Option<RepId>,
    /// When they are away.
    pub away: Vec<Absence>,
}

/// Days on which a rep does not work, in the team's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The first day.
    pub from: Date,
    /// The last day; none if they do not come back.
    pub to: Option<Date>,
    /// Who works for them.
    pub cover: RepId,
}

impl Absence {
    /// Whether a day is one of it.
    pub fn holds_on(&self, date: Date) -> bool {
        self.from <= date && self.to.is_none_or(|to| date <= to)
    }
}

/// Who works on the leads of an owner on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty<'a> {
    /// Who works: the owner, or who stands in.
    pub rep: &'a RepId,
    /// The last day on which that is certain to be so: then somebody is back, or who works is away. None if it is the owner, or no
    /// end is known.
    pub until: Option<Date>,
}

/// Whose an account is: its own owner's, if the playbook knows them, or else a rep of the first territory that it belongs to.
///
/// The reps of a territory share its accounts out by a number made of account and rep; the highest has it. So an account has the
/// same rep whoever asks, without a counter for all to fight over; whoever joins takes accounts from everybody, and whoever leaves
/// gives theirs to everybody, and no other account changes hands.
pub fn of(rules: &OwnerRules, account: &Account, now: Timestamp) -> Option<RepId> {
    let known = account.owner.as_ref().filter(|owner| rules.team.contains_key(*owner));
    known.or_else(|| by_territory(rules, account, now)).cloned()
}

fn by_territory<'a>(rules: &'a OwnerRules, account: &Account, now: Timestamp) -> Option<&'a RepId> {
    let fit = fit::evaluate(&FitRules::default(), None, None);
    let account_alone = Person {
        contact: None,
        account: Some(account),
        fit: &fit,
        scores: &BTreeMap::new(),
        last_engaged_at: None,
        now,
    };
    let territory = rules.territories.iter().find(|territory| is_member(&territory.when, &account_alone))?;
    share(&account.id, territory.reps.iter().filter(|rep| rules.team.contains_key(*rep)))
}

/// Which of these an account falls to, in whatever order they stand.
fn share<'a>(account: &AccountId, reps: impl Iterator<Item = &'a RepId>) -> Option<&'a RepId> {
    reps.max_by_key(|rep| (spread(&["owner", rep.as_str(), account.as_str()]), *rep))
}

/// Who works on the leads of an owner on a day: the owner; if they are away, their cover, the cover's cover and so on; if nobody
/// of them is there, their manager in the same way, and the manager's; and if there is nobody at all, the owner.
pub fn on_duty<'a>(rules: &'a OwnerRules, owner: &'a RepId, date: Date) -> Duty<'a> {
    let manager = |rep: &&RepId| rules.team.get(*rep)?.manager.as_ref();
    let mut asked = Asked::default();
    // As many as there are: managers in a circle end as well.
    for above in std::iter::successors(Some(owner), manager).take(rules.team.len() + 1) {
        if let Some(rep) = asked.first_there(rules, above, date) {
            let own = rules.team.get(rep).into_iter().flat_map(|member| &member.away);
            let leaves = own.map(|absence| absence.from).filter(|from| *from > date).min();
            let until = asked.until.into_iter().chain(leaves.map(|from| from.saturating_sub(1.day()))).min();
            return Duty { rep, until: until.filter(|_| rep != owner) };
        }
    }
    Duty { rep: owner, until: None }
}

/// Whether a rep, or somebody whom the chain of their covers leads to, works on a day. Managers are not asked.
pub fn is_covered(rules: &OwnerRules, owner: &RepId, date: Date) -> bool {
    Asked::default().first_there(rules, owner, date).is_some()
}

/// Everybody for whom a rep works on a day, and the last day on which that is certain to be so.
pub fn covered_by<'a>(rules: &'a OwnerRules, rep: &RepId, date: Date) -> Vec<(&'a RepId, Option<Date>)> {
    let others = rules.team.keys().filter(|owner| *owner != rep);
    let duties = others.map(|owner| (owner, on_duty(rules, owner, date)));
    duties.filter(|(_, duty)| duty.rep == rep).map(|(owner, duty)| (owner, duty.until)).collect()
}

/// Who was found to be away, each once: chains of covers may come back to where they began.
#[derive(Default)]
struct Asked<'a> {
    away: BTreeSet<&'a RepId>,
    /// Before whom of them is back nobody else has to be asked.
    until: Option<Date>,
}

impl<'a> Asked<'a> {
    fn first_there(&mut self, rules: &'a OwnerRules, rep: &'a RepId, date: Date) -> Option<&'a RepId> {
        let mut next = rep;
        loop {
            let member = rules.team.get(next)?;
            let Some(absence) = member.away.iter().find(|absence| absence.holds_on(date)) else { return Some(next) };
            if !self.away.insert(next) {
                return None;
            }
            self.until = [self.until, absence.to].into_iter().flatten().min();
            next = &absence.cover;
        }
    }
}

#[cfg(test)]
mod tests;
