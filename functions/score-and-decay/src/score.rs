//! A batch of engagements: one update per contact and product.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::dynamodb::Event as StreamEvent;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::FactName;
use perennial_platform::failure::Failure;
use perennial_platform::identity::{self, Resolved};
use perennial_platform::keys::Key;
use perennial_platform::lambda::{BatchAnswer, new_image};
use perennial_platform::landing::{Landed, Landing};
use perennial_platform::ledger::Entry;
use perennial_platform::metrics;

use crate::ScoreAndDecay;

/// The engagements of one contact and product, and the records and entries they came in.
#[derive(Default)]
struct Gathered {
    facts: Vec<(FactName, i64)>,
    records: Vec<String>,
    entries: Vec<Key>,
}

/// A batch, sorted.
#[derive(Default)]
struct Batch {
    interests: BTreeMap<(ContactId, ProductId), Gathered>,
    /// Engagements that are a fact of no interest.
    others: Vec<(ContactId, String, Key)>,
}

impl ScoreAndDecay {
    pub(crate) async fn score(&self, batch: StreamEvent) -> BatchAnswer {
        let mut answer = BatchAnswer::default();
        let mut sorted = Batch::default();
        for record in batch.records {
            let (sequence_number, entry) = new_image::<Entry>(record);
            match entry {
                Err(failure) => answer.fail(&sequence_number, &failure),
                Ok(entry) => self.gather(entry, &sequence_number, &mut sorted),
            }
        }
        let mut counted = BTreeSet::new();
        for ((contact, product), gathered) in sorted.interests {
            match self.land(&contact, &product, &gathered).await {
                Ok(Landed::At(_)) => counted.extend(gathered.records),
                Ok(Landed::Nowhere) => {}
                Err(failure) => {
                    for sequence_number in gathered.records {
                        answer.fail(&sequence_number, &failure);
                    }
                }
            }
        }
        metrics::engagements_counted(counted.len());
        for (contact, sequence_number, entry) in sorted.others {
            if let Err(failure) = self.forget_if_erased(&contact, &entry).await {
                answer.fail(&sequence_number, &failure);
            }
        }
        answer
    }

    fn gather(&self, entry: Entry, sequence_number: &str, sorted: &mut Batch) {
        let Some((contact, name)) = entry.told.fact() else { return };
        // An asset that has left the playbook since: the ledger keeps the engagement for a rebuild.
        let rule = self.playbook.interest.assets.get(&name.asset).filter(|rule| !rule.products.is_empty());
        let Some(rule) = rule else {
            return sorted.others.push((contact, sequence_number.to_owned(), entry.key()));
        };
        for product in &rule.products {
            let here = sorted.interests.entry((contact.clone(), product.clone())).or_default();
            here.facts.push((name.clone(), entry.happened_at));
            here.records.push(sequence_number.to_owned());
            here.entries.push(entry.key());
        }
    }

    async fn land(&self, contact: &ContactId, product: &ProductId, gathered: &Gathered) -> Result<Landed, Failure> {
        let landing = Landing { store: &self.store, rules: &self.playbook.interest, now: self.clock.now() };
        let landed = landing.land(contact, product, &gathered.facts).await?;
        if landed == Landed::Nowhere {
            for entry in &gathered.entries {
                self.ledger.forget(entry).await?;
            }
        }
        Ok(landed)
    }

    /// No interest says whether the contact is known, so it is looked up: such engagements are few.
    async fn forget_if_erased(&self, contact: &ContactId, entry: &Key) -> Result<(), Failure> {
        match identity::resolve(&self.store, contact).await? {
            Resolved::Erased => self.ledger.forget(entry).await,
            Resolved::Same | Resolved::Into(_) => Ok(()),
        }
    }
}
