//! Reading what the doctor judges: of a stack from AWS, of a world from its own services.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{AttributeValue, ContinuousBackupsStatus, PointInTimeRecoveryStatus};
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use perennial_platform::ledger::Ledger;
use perennial_platform::mail::is_production;
use perennial_platform::outbox::Waiting;
use perennial_platform::sending::{Sending, approval};
use perennial_platform::store::Store;
use perennial_platform::{keys, metrics};
use perennial_playbook::Playbook;

use super::watch::Watch;
use super::{Facts, QueueSeen, Read, TableSeen, topic};
use crate::deployment::Deployment;
use crate::redrive::Queue;
use crate::stack::{Stack, reason};

/// Everything that is to be known of a stack.
pub async fn of_stack(config: &SdkConfig, stack: &Stack, playbook: &Playbook, now: Timestamp) -> Facts {
    let tables = aws_sdk_dynamodb::Client::new(config);
    let watch = Watch { config, now };
    let state = stack.state_table().map(str::to_owned).unwrap_or_default();
    let store = Store { client: tables.clone(), state };
    let ledger = Ledger::new(config, stack.ledger_table().unwrap_or_default());
    let namespace = format!("Perennial/{}", stack.stage());
    let mut facts = of_store(&store, &ledger, playbook, now).await;
    facts.stack = Some(stack.status.clone());
    facts.playbook = stack.playbook_version().map(str::to_owned);
    facts.alarms = Some(watch.alarms(stack).await);
    facts.subscriptions = Some(match stack.resource("AlarmTopic") {
        Ok(topic) => topic::subscriptions(config, topic, now).await,
        Err(error) => Err(error.to_string()),
    });
    facts.queues = queues(config, stack, &watch).await;
    facts.unknown_sends = watch.unknown_sends(&namespace).await;
    facts.needs_approval = approval::needed(is_production(stack.stage()), &playbook.company.sender);
    for table in ["LedgerTable", "StateTable"] {
        facts.tables.push((table.to_owned(), self::table(&tables, stack, table).await));
    }
    for secret in ["WebhookSecretName", "KeySecretName"] {
        facts.secrets.push((secret.to_owned(), self::secret(config, stack, secret).await));
    }
    for job in metrics::JOBS {
        facts.jobs.push((job.to_owned(), watch.last_end(&namespace, job).await));
    }
    facts
}

/// Everything that is to be known of a world on this machine.
///
/// A world has no alarms, no secrets and no metrics, and its jobs run whenever its clock moves.
pub async fn of_world(deployment: &Deployment) -> Facts {
    let now = deployment.world.clock().now();
    let ledger = &deployment.ingest.ledger;
    let mut facts = of_store(&deployment.store, ledger, &deployment.playbook, now).await;
    facts.queues = deployment.world.counts().map_err(|error| error.to_string()).map(|counts| {
        let seen = |(queue, waiting): (String, usize)| {
            let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
            QueueSeen { queue, waiting, oldest_seconds: Ok(None) }
        };
        counts.queued.into_iter().map(seen).collect()
    });
    facts.unknown_sends = unknown_slots(&deployment.store).await.map(|unknown| (unknown, unknown));
    facts
}

/// What the tables know.
async fn of_store(store: &Store, ledger: &Ledger, playbook: &Playbook, now: Timestamp) -> Facts {
    let rules = playbook.sending.rules.clone();
    let sending = Sending { store: store.clone(), rules, needs_approval: None };
    Facts {
        now,
        stack: None,
        playbook: None,
        alarms: None,
        subscriptions: None,
        queues: Ok(Vec::new()),
        outbox: outbox(store).await,
        unknown_sends: Ok((0, 0)),
        quarantined: ledger.quarantined().await.map(|keys| keys.len()).map_err(|failure| failure.to_string()),
        sending: sending.known().await.map_err(|failure| failure.to_string()),
        needs_approval: None,
        tables: Vec::new(),
        secrets: Vec::new(),
        jobs: Vec::new(),
    }
}

async fn outbox(store: &Store) -> Read<(usize, Option<Timestamp>)> {
    let mut waiting: Vec<Waiting> = Vec::new();
    for shard in 0..keys::SHARDS {
        let shard = store.partition(&keys::outbox_shard(shard), None).await;
        waiting.extend(shard.map_err(|failure| failure.to_string())?);
    }
    let since = |event: &Waiting| event.written_at.unwrap_or(event.happened_at);
    let oldest = waiting.iter().map(since).min().and_then(|at| Timestamp::from_second(at).ok());
    Ok((waiting.len(), oldest))
}

/// Slots of which nobody knows whether SES took their mail: of a world, which is small, all of them.
async fn unknown_slots(store: &Store) -> Read<i64> {
    let request = store.client.scan().table_name(&store.state).filter_expression("#state = :unknown");
    let request = request.expression_attribute_names("#state", "state");
    let request = request.expression_attribute_values(":unknown", AttributeValue::S("UNKNOWN".to_owned()));
    let mut pages = request.into_paginator().items().send();
    let mut unknown = 0;
    while let Some(item) = pages.next().await {
        item.map_err(reason)?;
        unknown += 1;
    }
    Ok(unknown)
}

async fn queues(config: &SdkConfig, stack: &Stack, watch: &Watch<'_>) -> Read<Vec<QueueSeen>> {
    let client = aws_sdk_sqs::Client::new(config);
    let mut seen = Vec::new();
    for queue in ["MailQueue", "MailEventsQueue"].into_iter().chain(Queue::ALL.map(Queue::logical_id)) {
        let url = stack.resource(queue).map_err(|error| error.to_string())?;
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let request = client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let answer = request.send().await.map_err(reason)?;
        let count = |name: &QueueAttributeName| answer.attributes()?.get(name)?.parse::<i64>().ok();
        let waiting = names.iter().filter_map(count).sum();
        let name = url.rsplit('/').next().unwrap_or_default();
        let oldest_seconds = if waiting > 0 { watch.oldest_message(name).await } else { Ok(None) };
        seen.push(QueueSeen { queue: queue.to_owned(), waiting, oldest_seconds });
    }
    Ok(seen)
}

async fn table(client: &aws_sdk_dynamodb::Client, stack: &Stack, table: &str) -> Read<TableSeen> {
    let name = stack.resource(table).map_err(|error| error.to_string())?;
    let described = client.describe_table().table_name(name).send().await.map_err(reason)?;
    let backups = client.describe_continuous_backups().table_name(name).send().await.map_err(reason)?;
    let backups = backups.continuous_backups_description();
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description());
    let on = recovery.and_then(|recovery| recovery.point_in_time_recovery_status());
    let enabled = backups.map(|backups| backups.continuous_backups_status()) == Some(&ContinuousBackupsStatus::Enabled);
    Ok(TableSeen {
        protected: described.table().and_then(|table| table.deletion_protection_enabled()).unwrap_or(false),
        recoverable: enabled && on == Some(&PointInTimeRecoveryStatus::Enabled),
    })
}

async fn secret(config: &SdkConfig, stack: &Stack, parameter: &str) -> Read<bool> {
    let name = stack.parameter(parameter).ok_or_else(|| format!("the stack has no {parameter}"))?;
    match aws_sdk_secretsmanager::Client::new(config).describe_secret().secret_id(name).send().await {
        Ok(secret) => Ok(secret.deleted_date().is_none()),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_resource_not_found_exception()) => Ok(false),
        Err(error) => Err(reason(error)),
    }
}
