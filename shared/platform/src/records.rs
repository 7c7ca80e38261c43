//! The items of the state table besides interests, as they are stored. Instants are seconds since the Unix epoch, dates
//! are days since it.

mod brief;
mod cadence;
mod identity;
mod preferences;
mod word;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use perennial_domain::ids::{ContactId, ProductId, RepId};
use perennial_domain::interest::instant;
use perennial_domain::lead::{self, Priority, Standing, Status, Word};
use perennial_domain::profile::{Fields, Stated};
use perennial_domain::qualify::Kind;
use perennial_domain::quarter::Quarter;
use perennial_domain::sla::LeadClock;
use serde::{Deserialize, Serialize};

use crate::keys::Key;

pub use brief::{Brief, Cut, HeatingUp, PieceSent};
pub use cadence::{Cadence, StreamProgress, received_line};
pub use identity::{AddressOwner, MergedId, MergedIds, Pointer};
pub use preferences::Preferences;
pub use word::{Checks, Said};

/// A date as a number that a condition can compare: days since 1970-01-01.
pub fn day_number(date: Date) -> i64 {
    i64::from((date - Date::constant(1970, 1, 1)).get_days())
}

/// The date of a day number.
pub fn date_of(day: i64) -> Date {
    let days = jiff::Span::new().try_days(day).unwrap_or_default();
    Date::constant(1970, 1, 1).saturating_add(days)
}

/// One stated field.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Field {
    /// When it was last stated.
    pub t: i64,
    /// Since when it has been so; the same if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s: Option<i64>,
    /// What.
    pub v: String,
}

/// What is known of a contact or an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profile {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// How often it was written.
    pub rev: i64,
    /// The fields.
    pub fields: BTreeMap<String, Field>,
    /// Of an account: whether it is at risk, where a transaction's condition can see it.
    #[serde(default)]
    pub at_risk: bool,
    /// Of a contact: who stated the same address first. Where many state it, and it was passed on since, it may be who had it
    /// before; whom it belongs to now says its [`AddressOwner`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares_address_with: Option<String>,
}

impl Profile {
    /// The fields as decisions merge and read them.
    pub fn fields(&self) -> Fields {
        let stated =
            |field: &Field| Stated { second: field.t, value: field.v.clone(), since: field.s.unwrap_or(field.t) };
        Fields(self.fields.iter().map(|(name, field)| (name.clone(), stated(field))).collect())
    }

    /// Since when the address has been this one.
    pub fn email_since(&self) -> Option<i64> {
        self.fields.get("email").map(|field| field.s.unwrap_or(field.t))
    }

    /// The next revision, with these fields.
    pub fn next(key: Key, known: Option<&Self>, fields: &Fields) -> Self {
        let stored = |stated: &Stated| Field {
            t: stated.second,
            s: (stated.since != stated.second).then_some(stated.since),
            v: stated.value.clone(),
        };
        Self {
            pk: key.pk,
            sk: key.sk,
            rev: known.map_or(0, |known| known.rev) + 1,
            at_risk: fields.get("health") == Some("at-risk"),
            shares_address_with: known.and_then(|known| known.shares_address_with.clone()),
            fields: fields.0.iter().map(|(name, stated)| (name.clone(), stored(stated))).collect(),
        }
    }
}

/// One engagement that made a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When.
    pub at: i64,
    /// With what.
    pub asset: String,
    /// What was done.
    pub action: String,
    /// What it gave.
    pub points: i64,
}

/// One rung that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungFired {
    /// Which, from 0.
    pub rung: usize,
    /// When it was due.
    pub due_at: i64,
    /// When it fired.
    pub fired_at: i64,
    /// Of a ladder that began anew: since when its clock counts, as [`Lead::sla_since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
}

/// That the contact of a lead asked again, by an Act Now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedAgain {
    /// When it asked.
    pub at: i64,
    /// When the lead's owner was told.
    pub told_at: i64,
    /// The lead's priority until then.
    pub was: String,
}

/// A lead. Its evidence is frozen when it is made, and anew when its contact asks again; the machine never withdraws it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lead {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// Who.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter.
    pub quarter: String,
    /// When the threshold was reached.
    pub reached_at: i64,
    /// When the lead was made: the SLA starts here, unless `sla_since` says later.
    pub qualified_at: i64,
    /// Points at the fact that reached the quarter.
    pub score: i64,
    /// Sorting score, 0..=100.
    pub sort_score: i64,
    /// Fit, 0..=100.
    pub fit_points: i64,
    /// Fit as a letter.
    pub fit_grade: String,
    /// Engagement, 0..=100.
    pub engagement: i64,
    /// How much of the sorting score is fit; the rest is engagement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_from_fit: Option<i64>,
    /// What made the sorting score high: fit, engagement, both or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// What it is about: a product that the account does not own, or more of one that it owns. Leads made before that was stored are of
    /// the former kind.
    #[serde(default = "cross_sell")]
    pub kind: String,
    /// How soon.
    pub priority: String,
    /// Whose.
    pub owner: String,
    /// Whether the account is new.
    #[serde(default)]
    pub new_customer: bool,
    /// What made it, newest last.
    pub evidence: Vec<Evidence>,
    /// What else its contact had done lately when it was made, with other products, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<Evidence>,
    /// Under which playbook.
    pub playbook_version: String,
    /// The newest Act Now that its owner was told of: when its contact asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_now_at: Option<i64>,
    /// The Act Nows that came when it was there already, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_again: Vec<AskedAgain>,
    /// Since when the SLA counts, if such an Act Now has begun it anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_since: Option<i64>,
    /// The fact, learnt later, without which the quarter would be reached: the lead no longer stands, and is not withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<Evidence>,
    /// What sales said of it, oldest first; what follows here down to `later_until` is what that comes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Said>,
    /// Where it stands.
    pub stage: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_since: Option<i64>,
    /// Who touched it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched_by: Option<String>,
    /// When; never before it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched_at: Option<i64>,
    /// Why it was given back or lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of an opportunity and what came of it: the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<i64>,
    /// Of an opportunity: the four checks.
    #[serde(default, skip_serializing_if = "Checks::is_empty")]
    pub checks: Checks,
    /// Of one that was given back: until when nobody wants to hear of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recycled_until: Option<i64>,
    /// When its rep wants to be reminded of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later_until: Option<i64>,
    /// When it was put into its owner's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_off_at: Option<i64>,
    /// When the last step (digest or rung) was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step_at: Option<i64>,
    /// Rungs that fired.
    #[serde(default)]
    pub rungs: Vec<RungFired>,
    /// Where the due index finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_shard: Option<String>,
    /// When it is looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<i64>,
    /// Under whom the desk finds it, as long as it is open: see [`crate::desk`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_owner: Option<String>,
    /// Where it stands among that rep's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_rank: Option<i64>,
    /// Under whom it counts as waiting for an answer, as long as it is untouched and under the SLA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_owner: Option<String>,
    /// By when an answer was promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_due_at: Option<i64>,
    /// How often it was written.
    pub rev: i64,
}

impl Lead {
    /// Where it stands; an unknown stage counts as touched, so that nobody is mailed for it.
    pub fn status(&self) -> Status {
        Status::named(&self.stage).unwrap_or(Status::Touched)
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        Kind::named(&self.kind).unwrap_or_default()
    }

    /// The contact's interesting moments when it was made, newest first: what made it, and what else it had done lately.
    pub fn moments(&self) -> Vec<&Evidence> {
        // Of one second, what made it comes first.
        let mut moments: Vec<&Evidence> = self.evidence.iter().rev().chain(self.besides.iter().rev()).collect();
        moments.sort_by_key(|moment| std::cmp::Reverse(moment.at));
        moments
    }

    /// How soon.
    pub fn priority(&self) -> Priority {
        Priority::named(&self.priority).unwrap_or(Priority::Mql)
    }

    /// What sales said of it, oldest first. Of a lead that was written before words were kept: the one that its stage tells of.
    pub fn words(&self) -> Vec<Word> {
        if !self.history.is_empty() {
            return self.history.iter().filter_map(Said::word).collect();
        }
        let said = match self.status() {
            Status::Mql => return Vec::new(),
            Status::Sql => lead::Said::Accepted,
            Status::Recycled => lead::Said::Rejected { until: None },
            _ => lead::Said::Touched,
        };
        let (by, why) = (self.touched_by.clone(), self.reason.clone());
        vec![Word { at: self.touched_at.unwrap_or(self.qualified_at), said, by, why }]
    }

    /// Where it stands and how it came there.
    pub fn standing(&self) -> Standing {
        lead::standing(&self.words())
    }

    /// What its SLA clock depends on.
    pub fn clock(&self) -> LeadClock {
        LeadClock {
            began_at: instant(self.sla_since.unwrap_or(self.qualified_at)),
            priority: self.priority(),
            status: self.status(),
            handed_off: self.handed_off_at.is_some(),
            rungs_fired: self.rungs.iter().filter(|fired| fired.since == self.sla_since).count(),
            last_step_at: self.last_step_at.map(instant),
            later_until: self.later_until.map(instant),
        }
    }

    /// The second of the newest Act Now that its owner was told of. One that was made before this was kept tells of all that there
    /// were until then.
    pub fn told_act_now_at(&self) -> Option<i64> {
        self.act_now_at.or_else(|| (self.priority() == Priority::ActNow).then_some(self.qualified_at))
    }

    /// When there was last something new of it from its contact: it was made, or its contact asked again.
    pub fn newest_at(&self) -> i64 {
        self.asked_again.last().map_or(self.qualified_at, |again| again.told_at)
    }

    /// Whether it was put off until a time that has come.
    pub fn is_put_off_until_now(&self, now: jiff::Timestamp) -> bool {
        self.status().is_open() && self.later_until.is_some_and(|until| until <= now.as_second())
    }

    /// Its contact.
    pub fn contact_id(&self) -> ContactId {
        ContactId::from(self.contact.as_str())
    }

    /// Its product.
    pub fn product_id(&self) -> ProductId {
        ProductId::from(self.product.as_str())
    }

    /// Its owner.
    pub fn owner_id(&self) -> RepId {
        RepId::from(self.owner.as_str())
    }

    /// Its quarter, if it is one.
    pub fn quarter(&self) -> Option<Quarter> {
        self.quarter.parse().ok()
    }

    /// Its key.
    pub fn key(&self) -> Key {
        Key { pk: self.pk.clone(), sk: self.sk.clone() }
    }

    /// Its name in front of engineers: contact/product/quarter.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.contact, self.product, self.quarter)
    }
}

fn cross_sell() -> String {
    Kind::CrossSell.as_str().to_owned()
}

/// A qualification that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// Who.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter.
    pub quarter: String,
    /// Why not now.
    pub reason: String,
    /// Since when.
    pub since: i64,
    /// Where the due index finds it.
    pub due_shard: String,
    /// When it is decided again.
    pub due_at: i64,
    /// Where it is found when there is news of the account that it waits for, if its contact has named one: see [`crate::held`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_of: Option<String>,
}

/// What became of a claim to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SlotState {
    /// Claimed; the request may be under way.
    Sending,
    /// Accepted by SES.
    Sent,
    /// SES refused this message.
    Rejected,
    /// Not accepted for a reason that is not the message's: to be tried again.
    Retry,
    /// No answer: it may or may not have been sent. Never sent again by itself.
    Unknown,
    /// Nothing was sent, on purpose.
    Silent,
    /// Nothing yet: the contact's send window opens later on this slot's day, to be decided again then.
    Waiting,
}

impl SlotState {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "SENDING",
            Self::Sent => "SENT",
            Self::Rejected => "REJECTED",
            Self::Retry => "RETRY",
            Self::Unknown => "UNKNOWN",
            Self::Silent => "SILENT",
            Self::Waiting => "WAITING",
        }
    }
}

/// A place in a person's cadence, or one sales mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// What became of it.
    pub state: SlotState,
    /// When it was decided.
    pub decided_at: i64,
    /// Until when a sender may still be at work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// Why nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The stream of the piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub piece: Option<String>,
    /// What the piece wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Which edition of the piece, such as `b.de`; none is the piece itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// Under which name the piece is remembered, if not that of its stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_as: Option<String>,
    /// SES's id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// SES's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The leads that an owner is told of on a date.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Digest {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key.
    #[serde(rename = "SK")]
    pub sk: String,
    /// Whose.
    pub owner: String,
    /// Which leads: partition and sort key, joined by a line feed.
    #[serde(with = "serde_dynamo::string_set")]
    pub leads: BTreeSet<String>,
    /// Whether its owner is being told: nothing is added any more.
    #[serde(default)]
    pub announced: bool,
}
