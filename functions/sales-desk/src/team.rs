//! Who reports to whom, and the leads that wait.

use std::collections::BTreeSet;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use futures::future::try_join_all;
use jiff::Timestamp;
use minijinja::context;
use minijinja::value::Serde;
use perennial_domain::ids::RepId;
use perennial_platform::desk;
use perennial_platform::failure::Failure;
use perennial_playbook::Rep;
use serde::Serialize;

use crate::SalesDesk;
use crate::page::fill;
use crate::sign_in::Who;

/// Everybody who reports to somebody, directly or by somebody between, whoever reports to whom in a circle.
pub(crate) fn reports<'a>(reps: &'a [Rep], manager: &RepId) -> BTreeSet<&'a RepId> {
    let mut found: BTreeSet<&RepId> = BTreeSet::new();
    loop {
        let above = |rep: &Rep| rep.manager.as_ref().is_some_and(|above| above == manager || found.contains(above));
        let new: Vec<&RepId> = reps.iter().filter(|rep| above(rep)).map(|rep| &rep.id).collect();
        let before = found.len();
        found.extend(new.into_iter().filter(|id| *id != manager));
        if found.len() == before {
            return found;
        }
    }
}

impl SalesDesk {
    /// How many leads everybody has who reports to whoever asks, and how many should have been answered.
    pub(crate) async fn team_page(&self, who: &Who<'_>) -> Result<ApiGatewayV2httpResponse, Failure> {
        if who.reports.is_empty() {
            return Ok(self.nothing_there());
        }
        let now = self.clock.now();
        let of_the_team = self.playbook.reps.iter().filter(|rep| who.reports.contains(&rep.id));
        let mut lines = try_join_all(of_the_team.map(|rep| self.line_of(who, rep, now))).await?;
        lines.sort_by_key(|line| (-line.overdue, -line.open, line.name));
        let (overdue, open) = lines.iter().fold((0, 0), |(late, all), line| (late + line.overdue, all + line.open));
        let values = context! {
            title => "Your team",
            me => who.rep.name.as_str(),
            manages => true,
            here => "team",
            mark => who.mark.as_str(),
            overdue,
            open,
            reps => Serde(lines),
        };
        Ok(fill(200, self.company(), ("team.html", values)))
    }

    async fn line_of<'a>(&'a self, who: &Who<'_>, rep: &'a Rep, now: Timestamp) -> Result<Line<'a>, Failure> {
        let between = rep.manager.as_ref().filter(|manager| **manager != who.rep.id);
        Ok(Line {
            id: rep.id.as_str(),
            name: &rep.name,
            open: desk::open_leads(&self.store, &rep.id).await?,
            overdue: desk::overdue_leads(&self.store, &rep.id, now).await?,
            by: between.and_then(|manager| self.playbook.rep(manager)).map(|manager| manager.name.as_str()),
        })
    }
}

/// A rep, as their manager sees them.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    name: &'a str,
    open: i64,
    overdue: i64,
    /// To whom they report, if not to whoever asks.
    by: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_sees_everybody_below_and_a_circle_ends() {
        let rep = |id: &str, manager: &str| Rep {
            id: id.into(),
            name: id.to_owned(),
            email: String::new(),
            manager: (!manager.is_empty()).then(|| manager.into()),
            weekly: true,
        };
        let reps = [
            rep("top", ""),
            rep("middle", "top"),
            rep("low", "middle"),
            rep("other", "top"),
            rep("one", "two"),
            rep("two", "one"),
        ];
        for (manager, expected) in
            [("top", "low middle other"), ("middle", "low"), ("low", ""), ("one", "two"), ("nobody", "")]
        {
            let found: Vec<&str> = reports(&reps, &manager.into()).into_iter().map(RepId::as_str).collect();
            assert_eq!(found.join(" "), expected, "{manager}");
        }
    }
}
