//! The reverse funnel: from a revenue goal back to the MQLs it needs.
//!
//! Fractions are carried through the whole chain and rounded up only for display: 889 SQLs ÷ 15 % would give the wrong
//! number of MQLs, 888.89 ÷ 15 % gives 5,925.93, so 5,926.

/// The plan to compute from. Money in minor units, rates in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Revenue wanted, in cents.
    pub revenue_cents: u64,
    /// What one win brings on average, in cents; above zero.
    pub average_price_cents: u64,
    /// Opportunities that are won; 1–100.
    pub win_rate_percent: u64,
    /// SQLs that become opportunities; 1–100.
    pub opportunity_rate_percent: u64,
    /// MQLs that become SQLs; 1–100.
    pub sql_rate_percent: u64,
}

/// What the goal needs, each rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funnel {
    /// Deals to win.
    pub wins: u128,
    /// Opportunities to open.
    pub opportunities: u128,
    /// What those opportunities are worth, in cents.
    pub pipeline_cents: u128,
    /// Leads that sales must accept.
    pub sqls: u128,
    /// Product MQLs that marketing must make.
    pub mqls: u128,
}

/// A rate or price of zero leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} must be above zero")]
pub struct Zero(pub &'static str);

/// What a plan needs.
///
/// # Errors
/// [`Zero`] names the first of price and rates that is zero.
pub fn reverse(plan: &Plan) -> Result<Funnel, Zero> {
    for (name, value) in [
        ("average_price_cents", plan.average_price_cents),
        ("win_rate_percent", plan.win_rate_percent),
        ("opportunity_rate_percent", plan.opportunity_rate_percent),
        ("sql_rate_percent", plan.sql_rate_percent),
    ] {
        if value == 0 {
            return Err(Zero(name));
        }
    }
    // Each stage is numerator ÷ denominator, exactly; u128 holds a u64 times three hundreds with room.
    let wins = (u128::from(plan.revenue_cents), u128::from(plan.average_price_cents));
    let before = |(numerator, denominator): (u128, u128), rate: u64| (numerator * 100, denominator * u128::from(rate));
    let opportunities = before(wins, plan.win_rate_percent);
    let sqls = before(opportunities, plan.opportunity_rate_percent);
    let mqls = before(sqls, plan.sql_rate_percent);
    let up = |(numerator, denominator): (u128, u128)| numerator.div_ceil(denominator);
    Ok(Funnel {
        wins: up(wins),
        opportunities: up(opportunities),
        // Opportunities × price is revenue ÷ win rate: the price cancels out.
        pipeline_cents: up(before((u128::from(plan.revenue_cents), 1), plan.win_rate_percent)),
        sqls: up(sqls),
        mqls: up(mqls),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_the_practice() {
        let plan = Plan {
            revenue_cents: 500_000_000,
            average_price_cents: 2_500_000,
            win_rate_percent: 25,
            opportunity_rate_percent: 90,
            sql_rate_percent: 15,
        };
        let funnel = Funnel { wins: 200, opportunities: 800, pipeline_cents: 2_000_000_000, sqls: 889, mqls: 5_926 };
        assert_eq!(reverse(&plan), Ok(funnel));
        assert_eq!(reverse(&Plan { sql_rate_percent: 0, ..plan }), Err(Zero("sql_rate_percent")));
        assert!(reverse(&Plan { revenue_cents: u64::MAX, average_price_cents: 1, ..plan }).is_ok());
    }
}
