//! What a contact wants, as decisions see it: which topics, how often, and from when on again.
//!
//! Owns the meaning of a wish. Never says where it was stated or when: that is the consent record's. An opt-out is no wish
//! but the end of them, and stands in the snapshot beside these.
//!
//! Source: a preference centre where the contact sets topics, frequency and channels.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use crate::ids::TopicId;

/// What a contact wants. The default is what somebody wants who never said anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Topics of which the contact wants no mail.
    pub topics_off: BTreeSet<TopicId>,
    /// How often, at most.
    pub frequency: Frequency,
    /// Whether the contact wants no email at all, though other channels.
    pub email_off: bool,
    /// Whether the contact wants to be on no list for ads, and to be shown no offer of ours.
    pub ads_off: bool,
    /// Until when the contact takes a break; of the past it means nothing.
    pub paused_until: Option<Timestamp>,
}

/// How often a contact wants to hear from us, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frequency {
    /// As often as the playbook's gap allows.
    #[default]
    AsOften,
    /// Once in two weeks.
    Fortnightly,
    /// Once in four weeks.
    Monthly,
}

impl Frequency {
    /// All of them, the most frequent first.
    pub const ALL: [Self; 3] = [Self::AsOften, Self::Fortnightly, Self::Monthly];

    /// Days between two mails, at least; the playbook's gap may be longer.
    pub fn gap_days(self) -> i64 {
        match self {
            Self::AsOften => 0,
            Self::Fortnightly => 14,
            Self::Monthly => 28,
        }
    }

    /// The name in storage and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsOften => "as-often",
            Self::Fortnightly => "fortnightly",
            Self::Monthly => "monthly",
        }
    }

    /// The frequency of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|frequency| frequency.as_str() == name)
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
