//! How fast and how much may be sent, and when sending stops by itself.
//!
//! Owns the spacing of permits, the quota of a rolling day, the ramp of a new sender, the verdict on bounces and complaints, and
//! how long an address is left alone to which mail bounced. Never counts: what was sent is an argument.
//!
//! Mail to sales (hand-offs, digests, reminders) shares the line of permits, and nothing else: a tenth of the quota is kept for
//! it, and neither the ramp nor a pause holds it back. A lead that nobody hears of costs more than a late newsletter.
//!
//! Source: mission, channels: no mail provider stops a sender who stops first. Amazon SES reviews an account at 5% bounces and
//! 0.1% complaints and counts the quota over 24 hours.

use std::collections::BTreeSet;

/// How much of the rate is used, in percent: the rest is for whoever else sends from the account.
pub const USED_PERCENT: i64 = 90;
/// How much of the quota is kept for mail to sales, in percent.
pub const KEPT_FOR_SALES_PERCENT: i64 = 10;
/// Over how many days bounces and complaints are held against what was sent.
pub const JUDGED_DAYS: i64 = 14;
/// Mails that a sender is given at once, at most.
pub const BATCH: i64 = 10;
/// Over so many seconds of the full rate the permits of all senders at work may stretch.
pub const LINE_SECONDS: i64 = 90;
/// Hours of the rolling day of the quota.
pub const QUOTA_HOURS: i64 = 24;

/// What the team has written about sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendingRules {
    /// Messages a second that the account may send.
    pub rate_per_second: i64,
    /// Messages that the account may send within 24 hours.
    pub daily_quota: i64,
    /// How a new sender begins; `None` if it may send its quota at once.
    pub ramp: Option<Ramp>,
    /// Sending pauses when so many percent of the mails bounce for good.
    pub pause_at_bounce_percent: i64,
    /// Sending pauses when so many of 10,000 mails are complained about.
    pub pause_at_complaint_basis_points: i64,
    /// Of fewer mails than this nothing is concluded.
    pub over_sends: i64,
}

/// How a new sender begins: mail providers distrust a stranger who sends much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// Messages on the first days.
    pub start: i64,
    /// After so many days, each time, twice as many.
    pub double_every_days: i64,
}

/// Who mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Contacts.
    Nurture,
    /// Our own reps and their managers.
    Sales,
}

/// What was sent already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Within the rolling day, the running hour included, to whomever.
    pub within_a_day: i64,
    /// Whole days since the first message to a contact.
    pub days_since_first: i64,
    /// Whether sending is paused.
    pub paused: bool,
    /// Whether a person has paused it.
    pub paused_by_hand: bool,
    /// Whether the sender's domain would have to be approved first, and is not.
    pub unapproved: bool,
}

/// Why nothing may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Sending is paused.
    Paused,
    /// Somebody has paused sending.
    PausedByHand,
    /// Nobody has found the sender's domain to be in order yet: in production contacts are not written to before.
    Unapproved,
    /// The quota of the day, or of this day of the ramp, is used up.
    OverQuota,
}

impl Held {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "sending is paused",
            Self::PausedByHand => "sending is paused by hand",
            Self::Unapproved => "the sender's domain is not approved",
            Self::OverQuota => "over the day's quota",
        }
    }
}

/// Microseconds between two permits: [`USED_PERCENT`] of the rate, evenly, rounded up.
pub fn spacing_us(rate_per_second: i64) -> i64 {
    let used = rate_per_second.max(1).saturating_mul(USED_PERCENT);
    100_000_000_i64.div_ceil_by(used)
}

/// So many senders at once, each with [`BATCH`] mails, find a permit for each of them within the time of a call, which is
/// [`LINE_SECONDS`] and some more at [`USED_PERCENT`] of the rate. More of them send no faster: their mail goes back to the queue.
pub fn senders_at_most(rate_per_second: i64) -> i64 {
    (rate_per_second.max(1).saturating_mul(LINE_SECONDS) / BATCH).max(1)
}

/// How many messages may be sent within a day by now.
pub fn quota(rules: &SendingRules, line: Line, days_since_first: i64) -> i64 {
    let whole = rules.daily_quota.max(0);
    let ramped = match rules.ramp {
        Some(ramp) if line == Line::Nurture => ramped(ramp, days_since_first).min(whole),
        _ => whole,
    };
    match line {
        Line::Sales => ramped,
        // Rounded up: of a small quota sales keeps at least one.
        Line::Nurture => ramped - ramped.saturating_mul(KEPT_FOR_SALES_PERCENT).div_ceil_by(100),
    }
}

fn ramped(ramp: Ramp, days_since_first: i64) -> i64 {
    let doublings = days_since_first.max(0) / ramp.double_every_days.max(1);
    let factor = u32::try_from(doublings).ok().and_then(|doublings| 1_i64.checked_shl(doublings)).filter(|it| *it > 0);
    factor.map_or(i64::MAX, |factor| ramp.start.saturating_mul(factor))
}

/// How many of these messages may be sent now: at least one, or why none.
///
/// # Errors
/// [`Held`].
pub fn allowed(rules: &SendingRules, line: Line, sent: Sent, wanted: i64) -> Result<i64, Held> {
    if line == Line::Nurture {
        held_back(sent)?;
    }
    let left = quota(rules, line, sent.days_since_first) - sent.within_a_day;
    if left < 1 { Err(Held::OverQuota) } else { Ok(wanted.min(left)) }
}

/// What holds mail to contacts back whatever the quota is. What a person has said comes first: it is what a person lifts.
fn held_back(sent: Sent) -> Result<(), Held> {
    match sent {
        Sent { unapproved: true, .. } => Err(Held::Unapproved),
        Sent { paused: true, paused_by_hand: true, .. } => Err(Held::PausedByHand),
        Sent { paused: true, .. } => Err(Held::Paused),
        _ => Ok(()),
    }
}

/// What came back of what was sent within [`JUDGED_DAYS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CameBack {
    /// Messages sent.
    pub sends: i64,
    /// That bounced for good.
    pub bounces: i64,
    /// That were complained about.
    pub complaints: i64,
}

/// Why sending pauses by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseReason {
    /// Too many bounces.
    Bounces,
    /// Too many complaints.
    Complaints,
}

impl PauseReason {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounces => "bounces",
            Self::Complaints => "complaints",
        }
    }
}

/// Whether sending has to pause. Exactly the written share is too much.
pub fn verdict(rules: &SendingRules, came_back: CameBack) -> Option<PauseReason> {
    let CameBack { sends, bounces, complaints } = came_back;
    if sends < rules.over_sends {
        return None;
    }
    let reached =
        |count: i64, share: i64, of: i64| count > 0 && count.saturating_mul(of) >= share.saturating_mul(sends);
    if reached(bounces, rules.pause_at_bounce_percent, 100) {
        Some(PauseReason::Bounces)
    } else if reached(complaints, rules.pause_at_complaint_basis_points, 10_000) {
        Some(PauseReason::Complaints)
    } else {
        None
    }
}

/// So many days on which mail bounced in a row, and the address counts as gone.
pub const SOFT_BOUNCE_DAYS: usize = 3;

/// Mail to an address bounced and may not bounce again, and none was delivered since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// On so many different days (UTC); at least one.
    pub days: usize,
    /// The last time, in seconds since the Unix epoch.
    pub last_at: i64,
}

impl Trouble {
    /// What is known of an address: when mail bounced and when it was last delivered, in seconds since the Unix epoch, in any order.
    pub fn of(soft_bounces: impl IntoIterator<Item = i64>, delivered_at: Option<i64>) -> Option<Self> {
        let since = soft_bounces.into_iter().filter(|at| delivered_at.is_none_or(|delivered| *at > delivered));
        let at: BTreeSet<i64> = since.collect();
        let days: BTreeSet<i64> = at.iter().map(|at| at.div_euclid(crate::interest::DAY_SECONDS)).collect();
        at.last().map(|last_at| Self { days: days.len(), last_at: *last_at })
    }

    /// So many days longer than the gap the address is left alone, from the last bounce on: twice as many each time.
    pub fn extra_days(self) -> i64 {
        let doublings = u32::try_from(self.days.saturating_sub(1)).unwrap_or(u32::MAX);
        1_i64.checked_shl(doublings).filter(|days| *days > 0).unwrap_or(i64::MAX)
    }
}

/// Whether an address is given up after passing troubles: mail bounced on [`SOFT_BOUNCE_DAYS`] different days (UTC) since it was
/// last delivered. All times in seconds since the Unix epoch, in any order.
pub fn is_given_up(soft_bounces: impl IntoIterator<Item = i64>, delivered_at: Option<i64>) -> bool {
    Trouble::of(soft_bounces, delivered_at).is_some_and(|trouble| trouble.days >= SOFT_BOUNCE_DAYS)
}

/// Division of numbers that are not negative, rounded up: the standard library's is not stable yet for signed ones.
trait DivCeil {
    fn div_ceil_by(self, by: Self) -> Self;
}

impl DivCeil for i64 {
    fn div_ceil_by(self, by: Self) -> Self {
        self / by + Self::from(self % by != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> SendingRules {
        SendingRules {
            rate_per_second: 14,
            daily_quota: 50_000,
            ramp: None,
            pause_at_bounce_percent: 4,
            pause_at_complaint_basis_points: 8,
            over_sends: 200,
        }
    }

    #[test]
    fn permits_are_spaced_at_nine_tenths_of_the_rate() {
        for (rate, expected) in [(14, 79_366), (1, 1_111_112), (10, 111_112), (1_000, 1_112), (0, 1_111_112)] {
            assert_eq!(spacing_us(rate), expected, "{rate} a second");
            // Never faster, and by no more than a thousandth slower.
            let per_second = 1_000_000_000 / spacing_us(rate);
            let wanted = rate.max(1) * 900;
            assert!(per_second <= wanted && per_second + wanted / 1_000 + 1 >= wanted, "{rate}: {per_second}");
        }
    }

    #[test]
    fn all_senders_at_work_find_their_permits_within_a_call() {
        for (rate, expected) in [(14, 126), (1, 9), (0, 9), (100, 900)] {
            let senders = senders_at_most(rate);
            assert_eq!(senders, expected, "{rate} a second");
            // A call has 105 seconds for it.
            assert!(senders * BATCH * spacing_us(rate) <= 105 * 1_000_000, "{rate} a second");
        }
    }

    #[test]
    fn a_new_sender_doubles_until_its_quota() {
        let ramp = Some(Ramp { start: 200, double_every_days: 3 });
        let rules = SendingRules { ramp, ..rules() };
        for (day, nurture) in [
            (-1, 180),
            (0, 180),
            (2, 180),
            (3, 360),
            (5, 360),
            (6, 720),
            (21, 23_040),
            (24, 45_000),
            (30, 45_000),
            (200, 45_000),
            (i64::MAX, 45_000),
        ] {
            assert_eq!(quota(&rules, Line::Nurture, day), nurture, "day {day}");
            assert_eq!(quota(&rules, Line::Sales, day), 50_000, "sales does not wait for a ramp");
        }
        let small = SendingRules { daily_quota: 5, ramp: None, ..rules };
        assert_eq!((quota(&small, Line::Nurture, 0), quota(&small, Line::Sales, 0)), (4, 5), "one is kept for sales");
    }

    #[test]
    fn what_may_be_sent_now() {
        let rules = SendingRules { daily_quota: 100, ..rules() };
        let sent = |within_a_day, paused| Sent { within_a_day, days_since_first: 40, paused, ..Sent::default() };
        let by_hand = Sent { paused: true, paused_by_hand: true, ..Sent::default() };
        let unapproved = Sent { unapproved: true, ..Sent::default() };
        for (what, line, sent, wanted, expected) in [
            ("a batch", Line::Nurture, sent(0, false), 10, Ok(10)),
            ("what is left of the quota", Line::Nurture, sent(85, false), 10, Ok(5)),
            ("the last one", Line::Nurture, sent(89, false), 10, Ok(1)),
            ("nothing is left for contacts", Line::Nurture, sent(90, false), 1, Err(Held::OverQuota)),
            ("a tenth is kept for sales", Line::Sales, sent(90, false), 1, Ok(1)),
            ("even that is used up", Line::Sales, sent(100, false), 1, Err(Held::OverQuota)),
            ("paused", Line::Nurture, sent(0, true), 1, Err(Held::Paused)),
            ("sales is not", Line::Sales, sent(0, true), 1, Ok(1)),
            ("paused comes before the quota", Line::Nurture, sent(90, true), 1, Err(Held::Paused)),
            ("paused by hand", Line::Nurture, by_hand, 1, Err(Held::PausedByHand)),
            ("sales is not paused by hand either", Line::Sales, by_hand, 1, Ok(1)),
            ("not approved", Line::Nurture, unapproved, 1, Err(Held::Unapproved)),
            ("sales needs no approval", Line::Sales, unapproved, 1, Ok(1)),
            ("approval comes first", Line::Nurture, Sent { unapproved: true, ..by_hand }, 1, Err(Held::Unapproved)),
        ] {
            assert_eq!(allowed(&rules, line, sent, wanted), expected, "{what}");
        }
    }

    #[test]
    fn sending_pauses_at_exactly_the_written_share() {
        use PauseReason::{Bounces, Complaints};
        for (sends, bounces, complaints, expected) in [
            (200, 7, 0, None),
            (200, 8, 0, Some(Bounces)),
            (199, 199, 199, None),
            (201, 8, 0, None),
            (225, 9, 0, Some(Bounces)),
            (1_250, 0, 1, Some(Complaints)),
            (1_251, 0, 1, None),
            (2_500, 0, 2, Some(Complaints)),
            (2_501, 0, 2, None),
            // One in two hundred is more than 0.08 percent.
            (200, 0, 1, Some(Complaints)),
            (200, 8, 1, Some(Bounces)),
            (200, 0, 0, None),
            (0, 0, 0, None),
        ] {
            let came_back = CameBack { sends, bounces, complaints };
            assert_eq!(verdict(&rules(), came_back), expected, "{came_back:?}");
        }
    }

    #[test]
    fn an_address_is_given_up_after_three_days_of_trouble_in_a_row() {
        const DAY: i64 = 86_400;
        for (what, bounces, delivered_at, expected) in [
            ("two days", vec![0, DAY], None, false),
            ("three days", vec![0, DAY, 5 * DAY], None, true),
            ("in any order", vec![5 * DAY, 0, DAY], None, true),
            ("three times on one day", vec![1, 2, 3], None, false),
            ("two of them on one day", vec![1, 2, DAY, 2 * DAY], None, true),
            ("delivered in between", vec![0, DAY, 5 * DAY], Some(2 * DAY), false),
            ("three days after it was delivered", vec![0, 3 * DAY, 4 * DAY, 5 * DAY], Some(2 * DAY), true),
            ("delivered since", vec![0, DAY, 5 * DAY], Some(6 * DAY), false),
            ("none", vec![], Some(0), false),
        ] {
            assert_eq!(is_given_up(bounces, delivered_at), expected, "{what}");
        }
    }

    #[test]
    fn each_day_of_trouble_doubles_the_days_for_which_an_address_is_left_alone() {
        const DAY: i64 = 86_400;
        for (what, bounces, delivered_at, expected) in [
            ("never", vec![], None, None),
            ("once", vec![5], None, Some((1, 5, 1))),
            ("twice on a day", vec![7, 5], None, Some((1, 7, 1))),
            ("on two days, in any order", vec![DAY + 3, 5], None, Some((2, DAY + 3, 2))),
            ("on three", vec![5, DAY, 2 * DAY], None, Some((3, 2 * DAY, 4))),
            ("on four", vec![5, DAY, 2 * DAY, 9 * DAY], None, Some((4, 9 * DAY, 8))),
            ("delivered since", vec![5], Some(6), None),
            ("delivered in between", vec![5, DAY], Some(6), Some((1, DAY, 1))),
        ] {
            let trouble = Trouble::of(bounces, delivered_at);
            assert_eq!(trouble.map(|it| (it.days, it.last_at, it.extra_days())), expected, "{what}");
        }
        assert_eq!(Trouble { days: usize::MAX, last_at: 0 }.extra_days(), i64::MAX);
        assert_eq!(Trouble { days: 64, last_at: 0 }.extra_days(), i64::MAX);
    }
}
