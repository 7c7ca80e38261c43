//! Profiles, accounts, consent and sales outcomes become state, field by field, newer wins.
//!
//! Each change is repeatable and free of order: a redelivered record changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::dynamodb::Event as StreamEvent;
use jiff::Timestamp;
use perennial_domain::ids::{AccountId, ContactId, ProductId};
use perennial_domain::interest::instant;
use perennial_platform::address::AddressKey;
use perennial_platform::clock::Clock;
use perennial_platform::consent;
use perennial_platform::failure::Failure;
use perennial_platform::keys::{self, Job, Key};
use perennial_platform::lambda::{BatchAnswer, new_image};
use perennial_platform::leads::{self, Applied, Meant};
use perennial_platform::ledger::Entry;
use perennial_platform::records::{Profile, day_number};
use perennial_platform::store::{ATTEMPTS, Change, Commit, Store, back_off, number, string};
use perennial_platform::told::What;
use perennial_playbook::Playbook;

/// The use case, with all it needs.
#[derive(Debug)]
pub struct ApplyChange {
    /// The state table.
    pub store: Store,
    /// How addresses are hashed.
    pub address_key: AddressKey,
    /// The team's calendar.
    pub playbook: Arc<Playbook>,
    /// What time it is.
    pub clock: Clock,
}

impl ApplyChange {
    /// Applies a batch of the ledger's stream; a batch never fails as a whole.
    ///
    /// # Errors
    /// None: failures are reported record by record.
    pub async fn handle(&self, batch: StreamEvent) -> Result<BatchAnswer, Failure> {
        let mut answer = BatchAnswer::default();
        for record in batch.records {
            let (sequence_number, entry) = new_image::<Entry>(record);
            let applied = match entry {
                Ok(entry) => self.apply(entry).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = applied {
                answer.fail(&sequence_number, &failure);
            }
        }
        Ok(answer)
    }

    async fn apply(&self, entry: Entry) -> Result<(), Failure> {
        let (store, key, at) = (&self.store, &self.address_key, instant(entry.happened_at));
        match entry.told {
            What::Engagement { .. } | What::ContactMerged { .. } | What::Unread {} => Ok(()),
            What::ContactIdentified { contact, fields } => {
                let contact = ContactId::from(contact.as_str());
                self.merge(keys::profile(&contact), fields, entry.happened_at).await?;
                self.begin_cadence(&contact).await
            }
            What::AccountUpdated { account, fields } => {
                self.merge(keys::account_profile(&AccountId::from(account.as_str())), fields, entry.happened_at).await
            }
            What::Lead { contact, product, quarter, step, by, reason } => {
                let (contact, product) = (ContactId::from(contact.as_str()), ProductId::from(product.as_str()));
                let quarter = quarter.as_deref().and_then(|quarter| quarter.parse().ok());
                let meant = Meant { contact: &contact, product: &product, quarter };
                match leads::apply(store, &meant, step.into(), by.as_deref(), reason.as_deref(), at).await? {
                    applied @ (Applied::Refused(_) | Applied::NoLead) => {
                        tracing::warn!(sales = ?step, ?applied, "a word from sales fits no lead");
                    }
                    Applied::Moved(_) | Applied::Unchanged { .. } => {}
                }
                Ok(())
            }
            What::MailReported { contact } => self.count_foreign_mail(&ContactId::from(contact.as_str()), at).await,
            What::MailBounced { contact, permanent: true } => {
                consent::bounce(store, key, &ContactId::from(contact.as_str()), at).await
            }
            // A passing trouble says nothing about the address; the ledger keeps it.
            What::MailBounced { permanent: false, .. } => Ok(()),
            What::Unsubscribed { contact } => {
                let source = entry.sk.split('#').next().unwrap_or_default();
                consent::unsubscribe(store, key, &ContactId::from(contact.as_str()), source, at).await
            }
        }
    }

    async fn merge(&self, key: Key, statements: BTreeMap<String, String>, second: i64) -> Result<(), Failure> {
        for attempt in 0..ATTEMPTS {
            let known: Option<Profile> = self.store.get(&key).await?;
            let mut fields = known.as_ref().map(Profile::fields).unwrap_or_default();
            if !fields.merge(statements.clone(), second) && known.is_some() {
                return Ok(());
            }
            let next = Profile::next(key.clone(), known.as_ref(), &fields);
            let stored = serde_dynamo::to_attribute_value(&next.fields)
                .map_err(|_| Failure::shape("profile", "not of the shape we give it"))?;
            let change = Change::of(key.clone(), "SET #fields = :fields, #rev = :next, #at_risk = :at_risk")
                .only_if("attribute_not_exists(PK) OR #rev = :rev")
                .with(":fields", stored)
                .with(":next", number(next.rev))
                .with(":rev", number(next.rev - 1))
                .with(":at_risk", aws_sdk_dynamodb::types::AttributeValue::Bool(next.at_risk));
            if self.store.commit("profile", vec![self.store.change(change)?]).await? == Commit::Done {
                return Ok(());
            }
            back_off(attempt).await;
        }
        Err(Failure::Conflict { operation: "profile" })
    }

    /// A contact without a slot to come gets the next planning's: a new one, or one whose address has changed. Whoever has
    /// opted out gets none.
    async fn begin_cadence(&self, contact: &ContactId) -> Result<(), Failure> {
        let opted_out =
            self.store.contact(contact).await?.preferences.is_some_and(|preferences| preferences.unsubscribed);
        if opted_out {
            return Ok(());
        }
        let change = Change::of(keys::cadence(contact), "SET #due_shard = :shard, #due_at = :now")
            .only_if("attribute_not_exists(#due_shard)")
            .with(":shard", string(keys::due_shard(Job::Nurture, contact)))
            .with(":now", number(self.clock.now().as_second()));
        self.store.apply("cadence begin", change).await.map(drop)
    }

    /// Mail of another system counts against the cap.
    async fn count_foreign_mail(&self, contact: &ContactId, at: Timestamp) -> Result<(), Failure> {
        let change = Change::of(keys::cadence(contact), "SET #last_mail_day = :day")
            .only_if("attribute_not_exists(#last_mail_day) OR #last_mail_day < :day")
            .with(":day", number(day_number(self.playbook.calendar.date(at))));
        self.store.apply("foreign mail", change).await.map(drop)
    }
}
