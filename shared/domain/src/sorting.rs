//! The one score by which sales sorts leads, and what made it high.
//!
//! Source: sales sees one sorting score, and whether fit, engagement or both made it high.

use std::fmt;

/// How the sorting score is made and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortingRules {
    /// Percent of the sorting score that is fit; the rest is engagement.
    pub fit_weight_percent: i64,
    /// Hot at or above.
    pub hot: i64,
    /// Warm at or above; below it is cold.
    pub warm: i64,
}

/// How urgent a sorting score is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Temperature {
    /// Below the mark for warm.
    Cold,
    /// In between.
    Warm,
    /// At or above the mark for hot.
    Hot,
}

/// What made a sorting score high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Fit is at the mark for warm, and engagement is not.
    Fit,
    /// Engagement is, and fit is not.
    Engagement,
    /// Both are.
    Both,
    /// Nothing did: the score is cold.
    Neither,
}

/// A sorting score, 0..=100, and its split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortingScore {
    /// What leads are sorted by.
    pub points: i64,
    /// So much of it is fit.
    pub from_fit: i64,
    /// So much of it is engagement; the two add up.
    pub from_engagement: i64,
    /// How urgent it is.
    pub temperature: Temperature,
    /// What made it high.
    pub driver: Driver,
}

impl SortingScore {
    /// Whether it takes the place of an earlier one: who asks again does not go down the list.
    pub fn raises(&self, earlier_points: i64) -> bool {
        self.points >= earlier_points
    }
}

/// The sorting score of fit and engagement, each 0..=100.
pub fn evaluate(rules: &SortingRules, fit: i64, engagement: i64) -> SortingScore {
    let points = (fit * rules.fit_weight_percent + engagement * (100 - rules.fit_weight_percent)) / 100;
    let from_fit = fit * rules.fit_weight_percent / 100;
    let temperature = match points {
        p if p >= rules.hot => Temperature::Hot,
        p if p >= rules.warm => Temperature::Warm,
        _ => Temperature::Cold,
    };
    SortingScore {
        points,
        from_fit,
        from_engagement: points - from_fit,
        driver: match temperature {
            Temperature::Cold => Driver::Neither,
            Temperature::Warm | Temperature::Hot => driver(rules, fit, engagement),
        },
        temperature,
    }
}

/// What made a score high that is not cold. A part without weight never did.
fn driver(rules: &SortingRules, fit: i64, engagement: i64) -> Driver {
    let by_fit = fit >= rules.warm && rules.fit_weight_percent > 0;
    let by_engagement = engagement >= rules.warm && rules.fit_weight_percent < 100;
    match (by_fit, by_engagement) {
        (true, true) => Driver::Both,
        (true, false) => Driver::Fit,
        (false, true) => Driver::Engagement,
        (false, false) => Driver::Neither,
    }
}

impl Driver {
    /// The name in storage and in front of people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Engagement => "engagement",
            Self::Both => "fit and engagement",
            Self::Neither => "neither",
        }
    }

    /// The driver of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Fit, Self::Engagement, Self::Both, Self::Neither].into_iter().find(|driver| driver.as_str() == name)
    }
}

/// Points as a percentage of four thresholds: a score at the threshold is a quarter of the way, four times that is full.
pub fn engagement(points: i64, threshold: i64) -> i64 {
    (points.saturating_mul(25) / threshold.max(1)).clamp(0, 100)
}

/// How well somebody fits, in 1 to 5 stars: fifths of the best fit that there can be.
pub fn stars(fit: i64) -> usize {
    1 + usize::try_from(fit.clamp(0, 99) / 20).unwrap_or(0)
}

/// How warm interest is just now, in 0 to 3 flames: one if there is any, two from the threshold on, three from twice the
/// threshold on.
pub fn flames(points: i64, threshold: i64) -> usize {
    let threshold = threshold.max(1);
    match points {
        ..=0 => 0,
        points if points < threshold => 1,
        points if points < threshold.saturating_mul(2) => 2,
        _ => 3,
    }
}

impl fmt::Display for Temperature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::Hot => "hot",
        })
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_adds_up_and_names_what_made_it_high() {
        let check = |weight, fit, engagement, expected: &str| {
            let rules = SortingRules { fit_weight_percent: weight, hot: 60, warm: 30 };
            let score = evaluate(&rules, fit, engagement);
            assert_eq!(score.from_fit + score.from_engagement, score.points);
            let SortingScore { points, from_fit, from_engagement, temperature, driver } = score;
            let seen = format!("{points} = {from_fit} + {from_engagement}, {temperature}, {driver}");
            assert_eq!(seen, expected, "{weight} % of {fit}, {engagement}");
        };
        check(50, 0, 0, "0 = 0 + 0, cold, neither");
        check(50, 100, 100, "100 = 50 + 50, hot, fit and engagement");
        check(50, 100, 25, "62 = 50 + 12, hot, fit");
        check(50, 29, 30, "29 = 14 + 15, cold, neither");
        check(50, 31, 30, "30 = 15 + 15, warm, fit and engagement");
        check(30, 55, 55, "55 = 16 + 39, warm, fit and engagement");
        check(0, 100, 10, "10 = 0 + 10, cold, neither");
        check(0, 100, 40, "40 = 0 + 40, warm, engagement");
        check(100, 80, 100, "80 = 80 + 0, hot, fit");
        check(100, 80, 0, "80 = 80 + 0, hot, fit");
    }

    #[test]
    fn five_stars_for_the_best_fit_and_three_flames_for_twice_the_threshold() {
        for (fit, expected) in [(-5, 1), (0, 1), (19, 1), (20, 2), (59, 3), (60, 4), (80, 5), (100, 5), (i64::MAX, 5)] {
            assert_eq!(stars(fit), expected, "{fit}");
        }
        for (points, threshold, expected) in [
            (-1, 5, 0),
            (0, 5, 0),
            (1, 5, 1),
            (4, 5, 1),
            (5, 5, 2),
            (9, 5, 2),
            (10, 5, 3),
            (90, 5, 3),
            (0, 0, 0),
            (1, 0, 2),
        ] {
            assert_eq!(flames(points, threshold), expected, "{points} of {threshold}");
        }
    }

    #[test]
    fn engagement_is_full_at_four_thresholds() {
        for (points, threshold, expected) in
            [(0, 5, 0), (5, 5, 25), (12, 5, 60), (20, 5, 100), (90, 5, 100), (3, 1, 75)]
        {
            assert_eq!(engagement(points, threshold), expected, "{points} of {threshold}");
        }
    }
}
