//! Sessions of the sales desk: whoever has signed in is known by one signed cookie, and a form by a mark that only its own
//! session can have.
//!
//! A session is not stored anywhere: it says who and until when, and ends by itself. Whoever is taken out of the playbook is out
//! at once, since a session only names a rep.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use perennial_domain::ids::RepId;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::signing_keys::SigningKeys;

/// How long a session lives: a working day.
pub const LIVES: SignedDuration = SignedDuration::from_hours(8);
/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 32;
/// What a cookie's signature is for. The key signs links as well; no link begins so.
const OF_SESSION: &str = "desk session\u{1f}";
/// What a form's mark is for.
const OF_FORM: &str = "desk form\u{1f}";

/// Makes and reads sessions.
#[derive(Clone)]
pub struct Sessions {
    keys: SigningKeys,
}

impl Sessions {
    /// Sessions signed with the deployment's key.
    pub fn new(key: impl Into<Vec<u8>>) -> Self {
        Self::signed_with(SigningKeys::new([key]))
    }

    /// The same with keys that may change meanwhile: the first signs, and what the others have signed is believed.
    pub fn signed_with(keys: SigningKeys) -> Self {
        Self { keys }
    }

    /// The value of a cookie that says who somebody is, for the next eight hours.
    pub fn begin(&self, rep: &RepId, now: Timestamp) -> String {
        let payload = format!("{}\u{1f}{rep}", (now + LIVES).as_second());
        let mut bytes = self.sign(OF_SESSION, payload.as_bytes()).to_vec();
        bytes.extend_from_slice(payload.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Who the cookie says that somebody is; nobody if it was not signed by us or is too old.
    pub fn read(&self, cookie: &str, now: Timestamp) -> Option<RepId> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (signature, payload) = bytes.split_at_checked(SIGNATURE_BYTES)?;
        if !self.is_signed(OF_SESSION, payload, signature) {
            return None;
        }
        let (expires, rep) = str::from_utf8(payload).ok()?.split_once('\u{1f}')?;
        let expires: i64 = expires.parse().ok()?;
        (now.as_second() < expires).then(|| RepId::from(rep))
    }

    /// What a form of this session carries: another site can make a browser send the cookie, but does not know this.
    pub fn form_mark(&self, cookie: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.sign(OF_FORM, cookie.as_bytes()))
    }

    /// Whether a form is one of this session.
    pub fn is_form_of(&self, cookie: &str, mark: &str) -> bool {
        let mark = URL_SAFE_NO_PAD.decode(mark).unwrap_or_default();
        self.is_signed(OF_FORM, cookie.as_bytes(), &mark)
    }

    /// Without a key nothing is signed, and nothing is believed.
    fn sign(&self, purpose: &str, payload: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.keys.all().first().map(|key| sign(key, purpose, payload)).unwrap_or_default()
    }

    fn is_signed(&self, purpose: &str, payload: &[u8], signature: &[u8]) -> bool {
        self.keys.all().iter().any(|key| bool::from(sign(key, purpose, payload).ct_eq(signature)))
    }
}

fn sign(key: &[u8], purpose: &str, payload: &[u8]) -> [u8; SIGNATURE_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(purpose.as_bytes());
    mac.update(payload);
    mac.finalize().into_bytes().into()
}

/// Without the key.
impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::{Links, Purpose};

    #[test]
    fn a_session_says_who_until_the_day_is_over_and_whoever_changes_it_has_none() {
        let sessions = Sessions::new("key");
        let now: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        let cookie = sessions.begin(&"rep-anna".into(), now);
        assert_eq!(sessions.read(&cookie, now), Some("rep-anna".into()));
        assert_eq!(sessions.read(&cookie, now + LIVES - SignedDuration::from_secs(1)), Some("rep-anna".into()));
        assert_eq!(sessions.read(&cookie, now + LIVES), None);
        assert_eq!(Sessions::new("other").read(&cookie, now), None);
        for position in 0..cookie.len() {
            let mut changed = cookie.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(sessions.read(&String::from_utf8(changed).unwrap(), now), None, "{position}");
        }
        for none in ["", "A", "====", &"A".repeat(10_000)] {
            assert_eq!(sessions.read(none, now), None);
        }
    }

    #[test]
    fn a_session_outlives_the_change_of_its_key() {
        let keys = SigningKeys::new(["old"]);
        let sessions = Sessions::signed_with(keys.clone());
        let now: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        let cookie = sessions.begin(&"rep-anna".into(), now);
        let mark = sessions.form_mark(&cookie);
        for (changed, believed) in [(vec!["old", "new"], true), (vec!["new", "old"], true), (vec!["new"], false)] {
            keys.replace(changed.clone());
            assert_eq!(sessions.read(&cookie, now).is_some(), believed, "{changed:?}");
            assert_eq!(sessions.is_form_of(&cookie, &mark), believed, "{changed:?}");
        }
        keys.replace([""; 0]);
        assert_eq!(sessions.read(&sessions.begin(&"rep-anna".into(), now), now), None, "no key, no session");
    }

    #[test]
    fn a_form_belongs_to_one_session_and_what_signs_one_thing_signs_no_other() {
        let sessions = Sessions::new("key");
        let now: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        let (annas, bilals) = (sessions.begin(&"rep-anna".into(), now), sessions.begin(&"rep-bilal".into(), now));
        let mark = sessions.form_mark(&annas);
        assert!(sessions.is_form_of(&annas, &mark));
        for (cookie, mark) in
            [(&bilals, mark.as_str()), (&annas, ""), (&annas, &mark[1..]), (&annas, &annas), (&annas, "=")]
        {
            assert!(!sessions.is_form_of(cookie, mark), "{mark}");
        }
        // Neither is a link a session nor the other way round.
        let links = Links::new("key", "");
        let link = links.token(&Purpose::Offer { contact: "acme-vp".into() }, now);
        assert_eq!(sessions.read(&link, now), None);
        assert!(links.read(&annas, now).is_err() && links.read(&mark, now).is_err());
    }
}
