//! The human-click gate: which clicks are a machine's.
//!
//! Source: security gateways click every link within seconds; a click so soon after the sending, or one of many on one email
//! within a day, is recorded and not scored. The figures are the playbook's.

use super::{CLICK, ClickGate, DAY_SECONDS, DELIVERED, FactName, Facts, Gated, InterestRules};
use crate::ids::EmailId;

/// The human-click gate over one set of facts: a property of the set, so a late fact moves a verdict as an early one.
pub(super) struct Gate<'a> {
    rule: Option<ClickGate>,
    /// The emails that were clicked, in order.
    emails: Vec<&'a EmailId>,
    clicks: Vec<(Clicked, i64)>,
    sent: Vec<(Clicked, i64)>,
}

/// The place of an email among those that were clicked: compared more often than looked up.
pub(super) type Clicked = usize;

impl<'a> Gate<'a> {
    /// The gate as it is at a second: what happens later is not known yet.
    pub(super) fn new(rules: &InterestRules, facts: &'a Facts, now: i64) -> Self {
        let mut gate = Self { rule: rules.gate, emails: Vec::new(), clicks: Vec::new(), sent: Vec::new() };
        if gate.rule.is_none() {
            return gate;
        }
        gate.emails.reserve_exact(facts.0.len());
        gate.emails
            .extend(facts.0.keys().filter(|name| name.action.as_str() == CLICK).filter_map(|name| name.email.as_ref()));
        gate.emails.sort_unstable();
        gate.emails.dedup();
        gate.clicks.reserve_exact(facts.len());
        gate.sent.reserve_exact(facts.len());
        for (name, seconds) in &facts.0 {
            let Some(email) = gate.place(name) else { continue };
            let times = match name.action.as_str() {
                CLICK => &mut gate.clicks,
                DELIVERED => &mut gate.sent,
                _ => continue,
            };
            times.extend(seconds.iter().take_while(|second| **second <= now).map(|second| (email, *second)));
        }
        gate.clicks.sort_unstable();
        gate.sent.sort_unstable();
        gate
    }

    fn place(&self, name: &FactName) -> Option<Clicked> {
        let email = name.email.as_ref()?;
        self.emails.binary_search(&email).ok()
    }

    /// The email that a fact is a click on; none if the gate has nothing to say of it.
    pub(super) fn clicked(&self, name: &FactName) -> Option<Clicked> {
        self.place(name).filter(|_| name.action.as_str() == CLICK)
    }

    /// Which rule recognises a machine in a click on this email at this second.
    pub(super) fn judge(&self, clicked: Option<Clicked>, second: i64) -> Option<Gated> {
        let (rule, email) = (self.rule?, clicked?);
        let soon = within(&self.sent, email, second - rule.seconds_after_sending, second);
        if soon > 0 {
            return Some(Gated::SecondsAfterSending);
        }
        // Some stretch of 24 hours that holds this click holds too many: look at each that starts with a click.
        let first = self.clicks.partition_point(|click| *click < (email, second - DAY_SECONDS + 1));
        let here = self.clicks.partition_point(|click| *click <= (email, second));
        self.clicks[first..here]
            .iter()
            .any(|(_, start)| within(&self.clicks, email, *start, start + DAY_SECONDS - 1) >= rule.clicks_per_day)
            .then_some(Gated::ClicksPerDay)
    }
}

/// How many of the sorted times of an email lie within two seconds, both included.
fn within(times: &[(Clicked, i64)], email: Clicked, from: i64, to: i64) -> usize {
    let start = times.partition_point(|time| *time < (email, from));
    let end = times.partition_point(|time| *time <= (email, to));
    end.saturating_sub(start)
}
