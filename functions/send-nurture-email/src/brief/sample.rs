//! A weekly mail about people who do not exist.

use super::letter::{LeadRow, Part, SentRow, WarmRow, Weekly, WeeklyLetter, letter};
use perennial_domain::lead::Reach;

/// The Monday of the sample.
const MONDAY: jiff::civil::Date = jiff::civil::Date::constant(2026, 1, 12);

/// A week in which there is something of everything, and more of it than is listed.
pub(crate) fn weekly(product: &str) -> WeeklyLetter {
    let of = Weekly {
        overdue: Part { rows: overdue(product), more: 0 },
        heating_up: Part { rows: heating_up(product), more: 37 },
        new_leads: Part { rows: new_leads(product), more: 2 },
        sent: Part { rows: sent(), more: 1 },
        mails: 41,
        planned: 31,
        accounts: Some("31 accounts with 212 contacts".to_owned()),
        desk_url: Some("https://preview.invalid/desk".to_owned()),
        overdue_url: Some("https://preview.invalid/desk?overdue=yes".to_owned()),
    };
    letter("Robin Sample", MONDAY, of, None)
}

fn lead([who, title, company]: [&str; 3], product: &str, priority: &str, when: &str) -> LeadRow {
    LeadRow {
        who: who.to_owned(),
        title: title.to_owned(),
        company: company.to_owned(),
        product: product.to_owned(),
        priority: priority.to_owned(),
        when: when.to_owned(),
        url: Some("https://preview.invalid/desk/leads/sample".to_owned()),
    }
}

fn overdue(product: &str) -> Vec<LeadRow> {
    let alex = ["Alex Sample", "Vice President, Marketing Operations", "Sample Building Materials"];
    vec![
        lead(alex, product, "Act Now", "Thu\u{a0}8\u{a0}Jan, 08:00"),
        // Of whom nobody knows more than the id.
        lead(["c-40817", "", ""], product, "Hot", "Fri\u{a0}9\u{a0}Jan, 08:00"),
    ]
}

fn new_leads(product: &str) -> Vec<LeadRow> {
    let long = [
        "Jo Example-Samplesworth",
        "Chief of everything that has to do with numbers",
        "Example and Daughters Building Materials and Timber Trading…",
    ];
    vec![lead(long, product, "MQL", "Mon\u{a0}5\u{a0}Jan")]
}

fn heating_up(product: &str) -> Vec<WarmRow> {
    let warm = |[who, title, company]: [&str; 3], (before, points), last: &str, reach| WarmRow {
        who: who.to_owned(),
        title: title.to_owned(),
        company: company.to_owned(),
        product: product.to_owned(),
        points,
        before,
        last: last.to_owned(),
        when: "Tue\u{a0}6\u{a0}Jan".to_owned(),
        reach,
    };
    let (kim, layla) = (["Kim Example", "Head of Operations", "Example Freight"], ["ليلى مثال", "", "Example Travel"]);
    vec![
        warm(kim, (1, 4), "downloaded “Start from the decision (infographic)”", Reach::Any),
        warm(layla, (0, 1), "viewed “Prices and packages”", Reach::NoCalls),
    ]
}

fn sent() -> Vec<SentRow> {
    let sent = |title: &str, contacts| SentRow { title: title.to_owned(), contacts };
    vec![sent("Start from the decision", 14), sent("What the average is hiding from you", 1)]
}
