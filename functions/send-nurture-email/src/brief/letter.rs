//! The weekly mail to a rep as it is read.

use jiff::civil::Date;
use perennial_platform::failure::Failure;
use perennial_platform::records::Brief;
use perennial_playbook::Company;
use serde::Serialize;

use crate::template::{Reach, Written, fill};

/// A brief as its rep reads it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Weekly {
    pub new_leads: Part<LeadRow>,
    pub overdue: Part<LeadRow>,
    pub heating_up: Part<WarmRow>,
    pub sent: Part<SentRow>,
    /// How many mails that were.
    pub mails: usize,
    /// How many contacts have a place in their cadence this week.
    pub planned: usize,
    /// Of how many accounts, in words; where not everybody was looked at, it says so.
    pub accounts: String,
    /// The sales desk, if there is one.
    pub desk_url: Option<String>,
    /// What it shows of what is overdue.
    pub overdue_url: Option<String>,
}

/// The first rows of a part, and how many more there are.
#[derive(Debug, Serialize)]
pub(crate) struct Part<T> {
    pub rows: Vec<T>,
    pub more: usize,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), more: 0 }
    }
}

impl<T> Part<T> {
    /// How many there are in all.
    fn count(&self) -> usize {
        self.rows.len() + self.more
    }
}

/// A lead in the weekly mail.
#[derive(Debug, Serialize)]
pub(crate) struct LeadRow {
    pub who: String,
    pub title: String,
    pub company: String,
    pub product: String,
    pub priority: String,
    /// Since when it is a lead, or by when it should have been answered.
    pub when: String,
    /// Where the desk shows it, if there is a desk.
    pub url: Option<String>,
}

/// Somebody who is heating up.
#[derive(Debug, Serialize)]
pub(crate) struct WarmRow {
    pub who: String,
    pub title: String,
    pub company: String,
    pub product: String,
    pub points: i64,
    pub before: i64,
    /// What they did last.
    pub last: String,
    pub when: String,
    pub reach: Reach,
}

/// A piece that contacts got.
#[derive(Debug, Serialize)]
pub(crate) struct SentRow {
    pub title: String,
    pub contacts: usize,
}

/// The weekly mail.
#[derive(Debug, Serialize)]
pub(crate) struct WeeklyLetter {
    pub subject: String,
    pub heading: String,
    /// What inboxes show after the subject.
    pub preview: String,
    pub greeting: String,
    /// For whom its reader stands in, and until when; nothing if it is the reader's own.
    pub covering: Option<String>,
    pub opening: String,
    /// How much there is of what.
    pub summary: String,
    pub week: Weekly,
    pub closing: &'static str,
}

impl Written for WeeklyLetter {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn render(&self, company: &Company) -> Result<(String, String), Failure> {
        fill(["brief.html", "brief.txt"], self, company)
    }
}

impl Weekly {
    /// Whether anything happened. That places in cadences come is true of every week, and no reason to write.
    pub fn is_worth_a_mail(&self) -> bool {
        self.new_leads.count() + self.overdue.count() + self.heating_up.count() + self.mails > 0
    }
}

/// `31 accounts with 212 contacts`.
pub(crate) fn accounts(brief: &Brief) -> String {
    let of = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let contacts = of(brief.contacts, "contact");
    let contacts = if brief.more_contacts { format!("the first {contacts}") } else { contacts };
    format!("{} with {contacts}", of(brief.accounts, "account"))
}

/// What a rep is written on the first day of a week.
pub(crate) fn letter(to: &str, week: Date, of: Weekly) -> WeeklyLetter {
    let parts = [
        (of.overdue.count(), "overdue", "overdue"),
        (of.heating_up.count(), "heating up", "heating up"),
        (of.new_leads.count(), "new lead", "new leads"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect();
    let summary = match &parts[..] {
        [] => format!(
            "{} from marketing",
            if of.mails == 1 { "1 mail".to_owned() } else { format!("{} mails", of.mails) }
        ),
        parts => parts.join(", "),
    };
    let first = of.heating_up.rows.first();
    WeeklyLetter {
        subject: format!("To help you sell: {summary}"),
        heading: format!("To help you sell: the week of {}", week.strftime("%-d\u{a0}%B")),
        preview: first.map(|warm| format!("{} · {} is heating up", warm.company, warm.who)).unwrap_or_default(),
        greeting: format!("Hello {to},"),
        covering: None,
        opening: format!("This is what happened in the last seven days at your {}, and what is to come.", of.accounts),
        summary,
        week: of,
        closing: "You get this once a week. Whoever keeps the playbook can end it for you.",
    }
}
