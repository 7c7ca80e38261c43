//! What a contact can choose in the preference centre, all of it at once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use perennial_domain::ids::TopicId;
use perennial_domain::nurture::wishes::Frequency;

/// A way to reach somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Nurture mail.
    Email,
    /// A call by a rep.
    Phone,
    /// Lists for advertising.
    Ads,
}

impl Channel {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Email, Self::Phone, Self::Ads];

    /// The name in storage and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Ads => "ads",
        }
    }

    /// The channel of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }
}

/// What a contact has chosen. The default is what somebody has who never chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Topics of which it wants no mail.
    pub topics_off: BTreeSet<TopicId>,
    /// How often, at most.
    pub frequency: Frequency,
    /// On which channels it wants to hear nothing.
    pub channels_off: BTreeSet<Channel>,
    /// Until when it takes a break.
    pub paused_until: Option<Timestamp>,
}

impl Choices {
    /// Whether these allow a mail that the others did not: then it is decided again, sooner than was planned.
    pub fn allow_more_than(&self, others: &Self) -> bool {
        let email_off = |choices: &Self| choices.channels_off.contains(&Channel::Email);
        !others.topics_off.is_subset(&self.topics_off)
            || self.frequency < others.frequency
            || (email_off(others) && !email_off(self))
            || self.paused_until < others.paused_until
    }
}
