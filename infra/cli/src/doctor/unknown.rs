//! Mails of which SES did not say whether it took them, and what feedback has settled since. Pure.

use jiff::{SignedDuration, Timestamp};

/// What bounces or is delayed is told within so long: before a day one looks as far back, so that what is settled on it is not taken
/// for a mail of that day.
pub(super) const SETTLED_WITHIN: SignedDuration = SignedDuration::from_hours(72);

/// How many there were, by when; in no order.
type Counts = [(Timestamp, i64)];

/// Of the mails that became unknown since an instant, how many there were, and how many are unknown still.
///
/// Feedback comes within minutes where it comes at all, so it settles the latest of those that were unknown before it; where there is
/// none, it is of a mail that nobody looks back to. Of one instant, a mail becomes unknown before it is settled.
pub(super) fn unknown_since(since: Timestamp, unknown: &Counts, settled: &Counts) -> (i64, i64) {
    let mut all: Vec<(Timestamp, bool, i64)> = unknown.iter().map(|(at, count)| (*at, false, *count)).collect();
    all.extend(settled.iter().map(|(at, count)| (*at, true, *count)));
    all.sort_unstable();
    let mut open: Vec<(Timestamp, i64)> = Vec::new();
    for (at, is_settled, mut count) in all {
        if !is_settled {
            open.push((at, count));
            continue;
        }
        while let Some((_, left)) = open.last_mut().filter(|_| count > 0) {
            let now = count.min(*left);
            *left -= now;
            count -= now;
            if *left == 0 {
                open.pop();
            }
        }
    }
    let of_late = |counts: &Counts| counts.iter().filter(|(at, _)| *at >= since).map(|(_, count)| count).sum();
    (of_late(unknown), of_late(&open))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour of the day, or of a day before it where it is negative.
    fn at(hour: i64) -> Timestamp {
        "2026-02-02T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
    }

    #[test]
    fn a_mail_is_unknown_until_an_answer_comes_that_is_not_anothers() {
        let check = |what: &str, unknown: &[(i64, i64)], settled: &[(i64, i64)], expected: (i64, i64)| {
            let counts =
                |hours: &[(i64, i64)]| hours.iter().map(|(hour, count)| (at(*hour), *count)).collect::<Vec<_>>();
            assert_eq!(unknown_since(at(0), &counts(unknown), &counts(settled)), expected, "{what}");
        };
        check("none", &[], &[], (0, 0));
        check("never answered", &[(3, 2)], &[], (2, 2));
        check("answered later", &[(3, 2)], &[(4, 2)], (2, 0));
        check("answered at once", &[(3, 2)], &[(3, 2)], (2, 0));
        check("one of two answered", &[(3, 2)], &[(4, 1)], (2, 1));
        check("an answer for a mail of the day before", &[(-1, 1), (5, 1)], &[(1, 1)], (1, 1));
        check("an answer for one that nobody looks back to", &[(5, 1)], &[(1, 1)], (1, 1));
        check("an old one that nobody answers takes no answer of a new one", &[(-30, 1), (5, 1)], &[(6, 1)], (1, 0));
        check("one of the day before is not of the day", &[(-1, 4)], &[], (0, 0));
        check("several at once", &[(1, 1), (2, 2)], &[(3, 3)], (3, 0));
    }
}
