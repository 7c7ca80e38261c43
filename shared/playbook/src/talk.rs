//! What sales reads before a call: what was done, in words, and what to say.

use perennial_domain::ids::ProductId;

use crate::Playbook;

/// More questions than these are an interrogation.
const MOST_QUESTIONS: usize = 2;

/// The actions that most playbooks have, in the past tense.
const DONE: [(&str, &str); 15] = [
    ("view", "viewed"),
    ("visit", "visited"),
    ("open", "opened"),
    ("read", "read"),
    ("click", "clicked on"),
    ("download", "downloaded"),
    ("watch", "watched"),
    ("register", "registered for"),
    ("attend", "attended"),
    ("start", "started"),
    ("request", "asked for"),
    ("reply", "replied to"),
    ("submit", "filled in"),
    ("raised", "raised"),
    ("delivered", "was sent"),
];

/// `asked for “Prices and a call”`; an action of the playbook's own stays as it is called there: `juggle: “Prices and a call”`.
fn told(action: &str, title: &str) -> String {
    match DONE.iter().find(|(known, _)| *known == action) {
        Some((_, done)) => format!("{done} “{title}”"),
        None => format!("{action}: “{title}”"),
    }
}

impl Playbook {
    /// What was done with an asset, in words: `asked for “Prices and a call”`.
    pub fn told(&self, action: &str, asset: &str) -> String {
        let title = self.interest.assets.get(asset).map_or(asset, |rule| &rule.title);
        told(action, title)
    }

    /// What to say of a product in a call, line by line.
    pub fn talk_track(&self, id: &ProductId) -> &[String] {
        self.products.iter().find(|product| product.id == *id).map_or(&[], |product| &product.talk_track)
    }

    /// A question for the call with whoever has just done something with this asset.
    pub fn talk(&self, asset: &str) -> Option<&str> {
        self.talk.get(asset).map(String::as_str)
    }

    /// The questions that fit what somebody did, newest first: those of the assets, nothing twice, and not more than are asked in a call.
    pub fn questions<'a>(&self, assets: impl IntoIterator<Item = &'a str>) -> Vec<&str> {
        let mut questions = Vec::new();
        for question in assets.into_iter().filter_map(|asset| self.talk(asset)) {
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        questions.truncate(MOST_QUESTIONS);
        questions
    }
}
