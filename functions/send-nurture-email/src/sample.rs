//! The mails to sales about people who do not exist, for whoever wants to look at them.
//!
//! Each says what must stand in its first screen, so that whoever shows it can look for it there.

use jiff::Timestamp;
use perennial_domain::sla::Recipient;
use perennial_platform::failure::Failure;
use perennial_playbook::{Company, shown_name};

use crate::about::IN_SMALL_STEPS;
use crate::brief;
use crate::help::{self, Need};
use crate::taken::{PutOff, Taker};
use crate::template::{Action, LeadLine, Letter, Moment, More, Person, Talk, Written};
use crate::wording::{Reminder, asks_again, hand_off, hello, new_leads, reminder};
use perennial_domain::lead::Reach;

/// A mail as a rep gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalesMail {
    /// What it is: `sales-hand-off`, `sales-reminder-2-manager`…
    pub id: &'static str,
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub text: String,
    /// What has to stand in the first screen: what it is, and its words.
    pub first: Vec<(&'static str, String)>,
}

/// 3 November 2025, in seconds.
const BOUGHT_AT: i64 = 1_762_128_000;
/// 2 December 2025.
const USED_AT: i64 = 1_764_633_600;

/// Every mail that sales can get, in the name of a company and about one of its products; what is said of that in a call is the
/// product's talk track.
///
/// # Errors
/// [`Failure`] if a template cannot be filled.
pub fn sales_mails(company: &Company, product: &str, talk_track: &[String]) -> Result<Vec<SalesMail>, Failure> {
    let lead = || lead(product, talk_track);
    let rung = |rung: usize, to: Recipient, also: &[Recipient]| {
        let greeting = match to {
            Recipient::Rep => hello("Robin Example"),
            Recipient::Manager => hello("Sam Example"),
            Recipient::Executive => "Hello,".to_owned(),
        };
        let reminder_of = Reminder { rung, is_last: rung == 2, to, greeting, also: also.to_vec() };
        reminder(reminder_of, reminded(lead(), rung, to))
    };
    let (rep, manager, executive) = (Recipient::Rep, Recipient::Manager, Recipient::Executive);
    let no_calls = LeadLine { reach: Reach::NoCalls, ..lead() };
    let covering = Some("You cover for Kim Example until Fri\u{a0}16\u{a0}Jan.".to_owned());
    let another = || Taker::Other("Sam Example".to_owned());
    let letters: [(&str, Letter); 21] = [
        ("sales-hand-off", hand_off("Robin Example", lead())),
        ("sales-hand-off-covering", Letter { covering, ..hand_off("Robin Example", lead()) }),
        ("sales-hand-off-no-calls", hand_off("Robin Example", no_calls)),
        ("sales-hand-off-upsell", hand_off("Robin Example", LeadLine { upsell: true, ..lead() })),
        ("sales-asked-again", asks_again("Robin Example", lead())),
        ("sales-asked-again-touched", asks_again("Robin Example", touched(lead(), Taker::Reader))),
        ("sales-asked-again-touched-by-another", asks_again("Robin Example", touched(lead(), another()))),
        ("sales-new-lead", new_leads("Robin Example", vec![quiet(lead())], More::default())),
        ("sales-new-lead-long-name", new_leads("Robin Example", vec![long(quiet(lead()))], More::default())),
        (
            "sales-new-leads",
            new_leads(
                "Robin Example",
                vec![hot(lead()), undone(lead()), put_off(quiet(lead()), Taker::Reader)],
                More::default(),
            ),
        ),
        ("sales-put-off", new_leads("Robin Example", vec![put_off(lead(), Taker::Reader)], More::default())),
        ("sales-put-off-by-another", new_leads("Robin Example", vec![put_off(lead(), another())], More::default())),
        ("sales-reminder-1-rep", rung(0, rep, &[])),
        ("sales-reminder-2-rep", rung(1, rep, &[manager])),
        ("sales-reminder-2-manager", rung(1, manager, &[])),
        ("sales-reminder-3-rep", rung(2, rep, &[manager, executive])),
        ("sales-reminder-3-manager", rung(2, manager, &[executive])),
        ("sales-reminder-3-executive", rung(2, executive, &[manager])),
        ("sales-long-names", hand_off("Robin Example", long(lead()))),
        ("sales-arabic", hand_off("Robin Example", arabic(lead()))),
        ("sales-help", help::letter("Robin Example", &need(product), "marketing@example.com")),
    ];
    let mails = letters.into_iter().map(|(id, letter)| {
        let (html, text) = letter.render(company)?;
        let first = first(&letter, product);
        Ok(SalesMail { id, subject: letter.subject, html, text, first })
    });
    mails.chain([weekly(company, product)]).collect()
}

/// The weekly mail: how much there is of what stands in its first screen, and who waits longest.
fn weekly(company: &Company, product: &str) -> Result<SalesMail, Failure> {
    let letter = brief::sample::weekly(product);
    let (html, text) = letter.render(company)?;
    let button = ("button", "Open your desk".to_owned());
    let mut first = vec![("reason", letter.summary.clone()), ("product", product.to_owned()), button];
    if let Some(lead) = letter.week.overdue.rows.first() {
        first.extend([("name", lead.who.clone()), ("company", lead.company.clone()), ("deadline", lead.when.clone())]);
    }
    Ok(SalesMail { id: "sales-weekly", subject: letter.subject, html, text, first })
}

/// What decides whether somebody calls: of the first lead, or of the letter if it is about none.
fn first(letter: &Letter, product: &str) -> Vec<(&'static str, String)> {
    match (&letter.leads[..], &letter.action) {
        ([lead, ..], _) => {
            let who =
                [("name", &lead.who), ("title", &lead.title), ("company", &lead.company), ("product", &lead.product)];
            let what = [("reason", &lead.reason), ("deadline", &lead.deadline)];
            // Of some nobody knows a title or a company; the others are always there.
            let known = who.into_iter().filter(|(what, text)| !text.is_empty() || !["title", "company"].contains(what));
            let button = lead.button.as_ref().map(|button| ("button", &button.label));
            known.chain(what).chain(button).map(|(what, text)| (what, text.clone())).collect()
        }
        ([], Some(action)) => vec![
            ("name", letter.heading.split(" needs").next().unwrap_or_default().to_owned()),
            ("product", product.to_owned()),
            ("reason", "and has not used it since".to_owned()),
            ("deadline", letter.deadline.clone().unwrap_or_default()),
            ("button", action.label.clone()),
        ],
        ([], None) => Vec::new(),
    }
}

fn need(product: &str) -> Need {
    let person = |who: &str, title: &str, email: &str| Person {
        who: who.to_owned(),
        title: title.to_owned(),
        email: email.to_owned(),
    };
    let at = |second| Timestamp::from_second(second).unwrap_or_default();
    Need {
        company: "Sample Building Materials".to_owned(),
        product: product.to_owned(),
        bought_at: at(BOUGHT_AT),
        used_at: Some(at(USED_AT)),
        call_by: "Tue\u{a0}13\u{a0}Jan".to_owned(),
        people: vec![
            person("Alex Sample", "Vice President, Marketing Operations", "alex.sample@example.com"),
            person("Kim Sample", "Head of Reporting", "kim.sample@example.com"),
            person("c-40817", "", ""),
        ],
    }
}

/// A lead with all that can be said of one.
fn lead(product: &str, talk_track: &[String]) -> LeadLine {
    let moment = |date: &str, points: &str, told: &str| Moment {
        date: date.replace(' ', "\u{a0}"),
        told: told.to_owned(),
        points: points.to_owned(),
    };
    let link = |label: &str, url: &str| Action { label: label.to_owned(), url: url.to_owned() };
    LeadLine {
        who: "Alex Sample".to_owned(),
        called: "Alex".to_owned(),
        title: "Vice President, Marketing Operations".to_owned(),
        company: "Sample Building Materials".to_owned(),
        email: "alex.sample@example.com".to_owned(),
        product: product.to_owned(),
        priority: "Act Now".to_owned(),
        owner: "Robin Example".to_owned(),
        manager: Some("Sam Example".to_owned()),
        reason: format!(
            "asked for “{product}: prices and a call” on Mon\u{a0}5\u{a0}Jan, and downloaded “From question to monthly review (long \
             guide)” on Mon\u{a0}22\u{a0}Dec"
        ),
        deadline: "Please answer by Wed\u{a0}7\u{a0}Jan, 08:00; then you are reminded, and on Thu\u{a0}8\u{a0}Jan Sam Example hears of it."
            .to_owned(),
        sort_score: 74,
        fit: "A (80)".to_owned(),
        engagement: 68,
        split: " (40 of fit, 34 of engagement)".to_owned(),
        high_because: "; high because of both",
        undone: String::new(),
        reach: Reach::Any,
        new_customer: true,
        upsell: false,
        on_it: None,
        put_off: None,
        since: "Mon\u{a0}5\u{a0}Jan".to_owned(),
        moments: vec![
            moment("Mon 5 Jan", "+10", &format!("asked for “{product}: prices and a call”")),
            moment("Fri 2 Jan", "+4", "attended “Numbers that lead to decisions (webinar)”"),
            moment("Tue 30 Dec", "", "registered for “Work that does itself (webinar)” (Fernhill Automation)"),
            moment("Mon 22 Dec", "+10", "downloaded “From question to monthly review (long guide)”"),
            moment("Thu 18 Dec", "+1", "clicked on “What the average is hiding from you”"),
        ],
        questions: vec![
            "You looked at prices: for how many people, and by when would it have to be running?".to_owned(),
        ],
        talk: Talk { product: product.to_owned(), lines: talk_track.to_vec() },
        button: Some(link("I am on it", "https://preview.invalid/on-it")),
        button_means: String::new(),
        others: vec![
            link("Not a fit", "https://preview.invalid/not-a-fit"),
            link("Call me later", "https://preview.invalid/later"),
        ],
    }
}

/// The same after so many reminders, as its reader gets it.
fn reminded(lead: LeadLine, rung: usize, to: Recipient) -> LeadLine {
    let ask = if to == Recipient::Rep { "Please answer" } else { "Please see that they hear from us" };
    let deadline = match rung {
        0 => format!("{ask} by Thu\u{a0}8\u{a0}Jan, 08:00; then Sam Example hears of it."),
        1 => format!("{ask} by Fri\u{a0}9\u{a0}Jan, 08:00; then management hears of it."),
        _ => format!("{ask} today, Fri\u{a0}9\u{a0}Jan: no reminder follows this one."),
    };
    let (label, means) = match to {
        Recipient::Rep => ("I am on it", String::new()),
        _ => (
            "I will see to it",
            "The button makes you the one on it, in place of Robin Example, whose lead it stays.".to_owned(),
        ),
    };
    let button = lead.button.clone().map(|button| Action { label: label.to_owned(), ..button });
    // Nobody is told of themselves.
    let manager = lead.manager.clone().filter(|_| to != Recipient::Manager);
    LeadLine { deadline, button, manager, button_means: means, new_customer: false, ..lead }
}

/// One that is under the SLA for its score.
fn hot(lead: LeadLine) -> LeadLine {
    LeadLine {
        who: "Kim Sample".to_owned(),
        called: "Kim".to_owned(),
        title: "Head of Reporting".to_owned(),
        email: "kim.sample@example.com".to_owned(),
        priority: "Hot".to_owned(),
        new_customer: false,
        reason: "downloaded “From question to monthly review (long guide)” on Mon\u{a0}22\u{a0}Dec".to_owned(),
        ..lead
    }
}

/// One of whom nothing stands out, and whose account has no name.
fn quiet(lead: LeadLine) -> LeadLine {
    LeadLine {
        who: "Jo Sample".to_owned(),
        called: "Jo".to_owned(),
        email: "jo.sample@example.com".to_owned(),
        company: String::new(),
        priority: "MQL".to_owned(),
        reason: IN_SMALL_STEPS.to_owned(),
        deadline: "There is no deadline for this one.".to_owned(),
        moments: Vec::new(),
        questions: Vec::new(),
        new_customer: false,
        ..lead
    }
}

/// One that somebody is on: its reader can say more of it, everybody else looks at the desk.
fn touched(lead: LeadLine, on_it: Taker) -> LeadLine {
    let deadline = format!("There is no deadline: {} already.", on_it.is_on_it());
    let action = |label: &str, url: &str| Some(Action { label: label.to_owned(), url: url.to_owned() });
    let (button, others) = match on_it {
        Taker::Reader => (action("Call me later", "https://preview.invalid/later"), lead.others[..1].to_vec()),
        _ => (action("Open it at your desk", "https://preview.invalid/desk/leads/sample"), Vec::new()),
    };
    LeadLine { deadline, button, others, on_it: Some(on_it), ..lead }
}

/// One that whoever is on it has put off until today.
fn put_off(lead: LeadLine, by: Taker) -> LeadLine {
    LeadLine { put_off: Some(PutOff(by.clone())), ..touched(lead, by) }
}

/// One that a later fact undoes, of whom little is known.
fn undone(lead: LeadLine) -> LeadLine {
    LeadLine {
        who: "c-40817".to_owned(),
        called: "c-40817".to_owned(),
        title: String::new(),
        email: String::new(),
        priority: "MQL".to_owned(),
        deadline: "There is no deadline for this one.".to_owned(),
        undone: "Since then: raised “A complaint that went to the top (support)”, Tue\u{a0}6\u{a0}Jan. With it, this would not have \
                 become a lead. Look before you call."
            .to_owned(),
        reach: Reach::Neither,
        new_customer: false,
        ..lead
    }
}

/// One whose names are as long as somebody can type them.
fn long(lead: LeadLine) -> LeadLine {
    LeadLine {
        who: shown_name(&"Wolfeschlegelsteinhausenbergerdorff".repeat(6)),
        title: shown_name(&"Vice President of ".repeat(12)),
        company: shown_name(&"Donaudampfschifffahrtselektrizitäten".repeat(6)),
        email: format!("{}@example.com", "a".repeat(64)),
        called: "They".to_owned(),
        ..lead
    }
}

/// One whose name is written from the right.
fn arabic(lead: LeadLine) -> LeadLine {
    LeadLine {
        who: shown_name("ليلى الحداد"),
        called: shown_name("ليلى"),
        title: shown_name("مديرة التسويق"),
        company: shown_name("شركة مواد البناء"),
        ..lead
    }
}
