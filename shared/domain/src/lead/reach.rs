//! How a contact may be reached by whoever sells: what it was promised in the preference centre.

/// What a rep may not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
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
    /// What follows from what a contact has chosen.
    pub fn of(wants_no_calls: bool, wants_no_mail: bool) -> Self {
        match (wants_no_calls, wants_no_mail) {
            (false, false) => Self::Any,
            (true, false) => Self::NoCalls,
            (false, true) => Self::NoMail,
            (true, true) => Self::Neither,
        }
    }

    /// In words for whoever sells; nothing if nothing is to be said.
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

    /// Whether a rep may be asked to call.
    pub fn by_phone(self) -> bool {
        matches!(self, Self::Any | Self::NoMail)
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
