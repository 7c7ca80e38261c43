//! An Act Now on a lead that is there already: its contact asks again, and whoever has the lead hears of it at once.

use super::Status;

/// What a later Act Now makes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// When the contact asked: the second of the Act Now.
    pub asked_at: i64,
    /// Whether the clock of the SLA begins anew. It does not where somebody has touched the lead already.
    pub restarts_clock: bool,
}

/// Whether an Act Now says something new of a lead: `asked_at` is the second of the last one in its quarter, `told_at` that of the
/// last one that its owner was told of, if any.
///
/// A lead that is closed hears nothing: what sales gave back does not come straight back.
pub fn asked_again(status: Status, told_at: Option<i64>, asked_at: Option<i64>) -> Option<Again> {
    let asked_at = asked_at.filter(|asked_at| status.is_open() && told_at < Some(*asked_at))?;
    Some(Again { asked_at, restarts_clock: status == Status::Mql })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_lead_hears_of_an_act_now_once_and_its_clock_begins_anew_until_it_is_touched() {
        let check = |status, told_at, asked_at, expected: &str| {
            let seen = match asked_again(status, told_at, asked_at) {
                None => "nothing".to_owned(),
                Some(Again { asked_at, restarts_clock }) => {
                    format!("asked at {asked_at}{}", if restarts_clock { ", anew" } else { "" })
                }
            };
            assert_eq!(seen, expected, "{status} {told_at:?} {asked_at:?}");
        };
        check(Status::Mql, None, None, "nothing");
        check(Status::Mql, None, Some(5), "asked at 5, anew");
        // The same again, two of one second, and one that comes late behind a newer one.
        check(Status::Mql, Some(5), Some(5), "nothing");
        check(Status::Mql, Some(6), Some(5), "nothing");
        check(Status::Mql, Some(5), Some(6), "asked at 6, anew");
        for open in [Status::Touched, Status::Sql, Status::Opportunity] {
            check(open, Some(5), Some(6), "asked at 6");
            check(open, Some(6), Some(6), "nothing");
        }
        for closed in [Status::Won, Status::Lost, Status::Recycled] {
            check(closed, None, Some(6), "nothing");
        }
    }
}
