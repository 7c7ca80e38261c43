//! The same functions in the same world, whose calls pass somebody who watches or changes them; and the world's dead letters.

use std::sync::Arc;

use ingest_engagement::Ingest;
use perennial_platform::ledger::Ledger;
use perennial_platform::mail::Mailer;
use perennial_platform::store::Store;
use perennial_platform::webhook::secrets::SourceSecrets;

use crate::redrive::{Places, Queue};

use super::{CONFIGURATION_SET, Deployment, address_key, clock_of, sdk_config};

impl Deployment {
    /// Where the world's dead letters lie, and what redriving them touches.
    pub async fn dead_letters(&self) -> Places {
        let services = sdk_config(&self.world.endpoints().aws).await;
        let url = |queue| (queue, self.world.queue_url(queue));
        Places {
            queues: aws_sdk_sqs::Client::new(&services),
            url: Queue::logical_ids().map(url).collect(),
            events: aws_sdk_eventbridge::Client::new(&services),
            bus: "EventBus".to_owned(),
            tables: self.store.client.clone(),
            ledger: self.ledger_table.clone(),
            clock: clock_of(&self.world),
            interrupted: Arc::default(),
        }
    }

    /// Gives every function clients that connect to these places, for DynamoDB and for all other services; what they are told of
    /// the world stays as it is.
    pub async fn through(&self, dynamodb: &str, services: &str, public_url: &str) -> Self {
        let (tables, services) = (sdk_config(dynamodb).await, sdk_config(services).await);
        let (ledger, clock) = (Ledger::new(&tables, &self.ledger_table), clock_of(&self.world));
        let ingest = Arc::new(Ingest {
            ledger: ledger.clone(),
            secrets: SourceSecrets::fixed(self.secrets.clone()),
            addresses: address_key(),
            playbook: Arc::clone(&self.playbook),
            clock: clock.clone(),
        });
        let client = aws_sdk_dynamodb::Client::new(&tables);
        let sender = &self.playbook.company.sender;
        let watched = Self {
            store: Store { client, state: self.store.state.clone() },
            ingest,
            mailer: Mailer::new(&services, sender, Some(CONFIGURATION_SET.to_owned())),
            ..self.clone()
        };
        watched.register(&services, &ledger, &clock, public_url);
        watched
    }
}
