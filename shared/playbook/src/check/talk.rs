//! What sales says and is asked: lines for a call, and why a lead is none.

use std::collections::BTreeSet;

use crate::problem::quoted;
use crate::source::Text;

use super::Check;

/// More lines are not read before a call.
pub(crate) const MOST_LINES: usize = 5;
/// A longer one is not said in one breath. In characters.
pub(crate) const LONGEST_LINE: usize = 200;
/// More are not chosen from, but the first.
pub(crate) const MOST_REASONS: usize = 12;
/// In characters.
pub(crate) const LONGEST_REASON: usize = 80;

impl Check<'_> {
    pub(super) fn talk(&mut self) {
        let source = self.source;
        for product in &source.products {
            let (who, lines) = (quoted(product.id.get_ref()), product.talk_track.get_ref());
            if lines.len() > MOST_LINES {
                let reason = format!("the talk track of {who} has {} lines, and may have {MOST_LINES}", lines.len());
                self.error(&product.talk_track, reason);
            }
            for line in lines {
                self.short(&format!("a line of the talk track of {who}"), line, LONGEST_LINE);
            }
        }
        for asset in &source.assets {
            let who = quoted(asset.id.get_ref());
            if let Some(talk) = &asset.talk {
                self.short(&format!("talk of asset {who}"), talk, LONGEST_LINE);
            }
        }
    }

    pub(super) fn reject_reasons(&mut self) {
        let reasons = &self.source.qualify.reject_reasons;
        if !(1..=MOST_REASONS).contains(&reasons.get_ref().len()) {
            let count = reasons.get_ref().len();
            let reason = format!("reject_reasons has {count} reasons, and must have 1 to {MOST_REASONS}");
            self.error(reasons, reason);
        }
        let mut seen = BTreeSet::new();
        for reason in reasons.get_ref() {
            self.short("a reason", reason, LONGEST_REASON);
            if !seen.insert(reason.get_ref().trim().to_lowercase()) {
                self.error(reason, format!("reason {} is there already", quoted(reason.get_ref())));
            }
        }
    }

    fn short(&mut self, name: &str, text: &Text, longest: usize) {
        self.filled(name, text);
        let characters = text.get_ref().chars().count();
        if characters > longest {
            self.error(text, format!("{name} has {characters} characters, and may have {longest}"));
        }
    }
}
