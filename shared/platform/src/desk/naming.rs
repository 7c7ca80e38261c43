//! By which word an address of the desk names a lead.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use perennial_domain::ids::{ContactId, ProductId};
use perennial_domain::quarter::Quarter;

/// What stands for a lead in an address. It keeps nothing secret and proves nothing: who may see the lead is asked each time.
pub fn lead_token(contact: &str, product: &str, quarter: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{contact}\u{1f}{product}\u{1f}{quarter}"))
}

/// The lead that a token stands for; none if it is none of ours.
pub fn lead_of(token: &str) -> Option<(ContactId, ProductId, Quarter)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let mut parts = text.split('\u{1f}');
    let (contact, product, quarter) = (parts.next()?, parts.next()?, parts.next()?);
    (!contact.is_empty() && parts.next().is_none()).then_some(())?;
    Some((contact.into(), product.into(), quarter.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_is_named_by_a_token_and_nonsense_is_none() {
        let named = lead_token("a\u{e4}#1", "analytics", "2026-Q1");
        assert_eq!(lead_of(&named), Some(("a\u{e4}#1".into(), "analytics".into(), "2026-Q1".parse().unwrap())));
        assert!(named.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{named}");
        let text = |parts: &str| URL_SAFE_NO_PAD.encode(parts);
        for nonsense in ["", "=", "AAAA", &text("a\u{1f}b"), &text("\u{1f}b\u{1f}2026-Q1"), &text("a\u{1f}b\u{1f}c")] {
            assert_eq!(lead_of(nonsense), None, "{nonsense}");
        }
        assert_eq!(lead_of(&text("a\u{1f}b\u{1f}2026-Q1\u{1f}")), None);
    }
}
