//! Decay cycles of two weeks, numbered from a fixed Monday.
//!
//! The source of the practice says "cycles of two weeks" and names no start. A fixed origin makes the cycle of an
//! instant a property of the instant, so that a missed or repeated run of the decay job changes nothing.

use std::ops::Add;

use jiff::Timestamp;

/// Monday 2024-01-01T00:00:00Z, in seconds: the start of cycle 0.
const ORIGIN_SECONDS: i64 = 1_704_067_200;

/// The length of a cycle in seconds: 14 days.
pub const CYCLE_SECONDS: i64 = 14 * 24 * 60 * 60;

/// A two-week cycle. Cycles before 2024 are negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cycle(i64);

impl Cycle {
    /// The cycle that holds this second since the Unix epoch.
    pub const fn of_second(second: i64) -> Self {
        Self((second - ORIGIN_SECONDS).div_euclid(CYCLE_SECONDS))
    }

    /// The cycle that holds this instant.
    pub fn of(at: Timestamp) -> Self {
        Self::of_second(at.as_second())
    }

    /// The cycle's number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The cycle's first second since the Unix epoch.
    pub const fn start_second(self) -> i64 {
        ORIGIN_SECONDS + self.0 * CYCLE_SECONDS
    }

    /// The first second after the cycle: when it has completed, and decays.
    pub const fn end_second(self) -> i64 {
        self.start_second() + CYCLE_SECONDS
    }
}

impl Add<i64> for Cycle {
    type Output = Self;
    fn add(self, cycles: i64) -> Self {
        Self(self.0 + cycles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_starts_on_a_monday_and_lasts_two_weeks() {
        for (instant, number) in [
            ("2024-01-01T00:00:00Z", 0),
            ("2023-12-31T23:59:59Z", -1),
            ("2024-01-14T23:59:59Z", 0),
            ("2024-01-15T00:00:00Z", 1),
            ("2026-01-05T00:00:00Z", 52),
            ("2026-01-12T00:00:00Z", 53),
        ] {
            let at: Timestamp = instant.parse().unwrap();
            assert_eq!(Cycle::of(at).number(), number, "{instant}");
        }
    }
}
