//! What happened, as plain data: nothing here is computed, and nothing has a rule in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// Everything that a bystander could have written down.
#[derive(Clone, Debug)]
pub struct History {
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// What the marketer promised.
    pub promises: Promises,
    /// Accounts as they were at the beginning.
    pub accounts: BTreeMap<String, Account>,
    /// Contacts.
    pub people: BTreeMap<String, Person>,
    /// What was told, and when it was told, in any order.
    pub facts: Vec<Fact>,
    /// The slots that were planned: contact and the team's date.
    pub planned: BTreeSet<(String, Date)>,
    /// What became of slots.
    pub slots: Vec<Slot>,
    /// The mailbox, nurture mails only.
    pub mails: Vec<Mail>,
}

/// The playbook's figures.
#[derive(Clone, Debug)]
pub struct Promises {
    /// Days between two mails to one person, at least.
    pub gap_days: i64,
    /// Days with mail …
    pub cap_mails: usize,
    /// … in so many days.
    pub cap_days: i64,
    /// Mail goes out from then on …
    pub opens_at: Time,
    /// … and before then, where the reader is.
    pub closes_at: Time,
    /// The team's zone, and that of readers of whom none is known.
    pub zone: TimeZone,
    /// Days of the week on which the team works.
    pub working_days: BTreeSet<i8>,
    /// Dates on which it does not.
    pub holidays: BTreeSet<Date>,
    /// Educational pieces owed before each hard one.
    pub educational_before_hard: usize,
    /// Days in which a new customer is sold nothing.
    pub new_customer_days: i64,
    /// Streams by id.
    pub streams: BTreeMap<String, Stream>,
}

impl Promises {
    /// Whether the team works on a date.
    pub fn works_on(&self, date: Date) -> bool {
        self.working_days.contains(&date.weekday().to_monday_zero_offset()) && !self.holidays.contains(&date)
    }

    /// Monday to Friday.
    pub fn week() -> BTreeSet<i8> {
        let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
        days.into_iter().map(Weekday::to_monday_zero_offset).collect()
    }
}

/// A stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// What it is for.
    pub purpose: Purpose,
    /// Of which product.
    pub product: String,
    /// Its topic.
    pub topic: Option<String>,
    /// Its pieces, and what each wants.
    pub pieces: BTreeMap<String, Kind>,
    /// Of a renewal, the days before the end of the contract from which on each piece may come.
    pub marks: BTreeMap<String, i64>,
    /// For whom it is, by who they are; `None` is for everybody.
    pub audience: Option<BTreeSet<String>>,
    /// Who gets nothing of it, so that its effect can be measured.
    pub held_out: BTreeSet<String>,
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A product that is not owned.
    CrossSell,
    /// More of one that is, where so many seats in a hundred are in use.
    Upsell(i64),
    /// Owned for so many days and more.
    Retention(i64),
    /// Owned for fewer days.
    Onboarding(i64),
    /// Bought fewer days ago than this, and not used for a while.
    Save {
        /// Days without use, at least.
        unused_days: i64,
        /// Or, so many days after the purchase, fewer than so many of the seats in a hundred in use.
        adoption_percent: i64,
        /// Days since the purchase.
        until_days: i64,
    },
    /// The contract ends within so many days.
    Renewal(i64),
    /// Owned for so many days and more, and content.
    Advocacy(i64),
}

/// What a piece wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Teaches.
    Educational,
    /// Offers something light.
    Soft,
    /// Asks for the sale.
    Hard,
}

/// An account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Since when it is a customer.
    pub customer_since: Timestamp,
    /// What it owns, and since when.
    pub owns: BTreeMap<String, Timestamp>,
}

/// A contact.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// Where they work.
    pub account: String,
    /// Their zone, if it is known.
    pub zone: Option<TimeZone>,
    /// Whether an address is known that is theirs alone.
    pub has_own_address: bool,
    /// When they became known.
    pub known_at: Timestamp,
}

/// Something that was told.
#[derive(Clone, Debug)]
pub struct Fact {
    /// When it took effect.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What was told.
#[derive(Clone, Debug)]
pub enum What {
    /// A contact did something that shows interest in a product.
    Engaged {
        /// Who.
        contact: String,
        /// In which product.
        product: String,
    },
    /// An account is at risk from now on, or no longer.
    Health {
        /// Which.
        account: String,
        /// Whether it is.
        at_risk: bool,
    },
    /// A contract ends then.
    ContractEnds {
        /// Whose.
        account: String,
        /// For which product.
        product: String,
        /// When.
        end: Timestamp,
    },
    /// So many seats are bought, and so many of them in use.
    Seats {
        /// Whose.
        account: String,
        /// For which product.
        product: String,
        /// Bought.
        bought: i64,
        /// In use.
        used: i64,
    },
    /// An account used a product then.
    Used {
        /// Which.
        account: String,
        /// Which product.
        product: String,
        /// When it was used last.
        used_at: Timestamp,
    },
    /// A contact opted out.
    OptedOut {
        /// Who.
        contact: String,
    },
    /// A contact that had opted out wants mail again.
    Resubscribed {
        /// Who.
        contact: String,
    },
    /// Two ids are one person: from now on the second stands for the first, too.
    Merged {
        /// The id that goes.
        from: String,
        /// The id that stays.
        into: String,
    },
    /// Everything that was known of a contact is forgotten.
    Erased {
        /// Who.
        contact: String,
    },
    /// A contact's address cannot be reached any more.
    Bounced {
        /// Whose.
        contact: String,
    },
    /// Another system wrote to a contact.
    MailReported {
        /// To whom.
        contact: String,
    },
    /// A contact chose: all of it holds until the next choice.
    Chose {
        /// Who.
        contact: String,
        /// What.
        choice: Choice,
    },
    /// Sales holds a lead from now on.
    LeadOpened {
        /// Whose interest.
        contact: String,
        /// In which product.
        product: String,
        /// Which lead.
        lead: String,
    },
    /// Sales has given a lead back.
    LeadClosed {
        /// Whose interest.
        contact: String,
        /// Which lead.
        lead: String,
    },
}

impl What {
    /// Of whom or what it tells: a contact or an account.
    pub fn subject(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Health { account, .. }
            | Self::ContractEnds { account, .. }
            | Self::Seats { account, .. }
            | Self::Used { account, .. } => (None, Some(account)),
            Self::Merged { from, .. } => (Some(from), None),
            Self::Engaged { contact, .. }
            | Self::OptedOut { contact }
            | Self::Resubscribed { contact }
            | Self::Erased { contact }
            | Self::Bounced { contact }
            | Self::MailReported { contact }
            | Self::Chose { contact, .. }
            | Self::LeadOpened { contact, .. }
            | Self::LeadClosed { contact, .. } => (Some(contact), None),
        }
    }
}

/// What a contact chose in the preference centre.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Topics of which it wants nothing.
    pub topics_off: BTreeSet<String>,
    /// Days between two mails, at least; 0 is as often as there is some.
    pub every_days: i64,
    /// Whether it wants no email.
    pub email_off: bool,
    /// Until when it takes a break.
    pub paused_until: Option<Timestamp>,
}

/// A slot, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whose.
    pub contact: String,
    /// Which.
    pub date: Date,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A piece was sent.
    Sent {
        /// Of which stream.
        stream: String,
        /// Which piece.
        piece: String,
    },
    /// Nothing, for this reason.
    Silent(String),
    /// Neither, in this state.
    Unsettled(String),
}

/// A mail in the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// When it was accepted.
    pub at: Timestamp,
    /// To whom.
    pub contact: String,
    /// In which slot.
    pub slot: Date,
    /// Of which stream.
    pub stream: String,
    /// Which piece.
    pub piece: String,
}
