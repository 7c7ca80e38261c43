//! What a contact did, in words.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::calendar::Calendar;
use perennial_domain::ids::ProductId;
use perennial_domain::interest::{Facts, Step, Verdict, instant, walk};
use perennial_playbook::Playbook;
use serde::Serialize;

/// One engagement that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Moment {
    /// When, in seconds since the Unix epoch.
    pub second: i64,
    /// Its day, in the team's zone.
    pub day: String,
    /// What was done with what.
    pub what: String,
    /// For which product.
    pub product: String,
    /// What it gave.
    pub points: i64,
}

/// The engagements that count towards the score of a product, newest first. The same one counts again in another cycle, and is
/// then told again.
pub(crate) fn of(playbook: &Playbook, product: &ProductId, facts: &Facts, now: Timestamp) -> Vec<Moment> {
    let mut moments = Vec::new();
    walk(&playbook.interest, facts, now, |step| {
        if let Step::Fact { name, second, verdict: Verdict::Scored(rule), .. } = step {
            moments.push(Moment {
                second,
                day: day(&playbook.calendar, second),
                what: did(playbook, name.action.as_str(), name.asset.as_str()),
                product: playbook.product_name(product).to_owned(),
                points: rule.points,
            });
        }
    });
    moments.reverse();
    moments
}

/// Why somebody is worth a call: the newest moment, and the two besides that gave most.
pub(crate) fn reasons(moments: &[Moment]) -> (Option<&Moment>, Vec<&Moment>) {
    let Some((newest, rest)) = moments.split_first() else { return (None, Vec::new()) };
    let mut said = BTreeSet::from([newest.what.as_str()]);
    let mut best: Vec<&Moment> = rest.iter().filter(|moment| moment.points > 0).collect();
    best.sort_by_key(|moment| -moment.points);
    best.retain(|moment| said.insert(moment.what.as_str()));
    best.truncate(2);
    (Some(newest), best)
}

/// What was done with what, as the beginning of a line: `Asked for “Prices and a call”`.
pub(crate) fn did(playbook: &Playbook, action: &str, asset: &str) -> String {
    let told = playbook.told(action, asset);
    let mut letters = told.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// A day in the team's zone: `Tue 6 Jan`.
pub(crate) fn day(calendar: &Calendar, second: i64) -> String {
    calendar.date(instant(second)).strftime("%a %-d %b").to_string()
}

/// A minute in the team's zone: `Tue 6 Jan, 08:00`.
pub(crate) fn minute(calendar: &Calendar, second: i64) -> String {
    instant(second).to_zoned(calendar.zone.clone()).strftime("%a %-d %b, %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_said_first_and_then_what_gave_most_nothing_twice() {
        let moment = |second: i64, what: &str, points: i64| Moment {
            second,
            day: String::new(),
            what: what.to_owned(),
            product: String::new(),
            points,
        };
        let all = [
            moment(9, "Viewed prices", 1),
            moment(8, "Downloaded a guide", 2),
            moment(7, "Viewed prices", 1),
            moment(6, "Left a page", -3),
            moment(5, "Attended a webinar", 5),
            moment(4, "Started a trial", 3),
        ];
        let (newest, best) = reasons(&all);
        assert_eq!(newest.map(|moment| moment.second), Some(9));
        assert_eq!(best.iter().map(|moment| moment.second).collect::<Vec<_>>(), [5, 4]);
        assert_eq!(reasons(&[]), (None, Vec::new()));
    }
}
