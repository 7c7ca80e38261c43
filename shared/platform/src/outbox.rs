//! Events that leave: written in the same transaction as what they tell, published by relay-events, deleted after.
//!
//! An event's id is a function of what it tells, so a repeated write is the same event and consumers can deduplicate.
//! Events carry ids and never an address.

use jiff::Timestamp;
use perennial_domain::ids::{AccountId, ContactId, ProductId, RepId};
use perennial_domain::lead::{Status, Word};
use perennial_domain::quarter::Quarter;
use perennial_domain::sending::{CameBack, PauseReason};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::keys;
use crate::records::Brief;
use crate::store::{Change, Store, number, string};

/// The source of all our events on the bus.
pub const SOURCE: &str = "perennial";
/// The version of the events' details.
const VERSION: u32 = 1;

/// What the other side of the bus hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// A lead and what happened to it.
    Lead(Box<LeadEvent>),
    /// The digest of an owner is complete.
    Digest {
        /// Whose.
        owner: String,
        /// Of which date.
        date: String,
    },
    /// What helps a rep to sell in a week is together: how much there is of what.
    Brief {
        /// Whose.
        owner: String,
        /// The Monday on which the week began.
        week: String,
        /// New leads of the week before that are still open.
        new_leads: usize,
        /// Contacts whose interest is heating up.
        heating_up: usize,
        /// Leads that should have been answered.
        overdue: usize,
    },
    /// An account does not use what it bought lately. Of no contact: it is the account that needs somebody.
    Help {
        /// Which account.
        account: String,
        /// What it bought.
        product: String,
        /// When, in seconds.
        bought_at: i64,
        /// Whose account it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// Too much came back, and sending to contacts has stopped by itself.
    Sending {
        /// `bounces` or `complaints`.
        paused_for: String,
        /// Messages sent within the days that are judged.
        sends: i64,
        /// That bounced for good.
        bounces: i64,
        /// That were complained about.
        complaints: i64,
    },
}

/// Which lead (or interest) an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadEvent {
    /// Who.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter; of a cooled interest, the one in which it cooled.
    pub quarter: String,
    /// Of a qualified lead: what it is about, `cross-sell` or `upsell`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Of a qualified lead: how soon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Of a threshold that was reached by an Act Now: its second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_now_at: Option<i64>,
    /// Of a lead that was there already: when its contact asked again by an Act Now, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_again_at: Option<i64>,
    /// Of an escalation: which rung, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<usize>,
    /// Of an escalation whose clock an Act Now began anew: since when it counts, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_since: Option<i64>,
    /// Of a lead that sales moved: where it stands now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Of one that was an opportunity: its amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<i64>,
    /// Of one that was lost or given back: why, unless the reason holds an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of one that was given back: the instant until which nobody wants to hear of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Of a qualified lead: the contact wants no calls to sell it anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wants_no_calls: bool,
    /// Of a qualified lead: the contact has opted out of our mail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opted_out_of_mail: bool,
}

impl LeadEvent {
    /// An event about this contact, product and quarter.
    pub fn of(contact: &ContactId, product: &ProductId, quarter: Quarter) -> Self {
        Self {
            contact: contact.to_string(),
            product: product.to_string(),
            quarter: quarter.to_string(),
            kind: None,
            priority: None,
            owner: None,
            act_now_at: None,
            asked_again_at: None,
            rung: None,
            sla_since: None,
            stage: None,
            amount_cents: None,
            reason: None,
            until: None,
            wants_no_calls: false,
            opted_out_of_mail: false,
        }
    }
}

/// An event that waits to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Partition key.
    #[serde(rename = "PK")]
    pub pk: String,
    /// Sort key: the event's id.
    #[serde(rename = "SK")]
    pub id: String,
    /// What kind of event.
    pub detail_type: String,
    /// Its JSON.
    pub detail: String,
    /// When it happened, in seconds.
    pub happened_at: i64,
    /// Different at each write: only the write that was published is deleted.
    pub written: String,
    /// Since when it waits, in seconds; missing if a version wrote it that did not say so. What it tells may have happened long before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<i64>,
}

#[derive(Serialize)]
struct Detail<'a> {
    version: u32,
    id: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

impl Waiting {
    fn new(detail_type: &str, id: String, event: &Event, now: Timestamp) -> Result<Self, Failure> {
        let detail = serde_json::to_string(&Detail { version: VERSION, id: &id, event });
        Ok(Self {
            pk: keys::outbox(&id).pk,
            detail: detail.map_err(|_| Failure::shape("event", "not of the shape we give it"))?,
            id,
            detail_type: detail_type.to_owned(),
            happened_at: now.as_second(),
            written: format!("{:016x}", fastrand::u64(..)),
            written_at: Some(now.as_second()),
        })
    }

    /// A threshold was reached in a quarter that has no lead yet; or its contact asked for a call in it, by an Act Now.
    ///
    /// # Errors
    /// [`Failure::Poison`] if the event cannot be expressed; likewise below.
    pub fn threshold_reached(lead: LeadEvent, now: Timestamp) -> Result<Self, Failure> {
        Self::of_lead("ThresholdReached", lead, now)
    }

    /// A product MQL was made; or, with the second, its contact asked again.
    ///
    /// # Errors
    /// As above.
    pub fn lead_qualified(lead: LeadEvent, now: Timestamp) -> Result<Self, Failure> {
        Self::of_lead("LeadQualified", lead, now)
    }

    /// A word moved a lead: `LeadTouched`, `LeadRecycled`, or `LeadAdvanced` to any other stage. Two words are two events. It happened
    /// when the word was said.
    ///
    /// # Errors
    /// As above.
    pub fn lead_moved(lead: LeadEvent, word: &Word, now: Timestamp) -> Result<Self, Failure> {
        let detail_type = match lead.stage.as_deref().and_then(Status::named) {
            Some(Status::Touched) => "LeadTouched",
            Some(Status::Recycled) => "LeadRecycled",
            _ => "LeadAdvanced",
        };
        let Word { said, at, .. } = word;
        let id = format!("{detail_type}#{}#{}#{}#{said}#{at}", lead.contact, lead.product, lead.quarter);
        let event = Self::new(detail_type, id, &Event::Lead(Box::new(lead)), now)?;
        Ok(Self { happened_at: *at, ..event })
    }

    /// A rung of the SLA ladder fired.
    ///
    /// # Errors
    /// As above.
    pub fn sla_escalated(lead: LeadEvent, now: Timestamp) -> Result<Self, Failure> {
        Self::of_lead("SlaEscalated", lead, now)
    }

    /// An interest has decayed to zero.
    ///
    /// # Errors
    /// As above.
    pub fn interest_cooled(lead: LeadEvent, cooled_at: i64, now: Timestamp) -> Result<Self, Failure> {
        let id = format!("InterestCooled#{}#{}#{cooled_at}", lead.contact, lead.product);
        Self::new("InterestCooled", id, &Event::Lead(Box::new(lead)), now)
    }

    /// An owner's digest of a date holds all its leads.
    ///
    /// # Errors
    /// As above.
    pub fn digest_ready(owner: &RepId, date: &str, now: Timestamp) -> Result<Self, Failure> {
        let event = Event::Digest { owner: owner.to_string(), date: date.to_owned() };
        Self::new("DigestReady", format!("DigestReady#{owner}#{date}"), &event, now)
    }

    /// What helps a rep to sell in a week is together.
    ///
    /// # Errors
    /// As above.
    pub fn brief_ready(brief: &Brief, now: Timestamp) -> Result<Self, Failure> {
        let id = format!("BriefReady#{}#{}", brief.owner, brief.week);
        let event = Event::Brief {
            owner: brief.owner.clone(),
            week: brief.week.clone(),
            new_leads: brief.new_leads.count,
            heating_up: brief.heating_up.count,
            overdue: brief.overdue.count,
        };
        Self::new("BriefReady", id, &event, now)
    }

    /// An account does not use what it bought, or only little of it.
    ///
    /// # Errors
    /// As above.
    pub fn account_needs_help(
        account: &AccountId,
        product: &ProductId,
        bought_at: i64,
        owner: Option<&RepId>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let owner = owner.map(ToString::to_string);
        let event = Event::Help { account: account.to_string(), product: product.to_string(), bought_at, owner };
        Self::new("AccountNeedsHelp", format!("AccountNeedsHelp#{account}#{product}#{bought_at}"), &event, now)
    }

    /// The change that writes it, for a transaction of a function that may only update.
    pub fn written(&self) -> Change {
        let key = keys::Key { pk: self.pk.clone(), sk: self.id.clone() };
        let update = "SET #detail_type = :type, #detail = :detail, #happened_at = :at, #written = :written, #written_at = :since";
        Change::of(key, update)
            .with(":since", number(self.written_at.unwrap_or(self.happened_at)))
            .with(":type", string(&self.detail_type))
            .with(":detail", string(&self.detail))
            .with(":at", number(self.happened_at))
            .with(":written", string(&self.written))
    }

    /// Sending to contacts has stopped by itself.
    ///
    /// # Errors
    /// As above.
    pub fn sending_paused(reason: PauseReason, came_back: CameBack, now: Timestamp) -> Result<Self, Failure> {
        let CameBack { sends, bounces, complaints } = came_back;
        let event = Event::Sending { paused_for: reason.as_str().to_owned(), sends, bounces, complaints };
        Self::new("SendingPaused", format!("SendingPaused#{}", now.as_second()), &event, now)
    }

    fn of_lead(detail_type: &str, lead: LeadEvent, now: Timestamp) -> Result<Self, Failure> {
        let rung = lead.rung.map(|rung| format!("#{rung}")).unwrap_or_default();
        // What tells it from others of the same kind and lead: an Act Now, or the ladder that began with one.
        let asked = lead.act_now_at.or(lead.asked_again_at).or(lead.sla_since);
        let asked = asked.map(|second| format!("#{second}")).unwrap_or_default();
        let id = format!("{detail_type}#{}#{}#{}{rung}{asked}", lead.contact, lead.product, lead.quarter);
        Self::new(detail_type, id, &Event::Lead(Box::new(lead)), now)
    }
}

/// Puts an event that is not part of a transaction: repeated for ever, it is the same event.
///
/// # Errors
/// [`Failure`] if the store could not be reached.
pub async fn put(store: &Store, event: &Waiting) -> Result<(), Failure> {
    let item = serde_dynamo::to_item(event).map_err(|_| Failure::shape("event", "not of the shape we give it"))?;
    let answer = store.client.put_item().table_name(&store.state).set_item(Some(item)).send().await;
    answer.map(drop).map_err(|error| Failure::from_sdk("outbox put", &error))
}

/// Deletes a published event, unless it has been written again meanwhile: then the sweep publishes it again.
///
/// # Errors
/// [`Failure`] if the store could not be reached; then it will be published again, under the same id.
pub async fn delete(store: &Store, event: &Waiting) -> Result<(), Failure> {
    let key = crate::store::item_key(&keys::Key { pk: event.pk.clone(), sk: event.id.clone() });
    let answer = store
        .client
        .delete_item()
        .table_name(&store.state)
        .set_key(Some(key))
        .condition_expression("written = :written")
        .expression_attribute_values(":written", crate::store::string(&event.written))
        .send()
        .await;
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) => {
            Ok(())
        }
        Err(error) => Err(Failure::from_sdk("outbox delete", &error)),
    }
}
