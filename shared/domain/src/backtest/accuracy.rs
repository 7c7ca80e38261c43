//! How well MQLs foresaw the deals that were won.

use std::collections::{HashMap, HashSet};

use crate::ids::{AccountId, ContactId, ProductId};

/// A deal that was won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deal {
    /// By whom.
    pub account: AccountId,
    /// What was bought.
    pub product: ProductId,
    /// The end of the day on which it was won, in seconds since the Unix epoch.
    pub won_second: i64,
    /// What it brought, in minor units of the playbook's currency.
    pub amount_cents: i64,
    /// The one contact who counts, if the deal names one.
    pub contact: Option<ContactId>,
}

/// An MQL, as far as a deal is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Whose.
    pub contact: &'a ContactId,
    /// The contact's account, if it is known.
    pub account: Option<&'a AccountId>,
    /// For which product.
    pub product: &'a ProductId,
    /// When it was reached, in seconds since the Unix epoch.
    pub second: i64,
}

/// Precision and recall, as exact fractions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    /// All MQLs, held ones included: the whole of precision.
    pub mqls: usize,
    /// MQLs that a deal followed: the part of precision.
    pub hits: usize,
    /// All won deals: the whole of recall.
    pub deals: usize,
    /// Deals that an MQL preceded: the part of recall.
    pub foreseen: usize,
    /// What the foreseen deals brought, in minor units.
    pub foreseen_cents: i64,
}

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Won deals, to hold MQLs against.
///
/// An MQL hits a deal of its contact (or, where the deal names none, of its contact's account) for its product, won after
/// the MQL and at most so many days later. One deal can be hit by several MQLs, and one MQL can hit several deals.
#[derive(Debug)]
pub struct WonDeals<'a> {
    deals: &'a [Deal],
    within_seconds: i64,
    by_account: HashMap<(&'a AccountId, &'a ProductId), Vec<usize>>,
    by_contact: HashMap<(&'a ContactId, &'a ProductId), Vec<usize>>,
}

impl<'a> WonDeals<'a> {
    /// These deals, and how many days an MQL may precede one.
    pub fn new(deals: &'a [Deal], within_days: i64) -> Self {
        let within_seconds = within_days.saturating_mul(DAY_SECONDS);
        let mut won = Self { deals, within_seconds, by_account: HashMap::new(), by_contact: HashMap::new() };
        for (index, deal) in deals.iter().enumerate() {
            match &deal.contact {
                Some(contact) => won.by_contact.entry((contact, &deal.product)).or_default().push(index),
                None => won.by_account.entry((&deal.account, &deal.product)).or_default().push(index),
            }
        }
        won
    }

    /// The deals that an MQL hits, by their place in the list.
    pub fn hit_by(&self, mql: &Candidate<'_>) -> Vec<usize> {
        let of_account = mql.account.and_then(|account| self.by_account.get(&(account, mql.product)));
        let of_contact = self.by_contact.get(&(mql.contact, mql.product));
        let soon = |deal: &usize| {
            let after = self.deals[*deal].won_second.saturating_sub(mql.second);
            (1..=self.within_seconds).contains(&after)
        };
        of_account.into_iter().chain(of_contact).flatten().copied().filter(soon).collect()
    }

    /// Precision and recall of these MQLs.
    pub fn measure<'m>(&self, mqls: impl IntoIterator<Item = Candidate<'m>>) -> Accuracy {
        let mut accuracy = Accuracy { deals: self.deals.len(), ..Accuracy::default() };
        let mut foreseen: HashSet<usize> = HashSet::new();
        for mql in mqls {
            let hit = self.hit_by(&mql);
            accuracy.mqls += 1;
            accuracy.hits += usize::from(!hit.is_empty());
            foreseen.extend(hit);
        }
        accuracy.foreseen = foreseen.len();
        let cents = foreseen.iter().map(|deal| self.deals[*deal].amount_cents);
        accuracy.foreseen_cents = cents.fold(0_i64, i64::saturating_add);
        accuracy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = DAY_SECONDS;

    /// MQLs as `contact account product second`, deals the same with `-` for no contact.
    fn check(mqls: &[(&str, &str, &str, i64)], deals: &[(&str, &str, &str, i64)], expected: &str) {
        let ids: Vec<(ContactId, AccountId, ProductId, i64)> = mqls
            .iter()
            .map(|(contact, account, product, second)| {
                (ContactId::from(*contact), AccountId::from(*account), ProductId::from(*product), *second)
            })
            .collect();
        let candidates = ids.iter().map(|(contact, account, product, second)| Candidate {
            contact,
            account: Some(account).filter(|account| account.as_str() != "-"),
            product,
            second: *second,
        });
        let deals: Vec<Deal> = deals
            .iter()
            .map(|(contact, account, product, second)| Deal {
                account: AccountId::from(*account),
                product: ProductId::from(*product),
                won_second: *second,
                amount_cents: 100,
                contact: Some(ContactId::from(*contact)).filter(|contact| contact.as_str() != "-"),
            })
            .collect();
        let seen = WonDeals::new(&deals, 180).measure(candidates);
        let shown = format!(
            "precision {}/{}, recall {}/{}, {} cents",
            seen.hits, seen.mqls, seen.foreseen, seen.deals, seen.foreseen_cents
        );
        assert_eq!(shown, expected, "{mqls:?} {deals:?}");
    }

    #[test]
    fn an_mql_hits_what_its_account_buys_soon_enough() {
        let anna = ("anna", "acme", "analytics", 0);
        check(&[], &[], "precision 0/0, recall 0/0, 0 cents");
        check(&[anna], &[], "precision 0/1, recall 0/0, 0 cents");
        check(&[anna], &[("-", "acme", "analytics", DAY)], "precision 1/1, recall 1/1, 100 cents");
        // Another product, another account, and a contact whose account nobody knows.
        check(&[anna], &[("-", "acme", "automation", DAY)], "precision 0/1, recall 0/1, 0 cents");
        check(&[anna], &[("-", "beta", "analytics", DAY)], "precision 0/1, recall 0/1, 0 cents");
        check(
            &[("anna", "-", "analytics", 0)],
            &[("-", "acme", "analytics", DAY)],
            "precision 0/1, recall 0/1, 0 cents",
        );
        // Not before it, not at the same second, and no later than the last day.
        check(&[anna], &[("-", "acme", "analytics", -1)], "precision 0/1, recall 0/1, 0 cents");
        check(&[anna], &[("-", "acme", "analytics", 0)], "precision 0/1, recall 0/1, 0 cents");
        check(&[anna], &[("-", "acme", "analytics", 180 * DAY)], "precision 1/1, recall 1/1, 100 cents");
        check(&[anna], &[("-", "acme", "analytics", 180 * DAY + 1)], "precision 0/1, recall 0/1, 0 cents");
        // A deal that names its contact is that contact's alone, whatever the account.
        let bob = ("bob", "acme", "analytics", 0);
        check(&[anna, bob], &[("bob", "acme", "analytics", DAY)], "precision 1/2, recall 1/1, 100 cents");
        check(
            &[("bob", "-", "analytics", 0)],
            &[("bob", "acme", "analytics", DAY)],
            "precision 1/1, recall 1/1, 100 cents",
        );
        // Two contacts foresee one deal; one contact foresees two.
        check(&[anna, bob], &[("-", "acme", "analytics", DAY)], "precision 2/2, recall 1/1, 100 cents");
        let two = [("-", "acme", "analytics", DAY), ("anna", "acme", "analytics", 2 * DAY)];
        check(&[anna], &two, "precision 1/1, recall 2/2, 200 cents");
    }
}
