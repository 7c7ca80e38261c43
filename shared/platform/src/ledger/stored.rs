//! An entry as an item of DynamoDB, within one write unit wherever that can be had.
//!
//! A body is kept as text. Where the item would be larger than a write unit it is kept deflated instead, as binary under the
//! same name; the hash always is binary. Items as they were once written, with both as text, are read for ever.

use std::fmt;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::Deserializer;
use serde::de::{Error, Visitor};

use super::Entry;
use crate::failure::Failure;
use crate::store::Item;

/// As many bytes as one write unit of DynamoDB holds.
pub const WRITE_UNIT: usize = 1_024;
/// miniz's best level but two: beyond it, bodies of this length do not get shorter.
const LEVEL: u8 = 8;
/// Nothing that we deflate is longer: an event is at most 256 KiB.
const LONGEST_BODY: usize = 1024 * 1024;

impl Entry {
    /// It as an item.
    ///
    /// # Errors
    /// [`Failure`] if it has no form as an item, which its type rules out.
    pub fn item(&self) -> Result<Item, Failure> {
        let mut item: Item =
            serde_dynamo::to_item(self).map_err(|_| Failure::shape("ledger entry", "not of the shape we give it"))?;
        if let Some(bytes) = from_hex(&self.hash) {
            item.insert("hash".to_owned(), AttributeValue::B(Blob::new(bytes)));
        }
        if let Some(body) = self.body.as_deref().filter(|_| size(&item) > WRITE_UNIT) {
            let deflated = compress_to_vec(body.as_bytes(), LEVEL);
            if deflated.len() < body.len() {
                item.insert("body".to_owned(), AttributeValue::B(Blob::new(deflated)));
            }
        }
        Ok(item)
    }
}

/// The size of an item in bytes, as DynamoDB counts what it charges for: names and values. Source: "DynamoDB item sizes and
/// formats" in its developer guide.
pub fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

fn size_of(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => size_of_number(digits),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        // Three bytes for itself, and one for each element.
        AttributeValue::M(entries) => {
            3 + entries.iter().map(|(name, value)| 1 + name.len() + size_of(value)).sum::<usize>()
        }
        AttributeValue::L(entries) => 3 + entries.iter().map(|value| 1 + size_of(value)).sum::<usize>(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Ns(numbers) => numbers.iter().map(|digits| size_of_number(digits)).sum(),
        AttributeValue::Bs(all) => all.iter().map(|bytes| bytes.as_ref().len()).sum(),
        _ => 0,
    }
}

/// A byte for every two significant digits, one more, and one for a sign.
fn size_of_number(digits: &str) -> usize {
    let significant = digits.trim_start_matches('-').trim_matches('0').chars().filter(char::is_ascii_digit).count();
    significant.div_ceil(2) + 1 + usize::from(digits.starts_with('-'))
}

/// The hash of an item that is there already, in hex, whichever form it has.
pub(super) fn known_hash(item: &Item) -> Option<String> {
    match item.get("hash")? {
        AttributeValue::S(hex) => Some(hex.clone()),
        AttributeValue::B(bytes) => Some(to_hex(bytes.as_ref())),
        _ => None,
    }
}

/// Reads a body as text or deflated.
pub(super) fn body<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_any(TextOr("a text or a deflated one", inflated)).map(Some)
}

fn inflated(bytes: &[u8]) -> Option<String> {
    String::from_utf8(decompress_to_vec_with_limit(bytes, LONGEST_BODY).ok()?).ok()
}

/// Reads a hash as hex or binary.
pub(super) fn hash<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    from.deserialize_any(TextOr("hexadecimal digits or bytes", some_hex))
}

/// A text, or bytes of which one is made.
struct TextOr(&'static str, fn(&[u8]) -> Option<String>);

impl Visitor<'_> for TextOr {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<String, E> {
        (self.1)(bytes).ok_or_else(|| E::custom("bytes that cannot be read"))
    }
}

fn some_hex(bytes: &[u8]) -> Option<String> {
    Some(to_hex(bytes))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let pairs = (0..hex.len()).step_by(2).map(|at| hex.get(at..at + 2));
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    // Only what reads back as it was.
    bytes.filter(|bytes| !bytes.is_empty() && to_hex(bytes) == hex)
}

pub(super) fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_one(number: &usize) -> bool {
    *number == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_zero(number: &usize) -> bool {
    *number == 0
}
