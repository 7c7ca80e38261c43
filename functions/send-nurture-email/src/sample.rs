//! The mails to sales about people who do not exist, for whoever wants to look at them.

use perennial_domain::interest::instant;
use perennial_domain::lead::Status;
use perennial_domain::sla::Recipient;
use perennial_platform::failure::Failure;

use crate::help;
use crate::sales::{asks_again, hand_off, new_leads, reminder};
use crate::template::{self, LeadLine, Letter, Moment, Reach};

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
}

/// 3 November 2025, in seconds.
const BOUGHT_AT: i64 = 1_762_128_000;

/// Every mail that sales can get, in the name of a company and about one of its products.
///
/// # Errors
/// [`Failure`] if a template cannot be filled.
pub fn sales_mails(company: &str, product: &str) -> Result<Vec<SalesMail>, Failure> {
    let reminded = |rung, to| reminder(rung, to, "Hello Robin,".to_owned(), undone(product));
    let help = |account| help::letter("Robin", (account, product), instant(BOUGHT_AT), "marketing@example.com");
    let letters: [(&str, Letter); 10] = [
        ("sales-hand-off", hand_off("Robin", lead(product))),
        ("sales-asked-again", asks_again("Robin", Status::Mql, lead(product))),
        ("sales-asked-again-touched", asks_again("Robin", Status::Touched, lead(product))),
        ("sales-new-leads", new_leads("Robin", vec![lead(product), undone(product)])),
        ("sales-reminder-1-rep", reminded(0, Recipient::Rep)),
        ("sales-reminder-2-rep", reminded(1, Recipient::Rep)),
        ("sales-reminder-2-manager", reminded(1, Recipient::Manager)),
        ("sales-reminder-3-rep", reminded(2, Recipient::Rep)),
        ("sales-reminder-3-executive", reminded(2, Recipient::Executive)),
        ("sales-help", help("Sample Building Materials")),
    ];
    let mails = letters.into_iter().map(|(id, letter)| {
        let (html, text) = template::render(&letter, company)?;
        Ok(SalesMail { id, subject: letter.subject, html, text })
    });
    mails.collect()
}

/// A lead with all that can be said of one.
fn lead(product: &str) -> LeadLine {
    let moment = |date: &str, points: &str, action: &str, title: &str| Moment {
        date: date.to_owned(),
        action: action.to_owned(),
        title: title.to_owned(),
        points: points.to_owned(),
    };
    LeadLine {
        who: "Alex Sample".to_owned(),
        title: "Vice President, Marketing Operations".to_owned(),
        company: "Sample Building Materials".to_owned(),
        email: "alex.sample@example.com".to_owned(),
        product: product.to_owned(),
        priority: "Act Now".to_owned(),
        owner: "Robin Sample".to_owned(),
        sort_score: 74,
        fit: "A (80)".to_owned(),
        engagement: 68,
        split: " (40 of fit, 34 of engagement)".to_owned(),
        high_because: "; high because of both",
        undone: String::new(),
        reach: Reach::Any,
        new_customer: true,
        upsell: false,
        put_off: false,
        since: "Mon 5 Jan".to_owned(),
        moments: vec![
            moment("Mon 5 Jan", "+10", "request", "A conversation about your numbers"),
            moment("Fri 2 Jan", "+4", "attend", "Numbers that lead to decisions (webinar)"),
            moment("Tue 30 Dec", "+3", "view", "Prices and packages"),
            moment("Mon 22 Dec", "+10", "download", "From question to monthly review (long guide)"),
            moment("Thu 18 Dec", "+1", "click", "What the average is hiding from you"),
        ],
        url: "https://preview.invalid/on-it".to_owned(),
    }
}

/// One that a later fact undoes, of whom little is known.
fn undone(product: &str) -> LeadLine {
    LeadLine {
        who: "c-40817".to_owned(),
        title: String::new(),
        email: String::new(),
        priority: "MQL".to_owned(),
        undone: "Learnt since: raised Support escalation, Tue 6 Jan. With it the score would not have made this lead."
            .to_owned(),
        reach: Reach::Neither,
        new_customer: false,
        upsell: false,
        put_off: false,
        ..lead(product)
    }
}
