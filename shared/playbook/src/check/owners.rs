//! Territories and absences: whose accounts are, and who works for whom.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;
use perennial_domain::ids::RepId;
use perennial_domain::owner::{Absence, OwnerRules, is_covered};
use perennial_domain::segment::{Attribute, Expression, Knowable};

use crate::compile;
use crate::problem::quoted;
use crate::segments;
use crate::source::{Placed, Rep, Territory, Text};

use super::Check;

/// What a territory can ask for.
const OF_ACCOUNTS: &str = "size, region, industry, maturity, market, health, revenue_cents, purchases, customer_days, owned_days, \
                           days_unused, owns and owns_any";

impl Check<'_> {
    pub(super) fn territories(&mut self) {
        let source = self.source;
        self.ids("territory", source.territories.iter().map(|territory| &territory.id));
        let known: BTreeSet<&str> = source.reps.iter().map(|rep| rep.id.get_ref().as_str()).collect();
        for territory in &source.territories {
            self.reps_of(territory, &known);
        }
        let written = source.territories.iter().filter_map(|territory| territory.when.as_ref());
        let written: Vec<&str> = written.map(|when| when.get_ref().as_str()).collect();
        let mut resolved = segments::resolve_with(source, &written).1.into_iter();
        let mut before: Vec<(&Territory, Expression)> = Vec::new();
        for territory in &source.territories {
            let who = format!("territory {}", quoted(territory.id.get_ref()));
            let when = match &territory.when {
                None => Expression::All(Vec::new()),
                Some(when) => match resolved.next() {
                    Some(Ok(expression)) => {
                        self.asks_of_accounts(&who, when, &expression);
                        expression
                    }
                    Some(Err(Some(fault))) => {
                        self.fault(&who, when, fault);
                        continue;
                    }
                    Some(Err(None)) | None => continue,
                },
            };
            self.can_be_reached(&who, territory, &when, &before);
            before.push((territory, when));
        }
    }

    fn reps_of(&mut self, territory: &Territory, known: &BTreeSet<&str>) {
        let who = format!("territory {}", quoted(territory.id.get_ref()));
        if territory.reps.get_ref().is_empty() {
            self.error(&territory.reps, format!("{who} has no reps"));
        }
        let mut named = BTreeSet::new();
        for rep in territory.reps.get_ref() {
            self.exists(&who, "rep", rep, known);
            if !named.insert(rep.get_ref()) {
                self.error(rep, format!("{who} names rep {} twice", quoted(rep.get_ref())));
            }
        }
    }

    /// An account would be one rep's or another's, whoever of its people does something.
    fn asks_of_accounts(&mut self, who: &str, when: &Text, expression: &Expression) {
        if let Some(condition) = expression.of_a_person() {
            let reason =
                format!("{who} asks for {condition}, which is of a person: of an account it can ask for {OF_ACCOUNTS}");
            self.error(when, reason);
        }
    }

    fn can_be_reached(&mut self, who: &str, it: &Territory, when: &Expression, before: &[(&Territory, Expression)]) {
        let takes_all = |(_, earlier): &&(&Territory, Expression)| always_holds(earlier) || earlier == when;
        let Some((first, earlier)) = before.iter().find(takes_all) else { return };
        let what = if always_holds(earlier) { "takes every account" } else { "asks for the same" };
        let first = quoted(first.id.get_ref());
        self.warn(&it.id, format!("{who} stands after {first}, which {what}: no account will be of it"));
    }

    pub(super) fn absences(&mut self) {
        let source = self.source;
        let known: BTreeSet<&str> = source.reps.iter().map(|rep| rep.id.get_ref().as_str()).collect();
        let mut sound = true;
        for rep in &source.reps {
            let who = format!("rep {}", quoted(rep.id.get_ref()));
            for away in &rep.away {
                sound &= self.absence(&who, rep, away, &known);
            }
        }
        if !sound {
            return;
        }
        let Some(team) = source.reps.iter().map(compile::member).collect::<Option<BTreeMap<_, _>>>() else { return };
        let rules = OwnerRules { territories: Vec::new(), team };
        for rep in &source.reps {
            self.overlaps(rep);
            self.left_alone(rep, &rules);
        }
    }

    /// Whether the dates and the cover of an absence are some.
    fn absence(&mut self, who: &str, rep: &Rep, away: &Placed<crate::source::Absence>, known: &BTreeSet<&str>) -> bool {
        let (from, to, cover) = (&away.get_ref().from, away.get_ref().to.as_ref(), &away.get_ref().cover);
        let mut sound = self.exists(who, "cover", cover, known);
        if cover.get_ref() == rep.id.get_ref() {
            self.error(cover, format!("{who} covers for themselves"));
            sound = false;
        }
        for written in [Some(from), to].into_iter().flatten() {
            if compile::date(written.get_ref()).is_none() {
                self.error(written, format!("{} is not a date such as \"2026-11-09\"", quoted(written.get_ref())));
                sound = false;
            }
        }
        let dates = to.and_then(|to| Some((to, compile::date(from.get_ref())?, compile::date(to.get_ref())?)));
        if let Some((to, first, last)) = dates.filter(|(_, first, last)| last < first) {
            self.error(to, format!("{who} is away from {first} to {last}, which is before"));
            sound = false;
        }
        sound
    }

    /// Two absences with two covers on one day.
    fn overlaps(&mut self, rep: &Rep) {
        let Some((_, member)) = compile::member(rep) else { return };
        let mut dated: Vec<_> = member.away.iter().zip(&rep.away).collect();
        dated.sort_by_key(|(absence, _)| absence.from);
        for pair in dated.windows(2) {
            let ((before, _), (after, written)) = (pair[0], pair[1]);
            if before.holds_on(after.from) {
                let who = quoted(rep.id.get_ref());
                let until = before.to.map_or_else(|| "on".to_owned(), |to| format!("to {to}"));
                let reason = format!(
                    "rep {who} is away from {} as well as from {} {until}: one of both has to end first",
                    after.from, before.from
                );
                self.error(written, reason);
            }
        }
    }

    /// An absence in which nobody whom the chain of covers leads to is ever there.
    fn left_alone(&mut self, rep: &Rep, rules: &OwnerRules) {
        let id = RepId::from(rep.id.get_ref().as_str());
        let Some(member) = rules.team.get(&id) else { return };
        for (absence, written) in member.away.iter().zip(&rep.away) {
            if !days_of_change(absence, rules).into_iter().any(|date| is_covered(rules, &id, date)) {
                let (who, cover) = (quoted(rep.id.get_ref()), quoted(absence.cover.as_str()));
                let reason = format!(
                    "rep {who}: cover {cover} is away on every day of it, and nobody covers for them who is there: mail goes to the \
                     manager"
                );
                self.warn(&written.get_ref().cover, reason);
            }
        }
    }
}

/// The days of an absence on which somebody of the team may come or go: in between nothing changes.
fn days_of_change(absence: &Absence, rules: &OwnerRules) -> BTreeSet<Date> {
    let all = rules.team.values().flat_map(|member| &member.away);
    let changes = all.flat_map(|other| [Some(other.from), other.to.map(|to| to.saturating_add(1.day()))]).flatten();
    changes.filter(|date| absence.holds_on(*date)).chain([absence.from]).collect()
}

/// Whether an expression holds for every account, as far as it can be seen: of what is not known, little holds.
fn always_holds(expression: &Expression) -> bool {
    match expression {
        Expression::All(parts) => parts.iter().all(always_holds),
        Expression::Any(parts) => {
            let denied = |part: &Expression| parts.contains(&Expression::Not(Box::new(part.clone())));
            parts.iter().any(|part| always_holds(part) || denied(part))
        }
        Expression::Known(Knowable::Text(Attribute::Health)) => true,
        Expression::OneOf { attribute: Attribute::Health, values } => {
            let health = Attribute::Health.values().unwrap_or_default();
            health.iter().all(|one| values.iter().any(|value| value == one))
        }
        _ => false,
    }
}
