//! Whether the sender's domain was found to be in order. In production nobody but sales is written to before that: mail that fails
//! authentication harms the domain for a long time.

use jiff::Timestamp;

use super::Sending;
use crate::failure::Failure;
use crate::keys;
use crate::store::{Change, Item, integer, number, string, text};

const DOMAIN: &str = "approved_domain";
const AT: &str = "approved_at";
const BY: &str = "approved_by";

/// The sender's domain was looked at, and all that mail needs was in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// Of which domain; another one is not approved by it.
    pub domain: String,
    /// When.
    pub at: Timestamp,
    /// Who had it looked at.
    pub by: String,
}

impl Approved {
    pub(super) fn read(item: &Item) -> Option<Self> {
        let at = integer(item, AT).and_then(|at| Timestamp::from_second(at).ok())?;
        Some(Self { domain: text(item, DOMAIN)?.to_owned(), at, by: text(item, BY).unwrap_or_default().to_owned() })
    }
}

/// The domain of a sender, `hello@example.com` or `Name <hello@example.com>`, in lower case.
pub fn domain_of(sender: &str) -> String {
    let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
    domain.trim_end_matches('>').to_ascii_lowercase()
}

/// The domain that has to be approved before contacts are written to: the sender's in production, none on any other stage.
pub fn needed(is_production: bool, sender: &str) -> Option<String> {
    is_production.then(|| domain_of(sender))
}

impl Sending {
    /// Writes down that a domain is in order. The one before is replaced: a playbook has one sender.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn approve(&self, approved: &Approved) -> Result<(), Failure> {
        let change = Change::of(keys::sending(), format!("SET #{DOMAIN} = :domain, #{AT} = :at, #{BY} = :by"))
            .with(":domain", string(&approved.domain))
            .with(":at", number(approved.at.as_second()))
            .with(":by", string(&approved.by));
        self.store.apply("sending approval", change).await.map(drop)
    }

    /// Takes the approval back. False if there was none.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn disapprove(&self) -> Result<bool, Failure> {
        let change = Change::of(keys::sending(), format!("REMOVE #{DOMAIN}, #{AT}, #{BY}"))
            .only_if(format!("attribute_exists(#{DOMAIN})"));
        self.store.apply("sending approval", change).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_domain_is_what_follows_the_at() {
        for (sender, domain) in [
            ("hello@example.com", "example.com"),
            ("Fernhill <hello@Mail.Example.com>", "mail.example.com"),
            ("\"a@b\" <hello@example.com>", "example.com"),
        ] {
            assert_eq!(domain_of(sender), domain, "{sender}");
        }
        assert_eq!(needed(false, "hello@example.com"), None);
        assert_eq!(needed(true, "hello@example.com"), Some("example.com".to_owned()));
    }
}
