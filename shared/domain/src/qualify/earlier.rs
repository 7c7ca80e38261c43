//! What sales said of the leads that a contact had for a product before.

use jiff::Timestamp;

use crate::lead::Status;
use crate::quarter::{Quarter, QuarterRule};

/// A lead that the contact has, or had, for the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlierLead {
    /// Of which quarter it is.
    pub quarter: Quarter,
    /// Where it stands.
    pub status: Status,
    /// Since when, if anything was said of it.
    pub since: Option<Timestamp>,
    /// Until when sales does not want to hear of one, if it named a day when it gave this one back.
    pub until: Option<Timestamp>,
}

/// What sales said of a contact's earlier leads for a product: a recycled MQL must not come straight back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// Whether one was given back or lost in the quarter in question, or in the present one: what was held since an earlier
    /// quarter must not come straight back either.
    pub this_quarter: bool,
    /// Until when nobody wants to hear of one.
    pub until: Option<Timestamp>,
}

impl GivenBack {
    /// What leads for the product say of a quarter at `now`.
    pub fn of(leads: &[EarlierLead], quarter: Quarter, quarters: &QuarterRule, now: Timestamp) -> Self {
        let closed = || leads.iter().filter(|lead| matches!(lead.status, Status::Recycled | Status::Lost));
        let used_up = [quarter, quarters.of(now)];
        Self {
            this_quarter: closed().filter_map(|lead| lead.since).any(|since| used_up.contains(&quarters.of(since))),
            until: closed().filter_map(|lead| lead.until).max(),
        }
    }
}

/// Whether nothing is made of a quarter any more: `held`, whether its threshold waits since it was reached.
///
/// What waits is told already where sales works on a lead of a later quarter. And what was reached in a quarter that is over makes no
/// lead in the next one, where sales has given one back in either.
pub fn is_over(leads: &[EarlierLead], quarter: Quarter, held: bool, quarters: &QuarterRule, now: Timestamp) -> bool {
    let told = leads.iter().any(|lead| lead.status.is_open() && lead.quarter > quarter);
    let past = quarters.of(now) > quarter;
    (held && told) || (past && GivenBack::of(leads, quarter, quarters, now).this_quarter)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// What leads say at some instant of the first quarter of 2026, and whether that quarter is over.
    fn check(leads: &[EarlierLead], held: bool, now: &str, expected: (&str, bool)) {
        let quarters = QuarterRule { first_month: 1, zone: TimeZone::UTC };
        let quarter = "2026-Q1".parse().unwrap();
        let given_back = GivenBack::of(leads, quarter, &quarters, at(now));
        let this_quarter = if given_back.this_quarter { "in a quarter" } else { "" };
        let until = given_back.until.map(|until| format!(" until {until}")).unwrap_or_default();
        let over = is_over(leads, quarter, held, &quarters, at(now));
        assert_eq!((format!("{this_quarter}{until}").trim(), over), expected, "{leads:?} {held} {now}");
    }

    #[test]
    fn a_quarter_is_over_when_sales_has_another_lead_or_gave_one_back_in_it_or_since() {
        let (first, second) = ("2026-03-01T12:00:00Z", "2026-04-01T12:00:00Z");
        let lead = |quarter: &str, status, since: Option<&str>, until: Option<&str>| EarlierLead {
            quarter: quarter.parse().unwrap(),
            status,
            since: since.map(at),
            until: until.map(at),
        };
        check(&[], true, first, ("", false));
        check(&[], true, second, ("", false));
        // An open lead tells what is held since before, and says nothing of what is reached late.
        for open in [Status::Mql, Status::Touched, Status::Sql, Status::Opportunity] {
            check(&[lead("2026-Q2", open, None, None)], true, second, ("", true));
            check(&[lead("2026-Q2", open, None, None)], false, second, ("", false));
            check(&[lead("2025-Q4", open, None, None)], true, first, ("", false));
        }
        check(&[lead("2026-Q2", Status::Won, Some(second), None)], true, second, ("", false));
        for closed in [Status::Recycled, Status::Lost] {
            let given_back = |since| [lead("2025-Q4", closed, Some(since), None)];
            // In the quarter it waits; after it nothing comes of it, whether it was given back in it or since.
            check(&given_back("2026-01-05T12:00:00Z"), true, first, ("in a quarter", false));
            check(&given_back("2026-01-05T12:00:00Z"), true, second, ("in a quarter", true));
            check(&given_back("2026-04-01T00:00:00Z"), true, second, ("in a quarter", true));
            check(&given_back("2025-12-31T23:59:59Z"), true, second, ("", false));
        }
        // The later of two days.
        let named = |until| lead("2025-Q4", Status::Recycled, Some("2025-12-01T00:00:00Z"), Some(until));
        let days = [named("2026-05-01T00:00:00Z"), named("2026-04-15T00:00:00Z")];
        check(&days, true, first, ("until 2026-05-01T00:00:00Z", false));
    }
}
