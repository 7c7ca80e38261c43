//! Half a year of nurture mail, judged: what happened as plain facts, and every rule read anew from them.
//!
//! The checker shares no code with the decision: it sees only what a bystander could write down (what was told and when, what
//! lay in the mailbox, what became of each slot) and reads the rules of the playbook in its own words. The playbook's figures it
//! takes over as they were compiled; who belongs to an audience or a control group is written down by hand, by title and by
//! number. A history can be written by hand, so that a violation of each rule can be planted.
//!
//! | module | owns |
//! |---|---|
//! | [`history`] | what happened, as plain data |
//! | [`life`] | one contact's part of it, and what held at an instant |
//! | [`rules`] | each rule, and who broke it |
//! | [`reach`] | who could have been written to, and who was |

pub mod history;
pub mod life;
pub mod reach;
pub mod rules;

use std::fmt;

use history::History;
use life::Life;
use reach::Reach;
use rules::Rule;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// With whom; nobody in particular where all of them are meant.
    pub contact: String,
    /// How.
    pub how: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.rule, self.contact, self.how)
    }
}

/// Of a hundred contacts who could have got mail, at least so many have to get some.
pub const LEAST_REACHED_PERCENT: usize = 60;

/// Every violation of every rule.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for contact in history.people.keys() {
        let life = Life::of(history, contact);
        for (rule, broken) in rules::OF_ONE {
            let violation = |how| Violation { rule, contact: contact.clone(), how };
            found.extend(broken(&life).into_iter().map(violation));
        }
    }
    let all = |(rule, broken): (Rule, fn(&History) -> Vec<String>)| {
        broken(history).into_iter().map(move |how| Violation { rule, contact: String::new(), how })
    };
    found.extend(rules::OF_ALL.into_iter().flat_map(all));
    let reach = Reach::of(history);
    if reach.mailed.len() * 100 < reach.eligible.len() * LEAST_REACHED_PERCENT {
        let how =
            format!("{} of {} contacts who could have got mail got some", reach.mailed.len(), reach.eligible.len());
        found.push(Violation { rule: Rule::Reached, contact: String::new(), how });
    }
    found
}
