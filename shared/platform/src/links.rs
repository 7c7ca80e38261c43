//! Signed links: whoever holds one may do the one thing it names, until it expires.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use perennial_domain::ids::{ContactId, PieceId, ProductId, RepId};
use perennial_domain::nurture::Edition;
use perennial_domain::quarter::Quarter;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::signing_keys::SigningKeys;

/// How long an unsubscribe link lives: longer than anybody keeps a mail unread (RFC 8058 asks for a usable link; 60
/// days is the least we promise).
const UNSUBSCRIBE_LIVES: SignedDuration = SignedDuration::from_hours(24 * 400);
/// How long the preference centre's link and a tracked link live: as long as what stands beside them in the mail.
const MAIL_LIVES: SignedDuration = UNSUBSCRIBE_LIVES;
/// How long the answers to a lead live.
const LEAD_LIVES: SignedDuration = SignedDuration::from_hours(24 * 90);
/// How long the company's site may ask what to offer to whoever came by a tracked link.
const OFFER_LIVES: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Bytes of the signature that are kept: 128 bits.
const SIGNATURE_BYTES: usize = 16;

/// What a link lets its holder do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Opt out of all nurture mail.
    Unsubscribe {
        /// Who.
        contact: ContactId,
        /// From which slot's mail, for the record of consent.
        slot: String,
    },
    /// See and change what one wants to get.
    Preferences {
        /// Who.
        contact: ContactId,
        /// From which slot's mail, for the record of consent.
        slot: String,
    },
    /// Be led to a link of a piece, and be counted as somebody who followed it. Changes nothing else.
    Click {
        /// Who.
        contact: ContactId,
        /// From which slot's mail.
        slot: String,
        /// Which piece.
        piece: PieceId,
        /// Which edition of it.
        edition: Edition,
        /// Which of the edition's links, from 0.
        link: usize,
    },
    /// Ask which offer to show. Changes nothing and is not recorded.
    Offer {
        /// To whom.
        contact: ContactId,
    },
    /// Say something of a lead.
    AnswerLead {
        /// Whose interest.
        contact: ContactId,
        /// In which product.
        product: ProductId,
        /// Of which quarter.
        quarter: Quarter,
        /// Who was written to.
        by: RepId,
        /// What.
        answer: Answer,
    },
}

impl Purpose {
    /// What it is called in a log, where nobody is named.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Preferences { .. } => "preferences",
            Self::Click { .. } => "click",
            Self::Offer { .. } => "offer",
            Self::AnswerLead { .. } => "lead",
        }
    }
}

/// What a rep can say of a lead by a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// "I am on it."
    OnIt,
    /// "Not a fit."
    NotAFit,
    /// "Call me later."
    Later,
}

impl Answer {
    /// All of them, the one that is hoped for first.
    pub const ALL: [Self; 3] = [Self::OnIt, Self::NotAFit, Self::Later];

    /// The name in a token; links were made before there were others than the first, which has none.
    fn in_token(self) -> Option<&'static str> {
        match self {
            Self::OnIt => None,
            Self::NotAFit => Some("not-a-fit"),
            Self::Later => Some("later"),
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.in_token() == Some(name))
    }
}

/// Why a link is not honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was changed, or signed by somebody else.
    #[error("this link is not valid")]
    Invalid,
    /// It is too old.
    #[error("this link has expired")]
    Expired,
}

/// Makes and reads links.
#[derive(Clone)]
pub struct Links {
    /// The first signs; links that any of them has signed are read.
    keys: SigningKeys,
    base: String,
}

impl Links {
    /// Links below `base` (`https://…`, without a slash at the end), signed with the deployment's key.
    pub fn new(key: impl Into<Vec<u8>>, base: impl Into<String>) -> Self {
        Self::with_keys([key], base)
    }

    /// The same with several keys: the first signs, and links that the others have signed are read until they expire. Without
    /// a key no link is read, and none that is made can be.
    pub fn with_keys<K: Into<Vec<u8>>>(keys: impl IntoIterator<Item = K>, base: impl Into<String>) -> Self {
        Self::signed_with(SigningKeys::new(keys), base)
    }

    /// The same with keys that may change while links are made and read.
    pub fn signed_with(keys: SigningKeys, base: impl Into<String>) -> Self {
        Self { keys, base: base.into() }
    }

    /// The address of a page that does what `purpose` says.
    pub fn url(&self, purpose: &Purpose, now: Timestamp) -> String {
        let lives = match purpose {
            Purpose::Unsubscribe { .. } => UNSUBSCRIBE_LIVES,
            Purpose::Preferences { .. } | Purpose::Click { .. } => MAIL_LIVES,
            Purpose::Offer { .. } => OFFER_LIVES,
            Purpose::AnswerLead { .. } => LEAD_LIVES,
        };
        self.url_until(purpose, (now + lives).as_second())
    }

    /// The same of a link that lives until this second: one that is given in return for another must not outlive it.
    fn url_until(&self, purpose: &Purpose, expires: i64) -> String {
        let path = match purpose {
            Purpose::Unsubscribe { .. } => "u",
            Purpose::Preferences { .. } => "p",
            Purpose::Click { .. } => "t",
            Purpose::Offer { .. } => "o",
            Purpose::AnswerLead { .. } => "l",
        };
        // A unit separator cannot occur in an id: control characters are refused at the door.
        let payload = match purpose {
            Purpose::Unsubscribe { contact, slot } => format!("u\u{1f}{expires}\u{1f}{contact}\u{1f}{slot}"),
            Purpose::Preferences { contact, slot } => format!("p\u{1f}{expires}\u{1f}{contact}\u{1f}{slot}"),
            Purpose::Click { contact, slot, piece, edition, link } => {
                // As its file is named: a piece's id holds no dot.
                let dot = if edition.is_plain() { "" } else { "." };
                format!("t\u{1f}{expires}\u{1f}{contact}\u{1f}{slot}\u{1f}{piece}{dot}{edition}\u{1f}{link}")
            }
            Purpose::Offer { contact } => format!("o\u{1f}{expires}\u{1f}{contact}"),
            Purpose::AnswerLead { contact, product, quarter, by, answer } => {
                let answer = answer.in_token().map(|answer| format!("\u{1f}{answer}")).unwrap_or_default();
                format!("l\u{1f}{expires}\u{1f}{contact}\u{1f}{product}\u{1f}{quarter}\u{1f}{by}{answer}")
            }
        };
        let mut bytes = self.signed(payload.as_bytes()).to_vec();
        bytes.extend_from_slice(payload.as_bytes());
        format!("{}/{path}/{}", self.base, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What stands at the end of such an address: for a site that is to ask by itself.
    pub fn token(&self, purpose: &Purpose, now: Timestamp) -> String {
        token_of(&self.url(purpose, now))
    }

    /// The token of a link that lives until this second.
    pub fn token_until(&self, purpose: &Purpose, expires: i64) -> String {
        token_of(&self.url_until(purpose, expires))
    }

    /// What a token lets its holder do.
    ///
    /// # Errors
    /// [`LinkError`] if it was not signed by us or is too old.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Purpose, LinkError> {
        self.read_until(token, now).map(|(purpose, _)| purpose)
    }

    /// The same, and until which second.
    ///
    /// # Errors
    /// As above.
    pub fn read_until(&self, token: &str, now: Timestamp) -> Result<(Purpose, i64), LinkError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| LinkError::Invalid)?;
        let (signature, payload) = bytes.split_at_checked(SIGNATURE_BYTES).ok_or(LinkError::Invalid)?;
        if !self.keys.all().iter().any(|key| bool::from(sign(key, payload).ct_eq(signature))) {
            return Err(LinkError::Invalid);
        }
        let payload = str::from_utf8(payload).map_err(|_| LinkError::Invalid)?;
        let fields: Vec<&str> = payload.split('\u{1f}').collect();
        let (expires, purpose) = match fields[..] {
            ["u", expires, contact, slot] => {
                (expires, Purpose::Unsubscribe { contact: contact.into(), slot: slot.to_owned() })
            }
            ["p", expires, contact, slot] => {
                (expires, Purpose::Preferences { contact: contact.into(), slot: slot.to_owned() })
            }
            ["t", expires, contact, slot, piece, link] => {
                let link = link.parse().map_err(|_| LinkError::Invalid)?;
                let (piece, edition) = match piece.split_once('.') {
                    Some((piece, edition)) => (piece, Edition::named(edition).unwrap_or_default()),
                    None => (piece, Edition::default()),
                };
                let (contact, piece) = (contact.into(), piece.into());
                (expires, Purpose::Click { contact, slot: slot.to_owned(), piece, edition, link })
            }
            ["o", expires, contact] => (expires, Purpose::Offer { contact: contact.into() }),
            ["l", expires, contact, product, quarter, by, ref answer @ ..] => {
                let answer = match answer {
                    [] => Answer::OnIt,
                    [named] => Answer::named(named).ok_or(LinkError::Invalid)?,
                    _ => return Err(LinkError::Invalid),
                };
                let quarter = Quarter::from_str(quarter).map_err(|_| LinkError::Invalid)?;
                let (contact, product, by) = (contact.into(), product.into(), by.into());
                (expires, Purpose::AnswerLead { contact, product, quarter, by, answer })
            }
            _ => return Err(LinkError::Invalid),
        };
        let expires: i64 = expires.parse().map_err(|_| LinkError::Invalid)?;
        if expires < now.as_second() { Err(LinkError::Expired) } else { Ok((purpose, expires)) }
    }

    fn signed(&self, payload: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.keys.all().first().map(|key| sign(key, payload)).unwrap_or_default()
    }
}

fn token_of(url: &str) -> String {
    url.rsplit('/').next().unwrap_or_default().to_owned()
}

fn sign(key: &[u8], payload: &[u8]) -> [u8; SIGNATURE_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(payload);
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    std::array::from_fn(|index| whole[index])
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({})", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_may_ask_for_thirty_days_and_no_longer() {
        let links = Links::new("key", "https://p.example.com");
        let now: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let offer = Purpose::Offer { contact: "acme-vp".into() };
        let token = links.token(&offer, now);
        assert_eq!(links.url(&offer, now), format!("https://p.example.com/o/{token}"));
        assert_eq!(links.read(&token, now + SignedDuration::from_hours(24 * 30)), Ok(offer));
        assert_eq!(links.read(&token, now + SignedDuration::from_hours(24 * 31)), Err(LinkError::Expired));
        assert_eq!(Links::new("other", "").read(&token, now), Err(LinkError::Invalid));
    }

    #[test]
    fn a_link_signed_before_the_key_was_changed_does_what_it_did() {
        let now: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let purpose = Purpose::Unsubscribe { contact: "acme-vp".into(), slot: "2026-01-05".into() };
        let (old, new) = (Links::new("old", ""), Links::new("new", ""));
        let both = Links::with_keys(["new", "old"], "");
        let sent = old.token(&purpose, now);
        assert_eq!(both.read(&sent, now), Ok(purpose.clone()));
        assert_eq!(new.read(&sent, now), Err(LinkError::Invalid), "the old key is taken out");
        assert_eq!(both.token(&purpose, now), new.token(&purpose, now), "the first one signs");
        assert_eq!(both.read(&Links::new("other", "").token(&purpose, now), now), Err(LinkError::Invalid));
        // An empty key would sign what anybody can.
        assert_eq!(
            Links::with_keys([""; 0], "").read(&Links::new("", "").token(&purpose, now), now),
            Err(LinkError::Invalid)
        );
    }

    #[test]
    fn a_word_that_nobody_knows_yet_is_no_word() {
        let now: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let links = Links::new("key", "");
        let said = |after: &str| {
            let payload = format!("l\u{1f}1900000000\u{1f}c\u{1f}analytics\u{1f}2026-Q1\u{1f}rep{after}");
            let bytes = [&sign(b"key", payload.as_bytes())[..], payload.as_bytes()].concat();
            links.read(&URL_SAFE_NO_PAD.encode(bytes), now).map(|purpose| match purpose {
                Purpose::AnswerLead { answer, .. } => answer,
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(said(""), Ok(Answer::OnIt));
        assert_eq!(said("\u{1f}later"), Ok(Answer::Later));
        for after in ["\u{1f}", "\u{1f}on-it", "\u{1f}won", "\u{1f}later\u{1f}later"] {
            assert_eq!(said(after), Err(LinkError::Invalid), "{after}");
        }
    }

    #[test]
    fn a_link_says_what_was_signed_and_nothing_else() {
        let links = Links::new("key", "https://p.example.com");
        let now: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let answered = |answer| Purpose::AnswerLead {
            contact: "acme-vp".into(),
            product: "analytics".into(),
            quarter: "2026-Q1".parse().unwrap(),
            by: "rep-anna".into(),
            answer,
        };
        let purposes = [
            Purpose::Unsubscribe { contact: "acme-vp".into(), slot: "2026-01-05".into() },
            Purpose::Preferences { contact: "acme-vp".into(), slot: "2026-01-05".into() },
            Purpose::Click {
                contact: "acme-vp".into(),
                slot: "2026-01-05".into(),
                piece: "analytics-averages".into(),
                edition: Edition::default(),
                link: 12,
            },
            Purpose::Click {
                contact: "acme-vp".into(),
                slot: "2026-01-05".into(),
                piece: "analytics-averages".into(),
                edition: Edition::named("b.pt-br").unwrap(),
                link: 0,
            },
        ];
        for purpose in purposes.into_iter().chain(Answer::ALL.map(answered)) {
            let url = links.url(&purpose, now);
            let token = url.rsplit('/').next().unwrap();
            assert_eq!(links.read(token, now), Ok(purpose.clone()));
            assert_eq!(links.read(token, now + SignedDuration::from_hours(24 * 60)), Ok(purpose));
            assert_eq!(links.read(token, now + SignedDuration::from_hours(24 * 401)), Err(LinkError::Expired));
            assert_eq!(Links::new("other", "").read(token, now), Err(LinkError::Invalid));
            for position in 0..token.len() {
                let mut changed = token.to_owned().into_bytes();
                changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(links.read(&changed, now), Err(LinkError::Invalid), "{position}");
            }
        }
        // Links of mails that were sent before there were others.
        let links = Links::new("key", "");
        for (sent, meant) in [
            (
                "1yw7DKhuraDfNxhdLJq-rnUfMTc5ODc2MTYwMB9hY21lLXZwHzIwMjYtMDEtMDU",
                Purpose::Unsubscribe { contact: "acme-vp".into(), slot: "2026-01-05".into() },
            ),
            (
                "lqiG7cp6LTzVzA5LOqELgWwfMTc5ODc2MTYwMB9hY21lLXZwH2FuYWx5dGljcx8yMDI2LVExH3JlcC1hbm5h",
                answered(Answer::OnIt),
            ),
        ] {
            assert_eq!(links.read(sent, now), Ok(meant));
        }
        for token in ["", "A", "====", "/", &"A".repeat(10_000)] {
            assert_eq!(links.read(token, now), Err(LinkError::Invalid));
        }
    }
}
