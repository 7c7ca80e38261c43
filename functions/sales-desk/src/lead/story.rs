//! The story of a lead: what its contact did, what was written to it, what sales said, newest first.

use jiff::Timestamp;
use perennial_domain::lead::{Checks, Priority, Said, Word};
use perennial_platform::desk;
use perennial_platform::failure::Failure;
use perennial_platform::records::{AskedAgain, Slot};
use serde::Serialize;

use super::Found;
use crate::SalesDesk;
use crate::form::money;
use crate::moments::{self, minute};

/// So many mails are told of.
const MOST_MAILS: usize = 20;
/// So long is a story.
const MOST_LINES: usize = 60;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StoryLine {
    #[serde(skip)]
    second: i64,
    when: String,
    /// `did`, `mail`, `step` or `said`.
    kind: &'static str,
    what: String,
    /// For which product, where it is another one's.
    about: Option<String>,
}

impl SalesDesk {
    pub(super) async fn story(&self, found: &Found, now: Timestamp) -> Result<Vec<StoryLine>, Failure> {
        let mails = desk::mails(&self.store, &found.contact, MOST_MAILS).await?;
        // Of one second, the consequence is newer than what it follows from.
        let mut lines = self.steps_of_sales(found);
        lines.extend(self.deeds(found, now));
        lines.extend(mails.iter().map(|mail| self.mail(mail)));
        lines.sort_by_key(|line| -line.second);
        lines.truncate(MOST_LINES);
        Ok(lines)
    }

    fn line(&self, second: i64, kind: &'static str, what: String) -> StoryLine {
        StoryLine { second, when: minute(&self.playbook.calendar, second), kind, what, about: None }
    }

    fn mail(&self, slot: &Slot) -> StoryLine {
        let piece = slot.piece.as_deref().unwrap_or_default();
        let subject =
            self.playbook.piece(&piece.into()).map_or_else(|| piece.to_owned(), |piece| piece.subject.clone());
        self.line(slot.decided_at, "mail", format!("Got “{subject}”"))
    }

    fn deeds(&self, found: &Found, now: Timestamp) -> Vec<StoryLine> {
        let of = |(product, item): (&perennial_domain::ids::ProductId, &perennial_platform::interest::InterestItem)| {
            let about = (*product != found.product).then(|| self.playbook.product_name(product).to_owned());
            let deeds = moments::of(&self.playbook, product, &item.facts, now);
            deeds.into_iter().map(move |deed| (deed, about.clone())).collect::<Vec<_>>()
        };
        let deeds = found.rows.interests.iter().flat_map(of);
        deeds.map(|(deed, about)| StoryLine { about, ..self.line(deed.second, "did", deed.what) }).collect()
    }

    /// What the machine and sales made of it.
    fn steps_of_sales(&self, found: &Found) -> Vec<StoryLine> {
        let lead = &found.lead;
        let first = lead.asked_again.first().and_then(|again| Priority::named(&again.was));
        let made = format!("Became a lead: {}, for {}", first.unwrap_or(lead.priority()), self.rep_name(&lead.owner));
        let mut lines = vec![self.line(lead.qualified_at, "step", made)];
        lines.extend(lead.handed_off_at.map(|at| self.line(at, "step", "In the daily digest".to_owned())));
        let again = |again: &AskedAgain| self.line(again.told_at, "step", "Asked again: Act Now".to_owned());
        lines.extend(lead.asked_again.iter().map(again));
        let rung = |number: usize| format!("Reminder {} went out", number + 1);
        lines.extend(lead.rungs.iter().map(|fired| self.line(fired.fired_at, "step", rung(fired.rung))));
        let refused = lead.standing().refused;
        lines.extend(lead.words().iter().map(|word| {
            let taken = if refused.iter().any(|(one, _)| one == word) { " (not taken: it had moved on)" } else { "" };
            self.line(word.at, "said", format!("{}{taken}", self.word(word)))
        }));
        lines
    }

    /// A word from sales, told.
    fn word(&self, word: &Word) -> String {
        let by = word.by.as_deref().map_or_else(|| "Somebody".to_owned(), |by| self.rep_name(by));
        let amount = |cents: Option<i64>, before: &str| {
            cents.map(|cents| format!("{before}{}", money(&self.playbook.currency, cents))).unwrap_or_default()
        };
        let on = |second: i64| moments::day(&self.playbook.calendar, second);
        let what = match word.said {
            Said::Touched => "took it".to_owned(),
            Said::Accepted => "accepted it".to_owned(),
            Said::Opportunity { amount_cents, checks } => {
                format!("sees an opportunity{}{}", amount(amount_cents, " of "), passed(checks))
            }
            Said::Later { until } => format!("wants to be reminded on {}", on(until)),
            Said::Won { amount_cents } => format!("won it{}", amount(amount_cents, ": ")),
            Said::Lost => "lost it".to_owned(),
            Said::Rejected { until: None } => "gave it back".to_owned(),
            Said::Rejected { until: Some(until) } => format!("gave it back until {}", on(until)),
        };
        let why = word.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{by} {what}{why}")
    }
}

/// `; budget and need are there`: what was found out of the four checks.
fn passed(checks: Checks) -> String {
    let all =
        [("budget", checks.budget), ("authority", checks.authority), ("need", checks.need), ("timing", checks.timing)];
    let passed: Vec<&str> = all.into_iter().filter(|(_, passed)| *passed == Some(true)).map(|(name, _)| name).collect();
    match passed[..] {
        [] => String::new(),
        [one] => format!("; {one} is there"),
        [ref all @ .., last] => format!("; {} and {last} are there", all.join(", ")),
    }
}
