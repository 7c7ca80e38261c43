//! Moving the virtual clock.
//!
//! Owns the order of what happens on the way: schedules and due retries, each at its own instant. It leaves out no retry, and a
//! firing only where its function could find nothing to do (`nominated`).

use jiff::Timestamp;

use crate::invocation::ScheduleTrigger;
use crate::records::Tick;
use crate::store::{invocation_partition, queue_partition};
use crate::world::{World, WorldError};

impl World {
    /// Moves the clock to an instant: at every firing of a schedule and every due retry on the way the clock is set to
    /// it and everything settles. `on_tick` is told of each firing, after it has settled. A firing that
    /// [`World::set_nominations`] shows to be idle does not happen, and nobody is told of it.
    ///
    /// A `rate(…)` schedule fires once, at the end: it is there to find what was left behind (the outbox sweep), and
    /// between two settles nothing can be; a quarter has 26,000 five-minute ticks.
    ///
    /// # Errors
    /// As [`World::settle`], or an instant before the clock.
    pub async fn advance_to(&self, instant: Timestamp, on_tick: impl FnMut(&Tick) + Send) -> Result<(), WorldError> {
        let mut fired_until = self.inner.delivering.lock().await;
        let follows = self.clock().follows_system();
        let advanced = self.advance(&mut fired_until, instant, on_tick).await;
        if follows {
            self.clock().follow_system();
        }
        advanced
    }

    async fn advance(
        &self,
        fired_until: &mut Timestamp,
        instant: Timestamp,
        mut on_tick: impl FnMut(&Tick) + Send,
    ) -> Result<(), WorldError> {
        let core = &self.inner.core;
        let start = core.clock.now();
        if instant < start && instant < *fired_until {
            return Err(WorldError::Backwards { clock: start, instant });
        }
        // It stands from here on, until it is moved.
        core.clock.set(start);
        self.deliver_all().await?;
        let mut now = start;
        loop {
            let firings = self.firings_in(now, instant)?;
            let tick = firings.iter().map(|(_, at)| *at).min();
            let retry = self.next_retry()?.filter(|at| *at > now);
            let Some(at) = [tick, retry].into_iter().flatten().min().filter(|at| *at <= instant) else {
                break;
            };
            let due: Vec<(&ScheduleTrigger, Timestamp)> =
                firings.into_iter().filter(|(_, firing)| *firing == at).collect();
            // A function that waited may have moved it further.
            core.clock.forward(at);
            self.fire(&due, at)?;
            *fired_until = at;
            now = at;
            self.deliver_all().await?;
            due.iter().for_each(|(schedule, at)| on_tick(&schedule.tick(*at)));
        }
        core.clock.forward(instant);
        let rates = self.inner.schedules.iter().filter(|schedule| schedule.schedule.is_rate());
        let due: Vec<_> = rates.filter_map(|rate| Some((rate, rate.schedule.last_between(start, instant)?))).collect();
        self.fire(&due, instant)?;
        *fired_until = instant;
        self.deliver_all().await?;
        due.iter().for_each(|(schedule, at)| on_tick(&schedule.tick(*at)));
        Ok(())
    }

    /// The next firing of each schedule until an instant.
    fn firings_in(&self, after: Timestamp, until: Timestamp) -> Result<Vec<(&ScheduleTrigger, Timestamp)>, WorldError> {
        let mut firings = Vec::new();
        for schedule in &self.inner.schedules {
            if let Some(at) = self.next_firing(schedule, after, until)? {
                firings.push((schedule, at));
            }
        }
        Ok(firings)
    }

    /// When something that failed is tried again.
    fn next_retry(&self) -> Result<Option<Timestamp>, WorldError> {
        let queues = self.inner.queues.iter().map(|reader| queue_partition(&reader.queue));
        let functions = self.wiring().functions.iter().map(|function| invocation_partition(&function.logical_id));
        let mut earliest: Option<Timestamp> = None;
        for partition in queues.chain(functions) {
            let next = self.inner.core.store.next_visible(&partition)?;
            earliest = [earliest, next].into_iter().flatten().min();
        }
        Ok(earliest)
    }
}
