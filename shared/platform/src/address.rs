//! Addresses as keyed hashes: suppression survives erasure without keeping the address.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
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

/// The hash of an address as ad platforms take it: SHA-256 of the trimmed, lower-cased address, 64 hex digits. Without a key, so
/// that they can find whom they know by it: it is for audiences alone, and never kept.
pub fn for_ad_platforms(address: &str) -> String {
    let digest = <Sha256 as sha2::Digest>::digest(address.trim().to_lowercase().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether an id stands for an address. Only [`AddressKey::contact_id`] makes such ids; one that is sent is refused.
pub fn is_concealed(id: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    id.trim().strip_prefix('@').is_some_and(|hash| hash.len() == 32 && hash.bytes().all(hex))
}

/// The addresses in a text, or in the texts and names of a JSON document; each in lower case. Where signs before
/// one may belong to it or not, both are given.
pub fn addresses_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match serde_json::from_str(text) {
        Ok(document) => search(&document, &mut found),
        Err(_) => search_text(text, &mut found),
    }
    found
}

fn search(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => search_text(text, found),
        Value::Array(values) => values.iter().for_each(|value| search(value, found)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            search_text(name, found);
            search(value, found);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn search_text(text: &str, found: &mut BTreeSet<String>) {
    let of_local = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
    let of_domain = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    for (at, _) in text.match_indices('@') {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let local = &before[before.trim_end_matches(of_local).len()..];
        let domain = &after[..after.len() - after.trim_start_matches(of_domain).len()];
        let domain = domain.trim_end_matches(['.', '-']);
        // These may stand in an address by the letter, and stand between texts wherever they are met; a quotation begins so.
        let narrow = local.rsplit(['#', '&', '/', '=', '?', '{', '|', '}']).next().unwrap_or(local);
        for local in [local, narrow.trim_start_matches('\'')] {
            let address = format!("{local}@{domain}").to_lowercase();
            if perennial_playbook::is_address(&address) {
                found.insert(address);
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ad_platforms_know_an_address_by_its_sha_256() {
        let hash = "407e6b3fecbc6c0d76f17a7ebb9c4b934674a326b09eae825739188c7b3436ca";
        for address in ["ada@juniper.example.com", " Ada@Juniper.Example.COM\n"] {
            assert_eq!(for_ad_platforms(address), hash);
        }
    }

    #[test]
    fn addresses_are_found_wherever_they_stand_whole() {
        let check = |text: &str, expected: &[&str]| {
            let found = addresses_in(text);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
        };
        check(r#"{"to": "An@Example.com"}"#, &["an@example.com"]);
        check(
            r#"[{"a": {"an\u0040example.com": 1}}, "Write to <jan@example.com>."]"#,
            &["an@example.com", "jan@example.com"],
        );
        check("of no JSON: <an@example.com>, and d'an@example.com.", &["an@example.com", "d'an@example.com"]);
        check("'an@example.com'", &["'an@example.com", "an@example.com"]);
        check("https://example.com/?to=an@example.com&x=1", &["//example.com/?to=an@example.com", "an@example.com"]);
        check("j.an+news@example.com an@mail-1.example.com", &["an@mail-1.example.com", "j.an+news@example.com"]);
        check("@example.com an@ an@localhost an@@example.com \u{f6}an@example.com 25 @", &[]);
    }
}
