//! Why somebody gets nothing, of a person and of one stream.
//!
//! Owns the reasons and their words. Never decides which of them holds.

use std::fmt;

/// Why somebody gets nothing. In the order in which one is preferred as the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// The contact has opted out.
    Unsubscribed,
    /// The address bounced or complained.
    Suppressed,
    /// Nobody has said who this is or where to write to.
    NoAddress,
    /// Another contact stated the address first: two ids must not both write to one inbox.
    SharedAddress,
    /// The contact wants no email, though other channels.
    EmailOff,
    /// The contact takes a break.
    Paused,
    /// The person had a mail within the gap: the playbook's, or the contact's own.
    Capped,
    /// The person had as many mails as the cap allows in its period.
    CapReached,
    /// Mail to the address bounced lately, and may not bounce again: it is left alone for longer each time.
    Bounced,
    /// The team does not work today, on the calendar where the contact is.
    DayOff,
    /// It is too early or too late in the day where the contact is.
    SendWindow,
    /// The contact does not want the stream's topic.
    TopicUnwanted,
    /// No cross-sell or upsell mail to an account at risk.
    AtRisk,
    /// No cross-sell or upsell mail in the first six months.
    NewCustomer,
    /// Sales holds a lead for the product: its stream pauses.
    OpenLead,
    /// The contact belongs to the group that gets nothing of the stream, so that its effect can be measured.
    HeldOut,
    /// What is left of the stream offers only what the contact has taken already.
    TakenElsewhere,
    /// The mix: a promotion would come too early.
    MixOwed,
    /// The stream's next piece is not due yet.
    NotDue,
    /// The stream has nothing left to say.
    Exhausted,
    /// No stream is for this person now.
    NoStream,
}

impl Silence {
    /// All of them, the most telling first.
    pub const ALL: [Self; 21] = [
        Self::Unsubscribed,
        Self::Suppressed,
        Self::NoAddress,
        Self::SharedAddress,
        Self::EmailOff,
        Self::Paused,
        Self::Capped,
        Self::CapReached,
        Self::Bounced,
        Self::DayOff,
        Self::SendWindow,
        Self::TopicUnwanted,
        Self::AtRisk,
        Self::NewCustomer,
        Self::OpenLead,
        Self::HeldOut,
        Self::TakenElsewhere,
        Self::MixOwed,
        Self::NotDue,
        Self::Exhausted,
        Self::NoStream,
    ];

    /// The name in storage and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "address suppressed",
            Self::NoAddress => "no address",
            Self::SharedAddress => "address belongs to another contact",
            Self::EmailOff => "wants no email",
            Self::Paused => "takes a break",
            Self::Capped => "capped: mailed within the gap",
            Self::CapReached => "capped: as many mails as the cap allows",
            Self::Bounced => "mail bounced lately: a longer gap",
            Self::DayOff => "not a working day",
            Self::SendWindow => "outside the send window",
            Self::TopicUnwanted => "topic not wanted",
            Self::AtRisk => "account at risk: no cross-sell",
            Self::NewCustomer => "new customer: no cross-sell yet",
            Self::OpenLead => "sales has an open lead: stream paused",
            Self::HeldOut => "held out: in the control group",
            Self::TakenElsewhere => "already taken: nothing new to offer",
            Self::MixOwed => "4-1-1: a promotion would come too early",
            Self::NotDue => "next piece not due yet",
            Self::Exhausted => "stream exhausted",
            Self::NoStream => "no stream fits",
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a stream is not for somebody at all now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    /// What is sold in it is owned.
    Owned,
    /// It is for owners of its product.
    NotOwned,
    /// The product has not been owned for long enough.
    OwnedTooShort,
    /// The product has been owned for too long.
    OwnedTooLong,
    /// The product is used.
    InUse,
    /// Seats are free, or nobody has said how many there are.
    SeatsFree,
    /// No end of a contract lies ahead.
    NoContractEnd,
    /// The account is at risk, and nobody asks it for a favour.
    AtRisk,
    /// Its audience is others.
    NotInAudience,
    /// Nothing has happened that leads into it.
    NotEntered,
    /// Something has happened that leads out of it.
    Left,
}

impl Outside {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owned => "product owned",
            Self::NotOwned => "product not owned",
            Self::OwnedTooShort => "not owned for long enough",
            Self::OwnedTooLong => "owned for too long",
            Self::InUse => "product in use",
            Self::SeatsFree => "seats not known to be filled",
            Self::NoContractEnd => "no contract end ahead",
            Self::AtRisk => "account at risk",
            Self::NotInAudience => "not in its audience",
            Self::NotEntered => "not entered",
            Self::Left => "left",
        }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
