//! A batch of engagements: one update per contact and product.

use std::collections::BTreeMap;

use aws_lambda_events::dynamodb::Event as StreamEvent;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, Facts};
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
        let mut counted = 0;
        for ((contact, product), gathered) in sorted.interests {
            let mut new = Facts::default();
            if let Err(failure) = self.land(&contact, &product, &gathered, &mut new).await {
                for sequence_number in gathered.records {
                    answer.fail(&sequence_number, &failure);
                }
            }
            counted += self.engagements(&product, &new);
        }
        metrics::engagements_counted(counted);
        for (contact, sequence_number, entry) in sorted.others {
            if let Err(failure) = self.forget_if_erased(&contact, &entry).await {
                answer.fail(&sequence_number, &failure);
            }
        }
        answer
    }

    /// How many engagements are told by facts that are new to an interest in this product: an engagement is a fact for each product
    /// of its asset, and is counted with the first.
    fn engagements(&self, product: &ProductId, new: &Facts) -> usize {
        let assets = &self.playbook.interest.assets;
        let first = |name: &FactName| assets.get(&name.asset).and_then(|rule| rule.products.first());
        new.iter().filter(|(name, _)| first(name) == Some(product)).count()
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

    async fn land(
        &self,
        contact: &ContactId,
        product: &ProductId,
        gathered: &Gathered,
        new: &mut Facts,
    ) -> Result<(), Failure> {
        let landing = Landing { store: &self.store, rules: &self.playbook.interest, now: self.clock.now() };
        if landing.land(contact, product, &gathered.facts, new).await? == Landed::Nowhere {
            for entry in &gathered.entries {
                self.ledger.forget(entry).await?;
            }
        }
        Ok(())
    }

    /// No interest says whether the contact is known, so it is looked up: such engagements are few.
    async fn forget_if_erased(&self, contact: &ContactId, entry: &Key) -> Result<(), Failure> {
        match identity::resolve(&self.store, contact).await? {
            Resolved::Erased => self.ledger.forget(entry).await,
            Resolved::Same | Resolved::Into(_) => Ok(()),
        }
    }
}
