//! What names a person, and what only looks like it.
//!
//! An address is named where it stands whole: `an@example.com` is not named by `jan@example.com`, nor `ben@acme.co` by
//! `ben@acme.com`. An id is a plain word or number, `25` for instance, and names somebody only where a contact is said: what is
//! deleted by mistake is lost.

use aws_sdk_dynamodb::types::AttributeValue;
use perennial_platform::ledger::Entry;
use perennial_platform::store::Item;
use perennial_platform::told::{Subject, What};
use serde_json::Value;

use super::Person;

/// Under these keys senders give the id of a person: in lower case, without `_` and `-`.
const IDS: [&str; 10] = [
    "contact",
    "contactid",
    "userid",
    "anonymousid",
    "previousid",
    "personid",
    "registrantid",
    "objectid",
    "primaryobjectid",
    "mergedobjectids",
];
/// An object under one of these keys is a person, and its `id` that person's.
const PEOPLE: [&str; 5] = ["contact", "person", "user", "lead", "registrant"];

impl Person {
    /// Whether a text holds an address of the person, as a whole one.
    pub fn has_address_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.addresses.iter().any(|address| {
            let ends = text.match_indices(address.as_str());
            ends.map(|(at, found)| text.split_at(at + found.len())).any(|(before, after)| {
                let before = before.strip_suffix(address.as_str()).unwrap_or(before);
                !goes_on_before(before) && !goes_on_after(after)
            })
        })
    }

    /// Whether an event that leaves is about the person.
    pub(super) fn is_named_in_event(&self, detail: &str) -> bool {
        let detail: Value = serde_json::from_str(detail).unwrap_or_default();
        detail.get("contact").and_then(Value::as_str).is_some_and(|contact| self.is(contact))
    }

    /// Whether an entry of the ledger names the person: in what was understood, or in what it was read from.
    pub(super) fn is_named_in_entry(&self, entry: &Entry) -> bool {
        let body = entry.body.as_deref();
        let told = match (&entry.told, entry.told.subject()) {
            (What::ContactMerged { from, contact }, _) => self.is(from) || self.is(contact),
            (What::Unread {}, _) => return body.is_some_and(|body| self.is_named_in_body(body, true)),
            (_, Subject::Contact(contact)) => self.is(contact),
            (_, Subject::Account(_) | Subject::Nobody) => false,
        };
        // The body lies with another statement perhaps, and what was taken from it can be an address all the same.
        told || body.is_some_and(|body| self.is_named_in_body(body, false))
            || serde_json::to_value(&entry.told).is_ok_and(|told| self.is_addressed_by(&told))
    }

    /// The same of an item that this version cannot read.
    pub(super) fn is_named_in_attributes(&self, item: &Item) -> bool {
        item.iter().any(|(name, value)| self.is_named_in_attribute(name, value))
    }

    fn is_named_in_attribute(&self, name: &str, value: &AttributeValue) -> bool {
        match value {
            AttributeValue::S(text) => (is_any_of(&IDS, name) && self.is(text)) || self.is_named_in_body(text, true),
            AttributeValue::M(members) => self.is_named_in_attributes(members),
            AttributeValue::L(values) => values.iter().any(|value| self.is_named_in_attribute(name, value)),
            _ => false,
        }
    }

    /// Whether a body has an address of the person, or, if asked, an id where people are named.
    fn is_named_in_body(&self, body: &str, by_id: bool) -> bool {
        match serde_json::from_str::<Value>(body) {
            Ok(body) => self.is_addressed_by(&body) || by_id && self.is_identified_by(&body, false),
            // Of whatever shape: an address in it is an address.
            Err(_) => self.has_address_in(body),
        }
    }

    fn is_addressed_by(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.has_address_in(text),
            Value::Array(values) => values.iter().any(|value| self.is_addressed_by(value)),
            Value::Object(members) => {
                members.iter().any(|(name, value)| self.has_address_in(name) || self.is_addressed_by(value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn is_identified_by(&self, value: &Value, of_person: bool) -> bool {
        match value {
            Value::Array(values) => values.iter().any(|value| self.is_identified_by(value, of_person)),
            Value::Object(members) => members.iter().any(|(name, value)| {
                let says = is_any_of(&IDS, name) || of_person && name.eq_ignore_ascii_case("id");
                says && self.is_value(value) || self.is_identified_by(value, is_any_of(&PEOPLE, name))
            }),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn is_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is(text),
            Value::Number(number) => self.is(&number.to_string()),
            Value::Array(values) => values.iter().any(|value| self.is_value(value)),
            Value::Object(_) | Value::Null | Value::Bool(_) => false,
        }
    }

    fn is(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known.as_str() == id)
    }
}

fn is_any_of(keys: &[&str], name: &str) -> bool {
    let plain: String = name.chars().filter(|c| !['_', '-'].contains(c)).flat_map(char::to_lowercase).collect();
    keys.contains(&plain.as_str())
}

/// Whether what stands before an address belongs to it, so that it is another. `=`, `&`, `?`, `/` and the like may stand in an
/// address by the letter, but separate one from other text wherever they are met; an apostrophe does so where it opens a
/// quotation.
fn goes_on_before(text: &str) -> bool {
    match text.chars().next_back() {
        Some('\'') => text[..text.len() - 1].chars().next_back().is_some_and(char::is_alphanumeric),
        Some(c) => c.is_alphanumeric() || "._-+~!$%*^`".contains(c),
        None => false,
    }
}

/// Whether what stands behind an address belongs to its domain. A full stop at the end of a sentence does not.
fn goes_on_after(text: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || c == '-';
    let mut behind = text.chars();
    match behind.next() {
        Some('.') => behind.next().is_some_and(goes_on),
        Some(c) => goes_on(c),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn person(ids: &[&str], address: &str) -> Person {
        let ids = ids.iter().map(|id| (*id).into()).collect();
        Person { ids, addresses: BTreeSet::from([address.to_owned()]) }
    }

    #[test]
    fn an_address_is_named_where_it_stands_whole() {
        let check = |address: &str, text: &str, expected: bool| {
            assert_eq!(person(&[], address).has_address_in(text), expected, "{address} in {text:?}");
        };
        for text in [
            "an@example.com",
            " AN@Example.com ",
            "An <an@example.com>, and others",
            "mailto:an@example.com",
            "https://example.com/?to=an@example.com&x=1",
            "Write to an@example.com.",
            "'an@example.com'",
            "(an@example.com)",
            "jan@example.com,an@example.com",
            "an@example.com.\nElse",
        ] {
            check("an@example.com", text, true);
        }
        for text in [
            "jan@example.com",
            "j.an@example.com",
            "j-an@example.com",
            "j+an@example.com",
            "d'an@example.com",
            "öan@example.com",
            "an@example.community",
            "an@example.com.au",
            "an@example.com-pany.example",
            "an at example.com",
            "",
        ] {
            check("an@example.com", text, false);
        }
        check("ben@acme.co", "ben@acme.com", false);
        check("ben@acme.co", "ben@acme.com or ben@acme.co", true);
    }

    #[test]
    fn an_id_is_named_where_a_person_is() {
        let check = |body: Value, expected: bool| {
            assert_eq!(person(&["25", "@h"], "an@example.com").is_named_in_body(&body.to_string(), true), expected);
        };
        check(json!({"contact": "25"}), true);
        check(json!({"user_id": "25"}), true);
        check(json!([{"properties": {"userId": 25}}]), true);
        check(json!({"objectId": 25}), true);
        check(json!({"primaryObjectId": 26, "mergedObjectIds": [24, 25]}), true);
        check(json!({"payload": {"registrant": {"id": "25"}}}), true);
        check(json!({"people": [{"user": {"Id": 25}}]}), true);
        check(json!({"anything": "an@example.com"}), true);
        check(json!({"traits": {"an@example.com": true}}), true);
        check(json!({"seats": "25", "id": "25", "account": {"id": "25"}}), false);
        check(json!({"contact": {"seats": 25}}), false);
        check(json!({"contact": "125", "userId": "25 "}), false);
        check(json!({"note": "jan@example.com", "contact": "@i"}), false);
        check(json!("25"), false);
    }

    #[test]
    fn what_was_understood_names_only_whom_it_tells_of() {
        use perennial_platform::told::Told;
        let entry = |body: Value| {
            let body = json!({"type": body[0], "timestamp": "2026-01-07T10:00:00Z", "data": body[1]}).to_string();
            let told = Told::from_native(&body).unwrap();
            Entry::new("native", "id", told, &body, "2026-01-07T10:00:00Z".parse().unwrap(), None)
        };
        let check = |body: Value, expected: bool| {
            let named = person(&["25"], "an@example.com").is_named_in_entry(&entry(body.clone()));
            assert_eq!(named, expected, "{body}");
        };
        check(json!(["contact.merged", {"from": "a", "contact": "25"}]), true);
        check(json!(["contact.merged", {"from": "25", "contact": "a"}]), true);
        check(json!(["contact.merged", {"from": "a", "contact": "b"}]), false);
        check(json!(["account.updated", {"account": "25", "name": "25"}]), false);
        check(json!(["engagement.recorded", {"contact": "a", "asset": "25", "action": "25"}]), false);
        let forwarded = json!({"contact": "a", "asset": "b", "action": "c", "to": "an@example.com"});
        check(json!(["engagement.recorded", forwarded]), true);
    }

    #[test]
    fn a_statement_whose_event_lies_with_another_one_is_looked_at_too() {
        use perennial_platform::told::Told;
        let at = "2026-01-07T10:00:00Z".parse().unwrap();
        for (name, expected) in [("Write to an@example.com", true), ("jan@example.com", false)] {
            let fields = [("name".to_owned(), name.to_owned())].into();
            let told = Told { at, what: What::AccountUpdated { account: "acme".to_owned(), fields } };
            let entry = Entry { body: None, ..Entry::new("segment", "id", told, "{}", at, None) };
            assert_eq!(person(&["25"], "an@example.com").is_named_in_entry(&entry), expected, "{name}");
        }
    }

    #[test]
    fn an_event_that_leaves_is_of_its_contact() {
        let named = |detail: Value| person(&["25"], "an@example.com").is_named_in_event(&detail.to_string());
        assert!(named(json!({"contact": "25", "product": "analytics"})));
        assert!(!named(json!({"contact": "26", "product": "25", "rung": 25})));
        assert!(!person(&["25"], "an@example.com").is_named_in_event("25"));
    }

    #[test]
    fn an_item_that_nobody_can_read_names_whom_it_says() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let check = |name: &str, value: AttributeValue, expected: bool| {
            let item = Item::from([("PK".to_owned(), text("UNREAD#1")), (name.to_owned(), value)]);
            assert_eq!(person(&["25"], "an@example.com").is_named_in_attributes(&item), expected, "{name}");
        };
        check("told", AttributeValue::M([("contact".to_owned(), text("25"))].into()), true);
        check("told", AttributeValue::M([("seats".to_owned(), text("25"))].into()), false);
        check("body", text(r#"{"userId": "25"}"#), true);
        check("body", text(r#"{"seats": "25"}"#), false);
        check("body", text("{ broken: an@example.com"), true);
        check("body", text("{ broken: jan@example.com"), false);
    }
}
