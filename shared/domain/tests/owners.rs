//! What must hold of shares and covers for whatever team there is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use perennial_domain::ids::{AccountId, RepId};
use perennial_domain::owner::{self, Absence, Member, OwnerRules, Territory};
use perennial_domain::profile::{Account, Fields};
use perennial_domain::segment::Expression;
use proptest::prelude::*;

/// A team whose only territory is everything.
fn sharing(reps: &[RepId]) -> OwnerRules {
    let everything = Territory { id: "everything".into(), when: Expression::All(Vec::new()), reps: reps.to_vec() };
    let team = reps.iter().map(|rep| (rep.clone(), Member::default())).collect();
    OwnerRules { territories: vec![everything], team }
}

fn owner_of(rules: &OwnerRules, account: &str) -> Option<RepId> {
    owner::of(rules, &Account::from_fields(AccountId::from(account), &Fields::default()), Timestamp::UNIX_EPOCH)
}

fn day(number: i64) -> Date {
    Date::constant(2026, 11, 1).saturating_add(number.days())
}

/// Who covers for whom from which day to which, of reps that are numbers; the last number is nobody of the team.
type Away = (usize, usize, i64, Option<i64>);

fn team(managers: &[usize], away: &[Away]) -> OwnerRules {
    let id = |number: usize| RepId::from(format!("rep-{number}").as_str());
    let mut team: BTreeMap<RepId, Member> = BTreeMap::new();
    for (rep, manager) in managers.iter().enumerate() {
        team.insert(id(rep), Member { manager: Some(id(*manager)), away: Vec::new() });
    }
    for (rep, cover, from, days) in away {
        let to = days.map(|days| day(from + days));
        let absence = Absence { from: day(*from), to, cover: id(*cover) };
        let Some(member) = team.get_mut(&id(*rep)) else { continue };
        let ends = |absence: &Absence| absence.to.unwrap_or(Date::MAX);
        // The check refuses two at once.
        if member.away.iter().all(|other| ends(other) < absence.from || ends(&absence) < other.from) {
            member.away.push(absence);
        }
    }
    OwnerRules { territories: Vec::new(), team }
}

proptest! {
    #[test]
    fn an_account_has_one_rep_in_whatever_order_they_stand_and_only_a_joiners_or_leavers_share_moves(
        names in prop::collection::btree_set("[a-z]{1,6}", 2..8),
        order in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        accounts in prop::collection::vec("[A-Za-z0-9#é-]{1,18}", 1..60),
    ) {
        let reps: Vec<RepId> = names.iter().map(|name| RepId::from(name.as_str())).collect();
        let (all, leaver) = (sharing(&reps), other.get(&reps).clone());
        let mut turned = reps.clone();
        turned.rotate_left(order.index(reps.len()));
        let turned = sharing(&turned);
        let left: Vec<RepId> = reps.iter().filter(|rep| **rep != leaver).cloned().collect();
        let without = sharing(&left);
        for account in &accounts {
            let with = owner_of(&all, account).unwrap();
            prop_assert_eq!(&with, &owner_of(&turned, account).unwrap());
            let after = owner_of(&without, account).unwrap();
            prop_assert!(left.contains(&after));
            // Read backwards: whoever joins takes accounts, and gives none to another.
            prop_assert!(with == leaver || with == after, "{} {} {}", account, with, after);
        }
    }

    #[test]
    fn whoever_covers_whom_who_works_is_there_and_stays_until_the_day_that_is_said(
        managers in prop::collection::vec(0_usize..6, 1..6),
        away in prop::collection::vec((0_usize..6, 0_usize..7, 0_i64..20, prop::option::of(0_i64..10)), 0..12),
        on in 0_i64..30,
    ) {
        let rules = team(&managers, &away);
        let there = |rep: &RepId| {
            rules.team.get(rep).is_some_and(|member| member.away.iter().all(|absence| !absence.holds_on(day(on))))
        };
        let mut covers: BTreeSet<(RepId, RepId)> = BTreeSet::new();
        for rep in rules.team.keys() {
            let duty = owner::on_duty(&rules, rep, day(on));
            prop_assert!(there(duty.rep) || duty.rep == rep, "{} for {}", duty.rep, rep);
            prop_assert_eq!(there(rep), duty.rep == rep && there(duty.rep));
            if owner::is_covered(&rules, rep, day(on)) {
                prop_assert!(there(duty.rep));
            }
            if let Some(until) = duty.until {
                prop_assert!(until >= day(on) && !there(rep));
                // Until then it stays so.
                for date in day(on).series(1.day()).take_while(|date| *date <= until) {
                    prop_assert_eq!(owner::on_duty(&rules, rep, date).rep, duty.rep);
                }
            }
            if duty.rep != rep {
                covers.insert((duty.rep.clone(), rep.clone()));
            }
        }
        let seen = rules.team.keys().flat_map(|rep| {
            owner::covered_by(&rules, rep, day(on)).into_iter().map(|(of, _)| (rep.clone(), of.clone()))
        });
        prop_assert_eq!(seen.collect::<BTreeSet<_>>(), covers);
    }
}
