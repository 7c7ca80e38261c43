//! Whether the sender was found to be in order. In production nobody but sales is written to before that: mail that fails
//! authentication harms the domain for a long time.
//!
//! What is approved is an identity of SES. It covers the senders that the role of the function which sends allows under it
//! (`ses:FromAddress` in the template), and no others: who is approved may send, and who may not send is not approved.

use jiff::Timestamp;

use super::Sending;
use crate::failure::Failure;
use crate::keys;
use crate::store::{Change, Item, integer, number, string, text};

/// The attribute's name is from when domains were approved, which are identities too.
const IDENTITY: &str = "approved_domain";
const AT: &str = "approved_at";
const BY: &str = "approved_by";

/// An identity was looked at, and all that mail needs was in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// A domain or an address, as the stack's `SenderIdentity` names it.
    pub identity: String,
    /// When.
    pub at: Timestamp,
    /// Who had it looked at.
    pub by: String,
}

impl Approved {
    pub(super) fn read(item: &Item) -> Option<Self> {
        let at = integer(item, AT).and_then(|at| Timestamp::from_second(at).ok())?;
        Some(Self { identity: text(item, IDENTITY)?.to_owned(), at, by: text(item, BY).unwrap_or_default().to_owned() })
    }

    /// Whether this sender may write to contacts by it.
    pub fn covers(&self, sender: &str) -> bool {
        covers(&self.identity, sender)
    }
}

/// The address of a sender, `hello@example.com` or `Name <hello@example.com>`, as it is written.
pub fn address_of(sender: &str) -> &str {
    let address = sender.rsplit_once('<').map_or(sender, |(_, address)| address);
    address.trim().trim_end_matches('>')
}

/// The domain of a sender or of an identity, in lower case.
pub fn domain_of(sender: &str) -> String {
    let address = address_of(sender);
    address.rsplit_once('@').map_or(address, |(_, domain)| domain).to_ascii_lowercase()
}

/// Whether the role lets mail leave from this address under an identity: from any address at a domain, but not below it, or from the
/// one address. IAM compares letter by letter, so another case is another address.
pub fn covers(identity: &str, address: &str) -> bool {
    address == identity || address.strip_suffix(identity).is_some_and(|local| local.ends_with('@'))
}

/// The address that has to be approved before contacts are written to: the sender's in production, none on any other stage.
pub fn needed(is_production: bool, sender: &str) -> Option<String> {
    is_production.then(|| address_of(sender).to_owned())
}

impl Sending {
    /// Writes down that an identity is in order. The one before is replaced: a stack has one.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn approve(&self, approved: &Approved) -> Result<(), Failure> {
        let change = Change::of(keys::sending(), format!("SET #{IDENTITY} = :identity, #{AT} = :at, #{BY} = :by"))
            .with(":identity", string(&approved.identity))
            .with(":at", number(approved.at.as_second()))
            .with(":by", string(&approved.by));
        self.store.apply("sending approval", change).await.map(drop)
    }

    /// Takes the approval back. False if there was none.
    ///
    /// # Errors
    /// [`Failure`] if the store could not be reached.
    pub async fn disapprove(&self) -> Result<bool, Failure> {
        let change = Change::of(keys::sending(), format!("REMOVE #{IDENTITY}, #{AT}, #{BY}"))
            .only_if(format!("attribute_exists(#{IDENTITY})"));
        self.store.apply("sending approval", change).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_address_is_what_stands_in_the_brackets_and_its_domain_what_follows_the_at() {
        for (sender, address, domain) in [
            ("hello@example.com", "hello@example.com", "example.com"),
            ("Fernhill <hello@Mail.Example.com>", "hello@Mail.Example.com", "mail.example.com"),
            ("\"a@b\" <hello@example.com>", "hello@example.com", "example.com"),
        ] {
            assert_eq!((address_of(sender), domain_of(sender).as_str()), (address, domain), "{sender}");
        }
        assert_eq!(needed(false, "hello@example.com"), None);
        assert_eq!(needed(true, "Fernhill <hello@Example.com>"), Some("hello@Example.com".to_owned()));
    }

    #[test]
    fn an_identity_covers_what_the_role_allows_under_it() {
        let check = |identity: &str, address: &str, expected: bool| {
            let approved = Approved { identity: identity.to_owned(), at: Timestamp::UNIX_EPOCH, by: String::new() };
            assert_eq!(approved.covers(address), expected, "{identity}: {address}");
        };
        check("example.com", "hello@example.com", true);
        check("example.com", "another@example.com", true);
        check("example.com", "hello@mail.example.com", false);
        check("example.com", "hello@notexample.com", false);
        check("example.com", "hello@Example.com", false);
        check("Example.com", "hello@example.com", false);
        check("mail.example.com", "hello@example.com", false);
        check("hello@example.com", "hello@example.com", true);
        check("hello@example.com", "another@example.com", false);
        check("hello@example.com", "Hello@example.com", false);
        check("hello@example.com", "othello@example.com", false);
    }
}
