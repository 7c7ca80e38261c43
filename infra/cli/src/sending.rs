//! The line of the account, shown: whether sending is paused and why, what is left of the quota, what came back.

use std::fmt;

use jiff::Timestamp;
use perennial_domain::sending::{CameBack, JUDGED_DAYS, Line, SendingRules, quota};
use perennial_platform::sending::Known;
use serde::Serialize;

/// What is shown of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// When it was looked at.
    pub now: Timestamp,
    /// Since when sending to contacts is paused.
    pub paused_at: Option<Timestamp>,
    /// Why: `bounces`, `complaints` or `by hand`.
    pub paused_for: Option<String>,
    /// Who has paused it by hand.
    pub paused_by: Option<String>,
    /// What they said.
    pub paused_why: Option<String>,
    /// The identity that production may write as.
    pub approved_identity: Option<String>,
    /// When it was approved.
    pub approved_at: Option<Timestamp>,
    /// Messages sent within the rolling day.
    pub sent_within_a_day: i64,
    /// Messages that contacts may get within a day by now, ramp included.
    pub quota_for_contacts: i64,
    /// Messages that may be sent within a day altogether.
    pub quota: i64,
    /// When the next permit is free, if somebody waits.
    pub next_permit_at: Option<Timestamp>,
    /// Messages of the days that are judged.
    pub sends: i64,
    /// Of these, bounced for good.
    pub bounces: i64,
    /// Of these, complained about.
    pub complaints: i64,
    /// Of fewer nothing is concluded.
    pub over_sends: i64,
    /// Sending pauses at so many percent bounces.
    pub pause_at_bounce_percent: i64,
    /// Sending pauses at so many complaints in 10,000.
    pub pause_at_complaint_basis_points: i64,
}

impl Shown {
    /// What is known of the line, under these rules.
    pub fn of(known: &Known, rules: &SendingRules, now: Timestamp) -> Self {
        let (sent, CameBack { sends, bounces, complaints }) = (known.sent(now), known.came_back(now));
        Self {
            now,
            paused_at: known.paused_at,
            paused_for: known.paused_for.clone(),
            paused_by: known.by_hand.as_ref().map(|hand| hand.by.clone()),
            paused_why: known.by_hand.as_ref().map(|hand| hand.why.clone()),
            approved_identity: known.approved.as_ref().map(|approved| approved.identity.clone()),
            approved_at: known.approved.as_ref().map(|approved| approved.at),
            sent_within_a_day: sent.within_a_day,
            quota_for_contacts: quota(rules, Line::Nurture, sent.days_since_first),
            quota: quota(rules, Line::Sales, sent.days_since_first),
            next_permit_at: known.next_at.filter(|next| *next > now),
            sends,
            bounces,
            complaints,
            over_sends: rules.over_sends,
            pause_at_bounce_percent: rules.pause_at_bounce_percent,
            pause_at_complaint_basis_points: rules.pause_at_complaint_basis_points,
        }
    }
}

/// Hundredths of a percent, as `0.08%`.
fn percent(basis_points: i64) -> String {
    format!("{}.{:02}%", basis_points / 100, basis_points % 100)
}

fn share(count: i64, sends: i64) -> String {
    if sends > 0 { percent(count.saturating_mul(10_000) / sends) } else { "-".to_owned() }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.paused_at, &self.paused_for) {
            (Some(at), why) => {
                let why = why.as_deref().unwrap_or("an unknown reason");
                let why = if why == "by hand" { why.to_owned() } else { format!("for {why}") };
                writeln!(f, "sending to contacts is PAUSED since {at}, {why}; mail to sales goes on")?;
                if let (Some(by), Some(said)) = (&self.paused_by, &self.paused_why) {
                    writeln!(f, "  {by} says: {said}")?;
                }
                writeln!(f, "  find the cause, then: perennial resume")?;
            }
            (None, _) => writeln!(f, "sending goes on")?,
        }
        let left = (self.quota_for_contacts - self.sent_within_a_day).max(0);
        writeln!(f)?;
        writeln!(f, "  sent within a day    {} of {}", self.sent_within_a_day, self.quota)?;
        writeln!(f, "  left for contacts    {left} of {}", self.quota_for_contacts)?;
        writeln!(f, "  within {JUDGED_DAYS} days       {} sent", self.sends)?;
        let (bounces, complaints) = (share(self.bounces, self.sends), share(self.complaints, self.sends));
        let (most, most_complaints) =
            (percent(self.pause_at_bounce_percent * 100), percent(self.pause_at_complaint_basis_points));
        writeln!(f, "    bounced for good   {} ({bounces}; pauses at {most})", self.bounces)?;
        writeln!(f, "    complained about   {} ({complaints}; pauses at {most_complaints})", self.complaints)?;
        if let (Some(identity), Some(at)) = (&self.approved_identity, &self.approved_at) {
            writeln!(f, "  approved             {identity}, {at}")?;
        }
        if self.sends < self.over_sends {
            writeln!(f, "    of fewer than {} nothing is concluded", self.over_sends)?;
        }
        Ok(())
    }
}
