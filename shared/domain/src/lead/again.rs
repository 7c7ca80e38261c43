//! An Act Now on a lead that is there already: its contact asks again, and whoever has the lead hears of it at once.

use super::{Priority, Status};

/// What an Act Now finds of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where the lead stands.
    pub status: Status,
    /// How urgent it is already.
    pub priority: Priority,
    /// Whether its ladder has rungs left.
    pub is_due: bool,
    /// The second of the last Act Now that its owner was told of, if any.
    pub told_at: Option<i64>,
}

/// What a later Act Now makes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// When the contact asked: the second of the Act Now.
    pub asked_at: i64,
    /// Whether the clock of the SLA begins anew. It does not where somebody has touched the lead already, nor where that of an earlier
    /// Act Now runs: whoever asks every day must not keep the ladder on its first rung.
    pub restarts_clock: bool,
}

/// Whether an Act Now says something new of a lead: `asked_at` is the second of the last one in its quarter.
///
/// A lead that is closed hears nothing: what sales gave back does not come straight back.
pub fn asked_again(lead: Asked, asked_at: Option<i64>) -> Option<Again> {
    let asked_at = asked_at.filter(|asked_at| lead.status.is_open() && lead.told_at < Some(*asked_at))?;
    let runs = lead.priority == Priority::ActNow && lead.is_due;
    Some(Again { asked_at, restarts_clock: lead.status == Status::Mql && !runs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_lead_hears_of_an_act_now_once_and_its_clock_begins_anew_until_it_is_touched() {
        let check = |status, runs, told_at, asked_at, expected: &str| {
            let priority = if runs { Priority::ActNow } else { Priority::Hot };
            let seen = match asked_again(Asked { status, priority, is_due: true, told_at }, asked_at) {
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
        // On the ladder of an Act Now that is being climbed, at its end, and on another one.
        check(Status::Mql, true, Some(5), Some(6), "asked at 6");
        let ended = Asked { status: Status::Mql, priority: Priority::ActNow, is_due: false, told_at: Some(5) };
        assert_eq!(asked_again(ended, Some(6)), Some(Again { asked_at: 6, restarts_clock: true }));
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
