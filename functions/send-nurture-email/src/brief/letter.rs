//! The weekly mail to a rep as it is read.

use jiff::civil::Date;
use perennial_domain::lead::Reach;
use perennial_platform::failure::Failure;
use perennial_playbook::Company;
use serde::Serialize;

use crate::template::{Written, fill, reach_in_words};

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
    /// Of how many accounts, in words; where not everybody was looked at, it says so. Nothing if no account names the rep: theirs
    /// come by territory then.
    pub accounts: Option<String>,
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
    #[serde(serialize_with = "reach_in_words")]
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
    /// Of whose contacts it tells.
    pub whose: &'static str,
    /// How much there is of what.
    pub summary: String,
    pub week: Weekly,
    pub closing: String,
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

/// `31 accounts with 212 contacts`, or with the first of them; nothing where there is no account.
pub(crate) fn accounts(accounts: usize, (contacts, and_more): (usize, bool)) -> Option<String> {
    let of = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let looked_at = of(contacts, "contact");
    let looked_at = if and_more { format!("the first {looked_at}") } else { looked_at };
    match (accounts, contacts) {
        (0, _) => None,
        (_, 0) => Some(of(accounts, "account")),
        _ => Some(format!("{} with {looked_at}", of(accounts, "account"))),
    }
}

/// A subject as nobody gets it: what is filled in for each reader is left open. Nothing if it is nothing else.
pub(crate) fn without_reader(subject: &str) -> Option<String> {
    let (mut shown, mut rest) = (String::new(), subject);
    while let Some((before, tag)) = rest.split_once('{') {
        shown.push_str(before);
        let (close, stands) = match tag.as_bytes().first() {
            Some(b'{') => ("}}", "…"),
            Some(b'%') => ("%}", ""),
            _ => ("", "{"),
        };
        shown.push_str(stands);
        rest = tag.split_once(close).map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    let shown = shown.trim().trim_start_matches("…,").trim_start();
    shown.chars().any(char::is_alphanumeric).then(|| shown.to_owned())
}

/// Where it happened, as it follows “in the last seven days”.
fn at_accounts(accounts: Option<&str>, instead_of: Option<&str>) -> String {
    match (accounts, instead_of) {
        (None, None) => String::new(),
        (Some(accounts), None) => format!(" at your {accounts}"),
        (None, Some(owner)) => format!(" at the accounts of {owner}"),
        (Some(accounts), Some(owner)) => format!(" at the {accounts} of {owner}"),
    }
}

/// Somebody who is heating up, for the line beside the subject.
fn preview(warm: &WarmRow) -> String {
    let what = format!("{} is heating up", warm.who);
    if warm.company.is_empty() { what } else { format!("{} · {what}", warm.company) }
}

/// What a rep is written on the first day of a week; or whoever works instead of them, by whose name.
pub(crate) fn letter(to: &str, week: Date, of: Weekly, instead_of: Option<&str>) -> WeeklyLetter {
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
    let at = at_accounts(of.accounts.as_deref(), instead_of);
    let often = instead_of.map(|owner| format!("while you cover for {owner}"));
    let subject = match instead_of {
        None => format!("To help you sell: {summary}"),
        Some(owner) => format!("To help you sell for {owner}: {summary}"),
    };
    WeeklyLetter {
        subject,
        heading: format!("To help you sell: the week of {}", week.strftime("%-d\u{a0}%B")),
        preview: of.heating_up.rows.first().map(preview).unwrap_or_default(),
        greeting: format!("Hello {to},"),
        covering: None,
        opening: format!("This is what happened in the last seven days{at}, and what is to come."),
        whose: if instead_of.is_some() { "their" } else { "your" },
        summary,
        week: of,
        closing: format!(
            "You get this once a week{}. Whoever keeps the playbook can end it for you.",
            often.map(|often| format!(" {often}")).unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_shown_without_what_is_filled_in_for_each_reader() {
        for (subject, expected) in [
            ("Start from the decision", Some("Start from the decision")),
            ("{{ first_name }}, three ways to begin", Some("three ways to begin")),
            ("{% if first_name %}{{ first_name }}, {% endif %}three ways", Some("three ways")),
            ("What {{ company }} could ask first", Some("What … could ask first")),
            ("A brace { and {{ company }}", Some("A brace { and …")),
            ("Left open {{ company", Some("Left open …")),
            ("{{ first_name }}", None),
            ("", None),
        ] {
            assert_eq!(without_reader(subject).as_deref(), expected, "{subject}");
        }
    }

    #[test]
    fn the_opening_says_whose_accounts_they_are_if_any_are_known() {
        let check = |of: usize, contacts, instead_of, expected: &str| {
            assert_eq!(at_accounts(accounts(of, contacts).as_deref(), instead_of), expected);
        };
        check(0, (0, false), None, "");
        check(1, (0, false), None, " at your 1 account");
        check(31, (1, false), None, " at your 31 accounts with 1 contact");
        check(31, (212, true), None, " at your 31 accounts with the first 212 contacts");
        check(0, (0, false), Some("Kim"), " at the accounts of Kim");
        check(31, (212, false), Some("Kim"), " at the 31 accounts with 212 contacts of Kim");
    }

    #[test]
    fn what_stands_beside_the_subject_names_a_company_only_where_it_has_a_name() {
        let warm = |company: &str| WarmRow {
            who: "Kim".to_owned(),
            title: String::new(),
            company: company.to_owned(),
            product: String::new(),
            points: 0,
            before: 0,
            last: String::new(),
            when: String::new(),
            reach: Reach::Any,
        };
        assert_eq!(preview(&warm("")), "Kim is heating up");
        assert_eq!(preview(&warm("Example")), "Example · Kim is heating up");
    }
}
