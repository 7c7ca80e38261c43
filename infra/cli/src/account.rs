//! Everything that happened, read back from both tables, the mailbox and the bus.
//!
//! Reports may scan; functions never do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{evaluate, instant};
use perennial_domain::sla::Recipient;
use perennial_platform::address::AddressKey;
use perennial_platform::consent::{self, Suppression};
use perennial_platform::interest::InterestItem;
use perennial_platform::keys::{self, Key, PK, SK};
use perennial_platform::ledger::{Entry, Kind};
use perennial_platform::records::{Held, Lead, Preferences, Profile, Slot, SlotState};
use perennial_platform::store::{Item, text};
use perennial_platform::told::{Subject, What};
use serde::Serialize;

use crate::deployment::{Deployment, DeploymentError, address_key};
use crate::identities::Identities;

/// What became of the engagements that were delivered: received = counted + duplicates + quarantined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Engagements {
    /// Delivered and not refused.
    pub received: u64,
    /// In the ledger, for score-and-decay; without what we know ourselves of our own mail.
    pub counted: u64,
    /// Delivered again.
    pub duplicates: u64,
    /// In the ledger, waiting for a playbook that understands them.
    pub quarantined: u64,
}

/// A lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeadLine {
    /// Who.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter.
    pub quarter: String,
    /// When it was made.
    pub qualified_at: Timestamp,
    /// Points at the fact that reached the quarter.
    pub score: i64,
    /// How soon.
    pub priority: String,
    /// Fit as a letter.
    pub fit: String,
    /// Sorting score.
    pub sort_score: i64,
    /// Where it stands.
    pub status: String,
    /// Whose.
    pub owner: String,
    /// Under which playbook.
    pub playbook_version: String,
    /// Whether no late fact has undone it.
    pub stands: bool,
}

/// A nurture mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EmailLine {
    /// To whom.
    pub contact: String,
    /// Of which stream.
    pub stream: String,
    /// Which piece.
    pub piece: String,
    /// In which slot.
    pub slot: String,
    /// When.
    pub sent_at: Timestamp,
}

/// A slot in which nothing was sent, on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SilenceLine {
    /// Whose.
    pub contact: String,
    /// Which slot.
    pub slot: String,
    /// Why.
    pub reason: String,
}

/// A rung that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EscalationLine {
    /// For which lead: contact/product/quarter.
    pub lead: String,
    /// Which rung, from 1.
    pub step: usize,
    /// Who heard of it.
    pub to: Vec<&'static str>,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it fired.
    pub at: Timestamp,
}

/// A score now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScoreLine {
    /// Whose.
    pub contact: String,
    /// In which product.
    pub product: String,
    /// How much.
    pub points: i64,
}

/// A qualification that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldLine {
    /// Who.
    pub contact: String,
    /// For which product.
    pub product: String,
    /// In which quarter.
    pub quarter: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is decided again.
    pub until: Timestamp,
}

/// The report of a world: what `--json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// At which instant.
    pub now: Timestamp,
    /// Under which playbook.
    pub playbook_version: String,
    /// Deliveries.
    pub engagements: Engagements,
    /// Leads, by contact, product and quarter.
    pub leads: Vec<LeadLine>,
    /// Held qualifications.
    pub held: Vec<HeldLine>,
    /// Nurture mails, by contact and slot.
    pub emails: Vec<EmailLine>,
    /// Silences, by contact and slot.
    pub silences: Vec<SilenceLine>,
    /// Sends that must be looked at: contact, slot and state.
    pub unsettled: Vec<SilenceLine>,
    /// Rungs, by time.
    pub escalations: Vec<EscalationLine>,
    /// Scores now, by contact and product.
    pub scores: Vec<ScoreLine>,
    /// Deliveries that were given up.
    pub dead_letters: usize,
}

/// The items behind an account, for whoever asks further.
#[derive(Debug, Default)]
pub struct Rows {
    /// Contacts' fields.
    pub contacts: BTreeMap<ContactId, Profile>,
    /// Accounts' fields.
    pub accounts: BTreeMap<String, Profile>,
    /// Contacts who want no calls to sell them anything.
    pub no_calls: BTreeSet<ContactId>,
    /// Contacts who have opted out of mail, or want none.
    pub no_mail: BTreeSet<ContactId>,
    /// Contacts who have opted out.
    pub opted_out: BTreeSet<ContactId>,
    /// Where it is said that whoever has an address has opted out.
    opted_out_addresses: BTreeSet<Key>,
    /// Interests.
    pub interests: BTreeMap<(ContactId, ProductId), InterestItem>,
    /// Leads.
    pub leads: Vec<Lead>,
    /// Held qualifications.
    pub held: Vec<Held>,
    /// Slots, nurture and sales.
    pub slots: Vec<Slot>,
    /// The ledger.
    pub ledger: Vec<Entry>,
    /// Whom ids stand for that were merged or erased.
    pub identities: Identities,
}

impl Rows {
    /// Scans both tables.
    ///
    /// # Errors
    /// [`DeploymentError`] if a table cannot be read.
    pub async fn read(deployment: &Deployment) -> Result<Self, DeploymentError> {
        let mut rows = Self::default();
        for item in scan(&deployment.store.client, &deployment.store.state).await? {
            rows.sort_in(item)?;
        }
        for item in scan(&deployment.store.client, &deployment.ledger_table).await? {
            rows.ledger.push(read(item)?);
        }
        rows.sort_in_opt_outs_of_addresses(&address_key());
        rows.leads.sort_by(|a, b| (&a.contact, &a.product, &a.quarter).cmp(&(&b.contact, &b.product, &b.quarter)));
        rows.slots.sort_by(|a, b| (&a.pk, &a.sk).cmp(&(&b.pk, &b.sk)));
        rows.ledger.sort_by(|a, b| (a.happened_at, &a.pk, &a.sk).cmp(&(b.happened_at, &b.pk, &b.sk)));
        Ok(rows)
    }

    /// The contact that an entry is about by now; none if it is about none, or that one was erased.
    pub fn contact_of(&self, entry: &Entry) -> Option<ContactId> {
        match entry.told.subject() {
            Subject::Contact(contact) => self.identities.resolve(&contact.into()),
            Subject::Account(_) | Subject::Nobody => None,
        }
    }

    fn sort_in(&mut self, item: Item) -> Result<(), DeploymentError> {
        self.identities.sort_in(&item)?;
        let pk = text(&item, PK).unwrap_or_default().to_owned();
        let sk = text(&item, SK).unwrap_or_default().to_owned();
        if let Some(account) = keys::account_of(&pk) {
            if sk == keys::PROFILE {
                self.accounts.insert(account.to_string(), read(item)?);
            }
        } else if let Some(contact) = keys::contact_of(&pk) {
            if let Some(product) = sk.strip_prefix(keys::INTEREST) {
                self.interests.insert((contact, ProductId::from(product)), InterestItem::read(&item)?);
            } else if sk.starts_with(keys::LEAD) {
                self.leads.push(read(item)?);
            } else if sk.starts_with(keys::HELD) {
                self.held.push(read(item)?);
            } else if sk.starts_with(keys::SLOT) {
                self.slots.push(read(item)?);
            } else if sk == keys::PREFERENCES {
                self.sort_in_preferences(contact, &read(item)?);
            } else if sk == keys::PROFILE {
                self.contacts.insert(contact, read(item)?);
            }
        } else if sk == keys::SUPPRESSION && Suppression::read(&item).is_of_an_opt_out() {
            self.opted_out_addresses.insert(Key { pk, sk });
        }
        Ok(())
    }

    /// An opt-out holds for whoever has the address.
    fn sort_in_opt_outs_of_addresses(&mut self, key: &AddressKey) {
        for (contact, profile) in &self.contacts {
            let places = consent::suppressions_of(key, contact, Some(profile));
            if !places.is_disjoint(&self.opted_out_addresses) {
                self.no_mail.insert(contact.clone());
                self.opted_out.insert(contact.clone());
            }
        }
    }

    fn sort_in_preferences(&mut self, contact: ContactId, preferences: &Preferences) {
        let sets = [
            (&mut self.no_calls, preferences.want_no_calls()),
            (&mut self.no_mail, preferences.want_no_mail()),
            (&mut self.opted_out, preferences.unsubscribed),
        ];
        for (set, _) in sets.into_iter().filter(|(_, holds)| *holds) {
            set.insert(contact.clone());
        }
    }
}

impl Account {
    /// The report of a world at its present instant.
    ///
    /// # Errors
    /// [`DeploymentError`] if a table cannot be read.
    pub async fn of(deployment: &Deployment) -> Result<Self, DeploymentError> {
        Self::from_rows(deployment, &Rows::read(deployment).await?)
    }

    /// The report of these rows.
    ///
    /// # Errors
    /// [`DeploymentError`] if dead letters cannot be counted.
    pub fn from_rows(deployment: &Deployment, rows: &Rows) -> Result<Self, DeploymentError> {
        let now = deployment.world.clock().now();
        let of_kind = |kind: Kind| {
            let told = |entry: &&Entry| {
                entry.kind == kind && !entry.is_our_own() && matches!(entry.told, What::Engagement { .. })
            };
            rows.ledger.iter().filter(told).count() as u64
        };
        let delivered = deployment.tally.delivered();
        let mut escalations: Vec<EscalationLine> = rows.leads.iter().flat_map(|lead| rungs(deployment, lead)).collect();
        escalations.sort_by(|a, b| (a.at, &a.lead).cmp(&(b.at, &b.lead)));
        Ok(Self {
            now,
            playbook_version: deployment.playbook.version.clone(),
            engagements: Engagements {
                received: delivered.received,
                counted: of_kind(Kind::Engagement),
                duplicates: delivered.duplicates,
                quarantined: of_kind(Kind::Quarantined),
            },
            leads: rows.leads.iter().map(lead_line).collect(),
            held: rows.held.iter().map(held_line).collect(),
            emails: rows.slots.iter().filter_map(email_line).collect(),
            // A slot that waited for its hour and was not looked at again stays silent for the reason it has.
            silences: [SlotState::Silent, SlotState::Waiting]
                .into_iter()
                .flat_map(|state| rows.slots.iter().filter_map(move |slot| silence_line(slot, state)))
                .collect(),
            unsettled: [SlotState::Unknown, SlotState::Rejected, SlotState::Retry, SlotState::Sending]
                .into_iter()
                .flat_map(|state| rows.slots.iter().filter_map(move |slot| silence_line(slot, state)))
                .collect(),
            escalations,
            scores: rows
                .interests
                .iter()
                .map(|((contact, product), item)| ScoreLine {
                    contact: contact.to_string(),
                    product: product.to_string(),
                    points: evaluate(&deployment.playbook.interest, product, &item.facts, now).points,
                })
                .collect(),
            dead_letters: deployment.world.dead_letters()?.len(),
        })
    }
}

async fn scan(client: &aws_sdk_dynamodb::Client, table: &str) -> Result<Vec<Item>, DeploymentError> {
    let mut pages = client.scan().table_name(table).consistent_read(true).into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item.map_err(|error| perennial_platform::failure::Failure::from_sdk("report scan", &error))?);
    }
    Ok(items)
}

fn read<T: serde::de::DeserializeOwned>(item: Item) -> Result<T, DeploymentError> {
    let item = serde_dynamo::from_item(item);
    item.map_err(|_| {
        DeploymentError::Failure(perennial_platform::failure::Failure::shape("item", "not of the shape we give it"))
    })
}

fn lead_line(lead: &Lead) -> LeadLine {
    LeadLine {
        contact: lead.contact.clone(),
        product: lead.product.clone(),
        quarter: lead.quarter.clone(),
        qualified_at: instant(lead.qualified_at),
        score: lead.score,
        priority: lead.priority.clone(),
        fit: lead.fit_grade.clone(),
        sort_score: lead.sort_score,
        status: lead.stage.clone(),
        owner: lead.owner.clone(),
        playbook_version: lead.playbook_version.clone(),
        stands: lead.undone_by.is_none(),
    }
}

fn held_line(held: &Held) -> HeldLine {
    HeldLine {
        contact: held.contact.clone(),
        product: held.product.clone(),
        quarter: held.quarter.clone(),
        reason: held.reason.clone(),
        since: instant(held.since),
        until: instant(held.due_at),
    }
}

fn rungs(deployment: &Deployment, lead: &Lead) -> Vec<EscalationLine> {
    let name = |recipient: &Recipient| recipient.as_str();
    let to = |rung: usize| deployment.playbook.ladder.get(rung).map(|rung| rung.to.iter().map(name).collect());
    let line = |fired: &perennial_platform::records::RungFired| EscalationLine {
        lead: lead.name(),
        step: fired.rung + 1,
        to: to(fired.rung).unwrap_or_default(),
        due_at: instant(fired.due_at),
        at: instant(fired.fired_at),
    };
    lead.rungs.iter().map(line).collect()
}

/// Contact and slot of a nurture slot; sales mails have slots of other names.
pub(crate) fn nurture_slot(slot: &Slot) -> Option<(String, String)> {
    let name = slot.sk.strip_prefix(keys::SLOT)?;
    let contact = keys::contact_of(&slot.pk)?;
    (!name.contains('#')).then(|| (contact.to_string(), name.to_owned()))
}

fn email_line(slot: &Slot) -> Option<EmailLine> {
    let (contact, name) = nurture_slot(slot)?;
    (slot.state == SlotState::Sent).then(|| EmailLine {
        contact,
        stream: slot.stream.clone().unwrap_or_default(),
        piece: slot.piece.clone().unwrap_or_default(),
        slot: name,
        sent_at: instant(slot.decided_at),
    })
}

fn silence_line(slot: &Slot, state: SlotState) -> Option<SilenceLine> {
    let (contact, name) = nurture_slot(slot)?;
    let reason = slot.reason.clone().or_else(|| slot.error.clone()).unwrap_or_else(|| format!("{state:?}"));
    (slot.state == state).then_some(SilenceLine { contact, slot: name, reason })
}
