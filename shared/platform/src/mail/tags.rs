//! What a message is about, in the tags by which its events are known again.
//!
//! SES takes letters, digits, dashes and underscores in a tag, at most 256 of them. Ids hold other characters and can be longer.
//! So a contact, and the slot of a mail to sales, stand there as an opaque token: `i` and base64url without padding. Of what
//! is longer than [`LONGEST`] bytes it is `h` and a keyed hash: then events of the message are still held against the address
//! that they name, and neither the contact nor the slot is known again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use perennial_domain::ids::{ContactId, PieceId, StreamId};
use perennial_domain::nurture::Edition;

use crate::address::AddressKey;
use crate::keys::{self, Key};

/// Longer texts are hashed: in base64 they would exceed a tag's 256 characters.
pub const LONGEST: usize = 190;

/// A name and a value.
pub type Tag = (&'static str, String);

/// The tag of a contact: who it is about.
pub const CONTACT: &str = "contact";
/// What kind of mail it is: `nurture`, or one of those to sales.
pub const KIND: &str = "kind";
/// The kind of mail to contacts.
pub const NURTURE: &str = "nurture";
/// A piece that somebody has sent to themselves.
pub const TEST: &str = "test";
const SLOT: &str = "slot";
const STREAM: &str = "stream";
const PIECE: &str = "piece";
const VARIANT: &str = "variant";
const PLACE: &str = "place";

/// The tags of a piece for a contact. A slot is a date, a stream and a piece are ids of the playbook: they are readable.
pub fn of_piece(key: &AddressKey, contact: &ContactId, slot: &str, stream: &StreamId, piece: &PieceId) -> Vec<Tag> {
    vec![
        (KIND, NURTURE.to_owned()),
        (CONTACT, token(key, contact.as_str())),
        (SLOT, slot.to_owned()),
        (STREAM, stream.to_string()),
        (PIECE, piece.to_string()),
    ]
}

/// The tag of an edition of a piece: `b_de` for `b.de`, since a tag holds no dot. None says that it is the piece itself.
pub fn of_edition(edition: &Edition) -> Option<Tag> {
    (!edition.is_plain()).then(|| (VARIANT, edition.to_string().replace('.', "_")))
}

/// The tags of a mail to sales, by the item that was claimed for it. Whom it is about is in the item's key.
pub fn of_sales_mail(key: &AddressKey, kind: &'static str, place: &Key, about: Option<&ContactId>) -> Vec<Tag> {
    let mut tags = vec![(KIND, kind.to_owned()), (PLACE, token(key, &place.to_line()))];
    tags.extend(about.map(|contact| (CONTACT, token(key, contact.as_str()))));
    tags
}

/// The opaque token of a text.
pub fn token(key: &AddressKey, text: &str) -> String {
    if text.len() <= LONGEST { format!("i{}", URL_SAFE_NO_PAD.encode(text)) } else { format!("h{}", key.hash(text)) }
}

/// The text of a token; none if it is a hash, or nothing of ours.
pub fn read_token(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix('i')?).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// What a message was about, as far as its tags tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Whether it was one of our pieces for a contact, and not mail to sales.
    pub nurture: bool,
    /// The contact to whom, or about whom, it was written.
    pub contact: Option<ContactId>,
    /// The slot that was claimed for it.
    pub slot: Option<Key>,
    /// The stream.
    pub stream: Option<StreamId>,
    /// The piece.
    pub piece: Option<PieceId>,
    /// Which edition of it.
    pub edition: Edition,
}

impl About {
    /// Reads tags by name.
    pub fn read<'a>(tag: impl Fn(&str) -> Option<&'a str>) -> Self {
        let nurture = tag(KIND) == Some(NURTURE);
        let contact = tag(CONTACT).and_then(read_token).map(|id| ContactId::from(id.as_str()));
        let slot = match (&contact, tag(SLOT)) {
            (Some(contact), Some(slot)) if nurture => Some(keys::slot(contact, slot)),
            _ => tag(PLACE).and_then(read_token).and_then(|place| Key::of_line(&place)),
        };
        let stream = tag(STREAM).map(StreamId::from);
        let edition = tag(VARIANT).and_then(|name| Edition::named(&name.replace('_', "."))).unwrap_or_default();
        Self { nurture, contact, slot, stream, piece: tag(PIECE).map(PieceId::from), edition }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::tag_value;

    fn read(tags: &[Tag]) -> About {
        let tags: Vec<(&str, String)> = tags.iter().map(|(name, value)| (*name, tag_value(value))).collect();
        About::read(|name| tags.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()))
    }

    #[test]
    fn what_a_piece_was_about_is_known_again_whatever_the_id() {
        let key = AddressKey::new("key");
        let long = "x".repeat(LONGEST);
        for id in ["ada", "acme/42", "a b_c-d", "ünïcode ✓", "@0123456789abcdef0123456789abcdef", &long] {
            let contact = ContactId::from(id);
            let mut tags = of_piece(&key, &contact, "2026-01-08", &"discover".into(), &"first".into());
            let edition = Edition::named("b.pt-br").unwrap();
            tags.extend(of_edition(&edition));
            assert!(tags.iter().all(|(_, value)| value.len() <= 256 && *value == tag_value(value)), "{tags:?}");
            let about = About {
                nurture: true,
                slot: Some(keys::slot(&contact, "2026-01-08")),
                contact: Some(contact),
                stream: Some("discover".into()),
                piece: Some("first".into()),
                edition,
            };
            assert_eq!(read(&tags), about);
        }
    }

    #[test]
    fn an_id_that_does_not_fit_is_hashed_and_not_known_again() {
        let long = ContactId::from("x".repeat(LONGEST + 1).as_str());
        let tags = of_piece(&AddressKey::new("key"), &long, "2026-01-08", &"discover".into(), &"first".into());
        assert!(tags.iter().all(|(_, value)| value.len() <= 256 && *value == tag_value(value)), "{tags:?}");
        let read = read(&tags);
        assert_eq!((read.nurture, read.contact, read.slot), (true, None, None));
    }

    #[test]
    fn a_mail_to_sales_is_known_by_its_slot() {
        let key = AddressKey::new("key");
        let place = keys::digest_mail("2026-01-08", &"anna".into());
        let about = read(&of_sales_mail(&key, "digest", &place, None));
        assert_eq!(about, About { slot: Some(place), ..About::default() });
        let place = keys::slot(&"acme/42".into(), "rung#analytics#2026-Q1#0#rep");
        let about = read(&of_sales_mail(&key, "escalation", &place, Some(&"acme/42".into())));
        assert_eq!(about, About { slot: Some(place), contact: Some("acme/42".into()), ..About::default() });
    }

    #[test]
    fn what_is_no_token_of_ours_is_nobody() {
        for text in ["", "i", "ada", "i***", "h0123", "i//8"] {
            assert_eq!(read_token(text), None, "{text}");
        }
        assert_eq!(of_edition(&Edition::default()), None);
        for text in ["", "a", "e", "b_", "_de", "b_de_b", "B", "plain", "b.de/x"] {
            assert_eq!(About::read(|name| (name == VARIANT).then_some(text)).edition, Edition::default(), "{text}");
        }
        assert_eq!(About::read(|_| None), About::default());
    }
}
