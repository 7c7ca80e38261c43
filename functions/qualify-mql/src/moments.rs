//! A contact's interesting moments, frozen when a lead is made: what made it, and what else the contact did lately.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::ids::ProductId;
use perennial_domain::interest::{self, DAY_SECONDS, Step, Verdict};
use perennial_platform::contact::ContactRows;
use perennial_platform::interest::InterestItem;
use perennial_platform::records::Evidence;
use perennial_playbook::Playbook;

/// So many are kept with a lead, those that made it first.
const MOST: usize = 20;
/// What was done with other products counts as lately for so long: two cycles.
const LATELY_DAYS: i64 = 28;

/// What made a lead of an interest, and what else its contact did lately; both newest last.
pub(crate) fn of(
    playbook: &Playbook,
    rows: &ContactRows,
    (product, item): (&ProductId, &InterestItem),
    now: Timestamp,
) -> (Vec<Evidence>, Vec<Evidence>) {
    let evidence = newest(scored(playbook, item, now), MOST);
    let since = now.as_second() - LATELY_DAYS * DAY_SECONDS;
    let key = |moment: &Evidence| (moment.at, moment.asset.clone(), moment.action.clone());
    // An asset of several products is one moment.
    let mut known: BTreeSet<_> = evidence.iter().map(key).collect();
    let others = rows.interests.iter().filter(|(other, _)| *other != product);
    let mut besides: Vec<Evidence> = others.flat_map(|(_, item)| scored(playbook, item, now)).collect();
    besides.retain(|moment| moment.points > 0 && moment.at >= since && known.insert(key(moment)));
    besides.sort_by_key(key);
    let left = MOST - evidence.len();
    (evidence, newest(besides, left))
}

/// The facts of an interest that scored, newest last, and the Act Nows that only repeated: they ask for a call all the same, for no
/// points.
fn scored(playbook: &Playbook, item: &InterestItem, now: Timestamp) -> Vec<Evidence> {
    let mut moments = Vec::new();
    interest::walk(&playbook.interest, &item.facts, now, |step| {
        let Step::Fact { name, second, verdict, .. } = step else { return };
        let points = match verdict {
            Verdict::Scored(rule) => rule.points,
            Verdict::Repeated if playbook.interest.is_act_now(name) => 0,
            _ => return,
        };
        let (asset, action) = (name.asset.to_string(), name.action.to_string());
        moments.push(Evidence { at: second, asset, action, points });
    });
    moments
}

fn newest(mut moments: Vec<Evidence>, most: usize) -> Vec<Evidence> {
    moments.split_off(moments.len().saturating_sub(most))
}
