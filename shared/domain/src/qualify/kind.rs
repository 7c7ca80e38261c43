//! What a lead is about: a product that its account does not own yet, or more of one that it owns.

use std::fmt;

/// What sales is asked to sell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A product that the account does not own.
    #[default]
    CrossSell,
    /// More of one that it owns. Only an Act Now makes such a lead: other interest in what one owns is use, and what there is to say
    /// of it is said by the product's upsell stream.
    Upsell,
}

impl Kind {
    /// The name in storage and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CrossSell => "cross-sell",
            Self::Upsell => "upsell",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::CrossSell, Self::Upsell].into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
