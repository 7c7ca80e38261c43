//! Whose accounts are, and who works for whom.

use perennial_domain::ids::{RepId, TerritoryId};
use perennial_domain::owner::{Absence, Member, OwnerRules, Territory};
use perennial_domain::segment::Expression;

use crate::segments;
use crate::source::{self, Source};

use super::date;

pub(super) fn rules(source: &Source) -> Option<OwnerRules> {
    let written: Vec<&str> =
        source.territories.iter().filter_map(|territory| Some(territory.when.as_ref()?.get_ref().as_str())).collect();
    let (_, resolved) = segments::resolve_with(source, &written);
    let mut resolved = resolved.into_iter();
    let mut territory = |territory: &source::Territory| {
        let when = match &territory.when {
            Some(_) => resolved.next()?.ok()?,
            None => Expression::All(Vec::new()),
        };
        let reps = territory.reps.get_ref().iter().map(|rep| RepId::from(rep.get_ref().as_str())).collect();
        Some(Territory { id: TerritoryId::from(territory.id.get_ref().as_str()), when, reps })
    };
    Some(OwnerRules {
        territories: source.territories.iter().map(&mut territory).collect::<Option<_>>()?,
        team: source.reps.iter().map(member).collect::<Option<_>>()?,
    })
}

/// A rep as covers are asked of; `None` if a date is none.
pub(crate) fn member(rep: &source::Rep) -> Option<(RepId, Member)> {
    let absence = |away: &source::Placed<source::Absence>| {
        let source::Absence { from, to, cover } = away.get_ref();
        let to = match to {
            Some(to) => Some(date(to.get_ref())?),
            None => None,
        };
        Some(Absence { from: date(from.get_ref())?, to, cover: RepId::from(cover.get_ref().as_str()) })
    };
    let member = Member {
        manager: rep.manager.as_ref().map(|manager| RepId::from(manager.get_ref().as_str())),
        away: rep.away.iter().map(absence).collect::<Option<_>>()?,
    };
    Some((RepId::from(rep.id.get_ref().as_str()), member))
}
