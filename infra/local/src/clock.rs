//! The virtual clock.
//!
//! Owns the time of the local world: standing still until it is set, or following the system's. It never moves tokio's
//! time (the SDK's timeouts are about real sockets), and it never goes backwards by itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dynoxide::storage_backend::Clock;
use jiff::{SignedDuration, Timestamp};

/// A handle to the clock; clones show the same time.
#[derive(Clone)]
pub struct ClockHandle(Arc<Mutex<State>>);

#[derive(Debug, Clone, Copy)]
enum State {
    Standing(Timestamp),
    /// The system's time plus an offset.
    Following(SignedDuration),
}

impl ClockHandle {
    /// A clock that stands at an instant until it is set.
    pub fn standing_at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State::Standing(now))))
    }

    /// A clock that shows the system's time.
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(State::Following(SignedDuration::ZERO))))
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        match *self.state() {
            State::Standing(now) => now,
            State::Following(offset) => Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX),
        }
    }

    /// Shows `now` and stands there.
    pub fn set(&self, now: Timestamp) {
        *self.state() = State::Standing(now);
    }

    /// Shows `now` and stands there, unless it shows a later time already.
    pub fn forward(&self, now: Timestamp) {
        let mut state = self.state();
        if matches!(*state, State::Standing(shown) if shown < now) {
            *state = State::Standing(now);
        }
    }

    /// Runs at the system's pace from now on: with the system's time, or, if the clock is ahead of it (it was advanced
    /// by hand), from where it stands, because what has been written already must not lie in the future.
    pub fn follow_system(&self) {
        let ahead = self.now().duration_since(Timestamp::now());
        *self.state() = State::Following(ahead.max(SignedDuration::ZERO));
    }

    /// Whether it runs at the system's pace.
    pub fn follows_system(&self) -> bool {
        matches!(*self.state(), State::Following(_))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is one word and is never left half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClockHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ClockHandle").field(&self.now()).finish()
    }
}

/// The database's own stamps (stream records, idempotency windows) follow the virtual clock where it takes one.
impl Clock for ClockHandle {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.now().as_second()).unwrap_or_default()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.now().as_millisecond() as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = ClockHandle::standing_at("2026-01-01T00:00:00Z".parse().unwrap());
        let other = clock.clone();
        clock.set("2026-02-01T00:00:00Z".parse().unwrap());
        assert_eq!(other.now().to_string(), "2026-02-01T00:00:00Z");
    }

    #[test]
    fn moved_forward_it_never_goes_back() {
        let clock = ClockHandle::standing_at("2026-01-02T00:00:00Z".parse().unwrap());
        clock.forward("2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(clock.now().to_string(), "2026-01-02T00:00:00Z");
        clock.forward("2026-01-03T00:00:00Z".parse().unwrap());
        assert_eq!(clock.now().to_string(), "2026-01-03T00:00:00Z");
    }

    #[test]
    fn following_the_system_never_goes_back() {
        let ahead: Timestamp = "2199-01-01T00:00:00Z".parse().unwrap();
        let clock = ClockHandle::standing_at(ahead);
        clock.follow_system();
        assert!(clock.now() >= ahead);
        let behind = ClockHandle::standing_at("2001-01-01T00:00:00Z".parse().unwrap());
        behind.follow_system();
        assert!(behind.now() > "2026-01-01T00:00:00Z".parse().unwrap());
    }
}
