//! Where a lead stands: a fold over what sales said of it, in the order in which it was said.
//!
//! Words arrive late, twice and in any order. So nothing is decided when one arrives: the whole history is read anew, and what
//! it comes to depends only on what was said and when. The steps of the lifecycle are in [`Status::after`].

use super::{Checks, Refused, Said, Status, Word};

/// So many words are kept of a lead.
pub const MOST_WORDS: usize = 64;

/// Where a lead stands, and how it came there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The stage.
    pub stage: Status,
    /// The second of the word that moved it there; none of a lead that nobody has said anything of.
    pub since: Option<i64>,
    /// Who said that word.
    pub by: Option<String>,
    /// Of an opportunity and what came of it: the amount as it was stated last.
    pub amount_cents: Option<i64>,
    /// Of an opportunity: the four checks as they were stated last.
    pub checks: Checks,
    /// Of a lead that was lost or recycled: why, as it was stated last.
    pub reason: Option<String>,
    /// Of one that was recycled: until when nobody wants to hear of it, in seconds.
    pub recycled_until: Option<i64>,
    /// Of an open one: when its rep wants to be reminded, in seconds. The next step of the lead ends it.
    pub later_until: Option<i64>,
    /// The first word: when it was said, and by whom. The clock of the SLA stops with it.
    pub touched: Option<(i64, Option<String>)>,
    /// The words that it did not take, in the order in which they were said.
    pub refused: Vec<(Word, Refused)>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            stage: Status::Mql,
            since: None,
            by: None,
            amount_cents: None,
            checks: Checks::default(),
            reason: None,
            recycled_until: None,
            later_until: None,
            touched: None,
            refused: Vec::new(),
        }
    }
}

impl Standing {
    /// Why a word was refused, if it was.
    pub fn refusal_of(&self, word: &Word) -> Option<Refused> {
        self.refused.iter().find(|(refused, _)| refused == word).map(|(_, why)| *why)
    }

    fn without_refused(self) -> Self {
        Self { refused: Vec::new(), ..self }
    }

    fn hear(&mut self, word: &Word) {
        let Some(stage) = self.stage.after(&word.said) else {
            let refused = Refused { from: self.stage, said: word.said, at: word.at };
            return self.refused.push((word.clone(), refused));
        };
        if stage != self.stage {
            (self.stage, self.since, self.by) = (stage, Some(word.at), word.by.clone());
            self.later_until = None;
            // What was lost for a reason and then given back without one was still lost for it.
            self.reason = self.reason.take().filter(|_| !stage.is_open());
        }
        if self.touched.is_none() {
            self.touched = Some((word.at, word.by.clone()));
        }
        self.note(word);
    }

    /// What a word says besides the stage. One of an earlier stage than the lead is in says nothing.
    fn note(&mut self, word: &Word) {
        let closes_it = matches!(self.stage, Status::Lost | Status::Recycled);
        if closes_it {
            self.reason = word.why.clone().or(self.reason.take());
        }
        match word.said {
            Said::Opportunity { amount_cents, checks } if self.stage == Status::Opportunity => {
                self.amount_cents = amount_cents.or(self.amount_cents);
                self.checks = self.checks.and(checks);
            }
            Said::Won { amount_cents } => self.amount_cents = amount_cents.or(self.amount_cents),
            Said::Rejected { until } => self.recycled_until = until.or(self.recycled_until),
            Said::Later { until } => self.later_until = Some(until),
            Said::Touched | Said::Accepted | Said::Opportunity { .. } | Said::Lost => {}
        }
    }
}

/// Where a lead stands of which this was said. Neither the order of the words nor a word twice makes a difference.
pub fn standing(history: &[Word]) -> Standing {
    let mut words: Vec<&Word> = history.iter().collect();
    words.sort_unstable();
    words.dedup();
    let mut standing = Standing::default();
    for word in words {
        standing.hear(word);
    }
    standing
}

/// What a word that arrives does to a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is kept: the history with it, in the order in which the words were said.
    Kept(Vec<Word>),
    /// It tells nothing that is not known.
    Known,
}

/// Hears a word that arrives.
///
/// "Touched" and "accepted" are what a CRM says whenever somebody opens a record, so they are kept only where they tell something,
/// or if they are refused, once of whoever says it. Where the lead stands does not depend on it. Of more than [`MOST_WORDS`] the
/// oldest goes without which the lead stands where it stands with it: an amount that was stated anew, a refusal.
pub fn hear(history: &[Word], word: &Word) -> Heard {
    let mut words = history.to_vec();
    if words.contains(word) {
        return Heard::Known;
    }
    words.push(word.clone());
    words.sort_unstable();
    if word.is_idle_among(history) {
        let refused = standing(&words).refused;
        let same = |other: &Word| other != word && other.said == word.said && other.by == word.by;
        let is_refused = refused.iter().any(|(refused, _)| refused == word);
        if !is_refused || refused.iter().any(|(refused, _)| same(refused)) {
            return Heard::Known;
        }
    }
    if words.len() > MOST_WORDS {
        words.remove(idle_among(&words));
    }
    if words == history { Heard::Known } else { Heard::Kept(words) }
}

/// Which word is the oldest that says nothing among these. There is one among so many: a standing follows from the first word, the
/// few that moved the lead, and the last one on each of its details.
fn idle_among(words: &[Word]) -> usize {
    let with_all = standing(words).without_refused();
    let without = |index: usize| standing(&[&words[..index], &words[index + 1..]].concat()).without_refused();
    (0..words.len()).find(|index| without(*index) == with_all).unwrap_or_default()
}

/// The words of one lead that was kept under two ids of one person: all of them, unless sales still works on one of the two and
/// the words of the other would close it. Then those of the open one.
pub fn unite(one: &[Word], other: &[Word]) -> Vec<Word> {
    let all = other.iter().fold(one.to_vec(), |words, word| match hear(&words, word) {
        Heard::Kept(longer) => longer,
        Heard::Known => words,
    });
    let worked_on = |words: &[Word]| !words.is_empty() && standing(words).stage.is_open();
    let ends = matches!(standing(&all).stage, Status::Lost | Status::Recycled);
    match (worked_on(one), worked_on(other)) {
        (true, false) if ends => one.to_vec(),
        (false, true) if ends => other.to_vec(),
        _ => all,
    }
}
