//! What is known of contacts and accounts, merged field by field: the newer statement wins, whatever the order of
//! arrival.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;

use crate::ids::{AccountId, ContactId, ProductId, RepId};

/// A statement about one field, and when it was made (seconds since the Unix epoch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// When it was last stated.
    pub second: i64,
    /// What was stated.
    pub value: String,
    /// Since when it has been so: a sender that says the same every night says nothing new.
    pub since: i64,
}

/// The fields of a contact or an account, each with when it was stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub BTreeMap<String, Stated>);

impl Fields {
    /// Takes over each field that is newer than what is known; at the same second the greater text wins, so that the
    /// result does not depend on the order. Returns whether anything changed.
    pub fn merge(&mut self, statements: impl IntoIterator<Item = (String, String)>, second: i64) -> bool {
        let mut changed = false;
        for (field, value) in statements {
            let stated = match self.0.get(&field) {
                Some(known) if known.value == value => {
                    Stated { second: known.second.max(second), since: known.since.min(second), value }
                }
                Some(known) if (known.second, &known.value) >= (second, &value) => continue,
                _ => Stated { second, since: second, value },
            };
            changed |= self.0.get(&field) != Some(&stated);
            self.0.insert(field, stated);
        }
        changed
    }

    /// Takes over each field of another contact or account that is newer, with the times at which it was stated there.
    /// Returns whether anything changed.
    pub fn unite(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (field, theirs) in &other.0 {
            let united = match self.0.get(field) {
                Some(ours) if ours.value == theirs.value => Stated {
                    second: ours.second.max(theirs.second),
                    since: ours.since.min(theirs.since),
                    value: ours.value.clone(),
                },
                Some(ours) if (ours.second, &ours.value) >= (theirs.second, &theirs.value) => continue,
                _ => theirs.clone(),
            };
            self.0.insert(field.clone(), united);
        }
        *self != before
    }

    /// The value of a field, unless it is missing or empty.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(|stated| stated.value.as_str()).filter(|value| !value.is_empty())
    }
}

/// A contact as decisions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub id: ContactId,
    /// Where they work.
    pub account: Option<AccountId>,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// What to call them.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Title on the business card.
    pub title: Option<String>,
    /// practitioner, user, decision-maker or executive.
    pub role: Option<String>,
}

impl Contact {
    /// Reads a contact from its fields.
    pub fn from_fields(id: ContactId, fields: &Fields) -> Self {
        let text = |name: &str| fields.get(name).map(str::to_owned);
        Self {
            id,
            account: fields.get("account").map(AccountId::from),
            email: text("email"),
            first_name: text("first_name"),
            last_name: text("last_name"),
            title: text("title"),
            role: text("role"),
        }
    }
}

/// Whether an account may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing speaks against selling.
    Good,
    /// At risk of churning: no cross-sell email, no MQL.
    AtRisk,
}

/// An account as decisions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub id: AccountId,
    /// Its name in front of people.
    pub name: Option<String>,
    /// Whether it may leave.
    pub health: Health,
    /// The rep who owns it.
    pub owner: Option<RepId>,
    /// small-medium, emerging or enterprise.
    pub size: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Industry.
    pub industry: Option<String>,
    /// How far it is with what it bought: novice, intermediate or advanced.
    pub maturity: Option<String>,
    /// b2b or consumer.
    pub market: Option<String>,
    /// What it earns in a year, in minor units of the playbook's currency.
    pub revenue_cents: Option<i64>,
    /// How often it has bought before, as its own system counts.
    pub purchases: Option<i64>,
    /// Since when it is a customer.
    pub customer_since: Option<Timestamp>,
    /// Products it owns, and since when.
    pub owns: BTreeMap<ProductId, Timestamp>,
    /// When each product was last used.
    pub used: BTreeMap<ProductId, Timestamp>,
    /// When the contract for each product ends, or ended.
    pub ends: BTreeMap<ProductId, Timestamp>,
    /// How many seats are paid for, by product.
    pub seats: BTreeMap<ProductId, i64>,
    /// How many of them are in use, by product.
    pub seats_used: BTreeMap<ProductId, i64>,
}

/// The prefix of the fields that say since when a product is owned: `owns.analytics`.
pub const OWNS: &str = "owns.";
/// The prefix of the fields that say when a product was last used: `used.analytics`.
pub const USED: &str = "used.";
/// The prefix of the fields that say when the contract for a product ends: `ends.analytics`.
pub const ENDS: &str = "ends.";
/// The prefix of the fields that say how many seats of a product are paid for: `seats.analytics`.
pub const SEATS: &str = "seats.";
/// The prefix of the fields that say how many seats of a product are in use: `seats_used.analytics`.
pub const SEATS_USED: &str = "seats_used.";

impl Account {
    /// How often it has bought: what its own system counts, or the products it owns if those are more. Unknown if nobody
    /// has said either.
    pub fn purchases(&self) -> Option<i64> {
        let owned = i64::try_from(self.owns.len()).ok().filter(|owned| *owned > 0);
        self.purchases.max(owned)
    }

    /// The account as it was at an instant, as far as it is dated: what was bought or used later, or made it a customer later,
    /// was not there yet. Everything else is as it is known now, also when contracts end.
    pub fn as_of(&self, at: Timestamp) -> Cow<'_, Self> {
        let mut dates = self.customer_since.iter().chain(self.owns.values()).chain(self.used.values());
        if dates.all(|date| *date <= at) {
            return Cow::Borrowed(self);
        }
        let mut account = self.clone();
        account.customer_since = account.customer_since.filter(|since| *since <= at);
        account.owns.retain(|_, since| *since <= at);
        account.used.retain(|_, last| *last <= at);
        Cow::Owned(account)
    }

    /// Reads an account from its fields. An instant that cannot be read counts as not stated: it was refused at the
    /// door, and a decision cannot fail.
    pub fn from_fields(id: AccountId, fields: &Fields) -> Self {
        let text = |name: &str| fields.get(name).map(str::to_owned);
        let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
        Self {
            id,
            name: text("name"),
            health: if fields.get("health") == Some("at-risk") { Health::AtRisk } else { Health::Good },
            owner: fields.get("owner").map(RepId::from),
            size: text("size"),
            region: text("region"),
            industry: text("industry"),
            maturity: text("maturity"),
            market: text("market"),
            revenue_cents: number("revenue_cents"),
            purchases: number("purchases"),
            customer_since: fields.get("customer_since").and_then(|text| text.parse().ok()),
            owns: by_product(fields, OWNS),
            used: by_product(fields, USED),
            ends: by_product(fields, ENDS),
            seats: by_product(fields, SEATS),
            seats_used: by_product(fields, SEATS_USED),
        }
    }
}

/// The fields that begin with `prefix`, by product; one that cannot be read counts as not stated.
fn by_product<T: FromStr>(fields: &Fields, prefix: &str) -> BTreeMap<ProductId, T> {
    let read = |(name, stated): (&String, &Stated)| {
        Some((ProductId::from(name.strip_prefix(prefix)?), stated.value.parse().ok()?))
    };
    fields.0.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_wins_field_by_field_in_any_order() {
        let statements = [
            (10, "title", "VP Sales"),
            (20, "title", "CMO"),
            (15, "email", "a@example.com"),
            (15, "email", "b@example.com"),
            (5, "email", "c@example.com"),
        ];
        let merged = |order: &[usize]| {
            let mut fields = Fields::default();
            for index in order {
                let (second, field, value) = statements[*index];
                fields.merge([(field.to_owned(), value.to_owned())], second);
            }
            fields
        };
        let expected = merged(&[0, 1, 2, 3, 4]);
        assert_eq!(expected.get("title"), Some("CMO"));
        assert_eq!(expected.get("email"), Some("b@example.com"));
        for order in [[4, 3, 2, 1, 0], [1, 0, 3, 2, 4], [2, 4, 0, 3, 1]] {
            assert_eq!(merged(&order), expected, "{order:?}");
        }
    }

    #[test]
    fn what_is_said_every_night_has_been_so_since_the_first() {
        let mut fields = Fields::default();
        for (second, value) in [(20, "a"), (10, "a"), (30, "a"), (5, "b")] {
            fields.merge([("email".to_owned(), value.to_owned())], second);
        }
        assert_eq!(fields.0["email"], Stated { second: 30, value: "a".to_owned(), since: 10 });
        fields.merge([("email".to_owned(), "c".to_owned())], 40);
        assert_eq!(fields.0["email"], Stated { second: 40, value: "c".to_owned(), since: 40 });
    }

    #[test]
    fn what_two_ids_stated_is_united_newer_first_whichever_survives() {
        let fields = |statements: &[(i64, &str, &str)]| {
            let mut fields = Fields::default();
            for (second, field, value) in statements {
                fields.merge([((*field).to_owned(), (*value).to_owned())], *second);
            }
            fields
        };
        let check = |one: &[(i64, &str, &str)], other: &[(i64, &str, &str)]| {
            let (mut left, mut right) = (fields(one), fields(other));
            left.unite(&fields(other));
            right.unite(&fields(one));
            let all: Vec<_> = one.iter().chain(other).copied().collect();
            assert_eq!(left, right, "{one:?} {other:?}");
            assert_eq!(left, fields(&all), "{one:?} {other:?}");
            assert!(!left.clone().unite(&fields(other)), "a second time changes nothing");
        };
        check(&[(10, "title", "VP")], &[(20, "title", "CMO")]);
        check(&[(10, "title", "VP")], &[(10, "title", "CMO")]);
        check(&[(10, "title", "VP")], &[(20, "title", "VP")]);
        check(&[(10, "title", "VP"), (30, "role", "user")], &[(20, "email", "a@example.com")]);
        check(&[], &[(20, "email", "")]);
    }

    #[test]
    fn the_same_statement_twice_changes_nothing() {
        let mut fields = Fields::default();
        assert!(fields.merge([("title".to_owned(), "VP".to_owned())], 1));
        assert!(!fields.merge([("title".to_owned(), "VP".to_owned())], 1));
    }

    #[test]
    fn contracts_and_seats_are_read_by_product() {
        let mut fields = Fields::default();
        let stated = [
            ("ends.analytics", "2027-01-31T00:00:00Z"),
            ("seats.analytics", "25"),
            ("seats_used.analytics", "19"),
            ("seats.automation", ""),
        ];
        fields.merge(stated.map(|(name, value)| (name.to_owned(), value.to_owned())), 1);
        let account = Account::from_fields(AccountId::from("a"), &fields);
        assert_eq!(account.ends.get("analytics").map(ToString::to_string).as_deref(), Some("2027-01-31T00:00:00Z"));
        assert_eq!(account.seats, BTreeMap::from([("analytics".into(), 25)]));
        assert_eq!(account.seats_used, BTreeMap::from([("analytics".into(), 19)]));
    }

    #[test]
    fn what_is_dated_later_was_not_there_yet() {
        let date = |day: i64| Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * day);
        let account = Account {
            customer_since: Some(date(10)),
            owns: BTreeMap::from([("analytics".into(), date(10)), ("automation".into(), date(20))]),
            used: BTreeMap::from([("analytics".into(), date(30))]),
            purchases: Some(1),
            ..Account::from_fields(AccountId::from("a"), &Fields::default())
        };
        let check = |day: i64, expected: (bool, usize, usize, Option<i64>)| {
            let then = account.as_of(date(day));
            let seen = (then.customer_since.is_some(), then.owns.len(), then.used.len(), then.purchases());
            assert_eq!(seen, expected, "day {day}");
        };
        check(9, (false, 0, 0, Some(1)));
        check(10, (true, 1, 0, Some(1)));
        check(20, (true, 2, 0, Some(2)));
        check(30, (true, 2, 1, Some(2)));
        assert!(matches!(account.as_of(date(30)), Cow::Borrowed(_)));
    }
}
