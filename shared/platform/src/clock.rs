//! The only place that reads a clock, and that waits for one. Everything else is told what time it is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// Until an instant has come.
pub type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

type Now = dyn Fn() -> Timestamp + Send + Sync;
type Wait = dyn Fn(Timestamp) -> Waiting + Send + Sync;

/// Where a function gets `now` from: the system in AWS, the virtual clock in the local world.
#[derive(Clone)]
pub struct Clock {
    now: Arc<Now>,
    wait: Arc<Wait>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        let wait = |until: Timestamp| -> Waiting { Box::pin(tokio::time::sleep(between(Timestamp::now(), until))) };
        Self { now: Arc::new(Timestamp::now), wait: Arc::new(wait) }
    }

    /// A clock of the caller's, who alone moves it: waiting for it ends at once.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self::with_wait(now, |_| Box::pin(std::future::ready(())))
    }

    /// A clock of the caller's, and how one waits for it.
    pub fn with_wait(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        wait: impl Fn(Timestamp) -> Waiting + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), wait: Arc::new(wait) }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Waits until an instant has come, and says what time it is then: never earlier, also by a clock that only its owner moves.
    pub async fn until(&self, instant: Timestamp) -> Timestamp {
        if self.now() < instant {
            (self.wait)(instant).await;
        }
        self.now().max(instant)
    }
}

/// How long it is from one instant to another; nothing if it has passed.
pub fn between(from: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(from)).unwrap_or_default()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
