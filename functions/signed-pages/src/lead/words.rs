//! The sentences on a lead's pages.

use jiff::Timestamp;
use jiff::civil::Date;
use minijinja::{Value, context};
use perennial_domain::calendar::Calendar;
use perennial_domain::interest::instant;
use perennial_domain::lead::{Said, Status, Word};
use perennial_platform::links::Answer;
use perennial_platform::records::Lead;

use super::Stand;

/// Whom and what a lead is about, as people call it.
pub(super) struct About {
    pub who: String,
    pub title: String,
    pub company: String,
    pub product: String,
    /// Whose it is, if it is not theirs who were written to.
    pub owner: Option<String>,
    pub lead: Lead,
}

impl About {
    pub fn value(&self) -> Value {
        let Self { who, title, company, product, owner, lead } = self;
        let priority = lead.priority().to_string();
        context! { who, title, company, product, owner, priority, urgent => lead.priority().under_sla() }
    }

    /// In whose digest it comes back.
    fn whose_digest(&self) -> String {
        self.owner.as_ref().map_or_else(|| "your digest".to_owned(), |owner| format!("the digest of {owner}"))
    }
}

/// What a link says.
pub(super) fn name(answer: Answer) -> &'static str {
    match answer {
        Answer::OnIt => "I am on it",
        Answer::NotAFit => "Not a fit",
        Answer::Later => "Call me later",
    }
}

/// A day as people write it, with its year if that is another: `Mon 7 Dec`.
pub(super) fn day(date: Date, today: Date) -> String {
    let format = if date.year() == today.year() { "%a\u{a0}%-d\u{a0}%b" } else { "%a\u{a0}%-d\u{a0}%b\u{a0}%Y" };
    date.strftime(format).to_string()
}

/// A minute in the team's zone: `Tue 6 Jan, 09:12`.
fn minute(second: i64, calendar: &Calendar, now: Timestamp) -> String {
    let at = instant(second);
    let clock = at.to_zoned(calendar.zone.clone()).strftime("%H:%M");
    format!("{}, {clock}", day(calendar.date(at), calendar.date(now)))
}

/// Headline, what pressing does, and what the button says.
pub(super) fn question(answer: Answer, about: &About) -> (&'static str, String, &'static str) {
    let (who, product) = (&about.who, &about.product);
    match (answer, &about.owner) {
        (Answer::OnIt, None) => (
            "Take this lead?",
            "Your colleagues will see that you are on it, and the reminders stop.".to_owned(),
            "I am on it",
        ),
        (Answer::OnIt, Some(owner)) => (
            "See to this lead yourself?",
            format!(
                "Then you are the one on it, in place of {owner}, whose lead it stays. The reminders stop for everybody."
            ),
            "I will see to it",
        ),
        (Answer::NotAFit, _) => (
            "Not a fit?",
            format!(
                "The reminders stop. {who} goes back to nurture, and interest in {product} makes no lead again this quarter, nor before \
                 a day that you may name."
            ),
            "Not a fit",
        ),
        (Answer::Later, _) => (
            "Call later?",
            format!("The reminders stop, and it comes back in {} of that day.", about.whose_digest()),
            "Remind me then",
        ),
    }
}

/// How a lead stands of which nothing is to be pressed.
pub(super) fn standing(
    about: &About,
    stand: &Stand,
    calendar: &Calendar,
    now: Timestamp,
    named: impl Fn(&str) -> String,
) -> (&'static str, Vec<String>) {
    let at = |second: i64| minute(second, calendar, now);
    let by = |who: &Option<String>| who.as_deref().map_or_else(|| "Somebody".to_owned(), &named);
    match stand {
        Stand::Open => ("", Vec::new()),
        Stand::Mine(since) => {
            let mut sentences = vec![format!("You have been on it since {}. Nobody is reminded any more.", at(*since))];
            sentences.extend(about.lead.later_until.map(|until| comes_back(about, until, calendar, now)));
            ("It is yours", sentences)
        }
        Stand::Somebody { who, since } => {
            let sentence = format!("{} has been on it since {}. Have a word before you call.", by(who), at(*since));
            ("Somebody is on it already", vec![sentence])
        }
        Stand::MovedOn { to, who, since } => {
            let (by, at) = (by(who), at(*since));
            let why = about.lead.reason.as_ref().map(|reason| format!(" Why: {reason}.")).unwrap_or_default();
            let sentence = match to {
                Status::Opportunity => format!("{by} said on {at} that it is an opportunity."),
                Status::Won => format!("{by} said on {at} that the deal was won."),
                Status::Lost => format!("{by} said on {at} that the deal was lost.{why}"),
                Status::Recycled => format!("{by} gave it back on {at}.{why}"),
                Status::Mql | Status::Touched | Status::Sql => format!("{by} accepted it on {at}."),
            };
            ("This lead has moved on", vec![sentence, "There is nothing to press here any more.".to_owned()])
        }
    }
}

/// What will happen now that this was said.
pub(super) fn said(about: &About, word: &Word, calendar: &Calendar, now: Timestamp) -> (String, Vec<String>) {
    let (who, product) = (&about.who, &about.product);
    let day_of = |second: i64| day(calendar.date(instant(second)), calendar.date(now));
    match word.said {
        Said::Rejected { until } => {
            let nor = until.map(|until| format!(", nor before {}", day_of(until))).unwrap_or_default();
            let mut sentences = vec![
                "The reminders have stopped.".to_owned(),
                format!("Nurture goes on. Interest in {product} makes no lead of {who} again this quarter{nor}."),
            ];
            sentences.extend(word.why.as_ref().map(|why| format!("Why: {why}.")));
            ("It has gone back to nurture".to_owned(), sentences)
        }
        Said::Later { until } => {
            let sentences = vec!["The reminders have stopped.".to_owned(), comes_back(about, until, calendar, now)];
            (format!("Put off until {}", day_of(until)), sentences)
        }
        _ => {
            let stopped = match &about.owner {
                None => "The reminders have stopped, and your colleagues see that you are on it.".to_owned(),
                Some(owner) => {
                    format!(
                        "The reminders have stopped, also for {owner}, whose lead it stays and who sees that you are on it."
                    )
                }
            };
            let title = if about.owner.is_some() { "You are on it" } else { "It is yours" };
            (title.to_owned(), vec![stopped, "Good luck with the call.".to_owned()])
        }
    }
}

/// The digest in which one that was put off stands: that of the first check at or after the time.
fn comes_back(about: &About, until: i64, calendar: &Calendar, now: Timestamp) -> String {
    let check = calendar.next_check(instant(until));
    format!("It comes back in {} of {}.", about.whose_digest(), day(calendar.date(check), calendar.date(now)))
}
