//! An Act Now on a lead that is there already: its contact asks again, and whoever has the lead hears of it at once.

use super::Status;

/// What a later Act Now makes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// When the contact asked: the second of the Act Now.
    pub asked_at: i64,
    /// Whether the clock of the SLA begins anew. It does not where somebody has touched the lead already, nor where that of an earlier
    /// Act Now runs: whoever asks every day must not keep the ladder on its first rung.
    pub restarts_clock: bool,
}

/// Whether an Act Now says something new of a lead: `asked_at` is the second of the last one in its quarter, `told_at` that of the
/// last one that its owner was told of, if any; `runs`, whether the ladder of an earlier Act Now has rungs left.
///
/// A lead that is closed hears nothing: what sales gave back does not come straight back.
pub fn asked_again(status: Status, runs: bool, told_at: Option<i64>, asked_at: Option<i64>) -> Option<Again> {
    let asked_at = asked_at.filter(|asked_at| status.is_open() && told_at < Some(*asked_at))?;
    Some(Again { asked_at, restarts_clock: status == Status::Mql && !runs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_lead_hears_of_an_act_now_once_and_its_clock_begins_anew_until_it_is_touched() {
        let check = |status, runs, told_at, asked_at, expected: &str| {
            let seen = match asked_again(status, runs, told_at, asked_at) {
                None => "nothing".to_owned(),
                Some(Again { asked_at, restarts_clock }) => {
                    format!("asked at {asked_at}{}", if restarts_clock { ", anew" } else { "" })
                }
            };
            assert_eq!(seen, expected, "{status} {runs} {told_at:?} {asked_at:?}");
        };
        check(Status::Mql, false, None, None, "nothing");
        check(Status::Mql, false, None, Some(5), "asked at 5, anew");
        // The same again, two of one second, and one that comes late behind a newer one.
        check(Status::Mql, true, Some(5), Some(5), "nothing");
        check(Status::Mql, true, Some(6), Some(5), "nothing");
        // On a ladder that is being climbed, and at its end.
        check(Status::Mql, true, Some(5), Some(6), "asked at 6");
        check(Status::Mql, false, Some(5), Some(6), "asked at 6, anew");
        for open in [Status::Touched, Status::Sql, Status::Opportunity] {
            check(open, false, Some(5), Some(6), "asked at 6");
            check(open, false, Some(6), Some(6), "nothing");
        }
        for closed in [Status::Won, Status::Lost, Status::Recycled] {
            check(closed, false, None, Some(6), "nothing");
        }
    }
}
