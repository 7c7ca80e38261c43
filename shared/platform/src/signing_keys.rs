//! Keys that sign: links, sessions.
//!
//! Several while one is changed: the first signs, all are believed. Whoever holds a clone sees them change.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Keys that sign, in their order.
#[derive(Clone, Default)]
pub struct SigningKeys(Arc<RwLock<Arc<[Vec<u8>]>>>);

impl SigningKeys {
    /// These keys. Without one nothing is believed, and nothing that is signed can be.
    pub fn new<K: Into<Vec<u8>>>(keys: impl IntoIterator<Item = K>) -> Self {
        let held = Self::default();
        held.replace(keys);
        held
    }

    /// As they are now.
    pub(crate) fn all(&self) -> Arc<[Vec<u8>]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Others from now on.
    pub(crate) fn replace<K: Into<Vec<u8>>>(&self, keys: impl IntoIterator<Item = K>) {
        let keys: Arc<[Vec<u8>]> = keys.into_iter().map(Into::into).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }
}

/// How many, and none of them.
impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({})", self.all().len())
    }
}
