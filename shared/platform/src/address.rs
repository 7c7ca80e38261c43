//! Addresses as keyed hashes: suppression survives erasure without keeping the address.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key under which addresses are hashed.
#[derive(Clone)]
pub struct AddressKey(Vec<u8>);

impl AddressKey {
    /// A key of the deployment; changing it forgets every suppression.
    pub fn new(key: impl Into<Vec<u8>>) -> Self {
        Self(key.into())
    }

    /// The hash of an address, the same for `A@Example.com ` and `a@example.com`; 32 hex digits.
    pub fn hash(&self, address: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(address.trim().to_lowercase().as_bytes());
        mac.finalize().into_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The id of a contact whom a sender names by address: `@` and the hash. `None` if what was sent is no address.
    pub fn contact_id(&self, sent: &str) -> Option<String> {
        perennial_playbook::is_address(sent.trim()).then(|| format!("@{}", self.hash(sent)))
    }
}

/// Whether an id stands for an address. Only [`AddressKey::contact_id`] makes such ids; one that is sent is refused.
pub fn is_concealed(id: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    id.trim().strip_prefix('@').is_some_and(|hash| hash.len() == 32 && hash.bytes().all(hex))
}

/// Whether two ids as sent are one: addresses are the same in any case.
pub(crate) fn same_contact(one: &str, other: &str) -> bool {
    let address = |id: &str| perennial_playbook::is_address(id.trim());
    one == other || address(one) && address(other) && one.trim().eq_ignore_ascii_case(other.trim())
}

impl std::fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AddressKey(…)")
    }
}
