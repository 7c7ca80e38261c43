//! What a sender can tell us, and the body of the native webhook.
//!
//! Native body: `{"type": "...", "timestamp": "<when it happened, RFC 3339>", "data": {…}}`. Everything here is plain
//! text as the sender said it; ids become typed where they are used. Other formats are turned into native types and data
//! first, so that every field is judged in one place.

mod account;
mod concealed;
mod json;
mod lead;
mod native;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use perennial_domain::ids::ContactId;
use perennial_domain::interest::FactName;
use perennial_domain::nurture::wishes::Frequency;
use serde::{Deserialize, Serialize};

use crate::consent::{Channel, Choices};

pub use lead::{Details, SalesStep};

pub(crate) use json::{is_json, read_object, read_value};
pub(crate) use native::{accepts, instant_of, types};

/// What happened, and when by the sender's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum What {
    /// `engagement.recorded`: a contact did something with an asset.
    #[serde(rename = "engagement.recorded")]
    Engagement {
        /// Who.
        contact: String,
        /// With what.
        asset: String,
        /// What was done.
        action: String,
        /// The email in which it was clicked, opened or delivered.
        #[serde(skip_serializing_if = "Option::is_none")]
        email: Option<String>,
    },
    /// `contact.identified`: fields of a contact.
    #[serde(rename = "contact.identified")]
    ContactIdentified {
        /// Who.
        contact: String,
        /// Field and value.
        fields: BTreeMap<String, String>,
    },
    /// `account.updated`: fields of an account.
    #[serde(rename = "account.updated")]
    AccountUpdated {
        /// Which.
        account: String,
        /// Field and value; `owns.<product>` says since when, `used.<product>` when last.
        fields: BTreeMap<String, String>,
    },
    /// `lead.touched`, `.accepted`, `.opportunity`, `.later`, `.won`, `.lost`, `.rejected`: what sales says.
    #[serde(rename = "lead")]
    Lead {
        /// Whose interest.
        contact: String,
        /// In which product.
        product: String,
        /// Of which quarter; without it, the newest lead for the product is meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        quarter: Option<String>,
        /// What sales says.
        step: SalesStep,
        /// Who says it.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What the word says besides.
        #[serde(flatten)]
        details: Details,
    },
    /// `email.reported`: another system mailed this contact; counts against the cap.
    #[serde(rename = "email.reported")]
    MailReported {
        /// Whom.
        contact: String,
    },
    /// `email.bounced`: an address cannot be reached; a permanent one is suppressed.
    #[serde(rename = "email.bounced")]
    MailBounced {
        /// Whose.
        contact: String,
        /// Whether it will never be.
        permanent: bool,
    },
    /// `email.unsubscribed`: a contact opted out somewhere else.
    #[serde(rename = "email.unsubscribed")]
    Unsubscribed {
        /// Who.
        contact: String,
        /// What stood beside the button, if it was one of ours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wording: Option<String>,
    },
    /// A contact took its opt-out back in the preference centre. No webhook can tell it.
    #[serde(rename = "preferences.resubscribed")]
    Resubscribed {
        /// Who.
        contact: String,
        /// Where it was pressed.
        source: String,
        /// What stood beside the button.
        wording: String,
    },
    /// What a contact chose in the preference centre. No webhook can tell it.
    #[serde(rename = "preferences.changed")]
    PreferencesChanged {
        /// Who.
        contact: String,
        /// Topics of which it wants no mail.
        topics_off: BTreeSet<String>,
        /// How often it wants mail, at most.
        frequency: String,
        /// On which channels it wants to hear nothing.
        channels_off: BTreeSet<String>,
        /// Until when it takes a break.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paused_until: Option<Timestamp>,
        /// Where it was chosen.
        source: String,
        /// What it was told that it chose.
        wording: String,
    },
    /// `contact.merged`: two ids are one person.
    #[serde(rename = "contact.merged")]
    ContactMerged {
        /// The id that goes; what is told of it from now on is told of the other.
        from: String,
        /// The id that stays.
        contact: String,
    },
    /// Nothing could be understood yet; the entry's body is all there is.
    #[serde(rename = "unread")]
    Unread {},
}

/// Of whom or what something was told: the ledger's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A contact, as sent.
    Contact(&'a str),
    /// An account.
    Account(&'a str),
    /// Not known: the event could not be understood.
    Nobody,
}

impl What {
    /// Whether it proves what a contact allowed us, or forbade: kept as long as anything is known of the contact.
    pub fn proves_consent(&self) -> bool {
        matches!(self, Self::Unsubscribed { .. } | Self::Resubscribed { .. } | Self::PreferencesChanged { .. })
    }

    /// Of whom or what it tells.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::AccountUpdated { account, .. } => Subject::Account(account),
            Self::Engagement { contact, .. }
            | Self::ContactIdentified { contact, .. }
            | Self::Lead { contact, .. }
            | Self::MailReported { contact }
            | Self::MailBounced { contact, .. }
            | Self::Unsubscribed { contact, .. }
            | Self::Resubscribed { contact, .. }
            | Self::PreferencesChanged { contact, .. } => Subject::Contact(contact),
            Self::ContactMerged { from, .. } => Subject::Contact(from),
            Self::Unread {} => Subject::Nobody,
        }
    }

    /// Of choices: all of them. A frequency or channel that this version does not know is as good as none chosen.
    pub fn choices(&self) -> Option<Choices> {
        let Self::PreferencesChanged { topics_off, frequency, channels_off, paused_until, .. } = self else {
            return None;
        };
        Some(Choices {
            topics_off: topics_off.iter().map(|topic| topic.as_str().into()).collect(),
            frequency: Frequency::named(frequency).unwrap_or_default(),
            channels_off: channels_off.iter().filter_map(|channel| Channel::named(channel)).collect(),
            paused_until: *paused_until,
        })
    }

    /// Of an engagement: whose, and the fact that it makes in the interest of each product that its asset is tagged with.
    pub fn fact(&self) -> Option<(ContactId, FactName)> {
        let Self::Engagement { contact, asset, action, email } = self else { return None };
        let email = email.as_deref().map(Into::into);
        let name = FactName { asset: asset.as_str().into(), action: action.as_str().into(), email };
        Some((contact.as_str().into(), name))
    }
}

/// What is wrong with a body: the field and the reason, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// The path of the field; `body` for the whole.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

pub(crate) fn wrong(field: impl Into<String>, reason: impl Into<String>) -> FieldError {
    FieldError { field: field.into(), reason: reason.into() }
}

#[cfg(test)]
mod tests;
