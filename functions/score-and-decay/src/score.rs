//! A batch of engagements: one update per contact and product.

use std::collections::BTreeMap;

use aws_lambda_events::dynamodb::Event as StreamEvent;
use jiff::Timestamp;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::interest::{FactName, first_look_at, instant};
use perennial_platform::failure::Failure;
use perennial_platform::interest::add;
use perennial_platform::lambda::{BatchAnswer, new_image};
use perennial_platform::ledger::Entry;

use crate::ScoreAndDecay;
use crate::tell::Evaluated;

/// The engagements of one contact and product, and the records they came in.
#[derive(Default)]
struct Gathered {
    facts: Vec<(FactName, i64)>,
    records: Vec<String>,
}

impl ScoreAndDecay {
    pub(crate) async fn score(&self, batch: StreamEvent) -> BatchAnswer {
        let mut answer = BatchAnswer::default();
        let mut gathered: BTreeMap<(ContactId, ProductId), Gathered> = BTreeMap::new();
        for record in batch.records {
            let (sequence_number, entry) = new_image::<Entry>(record);
            match entry {
                Err(failure) => answer.fail(&sequence_number, &failure),
                Ok(entry) => self.gather(entry, &sequence_number, &mut gathered),
            }
        }
        let now = self.clock.now();
        for ((contact, product), gathered) in gathered {
            if let Err(failure) = self.add_and_tell(&contact, &product, &gathered.facts, now).await {
                for sequence_number in gathered.records {
                    answer.fail(&sequence_number, &failure);
                }
            }
        }
        answer
    }

    fn gather(&self, entry: Entry, sequence_number: &str, gathered: &mut BTreeMap<(ContactId, ProductId), Gathered>) {
        let Some((contact, name)) = entry.told.fact() else { return };
        // An asset that has left the playbook since: the ledger keeps the engagement for a rebuild.
        let Some(rule) = self.playbook.interest.assets.get(&name.asset) else { return };
        for product in &rule.products {
            let here = gathered.entry((contact.clone(), product.clone())).or_default();
            here.facts.push((name.clone(), entry.happened_at));
            here.records.push(sequence_number.to_owned());
        }
    }

    /// Adds the facts; tells of each quarter that they reach and that has neither lead nor held marker, and marks the leads
    /// that they undo.
    async fn add_and_tell(
        &self,
        contact: &ContactId,
        product: &ProductId,
        facts: &[(FactName, i64)],
        now: Timestamp,
    ) -> Result<(), Failure> {
        let rules = &self.playbook.interest;
        let item = add(&self.store, contact, product, facts, first_look_at(rules, now)).await?;
        let interest = Evaluated::at(now, &self.store, rules, (contact, product), &item);
        // A fact can only reach quarters from its own on.
        let counting = facts.iter().filter(|(name, _)| rules.can_reach(name)).map(|(_, second)| *second);
        let first = rules.quarters.of(counting.min().map_or(now, instant));
        interest.tell_from(first).await?;
        interest.mark_leads(facts).await
    }
}
