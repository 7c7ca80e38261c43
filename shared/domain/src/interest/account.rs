//! The interest of an account: that of its contacts together.

use std::collections::BTreeMap;

use super::InterestRules;
use crate::ids::ContactId;

/// The interest of all contacts of an account in one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountInterest {
    /// The sum of its contacts' points, at most the cap.
    pub points: i64,
    /// How many of them have any.
    pub interested: usize,
    /// Who has most; the first by id among equals.
    pub strongest: Option<ContactId>,
}

/// The interest of an account, from its contacts' points in one product.
pub fn of_account<'a>(
    rules: &InterestRules,
    contacts: impl IntoIterator<Item = (&'a ContactId, i64)>,
) -> AccountInterest {
    let warm: BTreeMap<&ContactId, i64> = contacts.into_iter().filter(|(_, points)| *points > 0).collect();
    let sum = warm.values().fold(0_i64, |sum, points| sum.saturating_add(*points));
    let strongest = warm.iter().max_by(|(a, more), (b, points)| more.cmp(points).then(b.cmp(a)));
    AccountInterest {
        points: sum.min(rules.cap),
        interested: warm.len(),
        strongest: strongest.map(|(contact, _)| (*contact).clone()),
    }
}
