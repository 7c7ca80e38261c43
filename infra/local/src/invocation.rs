//! Calling functions, and the calls that nobody waits for.
//!
//! Owns the call itself (a panic is a failure), schedules, and asynchronous invocations with Lambda's two retries. What
//! a call means for a stream or a queue is `delivery`'s.

use std::panic::AssertUnwindSafe;
use std::sync::PoisonError;

use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::acceptance::new_message;
use crate::records::{DeadLetter, Invocation, Tick};
use crate::schedule::{Schedule, ScheduleError};
use crate::store::{self, Write, invocation_partition};
use crate::world::{FunctionError, World, WorldError};

/// How often Lambda repeats an asynchronous invocation.
const ASYNC_RETRIES: u32 = 2;
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

pub(crate) struct ScheduleTrigger {
    function: String,
    name: String,
    input: String,
    pub(crate) schedule: Schedule,
}

impl ScheduleTrigger {
    pub(crate) fn new(
        function: &str,
        name: &str,
        expression: &str,
        time_zone: &str,
        input: &str,
    ) -> Result<Self, ScheduleError> {
        let schedule = Schedule::parse(expression, time_zone)?;
        Ok(Self { function: function.to_owned(), name: name.to_owned(), input: input.to_owned(), schedule })
    }

    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    pub(crate) fn next_cron_after(&self, after: Timestamp) -> Option<Timestamp> {
        if self.schedule.is_rate() { None } else { self.schedule.next_after(after) }
    }

    pub(crate) fn tick(&self, at: Timestamp) -> Tick {
        Tick { at, function: self.function.clone(), schedule: self.name.clone() }
    }
}

impl World {
    /// Calls a function.
    ///
    /// # Errors
    /// Outside: it has no implementation. Inside: it failed or panicked.
    pub(crate) async fn call(&self, function: &str, event: Value) -> Result<Result<Value, FunctionError>, WorldError> {
        let implementation = {
            let functions = self.inner.functions.read().unwrap_or_else(PoisonError::into_inner);
            functions.get(function).cloned().ok_or_else(|| WorldError::Missing(vec![function.to_owned()]))?
        };
        // The closure itself may panic too, before there is a future.
        let call = async move { implementation(event).await };
        let outcome = match AssertUnwindSafe(call).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(_) => Err(FunctionError::new("the function panicked")),
        };
        {
            let mut activity = self.activity();
            let (calls, failures) = activity.entry(function.to_owned()).or_default();
            *calls += 1;
            *failures += u64::from(outcome.is_err());
        }
        if let Err(error) = &outcome {
            tracing::warn!(function, %error, "a function failed");
        }
        self.inner.core.changed();
        Ok(outcome)
    }

    /// Queues the invocations of schedules together with the clock: a crash leaves both or neither, so that a restart
    /// neither loses nor repeats a tick.
    pub(crate) fn fire(&self, due: &[(&ScheduleTrigger, Timestamp)], now: Timestamp) -> Result<(), WorldError> {
        let core = &self.inner.core;
        let mut writes = vec![Write::clock(now.max(core.clock.now()))];
        for (schedule, at) in due {
            let input = schedule.input.replace(SCHEDULED_TIME, &at.to_string());
            let payload = serde_json::from_str(&input).map_err(store::StoreError::from)?;
            let source = format!("{}.{}", schedule.function, schedule.name);
            let invocation = Invocation { source, payload, failures: 0 };
            let partition = invocation_partition(&schedule.function);
            writes.push(Write::put(partition, core.store.next_key(), &invocation)?.visible_at(now));
        }
        core.store.write(&writes)?;
        Ok(())
    }

    /// Calls what waits for a function and is due. Returns how many calls it made.
    pub(crate) async fn deliver_invocations(
        &self,
        function: &str,
        on_failure: Option<&str>,
    ) -> Result<u64, WorldError> {
        let core = &self.inner.core;
        let partition = invocation_partition(function);
        let mut calls = 0;
        for (key, invocation) in core.store.visible::<Invocation>(&partition, core.clock.now(), 100)? {
            calls += 1;
            let outcome = self.call(function, invocation.payload.clone()).await?;
            let delete = Write::Delete { partition: partition.clone(), key: key.clone() };
            match outcome {
                Ok(_) => core.store.write(&[delete])?,
                Err(_) if invocation.failures < ASYNC_RETRIES => {
                    // Lambda waits one minute, then two.
                    let failures = invocation.failures + 1;
                    let at = core.clock.now() + SignedDuration::from_mins(i64::from(failures));
                    let retry = Invocation { failures, ..invocation };
                    core.store.write(&[Write::put(&partition, &key, &retry)?.visible_at(at)])?;
                }
                Err(error) => {
                    let mut writes = vec![delete];
                    writes.extend(self.give_up(&invocation.source, on_failure, &error.message, invocation.payload)?);
                    core.store.write(&writes)?;
                }
            }
        }
        Ok(calls)
    }

    /// The writes that record what was given up, and put it into its queue if there is one.
    pub(crate) fn give_up(
        &self,
        source: &str,
        queue: Option<&str>,
        reason: &str,
        body: Value,
    ) -> Result<Vec<Write>, WorldError> {
        let core = &self.inner.core;
        let at = core.clock.now();
        tracing::error!(source, queue, "gave up");
        let text = match &body {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let letter = DeadLetter {
            at,
            queue: queue.map(str::to_owned),
            source: source.to_owned(),
            reason: reason.to_owned(),
            body,
        };
        let mut writes = vec![Write::put(store::DEAD, core.store.next_key(), &letter)?];
        if let Some(queue) = queue {
            writes.push(new_message(core, queue, &text, Value::Object(serde_json::Map::new()), at)?.0);
        }
        Ok(writes)
    }
}
