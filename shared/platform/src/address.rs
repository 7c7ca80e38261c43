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
}

impl std::fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AddressKey(…)")
    }
}
