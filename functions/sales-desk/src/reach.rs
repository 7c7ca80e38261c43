//! How a contact does not want to be reached: what it was promised in the preference centre, before whoever sells.

use perennial_platform::records::Preferences;

/// What a rep may not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing speaks against anything.
    #[default]
    Any,
    /// Call.
    NoCalls,
    /// Write.
    NoMail,
    /// Either, to sell something.
    Neither,
}

impl Reach {
    /// What follows from what a contact has said, if anything, and from whether somebody with its address has opted out.
    pub fn of(preferences: Option<&Preferences>, opted_out: bool) -> Self {
        let no_calls = preferences.is_some_and(Preferences::want_no_calls);
        match (no_calls, opted_out || preferences.is_some_and(Preferences::want_no_mail)) {
            (false, false) => Self::Any,
            (true, false) => Self::NoCalls,
            (false, true) => Self::NoMail,
            (true, true) => Self::Neither,
        }
    }

    /// In the words in which the mails to sales say it; nothing if nothing is to be said.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::NoCalls => Some("Wants no calls: please write."),
            Self::NoMail => Some("Has opted out of mail: please call, and write no more than an answer."),
            Self::Neither => {
                Some("Wants no calls and has opted out of mail: please answer what was asked, and no more.")
            }
        }
    }

    /// What a rep is asked to do.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Any | Self::NoMail => "Call",
            Self::NoCalls => "Write",
            Self::Neither => "Answer",
        }
    }
}
