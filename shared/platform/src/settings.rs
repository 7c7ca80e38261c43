//! What a function is told by its environment, read once at init.

use std::sync::Arc;

use perennial_playbook::Playbook;

/// What is shorter can be guessed.
pub(crate) const SHORTEST_KEY: usize = 32;

/// The deployment is incomplete: a function that cannot know what it needs does not start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable is missing or empty.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// A variable has a value that cannot be used; the value is not repeated, it may be a secret.
    #[error("environment variable {name}: {reason}")]
    Unusable {
        /// Which.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// The value of a variable, if it has one.
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The value of a variable that must be there.
///
/// # Errors
/// [`SettingsError::Missing`].
pub fn required(name: &'static str) -> Result<String, SettingsError> {
    optional(name).ok_or(SettingsError::Missing(name))
}

/// The value of a key that signs or hashes: what is short can be guessed.
///
/// # Errors
/// [`SettingsError`] if it is missing or shorter than 32 characters.
pub fn key(name: &'static str) -> Result<String, SettingsError> {
    let key = required(name)?;
    if key.len() >= SHORTEST_KEY {
        Ok(key)
    } else {
        Err(SettingsError::Unusable { name, reason: "is shorter than 32 characters".to_owned() })
    }
}

/// The values of keys of which the first signs and all are believed, separated by white space: several while one is changed.
///
/// # Errors
/// [`SettingsError`] if there is none, or one is shorter than 32 characters.
pub fn keys(name: &'static str) -> Result<Vec<String>, SettingsError> {
    read_keys(name, &required(name)?)
}

/// Keys separated by white space; nothing if there is none, or one of them can be guessed.
pub(crate) fn keys_in(text: &str) -> Option<Vec<String>> {
    let keys: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    (!keys.is_empty() && keys.iter().all(|key| key.len() >= SHORTEST_KEY)).then_some(keys)
}

fn read_keys(name: &'static str, text: &str) -> Result<Vec<String>, SettingsError> {
    let reason = || "holds a key that is shorter than 32 characters".to_owned();
    keys_in(text).ok_or_else(|| SettingsError::Unusable { name, reason: reason() })
}

/// The compiled playbook that `PLAYBOOK` names. Never a folder: what reads one is the larger half of the playbook's code, and a
/// function that cannot do it is so much smaller.
///
/// # Errors
/// [`SettingsError`] with every problem of the playbook.
pub fn playbook() -> Result<Arc<Playbook>, SettingsError> {
    let name = "PLAYBOOK";
    let json = std::fs::read(required(name)?)
        .map_err(|error| SettingsError::Unusable { name, reason: format!("cannot be read: {error}") })?;
    Playbook::from_compiled(&json).map(Arc::new).map_err(|problems| SettingsError::Unusable {
        name,
        reason: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_keys_stand_beside_each_other_and_none_is_short() {
        let (old, new) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        let check = |text: &str, expected: Option<&[&str]>| {
            let read = read_keys("LINK_KEY", text);
            match (&read, expected) {
                (Ok(keys), Some(expected)) => assert_eq!(keys, expected, "{text}"),
                (Err(error), None) => assert!(!error.to_string().contains("cdef"), "it repeats a secret: {error}"),
                _ => panic!("{text}: {read:?}"),
            }
        };
        check(old, Some(&[old]));
        check(&format!("{new} {old}"), Some(&[new, old]));
        check(&format!(" {new}\n{old} "), Some(&[new, old]));
        check(&format!("{new} {}", &old[1..]), None);
        check(" ", None);
    }
}
