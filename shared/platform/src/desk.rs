//! Where the sales desk finds things: the attributes of its three sparse indexes, and the index queries.
//!
//! | index | holds | by |
//! |---|---|---|
//! | `desk` | open leads | whose they are, the best first |
//! | `sla` | untouched leads under the SLA | whose they are, and by when an answer was promised |
//! | `members` | profiles of contacts and of accounts | the account of a contact, the owner of an account |
//!
//! Everything here follows from the item that carries it, and is written with it: whoever writes a lead or a profile asks this
//! module what else to write. Never holds a name or an address.

mod belonging;
mod naming;
mod reading;

use perennial_domain::ids::{AccountId, RepId};
use perennial_domain::lead::Status;
use perennial_domain::profile::Fields;

use crate::keys::{self, Key};
use crate::records::Lead;

pub(crate) use belonging::members;
pub use belonging::{accounts_of, contacts_of, overdue, some_contacts_of};
pub use naming::{lead_of, lead_token};
pub use reading::{Cursor, Page, Row, Wanted, items, mails, open_leads, overdue_leads, page};

/// Seconds since the Unix epoch have ten digits until the year 2286.
const SECONDS: i64 = 10_000_000_000;

/// Where an open lead stands among its owner's: by the sorting score, and of equals the newer one first. The greatest is the
/// best.
pub fn rank(sort_score: i64, newest_at: i64) -> i64 {
    sort_score.saturating_mul(SECONDS).saturating_add(newest_at.clamp(0, SECONDS - 1))
}

impl Lead {
    /// The lead with the attributes by which the indexes find it, as they follow from its stage, owner, score and promise: for
    /// whoever writes a whole lead.
    #[must_use]
    pub fn listed(self) -> Self {
        let (status, owner) = (self.status(), keys::rep(&self.owner_id()));
        let waits = status == Status::Mql;
        let sla_due_at = self.sla_due_at.filter(|_| waits);
        Self {
            desk_owner: status.is_open().then(|| owner.clone()),
            desk_rank: status.is_open().then(|| rank(self.sort_score, self.newest_at())),
            sla_owner: sla_due_at.map(|_| owner),
            sla_due_at,
            ..self
        }
    }
}

/// To whom the profile with this key belongs: a contact to its account, an account to its owner, as it was told.
///
/// Of an account without an owner, or whose owner has left the playbook, this says nothing of the rep whom its territory gives it
/// to: that follows from the playbook, and nobody would write every account again when its territories change. Whoever reads the
/// index must know that these accounts are not in it.
pub fn member_of(profile: &Key, fields: &Fields) -> Option<String> {
    match keys::account_of(&profile.pk) {
        Some(_) => fields.get("owner").map(|owner| keys::rep(&RepId::from(owner))),
        None => fields.get("account").map(|account| keys::account(&AccountId::from(account))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_lead_ranks_higher_and_of_equals_the_newer() {
        let ranks =
            [rank(0, 0), rank(0, 1_800_000_000), rank(29, 0), rank(30, 1), rank(30, 1_800_000_000), rank(100, 5)];
        assert!(ranks.is_sorted_by(|one, next| one < next), "{ranks:?}");
        // As DynamoDB's numbers and whoever reads them can hold it.
        assert_eq!(rank(100, SECONDS - 1), 1_009_999_999_999);
        assert_eq!(rank(30, i64::MAX), rank(31, 0) - 1);
    }

    #[test]
    fn a_profile_belongs_to_its_account_or_its_owner() {
        let mut fields = Fields::default();
        fields.merge([("owner".to_owned(), "rep-anna".to_owned()), ("account".to_owned(), "acme".to_owned())], 1);
        assert_eq!(member_of(&keys::profile(&"c".into()), &fields).as_deref(), Some("ACCOUNT#acme"));
        assert_eq!(member_of(&keys::account_profile(&"a".into()), &fields).as_deref(), Some("REP#rep-anna"));
        fields.merge([("owner".to_owned(), String::new()), ("account".to_owned(), String::new())], 2);
        assert_eq!(member_of(&keys::profile(&"c".into()), &fields), None);
        assert_eq!(member_of(&keys::account_profile(&"a".into()), &fields), None);
    }
}
