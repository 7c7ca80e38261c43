//! Who is on a lead that is touched, and who put it off: as the reader of a letter knows them.
//!
//! Pure. Owns that nobody is taken for somebody else: whoever did it is told by name to everybody but themselves.

use std::fmt;

use perennial_domain::ids::RepId;
use perennial_domain::lead::{Said, Status};
use perennial_platform::links::Answer;
use perennial_platform::records::Lead;
use perennial_playbook::{Playbook, shown_name};
use serde::{Serialize, Serializer};

/// As whom words of somebody at the head of sales are told.
pub(crate) const EXECUTIVE: &str = "executive";

/// As whom a touch is stored that names nobody.
const UNKNOWN: &str = "unknown";

/// Somebody who did something with a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taker {
    /// Whoever reads the letter.
    Reader,
    /// Somebody else, by name.
    Other(String),
    /// A CRM does not say who.
    Unknown,
}

impl Taker {
    /// Of somebody who is told of as a rep's id, address or name, or in any other way.
    fn told(by: Option<&str>, playbook: &Playbook, reader: &RepId) -> Self {
        let Some(by) = by.filter(|by| *by != UNKNOWN) else { return Self::Unknown };
        match playbook.rep_told(by) {
            _ if by == reader.as_str() => Self::Reader,
            Some(rep) if rep.id == *reader => Self::Reader,
            Some(rep) => Self::Other(rep.name.clone()),
            None if by == EXECUTIVE => Self::Other("Management".to_owned()),
            None => Self::Other(shown_name(by)),
        }
    }

    /// Who is on a lead; nobody as long as it is untouched.
    pub fn of(lead: &Lead, playbook: &Playbook, reader: &RepId) -> Option<Self> {
        (lead.status() != Status::Mql).then(|| Self::told(lead.touched_by.as_deref(), playbook, reader))
    }

    /// Who wanted to be reminded of a lead.
    pub fn who_put_off(lead: &Lead, playbook: &Playbook, reader: &RepId) -> PutOff {
        let words = lead.words();
        let word = words.iter().rev().find(|word| matches!(word.said, Said::Later { .. }));
        PutOff(Self::told(word.and_then(|word| word.by.as_deref()), playbook, reader))
    }

    /// `Elif Aydin is on it`, as it goes on after the beginning of a sentence.
    pub fn is_on_it(&self) -> String {
        match self {
            Self::Reader => "you are on it".to_owned(),
            Self::Other(name) => format!("{name} is on it"),
            Self::Unknown => "somebody is on it".to_owned(),
        }
    }
}

/// Who put a lead off until today. Filled in as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PutOff(pub Taker);

impl fmt::Display for PutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Taker::Reader => f.write_str("You put this lead off until today."),
            Taker::Other(name) => write!(f, "This lead was put off until today by {name}."),
            Taker::Unknown => f.write_str("This lead was put off until today."),
        }
    }
}

impl Serialize for PutOff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether there is something to press on the page that an answer's link leads its reader to.
pub(crate) fn can_say(lead: &Lead, answer: Answer, playbook: &Playbook, reader: &RepId) -> bool {
    let is_readers = |by: Option<&str>| Taker::told(by, playbook, reader) == Taker::Reader;
    match (lead.status(), answer) {
        (Status::Mql, _) => true,
        (Status::Touched, Answer::NotAFit | Answer::Later) => {
            lead.touched_by.is_none() || is_readers(lead.touched_by.as_deref())
        }
        (Status::Sql, Answer::NotAFit | Answer::Later) => is_readers(lead.standing().by.as_deref()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn whoever_is_on_a_lead_is_named_to_everybody_but_themselves() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/playbook"));
        let playbook = Playbook::load(folder).unwrap();
        let told = |by, reader: &str| Taker::told(by, &playbook, &reader.into());
        let other = |name: &str| Taker::Other(name.to_owned());
        for (by, reader, expected) in [
            (Some("rep-anna"), "rep-anna", Taker::Reader),
            (Some("Anna.Keller@fernhill.example.com"), "rep-anna", Taker::Reader),
            (Some("Anna Keller"), "rep-anna", Taker::Reader),
            (Some("rep-anna"), "rep-bilal", other("Anna Keller")),
            (Some("manager-emea"), "rep-anna", other("Elif Aydin")),
            (Some("executive"), "executive", Taker::Reader),
            (Some("executive"), "rep-anna", other("Management")),
            (Some("Jo from support"), "rep-anna", other("Jo from support")),
            (Some("unknown"), "rep-anna", Taker::Unknown),
            (None, "rep-anna", Taker::Unknown),
        ] {
            assert_eq!(told(by, reader), expected, "{by:?} {reader}");
        }
    }
}
