//! What a comparison found, in figures and in words.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use perennial_domain::ids::ProductId;
use serde::Serialize;

use super::{Difference, Mended};

/// The interests in one product, or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// How many there are, stored or told of.
    pub interests: usize,
    /// Those that say what the ledger says.
    pub equal: usize,
    /// Facts that both have.
    pub facts: usize,
    /// Facts that the ledger has and no interest does.
    pub missing: usize,
    /// Facts that an interest has and should not.
    pub surplus: usize,
    /// Facts of the ledger for which their set has no room: no difference.
    pub beyond_full_sets: usize,
    /// Stored facts of assets that the playbook does not know: left alone.
    pub of_unknown_assets: usize,
    /// Facts that were received within the last minute and are not stored yet: no difference.
    pub on_their_way: usize,
    /// Interests that cannot be read, such as those of a newer format: left alone.
    pub unreadable: usize,
}

impl Line {
    /// Counts an interest; true if it differs.
    pub(super) fn count(&mut self, difference: &Difference) -> bool {
        self.interests += 1;
        self.equal += usize::from(difference.is_none());
        self.facts += difference.equal;
        self.missing += difference.missing.len();
        self.surplus += difference.surplus.len();
        self.beyond_full_sets += difference.beyond_full_sets;
        self.of_unknown_assets += difference.of_unknown_assets;
        self.on_their_way += difference.on_their_way;
        !difference.is_none()
    }

    fn and(self, other: &Self) -> Self {
        Self {
            interests: self.interests + other.interests,
            equal: self.equal + other.equal,
            facts: self.facts + other.facts,
            missing: self.missing + other.missing,
            surplus: self.surplus + other.surplus,
            beyond_full_sets: self.beyond_full_sets + other.beyond_full_sets,
            of_unknown_assets: self.of_unknown_assets + other.of_unknown_assets,
            on_their_way: self.on_their_way + other.on_their_way,
            unreadable: self.unreadable + other.unreadable,
        }
    }
}

/// All interests against the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// At which instant.
    pub at: Timestamp,
    /// Under which playbook's tags.
    pub playbook_version: String,
    /// What happened before cannot be proven and is left alone.
    pub provable_from: Timestamp,
    /// By product.
    pub products: BTreeMap<String, Line>,
}

impl Comparison {
    pub(super) fn new(playbook_version: &str, at: Timestamp, provable_from: Timestamp) -> Self {
        let playbook_version = playbook_version.to_owned();
        Self { at, playbook_version, provable_from, products: BTreeMap::new() }
    }

    pub(super) fn line(&mut self, product: &ProductId) -> &mut Line {
        self.products.entry(product.to_string()).or_default()
    }

    /// All products together.
    pub fn total(&self) -> Line {
        self.products.values().fold(Line::default(), Line::and)
    }

    /// Whether facts equal the ledger.
    pub fn is_equal(&self) -> bool {
        let total = self.total();
        total.equal == total.interests && total.unreadable == 0
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.provable_from.strftime("%Y-%m-%d %H:%M");
        writeln!(f, "Interests against the ledger since {since} UTC, playbook {}", self.playbook_version)?;
        let total = self.total();
        let lines = self.products.iter().map(|(product, line)| (product.as_str(), line));
        let width = self.products.keys().map(|product| product.chars().count()).max().unwrap_or(0).max(7);
        writeln!(f, "  {:width$}  interests   equal    facts  missing  surplus", "product")?;
        for (product, line) in lines.chain([("all", &total)]) {
            let Line { interests, equal, facts, missing, surplus, .. } = line;
            writeln!(f, "  {product:width$}  {interests:>9} {equal:>7} {facts:>8} {missing:>8} {surplus:>8}")?;
        }
        for (count, what) in [
            (
                total.of_unknown_assets,
                "facts of assets that the playbook does not know: left alone, they give no points",
            ),
            (total.beyond_full_sets, "facts of the ledger beyond a full set of 128: no difference"),
            (total.on_their_way, "facts received within the last minute and still on their way: no difference"),
            (total.unreadable, "interests that cannot be read, perhaps written by a newer version: left alone"),
        ] {
            if count > 0 {
                writeln!(f, "  {count} {what}")?;
            }
        }
        if self.is_equal() {
            writeln!(f, "proven equal: {} and {}", counted(total.interests, "interest"), counted(total.facts, "fact"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Added {}, took {} away", counted(self.added, "fact"), counted(self.removed, "fact"))?;
        if self.told > 0 {
            let interests = counted(self.told, "interest");
            writeln!(
                f,
                "Told qualification of {interests} at the threshold in this quarter: each becomes a lead or is held"
            )?;
        }
        write!(f, "{}", self.after)
    }
}

/// `1 fact`, `2 facts`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
